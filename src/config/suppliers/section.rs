//! A supplier as configured.

use std::{collections::BTreeMap, fmt, time::Duration};

use fulfil_contract::{money::Currency, supplier::SupplierName};
use serde_json::{Map, Value};

use super::{
    super::{error::ConfigError, place::Place, supplier_url::SupplierUrl},
    refusal::{self, ProtocolError},
};
use crate::procurement::assortment::Rates;

/// `[suppliers.NAME]`. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct SupplierSection {
    pub name: SupplierName,
    pub kind: SupplierKind,
    pub url: SupplierUrl,
    /// Prices in routes and answers are in it.
    pub currency: Currency,
    /// Of one call, 100 ms to five minutes; shorter than procurement's lease.
    pub timeout: Duration,
    /// `None`: what its protocol promises.
    pub settle: Option<Duration>,
    /// Calls under way at once, 1–1000.
    pub concurrency: usize,
    /// Calls begun in a second; `None`: as many as there are.
    pub per_second: Option<u16>,
    /// The first pause between queries for an attempt that is pending.
    pub poll: Duration,
    pub breaker: BreakerSection,
    pub rates: Rates,
    pub(super) protocol: Map<String, Value>,
    /// Of every key that somebody set, by its path within the section: `a.b.0.c`.
    pub(super) places: BTreeMap<String, Place>,
    pub(super) place: Place,
    pub(super) file: String,
}

/// When calls to a supplier stop for a while.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BreakerSection {
    /// 1–100.
    pub failure_percent: u16,
    /// 1–100.
    pub slow_percent: u16,
    /// A call that takes longer is slow.
    pub slow: Duration,
    /// So many of the last calls are looked at.
    pub window: usize,
    /// How long before calls are tried again.
    pub open: Duration,
}

/// What a supplier speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SupplierKind {
    /// JSON over HTTP, described by the configuration alone.
    Json,
    /// 卡速售 2.0.
    Kasushou,
    /// acg-faka's shared shop.
    AcgFaka,
    Kinguin,
    /// Gift cards and top-ups.
    Reloadly,
}

impl SupplierKind {
    pub const ALL: [Self; 5] = [Self::Json, Self::Kasushou, Self::AcgFaka, Self::Kinguin, Self::Reloadly];

    /// As the configuration writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Kasushou => "kasushou",
            Self::AcgFaka => "acg_faka",
            Self::Kinguin => "kinguin",
            Self::Reloadly => "reloadly",
        }
    }
}

impl SupplierSection {
    /// The keys of its protocol, credentials included: for its adapter, not for a log.
    #[must_use]
    pub fn protocol(&self) -> &Map<String, Value> {
        &self.protocol
    }

    /// What its adapter says about a key, with the place of that key.
    #[must_use]
    pub fn refused(&self, error: &ProtocolError) -> ConfigError {
        refusal::of(self, error)
    }

    /// `suppliers.NAME`.
    pub(super) fn section(&self) -> String {
        super::section_of(&self.name)
    }
}

impl fmt::Debug for SupplierSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupplierSection")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("url", &self.url)
            .field("currency", &self.currency)
            .field("timeout", &self.timeout)
            .field("settle", &self.settle)
            .field("concurrency", &self.concurrency)
            .field("per_second", &self.per_second)
            .field("poll", &self.poll)
            .field("breaker", &self.breaker)
            .field("rates", &self.rates)
            .field("set", &self.places.keys())
            .finish_non_exhaustive()
    }
}
