//! The message that tells the platform what the ledger decided: a pure function of committed rows (I9).
//! The same row gives the same bytes, from any worker, at any time.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Serialize, Serializer};

use crate::{
    ids::{LineNo, MerchantId, OrderId, SealedKey},
    reason::Reason,
    recorded::{
        DeliveredKey, LineOutcome, OrderStatus, RecordedConflict, RecordedLine, RecordedOrder, RecordedUnreadable,
    },
    time::Timestamp,
};

/// AMQP type of a message that holds one result.
pub const RESULT_TYPE: &str = "order.result.v1";
/// AMQP type of a message that holds an array of results, each with its `message_id`.
pub const RESULTS_TYPE: &str = "order.results.v1";
/// Routing key of such an array.
pub const BATCH_ROUTING_KEY: &str = "batch";
/// Stands for the merchant in a routing key where the body names none that is valid.
pub const NO_MERCHANT: &str = "unknown";

/// One delivery's answer, borrowed from what the ledger gave.
#[derive(Debug, Clone, Copy)]
pub enum Answer<'a> {
    Order(&'a RecordedOrder),
    Conflict(&'a RecordedConflict),
    Unreadable(&'a RecordedUnreadable),
}

impl Answer<'_> {
    /// `<order_id>:<revision>`, `<order_id>:conflict-<8 hex>` or `rejected:<32 hex>`.
    #[must_use]
    pub fn message_id(&self) -> String {
        match self {
            Self::Order(order) => format!("{}:{}", order.order_id, order.revision.0),
            Self::Conflict(conflict) => format!("{}:conflict-{}", conflict.order_id, conflict.body_hash.hex(8)),
            Self::Unreadable(unreadable) => format!("rejected:{}", unreadable.body_hash.hex(32)),
        }
    }

    /// `<merchant_id>.<status>`.
    #[must_use]
    pub fn routing_key(&self) -> String {
        let merchant = self.merchant().map_or(NO_MERCHANT, MerchantId::as_str);
        format!("{merchant}.{}", self.status().as_str())
    }

    #[must_use]
    pub fn status(&self) -> OrderStatus {
        match self {
            Self::Order(order) => order.status,
            Self::Conflict(_) => OrderStatus::Conflict,
            Self::Unreadable(_) => OrderStatus::Rejected,
        }
    }

    fn merchant(&self) -> Option<&MerchantId> {
        match self {
            Self::Order(order) => order.merchant_id.as_ref(),
            Self::Conflict(conflict) => conflict.merchant_id.as_ref(),
            Self::Unreadable(unreadable) => unreadable.merchant_id.as_ref(),
        }
    }

    /// The result as JSON (docs/contract.md).
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(320);
        self.write(None, &mut body);
        body
    }

    /// Appends the result as JSON, with its `message_id` as the first field: an element of an array.
    pub fn write_element(&self, message_id: &str, into: &mut Vec<u8>) {
        self.write(Some(message_id), into);
    }

    fn write(&self, message_id: Option<&str>, into: &mut Vec<u8>) {
        let body = match self {
            Self::Order(order) => Body {
                message_id,
                order_id: Some(&order.order_id),
                revision: order.revision.0,
                status: order.status,
                decided_at: order.decided_at,
                merchant_id: order.merchant_id.as_ref(),
                lines: Lines(&order.lines),
                reason: order.reason.as_ref(),
            },
            Self::Conflict(conflict) => {
                // Revision 0: whoever keeps the highest revision of an order never keeps a conflict.
                return Self::write_refusal(
                    message_id,
                    Some(&conflict.order_id),
                    0,
                    self,
                    conflict.decided_at,
                    &conflict.reason(),
                    into,
                );
            }
            Self::Unreadable(unreadable) => {
                return Self::write_refusal(message_id, None, 1, self, unreadable.decided_at, &unreadable.reason, into);
            }
        };
        write_json(&body, into);
    }

    fn write_refusal(
        message_id: Option<&str>,
        order_id: Option<&OrderId>,
        revision: u32,
        answer: &Answer<'_>,
        decided_at: Timestamp,
        reason: &Reason,
        into: &mut Vec<u8>,
    ) {
        let body = Body {
            message_id,
            order_id,
            revision,
            status: answer.status(),
            decided_at,
            merchant_id: answer.merchant(),
            lines: Lines(&[]),
            reason: Some(reason),
        };
        write_json(&body, into);
    }
}

fn write_json(body: &Body<'_>, into: &mut Vec<u8>) {
    let written = serde_json::to_writer(into, body);
    // Plain structs into memory: no map with other keys than text, no failing writer.
    debug_assert!(written.is_ok(), "a result is always JSON");
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    order_id: Option<&'a OrderId>,
    revision: u32,
    status: OrderStatus,
    decided_at: Timestamp,
    merchant_id: Option<&'a MerchantId>,
    lines: Lines<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
}

struct Lines<'a>(&'a [RecordedLine]);

impl Serialize for Lines<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|line| {
            let written = Line {
                line_no: line.line_no,
                sku: line.sku.as_str(),
                status: "",
                keys: None,
                receipt: None,
                reason: None,
            };
            match &line.outcome {
                LineOutcome::Delivered(keys) => Line { status: "delivered", keys: Some(Keys(keys)), ..written },
                LineOutcome::Recharged { receipt } => {
                    Line { status: "delivered", receipt: receipt.as_deref(), ..written }
                }
                LineOutcome::Rejected(reason) => Line { status: "rejected", reason: Some(reason), ..written },
                LineOutcome::Processing => Line { status: "processing", ..written },
                LineOutcome::Review => Line { status: "review", ..written },
            }
        }))
    }
}

#[derive(Serialize)]
struct Line<'a> {
    line_no: LineNo,
    sku: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Keys<'a>>,
    /// Of a top-up: the supplier's number of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
}

struct Keys<'a>(&'a [DeliveredKey]);

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|key| Key { key_id: Digits(key.id.0), sealed: Base64(&key.sealed) }))
    }
}

#[derive(Serialize)]
struct Key<'a> {
    key_id: Digits,
    sealed: Base64<'a>,
}

/// A number as text: JSON readers of other languages lose digits above 2^53.
struct Digits(i64);

impl Serialize for Digits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct Base64<'a>(&'a SealedKey);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A sealed key of usual length fits the array: no allocation per key.
        let mut buffer = [0u8; 512];
        match STANDARD
            .encode_slice(&self.0.0, &mut buffer)
            .ok()
            .and_then(|len| std::str::from_utf8(&buffer[..len]).ok())
        {
            Some(text) => serializer.serialize_str(text),
            None => serializer.serialize_str(&STANDARD.encode(&self.0.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::*, reason::ReasonCode};

    fn order() -> RecordedOrder {
        RecordedOrder {
            order_id: OrderId::parse("cdnow-000002").unwrap(),
            merchant_id: Some(MerchantId::parse("m-02").unwrap()),
            body_hash: BodyHash::of(b"x"),
            revision: Revision::FIRST,
            status: OrderStatus::Fulfilled,
            decided_at: Timestamp(0),
            lines: vec![RecordedLine {
                line_no: LineNo(1),
                sku: Sku::parse("music-12").unwrap(),
                quantity: Quantity::new(1).unwrap(),
                outcome: LineOutcome::Delivered(vec![DeliveredKey { id: KeyId(42), sealed: SealedKey(vec![1, 2, 3]) }]),
            }],
            reason: None,
        }
    }

    #[test]
    fn a_result_reads_as_the_contract_says() {
        let order = order();
        let answer = Answer::Order(&order);
        assert_eq!(answer.message_id(), "cdnow-000002:1");
        assert_eq!(answer.routing_key(), "m-02.fulfilled");
        assert_eq!(
            String::from_utf8(answer.body()).unwrap(),
            r#"{"order_id":"cdnow-000002","revision":1,"status":"fulfilled","decided_at":"1970-01-01T00:00:00.000000Z","merchant_id":"m-02","lines":[{"line_no":1,"sku":"music-12","status":"delivered","keys":[{"key_id":"42","sealed":"AQID"}]}]}"#
        );
    }

    #[test]
    fn a_line_says_where_it_stands() {
        let mut order = order();
        let mut line_as = |outcome: LineOutcome| {
            order.lines[0].outcome = outcome;
            order.status = OrderStatus::of_lines(order.lines.iter().map(|line| &line.outcome));
            let body: serde_json::Value = serde_json::from_slice(&Answer::Order(&order).body()).unwrap();
            (body["status"].as_str().unwrap().to_owned(), body["lines"][0].to_string())
        };
        let line = |rest: &str| format!(r#"{{"line_no":1,"sku":"music-12","status":{rest}}}"#);
        let receipt = Some("R-7".to_owned());
        assert_eq!(line_as(LineOutcome::Processing), ("processing".into(), line(r#""processing""#)));
        assert_eq!(line_as(LineOutcome::Review), ("review".into(), line(r#""review""#)));
        assert_eq!(line_as(LineOutcome::Recharged { receipt: None }), ("fulfilled".into(), line(r#""delivered""#)));
        let with_receipt = r#"{"line_no":1,"receipt":"R-7","sku":"music-12","status":"delivered"}"#;
        assert_eq!(line_as(LineOutcome::Recharged { receipt }), ("fulfilled".into(), with_receipt.into()));
    }

    #[test]
    fn a_conflict_has_no_lines_and_the_refused_hash() {
        let conflict = RecordedConflict {
            order_id: OrderId::parse("a").unwrap(),
            merchant_id: None,
            body_hash: BodyHash::of(b"abc"),
            decided_at: Timestamp(0),
        };
        let answer = Answer::Conflict(&conflict);
        assert_eq!(answer.message_id(), "a:conflict-ba7816bf");
        assert_eq!(answer.routing_key(), "unknown.conflict");
        let body: serde_json::Value = serde_json::from_slice(&answer.body()).unwrap();
        assert_eq!(body["lines"], serde_json::json!([]));
        assert_eq!(body["reason"]["code"], "conflict");
        assert_eq!(body["revision"], 0);
    }

    #[test]
    fn an_unreadable_message_has_no_order_id() {
        let unreadable = RecordedUnreadable {
            body_hash: BodyHash::of(b"abc"),
            merchant_id: None,
            reason: Reason::new(ReasonCode::InvalidJson, "cut off"),
            decided_at: Timestamp(0),
        };
        let answer = Answer::Unreadable(&unreadable);
        assert_eq!(answer.message_id(), "rejected:ba7816bf8f01cfea414140de5dae2223");
        let body: serde_json::Value = serde_json::from_slice(&answer.body()).unwrap();
        assert_eq!(body["order_id"], serde_json::Value::Null);
    }

    #[test]
    fn a_long_sealed_key_is_written_whole() {
        let mut order = order();
        order.lines[0].outcome =
            LineOutcome::Delivered(vec![DeliveredKey { id: KeyId(1), sealed: SealedKey(vec![7; 4000]) }]);
        let body: serde_json::Value = serde_json::from_slice(&Answer::Order(&order).body()).unwrap();
        assert_eq!(body["lines"][0]["keys"][0]["sealed"].as_str().unwrap(), STANDARD.encode(vec![7; 4000]));
    }
}
