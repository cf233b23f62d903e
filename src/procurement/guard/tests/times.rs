//! Rate and bulkhead, as those who are refused see them.

use std::time::Duration;

use fulfil_contract::supplier::Bought;

use super::double::{Does, Double, buy, buy_with, guard, now, pass};
use crate::procurement::guard::{ClosedWhy, GuardSettings};

const FAST: Duration = Duration::from_millis(30);

#[tokio::test(start_paused = true)]
async fn those_who_keep_to_their_times_get_through_at_the_rate() {
    let double = Double::new(Does::Accepts, Duration::ZERO);
    let guarded = guard(&double, GuardSettings { per_second: Some(10), concurrency: 100, ..GuardSettings::default() });
    let began = now();
    let buyers = (0..100).map(|_| async {
        let mut refusals = 0;
        loop {
            match guarded.admit(now()) {
                Ok(permit) => {
                    let bought = buy_with(&guarded, permit).await;
                    assert!(matches!(bought, Bought::Accepted { .. }));
                    break;
                }
                Err(closed) => {
                    assert_eq!(closed.why, ClosedWhy::Rate);
                    refusals += 1;
                    tokio::time::sleep(closed.until).await;
                }
            }
        }
        refusals
    });
    let refusals: Vec<u32> = futures_util::future::join_all(buyers).await;
    let took = now() - began;
    assert!(took >= Duration::from_millis(9500) && took <= Duration::from_secs(12), "100 at 10/s took {took:?}");
    let all: u32 = refusals.iter().sum();
    assert!(all <= 300, "each is refused about once: {all}");
}

#[tokio::test(start_paused = true)]
async fn an_unused_permit_gives_its_token_back_and_a_used_one_does_not() {
    let double = Double::new(Does::Accepts, FAST);
    let guarded = guard(&double, GuardSettings { per_second: Some(4), ..GuardSettings::default() });
    for _ in 0..50 {
        drop(guarded.admit(now()).unwrap());
    }
    assert!(tokio::time::timeout(FAST / 2, buy(&guarded)).await.is_err(), "broken off");
    let closed = guarded.admit(now()).unwrap_err();
    assert_eq!(closed.why, ClosedWhy::Rate);
    pass(closed.until).await;
    assert!(guarded.admit(now()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_full_bulkhead_takes_no_token_and_tells_each_a_later_time() {
    let double = Double::new(Does::Accepts, Duration::from_secs(2));
    let settings = GuardSettings { concurrency: 4, per_second: Some(40), ..GuardSettings::default() };
    let guarded = guard(&double, settings);
    assert!(buy(&guarded).await.is_some());
    let held: Vec<_> = (0..4).map(|_| guarded.admit(now()).unwrap()).collect();
    let refused: Vec<_> = (1..=20).map(|_| guarded.admit(now()).unwrap_err()).collect();
    for (waits, closed) in (1..).zip(&refused) {
        assert_eq!((closed.why, closed.until), (ClosedWhy::Full, Duration::from_millis(500) * waits));
    }
    assert_eq!(guarded.health(now()).in_flight, 4);
    drop(held);
    let again: Vec<_> = (0..10).map_while(|_| guarded.admit(now()).ok()).collect();
    assert_eq!(again.len(), 4, "those refused took nothing");
}
