//! What an answer about an order means. Pure: an answer in, an outcome out.

use fulfil_contract::{
    attempt::Reference,
    supplier::{Bought, Found, Goods, PlainKey, Refusal, RefusalCode, Sought},
};
use serde_json::Value;

use super::Settings;
use crate::{
    decimal,
    wire::{Reply, line},
};

/// More digits than any price has, for comparing two of them.
const EXACT_DIGITS: u32 = 6;

/// The protocol's envelope. Numbers come as numbers or as text: PHP.
pub(super) struct Answer {
    pub(super) code: i64,
    pub(super) said: String,
    pub(super) data: Value,
}

/// # Errors
/// The body is not the protocol's, in words.
pub(super) fn answer(reply: &Reply) -> Result<Answer, String> {
    let mut body: Value = reply.json()?;
    let code = body.get("code").and_then(number);
    let code = code.ok_or_else(|| format!("HTTP {}: JSON without the protocol's code", reply.status))?;
    let said = line(body.get("msg").and_then(Value::as_str).unwrap_or(""));
    let data = body.get_mut("data").map(Value::take).unwrap_or_default();
    if code == 200 && !reply.is_success() {
        return Err(format!("HTTP {} with code 200", reply.status));
    }
    Ok(Answer { code, said, data })
}

pub(super) fn bought(reply: &Reply, reference: &Reference) -> Bought {
    let unknown = |why: String| Bought::Unknown { why, their_id: None };
    if reply.status == 429 {
        let code = RefusalCode::Throttled(reply.retry_after);
        return Bought::Refused(Refusal { code, said: "HTTP 429".into() });
    }
    let answer = match answer(reply) {
        Ok(answer) => answer,
        Err(why) => return unknown(why),
    };
    if answer.code != 200 {
        return unknown(format!("code {}: {}", answer.code, answer.said));
    }
    match text(&answer.data, "external_orderno") {
        Some(theirs) if theirs != reference.as_str() => unknown("they answered about another order".into()),
        Some(_) | None => match text(&answer.data, "ordersn").filter(|id| !id.is_empty()) {
            Some(id) => Bought::Accepted { their_id: Some(id) },
            None => unknown("code 200 without an order number".into()),
        },
    }
}

pub(super) fn found(reply: &Reply, sought: &Sought<'_>, settings: &Settings) -> Found {
    match judged(reply, sought, settings) {
        Ok(found) => found,
        Err(why) => Found::Unclear { why },
    }
}

fn judged(reply: &Reply, sought: &Sought<'_>, settings: &Settings) -> Result<Found, String> {
    let answer = answer(reply)?;
    if answer.code == 400 && settings.order_missing.iter().any(|words| answer.said.contains(words.as_str())) {
        return Ok(Found::NotFound);
    }
    if answer.code != 200 {
        return Err(format!("code {}: {}", answer.code, answer.said));
    }
    let Value::Array(orders) = &answer.data else { return Err("code 200 without a list of orders".into()) };
    let ours = |order: &&Value| text(order, "external_orderno").as_deref() == Some(sought.reference.as_str());
    match orders.iter().filter(ours).collect::<Vec<_>>().as_slice() {
        [] if orders.is_empty() => Ok(Found::NotFound),
        [] => Err(format!("{} orders, none of them under our reference", orders.len())),
        [order] => of_order(order, sought, &settings.key_format),
        several => Err(format!("{} orders under one reference", several.len())),
    }
}

fn of_order(order: &Value, sought: &Sought<'_>, key_format: &str) -> Result<Found, String> {
    let their_id = text(order, "ordersn").filter(|id| !id.is_empty());
    if let (Some(known), Some(told)) = (sought.their_id, &their_id)
        && known != told
    {
        return Err("another order number than at first".into());
    }
    let cards = cards(order, key_format)?;
    let status = order.get("status").and_then(number).ok_or("an order without a status")?;
    match status {
        3 if sought.recharge => Ok(Found::Delivered { goods: Goods::Recharge { receipt: their_id.clone() }, their_id }),
        3 if !cards.is_empty() => Ok(Found::Delivered { goods: Goods::Keys(cards), their_id }),
        -1 | 1..=3 => Ok(Found::Pending { their_id, so_far: cards }),
        4 | 5 => match (amount(order, "total_price"), amount(order, "has_back_money")) {
            _ if !cards.is_empty() => Err(format!("status {status}, and there are cards")),
            (Some(paid), Some(back)) if paid == back => {
                let what = if status == 4 { "cancelled" } else { "refunded" };
                let hints = text(order, "recharge_hints").unwrap_or_default();
                let said = line(&format!("{what} in full {hints}"));
                Ok(Found::Refused(Refusal { code: RefusalCode::Other, said }))
            }
            (Some(_), Some(_)) => Err(format!("status {status}, and only a part of the money came back")),
            (None, _) | (_, None) => Err(format!("status {status} without the amounts paid and returned")),
        },
        other => Err(format!("status {other}, which the protocol does not name")),
    }
}

/// # Errors
/// A card is not of the protocol.
fn cards(order: &Value, key_format: &str) -> Result<Vec<PlainKey>, String> {
    let cards = match order.get("card_list") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => return Ok(Vec::new()),
        Some(Value::Array(cards)) => cards,
        Some(_) => return Err("a card_list that is no list".into()),
    };
    cards.iter().map(|card| key(card, key_format).ok_or_else(|| "a card without number and password".into())).collect()
}

/// One key of a card's number and password, by the format; where one of them is empty, the other alone.
fn key(card: &Value, format: &str) -> Option<PlainKey> {
    let part = |name| text(card, name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let (number, password) = (part("card_no"), part("card_password"));
    let key = match (number.is_empty(), password.is_empty()) {
        (true, true) => return None,
        (false, true) => number,
        (true, false) => password,
        // Put in piece by piece: a number that looks like a placeholder stays what it is.
        (false, false) => {
            let pieces: Vec<String> =
                format.split("{card_no}").map(|piece| piece.replace("{card_password}", &password)).collect();
            pieces.join(&number)
        }
    };
    Some(PlainKey::new(key))
}

fn amount(order: &Value, name: &str) -> Option<i64> {
    order.get(name).and_then(|value| decimal::minor(value, EXACT_DIGITS))
}

pub(super) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text, or a number as text.
pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
