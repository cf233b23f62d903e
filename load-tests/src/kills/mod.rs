//! Workers killed at random moments while orders come in, with a fault in the middle; then a verdict.
//!
//! Orders come in bursts, one before each kill, and the kill falls at a random moment within them: that is
//! when a worker holds deliveries, claims and unannounced results. A killed process loses no written page of
//! the kernel's cache, so this is the crash of a process (or, with a fault, of a server), not a power cut.

use std::{
    fmt,
    io::IsTerminal,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::Serialize;

use crate::{
    arguments::Outcome,
    crew::Crew,
    judge::verdict::{Check, Verdict},
    own_servers::Place,
    publisher::Publisher,
    sent::{Sent, lines},
    stage::{PRIVATE_ONLY, Scene, Stage},
};

pub(crate) mod fault;

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
    pub place: Place,
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
    /// Workers that ended without having been killed: none may, unless the broker was away.
    pub ended_by_themselves: u64,
    /// Deliveries that the broker had made before, counted by each worker until its end.
    pub redelivered: f64,
    pub deliveries: f64,
    pub seconds_until_answered: f64,
    /// From the last result until the audit had nothing missing from stock.
    pub seconds_until_stock_whole: f64,
    pub verdict: Verdict,
}

/// The broker's, after which the publisher gives up.
const PUBLISH_LIMIT: Duration = Duration::from_secs(120);

/// Runs the plan, on servers of its own or a user's.
///
/// # Errors
/// When something can't be started, or results or stock do not come back in time.
pub async fn run(plan: &Plan) -> Result<Report> {
    let scene = Scene {
        fulfil: &plan.fulfil,
        place: &plan.place,
        folder: &plan.folder,
        lanes: plan.lanes,
        keys: &plan.keys,
        configuration: None,
    };
    ensure!(plan.fault == Fault::None || matches!(plan.place, Place::Private), PRIVATE_ONLY);
    let stage = Stage::set(&scene).await?;
    eprintln!("keys are imported; {} kills of {} workers, seed {}", plan.kills, plan.workers, plan.seed);
    let bodies = lines(&plan.orders)?.map(|line| Ok(line?.into_bytes())).collect::<Result<Vec<_>>>()?;
    let follower = stage.follow()?;
    let mut crew = Crew::start(&stage.program, plan.workers, &plan.folder).await?;
    let begin = Instant::now();
    let mut publisher = Publisher::new(&stage.urls.source, PUBLISH_LIMIT);
    let published = storm(plan, &stage, &bodies, &mut publisher, &mut crew).await;
    publisher.write_log(&plan.folder.join("published.jsonl"))?;
    published?;

    let mut ended = stage.end(crew, follower, &Sent::read(&plan.orders, None)?, None, begin).await?;
    ended.verdict.also(stayed(plan.fault, ended.workers.by_themselves));
    let counted = &ended.workers.counted;
    Ok(Report {
        seed: plan.seed,
        fault: plan.fault,
        kills: ended.workers.kills,
        kills_while_starting: ended.workers.kills_while_starting,
        ended_by_themselves: ended.workers.by_themselves,
        redelivered: counted.get("fulfil_redelivered_total"),
        deliveries: counted.get("fulfil_deliveries_total"),
        seconds_until_answered: ended.seconds_until_answered,
        seconds_until_stock_whole: ended.seconds_until_stock_whole,
        verdict: ended.verdict.with_audit(ended.audit),
    })
}

impl Outcome for Report {
    fn clean(&self) -> bool {
        self.verdict.clean
    }

    fn in_short(&self) -> String {
        let Self { kills, verdict, seed, .. } = self;
        let fault = match self.fault {
            Fault::None => "",
            Fault::Flushall => ", FLUSHALL",
            Fault::OldAof => ", an old AOF",
            Fault::RestartServers => ", servers restarted",
        };
        format!(
            "{kills} kills{fault}, {} messages, {} keys, seed {seed}",
            verdict.messages_sent, verdict.keys_delivered
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.verdict)?;
        write!(
            f,
            "{} kills ({} while starting), {} ends by themselves, fault {:?}, seed {}; {} deliveries, {} redelivered; \
             answered after {:.1} s, stock whole {:.1} s later",
            self.kills,
            self.kills_while_starting,
            self.ended_by_themselves,
            self.fault,
            self.seed,
            self.deliveries,
            self.redelivered,
            self.seconds_until_answered,
            self.seconds_until_stock_whole,
        )
    }
}

/// A worker that starts while the broker restarts may find no queues there, and ends.
fn stayed(fault: Fault, by_themselves: u64) -> Check {
    let may_end = match fault {
        Fault::None | Fault::Flushall | Fault::OldAof => false,
        Fault::RestartServers => true,
    };
    Check::new("stayed", "no worker ends without having been killed, while the broker is there")
        .all((by_themselves > 0 && !may_end).then(|| format!("{by_themselves} did")))
}

/// Bursts of orders, a kill within each, and the fault after half of them.
async fn storm(
    plan: &Plan,
    stage: &Stage,
    bodies: &[Vec<u8>],
    publisher: &mut Publisher,
    crew: &mut Crew<'_>,
) -> Result<()> {
    let mut random = crate::seed::Random::new(plan.seed);
    let mut faults = Faults::new(plan.fault, plan.kills, stage);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_ends_by_itself_is_told_unless_the_broker_was_away() {
        for fault in [Fault::None, Fault::Flushall, Fault::OldAof] {
            assert_eq!((stayed(fault, 1).offenders, stayed(fault, 0).offenders), (1, 0));
        }
        assert_eq!(stayed(Fault::RestartServers, 1).offenders, 0);
    }

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
