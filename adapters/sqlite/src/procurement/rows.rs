//! A procurement's row, as every step reads it.

use std::time::Duration;

use fulfil_contract::{
    attempt::Attempt,
    ids::{LineNo, OrderId, Quantity, Sku},
    money::{Currency, MinorUnits},
    order::Recharge,
    ports::{books::ProcurementState, procurements::ProcurementError},
    procurement::{Lease, Need, ProcurementId},
    recorded::{StoredOutcome, UnreadableRow},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension};

use super::attempt_rows;
use crate::errors::StoreError;

/// A procurement as it stands.
pub(crate) struct Row {
    pub(crate) id: ProcurementId,
    pub(crate) order_no: i64,
    pub(crate) order_id: OrderId,
    pub(crate) line_no: LineNo,
    pub(crate) sku: Sku,
    pub(crate) quantity: Quantity,
    pub(crate) need: Need,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) made_at: Timestamp,
    pub(crate) state: ProcurementState,
    /// There once it is not open.
    pub(crate) outcome: Option<StoredOutcome>,
    pub(crate) wake_at: Timestamp,
    pub(crate) waits_for: Option<String>,
    pub(crate) woken: bool,
    pub(crate) fence: u64,
}

/// The procurement of this number.
pub(crate) fn find(connection: &Connection, id: ProcurementId) -> Result<Option<Row>, StoreError> {
    let sql = "select order_no, order_id, line_no, sku, quantity, unit_price, currency, recharge_account, expires_at,
        made_at, state, outcome, wake_at, waits_for, woken, fence
        from procurement join orders using (order_no) where procurement_no = ?1";
    let found = connection.prepare_cached(sql)?.query_row([id.0], Columns::of).optional()?;
    Ok(found.map(|columns| columns.read(id)).transpose()?)
}

/// The procurement of a lease, open or not, unless somebody else has leased it since.
///
/// # Errors
/// [`ProcurementError::LeaseLost`].
pub(super) fn of_lease(connection: &Connection, lease: &Lease) -> Result<Row, ProcurementError> {
    let row = find(connection, lease.procurement)?;
    row.filter(|row| row.fence == lease.fence).ok_or(ProcurementError::LeaseLost)
}

impl Row {
    /// # Errors
    /// [`ProcurementError::LeaseLost`] once it has ended.
    pub(super) fn must_be_open(&self) -> Result<(), ProcurementError> {
        match self.state {
            ProcurementState::Open => Ok(()),
            ProcurementState::Delivered | ProcurementState::Rejected | ProcurementState::InReview => {
                Err(ProcurementError::LeaseLost)
            }
        }
    }

    /// The attempt that may still bring goods, if there is one.
    pub(crate) fn open_attempt(&self, connection: &Connection) -> Result<Option<Attempt>, StoreError> {
        Ok(attempt_rows::of_procurement(connection, self.id)?.into_iter().find(|attempt| attempt.state.is_open()))
    }

    pub(super) fn unreadable(&self, what: String) -> UnreadableRow {
        UnreadableRow { order_id: self.order_id.to_string(), what: format!("line {}: {what}", self.line_no.0) }
    }
}

/// As the file holds it.
struct Columns {
    order_no: i64,
    order_id: String,
    line_no: u32,
    sku: String,
    quantity: u32,
    unit_price: i64,
    currency: String,
    recharge_account: Option<String>,
    expires_at: Option<i64>,
    made_at: i64,
    state: i16,
    outcome: Option<String>,
    wake_at: i64,
    waits_for: Option<String>,
    woken: bool,
    fence: i64,
}

impl Columns {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            order_no: row.get(0)?,
            order_id: row.get(1)?,
            line_no: row.get(2)?,
            sku: row.get(3)?,
            quantity: row.get(4)?,
            unit_price: row.get(5)?,
            currency: row.get(6)?,
            recharge_account: row.get(7)?,
            expires_at: row.get(8)?,
            made_at: row.get(9)?,
            state: row.get(10)?,
            outcome: row.get(11)?,
            wake_at: row.get(12)?,
            waits_for: row.get(13)?,
            woken: row.get(14)?,
            fence: row.get(15)?,
        })
    }

    fn read(self, id: ProcurementId) -> Result<Row, UnreadableRow> {
        let broken = |what: &str| UnreadableRow {
            order_id: self.order_id.clone(),
            what: format!("the procurement of line {}: {what}", self.line_no),
        };
        let need = Need {
            unit_price: money(self.unit_price).ok_or_else(|| broken("unit price"))?,
            currency: Currency::parse(&self.currency).ok_or_else(|| broken("currency"))?,
            recharge: self.recharge_account.as_ref().map(|account| Recharge { account: account.clone() }),
        };
        let outcome = self.outcome.as_deref().map(serde_json::from_str).transpose();
        Ok(Row {
            id,
            order_no: self.order_no,
            order_id: OrderId::parse(&self.order_id).map_err(|_| broken("order id"))?,
            line_no: LineNo(self.line_no),
            sku: Sku::parse(&self.sku).map_err(|_| broken("SKU"))?,
            quantity: Quantity::new(self.quantity).ok_or_else(|| broken("quantity"))?,
            need,
            expires_at: self.expires_at.map(Timestamp),
            made_at: Timestamp(self.made_at),
            state: ProcurementState::from_code(self.state).ok_or_else(|| broken("state"))?,
            outcome: outcome.map_err(|_| broken("outcome"))?,
            wake_at: Timestamp(self.wake_at),
            fence: u64::try_from(self.fence).map_err(|_| broken("fence"))?,
            waits_for: self.waits_for,
            woken: self.woken,
        })
    }
}

/// An amount as its column holds it.
pub(super) fn stored_money(amount: MinorUnits) -> Result<i64, StoreError> {
    i64::try_from(amount.0).map_err(|_| StoreError::Data(format!("a price of {} is more than fits", amount.0)))
}

pub(super) fn money(stored: i64) -> Option<MinorUnits> {
    u64::try_from(stored).ok().map(MinorUnits)
}

/// The time so long after `at`.
pub(super) fn after(at: Timestamp, time: Duration) -> Timestamp {
    Timestamp(at.0.saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
}
