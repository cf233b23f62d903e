//! Top-ups: an asynchronous order, then its status, wrapped or flat.

use fulfil_contract::supplier::{Bought, Found, Goods, Purchase, Sought};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    phone::Phone,
    problem::Said,
    product::Product,
    transaction::{Status, Transaction, ended},
};
use crate::wire::Reply;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wanted<'a> {
    operator_id: Box<RawValue>,
    amount: Box<RawValue>,
    use_local_amount: bool,
    custom_identifier: &'a str,
    recipient_phone: RecipientPhone<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecipientPhone<'a> {
    country_code: &'a str,
    number: &'a str,
}

/// The body of `POST /topups-async`. Numbers are written digit by digit, never through a float.
///
/// # Errors
/// It can't be written; nothing is sent.
pub(super) fn wanted(
    purchase: &Purchase<'_>,
    product: &Product<'_>,
    phone: &Phone,
    local_amount: bool,
) -> Result<Vec<u8>, Bought> {
    let number = |text: String| RawValue::from_string(text).map_err(|error| Bought::withheld(error.to_string()));
    let wanted = Wanted {
        operator_id: number(product.id.to_owned())?,
        amount: number(product.face(purchase))?,
        use_local_amount: local_amount,
        custom_identifier: purchase.reference.as_str(),
        recipient_phone: RecipientPhone { country_code: &phone.country, number: &phone.number },
    };
    serde_json::to_vec(&wanted).map_err(|error| Bought::withheld(error.to_string()))
}

/// `{code, message, status, transaction: {…}}`, or the transaction's own fields.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    transaction: Option<Transaction>,
    #[serde(flatten)]
    flat: Transaction,
}

/// What `GET /topups/{id}/status` says.
pub(super) fn of_status(reply: &Reply, sought: &Sought<'_>) -> Found {
    let unclear = |why: String| Found::Unclear { why };
    if !reply.is_success() {
        return unclear(Said::read(reply).text());
    }
    let told: Told = match reply.json() {
        Ok(told) => told,
        Err(why) => return unclear(why),
    };
    let outer = told.flat.status;
    let transaction = match told.transaction {
        None => told.flat,
        Some(inner) if outer.is_some() && inner.status.is_some() && inner.status != outer => {
            return unclear("a top-up with two statuses".into());
        }
        Some(inner) => {
            let status = outer.or(inner.status);
            inner.with_status(status)
        }
    };
    let told_id = transaction.id();
    if told_id.is_some() && sought.their_id.is_some() && told_id.as_deref() != sought.their_id {
        return unclear("they answered about another transaction".into());
    }
    found(&transaction, sought, told.code.as_deref())
}

/// What a transaction is; `code`: what it failed with.
pub(super) fn found(transaction: &Transaction, sought: &Sought<'_>, code: Option<&str>) -> Found {
    if transaction.is_anothers(sought.reference) {
        return Found::Unclear { why: "they answered about another transaction".into() };
    }
    let their_id = transaction.id().or_else(|| sought.their_id.map(str::to_owned));
    match transaction.status {
        Some(Status::Successful) => {
            let receipt = transaction.operator_transaction_id.clone().filter(|receipt| is_receipt(receipt));
            Found::Delivered { goods: Goods::Recharge { receipt: receipt.or_else(|| their_id.clone()) }, their_id }
        }
        Some(Status::Processing | Status::Pending) => Found::Pending { their_id, so_far: Vec::new() },
        Some(status @ (Status::Failed | Status::Refunded)) => Found::Refused(ended(status, code)),
        Some(Status::Other) | None => {
            Found::Unclear { why: "a top-up with a status that the protocol does not name".into() }
        }
    }
}

/// A number that fits a result; anything else is replaced by Reloadly's own.
fn is_receipt(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
