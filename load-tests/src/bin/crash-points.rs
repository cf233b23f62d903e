//! Every crash point × {die, fail, stall}, judged from outside. Ends with 1 where a case is not clean, or a point never
//! fired.

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use clap::Parser;
use fulfil_load_tests::{
    arguments::Common,
    crash_points::{Action, Plan, run},
};

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
    /// The program is one that was built with the feature crash-points
    #[command(flatten)]
    common: Common,
}

fn main() -> Result<ExitCode> {
    let Arguments { points, actions, orders, stall, side_by_side, common } = Arguments::parse();
    let workplace = common.workplace("crash-points")?;
    let plan = Plan {
        fulfil: common.fulfil()?,
        points,
        actions,
        orders,
        stall: Duration::from_secs(stall),
        side_by_side,
        seed: common.seed(),
        folder: workplace.path().to_owned(),
    };
    workplace.conclude(run(&plan))
}
