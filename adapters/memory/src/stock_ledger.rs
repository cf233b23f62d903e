//! The ledger's side of stock: imports, epochs, loaders' leases.

use std::time::Duration;

use async_trait::async_trait;
use fulfil_contract::{
    ids::{KeyId, SealedKey, Sku, WorkerId},
    ports::{
        ledger::LedgerError,
        stock_ledger::{Imported, NewKey, RaiseBecause, SkuState, StockLedger},
    },
    stock::{Bucket, Epoch, StockIdentity},
};
use tokio::time::Instant;

use crate::{
    Memory, Moment, State,
    ledger::{KeyRow, KeyState, SkuRow, Tables},
};

const SECOND_US: i64 = 1_000_000;

impl Memory {
    /// Makes every SKU's epoch begin that much earlier than it did.
    pub fn age_epochs(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        for row in self.state().ledger.skus.values_mut() {
            row.epoch_began.0 = row.epoch_began.0.saturating_sub(by);
        }
    }
}

#[async_trait]
impl StockLedger for Memory {
    async fn import(&self, keys: &[NewKey], buckets: u16) -> Result<Vec<Imported>, LedgerError> {
        self.call("stock_ledger.import", |state| Ok(keys.iter().map(|key| import(state, key, buckets)).collect())).await
    }

    async fn skus(&self) -> Result<Vec<SkuState>, LedgerError> {
        self.call("stock_ledger.skus", |state| Ok(state.ledger.skus.iter().map(|(sku, row)| row.state(sku)).collect()))
            .await
    }

    async fn available(
        &self,
        sku: &SkuState,
        bucket: u16,
        after: KeyId,
        up_to: KeyId,
        most: u32,
    ) -> Result<Vec<KeyId>, LedgerError> {
        self.call("stock_ledger.available", |state| {
            let offered = state.ledger.keys.iter().filter(|(id, key)| {
                **id > after
                    && **id <= up_to
                    && key.sku == sku.sku
                    && key.state == KeyState::Available
                    && Bucket::index_of(**id, sku.buckets) == bucket
            });
            Ok(offered.map(|(id, _)| *id).take(most as usize).collect())
        })
        .await
    }

    async fn still_available(&self, ids: &[KeyId]) -> Result<Vec<KeyId>, LedgerError> {
        self.call("stock_ledger.still_available", |state| {
            let available = |id: &KeyId| state.ledger.keys.get(id).is_some_and(|key| key.state == KeyState::Available);
            let mut still: Vec<KeyId> = ids.iter().copied().filter(available).collect();
            still.sort_unstable();
            still.dedup();
            Ok(still)
        })
        .await
    }

    async fn lease_loading(&self, worker: &WorkerId, ttl: Duration) -> Result<Vec<SkuState>, LedgerError> {
        self.call("stock_ledger.lease_loading", |state| {
            let now = Instant::now();
            let mut leased = Vec::new();
            for (sku, row) in &mut state.ledger.skus {
                if row.loader.as_ref().is_none_or(|(holder, until)| holder == worker || *until <= now) {
                    row.loader = Some((worker.clone(), now + ttl));
                    leased.push(row.state(sku));
                }
            }
            Ok(leased)
        })
        .await
    }

    async fn raise_epoch(&self, sku: &Sku, from: Epoch, because: RaiseBecause) -> Result<Epoch, LedgerError> {
        self.call("stock_ledger.raise_epoch", |state| {
            let now = state.now();
            let row = state.ledger.skus.get_mut(sku);
            let row = row.ok_or_else(|| LedgerError::Data(format!("no key was ever imported for {sku}")))?;
            let due = match because {
                RaiseBecause::Lost => true,
                RaiseBecause::OfferedSold(at) => at < row.epoch_began && now.0 - row.epoch_began.0 > 10 * SECOND_US,
            };
            if row.epoch == from && due {
                (row.epoch, row.epoch_began) = (Epoch(from.0 + 1), now);
            }
            Ok(row.epoch)
        })
        .await
    }

    async fn adopt_identity(&self, seen: &StockIdentity) -> Result<bool, LedgerError> {
        self.call("stock_ledger.adopt_identity", |state| {
            let now = state.now();
            let other = state.ledger.stock.replace(seen.clone()).is_some_and(|known| known != *seen);
            for row in state.ledger.skus.values_mut().filter(|_| other) {
                (row.epoch, row.epoch_began) = (Epoch(row.epoch.0 + 1), now);
            }
            Ok(other)
        })
        .await
    }
}

impl SkuRow {
    fn state(&self, sku: &Sku) -> SkuState {
        SkuState { sku: sku.clone(), epoch: self.epoch, buckets: self.buckets, last_id: self.last_id }
    }
}

impl Tables {
    /// A new key under the next id; its fingerprint is in the ledger since it came.
    pub(crate) fn add_key(
        &mut self,
        sku: &Sku,
        sealed: SealedKey,
        key_state: KeyState,
        buckets: u16,
        at: Moment,
    ) -> KeyId {
        let id = KeyId(self.keys.last_key_value().map_or(1, |(last, _)| last.0 + 1));
        let row = self.skus.entry(sku.clone()).or_insert_with(|| SkuRow {
            epoch: Epoch(1),
            epoch_began: at.time,
            buckets: buckets.max(1),
            imported: 0,
            last_id: id,
            loader: None,
        });
        row.imported += 1;
        row.last_id = id;
        if key_state == KeyState::Available {
            self.wake_for_stock(sku, at);
        }
        self.keys.insert(id, KeyRow { sku: sku.clone(), sealed, state: key_state });
        id
    }
}

fn import(state: &mut State, key: &NewKey, buckets: u16) -> Imported {
    let at = state.moment();
    if !state.ledger.fingerprints.insert(key.fingerprint) {
        return Imported::Repeat;
    }
    Imported::New(state.ledger.add_key(&key.sku, key.sealed.clone(), KeyState::Available, buckets, at))
}
