//! How a visit to a procurement ends.

use std::{collections::HashSet, time::Duration};

use fulfil_contract::{
    attempt::{AttemptState, Change},
    ids::KeyId,
    ports::{books::ProcurementState, procurements::ProcurementError},
    procurement::{Lease, Release, Released, ReviewCase},
    reason::Reason,
    recorded::StoredOutcome,
    time::Timestamp,
};
use rusqlite::Connection;

use super::{
    attempts, ending, leasing,
    rows::{self, Row, after},
};
use crate::{errors::StoreError, leases::Leases, ledger::keys::Keys, review};

pub(super) fn release(
    connection: &Connection,
    leases: &Leases,
    lease: &Lease,
    release: &Release,
    at: Timestamp,
) -> Result<Released, ProcurementError> {
    let row = rows::of_lease(connection, lease)?;
    if let Some(done) = is_done(&row, release) {
        return Ok(done);
    }
    row.must_be_open()?;
    let released = match release {
        Release::Wait { time, waits_for } => wait(connection, &row, *time, waits_for, at)?,
        Release::FromStock { time, waits_for } => {
            without_open_attempt(connection, &row, "filled from stock")?;
            if row.need.recharge.is_some() {
                return Err(attempts::refused(format!("line {} is a top-up: stock can't fill it", row.line_no.0)));
            }
            match fill(connection, &row, at)? {
                true => Released::Filled,
                false => wait(connection, &row, *time, waits_for, at)?,
            }
        }
        Release::Reject(reason) => {
            without_open_attempt(connection, &row, "rejected")?;
            reject(connection, &row, reason, at)?;
            Released::Rejected
        }
        Release::Review(case) => hold_for_review(connection, &row, case, at)?,
    };
    leases.end_procuring(row.id.0, row.fence);
    Ok(released)
}

/// Rejects the line; the keys that were held for it go into stock.
pub(crate) fn reject(connection: &Connection, row: &Row, reason: &Reason, at: Timestamp) -> Result<(), StoreError> {
    let outcome = StoredOutcome::Rejected { reason: reason.clone() };
    ending::end(connection, row, ProcurementState::Rejected, &outcome, at)?;
    let held = ending::let_go(connection, row)?;
    ending::into_stock(connection, row, held, at).map(drop)
}

/// Those that stock may fill: no top-ups, and nothing open at a supplier. The oldest first.
const WAITING: &str = "select procurement_no, fence from procurement where state = 0 and recharge_account is null
    and not exists (select 1 from attempt where attempt.procurement_no = procurement.procurement_no
        and attempt.state in (0, 1, 2, 3, 7)) order by procurement_no";

/// Fills up to `most` of those that wait and that nobody has; how many it were.
pub(super) fn fill_waiting(
    connection: &Connection,
    leases: &Leases,
    most: u32,
    at: Timestamp,
) -> Result<u32, StoreError> {
    let mut filled = 0;
    for id in leasing::free(connection, leases, WAITING, (), u32::MAX)? {
        if filled == most {
            break;
        }
        let Some(row) = rows::find(connection, id)? else { continue };
        filled += u32::from(fill(connection, &row, at)?);
    }
    Ok(filled)
}

/// What an earlier call under the same lease has made of it.
fn is_done(row: &Row, release: &Release) -> Option<Released> {
    match (row.state, release, &row.outcome) {
        (ProcurementState::Delivered, Release::FromStock { .. }, _) => Some(Released::Filled),
        (ProcurementState::Rejected, Release::Reject(asked), Some(StoredOutcome::Rejected { reason })) => {
            (asked == reason).then_some(Released::Rejected)
        }
        (ProcurementState::InReview, Release::Review(_), _) => Some(Released::InReview),
        (
            ProcurementState::Open
            | ProcurementState::Delivered
            | ProcurementState::Rejected
            | ProcurementState::InReview,
            Release::Wait { .. } | Release::FromStock { .. } | Release::Reject(_) | Release::Review(_),
            _,
        ) => None,
    }
}

fn without_open_attempt(connection: &Connection, row: &Row, what: &str) -> Result<(), ProcurementError> {
    match row.open_attempt(connection)? {
        None => Ok(()),
        Some(attempt) => Err(attempts::refused(format!(
            "attempt {} is {}: line {} is not {what} before it is final",
            attempt.reference,
            attempt.state.as_str(),
            row.line_no.0
        ))),
    }
}

/// Due after `time`, or at once if something has woken it meanwhile.
fn wait(
    connection: &Connection,
    row: &Row,
    time: Duration,
    waits_for: &str,
    at: Timestamp,
) -> Result<Released, StoreError> {
    let wake_at = if row.woken { at } else { after(at, time) };
    let sql = "update procurement set wake_at = ?2, waits_for = ?3 where procurement_no = ?1";
    connection.prepare_cached(sql)?.execute((row.id.0, wake_at.0, waits_for))?;
    Ok(Released::Waiting)
}

/// Fills the line from stock, if stock has its whole quantity; then what was held for it goes into stock.
fn fill(connection: &Connection, row: &Row, at: Timestamp) -> Result<bool, StoreError> {
    let mut keys = Keys::of(connection);
    let Some(sku) = keys.sku(&row.sku)? else { return Ok(false) };
    let taken = keys.take(sku, row.quantity.as_usize(), &HashSet::new())?;
    let Some(taken) = taken else { return Ok(false) };
    let ids: Vec<KeyId> = taken.iter().map(|key| key.id).collect();
    ending::sell(connection, row, &ids, at)?;
    let held = ending::let_go(connection, row)?;
    ending::into_stock(connection, row, held, at)?;
    Ok(true)
}

/// A person is to decide: the open attempt stays as it is until then, and the line does.
fn hold_for_review(
    connection: &Connection,
    row: &Row,
    case: &ReviewCase,
    at: Timestamp,
) -> Result<Released, ProcurementError> {
    if !case.kind.holds_its_line() {
        return Err(attempts::refused(format!("a review for {} holds no line", case.kind.as_str())));
    }
    let attempt = row.open_attempt(connection)?;
    if let Some(attempt) = attempt.as_ref().filter(|attempt| attempt.state != AttemptState::InReview) {
        let change = Change::of(attempt, AttemptState::InReview);
        attempts::may_change(attempt, &change)?;
        attempts::write(connection, &change)?;
    }
    review::open(connection, row.id, attempt.map(|attempt| attempt.id), case, at)?;
    ending::end(connection, row, ProcurementState::InReview, &StoredOutcome::Review, at)?;
    Ok(Released::InReview)
}
