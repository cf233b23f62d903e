//! Lines that stock can't fill, bought from doubles of suppliers that lose answers, lie, or are away, while workers
//! run and are killed; then a verdict from what was sent, what came back, and the doubles' own logs.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use private_servers::{Server, Servers};
use serde::Serialize;
use supplier_doubles::{Mood, Protocol};

use crate::{
    arguments::Outcome,
    crew::Crew,
    judge::verdict::{Check, Verdict},
    market::{Market, Terms},
    program::{Program, Urls},
    publisher::Publisher,
    results::{Results, follow::Follower, is_final},
};

pub(crate) mod judge;
mod lines;
mod seen;

pub(crate) use lines::ID_PREFIX;
pub use lines::Lines;
pub use seen::{Attempts, Seen};

#[derive(Debug, Clone)]
pub struct Plan {
    pub fulfil: PathBuf,
    pub orders: u64,
    pub protocols: Vec<Protocol>,
    pub mood: Mood,
    pub terms: Terms,
    pub workers: usize,
    pub lanes: u16,
    pub seed: u64,
    pub most_quantity: u64,
    /// Of a hundred orders so many are direct top-ups.
    pub top_ups: u64,
    /// Workers die at this crash point, `deaths` times, and are started again each time.
    pub crash: Option<String>,
    pub deaths: u64,
    /// Suppliers send callbacks to the first worker.
    pub callbacks: bool,
    pub folder: PathBuf,
}

#[derive(Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    pub seconds: f64,
    /// How often a worker died at the crash point.
    pub died: u64,
    pub seen: Seen,
    pub verdict: Verdict,
}

const PUBLISH_LIMIT: Duration = Duration::from_secs(120);
/// After an order ended at a supplier.
const CALLBACK_DELAY: Duration = Duration::from_secs(6);
/// For the last callbacks, and what they cause, once every order has ended.
const CALLBACKS_LIMIT: Duration = Duration::from_secs(12);
const QUIET: Duration = Duration::from_secs(3);
const QUIET_LIMIT: Duration = Duration::from_secs(60);

/// Runs the plan on servers and doubles of its own.
///
/// # Errors
/// When something can't be started, or results do not come in time.
pub async fn run(plan: &Plan) -> Result<Report> {
    let servers = Servers::start()?;
    let urls = Urls { source: servers.rabbitmq.url(), stock: servers.redis.url(), ledger: servers.postgres.url() };
    let mut program = Program::prepare(plan.fulfil.clone(), &plan.folder, &urls, plan.lanes).await?;
    let callbacks = plan.callbacks.then(crate::program::free_address).transpose()?;
    let market = open(plan, callbacks).await?;
    let lines = Lines::make(plan.orders, plan.protocols.len() as u64, plan.most_quantity, plan.top_ups, plan.seed);
    let configuration = plan.folder.join("suppliers.toml");
    market.write_configuration(&configuration, &lines.skus(), &lines.top_up_skus(), &plan.terms)?;
    program.set("CONFIG", &configuration.to_string_lossy());
    program.set("LOG__FORMAT", "json");
    program.run(&["migrate"]).await?;
    servers.rabbitmq.save_declarations()?;

    let save = std::fs::File::create(plan.folder.join("results.jsonl"))?;
    let follower = Follower::start(&urls.source, Some(save));
    let mut crew = Crew::prepare(&program, plan.workers);
    if let Some(address) = callbacks {
        crew.set_first("FULFIL_CALLBACKS__LISTEN", &address.to_string());
    }
    let mut deaths = Deaths::new(plan);
    deaths.arm(&mut crew);
    crew.start_all(&plan.folder).await?;
    let begin = Instant::now();
    let mut publisher = Publisher::new(&urls.source, PUBLISH_LIMIT);
    publisher.publish(&lines.bodies()).await?;
    publisher.write_log(&plan.folder.join("published.jsonl"))?;

    let limit = plan.terms.line + Duration::from_secs(120);
    let waiting = follower.wait_until(limit, |results| all_ended(&lines, results));
    deaths.while_waiting(&mut crew, waiting).await?;
    let seconds = begin.elapsed().as_secs_f64();
    if plan.callbacks {
        tokio::time::sleep(CALLBACKS_LIMIT).await; // the doubles' own delay, and a query each
    }
    let ended = crew.stop().await?;
    follower.wait_until_quiet(QUIET, QUIET_LIMIT).await?;
    let results = follower.finish();
    let attempts = Attempts::read(&servers.postgres)?;
    let seen = Seen::of(&market, &attempts, &results);
    let audit = program.audit().await?;
    let mut verdict = judge::judge(&lines, &results, &market, &attempts, &seen);
    verdict.also(crate::ending::no_panic(&ended));
    crate::ending::open_keys(&mut verdict, &results, &program, None, Some(&market))?;
    let missing = if plan.crash.is_some() { plan.deaths.saturating_sub(deaths.died) } else { 0 };
    verdict.also(
        Check::new("fired", "a worker died at the crash point as often as it was to")
            .all((0..missing).map(|_| "a death that did not come".to_owned())),
    );
    let verdict = verdict.with_audit(audit);
    Ok(Report { seed: plan.seed, seconds, died: deaths.died, seen, verdict })
}

async fn open(plan: &Plan, callbacks: Option<std::net::SocketAddr>) -> Result<Market> {
    let market = Market::open(&plan.protocols, plan.seed, &plan.mood).await?;
    if let Some(address) = callbacks {
        for stall in &market.stalls {
            let url = Some(format!("http://{address}/callbacks/{}", stall.name));
            // Late, so that some come when the attempt is final: then the supplier is asked a second time.
            let delay_ms = CALLBACK_DELAY.as_millis().try_into()?;
            let callbacks = supplier_doubles::Callbacks { url, delay_ms, ..supplier_doubles::Callbacks::default() };
            stall.double.set_mood(Mood { callbacks: Some(callbacks), ..stall.double.mood() })?;
        }
    }
    Ok(market)
}

/// Whether every order has a final result, or one that waits for a person.
fn all_ended(lines: &Lines, results: &Results) -> bool {
    lines.orders().all(|id| {
        results
            .orders
            .get(id)
            .is_some_and(|revisions| revisions.values().any(|result| is_final(result) || result.status == "review"))
    })
}

/// Workers that die at a crash point, as soon as some order comes to it, so often; then they live.
struct Deaths {
    point: Option<String>,
    most: u64,
    died: u64,
}

impl Deaths {
    fn new(plan: &Plan) -> Self {
        Self { point: plan.crash.clone(), most: plan.deaths, died: 0 }
    }

    fn arm(&mut self, crew: &mut Crew<'_>) {
        let Some(point) = &self.point else { return };
        // Any order will do: each has the letters of an order id.
        let order = if self.died < self.most { lines::ID_PREFIX } else { "no order has this id" };
        crew.set("FULFIL_CRASH", &format!("{point}:{order}"));
    }

    /// Waits; whenever a worker has died, all start anew with the next target.
    async fn while_waiting(&mut self, crew: &mut Crew<'_>, waiting: impl Future<Output = Result<()>>) -> Result<()> {
        let mut waiting = std::pin::pin!(waiting);
        loop {
            tokio::select! {
                done = &mut waiting => return done.context("not every order has an end"),
                () = tokio::time::sleep(Duration::from_millis(20)) => {} // between two looks
            }
            if crew.any_ended()? {
                self.died += 1;
                self.arm(crew);
                crew.restart_all().await?;
            }
        }
    }
}

impl Outcome for Report {
    fn clean(&self) -> bool {
        self.verdict.clean
    }

    fn in_short(&self) -> String {
        let Seen { purchases, keys_bought, lines_delivered, .. } = self.seen;
        format!(
            "{} orders, {purchases} purchases of {keys_bought} keys, {lines_delivered} lines delivered, died {} times, \
             seed {}",
            self.verdict.messages_sent, self.died, self.seed
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.verdict)?;
        let counts: BTreeMap<&str, u64> = self.seen.counts();
        for (name, count) in counts {
            writeln!(f, "{name:<44} {count:>8}")?;
        }
        write!(f, "seed {}, {:.1} s, died {} times", self.seed, self.seconds, self.died)
    }
}
