//! Fields that the contract does not name: ignored when an order is fulfilled, listed when it is checked.

use serde_json::{Map, Value};

const ORDER: [&str; 7] = ["order_id", "merchant_id", "placed_at", "currency", "lines", "expires_at", "buyer"];
const LINE: [&str; 5] = ["line_no", "sku", "quantity", "unit_price", "recharge"];
const RECHARGE: [&str; 1] = ["account"];
const BUYER: [&str; 2] = ["account", "ip"];

/// The paths of a body's unknown fields; none where the body is no JSON object.
#[must_use]
pub fn unknown_fields(body: &[u8]) -> Vec<String> {
    let Ok(Value::Object(order)) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    let mut paths = unknown("", &order, &ORDER);
    if let Some(Value::Object(buyer)) = order.get("buyer") {
        paths.extend(unknown("buyer.", buyer, &BUYER));
    }
    let lines = order.get("lines").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (at, line) in lines.iter().enumerate() {
        let Value::Object(line) = line else { continue };
        paths.extend(unknown(&format!("lines[{at}]."), line, &LINE));
        if let Some(Value::Object(recharge)) = line.get("recharge") {
            paths.extend(unknown(&format!("lines[{at}].recharge."), recharge, &RECHARGE));
        }
    }
    paths
}

fn unknown(prefix: &str, object: &Map<String, Value>, known: &[&str]) -> Vec<String> {
    object.keys().filter(|name| !known.contains(&name.as_str())).map(|name| format!("{prefix}{name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_looked_at() {
        let body = br#"{"order_id":"a","note":1,"lines":[{"sku":"s","qty":1,"recharge":{"account":"x","zone":2}}],"buyer":{"mail":"m"}}"#;
        assert_eq!(unknown_fields(body), ["note", "buyer.mail", "lines[0].qty", "lines[0].recharge.zone"]);
        assert!(unknown_fields(b"[").is_empty());
    }
}
