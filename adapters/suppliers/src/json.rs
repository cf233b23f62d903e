//! Suppliers without code of their own: JSON over HTTP, described by configuration alone.
//!
//! What holds here:
//! - What is not in a call's table of outcomes is unknown, and so is every answer that is not JSON, unless a
//!   rule says that its body does not matter.
//! - Goods that were delivered without keys, an answer about another reference, two orders under one
//!   reference: unknown.
//! - A query's table knows neither `refused:throttled` nor `refused:credentials`: these say nothing about the
//!   purchase that is asked for.
//! - A value is escaped by the place where it is put: as a segment of a path, a parameter, a JSON text, or, in
//!   JSON outside of quotes, a number. The bytes that are signed are the bytes that are sent.
//! - Settings that do not fit together are refused when they are read: a placeholder without a value there, a
//!   body that is no JSON, a promise to be able to query without a query that holds the reference.
//!
//! # Settings
//! Beside the common ones (`url`, `currency`, `timeout`, `settle`):
//!
//! | table | what |
//! |---|---|
//! | `values`, `secrets` | placeholders of your own; secrets are shown nowhere |
//! | `promises` | `query`, `resend` (`idempotent`, `refused`, `unsafe`), `most`; left out: no, `unsafe`, 100 |
//! | `signing` | how each request is signed |
//! | `buy`, `recharge` | the order for keys, and for a top-up: `request`, `answer`; at least one of them |
//! | `query` | about one order, by `{reference}` or `{their_id}`: `request`, `answer` |
//! | `offer` | of one product: `request`, `success`, `list` with `entry`, `price`, `unit`, `stock`, `on_sale` |
//! | `balance` | what we have there: `request`, `success`, `amount`, `unit`, `currency` |
//! | `callback` | whom to believe, and which order it is about |
//!
//! A **request**: `method`, `path`, `query`, `headers`, and as body `json` (a text) or `form` (a table).
//! Placeholders: `{reference}`, `{product}` (of `12/34` also `{product_first}` and `{product_last}`),
//! `{quantity}`, `{their_id}` (query), `{account}` (recharge),
//! `{unit_price}` and `{total_price}` in minor units, `{unit_price_major}` and `{total_price_major}` as
//! decimals, `{currency}`, `{timestamp}` in seconds, `{timestamp_ms}`, `{nonce}`, and your own.
//!
//! An **answer**: JSON pointers `status` (the first of several that is there), `message`, `their_id`, `receipt`,
//! `reference`; `list`, where orders come in a list (it needs `reference`: pointers then start at the one with ours;
//! an empty list is not found); `keys` as one of `lines` (one text, a key per line), `texts` (a list of texts),
//! `objects` (a list of objects, with `fields` and a `format`); and `outcomes`, of which the first that fits
//! counts: `http` (`200`, `2xx`, `any`), `status`, `says` (a part of the message), `outcome` (`delivered`,
//! `accepted`, `not_found`, `unknown`, `refused:<code>` with out_of_stock, price, balance, product, account,
//! credentials, throttled, other), and `body = "any"` where it need not be JSON.
//!
//! **Signing**: `algorithm` (`hmac_sha256`, `hmac_sha1`, `rsa_sha256` with a `key`, which names a secret; `md5`,
//! `sha1`, `sha256`, `plain` without one), `text`, `encoding` (`hex`, `hex_upper`, `base64`), and one of
//! `header`, `query`, `field`: where the signature goes. The text has its request's placeholders, and
//! `{method}`, `{path}` (with the URL's own), `{query}`, `{body}`, `{body_md5}`, `{body_sha256}`, and `{sorted}`:
//! all parameters that are not empty, by name, as `a=1&b=2`.
//!
//! A **callback**: `algorithm`, `key`, `text`, `encoding` as in signing (not `rsa_sha256`); one of `header`,
//! `parameter`, `field`: where the signature stands; `path`, where they do not sign the path that they call;
//! `time_header` or `time_field`, which is then `{timestamp}`, and `max_age_s`; `reference`, `their_id`; and
//! `reply`, what they want to read. Its content is never believed: it makes us ask.
//!
//! An amount has the `unit` `major` (a decimal) or `minor`; `success` and `on_sale` are
//! `{ pointer = "/code", is = [0, "ok"] }`, and `entry`, which finds the product in a `list`, is
//! `{ pointer = "/id", is = "{product}" }`.
//!
//! A complete example: the upstream protocol of dujiao-next, in `src/json/dujiao_next.toml`.

mod answer;
mod callback;
mod check;
mod keys;
mod offers;
mod outcomes;
mod request;
mod settings;
mod signing;
mod template;
mod values;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use fulfil_contract::{
    ports::supplier::{CallbackRefused, Supplier, SupplierError},
    supplier::{
        Bought, Callback, Found, Hint, Offer, Promises, Purchase, Refusal, RefusalCode, Resend, Sought,
        SupplierBalance, SupplierProduct,
    },
};

pub(crate) use settings::Settings;

use crate::{
    decimal,
    settings::{Common, Mistake},
    wire::{Call, Failure, Reply, Wire},
};
use request::Request;
use signing::Signer;
use values::Values;

/// Of a supplier of which nothing is known.
const SETTLE: Duration = Duration::from_secs(600);

/// # Errors
/// Every mistake, by its path within the settings.
pub(crate) fn build(common: &Common, settings: Settings) -> Result<Arc<dyn Supplier>, Vec<Mistake>> {
    let mut mistakes = check::mistakes(&settings);
    let wire = common.wire().map_err(|mistake| mistakes.push(mistake));
    let signer = settings.signing.as_ref().map(|signing| Signer::new(signing, &settings.secrets)).transpose();
    let signer = signer.map_err(|mistake| mistakes.push(mistake));
    let callback = settings.callback.as_ref().map(|own| callback::Reader::new(own, &settings.secrets)).transpose();
    let callback = callback.map_err(|mistake| mistakes.push(mistake));
    match (wire, signer, callback) {
        (Ok(wire), Ok(signer), Ok(callback)) if mistakes.is_empty() => {
            Ok(Arc::new(Json { wire, signer, callback, common: common.clone(), settings }))
        }
        _ => Err(mistakes),
    }
}

#[derive(Debug)]
struct Json {
    wire: Wire,
    signer: Option<Signer>,
    callback: Option<callback::Reader>,
    settings: Settings,
    common: Common,
}

impl Json {
    async fn send(&self, request: &Request, values: &Values<'_>) -> Result<Reply, Failure> {
        self.wire.send(self.call(request, values)?).await
    }

    fn call(&self, request: &Request, values: &Values<'_>) -> Result<Call, Failure> {
        request.call(values, &self.wire, self.signer.as_ref())
    }

    fn values(&self) -> Values<'_> {
        Values::now(&self.settings.values, &self.settings.secrets)
    }
}

#[async_trait]
impl Supplier for Json {
    fn promises(&self) -> Promises {
        let own = &self.settings.promises;
        Promises {
            query: own.query,
            resend: match own.resend {
                settings::ResendIs::Idempotent => Resend::Idempotent,
                settings::ResendIs::Refused => Resend::Refused,
                settings::ResendIs::Unsafe => Resend::Unsafe,
            },
            settle: self.common.settle.unwrap_or(SETTLE),
            most: own.most,
            keeps_price: [&self.settings.buy, &self.settings.recharge]
                .into_iter()
                .flatten()
                .all(|call| values::PRICES.into_iter().any(|name| call.request.uses(name))),
        }
    }

    async fn buy(&self, purchase: Purchase<'_>) -> Bought {
        let own = if purchase.recharge.is_some() { &self.settings.recharge } else { &self.settings.buy };
        let Some(own) = own else {
            let said = "no request for this kind of goods is configured".into();
            return purchase.unsent(Bought::Refused(Refusal { code: RefusalCode::Product, said }));
        };
        let values = self.values().purchase(&purchase, decimal::digits(purchase.currency));
        let sent = match self.call(&own.request, &values) {
            Ok(call) => self.wire.send(call.send_by(purchase.send_by)).await,
            Err(failure) => Err(failure),
        };
        match sent {
            Ok(reply) => answer::bought(&own.answer, &reply, purchase.reference, purchase.recharge.is_some()),
            Err(failure) => failure.into(),
        }
    }

    async fn query(&self, sought: Sought<'_>) -> Found {
        let Some(own) = &self.settings.query else {
            return Found::Unclear { why: "the protocol has no query".into() };
        };
        if sought.their_id.is_none() && own.request.uses("their_id") {
            return Found::Unclear { why: "their id is not known, and they are asked by it alone".into() };
        }
        match self.send(&own.request, &self.values().sought(&sought)).await {
            Ok(reply) => answer::found(&own.answer, &reply, &sought),
            Err(failure) => failure.into(),
        }
    }

    async fn offers(&self, products: &[SupplierProduct]) -> Result<Vec<Offer>, SupplierError> {
        let own = self.settings.offer.as_ref().ok_or(SupplierError::NotTold)?;
        let mut offers = Vec::with_capacity(products.len());
        for product in products {
            let values = self.values().product(product);
            let reply = self.send(&own.request, &values).await?;
            offers.extend(offers::offer(own, &reply, product, &values, self.common.currency)?);
        }
        Ok(offers)
    }

    async fn balance(&self) -> Result<SupplierBalance, SupplierError> {
        let own = self.settings.balance.as_ref().ok_or(SupplierError::NotTold)?;
        let reply = self.send(&own.request, &self.values()).await?;
        offers::balance(own, &reply, self.common.currency)
    }

    fn read_callback(&self, callback: Callback<'_>) -> Result<Hint, CallbackRefused> {
        let reader = self.callback.as_ref().ok_or(CallbackRefused::NotSpoken)?;
        reader.read(callback, self.values())
    }
}

#[cfg(test)]
mod tests;
