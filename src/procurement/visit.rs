//! One visit to a procurement, from its lease to its release: step after step, each committed before the next
//! call is made.
//!
//! What holds here: no purchase is sent before its attempt is committed as `sent` (I6), nor when the lease might
//! lapse before its time limit; what a supplier said is committed before anything else is done with it.

use std::{collections::HashMap, time::Duration};

use fulfil_contract::{
    attempt::{Attempt, AttemptState, Change},
    ports::{
        ledger::LedgerError,
        procurements::{Limits, ProcurementError},
    },
    procurement::{Procurement, Release, Released, ReviewCase, ReviewKind},
    supplier::{Goods, Refusal, RefusalCode, SupplierName},
    time::Timestamp,
};
use tokio::time::Instant;

use super::{
    buyer::{Buyer, Supply},
    goods, pace,
    price::Heard,
    step::{self, Step},
};
use crate::{
    crash::{self, Point},
    ops::{
        drain::{Abandoned, Draining},
        procurement_metrics as metrics,
    },
    patience::{Again, Ended, persist},
};

/// Steps of one visit. More are left to the next.
const MOST_STEPS: usize = 16;

/// How a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visited {
    /// The line is whole, rejected, or with a person.
    Ended,
    Waiting,
}

/// A visit that was broken off: the lease lapses, and another goes on from what is committed.
#[derive(Debug, thiserror::Error)]
pub(super) enum BrokenOff {
    #[error("the lease is lost; another worker goes on")]
    LeaseLost,
    #[error("the ledger refuses a change, which is a defect: {0}")]
    Refused(String),
    #[error("the ledger: {0}")]
    Ledger(LedgerError),
    #[error(transparent)]
    Abandoned(#[from] Abandoned),
}

impl From<Ended<ProcurementError>> for BrokenOff {
    fn from(ended: Ended<ProcurementError>) -> Self {
        match ended {
            Ended::Failed(ProcurementError::LeaseLost) => Self::LeaseLost,
            Ended::Failed(ProcurementError::Refused(why)) => Self::Refused(why),
            Ended::Failed(ProcurementError::Ledger(error)) => Self::Ledger(error),
            Ended::Abandoned(abandoned) => Self::Abandoned(abandoned),
        }
    }
}

/// What a step leads to.
pub(super) enum Then {
    Step,
    Release(Release),
    /// The delivery ended the procurement.
    Whole,
    /// It is not this visit's any more: there is nothing to give back.
    Left,
}

pub(super) struct Visit<'a> {
    pub(super) buyer: &'a Buyer,
    pub(super) procurement: Procurement,
    /// When the lease was had, by this process's clock; the ledger's time of it is in the row.
    leased: Instant,
    /// Suppliers that could not be reached in this visit.
    pub(super) unreachable: Vec<SupplierName>,
    /// What suppliers that sell at their own price told of it in this visit.
    pub(super) heard: HashMap<SupplierName, Heard>,
    pub(super) lease_end: Instant,
    pub(super) draining: Draining,
}

impl<'a> Visit<'a> {
    /// `asked` is a moment before the lease was asked for: its end is counted from there. `leased` is one after it
    /// was had: the ledger's time is counted from there, so that nothing is taken for later than it is.
    pub(super) fn new(
        buyer: &'a Buyer,
        procurement: Procurement,
        asked: Instant,
        leased: Instant,
        draining: Draining,
    ) -> Self {
        let lease_end = asked + buyer.times.lease;
        let (unreachable, heard) = (Vec::new(), HashMap::new());
        Self { buyer, procurement, leased, unreachable, heard, lease_end, draining }
    }

    /// Works on it until it waits or ends.
    pub(super) async fn run(mut self) -> Result<Visited, BrokenOff> {
        for _ in 0..MOST_STEPS {
            let promises = self.supply().map(|supply| supply.guarded.promises());
            let then = match step::next(&self.procurement, promises, self.now(), self.buyer.times.line) {
                Step::Buy { wanted, without } => self.buy(wanted, &without).await?,
                Step::Withdraw => self.mark(AttemptState::NotSent, "the worker that chose it is gone").await?,
                Step::Doubt => self.mark(AttemptState::Unknown, "the worker that sent it is gone").await?,
                Step::Query => self.query().await?,
                Step::Resend => self.resend().await?,
                Step::GiveUp => {
                    let said = "it was sent twice and the supplier does not know of it".to_owned();
                    self.refused(Refusal { code: RefusalCode::Other, said }, 0).await?
                }
                Step::Reject(reason) => Then::Release(Release::Reject(reason)),
                Step::Review(case) => Then::Release(Release::Review(case)),
            };
            match then {
                Then::Step => {}
                Then::Whole => return Ok(Visited::Ended),
                Then::Left => return Ok(Visited::Waiting),
                Then::Release(release) => return self.release(release).await,
            }
        }
        self.release(wait(Duration::ZERO, "the next look")).await
    }

    pub(super) async fn refused(&mut self, refusal: Refusal, queries: u32) -> Result<Then, BrokenOff> {
        let Some(attempt) = self.open().cloned() else { return Ok(Then::Step) };
        let said = format!("{}: {}", refusal.code.as_str(), refusal.said);
        let mut change = Change::of(&attempt, AttemptState::Refused).said(&said);
        change.queries = queries;
        change.refusal = Some(refusal.code.means());
        self.change(&change).await?;
        Ok(Then::Step)
    }

    /// Seals the goods and has the ledger place them.
    pub(super) async fn deliver(
        &mut self,
        goods: Goods,
        their_id: Option<String>,
        queries: u32,
    ) -> Result<Then, BrokenOff> {
        let Some(attempt) = self.open().cloned() else { return Ok(Then::Step) };
        let recharge = self.procurement.need.recharge.is_some();
        let sealed = match goods::seal(goods, &self.procurement.sku, recharge, &self.buyer.vault).await {
            Ok(sealed) => sealed,
            Err(error) => {
                let evidence = format!("attempt {} at {}: {error}", attempt.reference, attempt.supplier);
                // What the supplier told of it is kept for whoever asks there.
                self.note(AttemptState::Unknown, &error.to_string(), their_id, queries).await?;
                return Ok(Then::Release(Release::Review(ReviewCase { kind: ReviewKind::Unsettled, evidence })));
            }
        };
        let mut change = Change::of(&attempt, AttemptState::Delivered).said("delivered");
        change.their_id = their_id;
        change.queries = queries;
        let (ledger, lease) = (&self.buyer.ledger, &self.procurement.lease);
        let place = || crash::after(Point::Placed, &self.procurement, ledger.deliver(lease, &change, &sealed));
        let placed = match persist("place bought goods", &mut self.draining, again, place).await {
            Ok(placed) => placed,
            Err(Ended::Failed(ProcurementError::LeaseLost)) => {
                return self.deliver_late(&attempt, change.their_id.as_deref(), &sealed).await;
            }
            Err(ended) => return Err(ended.into()),
        };
        metrics::placed(&attempt.supplier, &placed);
        if placed.known + placed.surplus + placed.missing > 0 {
            tracing::warn!(
                order_id = %self.procurement.order_id,
                line_no = self.procurement.line_no.0,
                supplier = %attempt.supplier,
                reference = %attempt.reference,
                known = placed.known,
                surplus = placed.surplus,
                missing = placed.missing,
                "the supplier did not deliver what was bought; `fulfil review list` has it"
            );
        }
        if placed.complete {
            self.ended("delivered");
            return Ok(Then::Whole);
        }
        // The ledger knows what is held now: the next visit buys the rest.
        Ok(Then::Release(wait(Duration::ZERO, "the rest of the line")))
    }

    /// Moves the open attempt on, and goes on.
    pub(super) async fn mark(&mut self, to: AttemptState, said: &str) -> Result<Then, BrokenOff> {
        self.note(to, said, None, 0).await?;
        Ok(Then::Step)
    }

    pub(super) async fn note(
        &mut self,
        to: AttemptState,
        said: &str,
        their_id: Option<String>,
        queries: u32,
    ) -> Result<(), BrokenOff> {
        let Some(attempt) = self.open() else { return Ok(()) };
        let mut change = Change::of(attempt, to).said(said);
        change.their_id = their_id;
        change.queries = queries;
        self.change(&change).await
    }

    pub(super) async fn change(&mut self, change: &Change) -> Result<(), BrokenOff> {
        let settles = self.supply().map_or(Duration::ZERO, |supply| supply.guarded.timeout() + supply.settle());
        // In the ledger the lease lasts twice as long as this process counts on: goods that have come survive an
        // outage of the ledger as long as a lease.
        let limits = Limits { lease: self.buyer.times.lease * 2, settles };
        let (ledger, lease) = (&self.buyer.ledger, &self.procurement.lease);
        let point = if change.to == AttemptState::Sent { Point::Sent } else { Point::Noted };
        let commit = || crash::after(point, &self.procurement, ledger.change(lease, change, limits));
        let changed = persist("commit an attempt's change", &mut self.draining, again, commit).await?;
        if let Some(attempt) = self.procurement.attempts.iter_mut().find(|attempt| attempt.id == changed.id) {
            *attempt = changed;
        }
        Ok(())
    }

    async fn release(mut self, release: Release) -> Result<Visited, BrokenOff> {
        let (ledger, lease) = (&self.buyer.ledger, &self.procurement.lease);
        let give = || crash::after(Point::Released, &self.procurement, ledger.release(lease, &release));
        let released = persist("give a procurement back", &mut self.draining, again, give).await?;
        match released {
            Released::Waiting => return Ok(Visited::Waiting),
            Released::Filled => self.ended("filled_from_stock"),
            Released::Rejected => self.ended("rejected"),
            Released::InReview => self.ended("in_review"),
        }
        Ok(Visited::Ended)
    }

    pub(super) fn ended(&self, how: &'static str) {
        metrics::ended(how);
        tracing::info!(
            order_id = %self.procurement.order_id,
            line_no = self.procurement.line_no.0,
            sku = %self.procurement.sku,
            how,
            attempts = self.procurement.attempts.len(),
            "a procurement ended"
        );
    }

    pub(super) fn stock_or_wait(&self, time: Duration, waits_for: String) -> Release {
        let time = pace::jittered(time, self.draining.dice());
        match self.procurement.need.recharge {
            Some(_) => Release::Wait { time, waits_for },
            None => Release::FromStock { time, waits_for },
        }
    }

    /// Until the open attempt is asked about, or sent, again.
    pub(super) fn wait_for_query(&self, what: &str) -> Release {
        let dice = self.draining.dice();
        let pause = self.open().zip(self.supply()).map(|(attempt, supply)| {
            if step::is_queryable(attempt, supply.guarded.promises()) {
                pace::before_query(attempt, supply.poll, self.now(), dice)
            } else {
                pace::before_resend(attempt, supply.poll, dice)
            }
        });
        wait(pause.unwrap_or(pace::LONGEST), what)
    }

    /// The ledger's time, by this process's monotonic clock since the lease.
    pub(super) fn now(&self) -> Timestamp {
        self.procurement.now.after(self.leased.elapsed())
    }

    /// Whether a purchase sent now would end before the lease does.
    pub(super) fn lease_covers(&self, supply: &Supply) -> bool {
        Instant::now() + supply.guarded.timeout() <= self.lease_end
    }

    pub(super) fn open(&self) -> Option<&Attempt> {
        step::open(&self.procurement)
    }

    /// The open attempt's supplier, if it is configured.
    pub(super) fn supply(&self) -> Option<&'a Supply> {
        self.buyer.supplies.get(&self.open()?.supplier)
    }
}

pub(super) fn wait(time: Duration, waits_for: &str) -> Release {
    Release::Wait { time, waits_for: waits_for.to_owned() }
}

/// What is tried again: an outage, and an unknown outcome, since every call may be made again.
pub(super) fn again(error: &ProcurementError) -> Again {
    match error {
        ProcurementError::LeaseLost | ProcurementError::Refused(_) => Again::No,
        ProcurementError::Ledger(error) => match error {
            LedgerError::Unavailable(_) | LedgerError::OutcomeUnknown(_) => Again::Yes,
            LedgerError::Data(_) | LedgerError::Broken(_) => Again::No,
        },
    }
}
