//! Ending in order: first no new deliveries, then what is in flight is finished, and only when the grace
//! period is over is the rest given up. What is given up was not acknowledged, so the broker delivers it again.

use std::{future::Future, time::Duration};

use tokio::sync::watch;

/// How far the end of this process has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Running,
    /// Nothing new is consumed; what is in flight is finished.
    Draining,
    /// The grace period is over: every wait ends now.
    Abandoning,
}

/// Whoever ends the process holds this.
#[derive(Debug)]
pub struct Drain {
    phase: watch::Sender<Phase>,
}

/// What every task watches.
#[derive(Debug, Clone)]
pub struct Draining {
    phase: watch::Receiver<Phase>,
}

/// A wait was given up, since the grace period is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("given up: the grace period is over")]
pub struct Abandoned;

impl Drain {
    #[must_use]
    pub fn new() -> (Self, Draining) {
        let (sender, receiver) = watch::channel(Phase::Running);
        (Self { phase: sender }, Draining { phase: receiver })
    }

    /// Moves on to `phase`; never back.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let later = phase > *now;
            if later {
                *now = phase;
            }
            later
        });
    }
}

impl Draining {
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Returns when draining has begun.
    pub async fn begun(&mut self) {
        self.reached(Phase::Draining).await;
    }

    /// Runs `work` unless the grace period ends first.
    ///
    /// # Errors
    /// [`Abandoned`].
    pub async fn unless_abandoned<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Abandoned> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.reached(Phase::Abandoning) => Err(Abandoned),
        }
    }

    /// Waits for `time`, or until draining begins; says whether the time passed whole.
    pub async fn pause(&mut self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            () = self.reached(Phase::Draining) => false,
        }
    }

    async fn reached(&mut self, phase: Phase) {
        // A sender that is gone ends the process as well: its owner has returned.
        drop(self.phase.wait_for(|now| *now >= phase).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn phases_go_one_way() {
        let (drain, mut draining) = Drain::new();
        drain.enter(Phase::Abandoning);
        drain.enter(Phase::Draining);
        assert_eq!(draining.phase(), Phase::Abandoning);
        assert_eq!(draining.unless_abandoned(std::future::pending::<()>()).await, Err(Abandoned));
        assert_eq!(draining.unless_abandoned(async { 7 }).await, Ok(7));
    }
}
