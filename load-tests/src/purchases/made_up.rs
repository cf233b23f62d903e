//! Purchases, attempts and results for tests, all of one SKU.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use supplier_doubles::{Key, Lie, Outcome, Purchase};

use super::{Attempts, attempts::Attempt};
use crate::results::{Message, Results};

pub(crate) fn bought(reference: &str, keys: &[&str], lie: Option<Lie>) -> Purchase {
    Purchase {
        at_us: 1,
        reference: reference.into(),
        their_id: "1".into(),
        product: "5".into(),
        quantity: 1,
        keys: keys.iter().map(|key| Key { number: None, secret: (*key).into() }).collect(),
        account: None,
        charged: 100,
        paid_back: 0,
        lie,
        outcome: Outcome::Done,
    }
}

/// Each of an order of the same name, at the supplier `x`.
pub(crate) fn attempts(states: &[(&str, i64)]) -> Attempts {
    let attempt = |(reference, state): &(&str, i64)| {
        let order_id = (*reference).to_owned();
        (
            order_id.clone(),
            Attempt { order_id, sku: "S".into(), supplier: "x".into(), state: *state, sends: 1, told: 0 },
        )
    };
    Attempts {
        by_reference: states.iter().map(attempt).collect::<HashMap<_, _>>(),
        kept: BTreeMap::new(),
        reviews: BTreeMap::new(),
        reviewed: BTreeSet::new(),
        told_of_known_keys: BTreeSet::new(),
        refused_keys: 0,
        held_keys: 0,
    }
}

/// What came back: one order of one line.
pub(crate) fn result(order: &str, line: &str, keys: usize) -> Results {
    let status = match line {
        "delivered" => "fulfilled",
        other => other,
    };
    let keys: Vec<String> = (0..keys).map(|key| format!(r#"{{"key_id":"{key}"}}"#)).collect();
    let body = format!(
        r#"{{"order_id":"{order}","revision":1,"status":"{status}","merchant_id":"m","lines":[{{"line_no":1,"sku":"S","status":"{line}","keys":[{}],"reason":{{"code":"x"}}}}]}}"#,
        keys.join(",")
    );
    let mut results = Results::default();
    results.add(&Message {
        routing_key: format!("m.{status}"),
        message_id: format!("{order}:1"),
        kind: "order.result.v1".into(),
        redelivered: false,
        body,
    });
    results
}
