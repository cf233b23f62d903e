//! Tries of orders that may kill their process, counted per body.

use crate::conformance::samples::*;

pub async fn tries_are_counted_per_body(backend: &dyn LedgerBackend) {
    let ledger = backend.ledger();
    assert_eq!(ledger.count_try(body("a")).await.unwrap(), 1);
    assert_eq!(ledger.count_try(body("a")).await.unwrap(), 2);
    assert_eq!(ledger.count_try(body("b")).await.unwrap(), 1);
    assert_eq!(ledger.count_try(body("a")).await.unwrap(), 3);
}

pub async fn forgotten_tries_start_again(backend: &dyn LedgerBackend) {
    let ledger = backend.ledger();
    for body in [body("a"), body("a"), body("b")] {
        ledger.count_try(body).await.unwrap();
    }
    ledger.forget_tries(body("a")).await.unwrap();
    ledger.forget_tries(body("never tried")).await.unwrap();
    assert_eq!(ledger.count_try(body("a")).await.unwrap(), 1);
    assert_eq!(ledger.count_try(body("b")).await.unwrap(), 2);
}

pub async fn tries_at_once_are_all_counted(backend: &dyn LedgerBackend) {
    let count = || async { backend.ledger().count_try(body("a")).await.unwrap() };
    let (a, b, c, d) = tokio::join!(count(), count(), count(), count());
    let mut counts = [a, b, c, d];
    counts.sort_unstable();
    assert_eq!(counts, [1, 2, 3, 4]);
}
