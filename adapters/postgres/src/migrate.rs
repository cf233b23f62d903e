//! The schema `fulfil`, in numbered steps. Each is applied once, in one transaction with its own record; a
//! step that was released is never changed.

use std::time::Duration;

use fulfil_contract::ports::ledger::LedgerError;
use tokio_postgres::Client;

use crate::{connect, errors::Failure};

/// One step.
struct Migration {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: [Migration; 2] = [
    Migration { version: 1, name: "ledger", sql: include_str!("../migrations/0001_ledger.sql") },
    Migration { version: 2, name: "procurement", sql: include_str!("../migrations/0002_procurement.sql") },
];

/// The schema version that this program works with.
pub(crate) const VERSION: i32 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// A step on a large table may have to read all of it.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Names the advisory lock that two migrations at once wait for.
const LOCK: i64 = 0x6675_6c66_696c;

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The steps that were applied now, by name; none when the schema was up to date.
    pub applied: Vec<&'static str>,
    /// The schema's version now.
    pub version: i32,
}

/// Brings the schema of the database at `url` up to date. Safe to repeat, and to run twice at once.
///
/// # Errors
/// [`LedgerError`]; a step that failed left nothing behind.
pub async fn migrate(url: &str) -> Result<Migrated, LedgerError> {
    let mut config = connect::configuration(url)?;
    connect::on_the_disk(&mut config);
    let place = connect::place(&config);
    let work = async {
        let (client, connection) = connect::alone(&config).await.map_err(|error| Failure::of(&error, false))?;
        let outcome = apply(&client).await;
        drop(client);
        connection.await.map_err(|error| Failure::Ledger(LedgerError::Unavailable(error.to_string())))?;
        outcome
    };
    match tokio::time::timeout(LIMIT, work).await {
        Ok(Ok(migrated)) => Ok(migrated),
        Ok(Err(Failure::Ledger(error))) => Err(error),
        Ok(Err(Failure::Again(why))) => Err(LedgerError::Unavailable(format!("{place}: {why}"))),
        Err(_) => Err(LedgerError::OutcomeUnknown(format!(
            "{place}: no end of the migration within {LIMIT:?}: run `fulfil migrate` again"
        ))),
    }
}

async fn apply(client: &Client) -> Result<Migrated, Failure> {
    let failed = |error: tokio_postgres::Error| Failure::of(&error, false);
    client.execute("select pg_advisory_lock($1)", &[&LOCK]).await.map_err(failed)?;
    client
        .batch_execute(
            "create schema if not exists fulfil;
             create table if not exists fulfil.migration (
                 version integer primary key, name text not null, applied_at timestamptz not null default now())",
        )
        .await
        .map_err(failed)?;
    let row = client.query_one("select coalesce(max(version), 0) from fulfil.migration", &[]).await.map_err(failed)?;
    let found: i32 = crate::columns::column(&row, 0)?;
    refuse_newer(found)?;
    let mut applied = Vec::new();
    for step in MIGRATIONS.iter().filter(|step| step.version > found) {
        let record = format!("insert into fulfil.migration (version, name) values ({}, '{}')", step.version, step.name);
        let whole = format!("begin; {}; {record}; commit", step.sql);
        client.batch_execute(&whole).await.map_err(|error| in_step(step, failed(error)))?;
        applied.push(step.name);
    }
    client.execute("select pg_advisory_unlock($1)", &[&LOCK]).await.map_err(failed)?;
    Ok(Migrated { applied, version: VERSION })
}

/// What it says of a schema that is not as expected is of no help here.
fn in_step(step: &Migration, failure: Failure) -> Failure {
    match failure {
        Failure::Ledger(LedgerError::Broken(text) | LedgerError::Data(text)) => Failure::Ledger(LedgerError::Broken(
            format!("step {} ({}) of the ledger's schema failed and was rolled back: {text}", step.version, step.name),
        )),
        other @ (Failure::Ledger(_) | Failure::Again(_)) => other,
    }
}

/// Whether the version found is the one that this program works with.
pub(crate) fn check(found: i32) -> Result<(), LedgerError> {
    refuse_newer(found)?;
    if found < VERSION {
        return Err(LedgerError::Broken(format!(
            "the ledger's schema is version {found}, this program needs {VERSION}: run `fulfil migrate`"
        )));
    }
    Ok(())
}

fn refuse_newer(found: i32) -> Result<(), LedgerError> {
    if found > VERSION {
        return Err(LedgerError::Broken(format!(
            "the ledger's schema is version {found}, this program knows {VERSION}: \
             run the version of fulfil that migrated it, or a newer one"
        )));
    }
    Ok(())
}
