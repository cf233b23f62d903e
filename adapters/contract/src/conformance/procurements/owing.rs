//! Each revision is announced as it was when it came to be owed (I9): its message stays byte for byte the same.

use crate::{
    conformance::procurements::samples::*,
    ids::{OrderId, Revision},
    recorded::{OrderStatus, RecordedOrder},
};

fn result(order: &RecordedOrder) -> (OrderId, Revision) {
    (order.order_id.clone(), order.revision)
}

/// An order that is owed as `processing`, and then as `fulfilled`.
async fn twice_owed(backend: &dyn SlowLaneBackend, id: &str) -> (RecordedOrder, RecordedOrder) {
    let ids = stock(backend, "sku-a", 2).await;
    let lines = vec![claimed_line(1, "sku-a", &ids), bought_line(2, "sku-b", 2)];
    let of = leased_lines(backend, order(id, lines)).await;
    let first = stands(backend, id).await;
    backend.ledger().owe(&[result(&first)]).await.unwrap();
    assert_eq!(owed(backend).await, std::slice::from_ref(&first));
    assert_eq!(buy(backend, &of[0], "a", &keys("sku-b", 0..2)).await, WHOLE);
    (first, stands(backend, id).await)
}

pub async fn each_revision_is_owed_as_it_was(backend: &dyn SlowLaneBackend) {
    let (first, second) = twice_owed(backend, "o-1").await;
    assert_eq!((first.status, second.status), (OrderStatus::Processing, OrderStatus::Fulfilled));
    let both = owed(backend).await;
    assert_eq!(both, [first.clone(), second.clone()], "two messages, the older one first");
    assert_eq!((bytes(&both[0]), bytes(&both[1])), (bytes(&first), bytes(&second)));
    assert_eq!(backend.ledger().owed(1, &[]).await.unwrap(), [first]);
}

pub async fn paid_is_one_revision(backend: &dyn SlowLaneBackend) {
    let (first, second) = twice_owed(backend, "o-1").await;
    backend.ledger().paid(&[(second.order_id.clone(), Revision(3))]).await.unwrap();
    assert_eq!(owed(backend).await.len(), 2);
    backend.ledger().paid(&[result(&second)]).await.unwrap();
    assert_eq!(owed(backend).await, std::slice::from_ref(&first));
    assert!(file(backend, "o-1").await.owed);
    backend.ledger().paid(&[result(&first)]).await.unwrap();
    assert_eq!(owed(backend).await, []);
    assert!(!file(backend, "o-1").await.owed);
}

pub async fn a_revision_that_is_over_comes_to_be_owed_by_nobody(backend: &dyn SlowLaneBackend) {
    let (first, second) = twice_owed(backend, "o-1").await;
    // Owed before, it stays as it was.
    backend.ledger().owe(&[result(&first), result(&second)]).await.unwrap();
    assert_eq!(owed(backend).await, [first.clone(), second.clone()]);
    backend.ledger().paid(&[result(&first), result(&second)]).await.unwrap();
    backend.ledger().owe(&[result(&first), (first.order_id.clone(), Revision(3))]).await.unwrap();
    assert_eq!(owed(backend).await, []);
    backend.ledger().owe(&[(order_id("nowhere"), Revision::FIRST)]).await.unwrap();
    assert_eq!(owed(backend).await, []);
    backend.ledger().owe(&[result(&second)]).await.unwrap();
    assert_eq!(owed(backend).await, [second]);
}
