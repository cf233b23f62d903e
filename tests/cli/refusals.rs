//! What a command can't do is said in a sentence, and by a code.

use std::fs;

use fulfil::{compose, sealing::PrivateKey};

use crate::{
    NOWHERE, RECIPIENT, assert_exit, run,
    shop::{fulfil, key_file, order, told, write},
    stderr, stdout,
};

#[test]
fn bad_command_lines_are_told_and_end_with_64() {
    let folder = tempfile::tempdir().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&[], "Usage: fulfil"),
        (&["sell"], "unrecognized subcommand 'sell'"),
        (&["stok"], "a similar subcommand exists: 'stock'"),
        (&["keys"], "Usage: fulfil keys"),
        (&["keys", "export"], "unrecognized subcommand 'export'"),
        (&["keys", "import"], "<FILE|->"),
        (&["keys", "import", "a", "b"], "unexpected argument 'b'"),
        (&["stock", "rebuild", "no sku"], "has the character ' '; allowed are A-Z a-z 0-9 . _ : -"),
        (&["stock", "status", "red"], "unexpected argument 'red'"),
        (&["order", "submit"], "<FILE|->"),
        (&["order", "submit", "f", "--data", "d"], "fulfil run --orders FILE --data d"),
        (&["order", "show"], "<ID>"),
        (&["order", "show", ""], "is empty"),
        (&["order", "show", "ä"], "has the character 'ä'"),
        (&["results", "tail", "--limit", "0"], "0 is not in 1.."),
        (&["results", "tail", "--limit", "many"], "invalid digit found"),
        (&["audit", "--format", "xml"], "invalid value 'xml'"),
        (&["audit", "--format"], "a value is required"),
        (&["audit", "--confg", "f"], "a similar argument exists: '--config'"),
        (&["audit", "--data", "d", "--data", "e"], "cannot be used multiple times"),
        (&["worker", "--data", "d"], "fulfil run"),
        (&["run"], "--orders <FILE>"),
        (&["keygen", "--data", "d"], "d/private-key"),
        (&["open"], "or - for stdin"),
        (&["open", "--sku", "red"], "give the sealed keys after --sku"),
        (&["open", "a.json", "b.json"], "b.json is a second"),
        (&["config"], "Usage: fulfil config"),
    ];
    for (args, message) in cases {
        let output = run(folder.path(), args);
        assert_exit(&output, 64);
        assert!(stderr(&output).contains(message), "{args:?}: {}", told(&output));
        assert!(output.stdout.is_empty(), "{args:?}: {}", told(&output));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a refused command left something behind");
}

#[test]
fn files_and_folders_that_are_not_as_they_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| drop(write(folder.path(), name, text));
    at("orders.jsonl", &order("a", "red", 1));
    at("open.key", "# nothing");
    at("no.json", "{\"lines\":");
    at("no-result.json", "{\"order_id\":\"a\"}\n");
    fs::create_dir(folder.path().join("foreign")).unwrap();
    at("foreign/fulfil.db", &"no database ".repeat(1000));
    let own = PrivateKey::generate();
    fulfil::sealing::write_private_key(&folder.path().join("own.key"), &own).unwrap();

    let cases: &[(&[&str], i32, &str)] = &[
        (&["audit", "--data", "nowhere"], 66, "no data folder at nowhere: run `fulfil run"),
        (&["stock", "rebuild", "--data", "nowhere"], 66, "no data folder at nowhere"),
        (&["results", "tail", "--data", "nowhere"], 66, "no data folder at nowhere"),
        (&["open", "--data", "nowhere", "--key", "own.key"], 66, "no data folder at nowhere"),
        (&["audit", "--data", "foreign"], 78, "fulfil.db is no SQLite database"),
        (&["order", "check", "nowhere"], 66, "the orders file nowhere can't be read: No such file"),
        (&["order", "check", "."], 66, "is a directory"),
        (&["run", "--orders", "nowhere", "--data", "d"], 66, "the orders file nowhere can't be read"),
        (&["keys", "import", "nowhere", "--data", "d"], 66, "the key file nowhere can't be read"),
        (
            &["keys", "import", "orders.jsonl", "--report", "no/where", "--data", "d"],
            73,
            "the report no/where can't be written",
        ),
        (
            &["keys", "import", "orders.jsonl", "--report", "./orders.jsonl", "--data", "d"],
            64,
            "is the key file itself",
        ),
        (&["keygen", "--out", "no/where"], 73, "could not be written to no/where"),
        (&["keygen", "--out", "orders.jsonl"], 73, "never overwritten"),
        (&["open", "no.json"], 66, "could not be read from fulfil-private.key: No such file"),
        (&["open", "no.json", "--key", "open.key"], 66, "chmod 600 open.key"),
        (&["open", "nowhere", "--key", "own.key"], 66, "the results file nowhere can't be read"),
        (&["open", "no.json", "--key", "own.key"], 65, "no.json is no JSON: EOF while parsing"),
        (&["open", "no-result.json", "--key", "own.key"], 65, "result 1 is no result message: it has no \"lines\""),
        (&["open", "--sku", "red", "%%", "--key", "own.key"], 65, "sealed key 1 is no base64"),
        (&["open", "--sku", "red", "AAAA", "--key", "own.key"], 65, "a sealed key of 3 bytes is cut off"),
    ];
    for (args, code, message) in cases {
        let output = run(folder.path(), args);
        assert_exit(&output, *code);
        assert!(stderr(&output).contains(message), "{args:?}: {}", told(&output));
        assert!(stderr(&output).starts_with("fulfil: "), "{args:?}: {}", told(&output));
    }
    assert!(!folder.path().join("nowhere").exists());
    assert_eq!(
        fs::read_to_string(folder.path().join("orders.jsonl")).unwrap(),
        order("a", "red", 1),
        "it was overwritten"
    );
}

#[test]
fn a_data_folder_is_worked_in_by_one_process_and_read_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "keys.csv", &key_file(&[("red", 1)]));
    let held = compose::embedded(&folder.path().join("data")).unwrap();
    for args in [&["keys", "import", "keys.csv", "--data", "data"][..], &["stock", "rebuild", "--data", "data"]] {
        let output = run(folder.path(), args);
        assert_exit(&output, 75);
        assert!(
            stderr(&output).contains(&format!("is in use by another fulfil (pid {})", std::process::id())),
            "{}",
            told(&output)
        );
    }
    assert_exit(&run(folder.path(), &["audit", "--data", "data"]), 0);
    drop(held);
    assert_exit(&run(folder.path(), &["keys", "import", "keys.csv", "--data", "data"]), 0);
}

#[test]
fn a_server_that_is_away_is_named_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "orders.jsonl", &order("a", "red", 1));
    write(folder.path(), "keys.csv", &key_file(&[("red", 1)]));
    for (args, server) in [
        (&["audit"][..], "ledger"),
        (&["stock", "status"], "ledger"),
        (&["stock", "rebuild"], "ledger"),
        (&["order", "show", "a"], "ledger"),
        (&["keys", "import", "keys.csv"], "ledger"),
        (&["order", "submit", "orders.jsonl"], "127.0.0.1:1"),
        (&["results", "tail"], "127.0.0.1:1"),
    ] {
        let mut command = fulfil();
        command.current_dir(folder.path()).envs(NOWHERE).args(args);
        command
            .env("FULFIL_SEALING__RECIPIENT", RECIPIENT)
            .env("FULFIL_SEALING__FINGERPRINT_SECRET", "0123456789abcdef");
        let output = command.output().unwrap();
        assert_exit(&output, 69);
        assert!(
            stderr(&output).contains(server) && stderr(&output).contains("`fulfil config check` shows where"),
            "{}",
            told(&output)
        );
        assert!(!told(&output).contains("geheim"), "{}", told(&output));
        assert!(output.stdout.is_empty(), "{}", told(&output));
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["--help"][..],
        &["-h"],
        &["help"],
        &["help", "keys"],
        &["stock", "--help"],
        &["order", "submit", "--help"],
        &["--version"],
        &["-V"],
    ] {
        let output = run(folder.path(), args);
        assert_exit(&output, 0);
        assert!(stdout(&output).contains("fulfil") && output.stderr.is_empty(), "{args:?}: {}", told(&output));
    }
    let text = stdout(&run(folder.path(), &["--help"]));
    for command in
        ["run", "worker", "migrate", "keys", "stock", "order", "results", "audit", "keygen", "open", "config"]
    {
        assert!(text.contains(&format!("\n  {command} ")), "{command} is not in {text}");
    }
}
