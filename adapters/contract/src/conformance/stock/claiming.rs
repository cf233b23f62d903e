//! Claims: which ids they get, and that the same claim again gets the same.

use std::sync::Arc;

use super::{
    EPOCH, StockBackend, answer, bucket, claim_id, claimed, filled, keys, loaded, offered, open, request, settle, take,
};
use crate::{
    ids::KeyId,
    stock::{ClaimAnswer, ClaimRequest, Epoch, GoBack, Loaded},
};

pub async fn a_missing_bucket_has_no_epoch(stock: Arc<impl StockBackend>) {
    stock.install().await.unwrap();
    assert_eq!(answer(&stock, request(&bucket(0), 1, 5)).await, ClaimAnswer::WrongEpoch(None));
    assert_eq!(open(&stock, &bucket(0)).await, []);
}

pub async fn the_lowest_ids_come_first(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 11..=30).await;
    assert_eq!(take(&stock, &bucket, 1, 5).await, keys(11..=15));
    assert_eq!(take(&stock, &bucket, 2, 1).await, keys(16..=16));
    assert_eq!(offered(&stock, &bucket).await, keys(17..=30));
}

pub async fn another_epoch_is_named_and_takes_nothing(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=9).await;
    for epoch in [Epoch(EPOCH.0 - 1), Epoch(EPOCH.0 + 1)] {
        let request = ClaimRequest { epoch, ..request(&bucket, 1, 5) };
        assert_eq!(answer(&stock, request).await, ClaimAnswer::WrongEpoch(Some(EPOCH)));
    }
    assert_eq!(offered(&stock, &bucket).await, keys(1..=9));
    assert_eq!(open(&stock, &bucket).await, []);
}

pub async fn the_same_claim_gives_the_same_ids(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=20).await;
    assert_eq!(take(&stock, &bucket, 1, 5).await, keys(1..=5));
    assert_eq!(take(&stock, &bucket, 1, 5).await, keys(1..=5));
    assert_eq!(take(&stock, &bucket, 2, 5).await, keys(6..=10));
    assert_eq!(take(&stock, &bucket, 1, 5).await, keys(1..=5));
    assert_eq!(take(&stock, &bucket, 2, 5).await, keys(6..=10));
    assert_eq!(offered(&stock, &bucket).await, keys(11..=20));
}

pub async fn a_short_claim_stays_as_short_as_it_was(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=3).await;
    assert_eq!(take(&stock, &bucket, 1, 5).await, keys(1..=3));
    assert_eq!(loaded(&stock, &bucket, KeyId(3), KeyId(9), keys(4..=9), true).await, Loaded::Done);
    assert_eq!(take(&stock, &bucket, 1, 5).await, keys(1..=3));
    assert_eq!(offered(&stock, &bucket).await, keys(4..=9));
}

pub async fn a_claim_that_got_nothing_leaves_nothing(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=2).await;
    assert_eq!(take(&stock, &bucket, 1, 2).await, keys(1..=2));
    assert_eq!(take(&stock, &bucket, 2, 5).await, []);
    assert_eq!(open(&stock, &bucket).await, [(1, keys(1..=2))]);
    assert_eq!(loaded(&stock, &bucket, KeyId(2), KeyId(9), keys(8..=9), true).await, Loaded::Done);
    assert_eq!(take(&stock, &bucket, 2, 5).await, keys(8..=9));
}

pub async fn several_buckets_answer_in_the_order_asked(stock: Arc<impl StockBackend>) {
    let (first, second, missing) = (bucket(0), bucket(1), bucket(2));
    filled(&stock, &first, 1..=4).await;
    filled(&stock, &second, 11..=14).await;
    let requests = [request(&second, 1, 2), request(&missing, 2, 2), request(&first, 3, 2)];
    let answers = stock.claim(&[], &requests).await.unwrap();
    assert_eq!(
        answers,
        [ClaimAnswer::Claimed(keys(11..=12)), ClaimAnswer::WrongEpoch(None), ClaimAnswer::Claimed(keys(1..=2))]
    );
}

pub async fn ten_thousand_ids_in_one_claim(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=10_500).await;
    assert_eq!(take(&stock, &bucket, 1, 10_000).await, keys(1..=10_000));
    assert_eq!(take(&stock, &bucket, 1, 10_000).await, keys(1..=10_000));
    assert_eq!(take(&stock, &bucket, 2, 10_000).await, keys(10_001..=10_500));
    assert_eq!(offered(&stock, &bucket).await, []);
}

pub async fn ids_are_exact(stock: Arc<impl StockBackend>) {
    // Above 2^53 a floating-point number skips ids.
    let range = (1 << 53)..=(1 << 53) + 9;
    let (bucket, last) = (bucket(u16::MAX), i64::MAX);
    filled(&stock, &bucket, range.clone()).await;
    let ends = vec![KeyId(last - 1), KeyId(last)];
    assert_eq!(loaded(&stock, &bucket, KeyId(*range.end()), KeyId(last), ends.clone(), true).await, Loaded::Done);
    let all = [keys(range), ends].concat();
    assert_eq!(offered(&stock, &bucket).await, all);
    for (number, back) in [(u64::MAX, GoBack::All), (u64::MAX - 1, GoBack::These(all.clone()))] {
        let claim = ClaimRequest { claim: claim_id(number), ..request(&bucket, 0, 100) };
        assert_eq!(claimed(answer(&stock, claim.clone()).await), all);
        assert_eq!(claimed(answer(&stock, claim).await), all);
        assert_eq!(open(&stock, &bucket).await, [(number, all.clone())]);
        settle(&stock, &bucket, number, back).await;
        assert_eq!(offered(&stock, &bucket).await, all);
    }
    assert_eq!(stock.states(&[bucket]).await.unwrap()[0].loaded_to, KeyId(last));
}

pub async fn nothing_asked_nothing_answered(stock: Arc<impl StockBackend>) {
    stock.install().await.unwrap();
    assert_eq!(stock.claim(&[], &[]).await.unwrap(), []);
    stock.settle(&[]).await.unwrap();
    assert_eq!(stock.states(&[]).await.unwrap(), []);
    assert_eq!(stock.living(&[]).await.unwrap(), Vec::<bool>::new());
}
