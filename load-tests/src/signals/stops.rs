//! Several workers at a time are stopped for longer than a lease, and continued.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tokio::time::{sleep, sleep_until};

use super::{Plan, Signalled};
use crate::{crew::Crew, load::Load, results::follow::Follower, seed::Random};

/// The stops of one round begin within so long.
const APART_MS: u64 = 1500;
/// Between two rounds: what came back finds out, and takes new work.
const BETWEEN_MS: u64 = 2500;
const FLOW_LIMIT: Duration = Duration::from_secs(60);

pub(super) async fn all(
    plan: &Plan,
    crew: &mut Crew<'_>,
    load: &Load,
    follower: &Follower,
    random: &mut Random,
) -> Result<Signalled> {
    flows(plan, crew, follower).await.context("no result came before the first stop")?;
    let (mut done, mut round) = (0, 0);
    while done < plan.times {
        ensure!(!load.is_over(), "there were no more orders: give a lower --rate");
        let count = (plan.times - done).min(u32::try_from(plan.at_once)?);
        let victims = draw(plan.workers, count as usize, random);
        let mut moments: Vec<Duration> =
            victims.iter().map(|_| Duration::from_millis(random.below(APART_MS))).collect();
        moments.sort_unstable();
        let between = Duration::from_millis(BETWEEN_MS / 2 + random.below(BETWEEN_MS / 2));
        one_round(plan, crew, &victims, &moments).await.with_context(|| format!("round {}", round + 1))?;
        done += count;
        round += 1;
        eprintln!("{done:>3} of {} stops: workers {victims:?}", plan.times);
        flows(plan, crew, follower).await.context("results did not come again")?;
        sleep(between).await; // they work for a while
    }
    Ok(Signalled::default())
}

/// Stops each at its moment, and continues each after the same time.
async fn one_round(plan: &Plan, crew: &Crew<'_>, victims: &[usize], moments: &[Duration]) -> Result<()> {
    let begin = tokio::time::Instant::from_std(Instant::now());
    for (signal, later) in [(Signal::SIGSTOP, Duration::ZERO), (Signal::SIGCONT, plan.stopped())] {
        for (victim, moment) in victims.iter().zip(moments) {
            sleep_until(begin + *moment + later).await;
            crew.send(*victim, signal)?;
        }
    }
    Ok(())
}

/// Different workers, `count` of them.
fn draw(workers: usize, count: usize, random: &mut Random) -> Vec<usize> {
    let mut all: Vec<usize> = (0..workers).collect();
    let mut drawn = Vec::with_capacity(count);
    while drawn.len() < count && !all.is_empty() {
        let at = usize::try_from(random.below(all.len() as u64)).unwrap_or(0);
        drawn.push(all.swap_remove(at));
    }
    drawn
}

/// Waits until a second's worth of results has come from now on.
pub(super) async fn flows(plan: &Plan, crew: &mut Crew<'_>, follower: &Follower) -> Result<()> {
    let before = follower.with(|results| results.results);
    let wanted = u64::from(plan.rate);
    crew.while_waiting(follower.wait_until(FLOW_LIMIT, |results| results.results >= before + wanted)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_stopped_once_at_a_time() {
        let mut random = Random::new(3);
        for _ in 0..100 {
            let mut drawn = draw(5, 3, &mut random);
            drawn.sort_unstable();
            drawn.dedup();
            assert_eq!(drawn.len(), 3);
            assert!(drawn.iter().all(|worker| *worker < 5));
        }
    }
}
