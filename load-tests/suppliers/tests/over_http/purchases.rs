//! Honest purchases: what is told is what the log has.

use std::collections::HashSet;

use serde_json::{Value, json};
use supplier_doubles::{Mood, PendingQueries, Protocol};

use crate::{
    Stage,
    buyers::{Buyer, Said},
    client::get,
    each,
};

/// What the buyer sees after a purchase: the supplier's id, and the keys.
fn bought(buyer: &Buyer, reference: &str, quantity: u32) -> (String, Vec<String>) {
    let Said::Has { their_id, keys, .. } = buyer.buy(reference, quantity) else { panic!("not bought") };
    if buyer.protocol == Protocol::AcgFaka {
        return (their_id, keys);
    }
    assert_eq!(keys, Vec::<String>::new(), "keys come with a query");
    let Said::Has { their_id: again, keys, .. } = buyer.ask(reference, &their_id) else { panic!("not found") };
    assert_eq!(again, their_id);
    (their_id, keys)
}

#[test]
fn keys_are_those_of_the_log() {
    each(&Mood::default(), |stage, buyer| {
        let mut all = HashSet::new();
        for (number, quantity) in [1, 3, 9].into_iter().enumerate() {
            let reference = format!("fref{number}");
            let (their_id, keys) = bought(&buyer, &reference, quantity);
            let log = stage.double.log();
            let purchase = log.purchases.last().unwrap();
            assert_eq!((&purchase.reference, &purchase.their_id), (&reference, &their_id));
            assert_eq!((purchase.quantity, purchase.charged), (quantity, 1_000 * u64::from(quantity)));
            let in_log: Vec<_> = purchase.keys.iter().map(|key| key.secret.clone()).collect();
            assert_eq!(keys, in_log, "{:?}", buyer.protocol);
            all.extend(keys);
        }
        assert_eq!(all.len(), 13, "no key twice");
        assert_eq!(stage.double.log().purchases.len(), 3);
        assert_eq!(stage.double.log().balance, 10_000_000_000 - 13_000);
    });
}

#[test]
fn the_log_over_http_is_the_log_in_process() {
    each(&Mood::default(), |stage, buyer| {
        bought(&buyer, "freference1", 2);
        let log: supplier_doubles::Log =
            serde_json::from_value(get(&format!("{}/double/log", stage.double.origin()))).unwrap();
        assert_eq!(log, stage.double.log());
        let calls: Vec<supplier_doubles::Call> =
            serde_json::from_value(get(&format!("{}/double/calls", stage.double.origin()))).unwrap();
        assert_eq!(calls, stage.double.calls());
        let buys: Vec<_> = calls.iter().filter(|call| call.kind == "buy").collect();
        assert_eq!(buys.len(), 1);
        assert_eq!(buys[0].reference.as_deref(), Some("freference1"));
        assert!(matches!(buys[0].status, 200 | 201) && buys[0].mishap.is_none());
    });
}

#[test]
fn the_same_reference_again() {
    each(&Mood::default(), |stage, buyer| {
        let (their_id, keys) = bought(&buyer, "freference1", 2);
        let again = buyer.buy("freference1", 2);
        let purchases = stage.double.log().purchases.len();
        match buyer.protocol {
            Protocol::Kasushou => assert!(matches!(again, Said::No(200, _)) && purchases == 1),
            Protocol::AcgFaka => {
                assert_eq!((again, purchases), (Said::No(200, "The request ID already exists".into()), 1));
            }
            Protocol::Reloadly => assert!(matches!(again, Said::No(400, _)) && purchases == 1),
            Protocol::Dujiao => {
                assert!(matches!(again, Said::Has { their_id: same, .. } if same == their_id) && purchases == 1);
                assert!(matches!(buyer.ask("", &their_id), Said::Has { keys: same, .. } if same == keys));
            }
            // Not documented: the worst is played.
            Protocol::Kinguin => {
                assert!(matches!(again, Said::Has { their_id: other, .. } if other != their_id) && purchases == 2);
            }
        }
    });
}

#[test]
fn pending_until_so_many_queries() {
    let mood = Mood { pending_queries: PendingQueries { share: 1.0, queries: 3 }, ..Mood::default() };
    each(&mood, |stage, buyer| {
        let Said::Has { their_id, keys, .. } = buyer.buy("freference1", 4) else { panic!("not bought") };
        assert!(keys.is_empty());
        let mut told = Vec::new();
        for _ in 0..3 {
            let Said::Has { status, keys, .. } = buyer.ask("freference1", &their_id) else { panic!("not found") };
            told.push((status, keys.len()));
        }
        let (last, early) = told.split_last().unwrap();
        assert_eq!(last.1, 4, "{:?}", buyer.protocol);
        assert!(early.iter().all(|(status, keys)| *status != last.0 && *keys < 4), "{told:?}");
        assert_eq!(stage.double.log().purchases.len(), 1);
    });
}

#[test]
fn pending_for_ever_and_ends_without_goods() {
    let course = |mood: &Mood| {
        let mut told = Vec::new();
        for protocol in Protocol::ALL {
            let stage = Stage::of(protocol, mood.clone());
            let buyer = Buyer::of(&stage.double);
            let Said::Has { their_id, .. } = buyer.buy("freference1", 2) else { panic!("not bought") };
            for _ in 0..5 {
                buyer.ask("freference1", &their_id);
            }
            let Said::Has { status, keys, .. } = buyer.ask("freference1", &their_id) else { panic!("not found") };
            assert!(keys.is_empty() || mood.refunded_in_part > 0.0);
            told.push((status, stage.double.log().purchases[0].paid_back));
        }
        told.into_iter().map(|(status, back)| format!("{status} {back}")).collect::<Vec<_>>()
    };
    let honest = Mood::default();
    let pending = course(&Mood { pending_for_ever: 1.0, ..honest.clone() });
    assert_eq!(pending, ["2 0", "0 0", "processing 0", "PROCESSING 0", "fulfilling 0"]);
    let without = course(&Mood { without_keys: 1.0, ..honest.clone() });
    assert_eq!(without, ["3 0", "1 0", "completed 0", "SUCCESSFUL 0", "completed 0"]);
    let cancelled = course(&Mood { cancelled: 1.0, ..honest.clone() });
    assert_eq!(cancelled, ["4 2000", "0 2000", "canceled 2000", "FAILED 2000", "canceled 2000"]);
    let refunded = course(&Mood { refunded: 1.0, ..honest.clone() });
    assert_eq!(refunded, ["5 2000", "0 2000", "refunded 2000", "REFUNDED 2000", "refunded 2000"]);
    let in_part = course(&Mood { refunded_in_part: 1.0, ..honest });
    assert_eq!(in_part, ["5 1000", "0 1000", "completed 1000", "REFUNDED 1000", "partially_refunded 1000"]);
}

#[test]
fn a_top_up_by_kasushou() {
    let stage = Stage::of(Protocol::Kasushou, Mood::default());
    let buyer = Buyer::of(&stage.double);
    let order = json!({
        "id": 1003, "quantity": 1, "external_orderno": "freference1", "safe_price": "10.00",
        "attach": {"recharge_account": "13800138000"},
    });
    assert_eq!(buyer.kasushou("/api/v1/order/buy", &order).answer().json()["code"], 200);
    let info = buyer.kasushou("/api/v1/order/info", &json!({"external_orderno": "freference1", "day": 0}));
    let row = info.answer().json()["data"][0].clone();
    assert_eq!((&row["status"], &row["card_list"]), (&json!(3), &json!([])));
    assert_eq!(row["recharge_info"][0]["v"], "13800138000");
    let log = stage.double.log();
    assert_eq!(log.purchases[0].account.as_deref(), Some("13800138000"));
    // The same without an account is no purchase.
    let bare = json!({"id": 1003, "quantity": 1, "external_orderno": "freference2"});
    assert_eq!(buyer.kasushou("/api/v1/order/buy", &bare).answer().json()["code"], 400);
    assert_eq!(stage.double.log().purchases.len(), 1);
}

#[test]
fn top_ups_by_reloadly() {
    let stage = Stage::of(Protocol::Reloadly, Mood::default());
    let mut buyer = Buyer::of(&stage.double);
    buyer.token = buyer.fetch_token("https://topups.reloadly.com");
    let top_up = |reference: &str, number: &str| {
        let order = json!({
            "operatorId": 341, "amount": 10.0, "useLocalAmount": false, "customIdentifier": reference,
            "recipientPhone": {"countryCode": "US", "number": number},
        });
        buyer.reloadly("POST", "/topups/topups-async", &order).answer().json()
    };
    let ids = [top_up("freference1", "4155550123"), top_up("freference2", "4155550124")];
    assert_eq!(top_up("freference3", "4155550123")["errorCode"], "PHONE_RECENTLY_RECHARGED");
    assert_eq!(top_up("freference4", "no phone")["errorCode"], "INVALID_RECIPIENT_PHONE");
    let mut shapes = HashSet::new();
    for id in ids {
        let path = format!("/topups/topups/{}/status", id["transactionId"]);
        let status = buyer.reloadly("GET", &path, &Value::Null).answer().json();
        assert_eq!(status["status"], "SUCCESSFUL");
        shapes.insert(status["transaction"].is_object());
    }
    assert_eq!(shapes.len(), 2, "wrapped and flat");
    let report =
        buyer.reloadly("GET", "/topups/topups/reports/transactions?customIdentifier=freference2", &Value::Null);
    assert_eq!(report.answer().json()["totalElements"], 1);
    let log = stage.double.log();
    let accounts: Vec<_> = log.purchases.iter().map(|purchase| purchase.account.clone().unwrap()).collect();
    assert_eq!(accounts, ["US:4155550123", "US:4155550124"]);
}

#[test]
fn kinguin_tells_keys_page_by_page() {
    let stage = Stage::of(Protocol::Kinguin, Mood::default());
    let buyer = Buyer::of(&stage.double);
    let line = json!({"productId": buyer.product(), "qty": 9, "price": 10.0});
    let order = json!({"products": vec![line; 4], "orderExternalId": "freference1"});
    let id = buyer.kinguin("POST", "/v2/order", &order).answer().json()["orderId"].as_str().unwrap().to_owned();
    let mut told = Vec::new();
    for (page, expected) in [(1, 25), (2, 11), (3, 0)] {
        let keys = buyer.kinguin("GET", &format!("/v2/order/{id}/keys?page={page}"), &Value::Null).answer().json();
        assert_eq!(keys.as_array().unwrap().len(), expected);
        told.extend(keys.as_array().unwrap().iter().map(|key| key["serial"].as_str().unwrap().to_owned()));
    }
    let log = stage.double.log();
    assert_eq!(told, log.purchases[0].keys.iter().map(|key| key.secret.clone()).collect::<Vec<_>>());
    let too_many =
        json!({"products": [{"productId": buyer.product(), "qty": 10, "price": 10.0}], "orderExternalId": "f2"});
    let answer = buyer.kinguin("POST", "/v2/order", &too_many).answer();
    assert_eq!((answer.status, &answer.json()["kind"]), (400, &json!("ConstraintViolation")));
}

#[test]
fn numbers_and_passwords() {
    let stage = Stage::of(Protocol::Kasushou, Mood::default());
    let buyer = Buyer::of(&stage.double);
    let order = json!({"id": "1002", "quantity": 2, "external_orderno": "freference1"});
    buyer.kasushou("/api/v1/order/buy", &order).answer();
    let info = buyer.kasushou("/api/v1/order/info", &json!({"external_orderno": "freference1"})).answer().json();
    let cards = info["data"][0]["card_list"].as_array().unwrap().clone();
    assert_eq!(cards.len(), 2);
    for (card, key) in cards.iter().zip(&stage.double.log().purchases[0].keys) {
        assert_eq!(card["card_no"].as_str(), key.number.as_deref());
        assert_eq!(card["card_password"].as_str(), Some(&*key.secret));
    }
}
