//! The table from HTTP status and their status to our outcome.

use std::time::Duration;

use fulfil_contract::supplier::RefusalCode;
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

use super::settings::{Texts, scalar};

/// One line of the table; the first that fits counts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) http: Http,
    /// One of these; left out: any, and none.
    pub(super) status: Option<Texts>,
    /// A part of the message; left out: any.
    pub(super) says: Option<String>,
    pub(super) outcome: Outcome,
    #[serde(default)]
    pub(super) body: Body,
}

/// Whether the rule wants the body to be JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Body {
    #[default]
    Json,
    /// For what stands before the supplier and answers by HTTP status alone.
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered,
    Accepted,
    NotFound,
    Unknown,
    Refused(RefusalCode),
}

/// Which HTTP statuses: `200`, `2xx`, `any`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Http(Vec<std::ops::RangeInclusive<u16>>);

/// What an answer says, as far as the table asks.
#[derive(Debug)]
pub(super) struct Said<'a> {
    pub(super) http: u16,
    pub(super) is_json: bool,
    pub(super) status: Option<&'a str>,
    pub(super) message: &'a str,
}

impl Rule {
    pub(super) fn fits(&self, said: &Said<'_>) -> bool {
        let body = match self.body {
            Body::Json => said.is_json,
            Body::Any => true,
        };
        let status = |Texts(texts): &Texts| said.status.is_some_and(|status| texts.iter().any(|text| text == status));
        body && self.http.0.iter().any(|range| range.contains(&said.http))
            && self.status.as_ref().is_none_or(status)
            && self.says.as_ref().is_none_or(|part| said.message.contains(part.as_str()))
    }
}

/// What the table says; what is not in it is unknown.
pub(super) fn outcome(rules: &[Rule], said: &Said<'_>) -> Outcome {
    rules.iter().find(|rule| rule.fits(said)).map_or(Outcome::Unknown, |rule| rule.outcome)
}

const REFUSALS: [(&str, RefusalCode); 8] = [
    ("out_of_stock", RefusalCode::OutOfStock),
    ("price", RefusalCode::Price),
    ("balance", RefusalCode::Balance),
    ("product", RefusalCode::Product),
    ("account", RefusalCode::Account),
    ("credentials", RefusalCode::Credentials),
    ("throttled", RefusalCode::Throttled(None)),
    ("other", RefusalCode::Other),
];

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let refused =
            |code: &str| REFUSALS.iter().find(|(name, _)| *name == code).map(|(_, code)| Self::Refused(*code));
        let outcome = match text.as_str() {
            "delivered" => Some(Self::Delivered),
            "accepted" => Some(Self::Accepted),
            "not_found" => Some(Self::NotFound),
            "unknown" => Some(Self::Unknown),
            other => other.strip_prefix("refused:").and_then(refused),
        };
        outcome.ok_or_else(|| {
            let codes: Vec<String> = REFUSALS.iter().map(|(name, _)| format!("refused:{name}")).collect();
            let allowed = format!("delivered, accepted, not_found, unknown, {}", codes.join(", "));
            D::Error::custom(format!("found {text:?}, allowed are {allowed}"))
        })
    }
}

impl<'de> Deserialize<'de> for Http {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let texts: Option<Vec<String>> = match &value {
            Value::Array(list) => list.iter().map(scalar).collect(),
            single => scalar(single).map(|text| vec![text]),
        };
        let range = |text: &String| match text.as_str() {
            "any" => Some(100..=599),
            _ => match (text.strip_suffix("xx").and_then(|class| class.parse::<u16>().ok()), text.parse::<u16>()) {
                (Some(class @ 1..=5), _) => Some(class * 100..=class * 100 + 99),
                (None, Ok(status @ 100..=599)) => Some(status..=status),
                (Some(_) | None, _) => None,
            },
        };
        let ranges =
            texts.and_then(|texts| texts.iter().map(range).collect::<Option<Vec<_>>>()).filter(|list| !list.is_empty());
        ranges.map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "found {value}, allowed are a status (200), a class (\"2xx\"), \"any\", or a list of these"
            ))
        })
    }
}

/// With the time that the supplier told, where the no is about too many requests.
pub(super) fn with_retry_after(code: RefusalCode, after: Option<Duration>) -> RefusalCode {
    match code {
        RefusalCode::Throttled(_) => RefusalCode::Throttled(after),
        RefusalCode::OutOfStock
        | RefusalCode::Price
        | RefusalCode::Balance
        | RefusalCode::Product
        | RefusalCode::Account
        | RefusalCode::Credentials
        | RefusalCode::Other => code,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(table: Value) -> Vec<Rule> {
        serde_json::from_value(table).unwrap()
    }

    #[test]
    fn the_first_rule_that_fits_counts_and_the_rest_is_unknown() {
        let rules = rules(json!([
            { "http": 200, "status": ["done", 3, true], "outcome": "delivered" },
            { "http": [200, "201"], "says": "余额不足", "outcome": "refused:balance" },
            { "http": "4xx", "status": "stock", "outcome": "refused:out_of_stock" },
            { "http": 429, "outcome": "refused:throttled", "body": "any" },
        ]));
        let of = |http, is_json, status, message| outcome(&rules, &Said { http, is_json, status, message });
        assert_eq!(of(200, true, Some("done"), ""), Outcome::Delivered);
        assert_eq!(of(200, true, Some("3"), ""), Outcome::Delivered);
        assert_eq!(of(200, true, Some("true"), ""), Outcome::Delivered);
        assert_eq!(of(201, true, Some("done"), ""), Outcome::Unknown);
        assert_eq!(of(201, true, None, "错误: 余额不足!"), Outcome::Refused(RefusalCode::Balance));
        assert_eq!(of(409, true, Some("stock"), ""), Outcome::Refused(RefusalCode::OutOfStock));
        assert_eq!(of(409, true, None, ""), Outcome::Unknown);
        assert_eq!(of(500, true, Some("done"), ""), Outcome::Unknown);
        assert_eq!(of(200, false, None, ""), Outcome::Unknown);
        assert_eq!(of(429, false, None, ""), Outcome::Refused(RefusalCode::Throttled(None)));
    }

    #[test]
    fn what_is_none_is_told_with_what_is_allowed() {
        let error = |rule: Value| serde_json::from_value::<Rule>(rule).unwrap_err().to_string();
        assert!(error(json!({ "http": 200, "outcome": "refused" })).contains("refused:out_of_stock"));
        assert!(error(json!({ "http": 200, "outcome": "refused:no" })).contains("refused:other"));
        for wrong in [json!(99), json!(600), json!("6xx"), json!("ok"), json!([]), json!(null), json!("0xx")] {
            assert!(error(json!({ "http": wrong, "outcome": "unknown" })).contains("\"2xx\""), "{wrong}");
        }
    }
}
