//! Orders in, as the platform publishes them: for `fulfil order submit`, load tests and tests.

use std::time::Duration;

use fulfil_contract::ports::announcer::Verdict;

use crate::{
    announcer::{persistent, verdict},
    publisher::{Message, Publisher},
    topology::ORDERS,
    url::BrokerUrl,
};

/// AMQP type of an order.
const ORDER_TYPE: &str = "order.fulfil.v1";

/// An order's body and the id that routes it. The body goes out as it is, checked by nobody here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    pub order_id: String,
    pub body: Vec<u8>,
}

/// Nothing is known of any order of the call. Submitting all of them again is safe (I2).
#[derive(Debug, thiserror::Error)]
#[error("orders can't be submitted now: {0}")]
pub struct SubmitUnavailable(pub String);

/// Publishes orders to exchange `orders`: persistent, mandatory, confirmed.
#[derive(Debug)]
pub struct RabbitSubmitter {
    publisher: Publisher,
}

impl RabbitSubmitter {
    /// A call of `submit` ends after `limit` at the latest, connecting included.
    #[must_use]
    pub fn new(url: BrokerUrl, limit: Duration) -> Self {
        Self { publisher: Publisher::new(url, "fulfil submit", limit) }
    }

    /// Publishes all together and waits for all verdicts, in the same order. Give some hundreds at
    /// a time.
    ///
    /// # Errors
    /// [`SubmitUnavailable`] after the limit, or when the connection is lost or refused.
    pub async fn submit(&self, orders: Vec<Submission>) -> Result<Vec<Verdict>, SubmitUnavailable> {
        let message = |Submission { order_id, body }: Submission| Message {
            exchange: ORDERS,
            routing_key: order_id.clone(),
            message_id: order_id,
            properties: persistent(ORDER_TYPE, "application/json"),
            body,
        };
        let messages: Vec<Message> = orders.into_iter().map(message).collect();
        let outcomes = self.publisher.publish(messages).await.map_err(SubmitUnavailable)?;
        Ok(outcomes.into_iter().map(verdict).collect())
    }

    /// Closes the connection in good order; a later call would open another.
    pub async fn close(&self) {
        self.publisher.close().await;
    }
}
