//! What a supplier's protocol says about a key, in our words and with the key's place.
//!
//! What holds: no value of the section is shown, also where the protocol's text quotes it, but for those of keys
//! that are harmless by their name.

use serde_json::Value;

use super::{
    super::{
        error::{ConfigError, Problem},
        keys::variable_of,
        nearest,
        place::Place,
    },
    protocol::{in_variable, is_harmless},
    section::SupplierSection,
};

/// What is wrong with a key of a section, as whoever knows the protocol says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolError {
    /// Within the section: `sign.key`, `goods.0.id` or `goods[0].id`; `.` or nothing: the section itself.
    pub path: String,
    /// What was found, what is allowed. Serde's `` missing field `a` `` and `` unknown field `a`, expected `b` ``
    /// are said in our words; to what starts with `is missing` or `there is no such key`, what to do is added.
    pub text: String,
}

pub(super) fn of(section: &SupplierSection, error: &ProtocolError) -> ConfigError {
    let path = if matches!(error.path.as_str(), "." | "?") { "" } else { error.path.as_str() };
    if let Some(name) = quoted_after(&error.text, "missing field ") {
        return missing(section, path, name);
    }
    let problem = match quoted_after(&error.text, "unknown field ") {
        Some(name) => unknown(section, path, name, &error.text),
        None => {
            let text = without_values(section, path, &error.text);
            Problem::Protocol { key: full(section, path), text: with_advice(section, path, text) }
        }
    };
    ConfigError::new(place_of(section, path), problem)
}

fn missing(section: &SupplierSection, path: &str, name: &str) -> ConfigError {
    let place = place_of(section, path);
    if has_variable(&format!("{path}.{name}")) {
        return ConfigError::not_set_in(Some(place), &full(section, path), name, true, &section.file);
    }
    ConfigError::new(place, Problem::Protocol { key: full(section, path), text: format!("it lacks the key {name}") })
}

fn unknown(section: &SupplierSection, path: &str, name: &str, text: &str) -> Problem {
    let above = path.strip_suffix(name).map_or(path, |above| above.trim_end_matches('.'));
    let expected = text.split_once(", ").map_or("", |(_, expected)| expected);
    let mut known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let in_protocol = known.join(", ");
    if above.is_empty() {
        super::names().for_each(|own| known.push(own));
    }
    let hint = match nearest::of(name, known) {
        Some(near) => format!("did you mean {}.{near}?", full(section, above)),
        None if in_protocol.is_empty() => format!("a supplier of kind {} has no such key", section.kind.as_str()),
        None => format!("a supplier of kind {} has {in_protocol} here", section.kind.as_str()),
    };
    Problem::UnknownKey { name: format!("{}.{name}", full(section, above)), hint }
}

/// What to do about a key that is not there, or not known.
fn with_advice(section: &SupplierSection, path: &str, text: String) -> String {
    if text.starts_with("is missing") && has_variable(path) {
        let variable = variable_of(&full(section, path));
        let (above, _) = path.rsplit_once('.').unwrap_or_default();
        let file = &section.file;
        return format!(
            "{text}; put it under [{}] in {file}, or set {variable} or {variable}_FILE",
            full(section, above)
        );
    }
    if text.starts_with("there is no such key")
        && !path.contains('.')
        && !text.contains("did you mean")
        && let Some(near) = nearest::of(path, super::names())
    {
        return format!("{text}; did you mean {}?", full(section, near));
    }
    text
}

/// A list's keys, and those with other characters, have none.
fn has_variable(path: &str) -> bool {
    let parts = || path.split('.').filter(|part| !part.is_empty());
    parts().next().is_some()
        && parts().all(|part| in_variable(part) == part && !part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What stands between backticks after `start`, if the text starts so.
fn quoted_after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    Some(text.strip_prefix(start)?.strip_prefix('`')?.split_once('`')?.0)
}

fn full(section: &SupplierSection, path: &str) -> String {
    if path.is_empty() { section.section() } else { format!("{}.{path}", section.section()) }
}

/// Of the key, or else of what it stands in.
fn place_of(section: &SupplierSection, path: &str) -> Place {
    let path = dotted(path);
    let mut path = path.as_str();
    loop {
        if let Some(place) = section.places.get(path) {
            return place.clone();
        }
        match path.rsplit_once('.') {
            Some((above, _)) => path = above,
            None => return section.place.clone(),
        }
    }
}

/// `a[0].b` as `a.0.b`.
fn dotted(path: &str) -> String {
    path.replace('[', ".").replace(']', "")
}

/// The text, with whatever it quotes of the values at and below the path left out.
fn without_values(section: &SupplierSection, path: &str, text: &str) -> String {
    if is_harmless(path) {
        return text.into();
    }
    let mut values = Vec::new();
    for (name, value) in &section.protocol {
        collect(value, name, &dotted(path), &mut values);
    }
    let mut text = text.to_owned();
    for value in values {
        for quoted in [format!("{value:?}"), format!("`{value}`"), format!("'{value}'")] {
            text = text.replace(&quoted, "(not shown)");
        }
    }
    text
}

/// The texts and numbers that stand at `wanted`, below it, or above it: an error may name its place roughly.
fn collect(value: &Value, path: &str, wanted: &str, values: &mut Vec<String>) {
    let below = |above: &str, path: &str| {
        above.is_empty() || path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if !below(wanted, path) && !below(path, wanted) {
        return;
    }
    match value {
        Value::String(text) => values.push(text.clone()),
        Value::Number(number) => values.push(number.to_string()),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, value)| collect(value, &format!("{path}.{at}"), wanted, values));
        }
        Value::Object(table) => {
            table.iter().for_each(|(name, value)| collect(value, &format!("{path}.{name}"), wanted, values));
        }
        Value::Null | Value::Bool(_) => {}
    }
}
