//! One worker after the other is told to end, and started again once it has.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Plan, Signalled, stops::flows};
use crate::{crew::Crew, load::Load, results::follow::Follower, seed::Random};

/// Between a worker that takes orders again and the next one's SIGTERM, at most.
const PAUSE_MS: u64 = 500;

pub(super) async fn all(
    plan: &Plan,
    crew: &mut Crew<'_>,
    load: &Load,
    follower: &Follower,
    random: &mut Random,
) -> Result<Signalled> {
    let mut signalled = Signalled::default();
    flows(plan, crew, follower).await.context("no result came before the first restart")?;
    for number in 1..=plan.times {
        let victim = number as usize % plan.workers;
        let pause = Duration::from_millis(random.below(PAUSE_MS));
        tokio::time::sleep(pause).await; // the random moment
        ensure!(!load.is_over(), "restart {number}: there were no more orders: give a lower --rate");
        let drain = crew.restart_in_good_order(victim).await.with_context(|| format!("restart {number}"))?;
        crew.await_ready(victim).await?;
        if number.is_multiple_of(10) {
            eprintln!(
                "restart {number:>3} of {}: worker {victim}, drained in {:.2} s",
                plan.times,
                drain.as_secs_f64()
            );
        }
        signalled.drains.push(drain);
    }
    flows(plan, crew, follower).await.context("results did not come again")?;
    Ok(signalled)
}
