//! The keeper: one task per worker that brings the stock server to what the ledger says, while workers run.
//!
//! What holds here: a SKU is loaded by the worker that holds its lease; a bucket that is missing, or behind
//! the ledger's epoch, is emptied and loaded under the epoch in force; another life of the stock server
//! raises every epoch; a claimed key that had been sold before its epoch began raises its SKU's.

use std::{sync::Arc, time::Duration};

use fulfil_contract::{
    ids::{KeyId, WorkerId},
    ports::{
        ledger::LedgerError,
        stock::{StockError, StockLoading},
        stock_ledger::{RaiseBecause, SkuState, StockLedger},
    },
    stock::{Bucket, BucketState, Load, Loaded},
};
use metrics::{counter, gauge};
use tokio::sync::{mpsc, oneshot};

use super::{
    catalogue::{Catalogue, buckets},
    desk::Alarm,
};
use crate::{
    crash::{self, Point},
    ops::{drain::Draining, metrics as names},
};

/// How often the keeper looks without being called.
const LOOK: Duration = Duration::from_millis(500);
/// A lease outlives a few missed rounds, and not much more: a dead loader is replaced after it.
const LEASE: Duration = Duration::from_secs(5);
/// Ids of one load call.
const MOST_IDS: u32 = 5000;

/// Why a round of the keeper was not finished; the next one begins anew.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Stock(#[from] StockError),
}

pub struct Keeper {
    pub ledger: Arc<dyn StockLedger>,
    pub stock: Arc<dyn StockLoading>,
    pub catalogue: Arc<Catalogue>,
    pub worker: WorkerId,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keeper({})", self.worker)
    }
}

impl Keeper {
    /// Keeps the stock until draining begins, then gives its leases back. Tells when it has gone round once, well or
    /// not.
    pub async fn keep(
        self,
        mut alarms: mpsc::Receiver<Alarm>,
        gone_round: oneshot::Sender<()>,
        mut draining: Draining,
    ) {
        let (mut failing, mut gone_round) = (false, Some(gone_round));
        let mut called = None;
        loop {
            match self.round(called.take()).await {
                Ok(()) if failing => {
                    tracing::info!("the stock is kept again");
                    failing = false;
                }
                Ok(()) => {}
                Err(error) if failing => tracing::debug!(%error, "the stock can't be kept; trying again"),
                Err(error) => {
                    tracing::warn!(%error, "the stock can't be kept; the ledger takes until it is");
                    failing = true;
                }
            }
            if let Some(tell) = gone_round.take() {
                // Whoever asked may have stopped waiting.
                tell.send(()).ok();
            }
            tokio::select! {
                biased;
                passed = draining.pause(LOOK) => if !passed { break },
                Some(alarm) = alarms.recv() => {
                    // At most a few rounds a second, however many alarms come.
                    if !draining.pause(LOOK / 4).await { break }
                    let mut all = vec![alarm];
                    while let Ok(more) = alarms.try_recv() {
                        all.push(more);
                    }
                    called = Some(all);
                },
            }
        }
        // A lease that lapses at once is free for the next worker.
        if let Err(error) = self.ledger.lease_loading(&self.worker, Duration::ZERO).await {
            tracing::debug!(%error, "the loader's leases lapse by themselves");
        }
    }

    /// Sees to alarms, reads the catalogue, loads what this worker has the lease for.
    ///
    /// # Errors
    /// [`KeepError`].
    pub async fn round(&self, alarms: Option<Vec<Alarm>>) -> Result<(), KeepError> {
        let skus = crash::after(Point::CatalogueRead, &self.worker, self.ledger.skus()).await;
        self.catalogue.replace(self.reached(skus)?);
        for alarm in alarms.unwrap_or_default() {
            self.see_to(alarm).await?;
        }
        let identity = match crash::after(Point::IdentityRead, &self.worker, self.stock.identity()).await {
            Ok(identity) => identity,
            Err(error) => {
                gauge!(names::STOCK_REACHABLE).set(0.0);
                return Err(error.into());
            }
        };
        if self.ledger.adopt_identity(&identity).await? {
            tracing::warn!("the stock server has begun another life; every SKU is loaded anew");
            counter!(names::REBUILDS, "because" => "another_life").increment(1);
            crash::at(Point::IdentityAdopted, &identity).await.map_err(LedgerError::from)?;
            self.catalogue.replace(self.ledger.skus().await?);
        }
        let lease = crash::after(Point::LoadingLeased, &self.worker, self.ledger.lease_loading(&self.worker, LEASE));
        for sku in lease.await? {
            self.catalogue.update(sku.clone());
            match self.bring_up(sku).await {
                Err(KeepError::Stock(StockError::FunctionsMissing)) => self.install().await?,
                other => other?,
            }
        }
        gauge!(names::STOCK_REACHABLE).set(1.0);
        Ok(())
    }

    fn reached<T>(&self, answer: Result<T, LedgerError>) -> Result<T, LedgerError> {
        gauge!(names::LEDGER_REACHABLE).set(if answer.is_ok() { 1.0 } else { 0.0 });
        answer
    }

    async fn see_to(&self, alarm: Alarm) -> Result<(), KeepError> {
        match alarm {
            // The round reads the catalogue and the buckets anyway.
            Alarm::WrongEpoch(_) => {}
            Alarm::FunctionsMissing => self.install().await?,
            // One rebuild mends all that was offered wrongly before it.
            Alarm::OfferedSold { sku, epoch, .. } if self.catalogue.get(&sku).is_some_and(|now| now.epoch > epoch) => {}
            Alarm::OfferedSold { sku, epoch, when } => {
                let now = self.ledger.raise_epoch(&sku, epoch, RaiseBecause::OfferedSold(when)).await?;
                if now > epoch {
                    tracing::warn!(%sku, epoch = now.0, "stock offered a key that was sold before its loading began; the SKU is loaded anew");
                    counter!(names::REBUILDS, "because" => "offered_sold").increment(1);
                    self.catalogue.replace(self.ledger.skus().await?);
                }
            }
        }
        Ok(())
    }

    async fn install(&self) -> Result<(), StockError> {
        crash::after(Point::FunctionsInstalled, &self.worker, self.stock.install()).await
    }

    /// Brings one SKU's buckets to the epoch in force, and loads them to the ledger's highest id.
    async fn bring_up(&self, mut sku: SkuState) -> Result<(), KeepError> {
        let all: Vec<Bucket> = buckets(&sku).collect();
        let states = crash::after(Point::BucketsRead, &all, self.stock.states(&all)).await?;
        if states.iter().any(|state| state.epoch.is_none_or(|epoch| epoch > sku.epoch)) {
            // Missing (never loaded, or lost), or ahead of a ledger that was restored from a backup.
            let raise = self.ledger.raise_epoch(&sku.sku, sku.epoch, RaiseBecause::Lost);
            sku.epoch = crash::after(Point::EpochRaised, &sku, raise).await?;
            counter!(names::REBUILDS, "because" => "missing").increment(1);
            self.catalogue.update(sku.clone());
        }
        let mut offered = 0;
        for (bucket, state) in all.into_iter().zip(states) {
            offered += self.load(&sku, bucket, state).await?;
        }
        gauge!(names::STOCK_OFFERED, "sku" => sku.sku.to_string()).set(offered as f64);
        Ok(())
    }

    /// Loads a bucket to its end; gives how many ids it then offers, about.
    async fn load(&self, sku: &SkuState, bucket: Bucket, state: BucketState) -> Result<u64, KeepError> {
        let (mut loaded_to, mut offered) = (state.loaded_to, state.offered);
        if state.epoch != Some(sku.epoch) {
            match crash::after(Point::BucketReset, &bucket, self.stock.reset(&bucket, sku.epoch)).await? {
                Loaded::Done => (loaded_to, offered) = (KeyId(0), 0),
                Loaded::Refused => return Ok(offered), // another loader was faster; the next round looks again
            }
        }
        while loaded_to < sku.last_id {
            let ids = self.ledger.available(sku, bucket.index, loaded_to, sku.last_id, MOST_IDS).await?;
            let whole = ids.len() < MOST_IDS as usize;
            let to = if whole { sku.last_id } else { ids.last().copied().unwrap_or(sku.last_id) };
            let count = ids.len() as u64;
            let load = Load {
                bucket: bucket.clone(),
                epoch: sku.epoch,
                from: loaded_to,
                to,
                ids,
                complete: to == sku.last_id,
            };
            let point = if load.complete { Point::Loaded } else { Point::PartLoaded };
            match crash::after(point, &bucket, self.stock.load(&load)).await? {
                Loaded::Done => {}
                Loaded::Refused => return Ok(offered),
            }
            counter!(names::IDS_LOADED).increment(count);
            loaded_to = to;
            offered += count;
        }
        Ok(offered)
    }
}
