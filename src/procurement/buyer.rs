//! The slow lane of one worker: it leases due procurements, as many as it has room for, and visits each.
//!
//! What holds here: at most `in_flight` visits are under way; a supplier that does not answer holds no more of
//! them than its bulkhead lets in, the others' procurements wait in the ledger; when draining begins nothing new
//! is leased, and what is under way is finished.

use std::{collections::HashMap, sync::Arc, time::Duration};

use fulfil_contract::{
    ids::WorkerId,
    money::Currency,
    ports::{ledger::LedgerError, procurements::Procurements},
    supplier::{SupplierName, SupplierProduct},
};
use tokio::{sync::Notify, task::JoinSet, time::Instant};

use super::{
    assortment::Assortment,
    guard::{BreakerState, Guarded},
    visit::{BrokenOff, Visit, Visited},
};
use crate::{
    crash::{self, Point},
    ops::{
        drain::{Draining, Phase},
        procurement_metrics as metrics,
    },
    patience::Pauses,
    pipeline::board::Board,
    stock::import::Vault,
};

/// Between two looks for due procurements when the last found none.
const IDLE: Duration = Duration::from_millis(250);
/// The most that are leased at once.
const MOST_LEASED: usize = 64;

/// One configured supplier.
pub struct Supply {
    pub guarded: Arc<Guarded>,
    pub currency: Currency,
    /// The first pause between two queries about an attempt.
    pub poll: Duration,
    /// Instead of what the protocol promises.
    pub settle: Option<Duration>,
    /// Everything that routes buy here.
    pub products: Vec<SupplierProduct>,
}

impl Supply {
    /// So long after the last byte a purchase may still appear there.
    #[must_use]
    pub fn settle(&self) -> Duration {
        self.settle.unwrap_or_else(|| self.guarded.promises().settle)
    }
}

impl std::fmt::Debug for Supply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Supply({})", self.guarded.name())
    }
}

/// All configured suppliers.
#[derive(Debug, Default, Clone)]
pub struct Supplies(Arc<HashMap<SupplierName, Supply>>);

impl Supplies {
    #[must_use]
    pub fn new(supplies: Vec<Supply>) -> Self {
        Self(Arc::new(supplies.into_iter().map(|supply| (supply.guarded.name().clone(), supply)).collect()))
    }

    #[must_use]
    pub fn get(&self, name: &SupplierName) -> Option<&Supply> {
        self.0.get(name)
    }

    /// By name.
    #[must_use]
    pub fn all(&self) -> Vec<&Supply> {
        let mut all: Vec<&Supply> = self.0.values().collect();
        all.sort_by(|one, two| one.guarded.name().cmp(two.guarded.name()));
        all
    }

    /// Each supplier's health now, for people: an object by supplier.
    #[must_use]
    pub fn told(&self) -> serde_json::Value {
        let now = Instant::now().into_std();
        let told = |supply: &Supply| {
            let health = supply.guarded.health(now);
            let until = match health.breaker {
                BreakerState::Open { until } => Some(until.as_secs_f64()),
                BreakerState::Closed | BreakerState::HalfOpen => None,
            };
            serde_json::json!({
                "breaker": health.breaker.as_str(),
                "breaker_opens_in_seconds": until,
                "paused": health.paused.as_ref().map(|paused| paused.reason.to_string()),
                "paused_for_seconds": health.paused.as_ref().map(|paused| paused.until.as_secs_f64()),
                "success": health.success,
                "latency_ms": health.latency.map(|latency| latency.as_millis()),
                "calls": health.calls,
                "failures": health.failures,
                "in_flight": health.in_flight,
                "concurrency": health.concurrency,
                "balance": health.balance.as_ref().map(|balance| balance.told.amount),
            })
        };
        self.all().into_iter().map(|supply| (supply.guarded.name().to_string(), told(supply))).collect()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// How long a lease lasts.
    pub lease: Duration,
    /// What a line may take until it is rejected, or goes to a person.
    pub line: Duration,
}

/// What the visits of one worker share.
#[derive(Clone)]
pub struct Buyer {
    pub ledger: Arc<dyn Procurements>,
    pub supplies: Supplies,
    pub assortment: Arc<Assortment>,
    pub vault: Vault,
    pub times: Times,
    pub in_flight: usize,
    pub worker: WorkerId,
    /// Rung when this process has made a procurement, or a callback woke one.
    pub bell: Arc<Notify>,
    /// Rung when a visit has ended a procurement: a result may be owed.
    pub owed: Arc<Notify>,
}

impl std::fmt::Debug for Buyer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buyer({} suppliers)", self.supplies.0.len())
    }
}

impl Buyer {
    /// Works until draining begins, then finishes what is under way.
    pub async fn run(self, board: Board, mut draining: Draining) {
        let mut visits: JoinSet<Result<Visited, BrokenOff>> = JoinSet::new();
        let mut pauses = draining.pauses();
        while draining.phase() == Phase::Running {
            while let Some(ended) = visits.try_join_next() {
                self.tell(ended);
            }
            let room = self.in_flight.saturating_sub(visits.len()).min(MOST_LEASED);
            let found = if room == 0 { 0 } else { self.lease(room, &mut visits, &draining, &mut pauses).await };
            metrics::visits(visits.len());
            board.visiting(visits.len() as u64);
            if found > 0 && found == room {
                continue;
            }
            if room == 0 {
                tokio::select! {
                    biased;
                    Some(ended) = visits.join_next() => self.tell(ended),
                    () = draining.begun() => break,
                }
            } else {
                tokio::select! {
                    biased;
                    () = self.bell.notified() => {}
                    whole = draining.pause(IDLE) => if !whole { break },
                }
            }
        }
        while let Some(ended) = visits.join_next().await {
            self.tell(ended);
        }
    }

    fn tell(&self, ended: Result<Result<Visited, BrokenOff>, tokio::task::JoinError>) {
        match ended {
            Ok(Ok(Visited::Ended)) => self.owed.notify_one(),
            Ok(Ok(Visited::Waiting)) => {}
            Ok(Err(error)) => {
                metrics::broken_off();
                tracing::warn!(%error, "a procurement was left; it goes on when its lease lapses");
            }
            Err(panic) => tracing::error!(%panic, "a visit to a procurement ended without an outcome"),
        }
    }

    /// Leases up to `room`, and starts their visits; how many there were.
    async fn lease(
        &self,
        room: usize,
        visits: &mut JoinSet<Result<Visited, BrokenOff>>,
        draining: &Draining,
        pauses: &mut Pauses,
    ) -> usize {
        let before = Instant::now();
        let most = u32::try_from(room).unwrap_or(u32::MAX);
        let leased = async {
            let leased = self.ledger.lease(&self.worker, most, self.times.lease).await?;
            if !leased.is_empty() {
                crash::at(Point::Leased, &leased).await?;
            }
            Ok::<_, LedgerError>(leased)
        };
        let leased = match leased.await {
            Ok(leased) => leased,
            Err(error) => {
                tracing::warn!(%error, "due procurements can't be read; trying again");
                tokio::time::sleep(pauses.next_pause()).await;
                return 0;
            }
        };
        pauses.reset();
        let after = Instant::now();
        let found = leased.len();
        for procurement in leased {
            let (buyer, draining) = (self.clone(), draining.clone());
            let dice = draining.dice().clone();
            let visit = async move { Visit::new(&buyer, procurement, before, after, draining).run().await };
            visits.spawn(dice.in_turn("visit", visit));
        }
        found
    }
}
