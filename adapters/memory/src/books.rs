//! What audits and support read.

use std::collections::BTreeMap;

use async_trait::async_trait;
use fulfil_contract::{
    ids::{KeyId, OrderId},
    ports::{
        books::{Balance, Books, OrderFile, SkuCounts},
        ledger::LedgerError,
    },
    recorded::LineOutcome,
};

use crate::{
    Memory,
    ledger::{KeyRow, KeyState, SkuRow, Tables},
};

#[async_trait]
impl Books for Memory {
    async fn balance(&self) -> Result<Balance, LedgerError> {
        self.call("books.balance", |state| Ok(state.ledger.balance())).await
    }

    async fn counts(&self) -> Result<Vec<SkuCounts>, LedgerError> {
        self.call("books.counts", |state| Ok(state.ledger.counts())).await
    }

    async fn order(&self, id: &OrderId) -> Result<Option<OrderFile>, LedgerError> {
        self.call("books.order", |state| {
            let tables = &state.ledger;
            Ok(tables.orders.get(id).map(|order| OrderFile {
                order: order.clone(),
                conflicts: tables.conflicts.iter().filter(|conflict| conflict.order_id == *id).cloned().collect(),
                procurements: tables.procurement_files(id),
                owed: tables.owed.iter().any(|order| order.order_id == *id),
            }))
        })
        .await
    }
}

impl Tables {
    fn counts(&self) -> Vec<SkuCounts> {
        let count = |(sku, row): (&_, &SkuRow)| {
            let mut counts =
                SkuCounts { sku: Clone::clone(sku), imported: row.imported, available: 0, sold: 0, quarantined: 0 };
            for key in self.keys.values().filter(|key| key.sku == *sku) {
                match key.state {
                    KeyState::Available => counts.available += 1,
                    KeyState::Sold(..) => counts.sold += 1,
                    KeyState::Quarantined => counts.quarantined += 1,
                }
            }
            counts
        };
        self.skus.iter().map(count).collect()
    }

    pub(crate) fn balance(&self) -> Balance {
        let mut balance = Balance { orders: self.orders.len() as u64, ..Balance::default() };
        for sku in self.counts() {
            balance.imported += sku.imported;
            balance.available += sku.available;
            balance.sold += sku.sold;
            balance.quarantined += sku.quarantined;
            if sku.imported != sku.available + sku.sold + sku.quarantined {
                balance.unbalanced.push(sku.sku);
            }
        }
        let mut lines_of: BTreeMap<KeyId, u64> = BTreeMap::new();
        let lines =
            self.orders.values().flat_map(|order| self.lines_now(order).into_iter().map(move |line| (order, line)));
        for (order, line) in lines {
            let LineOutcome::Delivered(keys) = &line.outcome else { continue };
            keys.iter().for_each(|key| *lines_of.entry(key.id).or_default() += 1);
            let right = keys.iter().filter(|key| {
                let sold_to_it = |row: &&KeyRow| matches!(&row.state, KeyState::Sold(to, _) if *to == order.order_id);
                self.keys.get(&key.id).filter(sold_to_it).is_some_and(|row| row.sku == line.sku)
            });
            let right = right.count();
            balance.lines_short += u64::from(right != keys.len() || right != line.quantity.as_usize());
        }
        balance.keys_sold_twice = lines_of.values().filter(|lines| **lines > 1).count() as u64;
        let available = self.keys.iter().filter(|(_, key)| key.state == KeyState::Available);
        balance.available_ids = available.map(|(id, _)| *id).collect();
        balance
    }
}
