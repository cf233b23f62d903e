//! Random calls of the stock ports: claims and their repeats, settles (of this epoch and others, of claims that
//! others took over), loads, resets, lost buckets' new epochs, heartbeats.

use std::time::Duration;

use proptest::{collection::vec, prelude::*, strategy::Strategy};

use super::{Mismatch, failed, must, same, stock_model::BucketModel};
use crate::{
    conformance::stock::StockBackend,
    ids::{KeyId, Sku, WorkerId},
    stock::{Bucket, ClaimId, ClaimRequest, Epoch, GoBack, Load, OpenClaim, Settle},
};

const BUCKETS: usize = 3;
const WORKERS: u64 = 2;
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The settles ride before the claims.
    Claim {
        settles: Vec<SettleStep>,
        claims: Vec<ClaimStep>,
    },
    Settle(SettleStep),
    /// By somebody else, who reads which claims are open and lets go back what is named.
    TakeOver {
        bucket: usize,
        which: usize,
        keeps: u8,
    },
    Reset {
        bucket: usize,
        raise: i64,
    },
    Load {
        bucket: usize,
        from_off: i64,
        epoch_off: i64,
        count: i64,
        gap: i64,
        complete: bool,
    },
    Beat {
        worker: u64,
    },
    Install,
}

#[derive(Debug, Clone)]
pub(super) struct ClaimStep {
    bucket: usize,
    number: u64,
    most: u32,
    epoch_off: i64,
}

#[derive(Debug, Clone)]
pub(super) struct SettleStep {
    bucket: usize,
    number: u64,
    epoch_off: i64,
    /// `None`: all go back; else those of the claim's ids whose bit is set, and one that is not the claim's.
    back: Option<u8>,
}

pub(super) fn sequences() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..40)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (vec(settle_step(), 0..3), vec(claim_step(), 1..3))
            .prop_map(|(settles, claims)| Step::Claim { settles, claims }),
        3 => settle_step().prop_map(Step::Settle),
        1 => (0..BUCKETS, 0..4_usize, any::<u8>())
            .prop_map(|(bucket, which, keeps)| Step::TakeOver { bucket, which, keeps }),
        1 => (0..BUCKETS, -1..3_i64).prop_map(|(bucket, raise)| Step::Reset { bucket, raise }),
        4 => (0..BUCKETS, mostly_zero(), mostly_zero(), 0..7_i64, 0..3_i64, any::<bool>()).prop_map(
            |(bucket, from_off, epoch_off, count, gap, complete)| Step::Load {
                bucket, from_off, epoch_off, count, gap, complete
            }
        ),
        1 => (0..WORKERS).prop_map(|worker| Step::Beat { worker }),
        1 => Just(Step::Install),
    ]
}

fn claim_step() -> impl Strategy<Value = ClaimStep> {
    (0..BUCKETS, 0..6_u64, 1..5_u32, mostly_zero()).prop_map(|(bucket, number, most, epoch_off)| ClaimStep {
        bucket,
        number,
        most,
        epoch_off,
    })
}

fn settle_step() -> impl Strategy<Value = SettleStep> {
    (0..BUCKETS, 0..6_u64, mostly_zero(), prop::option::weighted(0.7, any::<u8>()))
        .prop_map(|(bucket, number, epoch_off, back)| SettleStep { bucket, number, epoch_off, back })
}

fn mostly_zero() -> impl Strategy<Value = i64> {
    prop_oneof![8 => Just(0_i64), 1 => Just(-1_i64), 1 => Just(1_i64)]
}

/// # Errors
/// The first step after which backend and model differ.
pub(super) async fn run(stock: &impl StockBackend, steps: &[Step]) -> Result<(), Mismatch> {
    stock.install().await.map_err(failed("install"))?;
    let mut world = World { buckets: Default::default(), living: [false; WORKERS as usize] };
    for index in 0..BUCKETS {
        // The first epoch of the first bucket is there; the others are still lost.
        if index == 0 {
            world.reset(stock, index, 1).await?;
        }
    }
    for (at, step) in steps.iter().enumerate() {
        let here = |mismatch| format!("step {at}, {step:?}: {mismatch}");
        world.step(stock, step).await.map_err(here)?;
        world.compare(stock).await.map_err(here)?;
    }
    Ok(())
}

struct World {
    buckets: [BucketModel; BUCKETS],
    living: [bool; WORKERS as usize],
}

impl World {
    async fn step(&mut self, stock: &impl StockBackend, step: &Step) -> Result<(), Mismatch> {
        match step {
            Step::Claim { settles, claims } => self.claim(stock, settles, claims).await,
            Step::Settle(step) => {
                let settle = self.settle_of(step);
                stock.settle(std::slice::from_ref(&settle)).await.map_err(failed("settle"))?;
                self.buckets[step.bucket].settle(&settle);
                Ok(())
            }
            Step::TakeOver { bucket, which, keeps } => {
                let open = stock.open_claims(&named(*bucket)).await.map_err(failed("open_claims"))?;
                let Some(OpenClaim { claim, ids }) = open.get(which % open.len().max(1)) else { return Ok(()) };
                let epoch = self.buckets[*bucket].epoch();
                let settle = Settle {
                    bucket: named(*bucket),
                    epoch,
                    claim: claim.clone(),
                    back: GoBack::These(picked(ids, *keeps)),
                };
                stock.settle(std::slice::from_ref(&settle)).await.map_err(failed("settle"))?;
                self.buckets[*bucket].settle(&settle);
                Ok(())
            }
            Step::Reset { bucket, raise } => self.reset(stock, *bucket, *raise).await,
            Step::Load { bucket, from_off, epoch_off, count, gap, complete } => {
                let model = &mut self.buckets[*bucket];
                let from = (model.loaded_to() + from_off).max(0);
                let ids: Vec<KeyId> = (1..=*count).map(|n| KeyId(from + n * (gap + 1))).collect();
                let load = Load {
                    bucket: named(*bucket),
                    epoch: Epoch(model.epoch().0 + epoch_off),
                    from: KeyId(from),
                    to: KeyId(ids.last().map_or(from, |last| last.0) + gap),
                    ids,
                    complete: *complete,
                };
                let answer = stock.load(&load).await.map_err(failed("load"))?;
                same("load", &answer, &model.load(&load))
            }
            Step::Beat { worker } => {
                stock.beat(&named_worker(*worker), MINUTE).await.map_err(failed("beat"))?;
                self.living[*worker as usize] = true;
                Ok(())
            }
            Step::Install => stock.install().await.map_err(failed("install")),
        }
    }

    async fn claim(
        &mut self,
        stock: &impl StockBackend,
        settles: &[SettleStep],
        claims: &[ClaimStep],
    ) -> Result<(), Mismatch> {
        // One settle of a bucket in a call: nothing is said about the order between the ids of two.
        let mut buckets = Vec::new();
        let settles: Vec<Settle> = settles
            .iter()
            .filter(|step| {
                !buckets.contains(&step.bucket) && {
                    buckets.push(step.bucket);
                    true
                }
            })
            .map(|step| self.settle_of(step))
            .collect();
        let settled = buckets;
        let mut buckets = Vec::new();
        let claims: Vec<(usize, ClaimRequest)> = claims
            .iter()
            .filter(|step| {
                !buckets.contains(&step.bucket) && {
                    buckets.push(step.bucket);
                    true
                }
            })
            .map(|step| (step.bucket, self.request_of(step)))
            .collect();
        let requests: Vec<ClaimRequest> = claims.iter().map(|(_, request)| request.clone()).collect();
        let answers = stock.claim(&settles, &requests).await.map_err(failed("claim"))?;
        for (settle, bucket) in settles.iter().zip(settled) {
            self.buckets[bucket].settle(settle);
        }
        let expected: Vec<_> = claims.iter().map(|(bucket, request)| self.buckets[*bucket].claim(request)).collect();
        same("claim", &answers, &expected)
    }

    async fn reset(&mut self, stock: &impl StockBackend, bucket: usize, raise: i64) -> Result<(), Mismatch> {
        let epoch = Epoch((self.buckets[bucket].epoch().0 + raise).max(1));
        let answer = stock.reset(&named(bucket), epoch).await.map_err(failed("reset"))?;
        same("reset", &answer, &self.buckets[bucket].reset(epoch))
    }

    fn settle_of(&self, step: &SettleStep) -> Settle {
        let model = &self.buckets[step.bucket];
        let claim = claim_id(step.number);
        let back = match step.back {
            None => GoBack::All,
            Some(bits) => {
                let held = model.claims.get(&claim).cloned().unwrap_or_default();
                let mut ids = picked(&held, bits);
                // What the claim does not hold does not go back.
                ids.extend(model.offered.front());
                GoBack::These(ids)
            }
        };
        Settle { bucket: named(step.bucket), epoch: Epoch(model.epoch().0 + step.epoch_off), claim, back }
    }

    fn request_of(&self, step: &ClaimStep) -> ClaimRequest {
        ClaimRequest {
            bucket: named(step.bucket),
            epoch: Epoch(self.buckets[step.bucket].epoch().0 + step.epoch_off),
            claim: claim_id(step.number),
            most: step.most,
        }
    }

    async fn compare(&self, stock: &impl StockBackend) -> Result<(), Mismatch> {
        let names: Vec<Bucket> = (0..BUCKETS).map(named).collect();
        let states = stock.states(&names).await.map_err(failed("states"))?;
        same("states", &states, &self.buckets.iter().map(BucketModel::state).collect())?;
        for (name, model) in names.iter().zip(&self.buckets) {
            let offered = stock.offered(name).await.map_err(failed("offered"))?;
            same(&format!("{name} offers"), &offered, &model.offered.iter().copied().collect())?;
            let mut open = stock.open_claims(name).await.map_err(failed("open_claims"))?;
            open.sort_by(|one, two| one.claim.cmp(&two.claim));
            let claims = model.claims.iter().map(|(claim, ids)| OpenClaim { claim: claim.clone(), ids: ids.clone() });
            same(&format!("{name}'s claims"), &open, &claims.collect())?;
        }
        let workers: Vec<WorkerId> = (0..WORKERS).map(named_worker).collect();
        let living = stock.living(&workers).await.map_err(failed("living"))?;
        must("who lives", living == self.living, &living)
    }
}

/// Two buckets of one SKU, and one of another whose name is nearly the same.
fn named(bucket: usize) -> Bucket {
    let (sku, index) = [("sku-a", 0), ("sku-a", 1), ("sku-a.1", 0)][bucket];
    Bucket { sku: Sku::parse(sku).unwrap(), index }
}

fn named_worker(number: u64) -> WorkerId {
    WorkerId::parse(&format!("w-{number}")).unwrap()
}

fn claim_id(number: u64) -> ClaimId {
    ClaimId { worker: named_worker(number % WORKERS), number: number / WORKERS }
}

/// Those whose bit is set.
fn picked(ids: &[KeyId], bits: u8) -> Vec<KeyId> {
    ids.iter().enumerate().filter(|(at, _)| bits >> (at % 8) & 1 == 1).map(|(_, id)| *id).collect()
}
