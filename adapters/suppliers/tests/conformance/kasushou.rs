//! kasushou 卡速售.

use serde_json::json;
use supplier_doubles::{Protocol, bench::DoubleBench};

use crate::configured::{credentials, supplier};

async fn fresh() -> (DoubleBench, ()) {
    let bench = DoubleBench::start(Protocol::Kasushou, |double, with| {
        let credentials = credentials(double, with);
        supplier("kasushou", double, with, json!({ "user_id": credentials.account, "api_key": credentials.key }))
    });
    (bench.await, ())
}

fulfil_contract::supplier_suite!(fresh);
