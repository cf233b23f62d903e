//! How long until the stock is whole again: under load, and once without.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{
    crew::Crew,
    ending::{STOCK_LIMIT, all_answered},
    kills::fault::flush_all,
    results::{Results, follow::Follower},
    sent::Sent,
    stage::Stage,
};

const ANSWER_LIMIT: Duration = Duration::from_secs(300);
/// A result is read so soon after its keys were sold.
const SOON: Duration = Duration::from_secs(1);

/// What was delivered from stock so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Delivered {
    pub orders: u64,
    pub keys: u64,
}

impl Delivered {
    pub(super) fn of(results: &Results) -> Self {
        let keys = results
            .orders
            .values()
            .filter_map(|revisions| revisions.values().next_back())
            .map(|result| result.lines.iter().map(|line| line.keys.len() as u64).sum::<u64>())
            .filter(|keys| *keys > 0);
        keys.fold(Self { orders: 0, keys: 0 }, |sum, keys| Self { orders: sum.orders + 1, keys: sum.keys + keys })
    }

    pub(super) fn since(self, earlier: Self) -> Self {
        Self { orders: self.orders - earlier.orders, keys: self.keys - earlier.keys }
    }
}

/// Waits under load until nothing is missing from stock; gives when. The audit reads the ledger first and stock after
/// it, so keys that are sold in between seem to be missing: as many as results tell of.
pub(super) async fn until_whole(stage: &Stage, follower: &Follower) -> Result<Instant> {
    let begin = Instant::now();
    loop {
        let before = follower.with(Delivered::of);
        let audit = stage.program.audit().await?;
        let now = Instant::now();
        match audit.stock_missing {
            Some(0) => return Ok(now),
            Some(missing) if missing < 1000 => {
                tokio::time::sleep(SOON).await; // so that what was sold meanwhile is read
                if missing <= follower.with(Delivered::of).since(before).keys {
                    return Ok(now);
                }
            }
            Some(_) | None => {}
        }
        if begin.elapsed() > STOCK_LIMIT {
            bail!(
                "after {} s {:?} keys are still missing from stock",
                STOCK_LIMIT.as_secs(),
                audit.stock_missing.unwrap_or_default()
            );
        }
    }
}

/// Waits until all is answered, empties Redis and gives the seconds until nothing is missing. `None`: not within a
/// minute, or not all is answered; the verdict tells of both.
pub(super) async fn quiet(stage: &Stage, follower: &Follower, sent: &Sent, crew: &mut Crew<'_>) -> Result<Option<f64>> {
    let mut waiting = sent.expected();
    let answered =
        crew.while_waiting(follower.wait_until(ANSWER_LIMIT, |results| all_answered(&mut waiting, results))).await;
    if answered.is_err() {
        return Ok(None);
    }
    flush_all(&stage.servers()?.redis, false)?;
    let begin = Instant::now();
    while begin.elapsed() < STOCK_LIMIT {
        if stage.program.audit().await?.stock_missing == Some(0) {
            return Ok(Some(begin.elapsed().as_secs_f64()));
        }
    }
    Ok(None)
}
