//! What ends procurements without any supplier, in every worker, whether it buys or not: their time is over, or new
//! stock fills them. So no line waits for ever where suppliers were taken out of the configuration, or where those who
//! buy are busy.
//!
//! What holds here: nothing is bought and nobody is asked; what somebody works on is left alone; a line whose attempt
//! may still bring goods is put before a person, never rejected.

use std::{sync::Arc, time::Duration};

use fulfil_contract::{
    attempt::{AttemptState, Change},
    ids::WorkerId,
    ports::procurements::{Limits, Procurements},
    procurement::{Procurement, Release, Released, ReviewKind},
};
use tokio::{sync::Notify, time::Instant};

use super::{
    buyer::Times,
    step::{self, Step},
    visit::{BrokenOff, again, wait},
};
use crate::{
    ops::{drain::Draining, procurement_metrics as metrics},
    patience::persist,
};

/// Between two looks, give or take a quarter.
const EVERY: Duration = Duration::from_secs(5);
/// Of one look.
const MOST: u32 = 100;
/// An attempt that was left in the middle is moved on first: `intended` or `sent`, then the end.
const MOST_STEPS: usize = 4;

/// Beside the lanes of one worker.
pub struct Unaided {
    pub ledger: Arc<dyn Procurements>,
    pub worker: WorkerId,
    pub times: Times,
    /// Rung when a result may be owed.
    pub owed: Arc<Notify>,
}

impl std::fmt::Debug for Unaided {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unaided({})", self.worker)
    }
}

impl Unaided {
    /// Looks until draining begins; at least once.
    pub async fn run(self, mut draining: Draining) {
        loop {
            self.fill().await;
            self.end_overdue(&mut draining).await;
            let pause = draining.dice().about(EVERY, 0.25);
            if !draining.pause(pause).await {
                return;
            }
        }
    }

    async fn fill(&self) {
        match self.ledger.fill_waiting(MOST).await {
            Ok(0) => {}
            Ok(filled) => {
                for _ in 0..filled {
                    metrics::ended("filled_from_stock");
                }
                tracing::info!(filled, "stock has filled lines that waited for suppliers");
                self.owed.notify_one();
            }
            Err(error) => tracing::warn!(%error, "waiting lines could not be filled from stock; trying again"),
        }
    }

    async fn end_overdue(&self, draining: &mut Draining) {
        let (lease, line) = (self.times.lease, self.times.line);
        let over = match self.ledger.lease_over(&self.worker, MOST, lease, line).await {
            Ok(over) => over,
            Err(error) => {
                tracing::warn!(%error, "lines whose time is over can't be read; trying again");
                return;
            }
        };
        let leased = Instant::now();
        for procurement in over {
            let (order_id, line_no) = (procurement.order_id.clone(), procurement.line_no.0);
            match self.end(procurement, leased, draining).await {
                Ok(how) => {
                    metrics::ended(how);
                    tracing::info!(%order_id, line_no, how, "a procurement ended: its time is over");
                    self.owed.notify_one();
                }
                Err(error) => tracing::warn!(%order_id, line_no, %error, "a line whose time is over was left"),
            }
        }
    }

    /// Rejects it, or puts it before a person.
    async fn end(
        &self,
        mut procurement: Procurement,
        leased: Instant,
        draining: &mut Draining,
    ) -> Result<&'static str, BrokenOff> {
        let mut release = wait(Duration::ZERO, "a worker that buys");
        for _ in 0..MOST_STEPS {
            // No promises: nobody is asked.
            let now = procurement.now.after(leased.elapsed());
            match step::next(&procurement, None, now, self.times.line) {
                Step::Withdraw => {
                    let said = "the worker that chose it is gone";
                    self.mark(&mut procurement, AttemptState::NotSent, said, draining).await?;
                }
                Step::Doubt => {
                    let said = "the worker that sent it is gone";
                    self.mark(&mut procurement, AttemptState::Unknown, said, draining).await?;
                }
                Step::Reject(reason) => {
                    release = Release::Reject(reason);
                    break;
                }
                Step::Review(case) if case.kind == ReviewKind::Overdue => {
                    release = Release::Review(case);
                    break;
                }
                // Its time is not over after all, or another decides.
                Step::Buy { .. } | Step::Query | Step::Resend | Step::GiveUp | Step::Review(_) => break,
            }
        }
        let lease = &procurement.lease;
        let give_back = || self.ledger.release(lease, &release);
        Ok(match persist("give a procurement back", draining, again, give_back).await? {
            Released::Rejected => "rejected",
            Released::InReview => "in_review",
            Released::Filled => "filled_from_stock",
            Released::Waiting => return Err(BrokenOff::Refused("its time is not over".into())),
        })
    }

    async fn mark(
        &self,
        procurement: &mut Procurement,
        to: AttemptState,
        said: &str,
        draining: &mut Draining,
    ) -> Result<(), BrokenOff> {
        let Some(change) = step::open(procurement).map(|attempt| Change::of(attempt, to).said(said)) else {
            return Ok(());
        };
        let (lease, limits) = (&procurement.lease, Limits { lease: self.times.lease, settles: Duration::ZERO });
        let call = || self.ledger.change(lease, &change, limits);
        let changed = persist("commit an attempt's change", draining, again, call).await?;
        if let Some(attempt) = procurement.attempts.iter_mut().find(|attempt| attempt.id == changed.id) {
            *attempt = changed;
        }
        Ok(())
    }
}
