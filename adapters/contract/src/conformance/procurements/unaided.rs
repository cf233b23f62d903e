//! What ends procurements without any supplier: their time is over, or stock fills them. It disturbs nobody.

use std::time::{Duration, Instant};

use crate::{
    attempt::AttemptState,
    conformance::procurements::samples::*,
    ports::books::ProcurementState,
    procurement::{Procurement, Release, Released, ReviewCase, ReviewKind},
    proposal::ProposedOrder,
    reason::{Reason, ReasonCode},
    recorded::OrderStatus,
    time::Timestamp,
};

async fn lease_over(backend: &dyn SlowLaneBackend, line: Duration) -> Vec<Procurement> {
    backend.procurements().lease_over(&worker("w-9"), 100, HOUR, line).await.unwrap()
}

/// As soon as the time of one is over.
async fn lease_when_over(backend: &dyn SlowLaneBackend, line: Duration) -> Vec<Procurement> {
    let since = Instant::now();
    loop {
        let leased = lease_over(backend, line).await;
        if !leased.is_empty() {
            return leased;
        }
        assert!(since.elapsed() < Duration::from_secs(20), "after 20 s the time of none is over");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn fill(backend: &dyn SlowLaneBackend) -> u32 {
    backend.procurements().fill_waiting(100).await.unwrap()
}

fn no() -> Release {
    Release::Reject(Reason::new(ReasonCode::SuppliersUnavailable, "nobody sold it in time"))
}

pub async fn whose_time_is_over_is_leased_to_be_ended(backend: &dyn SlowLaneBackend) {
    let waits = leased(backend, wanted("o-1", "sku-a", 1)).await;
    let _waits = release(backend, &waits, wait(HOUR)).await.unwrap();
    let open = leased(backend, wanted("o-2", "sku-a", 1)).await;
    let sent = send(backend, &open, "a", 1).await;
    let accepted = change(backend, &open, &sent, AttemptState::Accepted).await.unwrap();
    let _waits = release(backend, &open, wait(HOUR)).await.unwrap();
    let had = leased(backend, wanted("o-3", "sku-a", 1)).await;
    assert_eq!(lease_over(backend, HOUR).await, [], "they have time");

    let over = lease_over(backend, Duration::ZERO).await;
    let ids = |leased: &[Procurement]| leased.iter().map(|one| one.order_id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&over), ["o-1", "o-2"], "somebody works on the third");
    assert_eq!((&over[0].lease.worker, &over[1].attempts), (&worker("w-9"), &vec![accepted]));
    assert!(over[0].lease.fence > waits.lease.fence);
    assert_eq!(lease_over(backend, Duration::ZERO).await, [], "they are leased now");
    assert_eq!(lease(backend, "w-1", 10).await, []);
    assert_eq!(release(backend, &over[0], no()).await.unwrap(), Released::Rejected);
    let case = ReviewCase { kind: ReviewKind::Overdue, evidence: "it never came".into() };
    assert_eq!(release(backend, &over[1], Release::Review(case)).await.unwrap(), Released::InReview);
    assert_eq!(stands(backend, "o-1").await.status, OrderStatus::Rejected);
    assert_eq!(stands(backend, "o-2").await.status, OrderStatus::Review);
    // Its worker goes on.
    assert_eq!(buy(backend, &had, "b", &keys("sku-a", 0..1)).await, WHOLE);
    assert_eq!(lease_over(backend, Duration::ZERO).await, []);
}

pub async fn who_has_lost_its_lease_is_no_hindrance(backend: &dyn SlowLaneBackend) {
    processing(backend, wanted("o-1", "sku-a", 1)).await;
    let gone = backend.procurements().lease(&worker("w-1"), 1, BRIEF).await.unwrap().remove(0);
    let over = lease_when_over(backend, Duration::ZERO).await.remove(0);
    assert_eq!(over.lease.procurement, gone.lease.procurement);
    assert_lost(release(backend, &gone, wait(HOUR)).await);
    assert_eq!(release(backend, &over, no()).await.unwrap(), Released::Rejected);
}

/// Expiry ends what is not bought; an open attempt has its line's whole time.
pub async fn what_has_expired_is_over_without_an_open_attempt(backend: &dyn SlowLaneBackend) {
    let soon = || Some(Timestamp(Timestamp::now().0 + 3_000_000));
    let expiring = |id, sku| ProposedOrder { expires_at: soon(), ..wanted(id, sku, 1) };
    let open = leased(backend, expiring("o-1", "sku-a")).await;
    let _sent = send(backend, &open, "a", 1).await;
    let _waits = release(backend, &open, wait(HOUR)).await.unwrap();
    let waits = leased(backend, expiring("o-2", "sku-a")).await;
    let _waits = release(backend, &waits, wait(HOUR)).await.unwrap();
    let over = lease_when_over(backend, HOUR).await;
    assert_eq!(over.len(), 1);
    assert_eq!(over[0].order_id.as_str(), "o-2");
    assert!(over[0].now >= over[0].expires_at.unwrap(), "by the ledger's clock");
}

pub async fn new_stock_fills_who_waits(backend: &dyn SlowLaneBackend) {
    assert_eq!(fill(backend).await, 0);
    for (id, count) in [("o-1", 2), ("o-2", 1), ("o-3", 5), ("o-4", 1), ("o-5", 1)] {
        processing(backend, wanted(id, "sku-a", count)).await;
    }
    processing(backend, top_up("o-6", "sku-a")).await;
    let all = lease(backend, "w-1", 10).await;
    let of = |id: &str| all.iter().find(|one| one.order_id.as_str() == id).unwrap();
    for id in ["o-1", "o-2", "o-3", "o-6"] {
        let _waits = release(backend, of(id), wait(HOUR)).await.unwrap();
    }
    let sent = send(backend, of("o-4"), "a", 1).await;
    let _waits = release(backend, of("o-4"), wait(HOUR)).await.unwrap();
    assert_eq!(fill(backend).await, 0, "there is no stock");
    stock(backend, "sku-b", 9).await;
    stock(backend, "sku-a", 5).await;
    let before = file(backend, "o-3").await;
    assert_eq!(fill(backend).await, 2);
    for (id, count) in [("o-1", 2), ("o-2", 1)] {
        let order = stands(backend, id).await;
        assert_eq!((order.status, order.revision.0), (OrderStatus::Fulfilled, 2), "{id}");
        assert_eq!(delivered(&order.lines[0]).len(), count);
        assert_eq!(procurement_file(backend, id).await.state, ProcurementState::Delivered);
    }
    assert_eq!(file(backend, "o-3").await, before, "too few for it: it is not touched");
    assert_eq!(fill(backend).await, 0);
    assert_eq!(open(backend).await, 4, "too many wanted, a purchase under way, a worker at it, a top-up");
    assert_eq!(owed(backend).await.len(), 2);
    assert_eq!(procurement_file(backend, "o-4").await.attempts, [sent]);
    assert_eq!(buy(backend, of("o-5"), "b", &keys("sku-a", 20..21)).await, WHOLE);
    assert_balance(backend, 15, 11, 4).await;
}

pub async fn the_oldest_are_filled_first_and_not_too_many(backend: &dyn SlowLaneBackend) {
    for at in 0..4 {
        processing(backend, wanted(&format!("o-{at}"), "sku-a", 1)).await;
    }
    stock(backend, "sku-a", 3).await;
    assert_eq!(backend.procurements().fill_waiting(2).await.unwrap(), 2);
    for (at, status) in
        [OrderStatus::Fulfilled, OrderStatus::Fulfilled, OrderStatus::Processing].into_iter().enumerate()
    {
        assert_eq!(stands(backend, &format!("o-{at}")).await.status, status);
    }
    assert_eq!(fill(backend).await, 1);
}

/// What was held for the line goes into stock, and may fill another at once.
pub async fn who_is_filled_gives_back_what_was_held(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 3)).await;
    assert_eq!(buy(backend, &of, "a", &keys("sku-a", 10..12)).await.missing, 1);
    let _waits = release(backend, &of, wait(HOUR)).await.unwrap();
    stock(backend, "sku-a", 3).await;
    assert_eq!(fill(backend).await, 1);
    assert_balance(backend, 5, 2, 3).await;
    assert_eq!(open(backend).await, 0);
}

pub async fn stock_fills_each_once_whoever_looks(backend: &dyn SlowLaneBackend) {
    for at in 0..12 {
        processing(backend, wanted(&format!("o-{at:02}"), "sku-a", 1)).await;
    }
    stock(backend, "sku-a", 10).await;
    let buyer = async {
        let mut filled = 0;
        for of in lease(backend, "w-1", 6).await {
            filled += u32::from(release(backend, &of, from_stock(HOUR)).await.unwrap() == Released::Filled);
        }
        filled
    };
    let (mut filled, one, another) = tokio::join!(buyer, fill(backend), fill(backend));
    filled += one + another;
    // Keys that another transaction held just then were passed over.
    while filled < 10 {
        let more = fill(backend).await;
        assert!(more > 0, "{filled} of 10 keys are sold, and nobody holds the others");
        filled += more;
    }
    assert_eq!((filled, open(backend).await), (10, 2));
    assert_balance(backend, 10, 0, 10).await;
}
