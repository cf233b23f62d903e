//! Whatever a supplier answers, its adapter gives an outcome: no panic, no key that no answer holds, nothing that
//! was not asked for, and words that fit a line.
//!
//! The first line of a case: supplier, calls (`buy`, `query`, `offers`, `balance`), `recharge`, `known` (their id is
//! known), `again` (a purchase was sent before). Each block is an answer, in the order in which they are asked for: status, headers, body; `unsent` and
//! `cut` in a status's place mean that there is none.

use std::{
    collections::VecDeque,
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
};

use fulfil_contract::{
    attempt::Reference,
    ids::Quantity,
    money::MinorUnits,
    order::Recharge,
    ports::supplier::{Supplier, SupplierError},
    supplier::{Bought, Found, Goods, Hindrance, PlainKey, Purchase, Refusal, RefusalCode, Sought, SupplierProduct},
};
use fulfil_suppliers::{Answered, Asked, Carrier, Failure};
use serde_json::Value;

use crate::{
    script::{Message, Script},
    suppliers,
};

const REFERENCE: &str = "f0123456789abcdef";
/// Enough for pages of keys.
const MOST_CALLS: usize = 4;
/// What is kept of a supplier's words is less; what goes to a log should not be much more.
const MOST_WORDS: usize = 1024;
/// Of the supplier's id or receipt: the ledger keeps as much.
const NUL: char = '\0';

pub fn check(data: &[u8]) {
    let script = Script::of(data);
    let (first, second) = (outcomes(&script), outcomes(&script));
    assert_eq!(first, second, "the same answers, read twice");
}

/// What came of every call, with what hangs on the clock left out.
fn outcomes(script: &Script<'_>) -> Vec<String> {
    let answers: VecDeque<_> = script.blocks.iter().map(|block| answer(block)).collect();
    let told = Told::of(&answers);
    let carrier = Arc::new(Answers(Mutex::new(answers)));
    let names = suppliers::names();
    let (section, supplier) = suppliers::supplier(script.choice(&names), carrier);
    let case = Case {
        supplier: supplier.as_ref(),
        reference: Reference::parse(REFERENCE).unwrap_or_else(|| Reference::from_bits([0; 10])),
        product: product(section.kind.as_str(), script.says("recharge")),
        recharge: script.says("recharge").then(|| Recharge { account: "+12025550123".into() }),
        their_id: script.says("known").then_some("815"),
        sent_before: script.says("again"),
        told,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let Ok(runtime) = runtime else { return Vec::new() };
    runtime.block_on(async {
        let calls = script.words.iter().filter(|word| CALLS.contains(word)).take(MOST_CALLS);
        let mut outcomes = Vec::new();
        for call in calls {
            outcomes.push(case.made(call, section.currency).await);
        }
        outcomes
    })
}

const CALLS: [&str; 4] = ["buy", "query", "offers", "balance"];

/// A product as each kind names one.
fn product(kind: &str, recharge: bool) -> SupplierProduct {
    let text = match kind {
        "reloadly" if recharge => "535@5.00",
        "reloadly" => "120@25.00",
        "kinguin" => "5c9b5f6b2539a4e8f172916a",
        "json" => "12/34",
        _ => "1001",
    };
    SupplierProduct::parse(text).unwrap_or_else(|| unreachable!("{text} is a product"))
}

struct Case<'a> {
    supplier: &'a dyn Supplier,
    reference: Reference,
    product: SupplierProduct,
    recharge: Option<Recharge>,
    their_id: Option<&'a str>,
    sent_before: bool,
    told: Told,
}

impl Case<'_> {
    async fn made(&self, call: &str, currency: fulfil_contract::money::Currency) -> String {
        let quantity = Quantity::new(2).unwrap_or(Quantity::ONE);
        match call {
            "buy" => {
                let quantity = if self.recharge.is_some() { Quantity::ONE } else { quantity };
                let purchase = Purchase {
                    reference: &self.reference,
                    product: &self.product,
                    quantity,
                    unit_price: MinorUnits(1_000_000),
                    currency,
                    recharge: self.recharge.as_ref(),
                    sent_before: self.sent_before,
                    send_by: std::time::Instant::now() + std::time::Duration::from_secs(60),
                };
                let bought = self.supplier.buy(purchase).await;
                self.check_bought(&bought);
                without_clock(&bought)
            }
            "query" => {
                let sought = Sought {
                    reference: &self.reference,
                    their_id: self.their_id,
                    product: &self.product,
                    quantity,
                    recharge: self.recharge.is_some(),
                };
                let found = self.supplier.query(sought).await;
                self.check_found(&found);
                without_clock(&found)
            }
            "offers" => {
                let asked = [self.product.clone()];
                let offers = self.supplier.offers(&asked).await;
                match &offers {
                    Ok(offers) => {
                        assert!(offers.len() <= asked.len(), "no more offers than were asked for");
                        assert!(offers.iter().all(|offer| offer.product == self.product));
                    }
                    Err(error) => check_error(error),
                }
                without_clock(&offers)
            }
            _ => {
                let balance = self.supplier.balance().await;
                balance.as_ref().err().into_iter().for_each(check_error);
                without_clock(&balance)
            }
        }
    }

    fn check_bought(&self, bought: &Bought) {
        match bought {
            Bought::Delivered { goods, .. } => self.check_goods(goods),
            Bought::Accepted { .. } => assert!(self.told.any_success, "accepted, and no answer says so"),
            Bought::Refused(refusal) => {
                // A no of the adapter's own is about this send alone, and the one before may have bought.
                assert!(!self.sent_before || self.told.any_answer, "refused, and no answer says so");
                check_refusal(refusal);
            }
            Bought::Unknown { why, .. } | Bought::NotSent { why, .. } => check_words(why),
        }
    }

    fn check_found(&self, found: &Found) {
        match found {
            Found::Delivered { goods, .. } => self.check_goods(goods),
            Found::Pending { so_far, .. } => {
                assert!(self.told.any_success, "pending, and no answer says so");
                self.check_keys(so_far);
            }
            Found::Refused(refusal) => check_refusal(refusal),
            Found::NotFound => assert!(self.told.any_answer, "not found, and there was no answer"),
            Found::Unclear { why } => check_words(why),
        }
    }

    fn check_goods(&self, goods: &Goods) {
        assert!(self.told.any_success, "delivered, and no answer says so");
        match goods {
            Goods::Keys(keys) => {
                assert!(self.recharge.is_none(), "keys for a top-up");
                assert!(!keys.is_empty(), "delivered, and nothing is");
                self.check_keys(keys);
            }
            Goods::Recharge { .. } => assert!(self.recharge.is_some(), "a top-up for a line that wants keys"),
        }
    }

    /// Every key's parts stand in an answer.
    fn check_keys(&self, keys: &[PlainKey]) {
        for key in keys {
            let key = key.expose();
            assert!(!key.trim().is_empty(), "a key of nothing");
            assert!(self.told.holds(key), "a key that no answer holds");
        }
    }
}

fn check_refusal(refusal: &Refusal) {
    check_words(&refusal.said);
}

fn check_error(error: &SupplierError) {
    check_words(&error.to_string());
}

/// For a log and a ledger.
fn check_words(words: &str) {
    assert!(words.len() <= MOST_WORDS, "{} bytes of words", words.len());
    assert!(!words.contains(['\n', '\r', NUL, '\u{1b}']), "more than a line: {words:?}");
}

/// A time until which we shall wait, told as a date, is taken against our clock.
fn without_clock(outcome: &impl Debug) -> String {
    let text = format!("{outcome:?}");
    let throttled = format!("{:?}", RefusalCode::Throttled(None));
    let word = throttled.split('(').next().unwrap_or("").to_owned();
    if text.contains(&word) { word } else { text }
}

type Given = Result<Answered, Failure>;

fn answer(block: &[u8]) -> Given {
    let Message { first, headers, body } = Message::of(block);
    match first.trim() {
        "unsent" => Err(Failure::NotSent { why: "no route to host".into(), by: Hindrance::Theirs }),
        "cut" => Err(Failure::Unknown("the connection was closed".into())),
        status => {
            // What HTTP has no status for does not reach an adapter.
            let status = status.parse::<u16>().ok().filter(|status| (100..1000).contains(status)).unwrap_or(200);
            Ok(Answered { status, headers, body: body.to_vec() })
        }
    }
}

/// Gives the answers in their order, and the last one for ever.
#[derive(Debug)]
struct Answers(Mutex<VecDeque<Given>>);

impl Carrier for Answers {
    fn carry(&self, _: Asked<'_>) -> Given {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        next.unwrap_or_else(|| Err(Failure::Unknown("no answer is left".into())))
    }
}

/// What all answers hold together.
struct Told {
    any_answer: bool,
    any_success: bool,
    /// Every text and number, with white space left out.
    texts: Vec<String>,
}

impl Told {
    fn of(answers: &VecDeque<Given>) -> Self {
        let there = || answers.iter().filter_map(|answer| answer.as_ref().ok());
        let success = |answer: &&Answered| (200..300).contains(&answer.status);
        let mut texts = Vec::new();
        for answer in there().filter(success) {
            let body = String::from_utf8_lossy(&answer.body);
            match serde_json::from_str::<Value>(&body) {
                Ok(body) => collect(&body, &mut texts),
                // A field that nobody reads may hold what is no JSON: adapters skip it.
                Err(_) => {
                    texts.push(squeezed(&body));
                    texts.extend(quoted(&body).map(|text| squeezed(&text)));
                }
            }
        }
        Self { any_answer: there().next().is_some(), any_success: there().any(|answer| success(&answer)), texts }
    }

    /// Whether the key is put together from texts of the answers, and from what formats put between them.
    fn holds(&self, key: &str) -> bool {
        let key = squeezed(key);
        let key =
            key.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")).map_or(&*key, |(_, rest)| rest);
        if self.texts.iter().any(|text| text.contains(key)) {
            return true;
        }
        let starts: Vec<&String> =
            self.texts.iter().filter(|text| !text.is_empty() && key.starts_with(&***text)).collect();
        starts.iter().any(|start| {
            let rest = key[start.len()..].trim_start_matches([':', '-', '|']);
            self.texts.iter().any(|text| text == rest || text.contains(rest))
        })
    }
}

/// Whatever stands in quotes.
fn quoted(body: &str) -> impl Iterator<Item = String> + '_ {
    body.match_indices('"').filter_map(|(at, _)| {
        let mut texts = serde_json::Deserializer::from_str(&body[at..]).into_iter::<String>();
        texts.next()?.ok()
    })
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(squeezed(text)),
        Value::Number(number) => texts.push(number.to_string()),
        Value::Bool(truth) => texts.push(truth.to_string()),
        Value::Array(list) => list.iter().for_each(|one| collect(one, texts)),
        Value::Object(fields) => fields.values().for_each(|one| collect(one, texts)),
        Value::Null => {}
    }
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}
