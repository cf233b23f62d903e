//! What is ordered: one line an order, of SKUs that no stock was ever there for.

use std::collections::BTreeMap;

use crate::seed::Random;

/// What the id of every order begins with.
pub(crate) const ID_PREFIX: &str = "buy-";
const TOP_UP: &str = "top-up";

/// One order's line.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub sku: String,
    pub quantity: u64,
    /// Whom a direct top-up goes to.
    pub account: Option<String>,
}

#[derive(Debug)]
pub struct Lines {
    by_order: BTreeMap<String, Wanted>,
    skus: u64,
}

/// The id of an order by its number.
pub(super) fn order_id(number: u64) -> String {
    format!("{ID_PREFIX}{number:06}")
}

impl Lines {
    /// `skus` many, one for each supplier that comes first somewhere: a key that one supplier sells twice is then
    /// most often of the same SKU, and fingerprints are by SKU.
    pub(crate) fn make(orders: u64, skus: u64, most_quantity: u64, top_ups: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let line = |number: u64| {
            if random.below(100) < top_ups {
                let account = Some(format!("+1202555{:04}", number % 10_000));
                return Wanted { sku: TOP_UP.into(), quantity: 1, account };
            }
            Wanted {
                sku: format!("game-{}", random.below(skus)),
                quantity: 1 + random.below(most_quantity.max(1)),
                account: None,
            }
        };
        Self { by_order: (0..orders).map(order_id).zip((0..orders).map(line)).collect(), skus }
    }

    pub(crate) fn skus(&self) -> Vec<String> {
        (0..self.skus).map(|number| format!("game-{number}")).collect()
    }

    pub(super) fn top_up_skus(&self) -> Vec<String> {
        if self.by_order.values().any(|line| line.account.is_some()) { vec![TOP_UP.to_owned()] } else { Vec::new() }
    }

    pub(crate) fn orders(&self) -> impl Iterator<Item = &String> {
        self.by_order.keys()
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = (&String, &Wanted)> {
        self.by_order.iter()
    }

    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        self.by_order.iter().map(|(id, line)| body(id, line).into_bytes()).collect()
    }
}

fn body(id: &str, line: &Wanted) -> String {
    let Wanted { sku, quantity, account } = line;
    let recharge =
        account.as_ref().map(|account| format!(r#","recharge":{{"account":"{account}"}}"#)).unwrap_or_default();
    format!(
        r#"{{"order_id":"{id}","merchant_id":"m-01","placed_at":"2026-01-01T00:00:00Z","currency":"USD","lines":[{{"line_no":1,"sku":"{sku}","quantity":{quantity},"unit_price":1500{recharge}}}]}}"#
    )
}
