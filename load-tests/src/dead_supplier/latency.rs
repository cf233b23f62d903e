//! How long lines took, as quantiles.

use std::collections::BTreeMap;

use serde::Serialize;

/// Seconds, of so many lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quantiles {
    pub lines: usize,
    pub p50: f64,
    pub p99: f64,
    pub most: f64,
}

impl Quantiles {
    #[must_use]
    pub fn of(seconds: &[f64]) -> Self {
        let mut sorted = seconds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
        };
        Self { lines: sorted.len(), p50: at(0.5), p99: at(0.99), most: at(1.0) }
    }
}

/// Seconds of the lines that were served by others than the dead supplier and never waited for its word.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    /// Of the whole run.
    pub all: Vec<f64>,
    /// Of the orders that were due while it was dark, or would have been, by who served them.
    pub dark: BTreeMap<String, Vec<f64>>,
}

impl Latencies {
    pub(super) fn add(&mut self, supplier: &str, seconds: f64, dark: bool) {
        self.all.push(seconds);
        if dark {
            self.dark.entry(supplier.to_owned()).or_default().push(seconds);
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.all.extend(&other.all);
        for (supplier, seconds) in &other.dark {
            self.dark.entry(supplier.clone()).or_default().extend(seconds);
        }
    }

    /// By what is told in the report: first all of the dark time, then by supplier.
    pub(super) fn while_dark(&self) -> Quantiles {
        Quantiles::of(&self.dark.values().flatten().copied().collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        let seconds: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(Quantiles::of(&seconds), Quantiles { lines: 200, p50: 100.0, p99: 198.0, most: 200.0 });
        assert_eq!(Quantiles::of(&[]), Quantiles::default());
    }
}
