//! All three servers at once, started side by side.

use std::sync::OnceLock;
use std::thread;

use anyhow::{Result, anyhow};

use crate::{Postgres, RabbitMq, Redis};

/// One RabbitMQ, one Redis and one Postgres. They are gone when this is dropped.
#[derive(Debug)]
pub struct Servers {
    pub rabbitmq: RabbitMq,
    pub redis: Redis,
    pub postgres: Postgres,
}

/// The servers that all tests of one process share; they end with the process.
#[derive(Debug, Clone, Copy)]
pub struct SharedServers {
    pub rabbitmq: &'static RabbitMq,
    pub redis: &'static Redis,
    pub postgres: &'static Postgres,
}

impl Servers {
    /// Starts the three side by side.
    ///
    /// # Errors
    /// If one of them does not start; the others are ended again.
    pub fn start() -> Result<Self> {
        let (rabbitmq, redis, postgres) = side_by_side(RabbitMq::start, Redis::start, Postgres::start);
        Ok(Self { rabbitmq: rabbitmq?, redis: redis?, postgres: postgres? })
    }

    /// The three of this process, started by the first caller; the same ones that
    /// [`RabbitMq::shared`], [`Redis::shared`] and [`Postgres::shared`] give.
    ///
    /// # Errors
    /// If one of them does not start; the same for every caller.
    pub fn shared() -> Result<SharedServers> {
        let (rabbitmq, redis, postgres) = side_by_side(RabbitMq::shared, Redis::shared, Postgres::shared);
        Ok(SharedServers { rabbitmq: rabbitmq?, redis: redis?, postgres: postgres? })
    }
}

/// The server in `slot`, started if it is the first time.
pub(crate) fn shared<S>(
    slot: &'static OnceLock<Result<S, String>>,
    start: impl FnOnce() -> Result<S>,
) -> Result<&'static S> {
    let server = slot.get_or_init(|| start().map_err(|error| format!("{error:#}")));
    server.as_ref().map_err(|text| anyhow!("{text}"))
}

fn side_by_side<A: Send, B: Send, C: Send>(
    first: impl FnOnce() -> Result<A> + Send,
    second: impl FnOnce() -> Result<B> + Send,
    third: impl FnOnce() -> Result<C>,
) -> (Result<A>, Result<B>, Result<C>) {
    thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = scope.spawn(second);
        let third = third();
        (joined(first), joined(second), third)
    })
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| Err(anyhow!("the thread that starts a server panicked")))
}
