//! A worker: its lanes and the tasks beside them, from start to drained.
//!
//! What holds here: every task ends when draining begins or, at the latest, when the grace period is over;
//! settles that wait are flushed at the end, and results that the last procurements owe are announced; what became of
//! the deliveries is summed over the lanes.

mod beside;
mod ending;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fulfil_contract::{
    ids::WorkerId,
    ports::{
        announcer::Announcer,
        ledger::Ledger,
        procurements::Procurements,
        source::{SourceError, Sources},
        stock::{Stock, StockClaims, StockLoading},
        stock_ledger::StockLedger,
    },
};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
};

use crate::{
    chance::Dice,
    ops::drain::{Drain, Draining, Phase},
    patience::{Again, Ended, persist},
    pipeline::{Way, alone::Gate, announce::Mode, batch::Tally, board::Board, intake::Limits, lane::Lane},
    procurement::{
        assortment::Assortment,
        buyer::{Buyer, Supplies, Times},
        unaided::Unaided,
    },
    stock::{
        catalogue::Catalogue,
        desk::{Alarm, ClaimDesk},
        import::Vault,
    },
};

const ALARMS: usize = 256;
/// How long a worker that ends by itself waits for a broker that is away.
const REACHED_WITHIN: Duration = Duration::from_secs(30);

/// Everything that a worker works with.
pub struct Ports {
    pub sources: Arc<dyn Sources>,
    /// One announcer a lane: each has a connection of its own.
    pub announcers: Box<dyn Fn() -> Arc<dyn Announcer> + Send + Sync>,
    pub stock: Arc<dyn Stock>,
    pub loading: Arc<dyn StockLoading>,
    pub claims: Arc<dyn StockClaims>,
    pub ledger: Arc<dyn Ledger>,
    pub stock_ledger: Arc<dyn StockLedger>,
    pub procurements: Arc<dyn Procurements>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports")
    }
}

#[derive(Debug, Clone)]
pub struct Settings {
    pub mode: Mode,
    pub limits: Limits,
    pub in_flight: usize,
    /// End when nothing has been ready, and nothing of its own in flight, for so long.
    pub until_empty: Option<Duration>,
    /// How long what is in flight may take once draining began.
    pub grace: Duration,
    /// Which SKUs suppliers may fill.
    pub assortment: Arc<Assortment>,
    /// Of procurements, whether this process buys or not.
    pub times: Times,
    /// `None`: this process buys nothing; others do.
    pub buying: Option<Buying>,
}

/// What buying from suppliers takes.
#[derive(Debug, Clone)]
pub struct Buying {
    pub supplies: Supplies,
    pub vault: Vault,
    /// Procurements that are worked on at once.
    pub in_flight: usize,
    /// Rung when there may be something due.
    pub bell: Arc<Notify>,
    /// With `until_empty`: no procurement may be open either.
    pub awaits_all: bool,
}

/// What a worker did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Done {
    pub tally: Tally,
    pub seconds: f64,
    /// The grace period ended before everything in flight was finished; it is delivered again.
    pub abandoned: bool,
    /// A task ended by a panic, which was logged; the others drained.
    pub broken: bool,
}

impl Done {
    #[must_use]
    pub fn nothing() -> Self {
        Self { tally: Tally::default(), seconds: 0.0, abandoned: false, broken: false }
    }
}

/// A new worker id: one run of one process.
#[must_use]
pub fn worker_id(dice: &Dice) -> WorkerId {
    let id = format!("w-{}-{:016x}", std::process::id(), dice.bits());
    #[expect(clippy::expect_used, reason = "letters, digits and dashes, at most 29 of them")]
    WorkerId::parse(&id).expect("within the bounds of an id")
}

/// Why a worker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Source(SourceError),
    #[error("ended before the broker was reached")]
    Ended,
}

impl From<Ended<SourceError>> for StartError {
    fn from(ended: Ended<SourceError>) -> Self {
        match ended {
            Ended::Failed(error) => Self::Source(error),
            Ended::Abandoned(_) => Self::Ended,
        }
    }
}

/// Runs a worker until `drain` begins (somebody ends it) or its queues are empty.
///
/// # Errors
/// [`StartError`].
pub async fn run(
    ports: Ports,
    settings: Settings,
    board: Board,
    drain: Arc<Drain>,
    mut draining: Draining,
) -> Result<Done, StartError> {
    let started = Instant::now();
    let lanes = lanes(&*ports.sources, settings.until_empty, &mut draining).await?;
    let (own, called) = Own::new(&ports, draining.dice());
    let mut beside = beside::begin(&ports, &settings, &own, called, &draining).await;
    let mut slow_lane = slow_lane(&ports, &settings, &own, &board, &draining);
    tracing::info!(worker = %own.worker, lanes = lanes.len(), "working");
    let running = start(lanes, &ports, &settings, &own, &board, &draining);
    // Ended with this function, if not before.
    let _ending = ending::begin(&ports, &settings, board, &drain, &draining);

    let (tally, broken) = ending::see_through(running, [&mut beside, &mut slow_lane], &drain).await;
    drain.enter(Phase::Draining);
    ending::finish(slow_lane, &ports, settings.mode, &mut draining).await;
    let abandoned = draining.phase() == Phase::Abandoning;
    beside::end(beside, &own.desk).await;
    Ok(Done { tally, seconds: started.elapsed().as_secs_f64(), abandoned, broken })
}

/// What the tasks of one worker share.
struct Own {
    worker: WorkerId,
    catalogue: Arc<Catalogue>,
    desk: Arc<ClaimDesk>,
    /// Rung when a result may be owed.
    owed: Arc<Notify>,
}

impl Own {
    /// With what the desk calls for.
    fn new(ports: &Ports, dice: &Dice) -> (Self, mpsc::Receiver<Alarm>) {
        let (worker, catalogue) = (worker_id(dice), Arc::new(Catalogue::default()));
        let (alarms, called) = mpsc::channel(ALARMS);
        let desk = Arc::new(ClaimDesk::new(ports.stock.clone(), catalogue.clone(), worker.clone(), alarms));
        (Self { worker, catalogue, desk, owed: Arc::default() }, called)
    }
}

/// Starts every lane.
fn start(
    lanes: Vec<u16>,
    ports: &Ports,
    settings: &Settings,
    own: &Own,
    board: &Board,
    draining: &Draining,
) -> JoinSet<Tally> {
    let bell = settings.buying.as_ref().map(|buying| buying.bell.clone()).unwrap_or_default();
    let gate = Gate::default();
    let mut running = JoinSet::new();
    for lane in lanes {
        let way = Way {
            ledger: ports.ledger.clone(),
            desk: own.desk.clone(),
            announcer: (ports.announcers)(),
            assortment: settings.assortment.clone(),
            bell: bell.clone(),
            mode: settings.mode,
            lane,
        };
        let lane = Lane {
            sources: ports.sources.clone(),
            way,
            gate: gate.clone(),
            limits: settings.limits,
            in_flight: settings.in_flight,
            draining: draining.clone(),
            state: board.add_lane(),
        };
        running.spawn(draining.dice().clone().in_turn("lane", lane.run()));
    }
    running
}

/// What goes on with procurements: every worker ends what needs no supplier, and buys if it may.
fn slow_lane(ports: &Ports, settings: &Settings, own: &Own, board: &Board, draining: &Draining) -> JoinSet<()> {
    let mut slow_lane = JoinSet::new();
    let dice = || draining.dice().clone();
    let unaided = Unaided {
        ledger: ports.procurements.clone(),
        worker: own.worker.clone(),
        times: settings.times,
        owed: own.owed.clone(),
    };
    slow_lane.spawn(dice().in_turn("unaided", unaided.run(draining.clone())));
    if let Some(buying) = settings.buying.clone() {
        let buyer = buyer(ports, settings, buying, own).run(board.clone(), draining.clone());
        slow_lane.spawn(dice().in_turn("buyer", buyer));
    }
    slow_lane
}

fn buyer(ports: &Ports, settings: &Settings, buying: Buying, own: &Own) -> Buyer {
    Buyer {
        ledger: ports.procurements.clone(),
        supplies: buying.supplies,
        assortment: settings.assortment.clone(),
        vault: buying.vault,
        times: settings.times,
        in_flight: buying.in_flight,
        worker: own.worker.clone(),
        bell: buying.bell,
        owed: own.owed.clone(),
    }
}

/// Which lanes there are; a broker that is away is waited for, and who is to end by itself gives up in time.
async fn lanes(
    sources: &dyn Sources,
    until_empty: Option<Duration>,
    draining: &mut Draining,
) -> Result<Vec<u16>, StartError> {
    let since = tokio::time::Instant::now();
    let again = |error: &SourceError| match error {
        SourceError::Unavailable(_) | SourceError::SessionLost(_)
            if until_empty.is_some() && since.elapsed() >= REACHED_WITHIN =>
        {
            Again::No
        }
        SourceError::Unavailable(_) | SourceError::SessionLost(_) => Again::Yes,
        SourceError::Topology(_) => Again::No,
    };
    let mut ending = draining.clone();
    tokio::select! {
        biased;
        () = ending.begun() => Err(StartError::Ended),
        lanes = persist("look for lanes", draining, again, || sources.lanes()) => lanes.map_err(StartError::from),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use fulfil_contract::ports::source::Source;

    use super::*;

    struct Away;

    #[async_trait]
    impl Sources for Away {
        async fn lanes(&self) -> Result<Vec<u16>, SourceError> {
            Err(SourceError::Unavailable("it is away".into()))
        }

        async fn open(&self, _: u16) -> Result<Box<dyn Source>, SourceError> {
            Err(SourceError::Unavailable("it is away".into()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_ends_by_itself_does_not_wait_for_the_broker_for_ever() {
        let (drain, mut draining) = Drain::new();
        let since = tokio::time::Instant::now();
        let given_up = lanes(&Away, Some(Duration::from_secs(2)), &mut draining).await.unwrap_err();
        assert!(matches!(&given_up, StartError::Source(SourceError::Unavailable(_))), "{given_up}");
        assert!((REACHED_WITHIN..REACHED_WITHIN * 2).contains(&since.elapsed()), "{:?}", since.elapsed());

        let waiting = tokio::time::timeout(REACHED_WITHIN * 20, lanes(&Away, None, &mut draining)).await;
        assert!(waiting.is_err(), "a worker goes on waiting: {waiting:?}");
        drain.enter(Phase::Draining);
        assert!(matches!(lanes(&Away, None, &mut draining).await, Err(StartError::Ended)));
    }
}
