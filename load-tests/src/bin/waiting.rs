//! Orders from stock while procurements wait on slow suppliers, in turn with none waiting. Ends with 1 where the
//! ratio is too low, or an order from stock is not fulfilled.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::Parser;
use fulfil_load_tests::{
    program::find,
    waiting::{Plan, run},
};
use supplier_doubles::Protocol;

/// Orders from stock while procurements wait on slow suppliers, in turn with none waiting
#[derive(Parser)]
struct Arguments {
    /// Which suppliers there are
    #[arg(long, value_delimiter = ',', default_value = "kasushou,kinguin,dujiao")]
    suppliers: Vec<String>,
    /// Runs of each
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Orders of one key each from stock, per run
    #[arg(long, default_value_t = 100_000)]
    orders: u64,
    /// As many more go ahead and are not measured
    #[arg(long, default_value_t = 20_000)]
    warm_up: u64,
    /// Orders that have to be bought, and wait
    #[arg(long, default_value_t = 2_000)]
    waiting: u64,
    /// Seconds that suppliers take for a purchase
    #[arg(long, default_value_t = 20)]
    takes: u64,
    /// Calls under way at once, to one supplier
    #[arg(long, default_value_t = 64)]
    concurrency: u32,
    /// Lines that the worker works on at once
    #[arg(long, default_value_t = 512)]
    in_flight: u32,
    /// The worker's connections to Postgres at most; else its default
    #[arg(long)]
    connections: Option<u32>,
    #[arg(long, default_value_t = 2)]
    lanes: u16,
    #[arg(long, default_value_t = 1000)]
    batch: u64,
    #[arg(long, default_value_t = 3)]
    batches_in_flight: u64,
    /// The ratio that must be reached
    #[arg(long, default_value_t = 0.8)]
    least: f64,
    #[arg(long)]
    seed: Option<u64>,
    /// The program to test; else FULFIL_BIN, else target/release/fulfil
    #[arg(long)]
    fulfil: Option<PathBuf>,
    /// Keeps logs here; without it they are kept only when something does not hold
    #[arg(long)]
    keep: Option<PathBuf>,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut folder = tempfile::Builder::new().prefix("fulfil-waiting-").tempdir()?;
    let path = match &arguments.keep {
        Some(keep) => {
            std::fs::create_dir_all(keep)?;
            keep.canonicalize()?
        }
        None => folder.path().to_owned(),
    };
    let json = arguments.json;
    let plan = plan(arguments, path.clone())?;
    plan.check()?;
    folder.disable_cleanup(true);
    let report = run(&plan).await.inspect_err(|_| eprintln!("logs are in {}", path.display()))?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    if report.clean {
        folder.disable_cleanup(false);
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("logs are in {}", path.display());
    Ok(ExitCode::FAILURE)
}

fn plan(arguments: Arguments, folder: PathBuf) -> Result<Plan> {
    let protocol = |name: &String| Protocol::parse(name).with_context(|| format!("there is no double of {name}"));
    Ok(Plan {
        fulfil: find(arguments.fulfil)?,
        protocols: arguments.suppliers.iter().map(protocol).collect::<Result<_>>()?,
        rounds: arguments.rounds,
        orders: arguments.orders,
        warm_up: arguments.warm_up,
        waiting: arguments.waiting,
        takes: Duration::from_secs(arguments.takes),
        concurrency: arguments.concurrency,
        in_flight: arguments.in_flight,
        connections: arguments.connections,
        lanes: arguments.lanes,
        batch: arguments.batch,
        batches_in_flight: arguments.batches_in_flight,
        seed: arguments
            .seed
            .unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().map_or(1, |time| u64::from(time.subsec_nanos()))),
        least: arguments.least,
        folder,
    })
}
