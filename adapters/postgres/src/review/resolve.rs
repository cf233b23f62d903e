//! A person decides: the attempt, its line and the order move on in one transaction.
//!
//! What holds here: a decision fits the review that it is made for, or nothing is written; goods that a person
//! brings are placed like a supplier's own (I3, I5).

use fulfil_contract::{
    attempt::{Attempt, AttemptState, Change},
    ports::{books::ProcurementState, procurements::ResolveError},
    procurement::{ProcurementId, Resolution, ReviewId, ReviewKind, SealedGoods},
    reason::Reason,
};

use crate::{
    columns::{as_text, broken, column},
    errors::Failure,
    known::StoredOrder,
    procurement::{self, End, ProcurementRow, attempts, goods::Stocked},
    session::Session,
    transaction::Halt,
};

/// A longer reason is cut off, in bytes.
const MOST_REASON: usize = 1_000;

const PROCUREMENT_OF: &str = "select procurement_id from fulfil.review where review_id = $1";

const LOCK: &str = "
    select kind, attempt_id, resolved_at is not null from fulfil.review where review_id = $1 for no key update";

const RESOLVE: &str = "
    update fulfil.review set resolved_at = clock_timestamp(), how = $2, reason = $3 where review_id = $1";

/// The review's line, waiting for the decision.
struct Held {
    order: StoredOrder,
    row: ProcurementRow,
    attempt: Option<Attempt>,
}

/// See [`Reviews::resolve`](fulfil_contract::ports::procurements::Reviews::resolve).
pub(super) async fn resolve(
    session: &Session<'_>,
    id: ReviewId,
    resolution: &Resolution,
    reason: &str,
) -> Result<((), Option<Stocked>), Halt<ResolveError>> {
    let unknown = || Halt::Refused(ResolveError::NoSuchReview(id));
    let found = session.rows(PROCUREMENT_OF, &[&id.0]).await?;
    let procurement = ProcurementId(column(found.first().ok_or_else(unknown)?, 0)?);
    // The rows of order and procurement before the review's, as everywhere.
    let (order, row) = procurement::with_order(session, procurement)
        .await?
        .ok_or_else(|| broken(&format!("review {}", id.0), "no such procurement"))?;
    let rows = session.rows(LOCK, &[&id.0]).await?;
    let review = rows.first().ok_or_else(unknown)?;
    if column(review, 2)? {
        return Err(Halt::Refused(ResolveError::Resolved(id)));
    }
    let kind = ReviewKind::parse(column(review, 0)?).ok_or_else(|| broken(&format!("review {}", id.0), "its kind"))?;
    let stocked = if kind.holds_its_line() && row.state == ProcurementState::InReview {
        let attempt = attempts::open(session, row.id.0).await?;
        decide(session, Held { order, row, attempt }, resolution).await?
    } else {
        match resolution {
            Resolution::Noted => None,
            Resolution::Delivered(_) | Resolution::Refused | Resolution::AskAgain | Resolution::Reject(_) => {
                return Err(does_not_fit(format!(
                    "no line waits for review {} ({}): resolve it as {}",
                    id.0,
                    kind.as_str(),
                    Resolution::Noted.as_str()
                )));
            }
        }
    };
    session.rows(RESOLVE, &[&id.0, &resolution.as_str(), &as_text(reason, MOST_REASON)]).await?;
    Ok(((), stocked))
}

async fn decide(
    session: &Session<'_>,
    held: Held,
    resolution: &Resolution,
) -> Result<Option<Stocked>, Halt<ResolveError>> {
    match resolution {
        Resolution::Delivered(goods) => delivered(session, held, goods).await,
        Resolution::Refused => {
            move_on(session, &held, AttemptState::Refused).await?;
            procurement::reopen(session, &held.order, &held.row).await?;
            Ok(None)
        }
        Resolution::AskAgain => {
            move_on(session, &held, AttemptState::Unknown).await?;
            procurement::reopen(session, &held.order, &held.row).await?;
            Ok(None)
        }
        Resolution::Reject(reason) => Ok(reject(session, held, reason).await?),
        Resolution::Noted => Err(does_not_fit(format!(
            "line {} of order {} waits for this decision: it was delivered or refused, is asked about again, or fails",
            held.row.line_no.0, held.row.order_id
        ))),
    }
}

async fn delivered(
    session: &Session<'_>,
    held: Held,
    goods: &SealedGoods,
) -> Result<Option<Stocked>, Halt<ResolveError>> {
    let attempt = open_attempt(&held)?.clone();
    if let Some(mismatch) = procurement::mismatch(&held.row, goods) {
        return Err(does_not_fit(mismatch.to_owned()));
    }
    let change = change(&attempt, AttemptState::Delivered);
    let (placed, stocked) = procurement::settle(session, &held.order, &held.row, &attempt, &change, goods).await?;
    if !placed.complete {
        procurement::reopen(session, &held.order, &held.row).await?;
    }
    Ok(stocked)
}

async fn reject(session: &Session<'_>, held: Held, reason: &Reason) -> Result<Option<Stocked>, Failure> {
    if let Some(attempt) = &held.attempt {
        attempts::write(session, &change(attempt, AttemptState::Refused)).await?;
    }
    procurement::end_otherwise(session, &held.order, &held.row, End::Rejected(reason.clone())).await
}

async fn move_on(session: &Session<'_>, held: &Held, to: AttemptState) -> Result<(), Halt<ResolveError>> {
    attempts::write(session, &change(open_attempt(held)?, to)).await?;
    Ok(())
}

/// What was counted so far counts no more: whoever asks again, asks from the beginning.
fn change(attempt: &Attempt, to: AttemptState) -> Change {
    Change { not_founds: 0, ..Change::of(attempt, to) }
}

fn open_attempt(held: &Held) -> Result<&Attempt, Halt<ResolveError>> {
    held.attempt.as_ref().filter(|attempt| attempt.state == AttemptState::InReview).ok_or_else(|| {
        does_not_fit(format!(
            "line {} of order {} has no attempt that waits for a decision: it can only fail",
            held.row.line_no.0, held.row.order_id
        ))
    })
}

fn does_not_fit(why: String) -> Halt<ResolveError> {
    Halt::Refused(ResolveError::DoesNotFit(why))
}
