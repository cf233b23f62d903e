//! An adapter as its configuration would build it, set up for a double.

use std::{sync::Arc, time::Duration};

use fulfil_contract::{
    conformance::supplier::With, money::Currency, ports::supplier::Supplier, supplier::SupplierName,
};
use fulfil_suppliers::settings::{Common, build};
use serde_json::{Map, Value};
use supplier_doubles::{Credentials, Double, bench::wrong};

/// The credentials that the adapter is to have.
pub(crate) fn credentials(double: &Double, with: With) -> Credentials {
    match with {
        With::Right | With::TimeLimit(_) => double.credentials(),
        With::WrongCredentials => wrong(&double.credentials()),
    }
}

pub(crate) fn supplier(kind: &str, double: &Double, with: With, settings: Value) -> Arc<dyn Supplier> {
    let timeout = match with {
        With::TimeLimit(limit) => limit,
        With::Right | With::WrongCredentials => Duration::from_secs(10),
    };
    let common = Common {
        name: SupplierName::parse(kind).unwrap(),
        url: double.base_url(),
        currency: Currency::parse(double.protocol().currency()).unwrap(),
        timeout,
        settle: None,
        carrier: None,
    };
    let settings = match settings {
        Value::Object(settings) => settings,
        _ => Map::new(),
    };
    build(kind, common, settings).unwrap_or_else(|error| panic!("{error}"))
}
