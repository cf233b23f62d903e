//! Reads settings and finds all mistakes, though a derived `Deserialize` stops at the first.
//!
//! Each mistake is noted and mended in a copy (an unknown key is taken away, a missing or wrong value is
//! replaced by the one of the kind's example), and the copy is read again until it is right.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::mistakes::Mistake;

/// Nobody reads on after so many. Each takes at most two readings, and what only needs its type one.
const MOST: usize = 30;

/// # Errors
/// Every mistake, in the order in which they were found.
pub(super) fn settings<T: DeserializeOwned>(settings: Map<String, Value>, example: &Value) -> Result<T, Vec<Mistake>> {
    let mut copy = Value::Object(settings);
    let mut mistakes: Vec<Mistake> = Vec::new();
    for _ in 0..3 * MOST {
        match serde_path_to_error::deserialize::<_, T>(&copy) {
            Ok(read) if mistakes.is_empty() => return Ok(read),
            Ok(_) => break,
            // A variable has no types: what it sets stands here as a text.
            Err(error) if typed(&mut copy, &steps(error.path()), example) => {}
            Err(error) => {
                let (mut at, mistake) = judged(steps(error.path()), &error.inner().to_string());
                // What was mended and is wrong still is mended together with what is around it.
                if mistakes.iter().any(|known| known.path == mistake.path) {
                    at.pop();
                } else {
                    mistakes.push(mistake);
                }
                if mistakes.len() == MOST || !mend(&mut copy, &at, example) {
                    break;
                }
            }
        }
    }
    Err(mistakes)
}

/// Where, and what, from serde's words.
fn judged(mut steps: Vec<String>, words: &str) -> (Vec<String>, Mistake) {
    let quoted = |after: &str| words.strip_prefix(after).and_then(|rest| rest.split('`').next()).map(str::to_owned);
    if let Some(name) = quoted("unknown field `") {
        let known: Vec<&str> = words.split('`').skip(3).step_by(2).collect();
        if steps.last() != Some(&name) {
            steps.push(name.clone());
        }
        let mistake = Mistake::unknown_field(steps.join("."), &name, &known);
        return (steps, mistake);
    }
    if let Some(name) = quoted("missing field `") {
        steps.push(name);
        let mistake = Mistake::new(steps.join("."), "is missing; this kind of supplier needs it");
        return (steps, mistake);
    }
    if words.starts_with("unknown variant `") {
        let (found, known): (Option<String>, Vec<&str>) =
            (quoted("unknown variant `"), words.split('`').skip(3).step_by(2).collect());
        let found = found.unwrap_or_default();
        let near = super::mistakes::hint(&found, known.iter().copied());
        let mistake = Mistake::new(steps.join("."), format!("found {found:?}, allowed: {}{near}", known.join(", ")));
        return (steps, mistake);
    }
    let words = words
        .strip_prefix("invalid type: ")
        .or_else(|| words.strip_prefix("invalid value: "))
        .map_or_else(|| words.to_owned(), in_our_words);
    let path = if steps.is_empty() { "settings".into() } else { steps.join(".") };
    (steps, Mistake::new(path, words))
}

fn in_our_words(mistake: &str) -> String {
    match mistake.rsplit_once(", expected ") {
        Some((found, expected)) => format!("found {}, allowed is {}", in_words(found), in_words(expected)),
        None => format!("found {mistake}"),
    }
}

/// What people call serde's kinds.
fn in_words(kind: &str) -> String {
    match kind {
        "a string" => "a text".into(),
        "u8" | "u16" | "u32" | "u64" => "a whole number".into(),
        "a boolean" => "true or false".into(),
        "map" | "a map" => "a table".into(),
        "sequence" | "a sequence" => "a list".into(),
        "null" => "nothing".into(),
        _ if kind.starts_with("struct ") => "a table".into(),
        _ => kind.strip_prefix("string ").map_or_else(|| kind.to_owned(), |text| format!("the text {text}")),
    }
}

/// Turns a text into the number or truth value that the example has there; whether it could.
fn typed(copy: &mut Value, at: &[String], example: &Value) -> bool {
    let Some(right) = at.iter().try_fold(example, |value, step| value.get(step.as_str())) else { return false };
    let found = at.iter().try_fold(copy, |value, step| value.get_mut(step.as_str()));
    let Some((found, text)) = found.and_then(|found| found.as_str().map(str::to_owned).map(|text| (found, text)))
    else {
        return false;
    };
    let value = match (right, serde_json::from_str(&text)) {
        (Value::Number(_), Ok(value @ Value::Number(_))) | (Value::Bool(_), Ok(value @ Value::Bool(_))) => value,
        _ => return false,
    };
    *found = value;
    true
}

fn steps(path: &serde_path_to_error::Path) -> Vec<String> {
    use serde_path_to_error::Segment;
    let mut steps = Vec::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => steps.push(index.to_string()),
            Segment::Map { key } => steps.push(key.clone()),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    steps
}

/// Puts the example's value in the place, or takes away what is there; whether anything changed.
fn mend(copy: &mut Value, at: &[String], example: &Value) -> bool {
    let Some((last, above)) = at.split_last() else { return false };
    let right = at.iter().try_fold(example, |value, step| match value {
        Value::Array(list) => step.parse::<usize>().ok().and_then(|at| list.get(at)),
        other => other.get(step.as_str()),
    });
    let right = right.cloned();
    let Some(parent) = above.iter().try_fold(copy, |value, step| match value {
        Value::Object(map) => map.get_mut(step),
        Value::Array(list) => step.parse::<usize>().ok().and_then(|at| list.get_mut(at)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }) else {
        return false;
    };
    match (parent, right) {
        (Value::Object(map), Some(right)) => map.insert(last.clone(), right.clone()).is_none_or(|old| old != right),
        (Value::Object(map), None) => map.remove(last).is_some(),
        (Value::Array(list), _) => last.parse().is_ok_and(|at: usize| {
            at < list.len() && {
                list.remove(at);
                true
            }
        }),
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => false,
    }
}
