//! Variables: `FULFIL_SECTION__KEY`, and `FULFIL_SECTION__KEY_FILE` for what is secret.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
};

use super::{
    error::{ConfigError, Problem},
    keys::{KEYS, Key},
    kind::Raw,
    load::{AllGiven, Given},
    nearest,
    place::Place,
    routes, suppliers,
};

/// Far more than a secret or a URL needs.
const MOST_BYTES: u64 = 64 * 1024;

/// Variables without two underscores belong to others (a cluster sets `FULFIL_SERVICE_HOST` for a service
/// of that name), unless one looks like a key of ours.
pub(super) fn read(environment: &BTreeMap<String, String>, given: &mut AllGiven, errors: &mut Vec<ConfigError>) {
    let mut of_suppliers = suppliers::Variables::new(environment, &mut given.suppliers);
    for (name, value) in environment {
        let place = Place::Variable(name.clone());
        let read = match of_suppliers.read(name, value) {
            Ok(true) => Ok(None),
            Ok(false) => read_one(name, value, environment),
            Err(problem) => Err(problem),
        };
        match read {
            Ok(Some((key, text))) => given.keys.push(Given { key, raw: Raw::Untyped(text), place }),
            Ok(None) => {}
            Err(problem) => errors.push(ConfigError::new(place, problem)),
        }
    }
}

/// The value in the file that a variable names. `variable` is the one that would hold the value itself.
pub(super) fn secret_of(
    key: String,
    variable: String,
    path: &str,
    environment: &BTreeMap<String, String>,
) -> Result<String, Problem> {
    if environment.contains_key(&variable) {
        return Err(Problem::Twice { key, other: variable });
    }
    // The path is not shown: some put the secret itself there.
    secret_in(path).map_err(|error| Problem::SecretFile { key, reason: error.to_string(), variable })
}

fn read_one(
    name: &str,
    value: &str,
    environment: &BTreeMap<String, String>,
) -> Result<Option<(&'static Key, String)>, Problem> {
    if let Some(key) = KEYS.iter().find(|key| key.variable() == name) {
        return Ok(Some((key, value.into())));
    }
    if let Some(key) = KEYS.iter().find(|key| key.file_variable().as_deref() == Some(name)) {
        return Ok(Some((key, secret_of(key.full_name(), key.variable(), value, environment)?)));
    }
    if let Some(key) = KEYS.iter().find(|key| name.strip_suffix("_FILE") == Some(&key.variable())) {
        return Err(Problem::NoSecret { right: key.variable() });
    }
    let unprefixed = name.strip_prefix("FULFIL_").unwrap_or(name).to_lowercase();
    if let Some((section, key_name)) = unprefixed.split_once("__") {
        if section == routes::SECTION {
            return Err(Problem::UnknownVariable { hint: "routes stand in the file, below [routes.SKU]".into() });
        }
        let hint = nearest_variable(section, key_name).map_or_else(
            || "docs/configuration.md lists those there are".into(),
            |variable| format!("did you mean {variable}?"),
        );
        return Err(Problem::UnknownVariable { hint });
    }
    let right = KEYS.iter().flat_map(|key| [Some(key.variable()), key.file_variable()]).flatten();
    match right.into_iter().find(|variable| variable.replace("__", "_") == name) {
        Some(right) => Err(Problem::OneUnderscore { right }),
        None => Ok(None),
    }
}

fn nearest_variable(section: &str, name: &str) -> Option<String> {
    let of_file = name.strip_suffix("_file").and_then(|name| nearest::key(section, name)?.file_variable());
    of_file.or_else(|| nearest::key(section, name).map(Key::variable))
}

/// The file's text, without the newline that editors and `echo` leave at its end.
fn secret_in(path: &str) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other("it is longer than 64 KiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))?;
    let trimmed = text.strip_suffix('\n').unwrap_or(&text);
    Ok(trimmed.strip_suffix('\r').unwrap_or(trimmed).into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{Config, Secrecy, Sources};

    #[test]
    fn a_secret_can_come_from_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger-url");
        for ending in ["", "\n", "\r\n"] {
            fs::write(&path, format!("postgres://u:geheim@pg/d{ending}")).unwrap();
            let sources = Sources::default().with_variable("FULFIL_LEDGER__URL_FILE", path.to_str().unwrap());
            assert_eq!(Config::load(sources).unwrap().ledger_url().unwrap(), "postgres://u:geheim@pg/d");
        }
        fs::write(&path, [0xff, 0xfe]).unwrap();
        let sources = Sources::default().with_variable("FULFIL_LEDGER__URL_FILE", path.to_str().unwrap());
        assert!(Config::load(sources).unwrap_err().0[0].to_string().contains("can't be read: it is not UTF-8 text"));

        let with_file_variable: Vec<String> =
            KEYS.iter().filter(|key| key.file_variable().is_some()).map(Key::full_name).collect();
        assert_eq!(with_file_variable, ["source.url", "stock.url", "ledger.url", "sealing.fingerprint_secret"]);
        assert!(KEYS.iter().all(|key| (key.secrecy() == Secrecy::Open) == key.file_variable().is_none()));
    }
}
