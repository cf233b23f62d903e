//! Where the keys stand in an answer.

use std::collections::BTreeMap;

use fulfil_contract::supplier::PlainKey;
use serde::Deserialize;
use serde_json::Value;

use super::{
    settings::{Pointer, scalar},
    template::Template,
};

/// Exactly one of `lines`, `texts`, `objects`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeysFrom {
    /// One text with a key on each line.
    pub(super) lines: Option<Pointer>,
    /// A list of texts.
    pub(super) texts: Option<Pointer>,
    /// A list of objects.
    pub(super) objects: Option<Pointer>,
    /// Of each object, by names of your own.
    #[serde(default)]
    pub(super) fields: BTreeMap<String, Pointer>,
    /// One key of these fields; where only one of them has a text, that alone.
    pub(super) format: Option<Template>,
}

impl KeysFrom {
    /// What is wrong with it, if anything.
    pub(super) fn mistake(&self) -> Option<String> {
        let places = [&self.lines, &self.texts, &self.objects].into_iter().flatten().count();
        if places != 1 {
            return Some("allowed is exactly one of lines, texts, objects".into());
        }
        if self.objects.is_none() {
            return (!self.fields.is_empty() || self.format.is_some())
                .then(|| "fields and format belong to objects".into());
        }
        let Some(format) = &self.format else {
            return Some("objects need a format such as \"{number} {password}\"".into());
        };
        let strange = format.names().find(|name| !self.fields.contains_key(*name));
        match strange {
            Some(name) => Some(format!("format names {name:?}, which is not one of fields")),
            None if self.fields.is_empty() => Some("objects need fields, each with a JSON pointer".into()),
            None => None,
        }
    }

    /// The keys; none where nothing stands there (yet).
    ///
    /// # Errors
    /// What stands there is of another shape.
    pub(super) fn of(&self, answer: &Value) -> Result<Vec<PlainKey>, String> {
        if let Some(at) = &self.lines {
            return match at.of(answer) {
                None | Some(Value::Null) => Ok(Vec::new()),
                Some(Value::String(text)) => Ok(lines(text)),
                Some(_) => Err("keys that are no text".into()),
            };
        }
        let Some(at) = self.texts.as_ref().or(self.objects.as_ref()) else { return Ok(Vec::new()) };
        let list = match at.of(answer) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(_) => return Err("keys that are no list".into()),
        };
        let key = |entry: &Value| if self.texts.is_some() { scalar(entry) } else { self.joined(entry) };
        let keys =
            list.iter().map(|entry| key(entry).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()));
        keys.map(|key| key.map(PlainKey::new).ok_or_else(|| "a key without text".to_owned())).collect()
    }

    fn joined(&self, entry: &Value) -> Option<String> {
        let parts: BTreeMap<&str, String> = self
            .fields
            .iter()
            .map(|(name, at)| (name.as_str(), at.text(entry).unwrap_or_default().trim().to_owned()))
            .collect();
        let mut with_text = parts.values().filter(|part| !part.is_empty());
        match (with_text.next(), with_text.next()) {
            (None, _) => None,
            (Some(alone), None) => Some(alone.clone()),
            (Some(_), Some(_)) => Some(self.format.as_ref()?.plain(|name| parts.get(name).map(String::as_str))),
        }
    }
}

fn lines(text: &str) -> Vec<PlainKey> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| PlainKey::new(line.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn from(settings: Value) -> KeysFrom {
        let from: KeysFrom = serde_json::from_value(settings).unwrap();
        assert_eq!(from.mistake(), None);
        from
    }

    fn keys(from: &KeysFrom, answer: &Value) -> Result<Vec<String>, String> {
        from.of(answer).map(|keys| keys.iter().map(|key| key.expose().to_owned()).collect())
    }

    #[test]
    fn keys_are_found_in_each_shape() {
        let lines = from(json!({ "lines": "/d/secret" }));
        assert_eq!(keys(&lines, &json!({ "d": { "secret": "A-1\r\n\n B-2 \n" } })).unwrap(), ["A-1", "B-2"]);
        assert!(keys(&lines, &json!({ "d": {} })).unwrap().is_empty());
        assert!(keys(&lines, &json!({ "d": { "secret": ["A"] } })).is_err());

        let texts = from(json!({ "texts": "/cards" }));
        assert_eq!(keys(&texts, &json!({ "cards": ["A", 17] })).unwrap(), ["A", "17"]);
        for wrong in [json!({ "cards": ["A", ""] }), json!({ "cards": [["A"]] }), json!({ "cards": "A" })] {
            assert!(keys(&texts, &wrong).is_err(), "{wrong}");
        }

        let fields = json!({ "no": "/number", "pin": "/pin/code" });
        let objects = from(json!({ "objects": "/cards", "fields": fields, "format": "{no}:{pin}" }));
        let answer = json!({ "cards": [{ "number": "1", "pin": { "code": "x{no}" } }, { "pin": { "code": "y" } }] });
        assert_eq!(keys(&objects, &answer).unwrap(), ["1:x{no}", "y"]);
        assert!(keys(&objects, &json!({ "cards": [{}] })).is_err());
        assert!(keys(&objects, &json!({ "cards": null })).unwrap().is_empty());
    }

    #[test]
    fn what_does_not_fit_together_is_told() {
        for (settings, word) in [
            (json!({}), "exactly one"),
            (json!({ "lines": "/a", "texts": "/b" }), "exactly one"),
            (json!({ "lines": "/a", "format": "{a}" }), "belong to objects"),
            (json!({ "objects": "/a", "fields": { "a": "/a" } }), "need a format"),
            (json!({ "objects": "/a", "format": "x" }), "need fields"),
            (json!({ "objects": "/a", "fields": { "a": "/a" }, "format": "{b}" }), "\"b\""),
        ] {
            let from: KeysFrom = serde_json::from_value(settings).unwrap();
            assert!(from.mistake().unwrap().contains(word), "{word}");
        }
    }
}
