//! What is left to chance: ids, references, jitter. A process takes it from the system's generator. A simulation
//! hands in a [`Chance`] of its own, and with it says when each task goes on: a seed is then a whole history.
//!
//! What holds here: nothing else that decides anything rolls dice (`tests/arrows.rs`), and without a simulation a
//! task goes on as the runtime has it.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

/// Where a simulation's chance comes from.
pub trait Chance: Send + Sync {
    fn bits(&self) -> u64;

    /// Whether this task goes on now. If not, `waker` is woken when it may ask again.
    fn goes_on(&self, task: &'static str, waker: &Waker) -> bool;
}

/// A process's dice. Cheap to clone; all clones are the same ones.
#[derive(Clone, Default)]
pub struct Dice(Option<Arc<dyn Chance>>);

impl Dice {
    #[must_use]
    pub fn of(chance: Arc<dyn Chance>) -> Self {
        Self(Some(chance))
    }

    #[must_use]
    pub fn bits(&self) -> u64 {
        self.0.as_ref().map_or_else(rand::random, |chance| chance.bits())
    }

    /// 80 bits, for a reference.
    #[must_use]
    pub fn reference_bits(&self) -> [u8; 10] {
        let mut bits = [0; 10];
        bits[..8].copy_from_slice(&self.bits().to_be_bytes());
        bits[8..].copy_from_slice(&self.bits().to_be_bytes()[..2]);
        bits
    }

    /// `time`, give or take this part of it, so that what began together does not go on together.
    #[must_use]
    pub fn about(&self, time: Duration, part: f64) -> Duration {
        const STEPS: u64 = 1 << 32;
        let roll = (self.bits() % STEPS) as f64 / STEPS as f64;
        time.mul_f64(1.0 + part * (2.0 * roll - 1.0))
    }

    /// `work` as a task of its own: a simulation decides when it goes on.
    pub async fn in_turn<T>(self, task: &'static str, work: impl Future<Output = T>) -> T {
        let Some(chance) = self.0 else { return work.await };
        let mut work = pin!(work);
        poll_fn(move |context| match chance.goes_on(task, context.waker()) {
            true => work.as_mut().poll(context),
            false => Poll::Pending,
        })
        .await
    }
}

impl fmt::Debug for Dice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dice")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_a_time_is_within_its_part_on_both_sides() {
        let (dice, time) = (Dice::default(), Duration::from_secs(8));
        let rolled: Vec<Duration> = (0..1000).map(|_| dice.about(time, 0.25)).collect();
        let within = Duration::from_secs(6)..=Duration::from_secs(10);
        assert!(rolled.iter().all(|time| within.contains(time)));
        assert!(rolled.iter().any(|one| *one < time) && rolled.iter().any(|one| *one > time));
    }
}
