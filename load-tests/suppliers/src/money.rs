//! Prices as the protocols write them; inside they are minor units.

use serde_json::{Value, json};

/// `1234` as `"12.34"`.
pub(crate) fn text(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", minor.unsigned_abs() / 100, minor.unsigned_abs() % 100)
}

/// `1234` as the number 12.34.
pub(crate) fn number(minor: i64) -> Value {
    json!(minor as f64 / 100.0)
}

pub(crate) fn signed(minor: u64) -> i64 {
    i64::try_from(minor).unwrap_or(i64::MAX)
}

/// A number, or a text with one, rounded to minor units; `None` when it is neither or below zero.
pub(crate) fn read(value: &Value) -> Option<u64> {
    let amount = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (amount.is_finite() && amount >= 0.0).then(|| (amount * 100.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for minor in [0, 5, 579, 1_000, 123_456_789] {
            assert_eq!(read(&number(minor)), u64::try_from(minor).ok());
            assert_eq!(read(&json!(text(minor))), u64::try_from(minor).ok());
        }
        assert_eq!((text(-5), text(1_000)), ("-0.05".into(), "10.00".into()));
        assert_eq!(read(&json!("dear")), None);
    }
}
