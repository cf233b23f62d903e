//! Keeps calls from waiting for a server that does not answer: after some failures in a row they fail at
//! once for a pause, then one call tries; each try that fails doubles the pause, up to a bound. It has no
//! clock: it takes `now`.

use std::time::{Duration, Instant};

/// How the breaker behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// So many failures in a row open it.
    pub(crate) failures: u32,
    pub(crate) first_pause: Duration,
    pub(crate) longest_pause: Duration,
    /// A try that has not reported after this long is given up, and another call may try.
    pub(crate) longest_try: Duration,
}

#[derive(Debug)]
pub(crate) struct Breaker {
    limits: Limits,
    state: State,
    /// Rises when the state changes, so that what earlier calls report later counts for nothing.
    round: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed {
        failures: u32,
    },
    /// Nobody calls before `until`.
    Open {
        until: Instant,
        pause: Duration,
    },
}

/// One call may be made; it reports with this.
#[derive(Debug)]
#[must_use]
pub(crate) struct Permit {
    round: u64,
}

/// What a report has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Change {
    None,
    /// It was closed, and is open for this long.
    Opened(Duration),
    /// It was open, and is closed.
    Closed,
}

impl Breaker {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, state: State::Closed { failures: 0 }, round: 0 }
    }

    /// # Errors
    /// How long no call may be made.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<Permit, Duration> {
        match self.state {
            State::Closed { .. } => {}
            State::Open { until, .. } if now < until => return Err(until - now),
            State::Open { pause, .. } => {
                self.state = State::Open { until: now + self.limits.longest_try, pause };
                self.round += 1;
            }
        }
        Ok(Permit { round: self.round })
    }

    /// The server answered, whatever it said. That tells that it is there, whichever round asked it.
    pub(crate) fn answered(&mut self, permit: Permit) -> Change {
        let Permit { round } = permit;
        match self.state {
            State::Closed { .. } if round != self.round => Change::None,
            State::Closed { .. } => {
                self.state = State::Closed { failures: 0 };
                Change::None
            }
            State::Open { .. } => {
                self.state = State::Closed { failures: 0 };
                self.round += 1;
                Change::Closed
            }
        }
    }

    /// The server did not answer.
    pub(crate) fn failed(&mut self, permit: Permit, now: Instant) -> Change {
        let Permit { round } = permit;
        if round != self.round {
            return Change::None;
        }
        match self.state {
            State::Closed { failures } if failures + 1 < self.limits.failures => {
                self.state = State::Closed { failures: failures + 1 };
                Change::None
            }
            State::Closed { .. } => {
                self.open(now, self.limits.first_pause);
                Change::Opened(self.limits.first_pause)
            }
            State::Open { pause, .. } => {
                self.open(now, (pause * 2).min(self.limits.longest_pause));
                Change::None
            }
        }
    }

    fn open(&mut self, now: Instant, pause: Duration) {
        self.state = State::Open { until: now + pause, pause };
        self.round += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        failures: 3,
        first_pause: Duration::from_millis(100),
        longest_pause: Duration::from_millis(300),
        longest_try: Duration::from_millis(500),
    };

    fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// A breaker that has just opened, and when.
    fn opened() -> (Breaker, Instant) {
        let (mut breaker, now) = (Breaker::new(LIMITS), Instant::now());
        for change in [Change::None, Change::None, Change::Opened(LIMITS.first_pause)] {
            let permit = breaker.admit(now).unwrap();
            assert_eq!(breaker.failed(permit, now), change);
        }
        (breaker, now)
    }

    #[test]
    fn three_failures_in_a_row_open_it() {
        let (mut breaker, now) = opened();
        assert_eq!(breaker.admit(now).unwrap_err(), milliseconds(100));
        assert_eq!(breaker.admit(now + milliseconds(99)).unwrap_err(), milliseconds(1));
        assert!(breaker.admit(now + milliseconds(100)).is_ok());
    }

    #[test]
    fn an_answer_between_failures_keeps_it_closed() {
        let (mut breaker, now) = (Breaker::new(LIMITS), Instant::now());
        for _ in 0..5 {
            for _ in 0..2 {
                let permit = breaker.admit(now).unwrap();
                assert_eq!(breaker.failed(permit, now), Change::None);
            }
            let permit = breaker.admit(now).unwrap();
            assert_eq!(breaker.answered(permit), Change::None);
        }
    }

    #[test]
    fn one_call_tries_after_the_pause() {
        let (mut breaker, now) = opened();
        let later = now + milliseconds(100);
        let permit = breaker.admit(later).unwrap();
        assert!(breaker.admit(later).is_err());
        assert_eq!(breaker.answered(permit), Change::Closed);
        assert!(breaker.admit(later).is_ok() && breaker.admit(later).is_ok());
    }

    #[test]
    fn each_failed_try_doubles_the_pause_to_its_bound() {
        let (mut breaker, mut now) = opened();
        for pause in [100, 200, 300, 300] {
            assert_eq!(breaker.admit(now).unwrap_err(), milliseconds(pause));
            now += milliseconds(pause);
            let permit = breaker.admit(now).unwrap();
            assert_eq!(breaker.failed(permit, now), Change::None);
        }
        // Once it has closed, the next opening begins with the first pause again.
        now += milliseconds(300);
        let permit = breaker.admit(now).unwrap();
        assert_eq!(breaker.answered(permit), Change::Closed);
        for change in [Change::None, Change::None, Change::Opened(LIMITS.first_pause)] {
            let permit = breaker.admit(now).unwrap();
            assert_eq!(breaker.failed(permit, now), change);
        }
    }

    #[test]
    fn a_try_that_never_reports_is_followed_by_another() {
        let (mut breaker, now) = opened();
        let later = now + milliseconds(100);
        let forgotten = breaker.admit(later).unwrap();
        assert_eq!(breaker.admit(later).unwrap_err(), milliseconds(500));
        let permit = breaker.admit(later + milliseconds(500)).unwrap();
        assert_eq!(breaker.answered(permit), Change::Closed);
        assert_eq!(breaker.failed(forgotten, later), Change::None);
    }

    #[test]
    fn failures_of_calls_made_before_count_for_nothing() {
        let (mut breaker, now) = (Breaker::new(LIMITS), Instant::now());
        let mut permits: Vec<_> = (0..10).map(|_| breaker.admit(now).unwrap()).collect();
        let late = permits.split_off(3);
        let changes: Vec<_> = permits.into_iter().map(|permit| breaker.failed(permit, now)).collect();
        assert_eq!(changes, [Change::None, Change::None, Change::Opened(LIMITS.first_pause)]);
        for permit in late {
            assert_eq!(breaker.failed(permit, now + milliseconds(50)), Change::None);
        }
        assert!(breaker.admit(now + milliseconds(100)).is_ok());
    }

    #[test]
    fn a_late_answer_closes_it() {
        let (mut breaker, now) = (Breaker::new(LIMITS), Instant::now());
        let late = breaker.admit(now).unwrap();
        for _ in 0..3 {
            let permit = breaker.admit(now).unwrap();
            let _change = breaker.failed(permit, now);
        }
        assert_eq!(breaker.answered(late), Change::Closed);
        assert!(breaker.admit(now).is_ok());
    }
}
