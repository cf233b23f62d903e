//! The stock ports' suite over a data folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use fulfil_sqlite::Sqlite;
use tempfile::TempDir;

fulfil_contract::stock_suite!(fresh);

async fn fresh() -> (Sqlite, TempDir) {
    let folder = TempDir::new().unwrap();
    (Sqlite::open(folder.path()).unwrap(), folder)
}
