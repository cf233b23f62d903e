//! Text with placeholders: `{name}`, of small letters, digits and underscores. Other braces stay as they are,
//! so JSON can be written as it is.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::wire::segment;

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    source: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// With whether it stands between quotes, were the text JSON.
    Value {
        name: String,
        quoted: bool,
    },
}

impl Template {
    pub(super) fn parse(source: &str) -> Self {
        let (mut pieces, mut text, mut quoted, mut rest) = (Vec::new(), String::new(), false, source);
        while let Some(character) = rest.chars().next() {
            if character == '{'
                && let Some((name, after)) = rest[1..].split_once('}')
                && is_name(name)
            {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Value { name: name.into(), quoted });
                rest = after;
                continue;
            }
            // A quote behind a backslash is part of its text.
            let escapes = text.len() - text.trim_end_matches('\\').len();
            if character == '"' && escapes % 2 == 0 {
                quoted = !quoted;
            }
            text.push(character);
            rest = &rest[character.len_utf8()..];
        }
        pieces.push(Piece::Text(text));
        Self { source: source.into(), pieces }
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// The placeholders, as they come.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value { name, .. } => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// Values as they are: headers, parameters (escaped on the way out), texts to sign.
    pub(super) fn plain<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> String {
        self.written(|name, _| value(name).unwrap_or("").to_owned())
    }

    /// Values as segments of a path.
    pub(super) fn path<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> String {
        self.written(|name, _| segment(value(name).unwrap_or("")))
    }

    /// Values as JSON: escaped between quotes; elsewhere a number, or a text with quotes where it is none.
    pub(super) fn json<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> String {
        self.written(|name, quoted| {
            let value = value(name).unwrap_or("");
            let text = Value::from(value).to_string();
            match (quoted, serde_json::from_str::<Value>(value)) {
                (true, _) => text[1..text.len() - 1].to_owned(),
                (false, Ok(Value::Number(_))) => value.trim().to_owned(),
                (false, _) => text,
            }
        })
    }

    fn written(&self, value: impl Fn(&str, bool) -> String) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Value { name, quoted } => out.push_str(&value(name, *quoted)),
            }
        }
        out
    }
}

pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::parse(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_escaped_by_its_place() {
        let value = |name: &str| match name {
            "number" => Some("12.50"),
            "zeros" => Some("007"),
            "text" => Some("a\"b\\/\n{number}"),
            _ => None,
        };
        let json = Template::parse(
            r#"{"a":{number},"b":{zeros},"c":{text},"d":"x {text} {number}","{number}":"\"","e":{number}}"#,
        );
        let written = json.json(value);
        assert_eq!(
            written,
            r#"{"a":12.50,"b":"007","c":"a\"b\\/\n{number}","d":"x a\"b\\/\n{number} 12.50","12.50":"\"","e":12.50}"#
        );
        assert!(serde_json::from_str::<Value>(&written).is_ok());
        assert_eq!(Template::parse("/o/{text}/{zeros}").path(value), "/o/a%22b%5C%2F%0A%7Bnumber%7D/007");
        assert_eq!(Template::parse("{none}{number}{ }{}{Not}{").plain(value), "12.50{ }{}{Not}{");
        assert_eq!(json.names().collect::<Vec<_>>(), ["number", "zeros", "text", "text", "number", "number", "number"]);
    }
}
