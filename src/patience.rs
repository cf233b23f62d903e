//! Trying again: exponential backoff with jitter, without end while the process runs, since nothing that
//! waits here may be dropped; it ends when the grace period of a drain is over.
//!
//! The `backoff` crate stands behind this module alone: it is unmaintained (RUSTSEC-2025-0012).

use std::{fmt::Display, future::Future, time::Duration};

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff};
use tokio::time::Instant;

use crate::{
    chance::Dice,
    ops::drain::{Abandoned, Draining},
};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Short enough that a server that was away for a minute is in use again well within 30 s.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The pauses of one row of failures.
#[derive(Debug)]
pub struct Pauses {
    backoff: ExponentialBackoff,
    dice: Dice,
}

impl Pauses {
    #[must_use]
    pub fn new(dice: Dice) -> Self {
        let backoff = ExponentialBackoffBuilder::new()
            .with_initial_interval(FIRST_PAUSE)
            .with_max_interval(LONGEST_PAUSE)
            .with_multiplier(2.0)
            .with_randomization_factor(0.0)
            .with_max_elapsed_time(None)
            .build();
        Self { backoff, dice }
    }

    /// Half of it either way, so that those who failed together do not come back together.
    pub fn next_pause(&mut self) -> Duration {
        self.dice.about(self.backoff.next_backoff().unwrap_or(LONGEST_PAUSE), 0.5)
    }

    /// Something worked: the next row begins with the shortest pause.
    pub fn reset(&mut self) {
        self.backoff.reset();
    }
}

/// Whether a failure is worth another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    Yes,
    No,
}

/// Why [`persist`] came back without a value.
#[derive(Debug, thiserror::Error)]
pub enum Ended<E> {
    #[error(transparent)]
    Failed(E),
    #[error(transparent)]
    Abandoned(#[from] Abandoned),
}

/// Calls until it works, fails in a way that another try can't mend, or the grace period is over.
/// Logs the first failure, then one in ten seconds, then that it works again.
///
/// # Errors
/// [`Ended`].
pub async fn persist<T, E: Display, F: Future<Output = Result<T, E>>>(
    what: &'static str,
    draining: &mut Draining,
    again: impl Fn(&E) -> Again,
    mut call: impl FnMut() -> F,
) -> Result<T, Ended<E>> {
    let mut pauses = draining.pauses();
    let (mut failing_since, mut logged) = (None::<Instant>, None::<Instant>);
    loop {
        let error = match draining.unless_abandoned(call()).await? {
            Ok(value) => {
                if let Some(since) = failing_since {
                    tracing::info!(what, after_ms = since.elapsed().as_millis(), "works again");
                }
                return Ok(value);
            }
            Err(error) => error,
        };
        match again(&error) {
            Again::No => return Err(Ended::Failed(error)),
            Again::Yes => {}
        }
        failing_since.get_or_insert_with(Instant::now);
        if logged.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            tracing::warn!(what, %error, "failed; trying again");
            logged = Some(Instant::now());
        }
        draining.unless_abandoned(tokio::time::sleep(pauses.next_pause())).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::drain::{Drain, Phase};

    #[test]
    fn pauses_grow_to_their_bound() {
        let mut pauses = Pauses::new(Dice::default());
        let longest = (0..50).map(|_| pauses.next_pause()).max().unwrap();
        assert!(longest <= LONGEST_PAUSE * 3 / 2 && longest > LONGEST_PAUSE / 2);
        pauses.reset();
        assert!(pauses.next_pause() <= FIRST_PAUSE * 3 / 2);
    }

    #[tokio::test]
    async fn it_ends_with_the_grace_period() {
        let (drain, mut draining) = Drain::new();
        drain.enter(Phase::Abandoning);
        let ended =
            persist("x", &mut draining, |_: &String| Again::Yes, || async { Err::<(), _>("no".to_owned()) }).await;
        assert!(matches!(ended, Err(Ended::Abandoned(_))));
    }
}
