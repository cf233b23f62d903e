//! How a double behaves. Shares are from 0 to 1; those of one group exclude each other, so together they are
//! at most 1. The default is honest, at once, and sends no callbacks.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mood {
    pub seed: u64,

    // Replies to purchases. "before": nothing was bought; "after": it was. Decided anew for each send.
    pub lost_before: f64,
    pub lost_after: f64,
    pub html_before: f64,
    pub html_after: f64,
    pub error_before: f64,
    pub error_after: f64,
    pub throttled: f64,
    /// What `Retry-After` says, in seconds.
    pub retry_after: u64,

    // What is refused, once and for all for a reference.
    pub out_of_stock: f64,
    pub low_balance: f64,
    pub price_moved: f64,

    // Lies, one at most for a reference.
    /// One of its keys was sold before.
    pub known_keys: f64,
    /// One key fewer than was bought; not where one was bought.
    pub too_few: f64,
    pub too_many: f64,
    /// The keys are others from the second time on that they are told.
    pub another_answer: f64,
    /// It says out of stock, and has bought.
    pub refused_but_bought: f64,

    // The course of an order, after it was bought.
    pub pending_queries: PendingQueries,
    pub pending_time: PendingTime,
    pub pending_for_ever: f64,
    /// Done, with a text where keys should be, or with nothing.
    pub without_keys: f64,
    pub cancelled: f64,
    pub refunded: f64,
    pub refunded_in_part: f64,

    // Replies to all other calls but those for a token.
    pub query_lost: f64,
    pub query_html: f64,
    pub query_error: f64,

    /// Of every call.
    pub latency: Millis,
    /// Of purchases, beside that.
    pub buy_latency: Millis,

    /// Instead of what the protocol does.
    pub duplicates: Option<Duplicates>,
    /// A phone topped up within this many seconds is refused (Reloadly).
    pub recharged_lately: u64,
    pub callbacks: Option<Callbacks>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PendingQueries {
    pub share: f64,
    /// The query of this number finds it done.
    pub queries: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PendingTime {
    pub share: f64,
    pub millis: Millis,
}

/// A span of milliseconds to draw from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Millis {
    pub from: u64,
    pub to: u64,
}

impl Millis {
    #[must_use]
    pub fn fixed(millis: u64) -> Self {
        Self { from: millis, to: millis }
    }
}

/// What the reference of an earlier purchase, sent again, does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    Refuse,
    SameAgain,
    BuyAgain,
}

/// Callbacks that a double sends when an order ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Callbacks {
    /// Where to; without it, to the address that the purchase named, if it did. `http://` only.
    pub url: Option<String>,
    /// Of the orders that end.
    pub share: f64,
    pub delay_ms: u64,
    /// How often a callback is sent that is not taken, and after how long again.
    pub most: u32,
    pub again_ms: u64,
}

impl Default for Callbacks {
    fn default() -> Self {
        Self { url: None, share: 1.0, delay_ms: 0, most: 3, again_ms: 500 }
    }
}

impl Default for Mood {
    fn default() -> Self {
        Self {
            seed: 1,
            lost_before: 0.0,
            lost_after: 0.0,
            html_before: 0.0,
            html_after: 0.0,
            error_before: 0.0,
            error_after: 0.0,
            throttled: 0.0,
            retry_after: 5,
            out_of_stock: 0.0,
            low_balance: 0.0,
            price_moved: 0.0,
            known_keys: 0.0,
            too_few: 0.0,
            too_many: 0.0,
            another_answer: 0.0,
            refused_but_bought: 0.0,
            pending_queries: PendingQueries::default(),
            pending_time: PendingTime::default(),
            pending_for_ever: 0.0,
            without_keys: 0.0,
            cancelled: 0.0,
            refunded: 0.0,
            refunded_in_part: 0.0,
            query_lost: 0.0,
            query_html: 0.0,
            query_error: 0.0,
            latency: Millis::default(),
            buy_latency: Millis::default(),
            duplicates: None,
            recharged_lately: 120,
            callbacks: None,
        }
    }
}

impl Mood {
    /// # Errors
    /// Names the share that is not from 0 to 1, or the group whose shares are more than 1 together.
    pub fn check(&self) -> anyhow::Result<()> {
        let groups: [(&str, Vec<f64>); 5] = [
            (
                "replies to purchases (lost_*, html_*, error_*, throttled)",
                vec![
                    self.lost_before,
                    self.lost_after,
                    self.html_before,
                    self.html_after,
                    self.error_before,
                    self.error_after,
                    self.throttled,
                ],
            ),
            (
                "refusals (out_of_stock, low_balance, price_moved)",
                vec![self.out_of_stock, self.low_balance, self.price_moved],
            ),
            (
                "lies (known_keys, too_few, too_many, another_answer, refused_but_bought)",
                vec![self.known_keys, self.too_few, self.too_many, self.another_answer, self.refused_but_bought],
            ),
            (
                "courses (pending_*, without_keys, cancelled, refunded*)",
                vec![
                    self.pending_queries.share,
                    self.pending_time.share,
                    self.pending_for_ever,
                    self.without_keys,
                    self.cancelled,
                    self.refunded,
                    self.refunded_in_part,
                ],
            ),
            ("replies to queries (query_*)", vec![self.query_lost, self.query_html, self.query_error]),
        ];
        for (group, shares) in groups {
            anyhow::ensure!(
                shares.iter().all(|share| (0.0..=1.0).contains(share)) && shares.iter().sum::<f64>() <= 1.0 + 1e-9,
                "{group}: each share is from 0 to 1, and all together are at most 1: {shares:?}"
            );
        }
        for (name, span) in [
            ("latency", self.latency),
            ("buy_latency", self.buy_latency),
            ("pending_time.millis", self.pending_time.millis),
        ] {
            anyhow::ensure!(span.from <= span.to, "{name}: from is above to: {span:?}");
        }
        Ok(())
    }
}
