//! The procurements of new orders, in the transaction that records them: due at once.

use fulfil_contract::{
    ports::ledger::LedgerError,
    procurement::Need,
    proposal::{ProposedLine, ProposedOrder},
    recorded::LineOutcome,
};

use super::{
    batch::{Batch, Effect, Open},
    draft::Draft,
};
use crate::{
    columns::{Moment, as_bigint, as_integer},
    errors::Failure,
    session::Session,
};

const INSERT: &str = "
    insert into fulfil.procurement
        (order_id, line_no, sku, quantity, unit_price, currency, recharge_account, expires_at, waits_for)
    select n.*, 'a worker' from unnest($1::text[], $2::integer[], $3::text[], $4::integer[], $5::bigint[], $6::text[],
        $7::text[], $8::timestamptz[])
        n(order_id, line_no, sku, quantity, unit_price, currency, recharge_account, expires_at)";

/// Makes one for each line of these new orders that a supplier is to fill. Without such a line it costs nothing.
pub(super) async fn procure(
    session: &Session<'_>,
    batch: &Batch<'_>,
    open: &[Open<'_>],
    drafts: &[Draft],
) -> Result<(), Failure> {
    let mut wanted: Vec<(&ProposedOrder, &ProposedLine, &Need)> = Vec::new();
    // By rising order id, as they were inserted.
    for draft in drafts {
        for (at, line) in draft.order.lines.iter().enumerate() {
            if line.outcome == LineOutcome::Processing {
                let proposed = proposed_line(open, draft.place, at).and_then(|line| Some((line, line.need.as_ref()?)));
                let (line, need) = proposed.ok_or_else(|| {
                    LedgerError::Broken(
                        "a line without a need was to be bought: this is an error in the program".into(),
                    )
                })?;
                wanted.push((batch.orders[draft.place].order, line, need));
            }
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = wanted.iter().map(|(order, ..)| order.order_id.as_str()).collect();
    let numbers = wanted.iter().map(|(_, line, _)| as_integer("line_no", line.line_no.0));
    let numbers = numbers.collect::<Result<Vec<i32>, _>>()?;
    let skus: Vec<&str> = wanted.iter().map(|(_, line, _)| line.sku.as_str()).collect();
    let quantities = wanted.iter().map(|(_, line, _)| as_integer("quantity", line.quantity.get()));
    let quantities = quantities.collect::<Result<Vec<i32>, _>>()?;
    let prices = wanted.iter().map(|(.., need)| as_bigint("unit_price", need.unit_price.0));
    let prices = prices.collect::<Result<Vec<i64>, _>>()?;
    let currencies: Vec<&str> = wanted.iter().map(|(.., need)| need.currency.as_str()).collect();
    let accounts: Vec<Option<&str>> =
        wanted.iter().map(|(.., need)| need.recharge.as_ref().map(|recharge| recharge.account.as_str())).collect();
    let expire: Vec<Option<Moment>> = wanted.iter().map(|(order, ..)| order.expires_at.map(Moment)).collect();
    session
        .rows(INSERT, &[&ids, &numbers, &skus, &quantities, &prices, &currencies, &accounts, &expire])
        .await
        .map(drop)
}

fn proposed_line<'a>(open: &[Open<'a>], place: usize, line: usize) -> Option<&'a ProposedLine> {
    // Rising by place: they stand in the caller's order.
    let at = open.binary_search_by_key(&place, |open| open.place).ok()?;
    match open[at].effect {
        Effect::Lines(lines) => lines.get(line),
        Effect::Refusal(_) => None,
    }
}
