//! An attempt's goods come: they are placed, what is told wrong gets a review, and the line ends if it is whole.

use fulfil_contract::{
    attempt::{Attempt, AttemptState, Change},
    procurement::{Lease, Placed, ReviewCase, ReviewKind, SealedGoods},
    recorded::StoredOutcome,
};

use super::{
    Refused, attempts,
    end::{self, End},
    goods::{self, Stocked, Stowed},
    rows::{self, ProcurementRow},
    waking,
};
use crate::{
    columns::{as_integer, as_text, broken, column, whole},
    errors::Failure,
    known::StoredOrder,
    review,
    session::Session,
    transaction::Halt,
};

const PLACED: &str = "select whole, known, surplus, missing from fulfil.attempt where attempt_id = $1";

const NOTE_PLACED: &str = "
    update fulfil.attempt set state = 4, version = version + 1, their_id = coalesce($2, their_id),
        said = coalesce($3, said), queries = queries + $4, whole = $5, known = $6, surplus = $7, missing = $8
    where attempt_id = $1 and version = $9 returning 1";

/// A longer receipt is cut off.
const MOST_RECEIPT: usize = 256;

/// See [`Procurements::deliver`](fulfil_contract::ports::procurements::Procurements::deliver).
pub(super) async fn deliver(
    session: &Session<'_>,
    lease: &Lease,
    change: &Change,
    goods: &SealedGoods,
) -> Result<(Placed, Option<Stocked>), Halt<Refused>> {
    let Some((order, row)) = rows::with_order(session, lease.procurement).await? else {
        return Err(Halt::Refused(Refused::LeaseLost));
    };
    if !row.is_last_leased_by(lease) {
        return Err(Halt::Refused(Refused::LeaseLost));
    }
    if change.to != AttemptState::Delivered {
        return Err(Refused::because(format!("goods make an attempt delivered, not {}", change.to.as_str())));
    }
    let attempt = attempts::locked(session, change.attempt, row.id.0).await?;
    if attempts::was_made(&attempt, change) {
        return Ok((placed(session, &attempt).await?, None));
    }
    rows::check_lease(&row, lease)?;
    attempts::check(&attempt, change)?;
    if let Some(mismatch) = mismatch(&row, goods) {
        return Err(Refused::because(mismatch));
    }
    Ok(settle(session, &order, &row, &attempt, change, goods).await?)
}

/// Why these goods are none for the line.
pub(crate) fn mismatch(row: &ProcurementRow, goods: &SealedGoods) -> Option<&'static str> {
    match (row.recharge, goods) {
        (true, SealedGoods::Keys(_)) => Some("keys are no goods for a top-up"),
        (false, SealedGoods::Recharge { .. }) => Some("a top-up is no goods for a line that wants keys"),
        (true, SealedGoods::Recharge { .. }) | (false, SealedGoods::Keys(_)) => None,
    }
}

/// Places goods that fit, by a change that was checked; order, procurement and attempt are locked.
pub(crate) async fn settle(
    session: &Session<'_>,
    order: &StoredOrder,
    row: &ProcurementRow,
    attempt: &Attempt,
    change: &Change,
    goods: &SealedGoods,
) -> Result<(Placed, Option<Stocked>), Failure> {
    let (stowed, told) = match goods {
        SealedGoods::Keys(keys) => (goods::place(session, row, attempt, keys).await?, keys.len()),
        SealedGoods::Recharge { receipt } => (recharged(receipt.as_deref()), attempt.quantity.as_usize()),
    };
    let Stowed { placed, outcome, stocked } = stowed;
    note_placed(session, change, placed).await?;
    open_reviews(session, row, attempt, placed, told).await?;
    if let Some(outcome) = outcome {
        end::end(session, order, row, End::Filled(outcome)).await?;
    }
    if let Some(stocked) = stocked {
        waking::stock_came(session, &row.sku, stocked.keys).await?;
    }
    Ok((placed, stocked))
}

fn recharged(receipt: Option<&str>) -> Stowed {
    let receipt = receipt.map(|receipt| as_text(receipt, MOST_RECEIPT));
    Stowed {
        placed: Placed { complete: true, known: 0, surplus: 0, missing: 0 },
        outcome: Some(StoredOutcome::Recharged { receipt }),
        stocked: None,
    }
}

/// What was made of goods that were placed before.
async fn placed(session: &Session<'_>, attempt: &Attempt) -> Result<Placed, Failure> {
    let rows = session.rows(PLACED, &[&attempt.id.0]).await?;
    let row = rows.first().ok_or_else(|| broken("an attempt", "no row after its lock"))?;
    Ok(Placed { complete: column(row, 0)?, known: whole(row, 1)?, surplus: whole(row, 2)?, missing: whole(row, 3)? })
}

async fn note_placed(session: &Session<'_>, change: &Change, placed: Placed) -> Result<(), Failure> {
    let (their_id, said) = attempts::texts(change);
    let queries = as_integer("queries", change.queries)?;
    let version = as_integer("version", change.version)?;
    let known = as_integer("known keys", placed.known)?;
    let (surplus, missing) = (as_integer("surplus", placed.surplus)?, as_integer("missing keys", placed.missing)?);
    let noted = session
        .rows(
            NOTE_PLACED,
            &[&change.attempt.0, &their_id, &said, &queries, &placed.complete, &known, &surplus, &missing, &version],
        )
        .await?;
    if noted.is_empty() {
        return Err(Failure::Again("an attempt was changed meanwhile".into()));
    }
    Ok(())
}

/// One for each thing that is wrong with what was told, so that somebody talks to the supplier.
async fn open_reviews(
    session: &Session<'_>,
    row: &ProcurementRow,
    attempt: &Attempt,
    placed: Placed,
    told: usize,
) -> Result<(), Failure> {
    let Placed { known, surplus, complete, missing: _ } = placed;
    let owed = attempt.quantity.as_usize();
    let over = if complete { format!("{surplus} are in stock now") } else { "all are held for the line".into() };
    for (wrong, kind, what) in [
        (known > 0, ReviewKind::KnownKey, format!("{known} of the {told} keys told were in the ledger already")),
        (told < owed, ReviewKind::TooFew, format!("{owed} were bought, {told} keys were told")),
        // At once, also while the line wants them all: it may be whole later without one too many.
        (told > owed || surplus > 0, ReviewKind::TooMany, format!("{owed} were bought, {told} keys were told, {over}")),
    ] {
        if wrong {
            let evidence = format!("{}, reference {}: {what}", attempt.supplier, attempt.reference);
            review::open_for(session, row.id, Some(attempt.id), &ReviewCase { kind, evidence }).await?;
        }
    }
    Ok(())
}
