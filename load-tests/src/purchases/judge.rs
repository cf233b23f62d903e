//! Whether every line was bought once: what was sent and what came back, held against the doubles' own logs.

use std::collections::{BTreeSet, HashSet};

use supplier_doubles::{Lie, Outcome, Protocol, Purchase};

use super::{Attempts, Lines, Seen};
use crate::{
    judge::verdict::{Check, Verdict},
    market::Market,
    results::{OrderResult, Results},
};

/// The ledger's number of a delivered attempt, and of one that waits for a person.
const DELIVERED: i64 = 4;
const IN_REVIEW: i64 = 7;

pub(crate) fn judge(lines: &Lines, results: &Results, market: &Market, attempts: &Attempts, seen: &Seen) -> Verdict {
    let mut verdict = Verdict::new(lines.orders().count() as u64, results);
    verdict.also(Check::new("well_formed", "every message is a result").all(results.malformed.iter().cloned()));
    let differing = results.seen.iter().filter(|(_, seen)| seen.differing > 0).map(|(id, _)| id.clone());
    verdict.also(
        Check::new("same_bytes", "every message id stands for the same bytes, however often it came").all(differing),
    );
    verdict.also(
        Check::new("whole_lines", "a delivered line has exactly its keys, a top-up none, and no key stands twice")
            .all(whole_lines(lines, results)),
    );
    for check in of_purchases(market, attempts, seen) {
        verdict.also(check);
    }
    verdict
}

/// What holds of purchases, whatever else was ordered beside them.
pub(crate) fn of_purchases(market: &Market, attempts: &Attempts, seen: &Seen) -> Vec<Check> {
    let again = seen.bought_again_before_a_final_no;
    let blind = if asks_everybody(market) { seen.resent_without_query } else { 0 };
    vec![
        Check::new("accounted_for", "whatever a double sold was delivered, or a person was told, or it was paid back")
            .all(unaccounted(market, attempts)),
        Check::new("none_invented", "whatever was delivered, a double sold").all(invented(market, attempts)),
        Check::new("one_at_a_time", "nothing is bought for a line before what was bought for it is final")
            .all((0..again).map(|_| "a line with two purchases".to_owned())),
        Check::new("asked_first", "no reference is sent again without a query before it")
            .all((0..blind).map(|_| "a reference".to_owned())),
        Check::new("lies_are_told", "every lie that could be seen is in review or among the refused keys")
            .all(untold(market, attempts)),
    ]
}

/// A supplier that can't be asked by our reference is sent it again at once: that is its recovery.
fn asks_everybody(market: &Market) -> bool {
    market.stalls.iter().all(|stall| stall.protocol != Protocol::Dujiao)
}

fn whole_lines(lines: &Lines, results: &Results) -> Vec<String> {
    let (mut wrong, mut sold) = (Vec::new(), HashSet::new());
    for (id, wanted) in lines.each() {
        let Some(result) = last(results, id) else {
            wrong.push(format!("{id} has no result"));
            continue;
        };
        let [line] = result.lines.as_slice() else {
            wrong.push(format!("{id} has {} lines", result.lines.len()));
            continue;
        };
        match line.status.as_str() {
            "delivered" => {
                let keys = if wanted.account.is_some() { 0 } else { wanted.quantity };
                if line.keys.len() as u64 != keys {
                    wrong.push(format!("{id} has {} keys and wants {keys}", line.keys.len()));
                }
                wrong.extend(
                    line.keys
                        .iter()
                        .filter(|key| !sold.insert(key.key_id.clone()))
                        .map(|key| format!("key {} twice", key.key_id)),
                );
            }
            "rejected" if line.reason.is_none() => wrong.push(format!("{id} was rejected without a reason")),
            "rejected" | "review" => {}
            other => wrong.push(format!("{id} ended as {other}")),
        }
    }
    wrong
}

fn last<'a>(results: &'a Results, id: &str) -> Option<&'a OrderResult> {
    results.orders.get(id)?.values().next_back()
}

fn unaccounted(market: &Market, attempts: &Attempts) -> Vec<String> {
    let mut wrong = Vec::new();
    for stall in &market.stalls {
        for purchase in stall.double.log().purchases {
            let paid_back = purchase.paid_back == purchase.charged && purchase.charged > 0;
            match attempts.by_reference.get(&purchase.reference) {
                None => wrong.push(format!("{} sold {}, which no attempt has", stall.name, purchase.reference)),
                Some(attempt) if matches!(attempt.state, DELIVERED | IN_REVIEW) || paid_back => {}
                // It said no and sold: nobody can know until it tells.
                Some(_) if purchase.lie == Some(Lie::RefusedButBought) => {}
                Some(attempt) => wrong.push(format!(
                    "{} sold {} ({:?}), and its attempt is in state {}",
                    stall.name, purchase.reference, purchase.outcome, attempt.state
                )),
            }
        }
    }
    wrong
}

fn invented(market: &Market, attempts: &Attempts) -> Vec<String> {
    let sold: BTreeSet<String> = market
        .stalls
        .iter()
        .flat_map(|stall| stall.double.log().purchases)
        .map(|purchase| purchase.reference)
        .collect();
    let delivered = attempts.by_reference.iter().filter(|(_, attempt)| attempt.state == DELIVERED);
    delivered.filter(|(reference, _)| !sold.contains(*reference)).map(|(reference, _)| reference.clone()).collect()
}

/// Too few and too many are seen when they come, a known key if it was of the same SKU before (fingerprints are by
/// SKU); another answer and a no that was none only if the supplier is asked again.
fn untold(market: &Market, attempts: &Attempts) -> Vec<String> {
    let mut wrong = Vec::new();
    for stall in &market.stalls {
        let purchases = stall.double.log().purchases;
        for (at, purchase) in purchases.iter().enumerate().filter(|(_, one)| one.outcome == Outcome::Done) {
            let visible = match purchase.lie {
                Some(Lie::TooFew | Lie::TooMany) => true,
                Some(Lie::KnownKey) => {
                    let before: Vec<&Purchase> =
                        purchases[..at].iter().filter(|before| shares_a_key(before, purchase, attempts)).collect();
                    // The one whose goods came second is told; where a purchase was never delivered, none came second.
                    before.iter().any(|before| is_delivered(before, attempts))
                        && !before.iter().any(|before| attempts.reviewed.contains(&before.reference))
                }
                Some(Lie::AnotherAnswer | Lie::RefusedButBought) | None => false,
            };
            if visible && !attempts.reviewed.contains(&purchase.reference) {
                wrong.push(format!("{} lied about {} ({:?})", stall.name, purchase.reference, purchase.lie));
            }
        }
    }
    wrong
}

fn is_delivered(purchase: &Purchase, attempts: &Attempts) -> bool {
    attempts.by_reference.get(&purchase.reference).is_some_and(|attempt| attempt.state == DELIVERED)
}

fn shares_a_key(before: &Purchase, purchase: &Purchase, attempts: &Attempts) -> bool {
    let sku = |one: &Purchase| attempts.by_reference.get(&one.reference).map(|attempt| attempt.sku.as_str());
    sku(before) == sku(purchase) && before.keys.iter().any(|key| purchase.keys.contains(key))
}
