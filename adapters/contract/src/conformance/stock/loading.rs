//! Resets and loads: a bucket holds what its epoch's loads brought, each window once.

use std::sync::Arc;

use super::{
    EPOCH, StockBackend, answer, bucket, filled, keys, loaded, named, offered, open, request, settle, take, these,
};
use crate::{
    ids::KeyId,
    stock::{BucketState, ClaimAnswer, ClaimRequest, Epoch, GoBack, Load, Loaded, Settle},
};

const NEVER_LOADED: BucketState = BucketState { epoch: None, loaded_to: KeyId(0), complete: false, offered: 0 };

fn state(loaded_to: i64, complete: bool, offered: u64) -> BucketState {
    BucketState { epoch: Some(EPOCH), loaded_to: KeyId(loaded_to), complete, offered }
}

async fn state_of(stock: &Arc<impl StockBackend>, bucket: &crate::stock::Bucket) -> BucketState {
    stock.states(std::slice::from_ref(bucket)).await.unwrap().remove(0)
}

pub async fn a_bucket_that_was_never_loaded(stock: Arc<impl StockBackend>) {
    stock.install().await.unwrap();
    let bucket = bucket(0);
    assert_eq!(state_of(&stock, &bucket).await, NEVER_LOADED);
    assert_eq!(offered(&stock, &bucket).await, []);
    assert_eq!(open(&stock, &bucket).await, []);
    assert_eq!(loaded(&stock, &bucket, KeyId(0), KeyId(9), keys(1..=9), true).await, Loaded::Refused);
    assert_eq!(state_of(&stock, &bucket).await, NEVER_LOADED);
}

pub async fn reset_makes_an_empty_bucket(stock: Arc<impl StockBackend>) {
    stock.install().await.unwrap();
    let bucket = bucket(0);
    assert_eq!(stock.reset(&bucket, EPOCH).await.unwrap(), Loaded::Done);
    assert_eq!(state_of(&stock, &bucket).await, state(0, false, 0));
    assert_eq!(take(&stock, &bucket, 1, 5).await, []);
}

pub async fn reset_goes_only_to_a_higher_epoch(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=9).await;
    for epoch in [EPOCH.0 - 1, EPOCH.0] {
        assert_eq!(stock.reset(&bucket, Epoch(epoch)).await.unwrap(), Loaded::Refused);
    }
    assert_eq!(state_of(&stock, &bucket).await, state(9, true, 9));
    // As numbers, not as text: 3 < 10 < 100.
    for epoch in [10, 100] {
        assert_eq!(stock.reset(&bucket, Epoch(epoch)).await.unwrap(), Loaded::Done);
        assert_eq!(state_of(&stock, &bucket).await.epoch, Some(Epoch(epoch)));
    }
    assert_eq!(stock.reset(&bucket, Epoch(20)).await.unwrap(), Loaded::Refused);
}

pub async fn reset_forgets_offers_and_claims(stock: Arc<impl StockBackend>) {
    let (bucket, next) = (bucket(0), Epoch(EPOCH.0 + 1));
    filled(&stock, &bucket, 1..=9).await;
    take(&stock, &bucket, 1, 3).await;
    assert_eq!(stock.reset(&bucket, next).await.unwrap(), Loaded::Done);
    assert_eq!(state_of(&stock, &bucket).await, BucketState { epoch: Some(next), ..state(0, false, 0) });
    assert_eq!(offered(&stock, &bucket).await, []);
    assert_eq!(open(&stock, &bucket).await, []);
    // Neither the old epoch's claim nor its settle does anything from now on.
    assert_eq!(answer(&stock, request(&bucket, 1, 3)).await, ClaimAnswer::WrongEpoch(Some(next)));
    settle(&stock, &bucket, 1, GoBack::All).await;
    stock
        .settle(&[Settle { bucket: bucket.clone(), epoch: next, claim: super::claim_id(1), back: GoBack::All }])
        .await
        .unwrap();
    assert_eq!(offered(&stock, &bucket).await, []);
    let request = ClaimRequest { epoch: next, ..request(&bucket, 1, 3) };
    assert_eq!(answer(&stock, request).await, ClaimAnswer::Claimed(Vec::new()));
}

pub async fn windows_follow_one_another(stock: Arc<impl StockBackend>) {
    stock.install().await.unwrap();
    let bucket = bucket(0);
    assert_eq!(stock.reset(&bucket, EPOCH).await.unwrap(), Loaded::Done);
    assert_eq!(loaded(&stock, &bucket, KeyId(0), KeyId(10), keys(2..=4), false).await, Loaded::Done);
    assert_eq!(state_of(&stock, &bucket).await, state(10, false, 3));
    assert_eq!(loaded(&stock, &bucket, KeyId(10), KeyId(20), keys(15..=20), true).await, Loaded::Done);
    assert_eq!(state_of(&stock, &bucket).await, state(20, true, 9));
    assert_eq!(offered(&stock, &bucket).await, [keys(2..=4), keys(15..=20)].concat());
}

pub async fn a_load_elsewhere_is_refused(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=10).await;
    let right = Load {
        bucket: bucket.clone(),
        epoch: EPOCH,
        from: KeyId(10),
        to: KeyId(20),
        ids: keys(11..=20),
        complete: true,
    };
    let wrong = [
        Load { from: KeyId(9), ..right.clone() },
        Load { from: KeyId(11), ..right.clone() },
        Load { from: KeyId(0), ..right.clone() },
        Load { epoch: Epoch(EPOCH.0 - 1), ..right.clone() },
        Load { epoch: Epoch(EPOCH.0 + 1), ..right.clone() },
    ];
    for load in wrong {
        assert_eq!(stock.load(&load).await.unwrap(), Loaded::Refused, "{load:?}");
    }
    assert_eq!(state_of(&stock, &bucket).await, state(10, true, 10));
    // A load whose answer was lost, sent again, does nothing either.
    assert_eq!(stock.load(&right).await.unwrap(), Loaded::Done);
    assert_eq!(stock.load(&right).await.unwrap(), Loaded::Refused);
    assert_eq!(offered(&stock, &bucket).await, keys(1..=20));
}

pub async fn an_empty_window_moves_on(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=10).await;
    assert_eq!(loaded(&stock, &bucket, KeyId(10), KeyId(500), Vec::new(), true).await, Loaded::Done);
    assert_eq!(state_of(&stock, &bucket).await, state(500, true, 10));
    assert_eq!(loaded(&stock, &bucket, KeyId(10), KeyId(501), keys(501..=501), true).await, Loaded::Refused);
    assert_eq!(loaded(&stock, &bucket, KeyId(500), KeyId(501), keys(501..=501), true).await, Loaded::Done);
    assert_eq!(state_of(&stock, &bucket).await, state(501, true, 11));
}

pub async fn complete_stays(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=10).await;
    assert_eq!(loaded(&stock, &bucket, KeyId(10), KeyId(11), keys(11..=11), false).await, Loaded::Done);
    assert_eq!(state_of(&stock, &bucket).await, state(11, true, 11));
    // Until the next epoch.
    assert_eq!(stock.reset(&bucket, Epoch(EPOCH.0 + 1)).await.unwrap(), Loaded::Done);
    assert!(!state_of(&stock, &bucket).await.complete);
}

pub async fn a_bucket_without_keys_becomes_complete(stock: Arc<impl StockBackend>) {
    stock.install().await.unwrap();
    let bucket = bucket(0);
    assert_eq!(stock.reset(&bucket, EPOCH).await.unwrap(), Loaded::Done);
    assert_eq!(loaded(&stock, &bucket, KeyId(0), KeyId(0), Vec::new(), true).await, Loaded::Done);
    assert_eq!(state_of(&stock, &bucket).await, state(0, true, 0));
}

pub async fn what_is_loaded_comes_after_what_is_offered(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=6).await;
    take(&stock, &bucket, 1, 4).await;
    assert_eq!(loaded(&stock, &bucket, KeyId(6), KeyId(8), keys(7..=8), true).await, Loaded::Done);
    settle(&stock, &bucket, 1, these([2])).await;
    assert_eq!(offered(&stock, &bucket).await, [2, 5, 6, 7, 8].map(KeyId));
    assert_eq!(state_of(&stock, &bucket).await, state(8, true, 5));
}

pub async fn states_in_the_order_asked(stock: Arc<impl StockBackend>) {
    filled(&stock, &bucket(0), 1..=2).await;
    filled(&stock, &bucket(1), 1..=5).await;
    take(&stock, &bucket(1), 1, 1).await;
    let asked = [bucket(1), named("never-seen", 0), bucket(0), bucket(7), bucket(1)];
    let told = stock.states(&asked).await.unwrap();
    assert_eq!(told, [state(5, true, 4), NEVER_LOADED, state(2, true, 2), NEVER_LOADED, state(5, true, 4)]);
}

pub async fn installing_again_changes_nothing(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=9).await;
    take(&stock, &bucket, 1, 3).await;
    stock.install().await.unwrap();
    stock.install().await.unwrap();
    assert_eq!(take(&stock, &bucket, 1, 3).await, keys(1..=3));
    assert_eq!(state_of(&stock, &bucket).await, state(9, true, 6));
}

pub async fn identity_stays(stock: Arc<impl StockBackend>) {
    let first = stock.identity().await.unwrap();
    filled(&stock, &bucket(0), 1..=9).await;
    assert_eq!(stock.identity().await.unwrap(), first);
    assert!(!first.0.is_empty());
}
