//! Tries of orders that run alone, counted before they run.

use fulfil_contract::{ids::BodyHash, ports::ledger::LedgerError};
use tokio_postgres::Row;

use crate::{
    Postgres,
    columns::{broken, column},
    errors::Failure,
    session::{Call, Parameters},
};

const COUNT: &str = "
    insert into fulfil.try (body_hash, tries, last_at) values ($1, 1, now())
    on conflict (body_hash) do update set tries = fulfil.try.tries + 1, last_at = excluded.last_at
    returning tries";

pub(crate) async fn count(postgres: &Postgres, call: &Call, body: BodyHash) -> Result<u32, LedgerError> {
    postgres
        .attempts(|| async {
            let rows = write(postgres, call, COUNT, &[&body.0.as_slice()]).await?;
            let tries: i32 = rows.first().map_or(Ok(0), |row| column(row, 0))?;
            u32::try_from(tries).map_err(|_| broken("a count of tries", &tries.to_string()))
        })
        .await
}

pub(crate) async fn forget(postgres: &Postgres, call: &Call, body: BodyHash) -> Result<(), LedgerError> {
    postgres
        .attempts(|| async {
            write(postgres, call, "delete from fulfil.try where body_hash = $1", &[&body.0.as_slice()]).await.map(drop)
        })
        .await
}

async fn write(
    postgres: &Postgres,
    call: &Call,
    sql: &'static str,
    parameters: Parameters<'_>,
) -> Result<Vec<Row>, Failure> {
    let session = postgres.open(call).await?;
    let outcome = session.write_at_once(sql, parameters).await;
    session.end(outcome).await
}
