//! What happens during a run, all at once: orders at their rate, the outage, and a look every second.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use private_servers::Servers;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until};

use super::{
    Outage, Plan,
    flow::{Sample, Span},
};
use crate::{
    pace::{Pace, feed},
    proxy::{Proxy, Traffic},
    publisher::Publisher,
    results::follow::Follower,
};

pub(super) const BEFORE: Duration = Duration::from_secs(10);
/// Longer than what may pass until all is back.
pub(super) const AFTER: Duration = Duration::from_secs(40);
const BURST_CHUNK: usize = 1000;
const LOOK: Duration = Duration::from_millis(20);
/// From its begin until it has to be felt.
const FELT_AFTER: Duration = Duration::from_secs(3);
const SECOND: Duration = Duration::from_secs(1);

/// The moments of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    pub(super) span: Span,
    /// When it was seen to be felt.
    pub(super) felt: f64,
    /// Orders that were in the queues when it took effect.
    pub(super) waiting: u64,
    /// Just before the outage was ended, by the machine's clock: microseconds since 1970.
    pub(super) ending_us: u128,
    /// Deliveries that were acknowledged by then.
    pub(super) acknowledged: u64,
    /// Deliveries that workers held by then: neither announced nor acknowledged.
    pub(super) held: u64,
}

/// What the run is made of.
pub(super) struct Stage<'a> {
    pub(super) plan: &'a Plan,
    pub(super) outage: Outage,
    pub(super) servers: &'a Arc<Servers>,
    pub(super) proxy: &'a Proxy,
    pub(super) follower: &'a Follower,
}

/// The orders of a run, and who publishes them.
pub(super) struct Orders<'a> {
    pub(super) steady: (&'a mut Publisher, &'a [Vec<u8>]),
    /// Side by side, so that more come than workers can take.
    pub(super) burst: Vec<(&'a mut Publisher, &'a [Vec<u8>])>,
}

/// Plays all of it; gives the moments and what was seen each second.
pub(super) async fn play(stage: &Stage<'_>, orders: Orders<'_>) -> Result<(Moments, Vec<Sample>)> {
    let pace = Pace { begin: Instant::now(), per_second: stage.plan.rate };
    let (begun, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let burst_published = AtomicU64::new(0);
    let (steady, burst) = (orders.steady, orders.burst);
    let publishing = async { feed(steady.0, steady.1, pace).await.map(drop) };
    let bursting = async {
        if !stage.outage.blocks_publishers() {
            return Ok(());
        }
        sleep(BEFORE).await; // the alarm is asked for at the same moment, and takes about a second
        let enough = || stage.proxy.counts().traffic.blocked > 0 || begun.load(Ordering::Relaxed);
        try_join_all(burst.into_iter().map(async |(publisher, bodies)| {
            for chunk in bodies.chunks(BURST_CHUNK) {
                if enough() {
                    break;
                }
                publisher.publish(chunk).await?;
                burst_published.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }))
        .await
        .map(drop)
    };
    let acting = async {
        let moments = act(stage, pace, &begun, &burst_published).await;
        sleep(AFTER).await; // what is looked at afterwards
        over.store(true, Ordering::Relaxed);
        moments
    };
    let (_, _, moments, samples) = tokio::try_join!(publishing, bursting, acting, async {
        Ok(look(stage, pace, steady.1.len(), &burst_published, &over).await)
    })?;
    Ok((moments, samples))
}

/// The outage.
async fn act(stage: &Stage<'_>, pace: Pace, begun: &AtomicBool, burst: &AtomicU64) -> Result<Moments> {
    let outage = stage.outage;
    sleep(BEFORE).await; // the time before
    let beginning = off_the_runtime(stage.servers, move |servers| outage.begin(servers));
    let blocked = || outage.blocks_publishers() && stage.proxy.counts().traffic.blocked > 0;
    let began = from_then(pace, beginning, blocked).await?;
    begun.store(true, Ordering::Relaxed);
    let published = (began * f64::from(pace.per_second)) as u64 + burst.load(Ordering::Relaxed);
    let waiting = published.saturating_sub(stage.proxy.counts().traffic.delivered);
    sleep(FELT_AFTER.min(stage.plan.lasts)).await; // the outage itself
    off_the_runtime(stage.servers, move |servers| outage.is_felt(servers)).await?;
    let felt = pace.begin.elapsed().as_secs_f64();
    let until = pace.begin + Duration::from_secs_f64(began) + stage.plan.lasts;
    sleep_until(until).await;
    let Traffic { acknowledged, delivered, .. } = stage.proxy.counts().traffic;
    let held = delivered.saturating_sub(acknowledged);
    let ending_us = SystemTime::UNIX_EPOCH.elapsed()?.as_micros();
    let ending = off_the_runtime(stage.servers, move |servers| outage.end(servers));
    let unblocked = || outage.blocks_publishers() && stage.proxy.counts().traffic.unblocked > 0;
    let over = from_then(pace, ending, unblocked).await?;
    Ok(Moments { span: Span { began, over }, felt, waiting, ending_us, acknowledged, held })
}

/// Seconds since the run began when the work was done, or had its effect already: rabbitmqctl returns later.
async fn from_then(pace: Pace, work: impl Future<Output = Result<()>>, effect: impl Fn() -> bool) -> Result<f64> {
    let mut work = std::pin::pin!(work);
    let mut seen = None;
    loop {
        tokio::select! {
            done = &mut work => {
                done?;
                return Ok(seen.unwrap_or_else(|| pace.begin.elapsed().as_secs_f64()));
            }
            () = sleep(LOOK) => {
                if seen.is_none() && effect() {
                    seen = Some(pace.begin.elapsed().as_secs_f64());
                }
            }
        }
    }
}

/// Servers are handled by calls that wait.
pub(super) async fn off_the_runtime<T: Send + 'static>(
    servers: &Arc<Servers>,
    work: impl FnOnce(&Servers) -> Result<T> + Send + 'static,
) -> Result<T> {
    let servers = servers.clone();
    tokio::task::spawn_blocking(move || work(&servers)).await.context("a call to a server panicked")?
}

async fn look(stage: &Stage<'_>, pace: Pace, orders: usize, burst: &AtomicU64, over: &AtomicBool) -> Vec<Sample> {
    let mut ticks = interval_at(pace.begin, SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut samples = Vec::new();
    while !over.load(Ordering::Relaxed) {
        ticks.tick().await;
        let at = pace.begin.elapsed().as_secs_f64();
        let steady = ((at * f64::from(pace.per_second)) as u64).min(orders as u64);
        let traffic = stage.proxy.counts().traffic;
        let (results, answered) = stage.follower.with(|results| (results.results, results.orders.len() as u64));
        samples.push(Sample {
            at,
            due: steady + burst.load(Ordering::Relaxed),
            delivered: traffic.delivered,
            acknowledged: traffic.acknowledged,
            results,
            answered,
        });
    }
    samples
}
