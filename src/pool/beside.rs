//! The tasks beside the lanes: what keeps the stock, the heartbeat, the claims of the dead, the sweep.
//!
//! What holds here: no claim is made before the first heartbeat, or the tries of one; lanes wait for the stock for
//! [`BROUGHT_UP_WITHIN`] at most.

use std::{collections::HashSet, future::Future, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{Own, Ports, Settings};
use crate::{
    ops::drain::Draining,
    pipeline::sweep::sweep,
    procurement::watch,
    stock::{
        desk::{Alarm, ClaimDesk},
        keeper::Keeper,
        takeover::{TakeOver, beat, first_beat},
    },
};

/// A stock of a million keys takes longer; orders do not wait for it.
const BROUGHT_UP_WITHIN: Duration = Duration::from_secs(5);

/// Starts them. The first claims wait for the stock to be brought up and for the claims of the dead, but not for long
/// and not when the process is to end: the ledger takes what stock does not offer yet.
pub(super) async fn begin(
    ports: &Ports,
    settings: &Settings,
    own: &Own,
    called: mpsc::Receiver<Alarm>,
    draining: &Draining,
) -> JoinSet<()> {
    let Own { worker, catalogue, desk, owed } = own;
    let keeper = Keeper {
        ledger: ports.stock_ledger.clone(),
        stock: ports.loading.clone(),
        catalogue: catalogue.clone(),
        worker: worker.clone(),
    };
    let takeover = TakeOver {
        ledger: ports.stock_ledger.clone(),
        stock: ports.stock.clone(),
        claims: ports.claims.clone(),
        catalogue: catalogue.clone(),
        desk: desk.clone(),
        worker: worker.clone(),
    };
    let mut beside = JoinSet::new();
    let dice = || draining.dice().clone();
    let (tells, told) = oneshot::channel();
    beside.spawn(dice().in_turn("keeper", keeper.keep(called, tells, draining.clone())));
    let brought_up = async {
        // The keeper is gone without a word only when the process ends.
        told.await.ok();
        takeover.look(&mut HashSet::new()).await;
    };
    wait_for(brought_up, &mut draining.clone()).await;
    let beaten = first_beat(&*ports.claims, worker, &mut draining.clone()).await;
    beside.spawn(dice().in_turn("beat", beat(ports.claims.clone(), worker.clone(), beaten, draining.clone())));
    beside.spawn(dice().in_turn("takeover", takeover.watch(draining.clone())));
    beside.spawn(dice().in_turn("flush", desk.clone().flush_when_idle(draining.clone())));
    if let Some(buying) = &settings.buying {
        beside.spawn(dice().in_turn("offers", watch::offers(buying.supplies.clone(), draining.clone())));
    }
    let counts = watch::counts(ports.procurements.clone(), settings.buying.is_some(), draining.clone());
    beside.spawn(dice().in_turn("counts", counts));
    let announcer = (ports.announcers)();
    let sweep = sweep(ports.ledger.clone(), announcer, settings.mode, owed.clone(), draining.clone());
    beside.spawn(dice().in_turn("sweep", sweep));
    beside
}

async fn wait_for(brought_up: impl Future<Output = ()>, draining: &mut Draining) {
    tokio::select! {
        biased;
        () = draining.begun() => {}
        in_time = tokio::time::timeout(BROUGHT_UP_WITHIN, brought_up) => if in_time.is_err() {
            tracing::info!("the stock is still being brought up; the ledger takes what it does not offer yet");
        },
    }
}

/// What waits is flushed; a task that does not end by itself is ended.
pub(super) async fn end(mut beside: JoinSet<()>, desk: &ClaimDesk) {
    const PATIENCE: Duration = Duration::from_secs(2);
    let waiting = tokio::time::timeout(PATIENCE, desk.flush()).await.unwrap_or(1);
    if waiting > 0 {
        tracing::info!(waiting, "settles are left; the claims are taken over by another worker");
    }
    let ended = async {
        while let Some(ended) = beside.join_next().await {
            if let Err(panic) = ended {
                tracing::error!(%panic, "a task beside the lanes ended without an outcome");
            }
        }
    };
    if tokio::time::timeout(PATIENCE, ended).await.is_err() {
        beside.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;
    use crate::ops::drain::{Drain, Phase};

    #[tokio::test(start_paused = true)]
    async fn a_stock_that_takes_long_holds_up_neither_the_lanes_nor_the_end() {
        let (drain, mut draining) = Drain::new();
        let began = Instant::now();
        wait_for(pending(), &mut draining).await;
        assert_eq!(began.elapsed(), BROUGHT_UP_WITHIN);

        let mut ending = draining.clone();
        let waiting = tokio::spawn(async move { wait_for(pending(), &mut ending).await });
        tokio::time::sleep(BROUGHT_UP_WITHIN / 5).await;
        drain.enter(Phase::Draining);
        waiting.await.unwrap();
        assert_eq!(began.elapsed(), BROUGHT_UP_WITHIN + BROUGHT_UP_WITHIN / 5);
    }
}
