//! How a supplier is guarded. Every number has a meaning at its edges: nothing here can lock a supplier out for
//! good, whatever is configured.

use std::time::Duration;

/// How one supplier is guarded, in this process: N workers make N times as many calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardSettings {
    /// A call's time limit; a query's with all its retries. A purchase that takes longer is unknown.
    pub timeout: Duration,
    /// The most calls under way; 0 counts as 1.
    pub concurrency: u32,
    /// The most calls per second, over time; a quarter of it may come at once. `None` or 0: no limit.
    pub per_second: Option<u32>,
    /// A query without a clear answer is made again so often at most.
    pub query_retries: u32,
    pub retries: BudgetSettings,
    pub breaker: BreakerSettings,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(15),
            concurrency: 8,
            per_second: None,
            query_retries: 2,
            retries: BudgetSettings::default(),
            breaker: BreakerSettings::default(),
        }
    }
}

/// When the breaker opens, and for how long. Percentages below 1 count as 1, above 100 as 100; a `slow` that is
/// no shorter than the time limit judges by failures alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// It judges by the last so many calls (1–1000).
    pub window: u32,
    /// With fewer it does not judge; at most `window`.
    pub least_calls: u32,
    /// This share of failed calls opens it.
    pub failure_percent: u32,
    /// This share of slow calls opens it.
    pub slow_percent: u32,
    /// A call that took longer is slow.
    pub slow: Duration,
    /// How long it is open the first time; twice as long after each trial that failed.
    pub open: Duration,
    /// It is never open for longer.
    pub longest_open: Duration,
    /// So many calls that answer well close it again; the first goes alone, the others side by side.
    pub probes: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            window: 20,
            least_calls: 5,
            failure_percent: 50,
            slow_percent: 80,
            slow: Duration::from_secs(8),
            open: Duration::from_secs(5),
            longest_open: Duration::from_secs(30),
            probes: 3,
        }
    }
}

impl BreakerSettings {
    /// With every number within its bounds.
    #[must_use]
    pub(super) fn bounded(self) -> Self {
        let window = self.window.clamp(1, 1000);
        Self {
            window,
            least_calls: self.least_calls.clamp(1, window),
            failure_percent: self.failure_percent.clamp(1, 100),
            slow_percent: self.slow_percent.clamp(1, 100),
            longest_open: self.longest_open.max(self.open),
            probes: self.probes.max(1),
            ..self
        }
    }
}

/// How many retries there may be: at most `percent` of the calls of the last `window`, and `floor` more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetSettings {
    pub percent: u32,
    pub floor: u32,
    pub window: Duration,
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self { percent: 20, floor: 3, window: Duration::from_secs(10) }
    }
}
