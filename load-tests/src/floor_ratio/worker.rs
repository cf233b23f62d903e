//! One run of `fulfil worker --until-empty` on fresh queues, a fresh database and an emptied Redis.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use private_servers::{Server, Servers};
use tokio::time::{sleep, timeout};

use super::{Plan, Run, meter::Reading, settle};
use crate::{
    generate::{self, KEYS_FILE, Mix, ORDERS_FILE},
    program::{Program, Urls, end_of, free_address},
    publisher::Publisher,
    queues::messages,
    scrape::{Samples, metrics},
    sent::lines,
};

const LIMIT: Duration = Duration::from_secs(600);
/// A scrape costs the worker some tenths of a millisecond; it is the resolution of what is measured.
const LOOK: Duration = Duration::from_millis(20);
const PUBLISH_LIMIT: Duration = Duration::from_secs(60);
const CHUNK: usize = 10_000;

pub(super) async fn run(plan: &Plan, servers: &Servers, round: u32) -> Result<Run> {
    let vhost = servers.rabbitmq.new_vhost()?;
    let urls = Urls { source: vhost.clone(), stock: servers.redis.url(), ledger: servers.postgres.new_database()? };
    empty_redis(&urls.stock)?;
    let folder = plan.folder.join(format!("round-{}", round + 1));
    let mix = Mix {
        orders: plan.orders,
        skus: 8,
        most_lines: 1,
        most_quantity: 1,
        repeats: 0,
        conflicts: 0,
        broken: 0,
        spare_percent: 0,
        seed: u64::from(round) + 1,
    };
    generate::write(&folder, &mix)?;
    let mut program = Program::prepare(plan.fulfil.clone(), &folder, &urls, plan.lanes).await?;
    program.set("SOURCE__BATCH_ORDERS", &plan.batch.to_string());
    program.set("SOURCE__IN_FLIGHT", &plan.in_flight.to_string());
    program.run(&["migrate"]).await?;
    program.run(&["keys", "import", KEYS_FILE]).await?;
    publish(&vhost, &folder.join(ORDERS_FILE)).await?;
    settle(servers)?;

    let run = measured(plan, servers, &program, &folder).await?;
    let results = messages(&servers.rabbitmq, name(&vhost), "results", plan.orders).await?;
    ensure!(results == plan.orders, "{results} result messages for {} orders", plan.orders);
    remove(servers, &urls, &vhost)?;
    Ok(run)
}

async fn measured(plan: &Plan, servers: &Servers, program: &Program, folder: &std::path::Path) -> Result<Run> {
    let (admin, log) = (free_address()?, folder.join("worker.log"));
    let mut child = program.start_worker(&["--until-empty", "--format", "json"], admin, &log, Stdio::piped())?;
    let pid = child.id().context("the worker ended at once")?;
    let begin = Instant::now();
    let mut first = None;
    let last = loop {
        let reading = Reading::now(servers, pid);
        let samples = metrics(admin).await.unwrap_or_default();
        ensure!(
            child.try_wait()?.is_none() && begin.elapsed() < LIMIT,
            "the worker did not do its orders: {}",
            end_of(&std::fs::read_to_string(&log)?)
        );
        let reading = reading?;
        if samples.get("fulfil_deliveries_total") == 0.0 {
            first = Some(reading);
        } else if done(&samples) >= plan.orders {
            break reading;
        }
        sleep(LOOK).await;
    };
    let first = first.context("the worker was done before it could be asked")?;
    let output = timeout(LIMIT, child.wait_with_output()).await.context("the worker does not end")??;
    let printed = String::from_utf8_lossy(&output.stdout);
    let summary: serde_json::Value =
        serde_json::from_str(&printed).with_context(|| format!("no summary: {printed}"))?;
    ensure!(output.status.success() && summary["fulfilled"] == plan.orders, "not every order was fulfilled: {summary}");
    let rate = plan.orders as f64 / (last.at - first.at).as_secs_f64();
    Ok(last.since(&first, plan.orders, rate))
}

/// Orders whose results are confirmed.
fn done(samples: &Samples) -> u64 {
    samples.get("fulfil_outcomes_total") as u64
}

async fn publish(url: &str, orders: &std::path::Path) -> Result<()> {
    let mut publisher = Publisher::new(url, PUBLISH_LIMIT);
    let mut chunk = Vec::with_capacity(CHUNK);
    for line in lines(orders)? {
        chunk.push(line?.into_bytes());
        if chunk.len() == CHUNK {
            publisher.publish(&chunk).await?;
            chunk.clear();
        }
    }
    publisher.publish(&chunk).await
}

fn empty_redis(url: &str) -> Result<()> {
    let mut redis = redis::Client::open(url)?.get_connection()?;
    redis::cmd("FLUSHALL").query::<()>(&mut redis).context("cannot empty Redis")
}

/// What the round leaves behind would slow the next one.
fn remove(servers: &Servers, urls: &Urls, vhost: &str) -> Result<()> {
    servers.rabbitmq.ctl(&["delete_vhost", name(vhost)])?;
    servers.postgres.execute(&format!("drop database {} with (force)", name(&urls.ledger)))?;
    empty_redis(&urls.stock)
}

/// The last part of a URL: a virtual host's or a database's name.
fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}
