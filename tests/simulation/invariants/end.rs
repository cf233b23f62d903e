//! What holds at the end, when workers without faults have brought everything to rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering::Relaxed,
};

use fulfil_contract::{
    attempt::{Attempt, AttemptState},
    ids::{BodyHash, OrderId},
    ports::books::OrderFile,
    procurement::{Review, ReviewKind},
    reason::ReasonCode,
    recorded::LineOutcome,
};

use super::Watch;
use crate::{
    orders::{Asks, BOUGHT, PLENTY},
    seen::Seen,
    supplier::Double,
};

/// What is read once all is at rest.
pub(crate) struct Rest {
    pub(crate) files: BTreeMap<String, OrderFile>,
    pub(crate) reviews: Vec<Review>,
    /// A worker of the troubled times was there to the last: a call of it may have been late beyond the rest, and
    /// begun another loading.
    pub(crate) with_an_old_worker: bool,
    /// Somebody decided reviews.
    pub(crate) attended: bool,
}

impl Watch {
    pub(crate) fn at_the_end(&self, rest: &Rest, doubles: &[Double], seen: &Seen) {
        self.read_announced();
        self.read_acknowledged();
        let attempts: Vec<&Attempt> = rest
            .files
            .values()
            .flat_map(|file| file.procurements.iter().flat_map(|procurement| &procurement.attempts))
            .collect();
        self.i1_all_that_is_available_is_offered(rest.with_an_old_worker);
        self.i1_nothing_is_offered_twice_without_cause(seen);
        self.i2_an_order_id_has_one_effect(rest);
        self.i3_lines_are_whole(rest, doubles, seen);
        self.i4_nothing_is_left_and_the_latest_is_announced(rest);
        self.i5_the_ledger_adds_up();
        self.i5_what_came_is_what_is_there(rest, &attempts, doubles, seen);
        self.i6_every_purchase_is_accounted_for(rest, &attempts, doubles);
        self.i6_lies_are_told(&rest.reviews, doubles);
        self.i7_nothing_written_holds_a_plain_key(rest);
        self.i8_bad_input_has_its_answer(rest, seen);
        self.i9_the_latest_result_is_the_row(rest);
    }

    /// I1: hints are complete again: stock offers every available key of the ledger, and no claim is left open.
    fn i1_all_that_is_available_is_offered(&self, or_was: bool) {
        let astray = self.memory.astray().len();
        self.hold(astray == 0 || or_was, "I1", || format!("{astray} keys are available, and not offered"));
        let claims = self.memory.open_claims_now();
        self.hold(claims == 0, "I1", || format!("{claims} claims are left open"));
    }

    /// I1: hints are good: while stock loses nothing, no worker is stopped, no call of it stalls, the ledger took
    /// nothing beside it, and it was loaded once, a key of a SKU that there is plenty of is never offered once it is
    /// sold. (A rebuild drops claims that are in hand.)
    fn i1_nothing_is_offered_twice_without_cause(&self, seen: &Seen) {
        let counts = seen.counts();
        let causes = [("stock", "emptied"), ("stock", "rolled back"), ("worker", "frozen"), ("stock", "away")];
        let stalled = counts.keys().any(|(kind, call)| *kind == "stalled" && call.starts_with("stock"));
        if stalled || causes.iter().any(|cause| counts.contains_key(cause)) {
            return;
        }
        let undisturbed = |sku: &&str| !self.memory.ledger_took(sku) && self.memory.epoch_raises(sku) <= 1;
        for sku in PLENTY.into_iter().filter(undisturbed) {
            seen.count("stock", "well throughout");
            let times = self.memory.offered_sold(sku);
            self.hold(times == 0, "I1", || format!("{times} times a key of {sku} was offered that was sold already"));
        }
    }

    /// I2: of each order id one body stands, and every other one is a conflict, once, and nothing else.
    fn i2_an_order_id_has_one_effect(&self, rest: &Rest) {
        let sent = self.sent();
        for (id, bodies) in &sent.orders {
            let Some(file) = rest.files.get(id) else {
                self.breach("I2", format!("order {id} was lost"));
                continue;
            };
            let stands = file.order.body_hash;
            self.hold(bodies.contains_key(&stands.0), "I2", || format!("{id} stands with a body that nobody sent"));
            let wanted: BTreeSet<String> = bodies
                .keys()
                .map(|hash| BodyHash(*hash))
                .filter(|hash| *hash != stands)
                .map(|hash| format!("{id}:conflict-{}", hash.hex(8)))
                .collect();
            let prefix = format!("{id}:conflict-");
            let noticed = self.noticed();
            let told: BTreeSet<String> =
                noticed.results.keys().filter(|told| told.starts_with(&prefix)).cloned().collect();
            self.hold(told == wanted, "I2", || format!("conflicts of {id}: {told:?}, and not {wanted:?}"));
            let rows = file.conflicts.len();
            self.hold(rows == wanted.len(), "I2", || format!("{id} has {rows} conflict rows for {wanted:?}"));
        }
    }

    /// I4: nothing is left unacknowledged, and the latest revision of each order was announced.
    fn i4_nothing_is_left_and_the_latest_is_announced(&self, rest: &Rest) {
        let left = self.memory.unacknowledged();
        self.hold(left == 0, "I4", || format!("{left} deliveries were never acknowledged"));
        for (id, file) in &rest.files {
            let latest = format!("{id}:{}", file.order.revision.0);
            let told = self.noticed().results.contains_key(&latest);
            self.hold(told, "I4", || format!("{latest} was never announced"));
            self.hold(!file.owed, "I4", || format!("{id} is owed for ever"));
        }
    }

    /// I5, from outside: the keys that are sold are those that orders have; those that were imported are ours and
    /// those that suppliers' logs say were delivered, each once.
    fn i5_what_came_is_what_is_there(&self, rest: &Rest, attempts: &[&Attempt], doubles: &[Double], seen: &Seen) {
        let balance = self.memory.balance_now();
        let had: BTreeSet<_> = rest.files.values().flat_map(|file| file.order.key_ids()).collect();
        self.hold(balance.sold == had.len() as u64, "I5", || {
            format!("{} keys are sold, and orders have {}", balance.sold, had.len())
        });
        let mut bought = BTreeSet::new();
        for attempt in attempts.iter().filter(|attempt| attempt.state == AttemptState::Delivered) {
            let double = doubles.iter().find(|double| double.name == attempt.supplier.as_str()).unwrap();
            let log = double.log();
            let Some(made) = log.made.get(attempt.reference.as_str()) else {
                self.breach("I5", format!("{} is delivered and was never bought", attempt.reference));
                continue;
            };
            bought.extend(made.keys.iter().map(|key| (made.sku.clone(), key.clone())));
        }
        let (own, held) = (self.imported.load(Relaxed), self.memory.held_keys() as u64);
        let came = own + bought.len() as u64;
        self.hold(balance.imported + held == came, "I5", || {
            format!("{came} keys came, {own} of them imported, {held} are held: {balance:?}")
        });
        // Nobody imports keys of this SKU.
        if self.memory.available_of(BOUGHT) > 0 {
            seen.count("surplus", "in stock");
        }
    }

    /// I6, from outside: whatever a supplier's own log says was bought is an attempt that delivered, or is with a
    /// person; a supplier that cancelled may have been left. A line has at most one attempt that may bring goods.
    fn i6_every_purchase_is_accounted_for(&self, rest: &Rest, attempts: &[&Attempt], doubles: &[Double]) {
        for file in rest.files.values() {
            for procurement in &file.procurements {
                let open = procurement.attempts.iter().filter(|attempt| attempt.state.is_open()).count();
                self.hold(open <= 1, "I6", || {
                    format!("{open} attempts of one line of {} are open", file.order.order_id)
                });
            }
        }
        let states: BTreeMap<&str, AttemptState> =
            attempts.iter().map(|attempt| (attempt.reference.as_str(), attempt.state)).collect();
        for double in doubles {
            let (name, log) = (double.name, double.log());
            let doubles = log.doubles;
            self.hold(doubles == 0, "I6", || {
                format!("{name} was sent {doubles} references twice, and that is not safe")
            });
            for reference in log.sends.keys() {
                let known = states.contains_key(reference.as_str());
                self.hold(known, "I6", || format!("{name} got {reference}, which no attempt has"));
            }
            for (reference, made) in &log.made {
                let Some(state) = states.get(reference.as_str()) else { continue };
                let accounted = match state {
                    AttemptState::Delivered | AttemptState::InReview => true,
                    AttemptState::Refused => made.cancelled,
                    AttemptState::Intended
                    | AttemptState::Sent
                    | AttemptState::Accepted
                    | AttemptState::Unknown
                    | AttemptState::NotSent => false,
                };
                self.hold(accounted, "I6", || format!("{name} sold {reference}, and it is {state:?}: {made:?}"));
            }
        }
    }

    /// A supplier that told too few or too many is told of.
    fn i6_lies_are_told(&self, reviews: &[Review], doubles: &[Double]) {
        let told: BTreeSet<&str> = reviews
            .iter()
            .filter(|review| match review.case.kind {
                ReviewKind::KnownKey | ReviewKind::TooFew | ReviewKind::TooMany => true,
                ReviewKind::Unsettled | ReviewKind::Overdue => true,
                ReviewKind::AnotherAnswer => false,
            })
            .filter_map(|review| review.attempt.as_ref().map(|attempt| attempt.reference.as_str()))
            .collect();
        for double in doubles {
            for (reference, made) in &double.log().made {
                let lied = made.account.is_none() && made.keys.len() != made.wanted as usize && !made.cancelled;
                self.hold(!lied || told.contains(reference.as_str()), "I5", || {
                    format!("nobody was told that {reference} brought {} of {}", made.keys.len(), made.wanted)
                });
            }
        }
    }

    /// I7: nothing that people read of attempts and reviews holds a plain key.
    fn i7_nothing_written_holds_a_plain_key(&self, rest: &Rest) {
        let plain = crate::supplier::PLAIN;
        let told = rest.reviews.iter().any(|review| review.case.evidence.contains(plain));
        self.hold(!told, "I7", || "a review's evidence holds a plain key".into());
        let sealed = self.memory.refused_keys();
        let open = sealed.iter().any(|key| String::from_utf8_lossy(&key.sealed.0).contains(plain));
        self.hold(!open, "I7", || "a refused key is not sealed".into());
        for file in rest.files.values() {
            let said = format!("{:?}", file.procurements);
            self.hold(!said.contains(plain), "I7", || {
                format!("an attempt of {} holds a plain key", file.order.order_id)
            });
            for line in &file.order.lines {
                let LineOutcome::Delivered(keys) = &line.outcome else { continue };
                let sealed = keys.iter().all(|key| !String::from_utf8_lossy(&key.sealed.0).contains(plain));
                self.hold(sealed, "I7", || format!("a key of {} is not sealed", file.order.order_id));
            }
        }
    }

    /// I8: a bad order is refused with a reason, an unreadable body has its answer and is among the dead letters.
    fn i8_bad_input_has_its_answer(&self, rest: &Rest, seen: &Seen) {
        let sent = self.sent();
        for (id, file) in &rest.files {
            if sent.orders[id].get(&file.order.body_hash.0) == Some(&Asks::Refused) {
                let code = file.order.reason.as_ref().map(|reason| reason.code);
                let right = match code {
                    Some(ReasonCode::InvalidOrder) => true,
                    Some(ReasonCode::Poison) => {
                        self.poison(id, &file.order, seen);
                        true
                    }
                    Some(ReasonCode::Unrecordable) => {
                        seen.count("line", "unrecordable");
                        self.a_record_was_refused.load(Relaxed)
                    }
                    _ => false,
                };
                self.hold(right && file.order.lines.is_empty(), "I8", || format!("{id} is bad, and {:?}", file.order));
            }
        }
        let noticed = self.noticed();
        for hash in sent.unreadable.keys() {
            let message_id = format!("rejected:{}", BodyHash(*hash).hex(32));
            let answered = noticed.results.contains_key(&message_id) && noticed.dead.contains(hash);
            self.hold(answered, "I8", || format!("{message_id} has no answer, or is not among the dead letters"));
        }
    }

    /// I9: revisions are announced without a gap in what they stand for: the highest is the row.
    fn i9_the_latest_result_is_the_row(&self, rest: &Rest) {
        let noticed = self.noticed();
        for message_id in noticed.results.keys() {
            let Some((order, revision)) = super::order_of(message_id) else { continue };
            let latest = rest.files.get(order.as_str()).map(|file| file.order.revision.0);
            self.hold(latest.is_some_and(|latest| revision <= latest), "I9", || {
                format!("{message_id} was announced, and the ledger is at revision {latest:?}")
            });
        }
    }

    /// The files of all orders that were sent, once all is at rest.
    pub(crate) fn order_ids(&self) -> Vec<OrderId> {
        self.sent().orders.keys().map(|id| OrderId::parse(id).unwrap()).collect()
    }
}
