//! Reviews as they stand, with their evidence.

use fulfil_contract::{
    attempt::AttemptId,
    procurement::{ProcurementId, Resolved, Review, ReviewCase, ReviewId, ReviewKind},
    recorded::UnreadableRow,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension};

use crate::{
    errors::StoreError,
    procurement::{Row, find, find_attempt},
};

/// A review, and the procurement that it is about.
pub(super) struct Found {
    pub(super) review: Review,
    pub(super) procurement: Row,
}

pub(super) fn list(connection: &Connection, all: bool, after: ReviewId, most: u32) -> Result<Vec<Review>, StoreError> {
    let sql = match all {
        true => "select review_no from review where review_no > ?1 order by review_no limit ?2",
        false => {
            "select review_no from review where review_no > ?1 and resolved_at is null order by review_no limit ?2"
        }
    };
    let mut numbers = connection.prepare_cached(sql)?;
    let ids = numbers.query_map((after.0, most), |row| row.get(0).map(ReviewId))?.collect::<Result<Vec<_>, _>>()?;
    let mut reviews = Vec::with_capacity(ids.len());
    for id in ids {
        reviews.extend(one(connection, id)?.map(|found| found.review));
    }
    Ok(reviews)
}

pub(super) fn one(connection: &Connection, id: ReviewId) -> Result<Option<Found>, StoreError> {
    let sql = "select procurement_no, attempt_no, kind, evidence, opened_at, resolved_at, how, reason
        from review where review_no = ?1";
    let found = connection.prepare_cached(sql)?.query_row([id.0], Columns::of).optional()?;
    let Some(columns) = found else { return Ok(None) };
    let unreadable = |what: &str| UnreadableRow { order_id: format!("of review {}", id.0), what: what.to_owned() };
    let Some(procurement) = find(connection, ProcurementId(columns.procurement))? else {
        return Err(unreadable("its procurement is missing").into());
    };
    let attempt = match columns.attempt {
        Some(number) => find_attempt(connection, AttemptId(number))?.map(|(_, attempt)| attempt),
        None => None,
    };
    let kind = ReviewKind::parse(&columns.kind).ok_or_else(|| unreadable("kind"))?;
    let review = Review {
        id,
        case: ReviewCase { kind, evidence: columns.evidence },
        order_id: procurement.order_id.clone(),
        line_no: procurement.line_no,
        sku: procurement.sku.clone(),
        quantity: procurement.quantity,
        attempt,
        opened_at: Timestamp(columns.opened_at),
        resolved: columns.resolved,
    };
    Ok(Some(Found { review, procurement }))
}

/// As the file holds it.
struct Columns {
    procurement: i64,
    attempt: Option<i64>,
    kind: String,
    evidence: String,
    opened_at: i64,
    resolved: Option<Resolved>,
}

impl Columns {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let resolved = match row.get::<_, Option<i64>>(5)? {
            Some(at) => Some(Resolved { at: Timestamp(at), how: row.get(6)?, reason: row.get(7)? }),
            None => None,
        };
        Ok(Self {
            procurement: row.get(0)?,
            attempt: row.get(1)?,
            kind: row.get(2)?,
            evidence: row.get(3)?,
            opened_at: row.get(4)?,
            resolved,
        })
    }
}
