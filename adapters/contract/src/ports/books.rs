//! What audits and support staff read. Nothing here writes.

use async_trait::async_trait;

use crate::{
    ids::{KeyId, OrderId, Sku},
    ports::ledger::LedgerError,
    recorded::{RecordedConflict, RecordedOrder},
};

/// Counts of one snapshot (I5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Balance {
    pub imported: u64,
    pub available: u64,
    pub sold: u64,
    pub quarantined: u64,
    pub orders: u64,
    /// Delivered lines whose keys are not exactly their quantity, sold to that order and of that SKU.
    pub lines_short: u64,
    /// Keys that stand in more than one order line.
    pub keys_sold_twice: u64,
    /// SKUs for which imported ≠ available + sold + quarantined.
    pub unbalanced: Vec<Sku>,
    /// The available ids of the same snapshot, rising.
    pub available_ids: Vec<KeyId>,
}

/// One SKU's counts, for `fulfil stock status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkuCounts {
    pub sku: Sku,
    pub imported: u64,
    pub available: u64,
    pub sold: u64,
    pub quarantined: u64,
}

/// Everything that the ledger knows of an order id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFile {
    pub order: RecordedOrder,
    pub conflicts: Vec<RecordedConflict>,
    /// An announcement row is waiting.
    pub owed: bool,
}

#[async_trait]
pub trait Books: Send + Sync {
    /// One snapshot of the whole ledger.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn balance(&self) -> Result<Balance, LedgerError>;

    /// # Errors
    /// [`LedgerError`].
    async fn counts(&self) -> Result<Vec<SkuCounts>, LedgerError>;

    /// # Errors
    /// [`LedgerError`].
    async fn order(&self, id: &OrderId) -> Result<Option<OrderFile>, LedgerError>;
}
