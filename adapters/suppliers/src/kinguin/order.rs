//! An order of Kinguin's: how one is asked for, and what it says.

use fulfil_contract::{
    attempt::Reference,
    supplier::{Bought, Found, Goods, PlainKey, Purchase, Refusal, RefusalCode, Sought},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{
    problem::Said,
    product::{Product, is_id},
};
use crate::{decimal, wire::Reply};

/// Prices are in EUR, with cents.
pub(super) const DIGITS: u32 = 2;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wanted<'a> {
    products: [WantedProduct<'a>; 1],
    order_external_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WantedProduct<'a> {
    product_id: &'a str,
    qty: u32,
    /// The most that one may cost.
    price: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offer_id: Option<&'a str>,
}

/// The body of `POST /v2/order`. The price is written digit by digit, never through a float.
///
/// # Errors
/// It can't be written; nothing is sent.
pub(super) fn wanted(purchase: &Purchase<'_>, product: &Product<'_>, text_only: bool) -> Result<Vec<u8>, String> {
    let price =
        RawValue::from_string(decimal::major(purchase.unit_price.0, DIGITS)).map_err(|error| error.to_string())?;
    let product = WantedProduct {
        product_id: product.id,
        qty: purchase.quantity.get(),
        price,
        key_type: text_only.then_some("text"),
        offer_id: product.offer,
    };
    let wanted = Wanted { products: [product], order_external_id: purchase.reference.as_str() };
    serde_json::to_vec(&wanted).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Order {
    #[serde(default)]
    order_id: Option<String>,
    #[serde(default)]
    order_external_id: Option<String>,
    status: Status,
    #[serde(default)]
    products: Vec<OrderProduct>,
}

#[derive(Deserialize)]
struct OrderProduct {
    #[serde(default)]
    keys: Option<Vec<KeyState>>,
}

#[derive(Deserialize)]
struct KeyState {
    status: KeyStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Processing,
    Completed,
    Canceled,
    Refunded,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum KeyStatus {
    Pending,
    Processing,
    Delivered,
    Returned,
    Refunded,
    Canceled,
    #[serde(other)]
    Other,
}

/// What the states of an order's keys say together, where they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyStates {
    NotTold,
    /// Some may still come, or have a state that we do not know.
    MoreToCome,
    /// No more come, and some were delivered.
    SomeDelivered,
    /// All went back, or were paid back.
    AllBack,
}

impl Order {
    /// Their id, which later calls name in a path.
    pub(super) fn id(&self) -> Option<&str> {
        self.order_id.as_deref().filter(|id| is_id(id))
    }

    fn is_under(&self, reference: &Reference) -> bool {
        self.order_external_id.as_deref() == Some(reference.as_str())
    }

    fn key_states(&self) -> KeyStates {
        let lists: Vec<_> = self.products.iter().filter_map(|product| product.keys.as_ref()).collect();
        let mut states = lists.iter().flat_map(|keys| keys.iter().map(|key| key.status)).peekable();
        if states.peek().is_none() {
            return KeyStates::NotTold;
        }
        let (mut more, mut delivered) = (false, false);
        for state in states {
            match state {
                KeyStatus::Pending | KeyStatus::Processing | KeyStatus::Other => more = true,
                KeyStatus::Delivered => delivered = true,
                KeyStatus::Returned | KeyStatus::Refunded | KeyStatus::Canceled => {}
            }
        }
        match (more, delivered) {
            (true, _) => KeyStates::MoreToCome,
            (false, true) => KeyStates::SomeDelivered,
            (false, false) => KeyStates::AllBack,
        }
    }

    /// What it is, with the keys that can be read of it now.
    pub(super) fn found(&self, keys: Vec<PlainKey>, quantity: usize) -> Found {
        let their_id = self.order_id.clone();
        let states = self.key_states();
        match self.status {
            Status::Completed | Status::Processing if keys.is_empty() => Found::Pending { their_id, so_far: keys },
            // Too few of a completed order are all there are, unless it says that more come.
            Status::Completed if keys.len() >= quantity || states != KeyStates::MoreToCome => {
                Found::Delivered { goods: Goods::Keys(keys), their_id }
            }
            Status::Processing if keys.len() >= quantity => Found::Delivered { goods: Goods::Keys(keys), their_id },
            Status::Completed | Status::Processing => Found::Pending { their_id, so_far: keys },
            Status::Canceled | Status::Refunded => match states {
                KeyStates::AllBack => Found::Refused(self.whole_refusal()),
                KeyStates::NotTold if keys.is_empty() => Found::Refused(self.whole_refusal()),
                KeyStates::NotTold | KeyStates::MoreToCome | KeyStates::SomeDelivered => {
                    Found::Unclear { why: format!("order {:?}, but not all of its keys are", self.status) }
                }
            },
            Status::Other => Found::Unclear { why: "an order with a status that the protocol does not name".into() },
        }
    }

    /// What it is where its keys could not be read: a no needs them only where the order itself does not tell
    /// what became of them.
    pub(super) fn found_without_keys(&self, why: String) -> Found {
        match (self.status, self.key_states()) {
            (Status::Canceled | Status::Refunded, KeyStates::AllBack) => Found::Refused(self.whole_refusal()),
            (Status::Canceled | Status::Refunded | Status::Processing | Status::Completed | Status::Other, _) => {
                Found::Unclear { why }
            }
        }
    }

    fn whole_refusal(&self) -> Refusal {
        let said = match self.status {
            Status::Refunded => "refunded in full",
            Status::Canceled | Status::Processing | Status::Completed | Status::Other => "cancelled in full",
        };
        Refusal { code: RefusalCode::Other, said: said.into() }
    }
}

/// What came of `POST /v2/order`. Keys are never in it.
pub(super) fn bought(reply: &Reply, reference: &Reference) -> Bought {
    let unknown = |why: String, their_id| Bought::Unknown { why, their_id };
    if !reply.is_success() {
        return match Said::read(reply) {
            Said::No(refusal) => Bought::Refused(refusal),
            Said::Unclear(why) => unknown(why, None),
        };
    }
    let order: Order = match reply.json() {
        Ok(order) => order,
        Err(why) => return unknown(why, None),
    };
    if order.order_external_id.is_some() && !order.is_under(reference) {
        return unknown("they answered about another order".into(), None);
    }
    let Some(their_id) = order.id().map(str::to_owned) else {
        return unknown("an order without a number".into(), None);
    };
    match (order.status, order.key_states()) {
        (Status::Processing | Status::Completed, _) => Bought::Accepted { their_id: Some(their_id) },
        (Status::Canceled | Status::Refunded, KeyStates::NotTold | KeyStates::AllBack) => {
            Bought::Refused(order.whole_refusal())
        }
        (Status::Canceled | Status::Refunded, KeyStates::MoreToCome | KeyStates::SomeDelivered)
        | (Status::Other, _) => unknown(format!("order {:?}", order.status), Some(their_id)),
    }
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Order>,
    #[serde(default)]
    item_count: Value,
}

/// The one order under our reference, of the answer to `GET /v1/order?orderExternalId=`.
///
/// # Errors
/// There is none, or it is not clear which.
pub(super) fn sought(reply: &Reply, sought: &Sought<'_>) -> Result<Order, Found> {
    let unclear = |why: String| Found::Unclear { why };
    if !reply.is_success() {
        return Err(unclear(Said::read(reply).text()));
    }
    let Results { results, item_count } = reply.json().map_err(unclear)?;
    let all = results.len();
    let counted = item_count.as_u64().unwrap_or(0);
    let mut ours: Vec<Order> = results.into_iter().filter(|order| order.is_under(sought.reference)).collect();
    match (ours.pop(), ours.len()) {
        (None, _) if all > 0 => Err(unclear(format!("{all} orders, none of them under our reference"))),
        (None, _) if counted > 0 => Err(unclear(format!("{counted} orders counted, and none listed"))),
        (None, _) if sought.their_id.is_some() => {
            Err(unclear("the order that they gave a number for is not found".into()))
        }
        (None, _) => Err(Found::NotFound),
        (Some(order), 0) => match (order.id(), sought.their_id) {
            (None, _) => Err(unclear("an order without a number".into())),
            (Some(told), Some(known)) if told != known => Err(unclear("another order number than at first".into())),
            (Some(_), _) => Ok(order),
        },
        (Some(_), others) => Err(unclear(format!("{} orders under one reference", others + 1))),
    }
}
