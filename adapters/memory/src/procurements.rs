//! What stock can't fill: who works on it, and where it stands.
//!
//! What holds here: whoever's fence is not the row's writes nothing; a call made again finds what it did.

mod attempts;
mod deciding;
mod late;
mod placing;
mod releasing;
mod unaided;

use std::time::Duration;

use async_trait::async_trait;
use fulfil_contract::{
    attempt::{Attempt, AttemptId, Change, Intent},
    ids::{Fingerprint, LineNo, OrderId, Quantity, Sku, WorkerId},
    ports::{
        books::{ProcurementFile, ProcurementState},
        ledger::LedgerError,
        procurements::{Limits, ProcurementError, Procurements, Woken},
    },
    procurement::{
        BoughtKey, Late, Lease, Need, Placed, Procurement, ProcurementCounts, ProcurementId, Release, Released,
        SealedGoods,
    },
    proposal::{ProposedLine, ProposedOrder},
    recorded::LineOutcome,
    supplier::{About, SupplierName},
    time::Timestamp,
};
use tokio::time::Instant;

use crate::{Memory, Moment, ledger::Tables};

/// How many buckets the stock of a SKU gets that was never imported, when a supplier delivers the first keys of it.
const BUCKETS_OF_BOUGHT: u16 = 1;

#[derive(Debug)]
pub(crate) struct ProcurementRow {
    pub(crate) order_id: OrderId,
    pub(crate) line_no: LineNo,
    pub(crate) sku: Sku,
    pub(crate) quantity: Quantity,
    need: Need,
    expires_at: Option<Timestamp>,
    pub(crate) made_at: Timestamp,
    /// Where its line stands: the order says so once no line of it is open.
    pub(crate) outcome: LineOutcome,
    due: Moment,
    waits_for: String,
    /// Woken while somebody works on it: due at once when it is given back.
    woken: bool,
    pub(crate) held: Vec<BoughtKey>,
    /// Who has it, or had it last.
    worker: Option<WorkerId>,
    fence: u64,
    until: Instant,
    /// What the last release under this fence said.
    given_back: Option<Released>,
}

#[derive(Debug)]
pub(crate) struct AttemptRow {
    pub(crate) procurement: ProcurementId,
    pub(crate) attempt: Attempt,
    /// All that it brought.
    pub(crate) told: Vec<Fingerprint>,
    /// Keys that were in the ledger already when it brought them.
    refused: Vec<BoughtKey>,
    placed: Option<Placed>,
}

impl ProcurementRow {
    pub(crate) fn is_open(&self) -> bool {
        self.outcome == LineOutcome::Processing
    }

    fn is_leased(&self, at: Moment) -> bool {
        self.worker.is_some() && self.given_back.is_none() && at.instant < self.until
    }

    fn is_due(&self, at: Moment) -> bool {
        self.is_open() && self.due.instant <= at.instant && !self.is_leased(at)
    }

    /// Due now, or as soon as it is given back.
    pub(crate) fn wake(&mut self, at: Moment) {
        self.woken = self.is_leased(at);
        if self.due.instant > at.instant {
            self.due = at;
        }
    }

    fn state(&self) -> ProcurementState {
        match self.outcome {
            LineOutcome::Processing => ProcurementState::Open,
            LineOutcome::Delivered(_) | LineOutcome::Recharged { .. } => ProcurementState::Delivered,
            LineOutcome::Rejected(_) => ProcurementState::Rejected,
            LineOutcome::Review => ProcurementState::InReview,
        }
    }
}

impl Memory {
    /// Keys that suppliers delivered though they were in the ledger already.
    #[must_use]
    pub fn refused_keys(&self) -> Vec<BoughtKey> {
        self.state().ledger.attempts.values().flat_map(|row| row.refused.iter().cloned()).collect()
    }
}

#[async_trait]
impl Procurements for Memory {
    async fn lease(&self, worker: &WorkerId, most: u32, time: Duration) -> Result<Vec<Procurement>, LedgerError> {
        self.call("procurements.lease", |state| {
            let at = state.moment();
            Ok(state.ledger.lease(worker, most, time, at))
        })
        .await
    }

    async fn lease_over(
        &self,
        worker: &WorkerId,
        most: u32,
        time: Duration,
        line: Duration,
    ) -> Result<Vec<Procurement>, LedgerError> {
        self.call("procurements.lease_over", |state| {
            let at = state.moment();
            Ok(state.ledger.lease_over(worker, most, time, line, at))
        })
        .await
    }

    async fn fill_waiting(&self, most: u32) -> Result<u32, LedgerError> {
        self.call("procurements.fill_waiting", |state| {
            let at = state.moment();
            Ok(state.ledger.fill_waiting(most, at))
        })
        .await
    }

    async fn intend(&self, lease: &Lease, intent: &Intent) -> Result<Attempt, ProcurementError> {
        self.call("procurements.intend", |state| {
            let at = state.moment();
            state.ledger.intend(lease, intent, at)
        })
        .await
    }

    async fn change(&self, lease: &Lease, change: &Change, limits: Limits) -> Result<Attempt, ProcurementError> {
        self.call("procurements.change", |state| {
            let at = state.moment();
            state.ledger.change(lease, change, limits, at)
        })
        .await
    }

    async fn deliver(&self, lease: &Lease, change: &Change, goods: &SealedGoods) -> Result<Placed, ProcurementError> {
        self.call("procurements.deliver", |state| {
            let at = state.moment();
            state.ledger.deliver(lease, change, goods, at)
        })
        .await
    }

    async fn deliver_late(
        &self,
        attempt: AttemptId,
        their_id: Option<&str>,
        goods: &SealedGoods,
    ) -> Result<Late, ProcurementError> {
        self.call("procurements.deliver_late", |state| {
            let at = state.moment();
            state.ledger.deliver_late(attempt, their_id, goods, at)
        })
        .await
    }

    async fn release(&self, lease: &Lease, release: &Release) -> Result<Released, ProcurementError> {
        self.call("procurements.release", |state| {
            let at = state.moment();
            state.ledger.release(lease, release, at)
        })
        .await
    }

    async fn wake(&self, supplier: &SupplierName, about: &About) -> Result<Option<Woken>, LedgerError> {
        self.call("procurements.wake", |state| {
            let at = state.moment();
            Ok(state.ledger.wake(supplier, about, at))
        })
        .await
    }

    async fn counts(&self) -> Result<ProcurementCounts, LedgerError> {
        self.call("procurements.counts", |state| {
            let at = state.moment();
            Ok(state.ledger.procurement_counts(at))
        })
        .await
    }
}

impl Tables {
    /// A line of a recorded order that a supplier is to fill: due at once.
    pub(crate) fn procure(&mut self, order: &ProposedOrder, line: &ProposedLine, at: Moment) {
        let Some(need) = line.need.clone() else { return };
        let id = ProcurementId(self.procurements.last_key_value().map_or(1, |(last, _)| last.0 + 1));
        let row = ProcurementRow {
            order_id: order.order_id.clone(),
            line_no: line.line_no,
            sku: line.sku.clone(),
            quantity: line.quantity,
            need,
            expires_at: order.expires_at,
            made_at: at.time,
            outcome: LineOutcome::Processing,
            due: at,
            waits_for: "a worker".into(),
            woken: false,
            held: Vec::new(),
            worker: None,
            fence: 0,
            until: at.instant,
            given_back: None,
        };
        self.procurements.insert(id, row);
    }

    fn lease(&mut self, worker: &WorkerId, most: u32, time: Duration, at: Moment) -> Vec<Procurement> {
        let due = self.procurements.iter().filter(|(_, row)| row.is_due(at));
        let mut due: Vec<_> = due.map(|(id, row)| (row.due.instant, *id)).collect();
        due.sort_unstable();
        due.truncate(most as usize);
        due.into_iter().filter_map(|(_, id)| self.take_lease(id, worker, time, at)).collect()
    }

    fn take_lease(&mut self, id: ProcurementId, worker: &WorkerId, time: Duration, at: Moment) -> Option<Procurement> {
        let attempts = self.attempts_of(id).map(|row| row.attempt.clone()).collect();
        let row = self.procurements.get_mut(&id)?;
        row.fence += 1;
        (row.worker, row.until) = (Some(worker.clone()), at.instant + time);
        (row.given_back, row.woken) = (None, false);
        Some(Procurement {
            lease: Lease { procurement: id, worker: worker.clone(), fence: row.fence },
            order_id: row.order_id.clone(),
            line_no: row.line_no,
            sku: row.sku.clone(),
            quantity: row.quantity,
            need: row.need.clone(),
            expires_at: row.expires_at,
            made_at: row.made_at,
            now: at.time,
            held: u32::try_from(row.held.len()).unwrap_or(u32::MAX),
            attempts,
        })
    }

    /// The row whose last lease this is, whether it was given back or has ended since.
    fn last_leased(&mut self, lease: &Lease) -> Result<&mut ProcurementRow, ProcurementError> {
        let row = self.procurements.get_mut(&lease.procurement);
        row.filter(|row| row.fence == lease.fence && row.worker.as_ref() == Some(&lease.worker))
            .ok_or(ProcurementError::LeaseLost)
    }

    /// The row that this lease may write to.
    fn leased(&mut self, lease: &Lease) -> Result<&mut ProcurementRow, ProcurementError> {
        let row = self.last_leased(lease)?;
        if row.is_open() && row.given_back.is_none() { Ok(row) } else { Err(ProcurementError::LeaseLost) }
    }

    /// By rising id.
    pub(crate) fn attempts_of(&self, id: ProcurementId) -> impl Iterator<Item = &AttemptRow> {
        self.attempts.values().filter(move |row| row.procurement == id)
    }

    pub(crate) fn open_attempt(&self, id: ProcurementId) -> Option<AttemptId> {
        self.attempts_of(id).map(|row| &row.attempt).find(|attempt| attempt.state.is_open()).map(|attempt| attempt.id)
    }

    fn wake(&mut self, supplier: &SupplierName, about: &About, at: Moment) -> Option<Woken> {
        let meant = |attempt: &Attempt| match about {
            About::Reference(reference) => attempt.reference == *reference,
            About::TheirId(id) => attempt.their_id.as_ref() == Some(id),
        };
        let found =
            self.attempts.values().rev().find(|row| row.attempt.supplier == *supplier && meant(&row.attempt))?;
        let row = self.procurements.get_mut(&found.procurement)?;
        if found.attempt.state.is_open() && row.is_open() {
            row.wake(at);
        }
        Some(Woken { attempt: found.attempt.clone(), sku: row.sku.clone(), recharge: row.need.recharge.is_some() })
    }

    /// New stock: whoever waits without an open attempt looks at it.
    pub(crate) fn wake_for_stock(&mut self, sku: &Sku, at: Moment) {
        let fillable = |row: &ProcurementRow| row.is_open() && row.sku == *sku && row.need.recharge.is_none();
        let ids: Vec<_> = self.procurements.iter().filter(|(_, row)| fillable(row)).map(|(id, _)| *id).collect();
        for id in ids.into_iter().filter(|id| self.open_attempt(*id).is_none()).collect::<Vec<_>>() {
            if let Some(row) = self.procurements.get_mut(&id) {
                row.wake(at);
            }
        }
    }

    fn procurement_counts(&self, at: Moment) -> ProcurementCounts {
        let mut counts = ProcurementCounts::default();
        for row in self.procurements.values() {
            counts.open += u64::from(row.is_open());
            counts.due += u64::from(row.is_due(at));
            counts.in_review += u64::from(row.outcome == LineOutcome::Review);
        }
        counts.reviews_open = self.reviews.values().filter(|review| review.resolved.is_none()).count() as u64;
        let oldest = self.procurements.values().filter(|row| row.is_open()).map(|row| row.made_at).min();
        counts.oldest_seconds = oldest.map(|made_at| u64::try_from((at.time.0 - made_at.0) / 1_000_000).unwrap_or(0));
        counts
    }

    pub(crate) fn procurement_files(&self, order: &OrderId) -> Vec<ProcurementFile> {
        let of_it = self.procurements.iter().filter(|(_, row)| row.order_id == *order);
        let mut files: Vec<_> = of_it
            .map(|(id, row)| ProcurementFile {
                line_no: row.line_no,
                state: row.state(),
                waits: row.is_open().then(|| (row.waits_for.clone(), row.due.time)),
                attempts: self.attempts_of(*id).map(|row| row.attempt.clone()).collect(),
            })
            .collect();
        files.sort_by_key(|file| file.line_no);
        files
    }
}
