//! One run of a worker on full queues, servers of its own, and suppliers that take their time.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use private_servers::{Server, Servers};
use serde::Serialize;
use supplier_doubles::{Millis, Mood};
use tokio::{process::Child, time::sleep};

use super::Plan;
use crate::{
    floor_ratio::{self, meter::Reading, settle},
    generate::{self, KEYS_FILE, Mix, ORDERS_FILE},
    market::{Market, Terms},
    program::{Program, Urls, end_of, free_address, stop},
    publisher::Publisher,
    purchases::Lines,
    scrape::{Samples, by_labels, metrics},
    sent::lines,
};

const LIMIT: Duration = Duration::from_secs(600);
/// A scrape costs the worker some tenths of a millisecond; it is the resolution of what is measured.
const LOOK: Duration = Duration::from_millis(20);
/// Asking for connections starts a psql.
const LOOK_AT_CONNECTIONS: Duration = Duration::from_secs(1);
const PUBLISH_LIMIT: Duration = Duration::from_secs(60);
/// More than the default of `worker.drain_seconds`.
const STOP_LIMIT: Duration = Duration::from_secs(60);
const CHUNK: usize = 10_000;
const OUTCOMES: &str = "fulfil_outcomes_total";
const CALLS: &str = "fulfil_supplier_calls_in_flight";

/// What one run showed.
#[derive(Debug, Serialize)]
pub struct Measured {
    #[serde(flatten)]
    pub run: floor_ratio::Run,
    /// Of the worker, by the name that they give Postgres; the most that was seen.
    pub connections: BTreeMap<String, u64>,
    /// Procurements that were open when the measured time began, and when it ended.
    pub waiting: [u64; 2],
    /// Calls to suppliers under way, the most that was seen.
    pub calls: u64,
    /// What must hold and does not.
    pub wrong: Vec<String>,
}

/// What is looked at while the worker works.
struct Watch<'a> {
    servers: &'a Servers,
    admin: SocketAddr,
    /// What goes ahead of what is measured.
    ahead: u64,
    orders: u64,
    /// So many procurements are open before anything is measured.
    waits: u64,
    looked: Instant,
    connections: BTreeMap<String, u64>,
    calls: u64,
}

/// Where the measured time begins or ends.
struct Mark {
    reading: Reading,
    done: u64,
    waiting: u64,
}

pub(super) async fn run(plan: &Plan, round: u32, waits: bool) -> Result<Measured> {
    let folder = plan.folder.join(format!("round-{}-{}", round + 1, if waits { "waiting" } else { "none" }));
    std::fs::create_dir_all(&folder)?;
    let servers = Servers::start()?;
    let seed = plan.seed.wrapping_add(u64::from(round));
    let takes = Millis::fixed(u64::try_from(plan.takes.as_millis())?);
    let market = Market::open(&plan.protocols, seed, &Mood { buy_latency: takes, ..Mood::default() }).await?;
    let bought = Lines::make(if waits { plan.waiting } else { 0 }, plan.protocols.len() as u64, 1, 0, seed);
    let mix = Mix {
        orders: plan.orders + plan.warm_up + if waits { 0 } else { plan.waiting },
        skus: 8,
        most_lines: 1,
        most_quantity: 1,
        repeats: 0,
        conflicts: 0,
        broken: 0,
        spare_percent: 0,
        seed,
    };
    generate::write(&folder, &mix)?;
    let program = prepare(plan, &servers, &market, &bought, &folder).await?;
    let mut publisher = Publisher::new(&servers.rabbitmq.url(), PUBLISH_LIMIT);
    publisher.publish(&bought.bodies()).await?;
    publish(&mut publisher, &folder.join(ORDERS_FILE)).await?;
    settle(&servers)?;

    let mut measured = measured(plan, &servers, &program, &folder, mix.orders).await?;
    let audit = program.audit().await?;
    if !audit.ok || audit.sold < mix.orders {
        measured.wrong.push(format!("the audit has {} keys sold, and ok is {}", audit.sold, audit.ok));
    }
    let [begin, end] = measured.waiting;
    if end * 2 < begin {
        measured
            .wrong
            .push(format!("{begin} waited at the begin and {end} at the end: take fewer orders, or more time"));
    }
    Ok(measured)
}

/// The same configuration for both.
async fn prepare(plan: &Plan, servers: &Servers, market: &Market, bought: &Lines, folder: &Path) -> Result<Program> {
    let urls = Urls { source: servers.rabbitmq.url(), stock: servers.redis.url(), ledger: servers.postgres.url() };
    let mut program = Program::prepare(plan.fulfil.clone(), folder, &urls, plan.lanes).await?;
    let timeout = plan.takes + Duration::from_secs(10);
    let terms = Terms {
        timeout,
        slow: timeout,
        lease: timeout + Duration::from_secs(10),
        line: Duration::from_secs(7200),
        concurrency: plan.concurrency,
        in_flight: plan.in_flight,
        ..Terms::default()
    };
    let configuration = folder.join("suppliers.toml");
    market.write_configuration(&configuration, &bought.skus(), &[], &terms)?;
    program.set("CONFIG", &configuration.to_string_lossy());
    program.set("LOG__FORMAT", "json");
    program.set("SOURCE__BATCH_ORDERS", &plan.batch.to_string());
    program.set("SOURCE__IN_FLIGHT", &plan.batches_in_flight.to_string());
    // What is under way when it is told to stop may take as long as a supplier does.
    program.set("WORKER__DRAIN_SECONDS", &(timeout + Duration::from_secs(5)).as_secs().to_string());
    if let Some(connections) = plan.connections {
        program.set("LEDGER__CONNECTIONS", &connections.to_string());
    }
    program.run(&["migrate"]).await?;
    program.run(&["keys", "import", KEYS_FILE]).await?;
    Ok(program)
}

async fn publish(publisher: &mut Publisher, orders: &Path) -> Result<()> {
    let mut chunk = Vec::with_capacity(CHUNK);
    for line in lines(orders)? {
        chunk.push(line?.into_bytes());
        if chunk.len() == CHUNK {
            publisher.publish(&chunk).await?;
            chunk.clear();
        }
    }
    publisher.publish(&chunk).await
}

/// Starts the worker, watches it do the orders, and stops it. Of these, `from_stock` come from stock.
async fn measured(
    plan: &Plan,
    servers: &Servers,
    program: &Program,
    folder: &Path,
    from_stock: u64,
) -> Result<Measured> {
    let (admin, log) = (free_address()?, folder.join("worker.log"));
    let mut child = program.start_worker(&[], admin, &log, Stdio::null())?;
    let mut watch = Watch {
        servers,
        admin,
        ahead: plan.waiting + plan.warm_up,
        orders: plan.orders,
        waits: plan.waiting + plan.warm_up + plan.orders - from_stock,
        looked: Instant::now(),
        connections: BTreeMap::new(),
        calls: 0,
    };
    let (first, last) = watch.until_done(&mut child, &log).await?;
    let outcomes = by_labels(admin, OUTCOMES, ["outcome"]).await?;
    let fulfilled = outcomes.get(&["fulfilled".to_owned()]).copied().unwrap_or(0.0) as u64;
    let mut wrong = Vec::new();
    if fulfilled != from_stock {
        wrong.push(format!("{fulfilled} of {from_stock} orders from stock were fulfilled: {outcomes:?}"));
    }
    match stop(&mut child, plan.takes + STOP_LIMIT).await? {
        Some(0) => {}
        code => wrong.push(format!("the worker ended with {code:?}: {}", end_of(&std::fs::read_to_string(&log)?))),
    }
    let done = last.done - first.done;
    let rate = done as f64 / (last.reading.at - first.reading.at).as_secs_f64();
    Ok(Measured {
        run: last.reading.since(&first.reading, done, rate),
        connections: watch.connections,
        waiting: [first.waiting, last.waiting],
        calls: watch.calls,
        wrong,
    })
}

impl Watch<'_> {
    /// The moments when what goes ahead was done, and when everything was.
    async fn until_done(&mut self, child: &mut Child, log: &Path) -> Result<(Mark, Mark)> {
        let pid = child.id().context("the worker ended at once")?;
        let begin = Instant::now();
        let mut first: Option<Mark> = None;
        loop {
            let samples = metrics(self.admin).await.unwrap_or_default();
            let reading = Reading::now(self.servers, pid);
            ensure!(
                child.try_wait()?.is_none() && begin.elapsed() < LIMIT,
                "the worker did not do its orders: {}",
                end_of(&std::fs::read_to_string(log)?)
            );
            let reading = reading?;
            let done = samples.get(OUTCOMES) as u64;
            self.look(&samples, first.is_some())?;
            let all = done >= self.ahead + self.orders;
            match first {
                None if all => bail!("every order was done before {} procurements waited", self.waits),
                // One lane may be ahead of another.
                None if done >= self.ahead => {
                    let waiting = self.waiting()?;
                    first = (waiting == self.waits).then_some(Mark { reading, done, waiting });
                }
                Some(first) if all => return Ok((first, Mark { reading, done, waiting: self.waiting()? })),
                None | Some(_) => {}
            }
            sleep(LOOK).await;
        }
    }

    fn look(&mut self, samples: &Samples, measuring: bool) -> Result<()> {
        self.calls = self.calls.max(samples.get(CALLS) as u64);
        if !measuring || self.looked.elapsed() < LOOK_AT_CONNECTIONS {
            return Ok(());
        }
        self.looked = Instant::now();
        let rows = self.servers.postgres.execute(
            "select application_name, count(*) from pg_stat_activity
             where backend_type = 'client backend' and application_name <> 'psql' group by 1",
        )?;
        for (name, count) in rows.lines().filter_map(|row| row.rsplit_once('|')) {
            let most = self.connections.entry(name.to_owned()).or_default();
            *most = (*most).max(count.parse()?);
        }
        Ok(())
    }

    /// Procurements that are open.
    fn waiting(&self) -> Result<u64> {
        let count = self.servers.postgres.execute(OPEN)?;
        count.trim().parse().with_context(|| format!("no count of procurements: {count}"))
    }
}

const OPEN: &str = "select count(*) from fulfil.procurement where state = 0";

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [begin, end] = self.waiting;
        write!(f, "{:>8.0} orders/s while {begin} procurements wait ({end} at the end)", self.run.orders_per_second)
    }
}
