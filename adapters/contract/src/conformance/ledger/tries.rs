//! Tries of bodies that may kill their process, counted per body.

use crate::conformance::samples::*;

pub async fn tries_are_counted_per_body(backend: &dyn LedgerBackend) {
    let ledger = backend.ledger();
    let (a, b) = (body("a"), body("b"));
    assert_eq!(ledger.tries(&[a, b]).await.unwrap(), [0, 0]);
    ledger.count_tries(&[a]).await.unwrap();
    ledger.count_tries(&[b, a]).await.unwrap();
    ledger.count_tries(&[a]).await.unwrap();
    assert_eq!(ledger.tries(&[b, a, body("c"), b]).await.unwrap(), [1, 3, 0, 1]);
    ledger.count_tries(&[]).await.unwrap();
    assert!(ledger.tries(&[]).await.unwrap().is_empty());
}

pub async fn forgotten_tries_start_again(backend: &dyn LedgerBackend) {
    let ledger = backend.ledger();
    let (a, b) = (body("a"), body("b"));
    ledger.count_tries(&[a, b]).await.unwrap();
    ledger.count_tries(&[a, b]).await.unwrap();
    ledger.forget_tries(&[a, body("never tried")]).await.unwrap();
    ledger.forget_tries(&[]).await.unwrap();
    assert_eq!(ledger.tries(&[a, b]).await.unwrap(), [0, 2]);
    ledger.count_tries(&[a]).await.unwrap();
    assert_eq!(ledger.tries(&[a]).await.unwrap(), [1]);
}

pub async fn tries_at_once_are_all_counted(backend: &dyn LedgerBackend) {
    let (a, b) = (body("a"), body("b"));
    let count = |bodies: [crate::ids::BodyHash; 2]| async move { backend.ledger().count_tries(&bodies).await.unwrap() };
    tokio::join!(count([a, b]), count([b, a]), count([a, b]), count([b, a]));
    assert_eq!(backend.ledger().tries(&[a, b]).await.unwrap(), [4, 4]);
}
