//! Results per second, from the moments at which each was read first.

use std::time::{Duration, Instant};

use super::strike::Strike;
use crate::results::Results;

const SECOND: Duration = Duration::from_secs(1);

/// Finds the lowest throughput of each strike, from the strike until the stock was whole.
pub(super) fn measure(strikes: &mut [Strike], results: &Results) {
    let mut moments: Vec<Instant> =
        results.orders.values().flat_map(|revisions| revisions.values()).map(|result| result.read_at).collect();
    moments.sort_unstable();
    for strike in strikes {
        let Some(seconds) = strike.seconds_until_whole else { continue };
        strike.lowest_per_second = Some(lowest(&moments, strike.moment, seconds.ceil().max(1.0) as u32));
    }
}

/// The fewest moments in any of the whole seconds that follow each other from `from` on.
fn lowest(moments: &[Instant], from: Instant, seconds: u32) -> u64 {
    let until = |end: Instant| moments.partition_point(|moment| *moment < end);
    let counts = (0..seconds).map(|second| until(from + SECOND * (second + 1)) - until(from + SECOND * second));
    counts.min().unwrap_or(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_without_results_is_seen() {
        let from = Instant::now();
        let moments: Vec<Instant> =
            [100, 900, 1500, 3100, 3200, 3300].map(|ms| from + Duration::from_millis(ms)).into();
        assert_eq!(lowest(&moments, from, 2), 1);
        assert_eq!(lowest(&moments, from, 3), 0);
        assert_eq!(lowest(&moments, from + SECOND * 3, 1), 3);
    }
}
