//! Who may call a supplier now: breaker, pause, rate and bulkhead, asked in this order under one lock that is
//! never held while anything is waited for. It has no clock: it takes `now`.
//!
//! What holds here: a refusal takes nothing; a [`Permit`] gives back its place however it ends, and what it did
//! not use besides: its probe always, its token if no call was begun.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use fulfil_contract::supplier::SupplierName;

use super::{
    breaker::{Admission, Breaker, Change, Stands},
    budget::Budget,
    bulkhead::Bulkhead,
    closed::{Closed, ClosedWhy},
    health::{BreakerState, Health, Memory, Paused},
    meaning::{Kind, Meaning, Verdict},
    pause::Pause,
    rate::Rate,
    settings::GuardSettings,
};
use crate::ops::supplier_metrics as metrics;

pub(super) struct Gate {
    pub(super) supplier: SupplierName,
    state: Mutex<State>,
}

struct State {
    breaker: Breaker,
    pause: Pause,
    rate: Option<Rate>,
    bulkhead: Bulkhead,
    budget: Budget,
    memory: Memory,
}

/// The right to one call: a place among those under way until it is dropped. Dropped unused, it leaves nothing
/// behind.
#[must_use = "a permit that is dropped gives its place back"]
pub struct Permit {
    gate: Arc<Gate>,
    /// Until the breaker has heard of the call.
    admission: Option<Admission>,
    begun: bool,
}

/// Why a call is not made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotAgain {
    Closed,
    OverBudget,
}

impl Gate {
    pub(super) fn new(supplier: SupplierName, settings: &GuardSettings, seed: u64) -> Self {
        let state = State {
            breaker: Breaker::new(settings.breaker, seed),
            pause: Pause::new(seed.wrapping_add(1)),
            rate: Rate::new(settings.per_second),
            bulkhead: Bulkhead::new(settings.concurrency),
            budget: Budget::new(settings.retries),
            memory: Memory::default(),
        };
        metrics::breaker(&supplier, state.breaker.stands().as_gauge());
        Self { supplier, state: Mutex::new(state) }
    }

    /// # Errors
    /// [`Closed`].
    pub(super) fn admit(self: &Arc<Self>, kind: Kind, now: Instant) -> Result<Permit, Closed> {
        let mut state = self.lock();
        let before = state.breaker.stands();
        let admitted = state.admit(kind, now);
        let after = state.breaker.stands();
        if after != before {
            metrics::breaker(&self.supplier, after.as_gauge());
        }
        drop(state);
        if after != before {
            tracing::info!(supplier = %self.supplier, "the breaker is half open: a trial begins");
        }
        match admitted {
            Ok(admission) => {
                metrics::entered(&self.supplier);
                Ok(Permit { gate: Arc::clone(self), admission: Some(admission), begun: false })
            }
            Err(closed) => {
                metrics::refused(&self.supplier, closed.why.as_str());
                Err(closed)
            }
        }
    }

    pub(super) fn health(&self, now: Instant) -> Health {
        let state = self.lock();
        let paused = state.pause.now(now);
        Health {
            supplier: self.supplier.clone(),
            breaker: state.breaker.stands().at(now),
            paused: paused.map(|held| Paused { reason: held.reason, until: held.until - now, said: held.said.clone() }),
            success: state.memory.success(now),
            latency: state.memory.latency(),
            calls: state.memory.calls,
            failures: state.memory.failures,
            in_flight: state.bulkhead.taken(),
            concurrency: state.bulkhead.places(),
            offers: Arc::clone(&state.memory.offers),
            balance: state.memory.balance.clone(),
        }
    }

    /// What is remembered, to read or to add to.
    pub(super) fn memory<T>(&self, with: impl FnOnce(&mut Memory) -> T) -> T {
        with(&mut self.lock().memory)
    }

    /// There is more on the account than before.
    pub(super) fn balance_rose(&self) {
        self.lock().pause.balance_rose();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: Change) {
        match change {
            Change::None => {}
            Change::Opened(time, counts) => tracing::warn!(
                supplier = %self.supplier,
                failed = counts.failed,
                slow = counts.slow,
                of = counts.calls,
                for_ms = time.as_millis(),
                "the breaker opens; what is to be bought here waits in the ledger or goes elsewhere"
            ),
            Change::Closed => tracing::info!(supplier = %self.supplier, "the breaker closes: the trial went well"),
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({})", self.supplier)
    }
}

impl State {
    fn admit(&mut self, kind: Kind, now: Instant) -> Result<Admission, Closed> {
        let closed = |why, until| Closed { why, until };
        let admission = self.breaker.admit(now).map_err(|until| closed(ClosedWhy::BreakerOpen, until))?;
        let refused = self.pause_rate_and_bulkhead(kind, now);
        match refused {
            Ok(()) => Ok(admission),
            Err((why, until)) => {
                self.breaker.withdraw(admission);
                Err(closed(why, until))
            }
        }
    }

    fn pause_rate_and_bulkhead(&mut self, kind: Kind, now: Instant) -> Result<(), (ClosedWhy, Duration)> {
        self.pause.check(kind, now).map_err(|(reason, until)| (ClosedWhy::Paused(reason), until))?;
        if let Some(rate) = &mut self.rate {
            rate.take(now).map_err(|until| (ClosedWhy::Rate, until))?;
        }
        self.bulkhead.enter(now, self.memory.latency()).map_err(|until| {
            if let Some(rate) = &mut self.rate {
                rate.give_back();
            }
            (ClosedWhy::Full, until)
        })
    }

    /// Whether the call that has just ended may be made again after a pause. A trial's calls are not.
    fn plan_again(&mut self, kind: Kind, now: Instant) -> Result<(), NotAgain> {
        match self.breaker.stands() {
            Stands::Closed => {}
            Stands::HalfOpen | Stands::Open { .. } => return Err(NotAgain::Closed),
        }
        if self.pause.check(kind, now).is_err() {
            return Err(NotAgain::Closed);
        }
        if !self.budget.may_retry(now) {
            return Err(NotAgain::OverBudget);
        }
        self.budget.spend(now);
        Ok(())
    }

    /// Whether it may be made again now, the pause being over.
    fn again(&mut self, kind: Kind, now: Instant) -> Result<Admission, NotAgain> {
        let closed = self.breaker.stands() != Stands::Closed || self.pause.check(kind, now).is_err();
        if closed || self.rate.as_mut().is_some_and(|rate| rate.take(now).is_err()) {
            return Err(NotAgain::Closed);
        }
        self.breaker.admit(now).map_err(|_| NotAgain::Closed)
    }
}

impl Permit {
    /// Whether it is a permit for this supplier.
    pub(super) fn is_of(&self, gate: &Arc<Gate>) -> bool {
        Arc::ptr_eq(&self.gate, gate)
    }

    /// The call begins.
    pub(super) fn begin(&mut self, now: Instant) {
        self.begun = true;
        self.gate.lock().budget.call(now);
    }

    /// The call that began at `asked` has ended.
    pub(super) fn end(&mut self, kind: Kind, meaning: &Meaning<'_>, asked: Instant, now: Instant) {
        let took = now.saturating_duration_since(asked);
        let mut state = self.gate.lock();
        let before = state.breaker.stands();
        let change = match (self.admission.take(), meaning.verdict) {
            (None, _) => Change::None,
            (Some(admission), Verdict::Answered) => state.breaker.report(admission, false, took, now),
            (Some(admission), Verdict::Failed) => state.breaker.report(admission, true, took, now),
            (Some(admission), Verdict::Nothing) => {
                state.breaker.withdraw(admission);
                Change::None
            }
        };
        let paused = match (meaning.pause, meaning.verdict) {
            (Some(pause), _) => state.pause.refused(pause.reason, pause.wants, pause.said, asked, now),
            (None, Verdict::Answered) => {
                state.pause.worked(kind, asked);
                None
            }
            (None, Verdict::Failed | Verdict::Nothing) => None,
        };
        state.memory.call(meaning, took, now);
        if matches!(change, Change::Closed) {
            state.memory.well_again();
        }
        let after = state.breaker.stands();
        let supplier = &self.gate.supplier;
        if after != before {
            metrics::breaker(supplier, after.as_gauge());
        }
        drop(state);
        metrics::called(supplier, kind.as_str(), meaning.outcome, took);
        self.gate.tell(change);
        if let (Some(time), Some(pause)) = (paused, meaning.pause) {
            let (reason, said) = (pause.reason, pause.said);
            tracing::warn!(%supplier, %reason, said, for_ms = time.as_millis(), "the supplier is left alone for a time");
        }
    }

    /// Asks for one more call under the same place, after a pause: it is counted to the budget now, so that nobody
    /// waits for a retry that will not be.
    pub(super) fn plan_again(&mut self, kind: Kind, now: Instant) -> Result<(), NotAgain> {
        let planned = self.gate.lock().plan_again(kind, now);
        if planned == Err(NotAgain::OverBudget) {
            metrics::retry_refused(&self.gate.supplier);
        }
        planned
    }

    /// The pause is over: the call begins again, if it still may.
    pub(super) fn again(&mut self, kind: Kind, now: Instant) -> Result<(), NotAgain> {
        let admission = self.gate.lock().again(kind, now)?;
        metrics::retried(&self.gate.supplier);
        self.admission = Some(admission);
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        if let Some(admission) = self.admission.take() {
            state.breaker.withdraw(admission);
        }
        if !self.begun
            && let Some(rate) = &mut state.rate
        {
            rate.give_back();
        }
        state.bulkhead.leave();
        drop(state);
        metrics::left(&self.gate.supplier);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({})", self.gate.supplier)
    }
}

impl Stands {
    fn as_gauge(self) -> metrics::Breaker {
        match self {
            Self::Closed => metrics::Breaker::Closed,
            Self::HalfOpen => metrics::Breaker::HalfOpen,
            Self::Open { .. } => metrics::Breaker::Open,
        }
    }

    fn at(self, now: Instant) -> BreakerState {
        match self {
            Self::Closed => BreakerState::Closed,
            Self::HalfOpen => BreakerState::HalfOpen,
            Self::Open { until } => BreakerState::Open { until: until.saturating_duration_since(now) },
        }
    }
}
