//! The sections, one small struct each. Units are in the types; `None` is a key that is not set.

use std::{net::SocketAddr, time::Duration};

use crate::sealing::{FingerprintSecret, Recipient};

use super::{
    choices::{LogFormat, ResultsMode},
    server_url::ServerUrl,
};

/// `[source]`: the broker that orders come from and results go to.
#[derive(Debug, Clone)]
pub struct SourceSection {
    pub url: Option<ServerUrl>,
    /// 1–64.
    pub lanes: usize,
    /// 1–1000.
    pub batch_orders: usize,
    /// Batches per lane, 1–16.
    pub in_flight: usize,
}

/// `[stock]`: the server that offers key ids.
#[derive(Debug, Clone)]
pub struct StockSection {
    pub url: Option<ServerUrl>,
    /// 1–64.
    pub buckets: u16,
    /// 10 ms to a minute.
    pub timeout: Duration,
}

/// `[ledger]`: the database that decides.
#[derive(Debug, Clone)]
pub struct LedgerSection {
    pub url: Option<ServerUrl>,
    /// 1–200.
    pub connections: usize,
    /// 100 ms to ten minutes.
    pub timeout: Duration,
}

/// `[results]`
#[derive(Debug, Clone)]
pub struct ResultsSection {
    pub mode: ResultsMode,
    /// 100 ms to ten minutes.
    pub confirm_timeout: Duration,
}

/// `[sealing]`
#[derive(Debug, Clone)]
pub struct SealingSection {
    pub recipient: Option<Recipient>,
    pub fingerprint_secret: Option<FingerprintSecret>,
}

/// `[admin]`
#[derive(Debug, Clone)]
pub struct AdminSection {
    /// `None`: turned off.
    pub listen: Option<SocketAddr>,
}

/// `[worker]`
#[derive(Debug, Clone)]
pub struct WorkerSection {
    /// 1 second to ten minutes.
    pub drain: Duration,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct LogSection {
    pub format: LogFormat,
    /// A filter that `tracing_subscriber::EnvFilter` takes.
    pub level: String,
}
