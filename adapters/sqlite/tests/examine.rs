//! What a look at a data folder finds, each provoked once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is test code")]

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use fulfil_contract::examination::Grade;
use fulfil_sqlite::{OpenError, Sqlite, examine};
use rusqlite::Connection;

/// The findings that are not ok; how full the disk is, and of what kind, belongs to the machine.
async fn bad(folder: &Path) -> Vec<(&'static str, Grade)> {
    let examination = examine(folder).await.unwrap();
    let bad = examination.findings.iter().filter(|finding| finding.grade != Grade::Ok);
    bad.map(|finding| (finding.check.id, finding.grade))
        .filter(|(id, _)| !["sqlite.space", "sqlite.file_system"].contains(id))
        .collect()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    folder
}

#[tokio::test]
async fn a_good_folder_is_well_also_while_a_run_works_in_it() {
    let folder = folder();
    let working = Sqlite::open(folder.path()).unwrap();
    assert_eq!(bad(folder.path()).await, []);
    assert_eq!(examine(folder.path()).await.unwrap().findings.len(), 8);
    drop(working);
    assert_eq!(bad(folder.path()).await, []);
}

#[tokio::test]
async fn no_folder_and_what_is_no_database() {
    let folder = folder();
    assert!(matches!(examine(folder.path()).await, Err(OpenError::Missing { .. })));
    fs::write(folder.path().join("fulfil.db"), "no database ".repeat(1000)).unwrap();
    fs::set_permissions(folder.path().join("fulfil.db"), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(examine(folder.path()).await.unwrap().grade(), Grade::Broken);
}

#[tokio::test]
async fn another_log_an_older_version_and_too_many_readers() {
    let folder = folder();
    drop(Sqlite::open(folder.path()).unwrap());
    let file = folder.path().join("fulfil.db");
    let connection = Connection::open(&file).unwrap();
    connection.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(())).unwrap();
    assert_eq!(bad(folder.path()).await, [("sqlite.journal_mode", Grade::Warning)]);
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    assert_eq!(bad(folder.path()).await, [("sqlite.schema", Grade::Broken)]);
    connection.pragma_update(None, "user_version", 2).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(bad(folder.path()).await, [("sqlite.permissions", Grade::Warning)]);
    fs::set_permissions(&file, Permissions::from_mode(0o620)).unwrap();
    assert_eq!(bad(folder.path()).await, [("sqlite.permissions", Grade::Broken)]);
}
