//! Answers that are no success: `{kind, status, title, detail, …}`.
//!
//! | kind, with HTTP 4xx | means |
//! |---|---|
//! | InsufficientBalance | balance |
//! | ProductUnavailable | price, where the detail speaks of it; else out of stock |
//! | Authorization, and HTTP 401 and 403 | credentials |
//! | ConstraintViolation | product, but unknown where it is about `orderExternalId`: that may be one which was used |
//! | Preorder | product |
//! | OrderFailed ("Unable to create an order") | other |
//! | HTTP 429 | throttled |
//! | ResourceLock, HttpClient, Error, Http, OrderNotFound and any other; any kind with HTTP 5xx | unknown |

use fulfil_contract::supplier::{Refusal, RefusalCode};
use serde::Deserialize;

use crate::wire::{Reply, line};

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default, rename = "propertyPath")]
    property: Option<String>,
}

/// What an answer says that is no success.
#[derive(Debug)]
pub(super) enum Said {
    No(Refusal),
    Unclear(String),
}

impl Said {
    /// Of a reply that is no success.
    pub(super) fn read(reply: &Reply) -> Self {
        let status = reply.status;
        let problem: Option<Problem> = reply.json().ok();
        let kind = problem.as_ref().and_then(|problem| problem.kind.as_deref()).unwrap_or("");
        let detail = problem.as_ref().and_then(|problem| problem.detail.as_deref()).unwrap_or("");
        let said = line(&format!("HTTP {status} {kind}: {detail}"));
        let code = match (status, kind) {
            (401 | 403, _) => RefusalCode::Credentials,
            (429, _) => RefusalCode::Throttled(reply.retry_after),
            (400..=499, "Authorization") => RefusalCode::Credentials,
            (400..=499, "InsufficientBalance") => RefusalCode::Balance,
            (400..=499, "ProductUnavailable") if detail.to_lowercase().contains("price") => RefusalCode::Price,
            (400..=499, "ProductUnavailable") => RefusalCode::OutOfStock,
            (400..=499, "Preorder") => RefusalCode::Product,
            (400..=499, "OrderFailed") => RefusalCode::Other,
            (400..=499, "ConstraintViolation") => {
                let property = problem.as_ref().and_then(|problem| problem.property.as_deref()).unwrap_or("");
                if property.contains("orderExternalId") || detail.contains("orderExternalId") {
                    return Self::Unclear(said);
                }
                RefusalCode::Product
            }
            _ => return Self::Unclear(said),
        };
        Self::No(Refusal { code, said })
    }

    pub(super) fn text(self) -> String {
        match self {
            Self::No(refusal) => refusal.said,
            Self::Unclear(why) => why,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(status: u16, body: &str, expected: Option<RefusalCode>) {
        let after = Some(Duration::from_secs(9));
        let found = match Said::read(&Reply { status, retry_after: after, body: body.as_bytes().to_vec().into() }) {
            Said::No(refusal) => Some(refusal.code),
            Said::Unclear(_) => None,
        };
        assert_eq!(found, expected, "{status} {body}");
    }

    fn of(kind: &str, detail: &str) -> String {
        format!(
            r#"{{"kind":"{kind}","status":400,"title":"Bad Request","detail":"{detail}","path":"/api/v2/order","method":"POST","trace":"082a4cee9b","timestamp":"2020-09-01T13:06:06+00:00"}}"#
        )
    }

    #[test]
    fn every_kind() {
        check(400, &of("InsufficientBalance", "Not enough funds"), Some(RefusalCode::Balance));
        check(400, &of("ProductUnavailable", "Unable to find any offer"), Some(RefusalCode::OutOfStock));
        check(400, &of("ProductUnavailable", "The price of the product has changed"), Some(RefusalCode::Price));
        check(400, &of("Preorder", "keyType is not allowed"), Some(RefusalCode::Product));
        check(400, &of("OrderFailed", "Unable to create an order"), Some(RefusalCode::Other));
        check(400, &of("ConstraintViolation", "Invalid qty"), Some(RefusalCode::Product));
        check(400, &of("ConstraintViolation", "orderExternalId has been used"), None);
        check(400, r#"{"kind":"ConstraintViolation","detail":"not unique","propertyPath":"orderExternalId"}"#, None);
        check(401, &of("Authorization", "Invalid authentication data."), Some(RefusalCode::Credentials));
        check(403, "<html>", Some(RefusalCode::Credentials));
        check(429, "", Some(RefusalCode::Throttled(Some(Duration::from_secs(9)))));
        for kind in ["ResourceLock", "HttpClient", "Error", "Http", "OrderNotFound", "OrderNotSupported", "New"] {
            check(409, &of(kind, "x"), None);
        }
        check(500, &of("InsufficientBalance", "x"), None);
        check(502, "<html>", None);
        check(404, "<html>", None);
        check(400, r#"{"kind":null}"#, None);
    }
}
