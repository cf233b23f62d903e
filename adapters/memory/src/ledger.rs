//! The ledger: judges batches by its rows.

mod judge;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use async_trait::async_trait;
use fulfil_contract::{
    attempt::AttemptId,
    ids::{BodyHash, Fingerprint, KeyId, MerchantId, OrderId, Revision, SealedKey, Sku, WorkerId},
    ports::ledger::{Asked, Ledger, LedgerError, Tries},
    procurement::{ProcurementId, ReviewId},
    proposal::{Entry, UnreadableMessage},
    recorded::{Judgement, RecordedConflict, RecordedOrder, RecordedUnreadable},
    stock::{Epoch, StockIdentity},
    time::Timestamp,
};
use tokio::time::Instant;

use crate::{
    Memory,
    procurements::{AttemptRow, ProcurementRow},
    reviews::ReviewRow,
};

#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) skus: BTreeMap<Sku, SkuRow>,
    pub(crate) keys: BTreeMap<KeyId, KeyRow>,
    pub(crate) fingerprints: HashSet<Fingerprint>,
    pub(crate) orders: BTreeMap<OrderId, RecordedOrder>,
    pub(crate) conflicts: Vec<RecordedConflict>,
    pub(crate) unreadable: HashMap<BodyHash, RecordedUnreadable>,
    tries: HashMap<BodyHash, u32>,
    /// Each as it was when it came to be owed.
    pub(crate) owed: Vec<RecordedOrder>,
    pub(crate) procurements: BTreeMap<ProcurementId, ProcurementRow>,
    pub(crate) attempts: BTreeMap<AttemptId, AttemptRow>,
    pub(crate) reviews: BTreeMap<ReviewId, ReviewRow>,
    pub(crate) stock: Option<StockIdentity>,
    /// How often a claimed key turned out to be sold already, by SKU.
    pub(crate) offered_sold: BTreeMap<Sku, u64>,
    /// SKUs that the ledger took keys of, instead of stock.
    pub(crate) taken: BTreeSet<Sku>,
}

#[derive(Debug)]
pub(crate) struct SkuRow {
    pub(crate) epoch: Epoch,
    pub(crate) epoch_began: Timestamp,
    pub(crate) buckets: u16,
    pub(crate) imported: u64,
    pub(crate) last_id: KeyId,
    pub(crate) loader: Option<(WorkerId, Instant)>,
}

#[derive(Debug)]
pub(crate) struct KeyRow {
    pub(crate) sku: Sku,
    pub(crate) sealed: SealedKey,
    pub(crate) state: KeyState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyState {
    Available,
    Sold(OrderId, Timestamp),
    Quarantined,
}

impl Memory {
    /// Puts an available key into quarantine; whether it was available.
    pub fn quarantine(&self, id: KeyId) -> bool {
        match self.state().ledger.keys.get_mut(&id) {
            Some(key) if key.state == KeyState::Available => {
                key.state = KeyState::Quarantined;
                true
            }
            Some(_) | None => false,
        }
    }
}

#[async_trait]
impl Tries for Memory {
    async fn tries(&self, bodies: &[BodyHash]) -> Result<Vec<u32>, LedgerError> {
        self.call("ledger.tries", |state| {
            Ok(bodies.iter().map(|body| state.ledger.tries.get(body).copied().unwrap_or(0)).collect())
        })
        .await
    }

    async fn count_tries(&self, bodies: &[BodyHash], number: u32) -> Result<(), LedgerError> {
        self.call("ledger.count_tries", |state| {
            for body in bodies {
                let counted = state.ledger.tries.entry(*body).or_default();
                *counted = number.max(*counted);
            }
            Ok(())
        })
        .await
    }

    async fn take_back_tries(&self, bodies: &[BodyHash], number: u32) -> Result<(), LedgerError> {
        self.call("ledger.take_back_tries", |state| {
            for body in bodies {
                if let Some(counted) = state.ledger.tries.get_mut(body).filter(|counted| **counted == number) {
                    *counted = number.saturating_sub(1);
                }
            }
            Ok(())
        })
        .await
    }

    async fn forget_tries(&self, bodies: &[BodyHash]) -> Result<(), LedgerError> {
        self.call("ledger.forget_tries", |state| {
            for body in bodies {
                state.ledger.tries.remove(body);
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Ledger for Memory {
    async fn record(&self, batch: &[Entry]) -> Result<Vec<Judgement>, LedgerError> {
        self.call("ledger.record", |state| {
            let at = state.moment();
            judge::judge(&mut state.ledger, batch, at)
        })
        .await
    }

    async fn answer_known(&self, asked: &[Asked]) -> Result<Vec<Option<Judgement>>, LedgerError> {
        self.call("ledger.answer_known", |state| {
            let at = state.now();
            Ok(asked.iter().map(|asked| state.ledger.known(asked, at)).collect())
        })
        .await
    }

    async fn owe(&self, results: &[(OrderId, Revision)]) -> Result<(), LedgerError> {
        self.call("ledger.owe", |state| {
            results.iter().for_each(|(order, revision)| state.ledger.owe(order, *revision));
            Ok(())
        })
        .await
    }

    async fn owed(&self, most: u32, but_of: &[Option<MerchantId>]) -> Result<Vec<RecordedOrder>, LedgerError> {
        self.call("ledger.owed", |state| {
            let owed = state.ledger.owed.iter().filter(|order| !but_of.contains(&order.merchant_id));
            Ok(owed.take(most as usize).cloned().collect())
        })
        .await
    }

    async fn paid(&self, results: &[(OrderId, Revision)]) -> Result<(), LedgerError> {
        self.call("ledger.paid", |state| {
            let paid = |order: &RecordedOrder| {
                results.iter().any(|(id, revision)| *id == order.order_id && *revision == order.revision)
            };
            state.ledger.owed.retain(|order| !paid(order));
            Ok(())
        })
        .await
    }
}

impl Tables {
    /// What is owed keeps its place; what is no order's revision now is owed by nobody.
    pub(crate) fn owe(&mut self, order: &OrderId, revision: Revision) {
        let is = |one: &&RecordedOrder| one.order_id == *order && one.revision == revision;
        if self.owed.iter().find(is).is_none() {
            self.owed.extend(self.orders.get(order).filter(is).cloned());
        }
    }

    /// What a known order id answers to this body; a new conflict is written.
    fn known(&mut self, asked: &Asked, at: Timestamp) -> Option<Judgement> {
        let order = self.orders.get(&asked.order_id)?;
        if order.body_hash == asked.body_hash {
            return Some(Judgement::Repeat(order.clone()));
        }
        let same = |one: &&RecordedConflict| one.order_id == asked.order_id && one.body_hash == asked.body_hash;
        if let Some(stored) = self.conflicts.iter().find(same) {
            return Some(Judgement::Conflict(stored.clone()));
        }
        let conflict = RecordedConflict {
            order_id: asked.order_id.clone(),
            merchant_id: asked.merchant_id.clone(),
            body_hash: asked.body_hash,
            decided_at: at,
        };
        self.conflicts.push(conflict.clone());
        Some(Judgement::Conflict(conflict))
    }

    fn unreadable(&mut self, message: &UnreadableMessage, at: Timestamp) -> Judgement {
        let stored = self.unreadable.entry(message.body_hash).or_insert_with(|| RecordedUnreadable {
            body_hash: message.body_hash,
            merchant_id: message.merchant_id.clone(),
            reason: message.reason.clone(),
            decided_at: at,
        });
        Judgement::Unreadable(stored.clone())
    }
}
