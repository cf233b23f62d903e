//! The worker against the bare floor program: the same orders a second through the same servers, in turn, so
//! that a machine whose speed drifts slows both.
//!
//! What is compared: from the first delivery until every order is acknowledged and its result confirmed, one
//! result a message, the same lanes, batch and batches in flight. Connecting, loading stock and the worker's
//! two quiet seconds at its end are in neither figure. CPU is read from /proc: of our own servers alone.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::Result;
use private_servers::{Server, Servers};
use serde::Serialize;

mod floor;
pub(crate) mod meter;
pub(crate) mod report;
mod worker;

pub use report::Report;

#[derive(Debug, Clone)]
pub struct Plan {
    pub fulfil: PathBuf,
    /// The floor program's crate.
    pub floor: PathBuf,
    pub rounds: u32,
    pub orders: u64,
    pub lanes: u16,
    pub batch: u64,
    pub in_flight: u64,
    pub folder: PathBuf,
}

/// One program's run.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    pub orders_per_second: f64,
    /// CPU microseconds per order: rabbitmq, redis, postgres, and the program itself.
    pub cpu_us_per_order: BTreeMap<&'static str, f64>,
    pub peak_memory_bytes: u64,
}

/// Runs both in turn; the one that goes first changes from round to round.
///
/// # Errors
/// When something can't be started, or does not do all its orders.
pub async fn run(plan: &Plan) -> Result<Report> {
    let floor = floor::build(&plan.floor)?;
    let servers = Servers::start()?;
    let (mut floors, mut workers) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                floors.push(floor::run(&floor, plan, &servers).await?);
                eprintln!("round {}: floor  {:>8.0} orders/s", round + 1, floors[floors.len() - 1].orders_per_second);
            } else {
                workers.push(worker::run(plan, &servers, round).await?);
                eprintln!("round {}: worker {:>8.0} orders/s", round + 1, workers[workers.len() - 1].orders_per_second);
            }
        }
    }
    Ok(Report::new(plan, floors, workers))
}

/// Brings the servers to rest before a measurement: what setting up has left to write is written.
pub(crate) fn settle(servers: &Servers) -> Result<()> {
    servers.postgres.execute("checkpoint").map(drop)
}

/// CPU time of our servers so far.
fn server_cpu(servers: &Servers) -> Result<BTreeMap<&'static str, Duration>> {
    Ok(BTreeMap::from([
        ("rabbitmq", servers.rabbitmq.cpu_time()?),
        ("redis", servers.redis.cpu_time()?),
        ("postgres", servers.postgres.cpu_time()?),
    ]))
}
