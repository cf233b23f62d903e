//! What the ledger decided, as committed. Results are pure functions of these (I9).

use serde::{Deserialize, Serialize};

use crate::{
    ids::{BodyHash, KeyId, LineNo, MerchantId, OrderId, Quantity, Revision, SealedKey, Sku},
    reason::{Reason, ReasonCode},
    time::Timestamp,
};

/// An order's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    Processing,
    Fulfilled,
    PartlyFulfilled,
    Rejected,
    Conflict,
    Review,
}

impl OrderStatus {
    pub const ALL: [Self; 6] =
        [Self::Processing, Self::Fulfilled, Self::PartlyFulfilled, Self::Rejected, Self::Conflict, Self::Review];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Fulfilled => "fulfilled",
            Self::PartlyFulfilled => "partly_fulfilled",
            Self::Rejected => "rejected",
            Self::Conflict => "conflict",
            Self::Review => "review",
        }
    }

    /// The number that stands in the ledger.
    #[must_use]
    pub fn code(self) -> i16 {
        match self {
            Self::Processing => 0,
            Self::Fulfilled => 1,
            Self::PartlyFulfilled => 2,
            Self::Rejected => 3,
            Self::Conflict => 4,
            Self::Review => 5,
        }
    }

    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }

    /// What the lines' statuses make of an order.
    #[must_use]
    pub fn of_lines<'a>(lines: impl IntoIterator<Item = &'a LineOutcome>) -> Self {
        let (mut delivered, mut rejected, mut processing, mut review) = (false, false, false, false);
        for line in lines {
            match line {
                LineOutcome::Delivered(_) | LineOutcome::Recharged { .. } => delivered = true,
                LineOutcome::Rejected(_) => rejected = true,
                LineOutcome::Processing => processing = true,
                LineOutcome::Review => review = true,
            }
        }
        match (processing, review, delivered, rejected) {
            (true, ..) => Self::Processing,
            (false, true, ..) => Self::Review,
            (false, false, true, false) => Self::Fulfilled,
            (false, false, true, true) => Self::PartlyFulfilled,
            (false, false, false, _) => Self::Rejected,
        }
    }
}

/// An order's row, with its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedOrder {
    pub order_id: OrderId,
    pub merchant_id: Option<MerchantId>,
    pub body_hash: BodyHash,
    pub revision: Revision,
    pub status: OrderStatus,
    pub decided_at: Timestamp,
    /// By rising `line_no`; keys by rising id. Empty where the order was refused whole.
    pub lines: Vec<RecordedLine>,
    pub reason: Option<Reason>,
}

impl RecordedOrder {
    pub fn key_ids(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.lines.iter().flat_map(|line| match &line.outcome {
            LineOutcome::Delivered(keys) => keys.iter().map(|key| key.id).collect::<Vec<_>>(),
            LineOutcome::Recharged { .. }
            | LineOutcome::Rejected(_)
            | LineOutcome::Processing
            | LineOutcome::Review => Vec::new(),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedLine {
    pub line_no: LineNo,
    pub sku: Sku,
    pub quantity: Quantity,
    pub outcome: LineOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineOutcome {
    Delivered(Vec<DeliveredKey>),
    /// A direct top-up was made: no keys, with the supplier's receipt where it gave one.
    Recharged {
        receipt: Option<String>,
    },
    Rejected(Reason),
    /// A supplier is to fill it: a procurement is open.
    Processing,
    /// A person must decide; not final.
    Review,
}

impl LineOutcome {
    /// Why the line was refused, if it was.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Rejected(reason) => Some(reason),
            Self::Delivered(_) | Self::Recharged { .. } | Self::Processing | Self::Review => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveredKey {
    pub id: KeyId,
    pub sealed: SealedKey,
}

/// The same order id with another body: nothing but this row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedConflict {
    pub order_id: OrderId,
    /// The refused body's merchant.
    pub merchant_id: Option<MerchantId>,
    /// The refused body's hash.
    pub body_hash: BodyHash,
    pub decided_at: Timestamp,
}

impl RecordedConflict {
    #[must_use]
    pub fn reason(&self) -> Reason {
        Reason::new(ReasonCode::Conflict, "this order id came before with another body; the first one stands")
    }
}

/// A delivery without a readable order id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedUnreadable {
    pub body_hash: BodyHash,
    pub merchant_id: Option<MerchantId>,
    pub reason: Reason,
    pub decided_at: Timestamp,
}

/// What the ledger says of one [`Entry`](crate::proposal::Entry).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Committed by this call.
    New(RecordedOrder),
    /// The same id and body were committed before: the stored order, and nothing else happened.
    Repeat(RecordedOrder),
    Conflict(RecordedConflict),
    Unreadable(RecordedUnreadable),
    /// Nothing was written for this order: these of its claimed ids were no longer available.
    Lost(Vec<GoneKey>),
}

/// A claimed id that could not be sold, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoneKey {
    pub id: KeyId,
    pub why: Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Sold to an order that was decided then. Sold before its epoch's load began, the SKU is rebuilt.
    SoldAt(Timestamp),
    Quarantined,
    /// No such key, or none of this SKU.
    Unknown,
}

/// A line as its row holds it: keys by id only. Written by every ledger in the same JSON, which audits read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLine {
    pub line_no: u32,
    pub sku: String,
    pub quantity: u32,
    #[serde(flatten)]
    pub outcome: StoredOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum StoredOutcome {
    Delivered { keys: Vec<i64> },
    Recharged { receipt: Option<String> },
    Rejected { reason: Reason },
    Processing,
    Review,
}

impl StoredOutcome {
    /// The ids of a delivered line.
    #[must_use]
    pub fn key_ids(&self) -> &[i64] {
        match self {
            Self::Delivered { keys } => keys,
            Self::Recharged { .. } | Self::Rejected { .. } | Self::Processing | Self::Review => &[],
        }
    }
}

impl From<&LineOutcome> for StoredOutcome {
    fn from(outcome: &LineOutcome) -> Self {
        match outcome {
            LineOutcome::Delivered(keys) => Self::Delivered { keys: keys.iter().map(|key| key.id.0).collect() },
            LineOutcome::Recharged { receipt } => Self::Recharged { receipt: receipt.clone() },
            LineOutcome::Rejected(reason) => Self::Rejected { reason: reason.clone() },
            LineOutcome::Processing => Self::Processing,
            LineOutcome::Review => Self::Review,
        }
    }
}

/// A row that this program did not write, or that was changed by hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the ledger's row of order {order_id} can't be read ({what}): run `fulfil audit`, and mend the row from a backup"
)]
pub struct UnreadableRow {
    pub order_id: String,
    pub what: String,
}

impl StoredLine {
    /// The text of an order's `lines` column.
    #[must_use]
    pub fn write(lines: &[Self]) -> String {
        // Serialising plain structs into a String can't fail; an empty list is what a reader would then see.
        serde_json::to_string(lines).unwrap_or_else(|_| "[]".into())
    }

    /// # Errors
    /// [`UnreadableRow`] when the text is not what [`StoredLine::write`] writes.
    pub fn read(order_id: &str, text: &str) -> Result<Vec<Self>, UnreadableRow> {
        serde_json::from_str(text)
            .map_err(|error| UnreadableRow { order_id: order_id.to_owned(), what: error.to_string() })
    }

    /// The line with its keys' sealed bytes, which `sealed_of` finds; keys by rising id.
    ///
    /// # Errors
    /// [`UnreadableRow`] when a key is missing or a field is out of its bounds.
    pub fn with_keys(
        self,
        order_id: &str,
        mut sealed_of: impl FnMut(KeyId) -> Option<SealedKey>,
    ) -> Result<RecordedLine, UnreadableRow> {
        let broken = |what: String| UnreadableRow { order_id: order_id.to_owned(), what };
        let outcome = match self.outcome {
            StoredOutcome::Rejected { reason } => LineOutcome::Rejected(reason),
            StoredOutcome::Recharged { receipt } => LineOutcome::Recharged { receipt },
            StoredOutcome::Processing => LineOutcome::Processing,
            StoredOutcome::Review => LineOutcome::Review,
            StoredOutcome::Delivered { mut keys } => {
                keys.sort_unstable();
                let mut delivered = Vec::with_capacity(keys.len());
                for id in keys.into_iter().map(KeyId) {
                    let sealed = sealed_of(id).ok_or_else(|| broken(format!("key {id} is missing")))?;
                    delivered.push(DeliveredKey { id, sealed });
                }
                LineOutcome::Delivered(delivered)
            }
        };
        Ok(RecordedLine {
            line_no: LineNo(self.line_no),
            sku: Sku::parse(&self.sku).map_err(|error| broken(format!("SKU {error}")))?,
            quantity: Quantity::new(self.quantity).ok_or_else(|| broken(format!("quantity {}", self.quantity)))?,
            outcome,
        })
    }
}
