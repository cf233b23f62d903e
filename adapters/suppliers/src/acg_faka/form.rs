//! Signed forms: `sign` = lower-hex MD5 of the fields, sorted by name and joined as `name=value`, then
//! `&key=` and the app key. `sign` itself and empty values are left out of it.
//!
//! The shop writes this as `md5(urldecode(http_build_query(…)) . "&key=" . app_key)`. The unescaping undoes the
//! escaping, so that the plain names and values are what is signed. A nested field (`sku[颜色]`) is sorted by
//! the name in front of its bracket and keeps the order that it was sent in.

use crate::{digest, secret::Secret};

/// The fields with who asks and the signature, as they are sent.
pub(super) fn signed(mut fields: Vec<(String, String)>, app_id: &str, app_key: &Secret) -> Vec<(String, String)> {
    fields.push(("app_id".into(), app_id.into()));
    fields.push(("app_key".into(), app_key.expose().into()));
    let sign = sign(&fields, app_key);
    fields.push(("sign".into(), sign));
    fields
}

fn sign(fields: &[(String, String)], app_key: &Secret) -> String {
    let outer = |name: &'_ str| name.split('[').next().unwrap_or("").to_owned();
    let mut told: Vec<_> = fields.iter().filter(|(name, value)| name != "sign" && !value.is_empty()).collect();
    told.sort_by_key(|(name, _)| outer(name));
    let pairs: Vec<String> = told.iter().map(|(name, value)| format!("{name}={value}")).collect();
    digest::md5_hex(format!("{}&key={}", pairs.join("&"), app_key.expose()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected signatures were computed apart from this code, by another program's escaping, unescaping
    /// and MD5.
    fn check(fields: &[(&str, &str)], app_key: &str, expected: &str) {
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(sign(&fields, &Secret::new(app_key.into())), expected, "{fields:?}");
    }

    #[test]
    fn signatures() {
        let plain = [
            ("shared_code", "A1B2C3D4E5F60718"),
            ("contact", "fulfil"),
            ("num", "3"),
            ("card_id", "0"),
            ("device", "0"),
            ("password", ""),
            ("race", ""),
            ("request_no", "f0123456789abcdef"),
            ("app_id", "1001"),
            ("app_key", "8B4C7E1D2F3A6098"),
        ];
        check(&plain, "8B4C7E1D2F3A6098", "5f28158e6595cb8f0a01970ca7aab45d");
        let nested_and_escaped = [
            ("shared_code", "5F60718A1B2C3D4E"),
            ("contact", "a b&c=d+e%"),
            ("num", "1"),
            ("card_id", "0"),
            ("device", "0"),
            ("password", ""),
            ("race", "月卡 30天"),
            ("request_no", "fzzzzzzzzzzzzzzzz"),
            ("sku[颜色]", "红"),
            ("sku[a]", "1"),
            ("app_id", "7"),
            ("app_key", "K"),
        ];
        check(&nested_and_escaped, "K", "cf647026f4267e318bb9081ef09c55bc");
    }

    #[test]
    fn a_signature_is_no_part_of_itself() {
        let fields = vec![("code".to_owned(), "A".to_owned())];
        let once = signed(fields, "1", &Secret::new("K".into()));
        let sign_of_signed = sign(&once, &Secret::new("K".into()));
        assert_eq!(once.last(), Some(&("sign".to_owned(), sign_of_signed)));
    }
}
