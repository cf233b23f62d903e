//! Exchanges, queues and bindings, declared so that repeating changes nothing.
//!
//! ```text
//! orders (topic) ─#▶ orders.0                                          one lane
//! orders (topic) ─#▶ orders.lanes (x-consistent-hash) ─▶ orders.0 …    more lanes
//! results (topic) ─nobody bound▶ results.unrouted (fanout) ─▶ results
//! orders.N ─delivery limit▶ orders.dead
//! ```
//! While lanes change, the new way is opened before the old one is shut: for a moment an order may
//! arrive twice, which is a repeat (I2), and never not at all.

use std::time::Duration;

use futures_util::future::join_all;
use lapin::{
    Channel, ExchangeKind,
    options::{
        ExchangeBindOptions, ExchangeDeclareOptions, ExchangeUnbindOptions, QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};

use crate::{
    errors::{self, TopologyError},
    link::Link,
    url::BrokerUrl,
};

pub(crate) const ORDERS: &str = "orders";
pub(crate) const LANES: &str = "orders.lanes";
pub(crate) const DEAD: &str = "orders.dead";
/// The exchange, and the queue for what no queue of the platform takes.
pub(crate) const RESULTS: &str = "results";
pub(crate) const RESULTS_UNROUTED: &str = "results.unrouted";

/// Far above what mass kills of workers reach: the ledger counts tries, not the broker. Newer
/// brokers would otherwise drop a message after 20 returns.
pub(crate) const DELIVERY_LIMIT: i64 = 1_000_000;
/// A lane's share of the hash.
const WEIGHT: &str = "1";
/// So many queues in a row have to be missing before the end is believed.
const GAP: u16 = 8;

pub(crate) fn lane_queue(lane: u16) -> String {
    format!("{ORDERS}.{lane}")
}

/// Declares all of it for `lanes` lanes. Queues of an earlier, larger number stay until they are
/// deleted by hand; no order reaches them any more.
///
/// # Errors
/// [`TopologyError`] says what the broker has instead, and what to do; each wait ends after `limit`.
pub async fn declare(url: &BrokerUrl, lanes: u16, limit: Duration) -> Result<(), TopologyError> {
    if lanes == 0 {
        return Err(TopologyError::NoLane);
    }
    let link = Link::open(url, "fulfil topology", limit).await?;
    let declarer = Declarer { channel: link.channel().await?, link: &link, vhost: url.vhost(), limit };
    declarer.results().await?;
    declarer.orders(lanes).await?;
    link.close().await;
    Ok(())
}

struct Declarer<'a> {
    link: &'a Link,
    channel: Channel,
    vhost: &'a str,
    limit: Duration,
}

impl Declarer<'_> {
    async fn results(&self) -> Result<(), TopologyError> {
        self.queue(RESULTS, quorum()).await?;
        self.queue(DEAD, quorum()).await?;
        self.exchange(RESULTS_UNROUTED, ExchangeKind::Fanout, false, FieldTable::default()).await?;
        self.bind_queue(RESULTS, RESULTS_UNROUTED, "").await?;
        self.exchange(RESULTS, ExchangeKind::Topic, false, with_alternate()).await
    }

    async fn orders(&self, lanes: u16) -> Result<(), TopologyError> {
        for lane in 0..lanes {
            self.queue(&lane_queue(lane), dead_lettering()).await?;
        }
        self.exchange(ORDERS, ExchangeKind::Topic, false, FieldTable::default()).await?;
        if lanes == 1 {
            self.bind_queue(&lane_queue(0), ORDERS, "#").await?;
            if exchange_exists(self.link, LANES, self.vhost, self.limit).await? {
                let unbound = self.channel.exchange_unbind(
                    LANES.into(),
                    ORDERS.into(),
                    "#".into(),
                    ExchangeUnbindOptions::default(),
                    FieldTable::default(),
                );
                self.within("the binding of exchange orders.lanes", unbound).await?;
            }
            return Ok(());
        }
        let hash = ExchangeKind::Custom("x-consistent-hash".into());
        self.exchange(LANES, hash, true, FieldTable::default()).await?;
        for lane in 0..lanes {
            self.bind_queue(&lane_queue(lane), LANES, WEIGHT).await?;
        }
        let bound = self.channel.exchange_bind(
            LANES.into(),
            ORDERS.into(),
            "#".into(),
            ExchangeBindOptions::default(),
            FieldTable::default(),
        );
        self.within("the binding of exchange orders.lanes", bound).await?;
        self.unbind_queue(&lane_queue(0), ORDERS, "#").await?;
        for lane in existing_lanes(self.link, lanes, self.vhost, self.limit).await? {
            self.unbind_queue(&lane_queue(lane), LANES, WEIGHT).await?;
        }
        Ok(())
    }

    async fn queue(&self, name: &str, arguments: FieldTable) -> Result<(), TopologyError> {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let declared = self.channel.queue_declare(name.into(), options, arguments);
        self.within(&format!("queue {name}"), declared).await.map(drop)
    }

    async fn exchange(
        &self,
        name: &str,
        kind: ExchangeKind,
        internal: bool,
        arguments: FieldTable,
    ) -> Result<(), TopologyError> {
        let options = ExchangeDeclareOptions { durable: true, internal, ..ExchangeDeclareOptions::default() };
        let declared = self.channel.exchange_declare(name.into(), kind, options, arguments);
        self.within(&format!("exchange {name}"), declared).await
    }

    async fn bind_queue(&self, queue: &str, exchange: &str, key: &str) -> Result<(), TopologyError> {
        let bound = self.channel.queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        self.within(&format!("the binding of queue {queue}"), bound).await
    }

    async fn unbind_queue(&self, queue: &str, exchange: &str, key: &str) -> Result<(), TopologyError> {
        let unbound = self.channel.queue_unbind(queue.into(), exchange.into(), key.into(), FieldTable::default());
        self.within(&format!("the binding of queue {queue}"), unbound).await
    }

    async fn within<T>(&self, what: &str, answer: impl Future<Output = lapin::Result<T>>) -> Result<T, TopologyError> {
        within(what, self.vhost, self.limit, answer).await
    }
}

/// # Errors
/// [`TopologyError::Missing`] names the first of the lanes' queues that does not exist.
pub(crate) async fn lanes_exist(link: &Link, lanes: u16, vhost: &str, limit: Duration) -> Result<(), TopologyError> {
    let asked = (0..lanes).map(async |lane| {
        let what = lane_queue(lane);
        queue_exists(link, &what, vhost, limit).await.map(|exists| (what, exists))
    });
    for answer in join_all(asked).await {
        let (queue, exists) = answer?;
        if !exists {
            return Err(TopologyError::Missing { what: format!("queue {queue}"), vhost: vhost.to_owned() });
        }
    }
    Ok(())
}

/// The lanes from `first` upwards whose queues exist.
pub(crate) async fn existing_lanes(
    link: &Link,
    first: u16,
    vhost: &str,
    limit: Duration,
) -> Result<Vec<u16>, TopologyError> {
    let (mut found, mut from) = (Vec::new(), first);
    loop {
        let to = from.saturating_add(GAP);
        let asked = (from..to)
            .map(async |lane| queue_exists(link, &lane_queue(lane), vhost, limit).await.map(|exists| (lane, exists)));
        let mut any = false;
        for answer in join_all(asked).await {
            let (lane, exists) = answer?;
            if exists {
                found.push(lane);
                any = true;
            }
        }
        if !any || to == u16::MAX {
            return Ok(found);
        }
        from = to;
    }
}

/// On a channel of its own: the broker closes it when the answer is no.
async fn queue_exists(link: &Link, name: &str, vhost: &str, limit: Duration) -> Result<bool, TopologyError> {
    let channel = link.channel().await?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let answer = channel.queue_declare(name.into(), options, FieldTable::default());
    exists(within(&format!("queue {name}"), vhost, limit, answer).await.map(drop))
}

async fn exchange_exists(link: &Link, name: &str, vhost: &str, limit: Duration) -> Result<bool, TopologyError> {
    let channel = link.channel().await?;
    let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    let answer = channel.exchange_declare(name.into(), ExchangeKind::Topic, options, FieldTable::default());
    exists(within(&format!("exchange {name}"), vhost, limit, answer).await)
}

fn exists(answer: Result<(), TopologyError>) -> Result<bool, TopologyError> {
    match answer {
        Ok(()) => Ok(true),
        Err(TopologyError::Missing { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

pub(crate) async fn within<T>(
    what: &str,
    vhost: &str,
    limit: Duration,
    answer: impl Future<Output = lapin::Result<T>>,
) -> Result<T, TopologyError> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer.map_err(|error| TopologyError::of(what, vhost, &error)),
        Err(_) => Err(TopologyError::Unavailable(errors::late(what, limit))),
    }
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

pub(crate) fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
    arguments
}

/// What no queue of the platform takes goes to the queue `results`.
pub(crate) fn with_alternate() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("alternate-exchange".into(), text(RESULTS_UNROUTED));
    arguments
}

/// At-least-once needs reject-publish; with anything else a dead letter may get lost on its way.
pub(crate) fn dead_lettering() -> FieldTable {
    let mut arguments = quorum();
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(DEAD));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}
