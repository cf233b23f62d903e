//! Faults of the servers, and what is left in the queues at the end.

use anyhow::{Context, Result};
use private_servers::{AofSnapshot, Server, Servers};

use super::Fault;
use crate::queues::messages;

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

/// Lanes that still hold orders.
pub(super) async fn left_in_queues(servers: &Servers, lanes: u16) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for lane in 0..lanes {
        let queue = format!("orders.{lane}");
        let count = messages(&servers.rabbitmq, "/", &queue, 0).await?;
        if count > 0 {
            left.push(format!("{count} in {queue}"));
        }
    }
    Ok(left)
}
