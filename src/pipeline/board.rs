//! What the lanes of a worker show to those beside them: whether they have a session, since when they are
//! idle, how many deliveries they have brought to their end.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

/// One lane's state.
#[derive(Debug, Default)]
pub struct LaneState {
    open: AtomicBool,
    /// Set only while the queue is known to be empty and nothing of this lane is in flight.
    idle_since: Mutex<Option<Instant>>,
    handled: Arc<AtomicU64>,
}

impl LaneState {
    pub fn opened(&self) {
        self.open.store(true, Relaxed);
    }

    pub fn closed(&self) {
        self.open.store(false, Relaxed);
        self.idle(false);
    }

    pub fn idle(&self, idle: bool) {
        let mut since = self.idle_since.lock().unwrap_or_else(PoisonError::into_inner);
        match (idle, *since) {
            (true, None) => *since = Some(Instant::now()),
            (true, Some(_)) => {}
            (false, _) => *since = None,
        }
    }

    pub fn handled(&self, deliveries: u64) {
        self.handled.fetch_add(deliveries, Relaxed);
    }

    fn idle_for(&self, time: Duration) -> bool {
        self.idle_since.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|since| since.elapsed() >= time)
    }
}

/// All lanes of a worker.
#[derive(Debug, Clone, Default)]
pub struct Board {
    lanes: Arc<Mutex<Vec<Arc<LaneState>>>>,
    handled: Arc<AtomicU64>,
    /// Procurements that this worker visits now.
    visits: Arc<AtomicU64>,
}

impl Board {
    #[must_use]
    pub fn add_lane(&self) -> Arc<LaneState> {
        let state = Arc::new(LaneState { handled: self.handled.clone(), ..LaneState::default() });
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).push(state.clone());
        state
    }

    /// Deliveries brought to their end so far.
    #[must_use]
    pub fn handled(&self) -> u64 {
        self.handled.load(Relaxed)
    }

    pub fn visiting(&self, visits: u64) {
        self.visits.store(visits, Relaxed);
    }

    #[must_use]
    pub fn all_idle_for(&self, time: Duration) -> bool {
        self.visits.load(Relaxed) == 0
            && self.lanes.lock().unwrap_or_else(PoisonError::into_inner).iter().all(|lane| lane.idle_for(time))
    }

    /// Whether every lane takes orders.
    ///
    /// # Errors
    /// How many do not.
    pub fn ready(&self) -> Result<(), String> {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = lanes.iter().filter(|lane| !lane.open.load(Relaxed)).count();
        match (lanes.len(), closed) {
            (0, _) => Err("starting".into()),
            (_, 0) => Ok(()),
            (all, closed) => Err(format!("{closed} of {all} lanes have no session with the broker")),
        }
    }
}
