//! What a route names as Reloadly's product: a gift card's product id or a top-up's operator id, with the face
//! value behind an `@`: `120@25.00`. Without it the face value is the price that the purchase allows.
//!
//! A gift card's face value is in the card's currency (its `unitPrice` must match a denomination), a top-up's in
//! the account's, or with `local_amount` in the operator's.

use fulfil_contract::supplier::{Purchase, SupplierProduct};
use serde_json::Value;

use crate::decimal;

/// More digits than any face value has, for comparing two of them.
const EXACT_DIGITS: u32 = 6;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Product<'a> {
    /// Digits, at most 18: written into JSON as they are.
    pub(super) id: &'a str,
    /// Digits with at most one point: written into JSON as they are.
    face: Option<&'a str>,
}

impl<'a> Product<'a> {
    /// # Errors
    /// What is wrong with it, and what is allowed.
    pub(super) fn parse(product: &'a SupplierProduct) -> Result<Self, String> {
        let text = product.as_str();
        let (id, face) = text.split_once('@').map_or((text, None), |(id, face)| (id, Some(face)));
        if is_number(id) && face.is_none_or(is_decimal) {
            return Ok(Self { id, face });
        }
        Err(format!(
            "the route's product {text:?} is none of Reloadly's; allowed is ID or ID@FACE_VALUE, as in 120@25.00"
        ))
    }

    /// The face value to buy, as it is written.
    pub(super) fn face(&self, purchase: &Purchase<'_>) -> String {
        self.face
            .map_or_else(|| decimal::major(purchase.unit_price.0, decimal::digits(purchase.currency)), str::to_owned)
    }

    /// The named face value in minor units of a currency with so many digits, rounded up.
    pub(super) fn named_face(&self, digits: u32) -> Option<u64> {
        decimal::price(&Value::from(self.face?), digits)
    }

    /// Whether this is the named face value; `None` where none is named.
    pub(super) fn is_face(&self, value: &Value) -> Option<bool> {
        Some(decimal::minor(&Value::from(self.face?), EXACT_DIGITS) == decimal::minor(value, EXACT_DIGITS))
    }
}

fn is_number(text: &str) -> bool {
    (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0')
}

/// `25`, `25.00`, `0.5`: as JSON writes numbers too.
fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, most| (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole, 12) && digits(fraction, 6) && (whole == "0" || !whole.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, Option<&str>)>) {
        let product = SupplierProduct::parse(text).unwrap();
        assert_eq!(Product::parse(&product).ok().map(|product| (product.id, product.face)), expected, "{text}");
    }

    #[test]
    fn products() {
        check("120", Some(("120", None)));
        check("120@25.00", Some(("120", Some("25.00"))));
        check("535@0.5", Some(("535", Some("0.5"))));
        for wrong in ["", "x", "0120", "120@", "120@1.2.3", "120@-1", "120@01", "120@1e3", "120@.5", "120@5.", "1@1@1"]
        {
            if let Some(product) = SupplierProduct::parse(wrong) {
                assert!(Product::parse(&product).is_err(), "{wrong}");
            }
        }
    }
}
