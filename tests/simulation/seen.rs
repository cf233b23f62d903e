//! What the seeds made happen. A simulation in which something never happens proves nothing of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use rand::{RngExt, rngs::SmallRng};

/// Counts by kind and by what it happened to. Cheap to clone: all clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Counts>>);

pub(crate) type Counts = BTreeMap<(&'static str, &'static str), u64>;

impl Seen {
    pub(crate) fn count(&self, kind: &'static str, of: &'static str) {
        *self.0.lock().unwrap().entry((kind, of)).or_default() += 1;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) fn add(to: &mut Counts, more: Counts) {
    for (what, count) in more {
        *to.entry(what).or_default() += count;
    }
}

/// Every call of a port that workers make on their way.
const CALLS: [&str; 32] = [
    "source.lanes",
    "source.open",
    "source.next",
    "source.acknowledge_up_to",
    "source.ready",
    "announcer.publish",
    "stock.claim",
    "stock.settle",
    "stock.identity",
    "stock.states",
    "stock.reset",
    "stock.load",
    "stock.beat",
    "stock.living",
    "stock.open_claims",
    "stock_ledger.skus",
    "stock_ledger.available",
    "stock_ledger.still_available",
    "stock_ledger.lease_loading",
    "stock_ledger.adopt_identity",
    "ledger.record",
    "ledger.answer_known",
    "ledger.owed",
    "ledger.paid",
    "procurements.lease",
    "procurements.intend",
    "procurements.change",
    "procurements.deliver",
    "procurements.release",
    "procurements.counts",
    "procurements.fill_waiting",
    "procurements.lease_over",
];

/// Calls that few seeds come to: each has to happen, and need not meet every fault.
const SELDOM: [&str; 8] = [
    "ledger.owe",
    "ledger.tries",
    "ledger.count_tries",
    "ledger.take_back_tries",
    "ledger.forget_tries",
    "stock_ledger.raise_epoch",
    "procurements.wake",
    "procurements.deliver_late",
];

/// One of all calls.
pub(crate) fn any_call(rng: &mut SmallRng) -> &'static str {
    let at = rng.random_range(0..CALLS.len() + SELDOM.len());
    CALLS.get(at).or_else(|| SELDOM.get(at - CALLS.len())).unwrap()
}

const FAULTS: [&str; 7] = ["before", "after", "swallowed", "refused", "late", "lost", "stalled"];

const EVENTS: [(&str, &str); 47] = [
    ("worker", "started"),
    ("worker", "killed"),
    ("worker", "frozen"),
    ("worker", "frozen beyond a lease"),
    ("worker", "gone on"),
    ("worker", "drained"),
    ("worker", "ended empty"),
    ("task", "held back"),
    ("broker", "cut"),
    ("broker", "away"),
    ("stock", "emptied"),
    ("stock", "rolled back"),
    ("stock", "away"),
    ("stock", "well throughout"),
    ("ledger", "away"),
    ("key", "imported"),
    ("key", "quarantined"),
    ("order", "late"),
    ("order", "sent twice"),
    ("order", "with another body"),
    ("order", "refused"),
    ("order", "unreadable"),
    ("order", "expired"),
    ("order", "fulfilled"),
    ("order", "partly fulfilled"),
    ("order", "rejected"),
    ("order", "in review"),
    ("line", "out of stock"),
    ("line", "unknown sku"),
    ("line", "no supplier"),
    ("line", "unrecordable"),
    ("line", "suppliers refused"),
    ("line", "recharged"),
    ("mode", "single"),
    ("mode", "batch"),
    ("supplier", "bought"),
    ("supplier", "sent again"),
    ("supplier", "answer lost"),
    ("supplier", "never arrived"),
    ("supplier", "too few"),
    ("supplier", "too many"),
    ("supplier", "known key"),
    ("supplier", "cancelled"),
    ("supplier", "not reached"),
    ("supplier", "called back"),
    ("person", "resolved"),
    ("surplus", "in stock"),
];

/// Everything that has to happen has happened.
pub(crate) fn assert_that_everything_happened(counts: &Counts) {
    let faults = CALLS.iter().flat_map(|call| FAULTS.iter().map(move |fault| (*fault, *call)));
    let refusable = |call: &str| !call.starts_with("ledger.") || call == "ledger.record";
    let faults = faults.filter(|(fault, call)| *fault != "refused" || refusable(call));
    let calls = CALLS.iter().chain(&SELDOM).map(|call| ("called", *call));
    let all: Vec<_> = faults.chain(calls).chain(EVENTS).collect();
    let never: Vec<_> = all.into_iter().filter(|what| !counts.contains_key(what)).collect();
    assert!(never.is_empty(), "too few seeds, or these can't happen any more: {never:?}");
}
