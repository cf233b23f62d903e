//! Workers that die at a crash point, as soon as some order comes to it, so often; then they live.

use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus, time::Duration};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::{Plan, lines::ID_PREFIX};
use crate::{
    crew::{Crew, Sums},
    judge::verdict::Check,
};

const LOOK: Duration = Duration::from_millis(20);

pub(super) struct Deaths {
    point: Option<String>,
    most: u64,
    died: u64,
    /// Ends that no crash point is the cause of.
    others: Vec<String>,
}

impl Deaths {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { point: plan.crash.clone(), most: plan.deaths, died: 0, others: Vec::new() }
    }

    /// At the crash point.
    pub(super) fn died(&self) -> u64 {
        self.died
    }

    pub(super) fn arm(&self, crew: &mut Crew<'_>) {
        let Some(point) = &self.point else { return };
        // Any order will do: each has the letters of an order id.
        let order = if self.died < self.most { ID_PREFIX } else { "no order has this id" };
        crew.set("FULFIL_CRASH", &format!("{point}:{order}"));
    }

    /// Waits; whenever a worker has died, all start anew with the next target.
    pub(super) async fn while_waiting(
        &mut self,
        crew: &mut Crew<'_>,
        waiting: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let mut waiting = std::pin::pin!(waiting);
        loop {
            tokio::select! {
                done = &mut waiting => return done.context("not every order has an end"),
                () = tokio::time::sleep(LOOK) => {} // between two looks
            }
            let ended = crew.ended()?;
            if !ended.is_empty() {
                let ended = ended.into_iter().map(|(worker, status)| self.note(worker, status));
                // Several may come to the point at once: that is one death of those asked for.
                self.died += u64::from(ended.fold(false, |planted, one| planted | one));
                self.arm(crew);
                crew.restart_all().await?;
            }
        }
    }

    /// Whether it died at the crash point: a worker aborts there, while one is armed.
    fn note(&mut self, worker: usize, status: ExitStatus) -> bool {
        let armed = self.point.is_some() && self.died < self.most;
        let planted = armed && status.signal() == Some(Signal::SIGABRT as i32);
        if !planted {
            self.others.push(format!("worker {worker}: {status}"));
        }
        planted
    }

    /// What is to be said of how workers ended; `workers`: of those that ran to the end.
    pub(super) fn judged(&self, workers: &Sums) -> [Check; 3] {
        let missing = if self.point.is_some() { self.most.saturating_sub(self.died) } else { 0 };
        let unready = workers.by_themselves;
        let unready = (unready > 0).then(|| format!("{unready} times before it took orders"));
        [
            Check::new("fired", "a worker died at the crash point as often as it was to")
                .all((0..missing).map(|_| "a death that did not come".to_owned())),
            Check::new("kept_running", "no worker ended by itself, but at the crash point")
                .all(self.others.iter().cloned().chain(unready)),
            Check::new("ended_well", "a worker that is told to stop ends with exit code 0")
                .all(workers.badly.iter().cloned()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deaths(point: Option<&str>, most: u64) -> Deaths {
        Deaths { point: point.map(str::to_owned), most, died: 0, others: Vec::new() }
    }

    fn offenders(deaths: &Deaths, workers: &Sums) -> [u64; 3] {
        deaths.judged(workers).map(|check| check.offenders)
    }

    #[test]
    fn a_death_that_was_not_planted_is_told() {
        let (aborted, killed, failed) =
            (ExitStatus::from_raw(6), ExitStatus::from_raw(9), ExitStatus::from_raw(1 << 8));
        let mut none_planted = deaths(None, 10);
        assert!(!none_planted.note(0, aborted), "nobody asked for it");
        assert_eq!(offenders(&none_planted, &Sums::default()), [0, 1, 0]);
        let mut planted = deaths(Some("sent"), 1);
        assert!(planted.note(0, aborted));
        planted.died = 1;
        assert_eq!(offenders(&planted, &Sums::default()), [0, 0, 0]);
        assert!(!planted.note(1, aborted), "no more were asked for");
        assert!(!deaths(Some("sent"), 1).note(0, killed) && !deaths(Some("sent"), 1).note(0, failed));
        assert_eq!(offenders(&planted, &Sums::default()), [0, 1, 0]);
    }

    #[test]
    fn deaths_that_did_not_come_and_bad_ends_are_told() {
        let workers = Sums { by_themselves: 2, badly: vec!["worker 0: exit code Some(1)".into()], ..Sums::default() };
        assert_eq!(offenders(&deaths(Some("sent"), 3), &workers), [3, 1, 1]);
    }
}
