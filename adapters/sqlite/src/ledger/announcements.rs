//! Results that are owed: their deliveries were acknowledged before they could be announced (I4).

use fulfil_contract::{
    ids::{OrderId, Revision},
    recorded::RecordedOrder,
};
use rusqlite::Connection;

use super::stored;
use crate::errors::StoreError;

pub(super) fn owe(connection: &Connection, results: &[(OrderId, Revision)]) -> Result<(), StoreError> {
    let mut owe = connection
        .prepare_cached("insert into announcement (order_id, revision) values (?1, ?2) on conflict do nothing")?;
    for (order, revision) in results {
        owe.execute((order.as_str(), revision.0))?;
    }
    Ok(())
}

pub(super) fn owed(connection: &Connection, most: u32) -> Result<Vec<RecordedOrder>, StoreError> {
    let mut owed = connection.prepare_cached("select order_id from announcement order by announcement_no limit ?1")?;
    let ids = owed.query_map([most], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let mut orders = Vec::with_capacity(ids.len());
    for id in ids {
        orders.extend(stored::order(connection, &id)?);
    }
    Ok(orders)
}

pub(super) fn paid(connection: &Connection, results: &[(OrderId, Revision)]) -> Result<(), StoreError> {
    let mut paid = connection.prepare_cached("delete from announcement where order_id = ?1 and revision = ?2")?;
    for (order, revision) in results {
        paid.execute((order.as_str(), revision.0))?;
    }
    Ok(())
}
