//! The inbox across runs: the same file again neither doubles nor loses a line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use fulfil_contract::ports::{
    announcer::{Announcer, Destination, Publication, Verdict},
    source::{Delivery, Source, SourceError, Sources},
};
use fulfil_sqlite::Sqlite;
use tempfile::TempDir;

fn lines(count: u64) -> Vec<(u64, Vec<u8>)> {
    (1..=count).map(|line_no| (line_no, format!("body {line_no}").into_bytes())).collect()
}

async fn open(store: &Sqlite) -> Box<dyn Source> {
    Sources::open(store, 0).await.unwrap()
}

async fn take(source: &mut dyn Source, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.extend(source.next(count - taken.len()).await.unwrap());
    }
    taken
}

#[tokio::test]
async fn the_same_file_again_neither_doubles_nor_loses_lines() {
    let folder = TempDir::new().unwrap();
    let store = Sqlite::open(folder.path()).unwrap();
    assert_eq!(store.inbox().ingest("orders.jsonl", lines(12_000)).await.unwrap(), 12_000);
    assert_eq!(store.inbox().waiting().await.unwrap(), 12_000);
    let mut source = open(&store).await;
    let last = take(&mut *source, 7_000).await.pop().unwrap();
    source.acknowledge_up_to(last.receipt).await.unwrap();
    let in_flight = take(&mut *source, 10).await;
    assert_eq!(store.inbox().waiting().await.unwrap(), 5_000);
    // The run dies here; the next one is given the same file, and a line more.
    drop(in_flight);
    drop(source);
    drop(store);
    let store = Sqlite::open(folder.path()).unwrap();
    assert_eq!(store.inbox().ingest("orders.jsonl", lines(12_001)).await.unwrap(), 7_001);
    assert_eq!(store.inbox().ingest("orders.jsonl", lines(12_001)).await.unwrap(), 0);
    assert_eq!(store.inbox().waiting().await.unwrap(), 12_001);
    let mut source = open(&store).await;
    let all = take(&mut *source, 12_001).await;
    assert_eq!(all.iter().filter(|delivery| delivery.delivery_count > 0).count(), 10, "those in flight were counted");
    let mut bodies: Vec<_> = all.into_iter().map(|delivery| delivery.body).collect();
    bodies.sort();
    let mut expected: Vec<_> = lines(12_001).into_iter().map(|(_, body)| body).collect();
    expected.sort();
    assert_eq!(bodies, expected);
}

#[tokio::test]
async fn twins_of_a_file_are_two_messages() {
    let folder = TempDir::new().unwrap();
    let store = Sqlite::open(folder.path()).unwrap();
    let same = || b"the same".to_vec();
    let twins = || vec![(1, same()), (2, same()), (2, b"another".to_vec())];
    assert_eq!(store.inbox().ingest("a", twins()).await.unwrap(), 3);
    assert_eq!(store.inbox().ingest("b", twins()).await.unwrap(), 3, "another source's lines are others");
    assert_eq!(store.inbox().ingest("a", twins()).await.unwrap(), 0);
    assert_eq!(store.inbox().ingest("a", Vec::new()).await.unwrap(), 0);
    assert!(store.inbox().ingest("a", vec![(u64::MAX, same())]).await.is_err());
    assert_eq!(store.inbox().waiting().await.unwrap(), 6);
}

#[tokio::test]
async fn bodies_given_together_are_bounded() {
    let folder = TempDir::new().unwrap();
    let store = Sqlite::open(folder.path()).unwrap();
    let large = (0..12).map(|line_no| (line_no, vec![b'x'; 1 << 20])).collect();
    store.inbox().ingest("large", large).await.unwrap();
    let mut source = open(&store).await;
    assert_eq!(source.next(1_000).await.unwrap().len(), 4);
    assert_eq!(source.ready().await.unwrap(), 8);
    assert_eq!(take(&mut *source, 8).await.len(), 8);
}

#[tokio::test]
async fn there_is_one_lane() {
    let folder = TempDir::new().unwrap();
    let store = Sqlite::open(folder.path()).unwrap();
    let Err(error) = Sources::open(&store, 1).await else { panic!("lane 1 opened") };
    assert!(matches!(error, SourceError::Topology(_)), "{error:?}");
}

#[tokio::test]
async fn other_bytes_under_a_known_message_id_are_refused() {
    let folder = TempDir::new().unwrap();
    let store = Sqlite::open(folder.path()).unwrap();
    let publication = |body: &str| Publication {
        destination: Destination::Results,
        routing_key: "m-01.fulfilled".into(),
        kind: "order.result.v1",
        message_id: "o-1:1".into(),
        body: body.into(),
        reason: None,
    };
    assert_eq!(store.publish(vec![publication("first")]).await.unwrap(), [Verdict::Confirmed]);
    let verdicts = store.publish(vec![publication("first"), publication("other")]).await.unwrap();
    let [Verdict::Confirmed, Verdict::Refused(text)] = &verdicts[..] else { panic!("{verdicts:?}") };
    assert!(text.contains("o-1:1") && text.contains("I9"), "{text}");
    let results = store.results(0, 10).await.unwrap();
    assert_eq!(results.iter().map(|result| result.body.as_slice()).collect::<Vec<_>>(), [b"first"], "the first stands");
}

/// A wait that was dropped may have been given rows already: they are still ready.
#[tokio::test]
async fn what_is_on_its_way_to_a_session_is_ready() {
    let folder = TempDir::new().unwrap();
    let store = Sqlite::open(folder.path()).unwrap();
    store.inbox().ingest("a", lines(3)).await.unwrap();
    let mut source = open(&store).await;
    let mut on_their_way = 0;
    for _ in 0..50 {
        let once = std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::pin::pin!(source.next(10)).as_mut().poll(context).is_ready())
        });
        // Rows that had come already go with the dropped answer, and are ready in the next session alone.
        if once.await {
            source.close().await;
            source = open(&store).await;
            continue;
        }
        on_their_way += 1;
        if source.ready().await.unwrap() == 0 {
            panic!("three rows wait, and the inbox says that none does");
        }
        let all = take(&mut *source, 3).await;
        drop(all);
        source.close().await;
        source = open(&store).await;
    }
    assert!(on_their_way > 0, "the rows had always come: this showed nothing");
    let last = take(&mut *source, 3).await.pop().unwrap();
    assert_eq!(source.ready().await.unwrap(), 0);
    source.acknowledge_up_to(last.receipt).await.unwrap();
    assert_eq!(source.ready().await.unwrap(), 0);
}
