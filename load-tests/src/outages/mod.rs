//! Alarms, full memory and disks, servers away: for some time each, under orders that keep coming at a steady rate.
//! What stopped, what went on, how soon all was back; then a verdict.
//!
//! Workers reach RabbitMQ through a proxy that only counts ([`crate::proxy`]), so what they consumed and acknowledged
//! is seen from outside. Before an alarm more orders come than workers can take, since none come while it is on.

use std::{path::PathBuf, time::Duration};

use anyhow::{Result, ensure};

mod flow;
mod outage;
mod report;
mod run;
mod script;

pub use flow::{Second, Span};
pub use outage::Outage;
pub use report::{Report, Run};

/// An outage that lasts less has no whole second to look at, once it is felt.
pub const SHORTEST_SECONDS: u64 = 8;

#[derive(Debug, Clone)]
pub struct Plan {
    pub fulfil: PathBuf,
    pub outages: Vec<Outage>,
    /// Those that should be made too and can't, and why.
    pub left_out: Vec<(Outage, &'static str)>,
    /// How long each lasts.
    pub lasts: Duration,
    /// Orders per second, of one line of one key each.
    pub rate: u32,
    /// The most orders that come beside these just before an alarm.
    pub burst: u64,
    pub workers: usize,
    pub lanes: u16,
    pub batch: u16,
    pub seed: u64,
    pub folder: PathBuf,
}

/// Runs the outages one after the other, each on servers of its own.
///
/// # Errors
/// When something can't be started, or an outage is not felt.
pub async fn run(plan: &Plan) -> Result<Report> {
    ensure!(!plan.outages.is_empty(), "no outage is named");
    ensure!(plan.workers > 0 && plan.rate > 0 && plan.batch > 0, "a run needs a worker, orders and batches of them");
    let mut runs = Vec::new();
    for outage in &plan.outages {
        let run = run::run(plan, *outage).await?;
        eprintln!("{}", run.in_short());
        runs.push(run);
    }
    Ok(Report::new(plan, runs))
}
