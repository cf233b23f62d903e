//! What holds at every moment: checked as it happens.

use fulfil_contract::{
    answer::{Answer, RESULTS_TYPE},
    attempt::{AttemptState, Reference},
    ids::{BodyHash, KeyId, OrderId},
    ports::announcer::Publication,
};
use serde_json::Value;

use super::{Watch, order_of};
use crate::supplier::PLAIN;

impl Watch {
    /// I1: the ledger alone decides that a key is sold: whatever key is told was sold to that order before.
    pub(super) fn i1_only_what_the_ledger_sold_is_told(&self, message_id: &str, result: &Value) {
        let Some((order, _)) = order_of(message_id) else { return };
        for key in keys_of(result).map(|(_, key)| key) {
            let sold_to = self.memory.sold_to(key);
            self.hold(sold_to.as_ref() == Some(&order), "I1", || {
                format!("{message_id} tells key {}, and the ledger has sold it to {sold_to:?}", key.0)
            });
        }
    }

    /// I3: a key is told to one line of one order, whatever the revision, and a delivered line of keys has exactly
    /// its quantity.
    pub(super) fn i3_a_key_is_one_line_s(&self, message_id: &str, result: &Value) {
        let Some((order, _)) = order_of(message_id) else { return };
        let mut noticed = self.noticed();
        for (line, key) in keys_of(result) {
            let whose = (order.to_string(), line);
            let first = noticed.keys.entry(key).or_insert_with(|| whose.clone()).clone();
            self.hold(first == whose, "I3", || format!("key {} went to {first:?} and to {whose:?}", key.0));
        }
        drop(noticed);
        let Some(row) = self.memory.recorded(&order) else { return };
        for (line, wanted) in result["lines"].as_array().into_iter().flatten().zip(&row.lines) {
            if let Some(keys) = line["keys"].as_array() {
                let (got, wanted) = (keys.len(), wanted.quantity.as_usize());
                self.hold(got == wanted, "I3", || format!("{message_id} gives {got} keys for {wanted}: {line}"));
            }
        }
    }

    /// I4: what is acknowledged was recorded, and its result is with the broker or owed by a committed row; a body
    /// without an order id is among the dead letters.
    pub(super) fn i4_acknowledged_is_announced_or_owed(&self, body: &[u8]) {
        let hash = BodyHash::of(body);
        let sent = self.sent();
        let told = |message_id: &str| self.noticed().results.contains_key(message_id);
        if sent.unreadable.contains_key(&hash.0) {
            let message_id = format!("rejected:{}", hash.hex(32));
            let there = told(&message_id) && self.noticed().dead.contains(&hash.0);
            return self.hold(there, "I4", || format!("{message_id} was acknowledged before it was announced"));
        }
        let Some(id) = sent.orders.iter().find(|(_, bodies)| bodies.contains_key(&hash.0)).map(|(id, _)| id) else {
            return self.breach("I4", "a body was acknowledged that nobody sent".into());
        };
        let order = OrderId::parse(id).unwrap();
        let Some(row) = self.memory.recorded(&order) else {
            return self.breach("I4", format!("{id} was acknowledged before it was recorded"));
        };
        let there = if row.body_hash == hash {
            (1..=row.revision.0).any(|revision| told(&format!("{id}:{revision}"))) || self.memory.owes(&order)
        } else {
            told(&format!("{id}:conflict-{}", hash.hex(8)))
        };
        self.hold(there, "I4", || format!("{id} was acknowledged, and its result is neither announced nor owed"));
    }

    /// I5: imported = available + sold + quarantined, per SKU; and I3 by the ledger's own rows.
    pub(super) fn i5_the_ledger_adds_up(&self) {
        let balance = self.memory.balance_now();
        self.hold(balance.unbalanced.is_empty(), "I5", || format!("{balance:?}"));
        let whole = (balance.lines_short, balance.keys_sold_twice) == (0, 0);
        self.hold(whole, "I3", || format!("short lines or keys sold twice: {balance:?}"));
    }

    /// I6: before a supplier is called, the attempt with its reference is committed as sent, and no other attempt of
    /// the line may still bring goods.
    /// This send was committed. Goods of an earlier one that another worker had in hand may have come in between:
    /// then it is delivered by now.
    pub(crate) fn i6_a_purchase_is_sent(&self, reference: &Reference, sent_before: u32) {
        let attempts = self.memory.attempts_beside(reference);
        let (own, others): (Vec<_>, Vec<_>) = attempts.into_iter().partition(|attempt| attempt.reference == *reference);
        let committed = own.iter().any(|attempt| {
            let meanwhile = sent_before > 0 && attempt.state == AttemptState::Delivered;
            attempt.sends > sent_before && (attempt.state == AttemptState::Sent || meanwhile)
        });
        self.hold(committed, "I6", || format!("{reference} is sent, and the ledger has it as {own:?}"));
        let open = others.iter().find(|attempt| attempt.state.is_open());
        self.hold(open.is_none(), "I6", || format!("{reference} is sent while another may bring goods: {open:?}"));
    }

    /// I6: a purchase is sent again where the supplier said twice that it does not know of it, if it can be asked.
    pub(crate) fn i6_a_purchase_sent_again_was_asked_for(&self, reference: &Reference, not_founds: u32) {
        self.hold(not_founds >= 2, "I6", || format!("{reference} is sent again after {not_founds} not-founds"));
    }

    /// I6: a supplier makes a purchase while its attempt is open, not after it was given up.
    pub(crate) fn i6_a_purchase_is_made(&self, reference: &Reference) {
        let attempts = self.memory.attempts_beside(reference);
        let own = attempts.iter().find(|attempt| attempt.reference == *reference);
        let known = own.is_some_and(|attempt| attempt.state.is_open() || attempt.state == AttemptState::Delivered);
        self.hold(known, "I6", || format!("{reference} is bought, and the ledger has it as {own:?}"));
    }

    /// I7: no message that we send holds a plain key.
    pub(super) fn i7_no_plain_key_is_told(&self, publication: &Publication) {
        let body = String::from_utf8_lossy(&publication.body);
        self.hold(!body.contains(PLAIN), "I7", || format!("{} holds a plain key", publication.message_id));
    }

    /// I9, and of I4 that announce comes after record: a result is what its committed row says, to the byte, and
    /// the same bytes each time.
    pub(super) fn i9_a_result_is_its_committed_row(&self, message_id: &str, publication: &Publication) {
        let batch = publication.kind == RESULTS_TYPE;
        let committed = match self.committed(message_id, batch) {
            Some(committed) => committed,
            None => {
                return self.breach("I4", format!("{message_id} was announced before it was recorded"));
            }
        };
        let mut noticed = self.noticed();
        let first = noticed.bytes.entry(message_id.to_owned()).or_insert_with(|| match (&committed, batch) {
            (Committed::As(bytes), _) => bytes.clone(),
            (Committed::Newer, false) => publication.body.clone(),
            (Committed::Newer, true) => Vec::new(),
        });
        let same = |bytes: &[u8]| match (std::str::from_utf8(&publication.body), std::str::from_utf8(bytes)) {
            (Ok(body), Ok(element)) if batch => body.contains(element),
            _ => publication.body == bytes,
        };
        self.hold(same(first), "I9", || format!("{message_id} was announced with other bytes"));
        if let Committed::As(bytes) = &committed {
            self.hold(same(bytes), "I9", || format!("{message_id} is not what is committed"));
        }
    }

    /// What a message must say by the rows as they are now; `None` where there is no row.
    fn committed(&self, message_id: &str, batch: bool) -> Option<Committed> {
        let written = |answer: Answer<'_>| {
            let mut bytes = Vec::new();
            match batch {
                true => answer.write_element(message_id, &mut bytes),
                false => bytes = answer.body(),
            }
            Committed::As(bytes)
        };
        if let Some(digits) = message_id.strip_prefix("rejected:") {
            let sent = self.sent();
            let hash = sent.unreadable.keys().map(|hash| BodyHash(*hash)).find(|hash| hash.hex(32) == digits)?;
            return self.memory.unreadable(hash).as_ref().map(Answer::Unreadable).map(written);
        }
        if let Some((id, digits)) = message_id.split_once(":conflict-") {
            let sent = self.sent();
            let mut bodies = sent.orders.get(id)?.keys().map(|hash| BodyHash(*hash));
            let hash = bodies.find(|hash| hash.hex(8) == digits)?;
            let row = self.memory.conflict(&OrderId::parse(id).ok()?, hash);
            return row.as_ref().map(Answer::Conflict).map(written);
        }
        let (order, revision) = order_of(message_id)?;
        let row = self.memory.recorded(&order)?;
        match row.revision.0.cmp(&revision) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(written(Answer::Order(&row))),
            std::cmp::Ordering::Greater => Some(Committed::Newer),
        }
    }
}

enum Committed {
    As(Vec<u8>),
    /// The row is of a later revision by now.
    Newer,
}

/// The keys of a result, each with the number of its line.
fn keys_of(result: &Value) -> impl Iterator<Item = (u64, KeyId)> + '_ {
    let lines = result["lines"].as_array().into_iter().flatten();
    lines.flat_map(|line| {
        let number = line["line_no"].as_u64().unwrap();
        let keys = line["keys"].as_array().into_iter().flatten();
        keys.map(move |key| (number, KeyId(key["key_id"].as_str().unwrap().parse().unwrap())))
    })
}
