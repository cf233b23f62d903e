//! The settings' shape. What they mean together is checked in `check`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Value, json};

use super::{keys::KeysFrom, outcomes::Rule, request::Request, template::Template};
use crate::secret::Secret;

/// What stands in the supplier's section beside the common keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default)]
    pub(super) values: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    pub(super) promises: PromisesOf,
    pub(super) signing: Option<Signing>,
    pub(super) buy: Option<OrderCall>,
    pub(super) recharge: Option<OrderCall>,
    pub(super) query: Option<OrderCall>,
    pub(super) offer: Option<OfferCall>,
    pub(super) balance: Option<BalanceCall>,
    pub(super) callback: Option<CallbackOf>,
}

/// What is not promised is not relied on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PromisesOf {
    #[serde(default)]
    pub(super) query: bool,
    #[serde(default)]
    pub(super) resend: ResendIs,
    #[serde(default = "default_most")]
    pub(super) most: u32,
}

impl Default for PromisesOf {
    fn default() -> Self {
        Self { query: false, resend: ResendIs::default(), most: default_most() }
    }
}

fn default_most() -> u32 {
    100
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ResendIs {
    Idempotent,
    Refused,
    #[default]
    Unsafe,
}

/// How a text is signed and where the signature goes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signing {
    pub(super) algorithm: Algorithm,
    /// The name of a secret; of those without a key (md5, sha1, sha256, plain) it stands in the text.
    pub(super) key: Option<String>,
    /// Beside a request's own placeholders: `{method}`, `{path}`, `{query}`, `{body}`, `{body_md5}`,
    /// `{body_sha256}`, and `{sorted}`: all parameters (of query, form and JSON's top level) that are not
    /// empty, by name, as `a=1&b=2`.
    pub(super) text: Template,
    #[serde(default)]
    pub(super) encoding: Encoding,
    pub(super) header: Option<String>,
    pub(super) query: Option<String>,
    pub(super) field: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Algorithm {
    HmacSha256,
    HmacSha1,
    Md5,
    Sha1,
    Sha256,
    RsaSha256,
    /// The text itself: a static secret.
    Plain,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Encoding {
    #[default]
    Hex,
    HexUpper,
    Base64,
}

/// A request about an order and what its answer means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderCall {
    pub(super) request: Request,
    pub(super) answer: OrderAnswer,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderAnswer {
    pub(super) list: Option<Pointer>,
    #[serde(default)]
    pub(super) status: Pointers,
    pub(super) message: Option<Pointer>,
    pub(super) their_id: Option<Pointer>,
    pub(super) receipt: Option<Pointer>,
    pub(super) reference: Option<Pointer>,
    pub(super) keys: Option<KeysFrom>,
    pub(super) outcomes: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfferCall {
    pub(super) request: Request,
    /// The answer counts where this holds; left out: HTTP 2xx.
    pub(super) success: Option<Condition>,
    /// Where several are told: the list, and which entry of it is the product's; the pointers start there.
    pub(super) list: Option<Pointer>,
    pub(super) entry: Option<Entry>,
    pub(super) price: Option<Pointer>,
    #[serde(default)]
    pub(super) unit: Unit,
    pub(super) stock: Option<Pointer>,
    /// Left out: what is told about is on sale.
    pub(super) on_sale: Option<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BalanceCall {
    pub(super) request: Request,
    pub(super) success: Option<Condition>,
    pub(super) amount: Pointer,
    #[serde(default)]
    pub(super) unit: Unit,
    /// Left out: the supplier's configured one.
    pub(super) currency: Option<Pointer>,
}

/// How an amount is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    #[default]
    Major,
    Minor,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    pub(super) pointer: Pointer,
    pub(super) is: Texts,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) pointer: Pointer,
    /// Such as `{product_last}`.
    pub(super) is: Template,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallbackOf {
    /// Where the signature stands: a header, a parameter of the URL, or a JSON pointer into the body.
    pub(super) header: Option<String>,
    pub(super) parameter: Option<String>,
    pub(super) field: Option<Pointer>,
    pub(super) algorithm: Algorithm,
    pub(super) key: Option<String>,
    /// As in `signing`; `{timestamp}` is the callback's.
    pub(super) text: Template,
    #[serde(default)]
    pub(super) encoding: Encoding,
    /// What `{path}` stands for where they do not sign the path that they call.
    pub(super) path: Option<String>,
    /// When it was sent, in seconds or milliseconds since 1970.
    pub(super) time_header: Option<String>,
    pub(super) time_field: Option<Pointer>,
    #[serde(default = "default_max_age_s")]
    pub(super) max_age_s: u32,
    pub(super) reference: Option<Pointer>,
    pub(super) their_id: Option<Pointer>,
    /// What they want to read; left out: nothing, with status 204.
    pub(super) reply: Option<String>,
}

fn default_max_age_s() -> u32 {
    300
}

/// A JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer(pub(super) String);

impl Pointer {
    pub(super) fn of<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        value.pointer(&self.0)
    }

    /// What stands there as a text: a text, a number or a truth value.
    pub(super) fn text(&self, value: &Value) -> Option<String> {
        self.of(value).and_then(scalar)
    }
}

pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() || text.starts_with('/') {
            return Ok(Self(text));
        }
        Err(D::Error::custom(format!("found {text:?}, allowed is a JSON pointer such as \"/data/status\"")))
    }
}

/// One text or several; numbers and truth values are taken as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Texts(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let texts = match &value {
            Value::Array(list) => list.iter().map(scalar).collect(),
            single => scalar(single).map(|text| vec![text]),
        };
        texts.map(Self).ok_or_else(|| D::Error::custom("allowed is a text or a list of texts"))
    }
}

/// One pointer or several.
#[derive(Debug, Default)]
pub(super) struct Pointers(pub(super) Vec<Pointer>);

impl<'de> Deserialize<'de> for Pointers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Texts(texts) = Texts::deserialize(deserializer)?;
        let pointers = texts.into_iter().map(|text| Pointer::deserialize(Value::from(text)).map_err(D::Error::custom));
        pointers.collect::<Result<_, _>>().map(Self)
    }
}

impl Settings {
    pub(crate) fn example() -> Value {
        json!({
            "values": { "app_id": "10000" },
            "secrets": { "app_key": "example" },
            "promises": { "query": true, "resend": "refused", "most": 100 },
            "signing": {
                "algorithm": "hmac_sha256", "key": "app_key", "text": "{method}\n{path}\n{timestamp}\n{body_md5}",
                "encoding": "hex", "header": "X-Sign",
            },
            "buy": {
                "request": {
                    "method": "POST", "path": "/orders", "headers": { "X-App": "{app_id}", "X-Time": "{timestamp}" },
                    "json": "{\"reference\":\"{reference}\",\"product\":{product},\"quantity\":{quantity}}",
                },
                "answer": {
                    "status": "/status", "their_id": "/id", "message": "/message", "keys": { "texts": "/cards" },
                    "outcomes": [{ "http": "2xx", "status": "done", "outcome": "delivered" }],
                },
            },
            "query": {
                "request": { "method": "GET", "path": "/orders/{reference}" },
                "answer": {
                    "status": "/status", "their_id": "/id", "message": "/message", "keys": { "texts": "/cards" },
                    "outcomes": [{ "http": "404", "outcome": "not_found" }],
                },
            },
        })
    }
}
