//! One strike after the other, each at a random moment of the load.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use private_servers::{Redis, Server};
use serde::Serialize;
use tokio::time::sleep;

use super::{
    Kind, Plan,
    rebuild::{Delivered, Epochs, until_rebuilt, until_whole},
};
use crate::{crew::Crew, kills::fault::flush_all, load::Load, results::follow::Follower, seed::Random, stage::Stage};

/// What was done, and what followed.
#[derive(Debug, Clone, Serialize)]
pub struct Strike {
    /// Seconds since the first strike was prepared.
    pub at: f64,
    pub what: String,
    /// From the strike until results came again.
    pub seconds_until_results: f64,
    /// SKUs whose stock was not loaded anew under a higher epoch, where Redis forgot.
    pub not_rebuilt: Vec<String>,
    /// From the strike until all of them were and nothing was missing from stock.
    pub seconds_until_whole: Option<f64>,
    /// The fewest results read in any second of that time, wherever it begins.
    pub lowest_per_second: Option<u64>,
    /// What was delivered while the replica heard nothing.
    pub missed: Option<Delivered>,
    #[serde(skip)]
    pub(super) moment: Instant,
}

/// A strike falls within so long after results flow.
const WITHIN_MS: u64 = 1500;
/// A killed server stays away for so long at most before it is started.
const AWAY_MS: u64 = 1000;
/// An older append-only file is so old.
const ROLLED_BACK_MS: (u64, u64) = (1000, 5000);
/// From a strike until results flow again; RabbitMQ alone takes some seconds to start.
const FLOW_LIMIT: Duration = Duration::from_secs(120);
/// For a stale replica to miss as much as it has to.
const MISS_LIMIT: Duration = Duration::from_secs(180);

pub(super) struct Strikes<'a, 'p> {
    plan: &'a Plan,
    stage: &'a Stage,
    follower: &'a Follower,
    load: &'a Load,
    pub(super) crew: Crew<'p>,
    random: Random,
    begin: Instant,
    /// Replicas that took the place of Redis; the last one answers.
    promoted: Vec<Redis>,
    pub(super) made: Vec<Strike>,
    /// What should have been otherwise.
    pub(super) wrong: Vec<String>,
}

/// A strike that has just fallen.
struct Struck {
    moment: Instant,
    what: String,
    missed: Option<Delivered>,
    /// Just before it, where Redis forgets.
    epochs: Option<Epochs>,
}

impl<'a, 'p> Strikes<'a, 'p> {
    pub(super) fn new(
        plan: &'a Plan,
        stage: &'a Stage,
        follower: &'a Follower,
        load: &'a Load,
        crew: Crew<'p>,
    ) -> Self {
        Self {
            plan,
            stage,
            follower,
            load,
            crew,
            random: Random::new(plan.seed),
            begin: Instant::now(),
            promoted: Vec::new(),
            made: Vec::new(),
            wrong: Vec::new(),
        }
    }

    pub(super) async fn all(&mut self) -> Result<()> {
        self.flows().await.context("no result came before the first strike")?;
        for number in 1..=self.plan.times {
            self.one(number).await.with_context(|| format!("strike {number}"))?;
        }
        Ok(())
    }

    async fn one(&mut self, number: u32) -> Result<()> {
        // Drawn in the same order whatever happens, so that a seed means the same strikes.
        let moment = self.draw(0, WITHIN_MS);
        let away = self.draw(0, AWAY_MS);
        let age = self.draw(ROLLED_BACK_MS.0, ROLLED_BACK_MS.1);
        sleep(moment).await; // the random moment
        ensure!(!self.load.is_over(), "there were no more orders: give a lower --rate");
        let struck = self.strike(number, away, age).await?;
        self.flows().await.context("results did not come again")?;
        let flowing = Instant::now();
        let (mut not_rebuilt, mut whole) = (Vec::new(), None);
        if let Some(epochs) = &struck.epochs {
            not_rebuilt = self.crew.while_waiting(until_rebuilt(&self.stage.program, epochs)).await?;
            let moment = self.crew.while_waiting(until_whole(self.stage, self.follower)).await?;
            whole = Some((moment - struck.moment).as_secs_f64());
            sleep(Duration::from_secs(1)).await; // the second after that is looked at too
        }
        let strike = Strike {
            at: (struck.moment - self.begin).as_secs_f64(),
            what: struck.what,
            seconds_until_results: (flowing - struck.moment).as_secs_f64(),
            not_rebuilt,
            seconds_until_whole: whole,
            lowest_per_second: None,
            missed: struck.missed,
            moment: struck.moment,
        };
        eprintln!(
            "{number:>3} of {}: {}; results after {:.1} s{}",
            self.plan.times,
            strike.what,
            strike.seconds_until_results,
            whole.map(|seconds| format!(", whole after {seconds:.1} s")).unwrap_or_default()
        );
        self.made.push(strike);
        Ok(())
    }

    async fn strike(&mut self, number: u32, away: Duration, age: Duration) -> Result<Struck> {
        let servers = self.stage.servers()?;
        let ms = |time: Duration| time.as_millis();
        let (mut missed, mut epochs) = (None, None);
        let (moment, what) = match self.plan.kind {
            Kind::Rabbitmq => (killed(&servers.rabbitmq, away).await?, format!("killed, away for {} ms", ms(away))),
            Kind::Redis => (killed(&servers.redis, away).await?, format!("killed, away for {} ms", ms(away))),
            Kind::Postgres => (killed(&servers.postgres, away).await?, format!("killed, away for {} ms", ms(away))),
            Kind::RollBack => {
                let older = servers.redis.snapshot_aof()?;
                let kept = Instant::now();
                sleep(age).await; // what is claimed meanwhile is forgotten
                epochs = Some(Epochs::read(&self.stage.program).await?);
                let moment = Instant::now();
                servers.redis.restart_on(&older)?;
                (moment, format!("rolled back by {} ms", ms(moment - kept)))
            }
            Kind::Flush => {
                let functions = number.is_multiple_of(2);
                epochs = Some(Epochs::read(&self.stage.program).await?);
                let moment = Instant::now();
                flush_all(&servers.redis, functions)?;
                (moment, if functions { "FLUSHALL, FUNCTION FLUSH" } else { "FLUSHALL" }.to_owned())
            }
            Kind::Replica => {
                let (moment, these, before) = self.promote().await?;
                (missed, epochs) = (Some(these), Some(before));
                (moment, format!("a replica that missed {} orders with {} keys", these.orders, these.keys))
            }
        };
        Ok(Struck { moment, what, missed, epochs })
    }

    /// A replica is cut off, misses what is delivered meanwhile, and takes the place of its primary.
    async fn promote(&mut self) -> Result<(Instant, Delivered, Epochs)> {
        let primary = match self.promoted.last() {
            Some(primary) => primary,
            None => &self.stage.servers()?.redis,
        };
        let replica = primary.start_replica()?;
        replica.cut_link()?;
        let before = self.follower.with(Delivered::of);
        let begin = Instant::now();
        let missed = loop {
            let missed = self.follower.with(Delivered::of).since(before);
            if missed.orders >= self.plan.missed {
                break missed;
            }
            ensure!(begin.elapsed() < MISS_LIMIT, "only {} orders were delivered: give a higher --rate", missed.orders);
            sleep(Duration::from_millis(100)).await; // between two looks
        };
        let epochs = Epochs::read(&self.stage.program).await?;
        let moment = Instant::now();
        replica.take_the_place_of(primary)?;
        self.promoted.push(replica);
        Ok((moment, missed, epochs))
    }

    /// Waits until half a second's worth of results has come from now on.
    async fn flows(&mut self) -> Result<()> {
        let before = self.follower.with(|results| results.orders.len());
        let wanted = usize::try_from(self.plan.rate.div_ceil(2))?;
        let more = self.follower.wait_until(FLOW_LIMIT, |results| results.orders.len() >= before + wanted);
        self.crew.while_waiting(more).await
    }

    fn draw(&mut self, from_ms: u64, to_ms: u64) -> Duration {
        Duration::from_millis(from_ms + self.random.below(to_ms - from_ms))
    }
}

/// Kills a server and starts it again; gives when it was killed.
async fn killed(server: &impl Server, away: Duration) -> Result<Instant> {
    let moment = Instant::now();
    server.kill()?;
    sleep(away).await; // clients find nobody there
    server.restart()?;
    Ok(moment)
}
