//! A supplier that answers, but not to us now; and what is measured beside.

use std::time::Duration;

use fulfil_contract::{
    money::MinorUnits,
    ports::supplier::SupplierError,
    supplier::{Bought, RefusalCode},
};

use super::double::{Does, Double, buy, guard, now, pass, product, query};
use crate::procurement::guard::{BreakerState, ClosedWhy, GuardSettings, PauseReason};

const FAST: Duration = Duration::from_millis(30);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(start_paused = true)]
async fn it_pauses_and_says_why_and_until_when() {
    for (code, reason, least) in [
        (RefusalCode::Throttled(Some(seconds(17))), PauseReason::Throttled, seconds(17)),
        (RefusalCode::Throttled(None), PauseReason::Throttled, seconds(1)),
        (RefusalCode::Balance, PauseReason::Balance, seconds(30)),
        (RefusalCode::Credentials, PauseReason::Credentials, seconds(60)),
    ] {
        let double = Double::new(Does::Accepts, FAST);
        double.then([Does::Refuses(code)]);
        let guarded = guard(&double, GuardSettings::default());
        assert!(matches!(buy(&guarded).await, Some(Bought::Refused(_))));
        let closed = guarded.admit(now()).unwrap_err();
        assert_eq!(closed.why, ClosedWhy::Paused(reason));
        assert!(closed.until >= least && closed.until <= least.mul_f64(1.25), "{reason:?}: {:?}", closed.until);
        let health = guarded.health(now());
        let paused = health.paused.unwrap();
        assert_eq!((paused.reason, paused.until, paused.said.as_str()), (reason, closed.until, "no"));
        assert_eq!((health.breaker, health.failures), (BreakerState::Closed, 0), "no failure of the supplier");
        pass(closed.until).await;
        assert!(matches!(buy(&guarded).await, Some(Bought::Accepted { .. })));
        assert_eq!(double.calls(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn it_grows_when_repeated_and_begins_small_after_an_answer() {
    let double = Double::new(Does::Refuses(RefusalCode::Balance), FAST);
    let guarded = guard(&double, GuardSettings::default());
    for plain in [30, 60, 120, 240, 300, 300] {
        assert!(buy(&guarded).await.is_some());
        let until = guarded.admit(now()).unwrap_err().until;
        assert!(until >= seconds(plain) && until <= seconds(plain).mul_f64(1.25), "{plain} s: {until:?}");
        pass(until).await;
    }
    double.then([Does::Accepts]);
    assert!(matches!(buy(&guarded).await, Some(Bought::Accepted { .. })));
    assert!(buy(&guarded).await.is_some());
    assert!(guarded.admit(now()).unwrap_err().until < seconds(40));
}

#[tokio::test(start_paused = true)]
async fn refusals_without_end_never_open_the_breaker() {
    for code in [RefusalCode::OutOfStock, RefusalCode::Price, RefusalCode::Other, RefusalCode::Throttled(None)] {
        let double = Double::new(Does::Refuses(code), FAST);
        let guarded = guard(&double, GuardSettings::default());
        for _ in 0..100 {
            pass(seconds(80)).await;
            assert!(matches!(buy(&guarded).await, Some(Bought::Refused(_))));
        }
        assert_eq!(guarded.health(now()).breaker, BreakerState::Closed, "{code:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_balance_queries_go_on_and_a_risen_balance_ends_the_pause() {
    let double = Double::new(Does::Accepts, FAST);
    let guarded = guard(&double, GuardSettings::default());
    assert_eq!(guarded.balance().await.unwrap().amount, 0);
    double.then([Does::Refuses(RefusalCode::Balance)]);
    assert!(buy(&guarded).await.is_some());
    assert!(buy(&guarded).await.is_none() && query(&guarded).await.is_some());
    assert_eq!(guarded.balance().await.unwrap().amount, 0);
    assert!(buy(&guarded).await.is_none(), "it has not risen");
    *double.balance.lock().unwrap() = 500;
    assert_eq!(guarded.balance().await.unwrap().amount, 500);
    assert!(matches!(buy(&guarded).await, Some(Bought::Accepted { .. })));
    assert_eq!(guarded.health(now()).balance.unwrap().told.amount, 500);
}

#[tokio::test(start_paused = true)]
async fn offers_are_remembered_and_their_failures_open_no_breaker() {
    let double = Double::new(Does::Accepts, FAST);
    let guarded = guard(&double, GuardSettings::default());
    assert!(guarded.last_offer(&product()).is_none());
    assert_eq!(guarded.offers(&[product()]).await.unwrap().len(), 1);
    let offer = guarded.last_offer(&product()).unwrap();
    assert_eq!((offer.unit_price, offer.stock), (Some(MinorUnits(100)), Some(5)));
    assert_eq!(guarded.health(now()).offers.get(&product()).unwrap().age(now()), Duration::ZERO);

    double.then([Does::Refuses(RefusalCode::OutOfStock)]);
    assert!(buy(&guarded).await.is_some());
    assert_eq!(guarded.last_offer(&product()).unwrap().stock, Some(0), "as the purchase found it");

    double.now_does(Does::Fails, seconds(3600));
    for _ in 0..30 {
        let began = now();
        assert!(matches!(guarded.offers(&[product()]).await, Err(SupplierError::Unclear(_))));
        assert!(now() - began <= guarded.timeout() + Duration::from_millis(2));
    }
    let health = guarded.health(now());
    assert_eq!((health.breaker, health.failures), (BreakerState::Closed, 30));
    assert!(health.success.unwrap() < 0.5);
}
