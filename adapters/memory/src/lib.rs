//! Every port in memory, without I/O: for models of the pipeline, which disturb any call they like.
//!
//! What holds here: a call's effect is whole or absent; what the ports promise holds as on servers, and the
//! conformance suites say so. Nothing outlives the process.
//!
//! - [`Memory`]: the one backend; [`Memory::disturb`], [`Memory::through`] and [`Fault`]: what may happen to a call
//!   (`faults`)
//! - what a model looks at, without a call: `looks`
//! - the ledger, its side of stock, what audits read: `ledger`, `stock_ledger`, `books`
//! - what stock can't fill, and what people decide: `procurements`, `reviews`; leases lapse by tokio's clock, which
//!   a model may pause
//! - stock and its loss: `stock`; messages in and out: `source`, `announcer`

mod announcer;
mod books;
mod faults;
mod ledger;
mod looks;
mod procurements;
mod reviews;
mod source;
mod stock;
mod stock_ledger;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use faults::{Disturber, Fault};
use fulfil_contract::time::Timestamp;
pub use stock::StockCopy;
use tokio::{sync::Notify, time::Instant};

/// A broker, a stock server and a ledger. Cheap to clone: all clones are the same one.
#[derive(Clone)]
pub struct Memory {
    inner: Arc<Inner>,
    /// Decides on this way to the backend, instead of the disturber for all.
    own: Option<Arc<dyn Disturber>>,
}

struct Inner {
    state: Mutex<State>,
    faults: Mutex<Arc<dyn Disturber>>,
    /// Rung whenever there may be messages to give; those who wait are woken in the order in which they came.
    news: Notify,
}

struct State {
    /// The ledger's clock, where it was set.
    now: Option<Timestamp>,
    /// This machine's clock when tokio's said this.
    began: Moment,
    ledger: ledger::Tables,
    stock: stock::Server,
    broker: source::Queues,
    announced: Vec<fulfil_contract::ports::announcer::Publication>,
}

/// A point in time by both clocks: what is written, and what leases lapse by.
#[derive(Debug, Clone, Copy)]
struct Moment {
    time: Timestamp,
    instant: Instant,
}

impl Moment {
    fn after(self, time: Duration) -> Self {
        Self { time: Timestamp(self.time.0.saturating_add(micros(time))), instant: self.instant + time }
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

impl State {
    fn now(&self) -> Timestamp {
        self.moment().time
    }

    fn moment(&self) -> Moment {
        let instant = Instant::now();
        let since = instant.saturating_duration_since(self.began.instant);
        Moment { time: self.now.unwrap_or(self.began.after(since).time), instant }
    }
}

impl Memory {
    /// Empty, with this many lanes.
    #[must_use]
    pub fn new(lanes: u16) -> Self {
        Self::begun_at(lanes, Timestamp::now())
    }

    /// Empty, and the ledger's time is this.
    #[must_use]
    pub fn begun_at(lanes: u16, now: Timestamp) -> Self {
        let state = State {
            now: None,
            began: Moment { time: now, instant: Instant::now() },
            ledger: ledger::Tables::default(),
            stock: stock::Server::default(),
            broker: source::Queues::new(lanes),
            announced: Vec::new(),
        };
        let inner = Inner {
            state: Mutex::new(state),
            faults: Mutex::new(Arc::new(|_: &'static str| Fault::None)),
            news: Notify::new(),
        };
        Self { inner: Arc::new(inner), own: None }
    }

    /// Stops the time that the ledger writes; without it, it is this machine's, and goes on with tokio's clock.
    /// Leases lapse, and procurements come due, by tokio's clock alone.
    pub fn set_now(&self, now: Timestamp) {
        self.state().now = Some(now);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}
