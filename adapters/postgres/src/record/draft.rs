//! What an order will say if the transaction commits: its row, still without the sealed bytes of its keys.

use fulfil_contract::{
    ids::{KeyId, Revision, SealedKey},
    proposal::{Fill, ProposedLine, ProposedOrder},
    reason::Reason,
    recorded::{DeliveredKey, LineOutcome, OrderStatus, RecordedLine, RecordedOrder, StoredLine, StoredOutcome},
    time::Timestamp,
};

use super::{
    batch::{Batch, Effect, Open},
    take::Taken,
};

#[derive(Debug)]
pub(super) struct Draft {
    /// Among the batch's orders.
    pub(super) place: usize,
    pub(super) order: RecordedOrder,
}

/// The drafts of a round, by rising order id: everybody inserts in that order, so nobody waits in a circle.
pub(super) fn drafts(batch: &Batch<'_>, open: &[Open<'_>], taken: &Taken) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = open
        .iter()
        .map(|open| Draft { place: open.place, order: draft(batch.orders[open.place].order, open, taken) })
        .collect();
    drafts.sort_unstable_by(|a, b| a.order.order_id.cmp(&b.order.order_id));
    drafts
}

fn draft(proposed: &ProposedOrder, open: &Open<'_>, taken: &Taken) -> RecordedOrder {
    let (lines, status, reason) = match &open.effect {
        Effect::Refusal(reason) => (Vec::new(), OrderStatus::Rejected, Some(reason.clone())),
        Effect::Lines(proposed) => {
            let lines: Vec<RecordedLine> =
                proposed.iter().enumerate().map(|(at, line)| recorded_line(line, taken.line(open.place, at))).collect();
            let status = OrderStatus::of_lines(lines.iter().map(|line| &line.outcome));
            let reason = if status == OrderStatus::Rejected {
                lines.iter().find_map(|line| line.outcome.reason().cloned())
            } else {
                None
            };
            (lines, status, reason)
        }
    };
    RecordedOrder {
        order_id: proposed.order_id.clone(),
        merchant_id: proposed.merchant_id.clone(),
        body_hash: proposed.body_hash,
        revision: Revision::FIRST,
        status,
        decided_at: Timestamp(0),
        lines,
        reason,
    }
}

fn recorded_line(line: &ProposedLine, taken: Option<&Result<Vec<KeyId>, Reason>>) -> RecordedLine {
    let outcome = match (&line.fill, taken) {
        (Fill::Bought, _) => LineOutcome::Processing,
        (Fill::FromLedger, Some(Err(_))) if line.need.is_some() => LineOutcome::Processing,
        (Fill::Refused(reason), _) | (Fill::FromLedger, Some(Err(reason))) => LineOutcome::Rejected(reason.clone()),
        (Fill::Claimed(ids), _) | (Fill::FromLedger, Some(Ok(ids))) => LineOutcome::Delivered(unsealed(ids)),
        // Every such line was dealt with; without keys it could only be short, which the seller would see.
        (Fill::FromLedger, None) => LineOutcome::Delivered(Vec::new()),
    };
    RecordedLine { line_no: line.line_no, sku: line.sku.clone(), quantity: line.quantity, outcome }
}

fn unsealed(ids: &[KeyId]) -> Vec<DeliveredKey> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.into_iter().map(|id| DeliveredKey { id, sealed: SealedKey(Vec::new()) }).collect()
}

/// The text of the row's `lines`.
pub(super) fn stored_lines(order: &RecordedOrder) -> String {
    let lines: Vec<StoredLine> = order
        .lines
        .iter()
        .map(|line| StoredLine {
            line_no: line.line_no.0,
            sku: line.sku.as_str().to_owned(),
            quantity: line.quantity.get(),
            outcome: StoredOutcome::from(&line.outcome),
        })
        .collect();
    StoredLine::write(&lines)
}
