//! Every crash point × {die, fail, stall}, judged from outside. Ends with 1 where a case is not clean, or a point never
//! fired.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use fulfil_load_tests::{
    crash_points::{Action, Plan, run},
    program::find,
};

/// How the report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Parser)]
struct Arguments {
    /// Which points; without it all
    #[arg(long, value_delimiter = ',')]
    points: Vec<String>,
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Action::ALL)]
    actions: Vec<Action>,
    /// Of each case
    #[arg(long, default_value_t = 100)]
    orders: u64,
    /// Seconds that a task is held up
    #[arg(long, default_value_t = 8)]
    stall: u64,
    /// Sets of servers that cases are run on at once
    #[arg(long, default_value_t = 4)]
    side_by_side: usize,
    /// For the order of the cases and what suppliers do; another one each time, unless given
    #[arg(long)]
    seed: Option<u64>,
    /// The program to test, built with the feature crash-points; else FULFIL_BIN, else target/release/fulfil
    #[arg(long)]
    fulfil: Option<PathBuf>,
    /// Keeps logs and results here; without it they are kept only when the verdict is not clean
    #[arg(long)]
    keep: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut folder = tempfile::Builder::new().prefix("fulfil-crash-points-").tempdir()?;
    let path = match &arguments.keep {
        Some(keep) => {
            std::fs::create_dir_all(keep)?;
            keep.canonicalize()?
        }
        None => folder.path().to_owned(),
    };
    let plan = Plan {
        fulfil: find(arguments.fulfil)?,
        points: arguments.points,
        actions: arguments.actions,
        orders: arguments.orders,
        stall: Duration::from_secs(arguments.stall),
        side_by_side: arguments.side_by_side,
        seed: arguments
            .seed
            .unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().map_or(1, |time| u64::from(time.subsec_nanos()))),
        folder: path.clone(),
    };
    folder.disable_cleanup(true);
    let report = run(&plan).inspect_err(|_| eprintln!("logs and results are in {}", path.display()))?;
    match arguments.format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&report)?),
        Format::Text => println!("{report}"),
    }
    if report.clean {
        folder.disable_cleanup(false);
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("logs and results are in {}", path.display());
    Ok(ExitCode::FAILURE)
}
