//! Configuration: a TOML file, the environment and the command line, made into one checked [`Config`].
//!
//! What holds: one table ([`KEYS`]) names every key, another ([`SUPPLIER_KEYS`]) those of every supplier, and
//! parsing, variable names, `fulfil config check` and
//! `docs/configuration.md` come from it. Whatever is in a [`Config`] has been checked. All that is wrong is
//! said at once ([`ConfigErrors`]), with what was found, what is allowed and what to do; what nobody knows
//! is refused, with the nearest known name. No secret is ever printed, not in an error either.
//!
//! Precedence: command line, environment, file, default. Every value that is given is checked, also one
//! that another overrides.
//!
//! - where values come from: [`Sources`]
//! - what they mean: [`KEYS`], and the sections below
//! - what went wrong: [`ConfigErrors`] of a load, [`ConfigError`] of one thing

mod choices;
mod environment;
mod error;
mod file;
mod file_lookup;
mod keys;
mod kind;
mod lines;
mod load;
mod log_level;
#[cfg(test)]
mod mistakes_in_files;
#[cfg(test)]
mod mistakes_in_protocols;
#[cfg(test)]
mod mistakes_in_routes;
#[cfg(test)]
mod mistakes_in_suppliers;
#[cfg(test)]
mod mistakes_in_variables;
mod nearest;
mod place;
mod reference;
mod routes;
mod sections;
mod server_url;
mod sources;
mod supplier_url;
mod suppliers;

pub use choices::{LogFormat, ResultsMode};
pub use error::{ConfigError, ConfigErrors, Problem};
pub use keys::{KEYS, Key, SECTIONS, Secrecy};
pub use place::Place;
pub use reference::{Row, reference};
pub use routes::ROUTE_KEYS;
pub use sections::{
    AdminSection, CallbacksSection, LedgerSection, LogSection, ProcurementSection, ResultsSection, SealingSection,
    SourceSection, StockSection, WorkerSection,
};
pub use server_url::ServerUrl;
pub use sources::Sources;
pub use supplier_url::SupplierUrl;
pub use suppliers::{
    BreakerSection, ProtocolCheck, ProtocolError, SUPPLIER_KEYS, SupplierDraft, SupplierKind, SupplierSection,
};

use serde::Serialize;

use crate::{
    procurement::assortment::Assortment,
    sealing::{FingerprintSecret, Recipient},
};

/// What the process runs with. Its `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Config {
    pub source: SourceSection,
    pub stock: StockSection,
    pub ledger: LedgerSection,
    pub procurement: ProcurementSection,
    pub callbacks: CallbacksSection,
    pub results: ResultsSection,
    pub sealing: SealingSection,
    pub admin: AdminSection,
    pub worker: WorkerSection,
    pub log: LogSection,
    /// By name.
    suppliers: Vec<SupplierSection>,
    assortment: Assortment,
    /// One for each of [`KEYS`], in their order; then the suppliers' and the routes'.
    settings: Vec<Setting>,
    /// What errors about a key that is not set name as the place for it.
    file: String,
}

/// One key as it is set, for `fulfil config check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// `section.key`.
    pub key: String,
    /// What it is, secrets and passwords left out; `None`: not set.
    pub value: Option<String>,
    /// `FILE:LINE`, the variable, the flag, `default` or `not set`.
    pub from: String,
    /// What the key is for, in a line.
    pub doc: &'static str,
}

impl Config {
    /// Nobody looks at what belongs to suppliers' protocols.
    ///
    /// # Errors
    /// [`ConfigErrors`] holds everything that is wrong in any of the sources.
    pub fn load(sources: Sources) -> Result<Self, ConfigErrors> {
        Self::load_checked(sources, &|_| Vec::new())
    }

    /// With what the suppliers' protocols say about the keys of theirs. A section in which something else is
    /// wrong is shown to `protocol` too, with something harmless in that place.
    ///
    /// # Errors
    /// [`ConfigErrors`] holds everything that is wrong in any of the sources.
    pub fn load_checked(sources: Sources, protocol: ProtocolCheck<'_>) -> Result<Self, ConfigErrors> {
        load::load(sources, protocol)
    }

    /// The suppliers, by name.
    #[must_use]
    pub fn suppliers(&self) -> &[SupplierSection] {
        &self.suppliers
    }

    /// What may be bought where.
    #[must_use]
    pub fn assortment(&self) -> &Assortment {
        &self.assortment
    }

    /// Every key, what it is set to, and where; in the order of [`KEYS`], then the suppliers', then the routes'.
    #[must_use]
    pub fn describe(&self) -> Vec<Setting> {
        self.settings.clone()
    }

    /// `source.url`, password included: for the driver, not for a log.
    ///
    /// # Errors
    /// [`Problem::NotSet`] says where to set it.
    pub fn source_url(&self) -> Result<&str, ConfigError> {
        self.set(self.source.url.as_ref(), "source.url").map(ServerUrl::expose)
    }

    /// `stock.url`, password included: for the driver, not for a log.
    ///
    /// # Errors
    /// [`Problem::NotSet`] says where to set it.
    pub fn stock_url(&self) -> Result<&str, ConfigError> {
        self.set(self.stock.url.as_ref(), "stock.url").map(ServerUrl::expose)
    }

    /// `ledger.url`, password included: for the driver, not for a log.
    ///
    /// # Errors
    /// [`Problem::NotSet`] says where to set it.
    pub fn ledger_url(&self) -> Result<&str, ConfigError> {
        self.set(self.ledger.url.as_ref(), "ledger.url").map(ServerUrl::expose)
    }

    /// `sealing.recipient`.
    ///
    /// # Errors
    /// [`Problem::NotSet`] says where to set it.
    pub fn sealing_recipient(&self) -> Result<&Recipient, ConfigError> {
        self.set(self.sealing.recipient.as_ref(), "sealing.recipient")
    }

    /// `sealing.fingerprint_secret`.
    ///
    /// # Errors
    /// [`Problem::NotSet`] says where to set it.
    pub fn fingerprint_secret(&self) -> Result<&FingerprintSecret, ConfigError> {
        self.set(self.sealing.fingerprint_secret.as_ref(), "sealing.fingerprint_secret")
    }

    fn set<'a, T>(&self, value: Option<&'a T>, key: &'static str) -> Result<&'a T, ConfigError> {
        value.ok_or_else(|| ConfigError::not_set(key, &self.file))
    }
}
