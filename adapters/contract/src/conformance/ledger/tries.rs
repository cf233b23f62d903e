//! Tries of bodies that may kill their process, counted per body.

use crate::conformance::samples::*;

pub async fn tries_are_counted_per_body(backend: &dyn LedgerBackend) {
    let ledger = backend.ledger();
    let (a, b) = (body("a"), body("b"));
    assert_eq!(ledger.tries(&[a, b]).await.unwrap(), [0, 0]);
    ledger.count_tries(&[a], 1).await.unwrap();
    ledger.count_tries(&[b, a], 2).await.unwrap();
    ledger.count_tries(&[a], 3).await.unwrap();
    assert_eq!(ledger.tries(&[b, a, body("c"), b]).await.unwrap(), [2, 3, 0, 2]);
    ledger.count_tries(&[], 1).await.unwrap();
    assert!(ledger.tries(&[]).await.unwrap().is_empty());
}

/// A caller that did not hear back makes the same call again, perhaps after another one's.
pub async fn a_try_is_counted_once_however_often_it_is_told(backend: &dyn LedgerBackend) {
    let ledger = backend.ledger();
    let (a, b) = (body("a"), body("b"));
    ledger.count_tries(&[a], 1).await.unwrap();
    ledger.count_tries(&[a, b], 1).await.unwrap();
    assert_eq!(ledger.tries(&[a, b]).await.unwrap(), [1, 1]);
    ledger.count_tries(&[b], 2).await.unwrap();
    ledger.count_tries(&[b, a], 1).await.unwrap();
    assert_eq!(ledger.tries(&[a, b]).await.unwrap(), [1, 2]);
}

pub async fn a_try_that_is_taken_back_counts_no_more(backend: &dyn LedgerBackend) {
    let ledger = backend.ledger();
    let (a, b, c) = (body("a"), body("b"), body("c"));
    ledger.count_tries(&[a, b], 1).await.unwrap();
    ledger.count_tries(&[a], 2).await.unwrap();
    ledger.take_back_tries(&[b, a, c], 2).await.unwrap();
    assert_eq!(ledger.tries(&[a, b, c]).await.unwrap(), [1, 1, 0], "only what that try had counted");
    ledger.take_back_tries(&[a], 2).await.unwrap();
    assert_eq!(ledger.tries(&[a]).await.unwrap(), [1], "once");
    ledger.count_tries(&[a], 2).await.unwrap();
    ledger.take_back_tries(&[a, b], 1).await.unwrap();
    assert_eq!(ledger.tries(&[a, b]).await.unwrap(), [2, 0], "another one was counted since");
    ledger.take_back_tries(&[], 1).await.unwrap();
}

pub async fn forgotten_tries_start_again(backend: &dyn LedgerBackend) {
    let ledger = backend.ledger();
    let (a, b) = (body("a"), body("b"));
    ledger.count_tries(&[a, b], 1).await.unwrap();
    ledger.count_tries(&[a, b], 2).await.unwrap();
    ledger.forget_tries(&[a, body("never tried")]).await.unwrap();
    ledger.forget_tries(&[]).await.unwrap();
    assert_eq!(ledger.tries(&[a, b]).await.unwrap(), [0, 2]);
    ledger.count_tries(&[a], 1).await.unwrap();
    assert_eq!(ledger.tries(&[a]).await.unwrap(), [1]);
}

pub async fn of_tries_at_once_the_highest_is_kept(backend: &dyn LedgerBackend) {
    let (a, b) = (body("a"), body("b"));
    let count = |bodies: [crate::ids::BodyHash; 2], number| async move {
        backend.ledger().count_tries(&bodies, number).await.unwrap();
    };
    tokio::join!(count([a, b], 3), count([b, a], 4), count([a, b], 1), count([b, a], 2));
    assert_eq!(backend.ledger().tries(&[a, b]).await.unwrap(), [4, 4]);
}
