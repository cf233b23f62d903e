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

const KASU: &str = "[suppliers.kasu]\nkind = \"kasushou\"\nurl = \"https://kasu.example\"\ncurrency = \"CNY\"\nuser_id = \"10000\"\nmost = 50\n[routes.music-12]\nfrom = [{ supplier = \"kasu\", product = \"1001\", price = 900 }]\n";

#[test]
fn config_check_shows_suppliers_and_routes_and_no_secret_of_theirs() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "fulfil.toml", KASU);
    write(folder.path(), "api-key", "geheim-geheim-geheim\n");
    let check = |args: &[&str]| {
        let mut command = fulfil();
        command.current_dir(folder.path()).envs(NOWHERE).env("FULFIL_SUPPLIERS__KASU__API_KEY_FILE", "api-key");
        let output = command.args(["config", "check"]).args(args).output().unwrap();
        assert_exit(&output, 0);
        assert!(!told(&output).contains("geheim"), "{}", told(&output));
        output
    };
    let settings = json_of(&check(&["--format", "json"]));
    let key = |name: &str| {
        let setting = settings.as_array().unwrap().iter().find(|setting| setting["key"] == name).unwrap();
        (setting["value"].clone(), setting["from"].clone())
    };
    assert_eq!(key("suppliers.kasu.kind"), (json!("kasushou"), json!("fulfil.toml:2")));
    assert_eq!(key("suppliers.kasu.timeout_ms"), (json!("20000"), json!("default")));
    assert_eq!(key("suppliers.kasu.most"), (json!("50"), json!("fulfil.toml:6")));
    let secret = (json!("(set, not shown)"), json!("FULFIL_SUPPLIERS__KASU__API_KEY_FILE"));
    assert_eq!(key("suppliers.kasu.api_key"), secret);
    assert_eq!(key("routes.music-12.from"), (json!("kasu 1001 at 900"), json!("fulfil.toml:7")));
    let text = stdout(&check(&[]));
    for line in ["suppliers.kasu.url", "suppliers.kasu.api_key", "routes.music-12.from", "routes.music-12.at_a_loss"] {
        assert!(text.lines().any(|told| told.starts_with(line)), "{line} is not in\n{text}");
    }
}

/// What the configuration knows, and what only a supplier's protocol knows.
#[test]
fn every_mistake_with_a_supplier_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = KASU.replace("10000", "").replace("900", "0")
        + "[suppliers.b]\nkind = \"kinguin\"\nurl = \"ftp://h\"\ncurrency = \"EUR\"\napi_key = 4711\ntimeout = 5\n";
    write(folder.path(), "fulfil.toml", &text);
    let output = run(folder.path(), &["config", "check"]);
    assert_exit(&output, 78);
    let told = stderr(&output);
    for message in [
        "fulfil.toml:1: suppliers.kasu.api_key: is missing",
        "or set FULFIL_SUPPLIERS__KASU__API_KEY or FULFIL_SUPPLIERS__KASU__API_KEY_FILE",
        "fulfil.toml:8: routes.music-12.from.price: found the number 0",
        "fulfil.toml:11: suppliers.b.url: found \"ftp://h\"",
        "fulfil.toml:13: suppliers.b.api_key: found something that is no text (not shown)",
        "fulfil.toml:14: suppliers.b.timeout: there is no such key",
        "did you mean suppliers.b.timeout_ms?",
    ] {
        assert!(told.contains(message), "{message} is not in\n{told}");
    }
    assert!(!told.contains("4711"), "{told}");
}
