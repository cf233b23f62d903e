//! Answers in lists, top-ups, prices and stock: what the complete example does not have.

use fulfil_contract::{
    attempt::Reference,
    ids::Quantity,
    money::{Currency, MinorUnits},
    supplier::{Goods, Hindrance},
};
use serde_json::{Value, json};

use super::super::{
    settings::{BalanceCall, OfferCall, OrderAnswer},
    *,
};

const REFERENCE: &str = "f0123456789abcdef";

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, retry_after: None, body: body.as_bytes().to_vec().into() }
}

fn sought_in(answer: &OrderAnswer, status: u16, body: &str, recharge: bool) -> Found {
    let (reference, product) = (Reference::parse(REFERENCE).unwrap(), SupplierProduct::parse("7").unwrap());
    let quantity = Quantity::new(1).unwrap();
    let sought = Sought { reference: &reference, their_id: None, product: &product, quantity, recharge };
    answer::found(answer, &reply(status, body), &sought)
}

#[test]
fn an_order_is_found_in_a_list_by_our_reference_alone() {
    let answer: OrderAnswer = serde_json::from_value(json!({
        "list": "/data", "status": "/state", "their_id": "/id", "reference": "/ref", "keys": { "texts": "/cards" },
        "outcomes": [
            { "http": 200, "status": 3, "outcome": "delivered" },
            { "http": 200, "status": 1, "outcome": "accepted" },
        ],
    }))
    .unwrap();
    let found = |status, body: &Value| sought_in(&answer, status, &body.to_string(), false);
    let order = |reference: &str, state: u8| json!({ "id": 9, "ref": reference, "state": state, "cards": ["K"] });
    match found(200, &json!({ "data": [order("f1111111111111111", 1), order(REFERENCE, 3)] })) {
        Found::Delivered { goods: Goods::Keys(keys), their_id } => {
            assert_eq!((keys.len(), their_id.as_deref()), (1, Some("9")));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(found(200, &json!({ "data": [] })), Found::NotFound);
    for (status, body) in [
        (200, json!({ "data": [order("f1111111111111111", 3)] })),
        (200, json!({ "data": [{ "id": 9, "state": 3, "cards": ["K"] }] })),
        (200, json!({ "data": [order(REFERENCE, 3), order(REFERENCE, 3)] })),
        (200, json!({ "data": {} })),
        (200, json!({ "error": "x" })),
        (200, json!([])),
        (500, json!({ "data": [] })),
    ] {
        assert!(matches!(found(status, &body), Found::Unclear { .. }), "{status} {body}");
    }
}

/// A rule for each outcome, by a status that what frames the orders has as well.
fn framed(answer: Value) -> OrderAnswer {
    let Value::Object(mut answer) = answer else { panic!("{answer}") };
    let rules = json!([
        { "http": "any", "status": "success", "outcome": "delivered" },
        { "http": "any", "status": "wait", "outcome": "accepted" },
        { "http": "any", "status": "failed", "outcome": "refused:other" },
        { "http": "any", "status": "none", "outcome": "not_found" },
    ]);
    answer.extend([("status".to_owned(), json!("/status")), ("outcomes".to_owned(), rules)]);
    serde_json::from_value(answer.into()).unwrap()
}

/// "failed" is the question then, and "success" has bought nothing.
#[test]
fn what_a_query_is_told_without_our_reference_is_no_outcome() {
    let listed = framed(json!({ "list": "/data", "reference": "/ref" }));
    let alone = framed(json!({ "reference": "/ref" }));
    let within = framed(json!({ "reference": "/data/ref" }));
    for answer in [&listed, &alone, &within] {
        for status in ["success", "wait", "failed"] {
            for (http, data) in [(200, json!(null)), (200, json!({})), (200, json!("x")), (500, json!([]))] {
                let body = json!({ "status": status, "data": data }).to_string();
                for recharge in [true, false] {
                    let found = sought_in(answer, http, &body, recharge);
                    let why = matches!(&found, Found::Unclear { why } if why.contains("without our reference"));
                    assert!(why, "{http} {body}: {found:?}");
                }
            }
        }
        assert_eq!(sought_in(answer, 200, r#"{"status":"none","data":null}"#, true), Found::NotFound);
    }
    // A single order where a list could be is as good, if it tells it.
    for answer in [&listed, &alone] {
        let found = |status| sought_in(answer, 200, &json!({ "status": status, "ref": REFERENCE }).to_string(), true);
        assert!(matches!(found("success"), Found::Delivered { .. }));
        assert!(matches!(found("wait"), Found::Pending { .. }));
        assert!(matches!(found("failed"), Found::Refused(_)));
    }
    // Where they are not said to tell it, nothing is asked for.
    let never = framed(json!({}));
    assert!(matches!(sought_in(&never, 200, r#"{"status":"failed"}"#, true), Found::Refused(_)));
}

/// An answer to a purchase is about it; but of what is read from a list a yes has to tell our reference.
#[test]
fn a_purchase_s_yes_out_of_a_list_tells_our_reference() {
    let bought = |answer: &OrderAnswer, body: Value| {
        let reference = Reference::parse(REFERENCE).unwrap();
        answer::bought(answer, &reply(200, &body.to_string()), &reference, true)
    };
    let (listed, alone) =
        (framed(json!({ "list": "/data", "reference": "/ref" })), framed(json!({ "reference": "/data/ref" })));
    for status in ["success", "wait"] {
        let unknown = bought(&listed, json!({ "status": status, "data": null, "id": 9 }));
        assert!(matches!(&unknown, Bought::Unknown { their_id: None, .. }), "{status}: {unknown:?}");
    }
    for answer in [&listed, &alone] {
        let refused = bought(answer, json!({ "status": "failed", "data": null }));
        assert!(matches!(refused, Bought::Refused(_)), "{refused:?}");
    }
    let entry = json!({ "data": [{ "status": "success", "ref": REFERENCE }] });
    assert!(matches!(bought(&listed, entry), Bought::Delivered { .. }));
    assert!(matches!(bought(&alone, json!({ "status": "success", "data": null })), Bought::Delivered { .. }));
    assert!(matches!(bought(&alone, json!({ "status": "wait", "data": null })), Bought::Accepted { .. }));
}

#[test]
fn what_they_say_is_kept_as_a_short_line() {
    let answer: OrderAnswer = serde_json::from_value(json!({
        "status": "/state", "message": "/msg", "outcomes": [{ "http": 200, "status": "no", "outcome": "refused:other" }],
    }))
    .unwrap();
    let long = "x\n".repeat(100_000);
    for state in ["no", &long] {
        match sought_in(&answer, 200, &json!({ "state": state, "msg": long }).to_string(), false) {
            Found::Refused(Refusal { said, .. }) | Found::Unclear { why: said } => {
                assert!(said.len() < 300 && !said.contains('\n'), "{} bytes", said.len());
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_top_up_has_a_receipt_and_no_keys() {
    let answer: OrderAnswer = serde_json::from_value(json!({
        "status": "/state", "receipt": "/operator/serial",
        "outcomes": [{ "http": 200, "status": "done", "outcome": "delivered" }],
    }))
    .unwrap();
    let found = |body: &str| sought_in(&answer, 200, body, true);
    let receipt = |text: Option<&str>| Found::Delivered {
        goods: Goods::Recharge { receipt: text.map(str::to_owned) },
        their_id: None,
    };
    assert_eq!(found(r#"{"state":"done","operator":{"serial":77}}"#), receipt(Some("77")));
    assert_eq!(found(r#"{"state":"done"}"#), receipt(None));
    let of_keys = sought_in(&answer, 200, r#"{"state":"done"}"#, false);
    assert!(matches!(of_keys, Found::Unclear { .. }), "keys were bought, and none is told: {of_keys:?}");
}

#[test]
fn prices_stock_and_balance_are_read_in_either_unit() {
    let request = json!({ "method": "GET", "path": "/goods/{product}" });
    let settings: OfferCall = serde_json::from_value(json!({
        "request": request, "success": { "pointer": "/code", "is": 0 }, "price": "/data/price", "stock": "/data/stock",
        "on_sale": { "pointer": "/data/state", "is": [1, "on"] },
    }))
    .unwrap();
    let (product, yuan) = (SupplierProduct::parse("7").unwrap(), Currency::parse("CNY").unwrap());
    let (own, secrets) = Default::default();
    let values = Values::now(&own, &secrets);
    let offer =
        |status, body: Value| offers::offer(&settings, &reply(status, &body.to_string()), &product, &values, yuan);
    let told =
        offer(200, json!({ "code": "0", "data": { "price": 9.805, "stock": "12", "state": "on" } })).unwrap().unwrap();
    assert_eq!((told.unit_price, told.stock, told.on_sale), (Some(MinorUnits(981)), Some(12), true));
    let told = offer(200, json!({ "code": 0, "data": { "stock": -1, "state": 2 } })).unwrap().unwrap();
    assert_eq!((told.unit_price, told.stock, told.on_sale), (None, None, false));
    assert!(offer(404, json!({})).unwrap().is_none());
    assert!(matches!(offer(200, json!({ "code": 1 })), Err(SupplierError::Unclear(_))));
    assert!(matches!(offer(403, json!({ "code": 0 })), Err(SupplierError::Credentials(_))));
    assert!(matches!(
        offers::offer(&settings, &reply(200, "<html>"), &product, &values, yuan),
        Err(SupplierError::Unclear(_))
    ));

    let settings: BalanceCall =
        serde_json::from_value(json!({ "request": request, "amount": "/cents", "unit": "minor" })).unwrap();
    let balance = offers::balance(&settings, &reply(200, r#"{"cents":-250}"#), yuan).unwrap();
    assert_eq!((balance.amount, balance.currency), (-250, Some(yuan)));
    assert!(offers::balance(&settings, &reply(200, r#"{"cents":"2.50"}"#), yuan).is_err(), "half a minor unit");
}

/// A purchase of a kind that is not configured is refused here: nothing is sent.
#[tokio::test]
async fn what_has_no_request_is_not_bought() {
    let common = crate::settings::Common {
        name: fulfil_contract::supplier::SupplierName::parse("other").unwrap(),
        url: "http://127.0.0.1:1".into(),
        currency: Currency::parse("CNY").unwrap(),
        timeout: Duration::from_secs(5),
        settle: Some(Duration::from_secs(3)),
        carrier: None,
    };
    let Value::Object(example) = Settings::example() else { panic!("no object") };
    let supplier = crate::settings::build("json", common, example).unwrap_or_else(|error| panic!("{error}"));
    let (reference, product) = (Reference::parse(REFERENCE).unwrap(), SupplierProduct::parse("7").unwrap());
    let recharge = fulfil_contract::order::Recharge { account: "13800000000".into() };
    let purchase = Purchase {
        reference: &reference,
        product: &product,
        quantity: Quantity::new(1).unwrap(),
        unit_price: MinorUnits(1),
        currency: Currency::parse("CNY").unwrap(),
        recharge: Some(&recharge),
        sent_before: false,
        send_by: std::time::Instant::now() + std::time::Duration::from_secs(60),
    };
    match supplier.buy(purchase).await {
        Bought::Refused(refusal) => assert_eq!(refusal.code, RefusalCode::Product),
        other => panic!("{other:?}"),
    }
    // The request was there when it was sent first, and may have bought.
    let again = supplier.buy(Purchase { sent_before: true, ..purchase }).await;
    assert!(matches!(again, Bought::NotSent { by: Hindrance::Ours, .. }), "{again:?}");
    assert_eq!(supplier.promises().settle, Duration::from_secs(3));
}
