//! A person who decides reviews: asks the supplier, whose log tells the truth, and decides accordingly.

use fulfil::sealing::CardKey;
use fulfil_contract::{
    ids::Sku,
    ports::procurements::Reviews,
    procurement::{BoughtKey, Resolution, Review, ReviewId, SealedGoods},
    reason::{Reason, ReasonCode},
    time::Timestamp,
};
use fulfil_memory::Memory;
use rand::{RngExt, rngs::SmallRng};

use crate::{
    supplier::{Double, Made},
    worker::vault,
};

/// A purchase that was on its way when the review was opened has arrived by then: microseconds.
const TIME_TO_ARRIVE: i64 = 30_000_000;

/// Decides one open review, if there is one that is old enough; whether it did.
pub(crate) async fn decide_one(memory: &Memory, now: Timestamp, doubles: &[Double], rng: &mut SmallRng) -> bool {
    let reviews = memory.reviews(false, ReviewId(0), 100).await.unwrap_or_default();
    let old: Vec<&Review> = reviews.iter().filter(|review| now.0 - review.opened_at.0 > TIME_TO_ARRIVE).collect();
    let Some(review) = (!old.is_empty()).then(|| old[rng.random_range(0..old.len())]) else { return false };
    let resolution = decision(review, doubles, rng);
    memory.resolve(review.id, &resolution, "asked the supplier").await.is_ok()
}

fn decision(review: &Review, doubles: &[Double], rng: &mut SmallRng) -> Resolution {
    if !review.case.kind.holds_its_line() {
        return Resolution::Noted;
    }
    let reject = || Resolution::Reject(Reason::new(ReasonCode::Reviewed, "nobody could tell"));
    let Some(attempt) = &review.attempt else { return reject() };
    let Some(double) = doubles.iter().find(|double| double.name == attempt.supplier.as_str()) else { return reject() };
    let log = double.log();
    match log.made.get(attempt.reference.as_str()) {
        Some(made) if !made.cancelled && rng.random_bool(0.8) => Resolution::Delivered(goods(made, &review.sku)),
        Some(made) if !made.cancelled => Resolution::AskAgain,
        Some(_) | None if rng.random_bool(0.6) => Resolution::Refused,
        Some(_) | None => reject(),
    }
}

fn goods(made: &Made, sku: &Sku) -> SealedGoods {
    if made.account.is_some() {
        return SealedGoods::Recharge { receipt: Some("R".into()) };
    }
    let vault = vault();
    let seal = |text: &String| {
        let key = CardKey::parse(text).unwrap();
        BoughtKey { fingerprint: vault.fingerprinter.fingerprint(sku, key), sealed: vault.sealer.seal(sku, key) }
    };
    SealedGoods::Keys(made.keys.iter().map(seal).collect())
}
