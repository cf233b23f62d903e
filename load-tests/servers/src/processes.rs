//! The processes of one server: started, killed, frozen, ended, measured.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::folder::PrivateFolder;
use crate::process_table::{Stat, is_alive, stands_still, tree};

const POLL: Duration = Duration::from_millis(10);
/// From SIGSTOP until a process stands still.
const FREEZE_LIMIT: Duration = Duration::from_secs(2);
/// From SIGKILL until the kernel has taken the processes away.
const END_AFTER_KILL: Duration = Duration::from_secs(20);
/// From the polite signal until a server has written out what it holds.
const END_AFTER_STOP: Duration = Duration::from_secs(60);
/// What a server gets to clean up after itself when it is dropped.
const END_AT_DROP: Duration = Duration::from_secs(5);

/// The processes of one server and the folder that they work in.
#[derive(Debug)]
pub struct Processes {
    server: &'static str,
    /// Asks the last started process to end in good order.
    stop_signal: Signal,
    /// Asks it to end at once, but to free what the kernel would not.
    drop_signal: Signal,
    log: PathBuf,
    state: Mutex<State>,
    /// Declared last: the folder goes after the processes.
    pub(crate) folder: PrivateFolder,
}

#[derive(Debug, Default)]
struct State {
    /// Not waited for before all are killed, so that no other process can get their ids.
    children: Vec<Child>,
    /// CPU time up to the last kill.
    spent: Duration,
    /// The highest CPU time read since. A reading can miss what a child spent, if the child is
    /// waited for while /proc is read.
    seen: Duration,
}

impl Processes {
    pub(crate) fn new(server: &'static str, user: &str, stop_signal: Signal, drop_signal: Signal) -> Result<Self> {
        let name = drop_signal.as_str().trim_start_matches("SIG");
        let folder = PrivateFolder::create(server, user, name)?;
        let log = folder.path().join(format!("{server}.out"));
        Ok(Self { server, stop_signal, drop_signal, log, state: Mutex::default(), folder })
    }

    /// A command for [`Processes::start`].
    pub(crate) fn program(&self, program: &Path) -> Command {
        self.folder.command(program, Path::new("/dev/null"))
    }

    /// Its output is appended to the log.
    pub(crate) fn start(&self, mut program: Command) -> Result<()> {
        let log = || File::options().create(true).append(true).open(&self.log);
        let log = || log().with_context(|| format!("cannot write {}", self.log.display()));
        program.stdout(log()?).stderr(log()?);
        let child = self.folder.spawn(program)?;
        self.state()?.children.push(child);
        Ok(())
    }

    /// Asks `ready` again and again until it says yes.
    ///
    /// # Errors
    /// If the server ends before, or is not ready within `limit`. The text holds the end of its
    /// output.
    pub(crate) fn await_ready(&self, limit: Duration, ready: impl Fn() -> bool) -> Result<()> {
        let begin = Instant::now();
        while !ready() {
            if !self.is_running()? {
                bail!("{} ended while starting:\n{}", self.server, self.output());
            }
            if begin.elapsed() > limit {
                let waited = begin.elapsed().as_secs();
                bail!("{} is not ready after {waited} s:\n{}", self.server, self.output());
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    pub(crate) fn is_running(&self) -> Result<bool> {
        let state = self.state()?;
        Ok(!state.children.is_empty() && state.children.iter().all(|child| is_alive(child.id())))
    }

    pub(crate) fn pids(&self) -> Result<Vec<u32>> {
        let tree = self.state()?.tree();
        Ok(tree.iter().filter(|stat| !stat.ended).map(|stat| stat.pid).collect())
    }

    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        let mut state = self.state()?;
        state.read_cpu_time();
        Ok(state.spent + state.seen)
    }

    /// SIGKILL for all of them; returns when they are gone. Nothing to do if none runs.
    pub(crate) fn kill(&self) -> Result<()> {
        let mut state = self.state()?;
        if state.children.is_empty() {
            return Ok(());
        }
        state.freeze_roots()?;
        state.read_cpu_time();
        let seen = std::mem::take(&mut state.seen);
        state.spent += seen;
        let tree = state.tree();
        for stat in &tree {
            signal(stat.pid, Signal::SIGKILL)?;
        }
        for child in &state.children {
            match killpg(pid(child.id())?, Signal::SIGKILL) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => bail!("cannot kill {}: {error}", self.server),
            }
        }
        await_gone(&tree, END_AFTER_KILL).with_context(|| format!("{} survived SIGKILL", self.server))?;
        for mut child in state.children.drain(..) {
            self.folder.ended(child.id())?;
            child.wait().with_context(|| format!("cannot wait for {}", self.server))?;
        }
        Ok(())
    }

    /// Asks the server to end in good order and waits until it has.
    pub(crate) fn stop(&self) -> Result<()> {
        self.resume()?;
        let ended = self.ask_to_end(self.stop_signal, END_AFTER_STOP)?;
        self.kill()?;
        if !ended {
            let limit = END_AFTER_STOP.as_secs();
            bail!("{} did not stop within {limit} s and was killed", self.server);
        }
        Ok(())
    }

    /// SIGSTOP: the processes stay, and do nothing.
    pub(crate) fn pause(&self) -> Result<()> {
        let state = self.state()?;
        if state.children.is_empty() {
            bail!("{} does not run, so it cannot be paused", self.server);
        }
        state.freeze_roots()?;
        for stat in state.tree() {
            signal(stat.pid, Signal::SIGSTOP)?;
        }
        Ok(())
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) -> Result<()> {
        for pid in self.pids()? {
            signal(pid, Signal::SIGCONT)?;
        }
        Ok(())
    }

    /// The last lines of what the server wrote to its standard output and error.
    pub(crate) fn output(&self) -> String {
        let bytes = match std::fs::read(&self.log) {
            Ok(bytes) => bytes,
            Err(error) => return format!("(no output: {error})"),
        };
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
    }

    fn ask_to_end(&self, polite: Signal, limit: Duration) -> Result<bool> {
        let mut state = self.state()?;
        let Some(last) = state.children.last().map(Child::id) else { return Ok(true) };
        state.read_cpu_time();
        signal(last, polite)?;
        let begin = Instant::now();
        while is_alive(last) {
            if begin.elapsed() > limit {
                return Ok(false);
            }
            std::thread::sleep(POLL);
        }
        Ok(true)
    }

    fn state(&self) -> Result<MutexGuard<'_, State>> {
        match self.state.lock() {
            Ok(state) => Ok(state),
            Err(_) => bail!("another thread panicked while it used {}", self.server),
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        let end = || -> Result<()> {
            if self.drop_signal != Signal::SIGKILL {
                self.resume()?;
                self.ask_to_end(self.drop_signal, END_AT_DROP)?;
            }
            self.kill()
        };
        if let Err(error) = end() {
            eprintln!("private-servers: {error:#}");
        }
    }
}

impl State {
    fn tree(&self) -> Vec<Stat> {
        let roots: Vec<u32> = self.children.iter().map(Child::id).collect();
        tree(&roots)
    }

    fn read_cpu_time(&mut self) {
        let now = self.tree().iter().map(Stat::cpu_time).sum();
        self.seen = self.seen.max(now);
    }

    /// Stops the processes that we started, so that no further child appears while the tree is
    /// read. One that waits for a disk may take a while, and has no children meanwhile.
    fn freeze_roots(&self) -> Result<()> {
        let begin = Instant::now();
        for child in &self.children {
            signal(child.id(), Signal::SIGSTOP)?;
            while !stands_still(child.id()) && begin.elapsed() < FREEZE_LIMIT {
                std::thread::yield_now();
            }
        }
        Ok(())
    }
}

/// A process that is already gone needs no signal.
fn signal(to: u32, which: Signal) -> Result<()> {
    match kill(pid(to)?, which) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => bail!("cannot send {which} to process {to}: {error}"),
    }
}

fn pid(number: u32) -> Result<Pid> {
    Ok(Pid::from_raw(i32::try_from(number).context("a process id beyond i32")?))
}

fn await_gone(processes: &[Stat], limit: Duration) -> Result<()> {
    let begin = Instant::now();
    while let Some(stat) = processes.iter().find(|stat| is_alive(stat.pid)) {
        if begin.elapsed() > limit {
            bail!("process {} is still there after {} s", stat.pid, limit.as_secs());
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}
