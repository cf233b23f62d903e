//! Poison: an order that may have killed the process runs alone, with nothing else in flight, after the
//! ledger has counted the try. After three tries that did not come back it is dead-lettered. The broker's
//! delivery count only shrinks the batch: a killed worker raises it for every healthy order it held.

use std::sync::Arc;

use fulfil_contract::{ids::BodyHash, ports::source::Delivery};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::{
    GivenUp, Way,
    batch::{Announced, Received},
    intake::{Limits, intake, intake_poison},
    record::again,
};
use crate::{
    ops::drain::{Abandoned, Draining},
    patience::persist,
};

/// Deliveries before this one from which a batch is cut to [`SMALL_BATCH`].
const SHRINK_FROM: u32 = 2;
/// Deliveries before this one from which an order runs alone.
const ALONE_FROM: u32 = 5;
const SMALL_BATCH: usize = 16;
/// Tries that may fail to come back.
const TRIES: u32 = 3;

/// One gate a process: batches share it, an order that runs alone has it to itself.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<RwLock<()>>);

impl Gate {
    pub async fn shared(&self, draining: &mut Draining) -> Result<OwnedRwLockReadGuard<()>, Abandoned> {
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
    Alone(Delivery),
}

/// How large a batch a delivery may be part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Company {
    Usual,
    Small,
    None,
}

impl Company {
    fn of(delivery: &Delivery) -> Self {
        match delivery.delivery_count {
            ALONE_FROM.. => Self::None,
            SHRINK_FROM.. => Self::Small,
            _ => Self::Usual,
        }
    }
}

/// Cuts deliveries into runs, in their order.
#[must_use]
pub fn runs(deliveries: Vec<Delivery>, limits: Limits) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut rest = deliveries.into_iter().peekable();
    while let Some(first) = rest.next() {
        let company = Company::of(&first);
        let limits = match company {
            Company::None => {
                runs.push(Run::Alone(first));
                continue;
            }
            Company::Small => Limits { orders: SMALL_BATCH.min(limits.orders), ..limits },
            Company::Usual => limits,
        };
        let mut group = vec![first];
        while let Some(next) = rest.next_if(|next| Company::of(next) == company) {
            group.push(next);
        }
        runs.extend(intake(group, limits).into_iter().map(Run::Together));
    }
    runs
}

/// Takes one order its way with nothing else in flight in this process.
///
/// # Errors
/// [`GivenUp`].
pub async fn fulfil_alone(
    delivery: Delivery,
    way: &Way,
    gate: &Gate,
    draining: &mut Draining,
) -> Result<Announced, GivenUp> {
    let body_hash = BodyHash::of(&delivery.body);
    let _alone = gate.alone(draining).await?;
    let tries = persist("count a try", draining, again, || way.ledger.count_try(body_hash)).await?;
    if tries > TRIES {
        tracing::error!(?body_hash, tries, "an order did not come back from its tries; it is dead-lettered");
        return way.fulfil(intake_poison(delivery, TRIES), draining).await;
    }
    if tries > 1 {
        tracing::warn!(
            ?body_hash,
            tries,
            delivered = delivery.delivery_count,
            "an order did not come back; it runs alone again"
        );
    }
    let Some(received) = intake(vec![delivery], Limits::default()).pop() else { return Err(GivenUp::Unjudged) };
    let announced = way.fulfil(received, draining).await?;
    persist("forget a try", draining, again, || way.ledger.forget_tries(body_hash)).await?;
    Ok(announced)
}

#[cfg(test)]
mod tests {
    use fulfil_contract::ports::source::Receipt;

    use super::*;

    #[test]
    fn the_more_often_it_came_the_less_company_it_has() {
        let counts = [0, 0, 1, 2, 3, 5, 0].into_iter().chain([2; 20]);
        let deliveries = counts.enumerate().map(|(n, delivery_count)| Delivery {
            body: format!("broken {n}").into_bytes(),
            redelivered: delivery_count > 0,
            delivery_count,
            message_id: None,
            receipt: Receipt::new(1, n as u64),
        });
        let sizes: Vec<Option<usize>> = runs(deliveries.collect(), Limits::default())
            .into_iter()
            .map(|run| match run {
                Run::Together(received) => Some(received.held.deliveries()),
                Run::Alone(_) => None,
            })
            .collect();
        assert_eq!(sizes, [Some(3), Some(2), None, Some(1), Some(16), Some(4)]);
    }
}
