//! Servers that are killed, rolled back, emptied or replaced under load: judged from outside. Ends with 1 where the
//! verdict is not clean.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use fulfil_load_tests::{
    arguments::Common,
    server_faults::{Kind, Plan, run},
};

/// Kills, rolls back, empties or replaces a private server again and again while orders come at a steady rate; then a
/// verdict from what was sent and what came back
#[derive(Parser)]
struct Arguments {
    #[arg(value_enum)]
    kind: Kind,
    /// How often
    #[arg(long, default_value_t = 50)]
    times: u32,
    /// Orders per second
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Keys that are left over: what a rebuild has to load
    #[arg(long, default_value_t = 100_000)]
    spare_keys: u64,
    /// Orders that a stale replica misses at least
    #[arg(long, default_value_t = 1_000)]
    missed: u64,
    #[arg(long, default_value_t = 2)]
    workers: usize,
    #[arg(long, default_value_t = 4)]
    lanes: u16,
    #[command(flatten)]
    common: Common,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let fulfil = arguments.common.fulfil()?;
    let workplace = arguments.common.workplace("server-faults")?;
    let plan = Plan {
        fulfil,
        kind: arguments.kind,
        times: arguments.times,
        rate: arguments.rate.max(1),
        spare_keys: arguments.spare_keys,
        missed: arguments.missed,
        workers: arguments.workers.max(1),
        lanes: arguments.lanes,
        seed: arguments.common.seed(),
        folder: workplace.path().to_owned(),
    };
    workplace.conclude(run(&plan).await)
}
