//! Both sides beside each other, and whether everything held.

use std::{collections::BTreeSet, fmt, time::Duration};

use serde::Serialize;

use super::{
    Plan, Run,
    latency::{Latencies, Quantiles},
    run::Dead,
};

#[derive(Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    pub suppliers: Vec<&'static str>,
    pub dead: &'static str,
    pub dark_seconds: f64,
    pub per_second: u32,
    /// Lines that the others served, of all rounds.
    pub comparisons: Vec<Comparison>,
    /// The p99 of the others while it was dark, with it over without it.
    pub p99_ratio: f64,
    pub most_p99_ratio: Option<f64>,
    pub with: Vec<Run>,
    pub without: Vec<Run>,
    pub clean: bool,
}

#[derive(Debug, Serialize)]
pub struct Comparison {
    pub what: String,
    pub with: Quantiles,
    pub without: Quantiles,
}

impl Report {
    pub(super) fn new(plan: &Plan, with: Vec<Run>, without: Vec<Run>) -> Self {
        let (dead, alive) = (joined(&with), joined(&without));
        let mut comparisons = vec![
            Comparison {
                what: "all the time".into(),
                with: Quantiles::of(&dead.all),
                without: Quantiles::of(&alive.all),
            },
            Comparison { what: "in its dark time".into(), with: dead.while_dark(), without: alive.while_dark() },
        ];
        let p99_ratio = comparisons[1].with.p99 / comparisons[1].without.p99;
        let suppliers: BTreeSet<&String> = dead.dark.keys().chain(alive.dark.keys()).collect();
        let of = |side: &Latencies, name: &str| side.dark.get(name).map(|all| Quantiles::of(all)).unwrap_or_default();
        comparisons.extend(suppliers.into_iter().map(|name| Comparison {
            what: format!("  from {name}"),
            with: of(&dead, name),
            without: of(&alive, name),
        }));
        let all_clean = with.iter().chain(&without).all(|run| run.verdict.clean);
        let fast = plan.most_p99_ratio.is_none_or(|most| p99_ratio <= most);
        Self {
            seed: plan.seed,
            suppliers: plan.protocols.iter().map(|protocol| protocol.as_str()).collect(),
            dead: plan.dead.as_str(),
            dark_seconds: plan.dark.as_secs_f64(),
            per_second: plan.rate,
            comparisons,
            p99_ratio,
            most_p99_ratio: plan.most_p99_ratio,
            with,
            without,
            clean: all_clean && fast,
        }
    }
}

fn joined(runs: &[Run]) -> Latencies {
    let mut all = Latencies::default();
    runs.iter().for_each(|run| all.join(&run.latencies));
    all
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (side, runs) in [("with", &self.with), ("without", &self.without)] {
            for (round, run) in runs.iter().enumerate() {
                writeln!(f, "—— round {}, {side} {}", round + 1, self.dead)?;
                writeln!(f, "{}", run.verdict)?;
                let late = Duration::from_secs_f64(run.published_late_seconds);
                writeln!(f, "published late by {} ms at most", late.as_millis())?;
                if let Some(dead) = &run.dead {
                    write!(f, "{dead}")?;
                }
            }
        }
        writeln!(
            f,
            "—— {} suppliers, {} orders a second; lines that others than {} served, from publishing to the final result, {} rounds",
            self.suppliers.len(),
            self.per_second,
            self.dead,
            self.with.len()
        )?;
        writeln!(
            f,
            "{:<22}{:>34}{:>34}",
            "seconds",
            format!("{} dark for {} s", self.dead, self.dark_seconds),
            "without it"
        )?;
        writeln!(f, "{:<22}{1}{1}", "", format!("{:>10}{:>8}{:>8}{:>8}", "lines", "p50", "p99", "most"))?;
        for Comparison { what, with, without } in &self.comparisons {
            writeln!(f, "{what:<22}{}{}", columns(with), columns(without))?;
        }
        write!(f, "p99 in its dark time, ratio: {:.2}", self.p99_ratio)?;
        if let Some(most) = self.most_p99_ratio {
            write!(f, " (at most {most:.2})")?;
        }
        writeln!(f)?;
        write!(
            f,
            "{}: {} dark for {} s among {} suppliers, {} rounds, the others' p99 meanwhile {:.2} times that without it; \
             seed {}",
            if self.clean { "CLEAN" } else { "NOT CLEAN" },
            self.dead,
            self.dark_seconds,
            self.suppliers.len(),
            self.with.len(),
            self.p99_ratio,
            self.seed
        )
    }
}

fn columns(quantiles: &Quantiles) -> String {
    let Quantiles { lines, p50, p99, most } = quantiles;
    format!("{lines:>10}{p50:>8.3}{p99:>8.3}{most:>8.3}")
}

impl fmt::Display for Dead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u64 = self.calls_while_dark.values().sum();
        let calls: Vec<String> = self.calls_while_dark.iter().map(|(what, count)| format!("{what} {count}")).collect();
        writeln!(f, "calls to it while dark   {all:>8}   {}", calls.join(", "))?;
        writeln!(f, "lines with it first      {:>8}   due while it was dark", self.first_choice_while_dark)?;
        writeln!(f, "tries for one line       {:>8}   at most", self.most_tries_for_one_line)?;
        writeln!(f, "lines of others          {:>8}   that waited for its word", self.lines_that_waited_for_it)?;
        let seconds = |time: Option<f64>| time.map_or("never".to_owned(), |time| format!("{time:.1} s"));
        writeln!(f, "first purchase again     {:>8}   after its return", seconds(self.seconds_to_first_purchase))?;
        writeln!(
            f,
            "full flow again          {:>8}   after its return; its share before was {:.2}",
            seconds(self.seconds_to_full_flow),
            self.share_before
        )?;
        self.events.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}
