//! What must hold at the end of every seed, each with the invariant that it checks.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use fulfil_contract::{
    attempt::{Attempt, AttemptState},
    ids::OrderId,
    ports::{
        announcer::Destination,
        books::{Books, OrderFile},
        procurements::Reviews,
    },
    procurement::{ReviewId, ReviewKind},
    recorded::LineOutcome,
};
use fulfil_memory::Memory;
use serde_json::Value;

use crate::{supplier::Log, world::Line};

/// What the seeds made happen: a model in which nothing happens proves nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) seeds: u64,
    pub(crate) kills: u64,
    pub(crate) faults: u64,
    purchases: u64,
    resends: u64,
    lost: u64,
    lies: u64,
    reviews: u64,
    delivered: u64,
    rejected: u64,
}

impl Seen {
    fn counts(&self) -> [u64; 9] {
        let Self { seeds: _, kills, faults, purchases, resends, lost, lies, reviews, delivered, rejected } = *self;
        [kills, faults, purchases, resends, lost, lies, reviews, delivered, rejected]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.kills += other.kills;
        self.faults += other.faults;
        self.purchases += other.purchases;
        self.resends += other.resends;
        self.lost += other.lost;
        self.lies += other.lies;
        self.reviews += other.reviews;
        self.delivered += other.delivered;
        self.rejected += other.rejected;
    }

    pub(crate) fn assert_that_everything_happened(&self) {
        assert!(self.counts().iter().all(|count| *count >= self.seeds / 20), "too little happened: {self:?}");
    }
}

type Logs<'a> = HashMap<&'a str, Arc<Mutex<Log>>>;

pub(crate) async fn check(memory: &Memory, orders: &BTreeMap<String, Vec<Line>>, logs: &Logs<'_>, seen: &mut Seen) {
    let results = results(memory);
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut sold = BTreeSet::new();
    for (id, lines) in orders {
        let file = memory.order(&OrderId::parse(id).unwrap()).await.unwrap();
        let file = file.unwrap_or_else(|| panic!("I4: order {id} was lost"));
        latest_is_announced(&file, &results);
        lines_are_whole(&file, lines, &mut sold, seen);
        for procurement in &file.procurements {
            one_at_a_time(id, &procurement.attempts);
            attempts.extend(procurement.attempts.iter().cloned());
        }
    }
    every_purchase_is_accounted_for(&attempts, logs, seen);
    lies_are_told(memory, logs, seen).await;
    let balance = memory.balance().await.unwrap();
    assert!(balance.unbalanced.is_empty(), "I5: {balance:?}");
    assert_eq!((balance.lines_short, balance.keys_sold_twice), (0, 0), "I3: {balance:?}");
    assert_eq!(balance.sold, sold.len() as u64, "I5: keys are sold that no line has");
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

fn latest_is_announced(file: &OrderFile, results: &BTreeMap<String, Value>) {
    let (id, revision) = (&file.order.order_id, file.order.revision.0);
    let last = results.get(&format!("{id}:{revision}"));
    let last = last.unwrap_or_else(|| panic!("I4: {id}:{revision} was never announced"));
    assert_eq!(last["status"], file.order.status.as_str(), "I9: {id}");
    assert_ne!(last["status"], "processing", "{id} has no final result");
}

fn lines_are_whole(file: &OrderFile, lines: &[Line], sold: &mut BTreeSet<i64>, seen: &mut Seen) {
    let id = &file.order.order_id;
    assert_eq!(file.order.lines.len(), lines.len(), "{id}");
    for (line, wanted) in file.order.lines.iter().zip(lines) {
        match &line.outcome {
            LineOutcome::Delivered(keys) => {
                seen.delivered += 1;
                assert!(!wanted.recharge, "I3: keys for a top-up: {id}");
                assert_eq!(keys.len(), wanted.quantity, "I3: {id} {line:?}");
                assert!(keys.iter().all(|key| sold.insert(key.id.0)), "I3: a key of {id} was sold twice");
            }
            LineOutcome::Recharged { .. } => {
                seen.delivered += 1;
                assert!(wanted.recharge, "I3: {id}");
            }
            LineOutcome::Rejected(_) => seen.rejected += 1,
            LineOutcome::Review => {}
            LineOutcome::Processing => panic!("{id} is open for ever"),
        }
    }
}

/// I6: before the last attempt of a line every other one was final, and at most one may still bring goods.
fn one_at_a_time(id: &str, attempts: &[Attempt]) {
    let open = attempts.iter().filter(|attempt| attempt.state.is_open()).count();
    assert!(open <= 1, "I6: {open} attempts of {id} are open");
    if let Some((_, before)) = attempts.split_last() {
        assert!(before.iter().all(|attempt| !attempt.state.is_open()), "I6: {id} was bought again: {attempts:?}");
    }
}

/// I6, from outside: whatever a supplier's own log says was bought is an attempt that delivered, or is with a
/// person; a supplier that cancelled may have been left.
fn every_purchase_is_accounted_for(attempts: &[Attempt], logs: &Logs<'_>, seen: &mut Seen) {
    let states: HashMap<&str, AttemptState> =
        attempts.iter().map(|attempt| (attempt.reference.as_str(), attempt.state)).collect();
    for (supplier, log) in logs {
        let log = log.lock().unwrap();
        assert_eq!(log.doubles, 0, "I6: {supplier} was sent a reference twice, and that is not safe");
        seen.lost += u64::from(log.lost);
        seen.resends += log.sends.values().filter(|sends| **sends > 1).count() as u64;
        for reference in log.sends.keys() {
            assert!(states.contains_key(reference.as_str()), "I6: {supplier} got {reference}, which no attempt has");
        }
        for (reference, made) in &log.made {
            seen.purchases += 1;
            let state = states[reference.as_str()];
            let accounted = match state {
                AttemptState::Delivered | AttemptState::InReview => true,
                AttemptState::Refused => made.cancelled,
                AttemptState::Intended
                | AttemptState::Sent
                | AttemptState::Accepted
                | AttemptState::Unknown
                | AttemptState::NotSent => false,
            };
            assert!(accounted, "I6: {supplier} sold {reference}, and the attempt is {state:?}: {made:?}");
        }
        for attempt in attempts.iter().filter(|attempt| attempt.supplier.as_str() == *supplier) {
            let bought = log.made.contains_key(attempt.reference.as_str());
            assert!(bought || attempt.state != AttemptState::Delivered, "delivered and never bought: {attempt:?}");
        }
    }
}

async fn lies_are_told(memory: &Memory, logs: &Logs<'_>, seen: &mut Seen) {
    let reviews = memory.reviews(true, ReviewId(0), 10_000).await.unwrap();
    seen.reviews += reviews.len() as u64;
    let told: BTreeSet<String> = reviews
        .iter()
        .filter(|review| match review.case.kind {
            ReviewKind::KnownKey | ReviewKind::TooFew | ReviewKind::TooMany => true,
            ReviewKind::Unsettled | ReviewKind::Overdue | ReviewKind::AnotherAnswer => false,
        })
        .filter_map(|review| review.attempt.as_ref().map(|attempt| attempt.reference.to_string()))
        .collect();
    let with_a_person: BTreeSet<String> = reviews
        .iter()
        .filter(|review| review.case.kind.holds_its_line())
        .filter_map(|review| review.attempt.as_ref().map(|attempt| attempt.reference.to_string()))
        .collect();
    for log in logs.values() {
        let log = log.lock().unwrap();
        seen.lies += u64::from(log.lies);
        for (reference, made) in &log.made {
            let lied = made.account.is_none() && made.keys.len() != made.wanted as usize;
            let heard = told.contains(reference) || with_a_person.contains(reference) || made.cancelled;
            assert!(!lied || heard, "nobody was told that {reference} brought {} of {}", made.keys.len(), made.wanted);
        }
    }
}
