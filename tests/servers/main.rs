//! The pool on real RabbitMQ, Redis and Postgres, driven and judged from outside: the built binary, what was
//! sent, what the results queue held, and the audit as a witness.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on ends here")]

mod faults;
mod poison;
mod purchases;
mod shop;

use std::time::Duration;

use shop::{Shop, mix};

/// Everything in one go: two workers, repeats, conflicts, broken messages, several lines and quantities.
#[tokio::test]
async fn orders_in_keys_out() {
    let shop = Shop::open(4).await;
    let expected = shop.make(&mix(2000)).await;
    shop.publish().await;
    let counts = shop.work_until_empty(2).await;
    let verdict = shop.judge().await;
    assert!(verdict.clean, "{verdict:#?}");
    assert_eq!(counts.of("fulfilled"), expected.orders);
    // Which of two bodies of one id comes first is the two workers' race; the judge sees to the rest.
    assert_eq!(counts.of("conflict") + counts.of("repeats"), expected.conflicts + expected.repeats);
    assert_eq!(counts.of("rejected"), expected.broken);
    assert_eq!(counts.of("keys_delivered"), verdict.keys_delivered);
}

/// The same orders a second time: every one is answered again, byte for byte, and nothing new is sold.
#[tokio::test]
async fn the_same_again_sells_nothing() {
    let shop = Shop::open(2).await;
    let expected = shop.make(&mix(300)).await;
    shop.publish().await;
    shop.work_until_empty(1).await;
    let sold = shop.program.audit().await.unwrap().sold;
    shop.publish().await;
    let counts = shop.work_until_empty(1).await;
    assert_eq!((counts.of("fulfilled"), counts.of("keys_delivered")), (0, 0));
    assert!(counts.of("repeats") >= expected.orders);
    let verdict = shop.judge().await;
    assert!(verdict.clean, "{verdict:#?}");
    assert!(verdict.repeats >= expected.orders, "{verdict:#?}");
    assert_eq!(shop.program.audit().await.unwrap().sold, sold);
}

#[tokio::test]
async fn results_in_arrays_say_the_same() {
    let mut shop = Shop::open(1).await;
    shop.program.set("RESULTS__MODE", "batch");
    shop.make(&mix(1500)).await;
    shop.publish().await;
    shop.work_until_empty(1).await;
    let verdict = shop.judge().await;
    assert!(verdict.clean, "{verdict:#?}");
    assert!(verdict.messages_read < verdict.results / 10, "{verdict:#?}");
}

/// Told to stop in the middle of its work, a worker finishes what is in flight and ends with 0.
#[tokio::test]
async fn a_worker_drains_on_sigterm() {
    let shop = Shop::open(2).await;
    shop.make(&mix(6000)).await;
    shop.publish().await;
    let (mut worker, admin) = shop.start_worker(&[]).await;
    shop::until("some orders are handled", || async { shop::outcomes(admin).await > 500.0 }).await;
    let code = fulfil_load_tests::program::stop(&mut worker, Duration::from_secs(40)).await.unwrap();
    assert_eq!(code, Some(0));
    shop.work_until_empty(1).await;
    let verdict = shop.judge().await;
    assert!(verdict.clean, "{verdict:#?}");
}

/// More lanes, then fewer: queues that are no longer bound are consumed until they are empty.
#[tokio::test]
async fn lanes_can_be_changed_with_orders_in_the_queues() {
    let mut shop = Shop::open(4).await;
    shop.make(&mix(800)).await;
    shop.publish().await;
    shop.program.set("SOURCE__LANES", "2");
    shop.program.run(&["migrate"]).await.unwrap();
    shop.publish().await;
    shop.work_until_empty(1).await;
    let verdict = shop.judge().await;
    assert!(verdict.clean, "{verdict:#?}");
}

#[tokio::test]
async fn the_admin_port_tells_who_is_ready() {
    let shop = Shop::open(1).await;
    let (mut worker, admin) = shop.start_worker(&[]).await;
    shop::until("the worker is ready", || fulfil_load_tests::scrape::is_ready(admin)).await;
    let samples = fulfil_load_tests::scrape::metrics(admin).await.unwrap();
    assert!((samples.get("fulfil_lane_sessions") - 1.0).abs() < f64::EPSILON);
    fulfil_load_tests::program::stop(&mut worker, Duration::from_secs(40)).await.unwrap();
}
