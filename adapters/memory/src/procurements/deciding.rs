//! One order, one final result: written when no line of it is open any more.

use fulfil_contract::{
    ids::Revision,
    procurement::ProcurementId,
    recorded::{LineOutcome, OrderStatus, RecordedLine, RecordedOrder},
};

use crate::{Moment, ledger::Tables};

impl Tables {
    /// An order's lines as its procurements make them, whether the order says so yet or not.
    pub(crate) fn lines_now(&self, order: &RecordedOrder) -> Vec<RecordedLine> {
        let outcome = |line: &RecordedLine| {
            let row =
                self.procurements.values().find(|row| row.order_id == order.order_id && row.line_no == line.line_no);
            row.map_or(&line.outcome, |row| &row.outcome).clone()
        };
        order.lines.iter().map(|line| RecordedLine { outcome: outcome(line), ..line.clone() }).collect()
    }

    /// Writes a newer result of this procurement's order, and owes it: if no line is open any more, or if one is
    /// that the result calls decided.
    pub(crate) fn decide(&mut self, of: ProcurementId, at: Moment) {
        let Some(id) = self.procurements.get(&of).map(|row| row.order_id.clone()) else { return };
        let Some(order) = self.orders.get(&id) else { return };
        let mut lines = self.lines_now(order);
        let status = OrderStatus::of_lines(lines.iter().map(|line| &line.outcome));
        if lines == order.lines || (status, order.status) == (OrderStatus::Processing, OrderStatus::Processing) {
            return;
        }
        for line in &mut lines {
            if let LineOutcome::Delivered(keys) = &mut line.outcome {
                keys.sort_by_key(|key| key.id);
            }
        }
        let first_reason = lines.iter().find_map(|line| line.outcome.reason().cloned());
        let decided = RecordedOrder {
            revision: Revision(order.revision.0 + 1),
            status,
            decided_at: at.time,
            lines,
            reason: first_reason.filter(|_| status == OrderStatus::Rejected),
            ..order.clone()
        };
        self.owed.push(decided.clone());
        self.orders.insert(id, decided);
    }
}
