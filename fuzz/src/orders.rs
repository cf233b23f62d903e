//! A delivered body is an order that keeps every bound of the contract, or a refusal of the closed list.

use fulfil_contract::{
    ids::{MerchantId, OrderId, Quantity, Sku},
    order::{Decoded, MOST_BODY_BYTES, MOST_KEYS, MOST_LINES, Order, decode, unknown_fields},
    reason::{Reason, ReasonCode},
};
use serde_json::{Value, json};

pub fn check(body: &[u8]) {
    let decoded = decode(body);
    assert_eq!(decoded, decode(body), "the same bytes, read twice");
    match &decoded {
        Decoded::Order(order) => {
            assert!(body.len() <= MOST_BODY_BYTES);
            keeps_its_bounds(order);
            assert_eq!(decode(written(order).as_bytes()), decoded, "an order that is written down reads as itself");
        }
        Decoded::Refused(refusal) => {
            let Reason { code, retryable, detail } = &refusal.reason;
            let of_bodies = [ReasonCode::InvalidJson, ReasonCode::TooLarge, ReasonCode::InvalidOrder];
            assert!(of_bodies.contains(code) && *retryable == code.retryable(), "{code:?}");
            assert!(!detail.is_empty() && detail.len() <= Reason::MOST_DETAIL && !detail.contains('\0'), "{detail:?}");
            // A body that is too large and has no id that can be read is refused for the latter.
            assert!(*code != ReasonCode::TooLarge || body.len() > MOST_BODY_BYTES);
            assert!(refusal.order_id.as_ref().is_none_or(|id| OrderId::parse(id.as_str()).is_ok()));
            if *code == ReasonCode::InvalidJson {
                assert_eq!(refusal.order_id, None);
            }
        }
    }
    let unknown = unknown_fields(body);
    if serde_json::from_slice::<Value>(body).is_err() {
        assert!(unknown.is_empty());
    }
}

fn keeps_its_bounds(order: &Order) {
    assert!(OrderId::parse(order.order_id.as_str()).is_ok() && MerchantId::parse(order.merchant_id.as_str()).is_ok());
    assert!((1..=MOST_LINES).contains(&order.lines.len()));
    assert!(order.lines.is_sorted_by(|one, two| one.line_no < two.line_no), "by rising number, each once");
    assert!(order.lines.iter().map(|line| line.quantity.as_usize()).sum::<usize>() <= MOST_KEYS);
    assert!(order.keys() <= MOST_KEYS);
    for line in &order.lines {
        assert!(Sku::parse(line.sku.as_str()).is_ok() && (1..=Quantity::MOST).contains(&line.quantity.get()));
        assert!(i32::try_from(line.line_no.0).is_ok());
        if let Some(recharge) = &line.recharge {
            assert_eq!(line.quantity, Quantity::ONE);
            let account = &recharge.account;
            assert!((1..=256).contains(&account.len()) && !account.contains('\0'));
        }
    }
}

/// As another platform might write it.
fn written(order: &Order) -> String {
    let line = |line: &fulfil_contract::order::OrderLine| {
        let mut fields = json!({
            "line_no": line.line_no.0, "sku": line.sku.as_str(), "quantity": line.quantity.get(),
            "unit_price": line.unit_price.0,
        });
        if let Some(recharge) = &line.recharge {
            fields["recharge"] = json!({ "account": recharge.account });
        }
        fields
    };
    let mut body = json!({
        "order_id": order.order_id.as_str(), "merchant_id": order.merchant_id.as_str(),
        "placed_at": "1997-01-12T00:00:00Z", "currency": order.currency.as_str(),
        "lines": order.lines.iter().map(line).collect::<Vec<_>>(),
    });
    if let Some(expires_at) = order.expires_at {
        body["expires_at"] = json!(expires_at.to_string());
    }
    body.to_string()
}
