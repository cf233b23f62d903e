//! What can be done to any private server. Faults return when they have taken effect.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::process_table::peak_memory_bytes;
use crate::processes::Processes;

/// A private server that runs on this machine.
pub trait Server: Parts {
    /// Where clients find it; stays the same over restarts.
    fn url(&self) -> String;

    /// SIGKILL for all its processes. Does nothing if it does not run. Written pages survive in
    /// the page cache, so it is a crash of the server, not a power cut.
    ///
    /// # Errors
    /// If a process is still there after 20 s.
    fn kill(&self) -> Result<()> {
        self.processes().kill()
    }

    /// Ends it in good order. Does nothing if it does not run.
    ///
    /// # Errors
    /// If it takes longer than a minute; it is killed then.
    fn stop(&self) -> Result<()> {
        self.processes().stop()
    }

    /// Kills it if it runs, and starts it on the same port and the same data.
    ///
    /// # Errors
    /// If it is not ready within three minutes (Redis: one); the text holds the end of its output.
    fn restart(&self) -> Result<()> {
        self.processes().kill()?;
        self.launch()
    }

    /// Freezes it (SIGSTOP): connections stay open and nothing answers.
    ///
    /// # Errors
    /// If it does not run.
    fn pause(&self) -> Result<()> {
        self.processes().pause()
    }

    /// Lets it go on (SIGCONT). Does nothing if it was not paused.
    ///
    /// # Errors
    /// If the signal cannot be sent.
    fn resume(&self) -> Result<()> {
        self.processes().resume()
    }

    /// Whether its processes are there, paused or not.
    ///
    /// # Errors
    /// If another thread panicked while it used the server.
    fn is_running(&self) -> Result<bool> {
        self.processes().is_running()
    }

    /// Its processes and their children; empty if it does not run.
    ///
    /// # Errors
    /// If another thread panicked while it used the server.
    fn pids(&self) -> Result<Vec<u32>> {
        self.processes().pids()
    }

    /// CPU time (user and system) of all its processes since it was first started, those that
    /// were killed included. Resolution 10 ms. Source: /proc/PID/stat.
    ///
    /// # Errors
    /// If another thread panicked while it used the server.
    fn cpu_time(&self) -> Result<Duration> {
        self.processes().cpu_time()
    }

    /// The largest peak of memory among its present processes, in bytes. Source: VmHWM in
    /// /proc/PID/status.
    ///
    /// # Errors
    /// If it does not run.
    fn peak_memory_bytes(&self) -> Result<u64> {
        let pids = self.processes().pids()?;
        let peaks = pids.into_iter().filter_map(|pid| peak_memory_bytes(pid).ok());
        peaks.max().context("the server does not run")
    }
}

/// What each server brings along.
pub trait Parts: Send + Sync + std::fmt::Debug {
    #[doc(hidden)]
    fn processes(&self) -> &Processes;

    /// Starts the processes and waits until the server answers.
    #[doc(hidden)]
    fn launch(&self) -> Result<()>;
}

/// Tries again with other ports if somebody was faster; any other failure is final.
pub(crate) fn start_on_free_ports<S>(start: impl Fn() -> Result<S>) -> Result<S> {
    let mut tries = 0;
    loop {
        tries += 1;
        match start() {
            Err(error) if tries < 5 && is_port_taken(&error) => {}
            outcome => return outcome,
        }
    }
}

fn is_port_taken(error: &anyhow::Error) -> bool {
    let text = format!("{error:#}").to_lowercase();
    text.contains("address already in use") || text.contains("eaddrinuse")
}
