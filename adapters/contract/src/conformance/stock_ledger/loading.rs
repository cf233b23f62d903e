//! Who loads a SKU, and which epoch is in force.

use std::time::{Duration, Instant};

use crate::{
    conformance::samples::*,
    ids::Sku,
    ports::stock_ledger::{RaiseBecause, SkuState},
    stock::{Epoch, StockIdentity},
    time::Timestamp,
};

const LONG: Duration = Duration::from_secs(600);
const BRIEF: Duration = Duration::from_millis(50);

async fn lease(backend: &dyn LedgerBackend, name: &str, ttl: Duration) -> Vec<String> {
    let mut names: Vec<String> = backend
        .stock_ledger()
        .lease_loading(&worker(name), ttl)
        .await
        .unwrap()
        .into_iter()
        .map(|state| state.sku.to_string())
        .collect();
    names.sort();
    names
}

pub async fn a_lease_is_one_worker_s(backend: &dyn LedgerBackend) {
    assert_eq!(lease(backend, "w-1", LONG).await, Vec::<String>::new());
    stock(backend, "sku-a", 3).await;
    stock(backend, "sku-b", 3).await;
    assert_eq!(lease(backend, "w-1", LONG).await, ["sku-a", "sku-b"]);
    assert_eq!(lease(backend, "w-2", LONG).await, Vec::<String>::new());
    assert_eq!(lease(backend, "w-1", LONG).await, ["sku-a", "sku-b"], "its holder renews it");
    stock(backend, "sku-c", 1).await;
    assert_eq!(lease(backend, "w-2", LONG).await, ["sku-c"], "a new SKU's lease is free");
    assert_eq!(lease(backend, "w-1", LONG).await, ["sku-a", "sku-b"]);
}

pub async fn a_lease_says_what_there_is_to_load(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 3).await;
    let leased = backend.stock_ledger().lease_loading(&worker("w-1"), LONG).await.unwrap();
    assert_eq!(leased, [SkuState { sku: sku("sku-a"), epoch: Epoch(1), buckets: BUCKETS, last_id: ids[2] }]);
    assert_eq!(leased, backend.stock_ledger().skus().await.unwrap());
}

pub async fn a_lapsed_lease_is_given_to_another(backend: &dyn LedgerBackend) {
    stock(backend, "sku-a", 3).await;
    assert_eq!(lease(backend, "w-1", BRIEF).await, ["sku-a"]);
    let since = Instant::now();
    while lease(backend, "w-2", LONG).await.is_empty() {
        assert!(since.elapsed() < Duration::from_secs(10), "a lease of 50 ms has not lapsed after 10 s");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(lease(backend, "w-1", LONG).await, Vec::<String>::new(), "its first holder has lost it");
}

pub async fn a_lease_is_given_once_to_two_at_once(backend: &dyn LedgerBackend) {
    for number in 0..10 {
        stock(backend, &format!("sku-{number}"), 1).await;
    }
    let (a, b) = tokio::join!(lease(backend, "w-1", LONG), lease(backend, "w-2", LONG));
    let mut all = [a, b].concat();
    all.sort();
    assert_eq!(all, (0..10).map(|number| format!("sku-{number}")).collect::<Vec<_>>());
}

async fn raise(backend: &dyn LedgerBackend, name: &str, from: i64, because: RaiseBecause) -> i64 {
    backend.stock_ledger().raise_epoch(&sku(name), Epoch(from), because).await.unwrap().0
}

pub async fn an_epoch_is_raised_by_compare_and_set(backend: &dyn LedgerBackend) {
    stock(backend, "sku-a", 1).await;
    stock(backend, "sku-b", 1).await;
    assert_eq!(raise(backend, "sku-a", 1, RaiseBecause::Lost).await, 2);
    assert_eq!(raise(backend, "sku-a", 1, RaiseBecause::Lost).await, 2, "from an epoch that is over nothing is raised");
    assert_eq!(raise(backend, "sku-a", 9, RaiseBecause::Lost).await, 2);
    assert_eq!(raise(backend, "sku-a", 2, RaiseBecause::Lost).await, 3);
    assert_eq!(state_of(backend, "sku-a").await.epoch, Epoch(3));
    assert_eq!(state_of(backend, "sku-b").await.epoch, Epoch(1));
}

pub async fn an_epoch_is_raised_once_by_two_at_once(backend: &dyn LedgerBackend) {
    stock(backend, "sku-a", 1).await;
    for from in 1..=10 {
        let one = || raise(backend, "sku-a", from, RaiseBecause::Lost);
        let (a, b, c) = tokio::join!(one(), one(), one());
        assert_eq!([a, b, c], [from + 1; 3]);
    }
}

pub async fn a_sold_key_raises_only_the_epoch_that_began_after_its_sale(backend: &dyn LedgerBackend) {
    stock(backend, "sku-a", 1).await;
    let now = ledger_time(backend).await;
    let before = RaiseBecause::OfferedSold(later(now, -3_600));
    assert_eq!(raise(backend, "sku-a", 1, before).await, 1, "the epoch is younger than 10 s");
    backend.age_epochs(Duration::from_secs(12)).await;
    assert_eq!(
        raise(backend, "sku-a", 1, RaiseBecause::OfferedSold(now)).await,
        1,
        "sold within the epoch: a race, no loss"
    );
    assert_eq!(raise(backend, "sku-a", 7, before).await, 1, "from another epoch");
    assert_eq!(raise(backend, "sku-a", 1, before).await, 2);
    assert_eq!(raise(backend, "sku-a", 1, before).await, 2);
    assert_eq!(raise(backend, "sku-a", 2, before).await, 2, "the new epoch is younger than 10 s");
    assert_eq!(raise(backend, "sku-a", 2, RaiseBecause::OfferedSold(Timestamp(0))).await, 2);
    assert_eq!(raise(backend, "sku-a", 2, RaiseBecause::Lost).await, 3, "what is lost is raised at any age");
}

pub async fn another_identity_raises_every_epoch_once(backend: &dyn LedgerBackend) {
    stock(backend, "sku-a", 1).await;
    stock(backend, "sku-b", 1).await;
    raise(backend, "sku-b", 1, RaiseBecause::Lost).await;
    let adopt = async |text: &str| backend.stock_ledger().adopt_identity(&StockIdentity(text.into())).await.unwrap();
    let epochs = async || {
        let mut states: Vec<(Sku, i64)> =
            backend.stock_ledger().skus().await.unwrap().into_iter().map(|state| (state.sku, state.epoch.0)).collect();
        states.sort();
        states.into_iter().map(|(_, epoch)| epoch).collect::<Vec<_>>()
    };
    assert!(!adopt("run-1 repl-1").await, "the first identity ever is no change");
    assert_eq!(epochs().await, [1, 2]);
    assert!(!adopt("run-1 repl-1").await);
    assert!(adopt("run-2 repl-1").await);
    assert_eq!(epochs().await, [2, 3]);
    assert!(!adopt("run-2 repl-1").await, "the second worker that sees it changes nothing");
    assert_eq!(epochs().await, [2, 3]);
    assert!(adopt("run-1 repl-1").await, "an earlier identity is another one too");
    assert_eq!(epochs().await, [3, 4]);
}

pub async fn another_identity_is_adopted_by_one_of_two_at_once(backend: &dyn LedgerBackend) {
    stock(backend, "sku-a", 1).await;
    let adopt =
        |text: String| async move { backend.stock_ledger().adopt_identity(&StockIdentity(text)).await.unwrap() };
    let (a, b) = tokio::join!(adopt("first".into()), adopt("first".into()));
    assert_eq!((a, b), (false, false));
    for round in 0..10 {
        let name = || format!("run-{round}");
        let (a, b, c) = tokio::join!(adopt(name()), adopt(name()), adopt(name()));
        assert_eq!([a, b, c].into_iter().filter(|raised| *raised).count(), 1);
        assert_eq!(state_of(backend, "sku-a").await.epoch, Epoch(round + 2));
    }
}
