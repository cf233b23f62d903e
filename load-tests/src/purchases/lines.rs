//! What is ordered: one line an order, of SKUs that no stock was ever there for.

use std::collections::BTreeMap;

use crate::seed::Random;

const SKUS: u64 = 6;
const TOP_UP: &str = "top-up";

/// One order's line.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub sku: String,
    pub quantity: u64,
    /// Whom a direct top-up goes to.
    pub account: Option<String>,
}

#[derive(Debug)]
pub struct Lines(BTreeMap<String, Wanted>);

/// The id of an order by its number.
pub(super) fn order_id(number: u64) -> String {
    format!("buy-{number:06}")
}

impl Lines {
    pub(super) fn make(orders: u64, most_quantity: u64, top_ups: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let line = |number: u64| {
            if random.below(100) < top_ups {
                let account = Some(format!("+1202555{:04}", number % 10_000));
                return Wanted { sku: TOP_UP.into(), quantity: 1, account };
            }
            Wanted {
                sku: format!("game-{}", random.below(SKUS)),
                quantity: 1 + random.below(most_quantity.max(1)),
                account: None,
            }
        };
        Self((0..orders).map(order_id).zip((0..orders).map(line)).collect())
    }

    pub(super) fn skus(&self) -> Vec<String> {
        (0..SKUS).map(|number| format!("game-{number}")).collect()
    }

    pub(super) fn top_up_skus(&self) -> Vec<String> {
        if self.0.values().any(|line| line.account.is_some()) { vec![TOP_UP.to_owned()] } else { Vec::new() }
    }

    pub(super) fn orders(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    pub(super) fn each(&self) -> impl Iterator<Item = (&String, &Wanted)> {
        self.0.iter()
    }

    pub(super) fn bodies(&self) -> Vec<Vec<u8>> {
        self.0.iter().map(|(id, line)| body(id, line).into_bytes()).collect()
    }
}

fn body(id: &str, line: &Wanted) -> String {
    let Wanted { sku, quantity, account } = line;
    let recharge = account.as_ref().map(|account| format!(r#","recharge":{{"account":"{account}"}}"#)).unwrap_or_default();
    format!(
        r#"{{"order_id":"{id}","merchant_id":"m-01","placed_at":"2026-01-01T00:00:00Z","currency":"USD","lines":[{{"line_no":1,"sku":"{sku}","quantity":{quantity},"unit_price":1500{recharge}}}]}}"#
    )
}
