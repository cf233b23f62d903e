//! How long a procurement waits between two looks at it.

use std::time::Duration;

use fulfil_contract::{attempt::Attempt, time::Timestamp};

/// Between two looks there is never more than this, so that new stock or a supplier's return is found.
pub(super) const LONGEST: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_millis(50);

/// Before an attempt is asked about again: doubling from the supplier's first pause, with jitter of a quarter
/// either way, so that what was lost together does not come back together.
#[must_use]
pub(super) fn before_query(attempt: &Attempt, first: Duration) -> Duration {
    let looks = attempt.queries.max(attempt.sends.saturating_sub(1));
    let doubled = first.saturating_mul(1 << looks.min(6));
    jittered(doubled.min(LONGEST))
}

/// Until a not-found counts, at most.
#[must_use]
pub(super) fn until_countable(attempt: &Attempt, now: Timestamp) -> Option<Duration> {
    let from = attempt.countable_from?;
    u64::try_from(from.0 - now.0).ok().filter(|micros| *micros > 0).map(Duration::from_micros)
}

/// `time` give or take a quarter, within bounds.
#[must_use]
pub(super) fn jittered(time: Duration) -> Duration {
    let factor = 0.75 + rand::random::<f64>() / 2.0;
    time.mul_f64(factor).clamp(SHORTEST, LONGEST)
}
