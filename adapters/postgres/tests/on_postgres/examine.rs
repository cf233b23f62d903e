//! Each finding is provoked once: what a database can say otherwise in one of its own, the rest on a server of
//! its own.

use std::time::{Duration, Instant};

use fulfil_contract::examination::{Examination, Finding, Grade};
use fulfil_postgres::{Demand, examine, migrate};
use private_servers::{Postgres, Server};

use crate::private::{LIMIT, PrivateLedger, fresh_database, fresh_ledger};

const DEMAND: Demand = Demand { connections: 16, workers: None, limit: LIMIT };

#[track_caller]
fn finding<'e>(examination: &'e Examination, id: &str) -> &'e Finding {
    let found = examination.findings.iter().find(|finding| finding.check.id == id);
    found.unwrap_or_else(|| panic!("no finding {id}: {examination:#?}"))
}

/// It has this grade and this line that mends it, and nothing else is wrong.
#[track_caller]
fn alone(examination: &Examination, id: &str, grade: Grade, line: &str) {
    let found = finding(examination, id);
    assert_eq!(found.grade, grade, "{found:?}");
    assert!(found.mend.iter().any(|mend| mend.line.contains(line)), "{found:?}");
    let others: Vec<&Finding> =
        examination.findings.iter().filter(|other| other.check.id != id && other.grade != Grade::Ok).collect();
    assert!(others.is_empty(), "{others:#?}");
}

impl PrivateLedger {
    async fn tell(&self, sql: &str) {
        self.connect().await.batch_execute(sql).await.unwrap();
    }

    async fn set(&self, setting: &str) {
        let database = self.url.rsplit('/').next().unwrap();
        self.tell(&format!("alter database {database} set {setting}")).await;
    }

    async fn look(&self) -> Examination {
        examine(&self.url, &DEMAND).await
    }
}

#[tokio::test]
async fn a_good_ledger_is_well() {
    let ledger = fresh_ledger().await;
    let examination = ledger.look().await;
    assert_eq!(examination.grade(), Grade::Ok, "{examination:#?}");
    assert_eq!(examination.findings.len(), 14, "{examination:#?}");
    assert!(ledger.url.ends_with(&examination.place), "{}", examination.place);
}

#[tokio::test]
async fn what_a_database_sets_otherwise() {
    for (setting, id, grade) in [
        ("synchronous_commit = off", "postgres.synchronous_commit", Grade::Broken),
        ("default_transaction_read_only = on", "postgres.default_transaction_read_only", Grade::Broken),
        ("default_transaction_isolation = 'serializable'", "postgres.isolation", Grade::Warning),
    ] {
        let ledger = fresh_ledger().await;
        ledger.set(setting).await;
        let name = setting.split(' ').next().unwrap();
        alone(&ledger.look().await, id, grade, &format!("ALTER DATABASE {} RESET {name};", database(&ledger.url)));
    }
    // Ours win over the database's, and the URL's over ours.
    let ledger = fresh_ledger().await;
    let url = format!("{}?options=-c%20idle_in_transaction_session_timeout%3D0", ledger.url);
    let examination = examine(&url, &DEMAND).await;
    alone(&examination, "postgres.silence", Grade::Warning, "ledger");
}

fn database(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

#[tokio::test]
async fn another_schema() {
    let ledger = fresh_ledger().await;
    ledger.tell("delete from fulfil.migration where version = 2").await;
    alone(&ledger.look().await, "postgres.schema", Grade::Broken, "fulfil migrate");
    ledger.tell("insert into fulfil.migration (version, name) values (99, 'later')").await;
    alone(&ledger.look().await, "postgres.schema", Grade::Broken, "fulfil --version");

    let url = fresh_database();
    alone(&examine(&url, &DEMAND).await, "postgres.schema", Grade::Broken, "fulfil migrate");
    migrate(&url).await.unwrap();
    assert_eq!(examine(&url, &DEMAND).await.grade(), Grade::Ok);
}

/// A role that may log in, of a name that has to be quoted, and the URL with which it comes.
async fn clerk(ledger: &PrivateLedger) -> (String, String) {
    let name = format!("Clerk-of-{}", database(&ledger.url));
    ledger.tell(&format!("create role \"{name}\" login")).await;
    let url = ledger.url.replacen("fulfil:fulfil@", &format!("{name}@"), 1);
    (name, url)
}

/// Runs every line of a finding, as the tables' owner does.
async fn mend(owner: &PrivateLedger, found: &Finding) {
    for mend in &found.mend {
        assert_eq!(mend.place, "psql");
        owner.tell(&mend.line).await;
    }
}

#[tokio::test]
async fn a_user_without_permission() {
    let ledger = fresh_ledger().await;
    let (user, url) = clerk(&ledger).await;
    let granted = format!("GRANT USAGE ON SCHEMA fulfil TO \"{user}\";");
    let examination = examine(&url, &DEMAND).await;
    alone(&examination, "postgres.permissions", Grade::Broken, &granted);
    ledger
        .tell(&format!(
            "grant usage on schema fulfil to \"{user}\"; grant select on all tables in schema fulfil to \"{user}\""
        ))
        .await;
    let examination = examine(&url, &DEMAND).await;
    alone(&examination, "postgres.permissions", Grade::Broken, "GRANT SELECT, INSERT, UPDATE, DELETE");
    let permissions = finding(&examination, "postgres.permissions");
    let text = &permissions.found;
    assert!(text.contains("fulfil.announcement INSERT") && text.contains(" more"), "{text}");
    mend(&ledger, permissions).await;
    assert_eq!(examine(&url, &DEMAND).await.grade(), Grade::Ok);
    // Which version there is can't be seen, and that is not taken for well.
    ledger.tell(&format!("revoke select on fulfil.migration from \"{user}\"")).await;
    let examination = examine(&url, &DEMAND).await;
    let schema = finding(&examination, "postgres.schema");
    assert_eq!(schema.grade, Grade::NotAsked, "{schema:?}");
    mend(&ledger, schema).await;
    assert_eq!(examine(&url, &DEMAND).await.grade(), Grade::Ok);
}

/// A word of SQL is a name too, of a role and of a database.
#[tokio::test]
async fn names_that_are_words_of_sql() {
    let server = tokio::task::spawn_blocking(|| Postgres::start().unwrap()).await.unwrap();
    server.execute("create role \"user\" login").unwrap();
    server.execute("create database \"table\"").unwrap();
    let (place, _) = server.url().rsplit_once('/').map(|(place, name)| (place.to_owned(), name.to_owned())).unwrap();
    let url = format!("{place}/table");
    migrate(&url).await.unwrap();
    let owner = PrivateLedger::at(&url, fulfil_postgres::Postgres::new(&url, 1, LIMIT).unwrap());
    let url = owner.url.replacen("fulfil:fulfil@", "user@", 1);
    let examination = examine(&url, &DEMAND).await;
    alone(&examination, "postgres.permissions", Grade::Broken, "GRANT USAGE ON SCHEMA fulfil TO \"user\";");
    mend(&owner, finding(&examination, "postgres.permissions")).await;
    assert_eq!(examine(&url, &DEMAND).await.grade(), Grade::Ok);
    owner.tell("alter role \"user\" in database \"table\" set synchronous_commit = off").await;
    let examination = examine(&url, &DEMAND).await;
    mend(&owner, finding(&examination, "postgres.synchronous_commit")).await;
    assert_eq!(examine(&url, &DEMAND).await.grade(), Grade::Ok);
    // For everybody, everywhere; only here, where no other test is.
    owner.tell("alter role all set synchronous_commit = off").await;
    let examination = examine(&url, &DEMAND).await;
    alone(&examination, "postgres.synchronous_commit", Grade::Broken, "ALTER ROLE ALL RESET synchronous_commit;");
    mend(&owner, finding(&examination, "postgres.synchronous_commit")).await;
    assert_eq!(examine(&url, &DEMAND).await.grade(), Grade::Ok);
}

/// Each is set where the doctor has to find it, and is gone when the printed line was run by somebody else.
#[tokio::test]
async fn what_a_role_sets_otherwise() {
    let ledger = fresh_ledger().await;
    let (user, url) = clerk(&ledger).await;
    mend(&ledger, finding(&examine(&url, &DEMAND).await, "postgres.permissions")).await;
    let database = database(&ledger.url);
    for (set, reset) in [
        (format!("role \"{user}\""), format!("ALTER ROLE \"{user}\" RESET")),
        (
            format!("role \"{user}\" in database {database}"),
            format!("ALTER ROLE \"{user}\" IN DATABASE {database} RESET"),
        ),
        (format!("database {database}"), format!("ALTER DATABASE {database} RESET")),
    ] {
        for (setting, bad, id, grade) in [
            ("synchronous_commit", "off", "postgres.synchronous_commit", Grade::Broken),
            ("default_transaction_isolation", "'serializable'", "postgres.isolation", Grade::Warning),
        ] {
            ledger.tell(&format!("alter {set} set {setting} = {bad}")).await;
            let examination = examine(&url, &DEMAND).await;
            alone(&examination, id, grade, &format!("{reset} {setting};"));
            mend(&ledger, finding(&examination, id)).await;
            let mended = examine(&url, &DEMAND).await;
            assert_eq!(mended.grade(), Grade::Ok, "{mended:#?}");
        }
    }
}

#[tokio::test]
async fn too_few_connections() {
    let ledger = fresh_ledger().await;
    let demand = Demand { workers: Some(100), ..DEMAND };
    let examination = examine(&ledger.url, &demand).await;
    alone(&examination, "postgres.connections", Grade::Warning, "ALTER SYSTEM SET max_connections = 16");
    ledger.tell(&format!("alter database {} connection limit 20", database(&ledger.url))).await;
    let examination = ledger.look().await;
    alone(&examination, "postgres.connections", Grade::Warning, "[ledger] connections = 10");
}

#[tokio::test]
async fn what_the_whole_server_says_otherwise() {
    let server = tokio::task::spawn_blocking(|| Postgres::start().unwrap()).await.unwrap();
    migrate(&server.url()).await.unwrap();
    for (name, bad, id, grade) in [
        ("synchronous_commit", "off", "postgres.synchronous_commit", Grade::Broken),
        ("fsync", "off", "postgres.fsync", Grade::Broken),
        ("full_page_writes", "off", "postgres.full_page_writes", Grade::Broken),
        ("autovacuum", "off", "postgres.autovacuum", Grade::Warning),
    ] {
        server.execute(&format!("alter system set {name} = {bad}")).unwrap();
        server.execute("select pg_reload_conf()").unwrap();
        let examination = until(&server, |examination| examination.grade() != Grade::Ok).await;
        alone(&examination, id, grade, &format!("ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf();"));
        server.execute(&format!("alter system reset {name}")).unwrap();
        server.execute("select pg_reload_conf()").unwrap();
        until(&server, |examination| examination.grade() == Grade::Ok).await;
    }
    server.execute("alter system set synchronous_standby_names = 'other'").unwrap();
    server.execute("select pg_reload_conf()").unwrap();
    let examination = until(&server, |examination| examination.grade() != Grade::Ok).await;
    alone(&examination, "postgres.standbys", Grade::Warning, "synchronous_standby_names");
}

/// A reload is heard of a little later.
async fn until(server: &Postgres, is: impl Fn(&Examination) -> bool) -> Examination {
    let begun = Instant::now();
    loop {
        let examination = examine(&server.url(), &DEMAND).await;
        if is(&examination) {
            return examination;
        }
        assert!(begun.elapsed() < LIMIT, "{examination:#?}");
    }
}

#[tokio::test]
async fn a_standby_a_silent_server_and_none() {
    let server = tokio::task::spawn_blocking(|| Postgres::start().unwrap()).await.unwrap();
    migrate(&server.url()).await.unwrap();
    let url = server.url();
    let (place, _) = url.rsplit_once('/').unwrap();
    let examination = examine(&format!("{place}/nowhere"), &DEMAND).await;
    alone(&examination, "postgres.reachable", Grade::NotAsked, "CREATE DATABASE");

    server.pause().unwrap();
    let begun = Instant::now();
    assert_eq!(examine(&server.url(), &DEMAND).await.grade(), Grade::NotAsked);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    server.resume().unwrap();

    let folder = server.execute("show data_directory").unwrap();
    server.stop().unwrap();
    let none = examine(&server.url(), &DEMAND).await;
    assert_eq!((none.grade(), none.findings.len()), (Grade::NotAsked, 1), "{none:#?}");
    std::fs::write(std::path::Path::new(folder.trim()).join("standby.signal"), "").unwrap();
    server.restart().unwrap();
    let examination = examine(&server.url(), &DEMAND).await;
    alone(&examination, "postgres.primary", Grade::Broken, "the primary's");
}
