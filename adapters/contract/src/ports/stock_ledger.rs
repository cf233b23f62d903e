//! The ledger's side of stock: what was imported, which epoch is in force, who loads.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    ids::{Fingerprint, KeyId, SealedKey, Sku, WorkerId},
    ports::ledger::LedgerError,
    stock::{Epoch, StockIdentity},
    time::Timestamp,
};

/// A key to import, sealed already (I7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    pub sku: Sku,
    pub fingerprint: Fingerprint,
    pub sealed: SealedKey,
}

/// What became of a key to import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Imported {
    New(KeyId),
    /// A key of this fingerprint is in the ledger, or stands earlier in the same call.
    Repeat,
}

/// A SKU that keys were imported for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkuState {
    pub sku: Sku,
    pub epoch: Epoch,
    /// How many buckets its stock has in this epoch.
    pub buckets: u16,
    /// The highest id that was imported and committed.
    pub last_id: KeyId,
}

/// Why an epoch is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RaiseBecause {
    /// Somebody asked (`fulfil stock rebuild`), or the bucket is missing or of a wrong epoch.
    Lost,
    /// A claimed key had been sold at this time. Raised only if that is before the epoch began, and the
    /// epoch is older than 10 s.
    OfferedSold(Timestamp),
}

#[async_trait]
pub trait StockLedger: Send + Sync {
    /// Adds keys as available, in one transaction, ids given under a lock per SKU, so that ids of one SKU
    /// are committed in their order. New SKUs get `buckets` buckets. Answers in the same order.
    ///
    /// # Errors
    /// [`LedgerError`]. After `OutcomeUnknown` the same call again reports the keys as repeats if it had committed.
    async fn import(&self, keys: &[NewKey], buckets: u16) -> Result<Vec<Imported>, LedgerError>;

    /// Every known SKU.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn skus(&self) -> Result<Vec<SkuState>, LedgerError>;

    /// Up to `most` available ids of a SKU's bucket in (`after`, `up_to`], rising. Sold-out lots are not scanned.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn available(
        &self,
        sku: &SkuState,
        bucket: u16,
        after: KeyId,
        up_to: KeyId,
        most: u32,
    ) -> Result<Vec<KeyId>, LedgerError>;

    /// Which of these ids are available now, in rising order.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn still_available(&self, ids: &[KeyId]) -> Result<Vec<KeyId>, LedgerError>;

    /// Takes or renews the loader's lease on every SKU whose lease is free, lapsed, or this worker's, by the
    /// ledger's clock; marks sold-out lots on the way. Gives the SKUs that this worker loads now.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn lease_loading(&self, worker: &WorkerId, ttl: Duration) -> Result<Vec<SkuState>, LedgerError>;

    /// Compare-and-set: `from` becomes `from + 1`, or nothing happens. Gives the epoch in force.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn raise_epoch(&self, sku: &Sku, from: Epoch, because: RaiseBecause) -> Result<Epoch, LedgerError>;

    /// The stock server's identity as a worker sees it. The first worker that sees another one than the
    /// ledger's raises every SKU's epoch, in the same transaction, and gets `true`.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn adopt_identity(&self, seen: &StockIdentity) -> Result<bool, LedgerError>;
}
