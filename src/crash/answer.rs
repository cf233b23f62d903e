//! What a call gives, and what it gives when its answer is lost.

use fulfil_contract::supplier::{Bought, Found};

use super::Failing;

pub trait Answer {
    /// Whether the call says that it has done what it was to do.
    fn came(&self) -> bool;

    fn lost(failing: Failing) -> Self;
}

impl<T, E: From<Failing>> Answer for Result<T, E> {
    fn came(&self) -> bool {
        self.is_ok()
    }

    fn lost(failing: Failing) -> Self {
        Err(failing.into())
    }
}

impl Answer for Bought {
    fn came(&self) -> bool {
        true
    }

    fn lost(failing: Failing) -> Self {
        Self::Unknown { why: failing.to_string(), their_id: None }
    }
}

impl Answer for Found {
    fn came(&self) -> bool {
        true
    }

    fn lost(failing: Failing) -> Self {
        Self::Unclear { why: failing.to_string() }
    }
}
