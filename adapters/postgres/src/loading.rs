//! Who loads a SKU's stock, and which epoch is in force. Rows of several SKUs are locked by rising number.

use std::{sync::PoisonError, time::Duration};

use fulfil_contract::{
    ids::{Sku, WorkerId},
    ports::{
        ledger::LedgerError,
        stock_ledger::{RaiseBecause, SkuState},
    },
    stock::{Epoch, StockIdentity},
    time::Timestamp,
};

use crate::{
    Postgres,
    columns::{Moment, column, count, sku_state},
    errors::Failure,
    session::{Begin, Call, Session},
};

const LEASE: &str = "
    with mine as (
        select sku_id from fulfil.sku
        where last_id > 0 and (loader is null or loader = $1 or loader_until < clock_timestamp())
        order by sku_id for no key update)
    update fulfil.sku s set loader = $1, loader_until = clock_timestamp() + $2::bigint * interval '1 microsecond'
    from mine where s.sku_id = mine.sku_id
    returning s.sku, s.epoch, s.buckets, s.last_id, s.sku_id";

const RAISE: &str = "
    update fulfil.sku set epoch = epoch + 1, epoch_began = clock_timestamp()
    where sku = $1 and epoch = $2
      and ($3::timestamptz is null or $3 < epoch_began and epoch_began < clock_timestamp() - interval '10 seconds')
    returning epoch";

const RAISE_ALL: &str = "
    with every as (select sku_id from fulfil.sku order by sku_id for no key update)
    update fulfil.sku s set epoch = epoch + 1, epoch_began = clock_timestamp()
    from every where s.sku_id = every.sku_id";

/// SKUs that no import holds now.
const LOCK_UNIMPORTED: &str = "
    select sku_id from fulfil.sku where sku_id = any($1::integer[]) order by sku_id for no key update skip locked";

/// Lots of which no key is available, among the outermost of each SKU: claims sell from the lowest ids, each
/// bucket from its own, and takes from the highest. Each probe starts where keys are likely to be left.
const MARK_SOLD_OUT: &str = "
    with frontier as (
        select s.sku_id, l.block, l.first_id, l.last_id, false as from_above
        from unnest($1::integer[]) s(sku_id) cross join lateral (
            select block, first_id, last_id from fulfil.lot
            where sku_id = s.sku_id and not sold_out order by block limit $2) l
        union all
        select s.sku_id, l.block, l.first_id, l.last_id, true
        from unnest($1::integer[]) s(sku_id) cross join lateral (
            select block, first_id, last_id from fulfil.lot
            where sku_id = s.sku_id and not sold_out order by block desc limit $2) l),
    empty as (
        select distinct sku_id, block from frontier f
        where case when from_above
            then (select k.id from fulfil.card_key k
                where k.sku_id = f.sku_id and k.id >= f.first_id and k.id <= f.last_id and k.state = 0 order by k.id limit 1)
            else (select k.id from fulfil.card_key k
                where k.sku_id = f.sku_id and k.id >= f.first_id and k.id <= f.last_id and k.state = 0 order by k.id desc limit 1)
            end is null),
    marked as (
        update fulfil.lot l set sold_out = true from empty e
        where l.sku_id = e.sku_id and l.block = e.block and not l.sold_out
        returning 1)
    select count(*) from marked";

/// How many SKUs one call looks at for sold-out lots, how many lots on either side of each at once, and how
/// often: a call's cost has a bound, and the next call goes on with other SKUs.
const SKUS_PER_CALL: usize = 64;
const LOTS_PER_PASS: i64 = 32;
const MOST_PASSES: u32 = 16;

/// See [`StockLedger::lease_loading`](fulfil_contract::ports::stock_ledger::StockLedger::lease_loading).
pub(crate) async fn lease(
    postgres: &Postgres,
    call: &Call,
    worker: &WorkerId,
    ttl: Duration,
) -> Result<Vec<SkuState>, LedgerError> {
    let micros = i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX / 2);
    let (name, micros) = (worker.as_str(), &micros);
    let leased = postgres
        .attempts(|| async move {
            let session = postgres.open(call).await?;
            let outcome = session.write_at_once(LEASE, &[&name, micros]).await;
            let rows = session.end(outcome).await?;
            rows.iter()
                .map(|row| Ok((sku_state(row)?, column(row, 4)?)))
                .collect::<Result<Vec<(SkuState, i32)>, Failure>>()
        })
        .await?;
    let part = postgres.next_skus_to_look_at(leased.iter().map(|(_, sku_id)| *sku_id).collect());
    let part = &part;
    postgres.attempts(|| async move { mark_sold_out(postgres, call, part).await }).await?;
    let mut states: Vec<SkuState> = leased.into_iter().map(|(state, _)| state).collect();
    states.sort_unstable_by(|a, b| a.sku.cmp(&b.sku));
    Ok(states)
}

impl Postgres {
    /// Another part of them at each call.
    fn next_skus_to_look_at(&self, mut sku_ids: Vec<i32>) -> Vec<i32> {
        sku_ids.sort_unstable();
        let mut cursor = self.marked_to.lock().unwrap_or_else(PoisonError::into_inner);
        let start = sku_ids.partition_point(|sku_id| *sku_id <= *cursor);
        sku_ids.rotate_left(start);
        sku_ids.truncate(SKUS_PER_CALL);
        *cursor = sku_ids.last().copied().unwrap_or(0);
        sku_ids
    }
}

async fn mark_sold_out(postgres: &Postgres, call: &Call, sku_ids: &[i32]) -> Result<(), Failure> {
    for _ in 0..MOST_PASSES {
        if sku_ids.is_empty() {
            return Ok(());
        }
        let session = postgres.open(call).await?;
        let outcome = async {
            session.begin(Begin::Judge).await?;
            // An import holds its SKU's row; what it adds to a lot must not be overlooked. After this lock a
            // new statement sees every import of these SKUs that has ended.
            let locked = session.rows(LOCK_UNIMPORTED, &[&sku_ids]).await?;
            let locked = locked.iter().map(|row| column(row, 0)).collect::<Result<Vec<i32>, Failure>>()?;
            let rows = session.rows(MARK_SOLD_OUT, &[&locked, &LOTS_PER_PASS]).await?;
            session.commit().await?;
            rows.first().map_or(Ok(0), |row| count(row, 0))
        }
        .await;
        let marked = session.end(outcome).await?;
        if marked < LOTS_PER_PASS.unsigned_abs() / 2 {
            return Ok(());
        }
    }
    Ok(())
}

/// See [`StockLedger::raise_epoch`](fulfil_contract::ports::stock_ledger::StockLedger::raise_epoch).
pub(crate) async fn raise_epoch(
    postgres: &Postgres,
    call: &Call,
    sku: &Sku,
    from: Epoch,
    because: RaiseBecause,
) -> Result<Epoch, LedgerError> {
    let sold_at: Option<Timestamp> = match because {
        RaiseBecause::Lost => None,
        RaiseBecause::OfferedSold(at) => Some(at),
    };
    let (sold_at, name) = (&sold_at.map(Moment), sku.as_str());
    postgres
        .attempts(|| async move {
            let session = postgres.open(call).await?;
            let outcome = async {
                let raised = session.write_at_once(RAISE, &[&name, &from.0, sold_at]).await?;
                if let Some(row) = raised.first() {
                    return column(row, 0).map(Epoch);
                }
                // A new statement: it sees what another worker raised meanwhile.
                let now = session.rows("select epoch from fulfil.sku where sku = $1", &[&name]).await?;
                let row =
                    now.first().ok_or_else(|| LedgerError::Data(format!("no key of {name} was ever imported")))?;
                column(row, 0).map(Epoch)
            }
            .await;
            session.end(outcome).await
        })
        .await
}

/// See [`StockLedger::adopt_identity`](fulfil_contract::ports::stock_ledger::StockLedger::adopt_identity).
pub(crate) async fn adopt_identity(
    postgres: &Postgres,
    call: &Call,
    seen: &StockIdentity,
) -> Result<bool, LedgerError> {
    let seen = seen.0.as_str();
    postgres
        .attempts(|| async move {
            let session = postgres.open(call).await?;
            let outcome = async {
                session.begin(Begin::Judge).await?;
                let adopted = adopt(&session, seen).await?;
                session.commit().await?;
                Ok(adopted)
            }
            .await;
            session.end(outcome).await
        })
        .await
}

async fn adopt(session: &Session<'_>, seen: &str) -> Result<bool, Failure> {
    let first = session
        .rows(
            "insert into fulfil.stock_server (identity) values ($1) on conflict do nothing returning identity",
            &[&seen],
        )
        .await?;
    if !first.is_empty() {
        return Ok(false);
    }
    let changed = session
        .rows("update fulfil.stock_server set identity = $1 where identity <> $1 returning identity", &[&seen])
        .await?;
    if changed.is_empty() {
        return Ok(false);
    }
    session.rows(RAISE_ALL, &[]).await?;
    Ok(true)
}
