//! The conformance suite of the supplier port over a double: the bench, but for the adapter itself.
//!
//! ```text
//! async fn fresh() -> (DoubleBench, ()) {
//!     let bench = DoubleBench::start(Protocol::Kasushou, |double, with| {
//!         Arc::new(Kasushou::new(settings_of(double, with)))
//!     });
//!     (bench.await, ())
//! }
//! fulfil_contract::supplier_suite!(fresh);
//! ```
#![expect(clippy::expect_used, reason = "a test harness: what can't be set up is a test that fails")]

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use fulfil_contract::{
    attempt::Reference,
    conformance::supplier::{
        Behaviour, CallbackTraits, SentCallback, Signed, Sold, Speaks, SupplierBench, Told, Wanted, With,
    },
    money::{Currency, MinorUnits},
    order::Recharge,
    ports::supplier::Supplier,
    supplier::{RefusalCode, SupplierProduct},
};

use crate::{Credentials, Double, Key, Millis, Mood, PendingQueries, Protocol, Setup};

type Build = Box<dyn Fn(&Double, With) -> Arc<dyn Supplier> + Send + Sync>;

/// A double, an adapter's constructor, and what the suite is to expect. Change what an adapter words otherwise.
pub struct DoubleBench {
    pub double: Double,
    pub speaks: Speaks,
    /// How the adapter tells a key of the log.
    pub key_as: fn(&Key) -> String,
    /// How [`Recharge::account`] names an account of the log.
    pub account_as: fn(&str) -> String,
    /// Where callbacks arrive.
    pub callback_path: String,
    build: Build,
}

impl fmt::Debug for DoubleBench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DoubleBench").field("double", &self.double).finish_non_exhaustive()
    }
}

impl DoubleBench {
    /// An honest double, and what its protocol is expected to tell.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn start(
        protocol: Protocol,
        build: impl Fn(&Double, With) -> Arc<dyn Supplier> + Send + Sync + 'static,
    ) -> Self {
        let double = Double::start(protocol, Setup::of(protocol)).await.expect("a double on loopback");
        Self {
            speaks: speaks(protocol, &double.credentials()),
            double,
            key_as: |key| match &key.number {
                Some(number) => format!("{number} {}", key.secret),
                None => key.secret.clone(),
            },
            account_as: str::to_owned,
            callback_path: match protocol {
                Protocol::Dujiao => "/api/v1/upstream/callback".into(),
                Protocol::Kasushou | Protocol::AcgFaka | Protocol::Kinguin | Protocol::Reloadly => {
                    format!("/callbacks/{}", protocol.as_str())
                }
            },
            build: Box::new(build),
        }
    }
}

/// Credentials of the same account with another secret.
#[must_use]
pub fn wrong(credentials: &Credentials) -> Credentials {
    let other = |text: &str| text.chars().rev().collect::<String>();
    Credentials {
        account: credentials.account.clone(),
        key: other(&credentials.key),
        callback_secret: other(&credentials.callback_secret),
    }
}

#[async_trait]
impl SupplierBench for DoubleBench {
    fn supplier(&self, with: With) -> Arc<dyn Supplier> {
        (self.build)(&self.double, with)
    }

    fn speaks(&self) -> &Speaks {
        &self.speaks
    }

    async fn behave(&self, behaviour: Behaviour) {
        self.double.set_mood(mood(behaviour)).expect("a mood");
        if behaviour == Behaviour::Unreachable {
            self.double.go_dark().await;
        } else {
            self.double.come_back().await;
        }
    }

    async fn sold(&self) -> Vec<Sold> {
        let sold = |purchase: crate::Purchase| Sold {
            reference: purchase.reference,
            quantity: purchase.quantity,
            keys: purchase.keys.iter().map(self.key_as).collect(),
            account: purchase.account.as_deref().map(self.account_as),
        };
        self.double.log().purchases.into_iter().map(sold).collect()
    }

    async fn callback(&self, reference: &Reference, how: Signed) -> Option<SentCallback> {
        let credentials = self.double.credentials();
        let credentials = match how {
            Signed::Rightly | Signed::ThenChanged => credentials,
            Signed::WithAnotherSecret => wrong(&credentials),
        };
        let message = self.double.callback(reference.as_str(), &credentials)?;
        let body = match how {
            Signed::Rightly | Signed::WithAnotherSecret => message.body,
            Signed::ThenChanged => {
                let text = String::from_utf8_lossy(&message.body).into_owned();
                let changed = text.replace("\"status\":3", "\"status\":5").replace("\"status\":\"", "\"status\":\"un");
                assert_ne!(text, changed, "the status is in the body");
                changed.into_bytes()
            }
        };
        Some(SentCallback { headers: message.headers, path: self.callback_path.clone(), body })
    }
}

fn mood(behaviour: Behaviour) -> Mood {
    let honest = Mood::default();
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    match behaviour {
        Behaviour::Honest | Behaviour::Unreachable => honest,
        Behaviour::LostAfterBuying => Mood { lost_after: 1.0, ..honest },
        Behaviour::LostBeforeBuying => Mood { lost_before: 1.0, ..honest },
        Behaviour::Slow(time) => Mood { buy_latency: Millis::fixed(millis(time)), ..honest },
        Behaviour::Html => Mood { html_after: 1.0, ..honest },
        Behaviour::ServerError => Mood { error_after: 1.0, ..honest },
        Behaviour::Throttled(time) => Mood { throttled: 1.0, retry_after: time.as_secs(), ..honest },
        Behaviour::OutOfStock => Mood { out_of_stock: 1.0, ..honest },
        Behaviour::LowBalance => Mood { low_balance: 1.0, ..honest },
        Behaviour::PriceMoved => Mood { price_moved: 1.0, ..honest },
        Behaviour::PendingFor(queries) => Mood { pending_queries: PendingQueries { share: 1.0, queries }, ..honest },
        Behaviour::PendingForEver => Mood { pending_for_ever: 1.0, ..honest },
        Behaviour::DoneWithoutKeys => Mood { without_keys: 1.0, ..honest },
        Behaviour::Cancelled => Mood { cancelled: 1.0, ..honest },
        Behaviour::Refunded => Mood { refunded: 1.0, ..honest },
        Behaviour::RefundedInPart => Mood { refunded_in_part: 1.0, ..honest },
        Behaviour::QueriesLost => Mood { query_lost: 1.0, ..honest },
        Behaviour::QueriesHtml => Mood { query_html: 1.0, ..honest },
        Behaviour::QueriesFail => Mood { query_error: 1.0, ..honest },
    }
}

fn product(id: &str) -> SupplierProduct {
    SupplierProduct::parse(id).expect("a product's name")
}

/// What the protocol is documented to tell, in the words of the port.
fn speaks(protocol: Protocol, credentials: &Credentials) -> Speaks {
    use RefusalCode::{Balance, Credentials as Stranger, Other, OutOfStock, Price, Product};
    let currency = Currency::parse(protocol.currency()).expect("a currency");
    let wanted = |id: &str| Wanted { product: product(id), unit_price: MinorUnits(1_000), currency };
    let ids: Vec<_> = protocol.products().into_iter().map(|product| product.id).collect();
    let [signs_body, signed] = [
        CallbackTraits { signs_body: true, signs_time: true },
        CallbackTraits { signs_body: false, signs_time: false },
    ];
    let told = Speaks {
        keys: wanted(&ids[0]),
        top_up: None,
        unknown: product("9999"),
        out_of_stock: Told::As(&[OutOfStock]),
        low_balance: Told::As(&[Balance]),
        price_moved: Told::Unchecked(&[Price]),
        unknown_product: Told::As(&[Product]),
        wrong_credentials: Told::As(&[Stranger]),
        refunds: true,
        part_refunds: true,
        offers: true,
        stock: true,
        balance: Some(10_000_000_000),
        callbacks: None,
        secrets: vec![credentials.key.clone()],
    };
    match protocol {
        // Code 400 and free text stand for all of them.
        Protocol::Kasushou => Speaks {
            top_up: Some((wanted("1003"), Recharge { account: "13800138000".into() })),
            out_of_stock: Told::Unclear,
            low_balance: Told::Unclear,
            price_moved: Told::Unclear,
            unknown_product: Told::Unclear,
            wrong_credentials: Told::Unclear,
            callbacks: Some(signs_body),
            ..told
        },
        Protocol::AcgFaka => {
            Speaks { unknown: product("0000000000000000"), refunds: false, part_refunds: false, ..told }
        }
        // No offer, no stock and a price that moved are one refusal.
        Protocol::Kinguin => Speaks {
            unknown: product("000000000000000000000000"),
            out_of_stock: Told::As(&[OutOfStock, Price, Product]),
            price_moved: Told::As(&[OutOfStock, Price, Product]),
            unknown_product: Told::As(&[OutOfStock, Price, Product]),
            callbacks: Some(signed),
            secrets: vec![credentials.key.clone(), credentials.callback_secret.clone()],
            ..told
        },
        // Most of its errors have no code.
        Protocol::Reloadly => Speaks {
            top_up: Some((wanted("341"), Recharge { account: "+14155550123".into() })),
            out_of_stock: Told::As(&[OutOfStock, Other]),
            price_moved: Told::As(&[Price, Product, Other]),
            unknown_product: Told::As(&[Product, Other]),
            part_refunds: false,
            stock: false,
            secrets: vec![credentials.key.clone(), "rl-token-".into()],
            ..told
        },
        Protocol::Dujiao => Speaks { callbacks: Some(signs_body), ..told },
    }
}
