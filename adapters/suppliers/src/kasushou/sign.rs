//! What is signed, and how.

use serde_json::{Map, Value};

use crate::{digest::sha1_hex, secret::Secret};

/// Top-level keys sorted, UTF-8 as it is, slashes not escaped, `{}` when empty: what is signed and sent.
pub(super) fn canonical(body: &Map<String, Value>) -> String {
    // The order of serde_json's own map depends on a feature that another crate may switch on.
    let mut fields: Vec<_> = body.iter().collect();
    fields.sort_by_key(|(name, _)| name.as_str());
    let fields: Vec<String> =
        fields.into_iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    format!("{{{}}}", fields.join(","))
}

/// Lower-case hex of SHA-1 over timestamp, body and key.
pub(super) fn sign(timestamp: &str, body: &str, key: &Secret) -> String {
    let text = zeroize::Zeroizing::new(format!("{timestamp}{body}{}", key.expose()));
    sha1_hex(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_published_vector() {
        let mut body = Map::new();
        body.insert("ordersn".into(), json!("D100759082558859640832"));
        body.insert("external_orderno".into(), json!(""));
        body.insert("day".into(), json!(10));
        let body = canonical(&body);
        assert_eq!(body, r#"{"day":10,"external_orderno":"","ordersn":"D100759082558859640832"}"#);
        let key = Secret::new("H0YnuPpcVtx7rQdMTbjN6932s5oDOqFa".into());
        assert_eq!(sign("1696645385740", &body, &key), "15b8f541eb10e3fbb33efd92c8d52d50ddca0784");
    }

    #[test]
    fn slashes_and_characters_stay_as_they_are() {
        assert_eq!(canonical(&Map::new()), "{}");
        let mut body = Map::new();
        body.insert("url".into(), json!("https://a.example/卡?\"x\""));
        assert_eq!(canonical(&body), r#"{"url":"https://a.example/卡?\"x\""}"#);
    }
}
