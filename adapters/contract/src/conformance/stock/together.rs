//! Buckets beside one another, and calls at the same time.

use std::{collections::BTreeSet, sync::Arc};

use tokio::task::JoinSet;

use super::{
    EPOCH, StockBackend, bucket, claimed, filled, keys, named, offered, open, request, settle, settle_of, take, these,
};
use crate::{
    ids::KeyId,
    stock::{Epoch, GoBack, Load, Loaded},
};

const TASKS: u64 = 64;

pub async fn buckets_are_independent(stock: Arc<impl StockBackend>) {
    let (first, second) = (bucket(0), bucket(1));
    filled(&stock, &first, 1..=5).await;
    filled(&stock, &second, 11..=15).await;
    // The same claim id in two buckets is two claims.
    assert_eq!(take(&stock, &first, 1, 2).await, keys(1..=2));
    assert_eq!(take(&stock, &second, 1, 2).await, keys(11..=12));
    settle(&stock, &first, 1, these([])).await;
    assert_eq!(open(&stock, &second).await, [(1, keys(11..=12))]);
    assert_eq!(stock.reset(&first, Epoch(EPOCH.0 + 1)).await.unwrap(), Loaded::Done);
    assert_eq!(take(&stock, &second, 2, 2).await, keys(13..=14));
    assert_eq!(offered(&stock, &second).await, keys(15..=15));
}

pub async fn alike_names_are_different_buckets(stock: Arc<impl StockBackend>) {
    let names = ["a", "A", "a.1", "a:1", "a-1", "a_1", "1", "a.", ".a", "a:stock", "a.1:claims", "-", "_"];
    let buckets: Vec<_> = names.iter().flat_map(|name| [named(name, 0), named(name, 1), named(name, 10)]).collect();
    let mut id = 0;
    for bucket in &buckets {
        id += 1;
        filled(&stock, bucket, id..=id).await;
    }
    let requests: Vec<_> = buckets.iter().map(|bucket| request(bucket, 1, 9)).collect();
    let answers = stock.claim(&[], &requests).await.unwrap();
    let given: Vec<_> = answers.into_iter().flat_map(claimed).collect();
    assert_eq!(given, keys(1..=id));
}

pub async fn no_id_is_given_twice(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=1_500).await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (stock, bucket) = (Arc::clone(&stock), bucket.clone());
        tasks.spawn(async move {
            let mut got = Vec::new();
            for round in 0..3 {
                got.extend(take(&stock, &bucket, task * 10 + round, 10).await);
            }
            got
        });
    }
    let given = tasks.join_all().await.concat();
    // 64 × 3 × 10 is more than there is, so nothing is left either.
    assert_eq!(given.len(), 1_500);
    assert_eq!(given.into_iter().collect::<BTreeSet<_>>(), keys(1..=1_500).into_iter().collect());
    assert_eq!(offered(&stock, &bucket).await, []);
}

pub async fn the_same_claim_at_once_gives_the_same_ids(stock: Arc<impl StockBackend>) {
    let bucket = bucket(0);
    filled(&stock, &bucket, 1..=100).await;
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let (stock, bucket) = (Arc::clone(&stock), bucket.clone());
        tasks.spawn(async move { take(&stock, &bucket, 1, 10).await });
    }
    for given in tasks.join_all().await {
        assert_eq!(given, keys(1..=10));
    }
    assert_eq!(offered(&stock, &bucket).await, keys(11..=100));
}

pub async fn one_of_two_loaders_wins(stock: Arc<impl StockBackend>) {
    stock.install().await.unwrap();
    let bucket = bucket(0);
    assert_eq!(stock.reset(&bucket, EPOCH).await.unwrap(), Loaded::Done);
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let load = Load {
            bucket: bucket.clone(),
            epoch: EPOCH,
            from: KeyId(0),
            to: KeyId(9),
            ids: keys(1..=9),
            complete: true,
        };
        let stock = Arc::clone(&stock);
        tasks.spawn(async move { stock.load(&load).await.unwrap() });
    }
    let done = tasks.join_all().await.into_iter().filter(|loaded| *loaded == Loaded::Done).count();
    assert_eq!(done, 1);
    assert_eq!(offered(&stock, &bucket).await, keys(1..=9));
}

/// Every task claims, and each settle rides on its next claim; every second id is "sold".
pub async fn claims_and_settles_lose_nothing(stock: Arc<impl StockBackend>) {
    let buckets = [bucket(0), bucket(1)];
    filled(&stock, &buckets[0], 1..=2_000).await;
    filled(&stock, &buckets[1], 2_001..=4_000).await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (stock, buckets) = (Arc::clone(&stock), buckets.clone());
        tasks.spawn(async move {
            let (mut sold, mut settles) = (Vec::new(), Vec::new());
            for round in 0..5 {
                let number = task * 10 + round;
                let requests = buckets.clone().map(|bucket| request(&bucket, number, 7));
                let answers = stock.claim(&settles, &requests).await.unwrap();
                settles.clear();
                for (bucket, answer) in buckets.iter().zip(answers) {
                    let (keep, back): (Vec<_>, Vec<_>) = claimed(answer).into_iter().partition(|id| id.0 % 2 == 0);
                    sold.extend(keep);
                    settles.push(settle_of(bucket, number, GoBack::These(back)));
                }
            }
            stock.settle(&settles).await.unwrap();
            sold
        });
    }
    let sold = tasks.join_all().await.concat();
    let mut all = sold.clone();
    for bucket in &buckets {
        all.extend(offered(&stock, bucket).await);
        assert_eq!(open(&stock, bucket).await, []);
    }
    all.sort_unstable();
    assert!(!sold.is_empty());
    assert_eq!(all, keys(1..=4_000));
}
