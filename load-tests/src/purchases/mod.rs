//! Lines that stock can't fill, bought from doubles of suppliers that lose answers, lie, or are away, while workers
//! run and are killed; then a verdict from what was sent, what came back, and the doubles' own logs.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Result;
use private_servers::{Server, Servers};
use serde::Serialize;
use supplier_doubles::{Mood, Protocol};

use crate::{
    arguments::Outcome,
    crew::Crew,
    judge::verdict::Verdict,
    market::{Market, Terms},
    program::{Program, Urls},
    publisher::Publisher,
    results::{Results, follow::Follower, is_final},
};

mod attempts;
mod deaths;
pub(crate) mod ends;
pub(crate) mod goods;
pub(crate) mod judge;
mod lines;
#[cfg(test)]
pub(crate) mod made_up;
mod promises;
mod seen;

pub use attempts::{Attempt, Attempts, Kept};
#[cfg(test)]
pub(crate) use attempts::{DELIVERED, REFUSED};
use deaths::Deaths;
use ends::{Harm, ended_rightly};
pub(crate) use lines::ID_PREFIX;
pub use lines::Lines;
pub use seen::Seen;

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
    /// Suppliers lie, by the mood.
    pub lies: bool,
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
    let workers = crew.stop().await?;
    follower.wait_until_quiet(QUIET, QUIET_LIMIT).await?;
    let results = follower.finish();
    let attempts = Attempts::read(&servers.postgres)?;
    let seen = Seen::of(&market, &attempts, &results);
    let audit = program.audit().await?;
    let mut verdict = judge::judge(&lines, &results, &market, &attempts, &seen);
    verdict.also(crate::ending::no_panic(&workers));
    crate::ending::open_keys(&mut verdict, &results, &program, None, Some(&market))?;
    let harm = Harm { lies: plan.lies, broken_off: plan.crash.is_some() };
    for check in ended_rightly(&lines, &results, &market, &attempts, harm) {
        verdict.also(check);
    }
    for check in deaths.judged(&workers) {
        verdict.also(check);
    }
    let verdict = verdict.with_audit(audit);
    Ok(Report { seed: plan.seed, seconds, died: deaths.died(), seen, verdict })
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
