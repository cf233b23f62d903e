//! A private, empty ledger on a Postgres server that the tests of one program share.

use std::time::Duration;

use async_trait::async_trait;
use fulfil_contract::{
    conformance::samples::LedgerBackend,
    ids::KeyId,
    ports::{books::Books, ledger::Ledger, stock_ledger::StockLedger},
};
use fulfil_postgres::{Postgres, migrate};
use tokio_postgres::{Client, NoTls};

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct PrivateLedger {
    pub(crate) url: String,
    pub(crate) postgres: Postgres,
}

pub(crate) async fn fresh_ledger() -> PrivateLedger {
    let url = fresh_database();
    migrate(&url).await.unwrap();
    let postgres = Postgres::new(&url, 8, LIMIT).unwrap();
    PrivateLedger { url, postgres }
}

pub(crate) fn fresh_database() -> String {
    private_servers::Postgres::shared().unwrap().new_database().unwrap()
}

impl PrivateLedger {
    /// A connection beside the adapter's own.
    pub(crate) async fn connect(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

#[async_trait]
impl LedgerBackend for PrivateLedger {
    fn ledger(&self) -> &dyn Ledger {
        &self.postgres
    }

    fn stock_ledger(&self) -> &dyn StockLedger {
        &self.postgres
    }

    fn books(&self) -> &dyn Books {
        &self.postgres
    }

    async fn quarantine(&self, id: KeyId) {
        let changed = self
            .connect()
            .await
            .execute("update fulfil.card_key set state = 2 where id = $1 and state = 0", &[&id.0])
            .await
            .unwrap();
        assert_eq!(changed, 1, "key {id} is not available");
    }

    async fn age_epochs(&self, by: Duration) {
        let seconds = by.as_secs_f64();
        self.connect()
            .await
            .execute("update fulfil.sku set epoch_began = epoch_began - make_interval(secs => $1)", &[&seconds])
            .await
            .unwrap();
    }
}
