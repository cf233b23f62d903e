//! Orders for as long as cuts are wanted, and never many more than the workers have answered.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::time::sleep;

use crate::{publisher::Publisher, results::follow::Follower};

const BURST: usize = 100;
/// Orders that may wait for their results.
const MOST_WAITING: usize = 1000;
const LOOK: Duration = Duration::from_millis(10);

/// Publishes until `done`, or until the orders are used up, or for `limit`; how many of the bodies were published.
pub(super) async fn feed(
    publisher: &mut Publisher,
    bodies: &[Vec<u8>],
    follower: &Follower,
    limit: Duration,
    done: impl Fn() -> bool,
) -> Result<usize> {
    let (begin, mut published, mut ids) = (Instant::now(), 0, HashSet::new());
    while !done() && begin.elapsed() < limit {
        let answered = follower.with(|results| results.orders.len());
        if published == bodies.len() && answered >= ids.len() {
            break;
        }
        if published == bodies.len() || ids.len() - answered.min(ids.len()) >= MOST_WAITING {
            sleep(LOOK).await;
            continue;
        }
        let end = bodies.len().min(published + BURST);
        publisher.publish(&bodies[published..end]).await?;
        ids.extend(publisher.log[published..end].iter().filter_map(|line| line.order_id.clone()));
        published = end;
    }
    Ok(published)
}
