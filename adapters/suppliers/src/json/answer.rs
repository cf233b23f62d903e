//! What an answer about an order means: pointers and the table of outcomes. Pure.

use fulfil_contract::{
    attempt::Reference,
    supplier::{Bought, Found, Goods, PlainKey, Refusal, Sought},
};
use serde_json::Value;

use super::{
    outcomes::{Outcome, Said, outcome, with_retry_after},
    settings::OrderAnswer,
};
use crate::wire::{Reply, line};

/// An answer, read as far as the settings know it.
#[derive(Debug)]
enum Read {
    Delivered { goods: Goods, their_id: Option<String> },
    Accepted { their_id: Option<String>, so_far: Vec<PlainKey> },
    Refused(Refusal),
    NotFound,
    Unknown { why: String, their_id: Option<String> },
}

/// What was asked with the answer that is read.
#[derive(Debug, Clone, Copy)]
enum Asked<'a> {
    ToBuy,
    About { their_id: Option<&'a str> },
}

pub(super) fn bought(settings: &OrderAnswer, reply: &Reply, reference: &Reference, recharge: bool) -> Bought {
    match read(settings, reply, reference, Asked::ToBuy, recharge) {
        Read::Delivered { goods, their_id } => Bought::Delivered { goods, their_id },
        Read::Accepted { their_id, .. } => Bought::Accepted { their_id },
        Read::Refused(refusal) => Bought::Refused(refusal),
        Read::NotFound => Bought::Unknown { why: "the answer is an empty list".into(), their_id: None },
        Read::Unknown { why, their_id } => Bought::Unknown { why, their_id },
    }
}

pub(super) fn found(settings: &OrderAnswer, reply: &Reply, sought: &Sought<'_>) -> Found {
    match read(settings, reply, sought.reference, Asked::About { their_id: sought.their_id }, sought.recharge) {
        Read::Delivered { goods, their_id } => Found::Delivered { goods, their_id },
        Read::Accepted { their_id, so_far } => Found::Pending { their_id, so_far },
        Read::Refused(refusal) => Found::Refused(refusal),
        Read::NotFound => Found::NotFound,
        Read::Unknown { why, .. } => Found::Unclear { why },
    }
}

fn read(settings: &OrderAnswer, reply: &Reply, reference: &Reference, asked: Asked<'_>, recharge: bool) -> Read {
    let (whole, no_json) = match reply.json::<Value>() {
        Ok(value) => (value, None),
        Err(why) => (Value::Null, Some(why)),
    };
    let order = match listed(settings, reply, &whole, reference) {
        Ok(Some(order)) => order,
        Ok(None) => return Read::NotFound,
        Err(why) => return Read::Unknown { why, their_id: None },
    };
    let status = settings.status.0.iter().find_map(|pointer| pointer.text(order));
    let message = settings.message.as_ref().and_then(|pointer| pointer.text(order)).unwrap_or_default();
    let their_id = settings.their_id.as_ref().and_then(|pointer| pointer.text(order)).filter(|id| !id.is_empty());
    let named = settings.reference.as_ref().and_then(|pointer| pointer.text(order));
    if named.as_deref().is_some_and(|told| told != reference.as_str()) {
        return Read::Unknown { why: "they answered about another reference".into(), their_id: None };
    }
    let known_id = match asked {
        Asked::ToBuy => None,
        Asked::About { their_id } => their_id,
    };
    if their_id.as_deref().zip(known_id).is_some_and(|(told, known)| told != known) {
        return Read::Unknown { why: "another order number than at first".into(), their_id: None };
    }
    let said =
        Said { http: reply.status, is_json: no_json.is_none(), status: status.as_deref(), message: message.as_str() };
    let told = || {
        let status = status.as_deref().map(|status| format!(", status {status:?}")).unwrap_or_default();
        let message = if message.is_empty() { String::new() } else { format!(": {message}") };
        no_json.clone().unwrap_or_else(|| line(&format!("HTTP {}{status}{message}", reply.status)))
    };
    let outcome = outcome(&settings.outcomes, &said);
    if named.is_none() && must_name(settings, asked, outcome) {
        return Read::Unknown { why: format!("{}, without our reference", told()), their_id: None };
    }
    match outcome {
        Outcome::Delivered if recharge => {
            let receipt = settings.receipt.as_ref().and_then(|pointer| pointer.text(order));
            Read::Delivered { goods: Goods::Recharge { receipt }, their_id }
        }
        Outcome::Delivered => match keys(settings, order) {
            Ok(keys) if keys.is_empty() => Read::Unknown { why: format!("{}, and no keys", told()), their_id },
            Ok(keys) => Read::Delivered { goods: Goods::Keys(keys), their_id },
            Err(why) => Read::Unknown { why: format!("{}, and {why}", told()), their_id },
        },
        Outcome::Accepted => match keys(settings, order) {
            Ok(so_far) => Read::Accepted { their_id, so_far },
            Err(why) => Read::Unknown { why: format!("{}, and {why}", told()), their_id },
        },
        Outcome::Refused(code) => {
            Read::Refused(Refusal { code: with_retry_after(code, reply.retry_after), said: told() })
        }
        Outcome::NotFound => Read::NotFound,
        Outcome::Unknown => Read::Unknown { why: told(), their_id },
    }
}

/// Whether the answer counts only if it tells our reference. What frames orders has a status of its own: "failed" is
/// the question then, not the purchase, and "success" has bought nothing.
fn must_name(settings: &OrderAnswer, asked: Asked<'_>, outcome: Outcome) -> bool {
    match (asked, outcome) {
        (_, Outcome::NotFound | Outcome::Unknown) => false,
        (Asked::About { .. }, Outcome::Delivered | Outcome::Accepted | Outcome::Refused(_)) => {
            settings.reference.is_some()
        }
        (Asked::ToBuy, Outcome::Delivered | Outcome::Accepted) => settings.list.is_some(),
        // Where no order was made there is none to tell it.
        (Asked::ToBuy, Outcome::Refused(_)) => false,
    }
}

fn keys(settings: &OrderAnswer, order: &Value) -> Result<Vec<PlainKey>, String> {
    settings.keys.as_ref().map_or(Ok(Vec::new()), |keys| keys.of(order))
}

/// The order within a list of orders; the answer itself where no list is expected, or where there is none in it (what it
/// says counts for little then, see [`must_name`]). `None`: the list is empty.
fn listed<'a>(
    settings: &OrderAnswer,
    reply: &Reply,
    whole: &'a Value,
    reference: &Reference,
) -> Result<Option<&'a Value>, String> {
    let list = settings.list.as_ref().filter(|_| reply.is_success()).and_then(|pointer| pointer.of(whole));
    let Some(Value::Array(orders)) = list else { return Ok(Some(whole)) };
    // An entry that does not tell its reference may be anybody's.
    let ours = |order: &&Value| {
        let told = settings.reference.as_ref().and_then(|pointer| pointer.text(order));
        told.as_deref() == Some(reference.as_str())
    };
    match orders.iter().filter(ours).collect::<Vec<_>>().as_slice() {
        [] if orders.is_empty() => Ok(None),
        [] => Err(format!("{} orders, none of them under our reference", orders.len())),
        [order] => Ok(Some(order)),
        several => Err(format!("{} orders under one reference", several.len())),
    }
}
