//! The arrows that must never exist (docs/architecture.md). Read from the sources as text: what is not
//! written can't be called.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on ends here")]

use std::{
    fs,
    path::{Path, PathBuf},
};

const STEPS: [&str; 7] = ["intake", "screen", "claim", "record", "twins", "announce", "acknowledge"];
const ADAPTERS: [&str; 6] = ["rabbitmq", "redis", "postgres", "sqlite", "suppliers", "memory"];
const CLOCKS: [&str; 5] = ["Instant::now", "SystemTime", "Timestamp::now", "tokio::time", "elapsed("];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a seed could not decide: dice that are nobody's, a choice among branches that the runtime rolls for, a clock
/// that a simulation can't stop.
#[test]
fn nothing_that_decides_rolls_dice_of_its_own() {
    let mut files: Vec<PathBuf> =
        ["src/pipeline", "src/stock", "src/procurement"].iter().flat_map(|folder| rust_files(folder)).collect();
    files.extend(["src/pool.rs", "src/patience.rs", "src/ops/drain.rs"].map(|file| root().join(file)));
    for file in files {
        // Their rules are told the time and seeded by the one file that makes the calls.
        if file.to_string_lossy().contains("/guard/") && !file.ends_with("guarded.rs") {
            continue;
        }
        let text = code(&fs::read_to_string(&file).unwrap());
        let name = file.display();
        for dice in ["rand::", "thread_rng", "futures_util::select", "sync::watch", "SystemTime"] {
            assert!(!text.contains(dice), "{name} → {dice}");
        }
        let selects: Vec<&str> = text.split("select! {").skip(1).collect();
        assert!(
            selects.iter().all(|select| select.trim_start().starts_with("biased;")),
            "{name}: a select! is not biased"
        );
    }
    assert!(code(&read("src/chance.rs")).contains("rand::random"), "the reader of this rule sees dice");
}

/// The lines that are code: no comments, nothing from the test module on.
fn code(text: &str) -> String {
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "{folder} holds no Rust file");
    files
}

/// The names under `[dependencies]` of a manifest, not those for tests.
fn dependencies(manifest: &str) -> Vec<String> {
    let manifest: toml::Table = read(manifest).parse().unwrap();
    manifest
        .get("dependencies")
        .and_then(toml::Value::as_table)
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

fn names(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !part(before) && !part(after)
    })
}

#[test]
fn the_contract_knows_no_driver_and_no_other_crate_of_ours() {
    let allowed = [
        "async-trait",
        "base64",
        "jiff",
        "proptest",
        "serde",
        "serde_json",
        "serde_path_to_error",
        "sha2",
        "thiserror",
        "tokio",
        "zeroize",
    ];
    for dependency in dependencies("adapters/contract/Cargo.toml") {
        assert!(allowed.contains(&dependency.as_str()), "contract → {dependency}");
    }
    let manifest: toml::Table = read("adapters/contract/Cargo.toml").parse().unwrap();
    for of_suites in ["proptest", "tokio"] {
        let optional = manifest["dependencies"][of_suites].get("optional").and_then(toml::Value::as_bool);
        assert_eq!(optional, Some(true), "{of_suites} is for the conformance suites alone");
    }
}

#[test]
fn adapters_know_the_contract_and_nothing_else_of_ours() {
    for adapter in ADAPTERS {
        for dependency in dependencies(&format!("adapters/{adapter}/Cargo.toml")) {
            let ours = ["private-servers", "supplier-doubles"].contains(&dependency.as_str())
                || dependency.starts_with("fulfil");
            assert!(!ours || dependency == "fulfil-contract", "{adapter} → {dependency}");
        }
    }
}

#[test]
fn a_step_knows_no_other_step_no_adapter_no_configuration_no_global() {
    for step in STEPS {
        let text = code(&read(format!("src/pipeline/{step}.rs")));
        for other in STEPS.iter().filter(|other| **other != step) {
            for arrow in [format!("super::{other}::"), format!("pipeline::{other}::"), format!("use super::{other};")] {
                assert!(!text.contains(&arrow), "{step} → {other}");
            }
        }
        let grouped = text.split("use super::{").nth(1).and_then(|rest| rest.split("};").next()).unwrap_or("");
        for other in STEPS.iter().filter(|other| **other != step) {
            assert!(!names(grouped, other), "{step} → {other}");
        }
        for adapter in ADAPTERS {
            assert!(!text.contains(&format!("fulfil_{adapter}")), "{step} → {adapter}");
        }
        for forbidden in ["crate::config", "crate::compose", "crate::cli", "metrics::", "static ", "env::var", "Config"]
        {
            assert!(!text.contains(forbidden), "{step} → {forbidden}");
        }
    }
}

#[test]
fn the_composition_root_alone_names_the_adapters() {
    for file in rust_files("src") {
        let text = code(&fs::read_to_string(&file).unwrap());
        for adapter in ADAPTERS {
            let named = text.contains(&format!("fulfil_{adapter}"));
            let composes = file == root().join("src/compose.rs") || file.starts_with(root().join("src/compose"));
            assert!(!named || composes, "{} → {adapter}", file.display());
        }
    }
}

#[test]
fn the_breaker_has_no_clock() {
    let text = code(&read("adapters/redis/src/breaker.rs"));
    for clock in CLOCKS {
        assert!(!text.contains(clock), "breaker → {clock}");
    }
}

/// What stands around a supplier takes `now`: the file that makes the calls alone reads it.
#[test]
fn the_guards_have_one_clock() {
    let guarded = root().join("src/procurement/guard/guarded.rs");
    assert!(code(&read(&guarded)).contains("Instant::now"), "the reader of this rule sees no clock where there is one");
    let tests = root().join("src/procurement/guard/tests");
    for file in rust_files("src/procurement/guard").iter().filter(|file| **file != guarded && !file.starts_with(&tests))
    {
        let text = code(&fs::read_to_string(file).unwrap());
        for clock in CLOCKS {
            assert!(!text.contains(clock), "{} → {clock}", file.display());
        }
    }
}

/// What is done next is decided from committed rows, from prices, and from nothing else.
#[test]
fn deciding_what_to_buy_touches_nothing() {
    for name in ["step", "route", "pace"] {
        let text = code(&read(format!("src/procurement/{name}.rs")));
        for adapter in ADAPTERS {
            assert!(!text.contains(&format!("fulfil_{adapter}")), "{name} → {adapter}");
        }
        let forbidden =
            ["crate::config", "crate::compose", "crate::cli", "crate::ops", "ports::", "static ", "env::var"];
        for forbidden in forbidden.iter().chain(&[".await", "Instant::now", "SystemTime", "Timestamp::now"]) {
            assert!(!text.contains(forbidden), "{name} → {forbidden}");
        }
    }
    let step = code(&read("src/procurement/step.rs"));
    for other in ["super::", "crate::", "rand::"] {
        assert!(!step.contains(other), "step → {other}");
    }
}

#[test]
fn the_slow_lane_knows_neither_adapters_nor_the_configuration() {
    for file in rust_files("src/procurement") {
        let text = code(&fs::read_to_string(&file).unwrap());
        for forbidden in ["crate::config", "crate::compose", "crate::cli", "env::var"] {
            assert!(!text.contains(forbidden), "{} → {forbidden}", file.display());
        }
    }
}

#[test]
fn production_code_knows_neither_conformance_nor_test_code() {
    for manifest in [
        "Cargo.toml",
        "adapters/rabbitmq/Cargo.toml",
        "adapters/redis/Cargo.toml",
        "adapters/postgres/Cargo.toml",
        "adapters/sqlite/Cargo.toml",
        "adapters/suppliers/Cargo.toml",
    ] {
        for dependency in dependencies(manifest) {
            assert!(
                !["fulfil-memory", "private-servers", "supplier-doubles", "fulfil-load-tests", "tempfile", "criterion"]
                    .contains(&dependency.as_str()),
                "{manifest} → {dependency}"
            );
        }
        let manifest_table: toml::Table = read(manifest).parse().unwrap();
        let contract = &manifest_table["dependencies"]["fulfil-contract"];
        assert!(contract.get("features").is_none(), "{manifest} switches on features of the contract");
    }
    for folder in [
        "src",
        "adapters/rabbitmq/src",
        "adapters/redis/src",
        "adapters/postgres/src",
        "adapters/sqlite/src",
        "adapters/suppliers/src",
    ] {
        // Modules of tests alone are in files of this name, or in folders of it.
        let is_test = |file: &PathBuf| {
            file.strip_prefix(root()).unwrap().components().any(|part| part.as_os_str() == "tests")
                || file.ends_with("tests.rs")
        };
        for file in rust_files(folder).into_iter().filter(|file| !is_test(file)) {
            let text = code(&fs::read_to_string(&file).unwrap());
            for test_code in ["conformance", "supplier_doubles", "private_servers", "fulfil_load_tests"] {
                assert!(!names(&text, test_code), "{} → {test_code}", file.display());
            }
        }
    }
}

#[test]
fn the_reader_of_these_rules_can_see_an_arrow() {
    assert!(names("use super::{batch::X, screen::asked};", "screen"));
    assert!(!names("use super::{batch::Screened};", "screen"));
    assert_eq!(code("a\n// fulfil_redis\n#[cfg(test)]\nb"), "a");
}
