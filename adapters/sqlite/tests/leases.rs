//! Leases of procurements: one process works in a folder at a time, so its leases are its own, and a monotonic
//! clock measures them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod folder;

use fulfil_contract::{
    attempt::AttemptState,
    conformance::procurements::samples::*,
    ports::procurements::Procurements,
    procurement::{Release, Released},
    reason::{Reason, ReasonCode},
    supplier::About,
};

use crate::folder::{Folder, fresh};

#[tokio::test]
async fn a_new_process_gets_the_leases_of_the_dead_one_at_once() {
    let backend = fresh().await;
    let dead = leased(&backend, wanted("o-1", "sku-a", 1)).await;
    let sent = send(&backend, &dead, "a", 1).await;
    assert_eq!(lease(&backend, "w-2", 10).await, [], "leased for an hour");
    let backend = backend.opened_again();
    let mine = lease_one(&backend, "w-2").await;
    assert_eq!((mine.lease.procurement, &mine.attempts[..]), (dead.lease.procurement, &[sent.clone()][..]));
    assert!(mine.lease.fence > dead.lease.fence);
    // Should it not be dead after all, its writes are refused.
    assert_lost(change(&backend, &dead, &sent, AttemptState::Unknown).await);
    assert_lost(deliver(&backend, &dead, &sent, &keys("sku-a", 0..1)).await);
    assert_eq!(deliver(&backend, &mine, &sent, &keys("sku-a", 0..1)).await.unwrap(), WHOLE);
}

#[tokio::test]
async fn no_jump_of_the_clock_steals_a_lease() {
    let backend = fresh().await;
    let of = leased(&backend, wanted("o-1", "sku-a", 1)).await;
    // To the rows a clock that jumps by a day is the same as times that are a day older.
    let day = "update procurement set wake_at = wake_at - 86400000000, made_at = made_at - 86400000000";
    assert_eq!(backend.change(day), 1);
    assert_eq!(lease(&backend, "w-2", 10).await, []);
    assert_eq!(backend.store.counts().await.unwrap().due, 0);
    assert_eq!(buy(&backend, &of, "a", &keys("sku-a", 0..1)).await, WHOLE);
}

/// Leases, lets `meanwhile` happen, and gives it back for an hour: whether it is due at once.
async fn is_due_after(backend: &Folder, sku_text: &str, meanwhile: impl AsyncFnOnce()) -> bool {
    let of = leased(backend, wanted(&format!("for-{sku_text}"), sku_text, 1)).await;
    meanwhile().await;
    assert_eq!(release(backend, &of, wait(HOUR)).await.unwrap(), Released::Waiting);
    let due = lease(backend, "w-2", 10).await;
    let Some(again) = due.first() else { return false };
    assert_eq!(again.lease.procurement, of.lease.procurement);
    // Once, and no more.
    assert_eq!(release(backend, again, wait(HOUR)).await.unwrap(), Released::Waiting);
    assert_eq!(lease(backend, "w-2", 10).await, []);
    true
}

#[tokio::test]
async fn what_is_woken_while_somebody_works_on_it_is_due_when_it_is_given_back() {
    let backend = fresh().await;
    assert!(!is_due_after(&backend, "sku-a", async || {}).await);
    let stocked = async || drop(stock(&backend, "sku-b", 1).await);
    assert!(is_due_after(&backend, "sku-b", stocked).await);
    let others = async || drop(stock(&backend, "sku-other", 1).await);
    assert!(!is_due_after(&backend, "sku-c", others).await);
    let of = leased(&backend, order("o-4", vec![bought_line(1, "sku-d", 1)])).await;
    let sent = send(&backend, &of, "a", 1).await;
    let about = About::Reference(sent.reference.clone());
    let woken = backend.store.wake(&sent.supplier, &about).await.unwrap().unwrap();
    assert_eq!((woken.attempt, woken.sku, woken.recharge), (sent, sku("sku-d"), false));
    assert_eq!(release(&backend, &of, wait(HOUR)).await.unwrap(), Released::Waiting);
    assert_eq!(lease_one(&backend, "w-2").await.lease.procurement, of.lease.procurement);
}

#[tokio::test]
async fn who_reads_beside_a_run_counts_and_leases_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().to_owned();
    let backend = Folder::at(folder);
    let of = leased(&backend, wanted("o-1", "sku-a", 1)).await;
    let reader = fulfil_sqlite::Sqlite::open_to_read(&path).unwrap();
    assert_eq!(reader.counts().await.unwrap().open, 1);
    assert!(reader.lease(&worker("w-2"), 10, HOUR).await.is_err());
    let no = Release::Reject(Reason::new(ReasonCode::PriceGuard, "every offer is above 12.00"));
    assert!(reader.release(&of.lease, &no).await.is_err(), "a folder that is open to read is not written");
    assert_eq!(release(&backend, &of, no).await.unwrap(), Released::Rejected);
    assert_eq!(reader.counts().await.unwrap().open, 0);
}
