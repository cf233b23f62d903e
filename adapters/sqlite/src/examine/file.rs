//! The file: whole, ours, and written so that what was committed is on the disk.

use std::{path::Path, sync::mpsc, thread, time::Duration};

use fulfil_contract::examination::{Check, Finding, Promise};
use rusqlite::{Connection, ErrorCode};

use super::READABLE;
use crate::{
    errors::StoreError,
    open::{DURABLE, FILE, open_to_read},
    schema,
};

const SCHEMA: Check = Check { id: "sqlite.schema", subject: "version", promise: Promise::WorkGoesOn };
const INTEGRITY: Check = Check { id: "sqlite.integrity", subject: "integrity", promise: Promise::DecisionsStay };
const JOURNAL: Check = Check { id: "sqlite.journal_mode", subject: "journal", promise: Promise::DecisionsStay };
const SYNCHRONOUS: Check = Check { id: "sqlite.synchronous", subject: "synchronous", promise: Promise::DecisionsStay };

/// A gigabyte takes some seconds.
const LONGEST_CHECK: Duration = Duration::from_secs(60);
const SHELL: &str = "shell";

pub(super) fn look(folder: &Path) -> Vec<Finding> {
    let connection = match open_to_read(folder) {
        Ok(connection) => connection,
        Err(error) => return vec![READABLE.broken(error.to_string())],
    };
    vec![
        READABLE.ok("opens"),
        version(&connection),
        integrity(&connection, folder),
        journal(&connection),
        synchronous(&connection),
    ]
}

fn version(connection: &Connection) -> Finding {
    match schema::check(connection) {
        Ok(()) => SCHEMA.ok(schema::VERSION.to_string()),
        Err(StoreError::Broken(why)) => SCHEMA.broken(why).mended(SHELL, "fulfil migrate --data DIR"),
        Err(error) => SCHEMA.warning(format!("can't be seen: {error}")),
    }
}

fn integrity(connection: &Connection, folder: &Path) -> Finding {
    let handle = connection.get_interrupt_handle();
    let (done, waiting) = mpsc::channel::<()>();
    let checked: Result<String, rusqlite::Error> = thread::scope(|scope| {
        scope.spawn(move || {
            if waiting.recv_timeout(LONGEST_CHECK) == Err(mpsc::RecvTimeoutError::Timeout) {
                handle.interrupt();
            }
        });
        let first = connection.query_row("pragma integrity_check(1)", [], |row| row.get(0));
        drop(done);
        first
    });
    match checked {
        Ok(said) if said == "ok" => INTEGRITY.ok("every page and index"),
        Ok(said) => damaged(&said, folder),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            INTEGRITY.warning(format!("not looked at to the end: it took longer than {} s", LONGEST_CHECK.as_secs()))
        }
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
            damaged(&error.to_string(), folder)
        }
        Err(error) => INTEGRITY.warning(format!("can't be looked at: {error}")),
    }
}

fn damaged(said: &str, folder: &Path) -> Finding {
    let said = said.lines().next_back().unwrap_or(said);
    INTEGRITY
        .broken(format!("{FILE} is damaged ({said}): the disk or another program did it"))
        .mended(SHELL, format!("cp BACKUP {}   # and see what the disk says: dmesg", folder.join(FILE).display()))
}

fn journal(connection: &Connection) -> Finding {
    match connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0)) {
        Ok(mode) if mode == "wal" => JOURNAL.ok("write-ahead log"),
        Ok(mode) => JOURNAL
            .warning(format!("{mode}: another program changed it; the next run sets it back"))
            .mended("sqlite3", "PRAGMA journal_mode = wal;"),
        Err(error) => JOURNAL.warning(format!("can't be seen: {error}")),
    }
}

/// Not kept in the file: this connection is told what a run's is told, and asked what it made of it.
fn synchronous(connection: &Connection) -> Finding {
    let set = connection.execute_batch(DURABLE);
    match set.and_then(|()| connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0))) {
        Ok(2 | 3) => SYNCHRONOUS.ok("full: a commit is on the disk before it is told"),
        Ok(level) => SYNCHRONOUS.broken(format!("{level}, although runs ask for full (2): a power cut loses commits")),
        Err(error) => SYNCHRONOUS.warning(format!("can't be seen: {error}")),
    }
}
