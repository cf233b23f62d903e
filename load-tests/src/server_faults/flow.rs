//! Results per second, from the moments at which each was read first.

use std::time::{Duration, Instant};

use super::strike::Strike;
use crate::results::Results;

const SECOND: Duration = Duration::from_secs(1);

/// Finds the lowest throughput of each strike, from the strike until a second after the stock was whole.
pub(super) fn measure(strikes: &mut [Strike], results: &Results) {
    let mut moments: Vec<Instant> =
        results.orders.values().flat_map(|revisions| revisions.values()).map(|result| result.read_at).collect();
    moments.sort_unstable();
    for strike in strikes {
        let Some(seconds) = strike.seconds_until_whole else { continue };
        let over = strike.moment + Duration::from_secs_f64(seconds) + SECOND;
        strike.lowest_per_second = Some(lowest(&moments, strike.moment, over));
    }
}

/// The fewest moments in any second of this time, wherever it begins: a second with the fewest begins with the time
/// itself, just after a moment, or ends with the time.
fn lowest(moments: &[Instant], from: Instant, over: Instant) -> u64 {
    let before = |end: Instant| moments.partition_point(|moment| *moment < end);
    let up_to = |end: Instant| moments.partition_point(|moment| *moment <= end);
    let last = over.checked_sub(SECOND).map_or(from, |last| last.max(from));
    let at_the_ends = [from, last].map(|begin| before(begin + SECOND) - before(begin));
    let within = &moments[before(from)..before(last).max(before(from))];
    let after_each = within.iter().map(|moment| before(*moment + SECOND).saturating_sub(up_to(*moment)));
    at_the_ends.into_iter().chain(after_each).min().unwrap_or(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_without_results_is_seen_wherever_it_begins() {
        let from = Instant::now();
        let at = |ms: u64| from + Duration::from_millis(ms);
        let moments = |ms: &[u64]| ms.iter().map(|ms| at(*ms)).collect::<Vec<_>>();
        // 0.95 s of one second, and as much of the next.
        let pause = moments(&[10, 20, 30, 50, 1950, 1960, 1970, 2100, 2900]);
        assert_eq!(lowest(&pause, from, at(3000)), 0);
        assert_eq!(lowest(&pause, at(1500), at(3000)), 2, "just after 1970, or at the end");
        assert_eq!(lowest(&pause, at(1900), at(2900)), 4, "the only second that is asked for");
        let steady: Vec<u64> = (0..40).map(|number| number * 100).collect();
        assert_eq!(lowest(&moments(&steady), from, at(3000)), 9, "just after one of ten");
        assert_eq!(lowest(&[], from, at(3000)), 0);
        assert_eq!(lowest(&moments(&[10, 20]), from, at(5000)), 0, "nothing comes to the end");
    }
}
