//! How many messages queues hold: by rabbitmqctl, which a quorum queue tells some seconds late, so a count that is
//! expected is waited for; or by the broker's own answer to a client.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lapin::{Connection, ConnectionProperties, options::QueueDeclareOptions, types::FieldTable};
use private_servers::RabbitMq;
use tokio::time::timeout;

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

/// The lanes that still hold orders which nobody has taken, once they had time to become empty.
///
/// # Errors
/// When the broker can't be asked, or a lane is not there.
pub(crate) async fn left_in_lanes(url: &str, lanes: u16) -> Result<Vec<String>> {
    let connection =
        timeout(LATE, Connection::connect(url, ConnectionProperties::default())).await.context("no broker")??;
    let channel = connection.create_channel().await?;
    let begin = Instant::now();
    loop {
        let mut left = Vec::new();
        for lane in 0..lanes {
            let name = format!("orders.{lane}");
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let declared = channel.queue_declare(name.as_str().into(), passive, FieldTable::default());
            let queue = timeout(LATE, declared).await.with_context(|| format!("{name} does not answer"))??;
            if queue.message_count() > 0 {
                left.push(format!("{} in {name}", queue.message_count()));
            }
        }
        if left.is_empty() || begin.elapsed() > LATE {
            return Ok(left);
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
