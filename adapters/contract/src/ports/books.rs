//! What audits and support staff read. Nothing here writes.

use async_trait::async_trait;

use crate::{
    attempt::Attempt,
    ids::{KeyId, LineNo, OrderId, Sku},
    ports::ledger::LedgerError,
    recorded::{RecordedConflict, RecordedOrder},
    time::Timestamp,
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
    /// By rising line number.
    pub procurements: Vec<ProcurementFile>,
    /// An announcement row is waiting.
    pub owed: bool,
}

/// Where a procurement stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcurementFile {
    pub line_no: LineNo,
    pub state: ProcurementState,
    /// What it waits for and until when, while it is open.
    pub waits: Option<(String, Timestamp)>,
    /// By rising id.
    pub attempts: Vec<Attempt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcurementState {
    Open,
    Delivered,
    Rejected,
    InReview,
}

impl ProcurementState {
    pub const ALL: [Self; 4] = [Self::Open, Self::Delivered, Self::Rejected, Self::InReview];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::InReview => "in_review",
        }
    }

    /// The number that stands in the ledger.
    #[must_use]
    pub fn code(self) -> i16 {
        match self {
            Self::Open => 0,
            Self::Delivered => 1,
            Self::Rejected => 2,
            Self::InReview => 3,
        }
    }

    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
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
