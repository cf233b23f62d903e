//! A ledger as plain maps, and what it has to say to a batch. Ids are the backend's to give; whatever else it says
//! is predicted, times apart.

use std::collections::{BTreeMap, BTreeSet};

use super::{Mismatch, bought::Bought, must, same};
use crate::{
    ids::{BodyHash, KeyId, OrderId, Revision, SealedKey},
    ports::stock_ledger::{Imported, NewKey},
    proposal::{Entry, Fill, Proposal, ProposedLine, ProposedOrder},
    reason::{Reason, ReasonCode},
    recorded::{
        DeliveredKey, Gone, GoneKey, Judgement, LineOutcome, OrderStatus, RecordedConflict, RecordedOrder,
        RecordedUnreadable,
    },
    time::Timestamp,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Available,
    Sold,
    Quarantined,
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) sku: String,
    pub(super) sealed: SealedKey,
    pub(super) state: State,
}

#[derive(Debug, Default)]
pub(super) struct LedgerModel {
    pub(super) keys: BTreeMap<KeyId, Key>,
    /// SKU and number of every key that is in the ledger in any form.
    pub(super) known: BTreeSet<(String, usize)>,
    /// SKUs that a key was ever imported or sold for.
    pub(super) skus: BTreeSet<String>,
    /// Keys that were sold to lines of orders that are not decided yet, whose ids nobody told.
    pub(super) sold_untold: u64,
    pub(super) orders: BTreeMap<OrderId, RecordedOrder>,
    conflicts: BTreeMap<(OrderId, BodyHash), RecordedConflict>,
    unreadables: BTreeMap<BodyHash, RecordedUnreadable>,
    /// Oldest first.
    pub(super) owed: Vec<RecordedOrder>,
    pub(super) bought: Bought,
}

impl LedgerModel {
    pub(super) fn import(
        &mut self,
        numbers: &[(String, usize)],
        keys: &[NewKey],
        answers: &[Imported],
    ) -> Result<(), Mismatch> {
        must("an answer for each key", answers.len() == keys.len(), &answers)?;
        let mut fresh = BTreeSet::new();
        for ((number, key), answer) in numbers.iter().zip(keys).zip(answers) {
            match (self.known.insert(number.clone()), answer) {
                (true, Imported::New(id)) => {
                    self.put(*id, &number.0, key.sealed.clone())?;
                    fresh.insert(number.0.clone());
                }
                (false, Imported::Repeat) => {}
                (new, answer) => return Err(format!("import of {number:?}, new: {new}: the backend says {answer:?}")),
            }
        }
        fresh.iter().for_each(|sku| self.bought.stock_came(sku));
        Ok(())
    }

    /// A key that came into stock: its id is higher than that of every key of its SKU before it.
    pub(super) fn put(&mut self, id: KeyId, sku: &str, sealed: SealedKey) -> Result<(), Mismatch> {
        let higher = self.keys.iter().all(|(known, key)| key.sku != sku || *known < id) && !self.keys.contains_key(&id);
        must("ids of a SKU rise", higher, &id)?;
        self.skus.insert(sku.to_owned());
        self.keys.insert(id, Key { sku: sku.to_owned(), sealed, state: State::Available });
        Ok(())
    }

    pub(super) fn available(&self, sku: &str) -> impl DoubleEndedIterator<Item = KeyId> {
        let of = |key: &&Key| key.sku == sku && key.state == State::Available;
        self.keys.iter().filter(move |(_, key)| of(key)).map(|(id, _)| *id).collect::<Vec<_>>().into_iter()
    }

    pub(super) fn set(&mut self, id: KeyId, state: State) {
        if let Some(key) = self.keys.get_mut(&id) {
            key.state = state;
        }
    }

    pub(super) fn count(&self, state: State) -> u64 {
        self.keys.values().filter(|key| key.state == state).count() as u64
    }

    /// What is stored of this order id, if anything.
    pub(super) fn known_answer(&mut self, order: &ProposedOrder, judgement: &Judgement) -> Result<(), Mismatch> {
        let Some(stored) = self.orders.get(&order.order_id) else {
            return Err(format!("{} is not known, the backend says {judgement:?}", order.order_id));
        };
        if stored.body_hash == order.body_hash {
            return same("a repeat", judgement, &Judgement::Repeat(stored.clone()));
        }
        let Judgement::Conflict(conflict) = judgement else {
            return Err(format!("{} came with another body, the backend says {judgement:?}", order.order_id));
        };
        let of = (order.order_id.clone(), order.body_hash);
        let first = self.conflicts.entry(of).or_insert_with(|| RecordedConflict {
            order_id: order.order_id.clone(),
            merchant_id: order.merchant_id.clone(),
            body_hash: order.body_hash,
            decided_at: conflict.decided_at,
        });
        same("a conflict", conflict, first)
    }

    /// Holds the judgements of a batch against what has to come of it, and takes over what the backend chose.
    pub(super) fn record(&mut self, batch: &[Entry], judgements: &[Judgement]) -> Result<(), Mismatch> {
        must("a judgement for each entry", judgements.len() == batch.len(), &judgements)?;
        let mut new = Vec::new();
        let mut claimed = BTreeSet::new();
        for (entry, judgement) in batch.iter().zip(judgements) {
            match entry {
                Entry::Unreadable(message) => {
                    let Judgement::Unreadable(told) = judgement else {
                        return Err(format!("an unreadable message: the backend says {judgement:?}"));
                    };
                    let first = self.unreadables.entry(message.body_hash).or_insert_with(|| RecordedUnreadable {
                        body_hash: message.body_hash,
                        merchant_id: message.merchant_id.clone(),
                        reason: message.reason.clone(),
                        decided_at: told.decided_at,
                    });
                    same("an unreadable message", told, first)?;
                }
                Entry::Order(order) if self.orders.contains_key(&order.order_id) => {
                    self.known_answer(order, judgement)?;
                }
                Entry::Order(order) => {
                    let gone = self.gone(order);
                    if gone.is_empty() {
                        claimed.extend(claims(order).flat_map(|(_, ids)| ids.iter().copied()));
                        new.push((order, judgement));
                    } else {
                        self.check_lost(judgement, gone)?;
                    }
                }
            }
        }
        for (order, judgement) in new {
            let Judgement::New(recorded) = judgement else {
                return Err(format!("{} is new, the backend says {judgement:?}", order.order_id));
            };
            self.check_new(order, recorded, &mut claimed)?;
        }
        Ok(())
    }

    /// The claimed ids of an order that would be recorded, but for these.
    fn gone(&self, order: &ProposedOrder) -> Vec<(KeyId, &'static str)> {
        if is_refused(order).is_some() {
            return Vec::new();
        }
        let why = |sku: &str, id: KeyId| match self.keys.get(&id).filter(|key| key.sku == sku) {
            None => Some((id, "unknown")),
            Some(Key { state: State::Sold, .. }) => Some((id, "sold")),
            Some(Key { state: State::Quarantined, .. }) => Some((id, "quarantined")),
            Some(Key { state: State::Available, .. }) => None,
        };
        claims(order).flat_map(|(line, ids)| ids.iter().filter_map(move |id| why(line.sku.as_str(), *id))).collect()
    }

    fn check_lost(&self, judgement: &Judgement, mut gone: Vec<(KeyId, &'static str)>) -> Result<(), Mismatch> {
        let Judgement::Lost(told) = judgement else {
            return Err(format!("{gone:?} are not to be had, the backend says {judgement:?}"));
        };
        let word = |key: &GoneKey| match key.why {
            Gone::SoldAt(_) => (key.id, "sold"),
            Gone::Quarantined => (key.id, "quarantined"),
            Gone::Unknown => (key.id, "unknown"),
        };
        let mut told: Vec<_> = told.iter().map(word).collect();
        told.sort_unstable();
        gone.sort_unstable();
        same("what was lost", &told, &gone)
    }

    fn check_new(
        &mut self,
        order: &ProposedOrder,
        recorded: &RecordedOrder,
        claimed: &mut BTreeSet<KeyId>,
    ) -> Result<(), Mismatch> {
        let mut model = RecordedOrder {
            order_id: order.order_id.clone(),
            merchant_id: order.merchant_id.clone(),
            body_hash: order.body_hash,
            revision: Revision::FIRST,
            status: OrderStatus::Rejected,
            decided_at: recorded.decided_at,
            lines: Vec::new(),
            reason: is_refused(order),
        };
        if let (None, Proposal::Fulfil(lines)) = (&model.reason, &order.proposal) {
            for line in lines {
                let outcome = self.outcome(line, claimed);
                if let LineOutcome::Delivered(keys) = &outcome {
                    keys.iter().for_each(|key| self.set(key.id, State::Sold));
                }
                if outcome == LineOutcome::Processing {
                    self.bought.made(&order.order_id, line);
                }
                let (line_no, sku, quantity) = (line.line_no, line.sku.clone(), line.quantity);
                model.lines.push(crate::recorded::RecordedLine { line_no, sku, quantity, outcome });
            }
            model.status = OrderStatus::of_lines(model.lines.iter().map(|line| &line.outcome));
            let first = model.lines.iter().find_map(|line| line.outcome.reason().cloned());
            model.reason = first.filter(|_| model.status == OrderStatus::Rejected);
        }
        let told = with_details_of(recorded.clone(), &mut model);
        self.learn_sealed(&told, &mut model)?;
        same("a new order", &told, &model)?;
        self.orders.insert(order.order_id.clone(), recorded.clone());
        Ok(())
    }

    /// Of a bought key that was over the sealed bytes are told when it is sold, and not before.
    pub(super) fn learn_sealed(&mut self, told: &RecordedOrder, model: &mut RecordedOrder) -> Result<(), Mismatch> {
        for (told, own) in told.lines.iter().zip(&mut model.lines) {
            let (LineOutcome::Delivered(told), LineOutcome::Delivered(own)) = (&told.outcome, &mut own.outcome) else {
                continue;
            };
            for (told, own) in told.iter().zip(own) {
                must("a key has its sealed bytes", !told.sealed.0.is_empty(), told)?;
                if told.id == own.id && own.sealed.0.is_empty() {
                    own.sealed.clone_from(&told.sealed);
                }
            }
        }
        Ok(())
    }

    fn outcome(&self, line: &ProposedLine, claimed: &BTreeSet<KeyId>) -> LineOutcome {
        let delivered = |mut ids: Vec<KeyId>| {
            ids.sort_unstable();
            let key = |id: KeyId| DeliveredKey { id, sealed: self.keys[&id].sealed.clone() };
            LineOutcome::Delivered(ids.into_iter().map(key).collect())
        };
        match &line.fill {
            Fill::Claimed(ids) => delivered(ids.clone()),
            Fill::Bought => LineOutcome::Processing,
            Fill::Refused(reason) => LineOutcome::Rejected(reason.clone()),
            Fill::FromLedger => {
                let sku = line.sku.as_str();
                // The highest first, and nothing that a neighbour claimed.
                let free = self.available(sku).rev().filter(|id| !claimed.contains(id));
                let ids: Vec<KeyId> = free.take(line.quantity.as_usize()).collect();
                if ids.len() == line.quantity.as_usize() {
                    return delivered(ids);
                }
                let code = if self.skus.contains(sku) { ReasonCode::OutOfStock } else { ReasonCode::UnknownSku };
                match line.need {
                    Some(_) => LineOutcome::Processing,
                    None => LineOutcome::Rejected(Reason::new(code, "")),
                }
            }
        }
    }

    pub(super) fn owe(&mut self, id: &OrderId, revision: Revision) {
        let is = |order: &RecordedOrder| order.order_id == *id && order.revision == revision;
        if let Some(order) = self.orders.get(id).filter(|order| is(order))
            && !self.owed.iter().any(is)
        {
            self.owed.push(order.clone());
        }
    }

    pub(super) fn pay(&mut self, id: &OrderId, revision: Revision) {
        self.owed.retain(|order| order.order_id != *id || order.revision != revision);
    }
}

/// The reason that an order is refused whole for, if it is.
fn is_refused(order: &ProposedOrder) -> Option<Reason> {
    match (&order.proposal, order.expires_at) {
        (Proposal::Refuse(reason), _) => Some(reason.clone()),
        (Proposal::Fulfil(_), Some(expires_at)) if expires_at < Timestamp::now() => {
            Some(Reason::new(ReasonCode::Expired, ""))
        }
        (Proposal::Fulfil(_), _) => None,
    }
}

fn claims(order: &ProposedOrder) -> impl Iterator<Item = (&ProposedLine, &[KeyId])> {
    let lines = match &order.proposal {
        Proposal::Fulfil(lines) => lines.as_slice(),
        Proposal::Refuse(_) => &[],
    };
    lines.iter().filter_map(|line| match &line.fill {
        Fill::Claimed(ids) => Some((line, ids.as_slice())),
        Fill::FromLedger | Fill::Bought | Fill::Refused(_) => None,
    })
}

/// What a reason says is the backend's to word, where it is the ledger's own.
fn with_details_of(recorded: RecordedOrder, model: &mut RecordedOrder) -> RecordedOrder {
    let take = |told: Option<&Reason>, own: &mut Reason| {
        if let Some(told) = told.filter(|told| told.code == own.code && own.detail.is_empty()) {
            own.detail.clone_from(&told.detail);
        }
    };
    if let Some(reason) = &mut model.reason {
        take(recorded.reason.as_ref(), reason);
    }
    for (line, own) in recorded.lines.iter().zip(&mut model.lines) {
        if let LineOutcome::Rejected(reason) = &mut own.outcome {
            take(line.outcome.reason(), reason);
        }
    }
    recorded
}
