//! The built binary, as other programs and people call it, wherever no server is needed: what goes to stdout,
//! what to stderr, and which exit code.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod configuration;
mod data_folder;
mod doctor;
mod refusals;
mod sealed_keys;
#[path = "../shop/mod.rs"]
mod shop;
mod streams;

use std::{path::Path, process::Output};

use serde_json::Value;
use shop::{fulfil, key_file, order, told, write};

/// Nothing listens there.
pub(crate) const NOWHERE: [(&str, &str); 3] = [
    ("FULFIL_SOURCE__URL", "amqp://u:geheim@127.0.0.1:1/v"),
    ("FULFIL_LEDGER__URL", "postgres://u:geheim@127.0.0.1:1/d"),
    ("FULFIL_STOCK__URL", "redis://127.0.0.1:1"),
];

/// Nobody's.
pub(crate) const RECIPIENT: &str = "B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw=";

/// Runs it in a folder of its own.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    fulfil().current_dir(folder).args(args).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", told(output)))
}

#[track_caller]
pub(crate) fn assert_exit(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", told(output));
    assert!(!told(output).contains('\x1b'), "colours, and no terminal: {}", told(output));
}

/// A data folder after a run of some orders: of 6 red keys 3 are sold, one line can't be filled.
pub(crate) fn shop_with_orders(folder: &Path) {
    let orders = [
        order("o-1", "red", 1),
        order("o-2", "red", 2),
        order("o-3", "red", 9),
        "broken {".into(),
        order("o-1", "red", 2),
    ];
    write(folder, "orders.jsonl", &orders.join("\n"));
    write(folder, "keys.csv", &key_file(&[("red", 6), ("blue", 2)]));
    assert_exit(&run(folder, &["run", "--orders", "orders.jsonl", "--keys", "keys.csv", "--data", "data"]), 0);
}
