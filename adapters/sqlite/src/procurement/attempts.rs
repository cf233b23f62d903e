//! The two writes of an attempt that place no goods: its intent, and a change of its state.

use fulfil_contract::{
    attempt::{Attempt, AttemptId, AttemptState, Change, Intent},
    ports::procurements::{Limits, ProcurementError},
    procurement::Lease,
    supplier::RefusalMeans,
    time::Timestamp,
};
use rusqlite::Connection;

use super::{
    attempt_rows::{find, of_reference},
    rows::{self, Row, after, stored_money},
};
use crate::{errors::StoreError, leases::Leases};

/// Commits a new attempt (I6).
pub(super) fn intend(
    connection: &Connection,
    lease: &Lease,
    intent: &Intent,
    at: Timestamp,
) -> Result<Attempt, ProcurementError> {
    let row = rows::of_lease(connection, lease)?;
    if let Some((of, attempt)) = of_reference(connection, &intent.reference)? {
        if of != row.id || attempt.supplier != intent.supplier {
            return Err(refused(format!("the reference {} is another attempt's", intent.reference)));
        }
        return Ok(attempt);
    }
    row.must_be_open()?;
    if let Some(open) = row.open_attempt(connection)? {
        return Err(refused(format!(
            "the attempt {} is {}: nothing else is bought",
            open.reference,
            open.state.as_str()
        )));
    }
    Ok(insert(connection, &row, intent, at)?)
}

fn insert(connection: &Connection, row: &Row, intent: &Intent, at: Timestamp) -> Result<Attempt, StoreError> {
    let sql = "insert into attempt (procurement_no, supplier, product, reference, quantity, unit_price, currency,
        state, version, intended_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9)";
    let number = connection.prepare_cached(sql)?.insert((
        row.id.0,
        intent.supplier.as_str(),
        intent.product.as_str(),
        intent.reference.as_str(),
        intent.quantity.get(),
        stored_money(intent.unit_price)?,
        intent.currency.as_str(),
        AttemptState::Intended.code(),
        at.0,
    ))?;
    there(connection, AttemptId(number))
}

/// Commits a change, and renews the lease with one to `sent`.
pub(super) fn change(
    connection: &Connection,
    leases: &Leases,
    lease: &Lease,
    change: &Change,
    limits: Limits,
    at: Timestamp,
) -> Result<Attempt, ProcurementError> {
    let row = rows::of_lease(connection, lease)?;
    let attempt = of_change(connection, &row, change)?;
    if change.to == AttemptState::Delivered {
        return Err(refused("an attempt becomes delivered with its goods only".into()));
    }
    if is_made(&attempt, change) {
        return Ok(attempt);
    }
    row.must_be_open()?;
    may_change(&attempt, change)?;
    write(connection, change)?;
    if change.to == AttemptState::Sent {
        let settled = after(after(at, limits.lease), limits.settles);
        sent(connection, change.attempt, at, settled)?;
        leases.procure(row.id.0, row.fence, limits.lease);
    }
    Ok(there(connection, change.attempt)?)
}

/// The attempt that a change is of.
pub(super) fn of_change(connection: &Connection, row: &Row, change: &Change) -> Result<Attempt, ProcurementError> {
    match find(connection, change.attempt)? {
        Some((of, attempt)) if of == row.id => Ok(attempt),
        Some(_) | None => Err(refused(format!("attempt {} is none of this procurement's", change.attempt.0))),
    }
}

/// Whether the change was made by an earlier call.
pub(super) fn is_made(attempt: &Attempt, change: &Change) -> bool {
    attempt.state == change.to && change.version.checked_add(1) == Some(attempt.version)
}

/// # Errors
/// [`ProcurementError::Refused`] unless the machine has the transition and the version is the row's.
pub(super) fn may_change(attempt: &Attempt, change: &Change) -> Result<(), ProcurementError> {
    if attempt.version != change.version {
        let text = format!("attempt {} is of version {}, not {}", attempt.reference, attempt.version, change.version);
        return Err(refused(text));
    }
    if !attempt.state.may_become(change.to) {
        let (from, to) = (attempt.state.as_str(), change.to.as_str());
        return Err(refused(format!("attempt {}: {from} does not become {to}", attempt.reference)));
    }
    Ok(())
}

pub(super) fn refused(what: String) -> ProcurementError {
    ProcurementError::Refused(what)
}

/// Writes a change that may be made.
pub(crate) fn write(connection: &Connection, change: &Change) -> Result<(), StoreError> {
    let said = change.said.as_deref().and_then(|said| change.clone().said(said).said);
    let sql = "update attempt set state = ?2, version = version + 1, their_id = coalesce(?3, their_id),
        said = coalesce(?4, said), queries = queries + ?5, not_founds = ?6, refusal = coalesce(?7, refusal)
        where attempt_no = ?1 and version = ?8";
    let changed = connection.prepare_cached(sql)?.execute((
        change.attempt.0,
        change.to.code(),
        &change.their_id,
        said,
        change.queries,
        change.not_founds,
        change.refusal.map(RefusalMeans::code),
        change.version,
    ))?;
    match changed {
        1 => Ok(()),
        _ => Err(StoreError::Data(format!("attempt {} is not of version {}", change.attempt.0, change.version))),
    }
}

/// Not-founds are counted from the last send.
fn sent(connection: &Connection, id: AttemptId, at: Timestamp, countable_from: Timestamp) -> Result<(), StoreError> {
    let sql = "update attempt set sends = sends + 1, sent_at = ?2, countable_from = ?3, not_founds = 0
        where attempt_no = ?1";
    connection.prepare_cached(sql)?.execute((id.0, at.0, countable_from.0))?;
    Ok(())
}

/// An attempt whose row was just written.
fn there(connection: &Connection, id: AttemptId) -> Result<Attempt, StoreError> {
    let found = find(connection, id)?.map(|(_, attempt)| attempt);
    found.ok_or_else(|| StoreError::Broken(format!("attempt {} is gone: run `fulfil audit`", id.0)))
}
