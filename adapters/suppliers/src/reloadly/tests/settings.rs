//! A section's settings: what is wrong is named by its path, and what is left out has its default.

use super::*;

#[test]
fn settings_are_checked() {
    let common = common("https://topups-sandbox.reloadly.com");
    let settings = |own: Value| -> Settings {
        let mut settings = Settings::example();
        for (name, value) in own.as_object().unwrap() {
            settings[name] = value.clone();
        }
        serde_json::from_value(settings).unwrap()
    };
    let wrong = settings(serde_json::json!({
        "client_id": "", "country": "usa", "sender_name": " ", "key_format": "{pinCode}", "most": 0, "auth_url": "http://a.example"
    }));
    let paths: Vec<_> =
        reloadly(&common, wrong).err().unwrap_or_default().into_iter().map(|mistake| mistake.path).collect();
    assert_eq!(paths, ["client_id", "country", "sender_name", "key_format", "most", "auth_url"]);
    let top_ups = settings(serde_json::json!({ "product_line": "topups", "audience": null }));
    assert_eq!(top_ups.audience(&common.url), "https://topups-sandbox.reloadly.com");
    assert_eq!(top_ups.audience("https://topups.reloadly.com"), "https://topups.reloadly.com");
}
