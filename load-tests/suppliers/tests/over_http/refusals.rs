//! What the real ones refuse is refused, in their words, and nothing is bought.

use serde_json::{Value, json};
use supplier_doubles::{Credentials, Double, Goods, Mood, Product, Protocol};

use crate::{
    Stage,
    buyers::{Buyer, Said},
    each,
};

fn words(protocol: Protocol, of: [(u16, &str); 5]) -> Said {
    let (status, text) = of[Protocol::ALL.iter().position(|other| *other == protocol).unwrap()];
    Said::No(status, text.to_owned())
}

fn is_no(said: &Said) -> bool {
    matches!(said, Said::No(..))
}

fn product(buyer: &Buyer, stock: u64, unit_price: u64, on_sale: bool) -> Product {
    Product { id: buyer.product(), goods: Goods::Keys, unit_price, stock, on_sale }
}

const OUT_OF_STOCK: [(u16, &str); 5] = [
    (200, "库存不足"),
    (200, "库存不足"),
    (400, "ProductUnavailable"),
    (400, "TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT"),
    (409, "insufficient_stock"),
];
const LOW_BALANCE: [(u16, &str); 5] = [
    (200, "余额不足"),
    (200, "余额不足"),
    (400, "InsufficientBalance"),
    (400, "INSUFFICIENT_BALANCE"),
    (402, "insufficient_balance"),
];

#[test]
fn out_of_stock() {
    each(&Mood::default(), |stage, buyer| {
        stage.double.put(product(&buyer, 3, 1_000, true));
        assert_eq!(buyer.buy("freference1", 4), words(buyer.protocol, OUT_OF_STOCK));
        assert!(matches!(buyer.buy("freference2", 3), Said::Has { .. }));
        assert_eq!(buyer.buy("freference3", 1), words(buyer.protocol, OUT_OF_STOCK));
        assert_eq!(stage.double.log().purchases.len(), 1);
    });
    each(&Mood { out_of_stock: 1.0, ..Mood::default() }, |stage, buyer| {
        assert_eq!(buyer.buy("freference1", 1), words(buyer.protocol, OUT_OF_STOCK));
        assert!(stage.double.log().purchases.is_empty());
    });
}

#[test]
fn low_balance() {
    each(&Mood::default(), |stage, buyer| {
        stage.double.set_balance(1_999);
        assert_eq!(buyer.buy("freference1", 2), words(buyer.protocol, LOW_BALANCE));
        assert!(matches!(buyer.buy("freference2", 1), Said::Has { .. }));
        assert_eq!(stage.double.log().balance, 999);
    });
    each(&Mood { low_balance: 1.0, ..Mood::default() }, |stage, buyer| {
        assert_eq!(buyer.buy("freference1", 1), words(buyer.protocol, LOW_BALANCE));
        assert_eq!(stage.double.log().balance, 10_000_000_000);
    });
}

#[test]
fn the_price() {
    let guarded = |buyer: &Buyer| match buyer.protocol {
        Protocol::Kasushou | Protocol::Kinguin | Protocol::Reloadly => true,
        Protocol::AcgFaka | Protocol::Dujiao => false,
    };
    each(&Mood::default(), |stage, buyer| {
        stage.double.put(product(&buyer, 9, 1_001, true));
        let said = buyer.buy("freference1", 1);
        assert_eq!(is_no(&said), guarded(&buyer), "{said:?}");
        assert_eq!(stage.double.log().purchases.len(), usize::from(!guarded(&buyer)));
    });
    each(&Mood { price_moved: 1.0, ..Mood::default() }, |stage, buyer| {
        let said = buyer.buy_at("freference1", &buyer.product(), 1, 99.0);
        assert_eq!(is_no(&said), guarded(&buyer), "{said:?}");
        let charged: Vec<_> = stage.double.log().purchases.iter().map(|purchase| purchase.charged).collect();
        assert_eq!(charged, if guarded(&buyer) { vec![] } else { vec![1_001] });
    });
}

#[test]
fn no_such_product() {
    each(&Mood::default(), |stage, buyer| {
        let id = if buyer.protocol == Protocol::Kinguin { "000000000000000000000000" } else { "9999" };
        let said = buyer.buy_at("freference1", id, 1, 10.0);
        assert!(is_no(&said), "{said:?}");
        stage.double.put(product(&buyer, 9, 1_000, false));
        let said = buyer.buy("freference1", 1);
        assert!(is_no(&said), "{said:?}");
        assert!(stage.double.log().purchases.is_empty());
    });
}

/// Another secret, and another account.
#[test]
fn strangers() {
    for protocol in Protocol::ALL {
        let stage = Stage::of(protocol, Mood::default());
        let known = stage.double.credentials();
        let others = [
            Credentials { key: "another".into(), ..known.clone() },
            Credentials { account: "another".into(), key: format!("{}x", known.key), ..known.clone() },
        ];
        for credentials in others {
            let mut buyer = Buyer::of(&stage.double);
            buyer.credentials = credentials;
            if protocol == Protocol::Reloadly {
                buyer.token = buyer.fetch_token("https://giftcards.reloadly.com");
                assert_eq!(buyer.token, "", "no token for a stranger");
            }
            let said = buyer.buy("freference1", 1);
            assert!(is_no(&said), "{protocol:?} {said:?}");
        }
        assert!(stage.double.log().purchases.is_empty());
    }
}

/// One changed byte of what is signed.
#[test]
fn signatures_cover_the_body() {
    let stage = Stage::of(Protocol::Kasushou, Mood::default());
    let buyer = Buyer::of(&stage.double);
    let known = buyer.kasushou("/api/v1/user/info", &json!({})).answer().json();
    assert_eq!(known["data"]["balance"], "100000000.00");
    let headers = [("Sign", "00"), ("Timestamp", "1696645385740"), ("UserId", &*buyer.credentials.account)];
    let answer = crate::client::send("POST", &format!("{}/api/v1/user/info", buyer.base), &headers, b"{}").answer();
    assert_eq!(answer.json()["code"], 400);
}

#[test]
fn dujiao_refuses_old_requests() {
    let stage = Stage::of(Protocol::Dujiao, Mood::default());
    let buyer = Buyer::of(&stage.double);
    let answer = buyer.dujiao_at("POST", "/ping", &Value::Null, "1700000000".into()).answer();
    assert_eq!((answer.status, &answer.json()["error_code"]), (401, &json!("timestamp_expired")));
    let ping = buyer.dujiao("POST", "/ping", &Value::Null).answer().json();
    assert_eq!((&ping["balance"], &ping["currency"]), (&json!("100000000.00"), &json!("CNY")));
}

#[test]
fn reloadly_has_a_token_per_product() {
    let stage = Stage::of(Protocol::Reloadly, Mood::default());
    let buyer = Buyer::of(&stage.double);
    let status = |buyer: &Buyer, path: &str| {
        let answer = buyer.reloadly("GET", path, &Value::Null).answer();
        (answer.status, answer.json()["errorCode"].as_str().map(str::to_owned))
    };
    assert_eq!(status(&buyer, "/giftcards/accounts/balance"), (200, None));
    assert_eq!(status(&buyer, "/topups/accounts/balance"), (401, Some("INVALID_TOKEN".into())));
    let other = Buyer { token: "made up".into(), ..buyer };
    assert_eq!(status(&other, "/giftcards/accounts/balance"), (401, Some("INVALID_TOKEN".into())));
}

#[test]
fn acg_faka_takes_short_references() {
    let stage = Stage::of(Protocol::AcgFaka, Mood::default());
    let buyer = Buyer::of(&stage.double);
    assert!(is_no(&buyer.buy(&"f".repeat(20), 1)));
    assert!(matches!(buyer.buy(&"f".repeat(19), 1), Said::Has { .. }));
}

/// What each tells of its product, read as it is written.
#[test]
fn shelves_tell_price_and_stock() {
    each(&Mood::default(), |_, buyer| {
        let id = buyer.product();
        let (price, stock) = match buyer.protocol {
            Protocol::Kasushou => {
                let data = buyer.kasushou("/api/v1/goods/info", &json!({"id": 1001})).answer().json()["data"].clone();
                (data["goods_price"].clone(), data["stock_num"].clone())
            }
            Protocol::AcgFaka => {
                let data = buyer.acg_faka("/shared/commodity/item", &[("code", &id)]).answer().json()["data"].clone();
                let stock = buyer.acg_faka("/shared/commodity/stock", &[("code", &id)]).answer().json();
                assert_eq!(stock["data"]["stock"], "1000000");
                (data["price"].clone(), data["stock"].clone())
            }
            Protocol::Kinguin => {
                let data = buyer.kinguin("GET", &format!("/v2/products/{id}"), &Value::Null).answer().json();
                (data["price"].clone(), data["qty"].clone())
            }
            Protocol::Reloadly => {
                let data = buyer.reloadly("GET", "/giftcards/products/5", &Value::Null).answer().json();
                (data["fixedRecipientDenominations"][0].clone(), json!(1_000_000))
            }
            Protocol::Dujiao => {
                let data = buyer.dujiao("GET", "/products?page=1&page_size=50", &Value::Null).answer().json();
                let sku = data["items"][0]["skus"][0].clone();
                (sku["price_amount"].clone(), sku["stock_quantity"].clone())
            }
        };
        let price = price.as_str().map_or_else(|| price.as_f64().unwrap(), |text| text.parse().unwrap());
        assert_eq!((price, stock.as_u64()), (10.0, Some(1_000_000)));
    });
}

#[test]
fn a_double_is_not_started_in_an_impossible_mood() {
    let stage = Stage::of(Protocol::Kinguin, Mood::default());
    let setup = supplier_doubles::Setup {
        mood: Mood { cancelled: 0.7, refunded: 0.7, ..Mood::default() },
        ..supplier_doubles::Setup::of(Protocol::Kinguin)
    };
    let refused = stage.runtime.block_on(Double::start(Protocol::Kinguin, setup));
    assert!(refused.is_err());
}
