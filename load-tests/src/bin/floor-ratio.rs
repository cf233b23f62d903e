//! The worker against the floor program, in turn on the same servers. Ends with 1 where the ratio is too low.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Parser;
use fulfil_load_tests::{
    floor_ratio::{Plan, run},
    program::find,
};

#[derive(Parser)]
struct Arguments {
    /// The floor program's crate.
    #[arg(long)]
    floor: PathBuf,
    /// Runs of each.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Orders of one key each, per run.
    #[arg(long, default_value_t = 200_000)]
    orders: u64,
    #[arg(long, default_value_t = 2)]
    lanes: u16,
    #[arg(long, default_value_t = 1000)]
    batch: u64,
    #[arg(long, default_value_t = 3)]
    in_flight: u64,
    /// The ratio that must be reached.
    #[arg(long, default_value_t = 0.5)]
    least: f64,
    /// The program to test; else FULFIL_BIN, else target/release/fulfil.
    #[arg(long)]
    fulfil: Option<PathBuf>,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let folder = tempfile::Builder::new().prefix("fulfil-floor-ratio-").tempdir()?;
    let plan = Plan {
        fulfil: find(arguments.fulfil)?,
        floor: arguments.floor,
        rounds: arguments.rounds,
        orders: arguments.orders,
        lanes: arguments.lanes,
        batch: arguments.batch,
        in_flight: arguments.in_flight,
        folder: folder.path().to_owned(),
    };
    let report = run(&plan).await?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.ratio >= arguments.least { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
