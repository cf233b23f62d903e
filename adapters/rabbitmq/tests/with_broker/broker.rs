//! A fresh virtual host for each test, and what tests do in it directly.

use std::time::{Duration, Instant};

use fulfil_rabbitmq::{BrokerUrl, declare};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use private_servers::RabbitMq;

pub(crate) const LIMIT: Duration = Duration::from_secs(15);

/// An empty virtual host.
pub(crate) async fn vhost() -> BrokerUrl {
    let vhost = tokio::task::spawn_blocking(|| RabbitMq::shared()?.new_vhost());
    let url = vhost.await.expect("new_vhost").expect("a virtual host");
    BrokerUrl::parse(&url).expect("a URL")
}

/// A virtual host with everything declared.
pub(crate) async fn declared(lanes: u16) -> BrokerUrl {
    let url = vhost().await;
    declare(&url, lanes, LIMIT).await.expect("declare");
    url
}

/// A connection of the test's own. The library reads the same URL, with the password that is the
/// same on every private broker.
pub(crate) async fn connect(url: &BrokerUrl) -> (Connection, Channel) {
    let url = url.to_string().replacen("guest@", "guest:guest@", 1);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.expect("connect");
    let channel = connection.create_channel().await.expect("channel");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    (connection, channel)
}

/// Puts bodies into a queue; when it returns they are on disk.
pub(crate) async fn enqueue(channel: &Channel, queue: &str, bodies: Vec<Vec<u8>>) {
    let mut confirms = Vec::new();
    for body in bodies {
        let persistent = BasicProperties::default().with_delivery_mode(2).with_message_id("an-order".into());
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        confirms
            .push(channel.basic_publish("".into(), queue.into(), options, &body, persistent).await.expect("publish"));
    }
    for confirm in confirms {
        let confirmation = confirm.await.expect("confirm");
        assert!(confirmation.is_ack() && confirmation.take_message().is_none(), "{queue} did not take it");
    }
}

/// How many messages are ready in each of these queues, once so many or more are in all of them. A broker that is busy
/// says 0 where the queue's leader does not tell it in time.
pub(crate) async fn depths(channel: &Channel, queues: &[String], at_least: u32) -> Vec<u32> {
    let since = Instant::now();
    loop {
        let mut found = Vec::new();
        for queue in queues {
            found.push(depth(channel, queue).await);
        }
        if found.iter().sum::<u32>() >= at_least {
            return found;
        }
        assert!(since.elapsed() < LIMIT, "{found:?} messages are in {queues:?}, and not {at_least}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How many messages are ready in a queue.
pub(crate) async fn depth(channel: &Channel, queue: &str) -> u32 {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await.expect("the queue");
    queue.message_count()
}
