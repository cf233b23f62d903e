//! Queries are made again, within bounds; purchases never.

use std::{sync::atomic::Ordering, time::Duration};

use fulfil_contract::supplier::{Bought, Found, RefusalCode};

use super::double::{Does, Double, buy, guard, now, pass, query};
use crate::procurement::guard::{BreakerSettings, BudgetSettings, GuardSettings};

const FAST: Duration = Duration::from_millis(30);

/// A breaker that judges late, so that the budget alone bounds.
fn patient() -> GuardSettings {
    let breaker = BreakerSettings { window: 1000, least_calls: 1000, ..BreakerSettings::default() };
    GuardSettings { breaker, ..GuardSettings::default() }
}

#[tokio::test(start_paused = true)]
async fn an_unclear_query_is_made_again_twice_at_most() {
    for (fails, calls, clear) in [(0, 1, true), (1, 2, true), (2, 3, true), (3, 3, false), (9, 3, false)] {
        let double = Double::new(Does::Accepts, FAST);
        double.then(std::iter::repeat_n(Does::Fails, fails));
        let guarded = guard(&double, patient());
        let found = query(&guarded).await.unwrap();
        assert_eq!(double.queries.load(Ordering::Relaxed), calls, "{fails} fail");
        assert_eq!(matches!(found, Found::Pending { .. }), clear, "{fails} fail: {found:?}");
        assert_eq!(guarded.health(now()).in_flight, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_purchase_is_never_made_again() {
    for does in [Does::Fails, Does::CannotBeReached] {
        let double = Double::new(does, FAST);
        let guarded = guard(&double, patient());
        let bought = buy(&guarded).await.unwrap();
        assert!(matches!(bought, Bought::Unknown { .. } | Bought::NotSent { .. }));
        assert_eq!(double.calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_with_its_retries_keeps_the_time_limit() {
    for takes in [FAST, Duration::from_secs(4), Duration::from_secs(7), Duration::from_secs(20)] {
        let double = Double::new(Does::Fails, takes);
        let guarded = guard(&double, patient());
        let began = now();
        assert!(matches!(query(&guarded).await, Some(Found::Unclear { .. })));
        assert!(now() - began <= guarded.timeout() + Duration::from_millis(2), "{takes:?}: {:?}", now() - began);
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_retries_is_bounded_by_the_budget() {
    for percent in [0, 20, 50] {
        let double = Double::new(Does::Fails, Duration::from_millis(100));
        let retries = BudgetSettings { percent, floor: 3, window: Duration::from_secs(10) };
        let guarded = guard(&double, GuardSettings { retries, ..patient() });
        let (began, mut asked) = (now(), 0);
        while now() - began < Duration::from_secs(60) {
            assert!(query(&guarded).await.is_some());
            asked += 1;
        }
        let made = double.queries.load(Ordering::Relaxed) - asked;
        // The floor holds for each of the seven windows that 60 s touch.
        let most = asked * percent / 100 + 7 * 3;
        let least = asked * percent / 100 / 2 + 3;
        assert!(made <= most && made >= least, "{percent} %: {made} retries of {asked} queries, at most {most}");
        let busy = Duration::from_millis(u64::from(100 * (asked + made) + 150 * made));
        assert!(
            busy >= Duration::from_secs(59),
            "over budget nobody waits for a retry: {asked} queries, {made} retries"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn neither_an_open_breaker_nor_a_trial_nor_the_rate_has_retries() {
    // The first failure opens it.
    let breaker = BreakerSettings { window: 1, least_calls: 1, ..BreakerSettings::default() };
    let double = Double::new(Does::Fails, FAST);
    let guarded = guard(&double, GuardSettings { breaker, ..GuardSettings::default() });
    let began = now();
    assert!(query(&guarded).await.is_some());
    assert_eq!((double.calls(), now() - began), (1, FAST), "open: nobody waits for a retry");
    pass(breaker.open).await;
    assert!(query(&guarded).await.is_some());
    assert_eq!(double.calls(), 2, "a trial");

    let double = Double::new(Does::Fails, FAST);
    let guarded = guard(&double, GuardSettings { per_second: Some(1), ..patient() });
    assert!(query(&guarded).await.is_some());
    assert_eq!(double.calls(), 1, "the rate");
}

#[tokio::test(start_paused = true)]
async fn what_closes_it_during_the_pause_before_a_retry_keeps_it_from_being_made() {
    let breaker = BreakerSettings { window: 2, least_calls: 2, failure_percent: 100, ..BreakerSettings::default() };
    for then in [Does::Fails, Does::Refuses(RefusalCode::Credentials)] {
        let double = Double::new(Does::Accepts, FAST);
        double.then([Does::Fails, then.clone()]);
        let guarded = guard(&double, GuardSettings { breaker, ..GuardSettings::default() });
        // The purchase is answered 10 ms after the query, which pauses for 25 ms at least.
        let purchase = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            buy(&guarded).await
        };
        let (found, bought) = tokio::join!(query(&guarded), purchase);
        assert!(matches!(found, Some(Found::Unclear { .. })) && bought.is_some(), "{then:?}");
        assert_eq!(double.calls(), 2, "{then:?}");
    }
}
