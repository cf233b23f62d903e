//! From bytes to an [`Order`]. The usual order takes one pass; only a refused one is read again, to say why.

use serde::Deserialize;
use serde_json::{Value, error::Category};

use super::{
    Order,
    check::{MOST_BODY_BYTES, Wire, check},
};
use crate::{
    ids::{MerchantId, OrderId},
    reason::{Reason, ReasonCode},
};

/// What a body turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    Order(Order),
    Refused(Refusal),
}

/// A body that is no valid order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `None`: no valid order id can be read; the message is recorded under its body's hash and dead-lettered.
    pub order_id: Option<OrderId>,
    pub merchant_id: Option<MerchantId>,
    pub reason: Reason,
}

/// Reads and checks one body.
#[must_use]
pub fn decode(body: &[u8]) -> Decoded {
    if body.len() > MOST_BODY_BYTES {
        let reason = Reason::new(
            ReasonCode::TooLarge,
            format!("the body has {} bytes, at most {MOST_BODY_BYTES} are allowed", body.len()),
        );
        return refused(body, Some(reason));
    }
    let Ok(wire) = serde_json::from_slice::<Wire<'_>>(body) else { return refused(body, None) };
    match check(&wire) {
        Ok(order) => Decoded::Order(order),
        Err(problem) => refused(body, Some(Reason::new(ReasonCode::InvalidOrder, problem))),
    }
}

/// The two ids, whatever the rest of the body is like. A repeated field is an error: which one would count?
#[derive(Deserialize)]
struct Ids {
    #[serde(default)]
    order_id: Option<Value>,
    #[serde(default)]
    merchant_id: Option<Value>,
}

fn refused(body: &[u8], reason: Option<Reason>) -> Decoded {
    let ids = match serde_json::from_slice::<Ids>(body) {
        Ok(ids) => ids,
        Err(error) => {
            let code = match error.classify() {
                Category::Syntax | Category::Eof | Category::Io => ReasonCode::InvalidJson,
                Category::Data => ReasonCode::InvalidOrder,
            };
            let reason = Reason::new(code, format!("the body is no order object: {error}"));
            return Decoded::Refused(Refusal { order_id: None, merchant_id: None, reason });
        }
    };
    let merchant_id = ids.merchant_id.as_ref().and_then(Value::as_str).and_then(|text| MerchantId::parse(text).ok());
    let order_id = match ids.order_id.as_ref().map(|value| value.as_str().map(OrderId::parse)) {
        Some(Some(Ok(order_id))) => order_id,
        Some(Some(Err(error))) => return unreadable(merchant_id, format!("order_id {error}")),
        Some(None) => return unreadable(merchant_id, "order_id is no text".into()),
        None => return unreadable(merchant_id, "order_id is missing".into()),
    };
    let reason = reason.unwrap_or_else(|| Reason::new(ReasonCode::InvalidOrder, kind_problem(body)));
    Decoded::Refused(Refusal { order_id: Some(order_id), merchant_id, reason })
}

fn unreadable(merchant_id: Option<MerchantId>, problem: String) -> Decoded {
    Decoded::Refused(Refusal { order_id: None, merchant_id, reason: Reason::new(ReasonCode::InvalidOrder, problem) })
}

/// Which field is missing or of the wrong kind.
fn kind_problem(body: &[u8]) -> String {
    let mut reader = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, Wire<'_>>(&mut reader) {
        Err(error) => {
            let path = error.path().to_string();
            if path == "." { error.inner().to_string() } else { format!("{path}: {}", error.inner()) }
        }
        Ok(_) => "the body goes on after the order object".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"order_id":"cdnow-000002","merchant_id":"m-02","placed_at":"1997-01-12T00:00:00Z","currency":"USD",
        "lines":[{"line_no":1,"sku":"music-12","quantity":1,"unit_price":1200}],"buyer":{"account":"u-00002","ip":"198.51.100.2"}}"#;

    fn with(from: &str, to: &str) -> Decoded {
        assert!(GOOD.contains(from), "{from}");
        decode(GOOD.replace(from, to).as_bytes())
    }

    #[test]
    fn the_contract_s_example_is_an_order() {
        let Decoded::Order(order) = decode(GOOD.as_bytes()) else { panic!("refused") };
        assert_eq!(order.order_id.as_str(), "cdnow-000002");
        assert_eq!(order.keys(), 1);
    }

    #[test]
    fn unknown_fields_and_escapes_are_fine() {
        assert!(matches!(with(r#""currency""#, r#""extra":{"deep":[1,[2]]},"currency""#), Decoded::Order(_)));
        assert!(matches!(with("u-00002", "u-\\u00e4\\n"), Decoded::Order(_)));
        let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
        assert!(matches!(with(r#""currency""#, &format!(r#""deep":{deep},"currency""#)), Decoded::Order(_)));
    }

    #[test]
    fn every_refusal_names_the_field() {
        let cases = [
            (r#""quantity":1"#, r#""quantity":0"#, "lines[0].quantity: 0 is not within 1–1000"),
            (r#""quantity":1"#, r#""quantity":-3"#, "lines[0].quantity: -3 is not within"),
            (r#""quantity":1"#, r#""quantity":1000001"#, "lines[0].quantity: 1000001 is not within"),
            (r#""quantity":1"#, r#""quantity":1.5"#, "lines[0].quantity: invalid type: floating point `1.5`"),
            (r#""quantity":1,"#, "", "lines[0]: missing field `quantity`"),
            (r#""unit_price":1200"#, r#""unit_price":-1"#, "lines[0].unit_price: -1 is negative"),
            (r#""sku":"music-12""#, r#""sku":"music 12""#, "lines[0].sku has the character ' '"),
            ("USD", "usd$", "currency: \"usd$\" is not three letters"),
            ("1997-01-12T00:00:00Z", "yesterday", "placed_at: \"yesterday\" is no RFC 3339 time"),
            (r#""merchant_id":"m-02""#, r#""merchant_id":"m.02""#, "merchant_id has the character '.'"),
            (r#"[{"line_no":1,"sku":"music-12","quantity":1,"unit_price":1200}]"#, "[]", "lines: is empty"),
            ("u-00002", "u\\u0000", "buyer.account: holds U+0000"),
            (r#""unit_price":1200"#, r#""unit_price":1200,"recharge":{"account":""}"#, "recharge.account is empty"),
            (r#""currency""#, r#""expires_at":"soon","currency""#, "expires_at: \"soon\""),
        ];
        for (from, to, detail) in cases {
            let Decoded::Refused(refusal) = with(from, to) else { panic!("{to} was accepted") };
            assert_eq!(refusal.order_id.as_ref().map(OrderId::as_str), Some("cdnow-000002"), "{to}");
            assert_eq!(refusal.reason.code, ReasonCode::InvalidOrder);
            assert!(refusal.reason.detail.contains(detail), "{}: {}", to, refusal.reason.detail);
        }
    }

    #[test]
    fn limits_over_the_whole_order() {
        let line =
            |n: usize, quantity: u32| format!(r#"{{"line_no":{n},"sku":"s","quantity":{quantity},"unit_price":0}}"#);
        let order = |lines: Vec<String>| {
            decode(format!(r#"{{"order_id":"a","merchant_id":"m","placed_at":"1997-01-12T00:00:00Z","currency":"USD","lines":[{}]}}"#, lines.join(",")).as_bytes())
        };
        assert!(matches!(order((0..100).map(|n| line(n, 100)).collect()), Decoded::Order(_)));
        for (lines, detail) in [
            ((0..101).map(|n| line(n, 1)).collect(), "101 are too many"),
            ((0..11).map(|n| line(n, 1000)).collect(), "11000 keys"),
            (vec![line(1, 1), line(1, 2)], "line_no 1 stands there twice"),
        ] {
            let Decoded::Refused(refusal) = order(lines) else { panic!("{detail}") };
            assert!(refusal.reason.detail.contains(detail), "{}", refusal.reason.detail);
        }
    }

    #[test]
    fn without_an_order_id_nothing_can_be_recorded_under_it() {
        for (body, code) in [
            (r#"{"order_id":"a","lines":["#, ReasonCode::InvalidJson),
            ("", ReasonCode::InvalidJson),
            ("not json", ReasonCode::InvalidJson),
            ("\u{0}\u{1}", ReasonCode::InvalidJson),
            ("[1,2]", ReasonCode::InvalidOrder),
            (r#"{"order_id":7}"#, ReasonCode::InvalidOrder),
            (r#"{"lines":[]}"#, ReasonCode::InvalidOrder),
            (r#"{"order_id":"a","order_id":"b"}"#, ReasonCode::InvalidOrder),
        ] {
            let Decoded::Refused(refusal) = decode(body.as_bytes()) else { panic!("{body}") };
            assert_eq!((refusal.order_id, refusal.reason.code), (None, code), "{body}");
        }
        let Decoded::Refused(refusal) = decode(GOOD.replace("cdnow-000002", &"x".repeat(480)).as_bytes()) else {
            panic!()
        };
        assert_eq!(refusal.order_id, None);
        assert_eq!(refusal.merchant_id.as_ref().map(MerchantId::as_str), Some("m-02"));
    }

    #[test]
    fn a_body_over_the_limit_is_refused_under_its_id() {
        let Decoded::Refused(refusal) =
            with(r#""currency""#, &format!(r#""pad":"{}","currency""#, "x".repeat(MOST_BODY_BYTES)))
        else {
            panic!()
        };
        assert_eq!(refusal.reason.code, ReasonCode::TooLarge);
        assert!(refusal.order_id.is_some());
    }
}
