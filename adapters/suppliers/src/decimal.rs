//! Amounts that a protocol writes as decimals of the major unit ("12.50"), and ours in minor units.
//!
//! What holds here: digits are moved as text, nothing is ever a float of ours; what does not fit is none, or
//! rounded up where it is a price that a guard looks at.

use fulfil_contract::money::Currency;
use serde_json::Value;

/// How many digits stand behind the point: ISO 4217.
pub(crate) fn digits(currency: Currency) -> u32 {
    match currency.as_str() {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// `1250` with 2 digits is `12.50`.
pub(crate) fn major(minor: u64, digits: u32) -> String {
    let width = digits as usize + 1;
    let text = format!("{minor:0width$}");
    let (whole, rest) = text.split_at(text.len() - digits as usize);
    if rest.is_empty() { whole.to_owned() } else { format!("{whole}.{rest}") }
}

/// A decimal text or number in minor units; `None` when it is none, or has more digits than the currency.
pub(crate) fn minor(value: &Value, digits: u32) -> Option<i64> {
    let (amount, rest) = moved(&text_of(value)?, digits)?;
    (!rest).then_some(amount)
}

/// The same for a price: digits that the currency does not have are rounded up, so that no guard sees less
/// than it costs. `None` also for a price below zero.
pub(crate) fn price(value: &Value, digits: u32) -> Option<u64> {
    let (amount, rest) = moved(&text_of(value)?, digits)?;
    u64::try_from(amount).ok()?.checked_add(u64::from(rest))
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The amount cut to the currency's digits, and whether anything but zeros was cut off.
fn moved(text: &str, digits: u32) -> Option<(i64, bool)> {
    let (sign, unsigned) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(digits as usize).collect();
    let cut = fraction.get(digits as usize..).unwrap_or("");
    let amount: i64 = format!("{whole}{kept}").parse().ok()?;
    Some((sign * amount, cut.bytes().any(|byte| byte != b'0')))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn decimals_are_exact() {
        assert_eq!((major(1250, 2), major(5, 2), major(0, 2)), ("12.50".into(), "0.05".into(), "0.00".into()));
        assert_eq!((major(1250, 0), major(7, 3)), ("1250".into(), "0.007".into()));
        for (value, digits, expected) in [
            (json!("12.5"), 2, Some(1250)),
            (json!(12.1), 2, Some(1210)),
            (json!(0.29), 2, Some(29)),
            (json!(4.35), 2, Some(435)),
            (json!(1_000_000.01), 2, Some(100_000_001)),
            (json!("12.500"), 2, Some(1250)),
            (json!("12.505"), 2, None),
            (json!(-3.2), 2, Some(-320)),
            (json!(100), 0, Some(100)),
            (json!("1.0"), 0, Some(1)),
            (json!("1,000"), 2, None),
            (json!("1e3"), 2, None),
            (json!(""), 2, None),
            (json!("."), 2, None),
            (json!("-"), 2, None),
            (json!(null), 2, None),
            (json!("99999999999999999999"), 2, None),
        ] {
            assert_eq!(minor(&value, digits), expected, "{value}");
        }
    }

    #[test]
    fn a_price_is_never_understated() {
        assert_eq!(price(&json!("9.8050"), 2), Some(981));
        assert_eq!(price(&json!("9.80"), 2), Some(980));
        assert_eq!(price(&json!("-1"), 2), None);
        let yen = Currency::parse("JPY").map(digits);
        assert_eq!(
            (yen, Currency::parse("USD").map(digits), Currency::parse("KWD").map(digits)),
            (Some(0), Some(2), Some(3))
        );
    }
}
