//! Suppliers and routes in the configuration, from outside: what they are set to, from where, and that no secret
//! is shown. The words for each mistake are tested beside the code, in `src/config/mistakes_in_*.rs`.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    fs,
    time::{Duration, Instant},
};

use fulfil::{
    config::{Config, SUPPLIER_KEYS, Sources, SupplierKind},
    procurement::assortment::Rates,
};
use fulfil_contract::{
    ids::Sku,
    money::{Currency, MinorUnits},
    supplier::SupplierName,
};
use serde_json::json;

const KASU: &str = "[suppliers.kasu]\nkind = \"kasushou\"\nurl = \"https://kasu.example\"\ncurrency = \"CNY\"\n";

fn loaded(sources: Sources) -> Config {
    Config::load(sources).unwrap_or_else(|errors| panic!("{errors}"))
}

fn file(text: &str) -> Sources {
    Sources::default().with_file("fulfil.toml", text)
}

fn usd() -> Currency {
    Currency::parse("USD").unwrap()
}

#[test]
fn a_supplier_has_defaults() {
    let config = loaded(file(KASU));
    let [kasu] = config.suppliers() else { panic!("one supplier") };
    assert_eq!(
        (kasu.name.as_str(), kasu.kind, kasu.url.as_str()),
        ("kasu", SupplierKind::Kasushou, "https://kasu.example")
    );
    assert_eq!((kasu.timeout, kasu.settle, kasu.concurrency), (Duration::from_secs(20), None, 16));
    assert_eq!((kasu.per_second, kasu.poll), (None, Duration::from_secs(3)));
    let breaker = &kasu.breaker;
    assert_eq!((breaker.failure_percent, breaker.slow_percent, breaker.window), (50, 80, 50));
    assert_eq!((breaker.slow, breaker.open), (Duration::from_secs(10), Duration::from_secs(10)));
    assert_eq!(kasu.rates.cost_in(MinorUnits(1), usd()), None);
    assert!(kasu.protocol().is_empty());
}

/// One more than the default, or another word, for each key: so no row of the table sets another's field.
#[test]
fn every_key_of_a_supplier_sets_its_field_from_every_source() {
    let value = |name: &str, default: Option<&str>| match name {
        "kind" => "reloadly".to_owned(),
        "url" => "http://127.0.0.1:8080/api/".to_owned(),
        "currency" => "EUR".to_owned(),
        "settle_seconds" => "600".to_owned(),
        "per_second" => "20".to_owned(),
        _ => (default.unwrap().parse::<u32>().unwrap() + 1).to_string(),
    };
    let (mut text, mut environment) = ("[suppliers.a_1]\n".to_owned(), Sources::default());
    for key in SUPPLIER_KEYS {
        let value = value(key.name, key.default);
        match value.parse::<u32>() {
            Ok(number) => text += &format!("{} = {number}\n", key.name),
            Err(_) => text += &format!("{} = {value:?}\n", key.name),
        }
        environment = environment.with_variable(&key.variable().replace("NAME", "A_1"), &value);
    }
    text += "rates = { USD = \"1.1\" }\n";
    environment = environment.with_variable("FULFIL_SUPPLIERS__A_1__RATES__USD", "1.1");
    for sources in [file(&text), environment] {
        let config = loaded(sources);
        let [one] = config.suppliers() else { panic!("one supplier") };
        assert_eq!((one.name.as_str(), one.kind), ("a_1", SupplierKind::Reloadly));
        assert_eq!((one.url.as_str(), one.currency), ("http://127.0.0.1:8080/api", Currency::parse("EUR").unwrap()));
        assert_eq!((one.timeout, one.settle), (Duration::from_millis(20_001), Some(Duration::from_secs(600))));
        assert_eq!((one.concurrency, one.per_second, one.poll), (17, Some(20), Duration::from_secs(4)));
        let breaker = &one.breaker;
        assert_eq!((breaker.failure_percent, breaker.slow_percent, breaker.window), (51, 81, 51));
        assert_eq!((breaker.slow, breaker.open), (Duration::from_millis(10_001), Duration::from_secs(11)));
        assert_eq!(one.rates.cost_in(MinorUnits(10), usd()), Some(MinorUnits(11)));
        assert_eq!(config.assortment().rates(&one.name), Some(&one.rates));
    }
}

#[test]
fn keys_of_a_protocol_are_kept_as_they_are_written() {
    let text = format!(
        "{KASU}text = \"a\\nb\"\nwhole = 0x10\nbig = 18446744073709551615\nless = -5\npart = 0.5\nyes = true\nday = 2026-01-31\nlist = [1, \"two\", {{ three = [3.0] }}]\n[suppliers.kasu.sign]\nkey = \"k\"\n[suppliers.kasu.headers]\n\"X-App.Id\" = \"1\"\n[[suppliers.kasu.rules]]\nstatus = 1\n[[suppliers.kasu.rules]]\nstatus = 2\n"
    );
    let config = loaded(file(&text));
    let expected = json!({
        "text": "a\nb", "whole": 16, "big": 18_446_744_073_709_551_615_u64, "less": -5, "part": 0.5, "yes": true,
        "day": "2026-01-31", "list": [1, "two", { "three": [3.0] }], "sign": { "key": "k" },
        "headers": { "X-App.Id": "1" }, "rules": [{ "status": 1 }, { "status": 2 }],
    });
    assert_eq!(serde_json::Value::Object(config.suppliers()[0].protocol().clone()), expected);
}

#[test]
fn a_variable_wins_over_the_file_and_keeps_its_type() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("api-key");
    fs::write(&secret, "from a file\n").unwrap();
    let text = format!(
        "{KASU}app_id = \"x\"\napi_key = \"x\"\nmost = 5\nask = true\n[suppliers.kasu.headers]\nX-App-Id = \"x\"\n"
    );
    let sources = file(&text)
        .with_variable("FULFIL_SUPPLIERS__KASU__APP_ID", "0012")
        .with_variable("FULFIL_SUPPLIERS__KASU__API_KEY_FILE", secret.to_str().unwrap())
        .with_variable("FULFIL_SUPPLIERS__KASU__MOST", "7")
        .with_variable("FULFIL_SUPPLIERS__KASU__ASK", "false")
        .with_variable("FULFIL_SUPPLIERS__KASU__HEADERS__X_APP_ID", "12")
        .with_variable("FULFIL_SUPPLIERS__KASU__HEADERS__OTHER", "13")
        .with_variable("FULFIL_SUPPLIERS__KASU__SECRETS__DEEP__KEY", "14")
        // A cluster sets these for a service fulfil-suppliers-kasu.
        .with_variable("FULFIL_SUPPLIERS_KASU_SERVICE_HOST", "10.0.0.1")
        .with_variable("FULFIL_SUPPLIERS_KASU_PORT", "tcp://10.0.0.1:80")
        .with_variable("FULFIL_SUPPLIERS_KASU_PORT_80_TCP", "tcp://10.0.0.1:80");
    let config = loaded(sources);
    let expected = json!({
        "app_id": "0012", "api_key": "from a file", "most": 7, "ask": false,
        "headers": { "X-App-Id": "12", "other": "13" }, "secrets": { "deep": { "key": "14" } },
    });
    assert_eq!(serde_json::Value::Object(config.suppliers()[0].protocol().clone()), expected);
}

#[test]
fn the_longest_name_of_a_supplier_is_meant() {
    let text = format!("{KASU}{}", KASU.replace("kasu]", "kasu__eu]"));
    let config = loaded(file(&text).with_variable("FULFIL_SUPPLIERS__KASU__EU__API_KEY", "k"));
    let [kasu, eu] = config.suppliers() else { panic!("two suppliers") };
    assert!(kasu.protocol().is_empty());
    assert_eq!(eu.protocol()["api_key"], "k");
}

#[test]
fn routes_become_the_assortment() {
    let text = format!(
        "[routes.music-12]\nfrom = [ {{ supplier = \"kasu\", product = \"1001\", price = 900 }}, {{ supplier = \"b\", product = \"x\" }} ]\n[routes.\"music.12\"]\nfrom = [ {{ supplier = \"b\", product = \"y\" }} ]\nat_a_loss = true\n{KASU}rates = {{ USD = \"0.14\" }}\n{}",
        KASU.replace("kasu]", "b]")
    );
    let config = loaded(file(&text));
    let assortment = config.assortment();
    let sku = |text: &str| Sku::parse(text).unwrap();
    let routes = assortment.routes(&sku("music-12")).unwrap();
    let seen: Vec<_> =
        routes.routes.iter().map(|route| (route.supplier.as_str(), route.product.as_str(), route.unit_price)).collect();
    assert_eq!(seen, [("kasu", "1001", Some(MinorUnits(900))), ("b", "x", None)]);
    assert!(!routes.at_a_loss && assortment.routes(&sku("music.12")).unwrap().at_a_loss);
    assert!(!assortment.is_routed(&sku("music")));
    let rates = assortment.rates(&SupplierName::parse("kasu").unwrap());
    assert_eq!(rates.and_then(|rates: &Rates| rates.cost_in(MinorUnits(901), usd())), Some(MinorUnits(127)));

    let described = config.describe();
    let shown = |key: &str| {
        let setting = described.iter().find(|setting| setting.key == key).unwrap_or_else(|| panic!("{key}"));
        (setting.value.as_deref(), setting.from.as_str())
    };
    assert_eq!(shown("routes.music-12.from"), (Some("kasu 1001 at 900, b x"), "fulfil.toml:1"));
    assert_eq!(shown("routes.music-12.at_a_loss"), (Some("false"), "default"));
    assert_eq!(shown("routes.\"music.12\".at_a_loss"), (Some("true"), "fulfil.toml:5"));
    assert_eq!(shown("suppliers.kasu.rates"), (Some("USD 0.14"), "fulfil.toml:10"));
    assert_eq!(shown("suppliers.b.rates"), (None, "not set"));
    assert_eq!(shown("suppliers.b.timeout_ms"), (Some("20000"), "default"));
}

#[test]
fn no_secret_of_a_supplier_is_ever_shown() {
    let text = format!(
        "{KASU}api_key = \"geheim-1\"\nmost = 5\nask = true\npin = 4711\nlist = [\"geheim-2\"]\n[suppliers.kasu.sign]\nkey = \"geheim-3\"\n"
    );
    let sources = || file(&text).with_variable("FULFIL_SUPPLIERS__KASU__TOKEN", "geheim-4");
    assert!(!format!("{:?}", sources()).contains("geheim"));
    let config = loaded(sources());
    assert_eq!(config.suppliers()[0].protocol()["sign"]["key"], "geheim-3", "the adapter gets all of it");
    for shown in [format!("{config:?} {config:#?}"), format!("{:?}", config.describe())] {
        assert!(!shown.contains("geheim") && !shown.contains("4711"), "{shown}");
    }
    let described = config.describe();
    let shown: Vec<_> = described
        .iter()
        .filter(|setting| setting.doc == "a key of its protocol")
        .map(|setting| (setting.key.as_str(), setting.value.as_deref().unwrap(), setting.from.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("suppliers.kasu.api_key", "(set, not shown)", "fulfil.toml:5"),
            ("suppliers.kasu.ask", "true", "fulfil.toml:7"),
            ("suppliers.kasu.list", "(set, not shown)", "fulfil.toml:9"),
            ("suppliers.kasu.most", "5", "fulfil.toml:6"),
            ("suppliers.kasu.pin", "(set, not shown)", "fulfil.toml:8"),
            ("suppliers.kasu.sign.key", "(set, not shown)", "fulfil.toml:11"),
            ("suppliers.kasu.token", "(set, not shown)", "FULFIL_SUPPLIERS__KASU__TOKEN"),
        ]
    );
}

/// A catalogue of games is thousands of SKUs; finding a line's number must not look at all lines before it.
#[test]
fn thousands_of_routes_are_read_soon() {
    let mut text = KASU.to_owned();
    for number in 0..20_000 {
        text += &format!(
            "[routes.sku-{number}]\nfrom = [ {{ supplier = \"kasu\", product = \"p-{number}\", price = {} }} ]\n",
            number + 1
        );
    }
    let begin = Instant::now();
    let config = loaded(file(&text));
    assert_eq!(config.assortment().skus().count(), 20_000);
    assert_eq!(config.describe().last().unwrap().key, "routes.sku-9999.at_a_loss");
    // A quadratic search took minutes.
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}
