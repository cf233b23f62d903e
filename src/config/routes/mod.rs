//! `[routes.SKU]`: which suppliers may fill a SKU.
//!
//! What holds: of a file alone, since a SKU is no part of a variable's name; every supplier that is named is
//! configured, and no route has one twice.

mod read;

use std::collections::{BTreeSet, HashMap};

use super::{
    Setting,
    error::{ConfigError, Problem},
    kind::quote,
    nearest,
    place::Place,
    reference::Row,
    suppliers,
};
use crate::procurement::assortment::{Route, SkuRoutes};
use fulfil_contract::{ids::Sku, money::MinorUnits, supplier::SupplierName};

pub(super) use read::read;

/// Where they stand.
pub(super) const SECTION: &str = "routes";

/// Every key of a SKU's section.
pub static ROUTE_KEYS: [&Row; 2] = [&FROM, &AT_A_LOSS];

static FROM: Row = Row {
    name: "from",
    doc: "the suppliers that may fill it, the preferred one first: `from = [ { supplier = \"kasu\", product = \"1001\", price = 900 } ]`; `price` is the most that one is expected to cost, and may be left out",
    allowed: "a list of 1 to 5 { supplier, product, price }",
    default: None,
    variable: None,
};

static AT_A_LOSS: Row = Row {
    name: "at_a_loss",
    doc: "whether it may be bought for more than the merchant pays",
    allowed: "true or false",
    default: Some("false"),
    variable: None,
};

/// A SKU's section, as far as it can be read.
pub(super) struct GivenRoutes {
    /// `routes.SKU`, as the file writes it.
    section: String,
    /// `None`: it is none, which has been said.
    sku: Option<Sku>,
    routes: Vec<Route>,
    /// Every supplier that is named, also where something else of the entry is wrong.
    named: Vec<(SupplierName, Place)>,
    at_a_loss: (bool, Place),
    place: Place,
}

/// The suppliers that routes name are configured: `suppliers` has all of which there is a section, also those
/// in which something is wrong.
pub(super) fn check(
    given: Vec<GivenRoutes>,
    suppliers: &BTreeSet<SupplierName>,
    settings: &mut Vec<Setting>,
    errors: &mut Vec<ConfigError>,
) -> HashMap<Sku, SkuRoutes> {
    let mut checked = HashMap::with_capacity(given.len());
    for GivenRoutes { section, sku, routes, named, at_a_loss: (at_a_loss, at), place } in given {
        for (supplier, place) in named.iter().filter(|(supplier, _)| !suppliers.contains(supplier)) {
            let names = || suppliers.iter().map(SupplierName::as_str);
            let problem = Problem::Value {
                key: format!("{section}.from"),
                found: format!("the supplier {}, for which there is no section", quote(supplier.as_str())),
                allowed: match suppliers.is_empty() {
                    true => "suppliers with a section, and there is none".into(),
                    false => names().collect::<Vec<_>>().join(", "),
                },
                advice: match nearest::of(supplier.as_str(), names()) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("write [{}.{}]", suppliers::SECTION, supplier),
                },
            };
            errors.push(ConfigError::new(place.clone(), problem));
        }
        let setting = |name: &Row, value: String, from: &Place| Setting {
            key: format!("{section}.{}", name.name),
            value: Some(value),
            from: from.to_string(),
            doc: name.doc,
        };
        settings.push(setting(&FROM, shown(&routes), &place));
        settings.push(setting(&AT_A_LOSS, at_a_loss.to_string(), &at));
        checked.extend(sku.map(|sku| (sku, SkuRoutes { routes, at_a_loss })));
    }
    checked
}

/// `kasu 1001 at 900, other A-7`
fn shown(routes: &[Route]) -> String {
    let one = |route: &Route| match route.unit_price {
        Some(MinorUnits(price)) => format!("{} {} at {price}", route.supplier, route.product.as_str()),
        None => format!("{} {}", route.supplier, route.product.as_str()),
    };
    routes.iter().map(one).collect::<Vec<_>>().join(", ")
}
