//! Several workers at once: one effect per order id, one buyer per key (I2, I3), and nobody fails.

use std::collections::BTreeSet;

use crate::{
    conformance::samples::*,
    ids::KeyId,
    proposal::ProposedOrder,
    recorded::{Gone, Judgement, RecordedOrder},
};

pub async fn one_order_in_two_workers_is_new_once(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 40).await;
    for round in 0..20 {
        let name = format!("o-{round}");
        let (mine, theirs) = (&ids[2 * round..][..1], &ids[2 * round + 1..][..1]);
        let (a, b) = tokio::join!(
            judge_one(backend, claimed(&name, "sku-a", mine)),
            judge_one(backend, claimed(&name, "sku-a", theirs)),
        );
        let (winner, loser) = match (a, b) {
            (Judgement::New(winner), Judgement::Repeat(loser)) | (Judgement::Repeat(loser), Judgement::New(winner)) => {
                (winner, loser)
            }
            (a, b) => panic!("one is new and one a repeat, not {a:?} and {b:?}"),
        };
        assert_eq!(bytes(&winner), bytes(&loser));
    }
    assert_eq!(available(backend, "sku-a").await.len(), 20, "the losers' keys are not sold");
}

pub async fn one_order_id_with_two_bodies_at_once(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 20).await;
    for round in 0..10 {
        let name = format!("o-{round}");
        let other = ProposedOrder { body_hash: body("other"), ..claimed(&name, "sku-a", &ids[2 * round..][..1]) };
        let (a, b) = tokio::join!(
            judge_one(backend, claimed(&name, "sku-a", &ids[2 * round + 1..][..1])),
            judge_one(backend, other)
        );
        match (a, b) {
            (Judgement::New(winner), Judgement::Conflict(loser))
            | (Judgement::Conflict(loser), Judgement::New(winner)) => {
                assert_ne!(winner.body_hash, loser.body_hash);
            }
            (a, b) => panic!("one is new and one a conflict, not {a:?} and {b:?}"),
        }
    }
    assert_eq!(available(backend, "sku-a").await.len(), 10);
}

pub async fn one_key_offered_to_two_orders_is_sold_once(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 60).await;
    for round in 0..20 {
        let (shared, mine, theirs) = (&ids[3 * round..][..1], &ids[3 * round + 1..][..1], &ids[3 * round + 2..][..1]);
        let name = |text: &str| format!("{text}-{round}");
        let (a, b) = tokio::join!(
            judge(backend, vec![claimed(&name("a"), "sku-a", shared), claimed(&name("a-clean"), "sku-a", mine)]),
            judge(backend, vec![claimed(&name("b"), "sku-a", shared), claimed(&name("b-clean"), "sku-a", theirs)]),
        );
        let (won, gone) = match (&a[0], &b[0]) {
            (Judgement::New(won), Judgement::Lost(gone)) | (Judgement::Lost(gone), Judgement::New(won)) => (won, gone),
            (a, b) => panic!("one is new and one lost, not {a:?} and {b:?}"),
        };
        assert_eq!((gone.len(), gone[0].id, gone[0].why), (1, shared[0], Gone::SoldAt(won.decided_at)));
        assert!(matches!((&a[1], &b[1]), (Judgement::New(_), Judgement::New(_))), "clean neighbours are recorded");
    }
    assert_eq!(available(backend, "sku-a").await, []);
}

pub async fn batches_that_hold_each_other_s_orders_all_end(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 400).await;
    let batch = |lane: usize| -> Vec<ProposedOrder> {
        let mut orders: Vec<_> =
            (0..100).map(|at| claimed(&format!("o-{at}"), "sku-a", &ids[lane * 100 + at..][..1])).collect();
        if lane % 2 == 1 {
            orders.reverse();
        }
        orders
    };
    let (a, b, c, d) = tokio::join!(
        judge(backend, batch(0)),
        judge(backend, batch(1)),
        judge(backend, batch(2)),
        judge(backend, batch(3))
    );
    let all: Vec<Judgement> = [a, b, c, d].into_iter().flatten().collect();
    let fresh: BTreeSet<_> = all
        .iter()
        .filter_map(|one| if let Judgement::New(order) = one { Some(order.order_id.clone()) } else { None })
        .collect();
    assert_eq!(fresh.len(), 100);
    assert_eq!(all.iter().filter(|one| matches!(one, Judgement::Repeat(_))).count(), 300);
    assert_eq!(available(backend, "sku-a").await.len(), 300);
}

pub async fn batches_that_hold_each_other_s_keys_all_end(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 100).await;
    let batch = |lane: usize| -> Vec<ProposedOrder> {
        let mut orders: Vec<_> =
            ids.iter().enumerate().map(|(at, id)| claimed(&format!("o-{lane}-{at}"), "sku-a", &[*id])).collect();
        if lane % 2 == 1 {
            orders.reverse();
        }
        orders
    };
    let (a, b, c, d) = tokio::join!(
        judge(backend, batch(0)),
        judge(backend, batch(1)),
        judge(backend, batch(2)),
        judge(backend, batch(3))
    );
    let sold: Vec<RecordedOrder> = [a, b, c, d]
        .into_iter()
        .flatten()
        .filter_map(|one| match one {
            Judgement::New(order) => Some(order),
            Judgement::Lost(_) => None,
            other => panic!("new or lost, not {other:?}"),
        })
        .collect();
    let keys: Vec<KeyId> = rising(sold.iter().flat_map(RecordedOrder::key_ids).collect());
    assert_eq!(keys, ids, "every key is sold, and once");
}

pub async fn takes_at_once_never_sell_a_key_twice(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 200).await;
    let lane = |lane: usize| async move {
        let mut sold = Vec::new();
        for at in 0..25 {
            sold.extend(
                judge(
                    backend,
                    vec![
                        from_ledger(&format!("o-{lane}-{at}"), "sku-a", 1),
                        from_ledger(&format!("p-{lane}-{at}"), "sku-a", 1),
                    ],
                )
                .await,
            );
        }
        sold
    };
    let (a, b, c, d) = tokio::join!(lane(0), lane(1), lane(2), lane(3));
    let keys: Vec<KeyId> =
        [a, b, c, d].into_iter().flatten().flat_map(|one| new(one).key_ids().collect::<Vec<_>>()).collect();
    assert_eq!(rising(keys), ids, "as many as there were, each once");
    assert_eq!(available(backend, "sku-a").await, []);
}

pub async fn takes_and_claims_at_once_share_the_stock(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 60).await;
    let takes = async {
        let mut sold = Vec::new();
        for at in 0..40 {
            sold.push(judge_one(backend, from_ledger(&format!("take-{at}"), "sku-a", 1)).await);
        }
        sold
    };
    let claims = async {
        let mut sold = Vec::new();
        for (at, id) in ids.iter().enumerate() {
            sold.push(judge_one(backend, claimed(&format!("claim-{at}"), "sku-a", &[*id])).await);
        }
        sold
    };
    let (takes, claims) = tokio::join!(takes, claims);
    let keys: Vec<KeyId> = takes
        .into_iter()
        .chain(claims)
        .filter_map(|one| match one {
            Judgement::New(order) => Some(order.key_ids().collect::<Vec<_>>()),
            Judgement::Lost(_) => None,
            other => panic!("new or lost, not {other:?}"),
        })
        .flatten()
        .collect();
    assert_eq!(rising(keys), ids);
}
