//! The retry budget: retries are at most a share of the calls over a window, and a small floor for a supplier
//! that is seldom called. So retries can't multiply what a supplier in trouble gets. It has no clock: it takes
//! `now`.

use std::time::{Duration, Instant};

use super::settings::BudgetSettings;

const SLOTS: usize = 10;

#[derive(Debug)]
pub(super) struct Budget {
    settings: BudgetSettings,
    slots: [Slot; SLOTS],
    /// Slots are counted from here.
    origin: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    number: u64,
    calls: u32,
    retries: u32,
}

impl Budget {
    pub(super) fn new(settings: BudgetSettings) -> Self {
        Self { settings, slots: [Slot::default(); SLOTS], origin: None }
    }

    /// A call was made that is no retry.
    pub(super) fn call(&mut self, now: Instant) {
        let slot = self.slot(now);
        slot.calls = slot.calls.saturating_add(1);
    }

    /// Whether there may be a retry; [`Budget::spend`] makes it one.
    pub(super) fn may_retry(&mut self, now: Instant) -> bool {
        let current = self.slot(now).number;
        let within = self.slots.iter().filter(|slot| current - slot.number < SLOTS as u64);
        let (calls, retries) = within
            .fold((0, 0), |(calls, retries), slot| (calls + u64::from(slot.calls), retries + u64::from(slot.retries)));
        let allowed = u64::from(self.settings.floor) + calls * u64::from(self.settings.percent) / 100;
        retries < allowed
    }

    pub(super) fn spend(&mut self, now: Instant) {
        let slot = self.slot(now);
        slot.retries = slot.retries.saturating_add(1);
    }

    /// The slot of this moment, emptied if it was an older one's. A moment before the newest slot counts to it.
    fn slot(&mut self, now: Instant) -> &mut Slot {
        let origin = *self.origin.get_or_insert(now);
        let length = (self.settings.window / SLOTS as u32).max(Duration::from_millis(1));
        let elapsed = now.saturating_duration_since(origin).as_nanos() / length.as_nanos();
        let newest = self.slots.iter().map(|slot| slot.number).max().unwrap_or(0);
        let number = u64::try_from(elapsed).unwrap_or(u64::MAX).max(newest);
        let slot = &mut self.slots[number as usize % SLOTS];
        if slot.number != number {
            *slot = Slot { number, ..Slot::default() };
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::SmallRng};

    use super::*;

    const SETTINGS: BudgetSettings = BudgetSettings { percent: 20, floor: 3, window: Duration::from_secs(10) };

    fn retry(budget: &mut Budget, now: Instant) -> bool {
        let may = budget.may_retry(now);
        if may {
            budget.spend(now);
        }
        may
    }

    #[test]
    fn a_share_of_the_calls_and_a_floor() {
        for (calls, retries) in [(0, 3), (4, 3), (5, 4), (100, 23)] {
            let (mut budget, now) = (Budget::new(SETTINGS), Instant::now());
            (0..calls).for_each(|_| budget.call(now));
            assert_eq!((0..1000).filter(|_| retry(&mut budget, now)).count(), retries, "{calls} calls");
            assert!(!retry(&mut budget, now + Duration::from_secs(9)), "still within the window");
            let later = now + Duration::from_secs(15);
            assert_eq!((0..9).filter(|_| retry(&mut budget, later)).count(), 3, "a new window, and the floor");
        }
    }

    #[test]
    fn no_window_has_more_retries_than_its_share_and_floor() {
        for seed in 0..30 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let (mut budget, start) = (Budget::new(SETTINGS), Instant::now());
            let (mut now, mut calls, mut retries) = (start, Vec::new(), Vec::new());
            for _ in 0..3000 {
                now += Duration::from_millis(rng.random_range(0..40));
                if rng.random_bool(0.5) {
                    budget.call(now);
                    calls.push(now);
                } else if retry(&mut budget, now) {
                    retries.push(now);
                }
            }
            // A window of whole slots sees all of a moment's slot, so calls are counted over one window, and
            // retries over a window less a slot.
            for end in &retries {
                let within = |at: &&Instant, window: u64| **at <= *end && *end - **at < Duration::from_secs(window);
                let most = 3 + calls.iter().filter(|at| within(at, 10)).count() / 5;
                let made = retries.iter().filter(|at| within(at, 9)).count();
                assert!(made <= most, "seed {seed}: {made} > {most}");
            }
        }
    }
}
