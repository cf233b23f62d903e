//! Gift cards: an order, and its cards, which are read once it is successful.

use fulfil_contract::supplier::{Bought, Found, Goods, PlainKey, Purchase};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{
    Settings,
    problem::Said,
    product::Product,
    transaction::{Status, Transaction, ended},
};
use crate::wire::Reply;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wanted<'a> {
    product_id: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country_code: Option<&'a str>,
    quantity: u32,
    /// Must match the card's face value.
    unit_price: Box<RawValue>,
    custom_identifier: &'a str,
    sender_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_email: Option<&'a str>,
}

/// The body of `POST /orders`. Numbers are written digit by digit, never through a float.
///
/// # Errors
/// It can't be written; nothing is sent.
pub(super) fn wanted(purchase: &Purchase<'_>, product: &Product<'_>, settings: &Settings) -> Result<Vec<u8>, Bought> {
    let number = |text: String| RawValue::from_string(text).map_err(|error| Bought::withheld(error.to_string()));
    let wanted = Wanted {
        product_id: number(product.id.to_owned())?,
        country_code: settings.country.as_deref(),
        quantity: purchase.quantity.get(),
        unit_price: number(product.face(purchase))?,
        custom_identifier: purchase.reference.as_str(),
        sender_name: &settings.sender_name,
        recipient_email: settings.recipient_email.as_deref(),
    };
    serde_json::to_vec(&wanted).map_err(|error| Bought::withheld(error.to_string()))
}

/// What a transaction is, where its cards need not be read; `None`: it is successful, read them.
pub(super) fn found(transaction: &Transaction) -> Option<Found> {
    let their_id = transaction.id();
    match transaction.status {
        Some(Status::Successful) => None,
        Some(Status::Processing | Status::Pending) => Some(Found::Pending { their_id, so_far: Vec::new() }),
        Some(status @ (Status::Failed | Status::Refunded)) => Some(Found::Refused(ended(status, None))),
        Some(Status::Other) | None => {
            Some(Found::Unclear { why: "a transaction with a status that the protocol does not name".into() })
        }
    }
}

/// A successful transaction's cards: all there are. Without any it is still pending.
pub(super) fn delivered(reply: &Reply, transaction: &Transaction, key_format: &str) -> Found {
    let their_id = transaction.id();
    match cards(reply, key_format) {
        Ok(keys) if keys.is_empty() => Found::Pending { their_id, so_far: keys },
        Ok(keys) => Found::Delivered { goods: Goods::Keys(keys), their_id },
        Err(why) => Found::Unclear { why },
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Card {
    #[serde(default)]
    card_number: Option<String>,
    #[serde(default)]
    pin_code: Option<String>,
}

/// # Errors
/// The answer is none of the protocol's, or a card has neither number nor code.
fn cards(reply: &Reply, key_format: &str) -> Result<Vec<PlainKey>, String> {
    if !reply.is_success() {
        return Err(Said::read(reply).text());
    }
    // Documented as one, and answered as a list.
    let is_list = reply.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let cards: Vec<Card> = if is_list { reply.json()? } else { vec![reply.json()?] };
    cards.into_iter().map(|card| key(card, key_format).ok_or_else(|| "a card without number and code".into())).collect()
}

/// One key of a card's number and code, by the format; where one of them is missing, the other alone.
fn key(card: Card, format: &str) -> Option<PlainKey> {
    let (number, code) =
        (Zeroizing::new(card.card_number.unwrap_or_default()), Zeroizing::new(card.pin_code.unwrap_or_default()));
    match (number.trim(), code.trim()) {
        ("", "") => None,
        (alone, "") | ("", alone) => Some(PlainKey::new(alone.to_owned())),
        // Put in piece by piece: a number that looks like a placeholder stays what it is.
        (number, code) => {
            let pieces: Vec<String> =
                format.split("{cardNumber}").map(|piece| piece.replace("{pinCode}", code)).collect();
            Some(PlainKey::new(pieces.join(number)))
        }
    }
}
