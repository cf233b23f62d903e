//! What the doubles' logs and the ledger's attempts say, counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result};
use private_servers::Postgres;
use serde::Serialize;
use supplier_doubles::{Call, Lie, Mishap, Protocol, Purchase};

use crate::{market::Market, results::Results};

/// An attempt as the ledger has it: which line a reference was for.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub order_id: String,
    pub sku: String,
    pub state: i64,
}

/// By reference.
#[derive(Debug)]
pub struct Attempts {
    pub by_reference: HashMap<String, Attempt>,
    /// Reviews by their kind.
    pub reviews: BTreeMap<String, u64>,
    /// References that a review is about.
    pub reviewed: BTreeSet<String>,
    /// Of these, where it says that a key was known.
    pub told_of_known_keys: BTreeSet<String>,
    pub refused_keys: u64,
    pub held_keys: u64,
}

impl Attempts {
    pub(crate) fn read(postgres: &Postgres) -> Result<Self> {
        let rows = postgres.execute(
            "select a.reference || ' ' || p.order_id || ' ' || p.sku || ' ' || a.state from fulfil.attempt a join fulfil.procurement p using (procurement_id)",
        )?;
        let mut by_reference = HashMap::new();
        for row in rows.lines() {
            let mut words = row.split(' ');
            let mut word = || words.next().context("an attempt's row");
            let (reference, order_id) = (word()?.to_owned(), word()?.to_owned());
            let (sku, state) = (word()?.to_owned(), word()?.parse()?);
            by_reference.insert(reference, Attempt { order_id, sku, state });
        }
        let mut reviews = BTreeMap::new();
        for kind in postgres.execute("select kind from fulfil.review")?.lines() {
            *reviews.entry(kind.to_owned()).or_default() += 1;
        }
        let references = |kinds: &str| -> Result<BTreeSet<String>> {
            let sql = "select distinct a.reference from fulfil.review r join fulfil.attempt a using (attempt_id)";
            Ok(postgres.execute(&format!("{sql} where {kinds}"))?.lines().map(str::to_owned).collect())
        };
        let count = |sql: &str| -> Result<u64> { Ok(postgres.execute(sql)?.trim().parse()?) };
        Ok(Self {
            by_reference,
            reviews,
            reviewed: references("true")?,
            told_of_known_keys: references("r.kind = 'known_key'")?,
            refused_keys: count("select count(*) from fulfil.refused_key")?,
            held_keys: count("select count(*) from fulfil.held_key")?,
        })
    }
}

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
    /// Lines with purchases under more than one reference, none of which lied or was paid back in full.
    pub bought_again_before_a_final_no: u64,
    /// By the ledger.
    pub reviews: BTreeMap<String, u64>,
    /// By the ledger.
    pub refused_keys: u64,
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
            lines_delivered: 0,
            keys_delivered: 0,
        };
        let mut by_line: BTreeMap<&str, Vec<Purchase>> = BTreeMap::new();
        for stall in &market.stalls {
            for purchase in stall.double.log().purchases {
                seen.purchase(&purchase);
                if let Some(attempt) = attempts.by_reference.get(&purchase.reference) {
                    by_line.entry(&attempt.order_id).or_default().push(purchase);
                }
            }
            seen.calls(&stall.double.calls(), asks_first(stall.protocol));
        }
        for purchases in by_line.values_mut() {
            purchases.sort_by_key(|purchase| purchase.at_us);
            let unsettled = |purchase: &Purchase| purchase.lie.is_none() && !is_paid_back(purchase);
            let early = purchases.iter().rev().skip(1).filter(|purchase| unsettled(purchase)).count();
            seen.bought_again_before_a_final_no += early as u64;
        }
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
        ]);
        for map in [&self.mishaps, &self.lies, &self.reviews] {
            counts.extend(map.iter().map(|(name, count)| (name.as_str(), *count)));
        }
        counts
    }
}

/// A supplier that can't be asked by our reference, and answers it again, is sent it again at once: that is its
/// recovery.
fn asks_first(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Kasushou | Protocol::AcgFaka | Protocol::Kinguin | Protocol::Reloadly => true,
        Protocol::Dujiao => false,
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
