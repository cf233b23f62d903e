//! acg-faka shared shop (异次元发卡): one signed form per call, keys in the answer to the purchase.
//!
//! What holds here:
//! - The protocol has no query by our reference, and a known reference is refused without its outcome: what is
//!   unclear is for a person. Where an answer came and holds no keys, the shop's own number is told with it, and
//!   a query by that number reads what the shop delivered since. Such a query never says not-found: the shop
//!   looks at its stock before it looks at the reference, so a purchase sent again may get an untrue no.
//! - A sentence where keys should be never becomes a key ([`goods`]).
//! - The protocol has no field for the most that may be paid. The shop's price is asked first, within half of
//!   the call's time, and a price above the purchase's is refused unsent; what the shop changes in between
//!   is paid (`ask_price = false` leaves the question out).

mod answer;
mod form;
mod goods;
mod product;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use fulfil_contract::{
    money::Currency,
    ports::supplier::{CallbackRefused, Supplier, SupplierError},
    supplier::{
        Bought, Callback, Found, Hindrance, Hint, Offer, Promises, Purchase, Refusal, RefusalCode, Resend, Sought,
        SupplierBalance, SupplierProduct,
    },
};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    decimal,
    secret::Secret,
    settings::{Common, Mistake},
    wire::{Call, Failure, Reply, Wire},
};
use answer::Said;
use product::Product;

const SETTLE: Duration = Duration::from_secs(60);

/// What stands under the supplier's section beside the common keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// 商户ID.
    app_id: String,
    /// 商户密钥: signs, and goes with every call.
    app_key: Secret,
    /// Stands in the shop's order; the shop replaces it for accounts.
    #[serde(default = "contact")]
    contact: String,
    /// The most that one purchase takes, 1–1000.
    #[serde(default = "most")]
    most: u32,
    /// Asks the price before each purchase.
    #[serde(default = "yes")]
    ask_price: bool,
}

fn contact() -> String {
    "fulfil".into()
}

fn most() -> u32 {
    100
}

fn yes() -> bool {
    true
}

impl Settings {
    /// Complete settings that are right: what stands in for a field that is wrong, so that the other
    /// mistakes can be told at once.
    pub(crate) fn example() -> Value {
        serde_json::json!({
            "app_id": "1001", "app_key": "8B4C7E1D2F3A6098", "contact": "fulfil", "most": 100, "ask_price": true
        })
    }
}

/// Every mistake at once, by its path within the settings.
pub(crate) fn build(common: &Common, settings: Settings) -> Result<Arc<dyn Supplier>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    if settings.app_id.is_empty() {
        mistakes
            .push(Mistake::new("app_id", "found an empty text, allowed is the shop's number for our account (商户ID)"));
    }
    // The shop unescapes what it signs, its key too: these two would make another key of it.
    if settings.app_key.expose().contains(['%', '+']) {
        mistakes.push(Mistake::new("app_key", "has a % or a + (not shown), which no key of this shop has"));
    }
    if settings.contact.chars().count() < 3 {
        mistakes.push(Mistake::new("contact", "is too short; allowed are 3 or more characters"));
    }
    if !(1..=1000).contains(&settings.most) {
        mistakes.push(Mistake::new("most", format!("found {}, allowed is 1–1000", settings.most)));
    }
    match common.wire() {
        Ok(wire) if mistakes.is_empty() => Ok(Arc::new(AcgFaka {
            wire,
            currency: common.currency,
            timeout: common.timeout,
            settle: common.settle.unwrap_or(SETTLE),
            settings,
        })),
        Ok(_) => Err(mistakes),
        Err(mistake) => {
            mistakes.push(mistake);
            Err(mistakes)
        }
    }
}

struct AcgFaka {
    wire: Wire,
    currency: Currency,
    timeout: Duration,
    settle: Duration,
    settings: Settings,
}

impl AcgFaka {
    async fn call(&self, path: &str, fields: Vec<(String, String)>) -> Result<Reply, Failure> {
        self.wire.send(self.signed(path, fields)).await
    }

    fn signed(&self, path: &str, fields: Vec<(String, String)>) -> Call {
        Call::post(path).form(&form::signed(fields, &self.settings.app_id, &self.settings.app_key))
    }

    /// # Errors
    /// Why it can't be asked for: nothing is sent.
    fn readable<'a>(&self, purchase: &Purchase<'a>) -> Result<Product<'a>, Refusal> {
        let no = |code, said: String| Refusal { code, said };
        if purchase.recharge.is_some() {
            return Err(no(RefusalCode::Product, "an acg-faka shop makes no direct top-ups".into()));
        }
        if purchase.currency != self.currency {
            let said =
                format!("this supplier is paid in {:?}, the purchase is in {:?}", self.currency, purchase.currency);
            return Err(no(RefusalCode::Other, said));
        }
        if purchase.quantity.get() > self.settings.most {
            return Err(no(RefusalCode::Other, format!("one purchase takes at most {}", self.settings.most)));
        }
        Product::parse(purchase.product).map_err(|said| no(RefusalCode::Product, said))
    }

    /// Whether the shop asks no more than the purchase allows.
    ///
    /// # Errors
    /// What comes of the purchase, which is not sent.
    async fn affordable(&self, purchase: &Purchase<'_>, product: &Product<'_>) -> Result<(), Bought> {
        let not_sent = |why: String, by| Bought::NotSent { why: format!("the price could not be asked: {why}"), by };
        let untold = |why: String| not_sent(why, Hindrance::Theirs);
        let asked = self.call("/shared/commodity/valuation", price_fields(product, purchase.quantity.get()));
        let reply = match timeout(self.timeout / 2, asked).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(failure)) => return Err(not_sent(failure.to_string(), failure.hindrance())),
            Err(_) => return Err(untold("no answer in half of the call's time".into())),
        };
        let price = match Said::<Price>::read(&reply) {
            Said::Yes(Price { price }) => decimal::price(&price, decimal::digits(self.currency)),
            Said::No(refusal) => return Err(Bought::Refused(refusal)),
            Said::Unclear(why) => return Err(untold(why)),
        };
        let allowed = u128::from(purchase.unit_price.0) * u128::from(purchase.quantity.get());
        match price {
            Some(price) if u128::from(price) <= allowed => Ok(()),
            Some(price) => {
                let said = format!("it costs {price} {:?} in minor units, allowed are {allowed}", self.currency);
                Err(Bought::Refused(Refusal { code: RefusalCode::Price, said }))
            }
            None => Err(untold("no amount that can be read".into())),
        }
    }

    async fn offer(&self, product: &SupplierProduct) -> Result<Option<Offer>, SupplierError> {
        let Ok(parsed) = Product::parse(product) else { return Ok(None) };
        let offer = |unit_price, stock, on_sale| Some(Offer { product: product.clone(), unit_price, stock, on_sale });
        let price = Said::<Price>::read(&self.call("/shared/commodity/valuation", price_fields(&parsed, 1)).await?);
        let price = match price {
            Said::No(Refusal { code: RefusalCode::Product, .. }) => return Ok(offer(None, None, false)),
            said @ (Said::Yes(_) | Said::No(_) | Said::Unclear(_)) => answer::no_information(said)?.price,
        };
        let mut fields = parsed.fields();
        fields.push(("code".into(), parsed.code.into()));
        let stock = Said::<Stock>::read(&self.call("/shared/commodity/stock", fields).await?);
        let stock = whole(&answer::no_information(stock)?.stock);
        let price = decimal::price(&price, decimal::digits(self.currency)).map(fulfil_contract::money::MinorUnits);
        Ok(offer(price, stock, true))
    }
}

fn price_fields(product: &Product<'_>, quantity: u32) -> Vec<(String, String)> {
    let mut fields = product.fields();
    fields.extend([
        ("code".into(), product.code.into()),
        ("num".into(), quantity.to_string()),
        ("card_id".into(), "0".into()),
    ]);
    fields
}

fn trade_fields(purchase: &Purchase<'_>, product: &Product<'_>, contact: &str) -> Vec<(String, String)> {
    let mut fields = product.fields();
    fields.extend([
        ("shared_code".into(), product.code.into()),
        ("contact".into(), contact.into()),
        ("num".into(), purchase.quantity.get().to_string()),
        ("card_id".into(), "0".into()),
        ("device".into(), "0".into()),
        ("password".into(), String::new()),
        ("request_no".into(), purchase.reference.as_str().into()),
    ]);
    fields
}

#[derive(Deserialize)]
struct Price {
    price: Value,
}

#[derive(Deserialize)]
struct Stock {
    stock: Value,
}

#[derive(Deserialize)]
struct Connected {
    balance: Value,
}

/// A count, as a number or as text.
fn whole(value: &Value) -> Option<u64> {
    decimal::minor(value, 0).and_then(|count| u64::try_from(count).ok())
}

#[async_trait]
impl Supplier for AcgFaka {
    fn promises(&self) -> Promises {
        Promises {
            query: false,
            resend: Resend::Refused,
            settle: self.settle,
            most: self.settings.most,
            // It names none: but `affordable` has asked just before.
            keeps_price: self.settings.ask_price,
        }
    }

    async fn buy(&self, purchase: Purchase<'_>) -> Bought {
        let deadline = Instant::now() + self.timeout;
        let product = match self.readable(&purchase) {
            Ok(product) => product,
            Err(refusal) => return purchase.unsent(Bought::Refused(refusal)),
        };
        if self.settings.ask_price
            && let Err(no) = self.affordable(&purchase, &product).await
        {
            return purchase.unsent(no);
        }
        let fields = trade_fields(&purchase, &product, &self.settings.contact);
        let call = self.signed("/shared/commodity/trade", fields).send_by(purchase.send_by);
        match timeout_at(deadline, self.wire.send(call)).await {
            Ok(Ok(reply)) => answer::bought(&reply),
            Ok(Err(failure)) => failure.into(),
            Err(_) => Bought::Unknown { why: "no answer in time".into(), their_id: None },
        }
    }

    /// By the shop's own number alone.
    async fn query(&self, sought: Sought<'_>) -> Found {
        let Some(their_id) = sought.their_id else {
            return Found::Unclear {
                why: "the protocol has no query by our reference; look into the shop's orders".into(),
            };
        };
        match self.call("/shared/commodity/query", vec![("tradeNo".into(), their_id.into())]).await {
            Ok(reply) => answer::found(&reply, their_id),
            Err(failure) => failure.into(),
        }
    }

    async fn offers(&self, products: &[SupplierProduct]) -> Result<Vec<Offer>, SupplierError> {
        let mut offers = Vec::with_capacity(products.len());
        for product in products {
            offers.extend(self.offer(product).await?);
        }
        Ok(offers)
    }

    async fn balance(&self) -> Result<SupplierBalance, SupplierError> {
        let reply = self.call("/shared/authentication/connect", Vec::new()).await?;
        let connected = answer::no_information(Said::<Connected>::read(&reply))?;
        let amount = decimal::minor(&connected.balance, decimal::digits(self.currency))
            .ok_or_else(|| SupplierError::Unclear("a balance that can't be read".into()))?;
        Ok(SupplierBalance { amount, currency: Some(self.currency) })
    }

    fn read_callback(&self, _: Callback<'_>) -> Result<Hint, CallbackRefused> {
        Err(CallbackRefused::NotSpoken)
    }
}

#[cfg(test)]
mod tests;
