//! Ending in order: first no new deliveries, then what is in flight is finished, and only when the grace
//! period is over is the rest given up. What is given up was not acknowledged, so the broker delivers it again.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use crate::{chance::Dice, patience::Pauses};

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
pub struct Drain(Arc<Course>);

/// What every task of a process carries: how far its end has come, and the dice that its pauses are rolled with.
#[derive(Debug, Clone)]
pub struct Draining {
    course: Arc<Course>,
    dice: Dice,
}

#[derive(Debug)]
struct Course {
    phase: Mutex<Phase>,
    /// Those who wait are woken in the order in which they came.
    moved_on: Notify,
}

impl Course {
    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait was given up, since the grace period is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("given up: the grace period is over")]
pub struct Abandoned;

impl Drain {
    #[must_use]
    pub fn new() -> (Self, Draining) {
        Self::with_dice(Dice::default())
    }

    /// Of a process whose chance is this.
    #[must_use]
    pub fn with_dice(dice: Dice) -> (Self, Draining) {
        let course = Arc::new(Course { phase: Mutex::new(Phase::Running), moved_on: Notify::new() });
        (Self(course.clone()), Draining { course, dice })
    }

    /// Moves on to `phase`; never back.
    pub fn enter(&self, phase: Phase) {
        {
            let mut now = self.0.phase();
            if phase <= *now {
                return;
            }
            *now = phase;
        }
        self.0.moved_on.notify_waiters();
    }
}

/// Whoever ends the process is gone: that ends it as well.
impl Drop for Drain {
    fn drop(&mut self) {
        self.enter(Phase::Abandoning);
    }
}

impl Draining {
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.course.phase()
    }

    #[must_use]
    pub fn dice(&self) -> &Dice {
        &self.dice
    }

    /// The pauses of a row of failures.
    #[must_use]
    pub fn pauses(&self) -> Pauses {
        Pauses::new(self.dice.clone())
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
            biased;
            () = self.reached(Phase::Draining) => false,
            () = tokio::time::sleep(time) => true,
        }
    }

    async fn reached(&mut self, phase: Phase) {
        loop {
            // Made before the look: a move between the two wakes it.
            let moved_on = self.course.moved_on.notified();
            if self.phase() >= phase {
                return;
            }
            moved_on.await;
        }
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

    #[tokio::test]
    async fn those_who_wait_are_woken_and_a_drain_that_is_gone_ends_all() {
        let (drain, mut draining) = Drain::new();
        let mut waiting = draining.clone();
        let waiter = tokio::spawn(async move {
            waiting.begun().await;
            waiting.unless_abandoned(std::future::pending::<()>()).await
        });
        tokio::task::yield_now().await;
        drain.enter(Phase::Draining);
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        drop(drain);
        assert_eq!(waiter.await.unwrap(), Err(Abandoned));
        assert!(!draining.pause(Duration::from_secs(3600)).await);
    }
}
