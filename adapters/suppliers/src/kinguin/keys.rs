//! The keys of an order, a page at a time. A key that is an image is kept as a `data:` text.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use fulfil_contract::supplier::PlainKey;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::problem::Said;
use crate::wire::Reply;

/// The most that a page has.
pub(super) const PAGE: usize = 100;

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    id: Option<String>,
    serial: String,
    #[serde(rename = "type")]
    kind: String,
}

/// The keys of the pages read so far. A key whose id came before is the same key: orders of keys can shift
/// between two pages while more are delivered.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Where each id's key stands.
    places: HashMap<String, usize>,
    keys: Vec<PlainKey>,
}

impl Keys {
    /// Takes a page; whether there may be another.
    ///
    /// # Errors
    /// The answer is no page, or a key in it can't be read.
    pub(super) fn take(&mut self, reply: &Reply) -> Result<bool, String> {
        if !reply.is_success() {
            return Err(Said::read(reply).text());
        }
        let page: Vec<Told> = reply.json()?;
        let full = page.len() >= PAGE;
        for told in page {
            let serial = Zeroizing::new(told.serial);
            let key = key(&serial, &told.kind)?;
            if let Some(id) = told.id {
                match self.places.get(&id) {
                    Some(&at) if self.keys[at] == key => continue,
                    Some(_) => return Err("two serials under one key id".into()),
                    None => self.places.insert(id, self.keys.len()),
                };
            }
            self.keys.push(key);
        }
        Ok(full)
    }

    pub(super) fn into_all(self) -> Vec<PlainKey> {
        self.keys
    }
}

fn key(serial: &str, kind: &str) -> Result<PlainKey, String> {
    let serial = serial.trim();
    match kind {
        _ if serial.is_empty() => Err("a key without a serial".into()),
        "text/plain" => Ok(PlainKey::new(serial.to_owned())),
        "image/jpeg" | "image/png" | "image/gif" => {
            let image: Zeroizing<String> = Zeroizing::new(serial.split_whitespace().collect());
            let read = STANDARD.decode(image.as_bytes()).map(Zeroizing::new);
            read.map_err(|_| "an image that is no base64".to_owned())?;
            Ok(PlainKey::new(format!("data:{kind};base64,{}", image.as_str())))
        }
        _ => Err("a key of a type that the protocol does not name".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(body: String) -> Reply {
        Reply { status: 200, retry_after: None, body: body.into_bytes().into() }
    }

    fn told(id: &str, serial: &str, kind: &str) -> String {
        format!(
            r#"{{"id":"{id}","serial":"{serial}","type":"{kind}","name":"n","kinguinId":1949,"offerId":"5f7e","productId":"5c9b"}}"#
        )
    }

    fn check(body: String, expected: Result<&[&str], ()>) {
        let mut keys = Keys::default();
        let found = keys.take(&page(body.clone())).map(|_| keys.into_all()).map_err(|_| ());
        let found = found.map(|keys| keys.iter().map(|key| key.expose().to_owned()).collect::<Vec<_>>());
        assert_eq!(found, expected.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect()), "{body}");
    }

    #[test]
    fn keys_of_every_type() {
        check("[]".into(), Ok(&[]));
        check(format!("[{}]", told("1", " AAAA-1 ", "text/plain")), Ok(&["AAAA-1"]));
        check(format!("[{}]", told("1", "aGVsbG8=", "image/png")), Ok(&["data:image/png;base64,aGVsbG8="]));
        check(format!("[{}]", told("1", "aGVs\\nbG8=", "image/jpeg")), Ok(&["data:image/jpeg;base64,aGVsbG8="]));
        check(format!("[{}]", told("1", "no base64!", "image/gif")), Err(()));
        check(format!("[{}]", told("1", "A", "application/pdf")), Err(()));
        check(format!("[{}]", told("1", " ", "text/plain")), Err(()));
        check("<html>".into(), Err(()));
        check(r#"{"kind":"OrderNotFound"}"#.into(), Err(()));
    }

    #[test]
    fn the_same_serial_twice_is_told_twice_and_the_same_key_once() {
        let (one, two) = (told("1", "A", "text/plain"), told("2", "A", "text/plain"));
        check(format!("[{one},{two},{one}]"), Ok(&["A", "A"]));
        check(format!("[{one},{}]", told("1", "B", "text/plain")), Err(()));
    }

    #[test]
    fn a_full_page_is_followed_by_another() {
        let lines =
            |count: usize| (0..count).map(|at| told(&at.to_string(), "A", "text/plain")).collect::<Vec<_>>().join(",");
        for (count, more) in [(99, false), (100, true)] {
            let mut keys = Keys::default();
            assert_eq!(keys.take(&page(format!("[{}]", lines(count)))), Ok(more));
            assert_eq!(keys.into_all().len(), count);
        }
    }
}
