//! Settles: what goes back, what is forgotten, and when nothing happens.

use std::sync::Arc;

use super::{
    EPOCH, StockBackend, bucket, claimed, filled, keys, offered, open, request, settle, settle_of, take, these,
};
use crate::{
    ids::KeyId,
    stock::{ClaimAnswer, ClaimRequest, Epoch, GoBack, Loaded, Settle},
};

pub async fn these_go_back_to_the_front_in_their_order(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=9).await;
    take(&stock, &bucket, 1, 6).await;
    settle(&stock, &bucket, 1, these([2, 4, 5])).await;
    assert_eq!(open(&stock, &bucket).await, []);
    assert_eq!(offered(&stock, &bucket).await, [2, 4, 5, 7, 8, 9].map(KeyId));
    assert_eq!(take(&stock, &bucket, 2, 4).await, [2, 4, 5, 7].map(KeyId));
    // The order in which they are named is of no account.
    settle(&stock, &bucket, 2, these([7, 2, 5])).await;
    assert_eq!(offered(&stock, &bucket).await, [2, 5, 7, 8, 9].map(KeyId));
}

pub async fn all_go_back(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=9).await;
    take(&stock, &bucket, 1, 6).await;
    settle(&stock, &bucket, 1, GoBack::All).await;
    assert_eq!(open(&stock, &bucket).await, []);
    assert_eq!(offered(&stock, &bucket).await, keys(1..=9));
}

pub async fn sold_ids_are_forgotten(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=9).await;
    take(&stock, &bucket, 1, 6).await;
    settle(&stock, &bucket, 1, these([])).await;
    assert_eq!(open(&stock, &bucket).await, []);
    assert_eq!(offered(&stock, &bucket).await, keys(7..=9));
}

pub async fn twice_does_nothing(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=9).await;
    take(&stock, &bucket, 1, 6).await;
    for _ in 0..2 {
        settle(&stock, &bucket, 1, these([3, 4])).await;
        assert_eq!(offered(&stock, &bucket).await, [3, 4, 7, 8, 9].map(KeyId));
    }
    settle(&stock, &bucket, 1, GoBack::All).await;
    assert_eq!(offered(&stock, &bucket).await, [3, 4, 7, 8, 9].map(KeyId));
    // Nor within one call.
    take(&stock, &bucket, 2, 2).await;
    stock.settle(&[settle_of(&bucket, 2, GoBack::All), settle_of(&bucket, 2, GoBack::All)]).await.unwrap();
    assert_eq!(offered(&stock, &bucket).await, [3, 4, 7, 8, 9].map(KeyId));
}

pub async fn an_unknown_claim_does_nothing(stock: Arc<impl StockBackend>) {
    let (there, missing) = (bucket(0), bucket(1));
    filled(&stock, &there, 1..=9).await;
    take(&stock, &there, 1, 2).await;
    for back in [GoBack::All, these([1, 2, 3])] {
        settle(&stock, &there, 7, back.clone()).await;
        settle(&stock, &missing, 1, back).await;
    }
    assert_eq!(offered(&stock, &there).await, keys(3..=9));
    assert_eq!(open(&stock, &there).await, [(1, keys(1..=2))]);
    assert_eq!(stock.states(std::slice::from_ref(&missing)).await.unwrap()[0].epoch, None);
    assert_eq!(offered(&stock, &missing).await, []);
}

pub async fn only_ids_of_the_claim_go_back(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=20).await;
    take(&stock, &bucket, 1, 12).await;
    take(&stock, &bucket, 2, 2).await;
    // 13 is another claim's, 15 is offered, 99 is no key; 1 and 12 are no parts of one another; 3 is named twice.
    settle(&stock, &bucket, 1, these([1, 3, 3, 12, 13, 15, 99])).await;
    assert_eq!(offered(&stock, &bucket).await, [vec![KeyId(1), KeyId(3), KeyId(12)], keys(15..=20)].concat());
    assert_eq!(open(&stock, &bucket).await, [(2, keys(13..=14))]);
}

pub async fn another_epoch_does_nothing(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=9).await;
    take(&stock, &bucket, 1, 6).await;
    for epoch in [Epoch(EPOCH.0 - 1), Epoch(EPOCH.0 + 1)] {
        let settle = Settle { epoch, ..settle_of(&bucket, 1, GoBack::All) };
        stock.settle(std::slice::from_ref(&settle)).await.unwrap();
        let answers = stock.claim(&[settle], &[request(&bucket, 2, 1)]).await.unwrap();
        assert_eq!(answers, [ClaimAnswer::Claimed(keys(7..=7))]);
        assert_eq!(offered(&stock, &bucket).await, keys(8..=9));
        assert_eq!(open(&stock, &bucket).await, [(1, keys(1..=6)), (2, keys(7..=7))]);
    }
}

pub async fn settles_ride_before_the_claim(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=3).await;
    assert_eq!(take(&stock, &bucket, 1, 3).await, keys(1..=3));
    let answers = stock.claim(&[settle_of(&bucket, 1, these([2, 3]))], &[request(&bucket, 2, 3)]).await.unwrap();
    assert_eq!(answers, [ClaimAnswer::Claimed(keys(2..=3))]);
    assert_eq!(open(&stock, &bucket).await, [(2, keys(2..=3))]);
}

pub async fn settles_ride_for_other_buckets(stock: Arc<impl StockBackend>) {
    let (first, second, third) = (bucket(0), bucket(1), bucket(2));
    for (bucket, range) in [(&first, 1..=3), (&second, 11..=13), (&third, 21..=23)] {
        filled(&stock, bucket, range).await;
        take(&stock, bucket, 1, 2).await;
    }
    let settles = [&third, &first, &second].map(|bucket| settle_of(bucket, 1, GoBack::All));
    let answers = stock.claim(&settles, &[request(&second, 2, 1), request(&first, 2, 9)]).await.unwrap();
    assert_eq!(answers, [ClaimAnswer::Claimed(keys(11..=11)), ClaimAnswer::Claimed(keys(1..=3))]);
    assert_eq!(offered(&stock, &third).await, keys(21..=23));
    assert_eq!(open(&stock, &third).await, []);
}

pub async fn settles_ride_without_a_claim(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=3).await;
    take(&stock, &bucket, 1, 2).await;
    assert_eq!(stock.claim(&[settle_of(&bucket, 1, GoBack::All)], &[]).await.unwrap(), []);
    assert_eq!(offered(&stock, &bucket).await, keys(1..=3));
}

pub async fn settles_ride_although_the_claim_is_refused(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=3).await;
    take(&stock, &bucket, 1, 2).await;
    let refused = ClaimRequest { epoch: Epoch(EPOCH.0 + 1), ..request(&bucket, 2, 2) };
    let answers = stock.claim(&[settle_of(&bucket, 1, GoBack::All)], &[refused]).await.unwrap();
    assert_eq!(answers, [ClaimAnswer::WrongEpoch(Some(EPOCH))]);
    assert_eq!(offered(&stock, &bucket).await, keys(1..=3));
}

pub async fn several_claims_of_one_bucket(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=9).await;
    for number in 1..=3 {
        take(&stock, &bucket, number, 2).await;
    }
    let settles =
        [settle_of(&bucket, 1, GoBack::All), settle_of(&bucket, 2, these([])), settle_of(&bucket, 3, these([6]))];
    let mut ids = claimed(stock.claim(&settles, &[request(&bucket, 4, 4)]).await.unwrap().remove(0));
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 6, 7].map(KeyId));
    assert_eq!(offered(&stock, &bucket).await, keys(8..=9));
}

pub async fn ten_thousand_go_back(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=10_010).await;
    take(&stock, &bucket, 1, 10_000).await;
    settle(&stock, &bucket, 1, GoBack::All).await;
    assert_eq!(offered(&stock, &bucket).await, keys(1..=10_010));
    take(&stock, &bucket, 2, 10_000).await;
    settle(&stock, &bucket, 2, these(1..=10_000)).await;
    assert_eq!(offered(&stock, &bucket).await, keys(1..=10_010));
}

pub async fn a_part_of_ten_thousand_goes_back(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=10_010).await;
    take(&stock, &bucket, 1, 10_000).await;
    let odd = (1..=10_000).filter(|id| id % 2 == 1);
    let expected: Vec<_> = odd.clone().chain(10_001..=10_010).map(KeyId).collect();
    let answers = stock.claim(&[settle_of(&bucket, 1, these(odd))], &[request(&bucket, 2, 10_000)]).await.unwrap();
    assert_eq!(answers, [ClaimAnswer::Claimed(expected)]);
    assert_eq!(offered(&stock, &bucket).await, []);
}

pub async fn a_settled_claim_may_be_claimed_anew(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=9).await;
    take(&stock, &bucket, 1, 2).await;
    settle(&stock, &bucket, 1, these([])).await;
    assert_eq!(take(&stock, &bucket, 1, 2).await, keys(3..=4));
    // After a reset the id means nothing either.
    assert_eq!(stock.reset(&bucket, Epoch(EPOCH.0 + 1)).await.unwrap(), Loaded::Done);
    let request = ClaimRequest { epoch: Epoch(EPOCH.0 + 1), ..request(&bucket, 1, 2) };
    assert_eq!(stock.claim(&[], &[request]).await.unwrap(), [ClaimAnswer::Claimed(Vec::new())]);
}
