//! Suppliers in trouble: dead, slow, back again, and what that costs others.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use fulfil_contract::supplier::Bought;
use futures_util::future::join_all;

use super::double::{Does, Double, buy, guard, now, pass};
use crate::procurement::guard::{BreakerSettings, BreakerState, ClosedWhy, GuardSettings, Guarded};

const FAST: Duration = Duration::from_millis(30);

fn is_open(guarded: &Guarded) -> bool {
    matches!(guarded.health(now()).breaker, BreakerState::Open { .. })
}

/// Buys at this rate for so long; how many got through.
async fn buys(guarded: &Guarded, per_second: u32, time: Duration) -> u32 {
    let end = now() + time;
    let mut through = 0;
    while now() < end {
        let began = now();
        through += u32::from(buy(guarded).await.is_some());
        pass((Duration::from_secs(1) / per_second).saturating_sub(now() - began)).await;
    }
    through
}

#[tokio::test(start_paused = true)]
async fn a_dead_supplier_gets_only_probes_and_is_back_within_the_longest_open_time() {
    for does in [Does::Fails, Does::CannotBeReached] {
        let double = Double::new(does, FAST);
        let settings = GuardSettings::default();
        let guarded = guard(&double, settings.clone());
        buys(&guarded, 20, Duration::from_secs(600)).await;
        // Five until it opens, then one for each opening: 5, 10, 20, 30, 30 … s, less a quarter at most.
        let calls = double.calls();
        assert!((5 + 18..=5 + 30).contains(&calls), "{calls} calls in 600 s");

        double.now_does(Does::Accepts, FAST);
        let (back, began) = (settings.breaker.longest_open + Duration::from_secs(1), now());
        while guarded.health(now()).breaker != BreakerState::Closed {
            buys(&guarded, 20, Duration::from_millis(50)).await;
            assert!(now() - began < back, "still not closed after {:?}", now() - began);
        }
        assert_eq!(buys(&guarded, 20, Duration::from_secs(10)).await, 200, "full flow");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_supplier_opens_by_its_slow_calls_although_every_one_is_answered() {
    let slow = BreakerSettings::default().slow;
    for (takes, opens) in [(slow - FAST, false), (slow + FAST, true)] {
        let double = Double::new(Does::Accepts, takes);
        let guarded = guard(&double, GuardSettings::default());
        let mut bought = 0;
        for _ in 0..30 {
            bought += u32::from(matches!(buy(&guarded).await, Some(Bought::Accepted { .. })));
            if is_open(&guarded) {
                break;
            }
        }
        assert_eq!(is_open(&guarded), opens, "{takes:?}");
        assert_eq!(bought, if opens { 5 } else { 30 }, "{takes:?}: every one was answered");
        let health = guarded.health(now());
        assert!(health.latency.unwrap() >= takes && health.success == Some(1.0), "{health:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_never_answers_is_unknown_after_the_time_limit_and_opens_it() {
    let double = Double::new(Does::Accepts, FAST);
    double.hangs.store(true, Ordering::Relaxed);
    let guarded = guard(&double, GuardSettings::default());
    let began = now();
    let bought = join_all((0..20).map(|_| buy(&guarded))).await;
    assert_eq!(now() - began, guarded.timeout());
    let unknown = bought.iter().filter(|bought| matches!(bought, Some(Bought::Unknown { .. }))).count();
    assert_eq!((unknown, bought.iter().filter(|bought| bought.is_none()).count()), (8, 12), "its bulkhead holds 8");
    assert_eq!(double.most_under_way.load(Ordering::Relaxed), 8);
    assert!(is_open(&guarded));
    let closed = guarded.admit(now()).unwrap_err();
    assert_eq!(closed.why, ClosedWhy::BreakerOpen);
    assert!(closed.until <= BreakerSettings::default().open && !closed.until.is_zero());
    assert_eq!(guarded.health(now()).in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_is_not_used_or_broken_off_does_not_lock_it() {
    let double = Double::new(Does::Fails, FAST);
    let guarded = guard(&double, GuardSettings::default());
    while !is_open(&guarded) {
        buy(&guarded).await;
    }
    pass(Duration::from_secs(5)).await;
    double.now_does(Does::Accepts, FAST);
    for _ in 0..50 {
        // Taken, and given back.
        drop(guarded.admit(now()).unwrap());
        // Begun, and broken off.
        assert!(tokio::time::timeout(FAST / 2, buy(&guarded)).await.is_err());
        assert_eq!(guarded.health(now()).breaker, BreakerState::HalfOpen);
    }
    for _ in 0..3 {
        assert!(buy(&guarded).await.is_some());
    }
    assert_eq!(guarded.health(now()).breaker, BreakerState::Closed);
}

/// A worker that stood still, or whose section was changed, keeps purchases back: the supplier has no part in it.
#[tokio::test(start_paused = true)]
async fn what_our_own_side_keeps_back_is_no_failure_and_no_trial_of_the_supplier() {
    let double = Double::new(Does::Withholds, FAST);
    let guarded = guard(&double, GuardSettings::default());
    for _ in 0..100 {
        assert!(buy(&guarded).await.is_some());
    }
    let health = guarded.health(now());
    assert_eq!(
        (health.breaker, health.failures, health.success, health.latency),
        (BreakerState::Closed, 0, None, None)
    );

    double.now_does(Does::Fails, FAST);
    while !is_open(&guarded) {
        assert!(buy(&guarded).await.is_some());
    }
    pass(Duration::from_secs(5)).await;
    double.now_does(Does::Withholds, FAST);
    for _ in 0..50 {
        assert!(buy(&guarded).await.is_some(), "the trial's place is free again");
        assert_eq!(guarded.health(now()).breaker, BreakerState::HalfOpen);
    }
    // Nor does it take a place among those that are left once a probe went well.
    double.then([Does::Accepts, Does::Withholds, Does::Withholds, Does::Withholds, Does::Accepts]);
    for _ in 0..5 {
        assert!(buy(&guarded).await.is_some());
        assert_eq!(guarded.health(now()).breaker, BreakerState::HalfOpen);
    }
    double.now_does(Does::Accepts, FAST);
    assert!(buy(&guarded).await.is_some());
    assert_eq!(guarded.health(now()).breaker, BreakerState::Closed);
}

/// What the breaker lets through and another guard does not leaves the trial's place free.
#[tokio::test(start_paused = true)]
async fn a_trial_that_another_guard_refuses_does_not_lock_it() {
    let double = Double::new(Does::Fails, FAST);
    let breaker = BreakerSettings { open: FAST, ..BreakerSettings::default() };
    let guarded = guard(&double, GuardSettings { breaker, per_second: Some(1), ..GuardSettings::default() });
    while !is_open(&guarded) {
        assert!(buy(&guarded).await.is_some());
        pass(if is_open(&guarded) { FAST } else { Duration::from_secs(1) }).await;
    }
    for _ in 0..10 {
        assert_eq!(guarded.admit(now()).unwrap_err().why, ClosedWhy::Rate);
        assert_eq!(guarded.health(now()).breaker, BreakerState::HalfOpen);
    }
    pass(Duration::from_secs(1)).await;
    assert!(buy(&guarded).await.is_some());
}

/// The same calls to a well supplier, with a dead one beside it and without.
#[tokio::test(start_paused = true)]
async fn a_dead_supplier_costs_another_nothing() {
    let mut times = Vec::new();
    for with_dead in [false, true] {
        let (well, dead) = (Double::new(Does::Accepts, FAST), Double::new(Does::Accepts, FAST));
        dead.hangs.store(true, Ordering::Relaxed);
        let guards =
            [Arc::new(guard(&well, GuardSettings::default())), Arc::new(guard(&dead, GuardSettings::default()))];
        let began = now();
        let beside = tokio::spawn({
            let dead = Arc::clone(&guards[1]);
            async move {
                if !with_dead {
                    return;
                }
                loop {
                    join_all((0..30).map(|_| buy(&dead))).await;
                    tokio::time::sleep(FAST).await;
                }
            }
        });
        for _ in 0..500 {
            let bought = join_all((0..8).map(|_| buy(&guards[0]))).await;
            assert!(bought.iter().all(|bought| matches!(bought, Some(Bought::Accepted { .. }))));
        }
        times.push(now() - began);
        beside.abort();
        let health = guards[0].health(now());
        assert_eq!((health.breaker, health.success, health.failures), (BreakerState::Closed, Some(1.0), 0));
        assert_eq!(well.calls(), 4000);
        assert_eq!(dead.calls() > 0, with_dead);
    }
    assert_eq!(times[0], times[1]);
}
