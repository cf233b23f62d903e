//! Servers, suppliers and keys that many cases share, and everything that was sent and came back on them. Each case
//! is judged over all of it, so that a key sold twice is seen in whichever case it was sold first.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use private_servers::{Server, Servers};
use supplier_doubles::{Mood, Protocol};

use super::{
    Plan,
    orders::{SOLD, key_file, stocked},
};
use crate::{
    crew::Crew,
    ending::{left_in_queues, none_given_up, whole_stock},
    judge::{
        judge,
        opening::{Opener, Origins},
        stock::Stock,
        verdict::{Audit, Check, Verdict},
    },
    market::{Market, Terms},
    program::{Program, Urls},
    publisher::Publisher,
    purchases::{Attempt, Attempts, Seen, judge::of_purchases},
    results::{OrderResult, Results, follow::Follower},
    sent::Sent,
};

pub(super) const LANES: u16 = 2;
const PUBLISH_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const QUIET: Duration = Duration::from_secs(3);

pub(super) struct Ground {
    pub(super) servers: Servers,
    pub(super) program: Program,
    pub(super) market: Market,
    pub(super) follower: Follower,
    pub(super) folder: PathBuf,
    publisher: Publisher,
    sent: Sent,
    /// All key files in one.
    keys: PathBuf,
    opener: Opener,
    /// What was wrong when the case before ended, by check.
    told: HashMap<&'static str, u64>,
}

impl Ground {
    pub(super) async fn open(plan: &Plan, number: usize, cases: u64) -> Result<Self> {
        let folder = plan.folder.join(format!("servers-{number}"));
        fs::create_dir_all(&folder)?;
        let servers = Servers::start()?;
        let urls = Urls { source: servers.rabbitmq.url(), stock: servers.redis.url(), ledger: servers.postgres.url() };
        let mut program = Program::prepare(plan.fulfil.clone(), &folder, &urls, LANES).await?;
        let market = Market::open(&[Protocol::Kasushou, Protocol::Dujiao], plan.seed, &Mood::default()).await?;
        let configuration = folder.join("suppliers.toml");
        market.write_configuration_apart(&configuration, &terms())?;
        program.set("CONFIG", &configuration.to_string_lossy());
        program.set("LOG__FORMAT", "json");
        // No batch of one case is so large that nothing of it is left for another.
        program.set("SOURCE__BATCH_ORDERS", "20");
        program.run(&["migrate"]).await?;
        let keys = folder.join("keys.csv");
        fs::write(&keys, key_file(&stocked(cases, plan.orders), "F"))?;
        program.run(&["keys", "import", &keys.to_string_lossy()]).await?;
        let save = File::create(folder.join("results.jsonl"))?;
        let follower = Follower::start(&urls.source, Some(save));
        let publisher = Publisher::new(&urls.source, PUBLISH_LIMIT);
        let (sent, told) = (Sent::default(), HashMap::new());
        let opener = Opener::new(&program.private_key())?;
        let mut ground = Self { servers, program, market, follower, folder, publisher, sent, keys, opener, told };
        ground.warm_up(plan.orders).await?;
        Ok(ground)
    }

    pub(super) async fn publish(&mut self, bodies: &[Vec<u8>]) -> Result<()> {
        self.publisher.publish(bodies).await?;
        bodies.iter().for_each(|body| self.sent.add(body, true));
        Ok(())
    }

    /// Writes a key file of a new SKU; it is imported by whoever asks for it.
    pub(super) fn write_keys(&self, sku: &str, keys: u64) -> Result<PathBuf> {
        let file = self.folder.join(format!("{sku}.csv"));
        let text = key_file(&[(sku, keys)], "N");
        fs::write(&file, &text)?;
        let lines = text.split_once('\n').map_or("", |(_, lines)| lines);
        let all = File::options().append(true).open(&self.keys);
        std::io::Write::write_all(&mut all?, lines.as_bytes())?;
        Ok(file)
    }

    /// Ids of keys that were sold in the first minute.
    pub(super) fn sold(&self) -> Vec<String> {
        self.follower.with(|results| {
            let warm = results.orders.iter().filter(|(id, _)| id.starts_with("warm-"));
            let lines = warm.flat_map(|(_, revisions)| revisions.values()).flat_map(|result| &result.lines);
            lines.flat_map(|line| &line.keys).map(|key| key.key_id.clone()).collect()
        })
    }

    pub(super) async fn wait_for(&self, ids: &[String], limit: Duration) -> Result<()> {
        let waiting = self.follower.wait_until(limit, |results| ids.iter().all(|id| results.has_answer(id)));
        waiting.await.with_context(|| {
            let missing = self.follower.with(|results| ids.iter().filter(|id| !results.has_answer(id)).count());
            format!("{missing} of {} orders have no final result", ids.len())
        })
    }

    /// What is wrong now and was not when the case before ended.
    pub(super) fn judge(&mut self, audit: Audit) -> Result<Vec<String>> {
        let stock = Stock::read(&self.keys)?;
        let attempts = Attempts::read(&self.servers.postgres)?;
        let (market, sent, opener) = (&self.market, &self.sent, &mut self.opener);
        let origins = Origins { stock: Some(&stock), bought: market.keys_sold() };
        let verdict = self.follower.with(|results| {
            let mut verdict: Verdict = judge(sent, results, Some(&stock));
            opener.look(&mut verdict, results, &origins);
            verdict.also(none_given_up(results));
            verdict.also(as_promised(sent, results, &given_up(&attempts, &bought(market))));
            for check in of_purchases(market, &attempts, &Seen::of(market, &attempts, results)) {
                verdict.also(check);
            }
            verdict.also(
                Check::new("no_review", "honest suppliers leave nothing to a person")
                    .all(attempts.reviews.keys().cloned()),
            );
            verdict.with_audit(audit)
        });
        let mut wrong = Vec::new();
        for check in verdict.checks {
            let before = self.told.insert(check.name, check.offenders).unwrap_or(0);
            if check.offenders > before {
                wrong.push(format!(
                    "{}: {} more, such as: {}",
                    check.name,
                    check.offenders - before,
                    check.examples.join("; ")
                ));
            }
        }
        Ok(wrong)
    }

    /// Judges once more when the last message has come; gives what is wrong.
    pub(super) async fn close(mut self) -> Result<Vec<String>> {
        self.follower.wait_until_quiet(QUIET, ANSWER_LIMIT).await?;
        let audit = whole_stock(&self.program).await?;
        let mut wrong = self.judge(audit)?;
        wrong.extend(left_in_queues(&self.servers, LANES).await?);
        Ok(wrong)
    }

    /// The keys are loaded, and some are sold.
    async fn warm_up(&mut self, orders: u64) -> Result<()> {
        let (program, folder) = (self.program.clone(), self.folder.clone());
        let crew = Crew::start(&program, 1, &folder).await?;
        let body = |number: u64| {
            format!(
                r#"{{"order_id":"warm-{number}","merchant_id":"m-01","placed_at":"2026-01-01T00:00:00Z","currency":"USD","lines":[{{"line_no":1,"sku":"{SOLD}","quantity":{},"unit_price":1500}}]}}"#,
                orders.div_ceil(2).max(2)
            )
        };
        self.publish(&[body(0).into_bytes()]).await?;
        self.wait_for(&["warm-0".to_owned()], ANSWER_LIMIT).await?;
        let ended = crew.stop().await?;
        ensure!(ended.badly.is_empty(), "the first worker did not end well: {:?}", ended.badly);
        let audit = whole_stock(&self.program).await?;
        let wrong = self.judge(audit)?;
        ensure!(wrong.is_empty(), "not clean before anything happened: {wrong:?}");
        Ok(())
    }
}

/// There are keys enough in stock, and of the two suppliers one answers by our reference, and the other one takes the same
/// reference again: nothing has to be left to a person. Refused is what was given up alone.
fn as_promised(sent: &Sent, results: &Results, given_up: &HashSet<&str>) -> Check {
    let last = |id: &String| results.orders.get(id).and_then(|all| all.values().next_back());
    let right = |id: &str, result: &OrderResult| {
        let refused = matches!(result.status.as_str(), "partly_fulfilled" | "rejected");
        result.status == "fulfilled" || (refused && given_up.contains(id))
    };
    let other = sent.orders.keys().filter_map(|id| Some((id, last(id).filter(|result| !right(id, result))?)));
    Check::new(
        "as_promised",
        "every order is fulfilled, from stock or by its supplier, unless no purchase of it ever left",
    )
    .all(other.map(|(id, result)| format!("{id} is {}", result.status)))
}

/// Orders with a purchase that was committed as sent twice and came to its supplier at no time: whoever was about to
/// send it stood still or died, both times. A third send would be the first, and nobody knows: it was never bought.
fn given_up<'a>(attempts: &'a Attempts, bought: &HashSet<String>) -> HashSet<&'a str> {
    let never_left = |(reference, attempt): &(&String, &Attempt)| {
        attempt.is_refused() && attempt.sends >= 2 && !bought.contains(*reference)
    };
    attempts.by_reference.iter().filter(never_left).map(|(_, attempt)| attempt.order_id.as_str()).collect()
}

/// References that came to a supplier with a purchase.
fn bought(market: &Market) -> HashSet<String> {
    let calls = market.stalls.iter().flat_map(|stall| stall.double.calls());
    calls.filter(|call| call.kind == "buy").filter_map(|call| call.reference).collect()
}

/// Short leases, so that a broken-off purchase goes on soon.
fn terms() -> Terms {
    Terms {
        lease: Duration::from_secs(3),
        timeout: Duration::from_millis(900),
        slow: Duration::from_millis(900),
        settle: Duration::ZERO,
        ..Terms::default()
    }
}

pub(super) fn case_folder(ground: &Path, name: &str) -> Result<PathBuf> {
    let folder = ground.join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        purchases::{DELIVERED, REFUSED, made_up},
        results::Message,
    };

    #[test]
    fn an_order_that_was_not_fulfilled_is_named() {
        let given_up = HashSet::from(["a"]);
        for (status, wrong, where_given_up) in
            [("fulfilled", 0, 0), ("partly_fulfilled", 1, 0), ("rejected", 1, 0), ("review", 1, 1)]
        {
            let (mut sent, mut results) = (Sent::default(), Results::default());
            sent.add(br#"{"order_id":"a","lines":[]}"#, true);
            let body = format!(r#"{{"order_id":"a","revision":2,"status":"{status}","merchant_id":"m","lines":[]}}"#);
            results.add(&Message {
                routing_key: format!("m.{status}"),
                message_id: "a:2".into(),
                kind: "order.result.v1".into(),
                redelivered: false,
                body,
            });
            assert!(results.malformed.is_empty(), "{:?}", results.malformed);
            assert_eq!(as_promised(&sent, &results, &HashSet::new()).offenders, wrong, "{status}");
            assert_eq!(as_promised(&sent, &results, &given_up).offenders, where_given_up, "{status}");
        }
    }

    #[test]
    fn given_up_is_what_was_to_be_sent_twice_and_never_left() {
        let of = |refused: bool, sends: u64| {
            let mut attempts = made_up::attempts(&[("a", if refused { REFUSED } else { DELIVERED })]);
            attempts.by_reference.values_mut().for_each(|attempt| attempt.sends = sends);
            attempts
        };
        let (twice, none) = (of(true, 2), HashSet::new());
        let (reference, attempt) = twice.by_reference.iter().next().unwrap();
        assert_eq!(given_up(&twice, &none), HashSet::from([attempt.order_id.as_str()]));
        assert!(given_up(&twice, &HashSet::from([reference.clone()])).is_empty(), "it left");
        assert!(given_up(&of(true, 1), &none).is_empty());
        assert!(given_up(&of(false, 2), &none).is_empty());
    }
}
