//! What the platform sends: good orders and bad ones, repeats and conflicts, as the seed says.

use std::collections::BTreeMap;

use fulfil_contract::ids::BodyHash;
use rand::{RngExt, rngs::SmallRng};

use crate::seen::Seen;

/// Never short in stock.
pub(crate) const PLENTY: [&str; 2] = ["plenty-a", "plenty-b"];
/// Stock holds fewer than are ordered, and nobody supplies it.
pub(crate) const SCARCE: &str = "scarce";
/// Nobody knows it.
pub(crate) const GHOST: &str = "ghost";
/// Some in stock, and three suppliers.
pub(crate) const MIXED: &str = "mixed";
/// One supplier alone, whose no is final.
pub(crate) const BOUGHT: &str = "bought";
/// A top-up, three suppliers.
pub(crate) const CARD: &str = "card";
/// A top-up that nobody supplies.
pub(crate) const UNTAKEN: &str = "untaken";

/// The world's first moment, by the ledger's clock: microseconds.
pub(crate) const BEGAN: i64 = 853_027_200_000_000;

/// A message id, as the platform gives one to what has an order id, and a body.
pub(crate) type Message = (Option<String>, Vec<u8>);

/// One line that was ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) sku: &'static str,
    pub(crate) quantity: usize,
    pub(crate) recharge: bool,
}

/// What one body asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asks {
    Lines {
        lines: Vec<Line>,
        expires_at: Option<i64>,
    },
    /// A field of it is bad.
    Refused,
}

/// All that was sent, by what has to become of it.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// By order id, then by body. One of the bodies stands; the others are conflicts.
    pub(crate) orders: BTreeMap<String, BTreeMap<[u8; 32], Asks>>,
    /// Bodies without an order id.
    pub(crate) unreadable: BTreeMap<[u8; 32], Vec<u8>>,
    next: u32,
}

/// Which SKUs a world's orders ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    /// Lines that suppliers fill.
    pub(crate) slow: bool,
}

impl Sent {
    /// Makes an order, with what may stand beside it; gives the messages in the order of sending.
    pub(crate) fn make(&mut self, demand: Demand, now: i64, rng: &mut SmallRng, seen: &Seen) -> Vec<Message> {
        self.next += 1;
        let id = format!("o-{}", self.next);
        let mut messages = Vec::new();
        let mut send = |id: Option<&str>, body: &[u8]| messages.push((id.map(str::to_owned), body.to_vec()));
        let lines: Vec<Line> = (0..rng.random_range(1..=3)).map(|_| line(demand, rng)).collect();
        let expires_at =
            rng.random_bool(0.15).then(|| now + rng.random_range(-2_000_000..90_000_000i64)).map(whole_seconds);
        let body = body(&id, &lines, expires_at);
        self.note(&id, &body, Asks::Lines { lines: lines.clone(), expires_at });
        send(Some(&id), &body);
        while rng.random_bool(0.2) {
            seen.count("order", "sent twice");
            send(Some(&id), &body);
        }
        if rng.random_bool(0.1) {
            // Which of the two stands depends on who comes first.
            seen.count("order", "with another body");
            let other = |line: Line| match line.recharge {
                true => line,
                false => Line { quantity: line.quantity % 4 + 1, ..line },
            };
            let other: Vec<Line> = lines.into_iter().map(other).collect();
            let body = self::body(&id, &other, expires_at);
            let body = [body, b" ".to_vec()].concat();
            self.note(&id, &body, Asks::Lines { lines: other, expires_at });
            send(Some(&id), &body);
        }
        if rng.random_bool(0.08) {
            seen.count("order", "refused");
            let id = format!("bad-{}", self.next);
            let body = String::from_utf8(self::body(&id, &[line(demand, rng)], None)).unwrap();
            let body = body.replace("\"USD\"", "\"usd$\"").into_bytes();
            self.note(&id, &body, Asks::Refused);
            send(Some(&id), &body);
        }
        if rng.random_bool(0.08) {
            seen.count("order", "unreadable");
            let cut = format!("{{\"order_id\":\"cut-{}\",", self.next).into_bytes();
            self.unreadable.insert(BodyHash::of(&cut).0, cut.clone());
            send(None, &cut);
            if rng.random_bool(0.5) {
                send(None, &cut);
            }
        }
        messages
    }

    fn note(&mut self, id: &str, body: &[u8], asks: Asks) {
        self.orders.entry(id.to_owned()).or_default().insert(BodyHash::of(body).0, asks);
    }

    /// How many keys of a SKU may be sold at most.
    pub(crate) fn wanted(&self, sku: &str) -> usize {
        let most = |bodies: &BTreeMap<[u8; 32], Asks>| bodies.values().map(|asks| asks.keys_of(sku)).max();
        self.orders.values().filter_map(most).sum()
    }
}

impl Asks {
    fn keys_of(&self, sku: &str) -> usize {
        match self {
            Self::Lines { lines, .. } => lines.iter().filter(|line| line.sku == sku).map(|line| line.quantity).sum(),
            Self::Refused => 0,
        }
    }
}

fn whole_seconds(micros: i64) -> i64 {
    micros - micros.rem_euclid(1_000_000)
}

fn line(demand: Demand, rng: &mut SmallRng) -> Line {
    let quantity = rng.random_range(1..=4);
    let keys = |sku| Line { sku, quantity, recharge: false };
    let recharge = |sku| Line { sku, quantity: 1, recharge: true };
    match rng.random_range(0..if demand.slow { 20 } else { 12 }) {
        0..5 => keys(PLENTY[0]),
        5..8 => keys(PLENTY[1]),
        8..10 => keys(SCARCE),
        10 => keys(GHOST),
        11 => recharge(UNTAKEN),
        12..15 => keys(MIXED),
        15..18 => keys(BOUGHT),
        _ => recharge(CARD),
    }
}

fn body(id: &str, lines: &[Line], expires_at: Option<i64>) -> Vec<u8> {
    let expires =
        expires_at.map(|at| format!(r#","expires_at":"{}""#, fulfil_contract::time::Timestamp(at))).unwrap_or_default();
    let lines: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(n, Line { sku, quantity, recharge })| {
            let recharge = if *recharge { format!(r#","recharge":{{"account":"{id}-{n}"}}"#) } else { String::new() };
            format!(r#"{{"line_no":{n},"sku":"{sku}","quantity":{quantity},"unit_price":1{recharge}}}"#)
        })
        .collect();
    let lines = lines.join(",");
    format!(
        r#"{{"order_id":"{id}","merchant_id":"m","placed_at":"1997-01-12T00:00:00Z","currency":"USD"{expires},"lines":[{lines}]}}"#
    )
    .into_bytes()
}
