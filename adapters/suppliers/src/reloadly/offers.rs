//! What a product costs our account. Where Reloadly converts by a rate that it does not tell, or a bare id has
//! several face values, no price is told.

use fulfil_contract::{
    money::{Currency, MinorUnits},
    supplier::{Offer, SupplierProduct},
};
use serde::Deserialize;
use serde_json::Value;

use super::product::Product;
use crate::decimal;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GiftCard {
    #[serde(default)]
    status: Option<String>,
    /// Per card, in the account's currency.
    #[serde(default)]
    sender_fee: Value,
    #[serde(default)]
    recipient_currency_code: Option<String>,
    #[serde(default)]
    sender_currency_code: Option<String>,
    #[serde(default)]
    fixed_recipient_denominations: Option<Vec<Value>>,
    /// In the account's currency, in the same order.
    #[serde(default)]
    fixed_sender_denominations: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operator {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    sender_currency_code: Option<String>,
    #[serde(default)]
    fixed_amounts: Option<Vec<Value>>,
    /// In the operator's currency, in the same order.
    #[serde(default)]
    local_fixed_amounts: Option<Vec<Value>>,
}

/// Which of a list of face values is meant.
enum Meant<'a> {
    /// There are none: any value within bounds that are not looked at.
    Any,
    At(usize, &'a Value),
    /// Several, and none named.
    Open,
    /// The named one is not among them.
    No,
}

fn meant<'a>(product: &Product<'_>, faces: &'a [Value]) -> Meant<'a> {
    let named = |face: &Value| product.is_face(face);
    match faces {
        [] => Meant::Any,
        [only] if named(only).is_none() => Meant::At(0, only),
        [first, ..] if named(first).is_none() => Meant::Open,
        faces => match faces.iter().position(|face| named(face) == Some(true)) {
            Some(at) => Meant::At(at, &faces[at]),
            None => Meant::No,
        },
    }
}

fn offer(asked: &SupplierProduct, unit_price: Option<u64>, on_sale: bool) -> Offer {
    Offer { product: asked.clone(), unit_price: unit_price.map(MinorUnits), stock: None, on_sale }
}

fn is_active(status: Option<&str>) -> bool {
    status.is_none_or(|status| status == "ACTIVE")
}

pub(super) fn of_gift_card(
    card: &GiftCard,
    asked: &SupplierProduct,
    product: &Product<'_>,
    currency: Currency,
) -> Offer {
    let digits = decimal::digits(currency);
    let ours = card.sender_currency_code.as_deref() == Some(currency.as_str());
    let same = card.recipient_currency_code == card.sender_currency_code;
    let (sender, recipient) = (
        card.fixed_sender_denominations.as_deref().unwrap_or(&[]),
        card.fixed_recipient_denominations.as_deref().unwrap_or(&[]),
    );
    let (face, sold) = match meant(product, recipient) {
        Meant::At(at, face) => match sender.get(at) {
            Some(sender) => (decimal::price(sender, digits), true),
            None => (decimal::price(face, digits).filter(|_| same), true),
        },
        Meant::Any => (product.named_face(digits).filter(|_| same), true),
        Meant::Open => (None, true),
        Meant::No => (None, false),
    };
    let fee = if card.sender_fee.is_null() { Some(0) } else { decimal::price(&card.sender_fee, digits) };
    let cost = face.zip(fee).and_then(|(face, fee)| face.checked_add(fee)).filter(|_| ours);
    offer(asked, cost, sold && is_active(card.status.as_deref()))
}

pub(super) fn of_operator(
    operator: &Operator,
    asked: &SupplierProduct,
    product: &Product<'_>,
    currency: Currency,
    local_amount: bool,
) -> Offer {
    let digits = decimal::digits(currency);
    let ours = operator.sender_currency_code.as_deref() == Some(currency.as_str());
    let (fixed, local) =
        (operator.fixed_amounts.as_deref().unwrap_or(&[]), operator.local_fixed_amounts.as_deref().unwrap_or(&[]));
    let (cost, sold) = match meant(product, if local_amount { local } else { fixed }) {
        Meant::At(at, _) => (fixed.get(at).and_then(|amount| decimal::price(amount, digits)), true),
        Meant::Any if local_amount => (None, true),
        Meant::Any => (product.named_face(digits), true),
        Meant::Open => (None, true),
        Meant::No => (None, false),
    };
    offer(asked, cost.filter(|_| ours), sold && is_active(operator.status.as_deref()))
}
