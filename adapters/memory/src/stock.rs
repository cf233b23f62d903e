//! Stock: buckets, offers, claims, heartbeats; and its loss.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use async_trait::async_trait;
use fulfil_contract::{
    ids::{KeyId, WorkerId},
    ports::stock::{Stock, StockClaims, StockError, StockLoading},
    stock::{
        Bucket, BucketState, ClaimAnswer, ClaimId, ClaimRequest, Epoch, GoBack, Load, Loaded, OpenClaim, Settle,
        StockIdentity,
    },
};
use tokio::time::Instant;

use crate::Memory;

#[derive(Debug, Clone, Default)]
pub(crate) struct Server {
    /// How often it was restarted: its identity.
    life: u64,
    buckets: BTreeMap<Bucket, Held>,
    living: HashMap<WorkerId, Instant>,
}

#[derive(Debug, Clone)]
struct Held {
    epoch: Epoch,
    loaded_to: KeyId,
    complete: bool,
    offers: BTreeSet<KeyId>,
    claims: BTreeMap<ClaimId, Vec<KeyId>>,
}

/// What the stock server held at some time.
#[derive(Debug, Clone)]
pub struct StockCopy(Server);

impl Memory {
    /// As a backup, or an old replica, has it.
    #[must_use]
    pub fn copy_stock(&self) -> StockCopy {
        StockCopy(self.state().stock.clone())
    }

    /// The stock server holds what it held then, as another life of it that says so by its identity.
    pub fn restart_stock_on(&self, copy: StockCopy) {
        let mut state = self.state();
        let life = state.stock.life + 1;
        state.stock = Server { life, ..copy.0 };
    }

    /// Everything that it held is gone, and its identity stays.
    pub fn empty_stock(&self) {
        let mut state = self.state();
        state.stock = Server { life: state.stock.life, ..Server::default() };
    }
}

#[async_trait]
impl Stock for Memory {
    async fn claim(&self, settles: &[Settle], claims: &[ClaimRequest]) -> Result<Vec<ClaimAnswer>, StockError> {
        self.call("stock.claim", |state| {
            settles.iter().for_each(|settle| state.stock.settle(settle));
            Ok(claims.iter().map(|request| state.stock.claim(request)).collect())
        })
        .await
    }

    async fn settle(&self, settles: &[Settle]) -> Result<(), StockError> {
        self.call("stock.settle", |state| {
            settles.iter().for_each(|settle| state.stock.settle(settle));
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl StockLoading for Memory {
    async fn install(&self) -> Result<(), StockError> {
        self.call("stock.install", |_| Ok(())).await
    }

    async fn identity(&self) -> Result<StockIdentity, StockError> {
        self.call("stock.identity", |state| Ok(StockIdentity(format!("life {}", state.stock.life)))).await
    }

    async fn states(&self, buckets: &[Bucket]) -> Result<Vec<BucketState>, StockError> {
        self.call("stock.states", |state| Ok(buckets.iter().map(|bucket| state.stock.state(bucket)).collect())).await
    }

    async fn reset(&self, bucket: &Bucket, epoch: Epoch) -> Result<Loaded, StockError> {
        self.call("stock.reset", |state| Ok(state.stock.reset(bucket, epoch))).await
    }

    async fn load(&self, load: &Load) -> Result<Loaded, StockError> {
        self.call("stock.load", |state| Ok(state.stock.load(load))).await
    }

    async fn offered(&self, bucket: &Bucket) -> Result<Vec<KeyId>, StockError> {
        self.call("stock.offered", |state| {
            Ok(state.stock.buckets.get(bucket).map_or_else(Vec::new, |held| held.offers.iter().copied().collect()))
        })
        .await
    }
}

#[async_trait]
impl StockClaims for Memory {
    async fn beat(&self, worker: &WorkerId, ttl: Duration) -> Result<(), StockError> {
        self.call("stock.beat", |state| {
            state.stock.living.insert(worker.clone(), Instant::now() + ttl);
            Ok(())
        })
        .await
    }

    async fn living(&self, workers: &[WorkerId]) -> Result<Vec<bool>, StockError> {
        let now = Instant::now();
        let lives = |until: &Instant| *until > now;
        self.call("stock.living", |state| {
            Ok(workers.iter().map(|worker| state.stock.living.get(worker).is_some_and(lives)).collect())
        })
        .await
    }

    async fn open_claims(&self, bucket: &Bucket) -> Result<Vec<OpenClaim>, StockError> {
        self.call("stock.open_claims", |state| {
            let claims = state.stock.buckets.get(bucket).into_iter().flat_map(|held| &held.claims);
            Ok(claims.map(|(claim, ids)| OpenClaim { claim: claim.clone(), ids: ids.clone() }).collect())
        })
        .await
    }
}

impl Server {
    fn of(&mut self, bucket: &Bucket, epoch: Epoch) -> Result<&mut Held, Option<Epoch>> {
        match self.buckets.get_mut(bucket) {
            Some(held) if held.epoch == epoch => Ok(held),
            other => Err(other.map(|held| held.epoch)),
        }
    }

    fn claim(&mut self, request: &ClaimRequest) -> ClaimAnswer {
        let held = match self.of(&request.bucket, request.epoch) {
            Ok(held) => held,
            Err(epoch) => return ClaimAnswer::WrongEpoch(epoch),
        };
        if let Some(same) = held.claims.get(&request.claim) {
            return ClaimAnswer::Claimed(same.clone());
        }
        let ids: Vec<KeyId> = std::iter::from_fn(|| held.offers.pop_first()).take(request.most as usize).collect();
        if !ids.is_empty() {
            held.claims.insert(request.claim.clone(), ids.clone());
        }
        ClaimAnswer::Claimed(ids)
    }

    fn settle(&mut self, settle: &Settle) {
        let Ok(held) = self.of(&settle.bucket, settle.epoch) else { return };
        let ids = held.claims.remove(&settle.claim).unwrap_or_default().into_iter();
        match &settle.back {
            GoBack::All => held.offers.extend(ids),
            GoBack::These(back) => held.offers.extend(ids.filter(|id| back.contains(id))),
        }
    }

    pub(crate) fn offers(&self, bucket: &Bucket, epoch: Epoch, id: KeyId) -> bool {
        self.buckets.get(bucket).is_some_and(|held| held.epoch == epoch && held.offers.contains(&id))
    }

    pub(crate) fn open_claims(&self) -> usize {
        self.buckets.values().map(|held| held.claims.len()).sum()
    }

    fn state(&self, bucket: &Bucket) -> BucketState {
        match self.buckets.get(bucket) {
            None => BucketState { epoch: None, loaded_to: KeyId(0), complete: false, offered: 0 },
            Some(held) => BucketState {
                epoch: Some(held.epoch),
                loaded_to: held.loaded_to,
                complete: held.complete,
                offered: held.offers.len() as u64,
            },
        }
    }

    fn reset(&mut self, bucket: &Bucket, epoch: Epoch) -> Loaded {
        if self.buckets.get(bucket).is_some_and(|held| held.epoch >= epoch) {
            return Loaded::Refused;
        }
        let (offers, claims) = (BTreeSet::new(), BTreeMap::new());
        let empty = Held { epoch, loaded_to: KeyId(0), complete: false, offers, claims };
        self.buckets.insert(bucket.clone(), empty);
        Loaded::Done
    }

    fn load(&mut self, load: &Load) -> Loaded {
        match self.of(&load.bucket, load.epoch) {
            Ok(held) if held.loaded_to == load.from => {
                held.loaded_to = load.to;
                held.complete |= load.complete;
                held.offers.extend(&load.ids);
                Loaded::Done
            }
            Ok(_) | Err(_) => Loaded::Refused,
        }
    }
}
