//! The composition root: the one place that names the adapters. From a checked configuration, or an
//! embedded data folder, it makes the ports that everything else works with.

mod buying;
mod examining;

use std::{path::Path, sync::Arc, time::Duration};

use fulfil_contract::ports::{
    announcer::Announcer,
    books::Books,
    ledger::{Ledger, LedgerError},
    procurements::{Procurements, Reviews},
    stock::{Stock, StockClaims, StockError, StockLoading},
    stock_ledger::StockLedger,
};
use fulfil_postgres::Postgres;
use fulfil_rabbitmq::{RabbitAnnouncer, RabbitSources};
use fulfil_redis::Redis;
use fulfil_sqlite::Sqlite;

use crate::{
    config::{Config, ConfigError, ResultsMode},
    pipeline::{announce::Mode, intake::Limits},
    pool::{Ports, Settings},
    procurement::buyer::Times,
};

pub use buying::{buying, callbacks, protocol_mistakes, supplies, vault};
pub use examining::{examine, examine_folder};

/// How long one call to the broker may take, results aside.
const BROKER_LIMIT: Duration = Duration::from_secs(10);

/// Why the parts can't be put together.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("source.url: {0}")]
    Source(String),
    /// The broker can't be asked, or refuses.
    #[error("{0}")]
    Topology(String),
    #[error("ledger.url: {0}")]
    Ledger(#[from] LedgerError),
    #[error("stock.url: {0}")]
    Stock(#[from] StockError),
    #[error("{0}")]
    Supplier(String),
    #[error(transparent)]
    Folder(#[from] fulfil_sqlite::OpenError),
}

/// The parts behind the commands that look at or fill stock and ledger.
#[derive(Clone)]
pub struct Stores {
    pub ledger: Arc<dyn Ledger>,
    pub stock_ledger: Arc<dyn StockLedger>,
    pub books: Arc<dyn Books>,
    pub stock: Arc<dyn Stock>,
    pub loading: Arc<dyn StockLoading>,
    pub claims: Arc<dyn StockClaims>,
    pub procurements: Arc<dyn Procurements>,
    pub reviews: Arc<dyn Reviews>,
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stores")
    }
}

/// The configured servers' ledger and stock; nothing is connected yet.
///
/// # Errors
/// [`ComposeError`] when a URL is missing or is none.
pub fn stores(config: &Config) -> Result<Stores, ComposeError> {
    let postgres = Arc::new(postgres(config)?);
    let redis = Arc::new(Redis::new(config.stock_url()?, config.stock.timeout)?);
    Ok(Stores {
        ledger: postgres.clone(),
        stock_ledger: postgres.clone(),
        books: postgres.clone(),
        stock: redis.clone(),
        loading: redis.clone(),
        claims: redis,
        procurements: postgres.clone(),
        reviews: postgres,
    })
}

/// The configured ledger alone.
///
/// # Errors
/// [`ComposeError`].
pub fn postgres(config: &Config) -> Result<Postgres, ComposeError> {
    Ok(Postgres::new(config.ledger_url()?, config.ledger.connections, config.ledger.timeout)?)
}

/// The configured broker's lanes; prefetch is explicit: a batch for each in flight, and one more.
///
/// # Errors
/// [`ComposeError`].
pub fn sources(config: &Config) -> Result<RabbitSources, ComposeError> {
    let prefetch = config.source.batch_orders.saturating_mul(config.source.in_flight + 1);
    let prefetch = u16::try_from(prefetch).unwrap_or(u16::MAX);
    Ok(RabbitSources::new(broker_url(config)?, lanes(config), prefetch, BROKER_LIMIT))
}

fn lanes(config: &Config) -> u16 {
    u16::try_from(config.source.lanes).unwrap_or(u16::MAX)
}

/// All the ports of a worker on the configured servers.
///
/// # Errors
/// [`ComposeError`].
pub fn worker(config: &Config) -> Result<Ports, ComposeError> {
    let Stores { ledger, stock_ledger, stock, loading, claims, procurements, books: _, reviews: _ } = stores(config)?;
    let (url, limit) = (broker_url(config)?, config.results.confirm_timeout);
    let announcers = move || -> Arc<dyn Announcer> { Arc::new(RabbitAnnouncer::new(url.clone(), limit)) };
    Ok(Ports {
        sources: Arc::new(sources(config)?),
        announcers: Box::new(announcers),
        stock,
        loading,
        claims,
        ledger,
        stock_ledger,
        procurements,
    })
}

/// Brings the ledger's schema up to date.
///
/// # Errors
/// [`ComposeError`].
pub async fn migrate_ledger(config: &Config) -> Result<(), ComposeError> {
    fulfil_postgres::migrate(config.ledger_url()?).await?;
    Ok(())
}

/// Declares the broker's exchanges and queues.
///
/// # Errors
/// [`ComposeError`].
pub async fn declare_topology(config: &Config) -> Result<(), ComposeError> {
    fulfil_rabbitmq::declare(&broker_url(config)?, lanes(config), BROKER_LIMIT)
        .await
        .map_err(|error| ComposeError::Topology(error.to_string()))
}

/// Loads the stock server's functions.
///
/// # Errors
/// [`ComposeError`].
pub async fn install_functions(config: &Config) -> Result<(), ComposeError> {
    Ok(stores(config)?.loading.install().await?)
}

/// An embedded data folder.
#[derive(Debug, Clone)]
pub struct Folder(Sqlite);

/// A data folder to work in; made where it is missing.
///
/// # Errors
/// [`ComposeError`] when another process works in it.
pub fn embedded(folder: &Path) -> Result<Folder, ComposeError> {
    Ok(Folder(Sqlite::open(folder)?))
}

/// A data folder to look at, also while another process works in it.
///
/// # Errors
/// [`ComposeError`].
pub fn embedded_to_read(folder: &Path) -> Result<Folder, ComposeError> {
    Ok(Folder(Sqlite::open_to_read(folder)?))
}

impl Folder {
    /// The parts behind the commands.
    #[must_use]
    pub fn stores(&self) -> Stores {
        let sqlite = Arc::new(self.0.clone());
        Stores {
            ledger: sqlite.clone(),
            stock_ledger: sqlite.clone(),
            books: sqlite.clone(),
            stock: sqlite.clone(),
            loading: sqlite.clone(),
            claims: sqlite.clone(),
            procurements: sqlite.clone(),
            reviews: sqlite,
        }
    }

    /// All the ports of a worker.
    #[must_use]
    pub fn worker(&self) -> Ports {
        let Stores { ledger, stock_ledger, stock, loading, claims, procurements, books: _, reviews: _ } = self.stores();
        let announcer = Arc::new(self.0.clone());
        let announcers = Box::new(move || -> Arc<dyn Announcer> { announcer.clone() });
        let sources = Arc::new(self.0.clone());
        Ports { sources, announcers, stock, loading, claims, ledger, stock_ledger, procurements }
    }

    /// Puts order messages into the inbox.
    ///
    /// # Errors
    /// What the folder says.
    pub async fn ingest(&self, source: &str, lines: Vec<(u64, Vec<u8>)>) -> Result<u64, String> {
        self.0.inbox().ingest(source, lines).await.map_err(|error| error.to_string())
    }

    /// How many messages of the inbox are not worked off.
    ///
    /// # Errors
    /// What the folder says.
    pub async fn waiting(&self) -> Result<u64, String> {
        self.0.inbox().waiting().await.map_err(|error| error.to_string())
    }
}

/// How a worker works, from its configuration.
#[must_use]
pub fn settings(config: &Config, until_empty: Option<Duration>) -> Settings {
    Settings {
        mode: match config.results.mode {
            ResultsMode::Single => Mode::Single,
            ResultsMode::Batch => Mode::Batch,
        },
        limits: Limits { orders: config.source.batch_orders, ..Limits::default() },
        in_flight: config.source.in_flight,
        until_empty,
        grace: config.worker.drain,
        assortment: Arc::new(config.assortment().clone()),
        times: Times { lease: config.procurement.lease, line: config.procurement.deadline },
        buying: None,
    }
}

/// What the commands for orders and results say to the broker with; nothing of it is part of a worker.
pub use fulfil_rabbitmq::{BrokerUrl, RabbitResults, RabbitSubmitter, ResultMessage, Submission, Tap};
/// Why a data folder can't be opened; why it gave no answer; what it announced.
pub use fulfil_sqlite::{Announced, OpenError as FolderError, StoreError as FolderStoreError};

/// The configured broker.
///
/// # Errors
/// [`ComposeError`] when its URL is missing or is none.
pub fn broker_url(config: &Config) -> Result<BrokerUrl, ComposeError> {
    BrokerUrl::parse(config.source_url()?).map_err(|error| ComposeError::Source(error.to_string()))
}

impl Folder {
    /// Up to `most` stored results with numbers above `after`, in the order in which they were announced.
    ///
    /// # Errors
    /// [`FolderStoreError`].
    pub async fn results(&self, after: i64, most: u32) -> Result<Vec<Announced>, FolderStoreError> {
        self.0.results(after, most).await
    }
}

/// The ledger's side alone, for commands that need no stock server.
#[derive(Clone)]
pub struct LedgerSide {
    pub stock_ledger: Arc<dyn StockLedger>,
    pub books: Arc<dyn Books>,
    pub procurements: Arc<dyn Procurements>,
    pub reviews: Arc<dyn Reviews>,
}

impl std::fmt::Debug for LedgerSide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LedgerSide")
    }
}

impl From<Stores> for LedgerSide {
    fn from(Stores { stock_ledger, books, procurements, reviews, .. }: Stores) -> Self {
        Self { stock_ledger, books, procurements, reviews }
    }
}

/// The configured ledger's side; nothing is connected yet.
///
/// # Errors
/// [`ComposeError`] when its URL is missing or is none.
pub fn ledger_side(config: &Config) -> Result<LedgerSide, ComposeError> {
    let postgres = Arc::new(postgres(config)?);
    Ok(LedgerSide {
        stock_ledger: postgres.clone(),
        books: postgres.clone(),
        procurements: postgres.clone(),
        reviews: postgres,
    })
}
