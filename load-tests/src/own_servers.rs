//! A user's own servers, given by their URLs: dedicated to the run, and empty when it begins.
//!
//! What holds here: nothing is written to servers that hold anything, unless it was said that all of it may be
//! erased, or a proof that was let in on empty servers has put it there. A run leaves its orders and keys behind.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use lapin::{
    Connection, ConnectionProperties,
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{Client, NoTls};

use crate::{program::Urls, results::follow::RESULTS_QUEUE};

const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// The most lanes that there can be.
const MOST_LANES: u16 = 64;
/// A queue that is not there takes the broker a while.
const ASKED_AT_ONCE: usize = 16;

/// Where a run takes place.
#[derive(Debug, Clone)]
pub enum Place {
    /// Servers of its own, gone at the end.
    Private,
    /// A user's, dedicated to the run.
    Own { urls: Urls, erase: Erase },
}

/// What of a user's servers may go before a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erase {
    /// Servers that hold anything are refused.
    Nothing,
    /// All that they hold.
    All,
    /// What the proof of this name has put there: the servers carry its mark since they were empty. Without the mark
    /// nothing.
    Of(String),
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
    /// Erases what the proof of this name has put there, and nothing else: `proof` gives it to the programs that it runs
    #[arg(long, requires = "source", conflicts_with = "erase", hide = true)]
    of_proof: Option<String>,
}

impl OwnServers {
    /// # Errors
    /// When not all three are given.
    pub fn place(&self) -> Result<Place> {
        match (&self.source, &self.stock, &self.ledger) {
            (None, None, None) => Ok(Place::Private),
            (Some(source), Some(stock), Some(ledger)) => Ok(Place::Own {
                urls: Urls { source: source.clone(), stock: stock.clone(), ledger: ledger.clone() },
                erase: match &self.of_proof {
                    Some(proof) => Erase::Of(proof.clone()),
                    None if self.erase => Erase::All,
                    None => Erase::Nothing,
                },
            }),
            _ => bail!("give --source, --stock and --ledger, or none of them"),
        }
    }
}

/// Lets a proof in: makes sure that the servers hold nothing, and leaves its mark there, by which its programs know
/// that what they find was put there by one of them.
///
/// # Errors
/// As of each program on servers that are not empty; nothing is erased then.
pub async fn let_in(urls: &Urls, erase: &Erase, proof: &str) -> Result<()> {
    claim(urls, erase).await?;
    mark(&urls.ledger, proof).await.context("--ledger can't be used")
}

/// Makes sure that the servers hold nothing.
///
/// # Errors
/// When one holds something and may not be erased, or can't be asked; the text says which, and what to do.
pub(crate) async fn claim(urls: &Urls, erase: &Erase) -> Result<()> {
    let all = match erase {
        Erase::Nothing => false,
        Erase::All => true,
        Erase::Of(proof) => is_marked(&urls.ledger, proof).await.context("--ledger can't be used")?,
    };
    let held = [
        queues(&urls.source, all).await.context("--source can't be used")?,
        database(&urls.stock, all).await.context("--stock can't be used")?,
        schema(&urls.ledger, all).await.context("--ledger can't be used")?,
    ];
    let held: Vec<String> = held.into_iter().flatten().collect();
    ensure!(
        held.is_empty(),
        "the servers are not empty: {}. This test is for servers of its own: give it others, or --erase if all that \
         may go",
        held.join("; ")
    );
    match erase {
        // What is written from now on is no longer a proof's.
        Erase::Nothing | Erase::All => unmark(&urls.ledger).await.context("--ledger can't be used"),
        Erase::Of(_) => Ok(()),
    }
}

/// What the queues of `fulfil` hold, and whether somebody reads them.
async fn queues(url: &str, erase: bool) -> Result<Vec<String>> {
    let connection = timeout(ANSWER_LIMIT, Connection::connect(url, ConnectionProperties::default()))
        .await
        .context("no answer")??;
    let lanes = (0..MOST_LANES).map(|lane| format!("orders.{lane}"));
    let names = lanes.chain([RESULTS_QUEUE.to_owned(), "orders.dead".to_owned()]);
    let held = stream::iter(names).map(|name| queue(&connection, name, erase)).buffered(ASKED_AT_ONCE);
    held.try_filter_map(async |held| Ok(held)).try_collect().await
}

async fn queue(connection: &Connection, name: String, erase: bool) -> Result<Option<String>> {
    let channel = connection.create_channel().await?;
    if erase {
        channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await?;
        return Ok(None);
    }
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    // The broker closes the channel where there is no such queue.
    let Ok(queue) = channel.queue_declare(name.as_str().into(), passive, FieldTable::default()).await else {
        return Ok(None);
    };
    let (messages, consumers) = (queue.message_count(), queue.consumer_count());
    Ok((messages > 0 || consumers > 0)
        .then(|| format!("queue {name} has {messages} messages and {consumers} consumers")))
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
    let (client, connection) = ledger(url).await?;
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

/// In a schema of its own, so that it outlives what is erased.
async fn mark(url: &str, proof: &str) -> Result<()> {
    let (client, connection) = ledger(url).await?;
    client
        .batch_execute(
            "drop schema if exists fulfil_proof cascade; create schema fulfil_proof; \
             create table fulfil_proof.let_in (proof text not null)",
        )
        .await?;
    client.execute("insert into fulfil_proof.let_in values ($1)", &[&proof]).await?;
    connection.abort();
    Ok(())
}

async fn unmark(url: &str) -> Result<()> {
    let (client, connection) = ledger(url).await?;
    client.batch_execute("drop schema if exists fulfil_proof cascade").await?;
    connection.abort();
    Ok(())
}

async fn is_marked(url: &str, proof: &str) -> Result<bool> {
    let (client, connection) = ledger(url).await?;
    let there = client.query_one("select to_regclass('fulfil_proof.let_in') is not null", &[]).await?;
    let marked = there.try_get::<_, bool>(0)? && {
        let sql = "select exists (select from fulfil_proof.let_in where proof = $1)";
        client.query_one(sql, &[&proof]).await?.try_get::<_, bool>(0)?
    };
    connection.abort();
    Ok(marked)
}

async fn ledger(url: &str) -> Result<(Client, JoinHandle<()>)> {
    let (client, connection) =
        timeout(ANSWER_LIMIT, tokio_postgres::connect(url, NoTls)).await.context("no answer")??;
    // How it ends is told by the calls.
    Ok((client, tokio::spawn(async { connection.await.unwrap_or_default() })))
}

#[cfg(test)]
mod tests {
    use private_servers::{Server, Servers};

    use super::*;

    struct Ground {
        servers: Servers,
        urls: Urls,
    }

    impl Ground {
        fn start() -> Self {
            let servers = Servers::start().unwrap();
            let urls =
                Urls { source: servers.rabbitmq.url(), stock: servers.redis.url(), ledger: servers.postgres.url() };
            Self { servers, urls }
        }

        /// What is there before, or is left by a run.
        fn put(&self) {
            let mut redis = redis::Client::open(self.urls.stock.as_str()).unwrap().get_connection().unwrap();
            redis::cmd("SET").arg(&["held", "1"]).query::<()>(&mut redis).unwrap();
            let sql = "create schema if not exists fulfil; create table if not exists fulfil.orders (id int); \
                       insert into fulfil.orders values (1)";
            self.servers.postgres.execute(sql).unwrap();
        }

        fn holds(&self) -> bool {
            let mut redis = redis::Client::open(self.urls.stock.as_str()).unwrap().get_connection().unwrap();
            let keys: u64 = redis::cmd("DBSIZE").query(&mut redis).unwrap();
            let there = self.servers.postgres.execute("select to_regclass('fulfil.orders') is not null").unwrap();
            assert_eq!(keys > 0, there.trim() == "t", "both or none: {keys} keys, {there}");
            keys > 0
        }

        async fn is_refused(&self, erase: &Erase) {
            let error = claim(&self.urls, erase).await.unwrap_err();
            assert!(format!("{error:#}").contains("not empty"), "{error:#}");
            assert!(self.holds(), "{erase:?} has erased");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn only_what_a_proof_put_on_empty_servers_goes_unasked() {
        let ground = Ground::start();
        let (own, other) = (Erase::Of("one".into()), Erase::Of("other".into()));
        ground.put();
        ground.is_refused(&Erase::Nothing).await;
        ground.is_refused(&own).await;
        assert!(let_in(&ground.urls, &Erase::Nothing, "one").await.is_err());
        ground.is_refused(&own).await; // refused at first is refused for good

        let_in(&ground.urls, &Erase::All, "one").await.unwrap();
        assert!(!ground.holds());
        for _ in 0..2 {
            ground.put();
            ground.is_refused(&other).await;
            claim(&ground.urls, &own).await.unwrap();
            assert!(!ground.holds());
        }
        // Another program on the servers, in between.
        claim(&ground.urls, &Erase::Nothing).await.unwrap();
        ground.put();
        ground.is_refused(&own).await;
    }
}
