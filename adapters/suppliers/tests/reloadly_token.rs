//! A token that the API does not accept any more: fetched anew once, and the purchase sent once more, never more
//! often. The double can't take a token back, so a small server plays the three hosts.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests: a call that fails is a test that fails")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use fulfil_contract::{
    attempt::Reference,
    ids::Quantity,
    money::{Currency, MinorUnits},
    ports::supplier::Supplier,
    supplier::{Bought, Purchase, RefusalCode, SupplierName, SupplierProduct},
};
use fulfil_suppliers::settings::{Common, build};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const GRANTED: &str = r#"{"access_token":"T","expires_in":86400,"token_type":"Bearer"}"#;
const ORDERED: &str = r#"{"transactionId":815,"customIdentifier":"f0202020202020202","status":"PROCESSING"}"#;

/// What the order's host says to each purchase in turn.
type Script = &'static [(u16, &'static str)];

/// The requests' lines, each with the token it came with, in order.
type Seen = Arc<Mutex<Vec<String>>>;

/// Grants `T1`, `T2`, …; a purchase after the script's end is not answered.
async fn hosts(script: Script) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let served = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, script, Arc::clone(&served)));
        }
    });
    (url, seen)
}

async fn serve(mut stream: TcpStream, script: Script, seen: Seen) {
    let Some(request) = read(&mut stream).await else { return };
    let token =
        request.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap_or("none").to_owned();
    let line = request.lines().next().unwrap_or("").trim_end_matches(" HTTP/1.1").to_owned();
    let (status, body) = {
        let mut seen = seen.lock().unwrap();
        seen.push(format!("{line} {token}"));
        let of_kind = seen.iter().filter(|one| one.starts_with(&line)).count();
        if line == "POST /auth/oauth/token" {
            (200, GRANTED.replace("\"T\"", &format!("\"T{of_kind}\"")))
        } else {
            let Some((status, body)) = script.get(of_kind - 1) else { return };
            (*status, (*body).to_owned())
        }
    };
    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    // A client that is gone is noticed by the test itself.
    stream.write_all(answer.as_bytes()).await.ok();
}

/// Head and body; header names as they came, which is in lower case.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn adapter(url: &str) -> Arc<dyn Supplier> {
    let common = Common {
        name: SupplierName::parse("cards").unwrap(),
        url: format!("{url}/giftcards"),
        currency: Currency::parse("USD").unwrap(),
        timeout: Duration::from_secs(10),
        settle: None,
        carrier: None,
    };
    let settings = json!({
        "product_line": "giftcards", "client_id": "c", "client_secret": "s3cret", "auth_url": format!("{url}/auth")
    });
    let Value::Object(settings) = settings else { panic!("no object") };
    build("reloadly", common, settings).unwrap_or_else(|error| panic!("{error}"))
}

/// Buys twice, so that a kept token is used; `expected` are the requests of both together.
async fn check(script: Script, expected: [Option<RefusalCode>; 2], requests: &[&str]) {
    let (url, seen) = hosts(script).await;
    let adapter = adapter(&url);
    let reference = Reference::parse("f0202020202020202").unwrap();
    let product = SupplierProduct::parse("120").unwrap();
    for expected in expected {
        let purchase = Purchase {
            reference: &reference,
            product: &product,
            quantity: Quantity::new(1).unwrap(),
            unit_price: MinorUnits(1_000),
            currency: Currency::parse("USD").unwrap(),
            recharge: None,
            sent_before: false,
            send_by: std::time::Instant::now() + std::time::Duration::from_secs(60),
        };
        match (adapter.buy(purchase).await, expected) {
            (Bought::Accepted { .. }, None) => {}
            (Bought::Refused(refusal), Some(code)) => assert_eq!(refusal.code, code),
            (other, expected) => panic!("{other:?}, not {expected:?}"),
        }
    }
    assert_eq!(*seen.lock().unwrap(), requests);
}

const EXPIRED: &str = r#"{"message":"x","errorCode":"TOKEN_EXPIRED"}"#;
const INVALID: &str = r#"{"message":"x","errorCode":"INVALID_TOKEN"}"#;
const STRANGER: &str = r#"{"message":"x","errorCode":null}"#;

#[tokio::test]
async fn a_kept_token_is_used_again() {
    let requests = ["POST /auth/oauth/token none", "POST /giftcards/orders T1", "POST /giftcards/orders T1"];
    check(&[(200, ORDERED), (200, ORDERED)], [None, None], &requests).await;
}

#[tokio::test]
async fn a_stale_token_is_fetched_anew_and_the_purchase_sent_once_more() {
    for stale in [&[(200, ORDERED), (401, EXPIRED), (200, ORDERED)], &[(200, ORDERED), (401, INVALID), (200, ORDERED)]]
    {
        let requests = [
            "POST /auth/oauth/token none",
            "POST /giftcards/orders T1",
            "POST /giftcards/orders T1",
            "POST /auth/oauth/token none",
            "POST /giftcards/orders T2",
        ];
        check(stale, [None, None], &requests).await;
    }
}

#[tokio::test]
async fn a_new_token_that_is_refused_too_is_a_no() {
    let requests = [
        "POST /auth/oauth/token none",
        "POST /giftcards/orders T1",
        "POST /auth/oauth/token none",
        "POST /giftcards/orders T2",
        "POST /giftcards/orders T2",
    ];
    let no = Some(RefusalCode::Credentials);
    check(&[(401, INVALID), (401, INVALID), (401, STRANGER)], [no, no], &requests).await;
}
