//! Goods that came when their worker had lost its lease: the attempt's state decides, and no lease does.

use std::collections::HashSet;

use fulfil_contract::{
    attempt::{AttemptId, AttemptState},
    ids::Fingerprint,
    ports::procurements::ProcurementError,
    procurement::{BoughtKey, Late, ProcurementId, Resolution, ReviewCase, ReviewKind, SealedGoods},
    recorded::LineOutcome,
};

use super::{BUCKETS_OF_BOUGHT, attempts::refused};
use crate::{
    Moment,
    ledger::{KeyState, Tables},
};

impl Tables {
    pub(super) fn deliver_late(
        &mut self,
        id: AttemptId,
        their_id: Option<&str>,
        goods: &SealedGoods,
        at: Moment,
    ) -> Result<Late, ProcurementError> {
        let row = self.attempts.get(&id).ok_or_else(|| refused(format!("there is no attempt {}", id.0)))?;
        let (of, state) = (row.procurement, row.attempt.state);
        if !self.is_of_its_kind(of, goods) {
            return Err(refused("a line of keys gets keys, and a top-up its recharge".into()));
        }
        match state {
            AttemptState::Intended => Err(refused(format!("attempt {} was not sent", id.0))),
            AttemptState::Sent | AttemptState::Accepted | AttemptState::Unknown | AttemptState::InReview => {
                Ok(self.place_late(of, id, their_id, goods, at))
            }
            AttemptState::Delivered | AttemptState::Refused | AttemptState::NotSent => {
                Ok(self.keep(of, id, state, goods, at))
            }
        }
    }

    /// As goods that come in time; what a person was asked about the attempt is answered by them.
    fn place_late(
        &mut self,
        of: ProcurementId,
        id: AttemptId,
        their_id: Option<&str>,
        goods: &SealedGoods,
        at: Moment,
    ) -> Late {
        self.move_attempt(id, AttemptState::Delivered);
        if let Some(row) = self.attempts.get_mut(&id) {
            row.attempt.said = Some("delivered".into());
            row.attempt.their_id = their_id.map(str::to_owned).or_else(|| row.attempt.their_id.take());
        }
        let placed = self.place(of, id, goods, at);
        self.settle_reviews(id, &Resolution::Delivered(goods.clone()), Late::REASON, at);
        if let Some(row) = self.procurements.get_mut(&of).filter(|_| !placed.complete) {
            // Whoever has it knows nothing of what is held now: the next lease begins from the rows.
            row.fence += 1;
            (row.worker, row.woken) = (None, false);
            if row.outcome == LineOutcome::Review {
                (row.outcome, row.made_at) = (LineOutcome::Processing, at.time);
            }
            row.due = at;
        }
        self.decide(of, at);
        Late::Placed(placed)
    }

    /// The attempt said otherwise before, and that stands.
    fn keep(&mut self, of: ProcurementId, id: AttemptId, state: AttemptState, goods: &SealedGoods, at: Moment) -> Late {
        let keys: &[BoughtKey] = match goods {
            SealedGoods::Keys(keys) => keys,
            SealedGoods::Recharge { .. } if state == AttemptState::Delivered => return Late::Known,
            SealedGoods::Recharge { .. } => &[],
        };
        let told: HashSet<Fingerprint> = self.told_keys(id).into_iter().collect();
        let now: HashSet<Fingerprint> = keys.iter().map(|key| key.fingerprint).collect();
        if !told.is_empty() && told == now {
            return Late::Known;
        }
        let others = keys.iter().filter(|key| !told.contains(&key.fingerprint)).cloned();
        // Of one that is delivered, what the line got stays what was told.
        let sellable = state != AttemptState::Delivered;
        let (fresh, apart): (Vec<BoughtKey>, Vec<BoughtKey>) =
            others.partition(|key| sellable && self.fingerprints.insert(key.fingerprint));
        let kept = Late::Kept {
            stocked: u32::try_from(fresh.len()).unwrap_or(u32::MAX),
            apart: u32::try_from(apart.len()).unwrap_or(u32::MAX),
        };
        if let Some(row) = self.attempts.get_mut(&id) {
            if sellable {
                row.told.extend(fresh.iter().chain(&apart).map(|key| key.fingerprint));
            }
            let new = apart.into_iter().filter(|key| !row.refused.contains(key)).collect::<Vec<_>>();
            row.refused.extend(new);
        }
        let sku = self.procurements.get(&of).map(|row| row.sku.clone());
        for key in fresh {
            if let Some(sku) = &sku {
                self.add_key(sku, key.sealed, KeyState::Available, BUCKETS_OF_BOUGHT, at);
            }
        }
        let evidence = format!("{} first; goods of it came late: {kept:?}", state.as_str());
        self.open_review(of, Some(id), &ReviewCase { kind: ReviewKind::AnotherAnswer, evidence }, at);
        kept
    }
}
