//! `RabbitAnnouncer` passes the suite, and tells refused from confirmed.

use async_trait::async_trait;
use fulfil_contract::{
    conformance::announcer::{AnnouncerBench, Enough, Read, dead_letter, result},
    ports::announcer::{Announcer, Destination, Publication, Verdict},
};
use fulfil_rabbitmq::{BrokerUrl, RabbitAnnouncer};
use futures_util::{StreamExt, stream::select};
use lapin::{
    Channel, Connection,
    message::Delivery,
    options::{BasicConsumeOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::time::{Instant, timeout_at};

use crate::broker::{self, LIMIT};

struct Bench {
    announcer: RabbitAnnouncer,
    url: BrokerUrl,
    channel: Channel,
    _connection: Connection,
}

async fn bench() -> Bench {
    let url = broker::declared(1).await;
    let (connection, channel) = broker::connect(&url).await;
    Bench { announcer: RabbitAnnouncer::new(url.clone(), LIMIT), url, channel, _connection: connection }
}

#[async_trait]
impl AnnouncerBench for Bench {
    fn announcer(&self) -> &dyn Announcer {
        &self.announcer
    }

    async fn read_until(&self, enough: &Enough<'_>) -> Vec<Read> {
        let deadline = Instant::now() + std::time::Duration::from_secs(30);
        let consume = async |queue: &str| {
            let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
            self.channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await.expect("consume")
        };
        let results = consume("results").await.map(|delivery| (Destination::Results, delivery));
        let dead = consume("orders.dead").await.map(|delivery| (Destination::DeadLetters, delivery));
        let mut both = select(results, dead);
        let mut reads = Vec::new();
        while !enough(&reads) {
            let Ok(Some((destination, delivery))) = timeout_at(deadline, both.next()).await else { break };
            reads.push(read(destination, delivery.expect("a delivery")));
        }
        reads
    }
}

fn read(destination: Destination, delivery: Delivery) -> Read {
    let properties = &delivery.properties;
    assert_eq!(*properties.delivery_mode(), Some(2), "persistent");
    assert!(properties.timestamp().is_none(), "the same publication, the same properties");
    let text = |text: &Option<ShortString>| text.as_ref().map(ToString::to_string).unwrap_or_default();
    let header = |name: &str| match properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        _ => None,
    };
    Read {
        destination,
        routing_key: delivery.routing_key.to_string(),
        kind: text(properties.kind()),
        message_id: text(properties.message_id()),
        reason: header("x-fulfil-reason").zip(header("x-fulfil-detail")),
        body: delivery.data,
    }
}

fulfil_contract::announcer_suite!(bench);

#[tokio::test]
async fn what_no_queue_takes_is_refused_and_its_neighbours_are_confirmed() {
    let bench = bench().await;
    bench.channel.exchange_delete("results.unrouted".into(), ExchangeDeleteOptions::default()).await.expect("delete");
    // One merchant has a queue, which confirms at once: one confirm then covers messages with and without one.
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    bench.channel.queue_declare("own".into(), options, FieldTable::default()).await.expect("queue");
    let bind = QueueBindOptions::default();
    bench
        .channel
        .queue_bind("own".into(), "results".into(), "m-05.*".into(), bind, FieldTable::default())
        .await
        .expect("bind");

    for _ in 0..10 {
        let routed = |number: usize| number.is_multiple_of(2);
        let publication = |number| {
            let merchant = if routed(number) { "m-05" } else { "m-06" };
            Publication { routing_key: format!("{merchant}.fulfilled"), ..result(number) }
        };
        let verdicts = bench.announcer.publish((0..300).map(publication).collect()).await.expect("publish");
        for (number, verdict) in verdicts.into_iter().enumerate() {
            assert_eq!(verdict == Verdict::Confirmed, routed(number), "{number}: {verdict:?}");
        }
    }
    assert_eq!(broker::depth(&bench.channel, "own").await, 10 * 150);
}

#[tokio::test]
async fn what_a_full_queue_refuses_is_refused() {
    let bench = bench().await;
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    bench.channel.queue_declare("full".into(), options, arguments).await.expect("queue");
    let bind = QueueBindOptions::default();
    bench
        .channel
        .queue_bind("full".into(), "results".into(), "m-07.*".into(), bind, FieldTable::default())
        .await
        .expect("bind");

    // The first ones fill it.
    while broker::depth(&bench.channel, "full").await < 1 {
        bench.announcer.publish(vec![result(7)]).await.expect("publish").into_iter().for_each(drop);
    }
    let verdicts = bench.announcer.publish(vec![result(6), result(7), result(8)]).await.expect("publish");
    assert_eq!([&verdicts[0], &verdicts[2]], [&Verdict::Confirmed; 2]);
    assert!(matches!(&verdicts[1], Verdict::Refused(why) if why.contains("full")), "{:?}", verdicts[1]);

    let past = Publication { destination: Destination::Unrouted, ..result(7) };
    assert_eq!(bench.announcer.publish(vec![past]).await.expect("publish"), [Verdict::Confirmed]);
}

#[tokio::test]
async fn a_dead_letter_without_its_queue_is_refused() {
    let bench = bench().await;
    bench.channel.queue_delete("orders.dead".into(), QueueDeleteOptions::default()).await.expect("delete");
    let verdicts = bench.announcer.publish(vec![dead_letter(1), result(1)]).await.expect("publish");
    assert!(matches!(&verdicts[0], Verdict::Refused(why) if why.contains("NO_ROUTE")), "{:?}", verdicts[0]);
    assert_eq!(verdicts[1], Verdict::Confirmed);
}

#[tokio::test]
async fn a_key_that_amqp_cannot_carry_is_refused() {
    let bench = bench().await;
    let mut long = result(1);
    long.routing_key = "x".repeat(256);
    let verdicts = bench.announcer.publish(vec![result(0), long, result(2)]).await.expect("publish");
    assert_eq!([&verdicts[0], &verdicts[2]], [&Verdict::Confirmed; 2]);
    assert!(matches!(&verdicts[1], Verdict::Refused(why) if why.contains("255")), "{:?}", verdicts[1]);
}

#[tokio::test]
async fn without_the_exchange_it_is_unavailable_and_then_works() {
    let bench = bench().await;
    bench.channel.exchange_delete("results".into(), ExchangeDeleteOptions::default()).await.expect("delete");
    for _ in 0..2 {
        let error = bench.announcer.publish((0..50).map(result).collect()).await.expect_err("no exchange");
        assert!(error.to_string().contains("results"), "{error}");
    }
    fulfil_rabbitmq::declare(&bench.url, 1, LIMIT).await.expect("declare");
    let verdicts = bench.announcer.publish((0..50).map(result).collect()).await.expect("publish");
    assert_eq!(verdicts, vec![Verdict::Confirmed; 50]);
    bench.announcer.close().await;
    let verdicts = bench.announcer.publish(vec![result(1)]).await.expect("publish");
    assert_eq!(verdicts, [Verdict::Confirmed]);
}
