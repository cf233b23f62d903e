//! Results to exchange `results`, or past what is bound there to queue `results`, dead letters to queue
//! `orders.dead`: persistent, mandatory, confirmed. The same publication gives the same bytes and properties, whoever publishes it (I9).

use std::time::Duration;

use async_trait::async_trait;
use fulfil_contract::ports::announcer::{AnnounceUnavailable, Announcer, Destination, Publication, Verdict};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};

use crate::{
    publisher::{Message, Outcome, Publisher},
    topology::{DEAD, RESULTS, RESULTS_UNROUTED},
    url::BrokerUrl,
};

const PERSISTENT: u8 = 2;
/// Headers of a dead letter: the reason's code and detail.
const REASON: &str = "x-fulfil-reason";
const DETAIL: &str = "x-fulfil-detail";

/// Publishes on one connection, which it opens when it first needs it.
#[derive(Debug)]
pub struct RabbitAnnouncer {
    publisher: Publisher,
}

impl RabbitAnnouncer {
    /// A call of `publish` ends after `limit` at the latest, connecting included.
    #[must_use]
    pub fn new(url: BrokerUrl, limit: Duration) -> Self {
        Self { publisher: Publisher::new(url, "fulfil announce", limit) }
    }

    /// The broker takes no publications now: a memory or disk alarm is on.
    #[must_use]
    pub fn blocked(&self) -> bool {
        self.publisher.is_blocked()
    }

    /// Closes the connection in good order; a later call would open another.
    pub async fn close(&self) {
        self.publisher.close().await;
    }
}

#[async_trait]
impl Announcer for RabbitAnnouncer {
    async fn publish(&self, batch: Vec<Publication>) -> Result<Vec<Verdict>, AnnounceUnavailable> {
        let messages: Vec<Message> = batch.into_iter().map(message).collect();
        let outcomes = self.publisher.publish(messages).await.map_err(AnnounceUnavailable)?;
        Ok(outcomes.into_iter().map(verdict).collect())
    }
}

pub(crate) fn verdict(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Confirmed => Verdict::Confirmed,
        Outcome::Refused(why) => Verdict::Refused(why),
    }
}

pub(crate) fn persistent(kind: &str, content_type: &str) -> BasicProperties {
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type(content_type.into())
        .with_type(kind.into())
}

fn message(publication: Publication) -> Message {
    let Publication { destination, routing_key, kind, message_id, body, reason } = publication;
    let as_json = || persistent(kind, "application/json");
    match destination {
        Destination::Results => Message { exchange: RESULTS, routing_key, message_id, properties: as_json(), body },
        Destination::Unrouted => {
            Message { exchange: RESULTS_UNROUTED, routing_key, message_id, properties: as_json(), body }
        }
        Destination::DeadLetters => {
            // Whatever it is, it need not be JSON.
            let mut properties = persistent(kind, "application/octet-stream");
            if let Some((code, detail)) = reason {
                let mut headers = FieldTable::default();
                headers.insert(REASON.into(), AMQPValue::LongString(code.into()));
                headers.insert(DETAIL.into(), AMQPValue::LongString(detail.into()));
                properties = properties.with_headers(headers);
            }
            Message { exchange: "", routing_key: DEAD.into(), message_id, properties, body }
        }
    }
}
