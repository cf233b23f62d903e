//! A user's own servers, given by their URLs: dedicated to the run, and empty when it begins.
//!
//! What holds here: nothing is written to servers that hold anything, unless it was said that all of it may be
//! erased. A run leaves its orders and keys behind.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use lapin::{
    Connection, ConnectionProperties,
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use tokio::time::timeout;
use tokio_postgres::NoTls;

use crate::{program::Urls, results::follow::RESULTS_QUEUE};

const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// The most lanes that there can be.
const MOST_LANES: u16 = 64;

/// Where a run takes place.
#[derive(Debug, Clone)]
pub enum Place {
    /// Servers of its own, gone at the end.
    Private,
    /// A user's, dedicated to the run. `erase`: what they hold goes first.
    Own { urls: Urls, erase: bool },
}

#[derive(Debug, Args)]
pub struct OwnServers {
    /// Your own RabbitMQ, amqp://…, with a virtual host for this run alone; without it private servers are started
    #[arg(long, requires_all = ["stock", "ledger"], help_heading = "Your own servers")]
    source: Option<String>,
    /// Your own Redis, redis://…, with a database for this run alone
    #[arg(long, requires_all = ["source", "ledger"], help_heading = "Your own servers")]
    stock: Option<String>,
    /// Your own Postgres, postgres://…, with a database for this run alone
    #[arg(long, requires_all = ["source", "stock"], help_heading = "Your own servers")]
    ledger: Option<String>,
    /// Erases that Redis database, the schema fulfil and fulfil's queues there; without it servers that hold anything
    /// are refused
    #[arg(long, requires = "source", help_heading = "Your own servers")]
    erase: bool,
}

impl OwnServers {
    /// # Errors
    /// When not all three are given.
    pub fn place(&self) -> Result<Place> {
        match (&self.source, &self.stock, &self.ledger) {
            (None, None, None) => Ok(Place::Private),
            (Some(source), Some(stock), Some(ledger)) => Ok(Place::Own {
                urls: Urls { source: source.clone(), stock: stock.clone(), ledger: ledger.clone() },
                erase: self.erase,
            }),
            _ => bail!("give --source, --stock and --ledger, or none of them"),
        }
    }
}

/// Makes sure that the servers hold nothing.
///
/// # Errors
/// When one holds something and may not be erased, or can't be asked; the text says which, and what to do.
pub(crate) async fn claim(urls: &Urls, erase: bool) -> Result<()> {
    let held = [
        queues(&urls.source, erase).await.context("--source can't be used")?,
        database(&urls.stock, erase).await.context("--stock can't be used")?,
        schema(&urls.ledger, erase).await.context("--ledger can't be used")?,
    ];
    let held: Vec<String> = held.into_iter().flatten().collect();
    ensure!(
        held.is_empty(),
        "the servers are not empty: {}. This test is for servers of its own: give it others, or --erase if all that \
         may go",
        held.join("; ")
    );
    Ok(())
}

/// What the queues of `fulfil` hold, and whether somebody reads them.
async fn queues(url: &str, erase: bool) -> Result<Vec<String>> {
    let connection = timeout(ANSWER_LIMIT, Connection::connect(url, ConnectionProperties::default()))
        .await
        .context("no answer")??;
    let lanes = (0..MOST_LANES).map(|lane| format!("orders.{lane}"));
    let mut held = Vec::new();
    for name in lanes.chain([RESULTS_QUEUE.to_owned(), "orders.dead".to_owned()]) {
        let channel = connection.create_channel().await?;
        if erase {
            channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await?;
            continue;
        }
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        // The broker closes the channel where there is no such queue.
        let Ok(queue) = channel.queue_declare(name.as_str().into(), passive, FieldTable::default()).await else {
            continue;
        };
        if queue.message_count() > 0 || queue.consumer_count() > 0 {
            held.push(format!(
                "queue {name} has {} messages and {} consumers",
                queue.message_count(),
                queue.consumer_count()
            ));
        }
    }
    Ok(held)
}

async fn database(url: &str, erase: bool) -> Result<Vec<String>> {
    let mut redis = timeout(ANSWER_LIMIT, redis::Client::open(url)?.get_multiplexed_async_connection())
        .await
        .context("no answer")??;
    if erase {
        redis::cmd("FLUSHDB").query_async::<()>(&mut redis).await?;
    }
    let keys: u64 = redis::cmd("DBSIZE").query_async(&mut redis).await?;
    Ok((keys > 0).then(|| format!("the Redis database holds {keys} keys")).into_iter().collect())
}

async fn schema(url: &str, erase: bool) -> Result<Vec<String>> {
    let (client, connection) =
        timeout(ANSWER_LIMIT, tokio_postgres::connect(url, NoTls)).await.context("no answer")??;
    let connection = tokio::spawn(connection);
    if erase {
        client.batch_execute("drop schema if exists fulfil cascade").await?;
    }
    let mut held = Vec::new();
    for table in ["orders", "card_key"] {
        let there = client.query_one("select to_regclass($1) is not null", &[&format!("fulfil.{table}")]).await?;
        if !there.try_get::<_, bool>(0)? {
            continue;
        }
        let any = client.query_one(&format!("select exists (select from fulfil.{table})"), &[]).await?;
        if any.try_get::<_, bool>(0)? {
            held.push(format!("the ledger's table fulfil.{table} has rows"));
        }
    }
    connection.abort();
    Ok(held)
}
