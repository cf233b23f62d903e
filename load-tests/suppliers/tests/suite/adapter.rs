//! A small adapter for Kinguin's protocol, right unless it is told to have a fault.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use fulfil_contract::{
    attempt::Reference,
    money::{Currency, MinorUnits},
    ports::supplier::{CallbackRefused, Supplier, SupplierError},
    supplier::{
        About, Bought, Callback, Found, Goods, Hindrance, Hint, Offer, PlainKey, Promises, Purchase, Refusal,
        RefusalCode, Resend, Sought, SupplierBalance, SupplierProduct,
    },
};
use serde_json::{Value, json};
use supplier_doubles::Credentials;

use crate::wire::{Got, send};

/// One thing that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    LostIsNotSent,
    DarkIsOurs,
    LateIsTheirs,
    FailedIsRefused,
    PageIsRefused,
    DarkIsUnknown,
    SlowIsRefused,
    SendsLate,
    Twice,
    Backwards,
    FirstPage,
    IgnoresAccounts,
    AllIsUnknown,
    NoTime,
    PromisesRefused,
    PromisesIdempotent,
    AnyKeysAreAll,
    PendingIsDone,
    NothingIsRefused,
    BackIsPending,
    FewerIsRefused,
    UnclearIsNotFound,
    NotFoundIsPending,
    WrongBalance,
    WrongPrice,
    AnySecret,
    OneNonce,
    ShowsBodies,
    ShowsSecrets,
}

pub(crate) struct Adapter {
    pub(crate) base: String,
    pub(crate) credentials: Credentials,
    pub(crate) limit: Duration,
    pub(crate) fault: Option<Fault>,
}

/// An answer of the protocol, or why there is none.
enum Read {
    Json(u16, Value),
    Throttled(Option<Duration>),
    Failed(String),
    Page(String),
    NotSent,
    Lost,
    Late,
}

impl Adapter {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Read {
        let url = format!("{}{path}", self.base);
        let (status, head, body) = match send(self.limit, method, &url, &self.credentials.key, body).await {
            Got::Answer { status, head, body } => (status, head, body),
            Got::NotSent => return Read::NotSent,
            Got::Lost => return Read::Lost,
            Got::Late => return Read::Late,
        };
        let shown = if self.has(Fault::ShowsBodies) { body.clone() } else { format!("status {status}") };
        if status == 429 {
            let time = head.lines().find_map(|line| line.strip_prefix("retry-after: ")?.parse().ok());
            return Read::Throttled(time.map(Duration::from_secs));
        }
        if status >= 500 {
            return Read::Failed(shown);
        }
        match serde_json::from_str(&body) {
            Ok(json) => Read::Json(status, json),
            Err(_) => Read::Page(shown),
        }
    }

    fn refused(&self, code: RefusalCode, said: impl Into<String>) -> Bought {
        if self.has(Fault::AllIsUnknown) {
            return Bought::Unknown { why: said.into(), their_id: None };
        }
        Bought::Refused(Refusal { code, said: said.into() })
    }

    async fn keys(&self, id: &str) -> Option<Vec<PlainKey>> {
        let mut keys = Vec::new();
        for page in 1.. {
            let path = format!("/v2/order/{id}/keys?limit=25&page={page}");
            let Read::Json(200, Value::Array(rows)) = self.ask("GET", &path, "").await else { return None };
            keys.extend(rows.iter().filter_map(|row| Some(PlainKey::new(row["serial"].as_str()?.to_owned()))));
            if rows.len() < 25 || self.has(Fault::FirstPage) {
                break;
            }
        }
        if self.has(Fault::Backwards) {
            keys.reverse();
        }
        Some(keys)
    }

    async fn find(&self, sought: Sought<'_>) -> Result<Option<(String, String)>, String> {
        let path = format!("/v1/order?orderExternalId={}", sought.reference);
        match self.ask("GET", &path, "").await {
            Read::Json(200, body) => {
                let Some(rows) = body["results"].as_array() else { return Err("not of the protocol".into()) };
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                Ok(rows.first().map(|row| (text(&row["orderId"]), text(&row["status"]))))
            }
            Read::Json(status, _) => Err(format!("status {status}")),
            Read::Failed(said) | Read::Page(said) => Err(said),
            Read::Throttled(_) | Read::NotSent | Read::Lost | Read::Late => Err("no answer".into()),
        }
    }
}

#[async_trait]
impl Supplier for Adapter {
    fn promises(&self) -> Promises {
        let resend = match self.fault {
            Some(Fault::PromisesRefused) => Resend::Refused,
            Some(Fault::PromisesIdempotent) => Resend::Idempotent,
            Some(_) | None => Resend::Unsafe,
        };
        Promises { query: true, resend, settle: Duration::from_secs(60), most: 90, keeps_price: true }
    }

    async fn buy(&self, purchase: Purchase<'_>) -> Bought {
        if purchase.recharge.is_some() && !self.has(Fault::IgnoresAccounts) {
            return self.refused(RefusalCode::Product, "it has no top-ups");
        }
        if Instant::now() > purchase.send_by && !self.has(Fault::SendsLate) {
            let by = if self.has(Fault::LateIsTheirs) { Hindrance::Theirs } else { Hindrance::Ours };
            return Bought::NotSent { why: "its time is over".into(), by };
        }
        let mut left = purchase.quantity.get();
        let mut lines = Vec::new();
        while left > 0 {
            let quantity = left.min(9);
            left -= quantity;
            let price = purchase.unit_price.0 as f64 / 100.0;
            lines.push(json!({"productId": purchase.product.as_str(), "qty": quantity, "price": price}));
        }
        let body = json!({"products": lines, "orderExternalId": purchase.reference.as_str()}).to_string();
        if self.has(Fault::Twice) {
            self.ask("POST", "/v2/order", &body).await;
        }
        let unknown = |why: String| Bought::Unknown { why, their_id: None };
        match self.ask("POST", "/v2/order", &body).await {
            Read::Json(201, _) if self.has(Fault::ShowsSecrets) => {
                Bought::Accepted { their_id: Some(self.credentials.key.clone()) }
            }
            Read::Json(201, order) => Bought::Accepted { their_id: order["orderId"].as_str().map(str::to_owned) },
            Read::Json(_, error) => match error["kind"].as_str() {
                Some("ProductUnavailable") => self.refused(RefusalCode::OutOfStock, "unavailable"),
                Some("InsufficientBalance") => self.refused(RefusalCode::Balance, "balance"),
                Some("Authorization") => self.refused(RefusalCode::Credentials, "authorization"),
                Some(_) | None => unknown("an error that is not known".into()),
            },
            Read::Throttled(time) => {
                let time = time.filter(|_| !self.has(Fault::NoTime));
                self.refused(RefusalCode::Throttled(time), "too many requests")
            }
            Read::Failed(said) if self.has(Fault::FailedIsRefused) => self.refused(RefusalCode::Other, said),
            Read::Page(said) if self.has(Fault::PageIsRefused) => self.refused(RefusalCode::Other, said),
            Read::Failed(said) | Read::Page(said) => unknown(said),
            Read::NotSent if self.has(Fault::DarkIsUnknown) => unknown("dark".into()),
            Read::Lost if self.has(Fault::LostIsNotSent) => {
                Bought::NotSent { why: "closed".into(), by: Hindrance::Theirs }
            }
            Read::Late if self.has(Fault::SlowIsRefused) => self.refused(RefusalCode::Other, "late"),
            Read::NotSent if self.has(Fault::DarkIsOurs) => Bought::withheld("refused"),
            Read::NotSent => Bought::NotSent { why: "refused".into(), by: Hindrance::Theirs },
            Read::Lost | Read::Late => unknown("no answer".into()),
        }
    }

    async fn query(&self, sought: Sought<'_>) -> Found {
        let (id, status) = match self.find(sought).await {
            Ok(Some(found)) => found,
            Ok(None) if self.has(Fault::NotFoundIsPending) => {
                return Found::Pending { their_id: None, so_far: Vec::new() };
            }
            Ok(None) => return Found::NotFound,
            Err(_) if self.has(Fault::UnclearIsNotFound) => return Found::NotFound,
            Err(why) => return Found::Unclear { why },
        };
        let back = matches!(status.as_str(), "canceled" | "refunded") && !self.has(Fault::BackIsPending);
        let refusal = Refusal { code: RefusalCode::Other, said: status.clone() };
        if back {
            return Found::Refused(refusal);
        }
        let Some(keys) = self.keys(&id).await else { return Found::Unclear { why: "no keys".into() } };
        let done = status == "completed" || self.has(Fault::PendingIsDone);
        let (some, fewer) = (!keys.is_empty(), keys.len() < sought.quantity.as_usize());
        let nothing = status == "completed" && !some && self.has(Fault::NothingIsRefused);
        if nothing || (status == "completed" && fewer && self.has(Fault::FewerIsRefused)) {
            return Found::Refused(refusal);
        }
        let their_id = Some(id);
        if done && (some || self.has(Fault::PendingIsDone)) || some && self.has(Fault::AnyKeysAreAll) {
            return Found::Delivered { goods: Goods::Keys(keys), their_id };
        }
        Found::Pending { their_id, so_far: keys }
    }

    async fn offers(&self, products: &[SupplierProduct]) -> Result<Vec<Offer>, SupplierError> {
        let mut offers = Vec::new();
        for product in products {
            match self.ask("GET", &format!("/v2/products/{}", product.as_str()), "").await {
                Read::Json(200, row) => {
                    let price = (row["price"].as_f64().unwrap_or_default() * 100.0).round() as u64;
                    let price = price + u64::from(self.has(Fault::WrongPrice));
                    offers.push(Offer {
                        product: product.clone(),
                        unit_price: Some(MinorUnits(price)),
                        stock: row["qty"].as_u64(),
                        on_sale: true,
                    });
                }
                Read::Json(..) => {}
                Read::NotSent if !self.has(Fault::DarkIsUnknown) => {
                    return Err(SupplierError::Unreachable("refused".into()));
                }
                Read::Failed(said) | Read::Page(said) => return Err(SupplierError::Unclear(said)),
                Read::NotSent | Read::Throttled(_) | Read::Lost | Read::Late => {
                    return Err(SupplierError::Unclear("no answer".into()));
                }
            }
        }
        Ok(offers)
    }

    async fn balance(&self) -> Result<SupplierBalance, SupplierError> {
        match self.ask("GET", "/v1/balance", "").await {
            Read::Json(200, body) => {
                let amount = (body["balance"].as_f64().unwrap_or_default() * 100.0).round() as i64;
                let amount = amount - i64::from(self.has(Fault::WrongBalance));
                Ok(SupplierBalance { amount, currency: Currency::parse("EUR") })
            }
            Read::Json(..) => Err(SupplierError::Credentials("authorization".into())),
            Read::NotSent => Err(SupplierError::Unreachable("refused".into())),
            Read::Failed(said) | Read::Page(said) => Err(SupplierError::Unclear(said)),
            Read::Throttled(_) | Read::Lost | Read::Late => Err(SupplierError::Unclear("no answer".into())),
        }
    }

    fn read_callback(&self, callback: Callback<'_>) -> Result<Hint, CallbackRefused> {
        let secret = callback.headers.iter().find_map(|(name, value)| (name == "x-event-secret").then_some(value));
        if !self.has(Fault::AnySecret) && secret != Some(&self.credentials.callback_secret) {
            return Err(CallbackRefused::Signature);
        }
        let unreadable = |_| CallbackRefused::Unreadable("not JSON".into());
        let body: Value = serde_json::from_slice(callback.body).map_err(unreadable)?;
        let reference = body["orderExternalId"].as_str().and_then(Reference::parse);
        let about = About::Reference(reference.ok_or(CallbackRefused::Signature)?);
        let nonce = match self.has(Fault::OneNonce) {
            true => String::new(),
            false => format!("{} {}", body["orderId"], body["updatedAt"]),
        };
        Ok(Hint { about, nonce, reply: None })
    }
}
