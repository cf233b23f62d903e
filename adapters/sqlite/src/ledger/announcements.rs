//! Results that are owed: their deliveries were acknowledged before they could be announced (I4), or their order
//! went on in the slow lane. A row holds its revision as it was, so that its message stays as it was (I9).

use fulfil_contract::{
    ids::{MerchantId, OrderId, Revision},
    recorded::RecordedOrder,
};
use rusqlite::Connection;

use super::stored;
use crate::errors::StoreError;

/// A revision that is not the order's any more is owed by nobody: a higher one is or was.
pub(super) fn owe(connection: &Connection, results: &[(OrderId, Revision)]) -> Result<(), StoreError> {
    let sql = "insert into announcement (order_id, revision, status, decided_at, lines, reason)
        select order_id, revision, status, decided_at, lines, reason from orders where order_id = ?1 and revision = ?2
        on conflict do nothing";
    let mut owe = connection.prepare_cached(sql)?;
    for (order, revision) in results {
        owe.execute((order.as_str(), revision.0))?;
    }
    Ok(())
}

/// The order's result as it is now.
pub(crate) fn owe_latest(connection: &Connection, order_no: i64) -> Result<(), StoreError> {
    let sql = "insert into announcement (order_id, revision, status, decided_at, lines, reason)
        select order_id, revision, status, decided_at, lines, reason from orders where order_no = ?1";
    connection.prepare_cached(sql)?.execute([order_no])?;
    Ok(())
}

pub(super) fn owed(
    connection: &Connection,
    most: u32,
    but_of: &[Option<MerchantId>],
) -> Result<Vec<RecordedOrder>, StoreError> {
    // No merchant's id is empty.
    let but_of: Vec<&str> = but_of.iter().map(|merchant| merchant.as_ref().map_or("", MerchantId::as_str)).collect();
    let but_of = serde_json::Value::from(but_of).to_string();
    let sql = "select announcement_no from announcement join orders using (order_id)
        where coalesce(merchant_id, '') not in (select value from json_each(?2))
        order by announcement_no limit ?1";
    let mut owed = connection.prepare_cached(sql)?;
    let numbers = owed.query_map((most, but_of), |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    numbers.into_iter().map(|number| stored::announced(connection, number)).collect()
}

pub(super) fn paid(connection: &Connection, results: &[(OrderId, Revision)]) -> Result<(), StoreError> {
    let mut paid = connection.prepare_cached("delete from announcement where order_id = ?1 and revision = ?2")?;
    for (order, revision) in results {
        paid.execute((order.as_str(), revision.0))?;
    }
    Ok(())
}
