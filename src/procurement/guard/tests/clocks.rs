//! Arrows: the rules have no clock, and one file has.

/// The lines that are code: no comments, nothing from the test module on.
fn code(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    lines.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_rules_have_no_clock() {
    let clocks = ["Instant::now", "SystemTime", "tokio::time", "elapsed(", "rand::random", "sleep("];
    for (file, text) in [
        ("breaker", include_str!("../breaker.rs")),
        ("window", include_str!("../window.rs")),
        ("pause", include_str!("../pause.rs")),
        ("rate", include_str!("../rate.rs")),
        ("bulkhead", include_str!("../bulkhead.rs")),
        ("turns", include_str!("../turns.rs")),
        ("budget", include_str!("../budget.rs")),
        ("health", include_str!("../health.rs")),
        ("meaning", include_str!("../meaning.rs")),
        ("gate", include_str!("../gate.rs")),
    ] {
        for clock in clocks {
            assert!(!code(text).contains(clock), "{file} → {clock}");
        }
        assert!(!code(text).contains("async ") && !code(text).contains(".await"), "{file} waits");
    }
    let guarded = code(include_str!("../guarded.rs"));
    assert!(guarded.contains("Instant::now"), "the reader of this rule sees a clock");
}

#[test]
fn a_purchase_is_sent_in_one_place_and_once() {
    let guarded = code(include_str!("../guarded.rs"));
    assert_eq!(guarded.matches("supplier.buy(").count(), 1);
}
