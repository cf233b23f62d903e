//! What the end-to-end tests share: order and key files, and the built binary.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// One order with one line, as the platform sends it.
pub(crate) fn order(id: &str, sku: &str, quantity: u32) -> String {
    format!(
        r#"{{"order_id":"{id}","merchant_id":"m-01","placed_at":"2026-11-11T00:00:00Z","currency":"CNY","lines":[{{"line_no":1,"sku":"{sku}","quantity":{quantity},"unit_price":9850}}],"buyer":{{"account":"u-1","ip":"198.51.100.1"}}}}"#
    )
}

/// A key file with `count` keys of each SKU.
pub(crate) fn key_file(skus: &[(&str, usize)]) -> String {
    let mut text = "sku,key\n".to_owned();
    for (sku, count) in skus {
        for n in 0..*count {
            text.push_str(&format!("{sku},{sku}-{n:05}-ABCDE\n"));
        }
    }
    text
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

/// The binary, with no configuration of this machine or process.
pub(crate) fn fulfil() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulfil"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FULFIL_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Runs it to its end and gives stdout's last line as JSON.
pub(crate) fn json(command: &mut Command) -> Value {
    let output = command.args(["--format", "json"]).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, told(&output));
    last_json(&output)
}

pub(crate) fn last_json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_else(|| panic!("nothing on stdout\n{}", told(output)));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

pub(crate) fn told(output: &Output) -> String {
    format!("stdout: {}\nstderr: {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub(crate) fn count(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("{name} in {value}"))
}

/// The results of a data folder by message id; the same id twice must be the same bytes.
pub(crate) fn results(data: &Path) -> BTreeMap<String, Value> {
    let output = fulfil().args(["results", "tail", "--data"]).arg(data).args(["--format", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let mut results = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let result: Value = serde_json::from_str(line).unwrap();
        let id = result["message_id"].as_str().unwrap_or_else(|| panic!("message_id in {line}")).to_owned();
        if let Some(before) = results.insert(id.clone(), result.clone()) {
            assert_eq!(before, result, "two results {id}");
        }
    }
    results
}

/// Every key id of every delivered line, with its message id.
pub(crate) fn delivered(results: &BTreeMap<String, Value>) -> Vec<(String, String)> {
    let mut keys = Vec::new();
    for (id, result) in results {
        let body = &result["body"];
        for line in body["lines"].as_array().into_iter().flatten() {
            for key in line["keys"].as_array().into_iter().flatten() {
                keys.push((key["key_id"].as_str().unwrap().to_owned(), id.clone()));
            }
        }
    }
    keys
}

/// No key went to two orders.
pub(crate) fn assert_no_key_twice(results: &BTreeMap<String, Value>) {
    let mut owners = BTreeMap::new();
    for (key, id) in delivered(results) {
        if let Some(other) = owners.insert(key.clone(), id.clone()) {
            panic!("key {key} went to {other} and to {id}");
        }
    }
}
