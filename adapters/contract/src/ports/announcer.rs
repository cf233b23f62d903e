//! Results and dead letters out. What is confirmed is on the broker's disks, and routed.

use async_trait::async_trait;

/// Where a publication goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Exchange `results`.
    Results,
    /// Past the queues that are bound to it, where nobody's refusal counts: queue `results`, which holds what no queue
    /// of the platform takes.
    Unrouted,
    /// Queue `orders.dead`.
    DeadLetters,
}

/// One message to publish: persistent, mandatory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    pub destination: Destination,
    pub routing_key: String,
    /// AMQP `type`.
    pub kind: &'static str,
    /// Empty for an array of results, whose elements carry their own.
    pub message_id: String,
    pub body: Vec<u8>,
    /// For dead letters: the reason's code and detail, as headers.
    pub reason: Option<(String, String)>,
}

/// What the broker said to one publication.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    Confirmed,
    /// Refused by a queue (nack), or no queue took it (returned).
    Refused(String),
}

/// Nothing is known of any publication of the call: publish all of them again, the bytes are the same (I9).
#[derive(Debug, thiserror::Error)]
#[error("results can't be published now: {0}")]
pub struct AnnounceUnavailable(pub String);

#[async_trait]
pub trait Announcer: Send + Sync {
    /// Publishes all together and waits for all verdicts, in the same order.
    ///
    /// # Errors
    /// [`AnnounceUnavailable`] after the adapter's time limit or when the connection is lost; the next call
    /// connects anew.
    async fn publish(&self, batch: Vec<Publication>) -> Result<Vec<Verdict>, AnnounceUnavailable>;
}
