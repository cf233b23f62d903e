//! What claims and settles cost, per order: `cargo run --release -p fulfil-redis --example claim_cost [BATCHES]`.
//!
//! 8 SKUs of one bucket each; batches of 1,000 orders of one key, so 125 ids per claim; each batch settles
//! what the one before it claimed, all sold. On a private server (append-only file, fsynced every second).
//! Processor time comes from /proc, in hundredths of a second, so a run should take some seconds.

use std::{
    env,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use fulfil_contract::{
    ids::{KeyId, Sku, WorkerId},
    ports::stock::{Stock, StockLoading},
    stock::{Bucket, ClaimAnswer, ClaimId, ClaimRequest, Epoch, GoBack, Load, Loaded, Settle},
};
use fulfil_redis::Redis;
use private_servers::{Server, cpu_time};

const SKUS: usize = 8;
const ORDERS: usize = 1_000;
const PER_CLAIM: usize = ORDERS / SKUS;
const LOAD: usize = 5_000;
const LIMIT: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let batches = env::args().nth(1).map_or(Ok(4_000), |text| text.parse()).context("BATCHES is a number")?;
    let server = private_servers::Redis::start()?;
    let stock = Redis::new(&server.url(), LIMIT)?;
    stock.install().await?;
    let buckets = (0..SKUS).map(|n| Ok(Bucket { sku: Sku::parse(&format!("sku-{n}"))?, index: 0 }));
    let buckets = buckets.collect::<Result<Vec<_>>>()?;
    println!("{batches} batches of {ORDERS} orders over {SKUS} buckets; microseconds per order:");
    for (epoch, in_flight) in [(1, 1), (2, 4)] {
        let epoch = Epoch(epoch);
        let before = server.cpu_time()?;
        fill(&stock, &buckets, epoch, batches).await?;
        let loading = server.cpu_time()? - before;
        let (servers, own, begin) = (server.cpu_time()?, cpu_time(std::process::id())?, Instant::now());
        drain(&stock, &buckets, epoch, batches, in_flight).await?;
        let took = begin.elapsed();
        let each = |time: Duration| time.as_secs_f64() * 1e6 / (batches * ORDERS) as f64;
        println!(
            "{in_flight} in flight: Redis {:.2}, client {:.2}, elapsed {:.2}; loading cost Redis {:.2}",
            each(server.cpu_time()? - servers),
            each(cpu_time(std::process::id())? - own),
            each(took),
            each(loading),
        );
    }
    Ok(())
}

/// As many ids as the batches take.
async fn fill(stock: &Redis, buckets: &[Bucket], epoch: Epoch, batches: usize) -> Result<()> {
    for (n, bucket) in buckets.iter().enumerate() {
        ensure!(stock.reset(bucket, epoch).await? == Loaded::Done, "{bucket} is not reset");
        let (mut from, needed) = (0, batches * PER_CLAIM);
        while from < needed {
            let to = needed.min(from + LOAD);
            let id = |at: usize| KeyId((at * SKUS + n) as i64);
            let ids = (from + 1..=to).map(id).collect();
            let from_id = if from == 0 { KeyId(0) } else { id(from) };
            let load = Load { bucket: bucket.clone(), epoch, from: from_id, to: id(to), ids, complete: to == needed };
            ensure!(stock.load(&load).await? == Loaded::Done, "{bucket} is not loaded");
            from = to;
        }
    }
    Ok(())
}

async fn drain(stock: &Redis, buckets: &[Bucket], epoch: Epoch, batches: usize, in_flight: usize) -> Result<()> {
    let worker = &WorkerId::parse("w-1")?;
    let lanes = (0..in_flight).map(|lane| async move {
        let mut settles = Vec::new();
        for batch in (lane..batches).step_by(in_flight) {
            let claim = ClaimId { worker: worker.clone(), number: batch as u64 };
            let request = |bucket: &Bucket| ClaimRequest {
                bucket: bucket.clone(),
                epoch,
                claim: claim.clone(),
                most: PER_CLAIM as u32,
            };
            let requests: Vec<_> = buckets.iter().map(request).collect();
            let answers = stock.claim(&settles, &requests).await?;
            for answer in answers {
                ensure!(matches!(&answer, ClaimAnswer::Claimed(ids) if ids.len() == PER_CLAIM), "{answer:?}");
            }
            let settle = |bucket: &Bucket| Settle {
                bucket: bucket.clone(),
                epoch,
                claim: claim.clone(),
                back: GoBack::These(Vec::new()),
            };
            settles = buckets.iter().map(settle).collect();
        }
        stock.settle(&settles).await?;
        Ok(())
    });
    for outcome in futures_util::future::join_all(lanes).await {
        outcome?;
    }
    Ok(())
}
