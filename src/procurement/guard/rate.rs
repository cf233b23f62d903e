//! A token bucket: so many calls per second over time, a quarter of a second's worth at once. It is kept as the
//! moment at which the bucket will be full again, so there is nothing to fill. It has no clock: it takes `now`.

use std::time::{Duration, Instant};

use super::turns::Turns;

#[derive(Debug)]
pub(super) struct Rate {
    /// Between two tokens.
    apart: Duration,
    /// What a full bucket holds, as time.
    depth: Duration,
    full_at: Option<Instant>,
    turns: Turns,
}

impl Rate {
    /// `None` without a limit.
    pub(super) fn new(per_second: Option<u32>) -> Option<Self> {
        let per_second = per_second.filter(|per_second| *per_second > 0)?;
        let apart = Duration::from_secs(1) / per_second;
        let depth = apart * (per_second / 4).max(1);
        Some(Self { apart, depth, full_at: None, turns: Turns::default() })
    }

    /// Takes a token.
    ///
    /// # Errors
    /// How long to wait for one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.map_or(now, |full_at| full_at.max(now)) + self.apart;
        let wait = full_at.saturating_duration_since(now + self.depth);
        if wait.is_zero() {
            self.full_at = Some(full_at);
            Ok(())
        } else {
            Err(self.turns.next(now, wait, self.apart))
        }
    }

    /// The token was not used.
    pub(super) fn give_back(&mut self) {
        self.full_at = self.full_at.and_then(|full_at| full_at.checked_sub(self.apart));
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::SmallRng};

    use super::*;

    #[test]
    fn no_limit_is_no_bucket() {
        assert!(Rate::new(None).is_none() && Rate::new(Some(0)).is_none());
    }

    #[test]
    fn a_quarter_comes_at_once_and_then_one_after_another() {
        for (per_second, at_once) in [(1, 1), (3, 1), (4, 1), (8, 2), (100, 25)] {
            let (mut rate, now) = (Rate::new(Some(per_second)).unwrap(), Instant::now());
            let taken = (0..per_second * 2).take_while(|_| rate.take(now).is_ok()).count();
            assert_eq!(taken, at_once, "{per_second} per second");
            let wait = rate.take(now + Duration::from_nanos(1)).unwrap_err();
            assert!(wait <= 3 * Duration::from_secs(1) / per_second, "{per_second} per second: {wait:?}");
        }
    }

    /// Whatever the rhythm of the calls: never more than a second's worth and the bucket in any second, and none
    /// is lost where there is demand.
    #[test]
    fn no_second_has_more_than_its_calls_and_a_bucket() {
        for seed in 0..30 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let per_second = rng.random_range(1..60);
            let (mut rate, start) = (Rate::new(Some(per_second)).unwrap(), Instant::now());
            let (mut now, mut taken) = (start, Vec::new());
            while now < start + Duration::from_secs(20) {
                if rate.take(now).is_ok() {
                    taken.push(now);
                }
                now += Duration::from_micros(rng.random_range(0..2 * 500_000 / u64::from(per_second)));
            }
            let most = per_second + (per_second / 4).max(1);
            for from in &taken {
                let within = |at: &&Instant| **at >= *from && **at < *from + Duration::from_secs(1);
                let count = taken.iter().filter(within).count();
                assert!(count <= most as usize, "seed {seed}: {count} > {most}");
            }
            assert!(taken.len() as f64 >= f64::from(per_second) * 20.0 * 0.7, "seed {seed}: {}", taken.len());
        }
    }

    #[test]
    fn an_unused_token_comes_back() {
        let (mut rate, now) = (Rate::new(Some(4)).unwrap(), Instant::now());
        for _ in 0..100 {
            rate.take(now).unwrap();
            assert!(rate.take(now).is_err());
            rate.give_back();
        }
    }
}
