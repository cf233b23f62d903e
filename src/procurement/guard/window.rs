//! The last N calls, and how many of them failed or were slow.

use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    calls: VecDeque<Mark>,
    counts: Counts,
}

/// What one call was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) failed: bool,
    pub(super) slow: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) calls: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

impl Counts {
    pub(super) fn add(&mut self, mark: Mark) {
        self.calls += 1;
        self.failed += u32::from(mark.failed);
        self.slow += u32::from(mark.slow);
    }

    fn take_off(&mut self, mark: Mark) {
        self.calls -= 1;
        self.failed -= u32::from(mark.failed);
        self.slow -= u32::from(mark.slow);
    }

    /// Whether a share of the calls is at least so many percent.
    pub(super) fn reaches(&self, failure_percent: u32, slow_percent: u32) -> bool {
        let reaches = |count: u32, percent: u32| count > 0 && count * 100 >= percent * self.calls;
        reaches(self.failed, failure_percent) || reaches(self.slow, slow_percent)
    }
}

impl Window {
    /// `size` is at least 1.
    pub(super) fn new(size: u32) -> Self {
        Self { size: size.max(1) as usize, calls: VecDeque::new(), counts: Counts::default() }
    }

    pub(super) fn add(&mut self, mark: Mark) -> Counts {
        if self.calls.len() == self.size
            && let Some(oldest) = self.calls.pop_front()
        {
            self.counts.take_off(oldest);
        }
        self.calls.push_back(mark);
        self.counts.add(mark);
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::SmallRng};

    use super::*;

    #[test]
    fn it_counts_the_last_calls_and_no_others() {
        for seed in 0..20 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let size = rng.random_range(1..30);
            let (mut window, mut all) = (Window::new(size), Vec::new());
            for _ in 0..200 {
                let mark = Mark { failed: rng.random(), slow: rng.random() };
                all.push(mark);
                let mut last = Counts::default();
                all.iter().rev().take(size as usize).for_each(|mark| last.add(*mark));
                assert_eq!(window.add(mark), last, "seed {seed}");
            }
        }
    }

    #[test]
    fn a_share_is_reached_at_its_percentage() {
        for (failed, slow, calls, reached) in [
            (0, 0, 0, false),
            (0, 0, 10, false),
            (4, 0, 10, false),
            (5, 0, 10, true),
            (0, 7, 10, false),
            (0, 8, 10, true),
            (1, 0, 1, true),
        ] {
            assert_eq!(Counts { calls, failed, slow }.reaches(50, 80), reached, "{failed} {slow} {calls}");
        }
    }
}
