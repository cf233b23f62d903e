//! Callbacks: who sent one, and about which order.

use std::collections::BTreeMap;

use fulfil_contract::{
    attempt::Reference,
    ports::supplier::CallbackRefused,
    supplier::{About, Callback, Hint},
};
use serde_json::value::RawValue;

use crate::{
    digest::{equal, sha1_hex},
    secret::Secret,
};

/// Neither is signed, nor is the signature itself.
const UNSIGNED: [&str; 3] = ["sign", "card_list", "express_list"];
/// Their clock may be ahead of ours.
const MOST_AHEAD: i64 = 300;

/// # Errors
/// [`CallbackRefused`].
pub(super) fn read(callback: Callback<'_>, key: &Secret, max_age_s: u32) -> Result<Hint, CallbackRefused> {
    let unreadable = |what: &str| CallbackRefused::Unreadable(what.into());
    let fields: BTreeMap<String, &RawValue> =
        serde_json::from_slice(callback.body).map_err(|_| unreadable("no JSON object"))?;
    let text = |name: &str| -> Option<String> {
        let raw = fields.get(name)?.get();
        serde_json::from_str(raw).ok().or_else(|| raw.parse::<u64>().ok().map(|number| number.to_string()))
    };
    let sign = text("sign").ok_or(CallbackRefused::Signature)?.to_ascii_lowercase();
    let time = text("time").ok_or_else(|| unreadable("no time"))?;
    let text_signed = zeroize::Zeroizing::new(format!("{time}{}{}", signed_json(&fields), key.expose()));
    if !equal(sha1_hex(text_signed.as_bytes()).as_bytes(), sign.as_bytes()) {
        return Err(CallbackRefused::Signature);
    }
    let sent: i64 = time.parse().map_err(|_| unreadable("a time that is no number"))?;
    // Seconds, or with 13 digits milliseconds.
    let sent = if time.len() >= 13 { sent / 1000 } else { sent };
    let age = callback.now.0 / 1_000_000 - sent;
    if age > i64::from(max_age_s) || age < -MOST_AHEAD {
        return Err(CallbackRefused::Age(age));
    }
    let about = match text("external_orderno").as_deref().and_then(Reference::parse) {
        Some(reference) => About::Reference(reference),
        None => text("ordersn").and_then(About::their_id).ok_or_else(|| unreadable("no order number"))?,
    };
    Ok(Hint { about, nonce: sign, reply: Some("ok") })
}

/// The signed fields, sorted, each as it was written (numbers keep their digits), with every slash escaped.
fn signed_json(fields: &BTreeMap<String, &RawValue>) -> String {
    let fields = fields.iter().filter(|(name, _)| !UNSIGNED.contains(&name.as_str()));
    let fields: Vec<String> =
        fields.map(|(name, value)| format!("{}:{}", serde_json::Value::from(name.as_str()), value.get())).collect();
    format!("{{{}}}", fields.join(",")).replace("\\/", "/").replace('/', "\\/")
}
