//! Judges a batch: each order's keys are looked at before anything of it is written.

use std::collections::BTreeSet;

use fulfil_contract::{
    ids::{KeyId, Revision},
    ports::ledger::{Asked, LedgerError},
    proposal::{Entry, Fill, Proposal, ProposedLine, ProposedOrder},
    reason::{Reason, ReasonCode},
    recorded::{DeliveredKey, Gone, GoneKey, Judgement, LineOutcome, OrderStatus, RecordedLine, RecordedOrder},
};

use super::{KeyState, Tables};
use crate::Moment;

pub(super) fn judge(tables: &mut Tables, batch: &[Entry], at: Moment) -> Result<Vec<Judgement>, LedgerError> {
    // Before anything is written: the batch is one transaction.
    batch.iter().try_for_each(check)?;
    let mut bench = Bench { tables, at, reserved: BTreeSet::new() };
    // Who takes from the ledger comes last: no neighbour's claimed id is taken.
    let first: Vec<_> = batch.iter().map(|entry| bench.first(entry)).collect();
    let judged = first.into_iter().map(|first| match first {
        First::Judged(judgement) => judgement,
        First::Takes(order, lines) => bench.lines(order, lines),
    });
    Ok(judged.collect())
}

/// Every claimed line has as many keys of its own as it wants, and every line to be bought says what it needs.
fn check(entry: &Entry) -> Result<(), LedgerError> {
    let Entry::Order(ProposedOrder { order_id, proposal: Proposal::Fulfil(lines), .. }) = entry else { return Ok(()) };
    let mut used = BTreeSet::new();
    for line in lines {
        if line.fill == Fill::Bought && line.need.is_none() {
            let line_no = line.line_no.0;
            return Err(LedgerError::Data(format!("order {order_id}, line {line_no}: to be bought, without a need")));
        }
        let ids = claimed_ids(line);
        if matches!(line.fill, Fill::Claimed(_))
            && (ids.len() != line.quantity.as_usize() || !ids.iter().all(|id| used.insert(*id)))
        {
            return Err(LedgerError::Data(format!(
                "order {order_id}, line {}: not as many keys as it wants",
                line.line_no.0
            )));
        }
    }
    Ok(())
}

fn claimed_ids(line: &ProposedLine) -> &[KeyId] {
    match &line.fill {
        Fill::Claimed(ids) => ids,
        Fill::FromLedger | Fill::Bought | Fill::Refused(_) => &[],
    }
}

/// What the first look at an entry makes of it.
enum First<'a> {
    Judged(Judgement),
    Takes(&'a ProposedOrder, &'a [ProposedLine]),
}

struct Bench<'a> {
    tables: &'a mut Tables,
    at: Moment,
    /// Claimed by orders that take from the ledger beside it, or taken for them.
    reserved: BTreeSet<KeyId>,
}

impl Bench<'_> {
    fn first<'e>(&mut self, entry: &'e Entry) -> First<'e> {
        let order = match entry {
            Entry::Unreadable(message) => return First::Judged(self.tables.unreadable(message, self.at.time)),
            Entry::Order(order) => order,
        };
        let asked = Asked {
            order_id: order.order_id.clone(),
            body_hash: order.body_hash,
            merchant_id: order.merchant_id.clone(),
        };
        if let Some(known) = self.tables.known(&asked, self.at.time) {
            return First::Judged(known);
        }
        let lines = match &order.proposal {
            Proposal::Refuse(reason) => return First::Judged(self.record(order, Vec::new(), Some(reason.clone()))),
            Proposal::Fulfil(lines) => lines,
        };
        if let Some(expires_at) = order.expires_at.filter(|expires_at| *expires_at <= self.at.time) {
            let detail = format!("expires_at was {expires_at}, and the order was judged at {}", self.at.time);
            return First::Judged(self.record(order, Vec::new(), Some(Reason::new(ReasonCode::Expired, detail))));
        }
        if lines.iter().any(|line| matches!(line.fill, Fill::FromLedger)) && self.gone(lines).is_empty() {
            self.reserved.extend(lines.iter().flat_map(claimed_ids));
            return First::Takes(order, lines);
        }
        First::Judged(self.lines(order, lines))
    }

    fn lines(&mut self, order: &ProposedOrder, lines: &[ProposedLine]) -> Judgement {
        let gone = self.gone(lines);
        if !gone.is_empty() {
            self.note_offered_sold(lines, &gone);
            return Judgement::Lost(gone);
        }
        let mut filled = Vec::with_capacity(lines.len());
        for line in lines {
            let outcome = match &line.fill {
                Fill::Refused(reason) => LineOutcome::Rejected(reason.clone()),
                Fill::Claimed(ids) => self.deliver(ids.iter().copied().collect()),
                Fill::Bought => LineOutcome::Processing,
                Fill::FromLedger => match (self.take(line), &line.need) {
                    (LineOutcome::Rejected(_), Some(_)) => LineOutcome::Processing,
                    (outcome, _) => outcome,
                },
            };
            filled.push(RecordedLine {
                line_no: line.line_no,
                sku: line.sku.clone(),
                quantity: line.quantity,
                outcome,
            });
        }
        let first_reason = filled.iter().find_map(|line| line.outcome.reason().cloned());
        let rejected = OrderStatus::of_lines(filled.iter().map(|line| &line.outcome)) == OrderStatus::Rejected;
        let bought: Vec<bool> = filled.iter().map(|line| line.outcome == LineOutcome::Processing).collect();
        let judgement = self.record(order, filled, first_reason.filter(|_| rejected));
        for line in lines.iter().zip(bought).filter_map(|(line, bought)| bought.then_some(line)) {
            self.tables.procure(order, line, self.at);
        }
        judgement
    }

    fn note_offered_sold(&mut self, lines: &[ProposedLine], gone: &[GoneKey]) {
        for line in lines {
            let sold = |id: &KeyId| gone.iter().any(|key| key.id == *id && matches!(key.why, Gone::SoldAt(_)));
            if claimed_ids(line).iter().any(sold) {
                *self.tables.offered_sold.entry(line.sku.clone()).or_default() += 1;
            }
        }
    }

    /// Which claimed ids are not to be had.
    fn gone(&self, lines: &[ProposedLine]) -> Vec<GoneKey> {
        let claimed = lines.iter().flat_map(|line| claimed_ids(line).iter().map(|id| (*id, &line.sku)));
        claimed
            .filter_map(|(id, sku)| {
                let why = match self.tables.keys.get(&id).filter(|key| key.sku == *sku).map(|key| &key.state) {
                    Some(KeyState::Available) => return None,
                    Some(KeyState::Quarantined) => Gone::Quarantined,
                    Some(KeyState::Sold(_, at)) => Gone::SoldAt(*at),
                    None => Gone::Unknown,
                };
                Some(GoneKey { id, why })
            })
            .collect()
    }

    /// Highest ids first, since stock offers lowest first.
    fn take(&mut self, line: &ProposedLine) -> LineOutcome {
        if !self.tables.skus.contains_key(&line.sku) {
            let detail = format!("no key was ever imported for {}", line.sku);
            return LineOutcome::Rejected(Reason::new(ReasonCode::UnknownSku, detail));
        }
        let wanted = line.quantity.as_usize();
        let available =
            self.tables.keys.iter().rev().filter(|(id, key)| {
                key.sku == line.sku && key.state == KeyState::Available && !self.reserved.contains(id)
            });
        let ids: BTreeSet<KeyId> = available.map(|(id, _)| *id).take(wanted).collect();
        if ids.len() < wanted {
            let detail = format!("stock holds fewer than {wanted} of {}", line.sku);
            return LineOutcome::Rejected(Reason::new(ReasonCode::OutOfStock, detail));
        }
        self.reserved.extend(&ids);
        self.tables.taken.insert(line.sku.clone());
        self.deliver(ids)
    }

    fn deliver(&self, ids: BTreeSet<KeyId>) -> LineOutcome {
        let sealed = |id: KeyId| Some(DeliveredKey { id, sealed: self.tables.keys.get(&id)?.sealed.clone() });
        LineOutcome::Delivered(ids.into_iter().filter_map(sealed).collect())
    }

    fn record(&mut self, order: &ProposedOrder, lines: Vec<RecordedLine>, reason: Option<Reason>) -> Judgement {
        let recorded = RecordedOrder {
            order_id: order.order_id.clone(),
            merchant_id: order.merchant_id.clone(),
            body_hash: order.body_hash,
            revision: Revision::FIRST,
            status: OrderStatus::of_lines(lines.iter().map(|line| &line.outcome)),
            decided_at: self.at.time,
            lines,
            reason,
        };
        for id in recorded.key_ids() {
            if let Some(key) = self.tables.keys.get_mut(&id) {
                key.state = KeyState::Sold(order.order_id.clone(), self.at.time);
            }
        }
        self.tables.orders.insert(order.order_id.clone(), recorded.clone());
        Judgement::New(recorded)
    }
}
