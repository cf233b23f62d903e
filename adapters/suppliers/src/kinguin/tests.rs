//! What each answer of the API means, and what is sent.

use fulfil_contract::{
    attempt::Reference,
    ids::Quantity,
    order::Recharge,
    supplier::{Goods, Hindrance, SupplierName},
};

use super::*;

const REFERENCE: &str = "f0123456789abcdef";

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, retry_after: None, body: body.as_bytes().to_vec().into() }
}

/// An order as the API writes it; `keys` are the states of its keys, where they are told.
fn order_text(id: &str, external: &str, status: &str, keys: Option<&[&str]>) -> String {
    let keys = keys.map_or(String::new(), |states| {
        let states: Vec<String> =
            states.iter().map(|state| format!(r#"{{"id":"67041c31","status":"{state}"}}"#)).collect();
        format!(r#","keys":[{}]"#, states.join(","))
    });
    format!(
        r#"{{"totalPrice":5.79,"requestTotalPrice":5.79,"status":"{status}","userEmail":"x@kinguin.io","storeId":1,"createdAt":"2020-10-28T08:40:44+00:00","orderId":"{id}","orderExternalId":"{external}","paymentPrice":5.29,"products":[{{"kinguinId":1949,"offerId":"5f7e","productId":"5c9b","qty":1,"name":"n","price":5.79,"totalPrice":5.79,"requestPrice":5.79,"isPreorder":false,"releaseDate":"2020-10-07","keyType":"text"{keys}}}],"totalQty":1,"isPreorder":false}}"#
    )
}

fn supplier(currency: &str) -> Kinguin {
    let common = Common {
        name: SupplierName::parse("kinguin").unwrap(),
        url: "http://127.0.0.1:1/esa/api".into(),
        currency: Currency::parse(currency).unwrap(),
        timeout: Duration::from_secs(1),
        settle: None,
        carrier: None,
    };
    Kinguin {
        wire: common.wire().unwrap(),
        currency: common.currency,
        settle: SETTLE,
        settings: serde_json::from_value(Settings::example()).unwrap(),
    }
}

fn purchase<'a>(reference: &'a Reference, product: &'a SupplierProduct) -> Purchase<'a> {
    Purchase {
        reference,
        product,
        quantity: Quantity::new(2).unwrap(),
        unit_price: MinorUnits(1250),
        currency: Currency::parse("EUR").unwrap(),
        recharge: None,
        sent_before: false,
        send_by: std::time::Instant::now() + std::time::Duration::from_secs(60),
    }
}

#[test]
fn an_order_as_it_is_sent() {
    let (reference, product) = (Reference::parse(REFERENCE).unwrap(), SupplierProduct::parse("5c9b@5f7e").unwrap());
    let right = purchase(&reference, &product);
    let check = |purchase: Purchase<'_>, text_only, expected: &str| {
        let product = Product::parse(purchase.product).unwrap();
        assert_eq!(String::from_utf8(order::wanted(&purchase, &product, text_only).unwrap()).unwrap(), expected);
    };
    check(
        right,
        true,
        r#"{"products":[{"productId":"5c9b","qty":2,"price":12.50,"keyType":"text","offerId":"5f7e"}],"orderExternalId":"f0123456789abcdef"}"#,
    );
    let plain = SupplierProduct::parse("5c9b").unwrap();
    for (price, text) in [(5, "0.05"), (579, "5.79"), (9_007_199_254_740_993, "90071992547409.93")] {
        check(
            Purchase { product: &plain, unit_price: MinorUnits(price), ..right },
            false,
            &format!(
                r#"{{"products":[{{"productId":"5c9b","qty":2,"price":{text}}}],"orderExternalId":"{REFERENCE}"}}"#
            ),
        );
    }
}

/// An outcome without the texts that people read.
#[derive(Debug, PartialEq)]
enum Is {
    Keys(usize),
    Accepted,
    Pending(usize),
    Refused,
    /// Of a purchase, with whether their number is told.
    Unknown(bool),
    NotFound,
}

fn check_bought(status: u16, body: &str, expected: Is) {
    let found = match order::bought(&reply(status, body), &Reference::parse(REFERENCE).unwrap()) {
        Bought::Accepted { their_id } => {
            assert_eq!(their_id.as_deref(), Some("PHS84FJAG5U"));
            Is::Accepted
        }
        Bought::Refused(_) => Is::Refused,
        Bought::Unknown { their_id, .. } => Is::Unknown(their_id.is_some()),
        other => panic!("{body}: {other:?}"),
    };
    assert_eq!(found, expected, "{status} {body}");
}

#[test]
fn answers_to_a_purchase() {
    let ours = |status: &str, keys| order_text("PHS84FJAG5U", REFERENCE, status, keys);
    check_bought(201, &ours("processing", None), Is::Accepted);
    check_bought(200, &ours("completed", Some(&["DELIVERED"])), Is::Accepted);
    check_bought(201, r#"{"orderId":"PHS84FJAG5U","status":"processing"}"#, Is::Accepted);
    check_bought(201, &ours("canceled", None), Is::Refused);
    check_bought(201, &ours("refunded", Some(&["REFUNDED"])), Is::Refused);
    check_bought(201, &ours("refunded", Some(&["REFUNDED", "DELIVERED"])), Is::Unknown(true));
    check_bought(201, &ours("new", None), Is::Unknown(true));
    check_bought(201, &order_text("PHS84FJAG5U", "another", "processing", None), Is::Unknown(false));
    check_bought(201, &order_text("../x", REFERENCE, "processing", None), Is::Unknown(false));
    check_bought(400, r#"{"kind":"InsufficientBalance","detail":"no funds"}"#, Is::Refused);
    check_bought(409, r#"{"kind":"ResourceLock","detail":"locked"}"#, Is::Unknown(false));
    for (status, body) in
        [(200, "<html>"), (201, ""), (201, "{}"), (201, "[]"), (302, ""), (500, "{}"), (502, "<html>")]
    {
        check_bought(status, body, Is::Unknown(false));
    }
}

fn check_sought(body: &str, their_id: Option<&str>, expected: Is) {
    let (reference, product) = (Reference::parse(REFERENCE).unwrap(), SupplierProduct::parse("5c9b").unwrap());
    let sought = Sought {
        reference: &reference,
        their_id,
        product: &product,
        quantity: Quantity::new(2).unwrap(),
        recharge: false,
    };
    let found = match order::sought(&reply(200, body), &sought) {
        Ok(_) => Is::Accepted,
        Err(Found::NotFound) => Is::NotFound,
        Err(Found::Unclear { .. }) => Is::Unknown(false),
        Err(other) => panic!("{body}: {other:?}"),
    };
    assert_eq!(found, expected, "{body} {their_id:?}");
}

#[test]
fn answers_to_a_search_by_our_reference() {
    let list = |orders: &[String]| format!(r#"{{"results":[{}],"item_count":{}}}"#, orders.join(","), orders.len());
    let one = |id: &str, external: &str| order_text(id, external, "processing", None);
    check_sought(&list(&[one("P1", REFERENCE)]), None, Is::Accepted);
    check_sought(&list(&[one("P1", REFERENCE), one("P2", "other")]), Some("P1"), Is::Accepted);
    check_sought(&list(&[]), None, Is::NotFound);
    check_sought(r#"{"results":[]}"#, None, Is::NotFound);
    check_sought(r#"{"results":[],"item_count":1}"#, None, Is::Unknown(false));
    check_sought(&list(&[]), Some("P1"), Is::Unknown(false));
    check_sought(&list(&[one("P1", "other")]), None, Is::Unknown(false));
    check_sought(&list(&[one("P1", REFERENCE), one("P2", REFERENCE)]), Some("P1"), Is::Unknown(false));
    check_sought(&list(&[one("P2", REFERENCE)]), Some("P1"), Is::Unknown(false));
    for body in ["<html>", "{}", "[]", r#"{"results":null}"#] {
        check_sought(body, None, Is::Unknown(false));
    }
}

fn check_found(status: &str, states: Option<&[&str]>, keys: usize, expected: Is) {
    let order: order::Order = reply(200, &order_text("P1", REFERENCE, status, states)).json().unwrap();
    let keys = (0..keys).map(|at| PlainKey::new(format!("KEY-{at}"))).collect();
    let found = match order.found(keys, 2) {
        Found::Delivered { goods: Goods::Keys(keys), their_id: Some(_) } => Is::Keys(keys.len()),
        Found::Pending { so_far, their_id: Some(_) } => Is::Pending(so_far.len()),
        Found::Refused(_) => Is::Refused,
        Found::Unclear { .. } => Is::Unknown(false),
        other => panic!("{other:?}"),
    };
    assert_eq!(found, expected, "{status} {states:?}");
}

#[test]
fn an_order_of_two_with_its_keys() {
    check_found("processing", None, 0, Is::Pending(0));
    check_found("processing", Some(&["DELIVERED", "PROCESSING"]), 1, Is::Pending(1));
    check_found("processing", None, 2, Is::Keys(2));
    check_found("completed", Some(&["DELIVERED", "DELIVERED"]), 2, Is::Keys(2));
    check_found("completed", None, 3, Is::Keys(3));
    check_found("completed", None, 1, Is::Keys(1));
    check_found("completed", Some(&["DELIVERED", "REFUNDED"]), 1, Is::Keys(1));
    check_found("completed", Some(&["DELIVERED", "PENDING"]), 1, Is::Pending(1));
    check_found("completed", None, 0, Is::Pending(0));
    check_found("canceled", None, 0, Is::Refused);
    check_found("canceled", Some(&["CANCELED", "REFUNDED"]), 0, Is::Refused);
    check_found("refunded", Some(&["REFUNDED", "RETURNED"]), 2, Is::Refused);
    check_found("refunded", Some(&["REFUNDED", "DELIVERED"]), 2, Is::Unknown(false));
    check_found("refunded", None, 1, Is::Unknown(false));
    check_found("canceled", Some(&["CANCELED", "PROCESSING"]), 0, Is::Unknown(false));
    check_found("canceled", Some(&["CANCELED", "LOST"]), 0, Is::Unknown(false));
    check_found("new", None, 2, Is::Unknown(false));
}

#[tokio::test]
async fn what_the_protocol_can_not_do_is_refused_unsent() {
    let supplier = supplier("EUR");
    let reference = Reference::parse(REFERENCE).unwrap();
    let (product, bad) = (SupplierProduct::parse("5c9b").unwrap(), SupplierProduct::parse("a,b").unwrap());
    let recharge = Recharge { account: "+50936377111".into() };
    let right = purchase(&reference, &product);
    for (purchase, code) in [
        (Purchase { recharge: Some(&recharge), ..right }, RefusalCode::Product),
        (Purchase { product: &bad, ..right }, RefusalCode::Product),
        (Purchase { currency: Currency::parse("USD").unwrap(), ..right }, RefusalCode::Other),
        (Purchase { quantity: Quantity::new(10).unwrap(), ..right }, RefusalCode::Other),
    ] {
        match supplier.buy(purchase).await {
            Bought::Refused(refusal) => assert_eq!(refusal.code, code),
            other => panic!("{other:?}"),
        }
        // It may have bought when it was sent before.
        let again = supplier.buy(Purchase { sent_before: true, ..purchase }).await;
        assert!(matches!(again, Bought::NotSent { by: Hindrance::Ours, .. }), "{again:?}");
    }
    // Nobody listens at port 1.
    assert!(matches!(supplier.buy(right).await, Bought::NotSent { by: Hindrance::Theirs, .. }));
    let promises = supplier.promises();
    assert_eq!((promises.query, promises.resend, promises.most), (true, Resend::Unsafe, 9));
}

#[tokio::test]
async fn another_currency_is_told_with_what_to_do() {
    let error = supplier("CNY").balance().await.unwrap_err().to_string();
    assert!(error.contains("set its currency to EUR"), "{error}");
}

#[test]
fn offers_of_a_product_and_of_one_offer() {
    let listed: Listed = serde_json::from_str(
        r#"{"results":[{"name":"n","productId":"5c9b","qty":149,"textQty":140,"price":5.79,"isPreorder":false,
            "offers":[{"offerId":"5f7e","price":5.5,"qty":20,"textQty":0}]},
            {"productId":"5c9c","qty":1,"textQty":1,"price":19.999,"isPreorder":true}],"item_count":2}"#,
    )
    .unwrap();
    let supplier = supplier("EUR");
    let check = |product: &str, expected: Option<(u64, u64, bool)>| {
        let offer = supplier.offer(&SupplierProduct::parse(product).unwrap(), &listed.results);
        let found = offer.map(|offer| (offer.unit_price.unwrap().0, offer.stock.unwrap(), offer.on_sale));
        assert_eq!(found, expected, "{product}");
    };
    check("5c9b", Some((579, 149, true)));
    check("5c9b@5f7e", Some((550, 20, true)));
    check("5c9b@5f7f", None);
    check("5c9c", Some((2000, 1, false)));
    check("5c9d", None);
}
