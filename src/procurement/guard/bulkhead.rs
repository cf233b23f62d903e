//! The bulkhead: how many calls to one supplier are under way at most, so that one that does not answer can't
//! take up everything.

use std::time::{Duration, Instant};

use super::turns::Turns;

/// Nobody is told to come back sooner: each return costs the ledger a look.
const SHORTEST_WAIT: Duration = Duration::from_millis(50);
/// What a call is taken to last before any was observed.
const UNOBSERVED: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Bulkhead {
    places: u32,
    taken: u32,
    turns: Turns,
}

impl Bulkhead {
    /// `places` below 1 count as 1.
    pub(super) fn new(places: u32) -> Self {
        Self { places: places.max(1), taken: 0, turns: Turns::default() }
    }

    /// Takes a place; `latency` is what calls last, as observed.
    ///
    /// # Errors
    /// How long a place is expected to take, those who were refused before and wait being first.
    pub(super) fn enter(&mut self, now: Instant, latency: Option<Duration>) -> Result<(), Duration> {
        if self.taken < self.places {
            self.taken += 1;
            return Ok(());
        }
        let apart = latency.unwrap_or(UNOBSERVED) / self.places;
        Err(self.turns.next(now, apart.max(SHORTEST_WAIT), apart))
    }

    pub(super) fn leave(&mut self) {
        self.taken = self.taken.saturating_sub(1);
    }

    pub(super) fn taken(&self) -> u32 {
        self.taken
    }

    pub(super) fn places(&self) -> u32 {
        self.places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_there_are_places() {
        for places in [0, 1, 5] {
            let (mut bulkhead, now) = (Bulkhead::new(places), Instant::now());
            for _ in 0..places.max(1) {
                bulkhead.enter(now, None).unwrap();
            }
            assert!(bulkhead.enter(now, None).is_err());
            bulkhead.leave();
            assert_eq!(bulkhead.enter(now, None), Ok(()));
        }
    }

    #[test]
    fn the_wait_is_latency_by_place_and_by_who_waits() {
        let (mut bulkhead, now) = (Bulkhead::new(4), Instant::now());
        for _ in 0..4 {
            bulkhead.enter(now, None).unwrap();
        }
        for waits in 1..20 {
            let wait = bulkhead.enter(now, Some(Duration::from_secs(2))).unwrap_err();
            assert_eq!(wait, Duration::from_millis(500) * waits);
        }
    }
}
