//! How a visit to a procurement ends.

use std::time::Duration;

use fulfil_contract::{
    attempt::AttemptState,
    ports::procurements::ProcurementError,
    procurement::{Lease, ProcurementId, Release, Released, ReviewCase},
    reason::Reason,
    recorded::LineOutcome,
};

use super::attempts::refused;
use crate::{Moment, ledger::Tables};

impl Tables {
    pub(super) fn release(
        &mut self,
        lease: &Lease,
        release: &Release,
        at: Moment,
    ) -> Result<Released, ProcurementError> {
        let row = self.last_leased(lease)?;
        if let Some(released) = row.given_back.filter(|released| comes_of(release, *released)) {
            return Ok(released);
        }
        self.leased(lease)?;
        let of = lease.procurement;
        let released = match release {
            Release::Wait { time, waits_for } => self.wait(of, *time, waits_for, at),
            Release::FromStock { time, waits_for } => self.fill_or_wait(of, *time, waits_for, at)?,
            Release::Reject(reason) => {
                self.without_open_attempt(of)?;
                self.reject(of, reason, at);
                Released::Rejected
            }
            Release::Review(case) => self.give_to_people(of, case, at)?,
        };
        if let Some(row) = self.procurements.get_mut(&of) {
            row.given_back = Some(released);
        }
        self.decide(of, at);
        Ok(released)
    }

    fn wait(&mut self, of: ProcurementId, time: Duration, waits_for: &str, at: Moment) -> Released {
        if let Some(row) = self.procurements.get_mut(&of) {
            row.due = if row.woken { at } else { at.after(time) };
            row.waits_for = waits_for.to_owned();
        }
        Released::Waiting
    }

    fn fill_or_wait(
        &mut self,
        of: ProcurementId,
        time: Duration,
        waits_for: &str,
        at: Moment,
    ) -> Result<Released, ProcurementError> {
        self.without_open_attempt(of)?;
        if self.procurements.get(&of).is_some_and(|row| row.need.recharge.is_some()) {
            return Err(refused("stock never fills a top-up".into()));
        }
        let Some(keys) = self.take_for(of, at) else { return Ok(self.wait(of, time, waits_for, at)) };
        if let Some(row) = self.procurements.get_mut(&of) {
            row.outcome = LineOutcome::Delivered(keys);
        }
        self.stock_held(of, at);
        Ok(Released::Filled)
    }

    /// The line fails, and what was held for it goes into stock.
    pub(crate) fn reject(&mut self, of: ProcurementId, reason: &Reason, at: Moment) {
        if let Some(row) = self.procurements.get_mut(&of) {
            row.outcome = LineOutcome::Rejected(reason.clone());
        }
        self.stock_held(of, at);
    }

    fn give_to_people(
        &mut self,
        of: ProcurementId,
        case: &ReviewCase,
        at: Moment,
    ) -> Result<Released, ProcurementError> {
        let open = self.open_attempt(of);
        let state = open.and_then(|id| self.attempts.get(&id)).map(|row| row.attempt.state);
        if let Some(from) = state.filter(|state| !state.may_become(AttemptState::InReview)) {
            return Err(refused(format!("an attempt that is {} is no matter for a person", from.as_str())));
        }
        if let Some(id) = open {
            self.move_attempt(id, AttemptState::InReview);
        }
        if let Some(row) = self.procurements.get_mut(&of) {
            row.outcome = LineOutcome::Review;
        }
        self.open_holding_review(of, open, case, at);
        Ok(Released::InReview)
    }

    fn without_open_attempt(&self, of: ProcurementId) -> Result<(), ProcurementError> {
        match self.open_attempt(of) {
            Some(open) => Err(refused(format!("attempt {} may still bring goods", open.0))),
            None => Ok(()),
        }
    }
}

/// Whether this release may have said so.
fn comes_of(release: &Release, released: Released) -> bool {
    match release {
        Release::Wait { .. } => released == Released::Waiting,
        Release::FromStock { .. } => matches!(released, Released::Waiting | Released::Filled),
        Release::Reject(_) => released == Released::Rejected,
        Release::Review(_) => released == Released::InReview,
    }
}
