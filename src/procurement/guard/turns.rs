//! Those who are refused together come back one after another: each is told a later time than the one before, up
//! to a bound, from which it begins anew. Nobody is kept, so nobody can be forgotten: who never comes back only
//! leaves a gap.

use std::time::{Duration, Instant};

/// Nobody is told a longer time.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Turns {
    last: Option<Instant>,
}

impl Turns {
    /// How long the next one waits: `earliest` if nobody waits, else `apart` after the last who does.
    pub(super) fn next(&mut self, now: Instant, earliest: Duration, apart: Duration) -> Duration {
        let first = now + earliest.min(LONGEST_WAIT);
        let after = self.last.and_then(|last| last.checked_add(apart)).unwrap_or(first);
        let turn = if after > now + LONGEST_WAIT { first } else { after.max(first) };
        self.last = Some(turn);
        turn - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_after_the_one_before() {
        let (mut turns, now) = (Turns::default(), Instant::now());
        let (earliest, apart) = (Duration::from_millis(100), Duration::from_secs(1));
        for number in 0..60 {
            assert_eq!(turns.next(now, earliest, apart), earliest + apart * number);
        }
        assert_eq!(turns.next(now, earliest, apart), earliest, "the bound: anew");
        assert_eq!(turns.next(now + LONGEST_WAIT, earliest, apart), earliest, "nobody waits any more");
    }

    #[test]
    fn no_time_is_above_the_bound() {
        let (mut turns, now) = (Turns::default(), Instant::now());
        for apart in [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(7), Duration::MAX] {
            for earliest in [Duration::ZERO, Duration::from_secs(59), Duration::MAX] {
                for _ in 0..100 {
                    assert!(turns.next(now, earliest, apart) <= LONGEST_WAIT);
                }
            }
        }
    }
}
