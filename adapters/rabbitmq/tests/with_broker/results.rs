//! Readers of results see what they asked for and take nothing from the platform.

use std::time::Duration;

use fulfil_contract::{
    conformance::announcer::result,
    ports::announcer::{Announcer, Verdict},
};
use fulfil_rabbitmq::{RabbitAnnouncer, RabbitResults, Tap};
use tokio::time::timeout;

use crate::broker::{self, LIMIT};

async fn announce(announcer: &RabbitAnnouncer, numbers: std::ops::Range<usize>) {
    let batch: Vec<_> = numbers.map(result).collect();
    let count = batch.len();
    assert_eq!(announcer.publish(batch).await.expect("publish"), vec![Verdict::Confirmed; count]);
}

#[tokio::test]
async fn a_reader_sees_copies_of_what_nobody_takes() {
    let url = broker::declared(1).await;
    let announcer = RabbitAnnouncer::new(url.clone(), LIMIT);
    let mut all = RabbitResults::open(&url, Tap::Unrouted, "#", LIMIT).await.expect("open");
    let mut some = RabbitResults::open(&url, Tap::Unrouted, "m-05.*", LIMIT).await.expect("open");
    announce(&announcer, 0..1000).await;
    for number in 0..1000 {
        let read = timeout(LIMIT, all.next()).await.expect("in time").expect("next");
        let published = result(number);
        assert_eq!(
            (read.message_id, read.routing_key, read.body),
            (published.message_id, published.routing_key, published.body)
        );
        assert_eq!(read.kind, published.kind);
    }
    for number in (5..1000).step_by(97) {
        let read = timeout(LIMIT, some.next()).await.expect("in time").expect("next");
        assert_eq!(read.message_id, result(number).message_id);
    }
    assert!(timeout(Duration::from_millis(200), some.next()).await.is_err());
    let (_connection, channel) = broker::connect(&url).await;
    assert_eq!(
        broker::depths(&channel, &["results".into()], 1000).await,
        [1000],
        "the platform's copies are all there"
    );
    all.close().await;
    drop(some);
}

#[tokio::test]
async fn a_reader_of_the_exchange_is_a_queue_like_the_platforms() {
    let url = broker::declared(1).await;
    let announcer = RabbitAnnouncer::new(url.clone(), LIMIT);
    let mut reader = RabbitResults::open(&url, Tap::Exchange, "m-05.*", LIMIT).await.expect("open");
    announce(&announcer, 0..10).await;
    let read = timeout(LIMIT, reader.next()).await.expect("in time").expect("next");
    assert_eq!(read.message_id, result(5).message_id);
    let (_connection, channel) = broker::connect(&url).await;
    assert_eq!(broker::depths(&channel, &["results".into()], 9).await, [9], "what the reader takes is not unrouted");
    reader.close().await;
    announce(&announcer, 5..6).await;
    assert_eq!(broker::depths(&channel, &["results".into()], 10).await, [10]);
}

#[tokio::test]
async fn without_the_exchange_the_next_command_is_named() {
    let url = broker::vhost().await;
    let refused = RabbitResults::open(&url, Tap::Exchange, "#", LIMIT).await.expect_err("no exchange");
    assert!(refused.to_string().contains("fulfil migrate"), "{refused}");
}
