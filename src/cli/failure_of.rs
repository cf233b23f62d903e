//! What each boundary's errors are to whoever called: one sysexits code and one sentence for each, here and
//! nowhere else.

use fulfil_contract::ports::{ledger::LedgerError, source::SourceError, stock::StockError};

use super::failure::{Exit, Failure};
use crate::{
    compose::{ComposeError, FolderError, FolderStoreError},
    config::ConfigError,
    sealing::{OwnKeysError, PrivateKeyFileError},
    stock::{import::ImportError, keeper::KeepError},
};

/// The parts can't be put together, or one of them could not be brought up.
#[must_use]
pub fn compose(error: ComposeError) -> Failure {
    let exit = match &error {
        ComposeError::Config(_) | ComposeError::Source(_) | ComposeError::Supplier(_) => Exit::Config,
        ComposeError::Topology(_) => Exit::Unavailable,
        ComposeError::Ledger(error) => of_ledger(error),
        ComposeError::Stock(error) => of_stock(error),
        ComposeError::Folder(error) => of_folder(error),
    };
    Failure::new(exit, error.to_string())
}

/// A key that the command needs is not set.
#[must_use]
pub fn config(error: ConfigError) -> Failure {
    Failure::new(Exit::Config, error.to_string())
}

#[must_use]
pub fn ledger(error: LedgerError) -> Failure {
    let exit = of_ledger(&error);
    match error {
        LedgerError::OutcomeUnknown(_) => {
            Failure::new(exit, format!("{error}; run the same command again, what was done is not done twice"))
        }
        LedgerError::Unavailable(_) | LedgerError::Data(_) | LedgerError::Broken(_) => {
            Failure::new(exit, error.to_string())
        }
    }
}

#[must_use]
pub fn stock(error: StockError) -> Failure {
    Failure::new(of_stock(&error), error.to_string())
}

#[must_use]
pub fn keep(error: KeepError) -> Failure {
    match error {
        KeepError::Ledger(error) => ledger(error),
        KeepError::Stock(error) => stock(error),
    }
}

#[must_use]
pub fn source(error: SourceError) -> Failure {
    let exit = match &error {
        SourceError::Unavailable(_) => Exit::Unavailable,
        SourceError::SessionLost(_) => Exit::TryAgain,
        SourceError::Topology(_) => Exit::Config,
    };
    Failure::new(exit, error.to_string())
}

/// An embedded data folder that can't be opened.
#[must_use]
pub fn folder(error: FolderError) -> Failure {
    Failure::new(of_folder(&error), error.to_string())
}

/// An embedded data folder, once it is open.
#[must_use]
pub fn folder_store(error: FolderStoreError) -> Failure {
    ledger(error.into())
}

#[must_use]
pub fn import(error: ImportError) -> Failure {
    let exit = match &error {
        ImportError::Read(_) => Exit::NoInput,
        ImportError::Ledger(error) => of_ledger(error),
        ImportError::Task(_) => Exit::Software,
    };
    Failure::new(exit, error.to_string())
}

#[must_use]
pub fn own_keys(error: OwnKeysError) -> Failure {
    let exit = match &error {
        OwnKeysError::PrivateKey(error) => of_private_key_file(error),
        OwnKeysError::File { .. } => Exit::CantCreate,
        OwnKeysError::Secret { .. } | OwnKeysError::OneOfTwo { .. } => Exit::Config,
    };
    Failure::new(exit, error.to_string())
}

#[must_use]
pub fn private_key_file(error: PrivateKeyFileError) -> Failure {
    Failure::new(of_private_key_file(&error), error.to_string())
}

fn of_ledger(error: &LedgerError) -> Exit {
    match error {
        LedgerError::Unavailable(_) => Exit::Unavailable,
        LedgerError::OutcomeUnknown(_) => Exit::TryAgain,
        LedgerError::Data(_) => Exit::Data,
        LedgerError::Broken(_) => Exit::Config,
    }
}

fn of_stock(error: &StockError) -> Exit {
    match error {
        StockError::Unavailable(_) | StockError::OutOfMemory => Exit::Unavailable,
        StockError::FunctionsMissing | StockError::Refused(_) => Exit::Config,
    }
}

fn of_folder(error: &FolderError) -> Exit {
    match error {
        FolderError::InUse { .. } => Exit::TryAgain,
        FolderError::Missing { .. } => Exit::NoInput,
        FolderError::Folder { .. } => Exit::CantCreate,
        FolderError::Store { error, .. } => match error {
            FolderStoreError::Unavailable(_) => Exit::Unavailable,
            FolderStoreError::OutcomeUnknown(_) => Exit::TryAgain,
            FolderStoreError::Data(_) => Exit::Data,
            FolderStoreError::Broken(_) => Exit::Config,
        },
    }
}

fn of_private_key_file(error: &PrivateKeyFileError) -> Exit {
    match error {
        PrivateKeyFileError::Exists { .. } | PrivateKeyFileError::Write { .. } => Exit::CantCreate,
        PrivateKeyFileError::Read { .. } | PrivateKeyFileError::OthersCanRead { .. } => Exit::NoInput,
        PrivateKeyFileError::NoKey { .. }
        | PrivateKeyFileError::SecondKey { .. }
        | PrivateKeyFileError::Line { .. } => Exit::Data,
    }
}
