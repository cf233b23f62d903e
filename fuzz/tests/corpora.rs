//! Every target over its committed corpus: what a fuzzer found once, and what it begins with.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::{fs, path::Path};

use fulfil_fuzz::TARGETS;

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn every_target_takes_its_corpus() {
    for (name, check) in TARGETS {
        let mut files: Vec<_> =
            fs::read_dir(folder("corpus").join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 3, "{name} has a corpus of {} files", files.len());
        for file in files {
            let bytes = fs::read(&file).unwrap();
            std::panic::catch_unwind(|| check(&bytes)).unwrap_or_else(|_| panic!("{}", file.display()));
        }
    }
}

/// Each target has its program, and none is left over.
#[test]
fn every_target_has_its_program() {
    let mut programs: Vec<String> = fs::read_dir(folder("src/bin"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    programs.sort();
    assert_eq!(programs, TARGETS.map(|(name, _)| name));
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("path = \"src/bin/{name}.rs\"")), "{name}");
    }
}
