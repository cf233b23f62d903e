//! How a supplier is configured: what all kinds share, and for each kind its own settings.
//!
//! What holds here: a supplier whose settings are wrong is not built; all its mistakes are told at once, each
//! with the field's path, what was found and what is allowed, and none shows a secret.

mod mistakes;
mod read;

use std::{fmt, sync::Arc, time::Duration};

use fulfil_contract::{money::Currency, ports::supplier::Supplier, supplier::SupplierName};
use serde_json::{Map, Value};

use crate::{
    acg_faka, json, kasushou, kinguin, reloadly,
    wire::{Carrier, UrlError, Wire},
};

pub(crate) use mistakes::hint;
pub use mistakes::{Mistake, SettingsError};

/// The kinds there are.
pub const KINDS: [&str; 5] = ["json", "kasushou", "acg_faka", "kinguin", "reloadly"];

/// What every supplier has, whatever it speaks.
#[derive(Debug, Clone)]
pub struct Common {
    pub name: SupplierName,
    /// `https://host[:port][/path]`; http only for this machine.
    pub url: String,
    /// In which it is paid, and its prices and balances are told.
    pub currency: Currency,
    /// Of a whole call.
    pub timeout: Duration,
    /// So long after the last byte a purchase may still appear there; `None`: what is known of the protocol.
    pub settle: Option<Duration>,
    /// In HTTP's place; `None` wherever real suppliers are called.
    pub carrier: Option<Arc<dyn Carrier>>,
}

impl Common {
    /// The client for [`url`](Self::url).
    pub(crate) fn wire(&self) -> Result<Wire, Mistake> {
        self.wire_to("url", &self.url, self.timeout)
    }

    /// The client for another URL of the same supplier, which stands under `path` in its settings.
    pub(crate) fn wire_to(&self, path: &str, url: &str, timeout: Duration) -> Result<Wire, Mistake> {
        let wire = match &self.carrier {
            None => Wire::new(url, timeout),
            Some(carrier) => Wire::carried(url, carrier.clone()),
        };
        wire.map_err(|error: UrlError| Mistake::new(path, error.to_string()))
    }
}

/// Builds a supplier's adapter. `settings` is what stands beside the common keys in the supplier's section.
///
/// # Errors
/// [`SettingsError`]: everything that is wrong.
pub fn build(kind: &str, common: Common, settings: Map<String, Value>) -> Result<Arc<dyn Supplier>, SettingsError> {
    let built = match kind {
        "json" => read::settings(settings, &json::Settings::example()).and_then(|own| json::build(&common, own)),
        "kasushou" => {
            read::settings(settings, &kasushou::Settings::example()).and_then(|own| kasushou::build(&common, own))
        }
        "acg_faka" => {
            read::settings(settings, &acg_faka::Settings::example()).and_then(|own| acg_faka::build(&common, own))
        }
        "kinguin" => {
            read::settings(settings, &kinguin::Settings::example()).and_then(|own| kinguin::build(&common, own))
        }
        "reloadly" => {
            read::settings(settings, &reloadly::Settings::example()).and_then(|own| reloadly::build(&common, own))
        }
        other => Err(vec![Mistake::unknown_kind(other)]),
    };
    built.map_err(|mistakes| SettingsError { supplier: common.name, mistakes })
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> =
            self.mistakes.iter().map(|mistake| format!("supplier {}: {mistake}", self.supplier)).collect();
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests;
