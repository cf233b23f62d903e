//! Callbacks are sent when an order ends, signed as the protocol does, until they are taken.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use serde_json::Value;
use sha1::{Digest, Sha1};
use supplier_doubles::{Call, Callbacks, Millis, Mood, PendingTime, Protocol};

use crate::{
    Stage,
    buyers::{Buyer, Said},
};

const LIMIT: Duration = Duration::from_secs(20);

struct Posted {
    head: String,
    body: String,
}

impl Posted {
    fn header(&self, name: &str) -> &str {
        let value = |line: &'_ str| line.split_once(": ").filter(|(is, _)| is.eq_ignore_ascii_case(name)).is_some();
        self.head.lines().find(|line| value(line)).and_then(|line| line.split_once(": ")).unwrap().1
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Takes the next post and answers it.
fn take(listener: &TcpListener, answer: &str) -> Posted {
    listener.set_nonblocking(true).unwrap();
    let until = Instant::now() + LIMIT;
    let mut stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                assert!(Instant::now() < until, "no callback came");
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("{error}"),
        }
    };
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let posted = read(&mut stream);
    stream.write_all(answer.as_bytes()).unwrap();
    posted
}

fn read(stream: &mut TcpStream) -> Posted {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "cut off");
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let posted = Posted { head: head.to_owned(), body: body.to_owned() };
            if posted.body.len() == posted.header("content-length").parse::<usize>().unwrap() {
                return posted;
            }
        }
    }
}

fn mood(listener: &TcpListener) -> Mood {
    let url = Some(format!("http://{}/callbacks/one?x=1", listener.local_addr().unwrap()));
    Mood { callbacks: Some(Callbacks { url, most: 3, again_ms: 10, ..Callbacks::default() }), ..Mood::default() }
}

fn bought(stage: &Stage) -> Buyer {
    let buyer = Buyer::of(&stage.double);
    assert!(matches!(buyer.buy("freference1", 1), Said::Has { .. }));
    buyer
}

fn sent(stage: &Stage, count: usize) -> Vec<u16> {
    let until = Instant::now() + LIMIT;
    loop {
        let calls = stage.double.calls();
        let sent: Vec<&Call> = calls.iter().filter(|call| call.kind == "callback").collect();
        if sent.len() >= count {
            return sent.iter().map(|call| call.status).collect();
        }
        assert!(Instant::now() < until, "{sent:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn kasushou_signs_all_but_the_cards() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stage = Stage::of(Protocol::Kasushou, mood(&listener));
    let buyer = bought(&stage);
    let posted = take(&listener, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert!(posted.head.starts_with("POST /callbacks/one?x=1 HTTP/1.1"));
    let mut body = posted.json();
    assert_eq!((&body["external_orderno"], &body["status"]), (&"freference1".into(), &3.into()));
    assert_eq!(body["card_list"].as_array().unwrap().len(), 1);
    let (sign, time) = (body["sign"].as_str().unwrap().to_owned(), body["time"].to_string());
    let fields = body.as_object_mut().unwrap();
    fields.remove("sign");
    fields.remove("card_list");
    let text = body.to_string().replace('/', "\\/");
    let expected: String = Sha1::digest(format!("{time}{text}{}", buyer.credentials.key))
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(sign, expected);
    assert_eq!(sent(&stage, 1), [200], "taken, so not sent again");
}

#[test]
fn kinguin_shows_its_secret_and_sends_until_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stage = Stage::of(Protocol::Kinguin, mood(&listener));
    let buyer = bought(&stage);
    let answers = ["HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"];
    for answer in answers {
        let posted = take(&listener, answer);
        assert_eq!(posted.header("x-event-name"), "order.status");
        assert_eq!(posted.header("x-event-secret"), buyer.credentials.callback_secret);
        assert_eq!(posted.json()["orderExternalId"], "freference1");
        assert_eq!(posted.json()["status"], "completed");
    }
    assert_eq!(sent(&stage, 2), [500, 204]);
}

#[test]
fn dujiao_signs_path_time_and_body() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stage = Stage::of(Protocol::Dujiao, mood(&listener));
    let buyer = bought(&stage);
    let posted = take(&listener, "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"ok\":true}");
    let message = stage.double.callback("freference1", &buyer.credentials).unwrap();
    let names: Vec<_> = message.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-type", "dujiao-next-api-key", "dujiao-next-timestamp", "dujiao-next-signature"]);
    assert_eq!(posted.header("dujiao-next-api-key"), buyer.credentials.account);
    assert_eq!(posted.header("dujiao-next-signature").len(), 64);
    assert_eq!(posted.json()["downstream_order_no"], "freference1");
    assert_eq!(posted.json()["fulfillment"]["payload"], stage.double.log().purchases[0].keys[0].secret);
}

/// Pending orders call back when they are done, not before.
#[test]
fn later_for_what_takes_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let millis = Millis::fixed(300);
    let mood = Mood { pending_time: PendingTime { share: 1.0, millis }, ..mood(&listener) };
    let stage = Stage::of(Protocol::Dujiao, mood);
    let from = Instant::now();
    bought(&stage);
    let posted = take(&listener, "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"ok\":true}");
    assert!(from.elapsed() >= Duration::from_millis(300));
    assert!(["delivered", "completed"].contains(&posted.json()["status"].as_str().unwrap()));
}

#[test]
fn nobody_takes_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mood = mood(&listener);
    drop(listener);
    let stage = Stage::of(Protocol::Kinguin, mood);
    bought(&stage);
    assert_eq!(sent(&stage, 3), [0, 0, 0]);
}

#[test]
fn some_have_none() {
    for protocol in [Protocol::AcgFaka, Protocol::Reloadly] {
        let stage = Stage::of(protocol, Mood::default());
        bought(&stage);
        assert_eq!(stage.double.callback("freference1", &stage.double.credentials()), None);
    }
}
