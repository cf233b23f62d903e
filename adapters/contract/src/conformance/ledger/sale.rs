//! New orders: what is sold, and what their results say.

use crate::{
    conformance::samples::*,
    ids::{KeyId, MerchantId, Revision},
    proposal::Entry,
    reason::ReasonCode,
    recorded::{Judgement, LineOutcome, OrderStatus},
};

pub async fn a_new_order_is_sold_its_keys(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 5).await;
    let order = new(judge_one(backend, claimed("o-1", "sku-a", &ids[..2])).await);

    assert_eq!(order.order_id, order_id("o-1"));
    assert_eq!(order.merchant_id.as_ref().map(MerchantId::as_str), Some("m-01"));
    assert_eq!(order.body_hash, body("o-1"));
    assert_eq!(order.revision, Revision::FIRST);
    assert_eq!(order.status, OrderStatus::Fulfilled);
    assert_eq!(order.reason, None);
    assert_eq!(order.lines.len(), 1);
    assert_eq!(order.lines[0].quantity.get(), 2);
    assert_eq!(delivered(&order.lines[0]), ids[..2]);
    let LineOutcome::Delivered(keys) = &order.lines[0].outcome else { panic!("not delivered") };
    assert_eq!([&keys[0].sealed, &keys[1].sealed], [&sealed("sku-a", 1), &sealed("sku-a", 2)]);

    assert_eq!(available(backend, "sku-a").await, ids[2..]);
    let file = backend.books().order(&order_id("o-1")).await.unwrap().unwrap();
    assert_eq!(file.order, order);
}

pub async fn keys_of_a_line_rise(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 3).await;
    let order = new(judge_one(backend, claimed("o-1", "sku-a", &[ids[2], ids[0], ids[1]])).await);
    assert_eq!(delivered(&order.lines[0]), ids);
    let again = repeat(judge_one(backend, claimed("o-1", "sku-a", &ids)).await);
    assert_eq!(bytes(&again), bytes(&order));
}

pub async fn lines_have_skus_and_quantities_of_their_own(backend: &dyn LedgerBackend) {
    let a = stock(backend, "sku-a", 40).await;
    let b = stock(backend, "sku-b", 40).await;
    let lines = vec![
        claimed_line(2, "sku-b", &b[..30]),
        claimed_line(5, "sku-a", &a[..7]),
        claimed_line(9, "sku-b", &b[30..31]),
    ];
    let order = new(judge_one(backend, order("o-1", lines)).await);
    assert_eq!(order.status, OrderStatus::Fulfilled);
    assert_eq!(order.lines.iter().map(|line| line.line_no.0).collect::<Vec<_>>(), [2, 5, 9]);
    assert_eq!(delivered(&order.lines[0]), b[..30]);
    assert_eq!(delivered(&order.lines[1]), a[..7]);
    assert_eq!(delivered(&order.lines[2]), b[30..31]);
    assert_eq!(available(backend, "sku-a").await, a[7..]);
    assert_eq!(available(backend, "sku-b").await, b[31..]);
}

pub async fn an_order_of_thousands_of_keys(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 3_500).await;
    let lines = vec![
        claimed_line(1, "sku-a", &ids[..1_000]),
        claimed_line(2, "sku-a", &ids[1_000..2_000]),
        ledger_line(3, "sku-a", 1_000),
    ];
    let order = new(judge_one(backend, order("o-1", lines)).await);
    assert_eq!(order.key_ids().count(), 3_000);
    let again = repeat(judge_one(backend, refused("o-1", ReasonCode::InvalidOrder)).await);
    assert_eq!(bytes(&again), bytes(&order));
    assert_eq!(available(backend, "sku-a").await, ids[2_000..2_500]);
}

pub async fn a_full_batch(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 1_000).await;
    // Ids that do not rise with the batch, so that answers put in another order would be seen.
    let batch: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(at, id)| claimed(&format!("o-{}", (at * 7_919) % 1_000), "sku-a", &[*id]))
        .collect();
    let first: Vec<_> = judge(backend, batch.clone()).await.into_iter().map(new).collect();
    for (at, order) in first.iter().enumerate() {
        assert_eq!(order.order_id, batch[at].order_id);
        assert_eq!(delivered(&order.lines[0]), [ids[at]]);
        assert_eq!(order.decided_at, first[0].decided_at, "a batch is decided at one time");
    }
    assert_eq!(available(backend, "sku-a").await, Vec::<KeyId>::new());
    let again: Vec<_> = judge(backend, batch).await.into_iter().map(repeat).collect();
    assert_eq!(again.iter().map(bytes).collect::<Vec<_>>(), first.iter().map(bytes).collect::<Vec<_>>());
}

pub async fn every_kind_of_entry_in_one_batch(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 9).await;
    new(judge_one(backend, claimed("z-known", "sku-a", &ids[..1])).await);
    let other_body =
        crate::proposal::ProposedOrder { body_hash: body("other"), ..claimed("z-known", "sku-a", &ids[1..2]) };
    let batch = [
        unreadable("{", ReasonCode::InvalidJson),
        Entry::Order(other_body),
        Entry::Order(claimed("m-new", "sku-a", &ids[2..4])),
        Entry::Order(refused("b-refused", ReasonCode::InvalidOrder)),
        Entry::Order(claimed("k-lost", "sku-a", &ids[..1])),
        Entry::Order(from_ledger("a-taken", "sku-a", 2)),
        Entry::Order(from_ledger("y-too-many", "sku-a", 50)),
        unreadable("[", ReasonCode::InvalidJson),
    ];
    let judgements = backend.ledger().record(&batch).await.unwrap();
    let said: Vec<String> = judgements
        .iter()
        .map(|judgement| match judgement {
            Judgement::New(order) => format!("{} {}", order.order_id, order.status.as_str()),
            Judgement::Repeat(order) => format!("{} again", order.order_id),
            Judgement::Conflict(conflict) => format!("{} conflict", conflict.order_id),
            Judgement::Unreadable(unreadable) => unreadable.reason.detail.clone(),
            Judgement::Lost(gone) => format!("lost {}", gone.len()),
        })
        .collect();
    assert_eq!(
        said,
        [
            "cut off: {",
            "z-known conflict",
            "m-new fulfilled",
            "b-refused rejected",
            "lost 1",
            "a-taken fulfilled",
            "y-too-many rejected",
            "cut off: [",
        ]
    );
}

pub async fn a_batch_of_nothing(backend: &dyn LedgerBackend) {
    assert_eq!(backend.ledger().record(&[]).await.unwrap(), []);
}
