//! Orders from stock while thousands of procurements wait on suppliers that take their time, in turn with the same
//! orders while none waits.
//!
//! What is compared: from the moment that what went ahead is confirmed until the result of every order from stock
//! is; what goes ahead is what has to be bought, or as many orders from stock, and a warm-up, in which the worker
//! looks at each waiting line for the first time. One worker, full queues from the
//! start, servers of its own for each run. CPU is read from /proc: of our own servers and the worker alone, the
//! suppliers' doubles are in neither figure.

use std::{path::PathBuf, time::Duration};

use anyhow::{Result, ensure};
use supplier_doubles::Protocol;

mod report;
mod run;

pub use report::{Report, Side};
pub use run::Measured;

#[derive(Debug, Clone)]
pub struct Plan {
    pub fulfil: PathBuf,
    pub protocols: Vec<Protocol>,
    pub rounds: u32,
    /// Orders of one key each from stock, per run.
    pub orders: u64,
    /// As many more go ahead and are not measured.
    pub warm_up: u64,
    /// Orders that have to be bought, and wait.
    pub waiting: u64,
    /// What suppliers take for a purchase.
    pub takes: Duration,
    /// Calls under way at once, to one supplier.
    pub concurrency: u32,
    /// Lines that the worker works on at once.
    pub in_flight: u32,
    /// The worker's connections to Postgres at most; its default, if there is none.
    pub connections: Option<u32>,
    pub lanes: u16,
    pub batch: u64,
    pub batches_in_flight: u64,
    pub seed: u64,
    /// The ratio that must be reached.
    pub least: f64,
    pub folder: PathBuf,
}

impl Plan {
    /// # Errors
    /// When there is nothing to measure.
    pub fn check(&self) -> Result<()> {
        ensure!(self.rounds > 0 && self.orders > 0, "there is at least one round, and one order");
        ensure!(self.waiting > 0 && !self.protocols.is_empty(), "something waits, and for some supplier");
        Ok(())
    }
}

/// Runs both in turn; the one that goes first changes from round to round.
///
/// # Errors
/// As [`Plan::check`]; when something can't be started, or the orders are not done in time.
pub async fn run(plan: &Plan) -> Result<Report> {
    plan.check()?;
    let (mut none, mut waiting) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        for turn in 0..2 {
            let waits = (round + turn) % 2 == 1;
            let measured = run::run(plan, round, waits).await?;
            eprintln!("round {}: {measured}", round + 1);
            if waits { waiting.push(measured) } else { none.push(measured) }
        }
    }
    Ok(Report::new(plan, none, waiting))
}
