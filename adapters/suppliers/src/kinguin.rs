//! Kinguin's eCommerce API: an order is accepted, its keys are read in calls of their own.
//!
//! What holds here:
//! - What the same `orderExternalId` does again is not documented: it is never sent again. A query by it finds
//!   an order whose answer was lost; two orders under one reference are unclear.
//! - An order's `price` is the most that one may cost: the supplier itself keeps the guard. Prices are in EUR.
//! - An order is refused once all of it is cancelled or refunded; with a key delivered it is for a person.
//! - An image key is kept as `data:image/…;base64,…` ([`keys`]).

mod keys;
mod order;
mod problem;
mod product;
mod webhook;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use fulfil_contract::{
    money::{Currency, MinorUnits},
    ports::supplier::{CallbackRefused, Supplier, SupplierError},
    supplier::{
        Bought, Callback, Found, Hint, Offer, PlainKey, Promises, Purchase, Refusal, RefusalCode, Resend, Sought,
        SupplierBalance, SupplierProduct,
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    decimal,
    secret::Secret,
    settings::{Common, Mistake},
    wire::{Call, Failure, Reply, Wire, segment},
};
use keys::Keys;
use product::Product;

/// So long after the last byte an order may still appear; a published rule of this trade.
const SETTLE: Duration = Duration::from_secs(600);
/// Of one product in one order, where no wholesale offer is named.
const MOST: u32 = 9;
/// A webhook is repeated for a while.
const MOST_AGE_S: u32 = 24 * 60 * 60;
/// So many products are asked about in one call; the protocol's pages have at most 100.
const ASKED_AT_ONCE: usize = 50;

/// What stands under the supplier's section beside the common keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// `X-Api-Key`.
    api_key: Secret,
    /// The webhooks' secret key; without it no webhook is read.
    #[serde(default)]
    event_secret: Option<Secret>,
    /// A webhook about an older change is refused.
    #[serde(default = "most_age_s")]
    most_age_s: u32,
    /// Only keys that are text, no images.
    #[serde(default)]
    text_only: bool,
    /// The most that one order takes, 1–1000; above 9 the routes must name wholesale offers.
    #[serde(default = "most")]
    most: u32,
}

fn most() -> u32 {
    MOST
}

fn most_age_s() -> u32 {
    MOST_AGE_S
}

impl Settings {
    /// Complete settings that are right: what stands in for a field that is wrong, so that the other
    /// mistakes can be told at once.
    pub(crate) fn example() -> Value {
        serde_json::json!({
            "api_key": "0123456789abcdef", "event_secret": "a long random text", "most_age_s": MOST_AGE_S,
            "text_only": false, "most": MOST
        })
    }
}

/// Every mistake at once, by its path within the settings.
pub(crate) fn build(common: &Common, settings: Settings) -> Result<Arc<dyn Supplier>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    if !(1..=1000).contains(&settings.most) {
        mistakes.push(Mistake::new("most", format!("found {}, allowed is 1–1000", settings.most)));
    }
    if !settings.api_key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        mistakes.push(Mistake::new("api_key", "has a character that no HTTP header takes (not shown)"));
    }
    match common.wire() {
        Ok(wire) if mistakes.is_empty() => {
            Ok(Arc::new(Kinguin { wire, currency: common.currency, settle: common.settle.unwrap_or(SETTLE), settings }))
        }
        Ok(_) => Err(mistakes),
        Err(mistake) => {
            mistakes.push(mistake);
            Err(mistakes)
        }
    }
}

struct Kinguin {
    wire: Wire,
    currency: Currency,
    settle: Duration,
    settings: Settings,
}

#[derive(Deserialize)]
struct Listed {
    results: Vec<ListedProduct>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedProduct {
    product_id: String,
    #[serde(default)]
    price: Value,
    #[serde(default)]
    qty: Value,
    #[serde(default)]
    text_qty: Value,
    #[serde(default)]
    is_preorder: Option<bool>,
    #[serde(default)]
    offers: Vec<ListedOffer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedOffer {
    offer_id: String,
    #[serde(default)]
    price: Value,
    #[serde(default)]
    qty: Value,
    #[serde(default)]
    text_qty: Value,
}

#[derive(Deserialize)]
struct Balance {
    balance: Value,
}

impl Kinguin {
    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        self.wire
            .send(call.header("x-api-key", self.settings.api_key.expose()).header("accept", "application/json"))
            .await
    }

    async fn told<T: DeserializeOwned>(&self, call: Call) -> Result<T, SupplierError> {
        if !is_eur(self.currency) {
            return Err(SupplierError::Unclear(not_eur(self.currency)));
        }
        let reply = self.call(call).await?;
        if reply.is_success() {
            return reply.json().map_err(SupplierError::Unclear);
        }
        match problem::Said::read(&reply) {
            problem::Said::No(Refusal { code: RefusalCode::Credentials, said }) => {
                Err(SupplierError::Credentials(said))
            }
            other @ (problem::Said::No(_) | problem::Said::Unclear(_)) => Err(SupplierError::Unclear(other.text())),
        }
    }

    /// # Errors
    /// Why it can't be asked for: nothing is sent.
    fn readable<'a>(&self, purchase: &Purchase<'a>) -> Result<Product<'a>, Refusal> {
        let no = |code, said: String| Refusal { code, said };
        if purchase.recharge.is_some() {
            return Err(no(RefusalCode::Product, "Kinguin makes no direct top-ups".into()));
        }
        if !is_eur(purchase.currency) {
            return Err(no(RefusalCode::Other, not_eur(purchase.currency)));
        }
        if purchase.quantity.get() > self.settings.most {
            return Err(no(RefusalCode::Other, format!("one order takes at most {}", self.settings.most)));
        }
        Product::parse(purchase.product).map_err(|said| no(RefusalCode::Product, said))
    }

    /// All keys of an order that can be read now.
    ///
    /// # Errors
    /// Why they can't be.
    async fn keys(&self, order_id: &str, quantity: usize) -> Result<Vec<PlainKey>, String> {
        let mut keys = Keys::default();
        // One page more than are full if all is right.
        for page in 1..=quantity / keys::PAGE + 2 {
            let call = Call::get(format!("/v2/order/{}/keys", segment(order_id)))
                .query("page", page.to_string())
                .query("limit", keys::PAGE.to_string());
            let reply = self.call(call).await.map_err(|failure| failure.to_string())?;
            if !keys.take(&reply)? {
                return Ok(keys.into_all());
            }
        }
        Err(format!("an order of {quantity} has pages of keys without end"))
    }

    fn offer(&self, product: &SupplierProduct, listed: &[ListedProduct]) -> Option<Offer> {
        let parsed = Product::parse(product).ok()?;
        let found = listed.iter().find(|listed| listed.product_id == parsed.id)?;
        let (price, qty, text_qty) = match parsed.offer {
            None => (&found.price, &found.qty, &found.text_qty),
            Some(id) => {
                let offer = found.offers.iter().find(|offer| offer.offer_id == id)?;
                (&offer.price, &offer.qty, &offer.text_qty)
            }
        };
        let stock = if self.settings.text_only { text_qty } else { qty };
        Some(Offer {
            product: product.clone(),
            unit_price: decimal::price(price, order::DIGITS).map(MinorUnits),
            stock: decimal::minor(stock, 0).and_then(|count| u64::try_from(count).ok()),
            // What comes out later is not sold by us now.
            on_sale: found.is_preorder != Some(true),
        })
    }
}

fn is_eur(currency: Currency) -> bool {
    currency.as_str() == "EUR"
}

fn not_eur(currency: Currency) -> String {
    format!("Kinguin's prices are in EUR, and this supplier is configured in {currency:?}: set its currency to EUR")
}

#[async_trait]
impl Supplier for Kinguin {
    fn promises(&self) -> Promises {
        Promises {
            query: true,
            resend: Resend::Unsafe,
            settle: self.settle,
            most: self.settings.most,
            keeps_price: true,
        }
    }

    async fn buy(&self, purchase: Purchase<'_>) -> Bought {
        let product = match self.readable(&purchase) {
            Ok(product) => product,
            Err(refusal) => return purchase.unsent(Bought::Refused(refusal)),
        };
        let body = match order::wanted(&purchase, &product, self.settings.text_only) {
            Ok(body) => body,
            Err(why) => return Bought::withheld(why),
        };
        match self.call(Call::post("/v2/order").json(body).send_by(purchase.send_by)).await {
            Ok(reply) => order::bought(&reply, purchase.reference),
            Err(failure) => failure.into(),
        }
    }

    async fn query(&self, sought: Sought<'_>) -> Found {
        let call = Call::get("/v1/order").query("orderExternalId", sought.reference.as_str()).query("limit", "100");
        let reply = match self.call(call).await {
            Ok(reply) => reply,
            Err(failure) => return failure.into(),
        };
        let order = match order::sought(&reply, &sought) {
            Ok(order) => order,
            Err(found) => return found,
        };
        let quantity = sought.quantity.as_usize();
        match self.keys(order.id().unwrap_or(""), quantity).await {
            Ok(keys) => order.found(keys, quantity),
            Err(why) => order.found_without_keys(why),
        }
    }

    async fn offers(&self, products: &[SupplierProduct]) -> Result<Vec<Offer>, SupplierError> {
        let mut offers = Vec::with_capacity(products.len());
        for products in products.chunks(ASKED_AT_ONCE) {
            let mut ids: Vec<&str> =
                products.iter().filter_map(|product| Product::parse(product).ok()).map(|one| one.id).collect();
            ids.sort_unstable();
            ids.dedup();
            if ids.is_empty() {
                continue;
            }
            let call = Call::get("/v1/products").query("productId", ids.join(",")).query("limit", "100");
            let listed: Listed = self.told(call).await?;
            offers.extend(products.iter().filter_map(|product| self.offer(product, &listed.results)));
        }
        Ok(offers)
    }

    async fn balance(&self) -> Result<SupplierBalance, SupplierError> {
        let told: Balance = self.told(Call::get("/v1/balance")).await?;
        let amount = decimal::minor(&told.balance, order::DIGITS)
            .ok_or_else(|| SupplierError::Unclear("a balance that can't be read".into()))?;
        Ok(SupplierBalance { amount, currency: Some(self.currency) })
    }

    fn read_callback(&self, callback: Callback<'_>) -> Result<Hint, CallbackRefused> {
        match &self.settings.event_secret {
            Some(secret) => webhook::read(callback, secret, i64::from(self.settings.most_age_s)),
            None => Err(CallbackRefused::NotSpoken),
        }
    }
}

#[cfg(test)]
mod tests;
