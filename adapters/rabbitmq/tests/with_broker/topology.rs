//! What `declare` makes, and what changing the number of lanes leaves in place.

use std::collections::{BTreeMap, BTreeSet};

use fulfil_contract::ports::{announcer::Verdict, source::Sources};
use fulfil_rabbitmq::{BrokerUrl, RabbitSources, RabbitSubmitter, Submission, TopologyError, declare};
use lapin::{
    options::{BasicGetOptions, BasicRejectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::time::Instant;

use crate::broker::{self, LIMIT};

async fn submit(url: &BrokerUrl, numbers: std::ops::Range<usize>) {
    let submitter = RabbitSubmitter::new(url.clone(), LIMIT);
    let orders = numbers
        .map(|number| Submission { order_id: format!("order-{number:05}"), body: format!("{number}").into_bytes() });
    let orders: Vec<_> = orders.collect();
    let count = orders.len();
    assert_eq!(submitter.submit(orders).await.expect("submit"), vec![Verdict::Confirmed; count]);
    submitter.close().await;
}

/// Empties every lane that there is, once so many orders or more wait in all of them; bodies by lane.
async fn drain(url: &BrokerUrl, lanes: u16, orders: u32) -> BTreeMap<u16, BTreeSet<String>> {
    let sources = RabbitSources::new(url.clone(), lanes, 500, LIMIT);
    let mut found = BTreeMap::new();
    let (connection, channel) = broker::connect(url).await;
    let all = sources.lanes().await.expect("lanes");
    let queues: Vec<String> = all.iter().map(|lane| format!("orders.{lane}")).collect();
    let depths = broker::depths(&channel, &queues, orders).await;
    for (lane, waiting) in all.into_iter().zip(depths) {
        let mut session = sources.open(lane).await.expect("open");
        let bodies: &mut BTreeSet<String> = found.entry(lane).or_default();
        while bodies.len() < waiting as usize {
            let mut deliveries = session.next(500).await.expect("next");
            for delivery in &deliveries {
                assert!(bodies.insert(String::from_utf8(delivery.body.clone()).expect("a number")), "twice");
            }
            let last = deliveries.pop().expect("at least one").receipt;
            session.acknowledge_up_to(last).await.expect("acknowledge");
        }
        session.close().await;
    }
    connection.close(200, "OK".into()).await.expect("close");
    found
}

#[tokio::test]
async fn declaring_again_changes_nothing() {
    let url = broker::vhost().await;
    for lanes in [1, 1, 3, 3, 1, 2] {
        declare(&url, lanes, LIMIT).await.expect("declare");
    }
    submit(&url, 0..20).await;
    declare(&url, 2, LIMIT).await.expect("declare");
    let found = drain(&url, 2, 20).await;
    assert_eq!(found.values().flatten().count(), 20, "none twice: the way of one lane is shut");
    assert_eq!(found.values().flatten().collect::<BTreeSet<_>>().len(), 20);
    assert_eq!(declare(&url, 0, LIMIT).await, Err(TopologyError::NoLane));
}

#[tokio::test]
async fn changing_the_lanes_loses_nothing() {
    let url = broker::declared(4).await;
    submit(&url, 0..400).await;
    declare(&url, 2, LIMIT).await.expect("declare");
    submit(&url, 400..800).await;
    declare(&url, 8, LIMIT).await.expect("declare");
    submit(&url, 800..1600).await;
    let found = drain(&url, 8, 1600).await;
    assert_eq!(found.len(), 8);
    assert!(found.values().all(|bodies| !bodies.is_empty()), "every lane has its share");
    let all: Vec<_> = found.values().flatten().collect();
    assert_eq!(all.len(), 1600, "none twice: nothing was submitted while lanes changed");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 1600);
}

#[tokio::test]
async fn lanes_that_are_no_longer_bound_get_nothing_new() {
    let url = broker::declared(4).await;
    declare(&url, 2, LIMIT).await.expect("declare");
    submit(&url, 0..200).await;
    let found = drain(&url, 2, 200).await;
    let counts: Vec<usize> = found.values().map(BTreeSet::len).collect();
    assert_eq!(counts.iter().sum::<usize>(), 200);
    assert_eq!(counts[2..], [0, 0]);

    declare(&url, 1, LIMIT).await.expect("declare");
    submit(&url, 200..300).await;
    let counts: Vec<usize> = drain(&url, 1, 100).await.values().map(BTreeSet::len).collect();
    assert_eq!(counts, [100, 0, 0, 0]);
}

#[tokio::test]
async fn changing_the_lanes_while_orders_come_loses_nothing() {
    let url = broker::declared(1).await;
    let (done, ()) = tokio::join!(
        async {
            for start in (0..2000).step_by(50) {
                submit(&url, start..start + 50).await;
            }
        },
        async {
            for lanes in [3, 1, 4, 2, 1, 2] {
                declare(&url, lanes, LIMIT).await.expect("declare");
            }
        }
    );
    let () = done;
    let found = drain(&url, 2, 2000).await;
    // An order may have come twice, into two lanes; the ledger tells a repeat (I2).
    assert_eq!(found.values().flatten().collect::<BTreeSet<_>>().len(), 2000);
}

#[tokio::test]
async fn what_the_broker_gives_up_on_is_dead_lettered() {
    let url = broker::declared(2).await;
    let (_connection, channel) = broker::connect(&url).await;
    broker::enqueue(&channel, "orders.1", vec![b"given up".to_vec()]).await;
    let get = async |queue: &str| channel.basic_get(queue.into(), BasicGetOptions::default()).await.expect("get");
    let start = Instant::now();
    let order = loop {
        match get("orders.1").await {
            Some(order) => break order,
            None => assert!(start.elapsed() < LIMIT, "it never came"),
        }
    };
    order.reject(BasicRejectOptions { requeue: false }).await.expect("reject");
    let start = Instant::now();
    let dead = loop {
        match get("orders.dead").await {
            Some(dead) => break dead,
            None => assert!(start.elapsed() < LIMIT, "it was never dead-lettered"),
        }
    };
    assert_eq!(dead.data, b"given up");
}

#[tokio::test]
async fn a_queue_of_another_kind_is_named() {
    let url = broker::vhost().await;
    let (_connection, channel) = broker::connect(&url).await;
    let classic = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("orders.1".into(), classic, FieldTable::default()).await.expect("queue");
    let error = declare(&url, 2, LIMIT).await.expect_err("it is classic");
    let text = error.to_string();
    assert!(matches!(error, TopologyError::Differs { .. }), "{text}");
    assert!(
        ["queue orders.1", url.vhost(), "inequivalent", "fulfil migrate"].iter().all(|word| text.contains(word)),
        "{text}"
    );
}

#[tokio::test]
async fn without_lanes_declared_submitting_is_unavailable() {
    let url = broker::vhost().await;
    let submitter = RabbitSubmitter::new(url.clone(), LIMIT);
    let order = Submission { order_id: "order-1".into(), body: b"{}".to_vec() };
    let error = submitter.submit(vec![order.clone()]).await.expect_err("no exchange");
    assert!(error.to_string().contains("orders"), "{error}");
    declare(&url, 1, LIMIT).await.expect("declare");
    assert_eq!(submitter.submit(vec![order]).await.expect("submit"), [Verdict::Confirmed]);
}
