//! A procurement: the need to buy for one line that stock can't fill, as the ledger keeps it. A worker works on
//! it under a lease; the fence refuses whoever had it before.

use std::time::Duration;

use crate::{
    attempt::Attempt,
    ids::{Fingerprint, LineNo, OrderId, Quantity, SealedKey, Sku, WorkerId},
    money::{Currency, MinorUnits},
    order::Recharge,
    reason::Reason,
    time::Timestamp,
};

/// A procurement's number in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcurementId(pub i64);

/// What a line needs if a supplier has to fill it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What the merchant pays for one: the price guard.
    pub unit_price: MinorUnits,
    pub currency: Currency,
    /// Present on a direct top-up.
    pub recharge: Option<Recharge>,
}

/// The right to work on a procurement until the lease lapses. Every write names it; whoever's fence is not the
/// row's gets [`LeaseLost`](crate::ports::procurements::ProcurementError::LeaseLost).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub procurement: ProcurementId,
    pub worker: WorkerId,
    pub fence: u64,
}

/// A procurement as it was leased, with all that was tried for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Procurement {
    pub lease: Lease,
    pub order_id: OrderId,
    pub line_no: LineNo,
    pub sku: Sku,
    /// What the line wants in all.
    pub quantity: Quantity,
    pub need: Need,
    /// After this nothing new is bought for it.
    pub expires_at: Option<Timestamp>,
    pub made_at: Timestamp,
    /// The ledger's time when it was leased.
    pub now: Timestamp,
    /// Keys of earlier attempts that wait, sealed, until the line is whole.
    pub held: u32,
    /// By rising id.
    pub attempts: Vec<Attempt>,
}

/// A key that a supplier told, sealed (I7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoughtKey {
    pub fingerprint: Fingerprint,
    pub sealed: SealedKey,
}

/// Goods as the ledger takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealedGoods {
    /// In the supplier's order.
    Keys(Vec<BoughtKey>),
    Recharge {
        receipt: Option<String>,
    },
}

/// What the ledger made of delivered goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Placed {
    /// The line is whole, and the procurement ended.
    pub complete: bool,
    /// Keys that are in the ledger already: kept apart (`refused_key`), with a review.
    pub known: u32,
    /// Keys more than the line wanted: in stock now, with a review.
    pub surplus: u32,
    /// Keys that the attempt owed and did not give.
    pub missing: u32,
}

/// What the ledger made of goods that came after their worker had lost its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Late {
    /// The attempt was still open: they are placed as goods that come in time.
    Placed(Placed),
    /// The attempt has brought just these.
    Known,
    /// The attempt was final, and said otherwise: so many keys are in stock now, so many are kept apart, with a review.
    Kept { stocked: u32, apart: u32 },
}

impl Late {
    /// Why a review is resolved that held a line for an attempt whose goods came late.
    pub const REASON: &str = "the goods came from the worker that had bought them";
}

/// How a visit to a procurement ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// It is due again after so long (or earlier, if something wakes it); what it waits for, in a line.
    Wait { time: Duration, waits_for: String },
    /// Fill it from stock if stock has its whole quantity now; else it waits as above. Only without an open
    /// attempt, and never a top-up.
    FromStock { time: Duration, waits_for: String },
    /// The line finally fails. Only without an open attempt. Held keys go into stock.
    Reject(Reason),
    /// A person must decide; its open attempt, if any, becomes `in_review` in the same transaction.
    Review(ReviewCase),
}

/// What became of a procurement that was given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Released {
    Waiting,
    /// Stock filled it.
    Filled,
    Rejected,
    InReview,
}

/// Why a person is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewCase {
    pub kind: ReviewKind,
    /// What was seen, in a line or two; never a key.
    pub evidence: String,
}

/// The kinds of review. The first two hold a line until somebody decides; the others are told so that
/// somebody talks to the supplier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReviewKind {
    /// Whether the attempt bought anything can't be found out.
    Unsettled,
    /// The line's time is over while an attempt is open.
    Overdue,
    /// A key that is in the ledger already was delivered.
    KnownKey,
    TooFew,
    TooMany,
    /// A later answer for the same reference differs from an earlier one.
    AnotherAnswer,
}

impl ReviewKind {
    pub const ALL: [Self; 6] =
        [Self::Unsettled, Self::Overdue, Self::KnownKey, Self::TooFew, Self::TooMany, Self::AnotherAnswer];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsettled => "unsettled",
            Self::Overdue => "overdue",
            Self::KnownKey => "known_key",
            Self::TooFew => "too_few",
            Self::TooMany => "too_many",
            Self::AnotherAnswer => "another_answer",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether a line waits for the decision.
    #[must_use]
    pub fn holds_its_line(self) -> bool {
        match self {
            Self::Unsettled | Self::Overdue => true,
            Self::KnownKey | Self::TooFew | Self::TooMany | Self::AnotherAnswer => false,
        }
    }
}

/// A review's number in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReviewId(pub i64);

/// A review, with the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    pub id: ReviewId,
    pub case: ReviewCase,
    pub order_id: OrderId,
    pub line_no: LineNo,
    pub sku: Sku,
    pub quantity: Quantity,
    pub attempt: Option<Attempt>,
    pub opened_at: Timestamp,
    pub resolved: Option<Resolved>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub at: Timestamp,
    /// What was decided, as [`Resolution::as_str`].
    pub how: String,
    pub reason: String,
}

/// What a person decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The supplier did deliver: here are the goods. The attempt becomes delivered.
    Delivered(SealedGoods),
    /// The supplier bought nothing: the attempt becomes refused, and the line goes on to another supplier.
    Refused,
    /// The attempt becomes unknown again: it is asked about anew, with another span of time.
    AskAgain,
    /// The line fails, with this reason; its open attempt becomes refused.
    Reject(Reason),
    /// Seen, nothing to do: for reviews that hold no line.
    Noted,
}

impl Resolution {
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Delivered(_) => "delivered",
            Self::Refused => "refused",
            Self::AskAgain => "ask_again",
            Self::Reject(_) => "rejected",
            Self::Noted => "noted",
        }
    }
}

/// How many procurements there are, for metrics and `fulfil supplier list`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcurementCounts {
    pub open: u64,
    /// Of these, due now and not leased.
    pub due: u64,
    pub in_review: u64,
    pub reviews_open: u64,
    /// Seconds since the oldest open one was made.
    pub oldest_seconds: Option<u64>,
}
