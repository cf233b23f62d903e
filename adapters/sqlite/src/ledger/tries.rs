//! How often a body was tried and did not come back.

use fulfil_contract::ids::BodyHash;
use rusqlite::{Connection, OptionalExtension};

use crate::errors::StoreError;

pub(super) fn read(connection: &Connection, bodies: &[BodyHash]) -> Result<Vec<u32>, StoreError> {
    let mut find = connection.prepare_cached("select tries from try where body_hash = ?1")?;
    bodies.iter().map(|body| Ok(find.query_row([body.0], |row| row.get(0)).optional()?.unwrap_or(0))).collect()
}

pub(super) fn count(connection: &Connection, bodies: &[BodyHash], number: u32) -> Result<(), StoreError> {
    let sql = "insert into try (body_hash, tries) values (?1, ?2)
        on conflict (body_hash) do update set tries = max(tries, excluded.tries)";
    let mut count = connection.prepare_cached(sql)?;
    for body in bodies {
        count.execute((body.0, number))?;
    }
    Ok(())
}

pub(super) fn take_back(connection: &Connection, bodies: &[BodyHash], number: u32) -> Result<(), StoreError> {
    let mut none_left = connection.prepare_cached("delete from try where body_hash = ?1 and tries = ?2 and ?2 = 1")?;
    let mut take_back =
        connection.prepare_cached("update try set tries = ?2 - 1 where body_hash = ?1 and tries = ?2 and ?2 > 1")?;
    for body in bodies {
        none_left.execute((body.0, number))?;
        take_back.execute((body.0, number))?;
    }
    Ok(())
}

pub(super) fn forget(connection: &Connection, bodies: &[BodyHash]) -> Result<(), StoreError> {
    let mut forget = connection.prepare_cached("delete from try where body_hash = ?1")?;
    for body in bodies {
        forget.execute([body.0])?;
    }
    Ok(())
}
