//! What the publisher sent: bodies, and what can be read of them without the pool's own code.

use std::{
    collections::{BTreeMap, HashMap},
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::judge::sound::is_sound;

/// One line that an order asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub sku: String,
    pub quantity: u64,
}

/// One distinct body.
#[derive(Debug, Clone)]
pub struct Body {
    /// SHA-256, in hex.
    pub hash: String,
    /// By line number; empty where they can't be read.
    pub lines: BTreeMap<u64, Wanted>,
    /// Whether it keeps to docs/contract.md in everything.
    pub sound: bool,
    /// How often it was published and confirmed.
    pub confirmed: u64,
}

/// Everything that was sent.
#[derive(Debug, Default)]
pub struct Sent {
    /// Distinct bodies by order id.
    pub orders: HashMap<String, Vec<Body>>,
    /// Bodies without a readable order id, by hash.
    pub unreadable: HashMap<String, Body>,
    /// Messages, repeats included.
    pub messages: u64,
}

#[derive(Deserialize)]
struct LoggedLine {
    line: u64,
    confirmed: bool,
}

impl Sent {
    /// Reads a file of bodies, one a line. With the publisher's log, a line that was never confirmed need
    /// not have a result.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn read(orders: &Path, log: Option<&Path>) -> Result<Self> {
        let confirmed = log.map(read_log).transpose()?;
        let mut sent = Self::default();
        for (at, line) in lines(orders)?.enumerate() {
            let line = line.with_context(|| format!("cannot read {}", orders.display()))?;
            let number = at as u64 + 1;
            let arrived = confirmed.as_ref().is_none_or(|confirmed| confirmed.get(&number) == Some(&true));
            sent.add(line.as_bytes(), arrived);
        }
        Ok(sent)
    }

    /// Adds one message; `confirmed`: the broker has it for sure.
    pub fn add(&mut self, body: &[u8], confirmed: bool) {
        self.messages += 1;
        let hash = hex(&Sha256::digest(body));
        let (order_id, lines) = readable(body);
        let body = match order_id {
            Some(order_id) => {
                let bodies = self.orders.entry(order_id).or_default();
                let at = bodies.iter().position(|body| body.hash == hash).unwrap_or_else(|| {
                    bodies.push(Body { hash, lines, sound: is_sound(body), confirmed: 0 });
                    bodies.len() - 1
                });
                &mut bodies[at]
            }
            None => self.unreadable.entry(hash.clone()).or_insert(Body { hash, lines, sound: false, confirmed: 0 }),
        };
        body.confirmed += u64::from(confirmed);
    }

    /// Every message that must come, by the id that its result has or begins with: order ids and
    /// `rejected:<32 hex>`.
    #[must_use]
    pub fn expected(&self) -> Vec<String> {
        let orders = self
            .orders
            .iter()
            .filter(|(_, bodies)| bodies.iter().any(|body| body.confirmed > 0))
            .map(|(id, _)| id.clone());
        let unreadable = self.unreadable.values().filter(|body| body.confirmed > 0).map(|body| rejected_id(&body.hash));
        orders.chain(unreadable).collect()
    }
}

/// The message id of the answer to a body without a readable order id.
#[must_use]
pub fn rejected_id(hash: &str) -> String {
    format!("rejected:{}", hash.get(..32).unwrap_or(hash))
}

/// The order id of a body, where it has a valid one (docs/contract.md).
#[must_use]
pub fn order_id_of(body: &[u8]) -> Option<String> {
    readable(body).0
}

fn readable(body: &[u8]) -> (Option<String>, BTreeMap<u64, Wanted>) {
    let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(body) else { return Default::default() };
    let valid = |id: &str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
    };
    let order_id = object.get("order_id").and_then(|id| id.as_str()).filter(|id| valid(id)).map(str::to_owned);
    let lines = object.get("lines").and_then(|lines| lines.as_array()).into_iter().flatten().filter_map(|line| {
        let wanted = Wanted { sku: line.get("sku")?.as_str()?.to_owned(), quantity: line.get("quantity")?.as_u64()? };
        Some((line.get("line_no")?.as_u64()?, wanted))
    });
    (order_id, lines.collect())
}

fn read_log(path: &Path) -> Result<HashMap<u64, bool>> {
    let mut confirmed = HashMap::new();
    for line in lines(path)? {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        let logged: LoggedLine =
            serde_json::from_str(&line).with_context(|| format!("{} is no publisher's log", path.display()))?;
        confirmed.insert(logged.line, logged.confirmed);
    }
    Ok(confirmed)
}

/// The lines of a file; an empty last line is none.
///
/// # Errors
/// When the file can't be opened.
pub fn lines(path: &Path) -> Result<impl Iterator<Item = std::io::Result<String>>> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Ok(BufReader::new(file).lines().filter(|line| line.as_ref().map_or(true, |line| !line.is_empty())))
}

#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_one_id_are_kept_apart_and_repeats_counted() {
        let mut sent = Sent::default();
        let body = br#"{"order_id":"a","lines":[{"line_no":1,"sku":"s","quantity":2}]}"#;
        sent.add(body, true);
        sent.add(body, true);
        sent.add(br#"{"order_id":"a","lines":[]}"#, false);
        sent.add(b"broken", true);
        sent.add(br#"{"order_id":"not ok"}"#, false);
        assert_eq!(sent.messages, 5);
        let bodies = &sent.orders["a"];
        assert_eq!((bodies.len(), bodies[0].confirmed, bodies[1].confirmed), (2, 2, 0));
        assert_eq!(bodies[0].lines[&1], Wanted { sku: "s".into(), quantity: 2 });
        let mut expected = sent.expected();
        expected.sort();
        assert_eq!(expected, ["a".to_owned(), rejected_id(&hex(&Sha256::digest(b"broken")))]);
    }

    #[test]
    fn a_log_says_which_lines_arrived() {
        let folder = tempfile::tempdir().unwrap();
        let (orders, log) = (folder.path().join("o"), folder.path().join("l"));
        std::fs::write(&orders, "{\"order_id\":\"a\"}\n{\"order_id\":\"b\"}\n").unwrap();
        std::fs::write(
            &log,
            "{\"line\":1,\"confirmed\":false,\"offered\":1}\n{\"line\":2,\"confirmed\":true,\"offered\":1}\n",
        )
        .unwrap();
        assert_eq!(Sent::read(&orders, Some(&log)).unwrap().expected(), ["b"]);
    }
}
