//! Whether a Postgres server is as the ledger needs it to be.
//!
//! What holds: nothing is written; it is asked on a connection like any client's, and on one like a worker's,
//! since they may differ; each answer is waited for a bounded time, and a server that does not answer is one
//! finding.
//!
//! - what a commit rests on: `durability`
//! - what our sessions get, and how many of them: `sessions`
//! - the schema and what we may do in it: `schema`
//! - its clock, beside ours: `clock`

mod clock;
mod durability;
mod schema;
mod sessions;

use std::{collections::HashMap, time::Duration};

use fulfil_contract::{
    examination::{Check, Examination, Finding, Promise},
    ports::ledger::LedgerError,
};
use tokio_postgres::{Client, Row, types::ToSql};

use crate::{connect, errors::Failure};

const REACHABLE: Check = Check { id: "postgres.reachable", subject: "reachable", promise: Promise::WorkGoesOn };
const VERSION: Check = Check { id: "postgres.version", subject: "version", promise: Promise::WorkGoesOn };

/// How long one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Our sessions set `enable_memoize`, which is of this version.
const LEAST_VERSION: i32 = 140_000;
const PSQL: &str = "psql";

/// What workers ask of the server.
#[derive(Debug, Clone, Copy)]
pub struct Demand {
    /// Of one worker: `ledger.connections`.
    pub connections: usize,
    /// How many workers there are to be; `None`: nobody said.
    pub workers: Option<usize>,
    /// `ledger.timeout_ms`.
    pub limit: Duration,
}

/// Looks at the server at `url`. Ends within two minutes.
pub async fn examine(url: &str, demand: &Demand) -> Examination {
    let server = "Postgres";
    let config = match connect::configuration(url) {
        Ok(config) => config,
        Err(error) => {
            let findings = vec![REACHABLE.not_asked(error.to_string())];
            return Examination { server, place: String::new(), findings };
        }
    };
    let place = connect::place(&config);
    let connected = tokio::time::timeout(PATIENCE, connect::alone(&config)).await;
    let findings = match connected {
        Ok(Ok((client, connection))) => {
            let findings = of_server(&Asking { client: &client }, &config, demand).await;
            drop(client);
            connection.abort();
            findings
        }
        Ok(Err(error)) => vec![unreachable(&failed(&error), &error)],
        Err(_) => vec![REACHABLE.not_asked(format!("no answer within {} s", PATIENCE.as_secs()))],
    };
    Examination { server, place, findings }
}

async fn of_server(asking: &Asking<'_>, config: &tokio_postgres::Config, demand: &Demand) -> Vec<Finding> {
    let settings = match asking.settings().await {
        Ok(settings) => settings,
        Err(why) => return vec![REACHABLE.not_asked(why)],
    };
    let mut findings = vec![REACHABLE.ok("answers"), version(&settings)];
    findings.extend(durability::look(asking, &settings).await);
    findings.extend(sessions::look(asking, &settings, config, demand).await);
    findings.extend(schema::look(asking).await);
    findings.push(clock::look(asking).await);
    findings
}

fn version(settings: &Settings) -> Finding {
    let version = settings.value("server_version");
    let number: i32 = settings.value("server_version_num").parse().unwrap_or(0);
    if number >= LEAST_VERSION {
        return VERSION.ok(version);
    }
    VERSION
        .broken(format!("{version}: sessions of ours set what there is from 14 on, and are refused"))
        .mended("shell", "pg_upgrade   # to Postgres 14 or newer")
}

fn unreachable(text: &str, error: &tokio_postgres::Error) -> Finding {
    let finding = REACHABLE.not_asked(text);
    let Some(db) = error.as_db_error() else {
        return finding.mended("shell", "fulfil config check   # shows where it is looked for");
    };
    match &db.code().code()[..2] {
        "28" => finding.mended("fulfil.toml", "[ledger] url = \"postgres://USER:PASSWORD@HOST:PORT/DATABASE\""),
        "3D" => finding.mended(PSQL, "CREATE DATABASE fulfil;   -- the one that ledger.url names"),
        "53" => finding.mended(PSQL, "ALTER SYSTEM SET max_connections = 200;   -- then restart Postgres"),
        _ => finding.mended("shell", "fulfil config check   # shows where it is looked for"),
    }
}

/// A connection to ask on.
struct Asking<'c> {
    client: &'c Client,
}

impl Asking<'_> {
    async fn rows(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, String> {
        match tokio::time::timeout(PATIENCE, self.client.query(sql, parameters)).await {
            Ok(answer) => answer.map_err(|error| failed(&error)),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn row(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Row, String> {
        self.rows(sql, parameters).await?.into_iter().next().ok_or_else(|| "no row came back".to_owned())
    }

    async fn settings(&self) -> Result<Settings, String> {
        let rows = self.rows("select name, setting, source from pg_settings", &[]).await?;
        let one = |row: &Row| Some((get(row, 0)?, Setting { value: get(row, 1)?, source: get(row, 2)? }));
        let all = rows.iter().filter_map(one).collect();
        let sql = "select quote_ident(current_database()), quote_ident(session_user)";
        let names = self.row(sql, &[]).await?;
        let name = |at| get(&names, at).unwrap_or_default();
        Ok(Settings { all, database: name(0), user: name(1) })
    }
}

struct Setting {
    value: String,
    source: String,
}

/// What `pg_settings` says on one connection.
struct Settings {
    all: HashMap<String, Setting>,
    /// As identifiers, quoted where they have to be: whoever runs a line is somebody else, and elsewhere.
    database: String,
    user: String,
}

impl Settings {
    #[cfg(test)]
    fn of(pairs: &[(&str, &str)]) -> Self {
        let setting = |value: &str| Setting { value: value.to_owned(), source: "default".to_owned() };
        let all = pairs.iter().map(|(name, value)| ((*name).to_owned(), setting(value))).collect();
        Self { all, database: "d".to_owned(), user: "u".to_owned() }
    }

    /// Empty where the server does not know it.
    fn value(&self, name: &str) -> &str {
        self.all.get(name).map_or("", |setting| setting.value.as_str())
    }

    /// The line that sets it, where it was set.
    fn line(&self, name: &str, value: &str) -> String {
        match self.all.get(name).map_or("", |setting| setting.source.as_str()) {
            "database" => format!("ALTER DATABASE {} RESET {name};", self.database),
            "user" => format!("ALTER ROLE {} RESET {name};", self.user),
            "database user" => format!("ALTER ROLE {} IN DATABASE {} RESET {name};", self.user, self.database),
            // For every role, in every database.
            "global" => format!("ALTER ROLE ALL RESET {name};"),
            "command line" => format!("-- started with -c {name}=…: take that off the server's command line"),
            "client" => format!("-- ledger.url sets {name}: take that out of it"),
            _ => format!("ALTER SYSTEM SET {name} = {value}; SELECT pg_reload_conf();"),
        }
    }
}

/// A column's value, if it is there and of that type.
fn get<'r, T: tokio_postgres::types::FromSql<'r>>(row: &'r Row, at: usize) -> Option<T> {
    row.try_get(at).ok()
}

fn failed(error: &tokio_postgres::Error) -> String {
    match Failure::of(error, false) {
        Failure::Again(text) | Failure::Ledger(LedgerError::Unavailable(text)) => text,
        Failure::Ledger(error) => error.to_string(),
    }
}
