//! Lines that are bought from doubles of suppliers, judged from outside. Ends with 1 where the verdict is not
//! clean.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use fulfil_load_tests::{
    market::Terms,
    program::find,
    purchases::{Plan, run},
};
use supplier_doubles::{Millis, Mood, Protocol};

/// What suppliers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Nothing goes wrong.
    Honest,
    /// Three in ten replies are lost after the purchase.
    Lost,
    /// Known keys, too few, too many, other answers later, pending for ever, pages of HTML.
    Lies,
}

#[derive(Parser)]
struct Arguments {
    #[arg(value_enum)]
    scenario: Scenario,
    #[arg(long, default_value_t = 5_000)]
    orders: u64,
    /// Which suppliers there are
    #[arg(long, value_delimiter = ',', default_value = "kasushou,kinguin,reloadly")]
    suppliers: Vec<String>,
    #[arg(long, default_value_t = 2)]
    workers: usize,
    #[arg(long, default_value_t = 2)]
    lanes: u16,
    #[arg(long, default_value_t = 3)]
    most_quantity: u64,
    /// Of a hundred orders so many are direct top-ups.
    #[arg(long, default_value_t = 0)]
    top_ups: u64,
    /// Workers die at this point (intended, sent, bought, queried, placed, released) and are started again; needs a
    /// build with the feature crash-points.
    #[arg(long)]
    crash: Option<String>,
    /// How often.
    #[arg(long, default_value_t = 10)]
    deaths: u64,
    /// Seconds that a line may take.
    #[arg(long, default_value_t = 300)]
    line: u64,
    /// Seconds of a lease.
    #[arg(long, default_value_t = 10)]
    lease: u64,
    #[arg(long)]
    seed: Option<u64>,
    /// The program to test; else FULFIL_BIN, else target/release/fulfil.
    #[arg(long)]
    fulfil: Option<PathBuf>,
    /// Keeps logs and results here; without it they are kept only when the verdict is not clean.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut folder = tempfile::Builder::new().prefix("fulfil-purchases-").tempdir()?;
    let path = match &arguments.keep {
        Some(keep) => {
            std::fs::create_dir_all(keep)?;
            keep.canonicalize()?
        }
        None => folder.path().to_owned(),
    };
    let protocol = |name: &String| Protocol::parse(name).with_context(|| format!("there is no double of {name}"));
    let plan = Plan {
        fulfil: find(arguments.fulfil)?,
        orders: arguments.orders,
        protocols: arguments.suppliers.iter().map(protocol).collect::<Result<_>>()?,
        mood: mood(arguments.scenario),
        terms: Terms {
            line: Duration::from_secs(arguments.line),
            lease: Duration::from_secs(arguments.lease),
            ..Terms::default()
        },
        workers: arguments.workers,
        lanes: arguments.lanes,
        seed: arguments
            .seed
            .unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().map_or(1, |time| u64::from(time.subsec_nanos()))),
        most_quantity: arguments.most_quantity,
        top_ups: arguments.top_ups,
        crash: arguments.crash,
        deaths: arguments.deaths,
        callbacks: arguments.scenario == Scenario::Lies,
        folder: path.clone(),
    };
    folder.disable_cleanup(true);
    let report = run(&plan).await.inspect_err(|_| eprintln!("logs and results are in {}", path.display()))?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    if report.verdict.clean {
        folder.disable_cleanup(false);
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("logs and results are in {}", path.display());
    Ok(ExitCode::FAILURE)
}

fn mood(scenario: Scenario) -> Mood {
    let latency = Millis { from: 5, to: 50 };
    match scenario {
        Scenario::Honest => Mood { latency, ..Mood::default() },
        Scenario::Lost => Mood { latency, lost_after: 0.3, ..Mood::default() },
        Scenario::Lies => Mood {
            latency,
            known_keys: 0.05,
            too_few: 0.05,
            too_many: 0.02,
            another_answer: 0.02,
            pending_for_ever: 0.01,
            html_after: 0.02,
            ..Mood::default()
        },
    }
}
