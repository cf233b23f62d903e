//! What a supplier's protocol refuses, with its exact words and place.

use super::{Config, ProtocolError, Sources, SupplierSection};

/// What a protocol says, with the path, and the words for it. The file is below.
const REFUSALS: &[(&str, &str, &str)] = &[
    (
        ".",
        "missing field `api_key`",
        "fulfil.toml:1: suppliers.kasu.api_key is not set: put `api_key = …` under [suppliers.kasu] in fulfil.toml, or set FULFIL_SUPPLIERS__KASU__API_KEY or FULFIL_SUPPLIERS__KASU__API_KEY_FILE",
    ),
    (
        "sign",
        "missing field `key`",
        "fulfil.toml:15: suppliers.kasu.sign.key is not set: put `key = …` under [suppliers.kasu.sign] in fulfil.toml, or set FULFIL_SUPPLIERS__KASU__SIGN__KEY or FULFIL_SUPPLIERS__KASU__SIGN__KEY_FILE",
    ),
    ("goods[1]", "missing field `id`", "fulfil.toml:12: suppliers.kasu.goods[1]: it lacks the key id"),
    (
        "timeout",
        "unknown field `timeout`, expected `api_key` or `user_id`",
        "fulfil.toml:6: unknown key suppliers.kasu.timeout; did you mean suppliers.kasu.timeout_ms?",
    ),
    (
        "api_kye",
        "unknown field `api_kye`, expected one of `api_key`, `user_id`, `sign`",
        "fulfil.toml:8: unknown key suppliers.kasu.api_kye; did you mean suppliers.kasu.api_key?",
    ),
    (
        "sign.colour",
        "unknown field `colour`, expected `number` or `list`",
        "fulfil.toml:16: unknown key suppliers.kasu.sign.colour; a supplier of kind kasushou has number, list here",
    ),
    (
        "sign.colour",
        "unknown field `colour`, there are no fields",
        "fulfil.toml:16: unknown key suppliers.kasu.sign.colour; a supplier of kind kasushou has no such key",
    ),
    (
        "secret",
        "invalid type: string \"geheim\", expected u64",
        "fulfil.toml:7: suppliers.kasu.secret: invalid type: string (not shown), expected u64",
    ),
    (
        "sign.number",
        "invalid value: integer `4711`, expected a small one",
        "fulfil.toml:17: suppliers.kasu.sign.number: invalid value: integer (not shown), expected a small one",
    ),
    (
        "sign",
        "unknown variant `geheim-2`, expected `md5`",
        "fulfil.toml:15: suppliers.kasu.sign: unknown variant (not shown), expected `md5`",
    ),
    ("goods[1].id", "is 0; allowed: 1 or more", "fulfil.toml:12: suppliers.kasu.goods[1].id: is 0; allowed: 1 or more"),
    ("goods.1.id", "is 0; allowed: 1 or more", "fulfil.toml:12: suppliers.kasu.goods.1.id: is 0; allowed: 1 or more"),
    (
        "api_key",
        "is missing; this kind of supplier needs it",
        "fulfil.toml:1: suppliers.kasu.api_key: is missing; this kind of supplier needs it; put it under [suppliers.kasu] in fulfil.toml, or set FULFIL_SUPPLIERS__KASU__API_KEY or FULFIL_SUPPLIERS__KASU__API_KEY_FILE",
    ),
    (
        "sign.key",
        "is missing; allowed is the name of one of [secrets]",
        "fulfil.toml:15: suppliers.kasu.sign.key: is missing; allowed is the name of one of [secrets]; put it under [suppliers.kasu.sign] in fulfil.toml, or set FULFIL_SUPPLIERS__KASU__SIGN__KEY or FULFIL_SUPPLIERS__KASU__SIGN__KEY_FILE",
    ),
    (
        "sign.algorithm",
        "found \"md6\", allowed: md5, sha1; did you mean md5?",
        "fulfil.toml:19: suppliers.kasu.sign.algorithm: found \"md6\", allowed: md5, sha1; did you mean md5?",
    ),
    ("goods.1.name", "is missing", "fulfil.toml:12: suppliers.kasu.goods.1.name: is missing"),
    (
        "timeout",
        "there is no such key; allowed here: api_key, user_id",
        "fulfil.toml:6: suppliers.kasu.timeout: there is no such key; allowed here: api_key, user_id; did you mean suppliers.kasu.timeout_ms?",
    ),
    (
        "currency",
        "this supplier sells in EUR alone",
        "fulfil.toml:4: suppliers.kasu.currency: this supplier sells in EUR alone",
    ),
    ("", "can't be spoken", "fulfil.toml:1: suppliers.kasu: can't be spoken"),
];

const PROTOCOL: &str = "[suppliers.kasu]\nkind = \"kasushou\"\nurl = \"https://h\"\ncurrency = \"CNY\"\n
timeout = 5\nsecret = \"geheim\"\napi_kye = 1\n
goods = [\n  { id = 1 },\n  { id = 0 },\n]\n
[suppliers.kasu.sign]\ncolour = 1\nnumber = 4711\nkind = \"geheim-2\"\nalgorithm = \"md6\"\n";

#[test]
fn what_a_protocol_refuses_has_its_place_and_words() {
    for (path, text, expected) in REFUSALS {
        let check = |_: &SupplierSection| vec![ProtocolError { path: (*path).into(), text: (*text).into() }];
        let sources = Sources::default().with_file("fulfil.toml", PROTOCOL);
        let errors = Config::load_checked(sources, &check).unwrap_err().0;
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(lines, [*expected]);
        assert!(!lines.concat().contains("geheim"), "{lines:?}");
    }
}

/// What is wrong with the keys that every supplier has hides nothing of what its protocol refuses.
#[test]
fn a_section_that_is_wrong_is_shown_to_its_protocol_too() {
    let text = "[suppliers.kasu]\nkind = \"kinguin\"\nurl = \"http://h\"\ncurrency = \"eur\"\nsecret = 5\n[source]\nlanes = 0\n";
    let check = |section: &SupplierSection| {
        assert_eq!(section.protocol()["secret"], 5);
        let error = |path: &str, text: &str| ProtocolError { path: path.into(), text: text.into() };
        // What was filled in for the wrong url and currency is nobody's mistake.
        vec![error("secret", "is no text"), error("currency", "is not EUR"), error("url", "can't be reached")]
    };
    let errors = Config::load_checked(Sources::default().with_file("fulfil.toml", text), &check).unwrap_err().0;
    let starts = [
        "fulfil.toml:3: suppliers.kasu.url: found",
        "fulfil.toml:4: suppliers.kasu.currency: found",
        "fulfil.toml:5: suppliers.kasu.secret: is no text",
        "fulfil.toml:7: source.lanes: found",
    ];
    assert_eq!(errors.len(), starts.len(), "{errors:?}");
    for (error, start) in errors.iter().zip(starts) {
        assert!(error.to_string().starts_with(start), "{error}");
    }
}
