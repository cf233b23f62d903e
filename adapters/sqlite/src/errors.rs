//! What an error of SQLite means to a caller: whether anything was committed, and what to do.

use fulfil_contract::{
    ports::{
        announcer::AnnounceUnavailable,
        ledger::LedgerError,
        procurements::{ProcurementError, ResolveError},
        source::SourceError,
        stock::StockError,
    },
    recorded::UnreadableRow,
};
use rusqlite::ErrorCode;

/// Why the data folder's file gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room, or somebody else holds the file: nothing was committed. Try again.
    #[error("the data folder can't be used now: {0}")]
    Unavailable(String),
    /// The disk failed around the commit. Do the same again: I2 makes it safe.
    #[error("the data folder's disk failed around a commit, whose outcome is unknown: {0}")]
    OutcomeUnknown(String),
    /// The file refuses the data: nothing was committed.
    #[error("the data folder's file refuses the data: {0}")]
    Data(String),
    /// The file is not ours, of another version, damaged, or not to be written. Trying again won't help.
    #[error("{0}")]
    Broken(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Unavailable(format!("the disk is full, free some space ({error})")),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Unavailable(format!("another program holds fulfil.db, end it ({error})"))
            }
            Some(
                ErrorCode::OutOfMemory
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::OperationInterrupted,
            ) => Self::Unavailable(error.to_string()),
            Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch) => {
                Self::Data(error.to_string())
            }
            Some(ErrorCode::NotADatabase) => Self::Broken(
                "fulfil.db is no SQLite database: restore the data folder from a backup, or use another --data folder"
                    .into(),
            ),
            Some(ErrorCode::DatabaseCorrupt) => {
                Self::Broken(format!("fulfil.db is damaged, restore the data folder from a backup ({error})"))
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::Broken(format!("fulfil.db may not be written, check who owns the data folder ({error})"))
            }
            // What is left are mistakes of ours and rows that were changed by hand.
            _ => Self::Broken(format!("fulfil.db does not hold what it should: {error}")),
        }
    }
}

impl StoreError {
    /// What a failing COMMIT means: once the disk failed, the pages may have reached it or not.
    pub(crate) fn of_commit(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::SystemIoFailure) => Self::OutcomeUnknown(error.to_string()),
            _ => error.into(),
        }
    }
}

impl From<UnreadableRow> for StoreError {
    fn from(row: UnreadableRow) -> Self {
        Self::Broken(row.to_string())
    }
}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(text) => Self::Unavailable(text),
            StoreError::OutcomeUnknown(text) => Self::OutcomeUnknown(text),
            StoreError::Data(text) => Self::Data(text),
            StoreError::Broken(text) => Self::Broken(text),
        }
    }
}

impl From<StoreError> for ProcurementError {
    fn from(error: StoreError) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<StoreError> for ResolveError {
    fn from(error: StoreError) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<StoreError> for StockError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(text) | StoreError::OutcomeUnknown(text) => Self::Unavailable(text),
            StoreError::Data(text) | StoreError::Broken(text) => Self::Refused(text),
        }
    }
}

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(text) | StoreError::OutcomeUnknown(text) => Self::Unavailable(text),
            StoreError::Data(text) | StoreError::Broken(text) => Self::Topology(text),
        }
    }
}

impl From<StoreError> for AnnounceUnavailable {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
    }

    #[test]
    fn each_error_says_what_was_committed() {
        assert!(
            matches!(failure(rusqlite::ffi::SQLITE_FULL).into(), StoreError::Unavailable(text) if text.contains("disk is full"))
        );
        assert!(matches!(failure(rusqlite::ffi::SQLITE_BUSY).into(), StoreError::Unavailable(_)));
        assert!(matches!(failure(rusqlite::ffi::SQLITE_IOERR).into(), StoreError::Unavailable(_)));
        assert!(matches!(StoreError::of_commit(failure(rusqlite::ffi::SQLITE_IOERR)), StoreError::OutcomeUnknown(_)));
        assert!(matches!(StoreError::of_commit(failure(rusqlite::ffi::SQLITE_FULL)), StoreError::Unavailable(_)));
        assert!(matches!(failure(rusqlite::ffi::SQLITE_CONSTRAINT).into(), StoreError::Data(_)));
        assert!(
            matches!(failure(rusqlite::ffi::SQLITE_NOTADB).into(), StoreError::Broken(text) if text.contains("backup"))
        );
        assert!(
            matches!(failure(rusqlite::ffi::SQLITE_CORRUPT).into(), StoreError::Broken(text) if text.contains("backup"))
        );
        assert!(matches!(rusqlite::Error::QueryReturnedNoRows.into(), StoreError::Broken(_)));
    }
}
