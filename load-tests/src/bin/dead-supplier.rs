//! One supplier of several goes dark and comes back while orders keep coming, in turn with runs without it. Ends
//! with 1 where an order is lost, the breaker does not do its work, or the supplier does not get its share back.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::Parser;
use fulfil_load_tests::{
    dead_supplier::{Plan, run},
    market::Terms,
    program::find,
};
use supplier_doubles::{Millis, Protocol};

/// A supplier goes dark while orders keep coming, in turn with runs without it
#[derive(Parser)]
struct Arguments {
    /// Which suppliers there are
    #[arg(long, value_delimiter = ',', default_value = "kasushou,kinguin,dujiao")]
    suppliers: Vec<String>,
    /// The one that goes dark
    #[arg(long, default_value = "kasushou")]
    dead: String,
    /// Runs of each
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Orders of one line, per second
    #[arg(long, default_value_t = 30)]
    rate: u32,
    #[arg(long, default_value_t = 2)]
    most_quantity: u64,
    /// Seconds until it goes dark
    #[arg(long, default_value_t = 30)]
    before: u64,
    /// Seconds that it is dark
    #[arg(long, default_value_t = 60)]
    dark: u64,
    /// Seconds that orders keep coming after its return
    #[arg(long, default_value_t = 90)]
    after: u64,
    /// Milliseconds that suppliers take for a call, at most; at least a tenth of it
    #[arg(long, default_value_t = 50)]
    latency: u64,
    #[arg(long, default_value_t = 2)]
    workers: usize,
    #[arg(long, default_value_t = 2)]
    lanes: u16,
    /// Seconds that a line may take
    #[arg(long, default_value_t = 300)]
    line: u64,
    /// The p99 of the others' lines in its dark time is at most so many times that without it
    #[arg(long)]
    most_p99_ratio: Option<f64>,
    #[arg(long)]
    seed: Option<u64>,
    /// The program to test; else FULFIL_BIN, else target/release/fulfil
    #[arg(long)]
    fulfil: Option<PathBuf>,
    /// Keeps logs and results here; without it they are kept only when something does not hold
    #[arg(long)]
    keep: Option<PathBuf>,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut folder = tempfile::Builder::new().prefix("fulfil-dead-supplier-").tempdir()?;
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
    let report = run(&plan).await.inspect_err(|_| eprintln!("logs and results are in {}", path.display()))?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    if report.clean {
        folder.disable_cleanup(false);
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("logs and results are in {}", path.display());
    Ok(ExitCode::FAILURE)
}

fn plan(arguments: Arguments, folder: PathBuf) -> Result<Plan> {
    let protocol = |name: &String| Protocol::parse(name).with_context(|| format!("there is no double of {name}"));
    let seconds = Duration::from_secs;
    Ok(Plan {
        fulfil: find(arguments.fulfil)?,
        protocols: arguments.suppliers.iter().map(protocol).collect::<Result<_>>()?,
        dead: protocol(&arguments.dead)?,
        rounds: arguments.rounds,
        rate: arguments.rate,
        most_quantity: arguments.most_quantity,
        before: seconds(arguments.before),
        dark: seconds(arguments.dark),
        after: seconds(arguments.after),
        latency: Millis { from: arguments.latency / 10, to: arguments.latency },
        terms: Terms { line: seconds(arguments.line), ..Terms::default() },
        workers: arguments.workers,
        lanes: arguments.lanes,
        seed: arguments
            .seed
            .unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().map_or(1, |time| u64::from(time.subsec_nanos()))),
        most_p99_ratio: arguments.most_p99_ratio,
        folder,
    })
}
