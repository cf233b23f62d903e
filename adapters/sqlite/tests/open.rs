//! Opening a data folder: who may, what is refused, and what it says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use fulfil_contract::{
    ids::{BodyHash, OrderId},
    ports::{
        books::Books,
        ledger::{Ledger, LedgerError},
        stock::StockLoading,
    },
    proposal::{Entry, Proposal, ProposedOrder},
    reason::{Reason, ReasonCode},
};
use fulfil_sqlite::{OpenError, Sqlite};
use tempfile::TempDir;

fn refused(id: &str) -> Entry {
    Entry::Order(ProposedOrder {
        order_id: OrderId::parse(id).unwrap(),
        merchant_id: None,
        body_hash: BodyHash::of(id.as_bytes()),
        expires_at: None,
        proposal: Proposal::Refuse(Reason::new(ReasonCode::InvalidOrder, "no lines")),
    })
}

fn change(folder: &Path, sql: &str) {
    rusqlite::Connection::open(folder.join("fulfil.db")).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn a_folder_and_its_file_are_its_owner_s() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("shop").join("data");
    let store = Sqlite::open(&folder).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in ["fulfil.db", "fulfil.db-wal", "fulfil.db-shm"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    drop(store);
}

#[test]
fn a_folder_is_worked_in_by_one_at_a_time() {
    let folder = TempDir::new().unwrap();
    let first = Sqlite::open(folder.path()).unwrap();
    let error = Sqlite::open(folder.path()).unwrap_err();
    let pid = std::process::id().to_string();
    assert!(matches!(&error, OpenError::InUse { pid: holder, .. } if *holder == pid), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("in use by another fulfil (pid") && text.contains("--data"), "{text}");
    drop(first);
    Sqlite::open(folder.path()).unwrap();
}

#[tokio::test]
async fn what_was_committed_is_there_after_opening_again() {
    let folder = TempDir::new().unwrap();
    let store = Sqlite::open(folder.path()).unwrap();
    let identity = store.identity().await.unwrap();
    let first = store.record(&[refused("o-1")]).await.unwrap().remove(0);
    drop(store);
    let store = Sqlite::open(folder.path()).unwrap();
    let file = store.order(&OrderId::parse("o-1").unwrap()).await.unwrap().unwrap();
    assert!(matches!(first, fulfil_contract::recorded::Judgement::New(order) if order == file.order));
    assert_eq!(store.identity().await.unwrap(), identity, "one file is one stock for ever");
    let other = TempDir::new().unwrap();
    assert_ne!(Sqlite::open(other.path()).unwrap().identity().await.unwrap(), identity);
}

#[tokio::test]
async fn reading_works_beside_a_run_and_writing_is_refused() {
    let folder = TempDir::new().unwrap();
    let run = Sqlite::open(folder.path()).unwrap();
    let reader = Sqlite::open_to_read(folder.path()).unwrap();
    assert_eq!(reader.balance().await.unwrap().orders, 0);
    run.record(&[refused("o-1")]).await.unwrap();
    assert_eq!(reader.balance().await.unwrap().orders, 1);
    let error = reader.record(&[refused("o-2")]).await.unwrap_err();
    assert!(matches!(&error, LedgerError::Broken(text) if text.contains("to read only")), "{error:?}");
    drop(run);
    assert_eq!(reader.balance().await.unwrap().orders, 1);
    drop(reader);
    assert_eq!(Sqlite::open_to_read(folder.path()).unwrap().balance().await.unwrap().orders, 1);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("nowhere");
    for folder in [folder.as_path(), parent.path()] {
        let text = Sqlite::open_to_read(folder).unwrap_err().to_string();
        let expected = format!(
            "no data folder at {0}: run `fulfil run --orders FILE --keys FILE --data {0}` first",
            folder.display()
        );
        assert_eq!(text, expected);
    }
    assert!(!folder.exists(), "reading makes nothing");
}

#[test]
fn a_newer_folder_is_refused() {
    let folder = TempDir::new().unwrap();
    drop(Sqlite::open(folder.path()).unwrap());
    change(folder.path(), "pragma user_version = 999");
    for error in [Sqlite::open(folder.path()).unwrap_err(), Sqlite::open_to_read(folder.path()).unwrap_err()] {
        let text = error.to_string();
        assert!(text.contains("written by a newer fulfil (version 999"), "{text}");
    }
}

#[test]
fn another_program_s_file_is_left_alone() {
    let folder = TempDir::new().unwrap();
    change(folder.path(), "create table theirs (a); insert into theirs values (1)");
    let text = Sqlite::open(folder.path()).unwrap_err().to_string();
    assert!(text.contains("was not written by fulfil"), "{text}");
    let theirs = rusqlite::Connection::open(folder.path().join("fulfil.db")).unwrap();
    assert_eq!(theirs.query_row("select a from theirs", [], |row| row.get::<_, i64>(0)), Ok(1));
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("fulfil.db"), "order_id,merchant_id\n".repeat(500)).unwrap();
    for error in [Sqlite::open(folder.path()).unwrap_err(), Sqlite::open_to_read(folder.path()).unwrap_err()] {
        let text = error.to_string();
        assert!(text.contains("no SQLite database") && text.contains("--data"), "{text}");
    }
}

#[test]
fn a_file_in_the_folder_s_place_is_refused() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("data");
    fs::write(&folder, "").unwrap();
    let error = Sqlite::open(&folder).unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");
}
