//! The commands that look after servers: each from the outside, on private servers, as one story.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod shop;

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use private_servers::{Server, Servers};
use serde_json::{Value, json};
use shop::{fulfil, key_file, order, told, write};

/// A folder, and the servers that its configuration names.
struct Site<'a> {
    folder: &'a Path,
    servers: Servers,
}

impl<'a> Site<'a> {
    fn new(folder: &'a Path) -> Self {
        let servers = Servers::start().unwrap();
        let output = fulfil().current_dir(folder).args(["keygen", "--format", "json"]).output().unwrap();
        let recipient =
            serde_json::from_slice::<Value>(&output.stdout).unwrap()["recipient"].as_str().unwrap().to_owned();
        let [broker, ledger, stock] =
            [servers.rabbitmq.new_vhost().unwrap(), servers.postgres.new_database().unwrap(), servers.redis.url()];
        // The counts are those of orders that stock filled: it is patient with stock on a crowded machine, and has one
        // batch under way, since one that wants more than there is holds all of it back from the others for a moment.
        let configuration = format!(
            "[source]\nurl = \"{broker}\"\nlanes = 1\nbatch_orders = 1\nin_flight = 1\n[ledger]\nurl = \"{ledger}\"\n[stock]\nurl = \"{stock}\"\ntimeout_ms = 20000\n\
             [admin]\nlisten = \"off\"\n[sealing]\nrecipient = \"{recipient}\"\nfingerprint_secret = \"0123456789abcdef\"\n"
        );
        write(folder, "fulfil.toml", &configuration);
        Self { folder, servers }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = fulfil();
        command.current_dir(self.folder).args(args);
        command
    }

    #[track_caller]
    fn run(&self, code: i32, args: &[&str]) -> Output {
        let output = self.command(args).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", told(&output));
        output
    }

    #[track_caller]
    fn ask(&self, args: &[&str]) -> Value {
        let output = self.run(0, &[args, &["--format", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", told(&output)))
    }

    /// Follows results, and has begun to when this returns.
    fn tail(&self, more: &[&str]) -> Child {
        let mut command = self.command(&[&["results", "tail", "--format", "json"], more].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("fulfil: following results"), "{line}");
        child
    }
}

#[test]
fn from_an_empty_server_to_delivered_keys() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new(folder.path());
    let orders = [order("o-1", "red", 2), order("o-2", "red", 9), "broken {".into(), order("o-4", "blue", 1)];
    write(folder.path(), "orders.jsonl", &orders.join("\n"));
    write(folder.path(), "keys.csv", &key_file(&[("red", 5), ("blue", 3)]));

    before_migration(&site);
    site.run(0, &["migrate"]);
    well(&site);
    let imported = site.ask(&["keys", "import", "keys.csv"]);
    assert_eq!((&imported["imported"], &imported["bad_lines"]), (&json!(8), &json!(0)));
    let status = site.ask(&["stock", "status"]);
    assert_eq!(
        (&status[1]["sku"], &status[1]["stock"], &status[1]["offered"]),
        (&json!("red"), &json!("not_loaded"), &json!(0))
    );
    assert_eq!(site.ask(&["audit"])["stock_missing"], 8);

    let (mut some, all) = (site.tail(&["--pattern", "*.fulfilled", "--limit", "2"]), site.tail(&[]));
    let submitted = site.ask(&["order", "submit", "orders.jsonl"]);
    assert_eq!((&submitted["submitted"], &submitted["without_order_id"]), (&json!(4), &json!(1)));
    site.run(0, &["worker", "--until-empty"]);
    assert!(some.wait().unwrap().success());
    let mut text = String::new();
    some.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    write(folder.path(), "results.json", &text);
    interrupted(all);

    let opened = String::from_utf8(site.run(0, &["open", "results.json"]).stdout).unwrap();
    assert!(opened.lines().count() == 4 && opened.contains("o-4,1,blue,") && opened.contains("-ABCDE"), "{opened}");
    assert_eq!(site.ask(&["order", "show", "o-2"])["status"], "rejected");
    site.run(1, &["order", "show", "o-3"]);
    let status = site.ask(&["stock", "status"]);
    assert_eq!((&status[1]["stock"], &status[1]["claimed"]), (&json!("complete"), &json!(0)));
    let audit = site.ask(&["audit"]);
    let count = |name: &str| audit[name].as_u64().unwrap();
    assert_eq!(["sold", "stock_missing", "claims_open"].map(count), [3, 0, 0], "{audit}");
    assert_eq!(["stock_offered", "stock_not_available"].map(count), [5, 0], "{audit}");
    assert_eq!(status[1]["offered"], 3, "{status}");

    rebuilding(&site);
    without_stock(&site);
}

/// The doctor's findings that are not ok, by id, with their states.
fn doctor(site: &Site<'_>, code: i32) -> Vec<(String, String)> {
    let output = site.run(code, &["doctor", "--format", "json"]);
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", told(&output)));
    let findings = findings.as_array().unwrap();
    assert!(findings.len() > 3 && !told(&output).contains("guest:guest"), "{}", told(&output));
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let bad = findings.iter().filter(|finding| finding["state"] != "ok");
    bad.map(|finding| (text(finding, "id"), text(finding, "state"))).collect()
}

/// Whatever the exit code.
fn doctor_state(site: &Site<'_>, id: &str) -> Option<String> {
    let output = site.command(&["doctor", "--format", "json"]).output().unwrap();
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    findings.as_array()?.iter().find(|finding| finding["id"] == id)?["state"].as_str().map(str::to_owned)
}

/// What policies make of the queues can't be seen over AMQP; that is always said.
const POLICIES: [&str; 2] = ["rabbitmq.delivery_limit", "warning"];

/// Nothing else is said against servers that were just migrated.
fn well(site: &Site<'_>) {
    assert_eq!(doctor(site, 0), [POLICIES.map(str::to_owned).into()]);
    let output = site.run(0, &["doctor", "--workers", "4"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("\nnothing is broken, 1 warning, ") && !text.contains("BROKEN"), "{text}");
    for server in ["RabbitMQ  amqp://guest@127.0.0.1", "Redis  127.0.0.1", "Postgres  127.0.0.1", "Configuration  "] {
        assert!(text.contains(server), "{text}");
    }
}

/// Each says what to do, and nothing is half done.
fn before_migration(site: &Site<'_>) {
    let broken = |id: &str| (id.to_owned(), "broken".to_owned());
    let expected = [
        "rabbitmq.orders",
        "rabbitmq.lanes",
        "rabbitmq.dead_letters",
        "rabbitmq.results",
        "redis.functions",
        "postgres.schema",
    ];
    let mut found = doctor(site, 1);
    // Without queues there is nothing to try permissions on.
    found.retain(|(id, _)| id != "rabbitmq.permissions");
    assert_eq!(found, expected.map(broken));
    for args in [
        &["audit"][..],
        &["keys", "import", "keys.csv"],
        &["stock", "status"],
        &["results", "tail"],
        &["review", "list"],
        &["worker"],
        &["worker", "--until-empty"],
        &["review", "resolve", "1", "--as", "noted", "--reason", "seen"],
    ] {
        let output = site.run(78, args);
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("run `fulfil migrate`"),
            "{args:?}: {}",
            told(&output)
        );
    }
    let output = site.command(&["order", "submit", "orders.jsonl"]).output().unwrap();
    assert!(matches!(output.status.code(), Some(69 | 75 | 78)), "{}", told(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("fulfil migrate"), "{}", told(&output));
}

/// Ctrl-C is how a tail is ended.
fn interrupted(tail: Child) {
    kill(Pid::from_raw(i32::try_from(tail.id()).unwrap()), Signal::SIGINT).unwrap();
    let output = tail.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 4, "{}", told(&output));
}

/// Without a worker nobody loads: what is offered is of the epoch before, until one starts.
fn rebuilding(site: &Site<'_>) {
    let epoch = site.ask(&["stock", "status"])[1]["epoch"].as_i64().unwrap();
    assert_eq!(site.ask(&["stock", "rebuild", "red"]), json!([{ "sku": "red", "from": epoch, "epoch": epoch + 1 }]));
    assert_eq!(site.ask(&["stock", "status"])[1]["stock"], "rebuilding");
    let worker = site.command(&["worker"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The lease of the worker before has to lapse first.
    let begun = Instant::now();
    while site.ask(&["stock", "status"])[1]["stock"] != "complete" {
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody loads");
    }
    kill(Pid::from_raw(i32::try_from(worker.id()).unwrap()), Signal::SIGTERM).unwrap();
    let output = worker.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    site.run(1, &["stock", "rebuild", "green"]);
}

/// The ledger's side is shown all the same.
fn without_stock(site: &Site<'_>) {
    site.servers.redis.kill().unwrap();
    // Whoever can't be asked keeps nobody from asking the others.
    let gone = ["redis.reachable", "not_asked"];
    assert_eq!(doctor(site, 69), [POLICIES, gone].map(|finding| finding.map(str::to_owned).into()));
    site.servers.postgres.execute("alter system set synchronous_commit = off").unwrap();
    site.servers.postgres.execute("select pg_reload_conf()").unwrap();
    let begun = Instant::now();
    while doctor_state(site, "postgres.synchronous_commit") != Some("broken".into()) {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is off, and nobody says so");
    }
    doctor(site, 1);
    site.servers.postgres.execute("alter system reset synchronous_commit").unwrap();
    site.servers.postgres.execute("select pg_reload_conf()").unwrap();
    for args in [&["audit", "--format", "json"][..], &["stock", "status", "--format", "json"]] {
        let output = site.run(0, args);
        assert!(String::from_utf8_lossy(&output.stderr).contains("stock can't be reached"), "{}", told(&output));
    }
    let audit = site.ask(&["audit"]);
    assert_eq!((&audit["ok"], &audit["sold"], &audit["stock_offered"]), (&json!(true), &json!(3), &Value::Null));
    let status = site.ask(&["stock", "status"]);
    assert_eq!(
        (&status[1]["available"], &status[1]["offered"], &status[1]["stock"]),
        (&json!(3), &Value::Null, &Value::Null)
    );
    site.run(0, &["keys", "import", "keys.csv"]);
}
