//! A private, empty ledger on a Postgres server that the tests of one program share. Its database is dropped with it: those
//! of all tests would fill 4 GB.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
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
use fulfil_postgres::{Postgres, migrate};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct PrivateLedger {
    pub(crate) url: String,
    pub(crate) postgres: Postgres,
    own: Option<OwnDatabase>,
}

/// A database of one test; the server drops it when this is dropped.
#[derive(Debug)]
pub(crate) struct OwnDatabase(String);

/// A copy of a database that was migrated once.
pub(crate) async fn fresh_ledger() -> PrivateLedger {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    static COPIES: AtomicU32 = AtomicU32::new(1);
    let migrated = TEMPLATE.get_or_init(async || {
        let url = fresh_database();
        migrate(&url).await.unwrap();
        url
    });
    let (server_url, template) = migrated.await.rsplit_once('/').unwrap();
    let copy = format!("{template}_copy_{}", COPIES.fetch_add(1, Ordering::Relaxed));
    let server = private_servers::Postgres::shared().unwrap();
    server.execute(&format!("create database {copy} template {template}")).unwrap();
    let url = format!("{server_url}/{copy}");
    let postgres = Postgres::new(&url, 8, LIMIT).unwrap();
    PrivateLedger { url, postgres, own: Some(OwnDatabase(copy)) }
}

pub(crate) fn fresh_database() -> String {
    private_servers::Postgres::shared().unwrap().new_database().unwrap()
}

impl PrivateLedger {
    /// Another way into a database that is not its own.
    pub(crate) fn at(url: &str, postgres: Postgres) -> Self {
        Self { url: url.to_owned(), postgres, own: None }
    }

    /// Ends its connections, and keeps the database until what this gives is dropped.
    pub(crate) fn end_pool(self) -> Option<OwnDatabase> {
        self.own
    }

    /// A connection beside the adapter's own.
    pub(crate) async fn connect(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        let Self(name) = self;
        let dropped = private_servers::Postgres::shared()
            .and_then(|server| server.execute(&format!("drop database {name} with (force)")));
        // Not while the test fails: a second panic would end all of them.
        let told = std::thread::panicking() || dropped.is_ok();
        assert!(told, "the database {name} is left behind: {dropped:?}");
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

impl SlowLaneBackend for PrivateLedger {
    fn procurements(&self) -> &dyn Procurements {
        &self.postgres
    }

    fn reviews(&self) -> &dyn Reviews {
        &self.postgres
    }
}

/// Waits until a backend of this ledger waits for something, and gives its process id.
pub(crate) async fn waiting(client: &Client, what: &str) -> i32 {
    first_pid(client, &format!("wait_event = '{what}'")).await
}

/// Waits until a backend of the adapter is as `condition` on pg_stat_activity says, and gives its process id.
pub(crate) async fn first_pid(client: &Client, condition: &str) -> i32 {
    let since = Instant::now();
    loop {
        let ours = "datname = current_database() and application_name = 'fulfil'";
        let sql = format!("select pid from pg_stat_activity where {ours} and {condition} limit 1");
        if let Some(row) = client.query_opt(&sql, &[]).await.unwrap() {
            return row.get(0);
        }
        assert!(since.elapsed() < Duration::from_secs(30), "no backend has {condition}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
