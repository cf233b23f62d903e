//! Reviews as they stand in their table. The same kind on the same attempt is opened once; a kind that holds its
//! line may come again after it was resolved.

use std::convert::Infallible;

use fulfil_contract::{
    attempt::AttemptId,
    ids::{Fingerprint, LineNo, OrderId, Quantity},
    ports::ledger::LedgerError,
    procurement::{Late, ProcurementId, Resolution, Resolved, Review, ReviewCase, ReviewId, ReviewKind},
};
use tokio_postgres::Row;

use crate::{
    Postgres,
    columns::{as_text, broken, column, moment, moment_if_any, sku, whole},
    errors::Failure,
    procurement::{
        attempts::{self, of_attempt},
        goods::fingerprint,
    },
    session::{Call, Session},
    transaction::Halt,
};

/// Longer evidence is cut off, in bytes.
const MOST_EVIDENCE: usize = 2_000;

const ALL: &str = of_attempt!(
    "select",
    ", r.review_id, r.kind, r.evidence, r.opened_at, r.resolved_at, r.how, r.reason, p.order_id, p.line_no, p.sku,
        p.quantity
    from fulfil.review r join fulfil.procurement p on p.procurement_id = r.procurement_id
    left join fulfil.attempt a on a.attempt_id = r.attempt_id
    where r.review_id > $1 order by r.review_id limit $2"
);
const OPEN: &str = of_attempt!(
    "select",
    ", r.review_id, r.kind, r.evidence, r.opened_at, r.resolved_at, r.how, r.reason, p.order_id, p.line_no, p.sku,
        p.quantity
    from fulfil.review r join fulfil.procurement p on p.procurement_id = r.procurement_id
    left join fulfil.attempt a on a.attempt_id = r.attempt_id
    where r.review_id > $1 and r.resolved_at is null order by r.review_id limit $2"
);

const LOCK_ATTEMPT: &str = "select procurement_id from fulfil.attempt where attempt_id = $1 for no key update";

const FOUND: &str = "
    select review_id from fulfil.review
    where attempt_id = $1 and kind = $2 and (resolved_at is null or not $3) order by review_id limit 1";

const INSERT: &str = "
    insert into fulfil.review (procurement_id, attempt_id, kind, evidence) values ($1, $2, $3, $4) returning review_id";

/// Those that hold its line.
const SETTLE: &str = "
    update fulfil.review set resolved_at = clock_timestamp(), how = $2, reason = $3
    where attempt_id = $1 and resolved_at is null and kind = any($4::text[])";

const TOLD: &str = "
    select fingerprint from fulfil.told_key where attempt_id = $1 group by fingerprint order by min(place)";

pub(super) async fn reviews(
    postgres: &Postgres,
    call: &Call,
    all: bool,
    after: ReviewId,
    most: u32,
) -> Result<Vec<Review>, LedgerError> {
    let (sql, after, most) = (if all { ALL } else { OPEN }, &after.0, &i64::from(most));
    postgres
        .attempts(|| async move {
            let session = postgres.open(call).await?;
            let outcome = session.rows(sql, &[after, most]).await;
            session.end(outcome).await?.iter().map(review).collect()
        })
        .await
}

pub(super) async fn told_keys(
    postgres: &Postgres,
    call: &Call,
    attempt: AttemptId,
) -> Result<Vec<Fingerprint>, LedgerError> {
    let attempt = &attempt.0;
    postgres
        .attempts(|| async move {
            let session = postgres.open(call).await?;
            let outcome = session.rows(TOLD, &[attempt]).await;
            session.end(outcome).await?.iter().map(|row| fingerprint(row, 0)).collect()
        })
        .await
}

/// See [`Reviews::open_review`](fulfil_contract::ports::procurements::Reviews::open_review).
pub(super) async fn open_on(
    session: &Session<'_>,
    attempt: AttemptId,
    case: &ReviewCase,
) -> Result<ReviewId, Halt<Infallible>> {
    let rows = session.rows(LOCK_ATTEMPT, &[&attempt.0]).await?;
    let row = rows.first().ok_or_else(|| LedgerError::Data(format!("there is no attempt {}", attempt.0)))?;
    open(session, ProcurementId(column(row, 0)?), Some(attempt), case, false).await.map_err(Halt::from)
}

/// Opens a review in a transaction that has locked the procurement, and the attempt.
pub(crate) async fn open_for(
    session: &Session<'_>,
    procurement: ProcurementId,
    attempt: Option<AttemptId>,
    case: &ReviewCase,
) -> Result<ReviewId, Failure> {
    open(session, procurement, attempt, case, case.kind.holds_its_line()).await
}

/// What people were asked about an attempt has become clear without them; its procurement is locked.
pub(crate) async fn settle_for(
    session: &Session<'_>,
    attempt: AttemptId,
    resolution: &Resolution,
) -> Result<(), Failure> {
    let holding = ReviewKind::ALL.into_iter().filter(|kind| kind.holds_its_line());
    let kinds: Vec<&str> = holding.map(ReviewKind::as_str).collect();
    session.rows(SETTLE, &[&attempt.0, &resolution.as_str(), &Late::REASON, &kinds]).await.map(drop)
}

/// `anew`: one of this kind that was resolved does not stand for it.
async fn open(
    session: &Session<'_>,
    procurement: ProcurementId,
    attempt: Option<AttemptId>,
    case: &ReviewCase,
    anew: bool,
) -> Result<ReviewId, Failure> {
    let attempt = attempt.map(|attempt| attempt.0);
    if let Some(found) = session.rows(FOUND, &[&attempt, &case.kind.as_str(), &anew]).await?.first() {
        return column(found, 0).map(ReviewId);
    }
    let evidence = as_text(&case.evidence, MOST_EVIDENCE);
    let inserted = session.rows(INSERT, &[&procurement.0, &attempt, &case.kind.as_str(), &evidence]).await?;
    column(inserted.first().ok_or_else(|| broken("a review", "no row after its insert"))?, 0).map(ReviewId)
}

fn review(row: &Row) -> Result<Review, Failure> {
    let at = attempts::COLUMNS;
    let id: i64 = column(row, at)?;
    let here = |what: &str| broken(&format!("review {id}"), what);
    let attempt = match column::<Option<i64>>(row, 0)? {
        Some(_) => Some(attempts::attempt(row)?),
        None => None,
    };
    let resolved = match moment_if_any(row, at + 4)? {
        Some(resolved_at) => {
            Some(Resolved { at: resolved_at, how: column(row, at + 5)?, reason: column(row, at + 6)? })
        }
        None => None,
    };
    Ok(Review {
        id: ReviewId(id),
        case: ReviewCase {
            kind: ReviewKind::parse(column(row, at + 1)?).ok_or_else(|| here("its kind"))?,
            evidence: column(row, at + 2)?,
        },
        order_id: OrderId::parse(column(row, at + 7)?).map_err(|error| here(&error.to_string()))?,
        line_no: LineNo(whole(row, at + 8)?),
        sku: sku(row, at + 9)?,
        quantity: Quantity::new(whole(row, at + 10)?).ok_or_else(|| here("its quantity"))?,
        attempt,
        opened_at: moment(row, at + 3)?,
        resolved,
    })
}
