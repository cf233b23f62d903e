//! Whether a body keeps to docs/contract.md in everything, read without the pool's own code: such an order has to be
//! filled from stock that is there.

use std::collections::HashSet;

use serde_json::Value;

const MOST_BYTES: usize = 64 * 1024;
const MOST_LINES: usize = 100;
const MOST_KEYS: u64 = 10_000;
const QUANTITIES: std::ops::RangeInclusive<u64> = 1..=1000;
const MOST_LINE_NO: u64 = 2_147_483_647;

/// An order with an end to its time, or with a top-up, is none: those may be refused while keys are there.
#[must_use]
pub fn is_sound(body: &[u8]) -> bool {
    if body.len() > MOST_BYTES {
        return false;
    }
    let Ok(order) = serde_json::from_slice::<Value>(body) else { return false };
    is_id(&order["order_id"], b"._:-")
        && is_id(&order["merchant_id"], b"_:-")
        && order["placed_at"].as_str().is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok())
        && order["currency"].as_str().is_some_and(is_currency)
        && order["lines"].as_array().is_some_and(|lines| are_lines(lines))
        && is_buyer(&order["buyer"])
        && order["expires_at"].is_null()
        && !body.windows(6).any(|bytes| bytes == br"\u0000")
}

/// The id of an order, merchant or SKU.
fn is_id(value: &Value, signs: &[u8]) -> bool {
    value.as_str().is_some_and(|id| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || signs.contains(&byte))
    })
}

fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn is_buyer(buyer: &Value) -> bool {
    let is_text = |part: &Value| part.is_null() || part.is_string();
    buyer.is_null() || (buyer.is_object() && is_text(&buyer["account"]) && is_text(&buyer["ip"]))
}

fn are_lines(lines: &[Value]) -> bool {
    let mut numbers = HashSet::new();
    let keys: u64 = lines.iter().filter_map(|line| line["quantity"].as_u64()).fold(0, u64::saturating_add);
    (1..=MOST_LINES).contains(&lines.len())
        && keys <= MOST_KEYS
        && lines.iter().all(|line| {
            line["line_no"].as_u64().is_some_and(|number| number <= MOST_LINE_NO && numbers.insert(number))
                && is_id(&line["sku"], b"._:-")
                && line["quantity"].as_u64().is_some_and(|quantity| QUANTITIES.contains(&quantity))
                && line["unit_price"].as_i64().is_some_and(|price| price >= 0)
                && line["recharge"].is_null()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{self, Mix, ORDERS_FILE};

    const GOOD: &str = r#"{"order_id":"a","merchant_id":"m-1","placed_at":"2026-01-01T00:00:00Z","currency":"USD","lines":[{"line_no":1,"sku":"s","quantity":2,"unit_price":100}]}"#;

    #[test]
    fn each_field_is_looked_at() {
        assert!(is_sound(GOOD.as_bytes()));
        for (good, bad) in [
            (r#""a""#, r#""a b""#),
            ("m-1", "m.1"),
            ("2026-01-01T00:00:00Z", "yesterday"),
            ("USD", "usd"),
            (r#""line_no":1"#, r#""line_no":-1"#),
            (r#""s""#, r#""""#),
            (":2,", ":0,"),
            (":2,", ":1001,"),
            (":100}", ":-1}"),
            (":100}", r#":100,"recharge":{"account":"1"}}"#),
            (r#""currency""#, r#""expires_at":"2026-01-01T00:00:00Z","currency""#),
            (r#""currency""#, r#""buyer":7,"currency""#),
            (r#""currency""#, r#""note":"\u0000","currency""#),
            ("]}", ""),
            ("]}", r#",{"line_no":1,"sku":"s","quantity":2,"unit_price":100}]}"#),
        ] {
            assert!(!is_sound(GOOD.replacen(good, bad, 1).as_bytes()), "{bad}");
        }
        assert!(!is_sound(format!("{GOOD}{}", " ".repeat(MOST_BYTES)).as_bytes()));
    }

    #[test]
    fn made_up_orders_are_sound_and_those_made_broken_are_not() {
        let mix = Mix {
            orders: 200,
            skus: 3,
            most_lines: 3,
            most_quantity: 4,
            repeats: 20,
            conflicts: 7,
            broken: 60,
            spare_percent: 0,
            seed: 4,
        };
        let folder = tempfile::tempdir().unwrap();
        generate::write(folder.path(), &mix).unwrap();
        for line in std::fs::read_to_string(folder.path().join(ORDERS_FILE)).unwrap().lines() {
            // Of an unknown SKU the form is good; the judge knows by the key file.
            let good = !line.contains("broken-") || line.contains("no-such-sku");
            assert_eq!(is_sound(line.as_bytes()), good, "{line}");
        }
    }
}
