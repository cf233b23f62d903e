//! Futures dropped in every place: nothing is kept.

use std::{pin::pin, time::Duration};

use fulfil_contract::supplier::{Bought, Found, Hindrance};
use futures_util::FutureExt;

use super::double::{Does, Double, buy, buy_with, guard, now, pass, query, query_with};
use crate::procurement::guard::{BreakerState, GuardSettings, Guarded};

fn settings() -> GuardSettings {
    GuardSettings { concurrency: 2, ..GuardSettings::default() }
}

/// As new: both places free, the breaker closed, nothing in flight.
fn assert_as_new(guarded: &Guarded, place: &str) {
    let health = guarded.health(now());
    assert_eq!((health.in_flight, health.breaker), (0, BreakerState::Closed), "{place}");
    let both = [guarded.admit(now()), guarded.admit(now())];
    assert!(both.iter().all(Result::is_ok), "{place}");
    assert!(guarded.admit(now()).is_err(), "{place}");
}

#[tokio::test(start_paused = true)]
async fn dropped_after_every_step_of_time() {
    // Fails twice, with pauses between: every place of a query is passed, its pauses and retries too.
    for step in 0..80 {
        let double = Double::new(Does::Accepts, Duration::from_millis(50));
        double.then([Does::Fails, Does::Fails]);
        let guarded = guard(&double, settings());
        let dropped_at = Duration::from_millis(step * 5);
        for _ in 0..20 {
            let _out_of_time = tokio::time::timeout(dropped_at, query(&guarded)).await;
            let _out_of_time = tokio::time::timeout(dropped_at, buy(&guarded)).await;
            // What is open by now is so by its failures.
            if guarded.health(now()).breaker != BreakerState::Closed {
                pass(Duration::from_secs(30)).await;
            }
        }
        while guarded.health(now()).breaker != BreakerState::Closed {
            pass(Duration::from_secs(30)).await;
            assert!(buy(&guarded).await.is_some(), "locked after {dropped_at:?}");
        }
        assert_as_new(&guarded, &format!("{dropped_at:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_after_every_poll() {
    for polls in 0..12 {
        let double = Double::new(Does::Accepts, Duration::from_millis(50));
        double.then([Does::Fails, Does::Fails]);
        let guarded = guard(&double, settings());
        {
            let mut query = pin!(query(&guarded));
            for _ in 0..polls {
                if query.as_mut().now_or_never().is_some() {
                    break;
                }
                pass(Duration::from_millis(60)).await;
            }
        }
        assert_as_new(&guarded, &format!("{polls} polls"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_gives_its_place_back() {
    let double = Double::new(Does::Accepts, Duration::from_millis(50));
    let guarded = std::sync::Arc::new(guard(&double, settings()));
    for _ in 0..20 {
        let inner = std::sync::Arc::clone(&guarded);
        let task = tokio::spawn(async move {
            let permit = inner.admit(now()).unwrap();
            std::panic::resume_unwind(Box::new(permit));
        });
        assert!(task.await.unwrap_err().is_panic());
    }
    assert_as_new(&guarded, "panics");
}

#[tokio::test(start_paused = true)]
async fn a_permit_of_another_supplier_sends_nothing() {
    let (one, another) =
        (Double::new(Does::Accepts, Duration::from_millis(50)), Double::new(Does::Accepts, Duration::from_millis(50)));
    let guards = [guard(&one, settings()), guard(&another, settings())];
    let found = query_with(&guards[1], guards[0].admit(now()).unwrap()).await;
    assert!(matches!(found, Found::Unclear { .. }));
    let bought = buy_with(&guards[1], guards[0].admit(now()).unwrap()).await;
    assert!(matches!(bought, Bought::NotSent { by: Hindrance::Ours, .. }));
    assert_eq!((one.calls(), another.calls()), (0, 0));
    guards.iter().for_each(|guarded| assert_as_new(guarded, "another's permit"));
}
