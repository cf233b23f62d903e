//! What makes a waiting procurement due before its time: new stock of its SKU, or a supplier's callback. One
//! that somebody works on just now is due again at once when it is given back.

use fulfil_contract::{
    ids::Sku,
    ports::procurements::Woken,
    procurement::ProcurementId,
    supplier::{About, SupplierName},
    time::Timestamp,
};
use rusqlite::Connection;

use super::{attempt_rows, rows};
use crate::errors::StoreError;

/// Wakes those that stock might fill: no top-ups, and none with an open attempt.
pub(crate) fn waiting_for(connection: &Connection, sku: &Sku, at: Timestamp) -> Result<(), StoreError> {
    let sql = "update procurement set wake_at = min(wake_at, ?2), woken = 1
        where sku = ?1 and state = 0 and recharge_account is null and (wake_at > ?2 or woken = 0)
        and not exists (select 1 from attempt where attempt.procurement_no = procurement.procurement_no
            and attempt.state in (0, 1, 2, 3, 7))";
    connection.prepare_cached(sql)?.execute((sku.as_str(), at.0))?;
    Ok(())
}

/// Wakes the procurement of the attempt that a callback is about, if the attempt is open.
pub(super) fn about(
    connection: &Connection,
    supplier: &SupplierName,
    about: &About,
    at: Timestamp,
) -> Result<Option<Woken>, StoreError> {
    let found = match about {
        About::Reference(reference) => attempt_rows::of_reference(connection, reference)?,
        About::TheirId(their_id) => attempt_rows::of_their_id(connection, supplier, their_id)?,
    };
    let Some((procurement, attempt)) = found.filter(|(_, attempt)| attempt.supplier == *supplier) else {
        return Ok(None);
    };
    let Some(row) = rows::find(connection, procurement)? else { return Ok(None) };
    if attempt.state.is_open() {
        one(connection, procurement, at)?;
    }
    Ok(Some(Woken { attempt, sku: row.sku, recharge: row.need.recharge.is_some() }))
}

fn one(connection: &Connection, procurement: ProcurementId, at: Timestamp) -> Result<(), StoreError> {
    let sql = "update procurement set wake_at = min(wake_at, ?2), woken = 1 where procurement_no = ?1 and state = 0";
    connection.prepare_cached(sql)?.execute((procurement.0, at.0))?;
    Ok(())
}
