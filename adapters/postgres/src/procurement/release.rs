//! A worker gives a procurement back: it waits, stock fills it, it fails, or a person decides.

use std::time::Duration;

use fulfil_contract::{
    attempt::{AttemptState, Change},
    ids::KeyId,
    ports::books::ProcurementState,
    procurement::{Lease, Release, Released, ReviewCase},
};

use super::{
    Refused, attempts,
    end::{self, End},
    goods::{self, Stocked},
    rows::{self, ProcurementRow},
    waking,
};
use crate::{
    Postgres,
    columns::{as_micros, as_text, column},
    errors::Failure,
    known::StoredOrder,
    record::take::TAKE,
    review,
    session::Session,
    transaction::Halt,
};

/// What is told of a wait, in bytes; more is cut off.
const MOST_WAITS_FOR: usize = 300;

/// Woken meanwhile, it is due at once.
const WAIT: &str = "
    update fulfil.procurement set worker = null, woken = false, waits_for = $3,
        wake_at = clock_timestamp() + case when woken then interval '0' else $2::bigint * interval '1 microsecond' end
    where procurement_id = $1";

const SOLD_BY_AN_ATTEMPT: &str = "select 1 from fulfil.attempt where procurement_id = $1 and whole limit 1";

/// See [`Procurements::release`](fulfil_contract::ports::procurements::Procurements::release).
pub(super) async fn release(
    postgres: &Postgres,
    session: &Session<'_>,
    lease: &Lease,
    release: &Release,
) -> Result<(Released, Option<Stocked>), Halt<Refused>> {
    let Some((order, row)) = rows::with_order(session, lease.procurement).await? else {
        return Err(Halt::Refused(Refused::LeaseLost));
    };
    if let Some(released) = given_back_already(session, &row, lease, release).await? {
        return Ok((released, None));
    }
    rows::check_lease(&row, lease)?;
    match release {
        Release::Wait { time, waits_for } => Ok((wait(session, &row, *time, waits_for).await?, None)),
        Release::FromStock { time, waits_for } => {
            if row.recharge {
                return Err(Refused::because("stock can't fill a top-up"));
            }
            no_open_attempt(session, &row).await?;
            let Some(filled) = from_stock(postgres, session, &order, &row).await? else {
                return Ok((wait(session, &row, *time, waits_for).await?, None));
            };
            Ok((Released::Filled, filled))
        }
        Release::Reject(reason) => {
            no_open_attempt(session, &row).await?;
            let stocked = end_otherwise(session, &order, &row, End::Rejected(reason.clone())).await?;
            Ok((Released::Rejected, stocked))
        }
        Release::Review(case) => {
            review(session, &row, case).await?;
            end::end(session, &order, &row, End::InReview).await?;
            Ok((Released::InReview, None))
        }
    }
}

/// What became of it, where this very lease gave it back in this way, and its answer was lost.
async fn given_back_already(
    session: &Session<'_>,
    row: &ProcurementRow,
    lease: &Lease,
    release: &Release,
) -> Result<Option<Released>, Failure> {
    if row.worker.is_some() || !row.is_last_leased_by(lease) {
        return Ok(None);
    }
    Ok(match (release, row.state) {
        (Release::Wait { .. } | Release::FromStock { .. }, ProcurementState::Open) => Some(Released::Waiting),
        (Release::FromStock { .. }, ProcurementState::Delivered) => {
            let bought = session.rows(SOLD_BY_AN_ATTEMPT, &[&row.id.0]).await?;
            bought.is_empty().then_some(Released::Filled)
        }
        (Release::Reject(_), ProcurementState::Rejected) => Some(Released::Rejected),
        (Release::Review(_), ProcurementState::InReview) => Some(Released::InReview),
        (Release::Wait { .. } | Release::FromStock { .. } | Release::Reject(_) | Release::Review(_), _) => None,
    })
}

async fn wait(
    session: &Session<'_>,
    row: &ProcurementRow,
    time: Duration,
    waits_for: &str,
) -> Result<Released, Failure> {
    session.rows(WAIT, &[&row.id.0, &as_micros(time), &as_text(waits_for, MOST_WAITS_FOR)]).await?;
    Ok(Released::Waiting)
}

async fn no_open_attempt(session: &Session<'_>, row: &ProcurementRow) -> Result<(), Halt<Refused>> {
    match attempts::open(session, row.id.0).await? {
        None => Ok(()),
        Some(open) => Err(Refused::because(format!(
            "attempt {} is {} and may still bring goods: nothing else can fill or end the line",
            open.reference,
            open.state.as_str()
        ))),
    }
}

/// `None`: stock has too few that nobody else holds.
pub(super) async fn from_stock(
    postgres: &Postgres,
    session: &Session<'_>,
    order: &StoredOrder,
    row: &ProcurementRow,
) -> Result<Option<Option<Stocked>>, Failure> {
    let sku_ids = postgres.sku_ids.of(session, &[&row.sku]).await?;
    let Some(&sku_id) = sku_ids.get(&row.sku) else { return Ok(None) };
    let (top, none) = (i64::MAX, &[] as &[i64]);
    let found = session.rows(TAKE, &[&sku_id, &top, &none, &i64::from(row.quantity.get())]).await?;
    if found.len() < row.quantity.as_usize() {
        return Ok(None);
    }
    let ids = found.iter().map(|row| column(row, 0).map(KeyId)).collect::<Result<Vec<KeyId>, Failure>>()?;
    goods::sell(session, row, Some(sku_id), &ids).await?;
    end_otherwise(session, order, row, End::Filled(goods::delivered(&ids))).await.map(Some)
}

/// Ends it without the keys that are held for it.
pub(crate) async fn end_otherwise(
    session: &Session<'_>,
    order: &StoredOrder,
    row: &ProcurementRow,
    end: End,
) -> Result<Option<Stocked>, Failure> {
    let stocked = goods::into_stock(session, row).await?;
    end::end(session, order, row, end).await?;
    if let Some(stocked) = stocked {
        waking::stock_came(session, &row.sku, stocked.keys).await?;
    }
    Ok(stocked)
}

/// The open attempt, if any, waits for the person's decision.
async fn review(session: &Session<'_>, row: &ProcurementRow, case: &ReviewCase) -> Result<(), Halt<Refused>> {
    if !case.kind.holds_its_line() {
        return Err(Refused::because(format!("a review of kind {} holds no line", case.kind.as_str())));
    }
    let open = attempts::open(session, row.id.0).await?;
    if let Some(attempt) = open.as_ref().filter(|attempt| attempt.state != AttemptState::InReview) {
        let change = Change::of(attempt, AttemptState::InReview);
        attempts::check(attempt, &change)?;
        attempts::write(session, &change).await?;
    }
    review::open_for(session, row.id, open.map(|attempt| attempt.id), case).await?;
    Ok(())
}
