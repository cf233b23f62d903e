//! What the placeholders of one call stand for.

use std::collections::BTreeMap;

use fulfil_contract::{
    supplier::{Purchase, Sought, SupplierProduct},
    time::Timestamp,
};
use ring::rand::{SecureRandom, SystemRandom};

use crate::{decimal, digest::hex, secret::Secret};

/// Of every request.
pub(super) const ALWAYS: [&str; 3] = ["timestamp", "timestamp_ms", "nonce"];
pub(super) const PURCHASE: [&str; 10] = [
    "reference",
    "product",
    "product_first",
    "product_last",
    "quantity",
    "currency",
    "unit_price",
    "unit_price_major",
    "total_price",
    "total_price_major",
];
/// Of these, what says how much a purchase may cost.
pub(super) const PRICES: [&str; 4] = ["unit_price", "unit_price_major", "total_price", "total_price_major"];
pub(super) const RECHARGE: [&str; 1] = ["account"];
pub(super) const SOUGHT: [&str; 6] = ["reference", "their_id", "product", "product_first", "product_last", "quantity"];
pub(super) const PRODUCT: [&str; 3] = ["product", "product_first", "product_last"];
/// Of a text that is signed, beside its request's.
pub(super) const SIGNED: [&str; 7] = ["method", "path", "query", "body", "body_md5", "body_sha256", "sorted"];

/// The values of one call. The time is told once: header and signature have the same.
pub(super) struct Values<'a> {
    own: &'a BTreeMap<String, String>,
    secrets: &'a BTreeMap<String, Secret>,
    call: Vec<(&'static str, String)>,
}

impl<'a> Values<'a> {
    pub(super) fn now(own: &'a BTreeMap<String, String>, secrets: &'a BTreeMap<String, Secret>) -> Self {
        let mut random = [0; 16];
        // Where the system has no randomness the nonce is zeros: it protects the supplier, not us.
        if SystemRandom::new().fill(&mut random).is_err() {
            random = [0; 16];
        }
        Self { own, secrets, call: vec![("nonce", hex(&random))] }.at(&(Timestamp::now().0 / 1000).to_string())
    }

    /// At a time in milliseconds since 1970.
    fn at(self, millis: &str) -> Self {
        let seconds = millis.get(..millis.len().saturating_sub(3)).unwrap_or("").to_owned();
        self.with("timestamp", seconds).with("timestamp_ms", millis)
    }

    /// Instead of what the name stood for.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.call.retain(|(known, _)| *known != name);
        self.call.push((name, value.into()));
        self
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let of_call = self.call.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        of_call
            .or_else(|| self.own.get(name).map(String::as_str))
            .or_else(|| self.secrets.get(name).map(Secret::expose))
    }

    pub(super) fn purchase(self, purchase: &Purchase<'_>, digits: u32) -> Self {
        let unit = purchase.unit_price.0;
        let total = unit.saturating_mul(purchase.quantity.get().into());
        let values = self
            .product(purchase.product)
            .with("reference", purchase.reference.as_str())
            .with("quantity", purchase.quantity.get().to_string())
            .with("currency", purchase.currency.as_str())
            .with("unit_price", unit.to_string())
            .with("unit_price_major", decimal::major(unit, digits))
            .with("total_price", total.to_string())
            .with("total_price_major", decimal::major(total, digits));
        match purchase.recharge {
            Some(recharge) => values.with("account", recharge.account.as_str()),
            None => values,
        }
    }

    pub(super) fn sought(self, sought: &Sought<'_>) -> Self {
        self.product(sought.product)
            .with("reference", sought.reference.as_str())
            .with("their_id", sought.their_id.unwrap_or(""))
            .with("quantity", sought.quantity.get().to_string())
    }

    /// A product of two parts, `12/34`, can be named in parts; one without a slash is both.
    pub(super) fn product(self, product: &SupplierProduct) -> Self {
        let whole = product.as_str();
        let (first, last) = whole.split_once('/').unwrap_or((whole, whole));
        self.with("product", whole).with("product_first", first).with("product_last", last)
    }
}
