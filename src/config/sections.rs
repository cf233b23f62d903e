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

/// `[procurement]`: buying what stock can't fill.
#[derive(Debug, Clone)]
pub struct ProcurementSection {
    /// Lines worked on at once in a process, 1–4096.
    pub in_flight: usize,
    /// 3 seconds to an hour; longer than any supplier's timeout.
    pub lease: Duration,
    /// What one line may take in all, 1 second to a week.
    pub deadline: Duration,
}

/// `[callbacks]`: what suppliers tell by themselves.
#[derive(Debug, Clone)]
pub struct CallbacksSection {
    /// `None`: turned off.
    pub listen: Option<SocketAddr>,
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
