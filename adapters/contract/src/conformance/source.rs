//! What every [`Sources`] holds to: deliveries arrive in order and none gets lost; what was not acknowledged
//! comes back; a receipt counts in its own session alone.
//!
//! A backend's test writes `fulfil_contract::source_suite!(make);`, where `make` is an async function that
//! gives a fresh [`SourceBench`]: empty, with nothing shared between two of them.

#![allow(clippy::expect_used, clippy::panic, reason = "a suite fails by panicking")]

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use tokio::time::{Instant, sleep, timeout};

use super::limit::{LIMIT, within};
use crate::ports::source::{Delivery, Receipt, Source, Sources};

/// A backend under test. Lane 0 always exists; cases about several lanes run where [`Sources::lanes`] gives them.
#[async_trait]
pub trait SourceBench: Send + Sync {
    fn sources(&self) -> &dyn Sources;

    /// Puts the bodies at the lane's end, in this order; when it returns, they are there for good.
    async fn enqueue(&self, lane: u16, bodies: Vec<Vec<u8>>);

    /// How many unacknowledged deliveries a session may have: the broker's prefetch. [`Source::ready`]
    /// does not count them, though nobody asked for them yet. At least 200, or 0 for a backend that gives
    /// only what it is asked for, without a limit.
    fn prefetch(&self) -> u64 {
        0
    }
}

/// One `#[tokio::test]` per case, each with a bench of its own.
#[macro_export]
macro_rules! source_suite {
    ($make:path) => {
        $crate::source_suite!(@cases $make;
            arrives_in_order_and_at_most_as_asked,
            waits_for_the_first,
            loses_nothing_when_dropped_in_the_middle,
            acknowledging_covers_all_earlier_ones,
            acknowledged_does_not_come_back,
            returns_what_was_not_acknowledged_on_close,
            returns_what_was_not_acknowledged_on_drop,
            counts_every_delivery,
            an_old_receipt_acknowledges_nothing,
            two_sessions_share_without_overlap,
            counts_what_is_ready,
            an_empty_lane_gives_nothing,
            a_large_body_passes,
            any_bytes_pass,
            lanes_are_apart,
        );
    };
    (@cases $make:path; $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let bench = $make().await;
                $crate::conformance::source::$case(&bench).await;
            }
        )+
    };
}

/// How long "nothing comes" is watched.
const QUIET: Duration = Duration::from_millis(300);
const LANE: u16 = 0;

async fn open(bench: &dyn SourceBench, lane: u16) -> Box<dyn Source> {
    within("open", bench.sources().open(lane)).await.expect("open")
}

async fn next(source: &mut dyn Source, most: usize) -> Vec<Delivery> {
    let deliveries = within("next", source.next(most)).await.expect("next");
    assert!(
        !deliveries.is_empty() && deliveries.len() <= most,
        "{} deliveries where 1 to {most} were asked for",
        deliveries.len()
    );
    deliveries
}

/// Takes exactly `count` deliveries, at most `most` a call.
async fn take(source: &mut dyn Source, count: usize, most: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.extend(next(source, most.min(count - taken.len())).await);
    }
    taken
}

async fn assert_quiet(source: &mut dyn Source) {
    if let Ok(next) = timeout(QUIET, source.next(10)).await {
        panic!("nothing was expected, and {:?} came", next.map(|deliveries| deliveries.len()));
    }
}

fn bodies(range: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    range.map(|number| format!("body-{number:05}").into_bytes()).collect()
}

fn bodies_of(deliveries: &[Delivery]) -> Vec<Vec<u8>> {
    deliveries.iter().map(|delivery| delivery.body.clone()).collect()
}

/// What came back may come in another order.
fn sorted(mut bodies: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    bodies.sort();
    bodies
}

async fn acknowledge_all(source: &mut dyn Source, mut deliveries: Vec<Delivery>) {
    if let Some(last) = deliveries.pop() {
        within("acknowledge", source.acknowledge_up_to(last.receipt)).await.expect("acknowledge");
    }
}

async fn close(source: Box<dyn Source>) {
    within("close", source.close()).await;
}

pub async fn arrives_in_order_and_at_most_as_asked(bench: &dyn SourceBench) {
    bench.enqueue(LANE, bodies(0..50)).await;
    let mut source = open(bench, LANE).await;
    let mut taken = Vec::new();
    while taken.len() < 50 {
        let deliveries = next(&mut *source, 7).await;
        taken.extend(deliveries);
    }
    assert_eq!(bodies_of(&taken), bodies(0..50));
    assert!(
        taken.iter().all(|delivery| !delivery.redelivered && delivery.delivery_count == 0),
        "these are the first deliveries"
    );
    assert!(taken.is_sorted_by(|a, b| a.receipt.tag() < b.receipt.tag()), "tags rise");
    assert_eq!(
        taken.iter().map(|delivery| delivery.receipt.session()).collect::<BTreeSet<_>>().len(),
        1,
        "one session"
    );
    acknowledge_all(&mut *source, taken).await;
    close(source).await;
}

pub async fn waits_for_the_first(bench: &dyn SourceBench) {
    let mut source = open(bench, LANE).await;
    let (deliveries, ()) = tokio::join!(next(&mut *source, 10), async {
        sleep(QUIET).await;
        bench.enqueue(LANE, bodies(0..1)).await;
    });
    assert_eq!(bodies_of(&deliveries), bodies(0..1));
    acknowledge_all(&mut *source, deliveries).await;
    close(source).await;
}

pub async fn loses_nothing_when_dropped_in_the_middle(bench: &dyn SourceBench) {
    const ALL: usize = 200;
    let mut source = open(bench, LANE).await;
    let consume = async {
        let (mut taken, mut dropped, mut turn, start) = (Vec::new(), 0u64, 0usize, Instant::now());
        while taken.len() < ALL {
            assert!(
                start.elapsed() < LIMIT,
                "{} of {ALL} came within {LIMIT:?}; {dropped} futures were dropped",
                taken.len()
            );
            turn += 1;
            // Polled a different number of times on every turn, then dropped, wherever it stands.
            let interrupt = async {
                for _ in 0..turn % 5 {
                    tokio::task::yield_now().await;
                }
                if turn.is_multiple_of(50) {
                    sleep(Duration::from_millis(2)).await;
                }
            };
            tokio::select! {
                biased;
                deliveries = source.next(3) => taken.extend(deliveries.expect("next")),
                () = interrupt => dropped += 1,
            }
        }
        (taken, dropped)
    };
    let ((taken, dropped), ()) = tokio::join!(consume, async {
        for start in (0..ALL).step_by(40) {
            bench.enqueue(LANE, bodies(start..start + 40)).await;
        }
    });
    assert_eq!(bodies_of(&taken), bodies(0..ALL), "each one once, in order");
    assert!(dropped > 0, "no future was dropped: this case showed nothing");
    acknowledge_all(&mut *source, taken).await;
    assert_quiet(&mut *source).await;
    close(source).await;
}

pub async fn acknowledging_covers_all_earlier_ones(bench: &dyn SourceBench) {
    bench.enqueue(LANE, bodies(0..10)).await;
    let mut source = open(bench, LANE).await;
    let mut taken = take(&mut *source, 10, 4).await;
    let kept = taken.split_off(7);
    acknowledge_all(&mut *source, taken).await;
    drop(kept);
    close(source).await;
    let mut source = open(bench, LANE).await;
    let again = take(&mut *source, 3, 10).await;
    assert_eq!(sorted(bodies_of(&again)), bodies(7..10));
    assert_quiet(&mut *source).await;
    close(source).await;
}

pub async fn acknowledged_does_not_come_back(bench: &dyn SourceBench) {
    bench.enqueue(LANE, bodies(0..5)).await;
    let mut source = open(bench, LANE).await;
    for _ in 0..5 {
        let one = take(&mut *source, 1, 1).await;
        acknowledge_all(&mut *source, one).await;
    }
    close(source).await;
    let mut source = open(bench, LANE).await;
    assert_quiet(&mut *source).await;
    close(source).await;
}

pub async fn returns_what_was_not_acknowledged_on_close(bench: &dyn SourceBench) {
    bench.enqueue(LANE, bodies(0..20)).await;
    let mut source = open(bench, LANE).await;
    drop(take(&mut *source, 20, 20).await);
    close(source).await;
    assert_all_come_again(bench, 20).await;
}

pub async fn returns_what_was_not_acknowledged_on_drop(bench: &dyn SourceBench) {
    bench.enqueue(LANE, bodies(0..20)).await;
    let mut source = open(bench, LANE).await;
    drop(take(&mut *source, 20, 20).await);
    drop(source);
    assert_all_come_again(bench, 20).await;
}

async fn assert_all_come_again(bench: &dyn SourceBench, count: usize) {
    let mut source = open(bench, LANE).await;
    let again = take(&mut *source, count, count).await;
    assert_eq!(sorted(bodies_of(&again)), bodies(0..count));
    for delivery in &again {
        assert!(delivery.redelivered, "a delivery that comes back says so");
        assert!(delivery.delivery_count >= 1, "a delivery that comes back counts");
    }
    acknowledge_all(&mut *source, again).await;
    close(source).await;
}

pub async fn counts_every_delivery(bench: &dyn SourceBench) {
    bench.enqueue(LANE, bodies(0..1)).await;
    let mut counts = Vec::new();
    for _ in 0..4 {
        let mut source = open(bench, LANE).await;
        counts.extend(take(&mut *source, 1, 1).await.iter().map(|delivery| delivery.delivery_count));
        close(source).await;
    }
    assert!(counts.is_sorted() && counts[0] == 0 && counts[1..].iter().all(|&count| count >= 1), "{counts:?}");
}

pub async fn an_old_receipt_acknowledges_nothing(bench: &dyn SourceBench) {
    bench.enqueue(LANE, bodies(0..6)).await;
    let mut old = open(bench, LANE).await;
    let old_receipts: Vec<Receipt> = take(&mut *old, 6, 6).await.into_iter().map(|delivery| delivery.receipt).collect();
    close(old).await;

    let mut source = open(bench, LANE).await;
    let again = take(&mut *source, 6, 6).await;
    for receipt in old_receipts {
        assert_ne!(receipt.session(), again[0].receipt.session(), "two sessions, one number");
        within("acknowledge", source.acknowledge_up_to(receipt)).await.expect("an old receipt is dropped silently");
    }
    // The session goes on as if nothing had been said.
    bench.enqueue(LANE, bodies(6..7)).await;
    assert_eq!(bodies_of(&take(&mut *source, 1, 1).await), bodies(6..7));
    drop(again);
    close(source).await;

    let mut source = open(bench, LANE).await;
    let all = take(&mut *source, 7, 7).await;
    assert_eq!(sorted(bodies_of(&all)), bodies(0..7));
    acknowledge_all(&mut *source, all).await;
    close(source).await;
}

pub async fn two_sessions_share_without_overlap(bench: &dyn SourceBench) {
    const ALL: usize = 200;
    let (mut a, mut b) = (open(bench, LANE).await, open(bench, LANE).await);
    bench.enqueue(LANE, bodies(0..ALL)).await;
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    within("both together", async {
        while of_a.len() + of_b.len() < ALL {
            tokio::select! {
                deliveries = a.next(5) => of_a.extend(deliveries.expect("next")),
                deliveries = b.next(5) => of_b.extend(deliveries.expect("next")),
            }
        }
    })
    .await;
    let together: Vec<_> = bodies_of(&of_a).into_iter().chain(bodies_of(&of_b)).collect();
    assert_eq!(sorted(together), bodies(0..ALL), "each one once");
    // The acknowledgement of one session says nothing about the other's.
    let returns = of_b.len();
    acknowledge_all(&mut *a, of_a).await;
    let of_b = sorted(bodies_of(&of_b));
    close(b).await;
    let again = take(&mut *a, returns, 50).await;
    assert_eq!(sorted(bodies_of(&again)), of_b);
    acknowledge_all(&mut *a, again).await;
    assert_quiet(&mut *a).await;
    close(a).await;
}

pub async fn counts_what_is_ready(bench: &dyn SourceBench) {
    let (all, prefetch) = (bench.prefetch() + 30, bench.prefetch());
    bench.enqueue(LANE, bodies(0..usize::try_from(all).expect("a small number"))).await;
    let mut source = open(bench, LANE).await;
    await_ready(&mut *source, |ready| (all - prefetch..=all).contains(&ready)).await;
    let taken = take(&mut *source, 10, 10).await;
    await_ready(&mut *source, |ready| (all - prefetch - 10..=all - 10).contains(&ready)).await;
    acknowledge_all(&mut *source, taken).await;
    let rest = usize::try_from(all - 10).expect("a small number");
    let mut left = rest;
    while left > 0 {
        let deliveries = next(&mut *source, left.min(10)).await;
        left -= deliveries.len();
        acknowledge_all(&mut *source, deliveries).await;
    }
    await_ready(&mut *source, |ready| ready == 0).await;
    close(source).await;
}

async fn await_ready(source: &mut dyn Source, right: impl Fn(u64) -> bool) {
    let start = Instant::now();
    loop {
        let ready = within("ready", source.ready()).await.expect("ready");
        if right(ready) {
            return;
        }
        assert!(start.elapsed() < LIMIT, "{ready} are said to be ready, for {LIMIT:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

pub async fn an_empty_lane_gives_nothing(bench: &dyn SourceBench) {
    let mut source = open(bench, LANE).await;
    assert_eq!(within("ready", source.ready()).await.expect("ready"), 0);
    assert_quiet(&mut *source).await;
    close(source).await;
}

pub async fn a_large_body_passes(bench: &dyn SourceBench) {
    let body: Vec<u8> = (0..1024 * 1024u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    bench.enqueue(LANE, vec![body.clone(), b"small".to_vec()]).await;
    let mut source = open(bench, LANE).await;
    let taken = take(&mut *source, 2, 2).await;
    assert!(taken[0].body == body, "1 MiB came back as {} other bytes", taken[0].body.len());
    assert_eq!(taken[1].body, b"small");
    acknowledge_all(&mut *source, taken).await;
    close(source).await;
}

pub async fn any_bytes_pass(bench: &dyn SourceBench) {
    let odd = vec![Vec::new(), vec![0], b"\xff\xfe not UTF-8".to_vec(), "{\"order_id\":\"ä\u{0}\"}".into()];
    bench.enqueue(LANE, odd.clone()).await;
    let mut source = open(bench, LANE).await;
    let taken = take(&mut *source, odd.len(), 10).await;
    assert_eq!(bodies_of(&taken), odd);
    acknowledge_all(&mut *source, taken).await;
    close(source).await;
}

pub async fn lanes_are_apart(bench: &dyn SourceBench) {
    let lanes = within("lanes", bench.sources().lanes()).await.expect("lanes");
    assert!(lanes.contains(&LANE), "lane 0 always exists: {lanes:?}");
    assert_eq!(lanes.iter().collect::<BTreeSet<_>>().len(), lanes.len(), "each lane once: {lanes:?}");
    for &lane in &lanes {
        let number = usize::from(lane);
        bench.enqueue(lane, bodies(number..number + 1)).await;
    }
    for &lane in &lanes {
        let mut source = open(bench, lane).await;
        let taken = take(&mut *source, 1, 1).await;
        assert_eq!(bodies_of(&taken), bodies(usize::from(lane)..usize::from(lane) + 1));
        acknowledge_all(&mut *source, taken).await;
        assert_quiet(&mut *source).await;
        close(source).await;
    }
}
