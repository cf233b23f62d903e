//! One run on servers and doubles of its own: with the supplier that dies, or without it.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use private_servers::{Server, Servers};
use serde::Serialize;
use supplier_doubles::Mood;
use tokio::time::{Instant, sleep_until};

use super::{
    Plan,
    events::{self, Event, Kind},
    flow::{self, Bought},
    latency::{Latencies, Quantiles},
    served::{self, Served},
};
use crate::{
    crew::Crew,
    judge::verdict::{Check, Verdict},
    market::Market,
    pace::{Pace, feed},
    program::{Program, Urls},
    publisher::Publisher,
    purchases::{Attempts, Lines, Seen, judge::judge},
    results::{Results, follow::Follower, is_final},
    scrape::by_labels,
};

const PUBLISH_LIMIT: Duration = Duration::from_secs(30);
/// Beyond what a line may take.
const RESULTS_LIMIT: Duration = Duration::from_secs(60);
const QUIET: Duration = Duration::from_secs(2);
const QUIET_LIMIT: Duration = Duration::from_secs(60);
const CALLS: &str = "fulfil_supplier_calls_total";

/// What one run showed.
#[derive(Debug, Serialize)]
pub struct Run {
    pub orders: u64,
    /// How late the latest order was published.
    pub published_late_seconds: f64,
    /// Of the lines that were served by others and did not wait for the dead supplier's word.
    pub others: Quantiles,
    pub others_while_dark: Quantiles,
    #[serde(skip)]
    pub latencies: Latencies,
    /// In a run with the supplier that dies.
    pub dead: Option<Dead>,
    pub verdict: Verdict,
}

/// What became of the supplier that died.
#[derive(Debug, Serialize)]
pub struct Dead {
    /// Calls that workers made to it while it was dark, by kind and outcome.
    pub calls_while_dark: BTreeMap<String, u64>,
    /// Orders that were due while it was dark, and whose SKU has it first.
    pub first_choice_while_dark: u64,
    /// Attempts at it for one line, those that were never sent too.
    pub most_tries_for_one_line: u64,
    /// Lines that others served, and that had to wait for its word.
    pub lines_that_waited_for_it: u64,
    pub share_before: f64,
    /// From its return.
    pub seconds_to_first_purchase: Option<f64>,
    /// From its return until its share of the purchases was back.
    pub seconds_to_full_flow: Option<f64>,
    pub events: Vec<Event>,
}

/// The moments of a run.
#[derive(Debug, Clone, Copy)]
struct Clock {
    pace: Pace,
    /// Microseconds since 1970 at its begin.
    begin_us: i64,
    dark: Instant,
    back: Instant,
}

/// What was seen from outside while it ran.
struct Observed {
    clock: Clock,
    published_late: Duration,
    calls_while_dark: BTreeMap<String, u64>,
    results: Results,
    /// Workers that did not end well.
    badly: Vec<String>,
    no_panic: Check,
    logs: Vec<PathBuf>,
}

impl Run {
    pub(super) fn in_short(&self) -> String {
        let Quantiles { lines, p50, p99, .. } = self.others_while_dark;
        let side = if self.dead.is_some() { "with the dead supplier" } else { "without it" };
        format!("{side}: {lines} lines of the others in its dark time, p50 {p50:.3} s, p99 {p99:.3} s")
    }
}

pub(super) async fn run(plan: &Plan, round: u32, dies: bool) -> Result<Run> {
    let folder = plan.folder.join(format!("round-{}-{}", round + 1, if dies { "with" } else { "without" }));
    std::fs::create_dir_all(&folder)?;
    let servers = Servers::start()?;
    let seed = plan.seed.wrapping_add(u64::from(round));
    let lines = lines(plan, seed, dies);
    let protocols: Vec<_> = plan.protocols.iter().copied().filter(|protocol| dies || *protocol != plan.dead).collect();
    let market = Market::open(&protocols, seed, &Mood { latency: plan.latency, ..Mood::default() }).await?;
    let program = prepare(plan, &servers, &market, dies, &folder).await?;
    let observed = observe(plan, &servers, &market, &program, &lines, &folder).await?;

    let served = served::read(&servers.postgres, plan.dead.as_str())?;
    let attempts = Attempts::read(&servers.postgres)?;
    let seen = Seen::of(&market, &attempts, &observed.results);
    let mut verdict = judge(&lines, &observed.results, &market, &attempts, &seen);
    verdict.also(delivered(&lines, &observed.results));
    verdict.also(observed.no_panic.clone());
    crate::ending::open_keys(&mut verdict, &observed.results, &program, None, Some(&market))?;
    verdict.also(Check::new("ended_well", "every worker ended well after SIGTERM").all(observed.badly.clone()));
    let dead = if dies { Some(dead(plan, &market, &lines, &observed, &served, &mut verdict)?) } else { None };
    let latencies = latencies(plan, &lines, &observed, &served);
    Ok(Run {
        orders: lines.orders().count() as u64,
        published_late_seconds: observed.published_late.as_secs_f64(),
        others: Quantiles::of(&latencies.all),
        others_while_dark: latencies.while_dark(),
        latencies,
        dead,
        verdict: verdict.with_audit(program.audit().await?),
    })
}

/// A run without the dead supplier ends when it would have come back.
fn lines(plan: &Plan, seed: u64, dies: bool) -> Lines {
    let time = plan.before + plan.dark + if dies { plan.after } else { Duration::ZERO };
    let orders = (time.as_secs_f64() * f64::from(plan.rate)) as u64;
    Lines::make(orders.max(1), plan.protocols.len() as u64, plan.most_quantity, 0, seed)
}

async fn prepare(plan: &Plan, servers: &Servers, market: &Market, dies: bool, folder: &Path) -> Result<Program> {
    let urls = Urls { source: servers.rabbitmq.url(), stock: servers.redis.url(), ledger: servers.postgres.url() };
    let mut program = Program::prepare(plan.fulfil.clone(), folder, &urls, plan.lanes).await?;
    let skus = if dies { skus(plan) } else { skus_without_dead(plan) };
    let configuration = folder.join("suppliers.toml");
    market.write_configuration(&configuration, &skus, &[], &plan.terms)?;
    program.set("CONFIG", &configuration.to_string_lossy());
    program.set("LOG__FORMAT", "json");
    program.run(&["migrate"]).await?;
    Ok(program)
}

/// As many as suppliers, each with another one first.
fn skus(plan: &Plan) -> Vec<String> {
    (0..plan.protocols.len()).map(sku).collect()
}

fn sku(number: usize) -> String {
    format!("game-{number}")
}

/// The same, each with the same order of suppliers, the dead one left out: the SKU of a place has the supplier of
/// that place first, so others stand between them where need be.
fn skus_without_dead(plan: &Plan) -> Vec<String> {
    let all = plan.protocols.len();
    let alive: Vec<usize> = (0..all).filter(|number| plan.protocols[*number] != plan.dead).collect();
    let mut skus: Vec<String> = Vec::new();
    for number in 0..all {
        let first = alive.iter().position(|alive| *alive >= number).unwrap_or(0);
        while skus.len() % alive.len() != first {
            skus.push(format!("nobody-wants-{}", skus.len()));
        }
        skus.push(sku(number));
    }
    skus
}

async fn observe(
    plan: &Plan,
    servers: &Servers,
    market: &Market,
    program: &Program,
    lines: &Lines,
    folder: &Path,
) -> Result<Observed> {
    let url = servers.rabbitmq.url();
    let follower = Follower::start(&url, Some(std::fs::File::create(folder.join("results.jsonl"))?));
    let mut crew = Crew::prepare(program, plan.workers);
    crew.start_all(folder).await?;
    let mut publisher = Publisher::new(&url, PUBLISH_LIMIT);
    publisher.publish(&[]).await?;
    let begin_us = i64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_micros())?;
    let begin = Instant::now();
    let dark = begin + plan.before;
    let mut clock = Clock { pace: Pace { begin, per_second: plan.rate }, begin_us, dark, back: dark + plan.dark };
    let bodies = lines.bodies();
    let feeding = feed(&mut publisher, &bodies, clock.pace);
    let (published_late, calls_while_dark) = tokio::try_join!(feeding, darkness(plan, market, &crew, &mut clock))?;

    let limit = plan.terms.line + RESULTS_LIMIT;
    let ended = |results: &Results| lines.orders().all(|id| first_final(results, id).is_some());
    crew.while_waiting(follower.wait_until(limit, ended)).await.context("not every order has a final result")?;
    let sums = crew.stop().await?;
    follower.wait_until_quiet(QUIET, QUIET_LIMIT).await?;
    let no_panic = crate::ending::no_panic(&sums);
    let mut badly = sums.badly;
    badly.extend((sums.by_themselves > 0).then(|| format!("{} ended by themselves", sums.by_themselves)));
    let logs = (0..plan.workers).map(|number| folder.join(format!("worker-{number}.log"))).collect();
    Ok(Observed { clock, published_late, calls_while_dark, results: follower.finish(), badly, no_panic, logs })
}

/// Turns the dead supplier dark and light again when it is time; what the workers called there meanwhile.
async fn darkness(plan: &Plan, market: &Market, crew: &Crew<'_>, clock: &mut Clock) -> Result<BTreeMap<String, u64>> {
    let Some(stall) = market.stalls.iter().find(|stall| stall.protocol == plan.dead) else {
        return Ok(BTreeMap::new());
    };
    sleep_until(clock.dark).await;
    let before = calls(plan, crew).await?;
    stall.double.go_dark().await;
    clock.dark = Instant::now();
    sleep_until(clock.dark + plan.dark).await;
    let mut made = calls(plan, crew).await?;
    stall.double.come_back().await;
    clock.back = Instant::now();
    for (what, count) in before {
        made.entry(what).and_modify(|made| *made = made.saturating_sub(count));
    }
    made.retain(|_, count| *count > 0);
    Ok(made)
}

/// To the dead supplier so far, by kind and outcome.
async fn calls(plan: &Plan, crew: &Crew<'_>) -> Result<BTreeMap<String, u64>> {
    let mut calls = BTreeMap::new();
    for admin in crew.admins() {
        for ([supplier, kind, outcome], count) in by_labels(admin, CALLS, ["supplier", "kind", "outcome"]).await? {
            if supplier == plan.dead.as_str() {
                *calls.entry(format!("{kind} {outcome}")).or_default() += count as u64;
            }
        }
    }
    Ok(calls)
}

fn dead(
    plan: &Plan,
    market: &Market,
    lines: &Lines,
    observed: &Observed,
    served: &HashMap<String, Served>,
    verdict: &mut Verdict,
) -> Result<Dead> {
    let (clock, name) = (observed.clock, plan.dead.as_str());
    let since = |moment: Instant| (moment - clock.pace.begin).as_secs_f64();
    let (dark, back) = (since(clock.dark), since(clock.back));
    let end = since(clock.pace.due(lines.orders().count()));
    let event = |seconds, kind| Event { seconds, worker: None, supplier: name.to_owned(), kind };
    let mut events = vec![event(dark, Kind::GoesDark), event(back, Kind::ComesBack)];
    for (worker, log) in observed.logs.iter().enumerate() {
        events::read(log, worker, clock.begin_us, &mut events)?;
    }
    events.sort_by(|one, two| one.seconds.total_cmp(&two.seconds));
    let purchases = purchases(plan, market, clock);
    let share_before = flow::share(&purchases, 0.0, dark).unwrap_or(0.0);
    let dead = Dead {
        calls_while_dark: observed.calls_while_dark.clone(),
        first_choice_while_dark: first_choice_while_dark(plan, lines, clock),
        most_tries_for_one_line: served.values().map(|line| line.tries_at_dead).max().unwrap_or(0),
        lines_that_waited_for_it: waited(served, name),
        share_before,
        seconds_to_first_purchase: flow::seconds_to_first(&purchases, back),
        seconds_to_full_flow: flow::seconds_to_full(&purchases, share_before, back, end),
        events,
    };
    let wrong = events::out_of_order(&dead.events, name, plan.workers);
    verdict
        .also(Check::new("breaker", "its breaker opens, and closes after trials; the others' never change").all(wrong));
    let heard = calls_heard(plan, market, clock);
    verdict.also(Check::new("dark", "it answered nothing while it was dark").all(heard));
    let never = dead.seconds_to_full_flow.is_none();
    let never = never.then(|| format!("not within {:.0} s; before, it had {share_before:.2} of all", end - back));
    verdict.also(Check::new("flow", "its share of the purchases comes back").all(never));
    Ok(dead)
}

fn waited(served: &HashMap<String, Served>, dead: &str) -> u64 {
    let by_others = |line: &&Served| line.by.as_deref().is_some_and(|by| by != dead);
    served.values().filter(by_others).filter(|line| line.waited_for_dead).count() as u64
}

fn purchases(plan: &Plan, market: &Market, clock: Clock) -> Vec<Bought> {
    let mut purchases = Vec::new();
    for stall in &market.stalls {
        let its = stall.protocol == plan.dead;
        purchases.extend(
            stall.double.log().purchases.iter().map(|purchase| Bought { at: clock.seconds(purchase.at_us), its }),
        );
    }
    purchases
}

/// Calls that the dead supplier's double took while it was dark.
fn calls_heard(plan: &Plan, market: &Market, clock: Clock) -> Vec<String> {
    let (from, to) = (clock.dark - clock.pace.begin, clock.back - clock.pace.begin);
    // It listens a moment before `come_back` returns.
    let dark = from.as_secs_f64()..to.as_secs_f64() - 0.1;
    let stalls = market.stalls.iter().filter(|stall| stall.protocol == plan.dead);
    let calls = stalls.flat_map(|stall| stall.double.calls());
    let heard = calls.filter(|call| dark.contains(&clock.seconds(call.at_us)));
    heard.map(|call| format!("{} {}", call.kind, call.path)).collect()
}

fn first_choice_while_dark(plan: &Plan, lines: &Lines, clock: Clock) -> u64 {
    let place = plan.protocols.iter().position(|protocol| *protocol == plan.dead).unwrap_or(0);
    let first = sku(place);
    let due = lines.each().enumerate().filter(|(number, (_, line))| line.sku == first && clock.is_dark(*number));
    due.count() as u64
}

fn delivered(lines: &Lines, results: &Results) -> Check {
    let status = |id: &String| results.orders.get(id).and_then(|all| all.values().next_back()).map(|last| &last.status);
    let lost = lines.orders().filter(|id| status(id).is_none_or(|status| status != "fulfilled"));
    Check::new("delivered", "every order is fulfilled").all(lost.cloned())
}

fn latencies(plan: &Plan, lines: &Lines, observed: &Observed, served: &HashMap<String, Served>) -> Latencies {
    let mut latencies = Latencies::default();
    for (number, id) in lines.orders().enumerate() {
        let Some(Served { by: Some(by), waited_for_dead: false, .. }) = served.get(id) else { continue };
        let Some(read_at) = first_final(&observed.results, id) else { continue };
        if by != plan.dead.as_str() {
            let took = Instant::from_std(read_at) - observed.clock.pace.due(number);
            latencies.add(by, took.as_secs_f64(), observed.clock.is_dark(number));
        }
    }
    latencies
}

/// When the first final result of an order was read.
fn first_final(results: &Results, id: &str) -> Option<std::time::Instant> {
    results.orders.get(id)?.values().find(|result| is_final(result)).map(|result| result.read_at)
}

impl Clock {
    /// Whether the order of this number was due while it was dark, or would have been.
    fn is_dark(&self, number: usize) -> bool {
        (self.dark..self.back).contains(&self.pace.due(number))
    }

    /// Since the run began.
    fn seconds(&self, at_us: u64) -> f64 {
        (at_us as f64 - self.begin_us as f64) / 1e6
    }
}
