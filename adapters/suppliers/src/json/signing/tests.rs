use serde_json::json;

use super::*;

/// What OpenSSL makes of the text below with `rsa_of_tests.pem`.
const BY_OPENSSL: &str = "SUSMF5J9I7wu28IJNyQIfEjvgUCI75+rc7Peib4N8aWtUlJoTBJKuH9I7skPhB5tSFEJ1fZfVtmNauqA72u9U4cQ9McWnu4r7F7LxxZ0CxjLraWRMc4mGwrl9MKC5TEKiJwofmEp1fQgjSqps5iuDS5L3btZZjiKyAt2Xs0PPx3byqjGGcN0bVDW2q6UQpmrfNKE8nHRUIHSrqkvnsy5gW6VEaT3ooXiWzY3FFFcFFxksAsbUk1nJ7Z30Ma7sza8Qe2Jij4hc2v/vwAgHJehIW7TefvUvz1i8JKkOBh85hrDPeFD8IzckiQHvcCeodFM1XgC79XC2uiDO36K9vIb+Q==";

fn secrets() -> BTreeMap<String, Secret> {
    let secrets = [("key", "key"), ("rsa", include_str!("rsa_of_tests.pem")), ("no_rsa", "bm9uZQ==")];
    secrets.into_iter().map(|(name, text)| (name.to_owned(), Secret::new(text.to_owned()))).collect()
}

fn signer(settings: serde_json::Value) -> Result<Signer, Mistake> {
    Signer::new(&serde_json::from_value(settings).unwrap(), &secrets())
}

fn signed(body: &str) -> Signed<'static> {
    let parameters = [("b", "2"), ("empty", ""), ("a", "1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    Signed {
        method: "POST",
        path: "/orders".into(),
        query: "b=2&a=1".into(),
        body: body.into(),
        parameters: parameters.to_vec(),
    }
}

fn signature(settings: serde_json::Value, body: &str) -> String {
    let (own, secrets) = (BTreeMap::new(), secrets());
    signer(settings).unwrap().sign(&signed(body), &Values::now(&own, &secrets))
}

#[test]
fn each_algorithm_makes_what_is_published() {
    let fox = "The quick brown fox jumps over the lazy dog";
    let of = |algorithm: &str, key: Option<&str>, text: &str, encoding: &str| {
        signature(json!({ "algorithm": algorithm, "key": key, "text": text, "encoding": encoding, "header": "x" }), fox)
    };
    assert_eq!(
        of("hmac_sha256", Some("key"), "{body}", "hex"),
        "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    );
    assert_eq!(of("hmac_sha1", Some("key"), "{body}", "base64"), "3nybhbi3iqa8ino29wqQcBydtNk=");
    assert_eq!(of("md5", None, "{body}", "hex_upper"), "9E107D9D372BB6826BD81D3542A419D6");
    assert_eq!(of("sha1", None, "{body}", "hex"), "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12");
    assert_eq!(
        of("plain", None, "{method} {path}?{query} {body_md5} {key}", "hex"),
        "POST /orders?b=2&a=1 9e107d9d372bb6826bd81d3542a419d6 key"
    );
    assert_eq!(of("plain", None, "{body_sha256}", "hex"), of("sha256", None, "{body}", "hex"));
    assert_eq!(of("rsa_sha256", Some("rsa"), "{method}\n{path}\n{sorted}", "base64"), BY_OPENSSL);
}

#[test]
fn a_signature_goes_where_it_belongs() {
    let placed = |place: &str, json: &str| {
        let signer = signer(json!({ "algorithm": "md5", "text": "{body}", place: "sign" })).unwrap();
        let (mut headers, mut query, mut form) = (Vec::new(), Vec::new(), vec![("a".to_owned(), "1".to_owned())]);
        let mut text = json.to_owned();
        let json = (!json.is_empty()).then_some(&mut text);
        signer.place("s\"g".into(), &mut headers, &mut query, Some(&mut form), json);
        (headers.len(), query.len(), form.len(), text)
    };
    assert_eq!(placed("header", "{}"), (1, 0, 1, "{}".into()));
    assert_eq!(placed("query", "{}"), (0, 1, 1, "{}".into()));
    assert_eq!(placed("field", ""), (0, 0, 2, String::new()));
    assert_eq!(placed("field", "{}").3, r#"{"sign":"s\"g"}"#);
    assert_eq!(placed("field", "{ \"a\": {\"b\": {}} }\n").3, r#"{ "a": {"b": {}},"sign":"s\"g"}"#);
}

#[test]
fn a_key_that_cannot_sign_is_told_and_not_shown() {
    let mistake = |settings: serde_json::Value| signer(settings).unwrap_err().to_string();
    for (settings, word) in [
        (json!({ "algorithm": "hmac_sha256", "text": "", "header": "x" }), "signing.key: is missing"),
        (json!({ "algorithm": "hmac_sha256", "key": "kay", "text": "", "header": "x" }), "found \"kay\""),
        (json!({ "algorithm": "md5", "key": "key", "text": "", "header": "x" }), "has none"),
        (json!({ "algorithm": "rsa_sha256", "key": "key", "text": "", "header": "x" }), "PEM"),
        (json!({ "algorithm": "rsa_sha256", "key": "no_rsa", "text": "", "header": "x" }), "2048 bits"),
        (json!({ "algorithm": "md5", "text": "" }), "exactly one of header, query, field"),
        (json!({ "algorithm": "md5", "text": "", "header": "x", "field": "y" }), "exactly one"),
    ] {
        let told = mistake(settings);
        assert!(told.contains(word), "{told}");
    }
    let shown =
        format!("{:?}", signer(json!({ "algorithm": "rsa_sha256", "key": "rsa", "text": "", "header": "x" })).unwrap());
    assert!(!shown.contains("MII") && !shown.to_lowercase().contains("private"), "{shown}");
}
