//! What the doubles' logs and the ledger's attempts say, counted.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use supplier_doubles::{Call, Key, Lie, Mishap, Outcome, Purchase};

use super::{Attempts, attempts::DELIVERED, promises::asks_first};
use crate::{market::Market, results::Results};

/// Counts, from the doubles' logs unless said otherwise.
#[derive(Debug, Serialize)]
pub struct Seen {
    pub purchases: u64,
    pub keys_bought: u64,
    pub top_ups_bought: u64,
    pub calls: BTreeMap<String, u64>,
    pub mishaps: BTreeMap<String, u64>,
    pub lies: BTreeMap<String, u64>,
    /// References that were sent more than once.
    pub resent: u64,
    /// Of these, sent again without a query since the send before, where one has to come first.
    pub resent_without_query: u64,
    /// Purchases after which nothing was missing, and another one was made for the line.
    pub bought_again_before_a_final_no: u64,
    /// By the ledger.
    pub reviews: BTreeMap<String, u64>,
    /// By the ledger.
    pub refused_keys: u64,
    /// By the ledger: of lines that are not whole.
    pub held_keys: u64,
    pub lines_delivered: u64,
    pub keys_delivered: u64,
}

impl Seen {
    pub(crate) fn of(market: &Market, attempts: &Attempts, results: &Results) -> Self {
        let mut seen = Self {
            purchases: 0,
            keys_bought: 0,
            top_ups_bought: 0,
            calls: BTreeMap::new(),
            mishaps: BTreeMap::new(),
            lies: BTreeMap::new(),
            resent: 0,
            resent_without_query: 0,
            bought_again_before_a_final_no: 0,
            reviews: attempts.reviews.clone(),
            refused_keys: attempts.refused_keys,
            held_keys: attempts.held_keys,
            lines_delivered: 0,
            keys_delivered: 0,
        };
        let mut by_line: BTreeMap<&str, Vec<(u64, bool)>> = BTreeMap::new();
        for stall in &market.stalls {
            let purchases = stall.double.log().purchases;
            let sold = Sold::of(&purchases, attempts);
            for purchase in &purchases {
                seen.purchase(purchase);
                if let Some(attempt) = attempts.by_reference.get(&purchase.reference) {
                    let enough = leaves_nothing_to_buy(purchase, &sold, attempts);
                    by_line.entry(&attempt.order_id).or_default().push((purchase.at_us, enough));
                }
            }
            seen.calls(&stall.double.calls(), asks_first(stall.protocol));
        }
        seen.bought_again_before_a_final_no = by_line.into_values().map(bought_again).sum();
        for result in results.orders.values().filter_map(|revisions| revisions.values().next_back()) {
            for line in result.lines.iter().filter(|line| line.status == "delivered") {
                seen.lines_delivered += 1;
                seen.keys_delivered += line.keys.len() as u64;
            }
        }
        seen
    }

    fn purchase(&mut self, purchase: &Purchase) {
        self.purchases += 1;
        self.keys_bought += purchase.keys.len() as u64;
        self.top_ups_bought += u64::from(purchase.account.is_some());
        if let Some(lie) = purchase.lie {
            *self.lies.entry(name_of_lie(lie).to_owned()).or_default() += 1;
        }
    }

    fn calls(&mut self, calls: &[Call], asks_first: bool) {
        let (mut sends, mut asked): (HashMap<&str, u64>, HashMap<&str, bool>) = (HashMap::new(), HashMap::new());
        for call in calls {
            *self.calls.entry(call.kind.clone()).or_default() += 1;
            if let Some(mishap) = call.mishap {
                *self.mishaps.entry(name_of_mishap(mishap)).or_default() += 1;
            }
            let Some(reference) = call.reference.as_deref() else { continue };
            match call.kind.as_str() {
                "buy" => {
                    let before = sends.entry(reference).or_default();
                    if asks_first && *before > 0 && !asked.get(reference).copied().unwrap_or(false) {
                        self.resent_without_query += 1;
                    }
                    *before += 1;
                    asked.insert(reference, false);
                }
                "query" => {
                    asked.insert(reference, true);
                }
                _ => {}
            }
        }
        self.resent += sends.values().filter(|sends| **sends > 1).count() as u64;
    }

    pub(crate) fn counts(&self) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::from([
            ("doubles: purchases", self.purchases),
            ("doubles: keys bought", self.keys_bought),
            ("doubles: top-ups bought", self.top_ups_bought),
            ("doubles: references sent again", self.resent),
            ("doubles: sent again without a query", self.resent_without_query),
            ("bought again before a final no", self.bought_again_before_a_final_no),
            ("results: lines delivered", self.lines_delivered),
            ("results: keys delivered", self.keys_delivered),
            ("ledger: refused keys", self.refused_keys),
            ("ledger: held keys", self.held_keys),
        ]);
        for map in [&self.mishaps, &self.lies, &self.reviews] {
            counts.extend(map.iter().map(|(name, count)| (name.as_str(), *count)));
        }
        counts
    }
}

/// How many of a line's purchases another one came after though it was enough: when each was made, and whether it was.
fn bought_again(mut purchases: Vec<(u64, bool)>) -> u64 {
    purchases.sort_unstable_by_key(|(at_us, _)| *at_us);
    purchases.iter().rev().skip(1).filter(|(_, enough)| *enough).count() as u64
}

/// How often a stall sold each key as the same SKU.
struct Sold<'a>(HashMap<(&'a str, &'a Key), u64>);

impl<'a> Sold<'a> {
    fn of(purchases: &'a [Purchase], attempts: &'a Attempts) -> Self {
        let mut sold = HashMap::new();
        for purchase in purchases {
            let Some(attempt) = attempts.by_reference.get(&purchase.reference) else { continue };
            for key in &purchase.keys {
                *sold.entry((attempt.sku.as_str(), key)).or_default() += 1;
            }
        }
        Self(sold)
    }

    fn twice(&self, sku: &str, purchase: &Purchase) -> bool {
        purchase.keys.iter().any(|key| self.0.get(&(sku, key)).is_some_and(|times| *times > 1))
    }
}

/// Whether buying again for its line, while it stands or after it was delivered, is money lost.
fn leaves_nothing_to_buy(purchase: &Purchase, sold: &Sold<'_>, attempts: &Attempts) -> bool {
    if is_paid_back(purchase) {
        return false;
    }
    let Some(attempt) = attempts.by_reference.get(&purchase.reference) else { return true };
    match purchase.lie {
        // Fewer came than the line wants. Of one that never ended well, or is open, more may come yet.
        Some(Lie::TooFew) => purchase.outcome != Outcome::Done || attempt.state != DELIVERED,
        // It said no; where it was asked once more and its goods were taken, it said yes.
        Some(Lie::RefusedButBought) => attempt.state == DELIVERED,
        // What is over makes up for whatever else was wrong with it.
        Some(Lie::TooMany) => true,
        // Of two with one key the line of that whose goods came second is not whole, and this need not be the one that
        // lied; another answer has as many keys as the first.
        Some(Lie::KnownKey | Lie::AnotherAnswer) | None => {
            !(sold.twice(&attempt.sku, purchase) && attempts.told_of_known_keys.contains(&purchase.reference))
        }
    }
}

/// In full: a part settles nothing.
pub(super) fn is_paid_back(purchase: &Purchase) -> bool {
    purchase.charged > 0 && purchase.paid_back >= purchase.charged
}

fn name_of_lie(lie: Lie) -> &'static str {
    match lie {
        Lie::KnownKey => "lie: known key",
        Lie::TooFew => "lie: too few",
        Lie::TooMany => "lie: too many",
        Lie::AnotherAnswer => "lie: another answer",
        Lie::RefusedButBought => "lie: refused but bought",
    }
}

fn name_of_mishap(mishap: Mishap) -> String {
    format!(
        "mishap: {}",
        serde_json::to_value(mishap).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purchases::{
        attempts::{IN_REVIEW, REFUSED},
        made_up::{attempts, bought},
    };

    #[test]
    fn what_came_after_enough_is_money_lost() {
        assert_eq!(bought_again(vec![(1, true)]), 0);
        assert_eq!(bought_again(vec![(2, true), (1, false)]), 0, "too few came first");
        assert_eq!(bought_again(vec![(2, false), (1, true)]), 1);
        assert_eq!(bought_again(vec![(3, true), (2, true), (1, true)]), 2);
    }

    /// Whether buying again after the first of these, of two lines of one SKU, is money lost.
    fn enough(state: i64, purchases: &[Purchase], known: &[&str]) -> bool {
        let mut attempts = attempts(&[("a", state), ("b", DELIVERED)]);
        attempts.told_of_known_keys = known.iter().map(|reference| (*reference).to_owned()).collect();
        leaves_nothing_to_buy(&purchases[0], &Sold::of(purchases, &attempts), &attempts)
    }

    #[test]
    fn after_some_lies_the_line_is_whole_and_after_others_not() {
        let alone = |lie, state| enough(state, &[bought("a", &["K"], lie)], &[]);
        assert!(alone(None, DELIVERED));
        assert!(alone(Some(Lie::TooMany), DELIVERED) && alone(Some(Lie::AnotherAnswer), DELIVERED));
        assert!(!alone(Some(Lie::TooFew), DELIVERED));
        assert!(!alone(Some(Lie::RefusedButBought), REFUSED) && alone(Some(Lie::RefusedButBought), DELIVERED));
    }

    #[test]
    fn of_two_with_one_key_the_second_line_is_not_whole() {
        let again = [bought("a", &["K"], Some(Lie::KnownKey)), bought("b", &["K"], None)];
        let back_to_front = [bought("a", &["K"], None), bought("b", &["K"], Some(Lie::KnownKey))];
        for two in [again, back_to_front] {
            assert!(!enough(DELIVERED, &two, &["a"]), "its goods came second");
            assert!(enough(DELIVERED, &two, &["b"]), "the other's did");
            assert!(enough(DELIVERED, &two[..1], &["a"]), "its key was sold once: nothing can have been known");
        }
    }

    #[test]
    fn what_is_owed_may_come_yet_and_what_was_paid_back_will_not() {
        let owed = Purchase { outcome: Outcome::PendingForEver, ..bought("a", &["K"], Some(Lie::TooFew)) };
        assert!(enough(DELIVERED, &[owed], &[]), "it may come yet");
        let open = [bought("a", &["K"], Some(Lie::TooFew))];
        assert!(enough(IN_REVIEW, &open, &[]), "so may the rest");
        let back = Purchase { paid_back: 100, ..bought("a", &["K"], None) };
        assert!(!enough(REFUSED, &[back], &[]));
    }
}
