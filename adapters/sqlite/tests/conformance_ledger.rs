//! The ledger's suites over a data folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use async_trait::async_trait;
use fulfil_contract::{
    conformance::samples::LedgerBackend,
    ids::KeyId,
    ports::{books::Books, ledger::Ledger, stock_ledger::StockLedger},
};
use fulfil_sqlite::Sqlite;
use tempfile::TempDir;

mod ledger {
    fulfil_contract::ledger_suite!(super::fresh);
}
mod stock_ledger {
    fulfil_contract::stock_ledger_suite!(super::fresh);
}
mod books {
    fulfil_contract::books_suite!(super::fresh);
}

struct Folder {
    store: Sqlite,
    path: TempDir,
}

async fn fresh() -> Folder {
    let path = TempDir::new().unwrap();
    let store = Sqlite::open(path.path()).unwrap();
    Folder { store, path }
}

impl Folder {
    /// Changes the file from beside: for what no port does.
    fn change(&self, sql: &str) -> usize {
        let connection = rusqlite::Connection::open(self.path.path().join("fulfil.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.execute(sql, []).unwrap()
    }
}

#[async_trait]
impl LedgerBackend for Folder {
    fn ledger(&self) -> &dyn Ledger {
        &self.store
    }

    fn stock_ledger(&self) -> &dyn StockLedger {
        &self.store
    }

    fn books(&self) -> &dyn Books {
        &self.store
    }

    async fn quarantine(&self, id: KeyId) {
        assert_eq!(self.change(&format!("update card_key set state = 2 where id = {} and state = 0", id.0)), 1);
    }

    async fn age_epochs(&self, by: Duration) {
        self.change(&format!("update sku set epoch_began = epoch_began - {}", by.as_micros()));
    }
}
