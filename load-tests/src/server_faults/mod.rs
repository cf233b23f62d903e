//! Servers that are killed, rolled back, emptied or replaced by a stale replica, again and again at random moments,
//! while orders come at a steady rate; then a verdict.
//!
//! What holds here: each strike falls while results flow; after each they flow again, or the run is not clean; after
//! what makes Redis forget, every SKU is loaded anew and the stock whole again before the next. A server that is killed loses no written page of
//! the kernel's cache, so this is the crash of a process, not a power cut.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use crate::{
    arguments::Outcome,
    crew::Crew,
    generate::{self, KEYS_FILE, Mix, ORDERS_FILE},
    judge::verdict::{Check, Verdict},
    load::Load,
    own_servers::Place,
    publisher::Publisher,
    scrape::Samples,
    sent::{Sent, lines},
    stage::{Ended, Scene, Stage},
};

mod flow;
mod rebuild;
mod strike;

use strike::{Strike, Strikes};

/// What happens to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
#[clap(rename_all = "kebab-case")]
pub enum Kind {
    /// RabbitMQ is killed and restarted
    Rabbitmq,
    /// Redis is killed and restarted
    Redis,
    /// Postgres is killed and restarted
    Postgres,
    /// Redis is killed and comes back on its append-only file as it was 1 to 5 seconds ago
    RollBack,
    /// FLUSHALL; every second time the functions go too
    Flush,
    /// Redis is killed, and a replica that has missed claims takes its place
    Replica,
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub fulfil: PathBuf,
    pub kind: Kind,
    pub times: u32,
    /// Orders per second.
    pub rate: u32,
    /// Keys that are left over, and so are loaded anew whenever Redis has forgotten them.
    pub spare_keys: u64,
    /// Orders that a stale replica misses at least.
    pub missed: u64,
    pub workers: usize,
    pub lanes: u16,
    pub seed: u64,
    pub folder: PathBuf,
}

#[derive(Debug, Serialize)]
pub struct Report {
    pub kind: Kind,
    pub seed: u64,
    /// Orders per second: no more results than that can come.
    pub rate: u32,
    pub strikes: Vec<Strike>,
    /// What workers counted of what stock offered although it was sold. That the ledger refused all of it is seen by
    /// nothing being delivered twice.
    pub offered_sold: u64,
    /// By the judge, which reads the results alone.
    pub delivered_twice: u64,
    pub rebuilds: u64,
    pub claims_failed: u64,
    pub redelivered: u64,
    /// Workers that ended without having been killed, because a server was away.
    pub ended_by_themselves: u64,
    pub available_keys: u64,
    /// With nothing else to do, at the end: from FLUSHALL until nothing was missing from stock.
    pub quiet_rebuild_seconds: Option<f64>,
    pub minutes: f64,
    pub verdict: Verdict,
}

/// For the broker to come back, for the publisher.
const PUBLISH_LIMIT: Duration = Duration::from_secs(180);

impl Kind {
    /// About, with room: the load must outlast the last strike.
    fn seconds_each(self, plan: &Plan) -> u64 {
        let most = match self {
            Self::Redis => 8,
            Self::Rabbitmq | Self::Postgres => 14,
            Self::Flush => 15,
            Self::RollBack => 20,
            Self::Replica => 30 + 2 * plan.missed / u64::from(plan.rate.max(1)),
        };
        most.max(1)
    }

    /// Whether Redis forgets, so that the stock is rebuilt.
    fn forgets(self) -> bool {
        match self {
            Self::Rabbitmq | Self::Redis | Self::Postgres => false,
            Self::RollBack | Self::Flush | Self::Replica => true,
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Rabbitmq => "kills of RabbitMQ",
            Self::Redis => "kills of Redis",
            Self::Postgres => "kills of Postgres",
            Self::RollBack => "roll-backs of the AOF",
            Self::Flush => "FLUSHALLs",
            Self::Replica => "stale replicas promoted",
        }
    }
}

/// Runs the plan on servers of its own.
///
/// # Errors
/// When something can't be started, or the broker takes no orders for too long.
pub async fn run(plan: &Plan) -> Result<Report> {
    let begin = Instant::now();
    let data = make_up(plan)?;
    let keys = data.join(KEYS_FILE);
    let scene = Scene {
        fulfil: &plan.fulfil,
        place: &Place::Private,
        folder: &plan.folder,
        lanes: plan.lanes,
        keys: &keys,
        configuration: None,
    };
    let stage = Stage::set(&scene).await?;
    let orders = data.join(ORDERS_FILE);
    let bodies = lines(&orders)?.map(|line| Ok(line?.into_bytes())).collect::<Result<Vec<_>>>()?;
    let follower = stage.follow()?;
    let crew = Crew::start(&stage.program, plan.workers, &plan.folder).await?;
    eprintln!("{} orders a second; {} {}, seed {}", plan.rate, plan.times, plan.kind.in_words(), plan.seed);
    let load = Load::begin(Publisher::new(&stage.urls.source, PUBLISH_LIMIT), bodies, plan.rate);
    let mut strikes = Strikes::new(plan, &stage, &follower, &load, crew);
    let all = strikes.all().await;
    let Strikes { made, mut wrong, mut crew, .. } = strikes;
    if let Err(error) = all {
        eprintln!("{error:#}");
        wrong.push(format!("{error:#}"));
    }
    let publisher = load.end().await?;
    let log = plan.folder.join("published.jsonl");
    publisher.write_log(&log)?;
    let sent = Sent::read(&orders, Some(&log))?;
    let answering = Instant::now();
    let quiet_rebuild_seconds =
        if plan.kind == Kind::Flush { rebuild::quiet(&stage, &follower, &sent, &mut crew).await? } else { None };
    let ended = stage.end(crew, follower, &sent, None, answering).await?;
    Ok(report(plan, made, wrong, quiet_rebuild_seconds, ended, begin))
}

fn report(
    plan: &Plan,
    mut strikes: Vec<Strike>,
    wrong: Vec<String>,
    quiet_rebuild_seconds: Option<f64>,
    ended: Ended,
    begin: Instant,
) -> Report {
    let Ended { mut verdict, audit, results, workers, .. } = ended;
    flow::measure(&mut strikes, &results);
    let missing = u64::from(plan.times).saturating_sub(strikes.len() as u64);
    let missing = (missing > 0).then(|| format!("{missing} of {} strikes were not made", plan.times));
    verdict.also(
        Check::new("struck", "every strike fell while results flowed, and they flowed again after it")
            .all(wrong.into_iter().chain(missing)),
    );
    if plan.kind.forgets() {
        verdict.also(rebuilt(&strikes));
        verdict.also(never_zero(&strikes));
    }
    let counted = |name| whole(&workers.counted, name);
    Report {
        kind: plan.kind,
        seed: plan.seed,
        rate: plan.rate,
        strikes,
        delivered_twice: sold_twice(&verdict),
        offered_sold: counted("fulfil_stock_offered_sold_total"),
        rebuilds: counted("fulfil_stock_rebuilds_total"),
        claims_failed: counted("fulfil_stock_claims_failed_total"),
        redelivered: counted("fulfil_redelivered_total"),
        ended_by_themselves: workers.by_themselves,
        available_keys: audit.available,
        quiet_rebuild_seconds,
        minutes: begin.elapsed().as_secs_f64() / 60.0,
        verdict: verdict.with_audit(audit),
    }
}

/// A stock that nobody rebuilds seems to be whole where Redis has gone back.
fn rebuilt(strikes: &[Strike]) -> Check {
    let left = strikes.iter().enumerate().filter(|(_, strike)| !strike.not_rebuilt.is_empty());
    Check::new("rebuilt", "after each strike every SKU is loaded anew, under a higher epoch")
        .all(left.map(|(at, strike)| format!("strike {}: {}", at + 1, strike.not_rebuilt.join(", "))))
}

fn never_zero(strikes: &[Strike]) -> Check {
    let stood_still =
        strikes.iter().enumerate().filter(|(_, strike)| strike.lowest_per_second.is_none_or(|low| low == 0));
    Check::new("never_zero", "results come in any second, wherever it begins, while the stock is rebuilt")
        .all(stood_still.map(|(at, _)| format!("strike {}", at + 1)))
}

/// The judge's check `sold_once`.
fn sold_twice(verdict: &Verdict) -> u64 {
    verdict.checks.iter().filter(|check| check.name == "sold_once").map(|check| check.offenders).sum()
}

fn whole(samples: &Samples, name: &str) -> u64 {
    samples.get(name) as u64
}

/// Orders enough for the whole time, and their keys with those that are left over.
fn make_up(plan: &Plan) -> Result<PathBuf> {
    let orders = (u64::from(plan.rate) * plan.kind.seconds_each(plan) * u64::from(plan.times)).max(1000);
    let mix = Mix {
        orders,
        skus: 5,
        most_lines: 1,
        most_quantity: 2,
        repeats: orders / 100,
        conflicts: orders / 1000,
        broken: orders / 1000,
        // An order wants a key and a half on average.
        spare_percent: (plan.spare_keys * 200).div_ceil(orders * 3),
        seed: plan.seed,
    };
    let data = plan.folder.join("data");
    generate::write(Path::new(&data), &mix)?;
    Ok(data)
}

impl Report {
    fn slowest(&self, of: impl Fn(&Strike) -> Option<f64>) -> Option<f64> {
        self.strikes.iter().filter_map(of).max_by(f64::total_cmp)
    }

    fn lowest_per_second(&self) -> Option<u64> {
        self.strikes.iter().filter_map(|strike| strike.lowest_per_second).min()
    }
}

impl Outcome for Report {
    fn clean(&self) -> bool {
        self.verdict.clean
    }

    fn in_short(&self) -> String {
        let mut parts = vec![format!("{} {}", self.strikes.len(), self.kind.in_words())];
        let flows = self.slowest(|strike| Some(strike.seconds_until_results)).unwrap_or(0.0);
        parts.push(format!("results again after {flows:.1} s at most"));
        if let Some(missed) = self.strikes.iter().filter_map(|strike| strike.missed).map(|missed| missed.keys).min() {
            parts.push(format!("each missed {missed} claimed keys or more"));
        }
        if self.kind == Kind::Redis || self.kind.forgets() {
            parts.push(format!(
                "offers of sold keys counted: {}, keys delivered twice: {}",
                self.offered_sold, self.delivered_twice
            ));
        }
        if let Some(rebuild) = self.slowest(|strike| strike.seconds_until_whole) {
            let lowest = self.lowest_per_second().unwrap_or(0);
            parts.push(format!(
                "at least {} keys rebuilt in {rebuild:.1} s at most, {lowest} results in the lowest second at {} orders \
                 a second",
                self.available_keys, self.rate
            ));
        }
        if let Some(seconds) = self.quiet_rebuild_seconds {
            parts.push(format!("{} keys without load in {seconds:.1} s", self.available_keys));
        }
        format!("{}, seed {}", parts.join(", "), self.seed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.verdict)?;
        writeln!(f, "strike  at s  results s  whole s  lowest/s")?;
        for (number, strike) in self.strikes.iter().enumerate() {
            let whole = strike.seconds_until_whole.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}"));
            let lowest = strike.lowest_per_second.map_or_else(|| "-".to_owned(), |lowest| lowest.to_string());
            writeln!(
                f,
                "{:>6} {:>5.0} {:>10.1} {whole:>8} {lowest:>9}  {}",
                number + 1,
                strike.at,
                strike.seconds_until_results,
                strike.what
            )?;
        }
        write!(
            f,
            "{} offers of sold keys, {} keys delivered twice, {} rebuilds begun, {} claims failed, {} redelivered, {} \
             workers ended by themselves, {} keys left, {} orders a second, {:.1} minutes, seed {}",
            self.offered_sold,
            self.delivered_twice,
            self.rebuilds,
            self.claims_failed,
            self.redelivered,
            self.ended_by_themselves,
            self.available_keys,
            self.rate,
            self.minutes,
            self.seed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strike_that_rebuilt_nothing_or_stopped_the_results_is_not_clean() {
        let strike = |not_rebuilt: &[&str], lowest_per_second| Strike {
            at: 1.0,
            what: "rolled back".into(),
            seconds_until_results: 0.5,
            not_rebuilt: not_rebuilt.iter().map(|sku| (*sku).to_owned()).collect(),
            seconds_until_whole: Some(1.0),
            lowest_per_second,
            missed: None,
            moment: Instant::now(),
        };
        let good = [strike(&[], Some(60))];
        assert_eq!((rebuilt(&good).offenders, never_zero(&good).offenders), (0, 0));
        let [good] = good;
        let bad = [good, strike(&["sku-1"], Some(0)), strike(&[], None)];
        assert_eq!(rebuilt(&bad).examples, ["strike 2: sku-1"]);
        assert_eq!(never_zero(&bad).examples, ["strike 2", "strike 3"]);
    }
}
