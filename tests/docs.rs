//! What the documents name is there: paths, reason codes, statuses, metrics; and their examples load.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use fulfil::{
    compose::protocol_mistakes,
    config::{Config, Sources, SupplierKind},
};
use fulfil_contract::{reason::ReasonCode, recorded::OrderStatus};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// README.md, docs/*.md and the READMEs of the folders.
fn documents() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    all.extend(["README.md", "load-tests/README.md", "samples/README.md"].map(|name| root().join(name)));
    all
}

/// The spans between single backticks, fenced blocks left out.
fn quoted(text: &str) -> Vec<String> {
    let outside: Vec<&str> = text.split("```").step_by(2).collect();
    outside.iter().flat_map(|part| part.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// The targets of links, without the place in the page.
fn linked(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets
        .map(|target| target.split('#').next().unwrap_or("").to_owned())
        .filter(|target| !target.is_empty())
        .collect()
}

/// Whether a quoted text is a path of this project: its first part is a folder here. `…`, `*` and `<…>` stand
/// for something else, so what comes before them must be there.
fn as_path(text: &str) -> Option<PathBuf> {
    let (first, _) = text.split_once('/')?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/*…<>{},".contains(c);
    if !text.chars().all(is_plain) || first.is_empty() || first == "target" || !root().join(first).is_dir() {
        return None;
    }
    let fixed: PathBuf = text.split('/').take_while(|part| !part.contains(['*', '…', '<', '{'])).collect();
    Some(fixed)
}

#[test]
fn every_path_that_a_document_names_is_there() {
    let mut checked = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap_or_else(|error| panic!("{}: {error}", document.display()));
        for path in quoted(&text).iter().filter_map(|text| as_path(text)) {
            assert!(
                root().join(&path).exists(),
                "{} names `{}`, which is not there",
                document.display(),
                path.display()
            );
            checked += 1;
        }
        for target in linked(&text).into_iter().filter(|target| !target.contains("://")) {
            assert!(
                document.parent().unwrap().join(&target).exists(),
                "{} links to {target}, which is not there",
                document.display()
            );
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked} paths only: are the documents still read?");
}

#[test]
fn the_closed_list_of_reasons_is_closed() {
    let contract = read("docs/contract.md");
    let table = contract.split("## Reasons").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<(String, String)> = table
        .lines()
        .filter_map(|line| {
            let mut cells = line.split('|').skip(1).map(str::trim);
            let code = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
            Some((code.to_owned(), cells.next()?.to_owned()))
        })
        .collect();
    let listed: BTreeSet<&str> = rows.iter().map(|(code, _)| code.as_str()).collect();
    let name = |code: ReasonCode| serde_json::to_value(code).unwrap().as_str().unwrap().to_owned();
    let codes: BTreeSet<String> = ReasonCode::ALL.into_iter().map(name).collect();
    assert_eq!(listed, codes.iter().map(String::as_str).collect());
    for code in ReasonCode::ALL {
        let retryable = if code.retryable() { "yes" } else { "no" };
        assert!(
            rows.contains(&(name(code), retryable.to_owned())),
            "docs/contract.md: {} is retryable: {retryable}",
            name(code)
        );
    }
}

#[test]
fn every_status_is_explained() {
    let contract = read("docs/contract.md");
    for status in OrderStatus::ALL {
        assert!(
            contract.contains(&format!("| `{}` |", status.as_str())),
            "docs/contract.md has no row for {}",
            status.as_str()
        );
    }
}

/// What stands between a fence of this language and its end.
fn fenced(text: &str, language: &str) -> Vec<String> {
    let opening = format!("\n```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

/// Whoever copies an example has a configuration that loads, with what the suppliers' protocols say of it.
#[test]
fn every_example_of_a_supplier_loads() {
    let mut kinds = BTreeSet::new();
    for (document, least) in [("docs/suppliers.md", 2), ("README.md", 1)] {
        let examples = fenced(&read(document), "toml");
        assert!(examples.len() >= least, "{document}: {} examples", examples.len());
        for example in examples {
            let sources = Sources::default().with_file(document, &example);
            let config = Config::load_checked(sources, &protocol_mistakes)
                .unwrap_or_else(|errors| panic!("an example in {document}, lines counted from its fence: {errors}"));
            assert!(config.assortment().skus().next().is_some(), "{document}: an example without a route");
            kinds.extend(config.suppliers().iter().map(|supplier| supplier.kind.as_str()));
        }
    }
    assert_eq!(kinds, SupplierKind::ALL.map(SupplierKind::as_str).into(), "one of each kind");
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let files = fs::read_dir(root().join("src/ops")).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.filter(|path| path.to_string_lossy().ends_with("metrics.rs"));
    let texts: Vec<String> = texts.map(|path| fs::read_to_string(path).unwrap()).collect();
    let named = texts.iter().flat_map(|text| text.split('"')).filter(|text| text.starts_with("fulfil_"));
    let code: BTreeSet<String> = named.map(str::to_owned).collect();
    assert!(code.len() > 40, "{code:?}");
    let listed: BTreeSet<String> =
        quoted(&read("docs/metrics.md")).into_iter().filter(|text| text.starts_with("fulfil_")).collect();
    assert_eq!(listed, code);
}

#[test]
fn every_invariant_has_a_chapter() {
    let invariants = read("docs/invariants.md");
    for number in 1..=9 {
        assert!(invariants.contains(&format!("\n## I{number}: ")), "docs/invariants.md has no chapter I{number}");
    }
}

/// docs/attempts.md draws the machine that the code has, arrow for arrow.
#[test]
fn the_drawn_attempt_machine_is_the_one_in_the_code() {
    use fulfil_contract::attempt::AttemptState;
    let drawn = read("docs/attempts.md");
    let drawing = drawn.split("stateDiagram-v2").nth(1).unwrap().split("```").next().unwrap();
    let arrows: BTreeSet<(String, String)> = drawing
        .lines()
        .filter_map(|line| line.trim().split_once(" --> "))
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .collect();
    let mut code = BTreeSet::from([("[*]".to_owned(), AttemptState::Intended.as_str().to_owned())]);
    for from in AttemptState::ALL {
        let next = AttemptState::ALL.into_iter().filter(|to| from.may_become(*to));
        code.extend(next.map(|to| (from.as_str().to_owned(), to.as_str().to_owned())));
        if !from.is_open() {
            code.insert((from.as_str().to_owned(), "[*]".to_owned()));
        }
    }
    assert_eq!(arrows, code);
    for state in AttemptState::ALL {
        assert!(drawn.contains(&format!("| `{}` |", state.as_str())), "the table lacks {state:?}");
    }
}
