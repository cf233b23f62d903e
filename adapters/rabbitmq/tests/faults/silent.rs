//! The broker says nothing any more, not even heartbeats.

use std::time::Duration;

use fulfil_contract::ports::source::SourceError;
use private_servers::Server;

use crate::broker::{Broker, LIMIT, SLACK};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_broker_ends_the_session() {
    let broker = Broker::declared().await;
    let mut session = broker.open().await;
    broker.tell(|server| server.pause()).await;
    // Two heartbeats of 10 s each are missed.
    let silence = Duration::from_secs(20) + LIMIT + SLACK;
    let error = tokio::time::timeout(silence, session.next(1)).await.expect("in time").expect_err("it is frozen");
    assert!(matches!(error, SourceError::SessionLost(_)), "{error}");
    broker.tell(|server| server.resume()).await;
}
