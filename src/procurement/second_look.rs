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
use crate::stock::import::Vault;

pub(super) struct SecondLook {
    pub(super) supplies: Supplies,
    pub(super) reviews: Arc<dyn Reviews>,
    pub(super) vault: Vault,
}

impl SecondLook {
    pub(super) async fn at(&self, woken: Woken) {
        match self.differs(&woken).await {
            Ok(None) => {}
            Ok(Some(evidence)) => {
                let case = ReviewCase { kind: ReviewKind::AnotherAnswer, evidence };
                let opened = self.reviews.open_review(woken.attempt.id, &case).await;
                let (supplier, reference) = (&woken.attempt.supplier, &woken.attempt.reference);
                match opened {
                    Ok(review) => {
                        tracing::warn!(%supplier, %reference, review = review.0, "a supplier's later answer differs");
                    }
                    Err(error) => {
                        tracing::error!(%supplier, %reference, %error, "a supplier's later answer differs, and the review could not be opened");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "a second look at an attempt could not be finished"),
        }
    }

    /// What differs, in a line.
    async fn differs(&self, woken: &Woken) -> Result<Option<String>, LedgerError> {
        let attempt = &woken.attempt;
        let Some(supply) = self.supplies.get(&attempt.supplier) else { return Ok(None) };
        let promises = supply.guarded.promises();
        if !promises.query && attempt.their_id.is_none() {
            return Ok(None);
        }
        let Ok(permit) = supply.guarded.admit_query(Instant::now().into_std()) else { return Ok(None) };
        let sought = Sought {
            reference: &attempt.reference,
            their_id: attempt.their_id.as_deref(),
            product: &attempt.product,
            quantity: attempt.quantity,
            recharge: woken.recharge,
        };
        match (supply.guarded.query(permit, sought).await, attempt.state) {
            (Found::Delivered { goods, .. }, AttemptState::Delivered) => {
                match goods::seal(goods, &woken.sku, woken.recharge, &self.vault).await {
                    Ok(SealedGoods::Keys(keys)) => {
                        self.other_keys(attempt, keys.into_iter().map(|key| key.fingerprint).collect()).await
                    }
                    Ok(SealedGoods::Recharge { .. }) => Ok(None),
                    Err(error) => Ok(Some(format!("delivered first; now {error}"))),
                }
            }
            (Found::Delivered { .. } | Found::Pending { .. }, AttemptState::Refused | AttemptState::NotSent) => {
                Ok(Some(format!(
                    "{} first, and bought all the same: the supplier may have to give money back",
                    attempt.state.as_str()
                )))
            }
            (Found::Refused(refusal), AttemptState::Delivered) => {
                Ok(Some(format!("delivered first; now {}: {}", refusal.code.as_str(), refusal.said)))
            }
            (Found::NotFound, AttemptState::Delivered) => Ok(Some("delivered first; now not found".into())),
            (
                Found::Delivered { .. }
                | Found::Pending { .. }
                | Found::Refused(_)
                | Found::NotFound
                | Found::Unclear { .. },
                _,
            ) => Ok(None),
        }
    }

    async fn other_keys(&self, attempt: &Attempt, now: HashSet<Fingerprint>) -> Result<Option<String>, LedgerError> {
        let first: HashSet<Fingerprint> = self.reviews.told_keys(attempt.id).await?.into_iter().collect();
        let (gone, new) = (first.difference(&now).count(), now.difference(&first).count());
        if gone + new == 0 {
            return Ok(None);
        }
        Ok(Some(format!("{} keys first; now {gone} of them are gone and {new} others are there", first.len())))
    }
}
