//! One point and one action: a hundred orders, two workers, and what came of it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};

use super::{
    Action, Plan,
    fired::Fired,
    ground::{Ground, case_folder},
    orders::{IMPORTED, Orders, orders, wanted_of_sold},
    report::Row,
    scene,
    spots::{Scene, Spot},
};
use crate::{
    crew::Crew,
    ending::{only_repeats, whole_stock},
    program::{Program, free_address},
};

const WORKERS: usize = 2;
const SWITCH: &str = "FULFIL_CRASH";
/// Longer than a heartbeat counts, and the pause to the next.
const OUTLASTS_HEARTBEAT: Duration = Duration::from_secs(14);
/// The ledger's lease, twice as long as the three seconds that are configured, and some.
const OUTLASTS_LEASE: Duration = Duration::from_secs(8);
/// For all results, beyond what a task is held up.
const ANSWER_LIMIT: Duration = Duration::from_secs(90);
/// For the point to be reached, beyond what a task is held up: a breaker may open, a claim has to lapse.
const FIRED_LIMIT: Duration = Duration::from_secs(60);
const DEATH_LIMIT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) number: usize,
    pub(super) spot: Spot,
    pub(super) action: Action,
}

impl Case {
    /// Whether a task is held up: such cases take the longest.
    pub(super) fn is_long(&self) -> bool {
        self.action == Action::Stall || self.spot.scene == Scene::DeadWorkers
    }

    pub(super) async fn run(self, ground: &mut Ground, plan: &Plan) -> Row {
        let begin = Instant::now();
        let (fired, wrong) = match self.go(ground, plan).await {
            Ok(found) => found,
            Err(error) => (Fired::default(), vec![format!("{error:#}")]),
        };
        Row {
            point: self.spot.point,
            action: self.action.name(),
            fired: fired.times(),
            seconds: begin.elapsed().as_secs_f64(),
            clean: wrong.is_empty(),
            wrong,
        }
    }

    async fn go(self, ground: &mut Ground, plan: &Plan) -> Result<(Fired, Vec<String>)> {
        let scene = self.spot.scene;
        let folder = case_folder(&ground.folder, &format!("{}-{}", self.spot.point, self.action.name()))?;
        let held_up = self.held_up(plan);
        let callbacks = matches!(scene, Scene::CalledBack | Scene::CalledBackLate).then(free_address).transpose()?;
        scene::set_moods(ground, scene, callbacks)?;
        let new_sku = (scene == Scene::Import).then(|| format!("new-{}", self.number));
        let all = orders(&format!("c{:03}-", self.number), plan.orders, scene, new_sku.as_deref());
        let import = new_sku.as_deref().map(|sku| ground.write_keys(sku, IMPORTED + plan.orders)).transpose()?;

        ground.publish(&all.before).await?;
        self.prepare(ground, plan, &all, &folder).await?;
        let program = ground.program.clone();
        let mut crew = Crew::prepare(&program, WORKERS);
        if let Some(address) = callbacks {
            crew.set_first("FULFIL_CALLBACKS__LISTEN", &address.to_string());
        }
        match &import {
            Some(file) => self.import(&program, file, &folder, &self.switch(held_up)).await?,
            None => crew.set_once(SWITCH, &self.switch(held_up)),
        }
        crew.start_all(&folder).await?;
        self.strike(ground)?;
        ground.publish(&all.then).await?;
        let reached = crew.while_waiting(self.until_fired(&folder, held_up, |fired| fired.times() > 0)).await;
        self.relent(ground).await?;
        let answered = crew.while_waiting(ground.wait_for(&all.ids, ANSWER_LIMIT + held_up)).await;
        let over = crew.while_waiting(self.until_fired(&folder, held_up, Fired::is_over)).await;
        let audit = crew.while_waiting(whole_stock(&program)).await?;
        let claims_open = audit.claims_open;
        let ended = crew.stop().await?;

        let mut wrong: Vec<String> = answered.err().into_iter().map(|error| format!("{error:#}")).collect();
        wrong.extend(reached.and(over).err().map(|error| format!("{error:#}")));
        let fired = Fired::read(&folder, self.spot.point)?;
        wrong.extend(self.deaths_unplanned(fired, ended.by_themselves));
        wrong.extend(ended.badly);
        wrong.extend(ended.unplanned);
        wrong.extend(claims_open.filter(|open| *open > 0).map(|open| format!("{open} claims stay open")));
        wrong.extend(ground.judge(audit)?);
        Ok((fired, wrong))
    }

    /// No failure ends a worker, also none while it starts: it goes on trying. Of an import the command died, no worker.
    fn deaths_unplanned(self, fired: Fired, ended: u64) -> Option<String> {
        let planted = if self.spot.scene == Scene::Import { 0 } else { fired.died };
        (ended != planted).then(|| format!("{ended} workers ended by themselves, and {planted} were to die"))
    }

    fn held_up(self, plan: &Plan) -> Duration {
        match (self.action, self.spot.outlasts_heartbeat) {
            (Action::Stall, true) => plan.stall.max(OUTLASTS_HEARTBEAT),
            (Action::Stall, false) => plan.stall,
            (Action::Die | Action::Fail, _) => Duration::ZERO,
        }
    }

    fn switch(self, held_up: Duration) -> String {
        let Spot { point, text, .. } = self.spot;
        let action = match self.action {
            Action::Die | Action::Fail => self.action.name().to_owned(),
            Action::Stall => format!("stall={}", held_up.as_secs_f64()),
        };
        let first = match self.spot.scene == Scene::LeaseLost {
            // Goods come by a query there.
            true => format!("queried/stall={};", OUTLASTS_LEASE.as_secs()),
            false => String::new(),
        };
        format!("{first}{point}/{action}:{text}")
    }

    /// Before the workers start.
    async fn prepare(self, ground: &Ground, plan: &Plan, all: &Orders, folder: &Path) -> Result<()> {
        match self.spot.scene {
            Scene::Redelivered(times) => scene::redeliver(ground, times, all.before.len()).await,
            Scene::SoldOffered => scene::offer_sold(ground, 2 * wanted_of_sold(plan.orders, self.spot.scene)),
            Scene::ResultsRefused => scene::refuse_results(ground).await,
            Scene::DeadWorkers => {
                let mut dying = Crew::prepare(&ground.program, WORKERS);
                dying.set(SWITCH, "claimed");
                let folder = case_folder(folder, "dying")?;
                dying.spawn_all(&folder)?;
                dying.all_end(DEATH_LIMIT).await?;
                ensure!(dying.unplanned()?.is_empty(), "they died of something else: {:?}", dying.unplanned()?);
                scene::forget_heartbeats(ground)
            }
            Scene::Plain
            | Scene::RepliesLost
            | Scene::RepliesLostBlindly
            | Scene::CalledBack
            | Scene::CalledBackLate
            | Scene::Flushed
            | Scene::FunctionsGone
            | Scene::AnotherLife
            | Scene::LeaseLost
            | Scene::Import => Ok(()),
        }
    }

    /// While they work.
    fn strike(self, ground: &Ground) -> Result<()> {
        match self.spot.scene {
            Scene::Flushed => scene::flush(ground),
            Scene::FunctionsGone => scene::flush_functions(ground),
            Scene::AnotherLife => private_servers::Server::restart(&ground.servers.redis),
            Scene::Plain
            | Scene::Redelivered(_)
            | Scene::SoldOffered
            | Scene::ResultsRefused
            | Scene::RepliesLost
            | Scene::RepliesLostBlindly
            | Scene::CalledBack
            | Scene::CalledBackLate
            | Scene::DeadWorkers
            | Scene::LeaseLost
            | Scene::Import => Ok(()),
        }
    }

    /// Once it has fired, what would only go on for long is over.
    async fn relent(self, ground: &Ground) -> Result<()> {
        match self.spot.scene {
            Scene::ResultsRefused => scene::take_results(ground).await,
            Scene::RepliesLost | Scene::RepliesLostBlindly => scene::set_moods(ground, Scene::Plain, None),
            Scene::Plain
            | Scene::Redelivered(_)
            | Scene::SoldOffered
            | Scene::CalledBack
            | Scene::CalledBackLate
            | Scene::Flushed
            | Scene::FunctionsGone
            | Scene::AnotherLife
            | Scene::DeadWorkers
            | Scene::LeaseLost
            | Scene::Import => Ok(()),
        }
    }

    /// Imports with the switch on, and once more without.
    async fn import(self, program: &Program, file: &Path, folder: &Path, switch: &str) -> Result<()> {
        let file = file.to_string_lossy();
        let mut struck = program.clone();
        struck.set("CRASH", switch);
        let (_, _, told) = struck.output(&["keys", "import", &file]).await?;
        std::fs::write(folder.join("import.log"), told)?;
        program.run(&["keys", "import", &file]).await.or_else(only_repeats).map(drop)
    }

    async fn until_fired(self, folder: &Path, held_up: Duration, done: impl Fn(Fired) -> bool) -> Result<()> {
        let begin = Instant::now();
        loop {
            let fired = Fired::read(folder, self.spot.point)?;
            if done(fired) {
                return Ok(());
            }
            if begin.elapsed() > FIRED_LIMIT + held_up {
                match fired.times() {
                    0 => bail!("it never fired; was the program built with --features crash-points?"),
                    _ => bail!("a task is still held up"),
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash_points::spots::SPOTS;

    #[test]
    fn as_many_workers_end_as_were_to_die() {
        let case = |point: &str| Case {
            number: 0,
            spot: *SPOTS.iter().find(|spot| spot.point == point).unwrap(),
            action: Action::Die,
        };
        let died = |died| Fired { died, ..Fired::default() };
        assert_eq!(case("claimed").deaths_unplanned(died(2), 2), None);
        assert!(case("claimed").deaths_unplanned(died(1), 2).is_some());
        assert!(case("claimed").deaths_unplanned(died(0), 1).is_some());
        assert_eq!(case("imported").deaths_unplanned(died(1), 0), None);
        assert!(case("imported").deaths_unplanned(died(1), 1).is_some());
    }
}
