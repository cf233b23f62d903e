//! Results that the broker would not take: owed by a committed row until they are confirmed (I4).

use crate::{
    conformance::samples::*,
    ids::{MerchantId, OrderId, Revision},
    proposal::ProposedOrder,
    reason::ReasonCode,
    recorded::RecordedOrder,
};

async fn orders(backend: &dyn LedgerBackend, count: usize) -> Vec<RecordedOrder> {
    let ids = stock(backend, "sku-a", count).await;
    let batch = ids.iter().enumerate().map(|(at, id)| claimed(&format!("o-{at}"), "sku-a", &[*id])).collect();
    judge(backend, batch).await.into_iter().map(new).collect()
}

fn results(orders: &[RecordedOrder]) -> Vec<(OrderId, Revision)> {
    orders.iter().map(|order| (order.order_id.clone(), order.revision)).collect()
}

pub async fn what_is_owed_is_the_recorded_result(backend: &dyn LedgerBackend) {
    let orders = orders(backend, 2).await;
    let no = new(judge_one(backend, refused("no", ReasonCode::InvalidOrder)).await);
    let ledger = backend.ledger();
    assert_eq!(ledger.owed(10, &[]).await.unwrap(), []);
    ledger.owe(&results(&orders[..1])).await.unwrap();
    ledger.owe(&[(no.order_id.clone(), no.revision)]).await.unwrap();
    let owed = ledger.owed(10, &[]).await.unwrap();
    assert_eq!(owed, [orders[0].clone(), no]);
    assert_eq!(bytes(&owed[0]), bytes(&orders[0]));
    assert!(backend.books().order(&orders[0].order_id).await.unwrap().unwrap().owed);
    assert!(!backend.books().order(&orders[1].order_id).await.unwrap().unwrap().owed);
}

pub async fn the_oldest_are_given_first(backend: &dyn LedgerBackend) {
    let orders = orders(backend, 6).await;
    let ledger = backend.ledger();
    for at in [4, 1, 5, 0] {
        ledger.owe(&results(&orders[at..=at])).await.unwrap();
    }
    assert_eq!(results(&ledger.owed(2, &[]).await.unwrap()), results(&[orders[4].clone(), orders[1].clone()]));
    // Owed again, they keep their place.
    ledger.owe(&results(&[orders[4].clone(), orders[2].clone()])).await.unwrap();
    let all = results(&ledger.owed(10, &[]).await.unwrap());
    assert_eq!(all, results(&[4, 1, 5, 0, 2].map(|at: usize| orders[at].clone())));
}

pub async fn a_merchant_s_are_left_out_on_demand(backend: &dyn LedgerBackend) {
    let merchant = |name: &str| Some(MerchantId::parse(name).unwrap());
    let (ledger, mut owed) = (backend.ledger(), Vec::new());
    for (id, of) in [("a-1", merchant("a")), ("b-1", merchant("b")), ("n-1", None), ("a-2", merchant("a"))] {
        let order = ProposedOrder { merchant_id: of, ..refused(id, ReasonCode::InvalidOrder) };
        let order = new(judge_one(backend, order).await);
        ledger.owe(&[(order.order_id.clone(), order.revision)]).await.unwrap();
        owed.push(order);
    }
    for (but_of, left) in [
        (vec![], vec![0, 1, 2, 3]),
        (vec![merchant("a")], vec![1, 2]),
        (vec![None], vec![0, 1, 3]),
        (vec![merchant("b"), None], vec![0, 3]),
        (vec![merchant("c"), merchant("a"), merchant("b"), None], vec![]),
    ] {
        let expected: Vec<_> = left.into_iter().map(|at: usize| owed[at].clone()).collect();
        assert_eq!(ledger.owed(10, &but_of).await.unwrap(), expected, "{but_of:?}");
        assert_eq!(ledger.owed(1, &but_of).await.unwrap(), expected[..expected.len().min(1)], "{but_of:?}");
    }
}

pub async fn what_is_paid_is_owed_no_more(backend: &dyn LedgerBackend) {
    let orders = orders(backend, 4).await;
    let ledger = backend.ledger();
    ledger.owe(&results(&orders)).await.unwrap();
    ledger.owe(&results(&orders)).await.unwrap();
    assert_eq!(ledger.owed(10, &[]).await.unwrap().len(), 4, "owed twice is owed once");
    ledger.paid(&results(&orders[1..3])).await.unwrap();
    ledger.paid(&results(&orders[1..3])).await.unwrap();
    let mut left = results(&ledger.owed(10, &[]).await.unwrap());
    left.sort();
    assert_eq!(left, results(&[orders[0].clone(), orders[3].clone()]));
    // Another revision is another result.
    ledger.paid(&[(orders[0].order_id.clone(), Revision(7))]).await.unwrap();
    assert_eq!(ledger.owed(10, &[]).await.unwrap().len(), 2);
    assert!(!backend.books().order(&orders[1].order_id).await.unwrap().unwrap().owed);
    ledger.owe(&[]).await.unwrap();
    ledger.paid(&[]).await.unwrap();
}
