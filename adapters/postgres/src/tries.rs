//! Tries of bodies that may kill their process, counted before they are made.

use std::collections::HashMap;

use fulfil_contract::{ids::BodyHash, ports::ledger::LedgerError};
use tokio_postgres::types::ToSql;

use crate::{
    Postgres,
    columns::{broken, column},
    session::Call,
};

const READ: &str = "select body_hash, tries from fulfil.try where body_hash = any($1::bytea[])";

/// By rising hash, so that two such calls never wait for each other in a circle.
const COUNT: &str = "
    insert into fulfil.try (body_hash, tries, last_at)
    select body_hash, $2::int, now() from unnest($1::bytea[]) t(body_hash)
    on conflict (body_hash) do update
    set tries = greatest(fulfil.try.tries, excluded.tries), last_at = excluded.last_at";

/// By rising hash as well. The first one taken back leaves no row.
const TAKE_BACK: &str = "
    with back as (
        select body_hash from fulfil.try where body_hash = any($1::bytea[]) and tries = $2::int
        order by body_hash for update),
    none_left as (
        delete from fulfil.try t using back where t.body_hash = back.body_hash and $2::int = 1)
    update fulfil.try t set tries = $2::int - 1 from back where t.body_hash = back.body_hash and $2::int > 1";

const FORGET: &str = "
    delete from fulfil.try t using (
        select body_hash from fulfil.try where body_hash = any($1::bytea[]) order by body_hash for update) back
    where t.body_hash = back.body_hash";

pub(crate) async fn read(postgres: &Postgres, call: &Call, bodies: &[BodyHash]) -> Result<Vec<u32>, LedgerError> {
    let hashes: Vec<&[u8]> = bodies.iter().map(|body| body.0.as_slice()).collect();
    let hashes = &hashes;
    let found: HashMap<Vec<u8>, u32> = postgres
        .attempts(|| async move {
            let session = postgres.open(call).await?;
            let outcome = session.rows(READ, &[hashes]).await;
            let mut found = HashMap::new();
            for row in &session.end(outcome).await? {
                let tries: i32 = column(row, 1)?;
                let tries = u32::try_from(tries).map_err(|_| broken("a count of tries", &tries.to_string()))?;
                found.insert(column(row, 0)?, tries);
            }
            Ok(found)
        })
        .await?;
    Ok(bodies.iter().map(|body| found.get(body.0.as_slice()).copied().unwrap_or(0)).collect())
}

pub(crate) async fn count(
    postgres: &Postgres,
    call: &Call,
    bodies: &[BodyHash],
    number: u32,
) -> Result<(), LedgerError> {
    // More than a worker ever makes: whoever reads it dead-letters long before.
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    write(postgres, call, COUNT, bodies, &[&number]).await
}

pub(crate) async fn take_back(
    postgres: &Postgres,
    call: &Call,
    bodies: &[BodyHash],
    number: u32,
) -> Result<(), LedgerError> {
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    write(postgres, call, TAKE_BACK, bodies, &[&number]).await
}

pub(crate) async fn forget(postgres: &Postgres, call: &Call, bodies: &[BodyHash]) -> Result<(), LedgerError> {
    write(postgres, call, FORGET, bodies, &[]).await
}

/// With the bodies as the statement's first parameter.
async fn write(
    postgres: &Postgres,
    call: &Call,
    sql: &'static str,
    bodies: &[BodyHash],
    more: &[&(dyn ToSql + Sync)],
) -> Result<(), LedgerError> {
    if bodies.is_empty() {
        return Ok(());
    }
    let mut sorted = bodies.to_vec();
    sorted.sort_unstable();
    let hashes: Vec<&[u8]> = sorted.iter().map(|body| body.0.as_slice()).collect();
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&hashes];
    parameters.extend(more);
    let parameters = parameters.as_slice();
    postgres
        .attempts(|| async move {
            let session = postgres.open(call).await?;
            let outcome = session.write_at_once(sql, parameters).await;
            session.end(outcome).await.map(drop)
        })
        .await
}
