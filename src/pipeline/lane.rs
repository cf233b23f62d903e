//! A lane: its sessions with the broker one after the other, several batches in flight, acknowledged in
//! order. What holds here: nothing is acknowledged on a session other than its own; when a session ends,
//! its batches are brought to their end and their receipts dropped; each wait ends with the grace period.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use fulfil_contract::ports::source::{Delivery, Source, SourceError, Sources};
use tokio::task::JoinSet;

use super::{
    GivenUp, Way,
    acknowledge::acknowledge,
    alone::{Gate, Run, runs, tried},
    batch::{Announced, Tally},
    board::LaneState,
    intake::Limits,
    watermark::{BatchNo, Watermark},
};
use crate::{
    crash::{self, Point},
    ops::{
        drain::{Draining, Phase},
        metrics,
    },
};

/// How often an idle lane asks how much is ready.
const IDLE_LOOK: Duration = Duration::from_millis(250);

pub struct Lane {
    pub sources: Arc<dyn Sources>,
    pub way: Way,
    pub gate: Gate,
    pub limits: Limits,
    /// Batches in flight at most.
    pub in_flight: usize,
    pub draining: Draining,
    pub state: Arc<LaneState>,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lane({})", self.way.lane)
    }
}

/// Batches that are dropped with their lane end with it.
type Flying = JoinSet<(BatchNo, Result<Announced, GivenUp>)>;

/// Why a session is over.
enum End {
    Drained,
    Lost(String),
}

impl Lane {
    /// Works until draining begins and what is in flight is finished; gives what became of the deliveries.
    pub async fn run(mut self) -> Tally {
        let mut tally = Tally::default();
        let mut pauses = self.draining.pauses();
        while self.draining.phase() == Phase::Running {
            let source = match self.open().await {
                Some(Ok(source)) => source,
                Some(Err(error)) => {
                    tracing::warn!(lane = self.way.lane, %error, "the lane can't be opened; trying again");
                    self.draining.pause(pauses.next_pause()).await;
                    continue;
                }
                None => break,
            };
            self.state.opened();
            metrics::session_opened(self.way.lane);
            let before = tally.orders();
            let end = self.session(source, &mut tally).await;
            self.state.closed();
            match end {
                End::Drained => break,
                End::Lost(why) => {
                    tracing::warn!(lane = self.way.lane, why, "the lane's session is over; opening another")
                }
            }
            metrics::session_lost(self.way.lane);
            if tally.orders() > before {
                pauses.reset();
            }
            self.draining.pause(pauses.next_pause()).await;
        }
        tally
    }

    /// `None`: draining began meanwhile.
    async fn open(&self) -> Option<Result<Box<dyn Source>, SourceError>> {
        let mut draining = self.draining.clone();
        tokio::select! {
            biased;
            () = draining.begun() => None,
            opened = self.sources.open(self.way.lane) => Some(opened),
        }
    }

    async fn session(&mut self, mut source: Box<dyn Source>, tally: &mut Tally) -> End {
        let mut session = Session { watermark: Watermark::default(), flying: Flying::new(), waiting: VecDeque::new() };
        let end = self.work(source.as_mut(), &mut session, tally).await;
        // What is under way is recorded and announced all the same; its receipts are of a dead session.
        while let Some(done) = session.flying.join_next().await {
            if let Ok((_, Ok(announced))) = done {
                tally.add(&announced.tally);
                self.state.handled(announced.tally.orders());
            }
        }
        source.close().await;
        end
    }

    async fn work(&mut self, source: &mut dyn Source, session: &mut Session, tally: &mut Tally) -> End {
        let mut look = tokio::time::interval_at(tokio::time::Instant::now() + IDLE_LOOK, IDLE_LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut draining = self.draining.clone();
        loop {
            let running = draining.phase() == Phase::Running;
            if !running && session.flying.is_empty() {
                return End::Drained;
            }
            while running && session.watermark.in_flight() < self.in_flight {
                let Some(run) = session.waiting.pop_front() else { break };
                self.start(run, session);
            }
            let hungry = running && session.waiting.is_empty() && session.watermark.in_flight() < self.in_flight;
            let quiet = running && session.watermark.in_flight() == 0;
            let step = tokio::select! {
                biased;
                Some(done) = session.flying.join_next() => self.finish(done, source, &mut session.watermark, tally).await,
                got = source.next(self.limits.orders), if hungry => match got {
                    Ok(deliveries) => self.take(deliveries, session).await.map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                },
                () = draining.begun(), if running => Ok(()),
                _ = look.tick(), if quiet => self.look(source).await.map_err(|error| error.to_string()),
            };
            if let Err(why) = step {
                return End::Lost(why);
            }
        }
    }

    /// Cuts what has arrived into runs.
    async fn take(&self, deliveries: Vec<Delivery>, session: &mut Session) -> Result<(), GivenUp> {
        self.state.idle(false);
        metrics::delivered(&deliveries);
        let tried = tried(&deliveries, &*self.way.ledger, &mut self.draining.clone()).await?;
        session.waiting.extend(runs(deliveries, &tried, self.limits));
        Ok(())
    }

    fn start(&self, run: Run, session: &mut Session) {
        let batch = session.watermark.start();
        let (way, gate, mut draining) = (self.way.clone(), self.gate.clone(), self.draining.clone());
        session.flying.spawn(self.draining.dice().clone().in_turn("batch", async move {
            let fulfilled = run.fulfil(&way, &gate, &mut draining).await;
            (batch, fulfilled)
        }));
    }

    /// A quiet lane asks whether its queue is empty.
    async fn look(&mut self, source: &mut dyn Source) -> Result<(), SourceError> {
        let ready = source.ready().await?;
        self.state.idle(ready == 0);
        Ok(())
    }

    /// A batch has ended: count it, and acknowledge what is due.
    async fn finish(
        &self,
        done: Result<(BatchNo, Result<Announced, GivenUp>), tokio::task::JoinError>,
        source: &mut dyn Source,
        watermark: &mut Watermark,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let (batch, fulfilled) = done.map_err(|panic| format!("a batch ended without an outcome: {panic}"))?;
        let announced = fulfilled.map_err(|given_up| given_up.to_string())?;
        tally.add(&announced.tally);
        self.state.handled(announced.tally.orders());
        metrics::announced(&announced);
        if let Some(last) = announced.into_last_receipt() {
            watermark.finish(batch, last);
        }
        match watermark.due() {
            Some(last) => {
                crash::at(Point::Acknowledging, &last).await.map_err(|failing| failing.to_string())?;
                let acknowledged = crash::after(Point::Acknowledged, &batch, acknowledge(source, last)).await;
                acknowledged.map_err(|error| error.to_string())
            }
            None => Ok(()),
        }
    }
}

struct Session {
    watermark: Watermark,
    flying: Flying,
    /// Cut and not started; the broker's prefetch bounds it.
    waiting: VecDeque<Run>,
}
