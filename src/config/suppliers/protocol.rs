//! The keys of a supplier's protocol: kept whole, with their places, and not understood.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::super::{
    error::{ConfigError, Problem},
    file::type_of,
    lines::Lines,
    place::Place,
};

/// Keys in which nobody would put a secret.
const HARMLESS: [&str; 16] = [
    "algorithm",
    "callback_max_age_s",
    "country",
    "days",
    "encoding",
    "http",
    "max_age_s",
    "method",
    "most",
    "most_age_s",
    "outcome",
    "product_line",
    "resend",
    "safe_price",
    "status",
    "unit",
];

/// Whether the value at the path may be shown, by the name that the key has.
pub(super) fn is_harmless(path: &str) -> bool {
    HARMLESS.contains(&path.rsplit('.').next().unwrap_or(path))
}

/// Keys, tables and lists within each other, and where each stands. A path is written `a.b.0.c`.
#[derive(Default)]
pub(super) struct ProtocolKeys {
    pub(super) keys: Map<String, Value>,
    pub(super) places: BTreeMap<String, Place>,
}

impl ProtocolKeys {
    /// A key of a file.
    pub(super) fn read(
        &mut self,
        section: &str,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &DeValue<'_>,
        lines: &Lines<'_>,
        errors: &mut Vec<ConfigError>,
    ) {
        let place = lines.place(name.span().start);
        let mut reader = Reader { section, lines, places: &mut self.places, errors };
        let path = name.get_ref().to_string();
        if let Some(value) = reader.value(&path, value, place) {
            self.keys.insert(path, value);
        }
    }

    /// A text of the environment; `names` are of the variable, in lower case, the outermost first. A key of the
    /// file is found by its name in capitals, and keeps the type that it has there.
    pub(super) fn set(&mut self, section: &str, names: &[&str], text: &str, place: Place) -> Result<(), Problem> {
        let Some((last, tables)) = names.split_last() else { return Ok(()) };
        let refused = |path: &[String], text: &str| Problem::Protocol {
            key: format!("{section}.{}", path.join(".")),
            text: text.into(),
        };
        let (mut table, mut path) = (&mut self.keys, Vec::new());
        for name in tables {
            let key = key_of(table, name);
            path.push(key.clone());
            let Value::Object(inner) = table.entry(key).or_insert_with(|| Value::Object(Map::new())) else {
                return Err(refused(
                    &path,
                    "it is no table in the file, so no key of it can be set; unset this variable",
                ));
            };
            table = inner;
        }
        let key = key_of(table, last);
        path.push(key.clone());
        let value =
            match table.get(&key) {
                None | Some(Value::String(_) | Value::Null) => Value::String(text.into()),
                Some(Value::Bool(_)) => Value::Bool(text.parse().map_err(|_| {
                    refused(&path, "found something else (not shown); set true or false, as in the file")
                })?),
                Some(Value::Number(_)) => Value::Number(
                    text.parse()
                        .map_err(|_| refused(&path, "found no number (not shown); set a number, as in the file"))?,
                ),
                Some(Value::Array(_)) => {
                    return Err(refused(&path, "it is a list, which the file alone can set; unset this variable"));
                }
                Some(Value::Object(_)) => {
                    return Err(refused(
                        &path,
                        "it is a table; add two underscores and the name of a key of it, or unset this variable",
                    ));
                }
            };
        table.insert(key, value);
        self.places.insert(path.join("."), place);
        Ok(())
    }

    /// Every value that is no table, by its path.
    pub(super) fn leaves(&self) -> Vec<(String, &Value)> {
        let mut leaves = Vec::new();
        collect(&self.keys, "", &mut leaves);
        leaves
    }
}

fn collect<'a>(table: &'a Map<String, Value>, above: &str, leaves: &mut Vec<(String, &'a Value)>) {
    for (name, value) in table {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        match value {
            Value::Object(table) => collect(table, &path, leaves),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                leaves.push((path, value));
            }
        }
    }
}

/// The key of the table that a variable means by `name`.
fn key_of(table: &Map<String, Value>, name: &str) -> String {
    table.keys().find(|key| in_variable(key) == name).cloned().unwrap_or_else(|| name.into())
}

/// A key as a part of a variable's name, in lower case.
pub(super) fn in_variable(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// Reads values of a file.
struct Reader<'a> {
    section: &'a str,
    lines: &'a Lines<'a>,
    places: &'a mut BTreeMap<String, Place>,
    errors: &'a mut Vec<ConfigError>,
}

impl Reader<'_> {
    /// `None`: there is no such value in JSON, which is said.
    fn value(&mut self, path: &str, value: &DeValue<'_>, place: Place) -> Option<Value> {
        let json = match value {
            DeValue::String(text) => Some(Value::String(text.to_string())),
            DeValue::Integer(integer) => {
                i128::from_str_radix(integer.as_str(), integer.radix()).ok().and_then(number).map(Value::Number)
            }
            DeValue::Float(float) => float.as_str().parse().ok().and_then(Number::from_f64).map(Value::Number),
            DeValue::Boolean(boolean) => Some(Value::Bool(*boolean)),
            DeValue::Datetime(datetime) => Some(Value::String(datetime.to_string())),
            DeValue::Array(list) => {
                let item = |(index, item): (usize, &Spanned<DeValue<'_>>)| {
                    let place = self.lines.place(item.span().start);
                    self.value(&format!("{path}.{index}"), item.get_ref(), place)
                };
                Some(Value::Array(list.iter().enumerate().filter_map(item).collect()))
            }
            DeValue::Table(table) => Some(Value::Object(self.table(path, table))),
        };
        if json.is_none() {
            let problem = Problem::Value {
                key: format!("{}.{path}", self.section),
                found: match value {
                    DeValue::Integer(_) => "a number of more than 64 bits".into(),
                    other => format!("{} without end", type_of(other)),
                },
                allowed: "finite numbers of at most 64 bits".into(),
                advice: "write it in quotes if it is a text".into(),
            };
            self.errors.push(ConfigError::new(place.clone(), problem));
        }
        self.places.insert(path.into(), place);
        json
    }

    fn table(&mut self, path: &str, table: &DeTable<'_>) -> Map<String, Value> {
        let mut object = Map::new();
        for (name, value) in table {
            let place = self.lines.place(name.span().start);
            let name = name.get_ref().to_string();
            if let Some(value) = self.value(&format!("{path}.{name}"), value.get_ref(), place) {
                object.insert(name, value);
            }
        }
        object
    }
}

fn number(whole: i128) -> Option<Number> {
    i64::try_from(whole).map(Number::from).or_else(|_| u64::try_from(whole).map(Number::from)).ok()
}
