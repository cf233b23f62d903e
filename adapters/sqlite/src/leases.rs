//! Who loads a SKU, who works on a procurement, and who lives. Kept in memory: one process works in a folder at a time, so that another
//! process's leases mean nothing, and a monotonic clock can be asked.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use fulfil_contract::ids::{Sku, WorkerId};

#[derive(Debug, Default)]
pub(crate) struct Leases(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    loaders: HashMap<Sku, (WorkerId, Instant)>,
    /// By the procurement's number: its fence then.
    procurers: HashMap<i64, (u64, Instant)>,
    living: HashMap<WorkerId, Instant>,
}

impl Leases {
    /// Takes or renews the loader's lease on a SKU; whether `worker` holds it now.
    pub(crate) fn load(&self, sku: &Sku, worker: &WorkerId, ttl: Duration) -> bool {
        let now = Instant::now();
        let mut held = self.held();
        match held.loaders.get_mut(sku) {
            Some((holder, until)) if holder != worker && *until > now => false,
            Some(lease) => {
                *lease = (worker.clone(), later(now, ttl));
                true
            }
            None => {
                held.loaders.insert(sku.clone(), (worker.clone(), later(now, ttl)));
                true
            }
        }
    }

    /// Begins or renews a lease on a procurement.
    pub(crate) fn procure(&self, procurement: i64, fence: u64, ttl: Duration) {
        self.held().procurers.insert(procurement, (fence, later(Instant::now(), ttl)));
    }

    /// Whether somebody works on a procurement whose row has this fence. A lease under another fence was not
    /// committed, so it is nobody's.
    pub(crate) fn procures(&self, procurement: i64, fence: u64) -> bool {
        let held = self.held();
        held.procurers.get(&procurement).is_some_and(|(of, until)| *of == fence && *until > Instant::now())
    }

    /// Ends a lease on a procurement, unless it is under another fence by now.
    pub(crate) fn end_procuring(&self, procurement: i64, fence: u64) {
        let mut held = self.held();
        if held.procurers.get(&procurement).is_some_and(|(of, _)| *of == fence) {
            held.procurers.remove(&procurement);
        }
    }

    pub(crate) fn beat(&self, worker: &WorkerId, ttl: Duration) {
        let now = Instant::now();
        let mut held = self.held();
        held.living.retain(|_, until| *until > now);
        held.living.insert(worker.clone(), later(now, ttl));
    }

    pub(crate) fn lives(&self, worker: &WorkerId) -> bool {
        self.held().living.get(worker).is_some_and(|until| *until > Instant::now())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn later(now: Instant, ttl: Duration) -> Instant {
    now.checked_add(ttl).unwrap_or(now)
}
