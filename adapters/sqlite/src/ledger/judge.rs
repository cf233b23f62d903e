//! Judges a batch: each order's keys are looked at before anything of it is written, so that a lost one
//! leaves no trace.

use std::collections::HashSet;

use fulfil_contract::{
    ids::{KeyId, MerchantId, Revision},
    ports::ledger::Asked,
    proposal::{Entry, Fill, Proposal, ProposedLine, ProposedOrder},
    reason::{Reason, ReasonCode},
    recorded::{
        DeliveredKey, GoneKey, Judgement, LineOutcome, OrderStatus, RecordedLine, RecordedOrder, StoredLine,
        StoredOutcome,
    },
    time::Timestamp,
};
use rusqlite::Connection;

use super::{keys::Keys, stored};
use crate::{errors::StoreError, procurement::making};

/// Judges every entry, in the same order, by the time `at`.
pub(super) fn judge(connection: &Connection, batch: &[Entry], at: Timestamp) -> Result<Vec<Judgement>, StoreError> {
    let mut bench = Bench { connection, at, keys: Keys::of(connection), reserved: HashSet::new() };
    let first = batch.iter().map(|entry| bench.first(entry)).collect::<Result<Vec<_>, _>>()?;
    // Who takes from the ledger comes last: no neighbour's claimed id is taken.
    let judged = first.into_iter().map(|first| match first {
        First::Judged(judgement) => Ok(judgement),
        First::Takes(order, lines) => bench.lines(order, lines),
    });
    judged.collect()
}

/// What the first look at an entry makes of it.
enum First<'a> {
    Judged(Judgement),
    Takes(&'a ProposedOrder, &'a [ProposedLine]),
}

struct Bench<'a> {
    connection: &'a Connection,
    at: Timestamp,
    keys: Keys<'a>,
    /// Claimed by orders that are to be recorded yet, or taken for them.
    reserved: HashSet<KeyId>,
}

impl Bench<'_> {
    /// Judges an entry, unless it takes from the ledger: then its claimed ids are reserved.
    fn first<'e>(&mut self, entry: &'e Entry) -> Result<First<'e>, StoreError> {
        let order = match entry {
            Entry::Unreadable(message) => {
                let unreadable = stored::unreadable(self.connection, message, self.at)?;
                return Ok(First::Judged(Judgement::Unreadable(unreadable)));
            }
            Entry::Order(order) => order,
        };
        let asked = Asked {
            order_id: order.order_id.clone(),
            body_hash: order.body_hash,
            merchant_id: order.merchant_id.clone(),
        };
        if let Some(known) = stored::known(self.connection, &asked, self.at)? {
            return Ok(First::Judged(known));
        }
        let lines = match &order.proposal {
            Proposal::Refuse(reason) => return self.record(order, Vec::new(), Some(reason.clone())).map(First::Judged),
            Proposal::Fulfil(lines) => lines,
        };
        if let Some(expires_at) = order.expires_at.filter(|expires_at| *expires_at <= self.at) {
            let detail = format!("expires_at was {expires_at}, and the order was judged at {}", self.at);
            let reason = Reason::new(ReasonCode::Expired, detail);
            return self.record(order, Vec::new(), Some(reason)).map(First::Judged);
        }
        check(order, lines)?;
        if lines.iter().any(|line| matches!(line.fill, Fill::FromLedger)) {
            return Ok(match self.find(lines)? {
                Err(gone) => First::Judged(Judgement::Lost(gone)),
                Ok(found) => {
                    self.reserved.extend(found.into_iter().flatten().map(|key| key.id));
                    First::Takes(order, lines)
                }
            });
        }
        self.lines(order, lines).map(First::Judged)
    }

    /// Records an order, if its claimed keys are to be had.
    fn lines(&mut self, order: &ProposedOrder, lines: &[ProposedLine]) -> Result<Judgement, StoreError> {
        let found = match self.find(lines)? {
            Ok(found) => found,
            Err(gone) => return Ok(Judgement::Lost(gone)),
        };
        let mut filled = Vec::with_capacity(lines.len());
        for (line, claimed) in lines.iter().zip(found) {
            let outcome = match &line.fill {
                Fill::Refused(reason) => LineOutcome::Rejected(reason.clone()),
                Fill::Claimed(_) => LineOutcome::Delivered(claimed),
                Fill::FromLedger => self.take(line)?,
                Fill::Bought => LineOutcome::Processing,
            };
            filled.push(RecordedLine {
                line_no: line.line_no,
                sku: line.sku.clone(),
                quantity: line.quantity,
                outcome,
            });
        }
        filled.sort_by_key(|line| line.line_no);
        let first_reason = filled.iter().find_map(|line| line.outcome.reason().cloned());
        let rejected = OrderStatus::of_lines(filled.iter().map(|line| &line.outcome)) == OrderStatus::Rejected;
        self.record(order, filled, first_reason.filter(|_| rejected))
    }

    /// Each line's claimed keys, by rising id, or every one that is not to be had.
    fn find(&mut self, lines: &[ProposedLine]) -> Result<Result<Vec<Vec<DeliveredKey>>, Vec<GoneKey>>, StoreError> {
        let (mut found, mut gone) = (Vec::with_capacity(lines.len()), Vec::new());
        for line in lines {
            let sku = self.keys.sku(&line.sku)?;
            let ids = claimed_ids(&line.fill);
            let mut keys = Vec::with_capacity(ids.len());
            for id in ids {
                match self.keys.claimed(*id, sku)? {
                    Ok(key) => keys.push(key),
                    Err(lost) => gone.push(lost),
                }
            }
            keys.sort_unstable_by_key(|key| key.id);
            found.push(keys);
        }
        Ok(if gone.is_empty() { Ok(found) } else { Err(gone) })
    }

    /// What stock can't fill is bought, if there is a need; else it is refused.
    fn take(&mut self, line: &ProposedLine) -> Result<LineOutcome, StoreError> {
        let refused = |code, detail: String| {
            Ok(match line.need {
                Some(_) => LineOutcome::Processing,
                None => LineOutcome::Rejected(Reason::new(code, detail)),
            })
        };
        let Some(sku) = self.keys.sku(&line.sku)? else {
            return refused(ReasonCode::UnknownSku, format!("no key was ever imported for {}", line.sku));
        };
        let Some(keys) = self.keys.take(sku, line.quantity.as_usize(), &self.reserved)? else {
            return refused(
                ReasonCode::OutOfStock,
                format!("stock holds fewer than {} of {}", line.quantity.get(), line.sku),
            );
        };
        self.reserved.extend(keys.iter().map(|key| key.id));
        Ok(LineOutcome::Delivered(keys))
    }

    fn record(
        &self,
        order: &ProposedOrder,
        lines: Vec<RecordedLine>,
        reason: Option<Reason>,
    ) -> Result<Judgement, StoreError> {
        let recorded = RecordedOrder {
            order_id: order.order_id.clone(),
            merchant_id: order.merchant_id.clone(),
            body_hash: order.body_hash,
            revision: Revision::FIRST,
            status: OrderStatus::of_lines(lines.iter().map(|line| &line.outcome)),
            decided_at: self.at,
            lines,
            reason,
        };
        let order_no = self.write(&recorded)?;
        if recorded.status == OrderStatus::Processing {
            making::make(self.connection, order_no, order, &recorded)?;
        }
        Ok(Judgement::New(recorded))
    }

    fn write(&self, order: &RecordedOrder) -> Result<i64, StoreError> {
        let sql = "insert into orders (order_id, merchant_id, body_hash, revision, status, decided_at, lines, reason)
            values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let order_no = self.connection.prepare_cached(sql)?.insert((
            order.order_id.as_str(),
            order.merchant_id.as_ref().map(MerchantId::as_str),
            order.body_hash.0,
            order.revision.0,
            order.status.code(),
            order.decided_at.0,
            StoredLine::write(&order.lines.iter().map(stored_line).collect::<Vec<_>>()),
            order.reason.as_ref().map(stored::write_reason),
        ))?;
        for id in order.key_ids() {
            self.keys.sell(id, order_no)?;
        }
        Ok(order_no)
    }
}

fn claimed_ids(fill: &Fill) -> &[KeyId] {
    match fill {
        Fill::Claimed(ids) => ids,
        Fill::FromLedger | Fill::Bought | Fill::Refused(_) => &[],
    }
}

/// Every claimed line has as many keys of its own as it wants; what is to be bought says what for.
fn check(order: &ProposedOrder, lines: &[ProposedLine]) -> Result<(), StoreError> {
    let mut used = HashSet::new();
    for line in lines {
        if let Fill::Claimed(ids) = &line.fill {
            let own = ids.iter().filter(|id| used.insert(**id)).count();
            if own != line.quantity.as_usize() || own != ids.len() {
                let (order, line_no, wants) = (&order.order_id, line.line_no.0, line.quantity.get());
                return Err(StoreError::Data(format!(
                    "order {order}, line {line_no}: {own} keys are proposed, it wants {wants}"
                )));
            }
        }
        if matches!(line.fill, Fill::Bought) && line.need.is_none() {
            let (order, line_no) = (&order.order_id, line.line_no.0);
            return Err(StoreError::Data(format!(
                "order {order}, line {line_no}: it is to be bought, but has no need"
            )));
        }
    }
    Ok(())
}

fn stored_line(line: &RecordedLine) -> StoredLine {
    let outcome = StoredOutcome::from(&line.outcome);
    StoredLine { line_no: line.line_no.0, sku: line.sku.as_str().to_owned(), quantity: line.quantity.get(), outcome }
}
