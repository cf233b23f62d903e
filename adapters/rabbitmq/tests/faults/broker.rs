//! A broker of a test's own, and what is tried with it until it works again.

use std::{future::Future, sync::Arc, time::Duration};

use fulfil_contract::ports::source::{Source, Sources};
use fulfil_rabbitmq::{BrokerUrl, RabbitSources, RabbitSubmitter, Submission, declare};
use private_servers::{RabbitMq, Server};
use tokio::time::{Instant, sleep};

/// The adapter's own limit in these tests.
pub(crate) const LIMIT: Duration = Duration::from_secs(3);
/// A limit is kept when the answer comes this much later at most, on a machine that is busy.
pub(crate) const SLACK: Duration = Duration::from_secs(4);
/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Broker {
    pub(crate) server: Arc<RabbitMq>,
    pub(crate) url: BrokerUrl,
}

impl Broker {
    pub(crate) async fn start() -> Self {
        let server = tokio::task::spawn_blocking(RabbitMq::start).await.expect("start").expect("a broker");
        let url = BrokerUrl::parse(&server.url()).expect("a URL");
        Self { server: Arc::new(server), url }
    }

    /// Declared, and written: RabbitMQ writes down a new quorum queue's name some seconds after it has
    /// confirmed the queue, and a kill in between loses the queue with all that is in it.
    pub(crate) async fn declared() -> Self {
        let broker = Self::start().await;
        declare(&broker.url, 1, PATIENCE).await.expect("declare");
        broker.tell(|server| server.ctl(&["eval", "[dets:sync(T) || T <- dets:all()]."])).await;
        broker
    }

    /// Does something to the server off the runtime's threads.
    pub(crate) async fn tell<T: Send + 'static>(
        &self,
        order: impl FnOnce(&RabbitMq) -> anyhow::Result<T> + Send + 'static,
    ) -> T {
        let server = self.server.clone();
        tokio::task::spawn_blocking(move || order(&server)).await.expect("tell").expect("the server obeys")
    }

    pub(crate) fn sources(&self) -> RabbitSources {
        RabbitSources::new(self.url.clone(), 1, 200, LIMIT)
    }

    pub(crate) async fn submit(&self, numbers: std::ops::Range<usize>) {
        let submitter = RabbitSubmitter::new(self.url.clone(), PATIENCE);
        let order =
            |number| Submission { order_id: format!("order-{number:05}"), body: format!("{number}").into_bytes() };
        for verdict in submitter.submit(numbers.map(order).collect()).await.expect("submit") {
            assert_eq!(verdict, fulfil_contract::ports::announcer::Verdict::Confirmed);
        }
    }

    pub(crate) async fn open(&self) -> Box<dyn Source> {
        self.sources().open(0).await.expect("open")
    }

    /// A session on lane 0, as soon as there can be one.
    pub(crate) async fn reopen(&self) -> Box<dyn Source> {
        let sources = self.sources();
        until("a session", async || sources.open(0).await.map_err(|error| error.to_string())).await
    }
}

/// Tries until it works, within [`PATIENCE`].
pub(crate) async fn until<T>(what: &str, mut attempt: impl AsyncFnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(error) => assert!(start.elapsed() < PATIENCE, "{what}, for {PATIENCE:?}: {error}"),
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Runs it and demands that it ends within the adapter's limit.
pub(crate) async fn within_the_limit<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT + SLACK, work).await {
        Ok(value) => value,
        Err(_) => panic!("{what} took longer than its limit of {LIMIT:?} and {SLACK:?}"),
    }
}
