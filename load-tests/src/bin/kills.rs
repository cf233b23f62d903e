//! Workers killed at random moments, with a fault in the middle: judged from outside. Ends with 1 where the
//! verdict is not clean.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Result;
use clap::Parser;
use fulfil_load_tests::{
    arguments::Common,
    generate::{KEYS_FILE, Mix, ORDERS_FILE, write},
    kills::{Fault, Plan, run},
    own_servers::OwnServers,
};

/// Kills workers at random moments while orders come in, on private servers or on your own; then a verdict from what
/// was sent and what came back
#[derive(Parser)]
struct Arguments {
    /// A folder with orders.jsonl and keys.csv; without it orders are made
    #[arg(long)]
    orders: Option<PathBuf>,
    /// How many orders are made; repeats, conflicts and broken ones come on top
    #[arg(long, default_value_t = 10_000, conflicts_with = "orders")]
    orders_count: u64,
    /// SIGKILLs, each followed by a restart
    #[arg(long, default_value_t = 50)]
    kills: u64,
    #[arg(long, default_value_t = 2)]
    workers: usize,
    #[arg(long, default_value_t = 4)]
    lanes: u16,
    /// A kill falls within so many milliseconds after its burst of orders began
    #[arg(long, default_value_t = 60)]
    within: u64,
    /// What happens to the servers after half of the kills
    #[arg(long, value_enum, default_value_t = Fault::None)]
    fault: Fault,
    #[command(flatten)]
    own: OwnServers,
    #[command(flatten)]
    common: Common,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let fulfil = arguments.common.fulfil()?;
    let place = arguments.own.place()?;
    let workplace = arguments.common.workplace("kills")?;
    let data = match arguments.orders {
        Some(orders) => orders,
        None => made_up(workplace.path(), arguments.orders_count)?,
    };
    let plan = Plan {
        fulfil,
        place,
        orders: data.join(ORDERS_FILE),
        keys: data.join(KEYS_FILE),
        kills: arguments.kills,
        workers: arguments.workers.max(1),
        lanes: arguments.lanes,
        within: Duration::from_millis(arguments.within.max(1)),
        fault: arguments.fault,
        seed: arguments.common.seed(),
        folder: workplace.path().to_owned(),
    };
    workplace.conclude(run(&plan).await)
}

/// Orders of up to three lines and keys, with repeats, conflicts and broken ones among them.
fn made_up(folder: &Path, orders: u64) -> Result<PathBuf> {
    let data = folder.join("data");
    let mix = Mix {
        orders,
        skus: 5,
        most_lines: 3,
        most_quantity: 3,
        repeats: orders / 50,
        conflicts: orders / 500,
        broken: 30,
        spare_percent: 5,
        seed: 1,
    };
    write(&data, &mix)?;
    Ok(data)
}
