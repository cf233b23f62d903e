//! The workers of a run: killed, restarted, asked what they counted, and stopped at the end.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use tokio::{process::Child, time::sleep};

use crate::{
    program::{Program, end_of, free_address, stop},
    scrape::{Samples, is_ready, metrics},
};

const READY_LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);
/// Before a worker that ended by itself is started again, as a supervisor would.
const RESTART_PAUSE: Duration = Duration::from_millis(200);
/// More than the default of `worker.drain_seconds`.
const STOP_LIMIT: Duration = Duration::from_secs(40);

pub(super) struct Crew<'a> {
    program: &'a Program,
    workers: Vec<Worker>,
    sums: Sums,
}

#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) kills: u64,
    pub(super) kills_while_starting: u64,
    pub(super) by_themselves: u64,
    pub(super) redelivered: f64,
    pub(super) deliveries: f64,
    /// Workers whose end after SIGTERM was no good one.
    pub(super) badly: Vec<String>,
}

struct Worker {
    child: Child,
    admin: SocketAddr,
    log: PathBuf,
    was_ready: bool,
}

impl<'a> Crew<'a> {
    /// Starts the workers and waits until they take orders.
    pub(super) async fn start(program: &'a Program, count: usize, folder: &Path) -> Result<Self> {
        let mut crew = Self { program, workers: Vec::new(), sums: Sums::default() };
        for number in 0..count {
            let (admin, log) = (free_address()?, folder.join(format!("worker-{number}.log")));
            let child = program.start_worker(&[], admin, &log, Stdio::null())?;
            crew.workers.push(Worker { child, admin, log, was_ready: false });
        }
        for number in 0..count {
            crew.await_ready(number).await?;
        }
        Ok(crew)
    }

    /// Waits until a worker takes orders; starts it again where it has ended by itself.
    pub(super) async fn await_ready(&mut self, number: usize) -> Result<()> {
        let begin = Instant::now();
        while !self.workers[number].was_ready {
            self.restart_ended(number).await?;
            self.workers[number].was_ready = is_ready(self.workers[number].admin).await;
            if begin.elapsed() > READY_LIMIT {
                let log = std::fs::read_to_string(&self.workers[number].log).unwrap_or_default();
                bail!("worker {number} takes no orders after {} s:\n{}", READY_LIMIT.as_secs(), end_of(&log));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// SIGKILL, and a new process in its place. What it had counted is read just before.
    pub(super) async fn kill(&mut self, number: usize) -> Result<()> {
        self.restart_ended(number).await?;
        let counted = metrics(self.workers[number].admin).await;
        self.sums.kills += 1;
        match counted {
            Ok(samples) => self.count(&samples),
            Err(_) => self.sums.kills_while_starting += 1,
        }
        self.workers[number].child.kill().await?;
        self.launch(number)
    }

    /// Waits for something, starting again whatever ends by itself meanwhile.
    pub(super) async fn while_waiting<T>(&mut self, waiting: impl Future<Output = Result<T>>) -> Result<T> {
        let mut waiting = std::pin::pin!(waiting);
        loop {
            tokio::select! {
                done = &mut waiting => return done,
                () = sleep(RESTART_PAUSE) => {}
            }
            for number in 0..self.workers.len() {
                self.restart_ended(number).await?;
            }
        }
    }

    /// SIGTERM to all; gives what was counted in all.
    pub(super) async fn stop(mut self) -> Result<Sums> {
        for number in 0..self.workers.len() {
            let samples = metrics(self.workers[number].admin).await?;
            self.count(&samples);
            let code = stop(&mut self.workers[number].child, STOP_LIMIT).await;
            match code {
                Ok(Some(0)) => {}
                Ok(code) => self.sums.badly.push(format!("worker {number}: exit code {code:?}")),
                Err(error) => self.sums.badly.push(format!("worker {number}: {error:#}")),
            }
        }
        Ok(self.sums)
    }

    fn count(&mut self, samples: &Samples) {
        self.sums.redelivered += samples.get("fulfil_redelivered_total");
        self.sums.deliveries += samples.get("fulfil_deliveries_total");
    }

    async fn restart_ended(&mut self, number: usize) -> Result<()> {
        if self.workers[number].child.try_wait()?.is_some() {
            self.sums.by_themselves += 1;
            sleep(RESTART_PAUSE).await;
            self.launch(number)?;
        }
        Ok(())
    }

    fn launch(&mut self, number: usize) -> Result<()> {
        let worker = &mut self.workers[number];
        worker.child = self.program.start_worker(&[], worker.admin, &worker.log, Stdio::null())?;
        worker.was_ready = false;
        Ok(())
    }
}
