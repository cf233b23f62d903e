//! Webhooks: a static secret in a header, the rest unsigned. One is believed for no more than which order to
//! ask about.

use fulfil_contract::{
    attempt::Reference,
    ports::supplier::CallbackRefused,
    supplier::{About, Callback, Hint},
    time::Timestamp,
};
use serde::Deserialize;

use super::product::is_id;
use crate::{digest, secret::Secret};

/// Longer than any that they have. It is remembered with the callback.
const MOST_STATUS: usize = 64;
/// Their clock may be ahead of ours.
const MOST_AHEAD_S: i64 = 300;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    order_id: String,
    #[serde(default)]
    order_external_id: Option<String>,
    status: String,
    updated_at: String,
}

/// It is about our reference where it names one, since their number is not known where the answer to the
/// purchase was lost; else about their number.
///
/// # Errors
/// [`CallbackRefused`]
pub(super) fn read(callback: Callback<'_>, secret: &Secret, most_age_s: i64) -> Result<Hint, CallbackRefused> {
    let header = |name: &str| callback.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let told = header("x-event-secret").unwrap_or("");
    if !digest::equal(told.as_bytes(), secret.expose().as_bytes()) {
        return Err(CallbackRefused::Signature);
    }
    let unreadable = |what: &str| CallbackRefused::Unreadable(what.into());
    if header("x-event-name") != Some("order.status") {
        return Err(unreadable("an event other than order.status"));
    }
    let event: Event = serde_json::from_slice(callback.body).map_err(|_| unreadable("no event of an order"))?;
    if !is_id(&event.order_id) {
        return Err(unreadable("no order number"));
    }
    if event.status.len() > MOST_STATUS {
        return Err(unreadable("no status"));
    }
    let updated = Timestamp::parse(&event.updated_at).ok_or_else(|| unreadable("no time"))?;
    let age = (callback.now.0 - updated.0) / 1_000_000;
    if age > most_age_s || age < -MOST_AHEAD_S {
        return Err(CallbackRefused::Age(age));
    }
    let nonce = format!("{} {} {}", event.order_id, event.updated_at, event.status);
    let about = match event.order_external_id.as_deref().and_then(Reference::parse) {
        Some(reference) => About::Reference(reference),
        None => About::TheirId(event.order_id),
    };
    Ok(Hint { about, nonce, reply: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"orderId":"PHS84FJAG5U","orderExternalId":"f0123456789abcdef","status":"completed","updatedAt":"2020-10-16T11:24:08.025+00:00"}"#;

    fn check(headers: &[(&str, &str)], body: &str, now: &str, expected: Result<About, CallbackRefused>) {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let now = Timestamp::parse(now).unwrap();
        let callback = Callback { headers: &headers, path: "/", body: body.as_bytes(), now };
        let found = read(callback, &Secret::new("s3cret".into()), 3600);
        assert_eq!(found.map(|hint| hint.about), expected, "{headers:?} {body}");
    }

    #[test]
    fn who_is_believed_and_about_what() {
        let right = [("x-event-name", "order.status"), ("x-event-secret", "s3cret")];
        let soon = "2020-10-16T11:25:08Z";
        let ours = About::Reference(Reference::parse("f0123456789abcdef").unwrap());
        check(&right, BODY, soon, Ok(ours));
        let theirs = BODY.replace("f0123456789abcdef", "AL2FEEHOO2OHF");
        check(&right, &theirs, soon, Ok(About::TheirId("PHS84FJAG5U".into())));
        check(&right[..1], BODY, soon, Err(CallbackRefused::Signature));
        check(&[right[0], ("x-event-secret", "s3cres")], BODY, soon, Err(CallbackRefused::Signature));
        check(&[right[0], ("x-event-secret", "")], BODY, soon, Err(CallbackRefused::Signature));
        let other = CallbackRefused::Unreadable("an event other than order.status".into());
        check(&[("x-event-name", "product.update"), right[1]], BODY, soon, Err(other));
        check(&right, "<html>", soon, Err(CallbackRefused::Unreadable("no event of an order".into())));
        check(
            &right,
            BODY,
            "2020-10-16T12:24:08.025Z",
            Ok(About::Reference(Reference::parse("f0123456789abcdef").unwrap())),
        );
        // It would be remembered as long as it is.
        let long = BODY.replace("completed", &"x".repeat(65));
        check(&right, &long, soon, Err(CallbackRefused::Unreadable("no status".into())));
        check(&right, BODY, "2020-10-16T12:24:10Z", Err(CallbackRefused::Age(3601)));
        check(&right, BODY, "2020-10-16T11:10:00Z", Err(CallbackRefused::Age(-848)));
    }
}
