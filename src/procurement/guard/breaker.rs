//! The breaker: closed, open, half open. It opens by the share of failed or of slow calls among the last ones,
//! and closes after a trial.
//!
//! What holds here: while it is open nobody calls; in a trial at most `probes` calls are let through, the first
//! alone, so that a dead supplier costs one call per opening; what calls of an earlier round report counts for
//! nothing; an admission that is withdrawn makes room for another. It has no clock: it takes `now`.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng, rngs::SmallRng};

use super::{
    settings::BreakerSettings,
    window::{Counts, Mark, Window},
};

#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: State,
    /// Rises with every change of state.
    round: u64,
    jitter: SmallRng,
}

#[derive(Debug)]
enum State {
    Closed(Window),
    Open {
        until: Instant,
        /// How many trials have failed in a row.
        failed_trials: u32,
    },
    HalfOpen {
        /// Probes that have not reported.
        out: u32,
        judged: Counts,
        failed_trials: u32,
    },
}

/// The state alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    Closed,
    HalfOpen,
    Open { until: Instant },
}

/// One call may be made. It is reported or withdrawn, or a place in a trial is lost.
#[derive(Debug)]
#[must_use]
pub(super) struct Admission {
    round: u64,
}

/// What a report has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Change {
    None,
    /// It is open for this long, because of these calls.
    Opened(Duration, Counts),
    /// It was half open, and is closed.
    Closed,
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings, seed: u64) -> Self {
        let settings = settings.bounded();
        Self {
            settings,
            state: State::Closed(Window::new(settings.window)),
            round: 0,
            jitter: SmallRng::seed_from_u64(seed),
        }
    }

    /// # Errors
    /// How long no call may be made; while a trial is under way, when a good probe has answered.
    pub(super) fn admit(&mut self, now: Instant) -> Result<Admission, Duration> {
        if let State::Open { until, failed_trials } = self.state {
            if now < until {
                return Err(until - now);
            }
            self.enter(State::HalfOpen { out: 0, judged: Counts::default(), failed_trials });
        }
        if let State::HalfOpen { out, judged, .. } = &mut self.state {
            let room = if judged.calls == 0 { 1 } else { self.settings.probes.saturating_sub(judged.calls) };
            if *out >= room {
                return Err(self.settings.slow);
            }
            *out += 1;
        }
        Ok(Admission { round: self.round })
    }

    /// The call was made: whether it failed, and how long it took.
    pub(super) fn report(&mut self, admission: Admission, failed: bool, took: Duration, now: Instant) -> Change {
        if admission.round != self.round {
            return Change::None;
        }
        let mark = Mark { failed, slow: took > self.settings.slow };
        let BreakerSettings { least_calls, failure_percent, slow_percent, probes, .. } = self.settings;
        match &mut self.state {
            // Nobody was admitted in the round of an open breaker.
            State::Open { .. } => Change::None,
            State::Closed(window) => {
                let counts = window.add(mark);
                if counts.calls < least_calls || !counts.reaches(failure_percent, slow_percent) {
                    return Change::None;
                }
                Change::Opened(self.open(0, now), counts)
            }
            State::HalfOpen { out, judged, failed_trials } => {
                *out = out.saturating_sub(1);
                judged.add(mark);
                let (judged, failed_trials) = (*judged, *failed_trials);
                if judged.reaches(failure_percent, slow_percent) {
                    return Change::Opened(self.open(failed_trials.saturating_add(1), now), judged);
                }
                if judged.calls < probes {
                    return Change::None;
                }
                self.enter(State::Closed(Window::new(self.settings.window)));
                Change::Closed
            }
        }
    }

    /// No call was made, or nothing is known of how it ended: the place is free again, and nothing is judged.
    pub(super) fn withdraw(&mut self, admission: Admission) {
        if admission.round != self.round {
            return;
        }
        match &mut self.state {
            State::HalfOpen { out, .. } => *out = out.saturating_sub(1),
            State::Closed(_) | State::Open { .. } => {}
        }
    }

    pub(super) fn stands(&self) -> Stands {
        match self.state {
            State::Closed(_) => Stands::Closed,
            State::HalfOpen { .. } => Stands::HalfOpen,
            State::Open { until, .. } => Stands::Open { until },
        }
    }

    fn open(&mut self, failed_trials: u32, now: Instant) -> Duration {
        let longest = self.settings.longest_open;
        let doubled = self.settings.open.saturating_mul(1 << failed_trials.min(16)).min(longest);
        // Up to a quarter less, so that workers do not all come back at once and the bound still holds.
        let time = doubled.mul_f64(1.0 - self.jitter.random::<f64>() / 4.0);
        self.enter(State::Open { until: now + time, failed_trials });
        time
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.round += 1;
    }
}

#[cfg(test)]
#[path = "tests/breaker_rules.rs"]
mod tests;
