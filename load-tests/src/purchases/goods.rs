//! Whether every key that was bought and came is somewhere: with a line, in stock, held or apart.

use std::collections::{BTreeMap, HashSet};

use supplier_doubles::{Outcome, Purchase};

use super::{
    Attempts,
    attempts::{Attempt, DELIVERED, Kept},
};
use crate::{judge::verdict::Check, market::Market, results::Results};

/// Of one SKU. A top-up counts as one, and so does a line that had one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Goods {
    /// By the doubles' logs: of purchases whose goods came.
    came: u64,
    /// By the results.
    delivered: u64,
    /// By the ledger.
    kept: Kept,
}

impl Goods {
    fn is_whole(self) -> bool {
        let Kept { in_stock, held, refused } = self.kept;
        self.came == self.delivered + in_stock + held + refused
    }
}

/// Of SKUs that were bought, and that no stock was imported for.
pub(crate) fn conserved(market: &Market, attempts: &Attempts, results: &Results) -> Check {
    let purchases = market.stalls.iter().flat_map(|stall| stall.double.log().purchases);
    let all = by_sku(&purchases.collect::<Vec<_>>(), attempts, results);
    let wrong = all.into_iter().filter(|(_, goods)| !goods.is_whole());
    Check::new(
        "goods_conserved",
        "of each SKU as much came of what doubles sold as was delivered, is in stock, is held or was refused",
    )
    .all(wrong.map(|(sku, Goods { came, delivered, kept })| {
        let Kept { in_stock, held, refused } = kept;
        format!("{sku}: {came} came; {delivered} delivered, {in_stock} in stock, {held} held, {refused} refused")
    }))
}

fn by_sku<'a>(purchases: &[Purchase], attempts: &'a Attempts, results: &Results) -> BTreeMap<&'a str, Goods> {
    let skus = attempts.by_reference.values().map(|attempt| attempt.sku.as_str());
    let mut all: BTreeMap<&str, Goods> = skus.map(|sku| (sku, Goods::default())).collect();
    let mut top_ups = HashSet::new();
    for purchase in purchases {
        let Some(attempt) = attempts.by_reference.get(&purchase.reference) else { continue };
        if purchase.account.is_some() {
            top_ups.insert(attempt.sku.as_str());
        }
        all.entry(attempt.sku.as_str()).or_default().came += came(purchase, attempt);
    }
    for result in results.orders.values().filter_map(|revisions| revisions.values().next_back()) {
        for line in result.lines.iter().filter(|line| line.status == "delivered") {
            let Some(goods) = all.get_mut(line.sku.as_str()) else { continue };
            goods.delivered += if top_ups.contains(line.sku.as_str()) { 1 } else { line.keys.len() as u64 };
        }
    }
    for (sku, kept) in &attempts.kept {
        if let Some(goods) = all.get_mut(sku.as_str()) {
            goods.kept = *kept;
        }
    }
    all
}

/// An attempt whose goods came late may be a refused one, and its keys came all the same.
fn came(purchase: &Purchase, attempt: &Attempt) -> u64 {
    if attempt.state != DELIVERED && attempt.told == 0 {
        return 0;
    }
    if purchase.account.is_some() {
        return 1;
    }
    let keys = purchase.keys.len() as u64;
    match purchase.outcome {
        Outcome::Done => keys,
        Outcome::RefundedInPart => keys / 2,
        Outcome::PendingForEver | Outcome::WithoutKeys | Outcome::Cancelled | Outcome::Refunded => 0,
    }
}

#[cfg(test)]
mod tests {
    use supplier_doubles::Lie;

    use super::*;
    use crate::purchases::{
        attempts::REFUSED,
        made_up::{attempts, bought, result},
    };

    fn of_the_sku(purchases: &[Purchase], attempts: &Attempts, results: &Results) -> Goods {
        by_sku(purchases, attempts, results)["S"]
    }

    #[test]
    fn a_key_that_is_nowhere_is_missed() {
        // Two were ordered, and three came.
        let purchases = [bought("a", &["K", "L", "M"], Some(Lie::TooMany))];
        let results = result("a", "delivered", 2);
        let mut attempts = attempts(&[("a", DELIVERED)]);
        attempts.kept.insert("S".into(), Kept { in_stock: 1, ..Kept::default() });
        assert!(of_the_sku(&purchases, &attempts, &results).is_whole());
        // The surplus was thrown away.
        attempts.kept.clear();
        let goods = of_the_sku(&purchases, &attempts, &results);
        assert_eq!(goods, Goods { came: 3, delivered: 2, kept: Kept::default() });
        assert!(!goods.is_whole());
    }

    #[test]
    fn a_delivered_attempt_of_a_rejected_line_is_missed() {
        let (purchases, attempts) = ([bought("a", &["K"], None)], attempts(&[("a", DELIVERED)]));
        assert!(of_the_sku(&purchases, &attempts, &result("a", "delivered", 1)).is_whole());
        assert!(!of_the_sku(&purchases, &attempts, &result("a", "rejected", 0)).is_whole());
        let top_up = [Purchase { account: Some("+1".into()), ..bought("a", &[], None) }];
        assert!(of_the_sku(&top_up, &attempts, &result("a", "delivered", 0)).is_whole());
        assert!(!of_the_sku(&top_up, &attempts, &result("a", "rejected", 0)).is_whole());
    }

    #[test]
    fn what_is_held_or_refused_is_there_and_what_never_came_is_not_asked_for() {
        let purchases = [bought("a", &["K"], Some(Lie::TooFew)), bought("b", &["K"], Some(Lie::KnownKey))];
        let results = result("a", "review", 0);
        let mut both = attempts(&[("a", DELIVERED), ("b", DELIVERED)]);
        both.kept.insert("S".into(), Kept { held: 1, refused: 1, ..Kept::default() });
        assert!(of_the_sku(&purchases, &both, &results).is_whole());
        both.kept.insert("S".into(), Kept { held: 1, ..Kept::default() });
        assert!(!of_the_sku(&purchases, &both, &results).is_whole());
        let mut none = attempts(&[("a", REFUSED), ("b", REFUSED)]);
        assert!(of_the_sku(&purchases, &none, &results).is_whole());
        if let Some(late) = none.by_reference.get_mut("a") {
            late.told = 1;
        }
        assert!(
            !of_the_sku(&purchases, &none, &results).is_whole(),
            "a refused one's goods came late, and are nowhere"
        );
    }
}
