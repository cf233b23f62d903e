//! What people decide.

use async_trait::async_trait;
use fulfil_contract::{
    attempt::{AttemptId, AttemptState},
    ids::Fingerprint,
    ports::{
        ledger::LedgerError,
        procurements::{ResolveError, Reviews},
    },
    procurement::{ProcurementId, Resolution, Resolved, Review, ReviewCase, ReviewId},
    recorded::LineOutcome,
    time::Timestamp,
};

use crate::{Memory, Moment, ledger::Tables};

#[derive(Debug)]
pub(crate) struct ReviewRow {
    case: ReviewCase,
    procurement: ProcurementId,
    attempt: Option<AttemptId>,
    opened_at: Timestamp,
    pub(crate) resolved: Option<Resolved>,
}

#[async_trait]
impl Reviews for Memory {
    async fn reviews(&self, all: bool, after: ReviewId, most: u32) -> Result<Vec<Review>, LedgerError> {
        self.call("reviews.reviews", |state| {
            let tables = &state.ledger;
            let asked = tables.reviews.iter().filter(|(id, row)| **id > after && (all || row.resolved.is_none()));
            Ok(asked.filter_map(|(id, row)| tables.review(*id, row)).take(most as usize).collect())
        })
        .await
    }

    async fn open_review(&self, attempt: AttemptId, case: &ReviewCase) -> Result<ReviewId, LedgerError> {
        self.call("reviews.open_review", |state| {
            let at = state.moment();
            let of = state.ledger.attempts.get(&attempt).map(|row| row.procurement);
            let of = of.ok_or_else(|| LedgerError::Data(format!("there is no attempt {}", attempt.0)))?;
            Ok(state.ledger.open_review(of, Some(attempt), case, at))
        })
        .await
    }

    async fn resolve(&self, review: ReviewId, resolution: &Resolution, reason: &str) -> Result<(), ResolveError> {
        self.call("reviews.resolve", |state| {
            let at = state.moment();
            state.ledger.resolve(review, resolution, reason, at)
        })
        .await
    }

    async fn told_keys(&self, attempt: AttemptId) -> Result<Vec<Fingerprint>, LedgerError> {
        self.call("reviews.told_keys", |state| Ok(state.ledger.told_keys(attempt))).await
    }
}

impl Tables {
    fn review(&self, id: ReviewId, row: &ReviewRow) -> Option<Review> {
        let of = self.procurements.get(&row.procurement)?;
        let attempt = row.attempt.and_then(|id| self.attempts.get(&id));
        Some(Review {
            id,
            case: row.case.clone(),
            order_id: of.order_id.clone(),
            line_no: of.line_no,
            sku: of.sku.clone(),
            quantity: of.quantity,
            attempt: attempt.map(|row| row.attempt.clone()),
            opened_at: row.opened_at,
            resolved: row.resolved.clone(),
        })
    }

    /// The same kind on the same attempt opens one only.
    pub(crate) fn open_review(
        &mut self,
        of: ProcurementId,
        attempt: Option<AttemptId>,
        case: &ReviewCase,
        at: Moment,
    ) -> ReviewId {
        let same = |row: &ReviewRow| attempt.is_some() && row.attempt == attempt && row.case.kind == case.kind;
        let opened = self.reviews.iter().find(|(_, row)| same(row)).map(|(id, _)| *id);
        opened.unwrap_or_else(|| self.add_review(of, attempt, case, at))
    }

    /// A line waits for it: one that was resolved before says nothing of this time.
    pub(crate) fn open_holding_review(
        &mut self,
        of: ProcurementId,
        attempt: Option<AttemptId>,
        case: &ReviewCase,
        at: Moment,
    ) {
        let same = |row: &ReviewRow| {
            row.resolved.is_none() && row.procurement == of && row.attempt == attempt && row.case.kind == case.kind
        };
        if !self.reviews.values().any(same) {
            self.add_review(of, attempt, case, at);
        }
    }

    /// What people were asked about an attempt has become clear without them: reviews that hold its line are resolved.
    pub(crate) fn settle_reviews(&mut self, attempt: AttemptId, how: &Resolution, reason: &str, at: Moment) {
        let resolved = Resolved { at: at.time, how: how.as_str().to_owned(), reason: reason.to_owned() };
        for row in self.reviews.values_mut() {
            if row.attempt == Some(attempt) && row.case.kind.holds_its_line() && row.resolved.is_none() {
                row.resolved = Some(resolved.clone());
            }
        }
    }

    fn add_review(&mut self, of: ProcurementId, attempt: Option<AttemptId>, case: &ReviewCase, at: Moment) -> ReviewId {
        let id = ReviewId(self.reviews.last_key_value().map_or(1, |(last, _)| last.0 + 1));
        let row = ReviewRow { case: case.clone(), procurement: of, attempt, opened_at: at.time, resolved: None };
        self.reviews.insert(id, row);
        id
    }

    fn resolve(&mut self, id: ReviewId, resolution: &Resolution, reason: &str, at: Moment) -> Result<(), ResolveError> {
        let row = self.reviews.get(&id).ok_or(ResolveError::NoSuchReview(id))?;
        if row.resolved.is_some() {
            return Err(ResolveError::Resolved(id));
        }
        let (of, attempt, kind) = (row.procurement, row.attempt, row.case.kind);
        let held =
            kind.holds_its_line() && self.procurements.get(&of).is_some_and(|row| row.outcome == LineOutcome::Review);
        match (held, resolution) {
            (false, Resolution::Noted) => {}
            (true, Resolution::Noted) => {
                return Err(does_not_fit(id, "a line waits for it, so it takes a decision about the line"));
            }
            (false, _) => return Err(does_not_fit(id, "no line waits for it, so it can only be noted")),
            (true, _) => self.carry_out(id, of, attempt, resolution, at)?,
        }
        let resolved = Resolved { at: at.time, how: resolution.as_str().to_owned(), reason: reason.to_owned() };
        if let Some(row) = self.reviews.get_mut(&id) {
            row.resolved = Some(resolved);
        }
        self.decide(of, at);
        Ok(())
    }

    /// What the decision does to the line that waits for it.
    fn carry_out(
        &mut self,
        review: ReviewId,
        of: ProcurementId,
        attempt: Option<AttemptId>,
        resolution: &Resolution,
        at: Moment,
    ) -> Result<(), ResolveError> {
        let in_review =
            |id: &AttemptId| self.attempts.get(id).is_some_and(|row| row.attempt.state == AttemptState::InReview);
        let attempt = attempt.filter(in_review);
        let asked_of =
            || attempt.ok_or_else(|| does_not_fit(review, "no attempt is open, so the line can only be rejected"));
        match resolution {
            Resolution::Delivered(goods) => {
                let attempt = asked_of()?;
                if !self.is_of_its_kind(of, goods) {
                    return Err(does_not_fit(review, "a line of keys gets keys, and a top-up its recharge"));
                }
                self.move_attempt(attempt, AttemptState::Delivered);
                if !self.place(of, attempt, goods, at).complete {
                    self.open_again(of, at);
                }
            }
            Resolution::Refused => {
                self.move_attempt(asked_of()?, AttemptState::Refused);
                self.open_again(of, at);
            }
            Resolution::AskAgain => {
                let attempt = asked_of()?;
                self.move_attempt(attempt, AttemptState::Unknown);
                if let Some(row) = self.attempts.get_mut(&attempt) {
                    row.attempt.not_founds = 0;
                }
                self.open_again(of, at);
            }
            Resolution::Reject(reason) => {
                if let Some(attempt) = attempt {
                    self.move_attempt(attempt, AttemptState::Refused);
                }
                self.reject(of, reason, at);
            }
            Resolution::Noted => {}
        }
        Ok(())
    }

    /// Workers go on with it at once, and its time begins anew.
    fn open_again(&mut self, of: ProcurementId, at: Moment) {
        if let Some(row) = self.procurements.get_mut(&of) {
            (row.outcome, row.made_at) = (LineOutcome::Processing, at.time);
            row.wake(at);
        }
    }
}

fn does_not_fit(id: ReviewId, why: &str) -> ResolveError {
    ResolveError::DoesNotFit(format!("review {}: {why}", id.0))
}
