//! From the configured suppliers to what buys from them.

use std::{collections::BTreeSet, sync::Arc};

use fulfil_contract::supplier::SupplierProduct;
use fulfil_suppliers::settings::{Common, SettingsError, build};

use super::ComposeError;
use crate::{
    config::{Config, ProtocolError, SupplierSection},
    pool::Buying,
    procurement::{
        buyer::{Supplies, Supply},
        callbacks::Callbacks,
        guard::{BreakerSettings, GuardSettings, Guarded},
    },
    sealing::{Fingerprinter, Sealer},
    stock::import::Vault,
};

/// What the suppliers' protocols refuse of a section; for loading the configuration.
#[must_use]
pub fn protocol_mistakes(section: &SupplierSection) -> Vec<ProtocolError> {
    let Err(error) = build(section.kind.as_str(), common(section), section.protocol().clone()) else {
        return Vec::new();
    };
    error.mistakes.into_iter().map(|mistake| ProtocolError { path: mistake.path, text: mistake.problem }).collect()
}

/// The configured suppliers, each with what stands around it; nothing is called yet.
///
/// # Errors
/// [`ComposeError`].
pub fn supplies(config: &Config) -> Result<Supplies, ComposeError> {
    let supplies = config.suppliers().iter().map(|section| supply(config, section));
    Ok(Supplies::new(supplies.collect::<Result<_, _>>()?))
}

/// What buying takes; `None` where no supplier is configured.
///
/// # Errors
/// [`ComposeError`] when what seals bought keys is not configured.
pub fn buying(
    config: &Config,
    vault: impl FnOnce() -> Result<Vault, ComposeError>,
) -> Result<Option<Buying>, ComposeError> {
    if config.suppliers().is_empty() {
        return Ok(None);
    }
    Ok(Some(Buying {
        supplies: supplies(config)?,
        vault: vault()?,
        in_flight: config.procurement.in_flight,
        bell: Arc::default(),
        awaits_all: false,
    }))
}

/// What the configured recipient's keys are sealed and fingerprinted with.
///
/// # Errors
/// [`ComposeError`] when one of the two is not set.
pub fn vault(config: &Config) -> Result<Vault, ComposeError> {
    let sealer = Arc::new(Sealer::new(config.sealing_recipient()?.clone()));
    let fingerprinter = Arc::new(Fingerprinter::new(config.fingerprint_secret()?));
    Ok(Vault { sealer, fingerprinter })
}

/// What the port for callbacks works with.
///
/// # Errors
/// [`ComposeError`].
pub fn callbacks(config: &Config, buying: &Buying) -> Result<Callbacks, ComposeError> {
    let side = super::ledger_side(config)?;
    Ok(Callbacks {
        supplies: buying.supplies.clone(),
        ledger: side.procurements,
        reviews: side.reviews,
        vault: buying.vault.clone(),
        bell: buying.bell.clone(),
    })
}

fn supply(config: &Config, section: &SupplierSection) -> Result<Supply, ComposeError> {
    let supplier = build(section.kind.as_str(), common(section), section.protocol().clone())?;
    let settings = GuardSettings {
        timeout: section.timeout,
        concurrency: u32::try_from(section.concurrency).unwrap_or(u32::MAX),
        per_second: section.per_second.map(u32::from),
        breaker: BreakerSettings {
            window: u32::try_from(section.breaker.window).unwrap_or(u32::MAX),
            failure_percent: section.breaker.failure_percent.into(),
            slow_percent: section.breaker.slow_percent.into(),
            slow: section.breaker.slow,
            open: section.breaker.open,
            ..BreakerSettings::default()
        },
        ..GuardSettings::default()
    };
    Ok(Supply {
        guarded: Arc::new(Guarded::new(section.name.clone(), supplier, settings)),
        currency: section.currency,
        poll: section.poll,
        settle: section.settle,
        products: products(config, section),
    })
}

/// What routes buy there.
fn products(config: &Config, section: &SupplierSection) -> Vec<SupplierProduct> {
    let assortment = config.assortment();
    let routes = assortment.skus().filter_map(|sku| assortment.routes(sku)).flat_map(|routes| &routes.routes);
    let products = routes.filter(|route| route.supplier == section.name).map(|route| route.product.clone());
    products.collect::<BTreeSet<_>>().into_iter().collect()
}

fn common(section: &SupplierSection) -> Common {
    Common {
        name: section.name.clone(),
        url: section.url.as_str().to_owned(),
        currency: section.currency,
        timeout: section.timeout,
        settle: section.settle,
        carrier: None,
    }
}

impl From<SettingsError> for ComposeError {
    fn from(error: SettingsError) -> Self {
        Self::Supplier(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    /// config/suppliers.toml has a supplier of each kind, and each kind's adapter takes its section.
    #[test]
    fn the_example_is_right_to_every_adapter() {
        let text = include_str!("../../config/suppliers.toml");
        let sources = Sources::default().with_file("config/suppliers.toml", text);
        let config = Config::load_checked(sources, &protocol_mistakes).unwrap_or_else(|errors| panic!("{errors}"));
        let supplies = supplies(&config).unwrap();
        let kinds: BTreeSet<&str> = config.suppliers().iter().map(|section| section.kind.as_str()).collect();
        assert_eq!(kinds.len(), crate::config::SupplierKind::ALL.len(), "{kinds:?}");
        assert!(supplies.all().iter().any(|supply| !supply.products.is_empty()));
    }
}
