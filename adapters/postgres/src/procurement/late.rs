//! Goods that came when their worker had lost its lease. No lease is asked for: the attempt's row, under its lock,
//! says what becomes of them.
//!
//! What holds here: an attempt that may still bring goods has brought them, once, whoever has its procurement; a final
//! one stays as it is, and what was paid for is kept, in stock or apart, and told to a person.

use fulfil_contract::{
    attempt::{Attempt, AttemptId, AttemptState, Change},
    ports::books::ProcurementState,
    procurement::{BoughtKey, Late, ProcurementId, Resolution, ReviewCase, ReviewKind, SealedGoods},
};

use super::{
    Refused, attempts,
    deliver::{mismatch, settle},
    end,
    goods::{self, Stocked},
    rows::{self, ProcurementRow},
    waking,
};
use crate::{columns::column, errors::Failure, known::StoredOrder, review, session::Session, transaction::Halt};

const PROCUREMENT_OF: &str = "select procurement_id from fulfil.attempt where attempt_id = $1";

/// Whoever has it knows nothing of what is held now: the next lease begins from the rows.
const TAKE_AWAY: &str = "
    update fulfil.procurement set worker = null, fence = fence + 1, woken = false, wake_at = clock_timestamp(),
        waits_for = 'a worker, for the rest of the line'
    where procurement_id = $1 and state = 0";

/// See [`Procurements::deliver_late`](fulfil_contract::ports::procurements::Procurements::deliver_late).
pub(super) async fn deliver_late(
    session: &Session<'_>,
    id: AttemptId,
    their_id: Option<&str>,
    goods: &SealedGoods,
) -> Result<(Late, Option<Stocked>), Halt<Refused>> {
    let unknown = || Refused::because(format!("there is no attempt {}", id.0));
    let found = session.rows(PROCUREMENT_OF, &[&id.0]).await?;
    let procurement = ProcurementId(column(found.first().ok_or_else(unknown)?, 0)?);
    let (order, row) = rows::with_order(session, procurement).await?.ok_or_else(unknown)?;
    let attempt = attempts::locked(session, id, row.id.0).await?;
    if let Some(mismatch) = mismatch(&row, goods) {
        return Err(Refused::because(mismatch));
    }
    match attempt.state {
        AttemptState::Intended => Err(Refused::because(format!("attempt {} was not sent", attempt.reference))),
        AttemptState::Sent | AttemptState::Accepted | AttemptState::Unknown | AttemptState::InReview => {
            Ok(place(session, &order, &row, &attempt, their_id, goods).await?)
        }
        AttemptState::Delivered | AttemptState::Refused | AttemptState::NotSent => {
            Ok(keep(session, &row, &attempt, goods).await?)
        }
    }
}

/// As goods that come in time; what a person was asked about the attempt is answered by them.
async fn place(
    session: &Session<'_>,
    order: &StoredOrder,
    row: &ProcurementRow,
    attempt: &Attempt,
    their_id: Option<&str>,
    goods: &SealedGoods,
) -> Result<(Late, Option<Stocked>), Failure> {
    let mut change = Change::of(attempt, AttemptState::Delivered).said("delivered");
    change.their_id = their_id.map(str::to_owned);
    let (placed, stocked) = settle(session, order, row, attempt, &change, goods).await?;
    review::settle_for(session, attempt.id, &Resolution::Delivered(goods.clone())).await?;
    match row.state {
        ProcurementState::InReview if !placed.complete => end::reopen(session, order, row).await?,
        ProcurementState::Open if !placed.complete => session.rows(TAKE_AWAY, &[&row.id.0]).await.map(drop)?,
        ProcurementState::Open
        | ProcurementState::InReview
        | ProcurementState::Delivered
        | ProcurementState::Rejected => {}
    }
    Ok((Late::Placed(placed), stocked))
}

/// The attempt said otherwise before, and that stands.
async fn keep(
    session: &Session<'_>,
    row: &ProcurementRow,
    attempt: &Attempt,
    goods: &SealedGoods,
) -> Result<(Late, Option<Stocked>), Failure> {
    let keys: &[BoughtKey] = match goods {
        SealedGoods::Keys(keys) => keys,
        SealedGoods::Recharge { .. } if attempt.state == AttemptState::Delivered => return Ok((Late::Known, None)),
        SealedGoods::Recharge { .. } => &[],
    };
    let told = goods::told_by(session, attempt).await?;
    let others: Vec<BoughtKey> = keys.iter().filter(|key| !told.contains(&key.fingerprint)).cloned().collect();
    if !told.is_empty() && others.is_empty() && told.iter().all(|one| keys.iter().any(|key| key.fingerprint == *one)) {
        return Ok((Late::Known, None));
    }
    let (stocked, apart) = if attempt.state == AttemptState::Delivered {
        (None, goods::apart(session, attempt, &others).await?)
    } else {
        goods::stock(session, row, attempt, &others).await?
    };
    let in_stock = stocked.map_or(0, |stocked: Stocked| u32::try_from(stocked.keys).unwrap_or(u32::MAX));
    let evidence = format!(
        "{}, reference {}: {} first; goods of it came late: {} keys, {in_stock} of them in stock now, {apart} kept apart",
        attempt.supplier,
        attempt.reference,
        attempt.state.as_str(),
        keys.len()
    );
    let case = ReviewCase { kind: ReviewKind::AnotherAnswer, evidence };
    review::open_for(session, row.id, Some(attempt.id), &case).await?;
    if let Some(stocked) = stocked {
        waking::stock_came(session, &row.sku, stocked.keys).await?;
    }
    Ok((Late::Kept { stocked: in_stock, apart }, stocked))
}
