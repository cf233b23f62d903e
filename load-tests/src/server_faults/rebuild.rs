//! How long until the stock is rebuilt and whole again: under load, and once without.
//!
//! Whatever makes Redis forget or go back raises the epoch of every SKU: a bucket that is missing, and another life of
//! the server (a restart, a replica in its place), by its run id, whether or not anything was written in what it lost.
//! So the epochs must have risen before anything is taken for whole: a server that has gone back offers sold ids, and
//! nothing seems to be missing.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use serde::Deserialize;

use crate::{
    crew::Crew,
    ending::{STOCK_LIMIT, all_answered},
    kills::fault::flush_all,
    program::Program,
    results::{Results, follow::Follower},
    sent::Sent,
    stage::Stage,
};

const ANSWER_LIMIT: Duration = Duration::from_secs(300);
/// A result is read so soon after its keys were sold.
const SOON: Duration = Duration::from_secs(1);
/// A look starts a process, and reads both servers.
const LOOK: Duration = Duration::from_millis(100);

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

/// What `fulfil stock status --format json` tells of a SKU, as far as it is of use here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct SkuStatus {
    sku: String,
    epoch: i64,
    /// Null where Redis can't be asked.
    stock: Option<String>,
}

/// Each SKU's epoch, as the ledger has issued it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Epochs(BTreeMap<String, i64>);

impl Epochs {
    pub(super) async fn read(program: &Program) -> Result<Self> {
        Ok(Self(status(program).await?.into_iter().map(|sku| (sku.sku, sku.epoch)).collect()))
    }

    /// SKUs that are not rebuilt since: their epoch is the same, or their buckets are of another one or not complete.
    fn not_rebuilt(&self, now: &[SkuStatus]) -> Vec<String> {
        let rebuilt = |name: &str, before: i64| {
            now.iter().any(|sku| sku.sku == name && sku.epoch > before && sku.stock.as_deref() == Some("complete"))
        };
        self.0.iter().filter(|(name, before)| !rebuilt(name, **before)).map(|(name, _)| name.clone()).collect()
    }
}

async fn status(program: &Program) -> Result<Vec<SkuStatus>> {
    Ok(serde_json::from_value(program.json(&["stock", "status", "--format", "json"]).await?)?)
}

/// Waits under load until every SKU has a higher epoch than before the strike, and is loaded under it; gives those that
/// are not within a minute.
pub(super) async fn until_rebuilt(program: &Program, before: &Epochs) -> Result<Vec<String>> {
    let begin = Instant::now();
    loop {
        let left = before.not_rebuilt(&status(program).await?);
        if left.is_empty() || begin.elapsed() > STOCK_LIMIT {
            return Ok(left);
        }
        tokio::time::sleep(LOOK).await; // between two looks
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_higher_epoch_that_is_loaded_is_a_rebuild() {
        let before = Epochs([("a".to_owned(), 3), ("b".to_owned(), 7)].into());
        let now = |a: (i64, Option<&str>), b: (i64, Option<&str>)| {
            [("a", a), ("b", b)].map(|(sku, (epoch, stock))| SkuStatus {
                sku: sku.into(),
                epoch,
                stock: stock.map(str::to_owned),
            })
        };
        let complete = Some("complete");
        assert!(before.not_rebuilt(&now((4, complete), (9, complete))).is_empty());
        // As it is just after a roll-back: nothing is missing, and nothing is rebuilt.
        assert_eq!(before.not_rebuilt(&now((3, complete), (7, complete))), ["a", "b"]);
        assert_eq!(before.not_rebuilt(&now((4, complete), (7, complete))), ["b"]);
        assert_eq!(before.not_rebuilt(&now((4, Some("rebuilding")), (8, complete))), ["a"]);
        assert_eq!(before.not_rebuilt(&now((4, None), (8, complete))), ["a"]);
        assert_eq!(before.not_rebuilt(&[]), ["a", "b"]);
    }
}
