//! Reloadly: not spoken yet.

use std::sync::Arc;

use fulfil_contract::ports::supplier::Supplier;
use serde::Deserialize;

use crate::settings::{Common, Mistake};

/// What stands under the supplier's section beside the common keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {}

impl Settings {
    /// Complete settings that are right: what stands in for a field that is wrong, so that the other
    /// mistakes can be told at once.
    pub(crate) fn example() -> serde_json::Value {
        serde_json::json!({})
    }
}

/// Every mistake at once, by its path within the settings.
pub(crate) fn build(_common: &Common, _settings: Settings) -> Result<Arc<dyn Supplier>, Vec<Mistake>> {
    Err(vec![Mistake::new("kind", "not spoken yet")])
}
