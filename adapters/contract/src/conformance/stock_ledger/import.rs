//! Imports: each key once in the whole ledger, ids in the order of their commits (I5).

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{
    conformance::samples::*,
    ids::{Fingerprint, KeyId},
    ports::stock_ledger::{Imported, NewKey},
    stock::Epoch,
};

pub async fn new_keys_are_available(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 5).await;
    assert!(ids.is_sorted() && ids[0] > KeyId(0), "ids rise with the keys of a call: {ids:?}");
    assert_eq!(available(backend, "sku-a").await, ids);
    let state = state_of(backend, "sku-a").await;
    assert_eq!((state.epoch, state.buckets, state.last_id), (Epoch(1), BUCKETS, ids[4]));
}

pub async fn a_repeated_fingerprint_is_imported_once(backend: &dyn LedgerBackend) {
    let (one, two, three) = (new_key("sku-a", 1), new_key("sku-a", 2), new_key("sku-a", 3));
    let same_key_elsewhere = NewKey { sku: sku("sku-b"), sealed: sealed("sku-b", 9), ..one.clone() };
    let import =
        async |keys: &[NewKey]| -> Vec<Imported> { backend.stock_ledger().import(keys, BUCKETS).await.unwrap() };

    let within = import(&[one.clone(), two.clone(), one.clone(), same_key_elsewhere.clone()]).await;
    assert!(
        matches!(within[..], [Imported::New(_), Imported::New(_), Imported::Repeat, Imported::Repeat]),
        "{within:?}"
    );
    let across = import(&[two, three, one]).await;
    assert!(matches!(across[..], [Imported::Repeat, Imported::New(_), Imported::Repeat]), "{across:?}");
    assert_eq!(import(&[same_key_elsewhere]).await, [Imported::Repeat]);

    assert_eq!(available(backend, "sku-a").await.len(), 3);
    let known = backend.stock_ledger().skus().await.unwrap();
    assert_eq!(
        known.iter().map(|state| state.sku.as_str()).collect::<Vec<_>>(),
        ["sku-a"],
        "repeats alone make no SKU known"
    );
    assert_eq!(import(&[]).await, []);
}

pub async fn a_sold_key_is_still_a_repeat(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 2).await;
    new(judge_one(backend, claimed("o-1", "sku-a", &ids[..1])).await);
    backend.quarantine(ids[1]).await;
    let again = backend.stock_ledger().import(&[new_key("sku-a", 1), new_key("sku-a", 2)], BUCKETS).await.unwrap();
    assert_eq!(again, [Imported::Repeat, Imported::Repeat]);
    assert_eq!(available(backend, "sku-a").await, []);
}

pub async fn skus_of_one_call_are_told_apart(backend: &dyn LedgerBackend) {
    let keys: Vec<NewKey> = (0..300).map(|number| new_key(["sku-c", "sku-a", "sku-b"][number % 3], number)).collect();
    let ids: Vec<KeyId> = backend.stock_ledger().import(&keys, 2).await.unwrap().into_iter().map(new_id).collect();
    for (at, name) in ["sku-c", "sku-a", "sku-b"].into_iter().enumerate() {
        let mine: Vec<KeyId> = ids.iter().copied().skip(at).step_by(3).collect();
        assert!(mine.is_sorted());
        assert_eq!(available(backend, name).await, mine);
        let state = state_of(backend, name).await;
        assert_eq!((state.buckets, Some(&state.last_id)), (2, mine.last()));
        let sold = new(judge_one(backend, claimed(&format!("o-{name}"), name, &mine[..1])).await);
        let crate::recorded::LineOutcome::Delivered(delivered) = &sold.lines[0].outcome else {
            panic!("not delivered")
        };
        assert_eq!(delivered[0].sealed, sealed(name, at));
    }
}

pub async fn buckets_of_a_known_sku_stay(backend: &dyn LedgerBackend) {
    stock(backend, "sku-a", 1).await;
    let later = backend.stock_ledger().import(&[new_key("sku-a", 2)], 16).await.unwrap();
    assert!(matches!(later[..], [Imported::New(_)]));
    assert_eq!(state_of(backend, "sku-a").await.buckets, BUCKETS);
}

pub async fn a_large_import(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 10_000).await;
    assert_eq!(available(backend, "sku-a").await, ids);
    let keys: Vec<NewKey> = (9_001..=11_000).map(|number| new_key("sku-a", number)).collect();
    let imported = backend.stock_ledger().import(&keys, BUCKETS).await.unwrap();
    assert!(imported[..1_000].iter().all(|one| *one == Imported::Repeat));
    let fresh: Vec<KeyId> = imported[1_000..].iter().copied().map(new_id).collect();
    assert!(fresh.is_sorted() && fresh[0] > ids[9_999]);
}

/// A loader that has seen everything up to an id never has to look below it again.
pub async fn imports_at_once_commit_their_ids_in_order(backend: &dyn LedgerBackend) {
    stock_from(backend, "sku-a", 1, 1).await;
    let imports_left = AtomicUsize::new(3);
    // Large ones that take their time, and small ones that could overtake them.
    let import = |lane: usize, calls: usize, keys: usize| {
        let imports_left = &imports_left;
        async move {
            let mut ids = Vec::new();
            for call in 0..calls {
                ids.push(stock_from(backend, "sku-a", lane * 10_000 + call * keys, keys).await);
            }
            imports_left.fetch_sub(1, Ordering::Relaxed);
            ids
        }
    };
    let watch = async {
        let mut seen: Vec<(KeyId, usize)> = Vec::new();
        while imports_left.load(Ordering::Relaxed) > 0 {
            let last = state_of(backend, "sku-a").await.last_id;
            let below = available(backend, "sku-a").await.into_iter().filter(|id| *id <= last).count();
            seen.push((last, below));
        }
        seen
    };
    let (large, small, single, seen) = tokio::join!(import(1, 3, 2_000), import(2, 30, 5), import(3, 30, 1), watch);
    let mut calls: Vec<Vec<KeyId>> = [large, small, single].into_iter().flatten().collect();
    calls.sort();
    for pair in calls.windows(2) {
        assert!(pair[0].last() < pair[1].first(), "one import's ids lie within another's");
    }
    let all = available(backend, "sku-a").await;
    assert_eq!(all.len(), 1 + 6_000 + 150 + 30);
    assert_eq!(state_of(backend, "sku-a").await.last_id, all[all.len() - 1]);
    for (last, below) in seen {
        assert_eq!(all.iter().filter(|id| **id <= last).count(), below, "keys up to {last} appeared later");
    }
}

pub async fn the_same_file_imported_twice_at_once(backend: &dyn LedgerBackend) {
    let keys: Vec<NewKey> =
        (0..500).map(|number| new_key(if number % 2 == 0 { "sku-a" } else { "sku-b" }, number)).collect();
    let mut backwards = keys.clone();
    backwards.reverse();
    let import = |keys: Vec<NewKey>| async move { backend.stock_ledger().import(&keys, BUCKETS).await.unwrap() };
    let (a, b) = tokio::join!(import(keys), import(backwards));
    let fresh = a.iter().chain(&b).filter(|one| matches!(one, Imported::New(_))).count();
    assert_eq!(fresh, 500);
    assert_eq!(available(backend, "sku-a").await.len() + available(backend, "sku-b").await.len(), 500);
}

/// Two files that hold each other's keys under other SKUs.
pub async fn crossed_imports_at_once(backend: &dyn LedgerBackend) {
    let keys = |name: &str, order: &mut dyn Iterator<Item = u8>| -> Vec<NewKey> {
        order
            .map(|byte| NewKey {
                sku: sku(name),
                fingerprint: Fingerprint([byte; 16]),
                sealed: sealed(name, usize::from(byte)),
            })
            .collect()
    };
    let rising = keys("sku-a", &mut (0..200));
    let falling = keys("sku-b", &mut (0..200).rev());
    let import = |keys: Vec<NewKey>| async move { backend.stock_ledger().import(&keys, BUCKETS).await.unwrap() };
    let (a, b) = tokio::join!(import(rising), import(falling));
    assert_eq!(a.iter().chain(&b).filter(|one| matches!(one, Imported::New(_))).count(), 200);
    let balance = backend.books().balance().await.unwrap();
    assert_eq!((balance.imported, balance.available, &balance.unbalanced[..]), (200, 200, &[][..]));
}
