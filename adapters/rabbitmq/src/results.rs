//! Results as they come: for `fulfil results tail` and for tests. A reader's queue is its own and
//! goes with it.

use std::time::Duration;

use fulfil_contract::ports::source::SourceError;
use futures_util::StreamExt;
use lapin::{
    Channel, Consumer,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};

use crate::{
    errors::{self, TopologyError},
    link::Link,
    topology::{RESULTS, RESULTS_UNROUTED},
    url::BrokerUrl,
};

const PREFETCH: u16 = 500;
/// What a reader that stopped reading may hold back in the broker; older results are dropped first.
const MOST_WAITING: i32 = 100_000;

/// Where to listen in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tap {
    /// Copies of the results that no queue of the platform takes. Takes nothing from anybody.
    Unrouted,
    /// Results of exchange `results` itself. While a reader is bound there, results that nobody else
    /// is bound for go to it alone, and not to the durable queue `results`: only for platforms with
    /// queues of their own, and for tests.
    Exchange,
}

/// A result, or an array of results, as it was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultMessage {
    pub routing_key: String,
    /// AMQP `type`.
    pub kind: String,
    /// Empty for an array.
    pub message_id: String,
    pub body: Vec<u8>,
}

/// A reader of results from now on.
#[derive(Debug)]
pub struct RabbitResults {
    pattern: String,
    consumer: Consumer,
    channel: Channel,
    link: Link,
    /// Tag of the last delivery, and how many have not been acknowledged.
    last: u64,
    unacknowledged: u16,
}

impl RabbitResults {
    /// `pattern` is a topic pattern over `<merchant_id>.<status>`: `*` stands for one word, `#` for any.
    ///
    /// # Errors
    /// [`SourceError`] when the broker can't be reached within `limit`, or has no exchange `results`.
    pub async fn open(url: &BrokerUrl, tap: Tap, pattern: &str, limit: Duration) -> Result<Self, SourceError> {
        let link = Link::open(url, "fulfil results", limit).await?;
        let channel = link.channel().await?;
        let (exchange, key) = match tap {
            Tap::Unrouted => (RESULTS_UNROUTED, ""),
            Tap::Exchange => (RESULTS, pattern),
        };
        let what = format!("exchange {exchange}");
        let key = ShortString::try_new(key).map_err(|error| SourceError::Topology(format!("the pattern: {error}")))?;
        let consumer = match tokio::time::timeout(limit, consume(&channel, exchange, key)).await {
            Ok(consumer) => consumer.map_err(|error| TopologyError::of(&what, url.vhost(), &error))?,
            Err(_) => return Err(TopologyError::late(&what, limit).into()),
        };
        Ok(Self { pattern: pattern.to_owned(), consumer, channel, link, last: 0, unacknowledged: 0 })
    }

    /// Waits for the next result. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`SourceError::SessionLost`]: results that come before another reader is open are not seen.
    pub async fn next(&mut self) -> Result<ResultMessage, SourceError> {
        loop {
            if self.unacknowledged >= PREFETCH / 2 {
                self.unacknowledged = 0;
                let sent = self.channel.basic_ack(self.last, BasicAckOptions { multiple: true });
                self.link.within("acknowledging", sent).await.map_err(SourceError::SessionLost)?;
            }
            let delivery = match self.consumer.next().await {
                Some(Ok(delivery)) => delivery,
                Some(Err(error)) => return Err(SourceError::SessionLost(errors::said(&error))),
                None => return Err(SourceError::SessionLost("the broker ended the consumer".into())),
            };
            self.last = delivery.delivery_tag;
            self.unacknowledged += 1;
            if matches(&self.pattern, delivery.routing_key.as_str()) {
                let text = |text: &Option<ShortString>| text.as_ref().map(ToString::to_string).unwrap_or_default();
                return Ok(ResultMessage {
                    routing_key: delivery.routing_key.to_string(),
                    kind: text(delivery.properties.kind()),
                    message_id: text(delivery.properties.message_id()),
                    body: delivery.data,
                });
            }
        }
    }

    /// Closes the connection in good order.
    pub async fn close(self) {
        self.link.close().await;
    }
}

async fn consume(channel: &Channel, exchange: &str, key: ShortString) -> lapin::Result<Consumer> {
    channel.basic_qos(PREFETCH, BasicQosOptions { global: false }).await?;
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(MOST_WAITING));
    let queue = channel.queue_declare("".into(), options, arguments).await?.name().clone();
    channel.queue_bind(queue.clone(), exchange.into(), key, QueueBindOptions::default(), FieldTable::default()).await?;
    channel.basic_consume(queue, "".into(), BasicConsumeOptions::default(), FieldTable::default()).await
}

/// As a topic exchange would say.
fn matches(pattern: &str, key: &str) -> bool {
    fn words(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern.split_first(), key.split_first()) {
            (None, None) => true,
            (Some((&"#", rest)), _) if words(rest, key) => true,
            (Some((&"#", _)), Some((_, key))) => words(pattern, key),
            (Some((&word, rest)), Some((&other, key))) => (word == "*" || word == other) && words(rest, key),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
    words(&pattern.split('.').collect::<Vec<_>>(), &key.split('.').collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_a_topic_exchange() {
        for (pattern, key, right) in [
            ("#", "m-01.fulfilled", true),
            ("m-01.*", "m-01.fulfilled", true),
            ("*.rejected", "m-01.rejected", true),
            ("*.rejected", "m-01.fulfilled", false),
            ("m-01", "m-01.fulfilled", false),
            ("m-01.#", "m-01", true),
            ("#.fulfilled", "m-01.fulfilled", true),
            ("*", "m-01.fulfilled", false),
            ("batch", "batch", true),
            ("*.*", "batch", false),
        ] {
            assert_eq!(matches(pattern, key), right, "{pattern} {key}");
        }
    }
}
