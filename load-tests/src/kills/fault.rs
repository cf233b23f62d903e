//! Faults of the servers.

use anyhow::{Context, Result};
use private_servers::{AofSnapshot, Server, Servers};

use super::Fault;

/// The fault of a run, and when it strikes.
pub(super) struct Faults<'a> {
    fault: Fault,
    kills: u64,
    servers: &'a Servers,
    older: Option<AofSnapshot>,
}

impl<'a> Faults<'a> {
    pub(super) fn new(fault: Fault, kills: u64, servers: &'a Servers) -> Self {
        Self { fault, kills, servers, older: None }
    }

    /// What happens before this kill (counted from 0): nothing, mostly.
    pub(super) fn before(&mut self, kill: u64) -> Result<()> {
        if self.fault == Fault::OldAof && kill == self.kills / 4 {
            self.older = Some(self.servers.redis.snapshot_aof()?);
        }
        if kill != self.kills / 2 {
            return Ok(());
        }
        match self.fault {
            Fault::None => return Ok(()),
            Fault::Flushall => self.flush_all()?,
            Fault::OldAof => {
                let older = self.older.as_ref().context("no older state was kept: at least one kill is needed")?;
                self.servers.redis.restart_on(older)?;
            }
            Fault::RestartServers => {
                self.servers.rabbitmq.restart()?;
                self.servers.postgres.restart()?;
            }
        }
        eprintln!("fault: {:?}", self.fault);
        Ok(())
    }

    fn flush_all(&self) -> Result<()> {
        let mut redis = redis::Client::open(self.servers.redis.url())?.get_connection()?;
        redis::cmd("FLUSHALL").query::<()>(&mut redis)?;
        redis::cmd("FUNCTION").arg("FLUSH").query::<()>(&mut redis)?;
        Ok(())
    }
}
