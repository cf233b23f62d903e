//! What every [`Announcer`] holds to: one verdict per publication, in the same order, and what is confirmed
//! can be read.
//!
//! A backend's test writes `fulfil_contract::announcer_suite!(make);`, where `make` is an async function that
//! gives a fresh [`AnnouncerBench`]: empty, with nothing shared between two of them.
//!
//! The same message published twice may be there twice (a broker) or once (the embedded backend keeps one row
//! per destination and `message_id`): the bytes are the same (I9), so consumers can't tell. Messages without a
//! `message_id` (arrays) are all kept.

#![allow(clippy::expect_used, clippy::panic, reason = "a suite fails by panicking")]

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::limit::within;
use crate::{
    answer::{BATCH_ROUTING_KEY, RESULT_TYPE, RESULTS_TYPE},
    ports::announcer::{Announcer, Destination, Publication, Verdict},
};

/// A message as a consumer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub destination: Destination,
    /// Checked for results alone: a dead letter's way is the backend's own affair.
    pub routing_key: String,
    pub kind: String,
    pub message_id: String,
    pub body: Vec<u8>,
    pub reason: Option<(String, String)>,
}

/// Whether what was read is all that is waited for.
pub type Enough<'a> = dyn Fn(&[Read]) -> bool + Sync + 'a;

/// A backend under test.
#[async_trait]
pub trait AnnouncerBench: Send + Sync {
    fn announcer(&self) -> &dyn Announcer;

    /// Reads results and dead letters, those of one destination in the order in which they were published,
    /// until `enough` says so of all that was read, or for at most 30 s. Called once per bench. A backend
    /// whose confirmed messages can be read at once may read all and never ask.
    async fn read_until(&self, enough: &Enough<'_>) -> Vec<Read>;
}

/// One `#[tokio::test]` per case, each with a bench of its own.
#[macro_export]
macro_rules! announcer_suite {
    ($make:path) => {
        $crate::announcer_suite!(@cases $make;
            confirms_what_can_be_read,
            confirms_a_thousand_at_once_in_order,
            an_empty_batch_has_no_verdicts,
            dead_letters_arrive_whole,
            both_destinations_go_in_one_batch,
            past_the_queues_it_is_read_as_any_result,
            the_same_message_may_be_published_again,
            arrays_without_a_message_id_are_all_kept,
            a_large_body_passes,
            calls_at_once_get_their_own_verdicts,
            a_dropped_call_harms_no_later_one,
        );
    };
    (@cases $make:path; $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let bench = $make().await;
                $crate::conformance::announcer::$case(&bench).await;
            }
        )+
    };
}

/// A result with a body of its own, as an order of this number would have.
#[must_use]
pub fn result(number: usize) -> Publication {
    Publication {
        destination: Destination::Results,
        routing_key: format!("m-{:02}.fulfilled", number % 97),
        kind: RESULT_TYPE,
        message_id: format!("order-{number:05}:1"),
        body: format!(r#"{{"order_id":"order-{number:05}","revision":1,"status":"fulfilled"}}"#).into_bytes(),
        reason: None,
    }
}

/// A dead letter whose body is no text.
#[must_use]
pub fn dead_letter(number: usize) -> Publication {
    Publication {
        destination: Destination::DeadLetters,
        routing_key: "unknown.rejected".into(),
        kind: RESULT_TYPE,
        message_id: format!("rejected:{number:032x}"),
        body: [b"\x00\xff{not JSON ".as_slice(), number.to_string().as_bytes()].concat(),
        reason: Some(("invalid_json".into(), "expected value at line 1 column 1 – ä".into())),
    }
}

fn array(number: usize) -> Publication {
    Publication {
        destination: Destination::Results,
        routing_key: BATCH_ROUTING_KEY.into(),
        kind: RESULTS_TYPE,
        message_id: String::new(),
        body: format!(r#"[{{"message_id":"order-{number:05}:1"}}]"#).into_bytes(),
        reason: None,
    }
}

/// Publishes and demands that every one is confirmed.
pub async fn publish(bench: &dyn AnnouncerBench, batch: &[Publication]) {
    let verdicts = within("publish", bench.announcer().publish(batch.to_vec())).await.expect("publish");
    assert_eq!(verdicts, vec![Verdict::Confirmed; batch.len()]);
}

/// Where a consumer finds it.
#[must_use]
pub fn read_from(publication: &Publication) -> Destination {
    match publication.destination {
        Destination::Results | Destination::Unrouted => Destination::Results,
        Destination::DeadLetters => Destination::DeadLetters,
    }
}

fn assert_is(read: &Read, publication: &Publication) {
    let reads_as = Read {
        destination: read_from(publication),
        routing_key: match publication.destination {
            Destination::Results | Destination::Unrouted => publication.routing_key.clone(),
            Destination::DeadLetters => read.routing_key.clone(),
        },
        kind: publication.kind.to_owned(),
        message_id: publication.message_id.clone(),
        body: publication.body.clone(),
        reason: publication.reason.clone(),
    };
    assert!(*read == reads_as, "published {:?}, read {:?}", publication.message_id, read);
}

/// Reads exactly these, each destination's in this order.
async fn assert_reads(bench: &dyn AnnouncerBench, publications: &[Publication]) {
    let reads = bench.read_until(&|reads| reads.len() >= publications.len()).await;
    assert_eq!(reads.len(), publications.len(), "messages that can be read");
    for destination in [Destination::Results, Destination::DeadLetters] {
        let published = publications.iter().filter(|publication| read_from(publication) == destination);
        let read = reads.iter().filter(|read| read.destination == destination);
        assert_eq!(read.clone().count(), published.clone().count(), "{destination:?}");
        read.zip(published).for_each(|(read, publication)| assert_is(read, publication));
    }
}

pub async fn confirms_what_can_be_read(bench: &dyn AnnouncerBench) {
    let batch: Vec<_> = (0..10).map(result).collect();
    publish(bench, &batch).await;
    assert_reads(bench, &batch).await;
}

pub async fn confirms_a_thousand_at_once_in_order(bench: &dyn AnnouncerBench) {
    let batch: Vec<_> = (0..1000).map(result).collect();
    publish(bench, &batch).await;
    assert_reads(bench, &batch).await;
}

pub async fn an_empty_batch_has_no_verdicts(bench: &dyn AnnouncerBench) {
    publish(bench, &[]).await;
    publish(bench, &[result(0)]).await;
    assert_reads(bench, &[result(0)]).await;
}

pub async fn dead_letters_arrive_whole(bench: &dyn AnnouncerBench) {
    let batch: Vec<_> = (0..3).map(dead_letter).collect();
    publish(bench, &batch).await;
    assert_reads(bench, &batch).await;
}

pub async fn both_destinations_go_in_one_batch(bench: &dyn AnnouncerBench) {
    let batch: Vec<_> =
        (0..20).map(|number| if number % 3 == 0 { dead_letter(number) } else { result(number) }).collect();
    publish(bench, &batch).await;
    assert_reads(bench, &batch).await;
}

pub async fn past_the_queues_it_is_read_as_any_result(bench: &dyn AnnouncerBench) {
    let past = Publication { destination: Destination::Unrouted, ..result(2) };
    let batch = [result(1), past, dead_letter(3)];
    publish(bench, &batch).await;
    assert_reads(bench, &batch).await;
}

pub async fn the_same_message_may_be_published_again(bench: &dyn AnnouncerBench) {
    publish(bench, &[result(1), dead_letter(1)]).await;
    publish(bench, &[result(1), result(1), dead_letter(1)]).await;
    publish(bench, &[result(2), dead_letter(2)]).await;
    let last = [result(2).message_id, dead_letter(2).message_id];
    let reads =
        bench.read_until(&|reads| last.iter().all(|last| reads.iter().any(|read| read.message_id == *last))).await;
    for publication in [result(1), result(2), dead_letter(1), dead_letter(2)] {
        let mut found = reads.iter().filter(|read| read.message_id == publication.message_id).peekable();
        assert!(found.peek().is_some(), "{} is gone", publication.message_id);
        found.for_each(|read| assert_is(read, &publication));
    }
}

pub async fn arrays_without_a_message_id_are_all_kept(bench: &dyn AnnouncerBench) {
    let batch = [array(1), array(2)];
    publish(bench, &batch).await;
    publish(bench, &[array(3)]).await;
    assert_reads(bench, &[array(1), array(2), array(3)]).await;
}

pub async fn a_large_body_passes(bench: &dyn AnnouncerBench) {
    let mut large = array(1);
    large.body = (0..1024 * 1024u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    publish(bench, &[result(1), large.clone(), result(2)]).await;
    assert_reads(bench, &[result(1), large, result(2)]).await;
}

pub async fn calls_at_once_get_their_own_verdicts(bench: &dyn AnnouncerBench) {
    let batches: Vec<Vec<_>> =
        (0..4).map(|call| (0..50 + call).map(|number| result(call * 1000 + number)).collect()).collect();
    tokio::join!(
        publish(bench, &batches[0]),
        publish(bench, &batches[1]),
        publish(bench, &batches[2]),
        publish(bench, &batches[3])
    );
    let all: BTreeSet<_> = batches.iter().flatten().map(|publication| publication.message_id.clone()).collect();
    let reads = bench.read_until(&|reads| reads.len() >= all.len()).await;
    assert_eq!(reads.len(), all.len(), "each one once");
    assert_eq!(reads.into_iter().map(|read| read.message_id).collect::<BTreeSet<_>>(), all);
}

pub async fn a_dropped_call_harms_no_later_one(bench: &dyn AnnouncerBench) {
    let batch: Vec<_> = (0..100).map(result).collect();
    for polls in 0..20 {
        tokio::select! {
            biased;
            verdicts = bench.announcer().publish(batch.clone()) => assert_eq!(verdicts.expect("publish").len(), batch.len()),
            () = async { for _ in 0..polls { tokio::task::yield_now().await } } => {}
        }
    }
    let last: Vec<_> = (500..510).map(result).collect();
    publish(bench, &last).await;
    let wanted: BTreeSet<_> = last.iter().map(|publication| publication.message_id.clone()).collect();
    let reads = bench
        .read_until(&|reads| wanted.iter().all(|wanted| reads.iter().any(|read| read.message_id == *wanted)))
        .await;
    let read: BTreeSet<_> = reads.into_iter().map(|read| read.message_id).collect();
    assert!(wanted.is_subset(&read), "confirmed, and not there");
}
