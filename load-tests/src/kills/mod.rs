//! Workers killed at random moments while orders come in, with a fault in the middle; then a verdict.
//!
//! Orders come in bursts, one before each kill, and the kill falls at a random moment within them: that is
//! when a worker holds deliveries, claims and unannounced results. A killed process loses no written page of
//! the kernel's cache, so this is the crash of a process (or, with a fault, of a server), not a power cut.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use clap::ValueEnum;
use private_servers::{Server, Servers};
use serde::Serialize;

use crate::{
    crew::Crew,
    ending::{all_answered, left_in_queues, none_given_up, only_repeats, whole_stock},
    judge::{
        judge,
        stock::Stock,
        verdict::{Check, Verdict},
    },
    program::{Program, Urls},
    publisher::Publisher,
    results::follow::Follower,
    sent::{Sent, lines},
};

mod fault;

use fault::Faults;

/// What goes wrong in the middle, besides the kills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    None,
    /// Redis forgets everything, functions included.
    Flushall,
    /// Redis is killed and comes back as it was a quarter of the kills ago.
    OldAof,
    /// RabbitMQ and Postgres are killed and restarted, one after the other.
    RestartServers,
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub fulfil: PathBuf,
    pub orders: PathBuf,
    pub keys: PathBuf,
    pub kills: u64,
    pub workers: usize,
    pub lanes: u16,
    /// A kill falls within so long after its burst began.
    pub within: Duration,
    pub fault: Fault,
    pub seed: u64,
    /// Logs, results and the publisher's log.
    pub folder: PathBuf,
}

#[derive(Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    pub fault: Fault,
    pub kills: u64,
    /// Kills that hit a worker that was still starting.
    pub kills_while_starting: u64,
    /// Workers that ended without having been killed, because a server was away.
    pub ended_by_themselves: u64,
    /// Deliveries that the broker had made before, counted by each worker until its end.
    pub redelivered: f64,
    pub deliveries: f64,
    pub seconds_until_answered: f64,
    /// From the last result until the audit had nothing missing from stock.
    pub seconds_until_stock_whole: f64,
    pub verdict: Verdict,
}

/// For all results to come once the last order is in.
const ANSWER_LIMIT: Duration = Duration::from_secs(300);
const QUIET: Duration = Duration::from_secs(3);
/// Once no worker runs.
const QUIET_LIMIT: Duration = Duration::from_secs(60);
/// The broker's, after which the publisher gives up.
const PUBLISH_LIMIT: Duration = Duration::from_secs(120);

/// Runs the plan on servers of its own.
///
/// # Errors
/// When something can't be started, or results or stock do not come back in time.
pub async fn run(plan: &Plan) -> Result<Report> {
    let servers = Servers::start()?;
    let urls = Urls { source: servers.rabbitmq.url(), stock: servers.redis.url(), ledger: servers.postgres.url() };
    let mut program = Program::prepare(plan.fulfil.clone(), &plan.folder, &urls, plan.lanes).await?;
    program.set("LOG__FORMAT", "json");
    program.run(&["migrate"]).await?;
    servers.rabbitmq.save_declarations()?;
    program.run(&["keys", "import", &path(&plan.keys.canonicalize()?)]).await.or_else(only_repeats)?;
    eprintln!("keys are imported; {} kills of {} workers, seed {}", plan.kills, plan.workers, plan.seed);

    let bodies = lines(&plan.orders)?.map(|line| Ok(line?.into_bytes())).collect::<Result<Vec<_>>>()?;
    let save = std::fs::File::create(plan.folder.join("results.jsonl"))?;
    let follower = Follower::start(&urls.source, Some(save));
    let mut crew = Crew::start(&program, plan.workers, &plan.folder).await?;
    let begin = std::time::Instant::now();
    let mut publisher = Publisher::new(&urls.source, PUBLISH_LIMIT);
    let published = storm(plan, &servers, &bodies, &mut publisher, &mut crew).await;
    publisher.write_log(&plan.folder.join("published.jsonl"))?;
    published?;

    let sent = Sent::read(&plan.orders, None)?;
    let mut waiting = sent.expected();
    let answered =
        crew.while_waiting(follower.wait_until(ANSWER_LIMIT, |results| all_answered(&mut waiting, results))).await;
    if let Err(error) = answered {
        eprintln!("{error:#}");
    }
    let seconds_until_answered = begin.elapsed().as_secs_f64();
    eprintln!("every order is answered after {seconds_until_answered:.1} s; waiting until the stock is whole");
    let begin = std::time::Instant::now();
    let audit = crew.while_waiting(whole_stock(&program)).await?;
    let seconds_until_stock_whole = begin.elapsed().as_secs_f64();
    let ended = crew.stop().await?;
    follower.wait_until_quiet(QUIET, QUIET_LIMIT).await?;

    let results = follower.finish();
    let mut verdict = judge(&sent, &results, Some(&Stock::read(&plan.keys)?));
    verdict.also(none_given_up(&results));
    let left = left_in_queues(&servers, plan.lanes).await?;
    verdict.also(Check::new("queues_empty", "no order is left in a queue").all(left));
    verdict.also(Check::new("ended_well", "a worker that is told to stop ends with exit code 0").all(ended.badly));
    Ok(Report {
        seed: plan.seed,
        fault: plan.fault,
        kills: ended.kills,
        kills_while_starting: ended.kills_while_starting,
        ended_by_themselves: ended.by_themselves,
        redelivered: ended.redelivered,
        deliveries: ended.deliveries,
        seconds_until_answered,
        seconds_until_stock_whole,
        verdict: verdict.with_audit(audit),
    })
}

/// Bursts of orders, a kill within each, and the fault after half of them.
async fn storm(
    plan: &Plan,
    servers: &Servers,
    bodies: &[Vec<u8>],
    publisher: &mut Publisher,
    crew: &mut Crew<'_>,
) -> Result<()> {
    let mut random = crate::seed::Random::new(plan.seed);
    let mut faults = Faults::new(plan.fault, plan.kills, servers);
    let bursts = usize::try_from(plan.kills.max(1))?;
    for (at, burst) in split(bodies, bursts).enumerate() {
        faults.before(at as u64)?;
        if plan.kills == 0 {
            publisher.publish(burst).await?;
            continue;
        }
        let victim = usize::try_from(random.below(plan.workers as u64))?;
        // One in five is killed at whatever point of its start it has come to.
        if random.below(5) != 0 {
            crew.await_ready(victim).await?;
        }
        let moment = Duration::from_micros(random.below(plan.within.as_micros().try_into()?));
        let kill = async {
            tokio::time::sleep(moment).await; // the random moment
            crew.kill(victim).await
        };
        let (published, killed) = tokio::join!(publisher.publish(burst), kill);
        published?;
        killed.with_context(|| format!("kill {}", at + 1))?;
        tell(at + 1, plan, victim, moment);
    }
    Ok(())
}

fn tell(kill: usize, plan: &Plan, victim: usize, moment: Duration) {
    if std::io::stderr().is_terminal() || kill.is_multiple_of(10) {
        eprintln!("kill {kill:>3} of {}: worker {victim} after {:>5.1} ms", plan.kills, moment.as_secs_f64() * 1e3);
    }
}

/// As many parts as asked for, the larger ones first.
fn split(bodies: &[Vec<u8>], parts: usize) -> impl Iterator<Item = &[Vec<u8>]> {
    let (size, rest) = (bodies.len() / parts, bodies.len() % parts);
    let mut from = 0;
    (0..parts).map(move |part| {
        let to = from + size + usize::from(part < rest);
        let burst = &bodies[from..to];
        from = to;
        burst
    })
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_hold_everything_once_in_order() {
        let bodies: Vec<Vec<u8>> = (0..10).map(|n| vec![n]).collect();
        for parts in [1, 3, 10, 12] {
            let bursts: Vec<&[Vec<u8>]> = split(&bodies, parts).collect();
            assert_eq!(bursts.len(), parts);
            assert_eq!(bursts.concat(), bodies);
        }
    }
}
