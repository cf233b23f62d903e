//! How many messages queues hold, by rabbitmqctl. A quorum queue tells it some seconds late, so a count that is
//! expected is waited for.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use private_servers::RabbitMq;

/// RabbitMQ counts a quorum queue's messages every five seconds.
const LATE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(200);

/// Waits until the queue holds `expected` messages; gives what it holds, which is another count only after 20 s.
///
/// # Errors
/// When the broker can't be asked, or has no such queue.
pub async fn messages(rabbitmq: &RabbitMq, vhost: &str, queue: &str, expected: u64) -> Result<u64> {
    let begin = Instant::now();
    loop {
        let count = count(rabbitmq, vhost, queue)?;
        if count == expected || begin.elapsed() > LATE {
            return Ok(count);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn count(rabbitmq: &RabbitMq, vhost: &str, queue: &str) -> Result<u64> {
    let listed = rabbitmq.ctl(&["list_queues", "-p", vhost, "--no-table-headers", "name", "messages"])?;
    let mut rows = listed.lines().filter_map(|line| line.split_once('\t'));
    let (_, count) = rows.find(|(name, _)| *name == queue).with_context(|| format!("there is no queue {queue}"))?;
    count.parse().with_context(|| format!("rabbitmqctl gives no count of {queue}"))
}
