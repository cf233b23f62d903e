//! Claimed keys that are gone: the order is lost, leaves no trace, and costs its neighbours nothing (I1, I8).

use crate::{
    conformance::samples::*,
    ids::KeyId,
    proposal::Entry,
    reason::ReasonCode,
    recorded::{Gone, GoneKey, Judgement},
};

fn lost(judgement: Judgement) -> Vec<GoneKey> {
    match judgement {
        Judgement::Lost(gone) => gone,
        other => panic!("expected a lost order, the ledger says {other:?}"),
    }
}

pub async fn a_key_that_was_sold_is_gone(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 3).await;
    let winner = new(judge_one(backend, claimed("o-1", "sku-a", &ids[..1])).await);
    let gone = lost(judge_one(backend, claimed("o-2", "sku-a", &ids[..2])).await);
    assert_eq!(gone, [GoneKey { id: ids[0], why: Gone::SoldAt(winner.decided_at) }]);
    assert_eq!(backend.books().order(&order_id("o-2")).await.unwrap(), None, "a lost order leaves no trace");
    assert_eq!(available(backend, "sku-a").await, ids[1..], "the rest of its claim stays available");
    let second = new(judge_one(backend, claimed("o-2", "sku-a", &ids[1..])).await);
    assert_eq!(delivered(&second.lines[0]), ids[1..]);
}

pub async fn neighbours_of_a_lost_order_are_recorded(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 6).await;
    new(judge_one(backend, claimed("o-0", "sku-a", &ids[..1])).await);
    let batch = [
        Entry::Order(claimed("o-1", "sku-a", &ids[1..2])),
        Entry::Order(claimed("o-2", "sku-a", &ids[..1])),
        Entry::Order(refused("o-3", ReasonCode::InvalidOrder)),
        unreadable("{", ReasonCode::InvalidJson),
        Entry::Order(claimed("o-0", "sku-a", &ids[2..3])),
        Entry::Order(from_ledger("o-4", "sku-a", 1)),
        Entry::Order(claimed("o-5", "sku-a", &ids[3..4])),
    ];
    let judgements = backend.ledger().record(&batch).await.unwrap();
    let kinds: Vec<&str> = judgements.iter().map(kind).collect();
    assert_eq!(kinds, ["new", "lost", "new", "unreadable", "repeat", "new", "new"]);
    assert_eq!(available(backend, "sku-a").await, [ids[2], ids[4]]);
}

fn kind(judgement: &Judgement) -> &'static str {
    match judgement {
        Judgement::New(_) => "new",
        Judgement::Repeat(_) => "repeat",
        Judgement::Conflict(_) => "conflict",
        Judgement::Unreadable(_) => "unreadable",
        Judgement::Lost(_) => "lost",
    }
}

pub async fn a_quarantined_key_is_gone(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 3).await;
    backend.quarantine(ids[1]).await;
    let gone = lost(judge_one(backend, claimed("o-1", "sku-a", &ids)).await);
    assert_eq!(gone, [GoneKey { id: ids[1], why: Gone::Quarantined }]);
    let taken = new(judge_one(backend, from_ledger("o-2", "sku-a", 2)).await);
    assert_eq!(delivered(&taken.lines[0]), [ids[0], ids[2]], "nor does the ledger take it");
}

pub async fn a_key_of_another_sku_is_unknown(backend: &dyn LedgerBackend) {
    let a = stock(backend, "sku-a", 1).await;
    let b = stock(backend, "sku-b", 1).await;
    let nowhere = KeyId(b[0].0 + 1_000_000);
    let unknown = |id| GoneKey { id, why: Gone::Unknown };
    assert_eq!(lost(judge_one(backend, claimed("o-1", "sku-a", &[b[0]])).await), [unknown(b[0])]);
    assert_eq!(lost(judge_one(backend, claimed("o-2", "sku-a", &[nowhere])).await), [unknown(nowhere)]);
    assert_eq!(lost(judge_one(backend, claimed("o-3", "sku-c", &[a[0]])).await), [unknown(a[0])]);
    // Sold, but not of this SKU: that says nothing about this SKU's epoch.
    new(judge_one(backend, claimed("o-4", "sku-b", &b)).await);
    assert_eq!(lost(judge_one(backend, claimed("o-5", "sku-a", &b)).await), [unknown(b[0])]);
    assert_eq!(available(backend, "sku-a").await, a);
}

/// Stock may be mixed up. Whoever takes from the ledger in the same batch must not get what a neighbour claimed under
/// a wrong SKU while that one gets it, too.
pub async fn a_key_claimed_under_another_sku_is_sold_once(backend: &dyn LedgerBackend) {
    let a = stock(backend, "sku-a", 1).await;
    stock(backend, "sku-b", 1).await;
    let unknown = [GoneKey { id: a[0], why: Gone::Unknown }];
    let both = order("o-1", vec![claimed_line(1, "sku-b", &a), ledger_line(2, "sku-a", 1)]);
    assert_eq!(lost(judge_one(backend, both).await), unknown, "not even the same order's line");
    let batch = vec![claimed("o-2", "sku-b", &a), from_ledger("o-3", "sku-a", 1)];
    let mut judgements = judge(backend, batch).await.into_iter();
    assert_eq!(lost(judgements.next().unwrap()), unknown);
    let recorded = new(judgements.next().unwrap());
    assert_eq!(delivered(&recorded.lines[0]), a);
    assert!(bytes(&recorded).contains(r#""sealed":"c2VhbGVk"#), "with its sealed bytes: {}", bytes(&recorded));
    let balance = backend.books().balance().await.unwrap();
    assert_eq!((balance.sold, balance.keys_sold_twice, balance.lines_short), (1, 0, 0));
}

pub async fn every_gone_key_of_every_line_is_named(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 6).await;
    let sold = new(judge_one(backend, claimed("o-1", "sku-a", &[ids[0], ids[3]])).await);
    backend.quarantine(ids[4]).await;
    let lines = vec![claimed_line(1, "sku-a", &ids[..3]), claimed_line(2, "sku-a", &ids[3..6])];
    let mut gone = lost(judge_one(backend, order("o-2", lines)).await);
    gone.sort_by_key(|key| key.id);
    let at = Gone::SoldAt(sold.decided_at);
    let expected = [
        GoneKey { id: ids[0], why: at },
        GoneKey { id: ids[3], why: at },
        GoneKey { id: ids[4], why: Gone::Quarantined },
    ];
    assert_eq!(gone, expected);
}

pub async fn a_lost_order_takes_nothing(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 3).await;
    new(judge_one(backend, claimed("o-1", "sku-a", &ids[..1])).await);
    let mixed = order("o-2", vec![claimed_line(1, "sku-a", &ids[..1]), ledger_line(2, "sku-a", 2)]);
    let mut judgements = judge(backend, vec![mixed, from_ledger("o-3", "sku-a", 2)]).await;
    // What the lost order would have taken is there for its neighbour.
    assert_eq!(delivered(&new(judgements.remove(1)).lines[0]), ids[1..]);
    assert_eq!(lost(judgements.remove(0)).len(), 1);
}

pub async fn many_lost_orders_in_one_batch(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 200).await;
    let early: Vec<_> =
        ids.iter().step_by(3).enumerate().map(|(at, id)| claimed(&format!("early-{at}"), "sku-a", &[*id])).collect();
    judge(backend, early).await.into_iter().for_each(|judgement| {
        new(judgement);
    });
    let batch: Vec<_> = ids.iter().enumerate().map(|(at, id)| claimed(&format!("o-{at}"), "sku-a", &[*id])).collect();
    for (at, judgement) in judge(backend, batch).await.into_iter().enumerate() {
        match at % 3 {
            0 => assert_eq!(lost(judgement)[0].id, ids[at]),
            _ => assert_eq!(delivered(&new(judgement).lines[0]), [ids[at]]),
        }
    }
    assert_eq!(available(backend, "sku-a").await, []);
}
