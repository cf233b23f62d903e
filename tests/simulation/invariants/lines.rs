//! I3 at the end: every line and every order came to what it asks for, or to a reason that it can have.

use std::sync::atomic::Ordering::Relaxed;

use fulfil_contract::{
    attempt::{Attempt, AttemptState},
    ports::books::OrderFile,
    reason::ReasonCode,
    recorded::{LineOutcome, OrderStatus, RecordedLine, RecordedOrder},
};

use super::{Watch, end::Rest};
use crate::{
    orders::{Asks, BEGAN, BOUGHT, CARD, GHOST, Line, MIXED, SCARCE, UNTAKEN},
    seen::Seen,
    supplier::Double,
    worker::LINE,
};

impl Watch {
    /// I3: each line got exactly what it asks for, or a reason that its SKU can have.
    pub(super) fn i3_lines_are_whole(&self, rest: &Rest, doubles: &[Double], seen: &Seen) {
        let sent = self.sent();
        for (id, file) in &rest.files {
            let Some(Asks::Lines { lines, expires_at }) = sent.orders[id].get(&file.order.body_hash.0) else {
                continue;
            };
            self.the_whole_order(id, &file.order, *expires_at, seen);
            if file.order.lines.is_empty() {
                continue;
            }
            let count = file.order.lines.len();
            self.hold(count == lines.len(), "I3", || format!("{id} has {count} lines, and not {}", lines.len()));
            for (line, wanted) in file.order.lines.iter().zip(lines) {
                self.one_line(file, line, wanted, expires_at.is_some(), seen);
                self.one_refusal(rest, file, line, doubles);
            }
        }
    }

    fn the_whole_order(&self, id: &str, order: &RecordedOrder, expires_at: Option<i64>, seen: &Seen) {
        let first = order.revision.0 == 1;
        let how = match order.status {
            OrderStatus::Fulfilled => "fulfilled",
            OrderStatus::PartlyFulfilled => "partly fulfilled",
            OrderStatus::Rejected => "rejected",
            OrderStatus::Review => "in review",
            OrderStatus::Processing | OrderStatus::Conflict => {
                return self.breach("I4", format!("{id} is {} for ever", order.status.as_str()));
            }
        };
        seen.count("order", how);
        let expired = expires_at.is_some_and(|at| order.decided_at.0 >= at);
        match order.reason.as_ref().filter(|_| order.lines.is_empty()).map(|reason| reason.code) {
            Some(ReasonCode::Expired) => {
                seen.count("order", "expired");
                self.hold(expired, "I3", || format!("{id} was called expired before its time: {order:?}"));
            }
            Some(ReasonCode::Unrecordable) => {
                seen.count("line", "unrecordable");
                let so = self.a_record_was_refused.load(Relaxed);
                self.hold(so, "I8", || format!("{id} is called unrecordable, and the ledger never refused one"));
            }
            Some(ReasonCode::Poison) => self.poison(id, order, seen),
            Some(code) => self.breach("I8", format!("{id} was good, and refused as {code:?}")),
            None => self.hold(!(first && expired), "I3", || format!("{id} was filled after its time: {order:?}")),
        }
    }

    /// An order is dead-lettered once its tries did not come back: workers died in them.
    pub(super) fn poison(&self, id: &str, order: &RecordedOrder, seen: &Seen) {
        let counts = seen.counts();
        let times = |kind, of| counts.get(&(kind, of)).copied().unwrap_or(0);
        let lost = times("worker", "killed") + times("worker", "frozen");
        self.hold(lost >= 3, "I8", || format!("{id} is healthy, and called poison"));
        let dead = self.noticed().dead.contains(&order.body_hash.0);
        self.hold(dead, "I8", || format!("{id} is called poison, and is not among the dead letters"));
    }

    /// I3: of what suppliers did not fill, the last that was asked refused it or brought less than it was to, or the line
    /// waited its whole time, or a person decided so.
    fn one_refusal(&self, rest: &Rest, file: &OrderFile, line: &RecordedLine, doubles: &[Double]) {
        let LineOutcome::Rejected(reason) = &line.outcome else { return };
        let of_this_line = file.procurements.iter().filter(|procurement| procurement.line_no == line.line_no);
        let attempts: Vec<&Attempt> = of_this_line.flat_map(|procurement| &procurement.attempts).collect();
        let refused = |attempt: &&Attempt| match attempt.state {
            AttemptState::Refused | AttemptState::NotSent => true,
            AttemptState::Delivered => doubles.iter().any(|double| double.cheated(attempt)),
            AttemptState::Intended
            | AttemptState::Sent
            | AttemptState::Accepted
            | AttemptState::Unknown
            | AttemptState::InReview => false,
        };
        let grounds = match reason.code {
            ReasonCode::SuppliersRefused => attempts.last().is_some_and(refused),
            ReasonCode::SuppliersUnavailable => {
                file.order.decided_at.0 >= BEGAN + i64::try_from(LINE.as_micros()).unwrap()
            }
            ReasonCode::Reviewed => rest.attended,
            ReasonCode::OutOfStock
            | ReasonCode::UnknownSku
            | ReasonCode::NoSupplier
            | ReasonCode::Expired
            | ReasonCode::InvalidJson
            | ReasonCode::TooLarge
            | ReasonCode::InvalidOrder
            | ReasonCode::Conflict
            | ReasonCode::Poison
            | ReasonCode::Unrecordable
            | ReasonCode::PriceGuard
            | ReasonCode::RechargeAccount => true,
        };
        self.hold(grounds, "I3", || {
            format!("{}: {line:?} is refused without grounds: {attempts:?}", file.order.order_id)
        });
    }

    fn one_line(&self, file: &OrderFile, line: &RecordedLine, wanted: &Line, expires: bool, seen: &Seen) {
        let id = &file.order.order_id;
        let bought = [MIXED, BOUGHT, CARD].contains(&wanted.sku);
        let right = match &line.outcome {
            LineOutcome::Delivered(keys) => {
                !wanted.recharge
                    && keys.len() == wanted.quantity
                    && wanted.sku != GHOST
                    && line.sku.as_str() == wanted.sku
            }
            LineOutcome::Recharged { .. } => {
                seen.count("line", "recharged");
                wanted.sku == CARD
            }
            LineOutcome::Review => bought,
            LineOutcome::Processing => false,
            LineOutcome::Rejected(reason) => match reason.code {
                ReasonCode::OutOfStock => {
                    seen.count("line", "out of stock");
                    wanted.sku == SCARCE && self.was_short(wanted)
                }
                ReasonCode::UnknownSku => {
                    seen.count("line", "unknown sku");
                    wanted.sku == GHOST
                }
                ReasonCode::NoSupplier => {
                    seen.count("line", "no supplier");
                    wanted.sku == UNTAKEN
                }
                ReasonCode::SuppliersRefused | ReasonCode::SuppliersUnavailable | ReasonCode::Reviewed => {
                    seen.count("line", "suppliers refused");
                    bought
                }
                ReasonCode::Expired => bought && expires,
                ReasonCode::InvalidJson
                | ReasonCode::TooLarge
                | ReasonCode::InvalidOrder
                | ReasonCode::Conflict
                | ReasonCode::Poison
                | ReasonCode::Unrecordable
                | ReasonCode::PriceGuard
                | ReasonCode::RechargeAccount => false,
            },
        };
        self.hold(right, "I3", || format!("{id}: {wanted:?} was asked for, and it is {line:?}"));
    }

    /// What was called out of stock can't be had now either, unless more came.
    fn was_short(&self, wanted: &Line) -> bool {
        self.imported_later.lock().unwrap().contains(wanted.sku)
            || self.memory.available_of(wanted.sku) < wanted.quantity
    }
}
