//! The processes of a step: one group, ended as one.
//!
//! What holds here: nothing that a step started in its group outlives it, whether it ended, ran out of time, or the
//! proof itself is told to end. Private servers stand in groups of their own, and end with who started them.

use anyhow::{Context, Result};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::process::{Child, Command};

/// Kills what is left of it when it is dropped.
pub(super) struct Group {
    leader: Pid,
}

impl Group {
    /// Starts a command at the head of a group of its own.
    pub(super) fn start(command: &mut Command) -> Result<(Child, Self)> {
        let child = command.process_group(0).spawn()?;
        let leader = child.id().context("it has ended and told nothing")?;
        Ok((child, Self { leader: Pid::from_raw(i32::try_from(leader)?) }))
    }

    fn kill(&self) {
        // None of it may be left, which is what is wanted.
        killpg(self.leader, Signal::SIGKILL).ok();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
