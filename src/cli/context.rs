//! What every command gets: the global options, the configuration once it is asked for, and what is behind
//! either: the configured servers or an embedded data folder.

use std::{
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::{Args, ValueEnum};

use super::{
    failure::{Exit, Failure},
    failure_of,
};
use crate::{
    compose::{self, Folder, LedgerSide, Stores},
    config::{Config, ConfigError, ConfigErrors, Sources},
};

/// How data is written to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For a person
    #[default]
    Text,
    /// For a program
    Json,
}

const HEADING: &str = "Options of every command";

/// Options that every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct GlobalOptions {
    /// The configuration file [default: what $FULFIL_CONFIG names, else ./fulfil.toml if there is one]
    #[arg(long, global = true, value_name = "FILE", help_heading = HEADING)]
    pub config: Option<PathBuf>,
    /// Work in this embedded data folder instead of on the configured servers
    #[arg(long, global = true, value_name = "DIR", help_heading = HEADING)]
    pub data: Option<PathBuf>,
    /// How data is written to stdout
    #[arg(
        long,
        global = true,
        value_name = "text|json",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        help_heading = HEADING
    )]
    pub format: Format,
}

/// A key without a default that a command can't do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    SourceUrl,
    StockUrl,
    LedgerUrl,
    Recipient,
    FingerprintSecret,
}

impl Needed {
    fn missing(self, config: &Config) -> Option<ConfigError> {
        match self {
            Self::SourceUrl => config.source_url().err(),
            Self::StockUrl => config.stock_url().err(),
            Self::LedgerUrl => config.ledger_url().err(),
            Self::Recipient => config.sealing_recipient().err(),
            Self::FingerprintSecret => config.fingerprint_secret().err(),
        }
    }
}

/// The global options, and the configuration, which is loaded when it is first asked for.
#[derive(Debug)]
pub struct Context {
    /// The embedded data folder; `None`: the configured servers.
    pub data: Option<PathBuf>,
    pub format: Format,
    file: Option<PathBuf>,
    loaded: OnceLock<Result<Config, ConfigErrors>>,
    asked: AtomicBool,
}

impl Context {
    #[must_use]
    pub fn new(options: GlobalOptions) -> Self {
        let GlobalOptions { config, data, format } = options;
        Self { data, format, file: config, loaded: OnceLock::new(), asked: AtomicBool::new(false) }
    }

    /// The checked configuration.
    ///
    /// # Errors
    /// 78, with everything that is wrong with it.
    pub fn config(&self) -> Result<&Config, Failure> {
        self.asked.store(true, Ordering::Relaxed);
        self.load().as_ref().map_err(|errors| Failure::new(Exit::Config, errors.to_string()))
    }

    /// The checked configuration, in which these keys are set.
    ///
    /// # Errors
    /// 78, with everything that is wrong with it, or every one of them that is not set.
    pub fn config_with(&self, needed: &[Needed]) -> Result<&Config, Failure> {
        let config = self.config()?;
        let missing: Vec<ConfigError> = needed.iter().filter_map(|key| key.missing(config)).collect();
        if missing.is_empty() {
            return Ok(config);
        }
        Err(Failure::new(Exit::Config, ConfigErrors(missing).to_string()))
    }

    /// The configuration where there is a good one: for what can do without, as logs can.
    #[must_use]
    pub fn config_if_good(&self) -> Option<&Config> {
        self.load().as_ref().ok()
    }

    /// A file was named for this very call, so the call is not to go on without it.
    #[must_use]
    pub fn config_is_named(&self) -> bool {
        self.file.is_some()
    }

    /// There is something wrong with the configuration, and nobody has heard of it.
    #[must_use]
    pub fn config_is_bad_unasked(&self) -> bool {
        !self.asked.load(Ordering::Relaxed) && self.load().is_err()
    }

    /// The embedded data folder; `None`: the configured servers.
    #[must_use]
    pub fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    #[must_use]
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Ledger and stock to look at; a data folder also while a run works in it.
    ///
    /// # Errors
    /// [`Failure`]: 66 when there is no such data folder, 78 when a server's URL is missing.
    pub fn to_read(&self) -> Result<Stores, Failure> {
        match self.folder_to_read()? {
            Some(folder) => Ok(folder.stores()),
            None => {
                compose::stores(self.config_with(&[Needed::LedgerUrl, Needed::StockUrl])?).map_err(failure_of::compose)
            }
        }
    }

    /// The ledger alone to look at; no stock server is needed.
    ///
    /// # Errors
    /// As [`Context::to_read`].
    pub fn ledger_to_read(&self) -> Result<LedgerSide, Failure> {
        match self.folder_to_read()? {
            Some(folder) => Ok(folder.stores().into()),
            None => compose::ledger_side(self.config_with(&[Needed::LedgerUrl])?).map_err(failure_of::compose),
        }
    }

    /// The ledger alone to change; no stock server is needed.
    ///
    /// # Errors
    /// As [`Context::to_read`]; 75 when another process works in the data folder.
    pub fn ledger_to_write(&self) -> Result<LedgerSide, Failure> {
        match self.data() {
            Some(folder) => Ok(compose::embedded(folder).map_err(failure_of::compose)?.stores().into()),
            None => self.ledger_to_read(),
        }
    }

    /// The data folder to look at; `None`: the configured servers.
    ///
    /// # Errors
    /// 66 when there is no such data folder.
    pub fn folder_to_read(&self) -> Result<Option<Folder>, Failure> {
        self.data().map(|folder| compose::embedded_to_read(folder).map_err(failure_of::compose)).transpose()
    }

    fn load(&self) -> &Result<Config, ConfigErrors> {
        self.loaded.get_or_init(|| {
            Config::load_checked(Sources::of_process(self.file.as_deref()), &compose::protocol_mistakes)
        })
    }
}
