//! What each answer of both APIs means, and what is sent.

use fulfil_contract::{
    attempt::Reference,
    ids::Quantity,
    money::MinorUnits,
    order::Recharge,
    supplier::{Goods, Hindrance, SupplierName},
};

use super::*;
use crate::wire::Reply;

mod settings;

const REFERENCE: &str = "f0123456789abcdef";

fn common(url: &str) -> Common {
    Common {
        name: SupplierName::parse("reloadly").unwrap(),
        url: url.into(),
        currency: Currency::parse("USD").unwrap(),
        timeout: Duration::from_secs(1),
        settle: None,
        carrier: None,
    }
}

fn supplier(own: Value) -> Reloadly {
    let mut settings = serde_json::json!({
        "product_line": "giftcards", "client_id": "c", "client_secret": "s3cret", "auth_url": "http://127.0.0.1:1"
    });
    for (name, value) in own.as_object().unwrap() {
        settings[name] = value.clone();
    }
    reloadly(&common("http://127.0.0.1:1"), serde_json::from_value(settings).unwrap()).unwrap()
}

fn top_ups() -> Reloadly {
    supplier(serde_json::json!({ "product_line": "topups" }))
}

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, retry_after: None, body: body.as_bytes().to_vec().into() }
}

fn purchase<'a>(
    reference: &'a Reference,
    product: &'a SupplierProduct,
    recharge: Option<&'a Recharge>,
) -> Purchase<'a> {
    Purchase {
        reference,
        product,
        quantity: Quantity::new(if recharge.is_some() { 1 } else { 2 }).unwrap(),
        unit_price: MinorUnits(1250),
        currency: Currency::parse("USD").unwrap(),
        recharge,
        sent_before: false,
        send_by: std::time::Instant::now() + std::time::Duration::from_secs(60),
    }
}

fn check_order(supplier: &Reloadly, product: &str, account: Option<&str>, expected: Result<(&str, &str), RefusalCode>) {
    let (reference, product) = (Reference::parse(REFERENCE).unwrap(), SupplierProduct::parse(product).unwrap());
    let recharge = account.map(|account| Recharge { account: account.into() });
    let found = match supplier.order(&purchase(&reference, &product, recharge.as_ref())) {
        Ok((path, body)) => Ok((path.to_owned(), String::from_utf8(body).unwrap())),
        Err(Bought::Refused(refusal)) => Err(refusal.code),
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(found, expected.map(|(path, body)| (path.to_owned(), body.to_owned())), "{product:?} {account:?}");
}

#[test]
fn a_gift_card_order_as_it_is_sent() {
    let plain = supplier(serde_json::json!({}));
    check_order(
        &plain,
        "120",
        None,
        Ok((
            "/orders",
            r#"{"productId":120,"quantity":2,"unitPrice":12.50,"customIdentifier":"f0123456789abcdef","senderName":"fulfil"}"#,
        )),
    );
    let full = supplier(serde_json::json!({
        "country": "US", "sender_name": "A \"B\"", "recipient_email": "keys@shop.example"
    }));
    check_order(
        &full,
        "120@5.5",
        None,
        Ok((
            "/orders",
            r#"{"productId":120,"countryCode":"US","quantity":2,"unitPrice":5.5,"customIdentifier":"f0123456789abcdef","senderName":"A \"B\"","recipientEmail":"keys@shop.example"}"#,
        )),
    );
    check_order(&plain, "120@", None, Err(RefusalCode::Product));
    check_order(&plain, "120", Some("+50936377111"), Err(RefusalCode::Product));
}

#[test]
fn a_top_up_as_it_is_sent() {
    let sent = |amount: &str, local: bool, country: &str, number: &str| {
        format!(
            r#"{{"operatorId":173,"amount":{amount},"useLocalAmount":{local},"customIdentifier":"f0123456789abcdef","recipientPhone":{{"countryCode":"{country}","number":"{number}"}}}}"#
        )
    };
    let check = |supplier: &Reloadly, product, account, expected: Result<String, RefusalCode>| {
        let expected = expected.as_ref().map(|body| ("/topups-async", body.as_str())).map_err(|code| *code);
        check_order(supplier, product, Some(account), expected);
    };
    let account = "+50936377111";
    check(&top_ups(), "173@10.00", account, Ok(sent("10.00", false, "HT", "50936377111")));
    check(&top_ups(), "173", "GB:07951731337", Ok(sent("12.50", false, "GB", "07951731337")));
    check(&top_ups(), "173@12.51", account, Err(RefusalCode::Price));
    check(&top_ups(), "173@12.501", account, Err(RefusalCode::Price));
    check(&top_ups(), "173", "somebody", Err(RefusalCode::Account));
    check(&top_ups(), "173", "+13059547862", Err(RefusalCode::Other));
    check_order(&top_ups(), "173", None, Err(RefusalCode::Product));
    let local = supplier(serde_json::json!({ "product_line": "topups", "local_amount": true, "country": "US" }));
    check(&local, "173@500", "+13059547862", Ok(sent("500", true, "US", "13059547862")));
    check(&local, "173", account, Err(RefusalCode::Product));
}

/// An outcome without the texts that people read.
#[derive(Debug, PartialEq)]
enum Is {
    Keys(Vec<&'static str>),
    Recharged(&'static str),
    Accepted,
    Pending,
    Refused(RefusalCode),
    /// Of a purchase, with whether their number is told.
    Unknown(bool),
    NotFound,
}

fn check_bought(status: u16, body: &str, expected: Is) {
    let found = match transaction::bought(&reply(status, body), &Reference::parse(REFERENCE).unwrap(), false) {
        Bought::Accepted { their_id } => {
            assert_eq!(their_id.as_deref(), Some("815"));
            Is::Accepted
        }
        Bought::Refused(refusal) => Is::Refused(refusal.code),
        Bought::Unknown { their_id, .. } => Is::Unknown(their_id.is_some()),
        other => panic!("{body}: {other:?}"),
    };
    assert_eq!(found, expected, "{status} {body}");
}

fn card_order(status: &str, reference: &str) -> String {
    format!(
        r#"{{"transactionId":815,"amount":17.52,"discount":0.49,"currencyCode":"USD","fee":0.50,"recipientEmail":"a@b.c","customIdentifier":"{reference}","status":"{status}","product":{{"productId":10,"productName":"n","countryCode":"AU","quantity":1,"unitPrice":15.00,"totalPrice":15.00,"currencyCode":"EUR","brand":{{"brandId":3,"brandName":"b"}}}},"smsFee":0.00,"recipientPhone":null,"transactionCreatedTime":"2022-01-03 23:30:41"}}"#
    )
}

#[test]
fn answers_to_a_purchase() {
    for status in ["SUCCESSFUL", "PROCESSING", "PENDING"] {
        check_bought(200, &card_order(status, REFERENCE), Is::Accepted);
    }
    for status in ["FAILED", "REFUNDED"] {
        check_bought(200, &card_order(status, REFERENCE), Is::Refused(RefusalCode::Other));
    }
    check_bought(200, &card_order("NEW", REFERENCE), Is::Unknown(true));
    check_bought(200, &card_order("SUCCESSFUL", "another"), Is::Unknown(false));
    check_bought(200, r#"{"transactionId": 815}"#, Is::Accepted);
    check_bought(200, r#"{"transactionId": "815"}"#, Is::Accepted);
    check_bought(200, r#"{"transactionId": "../815"}"#, Is::Unknown(false));
    check_bought(400, r#"{"message":"x","errorCode":"INSUFFICIENT_BALANCE"}"#, Is::Refused(RefusalCode::Balance));
    check_bought(400, r#"{"message":"x","errorCode":"PHONE_RECENTLY_RECHARGED"}"#, Is::Refused(RefusalCode::Other));
    check_bought(400, r#"{"message":"The customIdentifier cannot be reused","errorCode":null}"#, Is::Unknown(false));
    check_bought(401, r#"{"message":"x","errorCode":"TOKEN_EXPIRED"}"#, Is::Refused(RefusalCode::Credentials));
    check_bought(429, "", Is::Refused(RefusalCode::Throttled(None)));
    for (status, body) in
        [(200, "<html>"), (200, ""), (200, "{}"), (200, "[]"), (302, ""), (404, ""), (500, "{}"), (502, "")]
    {
        check_bought(status, body, Is::Unknown(false));
    }
}

fn sought<'a>(reference: &'a Reference, product: &'a SupplierProduct, their_id: Option<&'a str>) -> Sought<'a> {
    Sought { reference, their_id, product, quantity: Quantity::new(1).unwrap(), recharge: false }
}

fn is(found: Found) -> Is {
    match found {
        Found::Delivered { goods: Goods::Keys(keys), their_id: Some(_) } => {
            Is::Keys(keys.iter().map(|key| &*key.expose().to_owned().leak()).collect())
        }
        Found::Delivered { goods: Goods::Recharge { receipt }, their_id: Some(_) } => {
            Is::Recharged(receipt.unwrap().leak())
        }
        Found::Pending { their_id: Some(_), .. } => Is::Pending,
        Found::Refused(refusal) => Is::Refused(refusal.code),
        Found::NotFound => Is::NotFound,
        Found::Unclear { .. } => Is::Unknown(false),
        other => panic!("{other:?}"),
    }
}

fn check_report(body: &str, their_id: Option<&str>, expected: Is) {
    let (reference, product) = (Reference::parse(REFERENCE).unwrap(), SupplierProduct::parse("10").unwrap());
    let found = match transaction::reported(&reply(200, body), &sought(&reference, &product, their_id)) {
        Ok(_) => Is::Accepted,
        Err(found) => is(found),
    };
    assert_eq!(found, expected, "{body} {their_id:?}");
}

#[test]
fn answers_to_a_report_by_our_reference() {
    let (one, other) = (card_order("SUCCESSFUL", REFERENCE), card_order("SUCCESSFUL", "other"));
    let page = |content: &str| format!(r#"{{"content":[{content}],"totalElements":1,"totalPages":1,"last":true}}"#);
    check_report(&page(&one), None, Is::Accepted);
    check_report(&page(&format!("{other},{one}")), Some("815"), Is::Accepted);
    check_report(&format!("[{one}]"), None, Is::Accepted);
    check_report(&page(""), None, Is::Unknown(false));
    check_report(r#"{"content":[],"totalElements":0}"#, None, Is::NotFound);
    check_report("[]", None, Is::NotFound);
    check_report(&page(""), Some("815"), Is::Unknown(false));
    check_report(&page(&other), None, Is::Unknown(false));
    check_report(&page(&format!("{one},{one}")), None, Is::Unknown(false));
    check_report(&page(&one), Some("816"), Is::Unknown(false));
    for body in ["<html>", "{}", "null", r#"{"content":null}"#] {
        check_report(body, None, Is::Unknown(false));
    }
}

fn check_cards(body: &str, format: &str, expected: Is) {
    let transaction: Transaction = reply(200, &card_order("SUCCESSFUL", REFERENCE)).json().unwrap();
    assert!(gift_cards::found(&transaction).is_none(), "its cards are to be read");
    assert_eq!(is(gift_cards::delivered(&reply(200, body), &transaction, format)), expected, "{body}");
}

#[test]
fn cards_become_keys() {
    let usual = key_format();
    let pair = r#"{"cardNumber":"EWWVW","pinCode":"16163"}"#;
    check_cards(&format!("[{pair}]"), &usual, Is::Keys(vec!["EWWVW 16163"]));
    check_cards(pair, &usual, Is::Keys(vec!["EWWVW 16163"]));
    check_cards(&format!("[{pair},{pair}]"), "{pinCode}/{cardNumber}", Is::Keys(vec!["16163/EWWVW", "16163/EWWVW"]));
    check_cards(r#"[{"cardNumber":null,"pinCode":" 16163 "}]"#, &usual, Is::Keys(vec!["16163"]));
    check_cards(r#"[{"cardNumber":"EWWVW"}]"#, &usual, Is::Keys(vec!["EWWVW"]));
    check_cards(r#"[{"cardNumber":"{pinCode}","pinCode":"1"}]"#, &usual, Is::Keys(vec!["{pinCode} 1"]));
    check_cards("[]", &usual, Is::Pending);
    check_cards(&format!(r#"[{pair},{{"cardNumber":"","pinCode":null}}]"#), &usual, Is::Unknown(false));
    for body in ["<html>", "null", "{}", r#"["EWWVW"]"#] {
        check_cards(body, &usual, Is::Unknown(false));
    }
}

#[test]
fn a_gift_cards_status() {
    let check = |status: &str, expected: Is| {
        let transaction: Transaction = reply(200, &card_order(status, REFERENCE)).json().unwrap();
        assert_eq!(gift_cards::found(&transaction).map(is), Some(expected), "{status}");
    };
    check("PROCESSING", Is::Pending);
    check("PENDING", Is::Pending);
    check("FAILED", Is::Refused(RefusalCode::Other));
    check("REFUNDED", Is::Refused(RefusalCode::Other));
    check("NEW", Is::Unknown(false));
}

fn check_top_up(body: &str, expected: Is) {
    let (reference, product) = (Reference::parse(REFERENCE).unwrap(), SupplierProduct::parse("173").unwrap());
    let sought = Sought { recharge: true, ..sought(&reference, &product, Some("2")) };
    assert_eq!(is(top_ups::of_status(&reply(200, body), &sought)), expected, "{body}");
}

#[test]
fn a_top_ups_status_in_both_shapes() {
    let flat = |id: &str, status: &str, receipt: &str| {
        format!(
            r#"{{"transactionId":{id},"status":{status},"operatorTransactionId":{receipt},"customIdentifier":"{REFERENCE}","recipientPhone":447951631337,"countryCode":"GB","operatorId":535,"requestedAmount":3168.4,"transactionDate":"2021-12-06 08:13:39","pinDetail":null,"balanceInfo":{{"oldBalance":5109.53732}}}}"#
        )
    };
    let wrapped = |code: &str, status: &str, transaction: &str| {
        format!(r#"{{"code":{code},"message":null,"status":{status},"transaction":{transaction}}}"#)
    };
    let done = flat("2", "\"SUCCESSFUL\"", "\"7297929551:OrderConfirmed\"");
    check_top_up(&done, Is::Recharged("7297929551:OrderConfirmed"));
    check_top_up(&wrapped("null", "\"SUCCESSFUL\"", &done), Is::Recharged("7297929551:OrderConfirmed"));
    check_top_up(&wrapped("null", "\"SUCCESSFUL\"", &flat("2", "null", "null")), Is::Recharged("2"));
    check_top_up(&wrapped("null", "null", &done), Is::Recharged("7297929551:OrderConfirmed"));
    check_top_up(&wrapped("null", "\"PROCESSING\"", "null"), Is::Pending);
    check_top_up(&flat("2", "\"PROCESSING\"", "null"), Is::Pending);
    check_top_up(&wrapped("\"TOPUP_TRANSACTION_FAILED\"", "\"FAILED\"", "null"), Is::Refused(RefusalCode::Other));
    check_top_up(&wrapped("\"INVALID_RECIPIENT_PHONE\"", "\"FAILED\"", "null"), Is::Refused(RefusalCode::Account));
    check_top_up(&flat("2", "\"REFUNDED\"", "null"), Is::Refused(RefusalCode::Other));
    check_top_up(&wrapped("null", "\"FAILED\"", &done), Is::Unknown(false));
    check_top_up(&flat("3", "\"SUCCESSFUL\"", "null"), Is::Unknown(false));
    check_top_up(&done.replace(REFERENCE, "another"), Is::Unknown(false));
    for body in ["<html>", "{}", "[]", "null", r#"{"status":"NEW"}"#] {
        check_top_up(body, Is::Unknown(false));
    }
}

fn check_offer(supplier: &Reloadly, product: &str, told: &str, expected: (Option<u64>, bool)) {
    let asked = SupplierProduct::parse(product).unwrap();
    let parsed = Product::parse(&asked).unwrap();
    let told: Value = serde_json::from_str(told).unwrap();
    let offer = match supplier.settings.product_line {
        ProductLine::GiftCards => {
            offers::of_gift_card(&serde_json::from_value(told.clone()).unwrap(), &asked, &parsed, supplier.currency)
        }
        ProductLine::TopUps => {
            let local = supplier.settings.local_amount;
            offers::of_operator(
                &serde_json::from_value(told.clone()).unwrap(),
                &asked,
                &parsed,
                supplier.currency,
                local,
            )
        }
    };
    assert_eq!((offer.unit_price.map(|price| price.0), offer.on_sale), expected, "{product} {told}");
}

#[test]
fn what_a_face_value_costs() {
    let cards = supplier(serde_json::json!({}));
    let fixed = r#"{"productId":1,"senderFee":0.51,"denominationType":"FIXED","recipientCurrencyCode":"EUR","senderCurrencyCode":"USD","fixedRecipientDenominations":[25.00,50.00],"fixedSenderDenominations":[27.105,54.21],"minRecipientDenomination":null}"#;
    check_offer(&cards, "1@25", fixed, (Some(2711 + 51), true));
    check_offer(&cards, "1@50.00", fixed, (Some(5421 + 51), true));
    check_offer(&cards, "1@30", fixed, (None, false));
    check_offer(&cards, "1", fixed, (None, true));
    check_offer(&cards, "1@25", &fixed.replace("\"USD\"", "\"NGN\""), (None, true));
    let range = r#"{"denominationType":"RANGE","recipientCurrencyCode":"USD","senderCurrencyCode":"USD","fixedRecipientDenominations":[],"minRecipientDenomination":1,"maxRecipientDenomination":100}"#;
    check_offer(&cards, "1@30", range, (Some(3000), true));
    check_offer(
        &cards,
        "1@30",
        &range.replace("\"recipientCurrencyCode\":\"USD\"", "\"recipientCurrencyCode\":\"EUR\""),
        (None, true),
    );
    let one = r#"{"status":"INACTIVE","recipientCurrencyCode":"USD","senderCurrencyCode":"USD","fixedRecipientDenominations":[10]}"#;
    check_offer(&cards, "1", one, (Some(1000), false));

    let operator = r#"{"operatorId":173,"status":"ACTIVE","senderCurrencyCode":"USD","fixedAmounts":[1.5,3],"localFixedAmounts":[100,200]}"#;
    check_offer(&top_ups(), "173@3.00", operator, (Some(300), true));
    check_offer(&top_ups(), "173@4", operator, (None, false));
    check_offer(&top_ups(), "173", operator, (None, true));
    let local = supplier(serde_json::json!({ "product_line": "topups", "local_amount": true }));
    check_offer(&local, "173@100", operator, (Some(150), true));
    check_offer(&top_ups(), "173@4", r#"{"senderCurrencyCode":"USD","minAmount":1,"maxAmount":9}"#, (Some(400), true));
}

#[test]
fn balances_have_more_digits_than_their_currency() {
    for (told, digits, expected) in [
        (serde_json::json!(2004.50532), 2, Some(200_450)),
        (serde_json::json!(1000), 2, Some(100_000)),
        (serde_json::json!(0.001), 2, Some(0)),
        (serde_json::json!(-3.5), 2, Some(-350)),
        (serde_json::json!("12.5"), 0, Some(12)),
        (serde_json::json!(null), 2, None),
    ] {
        assert_eq!(balance_in(&told, digits), expected, "{told}");
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    // Nobody listens at port 1.
    let (reference, product) = (Reference::parse(REFERENCE).unwrap(), SupplierProduct::parse("120").unwrap());
    let cards = supplier(serde_json::json!({}));
    assert!(matches!(
        cards.buy(purchase(&reference, &product, None)).await,
        Bought::NotSent { by: Hindrance::Theirs, .. }
    ));
    assert!(matches!(cards.query(sought(&reference, &product, None)).await, Found::Unclear { .. }));
    assert!(matches!(cards.balance().await, Err(SupplierError::Unreachable(_))));
    let promises = top_ups().promises();
    assert_eq!((promises.query, promises.resend, promises.most), (true, Resend::Refused, 1));
}
