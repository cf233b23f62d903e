//! The sealed keys of result messages, as the platform gets them: one result, an array of them, or a line of
//! `fulfil results tail --format json`.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use fulfil_contract::ids::{SealedKey, Sku};
use serde_json::Value;

/// A sealed key, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKey {
    pub order_id: Option<String>,
    pub line_no: Option<u64>,
    pub sku: Sku,
    pub key_id: Option<String>,
    pub sealed: SealedKey,
}

impl fmt::Display for FoundKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key_id {
            Some(id) => write!(f, "key_id {id}")?,
            None => f.write_str("a key")?,
        }
        write!(f, " of SKU {}", self.sku)?;
        match (&self.order_id, self.line_no) {
            (Some(order), Some(line)) => write!(f, " (order {order}, line {line})"),
            (Some(order), None) => write!(f, " (order {order})"),
            (None, _) => Ok(()),
        }
    }
}

/// Every key of a document; none where all was rejected.
///
/// # Errors
/// What is wrong with the document, to go on after "result 3".
pub fn keys_of(document: &Value) -> Result<Vec<FoundKey>, String> {
    let mut keys = Vec::new();
    collect(document, &mut keys)?;
    Ok(keys)
}

fn collect(document: &Value, keys: &mut Vec<FoundKey>) -> Result<(), String> {
    match document {
        Value::Array(results) => results.iter().try_for_each(|result| collect(result, keys)),
        Value::Object(result) => match (result.get("lines"), result.get("body")) {
            (Some(lines), _) => of_lines(result.get("order_id").and_then(Value::as_str), lines, keys),
            (None, Some(body @ (Value::Object(_) | Value::Array(_)))) => collect(body, keys),
            (None, _) => Err("is no result message: it has no \"lines\"".into()),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err("is no result message: it is no JSON object".into())
        }
    }
}

fn of_lines(order_id: Option<&str>, lines: &Value, keys: &mut Vec<FoundKey>) -> Result<(), String> {
    let of = order_id.map_or_else(|| "is broken".to_owned(), |id| format!("(order {id}) is broken"));
    for (at, line) in lines.as_array().ok_or_else(|| format!("{of}: lines is no array"))?.iter().enumerate() {
        let delivered = match line.get("keys") {
            None => continue,
            Some(keys) => keys.as_array().ok_or_else(|| format!("{of}: lines[{at}].keys is no array"))?,
        };
        let sku = line.get("sku").and_then(Value::as_str).ok_or_else(|| format!("{of}: lines[{at}].sku is missing"))?;
        let sku = Sku::parse(sku).map_err(|error| format!("{of}: lines[{at}].sku {error}"))?;
        for (number, key) in delivered.iter().enumerate() {
            let sealed = key.get("sealed").and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok());
            let sealed = sealed.ok_or_else(|| format!("{of}: lines[{at}].keys[{number}].sealed is no base64"))?;
            keys.push(FoundKey {
                order_id: order_id.map(str::to_owned),
                line_no: line.get("line_no").and_then(Value::as_u64),
                sku: sku.clone(),
                key_id: key.get("key_id").and_then(Value::as_str).map(str::to_owned),
                sealed: SealedKey(sealed),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn result(id: &str) -> Value {
        json!({ "order_id": id, "revision": 1, "lines": [
            { "line_no": 1, "sku": "s", "status": "delivered", "keys": [{ "key_id": "7", "sealed": "AAEC" }] },
            { "line_no": 2, "sku": "t", "status": "rejected", "reason": { "code": "out_of_stock" } },
        ] })
    }

    #[test]
    fn every_shape_gives_its_keys() {
        let found = |document: &Value| keys_of(document).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
        let one = |id| format!("key_id 7 of SKU s (order {id}, line 1)");
        assert_eq!(found(&result("a")), [one("a")]);
        assert_eq!(found(&json!([result("a"), result("b")])), [one("a"), one("b")]);
        assert_eq!(
            found(&json!({ "routing_key": "m.fulfilled", "message_id": "a:1", "body": result("a") })),
            [one("a")]
        );
        assert_eq!(found(&json!({ "routing_key": "batch", "body": [result("a"), result("b")] })), [one("a"), one("b")]);
        assert!(found(&json!({ "order_id": "a", "status": "rejected", "lines": [] })).is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (pointer, value, problem) in [
            ("/lines/0/keys/0/sealed", json!("?"), "(order a) is broken: lines[0].keys[0].sealed is no base64"),
            ("/lines/0/keys", json!(1), "(order a) is broken: lines[0].keys is no array"),
            ("/lines/0/sku", json!("a b"), "(order a) is broken: lines[0].sku has the character ' '"),
            ("/lines/0/sku", json!(null), "(order a) is broken: lines[0].sku is missing"),
            ("/lines", json!({}), "(order a) is broken: lines is no array"),
            ("", json!({ "order_id": "a" }), "is no result message: it has no \"lines\""),
            ("", json!(7), "is no result message: it is no JSON object"),
        ] {
            let mut document = result("a");
            *document.pointer_mut(pointer).unwrap() = value;
            let error = keys_of(&document).unwrap_err();
            assert!(error.starts_with(problem), "{error}");
        }
    }
}
