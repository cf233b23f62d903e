//! The suite of the stock ports ([`Stock`], [`StockLoading`], [`StockClaims`]).
//!
//! What it holds every backend to, beyond the ports' own words:
//! - A claim that got ids is remembered until it is settled; the same claim again gives those ids, and no
//!   more of them, whatever was loaded since. A claim that got none is not remembered: it leaves nothing
//!   open, and the same claim again takes what is there by then.
//! - Only ids that a claim holds go back, each once, in the order in which it got them, and before all
//!   that the bucket offers. Nothing is said about the order between the ids of two settled claims.
//! - A claim id counts within its bucket: the same one in two buckets is two claims.
//! - Ids are exact over the whole range of `i64`.
//!
//! `fulfil_contract::stock_suite!(fresh)` makes one test per case; `fresh` is an async function that gives
//! an empty backend, and whatever must live as long as it does: `async fn fresh() -> (Backend, Guard)`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a suite: a call that fails is a test that fails")]

use std::{ops::RangeInclusive, sync::Arc};

use crate::{
    ids::{KeyId, Sku, WorkerId},
    ports::stock::{Stock, StockClaims, StockLoading},
    stock::{Bucket, ClaimAnswer, ClaimId, ClaimRequest, Epoch, GoBack, Load, Loaded, Settle},
};

pub mod claiming;
pub mod loading;
pub mod settling;
pub mod together;
pub mod workers;

/// What the suite runs over.
pub trait StockBackend: Stock + StockLoading + StockClaims + 'static {}
impl<T: Stock + StockLoading + StockClaims + 'static> StockBackend for T {}

/// One test per case, over the backend that `$fresh` gives.
#[macro_export]
macro_rules! stock_suite {
    ($fresh:path) => {
        $crate::stock_suite! { $fresh;
            claiming::a_missing_bucket_has_no_epoch,
            claiming::the_lowest_ids_come_first,
            claiming::another_epoch_is_named_and_takes_nothing,
            claiming::the_same_claim_gives_the_same_ids,
            claiming::a_short_claim_stays_as_short_as_it_was,
            claiming::a_claim_that_got_nothing_leaves_nothing,
            claiming::several_buckets_answer_in_the_order_asked,
            claiming::ten_thousand_ids_in_one_claim,
            claiming::ids_are_exact,
            claiming::nothing_asked_nothing_answered,
            settling::these_go_back_to_the_front_in_their_order,
            settling::all_go_back,
            settling::sold_ids_are_forgotten,
            settling::twice_does_nothing,
            settling::an_unknown_claim_does_nothing,
            settling::only_ids_of_the_claim_go_back,
            settling::another_epoch_does_nothing,
            settling::settles_ride_before_the_claim,
            settling::settles_ride_for_other_buckets,
            settling::settles_ride_without_a_claim,
            settling::settles_ride_although_the_claim_is_refused,
            settling::several_claims_of_one_bucket,
            settling::ten_thousand_go_back,
            settling::a_part_of_ten_thousand_goes_back,
            settling::a_settled_claim_may_be_claimed_anew,
            loading::a_bucket_that_was_never_loaded,
            loading::reset_makes_an_empty_bucket,
            loading::reset_goes_only_to_a_higher_epoch,
            loading::reset_forgets_offers_and_claims,
            loading::windows_follow_one_another,
            loading::a_load_elsewhere_is_refused,
            loading::an_empty_window_moves_on,
            loading::complete_stays,
            loading::a_bucket_without_keys_becomes_complete,
            loading::what_is_loaded_comes_after_what_is_offered,
            loading::states_in_the_order_asked,
            loading::installing_again_changes_nothing,
            loading::identity_stays,
            together::buckets_are_independent,
            together::alike_names_are_different_buckets,
            together::no_id_is_given_twice,
            together::the_same_claim_at_once_gives_the_same_ids,
            together::one_of_two_loaders_wins,
            together::claims_and_settles_lose_nothing,
            workers::open_claims_are_told,
            workers::a_worker_never_seen_does_not_live,
            workers::a_heartbeat_lapses,
            workers::a_later_beat_lives_longer,
        }
    };
    ($fresh:path; $($part:ident :: $case:ident,)+) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let (backend, _guard) = $fresh().await;
                $crate::conformance::stock::$part::$case(::std::sync::Arc::new(backend)).await;
            }
        )+
    };
}

/// The epoch of every bucket that a case does not say otherwise about.
const EPOCH: Epoch = Epoch(3);

fn bucket(index: u16) -> Bucket {
    named("music-12", index)
}

fn named(sku: &str, index: u16) -> Bucket {
    Bucket { sku: Sku::parse(sku).unwrap(), index }
}

fn worker(name: &str) -> WorkerId {
    WorkerId::parse(name).unwrap()
}

fn claim_id(number: u64) -> ClaimId {
    ClaimId { worker: worker("w-1.a:b"), number }
}

fn keys(range: RangeInclusive<i64>) -> Vec<KeyId> {
    range.map(KeyId).collect()
}

fn request(bucket: &Bucket, number: u64, most: u32) -> ClaimRequest {
    ClaimRequest { bucket: bucket.clone(), epoch: EPOCH, claim: claim_id(number), most }
}

fn settle_of(bucket: &Bucket, number: u64, back: GoBack) -> Settle {
    Settle { bucket: bucket.clone(), epoch: EPOCH, claim: claim_id(number), back }
}

fn these(ids: impl IntoIterator<Item = i64>) -> GoBack {
    GoBack::These(ids.into_iter().map(KeyId).collect())
}

/// The ids `range`, the whole of a new epoch's stock.
async fn filled(stock: &Arc<impl StockBackend>, bucket: &Bucket, range: RangeInclusive<i64>) {
    stock.install().await.unwrap();
    assert_eq!(stock.reset(bucket, EPOCH).await.unwrap(), Loaded::Done);
    let (mut from, last) = (KeyId(0), KeyId(*range.end()));
    for window in keys(range).chunks(5_000) {
        let to = *window.last().unwrap();
        assert_eq!(loaded(stock, bucket, from, to, window.to_vec(), to == last).await, Loaded::Done);
        from = to;
    }
}

async fn loaded(
    stock: &Arc<impl StockBackend>,
    bucket: &Bucket,
    from: KeyId,
    to: KeyId,
    ids: Vec<KeyId>,
    complete: bool,
) -> Loaded {
    let load = Load { bucket: bucket.clone(), epoch: EPOCH, from, to, ids, complete };
    stock.load(&load).await.unwrap()
}

/// One claim of one bucket, alone in its call.
async fn answer(stock: &Arc<impl StockBackend>, request: ClaimRequest) -> ClaimAnswer {
    let mut answers = stock.claim(&[], &[request]).await.unwrap();
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

async fn take(stock: &Arc<impl StockBackend>, bucket: &Bucket, number: u64, most: u32) -> Vec<KeyId> {
    claimed(answer(stock, request(bucket, number, most)).await)
}

fn claimed(answer: ClaimAnswer) -> Vec<KeyId> {
    match answer {
        ClaimAnswer::Claimed(ids) => ids,
        ClaimAnswer::WrongEpoch(epoch) => panic!("the bucket is of epoch {epoch:?}"),
    }
}

async fn settle(stock: &Arc<impl StockBackend>, bucket: &Bucket, number: u64, back: GoBack) {
    stock.settle(&[settle_of(bucket, number, back)]).await.unwrap();
}

async fn offered(stock: &Arc<impl StockBackend>, bucket: &Bucket) -> Vec<KeyId> {
    stock.offered(bucket).await.unwrap()
}

/// What every open claim of a bucket holds, by its number.
async fn open(stock: &Arc<impl StockBackend>, bucket: &Bucket) -> Vec<(u64, Vec<KeyId>)> {
    let mut open: Vec<_> =
        stock.open_claims(bucket).await.unwrap().into_iter().map(|open| (open.claim.number, open.ids)).collect();
    open.sort();
    open
}

#[cfg(test)]
mod tests {
    /// A case that the macro does not name would never run.
    #[test]
    fn the_macro_names_every_case() {
        let macro_text = include_str!("stock.rs");
        for (part, text) in [
            ("claiming", include_str!("stock/claiming.rs")),
            ("settling", include_str!("stock/settling.rs")),
            ("loading", include_str!("stock/loading.rs")),
            ("together", include_str!("stock/together.rs")),
            ("workers", include_str!("stock/workers.rs")),
        ] {
            let cases: Vec<_> =
                text.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next()).collect();
            assert!(!cases.is_empty());
            for case in cases {
                assert!(macro_text.contains(&format!("{part}::{case},")), "{part}::{case} is not in the macro");
            }
        }
    }
}
