//! A procurement's row, locked, with its order's row locked before it where the transaction may end it.

use fulfil_contract::{
    ids::{LineNo, OrderId, Quantity, Sku},
    ports::books::ProcurementState,
    procurement::{Lease, ProcurementId},
};
use tokio_postgres::Row;

use super::Refused;
use crate::{
    columns::{broken, column, sku, whole},
    errors::Failure,
    known::{self, StoredOrder},
    session::Session,
    transaction::Halt,
};

const ORDER_OF: &str = "select order_id from fulfil.procurement where procurement_id = $1";

const LOCK_ORDER: &str = "
    select order_id, merchant_id, body_hash, status, revision, decided_at, lines, reason
    from fulfil.orders where order_id = $1 for no key update";

const LOCK: &str = "
    select order_id, line_no, sku, quantity, recharge_account is not null, state, worker, fence
    from fulfil.procurement where procurement_id = $1 for no key update";

/// What a change of a procurement depends on.
#[derive(Debug)]
pub(crate) struct ProcurementRow {
    pub(crate) id: ProcurementId,
    pub(crate) order_id: OrderId,
    pub(crate) line_no: LineNo,
    pub(crate) sku: Sku,
    pub(crate) quantity: Quantity,
    pub(crate) recharge: bool,
    pub(crate) state: ProcurementState,
    pub(crate) worker: Option<String>,
    pub(crate) fence: i64,
}

impl ProcurementRow {
    /// Whether the fence is the row's: nobody has leased it since.
    pub(crate) fn is_last_leased_by(&self, lease: &Lease) -> bool {
        u64::try_from(self.fence) == Ok(lease.fence)
    }
}

/// The row, locked alone: for what does not end the procurement. One that there is not has nobody's lease.
pub(super) async fn row_of(session: &Session<'_>, id: ProcurementId) -> Result<ProcurementRow, Halt<Refused>> {
    lock(session, id).await?.ok_or(Halt::Refused(Refused::LeaseLost))
}

/// The rows of the order and of the procurement, locked in this order. `None`: there is no such procurement.
pub(crate) async fn with_order(
    session: &Session<'_>,
    id: ProcurementId,
) -> Result<Option<(StoredOrder, ProcurementRow)>, Failure> {
    // A procurement stays its order's for ever.
    let rows = session.rows(ORDER_OF, &[&id.0]).await?;
    let Some(found) = rows.first() else { return Ok(None) };
    let order_id: &str = column(found, 0)?;
    let orders = session.rows(LOCK_ORDER, &[&order_id]).await?;
    let order = orders.first().ok_or_else(|| broken(&format!("a procurement of order {order_id}"), "no such order"))?;
    let order = known::stored_order(order)?;
    Ok(lock(session, id).await?.map(|row| (order, row)))
}

/// Refuses whoever has no lease on it now.
pub(super) fn check_lease(row: &ProcurementRow, lease: &Lease) -> Result<(), Halt<Refused>> {
    let held = row.state == ProcurementState::Open
        && row.worker.as_deref() == Some(lease.worker.as_str())
        && row.is_last_leased_by(lease);
    if held { Ok(()) } else { Err(Halt::Refused(Refused::LeaseLost)) }
}

async fn lock(session: &Session<'_>, id: ProcurementId) -> Result<Option<ProcurementRow>, Failure> {
    session.rows(LOCK, &[&id.0]).await?.first().map(|row| procurement_row(id, row)).transpose()
}

fn procurement_row(id: ProcurementId, row: &Row) -> Result<ProcurementRow, Failure> {
    let here = |what: &str| broken(&format!("procurement {}", id.0), what);
    let state: i16 = column(row, 5)?;
    Ok(ProcurementRow {
        id,
        order_id: OrderId::parse(column(row, 0)?).map_err(|error| here(&error.to_string()))?,
        line_no: LineNo(whole(row, 1)?),
        sku: sku(row, 2)?,
        quantity: Quantity::new(whole(row, 3)?).ok_or_else(|| here("its quantity"))?,
        recharge: column(row, 4)?,
        state: ProcurementState::from_code(state).ok_or_else(|| here("its state"))?,
        worker: column(row, 6)?,
        fence: column(row, 7)?,
    })
}
