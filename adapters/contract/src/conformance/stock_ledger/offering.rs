//! What the ledger gives its loader: available ids, window by window, bucket by bucket.

use crate::{conformance::samples::*, ids::KeyId, stock::Bucket};

pub async fn a_window_is_open_below_and_closed_above(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 10).await;
    let state = crate::ports::stock_ledger::SkuState { buckets: 1, ..state_of(backend, "sku-a").await };
    let window = async |after: KeyId, up_to: KeyId, most: u32| {
        backend.stock_ledger().available(&state, 0, after, up_to, most).await.unwrap()
    };
    assert_eq!(window(ids[2], ids[6], 100).await, ids[3..=6]);
    assert_eq!(window(ids[2], ids[6], 2).await, ids[3..5]);
    assert_eq!(window(KeyId(0), ids[9], 100).await, ids);
    assert_eq!(window(ids[9], KeyId(i64::MAX), 100).await, []);
    assert_eq!(window(ids[6], ids[2], 100).await, []);
}

pub async fn buckets_share_the_ids(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 9_000).await;
    stock(backend, "sku-b", 10).await;
    let state = state_of(backend, "sku-a").await;
    for bucket in 0..state.buckets {
        let expected: Vec<KeyId> =
            ids.iter().copied().filter(|id| Bucket::index_of(*id, state.buckets) == bucket).collect();
        assert!(!expected.is_empty());
        // In small steps, as a loader goes.
        let (mut found, mut after) = (Vec::new(), KeyId(0));
        loop {
            let step = backend.stock_ledger().available(&state, bucket, after, state.last_id, 700).await.unwrap();
            let Some(last) = step.last() else { break };
            after = *last;
            found.extend(step);
        }
        assert_eq!(found, expected);
    }
}

pub async fn what_is_sold_is_not_offered(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 3_000).await;
    for (at, part) in ids[..2_000].chunks(1_000).enumerate() {
        new(judge_one(backend, claimed(&format!("o-{at}"), "sku-a", part)).await);
    }
    backend.quarantine(ids[2_500]).await;
    let expected: Vec<KeyId> = ids[2_000..].iter().copied().filter(|id| *id != ids[2_500]).collect();
    assert_eq!(available(backend, "sku-a").await, expected);
    // The same after a loader has looked, whatever it remembers of lots that are sold out.
    backend.stock_ledger().lease_loading(&worker("w-1"), std::time::Duration::from_secs(60)).await.unwrap();
    assert_eq!(available(backend, "sku-a").await, expected);
    let more = stock_from(backend, "sku-a", 3_001, 5).await;
    assert_eq!(available(backend, "sku-a").await, [expected, more].concat());
}

pub async fn a_sold_out_sku_offers_again_after_an_import(backend: &dyn LedgerBackend) {
    let mut next = 1;
    for round in 0..4 {
        let ids = stock_from(backend, "sku-a", next, 3).await;
        next += 3;
        assert_eq!(available(backend, "sku-a").await, ids);
        new(judge_one(backend, claimed(&format!("o-{round}"), "sku-a", &ids)).await);
        backend.stock_ledger().lease_loading(&worker("w-1"), std::time::Duration::from_secs(60)).await.unwrap();
        assert_eq!(available(backend, "sku-a").await, []);
    }
    let ids = stock_from(backend, "sku-a", next, 2).await;
    let taken = new(judge_one(backend, from_ledger("o-last", "sku-a", 2)).await);
    assert_eq!(delivered(&taken.lines[0]), ids);
}

pub async fn still_available_is_judged_by_each_key_s_row(backend: &dyn LedgerBackend) {
    let a = stock(backend, "sku-a", 5).await;
    let b = stock(backend, "sku-b", 2).await;
    new(judge_one(backend, claimed("o-1", "sku-a", &a[1..2])).await);
    backend.quarantine(a[3]).await;
    let asked = [b[1], a[4], a[3], a[1], a[0], KeyId(i64::MAX)];
    assert_eq!(backend.stock_ledger().still_available(&asked).await.unwrap(), rising(vec![a[0], a[4], b[1]]));
    assert_eq!(backend.stock_ledger().still_available(&[]).await.unwrap(), []);
}
