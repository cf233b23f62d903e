//! What announcing one result costs: messages per second, and CPU microseconds per message in the client
//! and in the broker. Starts a private RabbitMQ.
//!
//! ```text
//! cargo run --release -p fulfil-rabbitmq --example publish_cost -- [MESSAGES] [BATCH] [ANNOUNCERS] [IN_FLIGHT]
//! ```
//! Only figures taken in one sitting, in turn, can be compared. The client's figure holds the making of the
//! messages (0.5 µs) too; the broker's holds its schedulers' idle turning.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fulfil_contract::ports::announcer::{Announcer, Destination, Publication, Verdict};
use fulfil_rabbitmq::{BrokerUrl, RabbitAnnouncer, declare};
use futures_util::future::try_join_all;
use private_servers::{RabbitMq, Server, cpu_time};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LIMIT: Duration = Duration::from_secs(30);
const BODY_BYTES: usize = 350;

fn main() -> Result<()> {
    let numbers: Vec<usize> =
        std::env::args().skip(1).map(|text| text.parse().context("a number")).collect::<Result<_>>()?;
    let number = |index: usize, default: usize| numbers.get(index).copied().unwrap_or(default).max(1);
    let (messages, batch, announcers, in_flight) = (number(0, 200_000), number(1, 500), number(2, 2), number(3, 1));
    let broker = RabbitMq::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let took = runtime.block_on(async {
        let url = BrokerUrl::parse(&broker.url())?;
        declare(&url, 1, LIMIT).await?;
        let (client, server, start) = (cpu_time(std::process::id())?, broker.cpu_time()?, Instant::now());
        let each = messages / announcers / in_flight;
        let work = (0..announcers)
            .map(|lane| announce(RabbitAnnouncer::new(url.clone(), LIMIT), lane, each, batch, in_flight));
        try_join_all(work.map(tokio::spawn)).await?.into_iter().collect::<Result<()>>()?;
        let took = start.elapsed();
        Ok::<_, anyhow::Error>((took, cpu_time(std::process::id())? - client, broker.cpu_time()? - server))
    })?;
    let (took, client, server) = took;
    let per_message = |time: Duration| time.as_secs_f64() * 1e6 / messages as f64;
    println!(
        "{messages} results of {BODY_BYTES} bytes in batches of {batch}, {announcers} announcers, {in_flight} in flight: \
         {:.0}/s, CPU µs per message: client {:.1}, broker {:.1}",
        messages as f64 / took.as_secs_f64(),
        per_message(client),
        per_message(server)
    );
    Ok(())
}

async fn announce(announcer: RabbitAnnouncer, lane: usize, each: usize, batch: usize, in_flight: usize) -> Result<()> {
    let announcer = &announcer;
    let calls = (0..in_flight).map(async |call| {
        for start in (0..each).step_by(batch) {
            let numbers = start..each.min(start + batch);
            let count = numbers.len();
            let publications = numbers.map(|number| result(lane, call, number)).collect();
            let verdicts = announcer.publish(publications).await?;
            ensure!(verdicts == vec![Verdict::Confirmed; count], "not all were confirmed");
        }
        Ok(())
    });
    try_join_all(calls).await?;
    Ok(())
}

fn result(lane: usize, call: usize, number: usize) -> Publication {
    Publication {
        destination: Destination::Results,
        routing_key: format!("m-{:02}.fulfilled", number % 97),
        kind: "order.result.v1",
        message_id: format!("order-{lane:02}-{call:02}-{number:020}:1"),
        body: vec![b'x'; BODY_BYTES],
        reason: None,
    }
}
