//! Reloadly: gift cards or direct top-ups, chosen by `product_line`. Each has a host and an OAuth token of its own.
//!
//! What holds here:
//! - A purchase is accepted and its goods come with a query. A used `customIdentifier` is refused, and a report
//!   by it finds a transaction whose answer was lost.
//! - A purchase that was turned away for its token (nothing was bought) is sent once more with a new one, within
//!   the call's time. Without a token nothing is sent.
//! - A gift card's `unitPrice` must match a face value of the product. What a face value costs the account (rate
//!   and fee) is told by the offers alone: the protocol has no field for the most that may be paid. A top-up's
//!   amount in the account's currency is never above what the purchase allows.
//! - What a card gives becomes one key: number and code by `key_format`, or the one of them that is there.

mod api;
mod calling_codes;
mod gift_cards;
mod offers;
mod phone;
mod problem;
mod product;
mod token;
mod top_ups;
mod transaction;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use fulfil_contract::{
    money::Currency,
    ports::supplier::{CallbackRefused, Supplier, SupplierError},
    supplier::{
        Bought, Callback, Found, Hint, Offer, Promises, Purchase, Refusal, RefusalCode, Resend, Sought,
        SupplierBalance, SupplierProduct,
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    decimal,
    secret::Secret,
    settings::{Common, Mistake},
    wire::{Call, segment},
};
use api::Api;
use phone::Phone;
use problem::Said;
use product::Product;
use token::Tokens;
use transaction::Transaction;

/// So long after the last byte a transaction may still appear; a published rule of this trade. Longer than the
/// two minutes in which a phone is not topped up again.
const SETTLE: Duration = Duration::from_secs(600);
/// Of one card in one order: no limit is documented.
const MOST: u32 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ProductLine {
    GiftCards,
    TopUps,
}

/// What stands under the supplier's section beside the common keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// `giftcards` or `topups`.
    product_line: ProductLine,
    client_id: String,
    client_secret: Secret,
    /// Where tokens are given.
    #[serde(default = "auth_url")]
    auth_url: String,
    /// For which API; without it the product line's own, of the sandbox if the URL is.
    #[serde(default)]
    audience: Option<String>,
    /// Gift cards: the buyer's country. Top-ups: whose a number is whose calling code several countries share.
    /// Two letters (ISO 3166).
    #[serde(default)]
    country: Option<String>,
    /// Gift cards: the name on the receipt.
    #[serde(default = "sender_name")]
    sender_name: String,
    /// Gift cards: whom Reloadly writes to; without it the account's own address.
    #[serde(default)]
    recipient_email: Option<String>,
    /// Gift cards: a key of `{cardNumber}` and `{pinCode}`.
    #[serde(default = "key_format")]
    key_format: String,
    /// Gift cards: the most that one order takes, 1–1000.
    #[serde(default = "most")]
    most: u32,
    /// Top-ups: amounts are in the operator's currency; needs products with a face value.
    #[serde(default)]
    local_amount: bool,
}

fn auth_url() -> String {
    "https://auth.reloadly.com".into()
}

fn sender_name() -> String {
    "fulfil".into()
}

fn key_format() -> String {
    "{cardNumber} {pinCode}".into()
}

fn most() -> u32 {
    MOST
}

impl Settings {
    /// Complete settings that are right: what stands in for a field that is wrong, so that the other
    /// mistakes can be told at once.
    pub(crate) fn example() -> Value {
        serde_json::json!({
            "product_line": "giftcards", "client_id": "client", "client_secret": "a long random text",
            "auth_url": auth_url(), "audience": "https://giftcards.reloadly.com", "country": "US",
            "sender_name": "fulfil", "recipient_email": "keys@shop.example", "key_format": key_format(),
            "most": MOST, "local_amount": false
        })
    }

    fn audience(&self, url: &str) -> String {
        let host = match self.product_line {
            ProductLine::GiftCards => "giftcards",
            ProductLine::TopUps => "topups",
        };
        let sandbox = if url.contains("-sandbox.reloadly.com") { "-sandbox" } else { "" };
        self.audience.clone().unwrap_or_else(|| format!("https://{host}{sandbox}.reloadly.com"))
    }

    fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut wrong = |path: &str, problem: String| mistakes.push(Mistake::new(path, problem));
        if self.client_id.is_empty() {
            wrong("client_id", "found an empty text, allowed is the account's client id".into());
        }
        if let Some(country) = self.country.as_deref().filter(|country| !phone::is_country(country)) {
            wrong("country", format!("found {country:?}, allowed are two capital letters, as US"));
        }
        if self.sender_name.trim().is_empty() {
            wrong("sender_name", "found an empty text, allowed is the name on the receipt".into());
        }
        if !self.key_format.contains("{cardNumber}") || !self.key_format.contains("{pinCode}") {
            wrong(
                "key_format",
                format!("found {:?}, allowed is a text with {{cardNumber}} and {{pinCode}}", self.key_format),
            );
        }
        if !(1..=1000).contains(&self.most) {
            wrong("most", format!("found {}, allowed is 1–1000", self.most));
        }
        mistakes
    }
}

/// Every mistake at once, by its path within the settings.
pub(crate) fn build(common: &Common, settings: Settings) -> Result<Arc<dyn Supplier>, Vec<Mistake>> {
    reloadly(common, settings).map(|reloadly| Arc::new(reloadly) as Arc<dyn Supplier>)
}

fn reloadly(common: &Common, settings: Settings) -> Result<Reloadly, Vec<Mistake>> {
    let mut mistakes = settings.mistakes();
    // Together less than a purchase's time, so that what remains is the purchase's own.
    let (patience, fetch) = (common.timeout / 4, common.timeout / 2);
    let auth = common.wire_to("auth_url", &settings.auth_url, fetch);
    match (common.wire(), auth) {
        (Ok(wire), Ok(auth)) if mistakes.is_empty() => {
            let (id, secret) = (settings.client_id.clone(), settings.client_secret.clone());
            let tokens = Tokens::new(auth, id, secret, settings.audience(&common.url), patience);
            let accept = match settings.product_line {
                ProductLine::GiftCards => "application/com.reloadly.giftcards-v1+json",
                ProductLine::TopUps => "application/com.reloadly.topups-v1+json",
            };
            Ok(Reloadly {
                api: Api { wire, tokens, accept },
                currency: common.currency,
                timeout: common.timeout,
                settle: common.settle.unwrap_or(SETTLE),
                settings,
            })
        }
        (wire, auth) => {
            mistakes.extend(wire.err());
            mistakes.extend(auth.err());
            Err(mistakes)
        }
    }
}

struct Reloadly {
    api: Api,
    currency: Currency,
    timeout: Duration,
    settle: Duration,
    settings: Settings,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Balance {
    balance: Value,
    #[serde(default)]
    currency_code: Option<String>,
}

impl Reloadly {
    fn most(&self) -> u32 {
        match self.settings.product_line {
            ProductLine::GiftCards => self.settings.most,
            ProductLine::TopUps => 1,
        }
    }

    /// The path and the body of a purchase.
    ///
    /// # Errors
    /// What comes of the purchase, which is not sent.
    fn order(&self, purchase: &Purchase<'_>) -> Result<(&'static str, Vec<u8>), Bought> {
        let refused = |code, said: String| Bought::Refused(Refusal { code, said });
        let kind = |said: &str| Err(refused(RefusalCode::Product, said.into()));
        let recharge = match (self.settings.product_line, purchase.recharge) {
            (ProductLine::GiftCards, Some(_)) => return kind("this supplier's product_line makes no top-ups"),
            (ProductLine::TopUps, None) => return kind("this supplier's product_line sells no keys"),
            (ProductLine::GiftCards | ProductLine::TopUps, recharge) => recharge,
        };
        if purchase.currency != self.currency {
            let said =
                format!("this supplier is paid in {:?}, the purchase is in {:?}", self.currency, purchase.currency);
            return Err(refused(RefusalCode::Other, said));
        }
        if purchase.quantity.get() > self.most() {
            return Err(refused(RefusalCode::Other, format!("one purchase takes at most {}", self.most())));
        }
        let product = Product::parse(purchase.product).map_err(|said| refused(RefusalCode::Product, said))?;
        let Some(recharge) = recharge else {
            return Ok(("/orders", gift_cards::wanted(purchase, &product, &self.settings)?));
        };
        self.affordable(purchase, &product)?;
        let phone = Phone::parse(recharge, self.settings.country.as_deref()).map_err(Bought::Refused)?;
        Ok(("/topups-async", top_ups::wanted(purchase, &product, &phone, self.settings.local_amount)?))
    }

    /// A top-up's named amount is what it costs, unless it is in the operator's currency.
    fn affordable(&self, purchase: &Purchase<'_>, product: &Product<'_>) -> Result<(), Bought> {
        let named = product.named_face(decimal::digits(self.currency));
        let refused = |code, said: String| Err(Bought::Refused(Refusal { code, said }));
        match named {
            None if self.settings.local_amount => {
                refused(RefusalCode::Product, "local_amount needs a product with its face value, as in 535@500".into())
            }
            Some(amount) if !self.settings.local_amount && amount > purchase.unit_price.0 => {
                let allowed = purchase.unit_price.0;
                let said = format!("it costs {amount} {:?} in minor units, allowed are {allowed}", self.currency);
                refused(RefusalCode::Price, said)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The transaction under our reference.
    ///
    /// # Errors
    /// There is none, or it is not clear which.
    async fn reported(&self, sought: &Sought<'_>) -> Result<Transaction, Found> {
        let path = match self.settings.product_line {
            ProductLine::GiftCards => "/reports/transactions",
            ProductLine::TopUps => "/topups/reports/transactions",
        };
        let reference = sought.reference.as_str();
        let reply = self.api.send(|| Call::get(path).query("customIdentifier", reference)).await?;
        transaction::reported(&reply, sought)
    }

    async fn query_cards(&self, sought: &Sought<'_>) -> Result<Found, Found> {
        let transaction = self.reported(sought).await?;
        if let Some(found) = gift_cards::found(&transaction) {
            return Ok(found);
        }
        let path = format!("/orders/transactions/{}/cards", segment(&transaction.id().unwrap_or_default()));
        let reply = self.api.send(|| Call::get(path.as_str())).await?;
        Ok(gift_cards::delivered(&reply, &transaction, &self.settings.key_format))
    }

    async fn query_top_up(&self, sought: &Sought<'_>) -> Result<Found, Found> {
        let Some(their_id) = sought.their_id else {
            let transaction = self.reported(sought).await?;
            return Ok(top_ups::found(&transaction, sought, None));
        };
        let path = format!("/topups/{}/status", segment(their_id));
        let reply = self.api.send(|| Call::get(path.as_str())).await?;
        Ok(top_ups::of_status(&reply, sought))
    }

    /// `None`: they do not know it.
    async fn told<T: DeserializeOwned>(&self, path: String) -> Result<Option<T>, SupplierError> {
        let reply = self.api.send(|| Call::get(path.as_str())).await?;
        if reply.is_success() {
            return reply.json().map(Some).map_err(SupplierError::Unclear);
        }
        match Said::read(&reply) {
            Said::No(Refusal { code: RefusalCode::Product, .. }) => Ok(None),
            Said::No(Refusal { code: RefusalCode::Credentials, said }) => Err(SupplierError::Credentials(said)),
            other @ (Said::No(_) | Said::Unclear(_)) => Err(SupplierError::Unclear(other.text())),
        }
    }

    async fn offer(&self, asked: &SupplierProduct) -> Result<Option<Offer>, SupplierError> {
        let Ok(product) = Product::parse(asked) else { return Ok(None) };
        Ok(match self.settings.product_line {
            ProductLine::GiftCards => {
                let card: Option<offers::GiftCard> = self.told(format!("/products/{}", segment(product.id))).await?;
                card.map(|card| offers::of_gift_card(&card, asked, &product, self.currency))
            }
            ProductLine::TopUps => {
                let operator: Option<offers::Operator> =
                    self.told(format!("/operators/{}", segment(product.id))).await?;
                let local = self.settings.local_amount;
                operator.map(|operator| offers::of_operator(&operator, asked, &product, self.currency, local))
            }
        })
    }
}

/// Balances have more digits than their currency: what is left of the last one does not count.
fn balance_in(value: &Value, digits: u32) -> Option<i64> {
    decimal::minor(value, digits).or_else(|| i64::try_from(decimal::price(value, digits)?.checked_sub(1)?).ok())
}

/// The section's `product_line` was changed since.
fn other_service(now: &str, bought: &str) -> Found {
    Found::Unclear { why: format!("product_line is {now} by now, and this was a {bought}: ask with the earlier one") }
}

#[async_trait]
impl Supplier for Reloadly {
    fn promises(&self) -> Promises {
        // What a card's face or an amount in the phone's currency costs us is theirs to say.
        let keeps_price = match self.settings.product_line {
            ProductLine::GiftCards => false,
            ProductLine::TopUps => !self.settings.local_amount,
        };
        Promises { query: true, resend: Resend::Refused, settle: self.settle, most: self.most(), keeps_price }
    }

    async fn buy(&self, purchase: Purchase<'_>) -> Bought {
        let (path, body) = match self.order(&purchase) {
            Ok(order) => order,
            Err(no) => return purchase.unsent(no),
        };
        // One limit for the token and for the purchase, sent once more if the token had expired. Waiting for a token
        // and fetching it take three quarters of it at most.
        let call = || Call::post(path).json(body.clone()).send_by(purchase.send_by);
        match timeout(self.timeout, self.api.send(call)).await {
            Ok(Ok(reply)) => transaction::bought(&reply, purchase.reference, purchase.sent_before),
            Ok(Err(trouble)) => trouble.into(),
            Err(_) => Bought::Unknown { why: "no answer in time".into(), their_id: None },
        }
    }

    async fn query(&self, sought: Sought<'_>) -> Found {
        let found = match (self.settings.product_line, sought.recharge) {
            (ProductLine::GiftCards, false) => self.query_cards(&sought).await,
            (ProductLine::TopUps, true) => self.query_top_up(&sought).await,
            // Their gift cards and top-ups are two services: what one does not know the other may have sold.
            (ProductLine::GiftCards, true) => return other_service("giftcards", "top-up"),
            (ProductLine::TopUps, false) => return other_service("topups", "purchase of keys"),
        };
        found.unwrap_or_else(|unfound| unfound)
    }

    async fn offers(&self, products: &[SupplierProduct]) -> Result<Vec<Offer>, SupplierError> {
        let mut offers = Vec::with_capacity(products.len());
        for product in products {
            offers.extend(self.offer(product).await?);
        }
        Ok(offers)
    }

    async fn balance(&self) -> Result<SupplierBalance, SupplierError> {
        let told: Option<Balance> = self.told("/accounts/balance".into()).await?;
        let unreadable = || SupplierError::Unclear("a balance that can't be read".into());
        let told = told.ok_or_else(unreadable)?;
        let currency = told.currency_code.as_deref().and_then(Currency::parse).unwrap_or(self.currency);
        let amount = balance_in(&told.balance, decimal::digits(currency)).ok_or_else(unreadable)?;
        Ok(SupplierBalance { amount, currency: Some(currency) })
    }

    fn read_callback(&self, _: Callback<'_>) -> Result<Hint, CallbackRefused> {
        Err(CallbackRefused::NotSpoken)
    }
}

#[cfg(test)]
mod tests;
