//! Who works on which procurement: due ones are leased by the ledger's clock, each with a higher fence.

use std::{collections::HashMap, time::Duration};

use fulfil_contract::{
    ids::{LineNo, OrderId, Quantity, WorkerId},
    money::{Currency, MinorUnits},
    order::Recharge,
    ports::ledger::LedgerError,
    procurement::{Lease, Need, Procurement, ProcurementCounts, ProcurementId},
};
use tokio_postgres::Row;

use super::attempts;
use crate::{
    Postgres,
    columns::{as_micros, broken, column, count, moment, moment_if_any, sku, whole},
    errors::Failure,
    session::{Begin, Call, Parameters, Session},
};

/// What is leased is due again when the lease ends, so that one index finds what is free, and what lapsed. By the
/// transaction's time: a clock that moves within the statement would keep the index from being used.
pub(crate) const LEASE: &str = "
    with due as (
        select procurement_id, wake_at from fulfil.procurement
        where state = 0 and wake_at <= now() order by wake_at, procurement_id limit $2 for no key update skip locked)
    update fulfil.procurement p
    set worker = $1, fence = p.fence + 1, woken = false, wake_at = clock_timestamp() + $3::bigint * interval '1 microsecond'
    from due where p.procurement_id = due.procurement_id
    returning p.procurement_id, p.fence, p.order_id, p.line_no, p.sku, p.quantity, p.unit_price, p.currency,
        p.recharge_account, p.expires_at, p.made_at, clock_timestamp(), due.wake_at";

const HELD: &str = "
    select h.procurement_id, count(*) from unnest($1::bigint[]) p(id) join fulfil.held_key h on h.procurement_id = p.id
    group by h.procurement_id";

const COUNTS: &str = "
    select open.*, (select count(*) from fulfil.procurement where state = 3),
        (select count(*) from fulfil.review where resolved_at is null)
    from (
        select count(*), count(*) filter (where wake_at <= now()), extract(epoch from now() - min(made_at))::bigint
        from fulfil.procurement where state = 0) open";

/// Those that nobody has and whose time is over, due or not. There are few: this reads all that are open.
const LEASE_OVER: &str = "
    with due as (
        select p.procurement_id, p.wake_at from fulfil.procurement p
        where p.state = 0 and (p.worker is null or p.wake_at <= now())
            and (p.made_at <= now() - $4::bigint * interval '1 microsecond' or p.expires_at <= now() and not exists (
                select from fulfil.attempt a where a.procurement_id = p.procurement_id and a.state not in (4, 5, 6)))
        order by p.procurement_id limit $2 for no key update of p skip locked)
    update fulfil.procurement p
    set worker = $1, fence = p.fence + 1, woken = false, wake_at = clock_timestamp() + $3::bigint * interval '1 microsecond'
    from due where p.procurement_id = due.procurement_id
    returning p.procurement_id, p.fence, p.order_id, p.line_no, p.sku, p.quantity, p.unit_price, p.currency,
        p.recharge_account, p.expires_at, p.made_at, clock_timestamp(), due.wake_at";

/// See [`Procurements::lease`](fulfil_contract::ports::procurements::Procurements::lease).
pub(super) async fn lease(
    postgres: &Postgres,
    call: &Call,
    worker: &WorkerId,
    most: u32,
    time: Duration,
) -> Result<Vec<Procurement>, LedgerError> {
    take(postgres, call, worker, LEASE, &[&worker.as_str(), &i64::from(most), &as_micros(time)]).await
}

/// See [`Procurements::lease_over`](fulfil_contract::ports::procurements::Procurements::lease_over).
pub(super) async fn lease_over(
    postgres: &Postgres,
    call: &Call,
    worker: &WorkerId,
    most: u32,
    (time, line): (Duration, Duration),
) -> Result<Vec<Procurement>, LedgerError> {
    let parameters: Parameters<'_> = &[&worker.as_str(), &i64::from(most), &as_micros(time), &as_micros(line)];
    take(postgres, call, worker, LEASE_OVER, parameters).await
}

async fn take(
    postgres: &Postgres,
    call: &Call,
    worker: &WorkerId,
    sql: &'static str,
    parameters: Parameters<'_>,
) -> Result<Vec<Procurement>, LedgerError> {
    postgres
        .attempts(|| async move {
            let session = postgres.open(call).await?;
            let outcome = async {
                session.begin(Begin::Judge).await?;
                let rows = session.rows(sql, parameters).await?;
                let leased = procurements(&session, worker, &rows).await?;
                session.commit().await?;
                Ok::<_, Failure>(leased)
            }
            .await;
            session.end(outcome).await
        })
        .await
}

/// See [`Procurements::counts`](fulfil_contract::ports::procurements::Procurements::counts).
pub(super) async fn counts(postgres: &Postgres, call: &Call) -> Result<ProcurementCounts, LedgerError> {
    postgres
        .attempts(|| async {
            let session = postgres.open(call).await?;
            let outcome = session.rows(COUNTS, &[]).await;
            let rows = session.end(outcome).await?;
            let row = rows.first().ok_or_else(|| broken("the counts of procurements", "no row"))?;
            Ok(ProcurementCounts {
                open: count(row, 0)?,
                due: count(row, 1)?,
                // A clock that was set back makes nothing older than new.
                oldest_seconds: column::<Option<i64>>(row, 2)?.map(|seconds| u64::try_from(seconds).unwrap_or(0)),
                in_review: count(row, 3)?,
                reviews_open: count(row, 4)?,
            })
        })
        .await
}

/// With all that was tried for them; the longest due first.
async fn procurements(session: &Session<'_>, worker: &WorkerId, rows: &[Row]) -> Result<Vec<Procurement>, Failure> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = rows.iter().map(|row| column(row, 0)).collect::<Result<Vec<i64>, Failure>>()?;
    let mut attempts = attempts::of_procurements(session, &ids).await?;
    let held = session.rows(HELD, &[&ids]).await?;
    let held: HashMap<i64, u64> =
        held.iter().map(|row| Ok((column(row, 0)?, count(row, 1)?))).collect::<Result<_, Failure>>()?;
    let mut leased = Vec::with_capacity(rows.len());
    for row in rows {
        let mut procurement = procurement(worker, row)?;
        let id = procurement.lease.procurement.0;
        procurement.attempts = attempts.remove(&id).unwrap_or_default();
        procurement.held = held
            .get(&id)
            .map_or(Ok(0), |held| u32::try_from(*held))
            .map_err(|_| broken(&format!("procurement {id}"), "more keys are held for it than a line can want"))?;
        leased.push((moment(row, 12)?, id, procurement));
    }
    leased.sort_unstable_by_key(|(due, id, _)| (*due, *id));
    Ok(leased.into_iter().map(|(_, _, procurement)| procurement).collect())
}

/// The columns that `LEASE` returns; no attempts yet.
fn procurement(worker: &WorkerId, row: &Row) -> Result<Procurement, Failure> {
    let id: i64 = column(row, 0)?;
    let here = |what: &str| broken(&format!("procurement {id}"), what);
    let fence: i64 = column(row, 1)?;
    let price: i64 = column(row, 6)?;
    Ok(Procurement {
        lease: Lease {
            procurement: ProcurementId(id),
            worker: worker.clone(),
            fence: u64::try_from(fence).map_err(|_| here("its fence"))?,
        },
        order_id: OrderId::parse(column(row, 2)?).map_err(|error| here(&error.to_string()))?,
        line_no: LineNo(whole(row, 3)?),
        sku: sku(row, 4)?,
        quantity: Quantity::new(whole(row, 5)?).ok_or_else(|| here("its quantity"))?,
        need: Need {
            unit_price: MinorUnits(u64::try_from(price).map_err(|_| here("its price"))?),
            currency: Currency::parse(column(row, 7)?).ok_or_else(|| here("its currency"))?,
            recharge: column::<Option<String>>(row, 8)?.map(|account| Recharge { account }),
        },
        expires_at: moment_if_any(row, 9)?,
        made_at: moment(row, 10)?,
        now: moment(row, 11)?,
        held: 0,
        attempts: Vec::new(),
    })
}
