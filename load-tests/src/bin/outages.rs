//! Alarms, full memory and disks, servers away, under a steady load: judged from outside. Ends with 1 where the verdict
//! is not clean.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Result;
use clap::Parser;
use fulfil_load_tests::{
    format::Format,
    kept::Kept,
    outages::{Outage, Plan, SHORTEST_SECONDS, run},
    program::find,
    seed::any_seed,
};

#[derive(Parser)]
struct Arguments {
    /// Which outages, in turn; without this all of them, a full disk only as root.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Outage>,
    /// How long each lasts.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(SHORTEST_SECONDS..))]
    seconds: u64,
    /// Orders per second, whatever becomes of the earlier ones.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// The most orders that come beside these just before an alarm: none come while it is on.
    #[arg(long, default_value_t = 40_000)]
    burst: u64,
    #[arg(long, default_value_t = 2)]
    workers: usize,
    #[arg(long, default_value_t = 4)]
    lanes: u16,
    /// The most orders of a batch; a lane holds four batches at most.
    #[arg(long, default_value_t = 100)]
    batch: u16,
    /// For the orders; another one each time, unless given.
    #[arg(long)]
    seed: Option<u64>,
    /// The program to test; else FULFIL_BIN, else target/release/fulfil.
    #[arg(long)]
    fulfil: Option<PathBuf>,
    /// Keeps logs and results here; without it they are kept only when the verdict is not clean.
    #[arg(long)]
    keep: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let kept = Kept::new("fulfil-outages-", arguments.keep.as_deref())?;
    let (outages, left_out) =
        if arguments.only.is_empty() { all_that_are_possible() } else { (arguments.only, Vec::new()) };
    let plan = Plan {
        fulfil: find(arguments.fulfil)?,
        outages,
        left_out,
        lasts: Duration::from_secs(arguments.seconds),
        rate: arguments.rate,
        burst: arguments.burst,
        workers: arguments.workers,
        lanes: arguments.lanes,
        batch: arguments.batch,
        seed: arguments.seed.unwrap_or_else(any_seed),
        folder: kept.path().to_owned(),
    };
    eprintln!("seed {}", plan.seed);
    let report = run(&plan).await?;
    arguments.format.print(&report)?;
    Ok(kept.end(report.clean))
}

/// All that this user may cause; the others, and why not.
fn all_that_are_possible() -> (Vec<Outage>, Vec<(Outage, &'static str)>) {
    let (possible, others): (Vec<Outage>, Vec<Outage>) =
        Outage::ALL.into_iter().partition(|outage| outage.why_not().is_none());
    (possible, others.into_iter().filter_map(|outage| Some((outage, outage.why_not()?))).collect())
}
