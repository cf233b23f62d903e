//! One session on one lane: a connection, a channel with its own QoS, a consumer. It ends once, and
//! nothing of it outlives it: its number is in every receipt, and delivery tags start again after it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use fulfil_contract::ports::source::{Delivery, Receipt, Source, SourceError};
use futures_util::{FutureExt, StreamExt};
use lapin::{
    Channel, Consumer,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

use crate::{
    errors::{self, TopologyError},
    link::Link,
};

#[derive(Debug)]
pub(crate) struct Session {
    number: u64,
    queue: String,
    consumer: Consumer,
    channel: Channel,
    /// For counting, so that a refusal there does not end the consumer. Opened when first needed.
    counting: Option<Channel>,
    link: Link,
    /// The highest tag that was acknowledged: the broker ends a channel that repeats itself.
    acknowledged: u64,
    /// Why the session is over, once it is.
    ended: Option<String>,
}

impl Session {
    pub(crate) async fn begin(
        link: Link,
        queue: String,
        vhost: &str,
        prefetch: u16,
        limit: Duration,
    ) -> Result<Self, TopologyError> {
        static SESSIONS: AtomicU64 = AtomicU64::new(0);
        let channel = link.channel().await?;
        let begun = async {
            channel.basic_qos(prefetch, BasicQosOptions { global: false }).await?;
            channel
                .basic_consume(queue.as_str().into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
                .await
        };
        let what = format!("queue {queue}");
        let consumer = match tokio::time::timeout(limit, begun).await {
            Ok(begun) => begun.map_err(|error| TopologyError::of(&what, vhost, &error))?,
            Err(_) => return Err(TopologyError::late(&what, limit)),
        };
        let number = SESSIONS.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Self { number, queue, consumer, channel, counting: None, link, acknowledged: 0, ended: None })
    }

    fn lost(&mut self, why: String) -> SourceError {
        // Whatever else still waits for it ends now; the broker gives the deliveries to others.
        self.link.cut();
        SourceError::SessionLost(self.ended.get_or_insert(why).clone())
    }

    fn check(&self) -> Result<(), SourceError> {
        match &self.ended {
            Some(why) => Err(SourceError::SessionLost(why.clone())),
            None => Ok(()),
        }
    }

    fn delivery(&self, delivery: lapin::message::Delivery) -> Delivery {
        Delivery {
            delivery_count: delivery_count(&delivery),
            redelivered: delivery.redelivered,
            message_id: delivery.properties.message_id().as_ref().map(ToString::to_string),
            receipt: Receipt::new(self.number, delivery.delivery_tag),
            body: delivery.data,
        }
    }

    fn why_ended(&self, end: Option<lapin::Error>) -> String {
        match end {
            Some(error) => format!("{}: {}", self.queue, errors::said(&error)),
            None => format!("{}: the broker ended the consumer; was the queue deleted?", self.queue),
        }
    }
}

#[async_trait]
impl Source for Session {
    async fn next(&mut self, most: usize) -> Result<Vec<Delivery>, SourceError> {
        self.check()?;
        // The only wait, and nothing has been taken when it is dropped.
        let first = match self.consumer.next().await {
            Some(Ok(first)) => first,
            end => {
                let why = self.why_ended(end.and_then(Result::err));
                return Err(self.lost(why));
            }
        };
        let mut deliveries = vec![self.delivery(first)];
        while deliveries.len() < most {
            match self.consumer.next().now_or_never() {
                Some(Some(Ok(delivery))) => deliveries.push(self.delivery(delivery)),
                // What came before the end is given; the next call says that it is over.
                Some(end) => {
                    let why = self.why_ended(end.and_then(Result::err));
                    self.lost(why);
                    break;
                }
                None => break,
            }
        }
        Ok(deliveries)
    }

    async fn acknowledge_up_to(&mut self, last: Receipt) -> Result<(), SourceError> {
        if last.session() != self.number || last.tag() <= self.acknowledged {
            return Ok(());
        }
        self.check()?;
        self.acknowledged = last.tag();
        let sent = self.channel.basic_ack(last.tag(), BasicAckOptions { multiple: true });
        match self.link.within("acknowledging", sent).await {
            Ok(()) => Ok(()),
            Err(why) => Err(self.lost(why)),
        }
    }

    async fn ready(&mut self) -> Result<u64, SourceError> {
        self.check()?;
        let channel = match &self.counting {
            Some(channel) => channel.clone(),
            None => match self.link.channel().await {
                Ok(channel) => self.counting.insert(channel).clone(),
                Err(error) => return Err(self.lost(error.to_string())),
            },
        };
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let counted = channel.queue_declare(self.queue.as_str().into(), passive, FieldTable::default());
        match self.link.within("counting", counted).await {
            Ok(queue) => Ok(u64::from(queue.message_count())),
            Err(why) => Err(self.lost(why)),
        }
    }

    async fn close(self: Box<Self>) {
        let Self { link, ended, .. } = *self;
        if ended.is_none() {
            link.close().await;
        }
    }
}

/// Quorum queues count; newer brokers count returns that were nobody's fault apart from failures.
fn delivery_count(delivery: &lapin::message::Delivery) -> u32 {
    if !delivery.redelivered {
        return 0;
    }
    let headers = delivery.properties.headers().as_ref().map(FieldTable::inner);
    let counted = |name| headers.and_then(|headers| headers.get(name)).and_then(number).unwrap_or(0);
    counted("x-delivery-count").max(counted("x-acquired-count")).max(1)
}

fn number(value: &AMQPValue) -> Option<u32> {
    let number = match *value {
        AMQPValue::ShortShortInt(number) => i64::from(number),
        AMQPValue::ShortShortUInt(number) => i64::from(number),
        AMQPValue::ShortInt(number) => i64::from(number),
        AMQPValue::ShortUInt(number) => i64::from(number),
        AMQPValue::LongInt(number) => i64::from(number),
        AMQPValue::LongUInt(number) => i64::from(number),
        AMQPValue::LongLongInt(number) => number,
        AMQPValue::Boolean(_)
        | AMQPValue::Float(_)
        | AMQPValue::Double(_)
        | AMQPValue::DecimalValue(_)
        | AMQPValue::ShortString(_)
        | AMQPValue::LongString(_)
        | AMQPValue::FieldArray(_)
        | AMQPValue::Timestamp(_)
        | AMQPValue::FieldTable(_)
        | AMQPValue::ByteArray(_)
        | AMQPValue::Void => return None,
    };
    Some(u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}
