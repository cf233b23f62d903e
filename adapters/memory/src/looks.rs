//! What a model looks at between calls: nothing of it is a call, so nothing of it is disturbed.

use fulfil_contract::{
    attempt::{Attempt, Reference},
    ids::{BodyHash, KeyId, OrderId},
    ports::{announcer::Publication, books::Balance},
    recorded::{RecordedConflict, RecordedOrder, RecordedUnreadable},
    stock::Bucket,
};

use crate::{
    Memory,
    ledger::{KeyRow, KeyState},
};

impl Memory {
    /// What was published after the first `seen` messages.
    #[must_use]
    pub fn announced_since(&self, seen: usize) -> Vec<Publication> {
        self.state().announced.get(seen..).map(<[_]>::to_vec).unwrap_or_default()
    }

    /// The bodies that were acknowledged after the first `seen`.
    #[must_use]
    pub fn acknowledged_since(&self, seen: usize) -> Vec<Vec<u8>> {
        self.state().broker.acknowledged.get(seen..).map(<[_]>::to_vec).unwrap_or_default()
    }

    /// An order's row, as it is committed now.
    #[must_use]
    pub fn recorded(&self, order: &OrderId) -> Option<RecordedOrder> {
        self.state().ledger.orders.get(order).cloned()
    }

    /// The row of a body that was refused under an order id that is another's.
    #[must_use]
    pub fn conflict(&self, order: &OrderId, body: BodyHash) -> Option<RecordedConflict> {
        let state = self.state();
        state.ledger.conflicts.iter().find(|row| row.order_id == *order && row.body_hash == body).cloned()
    }

    /// The row of a body without an order id.
    #[must_use]
    pub fn unreadable(&self, body: BodyHash) -> Option<RecordedUnreadable> {
        self.state().ledger.unreadable.get(&body).cloned()
    }

    /// Whether a result of this order is owed.
    #[must_use]
    pub fn owes(&self, order: &OrderId) -> bool {
        self.state().ledger.owed.iter().any(|row| row.order_id == *order)
    }

    /// How many results are owed.
    #[must_use]
    pub fn owed_results(&self) -> usize {
        self.state().ledger.owed.len()
    }

    /// The order that a key is sold to.
    #[must_use]
    pub fn sold_to(&self, key: KeyId) -> Option<OrderId> {
        match &self.state().ledger.keys.get(&key)?.state {
            KeyState::Sold(order, _) => Some(order.clone()),
            KeyState::Available | KeyState::Quarantined => None,
        }
    }

    /// As an audit counts.
    #[must_use]
    pub fn balance_now(&self) -> Balance {
        self.state().ledger.balance()
    }

    /// Every attempt of the procurement that sent under this reference, by rising id.
    #[must_use]
    pub fn attempts_beside(&self, reference: &Reference) -> Vec<Attempt> {
        let state = self.state();
        let tables = &state.ledger;
        let of = tables.attempts.values().find(|row| row.attempt.reference == *reference).map(|row| row.procurement);
        of.map(|of| tables.attempts_of(of).map(|row| row.attempt.clone()).collect()).unwrap_or_default()
    }

    /// How many procurements are open.
    #[must_use]
    pub fn open_procurements(&self) -> usize {
        self.state().ledger.procurements.values().filter(|row| row.is_open()).count()
    }

    /// How many keys suppliers delivered for lines that are not whole yet.
    #[must_use]
    pub fn held_keys(&self) -> usize {
        self.state().ledger.procurements.values().map(|row| row.held.len()).sum()
    }

    /// How many keys of a SKU are available.
    #[must_use]
    pub fn available_of(&self, sku: &str) -> usize {
        let is = |key: &&KeyRow| key.sku.as_str() == sku && key.state == KeyState::Available;
        self.state().ledger.keys.values().filter(is).count()
    }

    /// Whether this is a key of that SKU.
    #[must_use]
    pub fn is_of(&self, key: KeyId, sku: &str) -> bool {
        self.state().ledger.keys.get(&key).is_some_and(|key| key.sku.as_str() == sku)
    }

    /// Available keys that stock does not offer under the epoch in force.
    #[must_use]
    pub fn astray(&self) -> Vec<KeyId> {
        let state = self.state();
        let offered = |id: KeyId, key: &KeyRow| {
            let Some(sku) = state.ledger.skus.get(&key.sku) else { return false };
            let bucket = Bucket { sku: key.sku.clone(), index: Bucket::index_of(id, sku.buckets) };
            state.stock.offers(&bucket, sku.epoch, id)
        };
        let available = state.ledger.keys.iter().filter(|(_, key)| key.state == KeyState::Available);
        available.filter(|(id, key)| !offered(**id, key)).map(|(id, _)| *id).collect()
    }

    /// How often a claimed key of this SKU turned out to be sold already.
    #[must_use]
    pub fn offered_sold(&self, sku: &str) -> u64 {
        let offered = &self.state().ledger.offered_sold;
        offered.iter().find(|(one, _)| one.as_str() == sku).map_or(0, |(_, times)| *times)
    }

    /// How often a SKU's epoch was raised.
    #[must_use]
    pub fn epoch_raises(&self, sku: &str) -> i64 {
        let skus = &self.state().ledger.skus;
        skus.iter().find(|(one, _)| one.as_str() == sku).map_or(0, |(_, row)| row.epoch.0.saturating_sub(1))
    }

    /// Whether the ledger took keys of this SKU while stock could give none: what stock was being loaded with then it
    /// goes on offering.
    #[must_use]
    pub fn ledger_took(&self, sku: &str) -> bool {
        self.state().ledger.taken.iter().any(|one| one.as_str() == sku)
    }

    /// Claims that nobody has settled.
    #[must_use]
    pub fn open_claims_now(&self) -> usize {
        self.state().stock.open_claims()
    }
}
