//! Each check is broken once.

use super::*;
use crate::results::Message;

const BODY: &str = r#"{"order_id":"a","merchant_id":"m","placed_at":"2026-01-01T00:00:00Z","currency":"USD","lines":[{"line_no":1,"sku":"s","quantity":2,"unit_price":100}]}"#;
const RESULT: &str = r#"{"order_id":"a","revision":1,"status":"fulfilled","merchant_id":"m","lines":[{"line_no":1,"sku":"s","status":"delivered","keys":[{"key_id":"1"},{"key_id":"2"}]}]}"#;

fn result(body: &str, message_id: &str) -> Message {
    let value: serde_json::Value = serde_json::from_str(body).unwrap();
    let part = |name| value[name].as_str().unwrap_or("unknown").to_owned();
    Message {
        routing_key: format!("{}.{}", part("merchant_id"), part("status")),
        message_id: message_id.into(),
        kind: "order.result.v1".into(),
        redelivered: false,
        body: body.into(),
    }
}

fn judged(bodies: &[&str], messages: &[Message]) -> Verdict {
    let (mut sent, mut results) = (Sent::default(), Results::default());
    bodies.iter().for_each(|body| sent.add(body.as_bytes(), true));
    messages.iter().for_each(|message| results.add(message));
    judge(&sent, &results, None).concluded()
}

fn offended(verdict: &Verdict) -> Vec<&'static str> {
    verdict.checks.iter().filter(|check| check.offenders > 0).map(|check| check.name).collect()
}

#[test]
fn a_whole_answer_and_its_repeat_are_clean() {
    let verdict = judged(&[BODY, BODY], &[result(RESULT, "a:1"), result(RESULT, "a:1")]);
    assert!(verdict.clean, "{verdict}");
    assert_eq!((verdict.repeats, verdict.keys_delivered, verdict.statuses["fulfilled"]), (1, 2, 1));
}

#[test]
fn each_offence_is_told_by_its_name() {
    let other = RESULT.replace("\"a\"", "\"b\"");
    let other_body = BODY.replace("\"a\"", "\"b\"");
    let short = RESULT.replace(r#"{"key_id":"1"},"#, "");
    let wrong_sku = RESULT.replace(r#""sku":"s""#, r#""sku":"t""#);
    let processing = RESULT.replace("fulfilled", "processing");
    let twice_inside = RESULT.replace(r#""key_id":"2""#, r#""key_id":"1""#);
    let later = RESULT.replace("\"1\"", "\"9\"");
    let no_reason = r#"{"order_id":"a","revision":1,"status":"rejected","merchant_id":"m","lines":[]}"#;
    let both = [BODY, other_body.as_str()];
    let cases: Vec<(&[&str], Vec<Message>, &[&str])> = vec![
        (&[BODY], vec![], &["answered"]),
        (&["broken"], vec![], &["answered"]),
        (&[BODY], vec![result(&processing, "a:1")], &["answered"]),
        (&[BODY], vec![result(RESULT, "a:1"), result(&later, "a:1")], &["same_bytes"]),
        (&[BODY], vec![result(RESULT, "a:1"), result(&other, "b:1")], &["asked_for", "sold_once"]),
        (&both, vec![result(RESULT, "a:1"), result(&other, "b:1")], &["sold_once"]),
        (&[BODY], vec![result(&twice_inside, "a:1")], &["sold_once"]),
        (&[BODY], vec![result(&short, "a:1")], &["whole_lines"]),
        (&[BODY], vec![result(&wrong_sku, "a:1")], &["whole_lines"]),
        (&[BODY], vec![result(no_reason, "a:1")], &["whole_lines"]),
        (&[BODY], vec![result(RESULT, "a:1"), result(RESULT, "a:2")], &["well_formed"]),
    ];
    for (bodies, messages, names) in cases {
        let verdict = judged(bodies, &messages);
        assert_eq!(offended(&verdict), names, "{verdict}");
        assert!(!verdict.clean);
    }
}

#[test]
fn of_two_bodies_one_stands_and_the_other_is_a_conflict() {
    let other = BODY.replace("\"quantity\":2", "\"quantity\":3");
    let hash = crate::sent::hex(&<sha2::Sha256 as sha2::Digest>::digest(other.as_bytes()));
    let conflict = r#"{"order_id":"a","revision":0,"status":"conflict","merchant_id":"m","lines":[],"reason":{"code":"conflict"}}"#;
    let named = result(conflict, &format!("a:conflict-{}", &hash[..8]));
    assert!(judged(&[BODY, &other], &[result(RESULT, "a:1"), named.clone()]).clean);
    assert_eq!(offended(&judged(&[BODY, &other], &[result(RESULT, "a:1")])), ["conflicts"]);
    let stray = result(conflict, "a:conflict-00000000");
    assert_eq!(offended(&judged(&[BODY], &[result(RESULT, "a:1"), stray])), ["conflicts"]);
    // The refused body's lines don't make the result right.
    let three = RESULT.replace(r#"{"key_id":"1"},"#, r#"{"key_id":"1"},{"key_id":"3"},"#);
    assert_eq!(offended(&judged(&[BODY, &other], &[result(&three, "a:1"), named])), ["whole_lines"]);
}

/// With so many keys of SKU s and none of any other.
fn stock(keys: u64) -> Stock {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.csv");
    let lines: String = (0..keys).map(|number| format!("s,K-{number}\ns,K-{number}\n")).collect();
    std::fs::write(&file, format!("sku,key\n{lines}")).unwrap();
    Stock::read(&file).unwrap()
}

fn refused(bodies: &[&str], messages: &[Message], keys: u64) -> Vec<&'static str> {
    let (mut sent, mut results) = (Sent::default(), Results::default());
    bodies.iter().for_each(|body| sent.add(body.as_bytes(), true));
    messages.iter().for_each(|message| results.add(message));
    offended(&judge(&sent, &results, Some(&stock(keys))).concluded())
}

const FOR_NOTHING: &[&str] = &["not_refused_for_nothing"];

fn rejected_line(code: &str) -> Message {
    let body = r#"{"order_id":"a","revision":1,"status":"rejected","merchant_id":"m","lines":[{"line_no":1,"sku":"s","status":"rejected","reason":{"code":"CODE"}}]}"#;
    result(&body.replace("CODE", code), "a:1")
}

fn rejected_whole(code: &str) -> Message {
    let body =
        r#"{"order_id":"a","revision":1,"status":"rejected","merchant_id":"m","lines":[],"reason":{"code":"CODE"}}"#;
    result(&body.replace("CODE", code), "a:1")
}

#[test]
fn a_line_is_not_refused_while_keys_are_left() {
    for code in ["out_of_stock", "no_supplier", "suppliers_unavailable", "price_guard"] {
        assert_eq!(refused(&[BODY], &[rejected_line(code)], 2), FOR_NOTHING, "{code}");
        assert!(refused(&[BODY], &[rejected_line(code)], 1).is_empty(), "{code}");
    }
}

#[test]
fn no_sound_order_is_rejected_as_a_whole_while_keys_are_left() {
    for code in ["unknown_sku", "invalid_order", "expired", "suppliers_unavailable", "poison", "unrecordable"] {
        assert_eq!(refused(&[BODY], &[rejected_whole(code)], 2), FOR_NOTHING, "{code}");
        assert!(refused(&[BODY], &[rejected_whole(code)], 1).is_empty(), "{code}");
    }
    let unknown = BODY.replace(r#""sku":"s""#, r#""sku":"t""#);
    assert!(refused(&[&unknown], &[rejected_whole("unknown_sku")], 9).is_empty());
    let broken = BODY.replace("USD", "usd");
    assert!(refused(&[&broken], &[rejected_whole("invalid_order")], 9).is_empty());
    let expiring = BODY.replace(r#""currency""#, r#""expires_at":"2026-01-01T00:00:00Z","currency""#);
    assert!(refused(&[&expiring], &[rejected_whole("expired")], 9).is_empty());
    // Two lines of one SKU want four keys together.
    let line = r#"{"line_no":1,"sku":"s","quantity":2,"unit_price":100}"#;
    let both = BODY.replace(line, &format!("{line},{}", line.replace("no\":1", "no\":2")));
    assert!(refused(&[&both], &[rejected_whole("unknown_sku")], 3).is_empty());
    assert_eq!(refused(&[&both], &[rejected_whole("unknown_sku")], 4), FOR_NOTHING);
}

#[test]
fn a_refusal_is_held_against_the_body_that_stands() {
    let broken = BODY.replace("USD", "usd");
    let conflict_of = |body: &str| {
        let hash = crate::sent::hex(&<sha2::Sha256 as sha2::Digest>::digest(body.as_bytes()));
        let conflict = r#"{"order_id":"a","revision":0,"status":"conflict","merchant_id":"m","lines":[],"reason":{"code":"conflict"}}"#;
        result(conflict, &format!("a:conflict-{}", &hash[..8]))
    };
    let bodies = [BODY, broken.as_str()];
    assert!(refused(&bodies, &[rejected_whole("invalid_order"), conflict_of(BODY)], 2).is_empty());
    assert_eq!(refused(&bodies, &[rejected_whole("invalid_order"), conflict_of(&broken)], 2), FOR_NOTHING);
}

#[test]
fn the_ledger_has_imported_what_the_files_held_and_what_suppliers_brought() {
    let audit = |imported| verdict::Audit {
        ok: true,
        imported,
        available: imported - 2,
        sold: 2,
        quarantined: 0,
        orders: 1,
        lines_short: 0,
        keys_sold_twice: 0,
        stock_offered: Some(imported - 2),
        stock_not_available: Some(0),
        stock_missing: Some(0),
        claims_open: Some(0),
    };
    let clean = |sku: &str, by_suppliers: u64, imported: u64| {
        let (mut sent, mut results) = (Sent::default(), Results::default());
        let of_sku = |text: &str| text.replace(r#""sku":"s""#, &format!(r#""sku":"{sku}""#));
        sent.add(of_sku(BODY).as_bytes(), true);
        results.add(&result(&of_sku(RESULT), "a:1"));
        let mut verdict = judge(&sent, &results, Some(&stock(3)));
        verdict.suppliers_sold(by_suppliers);
        verdict.with_audit(audit(imported)).clean
    };
    assert_eq!([2, 3, 4].map(|imported| clean("s", 0, imported)), [false, true, false]);
    assert_eq!([4, 5, 6].map(|imported| clean("bought", 2, imported)), [false, true, false]);
    assert_eq!([4, 5, 6, 7].map(|imported| clean("bought", 3, imported)), [false, true, true, false], "surplus");
}

#[test]
fn the_witness_is_heard() {
    let audit = verdict::Audit {
        ok: true,
        imported: 3,
        available: 1,
        sold: 2,
        quarantined: 0,
        orders: 1,
        lines_short: 0,
        keys_sold_twice: 0,
        stock_offered: Some(1),
        stock_not_available: Some(0),
        stock_missing: Some(0),
        claims_open: Some(0),
    };
    let heard = |audit: verdict::Audit| judged(&[BODY], &[result(RESULT, "a:1")]).with_audit(audit).clean;
    assert!(heard(audit.clone()));
    assert!(!heard(verdict::Audit { ok: false, ..audit.clone() }));
    assert!(!heard(verdict::Audit { sold: 1, available: 2, ..audit.clone() }));
    assert!(!heard(verdict::Audit { imported: 4, ..audit.clone() }));
    assert!(!heard(verdict::Audit { stock_missing: Some(1), ..audit.clone() }));
    assert!(!heard(verdict::Audit { stock_missing: None, ..audit }));
}
