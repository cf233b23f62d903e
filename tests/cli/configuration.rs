//! A bad configuration: told whole where a key of it is needed.

use serde_json::json;

use crate::{
    NOWHERE, assert_exit, json_of, run,
    shop::{fulfil, told, write},
    stderr, stdout,
};

/// Each with the variables that are set, the file's text, the command, and what is said.
#[test]
fn bad_configurations_end_with_78_and_everything_at_once() {
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a [&'a str], &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        (
            &[],
            "[source]\nlane = 1\n[log]\nlevel = \"inof\"\n",
            &["config", "check"],
            &["has 2 errors", "fulfil.toml:2: unknown key source.lane", "fulfil.toml:4: log.level"],
        ),
        (&[], "[source\n", &["config", "check"], &["fulfil.toml:1: not TOML"]),
        (
            &[("FULFIL_STOCK__BUCKETS", "0")],
            "[admin]\nlisten = 7\n",
            &["config", "check"],
            &["has 2 errors", "FULFIL_STOCK__BUCKETS", "admin.listen"],
        ),
        (&[("FULFIL_LEDGER_URL", "postgres://h/d")], "", &["config", "check"], &["rename it FULFIL_LEDGER__URL"]),
        (
            &[("FULFIL_LEDGER__URL_FILE", "nowhere")],
            "",
            &["config", "check"],
            &["FULFIL_LEDGER__URL_FILE", "can't be read"],
        ),
        (&[("FULFIL_CONFIG", "nowhere.toml")], "", &["config", "check"], &["nowhere.toml", "can't be read"]),
        (&[], "", &["config", "check", "--config", "other.toml"], &["--config", "other.toml", "can't be read"]),
        (&[], "", &["audit"], &["has 2 errors", "ledger.url is not set", "stock.url is not set"]),
        (&[], "", &["stock", "status"], &["ledger.url is not set", "stock.url is not set"]),
        (&[], "", &["order", "show", "a"], &["has 1 error", "ledger.url is not set"]),
        (
            &[],
            "",
            &["keys", "import", "-"],
            &["has 3 errors", "ledger.url", "sealing.recipient", "FULFIL_SEALING__FINGERPRINT_SECRET_FILE"],
        ),
        (&[], "", &["order", "submit", "-"], &["source.url is not set"]),
        (&[], "", &["results", "tail"], &["source.url is not set"]),
        (&[], "", &["worker"], &[".url is not set"]),
        (&[("FULFIL_LOG__LEVEL", "loud")], "", &["audit"], &["FULFIL_LOG__LEVEL"]),
        // A file that is named for this call has to be a good one, whether the command needs a key of it or not.
        (&[], "", &["keygen", "--config", "other.toml"], &["other.toml"]),
    ];
    for (variables, text, args, messages) in cases {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "fulfil.toml", text);
        let output = fulfil().current_dir(folder.path()).envs(variables.iter().copied()).args(*args).output().unwrap();
        assert_exit(&output, 78);
        for message in *messages {
            assert!(stderr(&output).contains(message), "{args:?}: {message} is not in\n{}", told(&output));
        }
        assert!(output.stdout.is_empty(), "{}", told(&output));
    }
}

#[test]
fn a_configuration_that_nobody_asked_for_stops_nothing_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "fulfil.toml", "[log]\nlevel = 7\n");
    let output = run(folder.path(), &["keygen", "--out", "key"]);
    assert_exit(&output, 0);
    assert!(stderr(&output).contains("`fulfil config check` lists them"), "{}", told(&output));
}

#[test]
fn config_check_shows_every_key_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "fulfil.toml", "[source]\nlanes = 3\n");
    let mut command = fulfil();
    command.current_dir(folder.path()).envs(NOWHERE).env("FULFIL_SEALING__FINGERPRINT_SECRET", "geheim-geheim-geheim");
    let output = command.args(["config", "check", "--format", "json"]).output().unwrap();
    assert_exit(&output, 0);
    let settings = json_of(&output);
    let key = |name: &str| settings.as_array().unwrap().iter().find(|setting| setting["key"] == name).unwrap().clone();
    assert_eq!((&key("source.lanes")["value"], &key("source.lanes")["from"]), (&json!("3"), &json!("fulfil.toml:2")));
    assert_eq!(key("ledger.url")["from"], "FULFIL_LEDGER__URL");
    assert_eq!(settings.as_array().unwrap().len(), fulfil::config::KEYS.len());
    let text = fulfil().current_dir(folder.path()).envs(NOWHERE).args(["config", "check"]).output().unwrap();
    assert!(stdout(&text).lines().count() == fulfil::config::KEYS.len() + 1, "{}", told(&text));
    assert!(!told(&output).contains("geheim") && !told(&text).contains("geheim"), "{}", told(&text));
}
