//! Faults of the servers in the middle of a run.

use anyhow::{Context, Result};
use private_servers::{AofSnapshot, Redis, Server};

use super::Fault;
use crate::stage::Stage;

/// The fault of a run, and when it strikes.
pub(super) struct Faults<'a> {
    fault: Fault,
    kills: u64,
    stage: &'a Stage,
    older: Option<AofSnapshot>,
}

impl<'a> Faults<'a> {
    pub(super) fn new(fault: Fault, kills: u64, stage: &'a Stage) -> Self {
        Self { fault, kills, stage, older: None }
    }

    /// What happens before this kill (counted from 0): nothing, mostly.
    pub(super) fn before(&mut self, kill: u64) -> Result<()> {
        if self.fault == Fault::OldAof && kill == self.kills / 4 {
            self.older = Some(self.stage.servers()?.redis.snapshot_aof()?);
        }
        if kill != self.kills / 2 {
            return Ok(());
        }
        match self.fault {
            Fault::None => return Ok(()),
            Fault::Flushall => flush_all(&self.stage.servers()?.redis, true)?,
            Fault::OldAof => {
                let older = self.older.as_ref().context("no older state was kept: at least one kill is needed")?;
                self.stage.servers()?.redis.restart_on(older)?;
            }
            Fault::RestartServers => {
                let servers = self.stage.servers()?;
                servers.rabbitmq.restart()?;
                servers.postgres.restart()?;
            }
        }
        eprintln!("fault: {:?}", self.fault);
        Ok(())
    }
}

/// FLUSHALL, and the functions with it where asked for.
pub(crate) fn flush_all(redis: &Redis, functions: bool) -> Result<()> {
    let mut redis = redis::Client::open(redis.url())?.get_connection()?;
    redis::cmd("FLUSHALL").query::<()>(&mut redis)?;
    if functions {
        redis::cmd("FUNCTION").arg("FLUSH").query::<()>(&mut redis)?;
    }
    Ok(())
}
