//! The ledger judges batches. One transaction per batch; what it says has been committed.

use async_trait::async_trait;

use crate::{
    ids::{BodyHash, MerchantId, OrderId, Revision},
    proposal::Entry,
    recorded::{Judgement, RecordedOrder},
};

/// Why the ledger gave no judgement.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It can't be reached, or has no room: nothing was committed. Try again with backoff.
    #[error("the ledger can't be reached: {0}")]
    Unavailable(String),
    /// The connection was lost, or time ran out, around the commit. Do the same again: I2 makes it safe.
    #[error("the outcome of a commit is unknown: {0}")]
    OutcomeUnknown(String),
    /// The ledger refuses the data of some entry of the batch: halve it until the bad one stands alone.
    #[error("the ledger refuses the data: {0}")]
    Data(String),
    /// The schema is missing or of another version, permission is denied, a row can't be read.
    #[error("{0}")]
    Broken(String),
}

/// A delivery that the ledger may know already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub order_id: OrderId,
    pub body_hash: BodyHash,
    pub merchant_id: Option<MerchantId>,
}

/// Tries of bodies that may kill their process. A try is counted before it is made, so one that did not come
/// back is known.
#[async_trait]
pub trait Tries: Send + Sync {
    /// How many tries of each body did not come back, in the same order.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn tries(&self, bodies: &[BodyHash]) -> Result<Vec<u32>, LedgerError>;

    /// Of each of these bodies, which are distinct, try number `number` is about to be made: commits that so many did
    /// not come back, or the more that are counted already. The same call again changes nothing, so an outcome that
    /// is unknown counts no try that was never made.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn count_tries(&self, bodies: &[BodyHash], number: u32) -> Result<(), LedgerError>;

    /// Try number `number` of these bodies, which are distinct, ended without an outcome and harmed nobody: it counts
    /// no more, unless another one was counted since. The same call again changes nothing.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn take_back_tries(&self, bodies: &[BodyHash], number: u32) -> Result<(), LedgerError>;

    /// These came back.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn forget_tries(&self, bodies: &[BodyHash]) -> Result<(), LedgerError>;
}

#[async_trait]
pub trait Ledger: Tries {
    /// Judges every entry, in the same order, in one transaction. At most one entry per order id and one
    /// per unreadable body. Retries serialization failures and deadlocks itself.
    ///
    /// An order whose claimed ids are not all available is [`Judgement::Lost`] and leaves no trace; the
    /// others of the batch are recorded. A line that stock can't fill and that has a `need` becomes a
    /// procurement, due at once, in the same transaction; its order is `processing`.
    ///
    /// # Errors
    /// [`LedgerError`]; see there what was committed.
    async fn record(&self, batch: &[Entry]) -> Result<Vec<Judgement>, LedgerError>;

    /// The stored answers of deliveries that may be known: a repeat, a conflict (which is written), or
    /// `None` where no order of this id is committed.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn answer_known(&self, asked: &[Asked]) -> Result<Vec<Option<Judgement>>, LedgerError>;

    /// Commits an announcement row for each of these results, so that their deliveries may be acknowledged
    /// before they are announced (I4). A row keeps the result of its revision. Once owed stays owed, whoever asks
    /// again; a revision that is not the order's any more is owed by nobody, a higher one is or was.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn owe(&self, results: &[(OrderId, Revision)]) -> Result<(), LedgerError>;

    /// Up to `most` owed results, oldest first, each as it was when it came to be owed: its own revision. Those of
    /// the merchants in `but_of` are left out (`None`: those without a merchant), so that results that one
    /// merchant's queue refuses don't stand before all others.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn owed(&self, most: u32, but_of: &[Option<MerchantId>]) -> Result<Vec<RecordedOrder>, LedgerError>;

    /// These were confirmed: their announcement rows are deleted.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn paid(&self, results: &[(OrderId, Revision)]) -> Result<(), LedgerError>;
}
