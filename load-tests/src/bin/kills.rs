//! Workers killed at random moments, with a fault in the middle: judged from outside. Ends with 1 where the
//! verdict is not clean.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Result;
use clap::Parser;
use fulfil_load_tests::{
    generate::{KEYS_FILE, Mix, ORDERS_FILE, write},
    kills::{Fault, Plan, run},
    program::find,
};

#[derive(Parser)]
struct Arguments {
    /// A folder with orders.jsonl and keys.csv; without it 10,000 orders are made.
    #[arg(long)]
    orders: Option<PathBuf>,
    /// SIGKILLs, each followed by a restart.
    #[arg(long, default_value_t = 50)]
    kills: u64,
    #[arg(long, default_value_t = 2)]
    workers: usize,
    #[arg(long, default_value_t = 4)]
    lanes: u16,
    /// A kill falls within so many milliseconds after its burst of orders began.
    #[arg(long, default_value_t = 60)]
    within: u64,
    /// What happens to the servers after half of the kills.
    #[arg(long, value_enum, default_value_t = Fault::None)]
    fault: Fault,
    /// For the moments and the victims; another one each time, unless given.
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
    let mut folder = tempfile::Builder::new().prefix("fulfil-kills-").tempdir()?;
    let path = match &arguments.keep {
        Some(keep) => {
            std::fs::create_dir_all(keep)?;
            keep.canonicalize()?
        }
        None => folder.path().to_owned(),
    };
    let data = match arguments.orders {
        Some(orders) => orders,
        None => made_up(&path)?,
    };
    let plan = Plan {
        fulfil: find(arguments.fulfil)?,
        orders: data.join(ORDERS_FILE),
        keys: data.join(KEYS_FILE),
        kills: arguments.kills,
        workers: arguments.workers,
        lanes: arguments.lanes,
        within: Duration::from_millis(arguments.within.max(1)),
        fault: arguments.fault,
        seed: arguments
            .seed
            .unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().map_or(1, |time| u64::from(time.subsec_nanos()))),
        folder: path.clone(),
    };
    folder.disable_cleanup(true);
    let report = run(&plan).await.inspect_err(|_| eprintln!("logs and results are in {}", path.display()))?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", report.verdict);
        println!(
            "{} kills ({} while starting), {} ends by themselves, fault {:?}, seed {}; {} deliveries, {} redelivered; answered after {:.1} s, stock whole {:.1} s later",
            report.kills,
            report.kills_while_starting,
            report.ended_by_themselves,
            report.fault,
            report.seed,
            report.deliveries,
            report.redelivered,
            report.seconds_until_answered,
            report.seconds_until_stock_whole,
        );
    }
    if report.verdict.clean {
        folder.disable_cleanup(false);
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("logs and results are in {}", path.display());
    Ok(ExitCode::FAILURE)
}

/// 10,000 orders of up to three lines and keys, with repeats, conflicts and broken ones among them.
fn made_up(folder: &std::path::Path) -> Result<PathBuf> {
    let data = folder.join("data");
    let mix = Mix {
        orders: 10_000,
        skus: 5,
        most_lines: 3,
        most_quantity: 3,
        repeats: 200,
        conflicts: 20,
        broken: 30,
        spare_percent: 5,
        seed: 1,
    };
    write(&data, &mix)?;
    Ok(data)
}
