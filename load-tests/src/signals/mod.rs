//! Workers that are told to end and started again, one after the other, or stopped for longer than a lease and
//! continued, while orders come at a steady rate to both lanes; then a verdict.
//!
//! What holds here: orders from stock and orders that are bought run side by side, so a worker is caught with
//! deliveries, claims, leases and calls to suppliers at once.

use std::{
    fmt,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use supplier_doubles::{Millis, Mood, Protocol};

use crate::{
    arguments::Outcome,
    crew::Crew,
    generate::{self, KEYS_FILE, Mix, ORDERS_FILE},
    judge::verdict::{Check, Verdict},
    load::Load,
    market::{Market, Terms},
    own_servers::Place,
    publisher::Publisher,
    purchases::{
        Attempts, Lines, Seen,
        ends::{Harm, ended_rightly},
        goods::conserved,
        judge::of_purchases,
    },
    seed::Random,
    sent::{Sent, lines},
    stage::{Ended, Scene, Stage},
};

mod left;
mod restarts;
mod stops;

use left::Left;

/// Which signals workers get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// SIGTERM, and a new process once the old one has ended: one worker after the other
    Restarts,
    /// SIGSTOP, and SIGCONT ten seconds after the lease has lapsed
    Stops,
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub fulfil: PathBuf,
    pub kind: Kind,
    pub times: u32,
    /// Workers that are stopped at a time.
    pub at_once: usize,
    /// Orders per second.
    pub rate: u32,
    /// Every so many orders one is bought.
    pub bought_every: usize,
    pub lease: Duration,
    pub workers: usize,
    pub lanes: u16,
    pub seed: u64,
    pub folder: PathBuf,
}

#[derive(Debug, Serialize)]
pub struct Report {
    pub kind: Kind,
    pub seed: u64,
    pub times: u32,
    /// Seconds from SIGTERM until the worker had ended, each.
    pub drains: Vec<f64>,
    /// Seconds that each worker was stopped.
    pub stopped_seconds: f64,
    pub lease_seconds: u64,
    /// Visits to procurements that were left because another worker had leased them: the fence refused a write.
    pub writes_refused_by_fence: u64,
    /// Claims of workers that seemed dead, and were freed.
    pub claims_taken_over: u64,
    /// What workers counted of what stock offered although it was sold.
    pub offered_sold: u64,
    pub redelivered: u64,
    /// Lines whose purchase was stopped before its first byte, where the supplier promises nothing for the same
    /// reference.
    pub left_to_a_person: u64,
    pub seen: Seen,
    pub minutes: f64,
    pub verdict: Verdict,
}

/// Beyond the lease.
const LONGER: Duration = Duration::from_secs(10);
/// A call to a supplier ends at least so long before the lease.
const SPARE: Duration = Duration::from_secs(2);
/// What suppliers take for a call.
const LATENCY: Millis = Millis { from: 100, to: 700 };
/// Of `worker.drain_seconds`.
const DRAIN_LIMIT: Duration = Duration::from_secs(25);
const PUBLISH_LIMIT: Duration = Duration::from_secs(60);
/// All three can be asked for a purchase by our reference.
const SUPPLIERS: [Protocol; 3] = [Protocol::Kasushou, Protocol::Kinguin, Protocol::Reloadly];

impl Plan {
    /// In the ledger a lease lasts twice as long once a purchase is sent.
    fn stopped(&self) -> Duration {
        self.lease * 2 + LONGER
    }

    /// About, with room: the load must outlast the last signal.
    fn seconds(&self) -> u64 {
        match self.kind {
            Kind::Restarts => u64::from(self.times) * 5,
            Kind::Stops => u64::from(self.times.div_ceil(self.at_once as u32)) * (self.stopped().as_secs() + 15),
        }
    }

    fn terms(&self) -> Terms {
        let timeout = self.lease.saturating_sub(SPARE).max(Duration::from_secs(1));
        Terms { lease: self.lease, timeout, slow: timeout * 2, line: Duration::from_secs(300), ..Terms::default() }
    }
}

/// Runs the plan on servers and doubles of its own.
///
/// # Errors
/// When something can't be started, or the broker takes no orders for too long.
pub async fn run(plan: &Plan) -> Result<Report> {
    let begin = Instant::now();
    let market = Market::open(&SUPPLIERS, plan.seed, &Mood { latency: LATENCY, ..Mood::default() }).await?;
    let (orders, bought) = make_up(plan, &market)?;
    let (keys, configuration) = (plan.folder.join(KEYS_FILE), plan.folder.join("suppliers.toml"));
    let scene = Scene {
        fulfil: &plan.fulfil,
        place: &Place::Private,
        folder: &plan.folder,
        lanes: plan.lanes,
        keys: &keys,
        configuration: Some(&configuration),
    };
    let stage = Stage::set(&scene).await?;
    let bodies = lines(&orders)?.map(|line| Ok(line?.into_bytes())).collect::<Result<Vec<_>>>()?;
    let follower = stage.follow()?;
    match plan.kind {
        // A worker can be stopped between the commit that a purchase is sent and its first byte: where the supplier
        // does not promise what the same reference would do, a person decides.
        Kind::Stops => follower.take_review_for_an_answer(),
        // One that is told to end has its calls answered first.
        Kind::Restarts => {}
    }
    let mut crew = Crew::start(&stage.program, plan.workers, &plan.folder).await?;
    eprintln!("{} orders a second to {} workers, seed {}", plan.rate, plan.workers, plan.seed);
    let load = Load::begin(Publisher::new(&stage.urls.source, PUBLISH_LIMIT), bodies, plan.rate);
    let mut random = Random::new(plan.seed);
    let signalled = match plan.kind {
        Kind::Restarts => restarts::all(plan, &mut crew, &load, &follower, &mut random).await,
        Kind::Stops => stops::all(plan, &mut crew, &load, &follower, &mut random).await,
    };
    let signalled = signalled.unwrap_or_else(|error| {
        eprintln!("{error:#}");
        Signalled { wrong: vec![format!("{error:#}")], ..Signalled::default() }
    });
    let publisher = load.end().await?;
    let log = plan.folder.join("published.jsonl");
    publisher.write_log(&log)?;
    let sent = Sent::read(&orders, Some(&log))?;
    let logs = crew.logs();
    let ended = stage.end(crew, follower, &sent, Some(&market), Instant::now()).await?;
    let attempts = Attempts::read(&stage.servers()?.postgres)?;
    let left = Left::read(&logs)?;
    Ok(report(plan, signalled, ended, &Purchases { market, bought, attempts }, left, begin))
}

/// What was to be bought, and what is known of it.
struct Purchases {
    market: Market,
    bought: Lines,
    attempts: Attempts,
}

/// What the signals came to.
#[derive(Debug, Default)]
struct Signalled {
    drains: Vec<Duration>,
    wrong: Vec<String>,
}

fn report(
    plan: &Plan,
    signalled: Signalled,
    ended: Ended,
    purchases: &Purchases,
    left: Left,
    begin: Instant,
) -> Report {
    let Ended { mut verdict, audit, results, workers, .. } = ended;
    let Purchases { market, bought, attempts } = purchases;
    let seen = Seen::of(market, attempts, &results);
    verdict.suppliers_sold(seen.keys_bought);
    for check in of_purchases(market, attempts, &seen) {
        verdict.also(check);
    }
    verdict.also(conserved(market, attempts, &results));
    let harm = Harm { lies: false, broken_off: plan.kind == Kind::Stops };
    for check in ended_rightly(bought, &results, market, attempts, harm) {
        verdict.also(check);
    }
    verdict.also(
        Check::new("signalled", "every signal fell under load, and results flowed again after it").all(signalled.wrong),
    );
    verdict.also(
        Check::new("ledger_agrees", "the ledger refused no change as impossible")
            .all((0..left.defects).map(|_| "a visit left because of a defect".to_owned())),
    );
    let ends = workers.by_themselves;
    verdict
        .also(Check::new("kept_running", "no worker ended by itself").all((ends > 0).then(|| format!("{ends} times"))));
    match plan.kind {
        Kind::Restarts => {
            let late = signalled.drains.iter().filter(|drain| **drain > DRAIN_LIMIT);
            verdict.also(
                Check::new("drained", "every worker ended within worker.drain_seconds")
                    .all(late.map(|drain| format!("{:.1} s", drain.as_secs_f64()))),
            );
        }
        Kind::Stops => {
            let unseen = (left.lease_lost == 0).then(|| "the fence had nothing to refuse: raise --rate".to_owned());
            verdict.also(Check::new("fenced", "writes of workers that came back were refused").all(unseen));
        }
    }
    let counted = |name| workers.counted.get(name) as u64;
    Report {
        kind: plan.kind,
        seed: plan.seed,
        times: plan.times,
        drains: signalled.drains.iter().map(Duration::as_secs_f64).collect(),
        stopped_seconds: if plan.kind == Kind::Stops { plan.stopped().as_secs_f64() } else { 0.0 },
        lease_seconds: plan.lease.as_secs(),
        writes_refused_by_fence: left.lease_lost,
        claims_taken_over: counted("fulfil_stock_claims_taken_over_total"),
        offered_sold: counted("fulfil_stock_offered_sold_total"),
        redelivered: counted("fulfil_redelivered_total"),
        left_to_a_person: verdict.statuses.get("review").copied().unwrap_or(0),
        seen,
        minutes: begin.elapsed().as_secs_f64() / 60.0,
        verdict: verdict.with_audit(audit),
    }
}

/// Orders from stock and orders that are bought, among each other, in one file, and the latter by themselves; and the
/// configuration.
fn make_up(plan: &Plan, market: &Market) -> Result<(PathBuf, Lines)> {
    let all = u64::from(plan.rate) * plan.seconds();
    let bought = all / plan.bought_every as u64;
    let mix = Mix {
        orders: all - bought,
        skus: 5,
        most_lines: 2,
        most_quantity: 2,
        repeats: all / 100,
        conflicts: all / 1000,
        broken: all / 1000,
        spare_percent: 5,
        seed: plan.seed,
    };
    generate::write(&plan.folder, &mix)?;
    let bought = Lines::make(bought, SUPPLIERS.len() as u64, 2, 0, plan.seed);
    market.write_configuration(&plan.folder.join("suppliers.toml"), &bought.skus(), &[], &plan.terms())?;
    let file = plan.folder.join("both-lanes.jsonl");
    interleave(&plan.folder.join(ORDERS_FILE), bought.bodies(), plan.bought_every, &file)?;
    Ok((file, bought))
}

fn interleave(orders: &Path, bought: Vec<Vec<u8>>, every: usize, file: &Path) -> Result<()> {
    let cannot = || format!("cannot write {}", file.display());
    let mut out = BufWriter::new(std::fs::File::create(file).with_context(cannot)?);
    let mut bought = bought.into_iter();
    for (number, line) in lines(orders)?.enumerate() {
        writeln!(out, "{}", line?).with_context(cannot)?;
        if number % every == every - 1
            && let Some(body) = bought.next()
        {
            out.write_all(&body).with_context(cannot)?;
            out.write_all(b"\n").with_context(cannot)?;
        }
    }
    out.flush().with_context(cannot)
}

impl Outcome for Report {
    fn clean(&self) -> bool {
        self.verdict.clean
    }

    fn in_short(&self) -> String {
        let Self { times, seed, verdict, .. } = self;
        let keys = verdict.keys_delivered;
        match self.kind {
            Kind::Restarts => {
                let longest = self.drains.iter().copied().max_by(f64::total_cmp).unwrap_or(0.0);
                format!("{times} restarts by SIGTERM, longest drain {longest:.2} s, {keys} keys, seed {seed}")
            }
            Kind::Stops => format!(
                "{times} stops of {:.0} s, lease {} s, {} writes refused by the fence, {} claims taken over, {keys} \
                 keys, {} lines before a person, seed {seed}",
                self.stopped_seconds,
                self.lease_seconds,
                self.writes_refused_by_fence,
                self.claims_taken_over,
                self.left_to_a_person
            ),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.verdict)?;
        for (name, count) in self.seen.counts() {
            writeln!(f, "{name:<44} {count:>8}")?;
        }
        if !self.drains.is_empty() {
            let mut drains = self.drains.clone();
            drains.sort_by(f64::total_cmp);
            let middle = drains.get(drains.len() / 2).copied().unwrap_or(0.0);
            let longest = drains.last().copied().unwrap_or(0.0);
            writeln!(f, "{} drains: half within {middle:.2} s, the longest {longest:.2} s", drains.len())?;
        }
        write!(
            f,
            "{} writes refused by the fence, {} claims taken over, {} offers of sold keys, {} redelivered, \
             {} lines before a person, {:.1} minutes, seed {}",
            self.writes_refused_by_fence,
            self.claims_taken_over,
            self.offered_sold,
            self.redelivered,
            self.left_to_a_person,
            self.minutes,
            self.seed
        )
    }
}
