//! What `fulfil open` and `fulfil results tail` read: result messages, also such as we never wrote, and routing
//! keys under a pattern.
//!
//! The first line of a case is a pattern and a routing key; the block holds JSON documents.

use fulfil::cli::{result_keys::keys_of, topic_pattern::TopicPattern};
use fulfil_contract::ids::Sku;
use serde_json::Value;

use crate::script::Script;

pub fn check(data: &[u8]) {
    let script = Script::of(data);
    if let [pattern, key, ..] = script.words.as_slice() {
        let Ok(parsed) = pattern.parse::<TopicPattern>();
        let (pattern, key): (Vec<&str>, Vec<&str>) = (pattern.split('.').collect(), key.split('.').collect());
        if pattern.len() <= 12 && key.len() <= 12 {
            assert_eq!(parsed.matches(&key.join(".")), matches(&pattern, &key), "{pattern:?} {key:?}");
        }
    }
    for block in &script.blocks {
        for document in serde_json::Deserializer::from_slice(block).into_iter::<Value>() {
            let Ok(document) = document else { break };
            match keys_of(&document) {
                Ok(keys) => {
                    let text = document.to_string();
                    assert!(keys.len() <= text.matches("\"sealed\"").count(), "more keys than are sealed");
                    assert!(keys.iter().all(|key| Sku::parse(key.sku.as_str()).is_ok() && !key.to_string().is_empty()));
                }
                Err(problem) => assert!(!problem.is_empty()),
            }
        }
    }
}

/// What a topic exchange does, word by word: slow and plain.
fn matches(pattern: &[&str], key: &[&str]) -> bool {
    match pattern.split_first() {
        None => key.is_empty(),
        Some((&"#", rest)) => (0..=key.len()).any(|skipped| matches(rest, &key[skipped..])),
        Some((&"*", rest)) => !key.is_empty() && matches(rest, &key[1..]),
        Some((word, rest)) => key.first() == Some(word) && matches(rest, &key[1..]),
    }
}
