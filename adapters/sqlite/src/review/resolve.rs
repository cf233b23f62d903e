//! A person's decision. What holds here: a review is decided once; a decision that does not fit its review
//! changes nothing.

use fulfil_contract::{
    attempt::{Attempt, AttemptState, Change},
    ports::{books::ProcurementState, procurements::ResolveError},
    procurement::{Resolution, ReviewId, SealedGoods},
    time::Timestamp,
};
use rusqlite::Connection;

use super::rows::{self, Found};
use crate::{
    errors::StoreError,
    procurement::{Row, must_fit, open_again, place, reject, write_change},
};

pub(super) fn resolve(
    connection: &Connection,
    id: ReviewId,
    resolution: &Resolution,
    reason: &str,
    at: Timestamp,
) -> Result<(), ResolveError> {
    let found = rows::one(connection, id)?.ok_or(ResolveError::NoSuchReview(id))?;
    if found.review.resolved.is_some() {
        return Err(ResolveError::Resolved(id));
    }
    let row = &found.procurement;
    let attempt = found.review.attempt.as_ref();
    match (resolution, holds(&found)) {
        (Resolution::Noted, false) => {}
        (Resolution::Noted, true) => {
            let text = "the line waits for this review: say whether the supplier delivered, refused, is to be asked again, or that the line is rejected";
            return Err(ResolveError::DoesNotFit(text.into()));
        }
        (Resolution::Delivered(goods), true) => deliver(connection, row, the_attempt(attempt)?, goods, at)?,
        (Resolution::Refused, true) => {
            move_on(connection, the_attempt(attempt)?, AttemptState::Refused)?;
            open_again(connection, row, at)?;
        }
        (Resolution::AskAgain, true) => {
            move_on(connection, the_attempt(attempt)?, AttemptState::Unknown)?;
            open_again(connection, row, at)?;
        }
        (Resolution::Reject(why), true) => {
            if let Some(attempt) = row.open_attempt(connection)? {
                move_on(connection, &attempt, AttemptState::Refused)?;
            }
            reject(connection, row, why, at)?;
        }
        (Resolution::Delivered(_) | Resolution::Refused | Resolution::AskAgain | Resolution::Reject(_), false) => {
            let kind = found.review.case.kind.as_str();
            return Err(ResolveError::DoesNotFit(format!(
                "no line waits for a review for {kind}: it can only be noted"
            )));
        }
    }
    Ok(close(connection, id, resolution, reason, at)?)
}

/// Whether the line waits for this review.
fn holds(found: &Found) -> bool {
    let waits = match found.procurement.state {
        ProcurementState::InReview => true,
        ProcurementState::Open | ProcurementState::Delivered | ProcurementState::Rejected => false,
    };
    waits && found.review.case.kind.holds_its_line()
}

fn the_attempt(attempt: Option<&Attempt>) -> Result<&Attempt, ResolveError> {
    let text = "this review is about no attempt: the line can only be rejected";
    attempt.ok_or_else(|| ResolveError::DoesNotFit(text.into()))
}

/// The supplier did deliver. With too few keys the rest is bought as if it had said so itself.
fn deliver(
    connection: &Connection,
    row: &Row,
    attempt: &Attempt,
    goods: &SealedGoods,
    at: Timestamp,
) -> Result<(), ResolveError> {
    must_fit(row, goods).map_err(ResolveError::DoesNotFit)?;
    move_on(connection, attempt, AttemptState::Delivered)?;
    let placed = place(connection, row, attempt, goods, at)?;
    if !placed.complete {
        open_again(connection, row, at)?;
    }
    Ok(())
}

fn move_on(connection: &Connection, attempt: &Attempt, to: AttemptState) -> Result<(), ResolveError> {
    if !attempt.state.may_become(to) {
        let (from, to) = (attempt.state.as_str(), to.as_str());
        return Err(ResolveError::DoesNotFit(format!("attempt {} is {from}: it can't become {to}", attempt.reference)));
    }
    let change = Change { not_founds: 0, ..Change::of(attempt, to) };
    Ok(write_change(connection, &change)?)
}

fn close(
    connection: &Connection,
    id: ReviewId,
    resolution: &Resolution,
    reason: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "update review set resolved_at = ?2, how = ?3, reason = ?4 where review_no = ?1";
    connection.prepare_cached(sql)?.execute((id.0, at.0, resolution.as_str(), reason))?;
    Ok(())
}
