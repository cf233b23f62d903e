//! What each answer of the protocol means, and which callbacks are believed.

use fulfil_contract::{
    attempt::Reference,
    ids::Quantity,
    money::{Currency, MinorUnits},
    order::Recharge,
    supplier::{About, Goods, RefusalCode, SupplierName},
};

use super::*;
use crate::digest::sha1_hex;

const REFERENCE: &str = "f0123456789abcdef";

fn settings() -> Settings {
    serde_json::from_value(Settings::example()).unwrap()
}

fn kasushou() -> Kasushou {
    let common = Common {
        name: SupplierName::parse("main").unwrap(),
        url: "http://127.0.0.1:1".into(),
        currency: Currency::parse("CNY").unwrap(),
        timeout: Duration::from_secs(1),
        settle: None,
        carrier: None,
    };
    Kasushou { wire: common.wire().unwrap(), settings: settings(), common }
}

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, retry_after: None, body: body.as_bytes().to_vec().into() }
}

fn found_as(status: u16, body: &str, recharge: bool) -> Found {
    let (reference, product) = (Reference::parse(REFERENCE).unwrap(), SupplierProduct::parse("7").unwrap());
    let sought = Sought {
        reference: &reference,
        their_id: Some("D1"),
        product: &product,
        quantity: Quantity::new(1).unwrap(),
        recharge,
    };
    answers::found(&reply(status, body), &sought, &settings())
}

fn order(fields: &str) -> String {
    format!(r#"{{"code":200,"msg":"ok","data":[{{"ordersn":"D1","external_orderno":"{REFERENCE}",{fields}}}]}}"#)
}

fn keys(found: Found) -> Vec<String> {
    match found {
        Found::Delivered { goods: Goods::Keys(keys), .. } => keys.iter().map(|key| key.expose().to_owned()).collect(),
        other => panic!("{other:?}"),
    }
}

fn unclear(found: Found) -> String {
    match found {
        Found::Unclear { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_is_written_as_the_protocol_wants_it() {
    let (reference, product) = (Reference::parse(REFERENCE).unwrap(), SupplierProduct::parse("7").unwrap());
    let recharge = Recharge { account: "138\"0013".into() };
    let purchase = Purchase {
        reference: &reference,
        product: &product,
        quantity: Quantity::new(3).unwrap(),
        unit_price: MinorUnits(1250),
        currency: Currency::parse("CNY").unwrap(),
        recharge: Some(&recharge),
        sent_before: false,
        send_by: std::time::Instant::now() + std::time::Duration::from_secs(60),
    };
    let mut kasushou = kasushou();
    let url = "https://fulfil.example/suppliers/main/callback";
    assert_eq!(
        sign::canonical(&kasushou.order(&purchase)),
        format!(
            r#"{{"attach":{{"recharge_account":"138\"0013"}},"external_orderno":"{REFERENCE}","id":7,"quantity":3,"safe_price":"12.50","url":"{url}"}}"#
        )
    );
    kasushou.settings.safe_price = SafePrice::Total;
    assert_eq!(kasushou.order(&purchase)["safe_price"], "37.50");
    assert_eq!(kasushou.promises().resend, Resend::Refused);
    assert!(!format!("{kasushou:?}").contains("example\""), "the key is not shown");
}

#[test]
fn only_code_200_with_an_order_number_is_accepted() {
    let reference = Reference::parse(REFERENCE).unwrap();
    let bought = |status, body: &str| answers::bought(&reply(status, body), &reference);
    let taken = format!(
        r#"{{"code":200,"msg":"","data":{{"ordersn":"D1","external_orderno":"{REFERENCE}","total_price":"9.9"}}}}"#
    );
    assert_eq!(bought(200, &taken), Bought::Accepted { their_id: Some("D1".into()) });
    assert_eq!(
        bought(200, r#"{"code":"200","data":{"ordersn":17}}"#),
        Bought::Accepted { their_id: Some("17".into()) }
    );
    for (status, body) in [
        (200, r#"{"code":400,"msg":"余额不足"}"#),
        (200, r#"{"code":500,"msg":"x"}"#),
        (200, r#"{"code":200,"data":{}}"#),
        (200, r#"{"code":200,"data":{"ordersn":"D1","external_orderno":"someone"}}"#),
        (502, &taken),
        (200, r#"{"msg":"ok"}"#),
        (200, "<html>login</html>"),
        (200, r#"{"code":200,"da"#),
    ] {
        assert!(matches!(bought(status, body), Bought::Unknown { their_id: None, .. }), "{status} {body}");
    }
    match bought(429, "") {
        Bought::Refused(refusal) => assert_eq!(refusal.code, RefusalCode::Throttled(None)),
        other => panic!("{other:?}"),
    }
    match bought(200, r#"{"code":400,"msg":"余额不足"}"#) {
        Bought::Unknown { why, .. } => assert_eq!(why, "code 400: 余额不足"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_status_means_what_it_says_and_no_more() {
    let two = r#""card_list":[{"card_no":"A1","card_password":"P1"},{"card_no":"A2","card_password":""}]"#;
    assert_eq!(keys(found_as(200, &order(&format!(r#""status":3,{two}"#)), false)), ["A1 P1", "A2"]);
    let password_alone = r#""status":"3","card_list":[{"card_no":null,"card_password":" P9 "}]"#;
    assert_eq!(keys(found_as(200, &order(password_alone), false)), ["P9"]);

    let pending = |fields: &str| match found_as(200, &order(fields), false) {
        Found::Pending { their_id, so_far } => (their_id, so_far.len()),
        other => panic!("{other:?}"),
    };
    let id = Some("D1".to_owned());
    assert_eq!(pending(r#""status":3,"card_list":[]"#), (id.clone(), 0), "success without cards");
    assert_eq!(pending(r#""status":1"#), (id.clone(), 0));
    assert_eq!(pending(&format!(r#""status":2,{two}"#)), (id.clone(), 2));
    assert_eq!(pending(r#""status":-1"#), (id.clone(), 0));

    assert_eq!(
        found_as(200, &order(r#""status":3,"card_list":[]"#), true),
        Found::Delivered { goods: Goods::Recharge { receipt: id.clone() }, their_id: id }
    );
    for status in [4, 5] {
        let back = |paid: &str, back: &str| {
            found_as(200, &order(&format!(r#""status":{status},"total_price":{paid},"has_back_money":{back}"#)), false)
        };
        for (paid, all) in [("12.5", "\"12.50\""), ("\"10.00\"", "10"), ("3", "3")] {
            match back(paid, all) {
                Found::Refused(refusal) => assert_eq!(refusal.code, RefusalCode::Other),
                other => panic!("{other:?}"),
            }
        }
        assert!(unclear(back("12.5", "12.4")).contains("only a part"));
        assert!(unclear(back("12.5", "0")).contains("only a part"));
        assert!(unclear(back("12.5", "null")).contains("without the amounts"));
        let with_cards = order(&format!(r#""status":{status},"total_price":1,"has_back_money":1,{two}"#));
        assert!(unclear(found_as(200, &with_cards, false)).contains("there are cards"));
    }
    assert!(unclear(found_as(200, &order(r#""status":6"#), false)).contains("does not name"));
    assert!(unclear(found_as(200, &order(r#""x":6"#), false)).contains("without a status"));
    let empty_card = order(r#""status":3,"card_list":[{"card_no":"","card_password":""}]"#);
    assert!(unclear(found_as(200, &empty_card, false)).contains("without number"));
}

#[test]
fn not_found_is_an_empty_list_and_nothing_that_looks_like_it() {
    assert_eq!(found_as(200, r#"{"code":200,"data":[]}"#, false), Found::NotFound);
    assert_eq!(found_as(200, r#"{"code":400,"msg":"订单不存在"}"#, false), Found::NotFound);
    for body in [
        r#"{"code":400,"msg":"签名错误"}"#,
        r#"{"code":500,"msg":"订单不存在"}"#,
        r#"{"code":200}"#,
        r#"{"code":200,"data":{}}"#,
        r#"{"code":200,"data":[{"ordersn":"D1","external_orderno":"f9999999999999999","status":3}]}"#,
        &format!(r#"{{"code":200,"data":[{{"ordersn":"D2","external_orderno":"{REFERENCE}","status":1}}]}}"#),
        "[]",
    ] {
        assert!(!unclear(found_as(200, body, false)).is_empty(), "{body}");
    }
    unclear(found_as(404, "", false));
    unclear(found_as(503, r#"{"code":200,"data":[]}"#, false));
}

#[test]
fn a_key_is_put_together_as_configured() {
    let mut settings = settings();
    settings.key_format = "{card_password}|{card_no}".into();
    let (reference, product) = (Reference::parse(REFERENCE).unwrap(), SupplierProduct::parse("7").unwrap());
    let sought = Sought {
        reference: &reference,
        their_id: None,
        product: &product,
        quantity: Quantity::new(1).unwrap(),
        recharge: false,
    };
    let body = order(r#""status":3,"card_list":[{"card_no":"{card_password}","card_password":"{card_no}"}]"#);
    assert_eq!(keys(answers::found(&reply(200, &body), &sought, &settings)), ["{card_no}|{card_password}"]);
}

#[test]
fn a_callback_is_read_only_with_its_signature_and_in_time() {
    let kasushou = kasushou();
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let time = now.0 / 1_000_000;
    // As PHP writes it: sorted, slashes escaped, numbers with their digits.
    let signed = format!(
        r#"{{"external_orderno":"{REFERENCE}","mark":"卡\/密","ordersn":"D1","status":3,"time":{time},"total_price":10.00}}"#
    );
    let sign = sha1_hex(format!("{time}{signed}example").as_bytes());
    let with =
        |sign: &str| signed.replace(r#""mark""#, &format!(r#""card_list":[{{"card_no":"x"}}],"sign":"{sign}","mark""#));
    let read = |body: &str, now: Timestamp| {
        kasushou.read_callback(Callback { headers: &[], path: "/suppliers/main/callback", body: body.as_bytes(), now })
    };
    let hint = read(&with(&sign), now).unwrap();
    assert_eq!(hint.about, About::Reference(Reference::parse(REFERENCE).unwrap()));
    assert_eq!((hint.nonce.as_str(), hint.reply), (sign.as_str(), Some("ok")));
    assert!(read(&with(&sign).replace("\\/", "/"), now).is_ok(), "a body whose slashes were not escaped on the way");

    assert_eq!(read(&with(&sign).replace("\"D1\"", "\"D2\""), now), Err(CallbackRefused::Signature));
    assert_eq!(read(&with(&"0".repeat(40)), now), Err(CallbackRefused::Signature));
    assert_eq!(read(&signed, now), Err(CallbackRefused::Signature));
    assert!(matches!(read("sign=1", now), Err(CallbackRefused::Unreadable(_))));
    let late = Timestamp(now.0 + 7201 * 1_000_000);
    assert_eq!(read(&with(&sign), late), Err(CallbackRefused::Age(7201)));
    let early = Timestamp(now.0 - 301 * 1_000_000);
    assert_eq!(read(&with(&sign), early), Err(CallbackRefused::Age(-301)));
}

#[test]
fn a_callback_about_an_id_that_no_ledger_has_is_not_read() {
    let kasushou = kasushou();
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let time = now.0 / 1_000_000;
    let read = |id: &str| {
        let signed = format!(r#"{{"ordersn":"{id}","time":{time}}}"#);
        let sign = sha1_hex(format!("{time}{signed}example").as_bytes());
        let body = format!(r#"{{"ordersn":"{id}","sign":"{sign}","time":{time}}}"#);
        kasushou.read_callback(Callback { headers: &[], path: "/", body: body.as_bytes(), now }).map(|hint| hint.about)
    };
    assert_eq!(read("D1"), Ok(About::TheirId("D1".into())));
    for id in ["", "D\\u00001", &"D".repeat(257)] {
        assert_eq!(read(id), Err(CallbackRefused::Unreadable("no order number".into())), "{id}");
    }
}

#[test]
fn what_they_say_is_kept_as_a_short_line() {
    let body = format!(r#"{{"code":400,"msg":"no\n{}"}}"#, "x".repeat(100_000));
    match answers::bought(&reply(200, &body), &Reference::parse(REFERENCE).unwrap()) {
        Bought::Unknown { why, .. } => assert!(why.len() < 300 && !why.contains('\n'), "{} bytes", why.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn settings_that_can_not_work_are_told_together() {
    let mut settings = settings();
    settings.user_id = "1 0".into();
    settings.key_format = "{number}".into();
    settings.most = 0;
    let common = Common { url: "http://192.0.2.1".into(), ..kasushou().common };
    let told: Vec<String> =
        build(&common, settings).err().unwrap().iter().map(|mistake| mistake.path.clone()).collect();
    assert_eq!(told, ["user_id", "key_format", "most", "url"]);
}
