//! What Postgres's errors mean to a caller, by SQLSTATE. Details are left out of every text: they may hold a row.

use fulfil_contract::{ports::ledger::LedgerError, recorded::UnreadableRow};
use tokio_postgres::{
    Error,
    error::{DbError, Severity},
    types::WrongType,
};

/// Why an attempt ended.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Rolled back for sure, because of another transaction: the whole of it again.
    Again(String),
    Ledger(LedgerError),
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<UnreadableRow> for Failure {
    fn from(error: UnreadableRow) -> Self {
        Self::Ledger(LedgerError::Broken(error.to_string()))
    }
}

impl Failure {
    /// `commit_sent`: what was sent last may have been committed although its answer is missing.
    pub(crate) fn of(error: &Error, commit_sent: bool) -> Self {
        let Some(db) = error.as_db_error() else {
            return Self::Ledger(without_answer(error, commit_sent));
        };
        // A fatal error ends the session: at a commit it leaves open whether that took place.
        if commit_sent && db.parsed_severity() != Some(Severity::Error) {
            return Self::Ledger(LedgerError::OutcomeUnknown(said(db)));
        }
        by_state(db)
    }
}

fn without_answer(error: &Error, commit_sent: bool) -> LedgerError {
    let text = with_causes(error);
    let ours = std::error::Error::source(error).is_some_and(|cause| cause.is::<WrongType>());
    match (ours, commit_sent) {
        (true, _) => LedgerError::Broken(format!(
            "the ledger's schema is not what this program expects ({text}): run `fulfil migrate`"
        )),
        (false, true) => LedgerError::OutcomeUnknown(text),
        (false, false) => LedgerError::Unavailable(text),
    }
}

fn by_state(db: &DbError) -> Failure {
    let state = db.code().code();
    let text = said(db);
    let error = match (&state[..2], state) {
        // Serialization failure, deadlock, a lock that was not there in time, another transaction's order id.
        (_, "40001" | "40P01" | "55P03" | "23505") => return Failure::Again(text),
        ("22" | "23", _) => LedgerError::Data(text),
        // Resources, operator, connection, idle in a transaction, a standby that can't write, the server's disk.
        ("53" | "57" | "08" | "58", _) | (_, "25P03" | "25006") => LedgerError::Unavailable(text),
        (_, "40003") => LedgerError::OutcomeUnknown(text),
        ("28", _) => LedgerError::Broken(format!("the ledger refuses our user: {text}: check ledger.url")),
        ("3D", _) => LedgerError::Broken(format!(
            "the ledger's database is missing: {text}: create it, then run `fulfil migrate`"
        )),
        (_, "42501") => LedgerError::Broken(format!(
            "{text}: run `fulfil migrate` as the owner of schema fulfil, or grant its tables to the user of ledger.url"
        )),
        ("42" | "3F" | "0A", _) => LedgerError::Broken(format!(
            "the ledger's schema is not what this program expects: {text}: run `fulfil migrate`"
        )),
        _ => LedgerError::Broken(format!("the ledger failed: {text}: see the log of the Postgres server")),
    };
    Failure::Ledger(error)
}

fn said(db: &DbError) -> String {
    format!("{} (SQLSTATE {})", db.message(), db.code().code())
}

/// The error with its causes, which alone say "connection refused".
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
