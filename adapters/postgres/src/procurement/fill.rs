//! Stock fills lines that wait for a supplier, whoever looks: one transaction each.
//!
//! What holds here: a line that somebody works on, or that may still be delivered, is passed over; what is not filled
//! is not touched, so nobody's turn is lost by a look.

use std::convert::Infallible;

use fulfil_contract::{
    ids::{Quantity, Sku},
    ports::{books::ProcurementState, ledger::LedgerError},
    procurement::ProcurementId,
};

use super::{attempts, goods::Stocked, release::from_stock, rows};
use crate::{
    Postgres,
    columns::{broken, column, sku, whole},
    errors::Failure,
    session::{Call, Session},
    transaction::{Halt, transact},
};

/// SKUs that are waited for and have as many keys as the least of their lines wants.
const SKUS: &str = "
    select w.sku
    from (
        select p.sku, min(p.quantity) as least from fulfil.procurement p
        where p.state = 0 and p.recharge_account is null and (p.worker is null or p.wake_at <= now()) and not exists (
            select from fulfil.attempt a where a.procurement_id = p.procurement_id and a.state not in (4, 5, 6))
        group by p.sku) w
    join fulfil.sku s on s.sku = w.sku
    where w.least <= (
        select count(*) from (
            select k.id
            from (select first_id, last_id from fulfil.lot
                where sku_id = s.sku_id and not sold_out order by block desc) l
            cross join lateral (
                select id from fulfil.card_key
                where sku_id = s.sku_id and id >= l.first_id and id <= l.last_id and state = 0 order by id desc) k
            limit w.least) found)
    order by w.sku";

/// Of one SKU, at one look.
const MOST_LINES: i64 = 1_000;

/// Its lines, the oldest first.
const WAITING: &str = "
    select p.procurement_id, p.quantity from fulfil.procurement p
    where p.sku = $1 and p.state = 0 and p.recharge_account is null and (p.worker is null or p.wake_at <= now())
        and not exists (
            select from fulfil.attempt a where a.procurement_id = p.procurement_id and a.state not in (4, 5, 6))
    order by p.procurement_id limit $2";

/// Of one that is locked: whether nobody works on it now.
const IS_FREE: &str = "
    select 1 from fulfil.procurement
    where procurement_id = $1 and (worker is null or wake_at <= clock_timestamp())";

/// See [`Procurements::fill_waiting`](fulfil_contract::ports::procurements::Procurements::fill_waiting).
pub(super) async fn fill_waiting(postgres: &Postgres, most: u32) -> Result<u32, LedgerError> {
    let mut filled = 0;
    for sku in skus(postgres).await? {
        // What stock had too few for: it has too few for more of them.
        let mut too_many: Option<Quantity> = None;
        for (id, quantity) in waiting(postgres, &sku).await? {
            if too_many.is_some_and(|least| quantity >= least) {
                continue;
            }
            if filled == most {
                return Ok(filled);
            }
            match fill(postgres, id).await? {
                Look::Filled => filled += 1,
                Look::Short => too_many = Some(quantity),
                Look::NotNow => {}
            }
        }
    }
    Ok(filled)
}

/// What a look at one line came to.
#[derive(Debug, Clone, Copy)]
enum Look {
    Filled,
    Short,
    /// Somebody else was faster.
    NotNow,
}

async fn fill(postgres: &Postgres, id: ProcurementId) -> Result<Look, LedgerError> {
    let call = &Call::default();
    let work = transact!(postgres, call, |session| try_to_fill(postgres, session, id));
    let looked = postgres.stocked(postgres.limited(call, work).await)?;
    Ok(looked.unwrap_or_else(|never| match never {}))
}

async fn try_to_fill(
    postgres: &Postgres,
    session: &Session<'_>,
    id: ProcurementId,
) -> Result<(Look, Option<Stocked>), Halt<Infallible>> {
    let Some((order, row)) = rows::with_order(session, id).await? else { return Ok((Look::NotNow, None)) };
    let waits = row.state == ProcurementState::Open
        && !row.recharge
        && !session.rows(IS_FREE, &[&id.0]).await?.is_empty()
        && attempts::open(session, id.0).await?.is_none();
    if !waits {
        return Ok((Look::NotNow, None));
    }
    match from_stock(postgres, session, &order, &row).await? {
        Some(stocked) => Ok((Look::Filled, stocked)),
        None => Ok((Look::Short, None)),
    }
}

async fn skus(postgres: &Postgres) -> Result<Vec<Sku>, LedgerError> {
    read(postgres, SKUS, &[], |row| sku(row, 0)).await
}

async fn waiting(postgres: &Postgres, sku: &Sku) -> Result<Vec<(ProcurementId, Quantity)>, LedgerError> {
    read(postgres, WAITING, &[&sku.as_str(), &MOST_LINES], |row| {
        let id: i64 = column(row, 0)?;
        let quantity = Quantity::new(whole(row, 1)?);
        Ok((ProcurementId(id), quantity.ok_or_else(|| broken(&format!("procurement {id}"), "its quantity"))?))
    })
    .await
}

async fn read<T: Send>(
    postgres: &Postgres,
    sql: &'static str,
    parameters: crate::session::Parameters<'_>,
    of_row: impl Fn(&tokio_postgres::Row) -> Result<T, Failure> + Send + Sync + Copy,
) -> Result<Vec<T>, LedgerError> {
    let call = &Call::default();
    let read = postgres.attempts(|| async move {
        let session = postgres.open(call).await?;
        let outcome = session.rows(sql, parameters).await;
        session.end(outcome).await?.iter().map(of_row).collect::<Result<Vec<T>, Failure>>()
    });
    postgres.limited(call, read).await
}
