//! TCP ports on 127.0.0.1 that are free, and stay ours while the server is down.
//!
//! Ports of the ephemeral range are avoided: between a kill and a restart any outgoing
//! connection could take one, and a client that keeps trying a dead server there can even be
//! connected to itself. Between processes that use this crate a port is reserved by an abstract
//! unix socket, which the kernel frees when the process dies.

use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use anyhow::{Result, bail};

const LOWEST: u32 = 10_000;
const TRIES: u32 = 2_000;

/// A reserved port. It is free for others again when this is dropped.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _reservation: UnixListener,
}

impl Port {
    /// Reserves a free port.
    ///
    /// # Errors
    /// If none is found.
    pub(crate) fn reserve() -> Result<Self> {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        let above_highest = lowest_ephemeral().clamp(LOWEST + 1_000, 65_536);
        let width = above_highest - LOWEST;
        let start = spread().wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        for step in 0..TRIES {
            let number = LOWEST + start.wrapping_add(step) % width;
            let Ok(number) = u16::try_from(number) else { continue };
            if let Some(port) = Self::take(number) {
                return Ok(port);
            }
        }
        bail!("no free port found between {LOWEST} and {above_highest} on 127.0.0.1")
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    fn take(number: u16) -> Option<Self> {
        let name = format!("fulfil-private-server-port-{number}");
        let address = SocketAddr::from_abstract_name(name).ok()?;
        let reservation = UnixListener::bind_addr(&address).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Self { number, _reservation: reservation })
    }
}

/// Different processes begin to look at different ports, so that they rarely meet.
fn spread() -> u32 {
    let nanoseconds =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |elapsed| elapsed.subsec_nanos());
    std::process::id().wrapping_mul(7_919).wrapping_add(nanoseconds / 1_000)
}

fn lowest_ephemeral() -> u32 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_is_not_given_again() {
        let ports: Vec<Port> = (0..50).map(|_| Port::reserve().unwrap()).collect();
        let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 50);
        for number in numbers {
            assert!(Port::take(number).is_none(), "{number} was given twice");
        }
    }

    #[test]
    fn a_port_in_use_is_not_given() {
        let number = Port::reserve().unwrap().number();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).unwrap();
        assert!(Port::take(number).is_none());
        drop(listener);
        assert!(Port::take(number).is_some());
    }
}
