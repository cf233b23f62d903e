//! Replies that go wrong, before and after buying; latency; a line that goes dark. Each is in the log.

use std::time::{Duration, Instant};

use supplier_doubles::{Call, Millis, Mishap, Mood, Protocol};

use crate::{
    Stage,
    buyers::{Buyer, Said},
    client::send,
    each,
};

fn mishaps(stage: &Stage) -> Vec<(Option<String>, Mishap)> {
    let of = |call: Call| Some((call.reference, call.mishap?));
    stage.double.calls().into_iter().filter_map(of).collect()
}

/// One purchase in this mood: what was answered, what the log says of it, and how many were bought.
fn one_purchase(stage: &Stage, buyer: &Buyer) -> (Said, Option<Mishap>, usize) {
    let said = buyer.buy("freference1", 2);
    let noted = mishaps(stage);
    assert!(noted.iter().all(|(reference, _)| reference.as_deref() == Some("freference1")));
    (said, noted.first().map(|(_, mishap)| *mishap), stage.double.log().purchases.len())
}

#[test]
fn replies_to_purchases() {
    let honest = Mood::default();
    each(&Mood { lost_before: 1.0, ..honest.clone() }, |stage, buyer| {
        assert_eq!(one_purchase(stage, &buyer), (Said::Lost, Some(Mishap::LostBeforeBuying), 0));
    });
    each(&Mood { lost_after: 1.0, ..honest.clone() }, |stage, buyer| {
        assert_eq!(one_purchase(stage, &buyer), (Said::Lost, Some(Mishap::LostAfterBuying), 1));
    });
    each(&Mood { html_before: 1.0, ..honest.clone() }, |stage, buyer| {
        assert_eq!(one_purchase(stage, &buyer), (Said::Page, Some(Mishap::HtmlBeforeBuying), 0));
    });
    each(&Mood { html_after: 1.0, ..honest.clone() }, |stage, buyer| {
        assert_eq!(one_purchase(stage, &buyer), (Said::Page, Some(Mishap::HtmlAfterBuying), 1));
    });
    each(&Mood { error_before: 1.0, ..honest.clone() }, |stage, buyer| {
        let (said, mishap, bought) = one_purchase(stage, &buyer);
        assert!(matches!(said, Said::No(500, _)));
        assert_eq!((mishap, bought), (Some(Mishap::ErrorBeforeBuying), 0));
    });
    each(&Mood { error_after: 1.0, ..honest }, |stage, buyer| {
        let (said, mishap, bought) = one_purchase(stage, &buyer);
        assert!(matches!(said, Said::No(500, _)));
        assert_eq!((mishap, bought), (Some(Mishap::ErrorAfterBuying), 1));
    });
}

/// Nothing was bought, so it can't be lost after buying.
#[test]
fn a_refusal_that_is_lost() {
    each(&Mood { lost_after: 1.0, out_of_stock: 1.0, ..Mood::default() }, |stage, buyer| {
        assert_eq!(one_purchase(stage, &buyer), (Said::Lost, Some(Mishap::LostBeforeBuying), 0));
    });
}

#[test]
fn too_many_requests() {
    each(&Mood { throttled: 1.0, retry_after: 17, ..Mood::default() }, |stage, buyer| {
        let (said, mishap, bought) = one_purchase(stage, &buyer);
        assert!(matches!(said, Said::No(429, _)));
        assert_eq!((mishap, bought), (Some(Mishap::Throttled), 0));
        if buyer.protocol == Protocol::Kinguin {
            let body = serde_json::json!({"products": [{"productId": buyer.product(), "qty": 1, "price": 10.0}]});
            let answer = buyer.kinguin("POST", "/v2/order", &body).answer();
            assert_eq!((answer.status, answer.header("retry-after")), (429, Some("17")));
        }
    });
}

#[test]
fn replies_to_queries() {
    let moods = [
        (Mood { query_lost: 1.0, ..Mood::default() }, Mishap::QueryLost),
        (Mood { query_html: 1.0, ..Mood::default() }, Mishap::QueryHtml),
        (Mood { query_error: 1.0, ..Mood::default() }, Mishap::QueryError),
    ];
    for (mood, expected) in moods {
        each(&mood, |stage, buyer| {
            let Said::Has { their_id, .. } = buyer.buy("freference1", 1) else { panic!("purchases go well") };
            match (buyer.ask("freference1", &their_id), expected) {
                (Said::Lost, Mishap::QueryLost)
                | (Said::Page, Mishap::QueryHtml)
                | (Said::No(500, _), Mishap::QueryError) => {}
                (said, _) => panic!("{said:?}"),
            }
            assert_eq!(mishaps(stage), [(Some("freference1".into()), expected)]);
        });
    }
}

/// A share is a share, the log counts what was done, and the same seed does it again.
#[test]
fn a_third_is_lost_and_it_can_be_played_again() {
    let mood = Mood { seed: 42, lost_after: 0.2, lost_before: 0.1, ..Mood::default() };
    let play = || {
        let stage = Stage::of(Protocol::Dujiao, mood.clone());
        let buyer = Buyer::of(&stage.double);
        let said: Vec<_> = (0..200).map(|number| buyer.buy(&format!("fref{number}"), 1) == Said::Lost).collect();
        let noted = mishaps(&stage);
        let lost = said.iter().filter(|lost| **lost).count();
        assert_eq!(noted.len(), lost);
        assert!((40..80).contains(&lost), "{lost} of 200");
        let after = noted.iter().filter(|(_, mishap)| *mishap == Mishap::LostAfterBuying).count();
        assert_eq!(stage.double.log().purchases.len(), 200 - lost + after);
        // A second send has a fate of its own.
        let again = (0..200).filter(|number| said[*number] && buyer.buy(&format!("fref{number}"), 1) != Said::Lost);
        assert!(again.count() > lost / 3);
        said
    };
    assert_eq!(play(), play());
}

#[test]
fn latency_of_every_call_and_of_purchases() {
    let mood = Mood { latency: Millis::fixed(100), buy_latency: Millis { from: 200, to: 250 }, ..Mood::default() };
    let stage = Stage::of(Protocol::Kasushou, mood);
    let buyer = Buyer::of(&stage.double);
    let from = Instant::now();
    assert!(matches!(buyer.buy("freference1", 1), Said::Has { .. }));
    assert!(from.elapsed() >= Duration::from_millis(300));
    let from = Instant::now();
    assert!(matches!(buyer.ask("freference1", ""), Said::Has { .. }));
    let took = from.elapsed();
    assert!(took >= Duration::from_millis(100), "{took:?}");
}

/// Bought although the buyer has hung up before the answer.
#[test]
fn a_slow_purchase_is_bought_at_once() {
    let mood = Mood { buy_latency: Millis::fixed(3_600_000), ..Mood::default() };
    let stage = Stage::of(Protocol::Dujiao, mood);
    let buyer = Buyer::of(&stage.double);
    let asking = std::thread::spawn(move || buyer.buy("freference1", 1));
    let until = Instant::now() + Duration::from_secs(20);
    while stage.double.log().purchases.is_empty() {
        assert!(Instant::now() < until, "not bought");
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(stage);
    assert_eq!(asking.join().unwrap(), Said::Lost, "a double that ends hangs up");
}

#[test]
fn dark_and_back() {
    each(&Mood::default(), |stage, buyer| {
        stage.runtime.block_on(stage.double.go_dark());
        assert_eq!(buyer.buy("freference1", 1), Said::Refused);
        assert_eq!(buyer.ask("freference1", "1"), Said::Refused);
        stage.runtime.block_on(stage.double.come_back());
        assert!(matches!(buyer.buy("freference1", 1), Said::Has { .. }));
        assert_eq!(stage.double.log().purchases.len(), 1);
    });
}

/// A connection that was kept open is cut when the line goes dark.
#[test]
fn open_connections_are_cut() {
    use std::io::{Read, Write};
    let stage = Stage::of(Protocol::Kasushou, Mood::default());
    let mut open = std::net::TcpStream::connect(stage.double.origin().strip_prefix("http://").unwrap()).unwrap();
    open.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    open.write_all(b"GET /double/mood HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut first = [0; 8];
    open.read_exact(&mut first).unwrap();
    stage.runtime.block_on(stage.double.go_dark());
    let mut rest = Vec::new();
    // Ends, by a close or a reset, and does not wait for its time limit.
    match open.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

#[test]
fn dead_for_a_while_over_http() {
    let stage = Stage::of(Protocol::Dujiao, Mood::default());
    let (buyer, url) = (Buyer::of(&stage.double), format!("{}/double/dead", stage.double.origin()));
    assert_eq!(send("POST", &url, &[], br#"{"seconds": 0.5}"#).answer().status, 200);
    let until = Instant::now() + Duration::from_secs(20);
    let mut seen = Vec::new();
    while seen.last() != Some(&true) || !seen.contains(&false) {
        assert!(Instant::now() < until, "it never was dead and back: {seen:?}");
        seen.push(buyer.buy(&format!("fref{}", seen.len()), 1) != Said::Refused);
    }
}

#[test]
fn a_mood_over_http() {
    let stage = Stage::of(Protocol::Dujiao, Mood::default());
    let (buyer, url) = (Buyer::of(&stage.double), format!("{}/double/mood", stage.double.origin()));
    let set = |body: &str| send("POST", &url, &[], body.as_bytes()).answer();
    assert_eq!(set(r#"{"seed": 7, "lost_after": 1.0}"#).status, 200);
    assert_eq!(stage.double.mood(), Mood { seed: 7, lost_after: 1.0, ..Mood::default() });
    assert_eq!(buyer.buy("freference1", 1), Said::Lost);
    for wrong in [r#"{"lost_after": 0.6, "lost_before": 0.6}"#, r#"{"lost_aftr": 1.0}"#, "{", r#"{"throttled": -1.0}"#]
    {
        let answer = set(wrong);
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.json()["error"].as_str().is_some_and(|text| !text.is_empty()));
    }
    assert!(set(r#"{"lost_after": 0.6, "lost_before": 0.6}"#).text.contains("lost_"), "it names the group");
    assert!(stage.double.mood().lost_after > 0.9, "the earlier mood stays");
}
