//! Stock offers key ids, quickly and without promise (I1). Every call is bounded by the adapter's time-out;
//! after one, the outcome is unknown, and the same call again is safe.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    ids::{KeyId, WorkerId},
    stock::{Bucket, BucketState, ClaimAnswer, ClaimRequest, Epoch, Load, Loaded, OpenClaim, Settle, StockIdentity},
};

/// Why stock gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum StockError {
    /// Down, slow or cut off: the outcome is unknown.
    #[error("stock can't be reached: {0}")]
    Unavailable(String),
    /// The server is at its memory limit: nothing was claimed or loaded.
    #[error("stock is out of memory: raise maxmemory of the stock server")]
    OutOfMemory,
    /// The function library is missing or of another version: nothing was done. [`StockLoading::install`] loads it.
    #[error("the stock server lacks our functions: run `fulfil migrate`")]
    FunctionsMissing,
    /// The server refuses the call.
    #[error("stock refuses: {0}")]
    Refused(String),
}

/// The order's way.
#[async_trait]
pub trait Stock: Send + Sync {
    /// One call per bucket, all of them in one round trip: the settles ride first, then the claims, answered
    /// in the same order. Buckets of `claims` are distinct.
    ///
    /// # Errors
    /// [`StockError`]. The outcome of the settles is then unknown too: give them again.
    async fn claim(&self, settles: &[Settle], claims: &[ClaimRequest]) -> Result<Vec<ClaimAnswer>, StockError>;

    /// Settles without a claim, when a lane is idle or the server is out of memory.
    ///
    /// # Errors
    /// [`StockError`].
    async fn settle(&self, settles: &[Settle]) -> Result<(), StockError>;
}

/// The loader's side.
#[async_trait]
pub trait StockLoading: Send + Sync {
    /// Loads our functions where they are missing or older. Repeatable.
    ///
    /// # Errors
    /// [`StockError`].
    async fn install(&self) -> Result<(), StockError>;

    /// Which life of the server this is.
    ///
    /// # Errors
    /// [`StockError`].
    async fn identity(&self) -> Result<StockIdentity, StockError>;

    /// # Errors
    /// [`StockError`].
    async fn states(&self, buckets: &[Bucket]) -> Result<Vec<BucketState>, StockError>;

    /// Empties the bucket, claims included, and puts it under a higher epoch, `loaded_to` 0, not complete.
    /// Refused unless `epoch` is higher than the bucket's.
    ///
    /// # Errors
    /// [`StockError`].
    async fn reset(&self, bucket: &Bucket, epoch: Epoch) -> Result<Loaded, StockError>;

    /// # Errors
    /// [`StockError`].
    async fn load(&self, load: &Load) -> Result<Loaded, StockError>;

    /// The ids that a bucket offers now, for audits.
    ///
    /// # Errors
    /// [`StockError`].
    async fn offered(&self, bucket: &Bucket) -> Result<Vec<KeyId>, StockError>;
}

/// Whose claims are whose, and who is alive.
#[async_trait]
pub trait StockClaims: Send + Sync {
    /// "This worker lives, for at least `ttl` from now", by the stock server's clock.
    ///
    /// # Errors
    /// [`StockError`].
    async fn beat(&self, worker: &WorkerId, ttl: Duration) -> Result<(), StockError>;

    /// Whose heartbeat has not lapsed, in the order asked.
    ///
    /// # Errors
    /// [`StockError`].
    async fn living(&self, workers: &[WorkerId]) -> Result<Vec<bool>, StockError>;

    /// Every unsettled claim of a bucket.
    ///
    /// # Errors
    /// [`StockError`].
    async fn open_claims(&self, bucket: &Bucket) -> Result<Vec<OpenClaim>, StockError>;
}
