//! A transaction of either product, and the report in which one is found by our reference.

use fulfil_contract::{
    attempt::Reference,
    supplier::{Bought, Found, Refusal, RefusalCode, Sought},
};
use serde::Deserialize;
use serde_json::Value;

use super::problem::{self, Said};
use crate::wire::{Reply, line};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Status {
    Processing,
    Pending,
    Successful,
    Failed,
    Refunded,
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transaction {
    #[serde(default)]
    transaction_id: Value,
    #[serde(default)]
    pub(super) status: Option<Status>,
    #[serde(default)]
    custom_identifier: Option<String>,
    /// Of a top-up: the receipt.
    #[serde(default)]
    pub(super) operator_transaction_id: Option<String>,
}

impl Transaction {
    /// Their number of it, which later calls name in a path: digits.
    pub(super) fn id(&self) -> Option<String> {
        let text = match &self.transaction_id {
            Value::Number(number) => number.as_u64()?.to_string(),
            Value::String(text) => text.clone(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        ((1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
    }

    pub(super) fn with_status(self, status: Option<Status>) -> Self {
        Self { status, ..self }
    }

    pub(super) fn is_anothers(&self, reference: &Reference) -> bool {
        self.custom_identifier.as_deref().is_some_and(|told| told != reference.as_str())
    }
}

/// What a purchase came to. Goods are never in its answer. `sent_before`: it was sent before this time.
pub(super) fn bought(reply: &Reply, reference: &Reference, sent_before: bool) -> Bought {
    let unknown = |why: String, their_id| Bought::Unknown { why, their_id };
    if !reply.is_success() {
        return match Said::read(reply) {
            // A phone that was topped up lately, perhaps by us.
            Said::No(refusal) if sent_before && refusal.code == RefusalCode::Other => unknown(refusal.said, None),
            Said::No(refusal) => Bought::Refused(refusal),
            Said::Unclear(why) => unknown(why, None),
        };
    }
    let transaction: Transaction = match reply.json() {
        Ok(transaction) => transaction,
        Err(why) => return unknown(why, None),
    };
    if transaction.is_anothers(reference) {
        return unknown("they answered about another transaction".into(), None);
    }
    let Some(their_id) = transaction.id() else { return unknown("a transaction without a number".into(), None) };
    match transaction.status {
        // A top-up's answer has no status.
        None | Some(Status::Processing | Status::Pending | Status::Successful) => {
            Bought::Accepted { their_id: Some(their_id) }
        }
        Some(status @ (Status::Failed | Status::Refunded)) => Bought::Refused(ended(status, None)),
        Some(Status::Other) => {
            unknown("a transaction with a status that the protocol does not name".into(), Some(their_id))
        }
    }
}

/// The refusal of a transaction that ended without goods; with the code that it failed with, where that is told.
pub(super) fn ended(status: Status, code: Option<&str>) -> Refusal {
    let known = code.and_then(problem::of_code);
    let said = match status {
        Status::Refunded => "refunded",
        Status::Failed | Status::Processing | Status::Pending | Status::Successful | Status::Other => "failed",
    };
    let said = line(&format!("{said} {}", code.unwrap_or_default()));
    // A transaction was made and failed: of the account alone this says more than another supplier could.
    let code = if known == Some(RefusalCode::Account) { RefusalCode::Account } else { RefusalCode::Other };
    Refusal { code, said }
}

/// Documented as a page, and shown as a bare list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Report {
    Page {
        content: Vec<Transaction>,
        #[serde(default, rename = "totalElements")]
        total: Value,
    },
    List(Vec<Transaction>),
}

/// The one transaction under our reference, of the answer to a report by `customIdentifier`.
///
/// # Errors
/// There is none, or it is not clear which.
pub(super) fn reported(reply: &Reply, sought: &Sought<'_>) -> Result<Transaction, Found> {
    let unclear = |why: &str| Found::Unclear { why: why.into() };
    if !reply.is_success() {
        return Err(unclear(&Said::read(reply).text()));
    }
    let (content, total) = match reply.json::<Report>().map_err(|why| unclear(&why))? {
        Report::Page { content, total } => (content, total.as_u64().unwrap_or(0)),
        Report::List(content) => (content, 0),
    };
    let all = content.len();
    let is_ours = |one: &Transaction| one.custom_identifier.as_deref() == Some(sought.reference.as_str());
    let mut ours: Vec<Transaction> = content.into_iter().filter(is_ours).collect();
    match (ours.pop(), ours.len()) {
        (None, _) if all > 0 => Err(unclear("transactions, none of them under our reference")),
        (None, _) if total > 0 => Err(unclear("transactions counted, and none listed")),
        (None, _) if sought.their_id.is_some() => {
            Err(unclear("the transaction that they gave a number for is not found"))
        }
        (None, _) => Err(Found::NotFound),
        (Some(transaction), 0) => match (transaction.id(), sought.their_id) {
            (None, _) => Err(unclear("a transaction without a number")),
            (Some(told), Some(known)) if told != known => Err(unclear("another transaction number than at first")),
            (Some(_), _) => Ok(transaction),
        },
        (Some(_), _) => Err(unclear("several transactions under one reference")),
    }
}
