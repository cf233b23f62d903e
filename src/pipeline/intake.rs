//! Intake: what has arrived becomes batches. A batch holds at most 1,000 orders, 5,000 keys or 4 MiB; a
//! larger order goes alone. One message per order id: twins are set apart. A bad body costs its neighbours
//! nothing (I8).

use std::{collections::HashSet, time::Instant};

use fulfil_contract::{
    ids::{BodyHash, OrderId},
    order::{Decoded, decode},
    ports::source::Delivery,
    reason::{Reason, ReasonCode},
};

use super::batch::{Content, DeadBody, Held, Message, Place, Received};

/// The bounds of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub orders: usize,
    pub keys: usize,
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { orders: 1000, keys: 5000, bytes: 4 << 20 }
    }
}

/// Decodes deliveries and cuts them into batches, in their order.
#[must_use]
pub fn intake(deliveries: Vec<Delivery>, limits: Limits) -> Vec<Received> {
    let mut batches = Vec::new();
    let mut open = Forming::default();
    for delivery in deliveries {
        let Delivery { body, redelivered, receipt, .. } = delivery;
        let body_hash = BodyHash::of(&body);
        let content = content(decode(&body));
        let (keys, bytes) = (keys(&content), body.len());
        if open.is_full_for(keys, bytes, limits) {
            batches.push(std::mem::take(&mut open).close());
        }
        let dead = matches!(content, Content::Unreadable { .. }).then_some(body);
        open.add(receipt, redelivered, body_hash, content, dead);
        open.keys += keys;
        open.bytes += bytes;
    }
    if !open.receipts.is_empty() {
        batches.push(open.close());
    }
    batches
}

/// A delivery that did not come back from its tries alone: refused without being decoded again. Its order
/// id is the one that its publisher put beside the body.
pub fn intake_poison(delivery: Delivery, tries: u32) -> Received {
    let reason =
        Reason::new(ReasonCode::Poison, format!("the order did not come back from {tries} tries alone in a process"));
    let order_id = delivery.message_id.as_deref().and_then(|text| OrderId::parse(text).ok());
    let content = match order_id {
        Some(order_id) => Content::Refused { order_id, merchant_id: None, reason: reason.clone() },
        None => Content::Unreadable { merchant_id: None, reason: reason.clone() },
    };
    let mut open = Forming::default();
    let body_hash = BodyHash::of(&delivery.body);
    open.add(delivery.receipt, delivery.redelivered, body_hash, content, None);
    open.dead.push(DeadBody { place: Place(0), body: delivery.body, reason });
    open.close()
}

fn content(decoded: Decoded) -> Content {
    match decoded {
        Decoded::Order(order) => Content::Order(order),
        Decoded::Refused(refusal) => match refusal.order_id {
            Some(order_id) => Content::Refused { order_id, merchant_id: refusal.merchant_id, reason: refusal.reason },
            None => Content::Unreadable { merchant_id: refusal.merchant_id, reason: refusal.reason },
        },
    }
}

fn keys(content: &Content) -> usize {
    match content {
        Content::Order(order) => order.keys(),
        Content::Refused { .. } | Content::Unreadable { .. } => 0,
    }
}

/// A batch that still takes messages.
#[derive(Default)]
struct Forming {
    receipts: Vec<fulfil_contract::ports::source::Receipt>,
    messages: Vec<Message>,
    twins: Vec<Message>,
    dead: Vec<DeadBody>,
    order_ids: HashSet<OrderId>,
    unreadable: HashSet<BodyHash>,
    keys: usize,
    bytes: usize,
}

impl Forming {
    fn is_full_for(&self, keys: usize, bytes: usize, limits: Limits) -> bool {
        !self.receipts.is_empty()
            && (self.receipts.len() >= limits.orders
                || self.keys + keys > limits.keys
                || self.bytes + bytes > limits.bytes)
    }

    fn add(
        &mut self,
        receipt: fulfil_contract::ports::source::Receipt,
        redelivered: bool,
        body_hash: BodyHash,
        content: Content,
        dead: Option<Vec<u8>>,
    ) {
        let place = Place(self.receipts.len());
        self.receipts.push(receipt);
        let first = match &content {
            Content::Order(order) => self.order_ids.insert(order.order_id.clone()),
            Content::Refused { order_id, .. } => self.order_ids.insert(order_id.clone()),
            Content::Unreadable { reason, .. } => {
                if let Some(body) = dead {
                    self.dead.push(DeadBody { place, body, reason: reason.clone() });
                }
                self.unreadable.insert(body_hash)
            }
        };
        let message = Message { place, redelivered, body_hash, content };
        if first { self.messages.push(message) } else { self.twins.push(message) }
    }

    fn close(self) -> Received {
        Received {
            held: Held::new(self.receipts, Instant::now()),
            messages: self.messages,
            twins: self.twins,
            dead: self.dead,
        }
    }
}

#[cfg(test)]
mod tests {
    use fulfil_contract::ports::source::Receipt;

    use super::*;

    fn delivery(tag: u64, body: &str) -> Delivery {
        Delivery {
            body: body.into(),
            redelivered: false,
            delivery_count: 0,
            message_id: None,
            receipt: Receipt::new(1, tag),
        }
    }

    fn order(id: &str, quantity: u32) -> String {
        format!(
            r#"{{"order_id":"{id}","merchant_id":"m","placed_at":"1997-01-12T00:00:00Z","currency":"USD","lines":[{{"line_no":1,"sku":"s","quantity":{quantity},"unit_price":1}}]}}"#
        )
    }

    #[test]
    fn batches_keep_their_bounds_and_their_order() {
        let deliveries = (0..2500).map(|n| delivery(n, &order(&format!("o-{n}"), 1))).collect();
        let sizes: Vec<usize> =
            intake(deliveries, Limits::default()).iter().map(|batch| batch.messages.len()).collect();
        assert_eq!(sizes, [1000, 1000, 500]);

        let deliveries = (0..12).map(|n| delivery(n, &order(&format!("o-{n}"), 1000))).collect();
        let sizes: Vec<usize> =
            intake(deliveries, Limits::default()).iter().map(|batch| batch.messages.len()).collect();
        assert_eq!(sizes, [5, 5, 2]);

        let limits = Limits { bytes: 100, ..Limits::default() };
        assert_eq!(intake((0..3).map(|n| delivery(n, &order(&format!("o-{n}"), 1))).collect(), limits).len(), 3);
    }

    #[test]
    fn twins_are_set_apart_within_a_batch() {
        let bodies = [order("a", 1), order("b", 1), order("a", 1), order("a", 2), "broken".into(), "broken".into()];
        let deliveries = bodies.iter().enumerate().map(|(n, body)| delivery(n as u64, body)).collect();
        let batches = intake(deliveries, Limits::default());
        assert_eq!(batches.len(), 1);
        let places = |messages: &[Message]| messages.iter().map(|message| message.place.0).collect::<Vec<_>>();
        assert_eq!(places(&batches[0].messages), [0, 1, 4]);
        assert_eq!(places(&batches[0].twins), [2, 3, 5]);
        assert_eq!(batches[0].dead.len(), 2);
    }

    #[test]
    fn poison_is_named_by_its_message_id() {
        let mut poison = delivery(1, &order("a", 1));
        poison.message_id = Some("a".into());
        let batch = intake_poison(poison, 3);
        assert!(matches!(&batch.messages[0].content, Content::Refused { order_id, .. } if order_id.as_str() == "a"));
        assert_eq!(batch.dead.len(), 1);
        let batch = intake_poison(delivery(1, &order("a", 1)), 3);
        assert!(matches!(&batch.messages[0].content, Content::Unreadable { .. }));
    }
}
