//! Connections between workers and servers cut at chosen moments, while orders come in; then a verdict.
//!
//! Every connection of the workers goes through a proxy ([`crate::proxy`]). Orders are published straight to the
//! broker until as many connections were cut as asked for; then everything passes again, and within a minute nothing
//! may be missing.

use std::{path::PathBuf, time::Duration};

use anyhow::{Result, ensure};

mod feed;
mod kind;
mod report;
mod run;

pub use kind::Kind;
pub use report::{Report, Run};

#[derive(Debug, Clone)]
pub struct Plan {
    pub fulfil: PathBuf,
    pub kinds: Vec<Kind>,
    /// Of each kind; else as usual for the kind.
    pub cuts: Option<u64>,
    pub workers: usize,
    pub lanes: u16,
    /// The most orders of a batch; a batch is one COMMIT.
    pub batch: u16,
    /// How long a connection of kind blackhole is silent.
    pub silence: Duration,
    /// For the cuts of one kind, at most.
    pub limit: Duration,
    pub seed: u64,
    pub folder: PathBuf,
}

/// Runs the kinds one after the other, each on servers of its own.
///
/// # Errors
/// When something can't be started, or the plan fits no run.
pub async fn run(plan: &Plan) -> Result<Report> {
    ensure!(!plan.kinds.is_empty(), "no kind of cut is named");
    ensure!(plan.workers > 0 && plan.batch > 0, "a run needs a worker, and batches of at least one order");
    let mut runs = Vec::new();
    for kind in &plan.kinds {
        let run = run::run(plan, *kind).await?;
        eprintln!("{}", run.in_short());
        runs.push(run);
    }
    Ok(Report::new(plan.seed, runs))
}
