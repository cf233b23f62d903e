//! The judge: whether what came back agrees with what was sent. It looks from outside; the ledger's own
//! audit is a witness, asked at the end.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    results::{LineResult, OrderResult, Results, is_final},
    sent::{Body, Sent, Wanted, rejected_id},
};

pub mod opening;
mod private_key;
mod refusals;
pub mod sound;
pub mod stock;
pub mod verdict;

use refusals::refused_for_nothing;
use stock::Stock;
use verdict::{Check, Verdict};

/// Judges; with the keys that were imported, also whether anything was refused for nothing.
#[must_use]
pub fn judge(sent: &Sent, results: &Results, stock: Option<&Stock>) -> Verdict {
    let mut verdict = Verdict::new(sent.messages, results);
    verdict.checks = vec![
        malformed(results),
        missing(sent, results),
        never_sent(sent, results),
        differing(results),
        sold_twice(results),
        lines(sent, results),
        conflicts(sent, results),
    ];
    if let Some(stock) = stock {
        verdict.checks.push(refused_for_nothing(sent, results, stock));
        verdict.expects_imported(stock.all(), brought(results, stock));
    }
    verdict
}

/// Delivered keys of SKUs that no key file had: suppliers brought them, and the ledger counts them as imported.
fn brought(results: &Results, stock: &Stock) -> u64 {
    let last = results.orders.values().filter_map(|revisions| revisions.values().next_back());
    let lines = last.flat_map(|result| &result.lines).filter(|line| stock.keys(&line.sku) == 0);
    lines.map(|line| line.keys.len() as u64).sum()
}

fn malformed(results: &Results) -> Check {
    Check::new("well_formed", "every message is a result, named and routed as its body says")
        .all(results.malformed.clone())
}

fn missing(sent: &Sent, results: &Results) -> Check {
    let missing = sent.expected().into_iter().filter(|id| !results.has_answer(id));
    Check::new("answered", "every order that was sent has a final result").all(missing)
}

fn never_sent(sent: &Sent, results: &Results) -> Check {
    let rejected: HashSet<String> = sent.unreadable.keys().map(|hash| rejected_id(hash)).collect();
    let orders =
        results.orders.keys().chain(results.conflicts.keys()).filter(|id| !sent.orders.contains_key(*id)).cloned();
    let others = results.rejected.iter().filter(|id| !rejected.contains(*id)).cloned();
    Check::new("asked_for", "every result answers something that was sent").all(orders.chain(others))
}

fn differing(results: &Results) -> Check {
    let differing = results.seen.iter().filter(|(_, seen)| seen.differing > 0).map(|(id, _)| id.clone());
    Check::new("same_bytes", "every message id stands for the same bytes, however often it came").all(differing)
}

fn sold_twice(results: &Results) -> Check {
    let mut owners = HashMap::<&str, &str>::new();
    let mut twice = Vec::new();
    for (order_id, revisions) in &results.orders {
        // A later revision may repeat what an earlier one delivered; within one, each key stands once.
        let mut own = HashSet::new();
        for result in revisions.values() {
            let mut within = HashSet::new();
            for key in result.lines.iter().flat_map(|line| &line.keys) {
                if !within.insert(key.key_id.as_str()) {
                    twice.push(format!("key {} twice in {order_id}", key.key_id));
                }
                own.insert(key.key_id.as_str());
            }
        }
        for key in own {
            if let Some(other) = owners.insert(key, order_id) {
                twice.push(format!("key {key} in {other} and in {order_id}"));
            }
        }
    }
    Check::new("sold_once", "no key stands in two orders, or twice in one").all(twice)
}

fn lines(sent: &Sent, results: &Results) -> Check {
    let mut wrong = Vec::new();
    for (order_id, revisions) in &results.orders {
        let Some(bodies) = sent.orders.get(order_id) else { continue };
        let winners = winners(bodies, results.conflicts.get(order_id));
        for result in revisions.values() {
            if let Err(problem) = fits(result, &winners) {
                wrong.push(format!("{order_id}: {problem}"));
            }
        }
    }
    Check::new(
        "whole_lines",
        "every delivered line has exactly its quantity of keys of its SKU, every refused one its reason",
    )
    .all(wrong)
}

/// The bodies that the result can belong to: those that no conflict refused.
fn winners<'a>(bodies: &'a [Body], conflicts: Option<&HashSet<String>>) -> Vec<&'a Body> {
    let refused = |body: &&Body| {
        conflicts.is_some_and(|digits| digits.iter().any(|digits| body.hash.starts_with(digits.as_str())))
    };
    bodies.iter().filter(|body| !refused(body)).collect()
}

fn fits(result: &OrderResult, winners: &[&Body]) -> Result<(), String> {
    if result.lines.is_empty() {
        return match (result.status.as_str(), &result.reason) {
            ("rejected", Some(_)) => Ok(()),
            (status, _) => Err(format!("status {status} with no lines and no reason")),
        };
    }
    let delivered = result.lines.iter().filter(|line| line.status == "delivered").count();
    let status = match (delivered, result.lines.len()) {
        _ if !is_final(result) => result.status.as_str(),
        (0, _) => "rejected",
        (delivered, all) if delivered == all => "fulfilled",
        _ => "partly_fulfilled",
    };
    if result.status != status {
        return Err(format!("status {} where its lines say {status}", result.status));
    }
    let mut problem = "every body of this id was refused as a conflict".to_owned();
    for body in winners {
        match lines_fit(&result.lines, &body.lines) {
            Ok(()) => return Ok(()),
            Err(other) => problem = other,
        }
    }
    Err(problem)
}

fn lines_fit(lines: &[LineResult], wanted: &BTreeMap<u64, Wanted>) -> Result<(), String> {
    if lines.len() != wanted.len() {
        return Err(format!("{} lines for an order of {}", lines.len(), wanted.len()));
    }
    for line in lines {
        let wanted = wanted.get(&line.line_no).ok_or_else(|| format!("line {} was never ordered", line.line_no))?;
        if line.sku != wanted.sku {
            return Err(format!("line {} has SKU {} instead of {}", line.line_no, line.sku, wanted.sku));
        }
        let keys = line.keys.len() as u64;
        match line.status.as_str() {
            "delivered" if keys == wanted.quantity => {}
            "delivered" => {
                return Err(format!("line {} has {keys} keys, ordered were {}", line.line_no, wanted.quantity));
            }
            _ if keys > 0 => return Err(format!("line {} is {} and has {keys} keys", line.line_no, line.status)),
            "rejected" if line.reason.is_none() => {
                return Err(format!("line {} is rejected without a reason", line.line_no));
            }
            _ => {}
        }
    }
    Ok(())
}

fn conflicts(sent: &Sent, results: &Results) -> Check {
    let mut wrong = Vec::new();
    for (order_id, bodies) in &sent.orders {
        let none = HashSet::new();
        let digits = results.conflicts.get(order_id).unwrap_or(&none);
        let refused = |body: &Body| digits.iter().any(|digits| body.hash.starts_with(digits.as_str()));
        if let Some(stray) =
            digits.iter().find(|digits| !bodies.iter().any(|body| body.hash.starts_with(digits.as_str())))
        {
            wrong.push(format!("{order_id}: conflict-{stray} is of no body that was sent"));
        }
        let standing = bodies.iter().filter(|body| body.confirmed > 0 && !refused(body)).count();
        if standing > 1 {
            wrong.push(format!("{order_id}: {} bodies, and no conflict for {}", bodies.len(), standing - 1));
        }
        if bodies.iter().all(refused) {
            wrong.push(format!("{order_id}: every body was refused as a conflict"));
        }
    }
    Check::new("conflicts", "of the bodies of one order id one stands, and each other one is a conflict").all(wrong)
}

#[cfg(test)]
mod tests;
