//! The end of a procurement, and of its order: the transaction that leaves no line open writes the order's result.
//!
//! What holds here: the order's row is locked, so of two workers that end two lines at once the second one sees the
//! first one's end; a result and its announcement are written together, with a higher revision (I4, I9).

use std::collections::HashMap;

use fulfil_contract::{
    ports::books::ProcurementState,
    reason::Reason,
    recorded::{LineOutcome, OrderStatus, StoredLine, StoredOutcome},
};
use tokio_postgres::Row;

use super::rows::ProcurementRow;
use crate::{
    announcement::OWE,
    columns::{broken, column},
    errors::Failure,
    known::{StoredOrder, stored_reason},
    session::Session,
};

const END: &str = "
    update fulfil.procurement set state = $2, outcome = $3, worker = null, woken = false, waits_for = $4
    where procurement_id = $1";

const REOPEN: &str = "
    update fulfil.procurement set state = 0, wake_at = clock_timestamp(), made_at = clock_timestamp(),
        waits_for = 'a worker, after a review'
    where procurement_id = $1 and state = 3";

const LINES: &str = "select line_no, state, outcome from fulfil.procurement where order_id = $1";

const WRITE: &str = "
    update fulfil.orders set status = $2, lines = $3, reason = $4, revision = revision + 1, decided_at = clock_timestamp()
    where order_id = $1 returning revision";

/// How a procurement ends.
#[derive(Debug)]
pub(crate) enum End {
    /// Delivered or recharged.
    Filled(StoredOutcome),
    Rejected(Reason),
    /// Until a person has decided; for its order that is no open line.
    InReview,
}

/// Ends it, and the order if no other of its lines is open. Both rows are locked.
pub(crate) async fn end(
    session: &Session<'_>,
    order: &StoredOrder,
    row: &ProcurementRow,
    end: End,
) -> Result<(), Failure> {
    let (state, outcome, waits_for) = match end {
        End::Filled(outcome) => (ProcurementState::Delivered, Some(outcome), ""),
        End::Rejected(reason) => (ProcurementState::Rejected, Some(StoredOutcome::Rejected { reason }), ""),
        End::InReview => (ProcurementState::InReview, None, "a person"),
    };
    let outcome = outcome.map(|outcome| stored(&outcome)).transpose()?;
    session.rows(END, &[&row.id.0, &state.code(), &outcome, &waits_for]).await?;
    compose(session, order).await
}

/// A person decided that it goes on: due now, and with as much time as a new one. Where the order was told that it is
/// in review, it is told that it is worked on again.
pub(crate) async fn reopen(
    session: &Session<'_>,
    StoredOrder { order, lines }: &StoredOrder,
    row: &ProcurementRow,
) -> Result<(), Failure> {
    session.rows(REOPEN, &[&row.id.0]).await?;
    let mut lines = lines.clone();
    let told = lines.iter_mut().find(|line| line.line_no == row.line_no.0 && line.outcome == StoredOutcome::Review);
    let Some(line) = told else { return Ok(()) };
    line.outcome = StoredOutcome::Processing;
    write(session, order.order_id.as_str(), &lines).await
}

async fn compose(session: &Session<'_>, StoredOrder { order, lines }: &StoredOrder) -> Result<(), Failure> {
    let name = order.order_id.as_str();
    let rows = session.rows(LINES, &[&name]).await?;
    let mut outcomes: HashMap<u32, StoredOutcome> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let Some((line_no, outcome)) = ended_line(name, row)? else { return Ok(()) };
        outcomes.insert(line_no, outcome);
    }
    let mut lines = lines.clone();
    for line in &mut lines {
        if let Some(outcome) = outcomes.remove(&line.line_no) {
            line.outcome = outcome;
        }
    }
    if let Some((line_no, _)) = outcomes.into_iter().next() {
        return Err(broken(&format!("order {name}"), &format!("it has no line {line_no} for a procurement")));
    }
    write(session, name, &lines).await
}

/// The order's next revision.
async fn write(session: &Session<'_>, name: &str, lines: &[StoredLine]) -> Result<(), Failure> {
    let status = OrderStatus::of_lines(&lines.iter().map(|line| without_keys(&line.outcome)).collect::<Vec<_>>());
    let reason = lines.iter().find_map(|line| match &line.outcome {
        StoredOutcome::Rejected { reason } if status == OrderStatus::Rejected => Some(stored_reason(reason)),
        StoredOutcome::Rejected { .. }
        | StoredOutcome::Delivered { .. }
        | StoredOutcome::Recharged { .. }
        | StoredOutcome::Processing
        | StoredOutcome::Review => None,
    });
    let written = session.rows(WRITE, &[&name, &status.code(), &StoredLine::write(lines), &reason]).await?;
    let revision: i32 = column(written.first().ok_or_else(|| broken("an order", "no row after its lock"))?, 0)?;
    session.rows(OWE, &[&[name].as_slice(), &[revision].as_slice()]).await.map(drop)
}

/// The columns of `LINES`: the line's number and outcome; `None` while it is open.
fn ended_line(order: &str, row: &Row) -> Result<Option<(u32, StoredOutcome)>, Failure> {
    let line_no = crate::columns::whole(row, 0)?;
    let here = |what: &str| broken(&format!("the procurement of line {line_no} of order {order}"), what);
    let state: i16 = column(row, 1)?;
    let outcome: Option<&str> = column(row, 2)?;
    match ProcurementState::from_code(state).ok_or_else(|| here("its state"))? {
        ProcurementState::Open => Ok(None),
        ProcurementState::InReview => Ok(Some((line_no, StoredOutcome::Review))),
        ProcurementState::Delivered | ProcurementState::Rejected => {
            let text = outcome.ok_or_else(|| here("its outcome is missing"))?;
            Ok(Some((line_no, serde_json::from_str(text).map_err(|error| here(&error.to_string()))?)))
        }
    }
}

fn stored(outcome: &StoredOutcome) -> Result<String, Failure> {
    serde_json::to_string(outcome).map_err(|error| broken("a line's outcome", &error.to_string()))
}

/// All that an order's status depends on.
fn without_keys(outcome: &StoredOutcome) -> LineOutcome {
    match outcome {
        StoredOutcome::Delivered { .. } => LineOutcome::Delivered(Vec::new()),
        StoredOutcome::Recharged { receipt } => LineOutcome::Recharged { receipt: receipt.clone() },
        StoredOutcome::Rejected { reason } => LineOutcome::Rejected(reason.clone()),
        StoredOutcome::Processing => LineOutcome::Processing,
        StoredOutcome::Review => LineOutcome::Review,
    }
}
