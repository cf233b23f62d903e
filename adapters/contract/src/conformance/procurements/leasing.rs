//! Who works on a procurement: one worker at a time, by the ledger's clock; the fence refuses whoever had it before.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crate::{
    attempt::AttemptState,
    conformance::procurements::samples::*,
    procurement::{Procurement, ProcurementId, Release, ReviewCase, ReviewKind},
    reason::{Reason, ReasonCode},
};

async fn recorded(backend: &dyn SlowLaneBackend, count: usize) {
    for at in 0..count {
        processing(backend, wanted(&format!("o-{at}"), "sku-a", 1)).await;
    }
}

fn orders(leased: &[Procurement]) -> Vec<&str> {
    leased.iter().map(|procurement| procurement.order_id.as_str()).collect()
}

pub async fn only_what_is_due_is_leased(backend: &dyn SlowLaneBackend) {
    assert_eq!(lease(backend, "w-1", 10).await, []);
    recorded(backend, 3).await;
    let leased = lease(backend, "w-1", 10).await;
    assert_eq!(leased.len(), 3);
    let _waits = release(backend, &leased[0], wait(Duration::ZERO)).await.unwrap();
    let _waits = release(backend, &leased[1], wait(HOUR)).await.unwrap();
    assert_eq!(orders(&lease(backend, "w-2", 10).await), ["o-0"]);
    assert_eq!(lease(backend, "w-2", 10).await, []);
}

pub async fn the_longest_due_is_leased_first(backend: &dyn SlowLaneBackend) {
    recorded(backend, 3).await;
    let first = lease(backend, "w-1", 1).await;
    assert_eq!(orders(&first), ["o-0"]);
    assert_eq!(orders(&lease(backend, "w-1", 1).await), ["o-1"]);
    let _waits = release(backend, &first[0], wait(Duration::ZERO)).await.unwrap();
    assert_eq!(orders(&lease(backend, "w-1", 10).await), ["o-2", "o-0"], "due anew is due since then");
}

pub async fn leases_at_once_share_the_procurements(backend: &dyn SlowLaneBackend) {
    recorded(backend, 40).await;
    let work = async |name: &str| {
        let mut mine: Vec<ProcurementId> = Vec::new();
        loop {
            let leased = lease(backend, name, 7).await;
            assert!(leased.len() <= 7);
            if leased.is_empty() {
                return mine;
            }
            mine.extend(leased.iter().map(|procurement| procurement.lease.procurement));
        }
    };
    let (a, b, c) = tokio::join!(work("w-1"), work("w-2"), work("w-3"));
    let all = [a, b, c].concat();
    assert_eq!(all.len(), 40, "none is leased twice, none is left");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 40);
}

pub async fn a_lapsed_lease_is_given_to_another(backend: &dyn SlowLaneBackend) {
    recorded(backend, 1).await;
    let first = backend.procurements().lease(&worker("w-1"), 10, BRIEF).await.unwrap().remove(0);
    let second = lease_when_due(backend, "w-2").await.remove(0);
    assert_eq!(second.lease.procurement, first.lease.procurement);
    assert_eq!(second.lease.worker, worker("w-2"));
    assert!(second.lease.fence > first.lease.fence, "{first:?} {second:?}");
    assert!(second.now > first.now);
    assert_eq!(lease(backend, "w-1", 10).await, []);
}

pub async fn a_fence_rises_with_every_lease(backend: &dyn SlowLaneBackend) {
    recorded(backend, 1).await;
    let mut fence = None;
    for _ in 0..4 {
        let leased = lease_one(backend, "w-1").await;
        assert!(Some(leased.lease.fence) > fence, "the same worker's next lease too");
        fence = Some(leased.lease.fence);
        let _waits = release(backend, &leased, wait(Duration::ZERO)).await.unwrap();
    }
}

pub async fn a_former_holder_writes_nothing(backend: &dyn SlowLaneBackend) {
    recorded(backend, 1).await;
    let released = lease_one(backend, "w-1").await;
    let intended = intend(backend, &released, "a", 1).await;
    let _waits = release(backend, &released, wait(Duration::ZERO)).await.unwrap();
    let lapsed = backend.procurements().lease(&worker("w-1"), 10, BRIEF).await.unwrap().remove(0);
    let holder = lease_when_due(backend, "w-1").await.remove(0);
    assert_eq!(holder.attempts, std::slice::from_ref(&intended));
    for former in [&released, &lapsed] {
        assert_lost(change(backend, former, &intended, AttemptState::Sent).await);
        assert_lost(backend.procurements().intend(&former.lease, &intent("b", 1)).await);
    }
    let sent = change(backend, &holder, &intended, AttemptState::Sent).await.unwrap();
    let before = (file(backend, "o-0").await, backend.books().balance().await.unwrap());
    let no = Reason::new(ReasonCode::SuppliersRefused, "nobody sells it");
    let case = ReviewCase { kind: ReviewKind::Unsettled, evidence: "no answer".into() };
    for former in [&released, &lapsed] {
        assert_lost(deliver(backend, former, &sent, &keys("sku-a", 0..1)).await);
        for end in [wait(Duration::ZERO), from_stock(HOUR), Release::Reject(no.clone()), Release::Review(case.clone())]
        {
            assert_lost(release(backend, former, end).await);
        }
    }
    assert_eq!((file(backend, "o-0").await, backend.books().balance().await.unwrap()), before);
    assert_eq!(lease(backend, "w-2", 10).await, []);
    assert_eq!(deliver(backend, &holder, &sent, &keys("sku-a", 0..1)).await.unwrap(), WHOLE);
}

pub async fn a_send_renews_the_lease(backend: &dyn SlowLaneBackend) {
    recorded(backend, 2).await;
    // Long enough for what is done under it.
    let short = Duration::from_secs(3);
    let leased = backend.procurements().lease(&worker("w-1"), 10, short).await.unwrap();
    let sent = send(backend, &leased[0], "a", 1).await;
    let since = Instant::now();
    assert_eq!(orders(&lease_when_due(backend, "w-2").await), ["o-1"], "after {:?}", since.elapsed());
    assert_eq!(lease(backend, "w-2", 10).await, []);
    assert_eq!(deliver(backend, &leased[0], &sent, &keys("sku-a", 0..1)).await.unwrap(), WHOLE);
}

pub async fn what_has_ended_is_leased_and_changed_by_nobody(backend: &dyn SlowLaneBackend) {
    let bought = leased(backend, wanted("o-1", "sku-a", 1)).await;
    assert_eq!(buy(backend, &bought, "a", &keys("sku-a", 0..1)).await, WHOLE);
    let rejected = leased(backend, wanted("o-2", "sku-a", 1)).await;
    let no = Reason::new(ReasonCode::PriceGuard, "every offer is above 12.00");
    let _rejected = release(backend, &rejected, Release::Reject(no.clone())).await.unwrap();
    let before = (file(backend, "o-1").await, file(backend, "o-2").await);
    for (ended, name) in [(&bought, "b"), (&rejected, "c")] {
        assert_lost(backend.procurements().intend(&ended.lease, &intent(name, 1)).await);
        assert_lost(release(backend, ended, wait(Duration::ZERO)).await);
    }
    assert_lost(release(backend, &bought, Release::Reject(no)).await);
    assert_lost(release(backend, &rejected, from_stock(Duration::ZERO)).await);
    assert_eq!((file(backend, "o-1").await, file(backend, "o-2").await), before);
    assert_eq!(lease(backend, "w-1", 10).await, []);
}
