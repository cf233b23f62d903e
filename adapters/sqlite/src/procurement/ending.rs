//! Ends a procurement. What holds here: as long as a line of an order is open, its row and its result stay as
//! they are; who ends the last open one writes the result of all lines, with a higher revision, and owes it, in
//! the same transaction.

use fulfil_contract::{
    ids::{Fingerprint, KeyId, SealedKey},
    ports::{
        books::ProcurementState,
        stock_ledger::{Imported, NewKey},
    },
    procurement::BoughtKey,
    recorded::{LineOutcome, OrderStatus, StoredLine, StoredOutcome, UnreadableRow},
    time::Timestamp,
};
use rusqlite::Connection;

use super::rows::Row;
use crate::{
    errors::StoreError,
    import::import,
    ledger::{announcements, keys::Keys, stored},
};

/// A SKU that only suppliers have had until now has one bucket: one file needs no more.
pub(super) const BUCKETS: u16 = 1;

/// Writes what became of the line, and the order's result if no line of it is open any more.
pub(crate) fn end(
    connection: &Connection,
    row: &Row,
    state: ProcurementState,
    outcome: &StoredOutcome,
    at: Timestamp,
) -> Result<(), StoreError> {
    let text = serde_json::to_string(outcome).map_err(|error| row.unreadable(error.to_string()))?;
    let sql = "update procurement set state = ?2, outcome = ?3, waits_for = null where procurement_no = ?1";
    connection.prepare_cached(sql)?.execute((row.id.0, state.code(), text))?;
    compose(connection, row.order_no, at)
}

/// Sells keys of stock to the line and ends its procurement with them.
pub(super) fn sell(connection: &Connection, row: &Row, ids: &[KeyId], at: Timestamp) -> Result<(), StoreError> {
    let keys = Keys::of(connection);
    for id in ids {
        keys.sell(*id, row.order_no)?;
    }
    let outcome = StoredOutcome::Delivered { keys: ids.iter().map(|id| id.0).collect() };
    end(connection, row, ProcurementState::Delivered, &outcome, at)
}

/// The keys that were held for the line, in the order in which they came; they are held no more.
pub(super) fn let_go(connection: &Connection, row: &Row) -> Result<Vec<BoughtKey>, StoreError> {
    let sql = "select fingerprint, sealed from held_key where procurement_no = ?1 order by held_no";
    let mut held = connection.prepare_cached(sql)?;
    let keys = held.query_map([row.id.0], |row| {
        Ok(BoughtKey { fingerprint: Fingerprint(row.get(0)?), sealed: SealedKey(row.get(1)?) })
    })?;
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    connection.prepare_cached("delete from held_key where procurement_no = ?1")?.execute([row.id.0])?;
    Ok(keys)
}

/// Puts bought keys into stock as available.
pub(super) fn into_stock(
    connection: &Connection,
    row: &Row,
    keys: Vec<BoughtKey>,
    at: Timestamp,
) -> Result<Vec<KeyId>, StoreError> {
    let keys: Vec<NewKey> = keys
        .into_iter()
        .map(|key| NewKey { sku: row.sku.clone(), fingerprint: key.fingerprint, sealed: key.sealed })
        .collect();
    let imported = import(connection, &keys, BUCKETS, at)?;
    let ids = imported.into_iter().map(|key| match key {
        Imported::New(id) => Ok(id),
        Imported::Repeat => Err(row.unreadable("a key that was held for it is in stock as well".into()).into()),
    });
    ids.collect()
}

/// Opens a procurement again whose line was in review. Its time begins anew: it is as if it had been made now.
/// An order whose line was told as in review gets a newer result, which says that it is not any more.
pub(crate) fn open_again(connection: &Connection, row: &Row, at: Timestamp) -> Result<(), StoreError> {
    let sql = "update procurement set state = 0, outcome = null, made_at = ?2, wake_at = ?2, waits_for = null
        where procurement_no = ?1";
    connection.prepare_cached(sql)?.execute((row.id.0, at.0))?;
    let (order_id, lines) = lines(connection, row.order_no)?;
    let told = lines.iter().find(|line| line.line_no == row.line_no.0).map(|line| &line.outcome);
    match told {
        Some(StoredOutcome::Review) => write_result(connection, row.order_no, &order_id, lines, at),
        Some(
            StoredOutcome::Delivered { .. }
            | StoredOutcome::Recharged { .. }
            | StoredOutcome::Rejected { .. }
            | StoredOutcome::Processing,
        )
        | None => Ok(()),
    }
}

/// Writes the order's result, unless a line of it is open.
fn compose(connection: &Connection, order_no: i64, at: Timestamp) -> Result<(), StoreError> {
    if connection.prepare_cached("select 1 from procurement where order_no = ?1 and state = 0")?.exists([order_no])? {
        return Ok(());
    }
    let (order_id, lines) = lines(connection, order_no)?;
    write_result(connection, order_no, &order_id, lines, at)
}

/// An order's id and its lines as they were told last.
fn lines(connection: &Connection, order_no: i64) -> Result<(String, Vec<StoredLine>), StoreError> {
    let sql = "select order_id, lines from orders where order_no = ?1";
    let (order_id, text): (String, String) =
        connection.prepare_cached(sql)?.query_row([order_no], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let lines = StoredLine::read(&order_id, &text)?;
    Ok((order_id, lines))
}

/// Raises the order's revision, with what its procurements have come to, and owes it.
fn write_result(
    connection: &Connection,
    order_no: i64,
    order_id: &str,
    mut lines: Vec<StoredLine>,
    at: Timestamp,
) -> Result<(), StoreError> {
    for (line_no, outcome) in outcomes(connection, order_no, order_id)? {
        match lines.iter_mut().find(|line| line.line_no == line_no) {
            Some(line) => line.outcome = outcome,
            None => {
                let what = format!("line {line_no} is missing");
                return Err(UnreadableRow { order_id: order_id.to_owned(), what }.into());
            }
        }
    }
    let standings: Vec<LineOutcome> = lines.iter().map(|line| standing(&line.outcome)).collect();
    let status = OrderStatus::of_lines(&standings);
    let reason = match status {
        OrderStatus::Rejected => standings.iter().find_map(LineOutcome::reason).map(stored::write_reason),
        OrderStatus::Processing
        | OrderStatus::Fulfilled
        | OrderStatus::PartlyFulfilled
        | OrderStatus::Conflict
        | OrderStatus::Review => None,
    };
    let sql = "update orders set revision = revision + 1, status = ?2, decided_at = ?3, lines = ?4, reason = ?5
        where order_no = ?1";
    let text = StoredLine::write(&lines);
    connection.prepare_cached(sql)?.execute((order_no, status.code(), at.0, text, reason))?;
    announcements::owe_latest(connection, order_no)
}

/// What became of an order's procurements, by their lines; one that is open is processing.
pub(crate) fn outcomes(
    connection: &Connection,
    order_no: i64,
    order_id: &str,
) -> Result<Vec<(u32, StoredOutcome)>, StoreError> {
    let sql = "select line_no, outcome from procurement where order_no = ?1 order by line_no";
    let mut procurements = connection.prepare_cached(sql)?;
    let rows = procurements.query_map([order_no], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?)))?;
    let mut outcomes = Vec::new();
    for row in rows {
        let (line_no, text) = row?;
        let read = text.map_or(Ok(StoredOutcome::Processing), |text| serde_json::from_str(&text));
        let outcome = read.map_err(|error| UnreadableRow {
            order_id: order_id.to_owned(),
            what: format!("the procurement of line {line_no}: {error}"),
        })?;
        outcomes.push((line_no, outcome));
    }
    Ok(outcomes)
}

/// The outcome without its keys: all that an order's status depends on.
fn standing(outcome: &StoredOutcome) -> LineOutcome {
    match outcome {
        StoredOutcome::Delivered { .. } => LineOutcome::Delivered(Vec::new()),
        StoredOutcome::Recharged { receipt } => LineOutcome::Recharged { receipt: receipt.clone() },
        StoredOutcome::Rejected { reason } => LineOutcome::Rejected(reason.clone()),
        StoredOutcome::Processing => LineOutcome::Processing,
        StoredOutcome::Review => LineOutcome::Review,
    }
}
