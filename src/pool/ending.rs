//! How a worker ends: told to, with nothing left to do, or by a defect of ours; and how long that may take.
//!
//! What holds here: a worker one of whose tasks is gone drains, since it only looks well; the grace period is the end of
//! all waiting.

use std::{sync::Arc, time::Duration};

use fulfil_contract::ports::procurements::Procurements;
use tokio::task::JoinSet;

use super::{Ports, Settings};
use crate::{
    ops::drain::{Drain, Draining, Phase},
    pipeline::{announce::Mode, batch::Tally, board::Board, sweep::sweep},
};

/// What begins the end, and what begins its end.
pub(super) fn begin(
    ports: &Ports,
    settings: &Settings,
    board: Board,
    drain: &Arc<Drain>,
    draining: &Draining,
) -> JoinSet<()> {
    let mut ending = JoinSet::new();
    let dice = || draining.dice().clone();
    if let Some(time) = settings.until_empty {
        let awaits_all = settings.buying.as_ref().is_some_and(|buying| buying.awaits_all);
        let awaited = awaits_all.then(|| ports.procurements.clone());
        let idle = drain_when_idle(board, time, awaited, drain.clone(), draining.clone());
        ending.spawn(dice().in_turn("idle", idle));
    }
    ending.spawn(dice().in_turn("grace", abandon_after(settings.grace, drain.clone(), draining.clone())));
    ending
}

/// Waits for every lane: what became of the deliveries, and whether a task was ended by a panic. The others drain then.
pub(super) async fn see_through(
    mut running: JoinSet<Tally>,
    [beside, slow_lane]: [&mut JoinSet<()>; 2],
    drain: &Drain,
) -> (Tally, bool) {
    let (mut tally, mut broken) = (Tally::default(), false);
    while !running.is_empty() {
        let ended = tokio::select! {
            biased;
            Some(lane) = running.join_next() => lane.map(|lane| tally.add(&lane)),
            Some(ended) = beside.join_next() => ended,
            Some(ended) = slow_lane.join_next() => ended,
        };
        if let Err(panic) = ended {
            tracing::error!(%panic, "a task ended without an outcome; the worker drains and ends");
            broken = true;
            drain.enter(Phase::Draining);
        }
    }
    (tally, broken)
}

/// The slow lane finishes what is under way; what it owes then is announced here, not first by whoever comes next.
pub(super) async fn finish(mut slow_lane: JoinSet<()>, ports: &Ports, mode: Mode, draining: &mut Draining) {
    let last = sweep(ports.ledger.clone(), (ports.announcers)(), mode, Arc::default(), draining.clone());
    let finished = async {
        while let Some(ended) = slow_lane.join_next().await {
            if let Err(panic) = ended {
                tracing::error!(%panic, "a task of the slow lane ended without an outcome");
            }
        }
        last.await;
    };
    if draining.unless_abandoned(finished).await.is_err() {
        tracing::info!("procurements are left, or results that are owed; another worker goes on with them");
    }
}

async fn abandon_after(grace: Duration, drain: Arc<Drain>, mut draining: Draining) {
    draining.begun().await;
    tokio::time::sleep(grace).await;
    drain.enter(Phase::Abandoning);
}

/// Drains once every lane has had nothing to do for `time`.
async fn drain_when_idle(
    board: Board,
    time: Duration,
    awaited: Option<Arc<dyn Procurements>>,
    drain: Arc<Drain>,
    mut draining: Draining,
) {
    const LOOK: Duration = Duration::from_millis(50);
    while draining.pause(LOOK).await {
        if board.all_idle_for(time) && none_open(awaited.as_deref()).await {
            drain.enter(Phase::Draining);
        }
    }
}

async fn none_open(awaited: Option<&dyn Procurements>) -> bool {
    match awaited {
        None => true,
        Some(ledger) => ledger.counts().await.is_ok_and(|counts| counts.open == 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_one_of_its_tasks_a_worker_drains() {
        let lane = |mut draining: Draining| async move {
            draining.begun().await;
            Tally::default()
        };
        for broken in ["lane", "beside", "slow lane"] {
            let (drain, draining) = Drain::new();
            let (mut running, mut beside, mut slow_lane) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
            running.spawn(lane(draining.clone()));
            // It may end before.
            beside.spawn(async {});
            match broken {
                "lane" => drop(running.spawn(async { panic!("a defect of a lane") })),
                "beside" => drop(beside.spawn(async { panic!("a defect beside the lanes") })),
                _ => drop(slow_lane.spawn(async { panic!("a defect of the slow lane") })),
            }
            let seen = see_through(running, [&mut beside, &mut slow_lane], &drain).await;
            assert_eq!((seen.1, draining.phase()), (true, Phase::Draining), "{broken}");
        }
        let (drain, draining) = Drain::new();
        let mut running = JoinSet::new();
        running.spawn(lane(draining));
        drain.enter(Phase::Draining);
        assert!(!see_through(running, [&mut JoinSet::new(), &mut JoinSet::new()], &drain).await.1);
    }
}
