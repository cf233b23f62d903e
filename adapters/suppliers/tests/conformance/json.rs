//! dujiao-next, spoken by configuration alone: the complete example of the docs, with the double's credentials.

use serde_json::{Value, json};
use supplier_doubles::{Protocol, bench::DoubleBench};

use crate::configured::{credentials, supplier};

async fn fresh() -> (DoubleBench, ()) {
    let bench = DoubleBench::start(Protocol::Dujiao, |double, with| {
        let credentials = credentials(double, with);
        let mut settings: Value = toml::from_str(include_str!("../../src/json/dujiao_next.toml")).unwrap();
        settings["values"]["api_key"] = json!(credentials.account);
        settings["secrets"]["api_secret"] = json!(credentials.key);
        supplier("json", double, with, settings)
    });
    (bench.await, ())
}

fulfil_contract::supplier_suite!(fresh);
