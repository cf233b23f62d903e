//! Connections cut at chosen moments through proxies of our own: judged from outside. Ends with 1 where the verdict is
//! not clean.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Result;
use clap::Parser;
use fulfil_load_tests::{
    cuts::{Kind, Plan, run},
    format::Format,
    kept::Kept,
    program::find,
    seed::any_seed,
};

#[derive(Parser)]
struct Arguments {
    /// When connections are cut; more than one are run in turn, and all of them without this.
    #[arg(long, value_enum, value_delimiter = ',')]
    kind: Vec<Kind>,
    /// Of each kind; else 1000 after COMMIT was sent, 40 silent ones, 200 of the others.
    #[arg(long)]
    cuts: Option<u64>,
    #[arg(long, default_value_t = 2)]
    workers: usize,
    #[arg(long, default_value_t = 4)]
    lanes: u16,
    /// The most orders of a batch: each batch is one COMMIT.
    #[arg(long, default_value_t = 8)]
    batch: u16,
    /// How long a connection of kind blackhole is silent, in seconds.
    #[arg(long, default_value_t = 5)]
    silence: u64,
    /// For the cuts of one kind, at most.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// For orders, moments and ways to cut; another one each time, unless given.
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
    let kept = Kept::new("fulfil-cuts-", arguments.keep.as_deref())?;
    let plan = Plan {
        fulfil: find(arguments.fulfil)?,
        kinds: if arguments.kind.is_empty() { Kind::ALL.to_vec() } else { arguments.kind },
        cuts: arguments.cuts,
        workers: arguments.workers,
        lanes: arguments.lanes,
        batch: arguments.batch,
        silence: Duration::from_secs(arguments.silence),
        limit: Duration::from_secs(arguments.minutes * 60),
        seed: arguments.seed.unwrap_or_else(any_seed),
        folder: kept.path().to_owned(),
    };
    eprintln!("seed {}", plan.seed);
    let report = run(&plan).await?;
    arguments.format.print(&report)?;
    Ok(kept.end(report.clean))
}
