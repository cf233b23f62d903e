//! An attempt's row, as every step reads it.

use fulfil_contract::{
    attempt::{Attempt, AttemptId, AttemptState, Reference},
    ids::Quantity,
    money::Currency,
    procurement::ProcurementId,
    recorded::UnreadableRow,
    supplier::{RefusalMeans, SupplierName, SupplierProduct},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension};

use super::rows::money;
use crate::errors::StoreError;

const COLUMNS: &str = "attempt_no, procurement_no, supplier, product, reference, quantity, unit_price, currency, state,
    version, their_id, sends, queries, not_founds, countable_from, intended_at, sent_at, said, refusal";

/// The attempts of a procurement, by rising id.
pub(crate) fn of_procurement(connection: &Connection, id: ProcurementId) -> Result<Vec<Attempt>, StoreError> {
    let sql = format!("select {COLUMNS} from attempt where procurement_no = ?1 order by attempt_no");
    let mut attempts = connection.prepare_cached(&sql)?;
    let found = attempts.query_map([id.0], Columns::of)?.collect::<Result<Vec<_>, _>>()?;
    found.into_iter().map(|columns| Ok(columns.read()?.1)).collect()
}

/// An attempt, and whose it is.
pub(crate) fn find(connection: &Connection, id: AttemptId) -> Result<Option<(ProcurementId, Attempt)>, StoreError> {
    one(connection, "attempt_no = ?1", [id.0])
}

/// The attempt that was made under a reference.
pub(super) fn of_reference(
    connection: &Connection,
    reference: &Reference,
) -> Result<Option<(ProcurementId, Attempt)>, StoreError> {
    one(connection, "reference = ?1", [reference.as_str()])
}

/// The newest attempt that a supplier calls so.
pub(super) fn of_their_id(
    connection: &Connection,
    supplier: &SupplierName,
    their_id: &str,
) -> Result<Option<(ProcurementId, Attempt)>, StoreError> {
    let newest = "supplier = ?1 and their_id = ?2 order by attempt_no desc limit 1";
    one(connection, newest, [supplier.as_str(), their_id])
}

fn one(
    connection: &Connection,
    which: &str,
    values: impl rusqlite::Params,
) -> Result<Option<(ProcurementId, Attempt)>, StoreError> {
    let sql = format!("select {COLUMNS} from attempt where {which}");
    let found = connection.prepare_cached(&sql)?.query_row(values, Columns::of).optional()?;
    Ok(found.map(Columns::read).transpose()?)
}

/// As the file holds it.
struct Columns {
    id: i64,
    procurement: i64,
    supplier: String,
    product: String,
    reference: String,
    quantity: u32,
    unit_price: i64,
    currency: String,
    state: i16,
    version: u32,
    their_id: Option<String>,
    sends: u32,
    queries: u32,
    not_founds: u32,
    countable_from: Option<i64>,
    intended_at: i64,
    sent_at: Option<i64>,
    said: Option<String>,
    refusal: Option<i16>,
}

impl Columns {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            procurement: row.get(1)?,
            supplier: row.get(2)?,
            product: row.get(3)?,
            reference: row.get(4)?,
            quantity: row.get(5)?,
            unit_price: row.get(6)?,
            currency: row.get(7)?,
            state: row.get(8)?,
            version: row.get(9)?,
            their_id: row.get(10)?,
            sends: row.get(11)?,
            queries: row.get(12)?,
            not_founds: row.get(13)?,
            countable_from: row.get(14)?,
            intended_at: row.get(15)?,
            sent_at: row.get(16)?,
            said: row.get(17)?,
            refusal: row.get(18)?,
        })
    }

    fn read(self) -> Result<(ProcurementId, Attempt), UnreadableRow> {
        let broken = |what: &str| UnreadableRow {
            order_id: format!("of procurement {}", self.procurement),
            what: format!("attempt {}: {what}", self.id),
        };
        let refusal = self.refusal.map(|code| RefusalMeans::from_code(code).ok_or_else(|| broken("refusal")));
        let attempt = Attempt {
            id: AttemptId(self.id),
            supplier: SupplierName::parse(&self.supplier).ok_or_else(|| broken("supplier"))?,
            product: SupplierProduct::parse(&self.product).ok_or_else(|| broken("product"))?,
            reference: Reference::parse(&self.reference).ok_or_else(|| broken("reference"))?,
            quantity: Quantity::new(self.quantity).ok_or_else(|| broken("quantity"))?,
            unit_price: money(self.unit_price).ok_or_else(|| broken("unit price"))?,
            currency: Currency::parse(&self.currency).ok_or_else(|| broken("currency"))?,
            state: AttemptState::from_code(self.state).ok_or_else(|| broken("state"))?,
            version: self.version,
            refusal: refusal.transpose()?,
            their_id: self.their_id,
            sends: self.sends,
            queries: self.queries,
            not_founds: self.not_founds,
            countable_from: self.countable_from.map(Timestamp),
            intended_at: Timestamp(self.intended_at),
            sent_at: self.sent_at.map(Timestamp),
            said: self.said,
        };
        Ok((ProcurementId(self.procurement), attempt))
    }
}
