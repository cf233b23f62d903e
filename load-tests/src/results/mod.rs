//! What came back: result messages, one at a time or in arrays, read from the queue or from a file and
//! remembered by what the judge needs of them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Instant,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

pub mod follow;

/// One message of the queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    pub routing_key: String,
    pub message_id: String,
    pub kind: String,
    /// The broker may have delivered it to this reader before.
    pub redelivered: bool,
    pub body: String,
}

/// What is remembered of one message id.
#[derive(Debug, Clone)]
pub struct Seen {
    hash: [u8; 32],
    /// Times that it was published, as far as the queue tells.
    pub published: u64,
    /// Times that another body came under the same message id.
    pub differing: u64,
}

/// One revision of an order's result.
#[derive(Debug, Clone, Deserialize)]
pub struct OrderResult {
    #[serde(default)]
    message_id: Option<String>,
    pub order_id: Option<String>,
    pub revision: u64,
    pub status: String,
    #[serde(default)]
    pub merchant_id: Option<String>,
    #[serde(default)]
    pub lines: Vec<LineResult>,
    #[serde(default)]
    pub reason: Option<Reason>,
    /// When this copy was read.
    #[serde(skip, default = "Instant::now")]
    pub read_at: Instant,
}

#[derive(Debug, Clone, Deserialize)]
pub struct LineResult {
    pub line_no: u64,
    pub sku: String,
    pub status: String,
    #[serde(default)]
    pub keys: Vec<Key>,
    #[serde(default)]
    pub reason: Option<Reason>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Key {
    pub key_id: String,
    /// In base64.
    #[serde(default)]
    pub sealed: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Reason {
    pub code: String,
}

/// Everything that came back.
#[derive(Debug, Default)]
pub struct Results {
    /// Messages, arrays counted as one.
    pub messages: u64,
    /// Results in them.
    pub results: u64,
    /// Results that the broker gave to this reader a second time.
    pub redelivered: u64,
    pub seen: HashMap<String, Seen>,
    /// First copies, by order id and revision; conflicts are not among them.
    pub orders: HashMap<String, BTreeMap<u64, OrderResult>>,
    /// The hash digits of the refused bodies, by order id.
    pub conflicts: HashMap<String, HashSet<String>>,
    /// Message ids of the answers to bodies without an order id.
    pub rejected: HashSet<String>,
    /// Messages that are no results, or whose parts don't fit together: what is wrong.
    pub malformed: Vec<String>,
    /// Whether a result that waits for a person is an answer: where a purchase can be left in doubt.
    pub review_is_an_answer: bool,
}

impl Results {
    /// Takes in one message.
    pub fn add(&mut self, message: &Message) {
        self.messages += 1;
        let is_array = message.body.starts_with('[');
        let taken = if is_array { self.add_array(message) } else { self.add_one(message, &message.body, false) };
        if let Err(error) = taken {
            self.malformed.push(format!("{}: {error:#}", message.message_id));
        }
    }

    /// Whether something has come for this id (an order id, or `rejected:<32 hex>`) that is final.
    #[must_use]
    pub fn has_answer(&self, id: &str) -> bool {
        let answers =
            |result: &OrderResult| is_final(result) || (self.review_is_an_answer && result.status == "review");
        self.rejected.contains(id) || self.orders.get(id).is_some_and(|revisions| revisions.values().any(answers))
    }

    /// Results beyond the first under the same message id.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        self.seen.values().map(|seen| seen.published - 1).sum()
    }

    fn add_array(&mut self, message: &Message) -> Result<()> {
        let elements: Vec<&RawValue> = serde_json::from_str(&message.body).context("is no JSON array")?;
        elements.into_iter().try_for_each(|element| self.add_one(message, element.get(), true))
    }

    fn add_one(&mut self, message: &Message, body: &str, in_array: bool) -> Result<()> {
        self.results += 1;
        let result: OrderResult = serde_json::from_str(body).context("is no result")?;
        let message_id = match (&result.message_id, in_array) {
            (Some(id), true) => id.clone(),
            (None, true) => anyhow::bail!("an element of an array has no message_id"),
            (_, false) => message.message_id.clone(),
        };
        let key = if in_array {
            "batch".to_owned()
        } else {
            format!("{}.{}", result.merchant_id.as_deref().unwrap_or("unknown"), result.status)
        };
        anyhow::ensure!(
            message.routing_key == key,
            "routing key {:?} for a result that belongs under {key:?}",
            message.routing_key
        );
        // An element carries its id and a single message does not: each form has bytes of its own.
        let form = if in_array { format!("[{message_id}]") } else { message_id.clone() };
        if self.remember(form, body, message.redelivered) { self.file(result, &message_id) } else { Ok(()) }
    }

    /// Whether it is the first of its message id.
    fn remember(&mut self, form: String, body: &str, redelivered: bool) -> bool {
        let hash: [u8; 32] = Sha256::digest(body.as_bytes()).into();
        match self.seen.get_mut(&form) {
            None => {
                self.seen.insert(form, Seen { hash, published: 1, differing: 0 });
                true
            }
            Some(seen) => {
                seen.differing += u64::from(seen.hash != hash);
                if redelivered {
                    self.redelivered += 1
                } else {
                    seen.published += 1
                }
                false
            }
        }
    }

    fn file(&mut self, result: OrderResult, message_id: &str) -> Result<()> {
        match &result.order_id {
            None => {
                anyhow::ensure!(
                    message_id.starts_with("rejected:"),
                    "a result without order id is not named rejected:…"
                );
                self.rejected.insert(message_id.to_owned());
            }
            Some(order_id) if result.status == "conflict" => {
                let digits =
                    message_id.strip_prefix(order_id.as_str()).and_then(|rest| rest.strip_prefix(":conflict-"));
                let digits = digits.with_context(|| format!("a conflict of {order_id} is named otherwise"))?;
                self.conflicts.entry(order_id.clone()).or_default().insert(digits.to_owned());
            }
            Some(order_id) => {
                anyhow::ensure!(
                    message_id == format!("{order_id}:{}", result.revision),
                    "does not name revision {} of {order_id}",
                    result.revision
                );
                self.orders.entry(order_id.clone()).or_default().insert(result.revision, result);
            }
        }
        Ok(())
    }
}

/// `processing` and `review` may change yet.
#[must_use]
pub fn is_final(result: &OrderResult) -> bool {
    !matches!(result.status.as_str(), "processing" | "review")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(routing_key: &str, message_id: &str, body: &str) -> Message {
        Message {
            routing_key: routing_key.into(),
            message_id: message_id.into(),
            kind: "order.result.v1".into(),
            redelivered: false,
            body: body.into(),
        }
    }

    const ONE: &str = r#"{"order_id":"a","revision":1,"status":"fulfilled","merchant_id":"m-1","lines":[{"line_no":1,"sku":"s","status":"delivered","keys":[{"key_id":"7","sealed":"x"}]}]}"#;

    #[test]
    fn a_repeat_is_counted_and_compared() {
        let mut results = Results::default();
        results.add(&message("m-1.fulfilled", "a:1", ONE));
        results.add(&message("m-1.fulfilled", "a:1", ONE));
        assert_eq!((results.repeats(), results.seen["a:1"].differing), (1, 0));
        results.add(&message("m-1.fulfilled", "a:1", &ONE.replace('7', "8")));
        assert_eq!((results.repeats(), results.seen["a:1"].differing), (2, 1));
        results.add(&Message { redelivered: true, ..message("m-1.fulfilled", "a:1", ONE) });
        assert_eq!((results.repeats(), results.redelivered), (2, 1));
        assert!(results.malformed.is_empty() && results.has_answer("a"));
    }

    #[test]
    fn an_array_is_taken_apart() {
        let mut results = Results::default();
        let element = |id: &str| {
            format!(
                r#"{{"message_id":"{id}:1","order_id":"{id}","revision":1,"status":"rejected","merchant_id":"m","lines":[]}}"#
            )
        };
        results.add(&message("batch", "", &format!("[{},{}]", element("a"), element("b"))));
        assert_eq!((results.messages, results.results, results.orders.len()), (1, 2, 2));
        assert!(results.malformed.is_empty(), "{:?}", results.malformed);
    }

    #[test]
    fn what_does_not_fit_together_is_malformed() {
        let mut results = Results::default();
        results.add(&message("m-2.fulfilled", "a:1", ONE));
        results.add(&message("m-1.fulfilled", "a:2", ONE));
        results.add(&message("m-1.fulfilled", "b:1", "no json"));
        results.add(&message("batch", "", "[{}]"));
        assert_eq!(results.malformed.len(), 4, "{:?}", results.malformed);
    }
}
