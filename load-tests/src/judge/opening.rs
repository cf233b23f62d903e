//! Delivered keys, opened with the run's private key: what a buyer would type in. A key's id says nothing of what is
//! sealed under it.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::Path,
};

use anyhow::Result;

use super::{
    private_key::PrivateKey,
    stock::{Stock, plain_form},
    verdict::{Check, Verdict},
};
use crate::results::Results;

/// About ten seconds' work.
const MOST: usize = 100_000;

/// Where a plain key may come from.
#[derive(Debug, Default)]
pub struct Origins<'a> {
    pub stock: Option<&'a Stock>,
    /// What suppliers sold, secrets and numbers alike.
    pub bought: HashSet<String>,
}

/// What was opened so far; it can be asked again when more has come.
#[derive(Debug)]
pub struct Opener {
    private: PrivateKey,
    /// By key id.
    opened: HashMap<String, Opened>,
    /// The key id of each, by SKU and plain key.
    owners: HashMap<(String, String), String>,
    /// What was wrong once is wrong for ever.
    wrong: BTreeSet<String>,
    most: usize,
    left_out: usize,
}

#[derive(Debug)]
struct Opened {
    sku: String,
    sealed: String,
}

impl Opener {
    /// With the private key in this file.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(private_key: &Path) -> Result<Self> {
        Ok(Self::with(PrivateKey::read(private_key)?))
    }

    fn with(private: PrivateKey) -> Self {
        let (opened, owners, wrong) = Default::default();
        Self { private, opened, owners, wrong, most: MOST, left_out: 0 }
    }

    /// Opens what has come since; adds to the verdict what is wrong with all of it.
    pub fn look(&mut self, verdict: &mut Verdict, results: &Results, origins: &Origins<'_>) {
        self.left_out = 0;
        for result in results.orders.values().flat_map(|revisions| revisions.values()) {
            for line in &result.lines {
                for key in &line.keys {
                    self.key(&line.sku, &key.key_id, &key.sealed, origins);
                }
            }
        }
        verdict.keys_opened = Some(self.opened.len() as u64);
        if self.left_out > 0 {
            eprintln!("{} keys were opened, the most that are; {} were not", self.opened.len(), self.left_out);
        }
        verdict.also(
            Check::new(
                "opened",
                "every delivered key opens, stands under one id, and is one that was imported or that a supplier sold",
            )
            .all(self.wrong.iter().cloned()),
        );
    }

    fn key(&mut self, sku: &str, key_id: &str, sealed: &str, origins: &Origins<'_>) {
        if let Some(before) = self.opened.get(key_id) {
            if before.sku != sku || before.sealed != sealed {
                self.wrong.insert(format!("key {key_id} was announced with two contents"));
            }
            return;
        }
        if self.opened.len() >= self.most {
            self.left_out += 1;
            return;
        }
        self.opened.insert(key_id.to_owned(), Opened { sku: sku.to_owned(), sealed: sealed.to_owned() });
        match self.private.open(sku, sealed) {
            Err(error) => {
                self.wrong.insert(format!("key {key_id} of {sku}: {error}"));
            }
            Ok(plain) => {
                if !origins.has(sku, &plain) {
                    self.wrong.insert(format!("key {key_id} of {sku}: nobody imported or sold what is in it"));
                }
                let owner = self.owners.insert((sku.to_owned(), plain_form(&plain)), key_id.to_owned());
                if let Some(other) = owner {
                    self.wrong.insert(format!("one key of {sku} under the ids {other} and {key_id}"));
                }
            }
        }
    }
}

impl Origins<'_> {
    /// A bought key may be a number and a secret, however they are put together.
    fn has(&self, sku: &str, plain: &str) -> bool {
        let of_suppliers = || {
            let mut parts = plain.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '-')).peekable();
            parts.peek().is_some() && parts.all(|part| self.bought.contains(part))
        };
        match self.stock {
            Some(stock) if stock.keys(sku) > 0 => stock.has(sku, plain),
            _ => of_suppliers(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{results::Message, sent::Sent};

    /// A result of one order with these keys (id, sealed), and what is said of it.
    fn look(opener: &mut Opener, keys: &[(&str, String)], origins: &Origins<'_>) -> Vec<String> {
        let keys: Vec<String> =
            keys.iter().map(|(id, sealed)| format!(r#"{{"key_id":"{id}","sealed":"{sealed}"}}"#)).collect();
        let body = format!(
            r#"{{"order_id":"a","revision":1,"status":"fulfilled","merchant_id":"m","lines":[{{"line_no":1,"sku":"s","status":"delivered","keys":[{}]}}]}}"#,
            keys.join(",")
        );
        let mut results = Results::default();
        results.add(&Message {
            routing_key: "m.fulfilled".into(),
            message_id: "a:1".into(),
            kind: "order.result.v1".into(),
            redelivered: false,
            body,
        });
        assert!(results.malformed.is_empty(), "{:?}", results.malformed);
        let mut verdict = super::super::judge(&Sent::default(), &results, None);
        opener.look(&mut verdict, &results, origins);
        let check = verdict.checks.iter().find(|check| check.name == "opened").unwrap();
        assert_eq!(check.offenders as usize, check.examples.len());
        check.examples.clone()
    }

    fn stock() -> Stock {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("k"), "sku,key\ns,K-1\ns,K-2\ns,k1\n").unwrap();
        Stock::read(&folder.path().join("k")).unwrap()
    }

    fn opener() -> Opener {
        Opener::with(PrivateKey::generate())
    }

    #[test]
    fn keys_of_the_file_are_as_they_should_be_also_a_second_time() {
        let (stock, mut opener) = (stock(), opener());
        assert_eq!(stock.all(), 2, "two writings are one key");
        let origins = Origins { stock: Some(&stock), ..Origins::default() };
        let keys = [("1", opener.private.seal("s", "K-1")), ("2", opener.private.seal("s", "K-2"))];
        assert!(look(&mut opener, &keys, &origins).is_empty());
        assert!(look(&mut opener, &keys, &origins).is_empty());
        assert_eq!(opener.opened.len(), 2);
    }

    #[test]
    fn a_key_under_two_ids_is_seen() {
        let (stock, mut opener) = (stock(), opener());
        let origins = Origins { stock: Some(&stock), ..Origins::default() };
        let keys = [("1", opener.private.seal("s", "K-1")), ("2", opener.private.seal("s", "K-1"))];
        assert_eq!(look(&mut opener, &keys, &origins), ["one key of s under the ids 1 and 2"]);
    }

    #[test]
    fn what_does_not_open_or_comes_from_nowhere_is_seen_and_never_shown() {
        let stock = stock();
        let origins = Origins { stock: Some(&stock), ..Origins::default() };
        let wrong = |sealed: fn(&PrivateKey) -> String| {
            let mut opener = opener();
            let keys = [("1", sealed(&opener.private))];
            look(&mut opener, &keys, &origins)
        };
        let closed = ["key 1 of s: it does not open with the run's private key and its SKU"];
        assert_eq!(wrong(|_| PrivateKey::generate().seal("s", "K-1")), closed);
        assert_eq!(wrong(|private| private.seal("t", "K-1")), closed);
        assert_eq!(wrong(|_| String::new()), ["key 1 of s: it is cut off"]);
        let nowhere = ["key 1 of s: nobody imported or sold what is in it"];
        assert_eq!(wrong(|private| private.seal("s", "K-3")), nowhere);
        assert_eq!(wrong(|private| private.seal("s", "k-2")), nowhere, "as it was given, letter for letter");
    }

    #[test]
    fn one_id_has_one_content() {
        let (stock, mut opener) = (stock(), opener());
        let origins = Origins { stock: Some(&stock), ..Origins::default() };
        let keys = [("1", opener.private.seal("s", "K-1")), ("1", opener.private.seal("s", "K-2"))];
        assert_eq!(look(&mut opener, &keys, &origins), ["key 1 was announced with two contents"]);
    }

    #[test]
    fn what_suppliers_sold_is_known_in_any_form() {
        let bought = ["KN-1", "KS-1", "KS-2"].map(str::to_owned).into();
        let origins = Origins { stock: None, bought };
        let mut opener = opener();
        let keys = [("1", opener.private.seal("s", "KN-1 KS-1")), ("2", opener.private.seal("s", "KS-2"))];
        assert!(look(&mut opener, &keys, &origins).is_empty());
        let keys = [("3", opener.private.seal("s", "KN-1 KS-3"))];
        assert_eq!(look(&mut opener, &keys, &origins).len(), 1);
    }

    #[test]
    fn no_more_are_opened_than_may_be() {
        let (stock, mut opener) = (stock(), opener());
        opener.most = 1;
        let origins = Origins { stock: Some(&stock), ..Origins::default() };
        let keys = [("1", opener.private.seal("s", "K-1")), ("2", "?".to_owned())];
        assert!(look(&mut opener, &keys, &origins).is_empty());
        assert_eq!((opener.opened.len(), opener.left_out), (1, 1));
    }
}
