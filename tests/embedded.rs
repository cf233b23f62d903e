//! Embedded mode, driven as a shop drives it: the built binary, files in, results out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on ends here")]

mod shop;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use shop::{assert_no_key_twice, count, delivered, fulfil, json, key_file, last_json, order, results, told, write};

fn run(folder: &Path) -> Command {
    let mut command = fulfil();
    command.arg("run").arg("--orders").arg(folder.join("orders.jsonl")).arg("--keys").arg(folder.join("keys.csv"));
    command.arg("--data").arg(folder.join("data"));
    command
}

fn audit(folder: &Path) -> Value {
    json(fulfil().args(["audit", "--data"]).arg(folder.join("data")))
}

/// 60 orders with a repeat, a conflict, broken ones and one that stock can't fill.
fn mixed(folder: &Path) {
    let mut lines: Vec<String> =
        (0..60).map(|n| order(&format!("o-{n}"), if n % 2 == 0 { "red" } else { "blue" }, 1 + n % 3)).collect();
    lines.push(lines[3].clone());
    lines.push(order("o-3", "red", 9));
    lines.push(r#"{"order_id":"cut","lines":["#.into());
    lines.push(order("zero", "red", 0));
    lines.push(order("nowhere", "no-such-sku", 1));
    lines.push(order("too-many", "red", 900));
    lines.push(
        lines[3].replace("o-3", "late").replace("\"lines\"", "\"expires_at\":\"2000-01-01T00:00:00Z\",\"lines\""),
    );
    lines.push(
        lines[3].replace("o-3", "topup").replace("\"unit_price\"", "\"recharge\":{\"account\":\"1\"},\"unit_price\""),
    );
    write(folder, "orders.jsonl", &lines.join("\n"));
    write(folder, "keys.csv", &key_file(&[("red", 70), ("blue", 70)]));
}

#[test]
fn every_kind_of_order_gets_its_answer_and_nothing_is_sold_twice() {
    let folder = tempfile::tempdir().unwrap();
    mixed(folder.path());
    let first = json(&mut run(folder.path()));
    let expected = [
        ("orders", 68),
        ("fulfilled", 60),
        ("repeats", 1),
        ("conflict", 1),
        ("rejected", 6),
        ("keys_delivered", 120),
        ("partly_fulfilled", 0),
        ("processing", 0),
    ];
    for (name, value) in expected {
        assert_eq!(count(&first, name), value, "{name} in {first}");
    }
    let answers = results(&folder.path().join("data"));
    assert_no_key_twice(&answers);
    assert_eq!(delivered(&answers).len(), 120);
    for (id, code) in [
        ("zero", "invalid_order"),
        ("nowhere", "unknown_sku"),
        ("too-many", "out_of_stock"),
        ("late", "expired"),
        ("topup", "no_supplier"),
    ] {
        let result = &answers[&format!("{id}:1")]["body"];
        assert_eq!(result["reason"]["code"], code, "{result}");
    }
    let audited = audit(folder.path());
    assert_eq!(audited["ok"], true, "{audited}");
    for (name, value) in [
        ("imported", 140),
        ("sold", 120),
        ("available", 20),
        ("stock_missing", 0),
        ("stock_not_available", 0),
        ("claims_open", 0),
    ] {
        assert_eq!(count(&audited, name), value, "{name} in {audited}");
    }

    // The same again: what has an order id is a repeat, and its answer is the same to the byte.
    let again = json(&mut run(folder.path()));
    for (name, value) in
        [("orders", 68), ("fulfilled", 0), ("repeats", 66), ("conflict", 1), ("rejected", 1), ("keys_delivered", 0)]
    {
        assert_eq!(count(&again, name), value, "{name} in {again}");
    }
    assert_eq!(results(&folder.path().join("data")), answers);
    assert_eq!(audit(folder.path()), audited);
}

#[test]
fn the_private_key_is_its_owners_and_opens_what_was_delivered() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "orders.jsonl", &order("a", "red", 2));
    write(folder.path(), "keys.csv", &key_file(&[("red", 2)]));
    let output = run(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let private_key = folder.path().join("data/private-key");
    assert_eq!(fs::metadata(&private_key).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(String::from_utf8_lossy(&output.stderr).contains("private key"), "{}", told(&output));

    let data = folder.path().join("data");
    let stored = &results(&data)["a:1"]["body"];
    let result = write(folder.path(), "result.json", &stored.to_string());
    let opened = fulfil().arg("open").arg(&result).arg("--data").arg(&data).output().unwrap();
    let text = String::from_utf8_lossy(&opened.stdout).into_owned();
    assert!(text.contains("red-00000-ABCDE") && text.contains("red-00001-ABCDE"), "{}", told(&opened));
    let shown = fulfil().args(["order", "show", "a", "--data"]).arg(&data).output().unwrap();
    assert!(shown.status.success() && String::from_utf8_lossy(&shown.stdout).contains("fulfilled"), "{}", told(&shown));
    assert!(!String::from_utf8_lossy(&shown.stdout).contains("ABCDE"), "a key was shown");
}

/// Runs with a crash point set until a run survives; gives how often it died.
#[cfg(feature = "crash-points")]
fn run_through_crashes(folder: &Path, crash: &str, most: u32) -> (u32, Value) {
    for died in 0..=most {
        let output = run(folder).args(["--format", "json"]).env("FULFIL_CRASH", crash).output().unwrap();
        if output.status.success() {
            return (died, last_json(&output));
        }
        assert!(output.status.code().is_none(), "it died of something else: {}", told(&output));
    }
    panic!("still dying after {most} runs");
}

#[cfg(feature = "crash-points")]
#[test]
fn an_order_that_kills_the_process_is_dead_lettered_and_its_neighbours_are_not() {
    for point in ["received", "claimed", "answered", "announced"] {
        let folder = tempfile::tempdir().unwrap();
        let orders: Vec<String> = (0..30)
            .map(|n| order(&if n == 13 { "poison-13".to_owned() } else { format!("o-{n}") }, "red", 1))
            .collect();
        write(folder.path(), "orders.jsonl", &orders.join("\n"));
        write(folder.path(), "keys.csv", &key_file(&[("red", 40)]));
        let (died, _) = run_through_crashes(folder.path(), &format!("{point}:poison-13"), 20);
        assert!((4..=12).contains(&died), "{point}: it died {died} times");

        let answers = results(&folder.path().join("data"));
        assert_no_key_twice(&answers);
        for n in (0..30).filter(|n| *n != 13) {
            assert_eq!(answers[&format!("o-{n}:1")]["body"]["status"], "fulfilled", "{point}: a neighbour");
        }
        let poisoned = answers.values().any(|result| result["body"]["reason"]["code"] == "poison");
        let sold = answers.get("poison-13:1").is_some_and(|result| result["body"]["status"] == "fulfilled");
        assert!(poisoned || sold, "{point}: the order that kills has no answer");
        let audited = audit(folder.path());
        assert_eq!((&audited["ok"], count(&audited, "stock_missing")), (&Value::Bool(true), 0), "{audited}");
    }
}

#[test]
fn killed_at_any_moment_it_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let orders: Vec<String> = (0..3000).map(|n| order(&format!("o-{n}"), ["red", "blue", "green"][n % 3], 1)).collect();
    write(folder.path(), "orders.jsonl", &orders.join("\n"));
    write(folder.path(), "keys.csv", &key_file(&[("red", 1000), ("blue", 1000), ("green", 1000)]));
    // Each run is killed when the inbox, and later the results, have grown a little further.
    let mut killed = 0;
    for at in 1..=12u64 {
        let mut child = run(folder.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let grown =
            || fs::metadata(folder.path().join("data/fulfil.db-wal")).map_or(0, |file| file.len()) > at * 150_000;
        while !grown() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
    }
    assert!(killed >= 3, "only {killed} runs were killed");
    let last = json(&mut run(folder.path()));
    assert_eq!(count(&last, "rejected") + count(&last, "conflict") + count(&last, "partly_fulfilled"), 0, "{last}");
    let answers = results(&folder.path().join("data"));
    assert_eq!(answers.len(), 3000);
    assert_no_key_twice(&answers);
    assert_eq!(delivered(&answers).len(), 3000);
    let audited = audit(folder.path());
    assert_eq!((&audited["ok"], count(&audited, "available")), (&Value::Bool(true), 0), "{audited}");
}
