//! `RabbitSources` passes the suite, and ends its sessions when the broker ends them.

use async_trait::async_trait;
use fulfil_contract::{
    conformance::source::SourceBench,
    ports::source::{Receipt, Source, SourceError, Sources},
};
use fulfil_rabbitmq::{BrokerUrl, RabbitSources, declare};
use lapin::{Channel, Connection, options::QueueDeleteOptions};

use crate::broker::{self, LIMIT};

const LANES: u16 = 2;
const PREFETCH: u16 = 300;

struct Bench {
    url: BrokerUrl,
    sources: RabbitSources,
    channel: Channel,
    _connection: Connection,
}

async fn bench_with(prefetch: u16) -> Bench {
    let url = broker::declared(LANES).await;
    let (connection, channel) = broker::connect(&url).await;
    let sources = RabbitSources::new(url.clone(), LANES, prefetch, LIMIT);
    Bench { url, sources, channel, _connection: connection }
}

async fn bench() -> Bench {
    bench_with(PREFETCH).await
}

#[async_trait]
impl SourceBench for Bench {
    fn sources(&self) -> &dyn Sources {
        &self.sources
    }

    async fn enqueue(&self, lane: u16, bodies: Vec<Vec<u8>>) {
        broker::enqueue(&self.channel, &format!("orders.{lane}"), bodies).await;
    }

    fn prefetch(&self) -> u64 {
        u64::from(PREFETCH)
    }
}

fulfil_contract::source_suite!(bench);

fn bodies(count: u8) -> Vec<Vec<u8>> {
    (0..count).map(|number| vec![number]).collect()
}

/// Takes what still comes until the session says that it is over.
async fn await_session_lost(session: &mut dyn Source) {
    let lost = tokio::time::timeout(LIMIT, async {
        loop {
            match session.next(100).await {
                Ok(deliveries) => drop(deliveries),
                Err(error) => return error,
            }
        }
    });
    let lost = lost.await.expect("the session ends in time");
    assert!(matches!(lost, SourceError::SessionLost(_)), "{lost}");
}

#[tokio::test]
async fn the_prefetch_holds_in_every_session() {
    let bench = bench_with(5).await;
    bench.enqueue(0, bodies(20)).await;
    for _ in 0..3 {
        let mut session = bench.sources.open(0).await.expect("open");
        let mut held = Vec::new();
        while held.len() < 5 {
            held.extend(session.next(100).await.expect("next"));
        }
        assert_eq!(held.len(), 5, "the broker gave more than the prefetch");
        let since = std::time::Instant::now();
        // A broker that is busy says 0 where the queue's leader does not tell it in time.
        while session.ready().await.expect("ready") != 15 {
            assert!(since.elapsed() < LIMIT, "others than 15 are ready");
        }
        let more = tokio::time::timeout(std::time::Duration::from_millis(300), session.next(100)).await;
        assert!(more.is_err(), "the broker gave more than the prefetch: {more:?}");
        session.close().await;
    }
}

#[tokio::test]
async fn the_broker_closing_the_channel_ends_the_session() {
    let bench = bench().await;
    bench.enqueue(0, bodies(3)).await;
    let mut session = bench.sources.open(0).await.expect("open");
    let mut deliveries = session.next(3).await.expect("next");
    let first = deliveries.swap_remove(0).receipt;
    // A tag that was never given: the broker closes the channel.
    session.acknowledge_up_to(Receipt::new(first.session(), 999_999)).await.expect("it is only written");
    await_session_lost(&mut *session).await;
    let late = session.acknowledge_up_to(first).await;
    assert!(late.is_ok() || matches!(late, Err(SourceError::SessionLost(_))), "{late:?}");
    let again = session.ready().await;
    assert!(matches!(again, Err(SourceError::SessionLost(_))), "{again:?}");
    session.close().await;

    let mut session = bench.sources.open(0).await.expect("open");
    let mut back = Vec::new();
    while back.len() < 3 {
        back.extend(session.next(3).await.expect("next"));
    }
    assert!(back.iter().all(|delivery| delivery.redelivered));
    session.close().await;
}

#[tokio::test]
async fn a_deleted_queue_ends_the_session_and_says_what_to_do() {
    let bench = bench().await;
    let mut session = bench.sources.open(0).await.expect("open");
    bench.channel.queue_delete("orders.0".into(), QueueDeleteOptions::default()).await.expect("delete");
    await_session_lost(&mut *session).await;
    let refused = bench.sources.open(0).await.err().expect("there is no queue");
    assert!(
        matches!(&refused, SourceError::Topology(text) if text.contains("orders.0") && text.contains("fulfil migrate")),
        "{refused}"
    );
    declare(&bench.url, LANES, LIMIT).await.expect("declare");
    bench.sources.open(0).await.expect("open").close().await;
}

#[tokio::test]
async fn the_message_id_is_given() {
    let bench = bench().await;
    bench.enqueue(0, bodies(1)).await;
    let mut session = bench.sources.open(0).await.expect("open");
    let deliveries = session.next(1).await.expect("next");
    assert_eq!(deliveries[0].message_id.as_deref(), Some("an-order"));
    session.close().await;
}

#[tokio::test]
async fn repeating_an_acknowledgement_does_not_end_the_session() {
    let bench = bench().await;
    bench.enqueue(0, bodies(3)).await;
    let mut session = bench.sources.open(0).await.expect("open");
    let mut receipts = Vec::new();
    while receipts.len() < 3 {
        receipts.extend(session.next(3).await.expect("next").into_iter().map(|delivery| delivery.receipt));
    }
    for receipt in receipts.into_iter().rev() {
        session.acknowledge_up_to(receipt).await.expect("acknowledge");
    }
    bench.enqueue(0, bodies(1)).await;
    assert_eq!(session.next(1).await.expect("next").len(), 1, "the session goes on");
    session.close().await;
}

#[tokio::test]
async fn queues_of_an_earlier_larger_number_are_lanes_too() {
    let bench = bench().await;
    declare(&bench.url, 4, LIMIT).await.expect("declare");
    declare(&bench.url, 2, LIMIT).await.expect("declare");
    assert_eq!(bench.sources.lanes().await.expect("lanes"), [0, 1, 2, 3]);
    bench.channel.queue_delete("orders.2".into(), QueueDeleteOptions::default()).await.expect("delete");
    assert_eq!(bench.sources.lanes().await.expect("lanes"), [0, 1, 3]);
}

#[tokio::test]
async fn a_wrong_password_or_virtual_host_is_said_at_once() {
    let url = broker::vhost().await.to_string();
    for (wrong, word) in
        [(url.replacen("guest@", "guest:secret-word@", 1), "password"), (format!("{url}-not-there"), "virtual host")]
    {
        let sources = RabbitSources::new(BrokerUrl::parse(&wrong).expect("a URL"), LANES, PREFETCH, LIMIT);
        let refused = sources.open(0).await.err().expect("refused");
        assert!(matches!(&refused, SourceError::Topology(text) if text.contains(word)), "{refused}");
        assert!(!refused.to_string().contains("secret-word"));
    }
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let url = BrokerUrl::parse("amqp://127.0.0.1:1").expect("a URL");
    let refused = RabbitSources::new(url, LANES, PREFETCH, LIMIT).open(0).await.err().expect("nobody is there");
    assert!(matches!(refused, SourceError::Unavailable(_)), "{refused}");
}
