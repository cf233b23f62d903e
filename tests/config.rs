//! The configuration from outside: examples, precedence, all errors at once, no secret shown. The words for
//! each mistake are tested beside the code, in `src/config/mistakes_in_*.rs`.

#![allow(clippy::panic, clippy::expect_used, reason = "helpers of tests")]

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use fulfil::config::{
    Config, ConfigErrors, KEYS, LogFormat, ROUTE_KEYS, ResultsMode, SECTIONS, SUPPLIER_KEYS, Sources, SupplierKind,
    reference,
};

const RECIPIENT: &str = "B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw=";

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn file(text: &str) -> Sources {
    Sources::default().with_file("fulfil.toml", text)
}

fn loaded(sources: Sources) -> Config {
    Config::load(sources).unwrap_or_else(|errors| panic!("{errors}"))
}

fn errors_of(sources: Sources) -> ConfigErrors {
    Config::load(sources).expect_err("this configuration is wrong")
}

fn lines_of(sources: Sources) -> Vec<String> {
    errors_of(sources).0.iter().map(ToString::to_string).collect()
}

#[test]
fn every_example_loads_and_one_shows_every_key() {
    let mut examples = 0;
    for entry in fs::read_dir(folder("config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let config = loaded(Sources::gather(Some(&path), [], Path::new("/")));
            assert!(config.source_url().is_ok() && config.stock_url().is_ok() && config.ledger_url().is_ok());
            examples += 1;
        }
    }
    assert!(examples >= 3);

    let worker = fs::read_to_string(folder("config/worker.toml")).unwrap();
    for (section, _) in SECTIONS {
        let below = worker.split(&format!("\n[{section}]\n")).nth(1).unwrap();
        let below = below.split("\n[").next().unwrap();
        for key in KEYS.iter().filter(|key| key.section == *section) {
            let shown =
                below.lines().find_map(|line| line.trim_start_matches("# ").strip_prefix(&format!("{} = ", key.name)));
            let shown = shown.unwrap_or_else(|| panic!("config/worker.toml lacks {}", key.full_name()));
            if below.contains(&format!("\n# {} = ", key.name)) {
                let default = key.default.unwrap_or("…");
                assert_eq!(shown.trim_matches('"'), default, "{} is shown with another default", key.full_name());
            }
        }
    }
}

#[test]
fn an_example_shows_every_kind_of_supplier_and_every_key_of_it() {
    let path = folder("config/suppliers.toml");
    let config = loaded(Sources::gather(Some(&path), [], Path::new("/")));
    let kinds: Vec<SupplierKind> = config.suppliers().iter().map(|supplier| supplier.kind).collect();
    for kind in SupplierKind::ALL {
        assert!(kinds.contains(&kind), "config/suppliers.toml has no supplier of kind {}", kind.as_str());
    }
    let text = fs::read_to_string(path).unwrap();
    let names = SUPPLIER_KEYS.iter().map(|key| key.name).chain(["rates"]).chain(ROUTE_KEYS.map(|row| row.name));
    for name in names {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} = ")));
        let line = line.unwrap_or_else(|| panic!("config/suppliers.toml lacks {name}"));
        let default = SUPPLIER_KEYS.iter().find(|key| key.name == name).and_then(|key| key.default);
        let value = line.split(['=', '#']).nth(1).unwrap().trim();
        assert!(default.is_none_or(|default| default == value), "{name} is shown with another default: {line}");
    }
    assert!(config.assortment().skus().count() >= 2);
}

#[test]
fn the_docs_show_the_table_and_what_is_printed() {
    let path = folder("docs/configuration.md");
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- keys: begin -->\n", "<!-- keys: end -->\n");
    let (before, rest) = text.split_once(begin).unwrap();
    let (table, after) = rest.split_once(end).unwrap();
    let right = format!("\n{}", reference());
    let mistakes = file("[source]\nlane = 4\n").with_variable("FULFIL_STOCK__BUCKETS", "0");
    let printed = errors_of(mistakes).to_string();
    assert!(before.contains(&printed), "not what the docs show:\n{printed}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{begin}{right}{end}{after}")).unwrap();
    } else {
        assert_eq!(table, right, "run UPDATE_DOCS=1 cargo test --test config");
    }
}

#[test]
fn without_anything_the_defaults_hold() {
    let config = loaded(Sources::default());
    assert_eq!((config.source.lanes, config.source.batch_orders, config.source.in_flight), (4, 1000, 3));
    assert_eq!((config.stock.buckets, config.stock.timeout), (1, Duration::from_millis(500)));
    assert_eq!((config.ledger.connections, config.ledger.timeout), (16, Duration::from_secs(30)));
    let procurement = &config.procurement;
    assert_eq!(
        (procurement.in_flight, procurement.lease, procurement.deadline),
        (256, Duration::from_secs(60), Duration::from_secs(3600))
    );
    assert!(config.callbacks.listen.is_none() && config.suppliers().is_empty());
    assert_eq!((config.results.mode, config.results.confirm_timeout), (ResultsMode::Single, Duration::from_secs(30)));
    assert_eq!(config.admin.listen, Some(SocketAddr::from(([127, 0, 0, 1], 9464))));
    assert_eq!(config.worker.drain, Duration::from_secs(25));
    assert_eq!((config.log.format, config.log.level.as_str()), (LogFormat::Text, "info"));
    assert!(config.source.url.is_none() && config.stock.url.is_none() && config.ledger.url.is_none());
    assert!(config.sealing.recipient.is_none() && config.sealing.fingerprint_secret.is_none());
}

/// One more than the default, or another word, for each key: so no row of the table sets another's field.
#[test]
fn every_key_sets_its_field_from_every_source() {
    let value = |key: &fulfil::config::Key| match key.full_name().as_str() {
        "source.url" => "amqp://u:p@a".to_owned(),
        "stock.url" => "redis://u:p@b".to_owned(),
        "ledger.url" => "postgres://u:p@c/d".to_owned(),
        "results.mode" => "batch".to_owned(),
        "sealing.recipient" => RECIPIENT.to_owned(),
        "sealing.fingerprint_secret" => "0123456789abcdef".to_owned(),
        "admin.listen" => "off".to_owned(),
        "callbacks.listen" => "127.0.0.1:9480".to_owned(),
        "log.format" => "json".to_owned(),
        "log.level" => "debug".to_owned(),
        "source.batch_orders" => "999".to_owned(),
        _ => (key.default.unwrap().parse::<u32>().unwrap() + 1).to_string(),
    };
    let mut text = String::new();
    let (mut environment, mut flags) = (Sources::default(), Sources::default());
    for key in KEYS {
        let (name, value) = (key.name, value(key));
        match value.parse::<u32>() {
            Ok(number) if name != "fingerprint_secret" => text += &format!("{}.{name} = {number}\n", key.section),
            _ => text += &format!("{}.{name} = {value:?}\n", key.section),
        }
        environment = environment.with_variable(&key.variable(), &value);
        flags = flags.with_flag("--flag", &key.full_name(), &value);
    }
    for sources in [file(&text), environment, flags] {
        let config = loaded(sources);
        assert_eq!(config.source_url().unwrap(), "amqp://u:p@a");
        assert_eq!((config.source.lanes, config.source.batch_orders, config.source.in_flight), (5, 999, 4));
        assert_eq!(config.stock_url().unwrap(), "redis://u:p@b");
        assert_eq!((config.stock.buckets, config.stock.timeout), (2, Duration::from_millis(501)));
        assert_eq!(config.ledger_url().unwrap(), "postgres://u:p@c/d");
        assert_eq!((config.ledger.connections, config.ledger.timeout), (17, Duration::from_millis(30_001)));
        let procurement = &config.procurement;
        assert_eq!(
            (procurement.in_flight, procurement.lease, procurement.deadline),
            (257, Duration::from_secs(61), Duration::from_secs(3601))
        );
        assert_eq!(config.callbacks.listen, Some(SocketAddr::from(([127, 0, 0, 1], 9480))));
        assert_eq!(
            (config.results.mode, config.results.confirm_timeout),
            (ResultsMode::Batch, Duration::from_millis(30_001))
        );
        assert_eq!(config.sealing_recipient().unwrap().to_string(), RECIPIENT);
        assert!(config.fingerprint_secret().is_ok());
        assert_eq!((config.admin.listen, config.worker.drain), (None, Duration::from_secs(26)));
        assert_eq!((config.log.format, config.log.level.as_str()), (LogFormat::Json, "debug"));
    }
}

#[test]
fn the_stronger_source_wins() {
    let lanes = |sources: Sources| {
        let config = loaded(sources);
        let setting = config.describe().into_iter().find(|setting| setting.key == "source.lanes").unwrap();
        assert_eq!(setting.value, Some(config.source.lanes.to_string()));
        (config.source.lanes, setting.from)
    };
    let sources = Sources::default();
    assert_eq!(lanes(sources), (4, "default".into()));
    let sources = || file("[source]\n\nlanes = 0x05\n");
    assert_eq!(lanes(sources()), (5, "fulfil.toml:3".into()));
    let sources = || sources().with_variable("FULFIL_SOURCE__LANES", "6");
    assert_eq!(lanes(sources()), (6, "FULFIL_SOURCE__LANES".into()));
    let sources = || sources().with_flag("--lanes", "source.lanes", "7");
    assert_eq!(lanes(sources()), (7, "--lanes".into()));
}

#[test]
fn an_overridden_value_is_checked_all_the_same() {
    let sources = file("[source]\nlanes = 0").with_variable("FULFIL_SOURCE__LANES", "6");
    assert_eq!(
        lines_of(sources),
        ["fulfil.toml:2: source.lanes: found 0; allowed: a whole number from 1 to 64; write for example `lanes = 4`"]
    );
}

#[test]
fn variables_of_others_are_left_alone() {
    let sources = Sources::default()
        .with_variable("FULFIL_SERVICE_HOST", "10.0.0.1")
        .with_variable("FULFIL_PORT", "tcp://10.0.0.1:9464")
        .with_variable("OTHER__THING", "x");
    loaded(sources);
}

#[test]
fn all_errors_are_listed_at_once_file_first() {
    let sources = file("[log]\nlevel = \"loud\"\n[source]\nlanes = 0\ncolour = 1\n")
        .with_flag("--drain-seconds", "worker.drain_seconds", "0")
        .with_variable("FULFIL_STOCK__BUCKETS", "0")
        .with_variable("FULFIL_ADMIN__PORT", "1");
    let text = errors_of(sources).to_string();
    let starts = [
        "the configuration has 6 errors:",
        "  1. fulfil.toml:2: log.level: ",
        "  2. fulfil.toml:4: source.lanes: ",
        "  3. fulfil.toml:5: unknown key source.colour; ",
        "  4. FULFIL_ADMIN__PORT: unknown variable; ",
        "  5. FULFIL_STOCK__BUCKETS: stock.buckets: ",
        "  6. --drain-seconds: worker.drain_seconds: ",
    ];
    assert_eq!(text.lines().count(), starts.len(), "{text}");
    for (line, start) in text.lines().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    let text = errors_of(file("lanes = 1")).to_string();
    assert_eq!(
        text,
        "the configuration has 1 error:\n  1. fulfil.toml:1: lanes stands outside of any section; put it below [source]"
    );
}

#[test]
fn a_file_that_is_something_else_is_refused_soon_and_shortly() {
    let orders = "{\"order_id\":\"cdnow-000002\",\"lines\":[{\"line_no\":1}]}\n".repeat(1200);
    let text = errors_of(file(&orders)).to_string();
    assert!(text.starts_with("the configuration has "), "{text}");
    assert!(text.lines().count() <= 102, "{} lines", text.lines().count());
}

#[test]
fn what_is_not_set_says_where_to_set_it() {
    let config = loaded(Sources::default());
    let not_set = |result: Result<(), fulfil::config::ConfigError>| result.unwrap_err().to_string();
    assert_eq!(
        not_set(config.source_url().map(drop)),
        "source.url is not set: put `url = …` under [source] in fulfil.toml, or set FULFIL_SOURCE__URL or FULFIL_SOURCE__URL_FILE"
    );
    assert_eq!(
        not_set(config.sealing_recipient().map(drop)),
        "sealing.recipient is not set: put `recipient = …` under [sealing] in fulfil.toml, or set FULFIL_SEALING__RECIPIENT"
    );
    let config = loaded(Sources::default().with_file("/etc/fulfil/worker.toml", ""));
    assert_eq!(
        not_set(config.fingerprint_secret().map(drop)),
        "sealing.fingerprint_secret is not set: put `fingerprint_secret = …` under [sealing] in /etc/fulfil/worker.toml, or set FULFIL_SEALING__FINGERPRINT_SECRET or FULFIL_SEALING__FINGERPRINT_SECRET_FILE"
    );
    assert!(config.stock_url().is_err() && config.ledger_url().is_err());
}

#[test]
fn no_secret_is_ever_shown() {
    let text = "[source]\nurl = \"amqp://u:geheim-1@mq/v\"\n[sealing]\nfingerprint_secret = \"geheim-2-geheim-2\"\n";
    let sources = || {
        file(text).with_variable("FULFIL_STOCK__URL", "redis://:geheim-3@r").with_flag(
            "--ledger-url",
            "ledger.url",
            "postgres://u:geheim-4@pg/d?password=geheim-5",
        )
    };
    assert!(!format!("{:?}", sources()).contains("geheim"));
    let config = loaded(sources());
    assert_eq!(config.source_url().unwrap(), "amqp://u:geheim-1@mq/v", "the driver gets all of it");
    assert!(!format!("{config:?} {config:#?}").contains("geheim"), "{config:?}");

    let described = config.describe();
    assert!(!format!("{described:?}").contains("geheim"), "{described:?}");
    let names: Vec<&str> = described.iter().map(|setting| setting.key.as_str()).collect();
    assert_eq!(names, KEYS.iter().map(fulfil::config::Key::full_name).collect::<Vec<_>>());
    let shown = |key: &str| {
        let setting = described.iter().find(|setting| setting.key == key).unwrap();
        (setting.value.as_deref(), setting.from.as_str())
    };
    assert_eq!(shown("source.url"), (Some("amqp://u:***@mq/v"), "fulfil.toml:2"));
    assert_eq!(shown("stock.url"), (Some("redis://:***@r"), "FULFIL_STOCK__URL"));
    assert_eq!(shown("ledger.url"), (Some("postgres://u:***@pg/d?password=***"), "--ledger-url"));
    assert_eq!(shown("sealing.fingerprint_secret"), (Some("(set, not shown)"), "fulfil.toml:4"));
    assert_eq!(shown("sealing.recipient"), (None, "not set"));
    assert_eq!(shown("source.lanes"), (Some("4"), "default"));
}
