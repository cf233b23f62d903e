//! Puts a file of orders into the broker, each line unchanged, and keeps a log of what was confirmed.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Parser;
use fulfil_load_tests::{publisher::Publisher, sent::lines};

#[derive(Parser)]
struct Arguments {
    /// An order a line.
    orders: PathBuf,
    /// RabbitMQ, as amqp://user:password@host:port/vhost.
    #[arg(long)]
    url: String,
    /// Where the log goes: a JSON object a line, for `judge --log`.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Seconds that the broker may be away.
    #[arg(long, default_value_t = 60)]
    patience: u64,
}

const CHUNK: usize = 10_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut publisher = Publisher::new(&arguments.url, Duration::from_secs(arguments.patience));
    let begin = Instant::now();
    let published = publish(&mut publisher, &arguments).await;
    if let Some(log) = &arguments.log {
        publisher.write_log(log)?;
    }
    published?;
    let seconds = begin.elapsed().as_secs_f64();
    let again: u64 = publisher.log.iter().map(|line| line.offered - 1).sum();
    println!("{}", serde_json::json!({"published": publisher.log.len(), "offered_again": again, "seconds": seconds}));
    Ok(())
}

async fn publish(publisher: &mut Publisher, arguments: &Arguments) -> anyhow::Result<()> {
    let mut chunk = Vec::with_capacity(CHUNK);
    for line in lines(&arguments.orders)? {
        chunk.push(line?.into_bytes());
        if chunk.len() == CHUNK {
            publisher.publish(&chunk).await?;
            chunk.clear();
        }
    }
    publisher.publish(&chunk).await
}
