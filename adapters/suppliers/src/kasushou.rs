//! kasushou 卡速售 2.0: JSON by POST, signed with SHA-1; card goods and direct top-ups.
//!
//! What holds here:
//! - The bytes that are signed are the bytes that are sent ([`sign`]).
//! - An order's answer never carries the cards: a purchase that was taken is accepted, and asked about.
//! - Code 400 is free text: balance, stock, price and a reference that is known already can't be told apart,
//!   so a purchase answered by it is unknown until a query by reference found nothing. Whatever else is not
//!   code 200 is unknown too. The protocol has no code for "too many requests"; HTTP 429 is said by what stands
//!   before it, and nothing was bought.
//! - The protocol guards against a reference that comes again (防重复), but does not say how it answers: a
//!   re-send is safe, and its answer settles nothing but a purchase.
//! - Status 3 without cards is still pending. 4 and 5 are a final no only where all the money came back
//!   (`has_back_money` = `total_price`); a part refund is no clear answer.
//! - A callback's cards stand outside of its signature: it is a hint to query, whatever it says.
//!
//! Settings, beside the common ones (the URL is the platform's, without `/api/v1`):
//! ```toml
//! user_id = "10000"
//! api_key = "…"
//! key_format = "{card_no} {card_password}"  # how the two become one key; where one is empty, the other alone
//! safe_price = "unit"                       # what their price guard holds: "unit" or "total"
//! days = 30                                 # how far back a query looks; 0: all
//! most = 100                                # pieces per order
//! callback_url = "https://…"                # left out: no callbacks
//! callback_max_age_s = 7200                 # they repeat one for over an hour
//! order_missing = ["订单不存在"]             # texts of a query's answer 400 that say: no such order
//! ```

mod answers;
mod callback;
mod offers;
mod sign;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use fulfil_contract::{
    ports::supplier::{CallbackRefused, Supplier, SupplierError},
    supplier::{
        Bought, Callback, Found, Hint, Offer, Promises, Purchase, Resend, Sought, SupplierBalance, SupplierProduct,
    },
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    decimal,
    secret::Secret,
    settings::{Common, Mistake},
    wire::{Call, Failure, Reply, Wire},
};

/// Orders show up at once; the minute is for their own queue.
const SETTLE: Duration = Duration::from_secs(60);

/// What stands in the supplier's section beside the common keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    user_id: String,
    api_key: Secret,
    #[serde(default = "default_key_format")]
    key_format: String,
    #[serde(default)]
    safe_price: SafePrice,
    #[serde(default = "default_days")]
    days: u16,
    #[serde(default = "default_most")]
    most: u32,
    #[serde(default)]
    callback_url: Option<String>,
    #[serde(default = "default_callback_max_age_s")]
    callback_max_age_s: u32,
    #[serde(default = "default_order_missing")]
    order_missing: Vec<String>,
}

/// What the protocol's price guard is compared with; its documents do not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SafePrice {
    /// The price of one piece: the stricter reading.
    #[default]
    Unit,
    Total,
}

fn default_key_format() -> String {
    "{card_no} {card_password}".into()
}

fn default_days() -> u16 {
    30
}

fn default_most() -> u32 {
    100
}

fn default_callback_max_age_s() -> u32 {
    7200
}

fn default_order_missing() -> Vec<String> {
    vec!["订单不存在".into()]
}

impl Settings {
    pub(crate) fn example() -> Value {
        json!({
            "user_id": "10000",
            "api_key": "example",
            "key_format": default_key_format(),
            "safe_price": "unit",
            "days": default_days(),
            "most": default_most(),
            "callback_url": "https://fulfil.example/suppliers/main/callback",
            "callback_max_age_s": default_callback_max_age_s(),
            "order_missing": default_order_missing(),
        })
    }
}

/// # Errors
/// Every mistake, by its path within the settings.
pub(crate) fn build(common: &Common, settings: Settings) -> Result<Arc<dyn Supplier>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    if settings.user_id.is_empty() || !settings.user_id.bytes().all(|byte| byte.is_ascii_graphic()) {
        mistakes
            .push(Mistake::new("user_id", "found no id; allowed are letters and digits, as the platform shows them"));
    }
    if !settings.key_format.contains("{card_no}") && !settings.key_format.contains("{card_password}") {
        let allowed = "allowed is a text with {card_no}, {card_password} or both";
        mistakes.push(Mistake::new("key_format", format!("found {:?}; {allowed}", settings.key_format)));
    }
    if !(1..=1000).contains(&settings.most) {
        mistakes.push(Mistake::new("most", format!("found {}; allowed is 1 to 1000", settings.most)));
    }
    if !settings.api_key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        mistakes.push(Mistake::new("api_key", "has a space or another character that no key has (not shown)"));
    }
    match (common.wire(), mistakes.is_empty()) {
        (Ok(wire), true) => Ok(Arc::new(Kasushou { wire, settings, common: common.clone() })),
        (Ok(_), false) => Err(mistakes),
        (Err(mistake), _) => {
            mistakes.push(mistake);
            Err(mistakes)
        }
    }
}

#[derive(Debug)]
struct Kasushou {
    wire: Wire,
    settings: Settings,
    common: Common,
}

impl Kasushou {
    async fn post(&self, path: &str, body: &Map<String, Value>) -> Result<Reply, Failure> {
        self.wire.send(self.call(path, body)).await
    }

    fn call(&self, path: &str, body: &Map<String, Value>) -> Call {
        let body = sign::canonical(body);
        let timestamp = (Timestamp::now().0 / 1000).to_string();
        let sign = sign::sign(&timestamp, &body, &self.settings.api_key);
        Call::post(path)
            .header("Sign", sign)
            .header("Timestamp", timestamp)
            .header("UserId", self.settings.user_id.as_str())
            .json(body)
    }

    fn order(&self, purchase: &Purchase<'_>) -> Map<String, Value> {
        let digits = decimal::digits(self.common.currency);
        let pieces = match self.settings.safe_price {
            SafePrice::Unit => 1,
            SafePrice::Total => u64::from(purchase.quantity.get()),
        };
        let mut body = Map::new();
        body.insert("id".into(), number_or_text(purchase.product.as_str()));
        body.insert("quantity".into(), json!(purchase.quantity.get()));
        body.insert("external_orderno".into(), json!(purchase.reference.as_str()));
        body.insert("safe_price".into(), json!(decimal::major(purchase.unit_price.0.saturating_mul(pieces), digits)));
        if let Some(url) = &self.settings.callback_url {
            body.insert("url".into(), json!(url));
        }
        if let Some(recharge) = purchase.recharge {
            body.insert("attach".into(), json!({ "recharge_account": recharge.account }));
        }
        body
    }
}

/// Their ids of goods are numbers.
fn number_or_text(text: &str) -> Value {
    match text.parse::<u64>() {
        Ok(number) if number.to_string() == text => json!(number),
        Ok(_) | Err(_) => json!(text),
    }
}

#[async_trait]
impl Supplier for Kasushou {
    fn promises(&self) -> Promises {
        Promises {
            query: true,
            resend: Resend::Refused,
            settle: self.common.settle.unwrap_or(SETTLE),
            most: self.settings.most,
            keeps_price: true,
        }
    }

    async fn buy(&self, purchase: Purchase<'_>) -> Bought {
        let call = self.call("/api/v1/order/buy", &self.order(&purchase)).send_by(purchase.send_by);
        match self.wire.send(call).await {
            Ok(reply) => answers::bought(&reply, purchase.reference),
            Err(failure) => failure.into(),
        }
    }

    async fn query(&self, sought: Sought<'_>) -> Found {
        let mut body = Map::new();
        body.insert("external_orderno".into(), json!(sought.reference.as_str()));
        body.insert("day".into(), json!(self.settings.days));
        match self.post("/api/v1/order/info", &body).await {
            Ok(reply) => answers::found(&reply, &sought, &self.settings),
            Err(failure) => failure.into(),
        }
    }

    async fn offers(&self, products: &[SupplierProduct]) -> Result<Vec<Offer>, SupplierError> {
        let digits = decimal::digits(self.common.currency);
        let mut offers = Vec::with_capacity(products.len());
        for product in products {
            let mut body = Map::new();
            body.insert("id".into(), number_or_text(product.as_str()));
            let reply = self.post("/api/v1/goods/info", &body).await?;
            offers.extend(offers::offer(&reply, product, digits)?);
        }
        Ok(offers)
    }

    async fn balance(&self) -> Result<SupplierBalance, SupplierError> {
        let reply = self.post("/api/v1/user/info", &Map::new()).await?;
        offers::balance(&reply, self.common.currency)
    }

    fn read_callback(&self, callback: Callback<'_>) -> Result<Hint, CallbackRefused> {
        callback::read(callback, &self.settings.api_key, self.settings.callback_max_age_s)
    }
}

#[cfg(test)]
mod tests;
