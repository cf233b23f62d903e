//! Attempts: committed before anything is sent (I6), moved along the machine and no other way.

use fulfil_contract::{
    attempt::{Attempt, AttemptId, AttemptState, Change, Intent},
    ids::Fingerprint,
    ports::procurements::{Limits, ProcurementError},
    procurement::{Lease, ProcurementId},
    time::Timestamp,
};

use super::AttemptRow;
use crate::{Moment, ledger::Tables, micros};

/// What becomes of a change.
pub(super) enum Asked {
    Due,
    /// It was made before, by the same call.
    Made,
}

impl Tables {
    pub(super) fn intend(&mut self, lease: &Lease, intent: &Intent, at: Moment) -> Result<Attempt, ProcurementError> {
        self.leased(lease)?;
        let of = lease.procurement;
        if let Some(row) = self.attempts.values().find(|row| row.attempt.reference == intent.reference) {
            return if row.procurement == of {
                Ok(row.attempt.clone())
            } else {
                Err(refused(format!("reference {} is another procurement's", intent.reference)))
            };
        }
        if let Some(open) = self.open_attempt(of) {
            return Err(refused(format!("attempt {} may still bring goods", open.0)));
        }
        let id = AttemptId(self.attempts.last_key_value().map_or(1, |(last, _)| last.0 + 1));
        let attempt = intended(id, intent, at.time);
        let (told, refused) = (Vec::new(), Vec::new());
        self.attempts.insert(id, AttemptRow { procurement: of, attempt: attempt.clone(), told, refused, placed: None });
        Ok(attempt)
    }

    pub(super) fn change(
        &mut self,
        lease: &Lease,
        change: &Change,
        limits: Limits,
        at: Moment,
    ) -> Result<Attempt, ProcurementError> {
        self.leased(lease)?;
        let row = self.attempt_under(lease.procurement, change.attempt)?;
        if change.to == AttemptState::Delivered {
            return Err(refused("what was delivered is told with its goods".into()));
        }
        if let Asked::Due = asked(&row.attempt, change)? {
            apply(&mut row.attempt, change);
            if change.to == AttemptState::Sent {
                row.attempt.sends += 1;
                row.attempt.sent_at = Some(at.time);
                let span = micros(limits.lease).saturating_add(micros(limits.settles));
                row.attempt.countable_from = Some(Timestamp(at.time.0.saturating_add(span)));
                self.leased(lease)?.until = at.instant + limits.lease;
            }
        }
        Ok(self.attempt_under(lease.procurement, change.attempt)?.attempt.clone())
    }

    pub(super) fn attempt_under(
        &mut self,
        of: ProcurementId,
        id: AttemptId,
    ) -> Result<&mut AttemptRow, ProcurementError> {
        self.attempts
            .get_mut(&id)
            .filter(|row| row.procurement == of)
            .ok_or_else(|| refused(format!("attempt {} is none of procurement {}", id.0, of.0)))
    }

    /// Moves an attempt on without a lease: a person decided, or its procurement was given to one.
    pub(crate) fn move_attempt(&mut self, id: AttemptId, to: AttemptState) {
        if let Some(row) = self.attempts.get_mut(&id) {
            row.attempt.state = to;
            row.attempt.version += 1;
        }
    }

    /// What an attempt brought.
    pub(crate) fn told_keys(&self, id: AttemptId) -> Vec<Fingerprint> {
        self.attempts.get(&id).map(|row| row.told.clone()).unwrap_or_default()
    }
}

/// Whether the machine and the row's version allow the change.
pub(super) fn asked(attempt: &Attempt, change: &Change) -> Result<Asked, ProcurementError> {
    if attempt.version == change.version.saturating_add(1) && attempt.state == change.to {
        return Ok(Asked::Made);
    }
    if attempt.version != change.version {
        let (seen, is) = (change.version, attempt.version);
        return Err(refused(format!("attempt {} was seen at version {seen}, and is at {is}", attempt.id.0)));
    }
    if !attempt.state.may_become(change.to) {
        let (from, to) = (attempt.state.as_str(), change.to.as_str());
        return Err(refused(format!("attempt {} can't go from {from} to {to}", attempt.id.0)));
    }
    Ok(Asked::Due)
}

pub(super) fn apply(attempt: &mut Attempt, change: &Change) {
    attempt.state = change.to;
    attempt.version += 1;
    attempt.queries += change.queries;
    attempt.not_founds = change.not_founds;
    if let Some(id) = &change.their_id {
        attempt.their_id = Some(id.clone());
    }
    if let Some(said) = &change.said {
        attempt.said = Some(said.clone());
    }
    if let Some(means) = change.refusal {
        attempt.refusal = Some(means);
    }
}

pub(super) fn refused(why: String) -> ProcurementError {
    ProcurementError::Refused(why)
}

fn intended(id: AttemptId, intent: &Intent, at: Timestamp) -> Attempt {
    Attempt {
        id,
        supplier: intent.supplier.clone(),
        product: intent.product.clone(),
        reference: intent.reference.clone(),
        quantity: intent.quantity,
        unit_price: intent.unit_price,
        currency: intent.currency,
        state: AttemptState::Intended,
        version: 0,
        their_id: None,
        sends: 0,
        queries: 0,
        not_founds: 0,
        countable_from: None,
        intended_at: at,
        sent_at: None,
        said: None,
        refusal: None,
    }
}
