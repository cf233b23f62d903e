//! Why there is no answer, and whether something may have been sent: what decides about money.

use std::error::Error;

use fulfil_contract::{
    ports::supplier::SupplierError,
    supplier::{Bought, Found, Hindrance},
};

/// A call without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// For sure not a byte of the request left.
    #[error("not sent: {why}")]
    NotSent { why: String, by: Hindrance },
    /// The request may have arrived.
    #[error("{0}")]
    Unknown(String),
}

impl Failure {
    /// `is_connect` is true for what hyper-util gives up on before a request meets a connection: name, TCP,
    /// TLS, and the limit on these together. `is_builder`: nothing was tried.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let why = chain(error);
        if error.is_builder() {
            Self::withheld(why)
        } else if error.is_connect() {
            Self::NotSent { why, by: Hindrance::Theirs }
        } else {
            Self::Unknown(why)
        }
    }

    /// Not sent, and the supplier has no part in that.
    pub(crate) fn withheld(why: impl Into<String>) -> Self {
        Self::NotSent { why: why.into(), by: Hindrance::Ours }
    }

    /// Whose doing it is that there is no answer.
    pub(crate) fn hindrance(&self) -> Hindrance {
        match self {
            Self::NotSent { by, .. } => *by,
            Self::Unknown(_) => Hindrance::Theirs,
        }
    }
}

impl From<Failure> for Bought {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotSent { why, by } => Self::NotSent { why, by },
            Failure::Unknown(why) => Self::Unknown { why, their_id: None },
        }
    }
}

impl From<Failure> for Found {
    fn from(failure: Failure) -> Self {
        Self::Unclear { why: failure.to_string() }
    }
}

impl From<Failure> for SupplierError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotSent { why, by: Hindrance::Theirs | Hindrance::Ours } => Self::Unreachable(why),
            Failure::Unknown(why) => Self::Unclear(why),
        }
    }
}

/// An error and its causes in one line. Errors of reqwest are given without their URL: a signature may stand
/// in it.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
