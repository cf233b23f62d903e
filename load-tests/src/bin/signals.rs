//! Workers restarted one after the other, or stopped for longer than a lease: judged from outside. Ends with 1 where
//! the verdict is not clean.

use std::{process::ExitCode, time::Duration};

use anyhow::{Result, ensure};
use clap::Parser;
use fulfil_load_tests::{
    arguments::Common,
    signals::{Kind, Plan, run},
};

/// Sends workers SIGTERM one after the other, or SIGSTOP and SIGCONT, while orders come at a steady rate to both lanes;
/// then a verdict from what was sent, what came back and what suppliers sold
#[derive(Parser)]
struct Arguments {
    #[arg(value_enum)]
    kind: Kind,
    /// How often; without it 100 restarts, or 50 stops
    #[arg(long)]
    times: Option<u32>,
    /// Workers that are stopped at a time
    #[arg(long, default_value_t = 3)]
    at_once: usize,
    /// Workers in all; without it 2 that are restarted, or 5 that are stopped
    #[arg(long)]
    workers: Option<usize>,
    /// Orders per second
    #[arg(long, default_value_t = 60)]
    rate: u32,
    /// Every so many orders one is bought
    #[arg(long, default_value_t = 3)]
    bought_every: usize,
    /// Seconds of a lease; in the ledger it lasts twice as long once a purchase is sent, and a stop 10 s longer than that
    #[arg(long, default_value_t = 3)]
    lease: u64,
    #[arg(long, default_value_t = 4)]
    lanes: u16,
    #[command(flatten)]
    common: Common,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let (times, workers) = match arguments.kind {
        Kind::Restarts => (100, 2),
        Kind::Stops => (50, 5),
    };
    let workers = arguments.workers.unwrap_or(workers);
    ensure!(arguments.lease >= 3, "--lease is 3 seconds or more");
    ensure!(
        arguments.at_once > 0 && (arguments.kind == Kind::Restarts || arguments.at_once < workers),
        "--at-once is less than --workers: somebody goes on with what the others have left"
    );
    let fulfil = arguments.common.fulfil()?;
    let workplace = arguments.common.workplace("signals")?;
    let plan = Plan {
        fulfil,
        kind: arguments.kind,
        times: arguments.times.unwrap_or(times),
        at_once: arguments.at_once,
        rate: arguments.rate.max(1),
        bought_every: arguments.bought_every.max(2),
        lease: Duration::from_secs(arguments.lease),
        workers: workers.max(1),
        lanes: arguments.lanes,
        seed: arguments.common.seed(),
        folder: workplace.path().to_owned(),
    };
    workplace.conclude(run(&plan).await)
}
