use serde_json::json;

use super::*;

fn common() -> Common {
    Common {
        name: SupplierName::parse("main").unwrap(),
        url: "http://127.0.0.1:1/".into(),
        currency: Currency::parse("CNY").unwrap(),
        timeout: Duration::from_secs(5),
        settle: None,
        carrier: None,
    }
}

fn mistakes(kind: &str, settings: Value) -> Vec<String> {
    let Value::Object(settings) = settings else { panic!("no object") };
    match build(kind, common(), settings) {
        Ok(_) => Vec::new(),
        Err(error) => error.mistakes.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn an_unknown_kind_is_told_with_those_there_are() {
    let told = mistakes("kasushuo", json!({}));
    assert_eq!(
        told,
        ["kind: found \"kasushuo\", allowed are json, kasushou, acg_faka, kinguin, reloadly; did you mean kasushou?"]
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let told = mistakes("kasushou", json!({ "user_id": ["geheim"], "apikey": "geheim", "most": "many" }));
    assert_eq!(told.len(), 4, "{told:#?}");
    let of = |path: &str| {
        told.iter().find(|line| line.starts_with(&format!("{path}: "))).unwrap_or_else(|| panic!("{told:#?}"))
    };
    assert!(of("apikey").ends_with("did you mean api_key?"));
    assert!(of("api_key").contains("is missing"));
    assert!(of("most").contains("found the text \"many\", allowed is a whole number"), "{}", of("most"));
    assert!(!of("user_id").contains("geheim"));
}

#[test]
fn an_example_is_right() {
    for kind in KINDS {
        let example = match kind {
            "json" => json::Settings::example(),
            "kasushou" => kasushou::Settings::example(),
            "acg_faka" => acg_faka::Settings::example(),
            "kinguin" => kinguin::Settings::example(),
            _ => reloadly::Settings::example(),
        };
        let told = mistakes(kind, example);
        assert!(told.is_empty(), "{kind}: {told:#?}");
    }
}

#[test]
fn a_url_is_refused_with_what_is_allowed() {
    let Value::Object(settings) = kasushou::Settings::example() else { panic!("no object") };
    for (url, word) in [
        ("http://api.example.com/", "http only for this machine"),
        ("ftp://api.example.com/", "no URL"),
        ("api.example.com", "no URL"),
        ("https://user:geheim@api.example.com/", "without user"),
        ("https://api.example.com/?a=b", "without user, query"),
    ] {
        let error =
            build("kasushou", Common { url: url.into(), ..common() }, settings.clone()).err().unwrap().to_string();
        assert!(error.starts_with("supplier main: url: found ") && error.contains(word), "{url}: {error}");
        assert!(!error.contains("geheim"));
    }
}

#[test]
fn a_variable_s_text_is_taken_for_the_number_that_it_is() {
    let mut settings = kasushou::Settings::example();
    settings["most"] = json!("50");
    settings["days"] = json!("7");
    assert_eq!(mistakes("kasushou", settings.clone()), [""; 0]);
    settings["most"] = json!("5 0");
    assert_eq!(mistakes("kasushou", settings), ["most: found the text \"5 0\", allowed is a whole number"]);
    let mut settings = json::Settings::example();
    settings["promises"]["query"] = json!("true");
    assert_eq!(mistakes("json", settings.clone()), [""; 0]);
    settings["promises"] = json!(5);
    assert_eq!(mistakes("json", settings), ["promises: found integer `5`, allowed is a table"]);
}
