//! Answers that are no success: `{timeStamp, message, path, errorCode, infoLink, details}`. The code is often
//! null; then a few messages are known by their words.
//!
//! What holds here: a no is said only for codes and words that mean that nothing was bought. The rest is
//! unknown, and a query by our reference settles it.
//!
//! - `PHONE_RECENTLY_RECHARGED` (this phone was topped up less than two minutes ago) is a no with code `other`:
//!   it is about the phone, so the supplier's lane does not pause, and another supplier may do it. Where the purchase was
//!   sent before, our own first send may be meant: unknown.
//! - `MAX_DAILY_TRANSACTION_COUNT_REACHED` and `…_AMOUNT_REACHED` are about our account: code `balance`, so
//!   purchases pause and queries go on.
//! - `TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT` and `TOPUP_TRANSACTION_FAILED` do not say whether a
//!   transaction was made: unknown.

use fulfil_contract::supplier::{Refusal, RefusalCode};
use serde::Deserialize;

use crate::wire::{Reply, line};

const CODES: [(&str, RefusalCode); 19] = [
    ("INSUFFICIENT_BALANCE", RefusalCode::Balance),
    ("MAX_DAILY_TRANSACTION_COUNT_REACHED", RefusalCode::Balance),
    ("MAX_DAILY_TRANSACTION_AMOUNT_REACHED", RefusalCode::Balance),
    ("INVALID_TOKEN", RefusalCode::Credentials),
    ("TOKEN_EXPIRED", RefusalCode::Credentials),
    ("INVALID_CREDENTIALS", RefusalCode::Credentials),
    ("INVALID_AUDIENCE", RefusalCode::Credentials),
    ("ACCOUNT_NOT_FOUND", RefusalCode::Credentials),
    ("INACTIVE_ACCOUNT", RefusalCode::Credentials),
    ("INVALID_RECIPIENT_PHONE", RefusalCode::Account),
    ("INVALID_PHONE_NUMBER", RefusalCode::Account),
    ("PHONE_RECENTLY_RECHARGED", RefusalCode::Other),
    ("COUNTRY_NOT_SUPPORTED", RefusalCode::Product),
    ("COULD_NOT_AUTO_DETECT_OPERATOR", RefusalCode::Product),
    ("OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE", RefusalCode::Product),
    ("OPERATOR_NOT_IN_SERVICE", RefusalCode::Product),
    ("OUT_OF_STOCK", RefusalCode::OutOfStock),
    ("INVALID_AMOUNT_FOR_OPERATOR", RefusalCode::Price),
    ("INVALID_AMOUNT", RefusalCode::Price),
];

/// Messages without a code: what all they have among their words, in lower case.
const WORDS: [(&[&str], RefusalCode); 8] = [
    (&["right price"], RefusalCode::Price),
    (&["invalid price"], RefusalCode::Price),
    (&["price", "not valid"], RefusalCode::Price),
    (&["product", "not found"], RefusalCode::Product),
    (&["operator", "not found"], RefusalCode::Product),
    (&["invalid operator id"], RefusalCode::Product),
    (&["out of stock"], RefusalCode::OutOfStock),
    (&["insufficient balance"], RefusalCode::Balance),
];

/// Codes of a call whose token is to be fetched anew.
const STALE: [&str; 2] = ["INVALID_TOKEN", "TOKEN_EXPIRED"];

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    message: Option<String>,
    #[serde(default, rename = "errorCode")]
    code: Option<String>,
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
        let code = problem.as_ref().and_then(|problem| problem.code.as_deref()).unwrap_or("");
        let message = problem.as_ref().and_then(|problem| problem.message.as_deref()).unwrap_or("");
        let said = line(&format!("HTTP {status} {code}: {message}"));
        let refused = match status {
            429 => Some(RefusalCode::Throttled(reply.retry_after)),
            400..=499 => of_code(code).or_else(|| match status {
                401 | 403 => Some(RefusalCode::Credentials),
                _ if code.is_empty() => of_words(message),
                _ => None,
            }),
            _ => None,
        };
        match refused {
            Some(code) => Self::No(Refusal { code, said }),
            None => Self::Unclear(said),
        }
    }

    pub(super) fn text(self) -> String {
        match self {
            Self::No(refusal) => refusal.said,
            Self::Unclear(why) => why,
        }
    }
}

pub(super) fn of_code(code: &str) -> Option<RefusalCode> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, code)| *code)
}

fn of_words(message: &str) -> Option<RefusalCode> {
    let message = message.to_lowercase();
    WORDS.iter().find(|(words, _)| words.iter().all(|word| message.contains(word))).map(|(_, code)| *code)
}

/// Whether the call was turned away for its token alone: nothing of it was done.
pub(super) fn is_stale_token(reply: &Reply) -> bool {
    let code = || reply.json::<Problem>().ok()?.code;
    reply.status == 401 && code().is_some_and(|code| STALE.contains(&code.as_str()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fulfil_contract::{attempt::Reference, supplier::Bought};

    use super::*;
    use crate::reloadly::transaction;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, retry_after: Some(Duration::from_secs(9)), body: body.as_bytes().to_vec().into() }
    }

    fn of(code: &str, message: &str) -> String {
        let code = if code.is_empty() { "null".to_owned() } else { format!("\"{code}\"") };
        format!(
            r#"{{"timeStamp":"2021-03-19 21:14:00","message":"{message}","path":"/orders","errorCode":{code},"infoLink":null,"details":[]}}"#
        )
    }

    fn check(status: u16, body: &str, expected: Option<RefusalCode>) {
        let found = match Said::read(&reply(status, body)) {
            Said::No(refusal) => Some(refusal.code),
            Said::Unclear(_) => None,
        };
        assert_eq!(found, expected, "{status} {body}");
    }

    #[test]
    fn every_code() {
        for (code, expected) in CODES {
            check(400, &of(code, "x"), Some(expected));
            check(500, &of(code, "x"), None);
        }
        for code in ["TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT", "TOPUP_TRANSACTION_FAILED", "SOMETHING_NEW"] {
            check(400, &of(code, "The product is out of stock"), None);
        }
        check(403, &of("INSUFFICIENT_BALANCE", "x"), Some(RefusalCode::Balance));
        check(401, &of("", "Full authentication is required"), Some(RefusalCode::Credentials));
        check(403, "<html>", Some(RefusalCode::Credentials));
        check(429, "", Some(RefusalCode::Throttled(Some(Duration::from_secs(9)))));
    }

    #[test]
    fn messages_without_a_code() {
        let price = "Invalid price, please ensure you selected the right price.";
        check(400, &of("", price), Some(RefusalCode::Price));
        let gone = "The product was either not found or is no longer available, Please contact support";
        check(400, &of("", gone), Some(RefusalCode::Product));
        check(400, &of("", "The customIdentifier cannot be reused"), None);
        check(400, &of("", "Could not retrieve/update resources at the moment, please try again later"), None);
        check(
            404,
            r#"{"status":404,"error":"Not found","message":"No message available","path":"/order","errorCode":null}"#,
            None,
        );
        check(400, "<html>", None);
        check(502, "<html>", None);
        check(500, &of("", price), None);
    }

    #[test]
    fn a_phone_that_was_recharged_lately_may_be_our_own_doing() {
        let lately = reply(400, &of("PHONE_RECENTLY_RECHARGED", "x"));
        let reference = Reference::parse("f0123456789abcdef").unwrap();
        let bought = |sent_before| transaction::bought(&lately, &reference, sent_before);
        assert!(matches!(bought(false), Bought::Refused(Refusal { code: RefusalCode::Other, .. })));
        assert!(matches!(bought(true), Bought::Unknown { their_id: None, .. }));
    }

    #[test]
    fn a_stale_token() {
        let check = |status, body: &str, expected| assert_eq!(is_stale_token(&reply(status, body)), expected, "{body}");
        check(401, &of("TOKEN_EXPIRED", "x"), true);
        check(401, &of("INVALID_TOKEN", "x"), true);
        check(401, &of("INVALID_CREDENTIALS", "x"), false);
        check(401, &of("", "x"), false);
        check(403, &of("TOKEN_EXPIRED", "x"), false);
        check(401, "<html>", false);
    }
}
