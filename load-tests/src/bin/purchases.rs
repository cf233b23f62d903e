//! Lines that are bought from doubles of suppliers, judged from outside. Ends with 1 where the verdict is not
//! clean.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use fulfil_load_tests::{
    arguments::Common,
    market::Terms,
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
    /// Workers die at this point (such as intended, sent, bought, queried, placed, released) and are started again;
    /// needs a build with the feature crash-points.
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
    #[command(flatten)]
    common: Common,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let fulfil = arguments.common.fulfil()?;
    let protocol = |name: &String| Protocol::parse(name).with_context(|| format!("there is no double of {name}"));
    let suppliers = arguments.suppliers.iter().map(protocol).collect::<Result<_>>()?;
    let workplace = arguments.common.workplace("purchases")?;
    let plan = Plan {
        fulfil,
        orders: arguments.orders,
        protocols: suppliers,
        mood: mood(arguments.scenario),
        terms: Terms {
            line: Duration::from_secs(arguments.line),
            lease: Duration::from_secs(arguments.lease),
            ..Terms::default()
        },
        workers: arguments.workers,
        lanes: arguments.lanes,
        seed: arguments.common.seed(),
        most_quantity: arguments.most_quantity,
        top_ups: arguments.top_ups,
        crash: arguments.crash,
        deaths: arguments.deaths,
        lies: arguments.scenario == Scenario::Lies,
        callbacks: arguments.scenario == Scenario::Lies,
        folder: workplace.path().to_owned(),
    };
    workplace.conclude(run(&plan).await)
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
