//! A second look at an attempt that is final: the supplier is asked again, and an answer that differs from the
//! first is put before a person. Nothing of it changes the line.

use std::{collections::HashSet, sync::Arc};

use fulfil_contract::{
    attempt::{Attempt, AttemptState},
    ids::Fingerprint,
    ports::{
        ledger::LedgerError,
        procurements::{Reviews, Woken},
    },
    procurement::{ReviewCase, ReviewKind, SealedGoods},
    supplier::{Found, Sought},
};

use tokio::time::Instant;

use super::{buyer::Supplies, goods};
use crate::{
    crash::{self, Point},
    stock::import::Vault,
};

/// What a second look saw.
enum Look {
    Same,
    /// In a line.
    Differs(String),
    Unclear,
}

pub(super) struct SecondLook {
    pub(super) supplies: Supplies,
    pub(super) reviews: Arc<dyn Reviews>,
    pub(super) vault: Vault,
}

impl SecondLook {
    /// Whether the supplier gave a clear answer, and what differs was put before a person.
    pub(super) async fn at(&self, woken: Woken) -> bool {
        match self.differs(&woken).await {
            Ok(Look::Same) => true,
            Ok(Look::Unclear) => false,
            Ok(Look::Differs(evidence)) => {
                let case = ReviewCase { kind: ReviewKind::AnotherAnswer, evidence };
                let opened = self.reviews.open_review(woken.attempt.id, &case).await;
                let (supplier, reference) = (&woken.attempt.supplier, &woken.attempt.reference);
                match opened {
                    Ok(review) => {
                        tracing::warn!(%supplier, %reference, review = review.0, "a supplier's later answer differs");
                        true
                    }
                    Err(error) => {
                        tracing::error!(%supplier, %reference, %error, "a supplier's later answer differs, and the review could not be opened");
                        false
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a second look at an attempt could not be finished");
                false
            }
        }
    }

    /// What differs, in a line.
    async fn differs(&self, woken: &Woken) -> Result<Look, LedgerError> {
        let attempt = &woken.attempt;
        let Some(supply) = self.supplies.get(&attempt.supplier) else { return Ok(Look::Unclear) };
        let promises = supply.guarded.promises();
        if !promises.query && attempt.their_id.is_none() {
            return Ok(Look::Same);
        }
        let Ok(permit) = supply.guarded.admit_query(Instant::now().into_std()) else { return Ok(Look::Unclear) };
        let sought = Sought {
            reference: &attempt.reference,
            their_id: attempt.their_id.as_deref(),
            product: &attempt.product,
            quantity: attempt.quantity,
            recharge: woken.recharge,
        };
        let query = crash::after(Point::LookedAgain, attempt, supply.guarded.query(permit, sought));
        match (query.await, attempt.state) {
            (Found::Delivered { goods, .. }, AttemptState::Delivered) => {
                match goods::seal(goods, &woken.sku, woken.recharge, &self.vault).await {
                    Ok(SealedGoods::Keys(keys)) => {
                        self.other_keys(attempt, keys.into_iter().map(|key| key.fingerprint).collect()).await
                    }
                    Ok(SealedGoods::Recharge { .. }) => Ok(Look::Same),
                    Err(error) => Ok(Look::Differs(format!("delivered first; now {error}"))),
                }
            }
            (Found::Delivered { .. } | Found::Pending { .. }, AttemptState::Refused | AttemptState::NotSent) => {
                Ok(Look::Differs(format!(
                    "{} first, and bought all the same: the supplier may have to give money back",
                    attempt.state.as_str()
                )))
            }
            (Found::Refused(refusal), AttemptState::Delivered) => {
                Ok(Look::Differs(format!("delivered first; now {}: {}", refusal.code.as_str(), refusal.said)))
            }
            (Found::NotFound, AttemptState::Delivered) => Ok(Look::Differs("delivered first; now not found".into())),
            (Found::Unclear { .. }, _) => Ok(Look::Unclear),
            (Found::Delivered { .. } | Found::Pending { .. } | Found::Refused(_) | Found::NotFound, _) => {
                Ok(Look::Same)
            }
        }
    }

    async fn other_keys(&self, attempt: &Attempt, now: HashSet<Fingerprint>) -> Result<Look, LedgerError> {
        let first: HashSet<Fingerprint> = self.reviews.told_keys(attempt.id).await?.into_iter().collect();
        let (gone, new) = (first.difference(&now).count(), now.difference(&first).count());
        if gone + new == 0 {
            return Ok(Look::Same);
        }
        Ok(Look::Differs(format!("{} keys first; now {gone} of them are gone and {new} others are there", first.len())))
    }
}
