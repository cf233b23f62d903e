//! The slow lane's side of the ledger. Procurements are made by [`Ledger::record`](super::ledger::Ledger::record);
//! here they are leased, worked on and ended. Each call is one transaction that locks the order's row first where
//! it may end a procurement. Each waits on a supplier of its own, so these calls are not batched.
//!
//! Any call may be made again after [`LedgerError::OutcomeUnknown`]: what was committed is then found as it is.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    attempt::{Attempt, AttemptId, Change, Intent},
    ids::{Fingerprint, Sku, WorkerId},
    ports::ledger::LedgerError,
    procurement::{
        Late, Lease, Placed, Procurement, ProcurementCounts, Release, Released, Resolution, Review, ReviewCase,
        ReviewId, SealedGoods,
    },
    supplier::{About, SupplierName},
};

/// Why a change of a procurement was not made.
#[derive(Debug, thiserror::Error)]
pub enum ProcurementError {
    /// Another worker has it, or it has ended: drop it, nothing was written.
    #[error("the lease on the procurement is lost; another worker goes on with it")]
    LeaseLost,
    /// The machine has no such transition, or the version is not the row's: a defect. Nothing was written.
    #[error("the ledger refuses the change: {0}")]
    Refused(String),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Where a request's time limits stand, for [`Procurements::change`] to `sent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The lease is renewed to this long from now.
    pub lease: Duration,
    /// The request's time limit and the supplier's settle time together: a not-found counts only so long
    /// after the lease's end.
    pub settles: Duration,
}

/// An attempt that a callback was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Woken {
    pub attempt: Attempt,
    pub sku: Sku,
    pub recharge: bool,
}

#[async_trait]
pub trait Procurements: Send + Sync {
    /// Leases up to `most` due procurements whose lease is free or lapsed, the longest due first, by the
    /// ledger's clock; passes over those that others hold now. Each gets a higher fence.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn lease(&self, worker: &WorkerId, most: u32, time: Duration) -> Result<Vec<Procurement>, LedgerError>;

    /// Leases up to `most` open procurements that nobody has and whose time is over, whether they are due or not: made
    /// `line` ago or earlier, or expired and without an open attempt. Whoever leases them ends them; that takes no
    /// supplier. The others are left to those who buy.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn lease_over(
        &self,
        worker: &WorkerId,
        most: u32,
        time: Duration,
        line: Duration,
    ) -> Result<Vec<Procurement>, LedgerError>;

    /// Fills open lines from stock that has their whole quantity: those that nobody has and that have no open attempt,
    /// the oldest first, up to `most`, each in a transaction of its own. What is not filled is not touched. Gives how
    /// many were filled; it may end early.
    ///
    /// # Errors
    /// [`LedgerError`]; what was filled before stays so.
    async fn fill_waiting(&self, most: u32) -> Result<u32, LedgerError>;

    /// Commits a new attempt in state `intended` (I6). Refused while another attempt of the procurement is
    /// open. The same reference again gives the same attempt.
    ///
    /// # Errors
    /// [`ProcurementError`].
    async fn intend(&self, lease: &Lease, intent: &Intent) -> Result<Attempt, ProcurementError>;

    /// Commits a change and gives the attempt as it is now. A change to `sent` counts a send, renews the lease
    /// and sets `countable_from`. Made already (version + 1 and the same state), it is made. Never to
    /// `delivered`: that is [`Procurements::deliver`].
    ///
    /// # Errors
    /// [`ProcurementError`].
    async fn change(&self, lease: &Lease, change: &Change, limits: Limits) -> Result<Attempt, ProcurementError>;

    /// The attempt of `change` becomes `delivered`, and its goods are placed. Keys that are in the ledger go to `refused_key`;
    /// of the others, with those held, the line gets its quantity and the procurement ends; more go into stock;
    /// too few are held. What is told wrong gets a review. If no line of the order is open any more, its result
    /// is written with a higher revision and owed.
    ///
    /// # Errors
    /// [`ProcurementError`].
    async fn deliver(&self, lease: &Lease, change: &Change, goods: &SealedGoods) -> Result<Placed, ProcurementError>;

    /// Takes the goods of an attempt whose worker has lost its lease: they are paid for, so the attempt's state judges
    /// and no lease does.
    /// - It may still bring goods: it has brought them. They are placed as by [`deliver`](Self::deliver), whoever has
    ///   the procurement has it no more, and a review that held its line for this attempt is resolved.
    /// - It is delivered, with just these: nothing.
    /// - It is final otherwise: it stays what it is. After a no the keys go into stock; where others were delivered,
    ///   they are kept apart (`refused_key`). A review tells of it.
    ///
    /// Made again, it finds what it did.
    ///
    /// # Errors
    /// [`ProcurementError`], never a lost lease; refused where the attempt was never sent, or wants other goods.
    async fn deliver_late(
        &self,
        attempt: AttemptId,
        their_id: Option<&str>,
        goods: &SealedGoods,
    ) -> Result<Late, ProcurementError>;

    /// Gives the procurement back, waiting or ended; see [`Release`].
    ///
    /// # Errors
    /// [`ProcurementError`].
    async fn release(&self, lease: &Lease, release: &Release) -> Result<Released, ProcurementError>;

    /// Makes the procurement of an attempt of this supplier due now, if the attempt is open, and gives the
    /// attempt; a final one changes nothing. `None`: no such attempt.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn wake(&self, supplier: &SupplierName, about: &About) -> Result<Option<Woken>, LedgerError>;

    /// # Errors
    /// [`LedgerError`].
    async fn counts(&self) -> Result<ProcurementCounts, LedgerError>;
}

/// What people decide.
#[async_trait]
pub trait Reviews: Send + Sync {
    /// Reviews by rising id above `after`: the open ones, or all.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn reviews(&self, all: bool, after: ReviewId, most: u32) -> Result<Vec<Review>, LedgerError>;

    /// Opens a review on an attempt, and holds nothing. The same kind on the same attempt opens one only.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn open_review(&self, attempt: AttemptId, case: &ReviewCase) -> Result<ReviewId, LedgerError>;

    /// Decides an open review, and writes a newer result where a line changes.
    ///
    /// # Errors
    /// [`ResolveError`].
    async fn resolve(&self, review: ReviewId, resolution: &Resolution, reason: &str) -> Result<(), ResolveError>;

    /// The fingerprints of the keys that an attempt brought, for comparing a later answer.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn told_keys(&self, attempt: AttemptId) -> Result<Vec<Fingerprint>, LedgerError>;
}

/// Why a review was not resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    #[error("there is no review {}; `fulfil review list` shows them", .0.0)]
    NoSuchReview(ReviewId),
    #[error("review {} is resolved already; `fulfil review list --all` shows how", .0.0)]
    Resolved(ReviewId),
    /// The decision does not fit this review.
    #[error("{0}")]
    DoesNotFit(String),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
