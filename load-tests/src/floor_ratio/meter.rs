//! What one program used: its own and the servers' CPU time between two moments, and its peak memory.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Result;
use private_servers::{Servers, cpu_time, peak_memory_bytes};

use super::{Run, server_cpu};

/// CPU times at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) at: Instant,
    cpu: BTreeMap<&'static str, Duration>,
    peak_memory_bytes: u64,
}

impl Reading {
    /// Of a process that still runs.
    pub(crate) fn now(servers: &Servers, pid: u32) -> Result<Self> {
        let mut cpu = server_cpu(servers)?;
        cpu.insert("program", cpu_time(pid)?);
        Ok(Self { at: Instant::now(), cpu, peak_memory_bytes: peak_memory_bytes(pid)? })
    }

    /// What was used from `earlier` to here, for so many orders.
    pub(crate) fn since(&self, earlier: &Self, orders: u64, orders_per_second: f64) -> Run {
        let none = Duration::ZERO;
        let each = self.cpu.iter().map(|(&name, now)| {
            let used = now.saturating_sub(*earlier.cpu.get(name).unwrap_or(&none));
            (name, used.as_secs_f64() * 1e6 / orders as f64)
        });
        Run { orders_per_second, cpu_us_per_order: each.collect(), peak_memory_bytes: self.peak_memory_bytes }
    }
}
