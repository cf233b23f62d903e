//! A callback is believed only with the right signature, and then for no more than whom to ask about.
//!
//! The first line of a case: supplier, `signed` (by the supplier's own rule, with the right secret), `old`. The
//! block: the path, headers, the body.

use std::{collections::BTreeMap, sync::Arc};

use fulfil_contract::{
    ports::supplier::CallbackRefused,
    supplier::{About, Callback},
    time::Timestamp,
};
use fulfil_suppliers::{Answered, Asked, Carrier, Failure};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use serde_json::value::RawValue;
use sha1::Sha1;
use sha2::Sha256;

use crate::{
    script::{Message, Script},
    suppliers::{self, SECRET},
};

/// 2026-11-29T12:00:00Z.
const NOW: i64 = 1_795_953_600;
const YEAR: i64 = 365 * 24 * 60 * 60;
/// The ledger keeps no more of their id.
const MOST_THEIR_ID: usize = 256;
/// Thousands of them are remembered.
const MOST_NONCE: usize = 512;

pub fn check(data: &[u8]) {
    let script = Script::of(data);
    let (section, supplier) = suppliers::supplier(script.choice(&suppliers::names()), Arc::new(Nobody));
    let block = script.blocks.first().copied().unwrap_or(&[]);
    let Message { first, headers, body } = Message::of(block);
    let path = if first.starts_with('/') { first } else { "/callbacks/one" };
    let mut sent = Sent { headers, body: body.to_vec() };
    let signed = script.says("signed") && sent.sign(section.name.as_str());
    let late = if script.says("old") { YEAR } else { 0 };
    let now = Timestamp((NOW + late) * 1_000_000);
    let callback = Callback { headers: &sent.headers, path, body: &sent.body, now };

    let hint = supplier.read_callback(callback);
    assert_eq!(hint, supplier.read_callback(callback), "the same callback, read twice");
    match &hint {
        Ok(hint) => {
            assert!(signed, "believed without the secret: {}", section.name);
            assert!((1..=MOST_NONCE).contains(&hint.nonce.len()), "a nonce of {} bytes", hint.nonce.len());
            if let About::TheirId(id) = &hint.about {
                assert!((1..=MOST_THEIR_ID).contains(&id.len()) && !id.contains('\0'), "their id: {} bytes", id.len());
            }
        }
        Err(CallbackRefused::Signature) => assert!(!signed, "rightly signed, and refused: {}", section.name),
        Err(CallbackRefused::Unreadable(why)) => assert!(!why.is_empty() && why.len() < 200, "{} bytes", why.len()),
        Err(CallbackRefused::NotSpoken | CallbackRefused::Age(_)) => {}
    }
}

struct Sent {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Sent {
    /// Signs as the supplier does; whether that could be done.
    fn sign(&mut self, supplier: &str) -> bool {
        match supplier {
            "kasu" => self.sign_as_kasushou().is_some(),
            "kinguin" => {
                self.headers.retain(|(name, _)| name != "x-event-secret");
                self.headers.push(("x-event-secret".into(), SECRET.into()));
                true
            }
            "hooked" => self.sign_as_dujiao(),
            // The others have no callbacks, or sign in a way that needs the adapter's own eyes.
            _ => false,
        }
    }

    /// SHA-1 over time, the sorted fields as they are written, and the key.
    fn sign_as_kasushou(&mut self) -> Option<()> {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(&self.body).ok()?;
        let mut fields: BTreeMap<String, String> =
            fields.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect();
        fields.entry("time".into()).or_insert_with(|| NOW.to_string());
        let raw = &fields["time"];
        let time: String = serde_json::from_str(raw).ok().or_else(|| raw.parse::<u64>().ok().map(|n| n.to_string()))?;
        let written = |fields: &BTreeMap<String, String>| {
            let pairs =
                fields.iter().map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name.as_str())));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
        };
        let mut signed = fields.clone();
        signed.retain(|name, _| !["sign", "card_list", "express_list"].contains(&name.as_str()));
        let text = written(&signed).replace("\\/", "/").replace('/', "\\/");
        let sign = hex(&Sha1::digest(format!("{time}{text}{SECRET}")));
        fields.insert("sign".into(), format!("\"{sign}\""));
        self.body = written(&fields).into_bytes();
        Some(())
    }

    /// HMAC-SHA256 over method, path, time and the body's MD5.
    fn sign_as_dujiao(&mut self) -> bool {
        let time = NOW.to_string();
        let body = hex(&Md5::digest(&self.body));
        let text = format!("POST\n/api/v1/upstream/callback\n{time}\n{body}");
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()) else { return false };
        let sign = hex(&mac.chain_update(text).finalize().into_bytes());
        self.headers.retain(|(name, _)| !name.starts_with("dujiao-next-"));
        self.headers.push(("dujiao-next-timestamp".into(), time));
        self.headers.push(("dujiao-next-signature".into(), sign));
        true
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// No call is made.
#[derive(Debug)]
struct Nobody;

impl Carrier for Nobody {
    fn carry(&self, _: Asked<'_>) -> Result<Answered, Failure> {
        Err(Failure::Unknown("nobody is asked".into()))
    }
}
