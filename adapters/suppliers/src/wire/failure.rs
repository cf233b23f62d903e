//! Why there is no answer, and whether something may have been sent: what decides about money.

use std::error::Error;

use fulfil_contract::{
    ports::supplier::SupplierError,
    supplier::{Bought, Found},
};

/// A call without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// For sure not a byte of the request left.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The request may have arrived.
    #[error("{0}")]
    Unknown(String),
}

impl Failure {
    /// `is_connect` is true for what hyper-util gives up on before a request meets a connection: name, TCP,
    /// TLS, and the limit on these together. `is_builder`: nothing was tried.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let text = chain(error);
        if error.is_builder() || error.is_connect() { Self::NotSent(text) } else { Self::Unknown(text) }
    }
}

impl From<Failure> for Bought {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotSent(why) => Self::NotSent { why },
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
            Failure::NotSent(why) => Self::Unreachable(why),
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
