//! The pause: a supplier that answers, but not to us now (too many requests, no balance, bad credentials), is left
//! alone for a time that grows while the same is said again. It has no clock: it takes `now`.
//!
//! What holds here: many calls that are told the same together are one occasion, not many; a `Retry-After` is kept
//! to, up to an hour; a pause for lack of balance holds back purchases only, since what was bought before is
//! still to be asked for.

use std::{
    fmt,
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::SmallRng};

use super::meaning::Kind;

/// No supplier is left alone for longer at its own word.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseReason {
    Throttled,
    Balance,
    Credentials,
}

impl PauseReason {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Balance => "balance",
            Self::Credentials => "credentials",
        }
    }

    /// The first pause, and the longest. A balance is filled up and credentials are mended by people, who then
    /// wait for this to be noticed.
    fn times(self) -> (Duration, Duration) {
        let (first, longest) = match self {
            Self::Throttled => (1, 60),
            Self::Balance => (30, 300),
            Self::Credentials => (60, 600),
        };
        (Duration::from_secs(first), Duration::from_secs(longest))
    }

    fn holds_back(self, kind: Kind) -> bool {
        match self {
            Self::Throttled | Self::Credentials => true,
            Self::Balance => kind == Kind::Buy,
        }
    }
}

impl fmt::Display for PauseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throttled => "it takes no more requests for now",
            Self::Balance => "our balance there is too low",
            Self::Credentials => "it does not accept our credentials",
        })
    }
}

#[derive(Debug)]
pub(super) struct Pause {
    held: Option<Held>,
    jitter: SmallRng,
}

#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) reason: PauseReason,
    pub(super) until: Instant,
    /// What the supplier said.
    pub(super) said: String,
    repeats: u32,
}

impl Pause {
    pub(super) fn new(seed: u64) -> Self {
        Self { held: None, jitter: SmallRng::seed_from_u64(seed) }
    }

    /// # Errors
    /// Why no such call may be made, and for how long.
    pub(super) fn check(&self, kind: Kind, now: Instant) -> Result<(), (PauseReason, Duration)> {
        match self.now(now) {
            Some(held) if held.reason.holds_back(kind) => Err((held.reason, held.until - now)),
            Some(_) | None => Ok(()),
        }
    }

    /// The pause that stands now.
    pub(super) fn now(&self, now: Instant) -> Option<&Held> {
        self.held.as_ref().filter(|held| now < held.until)
    }

    /// A call that began at `asked` was refused for `reason`, with the time that the supplier wants, if it said one.
    /// Gives how long the pause is if it is a new occasion.
    pub(super) fn refused(
        &mut self,
        reason: PauseReason,
        wants: Option<Duration>,
        said: &str,
        asked: Instant,
        now: Instant,
    ) -> Option<Duration> {
        let wants = wants.unwrap_or_default().min(LONGEST_ASKED);
        let repeats = match &mut self.held {
            // It was on its way when the pause began: the same occasion.
            Some(held) if asked < held.until && held.reason == reason => {
                held.until = held.until.max(now + wants);
                return None;
            }
            Some(held) if held.reason == reason => held.repeats.saturating_add(1),
            Some(_) | None => 0,
        };
        let (first, longest) = reason.times();
        let time = first.saturating_mul(1 << repeats.min(16)).min(longest).max(wants);
        // Up to a quarter more: never less than the supplier asked for, and not all workers at once.
        let time = time.mul_f64(1.0 + self.jitter.random::<f64>() / 4.0);
        if self.now(now).is_some_and(|held| held.until >= now + time) {
            return None;
        }
        self.held = Some(Held { reason, until: now + time, said: said.to_owned(), repeats });
        Some(time)
    }

    /// A call that began at `asked` was answered otherwise: the next pause begins small again.
    pub(super) fn worked(&mut self, kind: Kind, asked: Instant) {
        if self.held.as_ref().is_some_and(|held| asked >= held.until && held.reason.holds_back(kind)) {
            self.held = None;
        }
    }

    /// There is more on the account than before.
    pub(super) fn balance_rose(&mut self) {
        if self.held.as_ref().is_some_and(|held| held.reason == PauseReason::Balance) {
            self.held = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST_JITTER: f64 = 1.25;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn it_grows_when_repeated_up_to_its_bound_and_begins_small_again() {
        for reason in [PauseReason::Throttled, PauseReason::Balance, PauseReason::Credentials] {
            let (first, longest) = reason.times();
            let (mut pause, mut now) = (Pause::new(1), Instant::now());
            for round in 0..12 {
                let time = pause.refused(reason, None, "no", now, now).unwrap();
                let plain = (first * (1 << round)).min(longest);
                assert!(time >= plain && time <= plain.mul_f64(MOST_JITTER), "{reason:?} {round}: {time:?}");
                assert_eq!(pause.check(Kind::Buy, now), Err((reason, time)));
                now += time;
                assert_eq!(pause.check(Kind::Buy, now), Ok(()));
            }
            pause.worked(Kind::Buy, now);
            let time = pause.refused(reason, None, "no", now, now).unwrap();
            assert!(time <= first.mul_f64(MOST_JITTER), "{reason:?}: {time:?}");
        }
    }

    #[test]
    fn refusals_of_calls_made_before_the_pause_are_one_occasion() {
        let (mut pause, now) = (Pause::new(2), Instant::now());
        let first = pause.refused(PauseReason::Throttled, None, "no", now, now).unwrap();
        for _ in 0..100 {
            assert_eq!(pause.refused(PauseReason::Throttled, None, "no", now, now + seconds(1) / 2), None);
        }
        pause.worked(Kind::Buy, now);
        assert!(pause.check(Kind::Buy, now).is_err(), "one that was answered was asked before, too");
        let later = now + first;
        assert!(pause.check(Kind::Buy, later).is_ok());
        // One that was asked before and is told after the pause's end, too.
        assert_eq!(pause.refused(PauseReason::Throttled, None, "no", now, later), None);
        let second = pause.refused(PauseReason::Throttled, None, "no", later, later).unwrap();
        assert!(second <= seconds(2).mul_f64(MOST_JITTER), "grown once: {second:?}");
    }

    #[test]
    fn what_the_supplier_asks_for_is_kept_to_up_to_an_hour() {
        for (wants, least, most) in [(0, 1, 1), (7, 7, 7), (600, 600, 600), (1_000_000, 3600, 3600)] {
            let (mut pause, now) = (Pause::new(3), Instant::now());
            let time = pause.refused(PauseReason::Throttled, Some(seconds(wants)), "429", now, now).unwrap();
            assert!(time >= seconds(least) && time <= seconds(most).mul_f64(MOST_JITTER), "{wants}: {time:?}");
        }
        // A later word that wants more makes a pause longer.
        let (mut pause, now) = (Pause::new(4), Instant::now());
        assert!(pause.refused(PauseReason::Throttled, None, "429", now, now).is_some());
        assert_eq!(pause.refused(PauseReason::Throttled, Some(seconds(30)), "429", now, now), None);
        assert_eq!(pause.check(Kind::Query, now), Err((PauseReason::Throttled, seconds(30))));
    }

    #[test]
    fn without_balance_it_can_still_be_asked_about_what_was_bought() {
        let (mut pause, now) = (Pause::new(5), Instant::now());
        assert!(pause.refused(PauseReason::Balance, None, "no", now, now).is_some());
        assert!(pause.check(Kind::Buy, now).is_err() && pause.check(Kind::Query, now).is_ok());
        pause.worked(Kind::Query, now + seconds(3600));
        assert!(pause.held.is_some(), "a query says nothing about the balance");
        pause.balance_rose();
        assert_eq!(pause.check(Kind::Buy, now), Ok(()));
    }

    #[test]
    fn a_shorter_reason_does_not_shorten_a_pause() {
        let (mut pause, now) = (Pause::new(6), Instant::now());
        let time = pause.refused(PauseReason::Credentials, None, "no", now, now).unwrap();
        assert_eq!(pause.refused(PauseReason::Throttled, None, "no", now, now), None);
        assert_eq!(pause.check(Kind::Buy, now), Err((PauseReason::Credentials, time)));
        assert!(pause.refused(PauseReason::Throttled, Some(seconds(600)), "no", now, now).is_some());
        assert!(matches!(pause.check(Kind::Buy, now), Err((PauseReason::Throttled, _))));
    }
}
