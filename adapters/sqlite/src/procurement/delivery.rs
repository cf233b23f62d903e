//! Places delivered goods. What holds here: a key that the ledger knows is sold to nobody by it; the line gets
//! its quantity or nothing yet (the keys are held); what is over goes into stock; whatever was told wrong gets a
//! review.

use std::collections::HashSet;

use fulfil_contract::{
    attempt::{Attempt, AttemptState, Change},
    ports::{books::ProcurementState, procurements::ProcurementError},
    procurement::{BoughtKey, Lease, Placed, ReviewCase, ReviewKind, SealedGoods},
    recorded::StoredOutcome,
    time::Timestamp,
};
use rusqlite::Connection;

use super::{
    attempts, ending,
    rows::{self, Row},
};
use crate::{errors::StoreError, import::is_known, leases::Leases, review};

pub(super) fn deliver(
    connection: &Connection,
    leases: &Leases,
    lease: &Lease,
    change: &Change,
    goods: &SealedGoods,
    at: Timestamp,
) -> Result<Placed, ProcurementError> {
    let row = rows::of_lease(connection, lease)?;
    let attempt = attempts::of_change(connection, &row, change)?;
    if change.to != AttemptState::Delivered {
        return Err(attempts::refused(format!("goods make an attempt delivered, not {}", change.to.as_str())));
    }
    if attempts::is_made(&attempt, change) {
        return Ok(placed(connection, &row, &attempt)?);
    }
    row.must_be_open()?;
    attempts::may_change(&attempt, change)?;
    must_fit(&row, goods).map_err(attempts::refused)?;
    attempts::write(connection, change)?;
    let placed = place(connection, &row, &attempt, goods, at)?;
    if placed.complete {
        leases.end_procuring(row.id.0, row.fence);
    }
    Ok(placed)
}

/// Keys for a line of keys, a recharge for a top-up; else says what is wrong.
pub(crate) fn must_fit(row: &Row, goods: &SealedGoods) -> Result<(), String> {
    match (goods, &row.need.recharge) {
        (SealedGoods::Keys(_), None) | (SealedGoods::Recharge { .. }, Some(_)) => Ok(()),
        (SealedGoods::Keys(_), Some(_)) => Err(format!("line {} is a top-up: it takes no keys", row.line_no.0)),
        (SealedGoods::Recharge { .. }, None) => Err(format!("line {} wants keys, not a top-up", row.line_no.0)),
    }
}

/// Places the goods of an attempt that has just become delivered. The procurement ends if its line is whole.
pub(crate) fn place(
    connection: &Connection,
    row: &Row,
    attempt: &Attempt,
    goods: &SealedGoods,
    at: Timestamp,
) -> Result<Placed, StoreError> {
    let placed = match goods {
        SealedGoods::Keys(keys) => place_keys(connection, row, attempt, keys, at)?,
        SealedGoods::Recharge { receipt } => {
            let outcome = StoredOutcome::Recharged { receipt: receipt.clone() };
            ending::end(connection, row, ProcurementState::Delivered, &outcome, at)?;
            Placed { complete: true, known: 0, surplus: 0, missing: 0 }
        }
    };
    let sql = "update attempt set known = ?2, surplus = ?3, missing = ?4 where attempt_no = ?1";
    connection.prepare_cached(sql)?.execute((attempt.id.0, placed.known, placed.surplus, placed.missing))?;
    open_reviews(connection, row, attempt, goods, &placed, at)?;
    Ok(placed)
}

fn place_keys(
    connection: &Connection,
    row: &Row,
    attempt: &Attempt,
    keys: &[BoughtKey],
    at: Timestamp,
) -> Result<Placed, StoreError> {
    let mut seen = HashSet::with_capacity(keys.len());
    let (mut fresh, mut known) = (Vec::with_capacity(keys.len()), 0);
    for key in keys {
        tell(connection, attempt, key)?;
        // The second of a key that is told twice is known, too.
        if !seen.insert(key.fingerprint) || is_known(connection, key.fingerprint)? {
            refuse(connection, attempt, key, at)?;
            known += 1;
        } else {
            fresh.push(key.clone());
        }
    }
    let missing = attempt.quantity.get().saturating_sub(count(fresh.len()));
    let wanted = row.quantity.as_usize();
    let held: u32 = connection
        .prepare_cached("select count(*) from held_key where procurement_no = ?1")?
        .query_row([row.id.0], |row| row.get(0))?;
    if held as usize + fresh.len() < wanted {
        for key in &fresh {
            hold(connection, row, attempt, key)?;
        }
        return Ok(Placed { complete: false, known, surplus: 0, missing });
    }
    let mut whole = ending::let_go(connection, row)?;
    whole.extend(fresh);
    let ids = ending::into_stock(connection, row, whole, at)?;
    ending::sell(connection, row, &ids[..wanted], at)?;
    Ok(Placed { complete: true, known, surplus: count(ids.len() - wanted), missing })
}

/// Writes down what was told, to compare a later answer with.
pub(super) fn tell(connection: &Connection, attempt: &Attempt, key: &BoughtKey) -> Result<(), StoreError> {
    let sql = "insert into told_key (attempt_no, fingerprint) values (?1, ?2) on conflict do nothing";
    connection.prepare_cached(sql)?.execute((attempt.id.0, key.fingerprint.0))?;
    Ok(())
}

/// Keeps a key, sealed, until its line is whole.
fn hold(connection: &Connection, row: &Row, attempt: &Attempt, key: &BoughtKey) -> Result<(), StoreError> {
    let sql = "insert into held_key (fingerprint, procurement_no, attempt_no, sealed) values (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute((key.fingerprint.0, row.id.0, attempt.id.0, &key.sealed.0))?;
    Ok(())
}

/// Keeps a key apart that is not to be sold: the ledger knows it already, say.
pub(super) fn refuse(
    connection: &Connection,
    attempt: &Attempt,
    key: &BoughtKey,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "insert into refused_key (attempt_no, fingerprint, sealed, refused_at) values (?1, ?2, ?3, ?4)
        on conflict do nothing";
    connection.prepare_cached(sql)?.execute((attempt.id.0, key.fingerprint.0, &key.sealed.0, at.0))?;
    Ok(())
}

/// One review of each kind of lie. Keys that are known are told of once, not as missing too.
fn open_reviews(
    connection: &Connection,
    row: &Row,
    attempt: &Attempt,
    goods: &SealedGoods,
    placed: &Placed,
    at: Timestamp,
) -> Result<(), StoreError> {
    let SealedGoods::Keys(keys) = goods else { return Ok(()) };
    let (ordered, told) = (attempt.quantity.get(), count(keys.len()));
    let lies = [
        (placed.known, ReviewKind::KnownKey, "of them were in the ledger already and are kept apart"),
        (ordered.saturating_sub(told), ReviewKind::TooFew, "are missing; the line goes on without them"),
        // At once, also while the line wants them all: it may be whole later without one too many.
        (
            told.saturating_sub(ordered).max(placed.surplus),
            ReviewKind::TooMany,
            "are more; the line gets them if it wants them, stock what is over",
        ),
    ];
    for (number, kind, what) in lies.into_iter().filter(|(number, ..)| *number > 0) {
        let (reference, supplier) = (&attempt.reference, &attempt.supplier);
        let evidence =
            format!("{supplier}, attempt {reference}: {ordered} keys were ordered, {told} were told, {number} {what}");
        review::open(connection, row.id, Some(attempt.id), &ReviewCase { kind, evidence }, at)?;
    }
    Ok(())
}

/// What an earlier call placed.
fn placed(connection: &Connection, row: &Row, attempt: &Attempt) -> Result<Placed, StoreError> {
    let complete = row.state == ProcurementState::Delivered;
    let sql =
        "select coalesce(known, 0), coalesce(surplus, 0), coalesce(missing, 0) from attempt where attempt_no = ?1";
    let read = connection.prepare_cached(sql)?.query_row([attempt.id.0], |columns| {
        Ok(Placed { complete, known: columns.get(0)?, surplus: columns.get(1)?, missing: columns.get(2)? })
    });
    Ok(read?)
}

fn count(keys: usize) -> u32 {
    u32::try_from(keys).unwrap_or(u32::MAX)
}
