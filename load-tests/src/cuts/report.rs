//! What the cuts showed, a line for each kind.

use std::fmt;

use serde::Serialize;

use super::Kind;
use crate::{judge::verdict::Verdict, proxy::Counts};

#[derive(Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    pub runs: Vec<Run>,
    pub clean: bool,
}

/// The cuts of one kind.
#[derive(Debug, Serialize)]
pub struct Run {
    pub kind: Kind,
    pub asked: u64,
    /// Of those asked for.
    pub done: u64,
    pub counts: Counts,
    /// Messages that were published.
    pub orders: u64,
    /// From the first cut until the last one.
    pub seconds: f64,
    /// From then on.
    pub seconds_until_answered: f64,
    pub seconds_until_stock_whole: f64,
    pub deliveries: f64,
    pub redelivered: f64,
    /// Workers that ended without having been told to.
    pub ended_by_themselves: u64,
    pub verdict: Verdict,
}

impl Run {
    pub(super) fn in_short(&self) -> String {
        format!(
            "{}: {} {} in {:.0} s, answered {:.1} s and stock whole {:.1} s later; {}",
            self.kind.as_str(),
            self.done,
            self.kind.in_words(),
            self.seconds,
            self.seconds_until_answered,
            self.seconds_until_stock_whole,
            said(self.verdict.clean)
        )
    }
}

impl Report {
    pub(super) fn new(seed: u64, runs: Vec<Run>) -> Self {
        let clean = runs.iter().all(|run| run.verdict.clean);
        Self { seed, runs, clean }
    }
}

fn said(clean: bool) -> &'static str {
    if clean { "CLEAN" } else { "NOT CLEAN" }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for run in &self.runs {
            writeln!(f, "—— {}", run.kind.as_str())?;
            writeln!(f, "{}", run.verdict)?;
        }
        writeln!(
            f,
            "{:<14}{:>7}{:>7}{:>9}{:>9}{:>11}{:>9}{:>9}{:>9}{:>8}{:>10}{:>9}  verdict",
            "kind",
            "struck",
            "cuts",
            "lost",
            "given",
            "committed",
            "orders",
            "repeats",
            "redeliv.",
            "seconds",
            "answered",
            "stock"
        )?;
        for run in &self.runs {
            let Counts { cuts, answers_lost, answers_given, committed, .. } = run.counts;
            writeln!(
                f,
                "{:<14}{:>7}{cuts:>7}{answers_lost:>9}{answers_given:>9}{committed:>11}{:>9}{:>9}{:>9}{:>8.0}{:>9.1}s{:>8.1}s  {}",
                run.kind.as_str(),
                run.done,
                run.orders,
                run.verdict.repeats,
                run.redelivered,
                run.seconds,
                run.seconds_until_answered,
                run.seconds_until_stock_whole,
                said(run.verdict.clean)
            )?;
        }
        writeln!(
            f,
            "lost: answers that were not delivered; given: of these, read by the proxy; committed: of these, COMMITs that took place"
        )?;
        let done: Vec<String> = self.runs.iter().map(|run| format!("{} {}", run.done, run.kind.in_words())).collect();
        match self.runs.iter().find(|run| !run.verdict.clean) {
            None => write!(f, "CLEAN: {}: one effect each; seed {}", done.join(", "), self.seed),
            Some(run) => {
                let failed: Vec<&str> =
                    run.verdict.checks.iter().filter(|check| check.offenders > 0).map(|check| check.name).collect();
                write!(f, "NOT CLEAN: {}: {}; seed {}", run.kind.as_str(), failed.join(", "), self.seed)
            }
        }
    }
}
