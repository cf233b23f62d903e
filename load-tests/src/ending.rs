//! How a run with faults ends: every order answered, stock whole within a minute, queues empty, nobody given up.

use std::time::{Duration, Instant};

use anyhow::Result;
use private_servers::{Server, Servers};

use crate::{
    crew::Sums,
    judge::{
        opening::{Opener, Origins},
        stock::Stock,
        verdict::{Audit, Check, Verdict},
    },
    market::Market,
    program::Program,
    purchases::ID_PREFIX,
    queues::left_in_lanes,
    results::{OrderResult, Results},
};

/// "A minute later."
pub(crate) const STOCK_LIMIT: Duration = Duration::from_secs(60);

/// Keeps in `waiting` what has no answer yet.
pub(crate) fn all_answered(waiting: &mut Vec<String>, results: &Results) -> bool {
    waiting.retain(|id| !results.has_answer(id));
    waiting.is_empty()
}

/// Audits until nothing is missing from stock, or a minute has passed.
pub(crate) async fn whole_stock(program: &Program) -> Result<Audit> {
    let begin = Instant::now();
    loop {
        let audit = program.audit().await?;
        let whole = audit.ok && audit.stock_missing == Some(0) && audit.claims_open == Some(0);
        if whole || begin.elapsed() > STOCK_LIMIT {
            return Ok(audit);
        }
        tokio::time::sleep(Duration::from_millis(500)).await; // between two looks
    }
}

/// Opens what was delivered: keys of the file, and what suppliers sold.
pub(crate) fn open_keys(
    verdict: &mut Verdict,
    results: &Results,
    program: &Program,
    stock: Option<&Stock>,
    market: Option<&Market>,
) -> Result<()> {
    let bought = market.map(Market::keys_sold).unwrap_or_default();
    Opener::new(&program.private_key())?.look(verdict, results, &Origins { stock, bought });
    Ok(())
}

/// What [`whole_stock`] waited for is there.
pub(crate) fn settled(audit: &Audit) -> Check {
    let open = (audit.claims_open != Some(0)).then(|| format!("claims_open is {:?}", audit.claims_open));
    let missing = (audit.stock_missing != Some(0)).then(|| format!("stock_missing is {:?}", audit.stock_missing));
    Check::new("settled", "a minute later no claim is open and nothing is missing from stock")
        .all(open.into_iter().chain(missing))
}

/// Nothing that is sent here kills a worker or can't be recorded.
pub(crate) fn none_given_up(results: &Results) -> Check {
    let given_up = results
        .orders
        .iter()
        .flat_map(|(order_id, revisions)| revisions.values().map(move |result| (order_id, result)));
    let code = |result: &OrderResult| result.reason.as_ref().map(|reason| reason.code.clone()).unwrap_or_default();
    let given_up = given_up.filter(|(_, result)| matches!(code(result).as_str(), "poison" | "unrecordable"));
    Check::new("none_given_up", "no healthy order is taken for poison, however often workers are killed")
        .all(given_up.map(|(order_id, result)| format!("{order_id}: {}", code(result))))
}

/// Honest suppliers refuse nothing: an order that is bought from them is not turned away, whatever befalls the workers.
pub(crate) fn none_turned_away(results: &Results) -> Check {
    let last = results.orders.iter().filter_map(|(id, revisions)| Some((id, revisions.values().next_back()?)));
    let bought = last.filter(|(id, _)| id.starts_with(ID_PREFIX));
    let other = bought.filter(|(_, result)| !matches!(result.status.as_str(), "fulfilled" | "review"));
    Check::new("none_turned_away", "every order that is bought is fulfilled, or waits for a person")
        .all(other.map(|(id, result)| format!("{id} is {}", result.status)))
}

/// No worker's log tells of a defect.
pub(crate) fn no_panic(workers: &Sums) -> Check {
    Check::new("no_panic", "no worker panicked, and every task of one ended with an outcome")
        .all(workers.unplanned.clone())
}

/// Lanes that still hold orders.
pub(crate) async fn left_in_queues(servers: &Servers, lanes: u16) -> Result<Vec<String>> {
    left_in_lanes(&servers.rabbitmq.url(), lanes).await
}

/// A key file with repeats is fine here: `keys import` imports the rest and reports them.
pub(crate) fn only_repeats(error: anyhow::Error) -> Result<String> {
    if format!("{error:#}").contains("Some(65)") { Ok(String::new()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Message;

    #[test]
    fn a_bought_order_that_is_turned_away_is_named() {
        for (id, status, wrong) in [
            ("buy-1", "fulfilled", 0),
            ("buy-1", "review", 0),
            ("buy-1", "rejected", 1),
            ("buy-1", "partly_fulfilled", 1),
            ("broken-1", "rejected", 0),
        ] {
            let mut results = Results::default();
            results.add(&Message {
                routing_key: format!("m.{status}"),
                message_id: format!("{id}:2"),
                kind: "order.result.v1".into(),
                redelivered: false,
                body: format!(r#"{{"order_id":"{id}","revision":2,"status":"{status}","merchant_id":"m","lines":[]}}"#),
            });
            assert!(results.malformed.is_empty(), "{:?}", results.malformed);
            assert_eq!(none_turned_away(&results).offenders, wrong, "{id} {status}");
        }
    }
}
