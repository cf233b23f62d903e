//! The outages: how each begins and ends, and whether it took effect.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use private_servers::{Postgres, RabbitMq, Redis, Server, Servers};
use serde::Serialize;

/// What happens to the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outage {
    /// RabbitMQ has less memory than it uses, and blocks whoever publishes.
    MemoryAlarm,
    /// RabbitMQ has less disk than it asks for, and blocks whoever publishes.
    DiskAlarm,
    /// Redis has less memory than it uses, and refuses writes.
    RedisFull,
    /// Redis is killed, and started again at the end.
    RedisGone,
    /// Redis is stopped (SIGSTOP): its connections stay and nothing answers.
    RedisFrozen,
    /// The file system of Postgres is full, data and write-ahead log. Only root can mount one to fill.
    PostgresFull,
    /// Postgres is killed, and started again at the end.
    PostgresGone,
    /// Postgres is stopped (SIGSTOP).
    PostgresFrozen,
}

/// Small enough to be filled, large enough for a run.
const SMALL_DISK_MEGABYTES: u32 = 600;
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// Seconds in which what was recorded before may still be announced.
const GRACE: f64 = 5.0;

impl Outage {
    pub const ALL: [Self; 8] = [
        Self::MemoryAlarm,
        Self::DiskAlarm,
        Self::RedisFull,
        Self::RedisGone,
        Self::RedisFrozen,
        Self::PostgresFull,
        Self::PostgresGone,
        Self::PostgresFrozen,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::MemoryAlarm => "memory-alarm",
            Self::DiskAlarm => "disk-alarm",
            Self::RedisFull => "redis-full",
            Self::RedisGone => "redis-gone",
            Self::RedisFrozen => "redis-frozen",
            Self::PostgresFull => "postgres-full",
            Self::PostgresGone => "postgres-gone",
            Self::PostgresFrozen => "postgres-frozen",
        }
    }

    /// Why this user can't cause it, where that is so.
    #[must_use]
    pub fn why_not(self) -> Option<&'static str> {
        (self == Self::PostgresFull && !nix::unistd::geteuid().is_root())
            .then_some("it mounts a small file system, for which one has to be root")
    }

    /// Whether the broker takes nothing from publishers.
    pub(super) fn blocks_publishers(self) -> bool {
        matches!(self, Self::MemoryAlarm | Self::DiskAlarm)
    }

    /// Whether the ledger takes the keys itself, so that results go on.
    pub(super) fn goes_on(self) -> bool {
        matches!(self, Self::RedisFull | Self::RedisGone | Self::RedisFrozen)
    }

    /// Whether nothing at all can be recorded.
    pub(super) fn stops_the_ledger(self) -> bool {
        matches!(self, Self::PostgresFull | Self::PostgresGone | Self::PostgresFrozen)
    }

    /// From when on what must hold during it is asked. What was recorded before it may still be announced and
    /// acknowledged for a while; a full disk has room in the pages that are there, until a new one is wanted.
    pub(super) fn asked_from(self, began: f64, felt: f64) -> f64 {
        match self {
            Self::PostgresFull => felt,
            Self::MemoryAlarm
            | Self::DiskAlarm
            | Self::RedisFull
            | Self::RedisGone
            | Self::RedisFrozen
            | Self::PostgresGone
            | Self::PostgresFrozen => began + GRACE,
        }
    }

    pub(super) fn servers(self) -> Result<Servers> {
        match self {
            Self::PostgresFull => Ok(Servers {
                rabbitmq: RabbitMq::start()?,
                redis: Redis::start()?,
                postgres: Postgres::start_on_small_disk(SMALL_DISK_MEGABYTES)?,
            }),
            Self::MemoryAlarm
            | Self::DiskAlarm
            | Self::RedisFull
            | Self::RedisGone
            | Self::RedisFrozen
            | Self::PostgresGone
            | Self::PostgresFrozen => Servers::start(),
        }
    }

    pub(super) fn begin(self, servers: &Servers) -> Result<()> {
        match self {
            Self::MemoryAlarm => servers.rabbitmq.ctl(&["set_vm_memory_high_watermark", "0.00001"]).map(drop),
            Self::DiskAlarm => servers.rabbitmq.ctl(&["set_disk_free_limit", "1000000GB"]).map(drop),
            Self::RedisFull => most_memory(&servers.redis, "1"),
            Self::RedisGone => servers.redis.kill(),
            Self::RedisFrozen => servers.redis.pause(),
            Self::PostgresFull => {
                let bytes = servers.postgres.fill_disk()?;
                eprintln!("the disk of Postgres is full: {} MB were free", bytes >> 20);
                Ok(())
            }
            Self::PostgresGone => servers.postgres.kill(),
            Self::PostgresFrozen => servers.postgres.pause(),
        }
    }

    /// What an operator would do; returns when the server is there again.
    pub(super) fn end(self, servers: &Servers) -> Result<()> {
        match self {
            Self::MemoryAlarm => servers.rabbitmq.ctl(&["set_vm_memory_high_watermark", "0.4"]).map(drop),
            Self::DiskAlarm => servers.rabbitmq.ctl(&["set_disk_free_limit", "50MB"]).map(drop),
            Self::RedisFull => most_memory(&servers.redis, "0"),
            Self::RedisGone => servers.redis.restart(),
            Self::RedisFrozen => servers.redis.resume(),
            Self::PostgresFull => {
                servers.postgres.make_room()?;
                // Without room for its log it ends itself.
                if servers.postgres.is_running()? {
                    return Ok(());
                }
                eprintln!("Postgres has ended itself on its full disk, and is started again");
                servers.postgres.restart()
            }
            Self::PostgresGone => servers.postgres.restart(),
            Self::PostgresFrozen => servers.postgres.resume(),
        }
    }

    /// In the middle of it.
    ///
    /// # Errors
    /// When it shows nothing, because the server is well.
    pub(super) fn is_felt(self, servers: &Servers) -> Result<()> {
        let felt = match self {
            // The proxy sees what the broker says.
            Self::MemoryAlarm | Self::DiskAlarm => true,
            Self::RedisFull => write_to(&servers.redis).is_err_and(|error| format!("{error:#}").contains("OOM")),
            Self::RedisGone | Self::RedisFrozen => write_to(&servers.redis).is_err(),
            Self::PostgresFull => {
                let more = "create table public.more as select repeat('x', 1000) from generate_series(1, 5000)";
                servers.postgres.execute(more).is_err()
            }
            Self::PostgresGone => !servers.postgres.is_running()?,
            // A client would wait for it.
            Self::PostgresFrozen => true,
        };
        ensure!(felt, "the outage {} is not felt", self.as_str());
        Ok(())
    }
}

fn most_memory(redis: &Redis, bytes: &str) -> Result<()> {
    let mut connection = connected(redis)?;
    redis::cmd("CONFIG").arg(&["SET", "maxmemory", bytes]).query::<()>(&mut connection).context("CONFIG SET failed")
}

fn write_to(redis: &Redis) -> Result<()> {
    redis::cmd("SET").arg(&["is-it-there", "yes"]).query::<()>(&mut connected(redis)?).context("SET failed")
}

fn connected(redis: &Redis) -> Result<redis::Connection> {
    let connection = redis::Client::open(redis.url())?.get_connection_with_timeout(ANSWER_LIMIT)?;
    connection.set_read_timeout(Some(ANSWER_LIMIT))?;
    Ok(connection)
}
