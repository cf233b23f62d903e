//! The properties of ledger and stock over a data folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod folder;

use fulfil_contract::conformance::properties;
use fulfil_sqlite::Sqlite;
use tempfile::TempDir;

#[test]
fn the_ledger_does_what_its_model_does() {
    properties::ledger(96, folder::fresh);
}

#[test]
fn stock_does_what_its_model_does() {
    properties::stock(96, async || {
        let folder = TempDir::new().unwrap();
        (Sqlite::open(folder.path()).unwrap(), folder)
    });
}
