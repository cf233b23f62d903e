//! What a double remembers for judges: purchases, what went wrong on purpose, and every call. It lives as long
//! as the double.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A key as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Where a key is a number and a password.
    pub number: Option<String>,
    /// The password, or all of it.
    pub secret: String,
}

/// One purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// Microseconds since 1970.
    pub at_us: u64,
    /// The buyer's own id of it.
    pub reference: String,
    pub their_id: String,
    pub product: String,
    pub quantity: u32,
    /// Made for it, in order: told from the start, or the first time only ([`Lie::AnotherAnswer`]), if the
    /// outcome is [`Outcome::Done`], and not otherwise. Empty for top-ups.
    pub keys: Vec<Key>,
    /// Who was topped up.
    pub account: Option<String>,
    /// In minor units.
    pub charged: u64,
    /// Of that, what was paid back.
    pub paid_back: u64,
    pub lie: Option<Lie>,
    pub outcome: Outcome,
}

/// How an order was to end from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    PendingForEver,
    WithoutKeys,
    Cancelled,
    Refunded,
    RefundedInPart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lie {
    KnownKey,
    TooFew,
    TooMany,
    AnotherAnswer,
    RefusedButBought,
}

/// A reply that was not the one that the protocol would give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mishap {
    LostBeforeBuying,
    LostAfterBuying,
    HtmlBeforeBuying,
    HtmlAfterBuying,
    ErrorBeforeBuying,
    ErrorAfterBuying,
    Throttled,
    QueryLost,
    QueryHtml,
    QueryError,
}

/// One call, or one callback that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Microseconds since 1970, when it was taken.
    pub at_us: u64,
    /// `buy`, `query`, `keys`, `offers`, `balance`, `token`, `cancel`, `callback` or `other`.
    pub kind: String,
    pub path: String,
    pub reference: Option<String>,
    /// The status that was answered, or for a callback, that was got; 0 where there was none.
    pub status: u16,
    pub mishap: Option<Mishap>,
}

/// What `GET /double/log` gives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    pub purchases: Vec<Purchase>,
    /// In minor units, now.
    pub balance: i64,
}

pub(crate) fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
