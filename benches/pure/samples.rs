//! The orders, deliveries and rows that the benches work on.

use fulfil_contract::{
    ids::{BodyHash, KeyId, LineNo, MerchantId, OrderId, Quantity, Revision, SealedKey, Sku},
    ports::source::{Delivery, Receipt},
    recorded::{DeliveredKey, LineOutcome, OrderStatus, RecordedLine, RecordedOrder},
    time::Timestamp,
};

pub const SKUS: usize = 8;

/// The body of one order with so many lines.
pub fn body(number: usize, lines: usize) -> Vec<u8> {
    let line = |at: usize| {
        format!(r#"{{"line_no":{},"sku":"card-{:02}","quantity":1,"unit_price":9850}}"#, at + 1, (number + at) % SKUS)
    };
    let lines: Vec<String> = (0..lines).map(line).collect();
    format!(
        r#"{{"order_id":"01J9Z{number:021}","merchant_id":"m-{:02}","placed_at":"2026-11-11T00:00:00Z","currency":"CNY","lines":[{}],"buyer":{{"account":"u-{number:05}","ip":"198.51.100.{}"}}}}"#,
        number % 97,
        lines.join(","),
        number % 256,
    )
    .into_bytes()
}

pub fn deliveries(count: usize) -> Vec<Delivery> {
    let delivery = |number: usize| Delivery {
        body: body(number, 1),
        redelivered: false,
        delivery_count: 0,
        message_id: None,
        receipt: Receipt::new(1, number as u64),
    };
    (0..count).map(delivery).collect()
}

pub fn sku(number: usize) -> Sku {
    Sku::parse(&format!("card-{number:02}")).unwrap()
}

/// A fulfilled order with so many keys in one line.
pub fn recorded(number: usize, keys: usize) -> RecordedOrder {
    let key =
        |at: usize| DeliveredKey { id: KeyId((number * 1000 + at) as i64), sealed: SealedKey(vec![at as u8; 71]) };
    RecordedOrder {
        order_id: OrderId::parse(&format!("01J9Z{number:021}")).unwrap(),
        merchant_id: Some(MerchantId::parse("m-02").unwrap()),
        body_hash: BodyHash::of(b""),
        revision: Revision::FIRST,
        status: OrderStatus::Fulfilled,
        decided_at: Timestamp(1_794_355_200_000_000),
        lines: vec![RecordedLine {
            line_no: LineNo(1),
            sku: sku(number % SKUS),
            quantity: Quantity::new(keys as u32).unwrap(),
            outcome: LineOutcome::Delivered((0..keys).map(key).collect()),
        }],
        reason: None,
    }
}
