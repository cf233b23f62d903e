//! The broker is frozen (SIGSTOP): connections stay open, nothing answers. Alone in its process, because it
//! counts the process's threads.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the other tests of faults use the rest")]
#[path = "faults/broker.rs"]
mod broker;

use fulfil_contract::{
    conformance::announcer::result,
    ports::{
        announcer::{Announcer, Verdict},
        source::{SourceError, Sources},
    },
};
use fulfil_rabbitmq::RabbitAnnouncer;
use private_servers::Server;
use tokio::time::{Duration, Instant, sleep};

use crate::broker::{Broker, LIMIT, PATIENCE, until, within_the_limit};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_ends_in_time_and_leaves_no_thread_behind() {
    let broker = Broker::declared().await;
    broker.submit(0..10).await;
    let announcer = RabbitAnnouncer::new(broker.url.clone(), LIMIT);
    let batch: Vec<_> = (0..50).map(result).collect();
    announcer.publish(batch.clone()).await.expect("publish").into_iter().for_each(drop);
    let mut session = broker.open().await;
    let mut deliveries = session.next(10).await.expect("next");
    let last = deliveries.pop().expect("a delivery").receipt;

    let (dropped, closed) = (broker.open().await, broker.open().await);

    broker.tell(|server| server.pause()).await;
    drop(dropped);
    within_the_limit("close", closed.close()).await;
    for _ in 0..3 {
        within_the_limit("publish", announcer.publish(batch.clone())).await.expect_err("it is frozen");
        let refused = within_the_limit("open", broker.sources().open(0)).await.err().expect("it is frozen");
        assert!(matches!(refused, SourceError::Unavailable(_)), "{refused}");
    }
    // Whoever waits for a connection may give up before its limit.
    for _ in 0..3 {
        tokio::time::timeout(LIMIT / 3, broker.sources().open(0)).await.err().expect("it is frozen");
    }
    // It is only written, so it may succeed; an answer is what nobody gives.
    let written = within_the_limit("acknowledge", session.acknowledge_up_to(last)).await;
    assert!(matches!(written, Ok(()) | Err(SourceError::SessionLost(_))), "{written:?}");
    let counted = within_the_limit("ready", session.ready()).await;
    assert!(matches!(counted, Err(SourceError::SessionLost(_))), "{counted:?}");
    within_the_limit("close", session.close()).await;
    assert!(!announcer.blocked());
    await_no_threads().await;

    broker.tell(|server| server.resume()).await;
    broker.reopen().await.close().await;
    let verdicts =
        until("publish", async || announcer.publish(batch.clone()).await.map_err(|error| error.to_string())).await;
    assert_eq!(verdicts, vec![Verdict::Confirmed; 50]);
}

/// Waits until no connection has a thread any more.
async fn await_no_threads() {
    let start = Instant::now();
    loop {
        let tasks = std::fs::read_dir("/proc/self/task").expect("tasks");
        let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        let count = names.filter(|name| name.starts_with("lapin-io-loop")).count();
        if count == 0 {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{count} connections still have a thread");
        sleep(Duration::from_millis(100)).await;
    }
}
