//! The lanes of one broker, and sessions on them.

use std::time::Duration;

use async_trait::async_trait;
use fulfil_contract::ports::source::{Source, SourceError, Sources};

use crate::{
    link::Link,
    session::Session,
    topology::{self, lane_queue},
    url::BrokerUrl,
};

/// Opens sessions on the queues `orders.0`, `orders.1` and so on.
#[derive(Debug, Clone)]
pub struct RabbitSources {
    url: BrokerUrl,
    lanes: u16,
    prefetch: u16,
    limit: Duration,
}

impl RabbitSources {
    /// `prefetch` is how many unacknowledged deliveries the broker gives a session; 0 would be no
    /// limit, so it counts as 1. Every wait for the broker ends after `limit`.
    #[must_use]
    pub fn new(url: BrokerUrl, lanes: u16, prefetch: u16, limit: Duration) -> Self {
        Self { url, lanes, prefetch: prefetch.max(1), limit }
    }
}

#[async_trait]
impl Sources for RabbitSources {
    async fn lanes(&self) -> Result<Vec<u16>, SourceError> {
        let link = Link::open(&self.url, "fulfil lanes", self.limit).await?;
        topology::lanes_exist(&link, self.lanes, self.url.vhost(), self.limit).await?;
        let beyond = topology::existing_lanes(&link, self.lanes, self.url.vhost(), self.limit).await?;
        link.close().await;
        Ok((0..self.lanes).chain(beyond).collect())
    }

    async fn open(&self, lane: u16) -> Result<Box<dyn Source>, SourceError> {
        let queue = lane_queue(lane);
        let link = Link::open(&self.url, &format!("fulfil {queue}"), self.limit).await?;
        let session = Session::begin(link, queue, self.url.vhost(), self.prefetch, self.limit).await?;
        Ok(Box::new(session))
    }
}
