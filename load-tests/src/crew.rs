//! The workers of a run: killed, restarted, asked what they counted, and stopped at the end.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{process::Child, time::sleep};

use crate::{
    program::{Program, end_of, free_address, stop},
    scrape::{Samples, is_ready, metrics},
    unplanned,
};

const READY_LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);
/// Before a worker that ended by itself is started again, as a supervisor would.
const RESTART_PAUSE: Duration = Duration::from_millis(200);
/// More than the default of `worker.drain_seconds`.
const STOP_LIMIT: Duration = Duration::from_secs(40);

pub(crate) struct Crew<'a> {
    program: &'a Program,
    workers: Vec<Worker>,
    sums: Sums,
    count: usize,
    /// Of every process that starts from now on.
    variables: Vec<(String, String)>,
    /// Of the first worker's processes alone.
    first: Vec<(String, String)>,
    /// Of each worker's first process alone.
    once: Vec<(String, String)>,
}

#[derive(Debug, Default)]
pub(crate) struct Sums {
    pub(crate) kills: u64,
    pub(crate) kills_while_starting: u64,
    pub(crate) by_themselves: u64,
    /// What all processes counted, as far as it could be read before they ended.
    pub(crate) counted: Samples,
    /// Workers whose end after SIGTERM was no good one.
    pub(crate) badly: Vec<String>,
    /// What their logs tell of panics and of tasks that ended without an outcome.
    pub(crate) unplanned: Vec<String>,
}

struct Worker {
    child: Child,
    admin: SocketAddr,
    log: PathBuf,
    was_ready: bool,
}

impl<'a> Crew<'a> {
    /// A variable of every process that starts from now on; the last value of a name counts.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(set, _)| set != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// A variable of the first worker alone.
    pub(crate) fn set_first(&mut self, name: &str, value: &str) {
        self.first.push((name.to_owned(), value.to_owned()));
    }

    /// A variable of each worker's first process alone: those that are started again go without.
    pub(crate) fn set_once(&mut self, name: &str, value: &str) {
        self.once.push((name.to_owned(), value.to_owned()));
    }

    /// Starts the workers and waits until they take orders.
    pub(crate) async fn start(program: &'a Program, count: usize, folder: &Path) -> Result<Self> {
        let mut crew = Self::prepare(program, count);
        crew.start_all(folder).await?;
        Ok(crew)
    }

    /// A crew that has not started yet.
    pub(crate) fn prepare(program: &'a Program, count: usize) -> Self {
        Self {
            program,
            count,
            workers: Vec::new(),
            sums: Sums::default(),
            variables: Vec::new(),
            first: Vec::new(),
            once: Vec::new(),
        }
    }

    /// Starts the workers and waits until they take orders.
    pub(crate) async fn start_all(&mut self, folder: &Path) -> Result<()> {
        self.spawn_all(folder)?;
        for number in 0..self.count {
            self.await_ready(number).await?;
        }
        Ok(())
    }

    /// Starts the workers.
    pub(crate) fn spawn_all(&mut self, folder: &Path) -> Result<()> {
        for number in 0..self.count {
            let (admin, log) = (free_address()?, folder.join(format!("worker-{number}.log")));
            let child = self.spawn(number, admin, &log, &self.once)?;
            self.workers.push(Worker { child, admin, log, was_ready: false });
        }
        Ok(())
    }

    /// Where each worker's admin port is.
    pub(crate) fn admins(&self) -> Vec<SocketAddr> {
        self.workers.iter().map(|worker| worker.admin).collect()
    }

    /// Waits until every worker has ended by itself.
    pub(crate) async fn all_end(&mut self, limit: Duration) -> Result<()> {
        for worker in &mut self.workers {
            let ended = tokio::time::timeout(limit, worker.child.wait()).await;
            ended.with_context(|| format!("a worker still runs after {} s", limit.as_secs()))??;
        }
        Ok(())
    }

    /// Workers that have ended by themselves, and how.
    pub(crate) fn ended(&mut self) -> Result<Vec<(usize, ExitStatus)>> {
        let mut ended = Vec::new();
        for (number, worker) in self.workers.iter_mut().enumerate() {
            ended.extend(worker.child.try_wait()?.map(|status| (number, status)));
        }
        Ok(ended)
    }

    /// SIGKILL to those that still run, and new processes in their places.
    pub(crate) async fn restart_all(&mut self) -> Result<()> {
        for number in 0..self.workers.len() {
            if self.workers[number].child.try_wait()?.is_none() {
                self.workers[number].child.kill().await?;
            }
            self.launch(number)?;
        }
        Ok(())
    }

    /// Waits until a worker takes orders; starts it again where it has ended by itself.
    pub(crate) async fn await_ready(&mut self, number: usize) -> Result<()> {
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

    /// Waits until all take orders; whoever has ended by itself is started again.
    async fn await_all_ready(&mut self) -> Result<()> {
        for number in 0..self.workers.len() {
            self.restart_ended(number).await?;
            self.await_ready(number).await?;
        }
        Ok(())
    }

    /// SIGKILL, and a new process in its place. What it had counted is read just before.
    pub(crate) async fn kill(&mut self, number: usize) -> Result<()> {
        self.restart_ended(number).await?;
        let counted = metrics(self.workers[number].admin).await;
        self.sums.kills += 1;
        match counted {
            Ok(samples) => self.sums.counted.add(&samples),
            Err(_) => self.sums.kills_while_starting += 1,
        }
        self.workers[number].child.kill().await?;
        self.launch(number)
    }

    /// Waits for something, starting again whatever ends by itself meanwhile.
    pub(crate) async fn while_waiting<T>(&mut self, waiting: impl Future<Output = Result<T>>) -> Result<T> {
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

    /// SIGTERM to all; gives what was counted in all. One that was started a moment ago has no metrics yet, and would die
    /// of the signal: it is waited for.
    pub(crate) async fn stop(mut self) -> Result<Sums> {
        self.await_all_ready().await?;
        for number in 0..self.workers.len() {
            self.terminate(number).await?;
        }
        self.sums.unplanned = self.unplanned()?;
        Ok(self.sums)
    }

    /// SIGTERM, and a new process in its place once it has ended; gives how long it took to end.
    pub(crate) async fn restart_in_good_order(&mut self, number: usize) -> Result<Duration> {
        let took = self.terminate(number).await?;
        self.launch(number)?;
        Ok(took)
    }

    /// SIGSTOP, or SIGCONT.
    pub(crate) fn send(&self, number: usize, signal: Signal) -> Result<()> {
        let pid = self.workers[number].child.id().context("the worker has ended")?;
        kill(Pid::from_raw(i32::try_from(pid)?), signal).with_context(|| format!("cannot send {signal}"))
    }

    /// What the workers' logs tell of panics, and of tasks that ended without an outcome.
    pub(crate) fn unplanned(&self) -> Result<Vec<String>> {
        let told: Vec<_> = self.workers.iter().map(|worker| unplanned::in_log(&worker.log)).collect::<Result<_>>()?;
        Ok(told.concat())
    }

    /// Where each worker logs.
    pub(crate) fn logs(&self) -> Vec<PathBuf> {
        self.workers.iter().map(|worker| worker.log.clone()).collect()
    }

    /// SIGTERM; what it had counted is read just before.
    async fn terminate(&mut self, number: usize) -> Result<Duration> {
        let worker = &mut self.workers[number];
        let counted = metrics(worker.admin).await?;
        self.sums.counted.add(&counted);
        let begin = Instant::now();
        match stop(&mut worker.child, STOP_LIMIT).await {
            Ok(Some(0)) => {}
            Ok(code) => self.sums.badly.push(format!("worker {number}: exit code {code:?}")),
            Err(error) => self.sums.badly.push(format!("worker {number}: {error:#}")),
        }
        Ok(begin.elapsed())
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
        let (admin, log) = (self.workers[number].admin, self.workers[number].log.clone());
        self.workers[number].child = self.spawn(number, admin, &log, &[])?;
        self.workers[number].was_ready = false;
        Ok(())
    }

    fn spawn(&self, number: usize, admin: SocketAddr, log: &Path, once: &[(String, String)]) -> Result<Child> {
        let mut variables = [&self.variables, once].concat();
        if number == 0 {
            variables.extend(self.first.iter().cloned());
        }
        self.program.start_worker_with(&[], admin, log, Stdio::null(), &variables)
    }
}
