//! `fulfil keygen`, `fulfil keys import` and `fulfil open`: a key in clear is shown by the last one alone.

use std::{fs, io::Write, os::unix::fs::PermissionsExt, process::Stdio};

use base64::{Engine, engine::general_purpose::STANDARD};
use fulfil::sealing::{CardKey, PrivateKey, Sealer, read_private_key};
use fulfil_contract::ids::Sku;
use serde_json::{Value, json};

use crate::{
    assert_exit, json_of, run,
    shop::{fulfil, key_file, told, write},
    stderr, stdout,
};

#[test]
fn keygen_keeps_the_private_key_to_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["keygen", "--format", "json"]);
    assert_exit(&output, 0);
    let made = json_of(&output);
    assert_eq!(made["private_key_file"], "fulfil-private.key");
    let path = folder.path().join("fulfil-private.key");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(made["recipient"], read_private_key(&path).unwrap().recipient().to_string());
    assert_eq!(made.as_object().unwrap().len(), 2);

    let before = fs::read_to_string(&path).unwrap();
    assert_exit(&run(folder.path(), &["keygen"]), 73);
    assert_eq!(fs::read_to_string(&path).unwrap(), before);

    let text = run(folder.path(), &["keygen", "--out", "other"]);
    assert!(
        stdout(&text).contains("recipient = \"") && stdout(&text).contains("openssl rand -hex 32"),
        "{}",
        told(&text)
    );
    assert!(!told(&text).contains("fulfil-private-key-v1:"), "{}", told(&text));
}

/// A result with one key for each of `keys`, sealed for `private`.
fn result(private: &PrivateKey, order_id: &str, keys: &[&str]) -> Value {
    let (sealer, sku) = (Sealer::new(private.recipient()), Sku::parse("red").unwrap());
    let seal = |key: &&str| STANDARD.encode(sealer.seal(&sku, CardKey::parse(key).unwrap()).0);
    let keys: Vec<Value> =
        keys.iter().enumerate().map(|(at, key)| json!({ "key_id": at.to_string(), "sealed": seal(key) })).collect();
    json!({ "order_id": order_id, "revision": 1, "status": "fulfilled", "merchant_id": "m", "lines": [{ "line_no": 1, "sku": "red", "status": "delivered", "keys": keys }] })
}

#[test]
fn open_reads_every_shape_of_results() {
    let folder = tempfile::tempdir().unwrap();
    let private = PrivateKey::generate();
    fulfil::sealing::write_private_key(&folder.path().join("fulfil-private.key"), &private).unwrap();
    let (a, b) = (result(&private, "a", &["K-1", "with,comma \"and\" quotes"]), result(&private, "b", &["K-3"]));
    let tail = json!({ "routing_key": "m.fulfilled", "message_id": "a:1", "body": a });
    let expected =
        "order_id,line_no,sku,key_id,key\na,1,red,0,K-1\na,1,red,1,\"with,comma \"\"and\"\" quotes\"\nb,1,red,0,K-3\n";
    for text in [
        format!("{a}\n{b}\n"),
        json!([a, b]).to_string(),
        serde_json::to_string_pretty(&json!([a, b])).unwrap(),
        format!("[{a}]\n[{b}]"),
        format!("{tail}\n{b}\n"),
    ] {
        write(folder.path(), "results.json", &text);
        let output = run(folder.path(), &["open", "results.json"]);
        assert_exit(&output, 0);
        assert_eq!(stdout(&output), expected, "{text}");
    }

    let sealed = b["lines"][0]["keys"][0]["sealed"].as_str().unwrap();
    let output = run(folder.path(), &["open", "--sku", "red", sealed, sealed, "--format", "json"]);
    assert_exit(&output, 0);
    let line = r#"{"order_id":null,"line_no":null,"sku":"red","key_id":null,"key":"K-3"}"#;
    assert_eq!(stdout(&output), format!("{line}\n{line}\n"));
    assert_exit(&run(folder.path(), &["open", "--sku", "blue", sealed]), 65);
}

#[test]
fn open_names_the_keys_that_do_not_open_and_prints_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (PrivateKey::generate(), PrivateKey::generate());
    fulfil::sealing::write_private_key(&folder.path().join("own"), &own).unwrap();
    let mut mixed = result(&own, "a", &["GOOD", "OTHER"]);
    mixed["lines"][0]["keys"][1] = result(&other, "a", &["x", "OTHER"])["lines"][0]["keys"][1].clone();
    let mut command = fulfil();
    let mut child = command
        .current_dir(folder.path())
        .args(["open", "-", "--key", "own"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(mixed.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_exit(&output, 65);
    assert!(stdout(&output).ends_with("key\na,1,red,0,GOOD\n"), "{}", told(&output));
    for message in [
        "key_id 1 of SKU red (order a, line 1): this private key does not open it",
        "1 of 2 keys could not be opened with own",
    ] {
        assert!(stderr(&output).contains(message), "{}", told(&output));
    }
}

#[test]
fn keys_import_says_what_became_of_every_line() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{}red\nred,red-00001-ABCDE\nno sku,x\n", key_file(&[("red", 3)]));
    write(folder.path(), "keys.csv", &text);
    let import =
        |more: &[&str]| run(folder.path(), &[&["keys", "import", "keys.csv", "--data", "data"], more].concat());
    let output = import(&["--format", "json", "--report", "report.csv"]);
    assert_exit(&output, 65);
    let summary = json_of(&output);
    let counts = ["lines", "imported", "repeats", "bad_lines"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(counts, [6, 3, 1, 2], "{summary}");
    let mut lines: Vec<u64> =
        summary["problems"].as_array().unwrap().iter().map(|problem| problem["line"].as_u64().unwrap()).collect();
    lines.sort_unstable();
    assert_eq!(lines, [5, 6, 7]);
    let report = fs::read_to_string(folder.path().join("report.csv")).unwrap();
    assert!(
        report.starts_with("line,sku,problem\n")
            && report.contains("\n6,red,\"repeat: ")
            && report.lines().count() == 4,
        "{report}"
    );
    assert!(stderr(&output).contains("2 lines could not be imported"), "{}", told(&output));

    let again = import(&[]);
    assert_exit(&again, 65);
    let text = stdout(&again);
    assert!(text.starts_with("6 lines: 0 imported, 4 known already, 2 bad\n"), "{text}");
    assert!(text.contains("skipped: line 2, 3, 4, 6\n") && text.contains("Bad:\n  line 5: "), "{text}");
    for output in [&output, &again] {
        assert!(!told(output).contains("ABCDE") && !report.contains("ABCDE"), "a key was shown: {}", told(output));
    }

    let mut command = fulfil();
    command.current_dir(folder.path()).args(["keys", "import", "-", "--data", "data", "--format", "json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"blue,K-1\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_exit(&output, 0);
    assert_eq!(json_of(&output), json!({ "lines": 1, "imported": 1, "repeats": 0, "bad_lines": 0, "problems": [] }));
}
