//! A data folder, as the ledger's suites try it.
#![allow(dead_code, reason = "not every test asks for all of it")]

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use fulfil_contract::{
    conformance::{procurements::samples::SlowLaneBackend, samples::LedgerBackend},
    ids::KeyId,
    ports::{
        books::Books,
        ledger::Ledger,
        procurements::{Procurements, Reviews},
        stock_ledger::StockLedger,
    },
};
use fulfil_sqlite::Sqlite;
use tempfile::TempDir;

pub(crate) struct Folder {
    pub(crate) store: Sqlite,
    path: PathBuf,
    owned: Option<TempDir>,
}

pub(crate) async fn fresh() -> Folder {
    Folder::at(TempDir::new().unwrap())
}

impl Folder {
    pub(crate) fn at(folder: TempDir) -> Self {
        Self { store: Sqlite::open(folder.path()).unwrap(), path: folder.path().to_owned(), owned: Some(folder) }
    }

    /// A folder that is somebody else's to remove.
    pub(crate) fn lent(folder: &Path) -> Self {
        Self { store: Sqlite::open(folder).unwrap(), path: folder.to_owned(), owned: None }
    }

    /// Changes the file from beside: for what no port does.
    pub(crate) fn change(&self, sql: &str) -> usize {
        let connection = rusqlite::Connection::open(self.path.join("fulfil.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.execute(sql, []).unwrap()
    }

    /// The same folder, in a process of its own as far as this crate can tell.
    pub(crate) fn opened_again(self) -> Self {
        let Self { store, path, owned } = self;
        drop(store);
        Self { owned, ..Self::lent(&path) }
    }
}

impl SlowLaneBackend for Folder {
    fn procurements(&self) -> &dyn Procurements {
        &self.store
    }

    fn reviews(&self) -> &dyn Reviews {
        &self.store
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
