//! dujiao-next by configuration alone: the bytes that are sent, and what its answers mean.

use fulfil_contract::{
    attempt::Reference,
    ids::Quantity,
    money::{Currency, MinorUnits},
    supplier::{About, Goods, Hindrance, SupplierName},
    time::Timestamp,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use super::super::*;
use crate::digest::{hex, hmac_sha256, md5_hex};

const SECRET: &str = "put the shop's secret here, or into a file of its own";
const REFERENCE: &str = "f0123456789abcdef";

fn settings() -> serde_json::Map<String, serde_json::Value> {
    toml::from_str(include_str!("../dujiao_next.toml")).unwrap()
}

fn supplier_at(url: &str) -> Arc<dyn Supplier> {
    let common = Common {
        name: SupplierName::parse("dujiao").unwrap(),
        url: url.into(),
        currency: Currency::parse("CNY").unwrap(),
        timeout: Duration::from_secs(5),
        settle: None,
        carrier: None,
    };
    crate::settings::build("json", common, settings()).map_err(|error| error.to_string()).unwrap()
}

/// Takes one request, answers it so, and gives back what it was: head in lower case, and body.
async fn answering(status: u16, body: &'static str) -> (Arc<dyn Supplier>, JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1/upstream", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let mut asked = vec![0; header(&head, "content-length").unwrap_or("0").parse().unwrap()];
        stream.read_exact(&mut asked).await.unwrap();
        let answer = format!("HTTP/1.1 {status} X\r\nRetry-After: 9\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        (head, String::from_utf8(asked).unwrap())
    });
    (supplier_at(&url), asked)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

struct Basket {
    reference: Reference,
    product: SupplierProduct,
}

fn basket() -> Basket {
    Basket { reference: Reference::parse(REFERENCE).unwrap(), product: SupplierProduct::parse("7/12").unwrap() }
}

impl Basket {
    fn purchase(&self) -> Purchase<'_> {
        Purchase {
            reference: &self.reference,
            product: &self.product,
            quantity: Quantity::new(2).unwrap(),
            unit_price: MinorUnits(1250),
            currency: Currency::parse("CNY").unwrap(),
            recharge: None,
            sent_before: false,
            send_by: std::time::Instant::now() + std::time::Duration::from_secs(60),
        }
    }

    fn sought<'a>(&'a self, their_id: Option<&'a str>) -> Sought<'a> {
        let quantity = Quantity::new(2).unwrap();
        Sought { reference: &self.reference, their_id, product: &self.product, quantity, recharge: false }
    }
}

async fn bought(status: u16, body: &'static str) -> Bought {
    answering(status, body).await.0.buy(basket().purchase()).await
}

async fn found(status: u16, body: &'static str) -> Found {
    answering(status, body).await.0.query(basket().sought(Some("888"))).await
}

#[tokio::test]
async fn an_order_is_signed_as_it_is_sent() {
    let (supplier, asked) = answering(200, r#"{"ok":true,"order_id":888,"status":"paid"}"#).await;
    assert_eq!(supplier.buy(basket().purchase()).await, Bought::Accepted { their_id: Some("888".into()) });
    let (head, body) = asked.await.unwrap();
    assert!(head.starts_with("POST /api/v1/upstream/orders HTTP/1.1\r\n"), "{head}");
    assert_eq!(
        body,
        format!(r#"{{"sku_id":12,"quantity":2,"downstream_order_no":"{REFERENCE}","trace_id":"{REFERENCE}"}}"#)
    );
    let time = header(&head, "Dujiao-Next-Timestamp").unwrap();
    let text = format!("POST\n/api/v1/upstream/orders\n{time}\n{}", md5_hex(body.as_bytes()));
    let right = hex(&hmac_sha256(SECRET.as_bytes(), text.as_bytes()));
    assert_eq!(header(&head, "Dujiao-Next-Signature"), Some(right.as_str()));
    assert_eq!(header(&head, "Dujiao-Next-Api-Key"), Some("dj_key"));
    assert_eq!(header(&head, "Content-Type"), Some("application/json"));
    assert!((Timestamp::now().0 / 1_000_000 - time.parse::<i64>().unwrap()).abs() < 30, "{time}");
    let promises = supplier.promises();
    assert_eq!((promises.query, promises.resend, promises.most), (false, Resend::Idempotent, 50));
}

#[tokio::test]
async fn an_order_s_answers_mean_what_the_table_says() {
    let refused = |bought: Bought| match bought {
        Bought::Refused(refusal) => refusal.code,
        other => panic!("{other:?}"),
    };
    let error = r#"{"ok":false,"error_code":"insufficient_balance","error_message":"no money"}"#;
    assert_eq!(refused(bought(402, error).await), RefusalCode::Balance);
    let error = r#"{"ok":false,"error_code":"insufficient_stock"}"#;
    assert_eq!(refused(bought(409, error).await), RefusalCode::OutOfStock);
    assert_eq!(refused(bought(400, r#"{"ok":false,"error_code":"sku_unavailable"}"#).await), RefusalCode::Product);
    assert_eq!(refused(bought(401, r#"{"ok":false,"error_code":"unauthorized"}"#).await), RefusalCode::Credentials);
    assert_eq!(refused(bought(200, r#"{"ok":true,"order_id":1,"status":"canceled"}"#).await), RefusalCode::Other);
    let nine = RefusalCode::Throttled(Some(Duration::from_secs(9)));
    assert_eq!(refused(bought(429, "<html>slow down</html>").await), nine);

    for (status, body, id) in [
        (200, r#"{"ok":false,"order_id":8,"status":"canceled","error_code":"payment_failed"}"#, Some("8")),
        (200, r#"{"ok":true,"order_id":8,"status":"pending_payment"}"#, Some("8")),
        (200, r#"{"ok":true,"order_id":8,"status":"a new one"}"#, Some("8")),
        (200, "<html>login</html>", None),
        (200, "", None),
        (200, r#"{"ok":true"#, None),
        (200, "[]", None),
        (500, error, None),
        (401, "<html>", None),
    ] {
        match bought(status, body).await {
            Bought::Unknown { their_id, .. } => assert_eq!(their_id.as_deref(), id, "{status} {body}"),
            other => panic!("{status} {body}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_query_goes_by_their_number_and_finds_the_keys() {
    let delivered = r#"{"order_id":888,"status":"delivered","fulfillment":{"payload":"AAA-1\nBBB-2\n"}}"#;
    let (supplier, asked) = answering(200, delivered).await;
    match supplier.query(basket().sought(Some("888"))).await {
        Found::Delivered { goods: Goods::Keys(keys), their_id } => {
            assert_eq!(their_id.as_deref(), Some("888"));
            assert_eq!(keys.iter().map(|key| key.expose()).collect::<Vec<_>>(), ["AAA-1", "BBB-2"]);
        }
        other => panic!("{other:?}"),
    }
    let (head, body) = asked.await.unwrap();
    assert!(head.starts_with("GET /api/v1/upstream/orders/888 HTTP/1.1\r\n"), "{head}");
    let time = header(&head, "Dujiao-Next-Timestamp").unwrap();
    let text = format!("GET\n/api/v1/upstream/orders/888\n{time}\n{}", md5_hex(b""));
    assert_eq!(
        header(&head, "Dujiao-Next-Signature"),
        Some(hex(&hmac_sha256(SECRET.as_bytes(), text.as_bytes())).as_str())
    );
    assert_eq!(body, "");

    let nobody_listens = supplier_at("http://127.0.0.1:1");
    let found_without_id = nobody_listens.query(basket().sought(None)).await;
    assert!(matches!(&found_without_id, Found::Unclear { why } if why.contains("their id")), "{found_without_id:?}");
    assert!(matches!(nobody_listens.buy(basket().purchase()).await, Bought::NotSent { by: Hindrance::Theirs, .. }));
}

#[tokio::test]
async fn a_query_s_answers_mean_what_the_table_says() {
    let partly = r#"{"order_id":888,"status":"partially_delivered","fulfillment":{"payload":"AAA-1"}}"#;
    match found(200, partly).await {
        Found::Pending { so_far, .. } => assert_eq!(so_far.len(), 1),
        other => panic!("{other:?}"),
    }
    match found(200, r#"{"order_id":888,"status":"refunded"}"#).await {
        Found::Refused(refusal) => assert_eq!(refusal.code, RefusalCode::Other),
        other => panic!("{other:?}"),
    }
    for (status, body) in [
        (200, r#"{"order_id":888,"status":"delivered"}"#),
        (200, r#"{"order_id":888,"status":"delivered","fulfillment":{"payload":" \n"}}"#),
        (200, r#"{"order_id":888,"status":"delivered","fulfillment":{"payload":["A"]}}"#),
        (200, r#"{"order_id":889,"status":"delivered","fulfillment":{"payload":"A"}}"#),
        (200, r#"{"order_id":889,"status":"refunded"}"#),
        (200, r#"{"order_id":888,"status":"partially_refunded"}"#),
        (404, r#"{"ok":false,"error_code":"order_not_found"}"#),
        (401, r#"{"ok":false,"error_code":"unauthorized"}"#),
        (429, ""),
        (200, "<html></html>"),
    ] {
        let found = found(status, body).await;
        assert!(matches!(found, Found::Unclear { .. }), "{status} {body}: {found:?}");
        assert!(!format!("{found:?}").contains(SECRET));
    }
}

#[tokio::test]
async fn the_balance_is_told_in_minor_units() {
    let (supplier, asked) = answering(200, r#"{"ok":true,"balance":"1234.50","currency":"CNY"}"#).await;
    let balance = supplier.balance().await.unwrap();
    assert_eq!((balance.amount, balance.currency), (123_450, Currency::parse("CNY")));
    assert!(asked.await.unwrap().0.starts_with("POST /api/v1/upstream/ping "));
    let refused = answering(401, "{}").await.0.balance().await;
    assert!(matches!(refused, Err(SupplierError::Credentials(_))), "{refused:?}");
}

#[tokio::test]
async fn an_offer_is_that_of_the_sku() {
    let skus = r#"{"ok":true,"product":{"skus":[{"id":11,"price_amount":"1.00","is_active":true},
        {"id":12,"price_amount":"9.90","stock_quantity":4,"is_active":false}]}}"#;
    let (supplier, asked) = answering(200, skus).await;
    let offers = supplier.offers(&[basket().product]).await.unwrap();
    assert_eq!(offers.len(), 1);
    assert_eq!((offers[0].unit_price, offers[0].stock, offers[0].on_sale), (Some(MinorUnits(990)), Some(4), false));
    assert!(asked.await.unwrap().0.starts_with("GET /api/v1/upstream/products/7 "));
    for (status, body) in [(404, "{}"), (200, r#"{"ok":true,"product":{"skus":[{"id":11}]}}"#)] {
        assert_eq!(answering(status, body).await.0.offers(&[basket().product]).await.unwrap(), []);
    }
    let failed = answering(200, r#"{"ok":false}"#).await.0.offers(&[basket().product]).await;
    assert!(matches!(failed, Err(SupplierError::Unclear(_))), "{failed:?}");
}

#[test]
fn a_callback_is_read_only_with_its_signature_and_in_time() {
    let supplier = supplier_at("http://127.0.0.1:1/api/v1/upstream");
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let time = (now.0 / 1_000_000).to_string();
    let body =
        format!(r#"{{"event":"order","order_id":888,"downstream_order_no":"{REFERENCE}","status":"delivered"}}"#);
    let text = format!("POST\n/api/v1/upstream/callback\n{time}\n{}", md5_hex(body.as_bytes()));
    let sign = hex(&hmac_sha256(SECRET.as_bytes(), text.as_bytes()));
    let headers = |sign: &str| {
        vec![("dujiao-next-timestamp".to_owned(), time.clone()), ("dujiao-next-signature".to_owned(), sign.to_owned())]
    };
    let read = |headers: &[(String, String)], body: &str, seconds: i64| {
        let now = Timestamp(now.0 + seconds * 1_000_000);
        supplier.read_callback(Callback { headers, path: "/suppliers/dujiao/callback", body: body.as_bytes(), now })
    };
    let hint = read(&headers(&sign), &body, 59).unwrap();
    assert_eq!(hint.about, About::Reference(Reference::parse(REFERENCE).unwrap()));
    assert_eq!((hint.nonce.as_str(), hint.reply), (sign.as_str(), Some(r#"{"ok":true}"#)));
    assert_eq!(read(&headers(&sign), &body, 61), Err(CallbackRefused::Age(61)));
    assert_eq!(read(&headers(&sign), &body, -61), Err(CallbackRefused::Age(-61)));
    assert_eq!(read(&headers(&sign), &body.replace("888", "889"), 0), Err(CallbackRefused::Signature));
    assert_eq!(read(&headers(""), &body, 0), Err(CallbackRefused::Signature));
    assert_eq!(read(&[], &body, 0), Err(CallbackRefused::Signature));
    assert!(matches!(read(&headers(&sign)[1..], &body, 0), Err(CallbackRefused::Unreadable(_))));
}
