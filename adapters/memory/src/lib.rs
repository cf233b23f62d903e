//! Every port in memory, without I/O: for models of the pipeline, which disturb any call they like.
//!
//! What holds here: a call's effect is whole or absent; what the ports promise holds as on servers, and the
//! conformance suites say so. Nothing outlives the process.
//!
//! - [`Memory`]: the one backend; [`Memory::disturb`] and [`Fault`]: what may happen to a call (`faults`)
//! - the ledger, its side of stock, what audits read: `ledger`, `stock_ledger`, `books`
//! - stock and its loss: `stock`; messages in and out: `source`, `announcer`

mod announcer;
mod books;
mod faults;
mod ledger;
mod source;
mod stock;
mod stock_ledger;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use faults::Fault;
use fulfil_contract::time::Timestamp;
pub use stock::StockCopy;
use tokio::sync::watch;

/// A broker, a stock server and a ledger. Cheap to clone: all clones are the same one.
#[derive(Clone)]
pub struct Memory(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    faults: Mutex<faults::Disturber>,
    /// Changes whenever there may be messages to give.
    news: watch::Sender<()>,
}

struct State {
    /// The ledger's clock, where it was set.
    now: Option<Timestamp>,
    ledger: ledger::Tables,
    stock: stock::Server,
    broker: source::Queues,
    announced: Vec<fulfil_contract::ports::announcer::Publication>,
}

impl State {
    fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(Timestamp::now)
    }
}

impl Memory {
    /// Empty, with this many lanes.
    #[must_use]
    pub fn new(lanes: u16) -> Self {
        let state = State {
            now: None,
            ledger: ledger::Tables::default(),
            stock: stock::Server::default(),
            broker: source::Queues::new(lanes),
            announced: Vec::new(),
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            faults: Mutex::new(Arc::new(|_| Fault::None)),
            news: watch::Sender::new(()),
        }))
    }

    /// Stops the ledger's clock at this time; without it, it is this machine's.
    pub fn set_now(&self, now: Timestamp) {
        self.state().now = Some(now);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}
