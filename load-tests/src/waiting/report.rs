//! Both medians, their spread and ratio, and what each needed.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{Measured, Plan};
use crate::floor_ratio::report::median;

#[derive(Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    pub orders: u64,
    pub waiting: u64,
    pub takes_seconds: f64,
    pub lanes: u16,
    pub none_waiting: Side,
    pub some_waiting: Side,
    /// The median rate while procurements wait over that while none does.
    pub ratio: f64,
    pub least: f64,
    pub clean: bool,
}

/// The runs of one side.
#[derive(Debug, Serialize)]
pub struct Side {
    pub median: f64,
    pub least: f64,
    pub most: f64,
    pub peak_memory_bytes: u64,
    /// The most that was seen, by the name that they give Postgres.
    pub connections: BTreeMap<String, u64>,
    pub runs: Vec<Measured>,
}

impl Report {
    pub(super) fn new(plan: &Plan, none: Vec<Measured>, waiting: Vec<Measured>) -> Self {
        let (none_waiting, some_waiting) = (Side::of(none), Side::of(waiting));
        let ratio = some_waiting.median / none_waiting.median;
        let held = [&none_waiting, &some_waiting].iter().all(|side| side.runs.iter().all(|run| run.wrong.is_empty()));
        Self {
            seed: plan.seed,
            orders: plan.orders,
            waiting: plan.waiting,
            takes_seconds: plan.takes.as_secs_f64(),
            lanes: plan.lanes,
            none_waiting,
            some_waiting,
            ratio,
            least: plan.least,
            clean: held && ratio >= plan.least,
        }
    }
}

impl Side {
    fn of(runs: Vec<Measured>) -> Self {
        let rates: Vec<f64> = runs.iter().map(|measured| measured.run.orders_per_second).collect();
        let mut connections = BTreeMap::new();
        for (name, count) in runs.iter().flat_map(|measured| &measured.connections) {
            let most: &mut u64 = connections.entry(name.clone()).or_default();
            *most = (*most).max(*count);
        }
        Self {
            median: median(&rates),
            least: rates.iter().copied().fold(f64::INFINITY, f64::min),
            most: rates.iter().copied().fold(0.0, f64::max),
            peak_memory_bytes: runs.iter().map(|measured| measured.run.peak_memory_bytes).max().unwrap_or(0),
            connections,
            runs,
        }
    }

    /// The median over the runs of what one process used.
    fn cpu(&self, name: &str) -> f64 {
        let used = self.runs.iter().filter_map(|measured| measured.run.cpu_us_per_order.get(name).copied());
        median(&used.collect::<Vec<_>>())
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        let spread = format!("{:.0} – {:.0}", self.least, self.most);
        let memory = self.peak_memory_bytes as f64 / f64::from(1 << 20);
        let connections: Vec<String> = self.connections.iter().map(|(name, count)| format!("{name} {count}")).collect();
        writeln!(f, "{name:<10}{:>10.0}{spread:>20}{memory:>10.0} MiB   {}", self.median, connections.join(", "))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.none_waiting.runs.len();
        writeln!(
            f,
            "{} orders of one key each, {} lanes, {rounds} rounds in turn; {} procurements wait on suppliers that take {} s, or none does",
            self.orders, self.lanes, self.waiting, self.takes_seconds
        )?;
        writeln!(
            f,
            "{:<10}{:>10}{:>20}{:>14}   connections to Postgres",
            "waiting", "orders/s", "least – most", "peak memory"
        )?;
        self.none_waiting.row(f, "none")?;
        self.some_waiting.row(f, &self.waiting.to_string())?;
        writeln!(f, "CPU µs per order, medians")?;
        for (name, side) in [("none".to_owned(), &self.none_waiting), (self.waiting.to_string(), &self.some_waiting)] {
            let cpu = ["rabbitmq", "redis", "postgres", "program"].map(|name| format!("{name} {:.1}", side.cpu(name)));
            writeln!(f, "{name:<10}{}", cpu.join("   "))?;
        }
        for (round, measured) in self.some_waiting.runs.iter().enumerate() {
            let [begin, end] = measured.waiting;
            let (round, calls) = (round + 1, measured.calls);
            writeln!(f, "round {round}: {begin} waited at the begin, {end} at the end, up to {calls} calls under way")?;
        }
        for (side, runs) in [("none waiting", &self.none_waiting.runs), ("some waiting", &self.some_waiting.runs)] {
            for (round, measured) in runs.iter().enumerate() {
                for wrong in &measured.wrong {
                    writeln!(f, "FAIL  round {}, {side}: {wrong}", round + 1)?;
                }
            }
        }
        let clean = if self.clean { "CLEAN" } else { "NOT CLEAN" };
        write!(f, "ratio of the medians: {:.2} (at least {:.2}); seed {}; {clean}", self.ratio, self.least, self.seed)
    }
}
