//! Whether every line was bought once: what was sent and what came back, held against the doubles' own logs.

use std::collections::{BTreeSet, HashSet};

use supplier_doubles::{Lie, Outcome, Purchase};

use super::{
    Attempts, Lines, Seen,
    attempts::{DELIVERED, IN_REVIEW},
    goods::conserved,
    seen::is_paid_back,
};
use crate::{
    judge::verdict::{Check, Verdict},
    market::Market,
    results::{OrderResult, Results},
};

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
    verdict.also(conserved(market, attempts, results));
    verdict
}

/// What holds of purchases, whatever else was ordered beside them.
pub(crate) fn of_purchases(market: &Market, attempts: &Attempts, seen: &Seen) -> Vec<Check> {
    let again = seen.bought_again_before_a_final_no;
    let blind = seen.resent_without_query;
    vec![
        Check::new("accounted_for", "whatever a double sold was delivered, or a person was told, or it was paid back")
            .all(unaccounted(market, attempts)),
        Check::new("none_invented", "whatever was delivered, a double sold").all(invented(market, attempts)),
        Check::new("one_at_a_time", "nothing is bought for a line before what was bought for it is final")
            .all((0..again).map(|_| "a line with two purchases".to_owned())),
        Check::new("once_each", "no double sold twice under one reference")
            .all(market.stalls.iter().flat_map(|stall| sold_twice_by(stall.name, &stall.double.log().purchases))),
        Check::new("asked_first", "no reference is sent again without a query before it")
            .all((0..blind).map(|_| "a reference".to_owned())),
        Check::new("lies_are_told", "every lie that could be seen is in review or among the refused keys")
            .all(market.stalls.iter().flat_map(|stall| untold_by(stall.name, &stall.double.log().purchases, attempts))),
    ]
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

pub(super) fn last<'a>(results: &'a Results, id: &str) -> Option<&'a OrderResult> {
    results.orders.get(id)?.values().next_back()
}

fn unaccounted(market: &Market, attempts: &Attempts) -> Vec<String> {
    let mut wrong = Vec::new();
    for stall in &market.stalls {
        for purchase in stall.double.log().purchases {
            let paid_back = is_paid_back(&purchase);
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

fn sold_twice_by(name: &str, purchases: &[Purchase]) -> Vec<String> {
    let mut sold = HashSet::new();
    let again = purchases.iter().filter(|purchase| !sold.insert(purchase.reference.as_str()));
    again.map(|purchase| format!("{name} sold {} again", purchase.reference)).collect()
}

/// Too few and too many are seen when they come, a known key if it was of the same SKU before (fingerprints are by
/// SKU); another answer and a no that was none only if the supplier is asked again.
fn untold_by(name: &str, purchases: &[Purchase], attempts: &Attempts) -> Vec<String> {
    let mut wrong = Vec::new();
    for (at, purchase) in purchases.iter().enumerate().filter(|(_, one)| one.outcome == Outcome::Done) {
        let visible = match purchase.lie {
            Some(Lie::TooFew | Lie::TooMany) => true,
            // Of two with one key that whose goods came second is told: this one, unless the earlier one was.
            Some(Lie::KnownKey) => purchases[..at]
                .iter()
                .filter(|before| shares_a_key(before, purchase, attempts) && is_delivered(before, attempts))
                .any(|before| !attempts.told_of_known_keys.contains(&before.reference)),
            Some(Lie::AnotherAnswer | Lie::RefusedButBought) | None => false,
        };
        if visible && !attempts.reviewed.contains(&purchase.reference) {
            wrong.push(format!("{name} lied about {} ({:?})", purchase.reference, purchase.lie));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purchases::made_up::{self, bought};

    fn purchase(reference: &str, key: &str, lie: Option<Lie>) -> Purchase {
        bought(reference, &[key], lie)
    }

    fn copy(reference: &str) -> Purchase {
        purchase(reference, "K", Some(Lie::KnownKey))
    }

    /// The `delivered` in the ledger, and reviews of these kinds.
    fn attempts(delivered: &[&str], reviews: &[(&str, &str)]) -> Attempts {
        let delivered: Vec<(&str, i64)> = delivered.iter().map(|reference| (*reference, DELIVERED)).collect();
        let of = |kind: Option<&str>| {
            let reviews = reviews.iter().filter(|(_, one)| kind.is_none_or(|kind| kind == *one));
            reviews.map(|(reference, _)| (*reference).to_owned()).collect()
        };
        Attempts { reviewed: of(None), told_of_known_keys: of(Some("known_key")), ..made_up::attempts(&delivered) }
    }

    #[test]
    fn every_copy_of_a_delivered_key_is_told() {
        let three = [purchase("a", "K", None), copy("b"), copy("c")];
        let untold = |reviews: &[(&str, &str)]| untold_by("x", &three, &attempts(&["a", "b", "c"], reviews)).len();
        assert_eq!(untold(&[("b", "known_key"), ("c", "known_key")]), 0);
        assert_eq!(untold(&[("b", "known_key")]), 1, "the first copy was told, the second was not");
        assert_eq!(untold(&[]), 2);
        assert_eq!(untold(&[("a", "known_key"), ("b", "known_key")]), 0, "the last one's goods came first");
        assert_eq!(untold(&[("a", "too_few"), ("b", "known_key")]), 1, "a review of another kind tells of no key");
        let never_came = attempts(&["c"], &[]);
        assert_eq!(untold_by("x", &three, &never_came), Vec::<String>::new());
    }

    #[test]
    fn two_purchases_under_one_reference_are_named() {
        let bought = [purchase("a", "K", None), purchase("b", "L", None), purchase("a", "M", None)];
        assert_eq!(sold_twice_by("x", &bought), ["x sold a again"]);
        assert!(sold_twice_by("x", &bought[..2]).is_empty());
    }

    #[test]
    fn a_part_that_was_paid_back_settles_nothing() {
        let paid_back = |paid_back| is_paid_back(&Purchase { paid_back, ..purchase("a", "K", None) });
        assert_eq!([paid_back(0), paid_back(99), paid_back(100)], [false, false, true]);
    }
}
