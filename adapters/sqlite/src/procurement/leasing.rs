//! Who works on which procurement. The fence stands in the row; how long it holds is this process's to know (see
//! `leases`): no jump of the clock steals a lease, and whoever opens the folder after a crash finds none held.

use std::time::Duration;

use fulfil_contract::{
    ids::WorkerId,
    procurement::{Lease, Procurement, ProcurementCounts, ProcurementId},
    time::Timestamp,
};
use rusqlite::Connection;

use super::{attempt_rows, rows};
use crate::{errors::StoreError, leases::Leases};

const DUE: &str = "select procurement_no, fence from procurement where state = 0 and wake_at <= ?1 order by wake_at";

/// Those whose line's time, or whose order's without an open attempt, is over at ?1; they were made before ?2 then.
const OVER: &str = "select procurement_no, fence from procurement where state = 0 and (made_at <= ?2
    or expires_at <= ?1 and not exists (select 1 from attempt where attempt.procurement_no = procurement.procurement_no
        and attempt.state in (0, 1, 2, 3, 7))) order by procurement_no";

/// Leases up to `most` that are due and free, the longest due first.
pub(super) fn lease(
    connection: &Connection,
    leases: &Leases,
    worker: &WorkerId,
    most: u32,
    time: Duration,
    now: Timestamp,
) -> Result<Vec<Procurement>, StoreError> {
    let free = free(connection, leases, DUE, [now.0], most)?;
    take(connection, leases, &free, worker, time, now)
}

/// Leases up to `most` that are free and whose time is over, due or not.
pub(super) fn lease_over(
    connection: &Connection,
    leases: &Leases,
    worker: &WorkerId,
    most: u32,
    (time, line): (Duration, Duration),
    now: Timestamp,
) -> Result<Vec<Procurement>, StoreError> {
    let made = now.0.saturating_sub(i64::try_from(line.as_micros()).unwrap_or(i64::MAX));
    let free = free(connection, leases, OVER, [now.0, made], most)?;
    take(connection, leases, &free, worker, time, now)
}

/// The first `most` of these that nobody has.
pub(super) fn free(
    connection: &Connection,
    leases: &Leases,
    sql: &str,
    values: impl rusqlite::Params,
    most: u32,
) -> Result<Vec<ProcurementId>, StoreError> {
    let mut free = Vec::new();
    let mut found = connection.prepare_cached(sql)?;
    let mut rows = found.query(values)?;
    while free.len() < most as usize
        && let Some(row) = rows.next()?
    {
        let (number, fence): (i64, i64) = (row.get(0)?, row.get(1)?);
        if !leases.procures(number, fence.unsigned_abs()) {
            free.push(ProcurementId(number));
        }
    }
    Ok(free)
}

fn take(
    connection: &Connection,
    leases: &Leases,
    free: &[ProcurementId],
    worker: &WorkerId,
    time: Duration,
    now: Timestamp,
) -> Result<Vec<Procurement>, StoreError> {
    let take = "update procurement set fence = fence + 1, worker = ?2, woken = 0 where procurement_no = ?1";
    let mut leased = Vec::with_capacity(free.len());
    for id in free {
        connection.prepare_cached(take)?.execute((id.0, worker.as_str()))?;
        let procurement = read(connection, *id, worker, now)?;
        leases.procure(id.0, procurement.lease.fence, time);
        leased.push(procurement);
    }
    Ok(leased)
}

/// A procurement with all that was tried for it.
fn read(
    connection: &Connection,
    id: ProcurementId,
    worker: &WorkerId,
    now: Timestamp,
) -> Result<Procurement, StoreError> {
    let Some(row) = rows::find(connection, id)? else {
        return Err(StoreError::Broken(format!("procurement {} has no order: run `fulfil audit`", id.0)));
    };
    let held = "select count(*) from held_key where procurement_no = ?1";
    let held = connection.prepare_cached(held)?.query_row([id.0], |row| row.get(0))?;
    Ok(Procurement {
        lease: Lease { procurement: id, worker: worker.clone(), fence: row.fence },
        order_id: row.order_id,
        line_no: row.line_no,
        sku: row.sku,
        quantity: row.quantity,
        need: row.need,
        expires_at: row.expires_at,
        made_at: row.made_at,
        now,
        held,
        attempts: attempt_rows::of_procurement(connection, id)?,
    })
}

/// Counts of one snapshot; who reads beside a run can't know its leases, and counts those as due.
pub(super) fn counts(
    connection: &Connection,
    leases: &Leases,
    now: Timestamp,
) -> Result<ProcurementCounts, StoreError> {
    let mut due = 0;
    let mut find = connection.prepare_cached(DUE)?;
    let mut rows = find.query([now.0])?;
    while let Some(row) = rows.next()? {
        due += u64::from(!leases.procures(row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()));
    }
    let count = |sql| -> Result<u64, StoreError> {
        Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
    };
    let oldest = "select min(made_at) from procurement where state = 0";
    let oldest: Option<i64> = connection.prepare_cached(oldest)?.query_row([], |row| row.get(0))?;
    Ok(ProcurementCounts {
        open: count("select count(*) from procurement where state = 0")?,
        due,
        in_review: count("select count(*) from procurement where state = 3")?,
        reviews_open: count("select count(*) from review where resolved_at is null")?,
        oldest_seconds: oldest.map(|made_at| u64::try_from((now.0 - made_at) / 1_000_000).unwrap_or(0)),
    })
}
