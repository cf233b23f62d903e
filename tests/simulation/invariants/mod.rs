//! A checker for each invariant, by its number (docs/invariants.md). Those that hold at every moment are checked
//! while workers run (`moments`), all of them at the end (`end`).
//!
//! They look from outside as far as that goes: at what was sent, announced, acknowledged, and at what suppliers'
//! own logs say was bought. The ledger's rows are held against it.

mod end;
mod lines;
mod moments;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

pub(crate) use end::Rest;
use fulfil_contract::{
    answer::RESULTS_TYPE,
    ids::{BodyHash, KeyId, OrderId},
    ports::announcer::{Destination, Publication},
};
use fulfil_memory::Memory;
use serde_json::Value;

use crate::orders::Sent;

/// Watches one world.
pub(crate) struct Watch {
    memory: Memory,
    sent: Mutex<Sent>,
    noticed: Mutex<Noticed>,
    broken: Mutex<Option<String>>,
    /// A disturbance made the ledger refuse a record for its data: an order may be called unrecordable for it.
    a_record_was_refused: AtomicBool,
    /// Keys that we imported.
    imported: AtomicU64,
    /// SKUs that keys were imported for while orders were worked on.
    imported_later: Mutex<BTreeSet<String>>,
}

/// What was announced and acknowledged so far.
#[derive(Default)]
struct Noticed {
    messages: usize,
    acknowledged: usize,
    calls: u64,
    /// By message id, as it was announced first.
    results: BTreeMap<String, Value>,
    bytes: BTreeMap<String, Vec<u8>>,
    /// Hashes of dead letters.
    dead: BTreeSet<[u8; 32]>,
    /// Who got which key.
    keys: BTreeMap<KeyId, (String, u64)>,
}

impl Watch {
    pub(crate) fn new(memory: &Memory) -> Self {
        Self {
            memory: memory.clone(),
            sent: Mutex::default(),
            noticed: Mutex::default(),
            broken: Mutex::default(),
            a_record_was_refused: AtomicBool::new(false),
            imported: AtomicU64::new(0),
            imported_later: Mutex::default(),
        }
    }

    pub(crate) fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap()
    }

    pub(crate) fn a_record_was_refused(&self) {
        self.a_record_was_refused.store(true, Relaxed);
    }

    pub(crate) fn imported(&self, sku: &str, keys: u64, later: bool) {
        self.imported.fetch_add(keys, Relaxed);
        if later {
            self.imported_later.lock().unwrap().insert(sku.to_owned());
        }
    }

    /// The first breach of an invariant.
    pub(crate) fn broken(&self) -> Option<String> {
        self.broken.lock().unwrap().clone()
    }

    /// Tells of a breach: the invariant, and what differs.
    pub(crate) fn breach(&self, invariant: &str, what: String) {
        let mut broken = self.broken.lock().unwrap();
        if broken.is_none() {
            *broken = Some(format!("{invariant}: {what}"));
        }
    }

    fn hold(&self, holds: bool, invariant: &str, what: impl FnOnce() -> String) {
        if !holds {
            self.breach(invariant, what());
        }
    }

    fn noticed(&self) -> MutexGuard<'_, Noticed> {
        self.noticed.lock().unwrap()
    }

    /// A call of a port has come back: what it may have changed is looked at, and now and then everything.
    pub(crate) fn after(&self, call: &'static str) {
        if self.broken.lock().unwrap().is_some() {
            return;
        }
        let now_and_then = {
            let mut noticed = self.noticed();
            noticed.calls += 1;
            noticed.calls.is_multiple_of(64)
        };
        if matches!(call, "announcer.publish" | "source.acknowledge_up_to") {
            self.read_announced();
            self.read_acknowledged();
        }
        if now_and_then {
            self.i5_the_ledger_adds_up();
        }
    }

    fn read_announced(&self) {
        let seen = self.noticed().messages;
        let new = self.memory.announced_since(seen);
        self.noticed().messages += new.len();
        for publication in new {
            self.i7_no_plain_key_is_told(&publication);
            match publication.destination {
                Destination::DeadLetters => {
                    self.noticed().dead.insert(BodyHash::of(&publication.body).0);
                }
                Destination::Results | Destination::Unrouted => {
                    for (message_id, result) in results_of(&publication) {
                        self.i9_a_result_is_its_committed_row(&message_id, &publication);
                        self.i1_only_what_the_ledger_sold_is_told(&message_id, &result);
                        self.i3_a_key_is_one_line_s(&message_id, &result);
                        self.noticed().results.entry(message_id).or_insert(result);
                    }
                }
            }
        }
    }

    fn read_acknowledged(&self) {
        let seen = self.noticed().acknowledged;
        let new = self.memory.acknowledged_since(seen);
        self.noticed().acknowledged += new.len();
        for body in new {
            self.i4_acknowledged_is_announced_or_owed(&body);
        }
    }
}

/// The results that a message holds, each with its message id.
fn results_of(publication: &Publication) -> Vec<(String, Value)> {
    let body: Value = serde_json::from_slice(&publication.body).unwrap();
    if publication.kind != RESULTS_TYPE {
        return vec![(publication.message_id.clone(), body)];
    }
    let Value::Array(elements) = body else { panic!("a batch of results is an array: {body}") };
    let told = |element: Value| (element["message_id"].as_str().unwrap().to_owned(), element);
    elements.into_iter().map(told).collect()
}

/// The order id and the revision of an order's message id.
fn order_of(message_id: &str) -> Option<(OrderId, u32)> {
    let (order, revision) = message_id.rsplit_once(':')?;
    Some((OrderId::parse(order).ok()?, revision.parse().ok()?))
}
