//! What a crash point that fails gives: at a port, the port's own error for an answer that did not come.

use fulfil_contract::ports::{
    announcer::AnnounceUnavailable, ledger::LedgerError, procurements::ProcurementError, source::SourceError,
    stock::StockError,
};

use super::Point;

/// Nobody makes one in builds without crash points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("crash point {}: failing", .0.name())]
pub struct Failing(pub(super) Point);

impl From<Failing> for LedgerError {
    fn from(failing: Failing) -> Self {
        Self::OutcomeUnknown(failing.to_string())
    }
}

impl From<Failing> for ProcurementError {
    fn from(failing: Failing) -> Self {
        Self::Ledger(failing.into())
    }
}

impl From<Failing> for StockError {
    fn from(failing: Failing) -> Self {
        Self::Unavailable(failing.to_string())
    }
}

impl From<Failing> for AnnounceUnavailable {
    fn from(failing: Failing) -> Self {
        Self(failing.to_string())
    }
}

impl From<Failing> for SourceError {
    fn from(failing: Failing) -> Self {
        Self::SessionLost(failing.to_string())
    }
}
