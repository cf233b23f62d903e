//! What must hold at the end of every seed, each with the invariant that it checks.

use std::collections::{BTreeMap, BTreeSet};

use fulfil_contract::{
    ids::KeyId,
    ports::{
        announcer::Destination,
        books::Books,
        stock::{StockClaims, StockLoading},
        stock_ledger::StockLedger,
    },
    stock::Bucket,
};
use fulfil_memory::Memory;
use serde_json::Value;

use crate::world::Sent;

/// What the seeds made happen: a model in which nothing happens proves nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) seeds: u64,
    pub(crate) kills: u64,
    pub(crate) faults: u64,
    pub(crate) cuts: u64,
    pub(crate) losses: u64,
    pub(crate) repeats: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.kills += other.kills;
        self.faults += other.faults;
        self.cuts += other.cuts;
        self.losses += other.losses;
        self.repeats += other.repeats;
    }

    pub(crate) fn assert_that_everything_happened(&self) {
        let each = [self.kills, self.faults, self.cuts, self.losses, self.repeats];
        assert!(each.iter().all(|count| *count >= self.seeds / 10), "too little happened: {self:?}");
    }
}

pub(crate) async fn check(memory: &Memory, sent: &Sent) {
    assert_eq!(memory.unacknowledged(), 0, "I4: a delivery was never acknowledged");
    let results = results(memory);
    every_message_is_answered(&results, sent);
    orders_have_their_keys(&results, sent);
    the_ledger_adds_up(memory, sent).await;
    nothing_is_missing_from_stock(memory).await;
}

/// I9: a message id stands for the same bytes, however often it came.
fn results(memory: &Memory) -> BTreeMap<String, Value> {
    let mut bodies = BTreeMap::<String, Vec<u8>>::new();
    for message in memory.announced().into_iter().filter(|message| message.destination == Destination::Results) {
        let before = bodies.entry(message.message_id.clone()).or_insert_with(|| message.body.clone());
        assert_eq!(*before, message.body, "I9: {} was announced with other bytes", message.message_id);
    }
    bodies.into_iter().map(|(id, body)| (id, serde_json::from_slice(&body).unwrap())).collect()
}

fn every_message_is_answered(results: &BTreeMap<String, Value>, sent: &Sent) {
    for id in sent.good.keys().chain(&sent.refused) {
        assert!(results.contains_key(&format!("{id}:1")), "I4: order {id} has no result");
    }
    for id in &sent.conflicts {
        let prefix = format!("{id}:conflict-");
        assert_eq!(results.keys().filter(|key| key.starts_with(&prefix)).count(), 1, "I2: the conflict of {id}");
    }
    for id in &sent.unreadable {
        assert!(results.contains_key(id), "I8: {id} has no answer");
    }
    for id in &sent.refused {
        assert_eq!(results[&format!("{id}:1")]["status"], "rejected", "I8: {id}");
    }
}

/// I3: each line has exactly its keys, and no key stands twice.
fn orders_have_their_keys(results: &BTreeMap<String, Value>, sent: &Sent) {
    let mut sold = BTreeSet::new();
    for (id, lines) in &sent.good {
        let result = &results[&format!("{id}:1")];
        assert_eq!(result["status"], "fulfilled", "stock has enough for {id}: {result}");
        for (line, (sku, quantity)) in result["lines"].as_array().unwrap().iter().zip(lines) {
            assert_eq!(line["sku"], **sku, "I3: {id}");
            let keys = line["keys"].as_array().unwrap();
            assert_eq!(keys.len(), *quantity, "I3: {id} has {line}");
            for key in keys {
                let key = key["key_id"].as_str().unwrap();
                assert!(sold.insert(key.to_owned()), "I3: key {key} was sold twice");
            }
        }
    }
}

/// I5.
async fn the_ledger_adds_up(memory: &Memory, sent: &Sent) {
    let balance = memory.balance().await.unwrap();
    let sold: usize = sent.good.values().flatten().map(|(_, quantity)| quantity).sum();
    assert!(balance.unbalanced.is_empty(), "I5: {balance:?}");
    assert_eq!((balance.imported, balance.sold), (sent.keys as u64, sold as u64), "I5: {balance:?}");
    assert_eq!((balance.lines_short, balance.keys_sold_twice), (0, 0), "I3: {balance:?}");
}

/// Every available key is offered, or claimed by nobody who is dead.
async fn nothing_is_missing_from_stock(memory: &Memory) {
    let mut there = BTreeSet::<KeyId>::new();
    for sku in memory.skus().await.unwrap() {
        for index in 0..sku.buckets {
            let bucket = Bucket { sku: sku.sku.clone(), index };
            there.extend(memory.offered(&bucket).await.unwrap());
            let open = memory.open_claims(&bucket).await.unwrap();
            assert!(open.is_empty(), "claims are left: {open:?}");
        }
    }
    let available = memory.balance().await.unwrap().available_ids;
    let missing: Vec<KeyId> = available.into_iter().filter(|id| !there.contains(id)).collect();
    assert!(missing.is_empty(), "I1: available and not offered: {missing:?}");
}
