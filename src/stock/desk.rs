//! The claim desk of a worker: claims for batches, with the settles of earlier ones riding on the way.
//!
//! What holds here: a claim is settled once, after the ledger judged its ids; a claim whose answer was lost
//! is asked for once more under the same id, then settled whole, since none of its ids was offered to
//! anybody; when stock does not answer, nothing waits for it: the ledger takes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use fulfil_contract::{
    ids::{KeyId, Sku, WorkerId},
    ports::stock::{Stock, StockError},
    stock::{Bucket, ClaimAnswer, ClaimId, ClaimRequest, Epoch, GoBack, Settle},
    time::Timestamp,
};
use metrics::{counter, gauge};
use tokio::{sync::mpsc, time::Instant};

use super::{catalogue::Catalogue, open_claims::OpenClaims};
use crate::{
    crash::{self, Point},
    ops::{drain::Draining, metrics as names},
    pipeline::batch::HeldClaim,
};

/// Settles that wait for a ride. Beyond it the oldest are dropped: the claims stay open and are taken over.
const MOST_WAITING: usize = 10_000;
/// Settles that ride on one call.
const MOST_RIDING: usize = 500;
/// Buckets of one SKU that a batch asks, one after the other, before the ledger takes.
const MOST_ROUNDS: u16 = 4;
/// Without a ride for so long, the settles go by themselves.
const FLUSH_AFTER: Duration = Duration::from_millis(200);

/// Something that the keeper has to look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// A claim was refused: the bucket is of another epoch, or lost.
    WrongEpoch(Sku),
    /// A claimed key had been sold at this time already.
    OfferedSold {
        sku: Sku,
        epoch: Epoch,
        when: Timestamp,
    },
    FunctionsMissing,
}

pub struct ClaimDesk {
    stock: Arc<dyn Stock>,
    catalogue: Arc<Catalogue>,
    worker: WorkerId,
    next: AtomicU64,
    /// Asked for or held, and not yet settled.
    open: OpenClaims,
    book: Mutex<Book>,
    alarms: mpsc::Sender<Alarm>,
}

struct Book {
    waiting: Vec<Settle>,
    /// When settles last came along with a claim. A full stock server refuses claims, and takes settles.
    last_ride: Instant,
}

impl std::fmt::Debug for ClaimDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClaimDesk({})", self.worker)
    }
}

impl ClaimDesk {
    #[must_use]
    pub fn new(
        stock: Arc<dyn Stock>,
        catalogue: Arc<Catalogue>,
        worker: WorkerId,
        alarms: mpsc::Sender<Alarm>,
    ) -> Self {
        let book = Book { waiting: Vec::new(), last_ride: Instant::now() };
        Self {
            stock,
            catalogue,
            worker,
            next: AtomicU64::new(1),
            open: OpenClaims::default(),
            book: Mutex::new(book),
            alarms,
        }
    }

    /// Claims up to the wanted number of ids per SKU. Fewer is no verdict on the stock.
    pub async fn claim(&self, wanted: &BTreeMap<Sku, u32>, lane: u16) -> Vec<HeldClaim> {
        let mut missing: Vec<_> =
            wanted.iter().filter_map(|(sku, &count)| Some((self.catalogue.get(sku)?, count))).collect();
        let mut held = Vec::new();
        for round in 0..MOST_ROUNDS {
            missing.retain(|(state, count)| *count > 0 && round < state.buckets.max(1));
            if missing.is_empty() {
                break;
            }
            let requests: Vec<ClaimRequest> = missing
                .iter()
                .map(|(state, count)| ClaimRequest {
                    bucket: Bucket { sku: state.sku.clone(), index: (lane.wrapping_add(round)) % state.buckets.max(1) },
                    epoch: state.epoch,
                    claim: ClaimId { worker: self.worker.clone(), number: self.next.fetch_add(1, Relaxed) },
                    most: *count,
                })
                .collect();
            let Some(answers) = self.ask(&requests).await else { break };
            for ((request, answer), (_, count)) in requests.into_iter().zip(answers).zip(&mut missing) {
                if let Some(claim) = self.hold(request, answer) {
                    *count = count.saturating_sub(u32::try_from(claim.ids.len()).unwrap_or(u32::MAX));
                    held.push(claim);
                }
            }
        }
        held
    }

    /// The ledger has judged the claim's ids; `back` were neither sold nor gone.
    pub fn settle_later(&self, claim: HeldClaim, back: Vec<KeyId>) {
        claim.in_hand.give_back();
        if !back.is_empty() {
            counter!(names::IDS_RETURNED).increment(back.len() as u64);
        }
        self.wait_for_a_ride(vec![Settle {
            bucket: claim.bucket,
            epoch: claim.epoch,
            claim: claim.claim,
            back: GoBack::These(back),
        }]);
    }

    /// Tells the keeper that stock offered keys that had been sold, at these times: the first of them decides whether
    /// stock has forgotten something.
    pub fn offered_sold(&self, sku: &Sku, epoch: Epoch, sold: impl Iterator<Item = Timestamp> + Clone) {
        let Some(when) = sold.clone().min() else { return };
        counter!(names::OFFERED_SOLD).increment(sold.count() as u64);
        self.alarm(Alarm::OfferedSold { sku: sku.clone(), epoch, when });
    }

    /// Whether a claim of this worker may still be in use.
    #[must_use]
    pub fn is_open(&self, number: u64) -> bool {
        self.open.is_open(number)
    }

    /// Settles what waits, without a claim to ride on; gives how many still wait.
    pub async fn flush(&self) -> usize {
        loop {
            let riding = self.take_riders();
            if riding.is_empty() {
                return 0;
            }
            if let Err(error) = crash::after(Point::Settled, &riding, self.stock.settle(&riding)).await {
                tracing::debug!(%error, waiting = riding.len(), "settles wait");
                self.put_back(riding);
                return self.book().waiting.len();
            }
            self.settled(&riding);
        }
    }

    /// Flushes whenever no claim came by for a while, until draining begins.
    pub async fn flush_when_idle(self: Arc<Self>, mut draining: Draining) {
        while draining.pause(FLUSH_AFTER).await {
            if self.book().last_ride.elapsed() >= FLUSH_AFTER {
                self.flush().await;
            }
        }
    }

    /// One round trip; once more under the same claim ids when the first answer was lost.
    async fn ask(&self, requests: &[ClaimRequest]) -> Option<Vec<ClaimAnswer>> {
        let riding = self.take_riders();
        self.open.open(requests.iter().map(|request| request.claim.number));
        let call = || crash::after(Point::ClaimAnswered, requests, self.stock.claim(&riding, requests));
        let mut answer = call().await;
        if matches!(answer, Err(StockError::Unavailable(_))) {
            answer = call().await;
        }
        gauge!(names::STOCK_REACHABLE).set(if answer.is_ok() { 1.0 } else { 0.0 });
        match answer {
            Ok(answers) => {
                self.book().last_ride = Instant::now();
                self.settled(&riding);
                Some(answers)
            }
            Err(error) => {
                counter!(names::CLAIMS_FAILED).increment(requests.len() as u64);
                self.put_back(riding);
                self.give_up(requests, &error);
                None
            }
        }
    }

    fn hold(&self, request: ClaimRequest, answer: ClaimAnswer) -> Option<HeldClaim> {
        match answer {
            ClaimAnswer::Claimed(ids) if ids.is_empty() => self.open.close(request.claim.number),
            ClaimAnswer::Claimed(ids) => {
                counter!(names::IDS_CLAIMED).increment(ids.len() as u64);
                let in_hand = self.open.hand_out(request.claim.number);
                let (bucket, epoch, claim) = (request.bucket, request.epoch, request.claim);
                return Some(HeldClaim { bucket, epoch, claim, ids, in_hand });
            }
            ClaimAnswer::WrongEpoch(_) => {
                counter!(names::CLAIMS_REFUSED).increment(1);
                self.open.close(request.claim.number);
                self.alarm(Alarm::WrongEpoch(request.bucket.sku));
            }
        }
        None
    }

    fn give_up(&self, requests: &[ClaimRequest], error: &StockError) {
        match error {
            StockError::Unavailable(_) => {
                // The claims may exist; nobody was offered their ids.
                let all = requests.iter().map(|request| Settle {
                    bucket: request.bucket.clone(),
                    epoch: request.epoch,
                    claim: request.claim.clone(),
                    back: GoBack::All,
                });
                self.wait_for_a_ride(all.collect());
            }
            StockError::OutOfMemory | StockError::Refused(_) => {
                tracing::warn!(%error, "stock refuses claims; the ledger takes");
                requests.iter().for_each(|request| self.open.close(request.claim.number));
            }
            StockError::FunctionsMissing => {
                requests.iter().for_each(|request| self.open.close(request.claim.number));
                self.alarm(Alarm::FunctionsMissing);
            }
        }
    }

    /// A full channel already holds alarms enough to make the keeper look.
    fn alarm(&self, alarm: Alarm) {
        if let Err(mpsc::error::TrySendError::Closed(alarm)) = self.alarms.try_send(alarm) {
            tracing::debug!(?alarm, "nobody keeps the stock any more");
        }
    }

    fn wait_for_a_ride(&self, settles: Vec<Settle>) {
        let mut book = self.book();
        book.waiting.extend(settles);
        if let Some(over) = book.waiting.len().checked_sub(MOST_WAITING) {
            book.waiting.drain(..over).for_each(|settle| self.open.close(settle.claim.number));
        }
    }

    fn take_riders(&self) -> Vec<Settle> {
        let mut book = self.book();
        let count = book.waiting.len().min(MOST_RIDING);
        book.waiting.drain(..count).collect()
    }

    fn put_back(&self, riding: Vec<Settle>) {
        let mut book = self.book();
        let later = std::mem::replace(&mut book.waiting, riding);
        book.waiting.extend(later);
    }

    fn settled(&self, riding: &[Settle]) {
        for settle in riding {
            self.open.close(settle.claim.number);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use async_trait::async_trait;
    use fulfil_contract::ports::stock_ledger::SkuState;

    use super::*;
    use crate::ops::drain::{Drain, Phase};

    /// Gives an id for each claim until it is full; then it takes settles alone.
    #[derive(Default)]
    struct Filling {
        full: AtomicBool,
        settled: AtomicU64,
    }

    #[async_trait]
    impl Stock for Filling {
        async fn claim(&self, settles: &[Settle], claims: &[ClaimRequest]) -> Result<Vec<ClaimAnswer>, StockError> {
            if self.full.load(Relaxed) {
                return Err(StockError::OutOfMemory);
            }
            self.settle(settles).await?;
            Ok(claims.iter().map(|_| ClaimAnswer::Claimed(vec![KeyId(1)])).collect())
        }

        async fn settle(&self, settles: &[Settle]) -> Result<(), StockError> {
            self.settled.fetch_add(settles.len() as u64, Relaxed);
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn settles_go_by_themselves_where_every_claim_is_refused() {
        let (stock, catalogue, sku) = (Arc::new(Filling::default()), Arc::default(), Sku::parse("s").unwrap());
        let (alarms, _called) = mpsc::channel(1);
        let desk =
            Arc::new(ClaimDesk::new(stock.clone(), Arc::clone(&catalogue), WorkerId::parse("w").unwrap(), alarms));
        catalogue.replace(vec![SkuState { sku: sku.clone(), epoch: Epoch(1), buckets: 1, last_id: KeyId(9) }]);
        let wanted = BTreeMap::from([(sku, 1)]);
        let held = desk.claim(&wanted, 0).await.pop().unwrap();
        stock.full.store(true, Relaxed);
        desk.settle_later(held, Vec::new());

        let (drain, draining) = Drain::new();
        let flushing = tokio::spawn(desk.clone().flush_when_idle(draining));
        // Orders go on coming, more often than an idle desk would flush.
        for _ in 0..20 {
            assert!(desk.claim(&wanted, 0).await.is_empty());
            tokio::time::sleep(FLUSH_AFTER / 4).await;
        }
        assert_eq!(stock.settled.load(Relaxed), 1);
        drain.enter(Phase::Draining);
        flushing.await.unwrap();
    }
}
