//! A TCP proxy before a server, which cuts connections or lets them fall silent at chosen bytes.
//!
//! What holds here:
//! - It reads just enough of each protocol to know where a message ends and whether it is the one that a fault waits
//!   for; it never changes a byte, and passes on whole messages only.
//! - Where an answer is to be lost, this is decided before the message is passed on, so no byte of the answer ever
//!   reaches the client. The server's side is read on until the answer is there: that it was given, and not
//!   delivered, is counted and not assumed.
//! - Whether the nth moment is struck, and how, comes from the seed and n alone.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::timeout,
};

mod amqp;
mod connection;
mod counts;
mod postgres;
mod resp;
mod rules;
mod wire;

#[cfg(test)]
mod tests;

pub use counts::{Counts, Traffic};
pub use rules::Fault;

use connection::Connection;
use counts::Book;
use rules::Rules;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// What is spoken through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Postgres,
    Amqp,
    Redis,
}

/// Which faults a proxy commits.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub fault: Fault,
    /// Of a hundred moments (or connections, where bytes are counted) so many are struck.
    pub percent: u64,
    /// After so many it only passes on.
    pub most: u64,
    pub seed: u64,
}

/// A proxy that listens on this machine until it is dropped; its connections end with it.
pub struct Proxy {
    address: SocketAddr,
    rules: Arc<Rules>,
    book: Arc<Book>,
    task: JoinHandle<()>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.address)
    }
}

impl Proxy {
    /// Listens on a free port. Until it is armed, and without a plan, it only passes on, and counts what passes.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(protocol: Protocol, server: SocketAddr, plan: Option<Plan>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port for a proxy")?;
        let address = listener.local_addr()?;
        let (rules, book) = (Arc::new(Rules::new(plan)), Arc::new(Book::default()));
        let task = tokio::spawn(listen(listener, protocol, server, rules.clone(), book.clone()));
        Ok(Self { address, rules, book, task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `url` with this proxy in the place of its server.
    ///
    /// # Errors
    /// When the URL names no server.
    pub fn before(&self, url: &str) -> Result<String> {
        let server = server_of(url)?;
        Ok(url.replacen(&server.to_string(), &self.address.to_string(), 1))
    }

    pub fn counts(&self) -> Counts {
        self.book.counts()
    }

    /// From now on it strikes.
    pub fn arm(&self) {
        self.rules.arm(true);
    }

    /// From now on it only passes on; silent connections speak again or end.
    pub fn heal(&self) {
        self.rules.arm(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The address in a URL of a private server.
///
/// # Errors
/// When there is none.
pub fn server_of(url: &str) -> Result<SocketAddr> {
    let place = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    let address = place.rsplit('@').next().unwrap_or_default();
    address.parse().with_context(|| format!("{address} is no address of a private server"))
}

async fn listen(listener: TcpListener, protocol: Protocol, server: SocketAddr, rules: Arc<Rules>, book: Arc<Book>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                connections.spawn(serve(client, protocol, server, rules.clone(), book.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(client: TcpStream, protocol: Protocol, server: SocketAddr, rules: Arc<Rules>, book: Arc<Book>) {
    // Where the server is away, the client sees its connection end at once.
    let Ok(Ok(server)) = timeout(CONNECT_LIMIT, TcpStream::connect(server)).await else {
        book.note(|counts| counts.without_server += 1);
        return;
    };
    book.note(|counts| counts.connections += 1);
    // Nagle's delay would be the proxy's own; without it the connection still works.
    client.set_nodelay(true).and(server.set_nodelay(true)).ok();
    Connection::new(protocol, client, server, rules, book).run().await;
}
