//! Poison: an order that may have killed the process is found without harm to its neighbours.
//!
//! What holds here: the broker's delivery count only says whom to look at, since a killed worker raises it
//! for every healthy order it held. What was delivered often runs in small batches whose tries the ledger
//! counts before they run and forgets when they come back; an order whose tries did not come back runs in a
//! smaller batch, then alone, with nothing else in flight in the process; after three tries alone that did
//! not come back it is dead-lettered. An order that was killed alone before waits until the process has
//! calmed down, so that workers killed at random, however often, do not make a healthy order look like poison.

use std::{collections::HashMap, sync::Arc, time::Duration};

use fulfil_contract::{
    ids::BodyHash,
    ports::{ledger::Ledger, source::Delivery},
};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::{
    GivenUp, Way,
    batch::{Announced, Received},
    intake::{Limits, intake, intake_poison},
    record::again,
};
use crate::{
    crash::{self, Point},
    ops::drain::{Abandoned, Draining},
    patience::persist,
};

/// Deliveries before this one from which tries are counted.
const SUSPECT_FROM: u32 = 2;
/// How large a batch may be by the tries that did not come back; beyond them an order runs alone.
const SMALL_BATCHES: [usize; 2] = [16, 4];
/// Tries in company, before the first one alone.
const TRIES_IN_COMPANY: u32 = SMALL_BATCHES.len() as u32;
/// Tries alone that may fail to come back.
const TRIES_ALONE: u32 = 3;
/// How long an order waits that was alone before and did not come back.
const CALM: Duration = Duration::from_secs(1);
/// The process is about to end, and may be killed.
const TAKEN_BACK_WITHIN: Duration = Duration::from_secs(1);

/// One gate a process: batches share it, an order that runs alone has it to itself.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<RwLock<()>>);

impl Gate {
    async fn shared(&self, draining: &mut Draining) -> Result<OwnedRwLockReadGuard<()>, Abandoned> {
        draining.unless_abandoned(self.0.clone().read_owned()).await
    }

    async fn alone(&self, draining: &mut Draining) -> Result<OwnedRwLockWriteGuard<()>, Abandoned> {
        draining.unless_abandoned(self.0.clone().write_owned()).await
    }
}

/// What is started as one batch.
#[derive(Debug)]
pub enum Run {
    Together(Received),
    /// The ledger counts a try of each before they run; so many of each did not come back.
    Counted(Received, u32),
    /// So many tries of it did not come back.
    Alone(Delivery, u32),
}

/// The tries of the deliveries that were delivered often, by body.
pub type Tried = HashMap<BodyHash, u32>;

/// Asks the ledger how many tries of suspects did not come back.
///
/// # Errors
/// [`GivenUp`] when the grace period ends first.
pub async fn tried(deliveries: &[Delivery], ledger: &dyn Ledger, draining: &mut Draining) -> Result<Tried, GivenUp> {
    let suspects = deliveries.iter().filter(|delivery| delivery.delivery_count >= SUSPECT_FROM);
    let bodies: Vec<BodyHash> = suspects.map(|delivery| BodyHash::of(&delivery.body)).collect();
    if bodies.is_empty() {
        return Ok(Tried::new());
    }
    let tries = persist("read tries", draining, again, || ledger.tries(&bodies)).await?;
    Ok(bodies.into_iter().zip(tries).collect())
}

/// How large a batch a delivery may be part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Company {
    Usual,
    Counted(usize, u32),
    None(u32),
}

impl Company {
    fn of(delivery: &Delivery, tried: &Tried) -> Self {
        if delivery.delivery_count < SUSPECT_FROM {
            return Self::Usual;
        }
        let tries = tried.get(&BodyHash::of(&delivery.body)).copied().unwrap_or(0);
        match SMALL_BATCHES.get(tries as usize) {
            Some(most) => Self::Counted(*most, tries),
            None => Self::None(tries),
        }
    }
}

/// Cuts deliveries into runs, in their order.
#[must_use]
pub fn runs(deliveries: Vec<Delivery>, tried: &Tried, limits: Limits) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut rest = deliveries.into_iter().peekable();
    while let Some(first) = rest.next() {
        let company = Company::of(&first, tried);
        if let Company::None(tries) = company {
            runs.push(Run::Alone(first, tries));
            continue;
        }
        let mut group = vec![first];
        while let Some(next) = rest.next_if(|next| Company::of(next, tried) == company) {
            group.push(next);
        }
        match company {
            Company::Counted(most, tries) => {
                let limits = Limits { orders: most.min(limits.orders), ..limits };
                runs.extend(intake(group, limits).into_iter().map(|received| Run::Counted(received, tries)));
            }
            Company::Usual | Company::None(_) => runs.extend(intake(group, limits).into_iter().map(Run::Together)),
        }
    }
    runs
}

impl Run {
    /// Takes the run its way, in the company that it may have.
    ///
    /// # Errors
    /// [`GivenUp`].
    pub async fn fulfil(self, way: &Way, gate: &Gate, draining: &mut Draining) -> Result<Announced, GivenUp> {
        match self {
            Self::Together(received) => {
                let _shared = gate.shared(draining).await?;
                way.fulfil(received, draining).await
            }
            Self::Counted(received, tries) => {
                let _shared = gate.shared(draining).await?;
                fulfil_counted(received, tries + 1, way, draining).await
            }
            Self::Alone(delivery, tries) if tries >= TRIES_IN_COMPANY + TRIES_ALONE => {
                let body_hash = BodyHash::of(&delivery.body);
                tracing::error!(?body_hash, tries, "an order did not come back from its tries; it is dead-lettered");
                let _shared = gate.shared(draining).await?;
                way.fulfil(intake_poison(delivery, TRIES_ALONE), draining).await
            }
            Self::Alone(delivery, tries) => {
                if tries > TRIES_IN_COMPANY {
                    let body_hash = BodyHash::of(&delivery.body);
                    tracing::warn!(?body_hash, tries, "an order did not come back from a try alone; it is tried again");
                    draining.unless_abandoned(tokio::time::sleep(CALM)).await?;
                }
                let Some(received) = intake(vec![delivery], Limits::default()).pop() else {
                    return Err(GivenUp::Unjudged);
                };
                let _alone = gate.alone(draining).await?;
                fulfil_counted(received, tries + 1, way, draining).await
            }
        }
    }
}

/// Counts this try of each order by its number, takes them their way, and forgets the tries. A try that only ran out
/// of time is taken back: nobody died of it.
async fn fulfil_counted(
    received: Received,
    number: u32,
    way: &Way,
    draining: &mut Draining,
) -> Result<Announced, GivenUp> {
    let bodies = received.bodies();
    let tried = try_counted(received, &bodies, number, way, draining).await;
    if tried.as_ref().is_err_and(GivenUp::is_for_time) {
        let taken_back = tokio::time::timeout(TAKEN_BACK_WITHIN, way.ledger.take_back_tries(&bodies, number)).await;
        if !matches!(taken_back, Ok(Ok(()))) {
            tracing::info!(orders = bodies.len(), "a try that ran out of time stays counted");
        }
    }
    tried
}

async fn try_counted(
    received: Received,
    bodies: &[BodyHash],
    number: u32,
    way: &Way,
    draining: &mut Draining,
) -> Result<Announced, GivenUp> {
    let count = || crash::after(Point::TriesCounted, &received, way.ledger.count_tries(bodies, number));
    persist("count tries", draining, again, count).await?;
    let announced = way.fulfil(received, draining).await?;
    let forget = || crash::after(Point::TriesForgotten, &announced, way.ledger.forget_tries(bodies));
    persist("forget tries", draining, again, forget).await?;
    Ok(announced)
}

#[cfg(test)]
mod tests {
    use fulfil_contract::ports::source::Receipt;

    use super::*;

    #[test]
    fn the_more_tries_failed_the_less_company_it_has() {
        let body = |n: usize| format!("broken {n}").into_bytes();
        let counts = [0, 0, 1, 2, 3, 5, 0].into_iter().chain([9; 20]);
        let deliveries = counts.enumerate().map(|(n, delivery_count)| Delivery {
            body: body(n),
            redelivered: delivery_count > 0,
            delivery_count,
            message_id: None,
            receipt: Receipt::new(1, n as u64),
        });
        let tried = Tried::from([(BodyHash::of(&body(4)), 1), (BodyHash::of(&body(5)), 3)]);
        let sizes: Vec<(&str, usize)> = runs(deliveries.collect(), &tried, Limits::default())
            .into_iter()
            .map(|run| match run {
                Run::Together(received) => ("together", received.held.deliveries()),
                Run::Counted(received, _) => ("counted", received.held.deliveries()),
                Run::Alone(_, tries) => ("alone", tries as usize),
            })
            .collect();
        let expected = [("together", 3), ("counted", 1), ("counted", 1), ("alone", 3), ("together", 1)];
        assert_eq!(sizes[..5], expected);
        assert_eq!(sizes[5..], [("counted", 16), ("counted", 4)]);
    }
}
