//! What people decide. A review of a kind that holds its line ends the procurement for now; deciding it ends
//! it for good, or opens it again.

mod resolve;
mod rows;

use async_trait::async_trait;
use fulfil_contract::{
    attempt::AttemptId,
    ids::Fingerprint,
    ports::{
        ledger::LedgerError,
        procurements::{ResolveError, Reviews},
    },
    procurement::{Late, ProcurementId, Resolution, Review, ReviewCase, ReviewId, ReviewKind},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension};

use crate::{errors::StoreError, open::Sqlite, procurement::find_attempt};

#[async_trait]
impl Reviews for Sqlite {
    async fn reviews(&self, all: bool, after: ReviewId, most: u32) -> Result<Vec<Review>, LedgerError> {
        Ok(self.read(move |connection| rows::list(connection, all, after, most)).await?)
    }

    async fn open_review(&self, attempt: AttemptId, case: &ReviewCase) -> Result<ReviewId, LedgerError> {
        let case = case.clone();
        let work = move |connection: &Connection| {
            let Some((procurement, _)) = find_attempt(connection, attempt)? else {
                return Err(StoreError::Data(format!("there is no attempt {}", attempt.0)));
            };
            open(connection, procurement, Some(attempt), &case, Timestamp::now())
        };
        Ok(self.write(work).await?)
    }

    async fn resolve(&self, review: ReviewId, resolution: &Resolution, reason: &str) -> Result<(), ResolveError> {
        let (resolution, reason) = (resolution.clone(), reason.to_owned());
        let work =
            move |connection: &Connection| resolve::resolve(connection, review, &resolution, &reason, Timestamp::now());
        self.decide(work).await
    }

    async fn told_keys(&self, attempt: AttemptId) -> Result<Vec<Fingerprint>, LedgerError> {
        let work = move |connection: &Connection| {
            let sql = "select fingerprint from told_key where attempt_no = ?1 order by told_no";
            let mut told = connection.prepare_cached(sql)?;
            Ok(told.query_map([attempt.0], |row| row.get(0).map(Fingerprint))?.collect::<Result<_, _>>()?)
        };
        Ok(self.read(work).await?)
    }
}

/// Opens a review, unless the same kind is there: open, or of a kind that holds no line and was seen by a
/// person already.
pub(crate) fn open(
    connection: &Connection,
    procurement: ProcurementId,
    attempt: Option<AttemptId>,
    case: &ReviewCase,
    at: Timestamp,
) -> Result<ReviewId, StoreError> {
    let there = "select review_no from review where procurement_no = ?1 and attempt_no is ?2 and kind = ?3
        and (resolved_at is null or not ?4) order by review_no limit 1";
    let attempt = attempt.map(|attempt| attempt.0);
    let (kind, again) = (case.kind.as_str(), case.kind.holds_its_line());
    let found = connection
        .prepare_cached(there)?
        .query_row((procurement.0, attempt, kind, again), |row| row.get(0))
        .optional()?;
    if let Some(number) = found {
        return Ok(ReviewId(number));
    }
    let sql = "insert into review (procurement_no, attempt_no, kind, evidence, opened_at) values (?1, ?2, ?3, ?4, ?5)";
    let number = connection.prepare_cached(sql)?.insert((procurement.0, attempt, kind, &case.evidence, at.0))?;
    Ok(ReviewId(number))
}

/// What people were asked about an attempt has become clear without them: reviews that hold its line are resolved.
pub(crate) fn settle(
    connection: &Connection,
    attempt: AttemptId,
    resolution: &Resolution,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "update review set resolved_at = ?3, how = ?4, reason = ?5
        where attempt_no = ?1 and kind = ?2 and resolved_at is null";
    for kind in ReviewKind::ALL.into_iter().filter(|kind| kind.holds_its_line()) {
        let values = (attempt.0, kind.as_str(), at.0, resolution.as_str(), Late::REASON);
        connection.prepare_cached(sql)?.execute(values)?;
    }
    Ok(())
}
