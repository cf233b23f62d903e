//! Signatures: a text made of the request, and a digest or signature of it.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use sha1::{Digest, Sha1};

use super::{
    settings::{Algorithm, Encoding, Signing},
    template::Template,
    values::Values,
};
use crate::{
    digest::{hex, hmac_sha1, hmac_sha256, md5_hex},
    secret::Secret,
    settings::Mistake,
};

/// What a request's signature may be made of.
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) body: String,
    pub(super) parameters: Vec<(String, String)>,
}

/// Where a signature goes.
#[derive(Debug)]
enum Place {
    Header(String),
    Query(String),
    Field(String),
}

/// Signs requests.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) making: Making,
    place: Place,
}

/// How a signature is made.
#[derive(Debug)]
pub(super) struct Making {
    text: Template,
    key: Key,
    encoding: Encoding,
}

#[derive(Debug)]
enum Key {
    HmacSha256(Secret),
    HmacSha1(Secret),
    Md5,
    Sha1,
    Sha256,
    Rsa(Box<RsaKeyPair>),
    Plain,
}

impl Signer {
    /// # Errors
    /// No such key, or no place for the signature.
    pub(super) fn new(settings: &Signing, secrets: &BTreeMap<String, Secret>) -> Result<Self, Mistake> {
        let making =
            Making::new(settings.algorithm, settings.key.as_deref(), &settings.text, settings.encoding, secrets)
                .map_err(|(at, problem)| Mistake::new(format!("signing.{at}"), problem))?;
        let place = match (&settings.header, &settings.query, &settings.field) {
            (Some(name), None, None) => Place::Header(name.clone()),
            (None, Some(name), None) => Place::Query(name.clone()),
            (None, None, Some(name)) => Place::Field(name.clone()),
            _ => {
                return Err(Mistake::new(
                    "signing",
                    "allowed is exactly one of header, query, field: where the signature goes",
                ));
            }
        };
        Ok(Self { making, place })
    }

    pub(super) fn sign(&self, signed: &Signed<'_>, values: &Values<'_>) -> String {
        self.making.signature(signed, values)
    }

    /// Puts the signature where it belongs. As a field of JSON it is added behind the last one, and the rest
    /// of the body stays as it was signed.
    pub(super) fn place(
        &self,
        signature: String,
        headers: &mut Vec<(String, String)>,
        query: &mut Vec<(String, String)>,
        form: Option<&mut Vec<(String, String)>>,
        json: Option<&mut String>,
    ) {
        match (&self.place, json, form) {
            (Place::Header(name), ..) => headers.push((name.clone(), signature)),
            (Place::Query(name), ..) => query.push((name.clone(), signature)),
            (Place::Field(name), Some(json), _) => {
                let field =
                    format!("{}:{}", serde_json::Value::from(name.as_str()), serde_json::Value::from(signature));
                let open = json.trim_end();
                let open = open.strip_suffix('}').unwrap_or(open).trim_end();
                let comma = if open.ends_with('{') { "" } else { "," };
                *json = format!("{open}{comma}{field}}}");
            }
            (Place::Field(name), None, Some(form)) => form.push((name.clone(), signature)),
            // A request without a body has its parameters behind the `?`.
            (Place::Field(name), None, None) => query.push((name.clone(), signature)),
        }
    }
}

impl Making {
    /// # Errors
    /// Which setting is wrong, and how.
    pub(super) fn new(
        algorithm: Algorithm,
        key: Option<&str>,
        text: &Template,
        encoding: Encoding,
        secrets: &BTreeMap<String, Secret>,
    ) -> Result<Self, (&'static str, String)> {
        let secret = || {
            let name = key.ok_or(("key", "is missing; allowed is the name of one of [secrets]".to_owned()))?;
            let known = || secrets.keys().cloned().collect::<Vec<_>>().join(", ");
            secrets
                .get(name)
                .cloned()
                .ok_or_else(|| ("key", format!("found {name:?}, allowed is one of [secrets]: {}", known())))
        };
        let without_key = |of: Key| match key {
            None => Ok(of),
            Some(_) => Err(("key", "this algorithm has none; put the secret's placeholder into the text".to_owned())),
        };
        let key = match algorithm {
            Algorithm::HmacSha256 => Key::HmacSha256(secret()?),
            Algorithm::HmacSha1 => Key::HmacSha1(secret()?),
            Algorithm::RsaSha256 => Key::Rsa(Box::new(rsa(&secret()?).map_err(|problem| ("key", problem))?)),
            Algorithm::Md5 => without_key(Key::Md5)?,
            Algorithm::Sha1 => without_key(Key::Sha1)?,
            Algorithm::Sha256 => without_key(Key::Sha256)?,
            Algorithm::Plain => without_key(Key::Plain)?,
        };
        Ok(Self { text: text.clone(), key, encoding })
    }

    pub(super) fn signature(&self, signed: &Signed<'_>, values: &Values<'_>) -> String {
        let (body_md5, body_sha256) =
            (md5_hex(signed.body.as_bytes()), hex(&sha2::Sha256::digest(signed.body.as_bytes())));
        let sorted = sorted(&signed.parameters);
        let text = zeroize::Zeroizing::new(self.text.plain(|name| match name {
            "method" => Some(signed.method),
            "path" => Some(&signed.path),
            "query" => Some(&signed.query),
            "body" => Some(&signed.body),
            "body_md5" => Some(&body_md5),
            "body_sha256" => Some(&body_sha256),
            "sorted" => Some(&sorted),
            other => values.get(other),
        }));
        let bytes = match &self.key {
            Key::HmacSha256(key) => hmac_sha256(key.expose().as_bytes(), text.as_bytes()),
            Key::HmacSha1(key) => hmac_sha1(key.expose().as_bytes(), text.as_bytes()),
            Key::Md5 => md5::Md5::digest(text.as_bytes()).to_vec(),
            Key::Sha1 => Sha1::digest(text.as_bytes()).to_vec(),
            Key::Sha256 => sha2::Sha256::digest(text.as_bytes()).to_vec(),
            Key::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                // Fails only without randomness; the supplier then refuses the empty signature.
                match pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature) {
                    Ok(()) => signature,
                    Err(_) => Vec::new(),
                }
            }
            Key::Plain => return text.as_str().to_owned(),
        };
        match self.encoding {
            Encoding::Hex => hex(&bytes),
            Encoding::HexUpper => hex(&bytes).to_uppercase(),
            Encoding::Base64 => STANDARD.encode(bytes),
        }
    }
}

/// `a=1&b=2` by name, without what is empty.
fn sorted(parameters: &[(String, String)]) -> String {
    let mut parameters: Vec<_> = parameters.iter().filter(|(_, value)| !value.is_empty()).collect();
    parameters.sort();
    let pairs: Vec<String> = parameters.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// A private key in PEM (PKCS#8, or PKCS#1 as `RSA PRIVATE KEY`), or the base64 of its DER alone.
///
/// # Errors
/// What is wrong with it, without showing it.
fn rsa(secret: &Secret) -> Result<RsaKeyPair, String> {
    let lines: String = secret.expose().lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = STANDARD.decode(lines).map(zeroize::Zeroizing::new);
    let der = der.map_err(|_| "found no base64; allowed is a private RSA key in PEM".to_owned())?;
    RsaKeyPair::from_pkcs8(&der)
        .or_else(|_| RsaKeyPair::from_der(&der))
        .map_err(|error| format!("{error}; allowed is a private RSA key of 2048 bits or more in PEM"))
}

#[cfg(test)]
mod tests;
