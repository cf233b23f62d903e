//! Private RabbitMQ, Redis and Postgres for tests, load tests and benches.
//!
//! What holds here:
//! - Every server has its own ports on 127.0.0.1 and its own temporary folder. Nothing outside
//!   of that folder is written, and nothing of the machine's own servers is touched.
//! - A server ends with the value that owns it. When the owning process dies in any other way
//!   (exit with a shared server, panic, SIGKILL), a watcher that reads from a pipe held by the
//!   process ends the server and removes its folder.
//! - It works for root (servers then run as `postgres`, `redis`, `rabbitmq` or `nobody`) and for
//!   an ordinary user.
//! - It is for Linux: it reads /proc.
//! - Nothing here knows what the servers are used for.
//!
//! ```no_run
//! use private_servers::{Postgres, Server};
//! # fn main() -> anyhow::Result<()> {
//! let postgres = Postgres::start()?;
//! let url = postgres.new_database()?;
//! postgres.kill()?; // SIGKILL, as a crash would
//! postgres.restart()?; // same port, same data
//! # drop(url); Ok(())
//! # }
//! ```

mod folder;
mod port;
mod postgres;
mod process_table;
mod processes;
mod programs;
mod rabbitmq;
mod rabbitmq_home;
mod redis;
mod server;
mod servers;
mod small_disk;
mod tool;
mod watcher;

pub use postgres::Postgres;
pub use process_table::{cpu_time, peak_memory_bytes};
pub use rabbitmq::RabbitMq;
pub use redis::{AofSnapshot, Redis};
pub use server::Server;
pub use servers::{Servers, SharedServers};
