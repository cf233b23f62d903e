//! Whether anything was refused that stock could have filled: a line, or an order as a whole.

use std::collections::{BTreeMap, HashMap};

use super::{stock::Stock, verdict::Check, winners};
use crate::{
    results::{OrderResult, Results, is_final},
    sent::{Body, Sent},
};

pub(super) fn refused_for_nothing(sent: &Sent, results: &Results, stock: &Stock) -> Check {
    let left = Left { stock, delivered: delivered_per_sku(results) };
    let mut wrong = Vec::new();
    for (order_id, revisions) in &results.orders {
        let Some(bodies) = sent.orders.get(order_id) else { continue };
        let winners = winners(bodies, results.conflicts.get(order_id));
        for result in revisions.values().filter(|result| is_final(result)) {
            let refused = if result.lines.is_empty() { whole(result, &winners, &left) } else { None };
            let lines = lines(result, &winners, &left);
            wrong.extend(refused.into_iter().chain(lines).map(|problem| format!("{order_id}: {problem}")));
        }
    }
    Check::new(
        "not_refused_for_nothing",
        "no sound order, and no line of one, is refused while its SKUs have keys left",
    )
    .all(wrong)
}

/// For whatever reason: a sound order of SKUs that have keys is answered line by line.
fn whole(result: &OrderResult, winners: &[&Body], left: &Left<'_>) -> Option<String> {
    let for_nothing = result.status == "rejected" && !winners.is_empty() && winners.iter().all(|body| left.fills(body));
    for_nothing.then(|| format!("rejected as a whole ({}), and its keys are left", code(result)))
}

fn lines(result: &OrderResult, winners: &[&Body], left: &Left<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for line in result.lines.iter().filter(|line| line.status == "rejected") {
        let mut wanted = winners.iter().filter_map(|body| body.lines.get(&line.line_no).map(|wanted| (body, wanted)));
        // Whichever body the result belongs to.
        let all_there = |(body, wanted): (&&Body, &crate::sent::Wanted)| {
            body.sound && left.keys(&line.sku) >= wanted.quantity && wanted.sku == line.sku
        };
        if wanted.clone().next().is_some() && wanted.all(all_there) {
            let code = line.reason.as_ref().map_or("no reason", |reason| reason.code.as_str());
            wrong.push(format!(
                "line {} refused ({code}) while {} has {} left",
                line.line_no,
                line.sku,
                left.keys(&line.sku)
            ));
        }
    }
    wrong
}

fn code(result: &OrderResult) -> &str {
    result.reason.as_ref().map_or("no reason", |reason| reason.code.as_str())
}

/// What nobody was given in the end, and so was there all the time.
struct Left<'a> {
    stock: &'a Stock,
    delivered: HashMap<&'a str, u64>,
}

impl Left<'_> {
    fn keys(&self, sku: &str) -> u64 {
        self.stock.keys(sku).saturating_sub(self.delivered.get(sku).copied().unwrap_or(0))
    }

    /// All of a sound order.
    fn fills(&self, body: &Body) -> bool {
        let mut wanted = BTreeMap::<&str, u64>::new();
        for line in body.lines.values() {
            *wanted.entry(&line.sku).or_default() += line.quantity;
        }
        body.sound && wanted.into_iter().all(|(sku, quantity)| self.keys(sku) >= quantity)
    }
}

fn delivered_per_sku(results: &Results) -> HashMap<&str, u64> {
    let mut delivered = HashMap::new();
    for result in results.orders.values().filter_map(|revisions| revisions.values().next_back()) {
        for line in &result.lines {
            *delivered.entry(line.sku.as_str()).or_default() += line.keys.len() as u64;
        }
    }
    delivered
}
