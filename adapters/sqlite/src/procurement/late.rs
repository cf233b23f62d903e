//! Goods that came when their worker had lost its lease. No lease is asked for: the attempt's row says what becomes
//! of them.
//!
//! What holds here: an attempt that may still bring goods has brought them, once, whoever has its procurement; a final
//! one stays as it is, and what was paid for is kept, in stock or apart, and told to a person.

use std::collections::HashSet;

use fulfil_contract::{
    attempt::{Attempt, AttemptId, AttemptState, Change},
    ids::Fingerprint,
    ports::{books::ProcurementState, procurements::ProcurementError},
    procurement::{BoughtKey, Late, Resolution, ReviewCase, ReviewKind, SealedGoods},
    time::Timestamp,
};
use rusqlite::Connection;

use super::{
    attempt_rows,
    attempts::{self, refused},
    delivery, ending,
    rows::{self, Row},
};
use crate::{errors::StoreError, import::is_known, leases::Leases, review};

pub(super) fn deliver_late(
    connection: &Connection,
    leases: &Leases,
    id: AttemptId,
    their_id: Option<String>,
    goods: &SealedGoods,
    at: Timestamp,
) -> Result<Late, ProcurementError> {
    let unknown = || refused(format!("there is no attempt {}", id.0));
    let (procurement, attempt) = attempt_rows::find(connection, id)?.ok_or_else(unknown)?;
    let row = rows::find(connection, procurement)?.ok_or_else(unknown)?;
    delivery::must_fit(&row, goods).map_err(refused)?;
    match attempt.state {
        AttemptState::Intended => Err(refused(format!("attempt {} was not sent", attempt.reference))),
        AttemptState::Sent | AttemptState::Accepted | AttemptState::Unknown | AttemptState::InReview => {
            let late = place(connection, &row, &attempt, their_id, goods, at)?;
            leases.end_procuring(row.id.0, row.fence);
            Ok(late)
        }
        AttemptState::Delivered | AttemptState::Refused | AttemptState::NotSent => {
            Ok(keep(connection, &row, &attempt, goods, at)?)
        }
    }
}

/// As goods that come in time; what a person was asked about the attempt is answered by them.
fn place(
    connection: &Connection,
    row: &Row,
    attempt: &Attempt,
    their_id: Option<String>,
    goods: &SealedGoods,
    at: Timestamp,
) -> Result<Late, StoreError> {
    let mut change = Change::of(attempt, AttemptState::Delivered).said("delivered");
    change.their_id = their_id;
    attempts::write(connection, &change)?;
    let placed = delivery::place(connection, row, attempt, goods, at)?;
    review::settle(connection, attempt.id, &Resolution::Delivered(goods.clone()), at)?;
    match row.state {
        ProcurementState::InReview if !placed.complete => ending::open_again(connection, row, at)?,
        ProcurementState::Open if !placed.complete => take_away(connection, row, at)?,
        ProcurementState::Open
        | ProcurementState::InReview
        | ProcurementState::Delivered
        | ProcurementState::Rejected => {}
    }
    Ok(Late::Placed(placed))
}

/// Whoever has it knows nothing of what is held now: the next lease begins from the rows.
fn take_away(connection: &Connection, row: &Row, at: Timestamp) -> Result<(), StoreError> {
    let sql = "update procurement set fence = fence + 1, woken = 0, wake_at = ?2, waits_for = null
        where procurement_no = ?1";
    connection.prepare_cached(sql)?.execute((row.id.0, at.0))?;
    Ok(())
}

/// The attempt said otherwise before, and that stands.
fn keep(
    connection: &Connection,
    row: &Row,
    attempt: &Attempt,
    goods: &SealedGoods,
    at: Timestamp,
) -> Result<Late, StoreError> {
    let keys: &[BoughtKey] = match goods {
        SealedGoods::Keys(keys) => keys,
        SealedGoods::Recharge { .. } if attempt.state == AttemptState::Delivered => return Ok(Late::Known),
        SealedGoods::Recharge { .. } => &[],
    };
    let told = told_by(connection, attempt)?;
    let now: HashSet<Fingerprint> = keys.iter().map(|key| key.fingerprint).collect();
    if !told.is_empty() && told == now {
        return Ok(Late::Known);
    }
    let (mut fresh, mut apart) = (Vec::new(), 0);
    for key in keys.iter().filter(|key| !told.contains(&key.fingerprint)) {
        // Of one that is delivered, what the line got stays what was told.
        let sellable = attempt.state != AttemptState::Delivered;
        if sellable {
            delivery::tell(connection, attempt, key)?;
        }
        let twice = fresh.iter().any(|one: &BoughtKey| one.fingerprint == key.fingerprint);
        if sellable && !twice && !is_known(connection, key.fingerprint)? {
            fresh.push(key.clone());
        } else {
            delivery::refuse(connection, attempt, key, at)?;
            apart += 1;
        }
    }
    let stocked = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
    ending::into_stock(connection, row, fresh, at)?;
    let evidence = format!(
        "{}, attempt {}: {} first; goods of it came late: {} keys, {stocked} of them are in stock now, {apart} are kept apart",
        attempt.supplier,
        attempt.reference,
        attempt.state.as_str(),
        keys.len()
    );
    let case = ReviewCase { kind: ReviewKind::AnotherAnswer, evidence };
    review::open(connection, row.id, Some(attempt.id), &case, at)?;
    Ok(Late::Kept { stocked, apart })
}

fn told_by(connection: &Connection, attempt: &Attempt) -> Result<HashSet<Fingerprint>, StoreError> {
    let mut told = connection.prepare_cached("select fingerprint from told_key where attempt_no = ?1")?;
    let told = told.query_map([attempt.id.0], |row| row.get(0).map(Fingerprint))?.collect::<Result<_, _>>()?;
    Ok(told)
}
