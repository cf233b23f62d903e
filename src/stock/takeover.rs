//! Heartbeat and take-over. A claim whose worker is gone is judged id by id by the ledger's own rows: sold
//! or quarantined, dropped; available, back to the bucket. Nothing needs to know which order it was for, and
//! a worker that was only slow loses nothing but a re-claim (I1).

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use fulfil_contract::{
    ids::WorkerId,
    ports::{
        stock::{Stock, StockClaims},
        stock_ledger::StockLedger,
    },
    stock::{Bucket, ClaimId, Epoch, GoBack, OpenClaim, Settle},
};
use metrics::counter;

use super::{
    catalogue::{Catalogue, buckets},
    desk::ClaimDesk,
    keeper::KeepError,
};
use crate::{
    crash::{self, Point},
    ops::{drain::Draining, metrics as names},
};

const BEAT_EVERY: Duration = Duration::from_secs(2);
/// After a beat that was lost.
const BEAT_AGAIN: Duration = Duration::from_millis(200);
const FIRST_TRIES: u32 = 3;
/// A worker that has not beaten for so long is taken for dead.
const BEAT_TTL: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The first beat comes before the first claim: whoever claims before it beats is taken for dead. A stock server that
/// is away is not waited for long: no claim comes about there either, and once it is back a beat is soon tried again.
/// Says whether a beat was well.
pub async fn first_beat(claims: &dyn StockClaims, worker: &WorkerId, draining: &mut Draining) -> bool {
    for _ in 0..FIRST_TRIES {
        if beat_once(claims, worker).await {
            return true;
        }
        if !draining.pause(BEAT_AGAIN).await {
            break;
        }
    }
    false
}

/// Beats until draining ends the process; the heartbeat then lapses by itself. `beaten`: the last beat was well.
pub async fn beat(claims: Arc<dyn StockClaims>, worker: WorkerId, beaten: bool, mut draining: Draining) {
    let mut pause = if beaten { BEAT_EVERY } else { BEAT_AGAIN };
    while draining.pause(pause).await {
        pause = if beat_once(&*claims, &worker).await { BEAT_EVERY } else { BEAT_AGAIN };
    }
}

async fn beat_once(claims: &dyn StockClaims, worker: &WorkerId) -> bool {
    let beaten = crash::after(Point::Beaten, worker, claims.beat(worker, BEAT_TTL)).await;
    if let Err(error) = &beaten {
        tracing::debug!(%error, "a heartbeat was lost");
    }
    beaten.is_ok()
}

pub struct TakeOver {
    pub ledger: Arc<dyn StockLedger>,
    pub stock: Arc<dyn Stock>,
    pub claims: Arc<dyn StockClaims>,
    pub catalogue: Arc<Catalogue>,
    pub desk: Arc<ClaimDesk>,
    pub worker: WorkerId,
}

impl std::fmt::Debug for TakeOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TakeOver({})", self.worker)
    }
}

impl TakeOver {
    /// Looks for claims of the dead until draining begins.
    pub async fn watch(self, mut draining: Draining) {
        let mut forgotten = HashSet::new();
        while draining.pause(LOOK_EVERY).await {
            self.look(&mut forgotten).await;
        }
    }

    /// One round, told where it is handled.
    pub async fn look(&self, forgotten: &mut HashSet<ClaimId>) {
        match self.round(forgotten).await {
            Ok(0) => {}
            Ok(claims) => tracing::info!(claims, "claims of workers that are gone were taken over"),
            Err(error) => tracing::debug!(%error, "claims could not be looked through; trying again"),
        }
    }

    /// Frees every claim whose worker is gone, and this worker's own claims that its desk does not know any
    /// more and did not know in the round before. Gives how many.
    ///
    /// # Errors
    /// [`KeepError`].
    pub async fn round(&self, forgotten: &mut HashSet<ClaimId>) -> Result<usize, KeepError> {
        let (mut taken, mut own) = (0, HashSet::new());
        for sku in self.catalogue.all() {
            for bucket in buckets(&sku) {
                let open = self.claims.open_claims(&bucket).await?;
                if open.is_empty() {
                    continue;
                }
                let (mine, others): (Vec<_>, Vec<_>) =
                    open.into_iter().partition(|claim| claim.claim.worker == self.worker);
                let mut lost = self.of_the_dead(others).await?;
                for claim in mine.into_iter().filter(|claim| !self.desk.is_open(claim.claim.number)) {
                    if forgotten.contains(&claim.claim) {
                        lost.push(claim);
                    } else {
                        own.insert(claim.claim);
                    }
                }
                taken += self.free(bucket, sku.epoch, lost).await?;
            }
        }
        *forgotten = own;
        Ok(taken)
    }

    async fn of_the_dead(&self, claims: Vec<OpenClaim>) -> Result<Vec<OpenClaim>, KeepError> {
        let workers: Vec<WorkerId> =
            claims.iter().map(|claim| claim.claim.worker.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        if workers.is_empty() {
            return Ok(Vec::new());
        }
        let living = crash::after(Point::ClaimsFound, &claims, self.claims.living(&workers)).await?;
        let living: HashMap<WorkerId, bool> = workers.into_iter().zip(living).collect();
        Ok(claims.into_iter().filter(|claim| living.get(&claim.claim.worker) == Some(&false)).collect())
    }

    async fn free(&self, bucket: Bucket, epoch: Epoch, lost: Vec<OpenClaim>) -> Result<usize, KeepError> {
        let mut settles = Vec::with_capacity(lost.len());
        for OpenClaim { claim, ids } in lost {
            let judge = self.ledger.still_available(&ids);
            let back = crash::after(Point::ClaimsJudged, &claim, judge).await?;
            settles.push(Settle { bucket: bucket.clone(), epoch, claim, back: GoBack::These(back) });
        }
        if !settles.is_empty() {
            crash::after(Point::ClaimsFreed, &settles, self.stock.settle(&settles)).await?;
            counter!(names::CLAIMS_TAKEN_OVER).increment(settles.len() as u64);
        }
        Ok(settles.len())
    }
}
