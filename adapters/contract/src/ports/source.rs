//! Deliveries in, acknowledgements back. A receipt is of one session (connection and channel): a source
//! never acknowledges a receipt of an earlier session.

use async_trait::async_trait;

/// Why a source gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The session is over: nothing of it can be acknowledged, the broker delivers it again. Open a new one.
    #[error("the session with the broker ended: {0}")]
    SessionLost(String),
    /// The broker can't be reached. Try again with backoff.
    #[error("the broker can't be reached: {0}")]
    Unavailable(String),
    /// The broker lacks what we need.
    #[error("{0}")]
    Topology(String),
}

/// One message as delivered.
#[derive(Debug)]
pub struct Delivery {
    pub body: Vec<u8>,
    /// The broker may have delivered it before.
    pub redelivered: bool,
    /// How often the broker has delivered it before (`x-delivery-count`); it only shrinks the batch.
    pub delivery_count: u32,
    /// AMQP `message_id`, where it has one. Read only for a poison order, whose body is not.
    pub message_id: Option<String>,
    pub receipt: Receipt,
}

/// The right to acknowledge one delivery, once.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a delivery that is not acknowledged is delivered again"]
pub struct Receipt {
    session: u64,
    tag: u64,
}

impl Receipt {
    /// For adapters: `tag` rises within a session.
    pub fn new(session: u64, tag: u64) -> Self {
        Self { session, tag }
    }

    #[must_use]
    pub fn session(&self) -> u64 {
        self.session
    }

    #[must_use]
    pub fn tag(&self) -> u64 {
        self.tag
    }
}

/// Opens the sources of a worker's lanes.
#[async_trait]
pub trait Sources: Send + Sync {
    /// How many lanes there are now: those configured, and queues of an earlier, larger number that still exist.
    ///
    /// # Errors
    /// [`SourceError`] when the broker can't be asked.
    async fn lanes(&self) -> Result<Vec<u16>, SourceError>;

    /// A new session on a lane, with its own QoS.
    ///
    /// # Errors
    /// [`SourceError`] when it can't be opened within the adapter's time limit.
    async fn open(&self, lane: u16) -> Result<Box<dyn Source>, SourceError>;
}

/// One lane's session.
#[async_trait]
pub trait Source: Send {
    /// Waits for a delivery, then gives it with whatever else is here already, at most `most`, tags rising.
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`SourceError`]; after one, open a new session.
    async fn next(&mut self, most: usize) -> Result<Vec<Delivery>, SourceError>;

    /// Acknowledges every delivery of this session up to and including this one. A receipt of another
    /// session is dropped silently: the broker delivers that message again.
    ///
    /// # Errors
    /// [`SourceError`]; what was acknowledged is then unknown, and redelivery ends in I2.
    async fn acknowledge_up_to(&mut self, last: Receipt) -> Result<(), SourceError>;

    /// How many deliveries are ready for anybody, not counting what is in flight.
    ///
    /// # Errors
    /// [`SourceError`]; after one, open a new session.
    async fn ready(&mut self) -> Result<u64, SourceError>;

    /// Stops consuming; what was delivered and not acknowledged returns to the queue.
    async fn close(self: Box<Self>);
}
