//! What /proc says of processes: who descends from whom, CPU time, peak memory.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};

/// Linux gives times in /proc in hundredths of a second (USER_HZ) on every architecture that
/// these servers run on.
const TICK: Duration = Duration::from_millis(10);

/// CPU time (user and system) that the process `pid` has used, with that of its children that
/// ended and were waited for. Resolution 10 ms. Source: /proc/PID/stat.
///
/// # Errors
/// If there is no such process.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = Stat::read(pid).with_context(|| format!("there is no process {pid}"))?;
    Ok(stat.cpu_time())
}

/// The most memory that the process `pid` has had resident so far, in bytes; shared memory
/// counts in full. Source: VmHWM in /proc/PID/status.
///
/// # Errors
/// If there is no such process, or it has ended.
pub fn peak_memory_bytes(pid: u32) -> Result<u64> {
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("there is no process {pid}"))?;
    let kibibytes: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("process {pid} has ended, its peak memory is no longer known"))?;
    Ok(kibibytes * 1024)
}

/// `roots`, the members of their process groups, and everything that descends from them.
/// Those that have ended and are not yet waited for are in it too: their CPU time is in no other.
pub(crate) fn tree(roots: &[u32]) -> Vec<Stat> {
    let mut others: Vec<Stat> = all();
    let mut known: BTreeSet<u32> = roots.iter().copied().collect();
    let mut found = Vec::new();
    loop {
        let (ours, rest): (Vec<Stat>, Vec<Stat>) = others
            .into_iter()
            .partition(|stat| known.contains(&stat.pid) || known.contains(&stat.parent) || roots.contains(&stat.group));
        others = rest;
        if ours.is_empty() {
            return found;
        }
        known.extend(ours.iter().map(|stat| stat.pid));
        found.extend(ours);
    }
}

/// Whether `pid` is a process that has not ended.
pub(crate) fn is_alive(pid: u32) -> bool {
    Stat::read(pid).is_some_and(|stat| !stat.ended)
}

/// Whether `pid` is stopped, or has ended.
pub(crate) fn stands_still(pid: u32) -> bool {
    Stat::read(pid).is_none_or(|stat| stat.ended || stat.stopped)
}

fn all() -> Vec<Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(Stat::read).collect()
}

/// One line of /proc/PID/stat.
#[derive(Debug, Clone)]
pub(crate) struct Stat {
    pub(crate) pid: u32,
    parent: u32,
    group: u32,
    pub(crate) ended: bool,
    stopped: bool,
    ticks: u32,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(pid, &line)
    }

    /// See proc(5). The name, in brackets, may hold anything, so fields count from the last `)`.
    fn parse(pid: u32, line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u32>().ok();
        let state = *fields.first()?;
        Some(Self {
            pid,
            ended: matches!(state, "Z" | "X" | "x"),
            stopped: matches!(state, "T" | "t"),
            parent: number(1)?,
            group: number(2)?,
            ticks: number(11)? + number(12)? + number(13)? + number(14)?,
        })
    }

    pub(crate) fn cpu_time(&self) -> Duration {
        TICK * self.ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_is_read() {
        let line = "7 (a) b (c)) S 3 7 7 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 99 1 1";
        let stat = Stat::parse(7, line).unwrap();
        assert_eq!((stat.parent, stat.group, stat.ended), (3, 7, false));
        assert_eq!(stat.cpu_time(), Duration::from_millis(1_270));
    }

    #[test]
    fn our_own_process_has_used_memory() {
        let bytes = peak_memory_bytes(std::process::id()).unwrap();
        assert!((100_000..1_000_000_000_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn work_raises_the_cpu_time() {
        let before = cpu_time(std::process::id()).unwrap();
        let begin = std::time::Instant::now();
        let mut number = 1_u64;
        while cpu_time(std::process::id()).unwrap() < before + Duration::from_millis(50) {
            for _ in 0..100_000 {
                number = std::hint::black_box(number.wrapping_mul(31));
            }
            assert!(begin.elapsed() < Duration::from_secs(30));
        }
    }

    #[test]
    fn a_tree_holds_children_and_not_strangers() {
        let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
        let pids: Vec<u32> = tree(&[std::process::id()]).iter().map(|stat| stat.pid).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(pids.contains(&std::process::id()) && pids.contains(&child.id()));
        assert!(!pids.contains(&1));
        assert!(!is_alive(child.id()));
    }
}
