//! Makes procurements: one for each line of a new order that stock can't fill, in the transaction that records it.

use fulfil_contract::{
    proposal::{Proposal, ProposedOrder},
    recorded::{LineOutcome, RecordedOrder},
};
use rusqlite::Connection;

use super::rows::stored_money;
use crate::errors::StoreError;

/// Each is due at once.
pub(crate) fn make(
    connection: &Connection,
    order_no: i64,
    proposed: &ProposedOrder,
    recorded: &RecordedOrder,
) -> Result<(), StoreError> {
    let Proposal::Fulfil(lines) = &proposed.proposal else { return Ok(()) };
    let sql = "insert into procurement (order_no, line_no, sku, quantity, unit_price, currency, recharge_account,
        expires_at, made_at, state, wake_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?9)";
    let mut make = connection.prepare_cached(sql)?;
    for line in recorded.lines.iter().filter(|line| line.outcome == LineOutcome::Processing) {
        let Some(need) = lines.iter().find(|one| one.line_no == line.line_no).and_then(|one| one.need.as_ref()) else {
            return Err(StoreError::Data(format!("line {} is to be bought, but has no need", line.line_no.0)));
        };
        make.execute((
            order_no,
            line.line_no.0,
            line.sku.as_str(),
            line.quantity.get(),
            stored_money(need.unit_price)?,
            need.currency.as_str(),
            need.recharge.as_ref().map(|recharge| &recharge.account),
            proposed.expires_at.map(|time| time.0),
            recorded.decided_at.0,
        ))?;
    }
    Ok(())
}
