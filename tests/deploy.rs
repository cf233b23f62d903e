//! What is deployed beside the pool names metrics that there are, and Prometheus's own tool accepts it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use fulfil::ops::{metrics, procurement_metrics, supplier_metrics};
use fulfil_contract::{
    procurement::{Placed, ProcurementCounts},
    supplier::SupplierName,
};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Names in quotes that the code gives to metrics, in all of `src/ops/*metrics.rs`.
fn metrics_in_the_code() -> BTreeSet<String> {
    let files = fs::read_dir(file("src/ops")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with("metrics.rs")).collect();
    assert!(files.len() > 2, "{files:?}");
    let texts = files.iter().map(|path| fs::read_to_string(path).unwrap());
    let named = |text: String| -> Vec<String> {
        text.split('"').filter(|text| text.starts_with("fulfil_")).map(str::to_owned).collect()
    };
    texts.flat_map(named).collect()
}

/// Every word that begins like one of our metrics; a histogram's series count as the histogram.
fn metrics_named_in(text: &str, known: &BTreeSet<String>) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_word(c)).filter(|word| word.starts_with("fulfil_"));
    let series_of = |word: &str| {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix));
        base.filter(|base| known.contains(*base)).unwrap_or(word).to_owned()
    };
    words.map(series_of).collect()
}

#[test]
fn dashboard_and_alerts_name_metrics_that_exist() {
    let known = metrics_in_the_code();
    assert!(known.contains("fulfil_deliveries_total") && known.len() > 40, "{known:?}");
    for (name, least) in [("deploy/grafana/dashboards/fulfil.json", 40), ("deploy/prometheus/rules.yml", 18)] {
        let named = metrics_named_in(&read(name), &known);
        let unknown: Vec<&String> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{name} names {unknown:?}, which src/ops/*metrics.rs do not have");
        assert!(named.len() >= least, "{name} names {} metrics only", named.len());
    }
}

#[test]
fn every_metric_is_on_the_dashboard() {
    let known = metrics_in_the_code();
    let shown = metrics_named_in(&read("deploy/grafana/dashboards/fulfil.json"), &known);
    let hidden: Vec<&String> = known.difference(&shown).collect();
    assert!(hidden.is_empty(), "no panel of deploy/grafana/dashboards/fulfil.json shows {hidden:?}");
}

#[test]
fn every_alert_names_a_chapter_or_a_command() {
    let operations = read("docs/operations.md");
    let rules = read("deploy/prometheus/rules.yml").replace('\\', "");
    let named = rules.lines().filter_map(|line| line.split_once("docs/operations.md, \""));
    let chapters: Vec<&str> = named.map(|(_, rest)| rest.split('"').next().unwrap()).collect();
    assert!(chapters.len() > 12, "{chapters:?}");
    for chapter in chapters {
        assert!(operations.contains(&format!("\n### {chapter}\n")), "docs/operations.md has no chapter {chapter:?}");
    }
}

#[test]
fn the_dashboard_is_json_with_a_panel_id_each() {
    let dashboard: serde_json::Value = serde_json::from_str(&read("deploy/grafana/dashboards/fulfil.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    assert!(panels.iter().all(|panel| panel["title"].is_string()));
}

#[test]
fn compose_configures_keys_that_exist() {
    let variables: BTreeSet<String> =
        fulfil::config::KEYS.iter().flat_map(|key| [Some(key.variable()), key.file_variable()]).flatten().collect();
    for name in [
        "deploy/compose.yaml",
        "deploy/kubernetes/worker.yaml",
        "deploy/systemd/fulfil-worker.service",
        "deploy/Containerfile",
    ] {
        let text = read(name);
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let named: BTreeSet<&str> =
            text.split(|c| !is_word(c)).filter(|word| word.starts_with("FULFIL_") && word.contains("__")).collect();
        assert!(!named.is_empty(), "{name}");
        for variable in named {
            assert!(variables.contains(variable), "{name} sets {variable}, which is no key of the configuration");
        }
    }
}

/// Runs promtool; `None` where it is not installed (Debian: package prometheus).
fn promtool(arguments: &[&str], input: &str) -> Option<Output> {
    let tool = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut tool = match tool {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("promtool is not installed: {} NOT checked by it", arguments.join(" "));
            return None;
        }
        other => other.unwrap(),
    };
    tool.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Some(tool.wait_with_output().unwrap())
}

fn accepted(output: Option<Output>) {
    if let Some(output) = output {
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}");
    }
}

#[test]
fn prometheus_accepts_configuration_and_rules() {
    accepted(promtool(&["check", "config", &file("deploy/prometheus/prometheus.yml").to_string_lossy()], ""));
}

#[test]
fn prometheus_accepts_the_scrape() {
    let handle = metrics::install().unwrap();
    metrics::session_opened(0);
    metrics::session_lost(0);
    metrics::owed(3);
    metrics::StepTimes::start().end("screen");
    of_the_slow_lane();
    let scrape = handle.render();
    assert!(scrape.contains("fulfil_step_seconds_bucket{step=\"screen\",le=\"0.0005\"}"), "{scrape}");
    for told in [
        "fulfil_supplier_breaker_state{supplier=\"kasu\"} 2",
        "fulfil_supplier_call_seconds_bucket{supplier=\"kasu\",kind=\"buy\",le=\"0.25\"} 1",
        "fulfil_supplier_balance_minor_units{supplier=\"kasu\"} -5",
        "fulfil_procurement_oldest_seconds 9",
        "fulfil_supplier_keys_missing_total{supplier=\"kasu\"} 1",
    ] {
        assert!(scrape.contains(told), "{told} is missing:\n{scrape}");
    }
    accepted(promtool(&["check", "metrics"], &scrape));
}

/// Each of its metrics once.
fn of_the_slow_lane() {
    let kasu = SupplierName::parse("kasu").unwrap();
    supplier_metrics::called(&kasu, "buy", "delivered", Duration::from_millis(200));
    supplier_metrics::entered(&kasu);
    supplier_metrics::left(&kasu);
    supplier_metrics::breaker(&kasu, supplier_metrics::Breaker::Open);
    supplier_metrics::retried(&kasu);
    supplier_metrics::retry_refused(&kasu);
    supplier_metrics::refused(&kasu, "rate");
    supplier_metrics::balance(&kasu, -5);
    procurement_metrics::ended("delivered");
    procurement_metrics::visits(3);
    procurement_metrics::broken_off();
    procurement_metrics::placed(&kasu, &Placed { complete: true, known: 1, surplus: 1, missing: 1 });
    let counts = ProcurementCounts { open: 4, due: 3, in_review: 2, reviews_open: 1, oldest_seconds: Some(9) };
    procurement_metrics::counts(&counts);
    procurement_metrics::callback(&kasu, "woken");
}
