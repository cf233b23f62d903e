//! Delivered goods get their places: the line, stock, or apart. A line gets exactly its quantity (I3).

use fulfil_contract::{
    attempt::{AttemptId, AttemptState, Change},
    ids::KeyId,
    ports::procurements::ProcurementError,
    procurement::{BoughtKey, Lease, Placed, ProcurementId, ReviewCase, ReviewKind, SealedGoods},
    recorded::{DeliveredKey, LineOutcome},
};

use super::{
    BUCKETS_OF_BOUGHT,
    attempts::{Asked, apply, asked, refused},
};
use crate::{
    Moment,
    ledger::{KeyState, Tables},
};

impl Tables {
    pub(super) fn deliver(
        &mut self,
        lease: &Lease,
        change: &Change,
        goods: &SealedGoods,
        at: Moment,
    ) -> Result<Placed, ProcurementError> {
        self.last_leased(lease)?;
        let of = lease.procurement;
        if change.to != AttemptState::Delivered {
            return Err(refused(format!("goods make an attempt delivered, not {}", change.to.as_str())));
        }
        let row = self.attempt_under(of, change.attempt)?;
        let asked = asked(&row.attempt, change);
        if let (Ok(Asked::Made), Some(placed)) = (&asked, row.placed) {
            return Ok(placed);
        }
        self.leased(lease)?;
        asked?;
        if !self.is_of_its_kind(of, goods) {
            return Err(refused("a line of keys gets keys, and a top-up its recharge".into()));
        }
        apply(&mut self.attempt_under(of, change.attempt)?.attempt, change);
        let placed = self.place(of, change.attempt, goods, at);
        self.decide(of, at);
        Ok(placed)
    }

    pub(crate) fn is_of_its_kind(&self, of: ProcurementId, goods: &SealedGoods) -> bool {
        let recharge = self.procurements.get(&of).is_some_and(|row| row.need.recharge.is_some());
        match goods {
            SealedGoods::Keys(_) => !recharge,
            SealedGoods::Recharge { .. } => recharge,
        }
    }

    /// Of a delivered attempt: its goods are of its procurement's kind.
    pub(crate) fn place(&mut self, of: ProcurementId, by: AttemptId, goods: &SealedGoods, at: Moment) -> Placed {
        let placed = match goods {
            SealedGoods::Keys(keys) => self.place_keys(of, by, keys, at),
            SealedGoods::Recharge { receipt } => {
                if let Some(row) = self.procurements.get_mut(&of) {
                    row.outcome = LineOutcome::Recharged { receipt: receipt.clone() };
                }
                Placed { complete: true, known: 0, surplus: 0, missing: 0 }
            }
        };
        if let Some(row) = self.attempts.get_mut(&by) {
            row.placed = Some(placed);
        }
        placed
    }

    fn place_keys(&mut self, of: ProcurementId, by: AttemptId, keys: &[BoughtKey], at: Moment) -> Placed {
        // A key that stands earlier in the same answer is known by then.
        let (fresh, known): (Vec<_>, Vec<_>) =
            keys.iter().cloned().partition(|key| self.fingerprints.insert(key.fingerprint));
        let (mut placed, mut bought) = (Placed { complete: false, known: count(&known), surplus: 0, missing: 0 }, 0);
        if let Some(row) = self.attempts.get_mut(&by) {
            bought = row.attempt.quantity.get();
            placed.missing = bought.saturating_sub(count(&fresh));
            row.told = keys.iter().map(|key| key.fingerprint).collect();
            row.refused = known;
        }
        if let Some(row) = self.procurements.get_mut(&of) {
            row.held.extend(fresh);
            placed.complete = row.held.len() >= row.quantity.as_usize();
            placed.surplus = count(&row.held).saturating_sub(row.quantity.get());
        }
        if placed.complete {
            self.sell_held(of, at);
        }
        self.review_told(of, by, placed, bought, count(keys), at);
        placed
    }

    /// The line gets its quantity of what is held, and stock the rest.
    fn sell_held(&mut self, of: ProcurementId, at: Moment) {
        let Some(row) = self.procurements.get_mut(&of) else { return };
        let (order_id, sku) = (row.order_id.clone(), row.sku.clone());
        let sold: Vec<_> = row.held.drain(..row.quantity.as_usize()).collect();
        let ids: Vec<DeliveredKey> = sold
            .into_iter()
            .map(|key| {
                let state = KeyState::Sold(order_id.clone(), at.time);
                let id = self.add_key(&sku, key.sealed.clone(), state, BUCKETS_OF_BOUGHT, at);
                DeliveredKey { id, sealed: key.sealed }
            })
            .collect();
        if let Some(row) = self.procurements.get_mut(&of) {
            row.outcome = LineOutcome::Delivered(ids);
        }
        self.stock_held(of, at);
    }

    /// What is held is not needed any more: it goes into stock.
    pub(super) fn stock_held(&mut self, of: ProcurementId, at: Moment) {
        let Some(row) = self.procurements.get_mut(&of) else { return };
        let (sku, held) = (row.sku.clone(), std::mem::take(&mut row.held));
        for key in held {
            self.add_key(&sku, key.sealed, KeyState::Available, BUCKETS_OF_BOUGHT, at);
        }
    }

    /// As many available keys as the line wants, or none.
    pub(super) fn take_for(&mut self, of: ProcurementId, at: Moment) -> Option<Vec<DeliveredKey>> {
        let row = self.procurements.get(&of)?;
        let (wanted, order_id) = (row.quantity.as_usize(), row.order_id.clone());
        let available = self.keys.iter().filter(|(_, key)| key.sku == row.sku && key.state == KeyState::Available);
        // Highest ids first, since stock offers lowest first.
        let ids: Vec<KeyId> = available.map(|(id, _)| *id).rev().take(wanted).collect();
        if ids.len() < wanted {
            return None;
        }
        let sold = ids.into_iter().rev().filter_map(|id| {
            let key = self.keys.get_mut(&id)?;
            key.state = KeyState::Sold(order_id.clone(), at.time);
            Some(DeliveredKey { id, sealed: key.sealed.clone() })
        });
        Some(sold.collect())
    }

    /// What was told wrong gets a review of its kind.
    fn review_told(&mut self, of: ProcurementId, by: AttemptId, placed: Placed, bought: u32, told: u32, at: Moment) {
        let wrong = [
            (
                placed.known > 0,
                ReviewKind::KnownKey,
                format!("{} of {told} keys are in the ledger already", placed.known),
            ),
            (told < bought, ReviewKind::TooFew, format!("{told} keys came, and {bought} were bought")),
            (
                // At once, also while the line wants them all: it may be whole later without one too many.
                told > bought || placed.surplus > 0,
                ReviewKind::TooMany,
                format!("{told} keys came, and {bought} were bought; {} went into stock", placed.surplus),
            ),
        ];
        for (_, kind, evidence) in wrong.into_iter().filter(|(wrong, ..)| *wrong) {
            self.open_review(of, Some(by), &ReviewCase { kind, evidence }, at);
        }
    }
}

fn count(keys: &[BoughtKey]) -> u32 {
    u32::try_from(keys.len()).unwrap_or(u32::MAX)
}
