//! How often an order ran alone and did not come back.

use fulfil_contract::ids::BodyHash;
use rusqlite::Connection;

use crate::errors::StoreError;

pub(super) fn count(connection: &Connection, body: BodyHash) -> Result<u32, StoreError> {
    let sql = "insert into try (body_hash, tries) values (?1, 1) on conflict (body_hash) do update set tries = tries + 1 returning tries";
    Ok(connection.prepare_cached(sql)?.query_row([body.0], |row| row.get(0))?)
}

pub(super) fn forget(connection: &Connection, body: BodyHash) -> Result<(), StoreError> {
    connection.prepare_cached("delete from try where body_hash = ?1")?.execute([body.0])?;
    Ok(())
}
