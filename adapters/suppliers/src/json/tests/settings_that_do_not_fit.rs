//! All that does not fit together is told at once, each with its place.

use fulfil_contract::{money::Currency, supplier::SupplierName};
use serde_json::{Value, json};

use super::super::*;

fn mistakes(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut settings = Settings::example();
    change(&mut settings);
    let common = Common {
        name: SupplierName::parse("other").unwrap(),
        url: "http://127.0.0.1:1".into(),
        currency: Currency::parse("CNY").unwrap(),
        timeout: Duration::from_secs(5),
        settle: None,
        carrier: None,
    };
    let Value::Object(settings) = settings else { panic!("no object") };
    match crate::settings::build("json", common, settings) {
        Ok(_) => Vec::new(),
        Err(error) => error.mistakes.iter().map(ToString::to_string).collect(),
    }
}

fn one(change: impl FnOnce(&mut Value)) -> String {
    let told = mistakes(change);
    assert_eq!(told.len(), 1, "{told:#?}");
    told[0].clone()
}

#[test]
fn placeholders_must_have_a_value_where_they_stand() {
    let told = one(|settings| settings["buy"]["request"]["headers"]["X-App"] = json!("{ap_id}"));
    assert!(told.starts_with("buy.request.headers.X-App: found {ap_id}, allowed here: {reference}"), "{told}");
    assert!(told.ends_with("did you mean app_id?"), "{told}");
    let told = one(|settings| settings["buy"]["request"]["path"] = json!("/orders/{reference}/{account}"));
    assert!(told.starts_with("buy.request.path: found {account}"), "{told}");
    let told = one(|settings| settings["query"]["request"]["path"] = json!("/orders/{reference}/{unit_price}"));
    assert!(told.starts_with("query.request.path: found {unit_price}"), "{told}");
    let told = mistakes(|settings| settings["signing"]["text"] = json!("{body}{unit_price}"));
    assert_eq!(told.len(), 1, "a query has no price: {told:#?}");
    assert!(told[0].starts_with("signing.text (for query): found {unit_price}"), "{told:#?}");
}

#[test]
fn requests_must_be_whole() {
    let told = one(|settings| settings["buy"]["request"]["json"] = json!("{\"r\":\"{reference}\",}"));
    assert!(told.starts_with("buy.request.json: is no JSON"), "{told}");
    let told = one(|settings| settings["buy"]["request"]["json"] = json!("[\"{reference}\"]"));
    assert!(told.contains("allowed is an object"), "{told}");
    let told = one(|settings| settings["buy"]["request"]["form"] = json!({ "a": "b" }));
    assert!(told.contains("one of json and form"), "{told}");
    let told = one(|settings| settings["buy"]["request"]["path"] = json!("orders?a=b"));
    assert!(told.starts_with("buy.request.path: allowed is a path"), "{told}");
    let told = one(|settings| settings["buy"]["request"]["method"] = json!("post"));
    assert!(told.contains("found \"post\", allowed are GET, POST, PUT"), "{told}");
    let told = one(|settings| settings["buy"]["request"]["json"] = json!("{}"));
    assert!(told.contains("does not hold {reference}"), "{told}");
}

#[test]
fn promises_must_be_kept_by_a_request() {
    let told = one(|settings| settings["query"]["request"]["path"] = json!("/orders/{their_id}"));
    assert!(told.starts_with("promises.query: found true"), "{told}");
    let told = mistakes(|settings| settings["buy"] = Value::Null);
    assert!(told.iter().any(|line| line.starts_with("buy: is missing")), "{told:#?}");
    let told = one(|settings| settings["promises"]["most"] = json!(0));
    assert!(told.starts_with("promises.most"), "{told}");
}

#[test]
fn a_table_of_outcomes_must_make_sense() {
    let rule =
        |call: &'static str, rule: Value| one(move |settings| settings[call]["answer"]["outcomes"] = json!([rule]));
    let told = rule("buy", json!({ "http": 404, "outcome": "not_found" }));
    assert!(told.starts_with("buy.answer.outcomes.0: not_found belongs to query"), "{told}");
    for code in ["refused:throttled", "refused:credentials"] {
        let told = rule("query", json!({ "http": 429, "outcome": code }));
        assert!(told.contains("says nothing about the purchase"), "{told}");
    }
    let told = one(|settings| settings["buy"]["answer"]["keys"] = Value::Null);
    assert!(told.contains("delivered without keys"), "{told}");
    let told = one(|settings| settings["buy"]["answer"]["status"] = json!([]));
    assert!(told.contains("answer.status must say"), "{told}");
    let told = rule("buy", json!({ "http": 200, "outcome": "refused:stock" }));
    assert!(
        told.starts_with("buy.answer.outcomes.0.outcome: found \"refused:stock\", allowed are delivered"),
        "{told}"
    );
    let told = one(|settings| settings["buy"]["answer"]["outcomes"] = json!([]));
    assert!(told.contains("everything would be unknown"), "{told}");
    let told = one(|settings| settings["query"]["answer"]["list"] = json!("/data"));
    assert!(told.starts_with("query.answer.list: needs answer.reference"), "{told}");
    let told = one(|settings| settings["buy"]["answer"]["keys"] = json!({}));
    assert!(told.starts_with("buy.answer.keys: allowed is exactly one"), "{told}");
}

#[test]
fn own_names_and_callbacks_are_checked() {
    let told = one(|settings| settings["values"]["reference"] = json!("x"));
    assert!(told.starts_with("values.reference: this name has a meaning"), "{told}");
    let told = one(|settings| settings["secrets"]["App"] = json!("x"));
    assert!(told.starts_with("secrets.App: allowed is a name"), "{told}");
    let callback = |callback: Value| one(move |settings| settings["callback"] = callback);
    let told =
        callback(json!({ "algorithm": "rsa_sha256", "key": "app_key", "text": "", "header": "x", "reference": "/r" }));
    assert!(told.starts_with("callback.algorithm: found rsa_sha256"), "{told}");
    let told = callback(json!({ "algorithm": "md5", "text": "", "reference": "/r" }));
    assert!(told.starts_with("callback: allowed is exactly one of header, parameter, field"), "{told}");
    let told = callback(json!({ "algorithm": "md5", "text": "", "header": "x" }));
    assert!(told.starts_with("callback.reference: is missing"), "{told}");
    let told = callback(json!({ "algorithm": "md5", "text": "{reference}", "header": "x", "reference": "/r" }));
    assert!(told.starts_with("callback.text: found {reference}"), "{told}");
}

#[test]
fn mistakes_of_shape_are_told_together() {
    let told = mistakes(|settings| {
        settings["buy"]["request"]["heders"] = json!({});
        settings["buy"]["answer"]["status"] = json!("status");
        settings["signing"]["algorithm"] = json!("hmac_sha265");
        settings["secrets"]["app_key"] = json!(4711);
        settings["query"]["answer"]["outcomes"][0]["http"] = json!("4");
    });
    assert_eq!(told.len(), 5, "{told:#?}");
    assert!(
        told.iter().any(|line| line.contains("buy.request.heders") && line.ends_with("did you mean headers?")),
        "{told:#?}"
    );
    assert!(told.iter().any(|line| line.contains("JSON pointer such as")), "{told:#?}");
    assert!(
        told.iter().any(|line| line.starts_with("signing.algorithm: found") && line.contains("hmac_sha256")),
        "{told:#?}"
    );
    assert!(told.iter().any(|line| line.starts_with("query.answer.outcomes.0.http: found")), "{told:#?}");
    assert!(told.iter().all(|line| !line.contains("4711")), "{told:#?}");
}
