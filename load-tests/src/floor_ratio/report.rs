//! Both medians, their spread, and the ratio.

use std::fmt;

use serde::Serialize;

use super::{Plan, Run};

#[derive(Debug, Serialize)]
pub struct Report {
    pub orders: u64,
    pub lanes: u16,
    pub floor: Summary,
    pub worker: Summary,
    /// The worker's median rate over the floor's.
    pub ratio: f64,
}

/// The runs of one program.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub median: f64,
    pub least: f64,
    pub most: f64,
    pub peak_memory_bytes: u64,
    pub runs: Vec<Run>,
}

impl Report {
    pub(super) fn new(plan: &Plan, floor: Vec<Run>, worker: Vec<Run>) -> Self {
        let (floor, worker) = (Summary::of(floor), Summary::of(worker));
        Self { orders: plan.orders, lanes: plan.lanes, ratio: worker.median / floor.median, floor, worker }
    }
}

impl Summary {
    fn of(runs: Vec<Run>) -> Self {
        let rates: Vec<f64> = runs.iter().map(|run| run.orders_per_second).collect();
        Self {
            median: median(&rates),
            least: rates.iter().copied().fold(f64::INFINITY, f64::min),
            most: rates.iter().copied().fold(0.0, f64::max),
            peak_memory_bytes: runs.iter().map(|run| run.peak_memory_bytes).max().unwrap_or(0),
            runs,
        }
    }

    /// The median over the runs of what one process used.
    fn cpu(&self, name: &str) -> f64 {
        median(&self.runs.iter().filter_map(|run| run.cpu_us_per_order.get(name).copied()).collect::<Vec<_>>())
    }
}

pub(crate) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (odd, middle) if odd % 2 == 1 => sorted[middle],
        (_, middle) => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} orders of one key each, one result a message, {} lanes, {} rounds in turn",
            self.orders,
            self.lanes,
            self.floor.runs.len()
        )?;
        writeln!(
            f,
            "{:<8}{:>10}{:>22}   CPU us per order (medians){:>18}",
            "", "orders/s", "least – most", "peak memory"
        )?;
        for (name, summary) in [("floor", &self.floor), ("worker", &self.worker)] {
            let spread = format!("{:.0} – {:.0}", summary.least, summary.most);
            let cpu: Vec<String> = ["rabbitmq", "redis", "postgres", "program"]
                .iter()
                .map(|name| format!("{name} {:.1}", summary.cpu(name)))
                .collect();
            let memory = summary.peak_memory_bytes as f64 / f64::from(1 << 20);
            writeln!(f, "{name:<8}{:>10.0}{spread:>22}   {:<50}{memory:>8.0} MiB", summary.median, cpu.join("  "))?;
        }
        write!(f, "ratio of the medians: {:.2}", self.ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_one_or_the_middle_of_two() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }
}
