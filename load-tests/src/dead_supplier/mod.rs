//! One supplier of several goes dark and comes back while orders keep coming at a steady rate: what is called there
//! meanwhile, what the others' lines wait beside runs without it, and how soon its purchases flow again.
//!
//! What is compared: the same lines over the same routes, the dead supplier taken out of them; from the moment that
//! an order was due to be published until its final result was read. Both runs in turn, on servers of their own.

use std::{path::PathBuf, time::Duration};

use anyhow::{Result, ensure};
use supplier_doubles::{Millis, Protocol};

use crate::market::Terms;

mod events;
mod flow;
mod latency;
mod report;
mod run;
mod served;

pub use events::{Event, Kind};
pub use latency::{Latencies, Quantiles};
pub use report::{Comparison, Report};
pub use run::{Dead, Run};

#[derive(Debug, Clone)]
pub struct Plan {
    pub fulfil: PathBuf,
    pub protocols: Vec<Protocol>,
    /// The one of them that goes dark.
    pub dead: Protocol,
    pub rounds: u32,
    /// Orders of one line, per second.
    pub rate: u32,
    pub most_quantity: u64,
    pub before: Duration,
    pub dark: Duration,
    pub after: Duration,
    /// Of every call to every supplier.
    pub latency: Millis,
    pub terms: Terms,
    pub workers: usize,
    pub lanes: u16,
    pub seed: u64,
    /// The p99 of the others' lines while it is dark, as a multiple of that without it, is at most this.
    pub most_p99_ratio: Option<f64>,
    pub folder: PathBuf,
}

impl Plan {
    /// # Errors
    /// When it fits no run.
    pub fn check(&self) -> Result<()> {
        ensure!(self.protocols.contains(&self.dead), "the dead supplier is one of the suppliers: name it in both");
        ensure!(self.protocols.len() > 1, "there is another supplier beside the dead one: name two or more");
        ensure!(self.rate > 0 && self.rounds > 0, "there is at least one round, and one order a second");
        ensure!(self.workers > 0 && self.before > Duration::ZERO, "a worker buys from it before it goes dark");
        Ok(())
    }
}

/// Runs both in turn; the one that goes first changes from round to round.
///
/// # Errors
/// As [`Plan::check`]; when something can't be started, or results do not come in time.
pub async fn run(plan: &Plan) -> Result<Report> {
    plan.check()?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        for turn in 0..2 {
            let dies = (round + turn) % 2 == 0;
            let run = run::run(plan, round, dies).await?;
            eprintln!("round {}: {}", round + 1, run.in_short());
            if dies { with.push(run) } else { without.push(run) }
        }
    }
    Ok(Report::new(plan, with, without))
}
