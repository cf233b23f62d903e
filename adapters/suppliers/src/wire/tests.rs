//! What a call says when it fails, each way once, over real sockets; and how often it was written.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use fulfil_contract::supplier::Hindrance;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

use super::*;

const LIMIT: Duration = Duration::from_secs(20);
/// Where a call is to run out of time.
const HASTY: Duration = Duration::from_millis(1500);
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// What the server does with the next request.
#[derive(Clone)]
enum Does {
    /// Writes this and goes on with the connection.
    Answers(String),
    /// Writes this and closes.
    AnswersAndCloses(String),
    /// Closes while a part of the request lies unread: a reset.
    Resets,
    Hangs,
}

struct Server {
    url: String,
    requests: Arc<AtomicUsize>,
}

/// Requests are counted as they come, on whichever connection; one after the last of `script` resets.
async fn server(script: &[Does]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base/", listener.local_addr().unwrap());
    let (requests, script) = (Arc::new(AtomicUsize::new(0)), Arc::new(script.to_vec()));
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&counted)));
        }
    });
    Server { url, requests }
}

async fn serve(mut stream: TcpStream, script: Arc<Vec<Does>>, requests: Arc<AtomicUsize>) {
    let mut first = [0; 1];
    while stream.read_exact(&mut first).await.is_ok() {
        let does = script.get(requests.fetch_add(1, SeqCst)).cloned().unwrap_or(Does::Resets);
        if matches!(does, Does::Resets) {
            return;
        }
        let mut head = first.to_vec();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap_or("0");
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        match does {
            Does::Answers(text) => stream.write_all(text.as_bytes()).await.unwrap(),
            Does::AnswersAndCloses(text) => return stream.write_all(text.as_bytes()).await.unwrap_or(()),
            Does::Hangs => std::future::pending().await,
            Does::Resets => return,
        }
    }
}

fn order() -> Call {
    Call::post("/orders").query("a b", "c&d").header("x-one", "1").json("{\"quantity\":1}")
}

async fn fails(script: &[Does], limit: Duration, why: &str) {
    let server = server(script).await;
    let failure = Wire::new(&server.url, limit).unwrap().send(order()).await.unwrap_err();
    assert!(matches!(&failure, Failure::Unknown(text) if text.contains(why)), "{why}: {failure:?}");
    assert!(!format!("{failure:?}").contains("c%26d"), "an error shows no query");
    assert_eq!(server.requests.load(SeqCst), 1, "written once");
}

/// The look at the clock before the call is not the last one: a connection may take long, or the process be stopped.
#[tokio::test]
async fn not_a_byte_leaves_of_a_request_whose_body_is_late() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = client(&base(&url).unwrap(), LIMIT).unwrap();
    let late = punctual(b"{}".to_vec(), Some(Instant::now() - Duration::from_millis(1)));
    let sent = tokio::spawn(client.post(&url).header("x-one", "1").body(late).send());
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut came = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut came)).await.unwrap().unwrap();
    assert!(came.is_empty(), "{}", String::from_utf8_lossy(&came));
    let failure = Failure::of(&sent.await.unwrap().unwrap_err());
    assert!(matches!(&failure, Failure::Unknown(text) if text.contains("is over")), "{failure:?}");
}

#[tokio::test]
async fn a_punctual_body_goes_as_any_other() {
    let server = server(&[Does::Answers(OK.into())]).await;
    let wire = Wire::new(&server.url, LIMIT).unwrap();
    let reply = wire.send(order().send_by(Instant::now() + LIMIT)).await.unwrap();
    assert!(reply.is_success());
    let late = wire.send(order().send_by(Instant::now() - Duration::from_millis(1))).await.unwrap_err();
    assert!(matches!(&late, Failure::NotSent { by: Hindrance::Ours, .. }), "{late:?}");
    assert_eq!(server.requests.load(SeqCst), 1);
}

#[tokio::test]
async fn an_answer_is_read_whole_whatever_its_status() {
    let server = server(&[
        Does::Answers(OK.into()),
        Does::Answers(
            "HTTP/1.1 503 No\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n".into(),
        ),
        Does::Answers("HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n".into()),
    ])
    .await;
    let wire = Wire::new(&server.url, LIMIT).unwrap();
    assert_eq!(wire.path("/orders").unwrap(), "/base/orders");
    let reply = wire.send(order()).await.unwrap();
    assert_eq!((reply.status, reply.is_success(), reply.body.as_slice()), (200, true, &b"{}"[..]));
    let reply = wire.send(order()).await.unwrap();
    assert_eq!(
        (reply.status, reply.retry_after, reply.body.as_slice()),
        (503, Some(Duration::from_secs(7)), &b"ab"[..])
    );
    assert_eq!(wire.send(order()).await.unwrap().status, 302, "no redirect is followed");
}

#[tokio::test]
async fn once_a_connection_was_there_nothing_is_sure() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"ok\"";
    let many = MOST_BYTES + 1;
    let chunk = "x".repeat(many);
    fails(&[Does::Resets], LIMIT, "").await;
    fails(&[Does::Hangs], HASTY, "timed out").await;
    fails(&[Does::AnswersAndCloses(String::new())], LIMIT, "").await;
    fails(&[Does::AnswersAndCloses("HTTP/1.1 2".into())], LIMIT, "").await;
    fails(&[Does::AnswersAndCloses("SSH-2.0-OpenSSH\r\n".into())], LIMIT, "").await;
    fails(&[Does::AnswersAndCloses(cut.into())], LIMIT, "body was cut").await;
    fails(&[Does::Answers(cut.into()), Does::Hangs], HASTY, "body was cut").await;
    fails(&[Does::Answers(format!("HTTP/1.1 200 OK\r\nContent-Length: {many}\r\n\r\n"))], LIMIT, "more than").await;
    fails(
        &[Does::Answers(format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{many:x}\r\n{chunk}\r\n0\r\n\r\n"
        ))],
        LIMIT,
        "more than",
    )
    .await;
}

/// Without a connection, or while TLS is being set up, not a byte of the request has left.
#[tokio::test]
async fn what_never_met_a_connection_was_not_sent() {
    // Held, so that nobody else gets the port, and not listened on.
    let held = TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = format!("http://{}", held.local_addr().unwrap());
    // Takes connections, and says nothing: TLS does not come about within the limit on connecting.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let no_tls = server(&[Does::AnswersAndCloses("HTTP/1.1 400 Bad\r\n\r\n".into())]).await;
    let urls = [
        closed,
        format!("https://{}", silent.local_addr().unwrap()),
        no_tls.url.replace("http://", "https://"),
        "https://no-such-host.invalid".to_owned(),
    ];
    for url in urls {
        let failure = Wire::new(&url, HASTY).unwrap().send(order()).await.unwrap_err();
        assert!(matches!(failure, Failure::NotSent { by: Hindrance::Theirs, .. }), "{url}: {failure:?}");
    }
    let wire = Wire::new("http://127.0.0.1:1", LIMIT).unwrap();
    let cannot_be_built = wire.send(Call::get("/").header("x", "a\nb")).await.unwrap_err();
    assert!(matches!(cannot_be_built, Failure::NotSent { by: Hindrance::Ours, .. }));
}

/// hyper-util takes another connection for a request that it got back unwritten, and for no other.
#[tokio::test]
async fn a_pooled_connection_that_is_gone_makes_no_second_purchase() {
    let dies = server(&[Does::Answers(OK.into()), Does::Resets, Does::Answers(OK.into())]).await;
    let wire = Wire::new(&dies.url, LIMIT).unwrap();
    wire.send(order()).await.unwrap();
    assert!(matches!(wire.send(order()).await, Err(Failure::Unknown(_))));
    assert_eq!(dies.requests.load(SeqCst), 2, "what was written is not written again");

    // Closed by the server just after its answer, with the client's next request racing against it: whatever
    // comes of each call, none is written twice.
    let script: Vec<Does> = (0..400).map(|_| Does::AnswersAndCloses(OK.into())).collect();
    let closes = server(&script).await;
    let wire = Wire::new(&closes.url, LIMIT).unwrap();
    let mut answered = 0;
    for _ in 0..200 {
        match wire.send(order()).await {
            Ok(reply) => answered += usize::from(reply.status == 200),
            Err(Failure::Unknown(_)) => {}
            Err(failure) => panic!("{failure:?}"),
        }
    }
    let written = closes.requests.load(SeqCst);
    assert!(answered <= written && written <= 200, "{answered} answers, {written} requests");
}

#[tokio::test]
async fn a_call_stays_at_its_host_and_under_its_path() {
    let wire = Wire::new("https://api.example.com/v1", LIMIT).unwrap();
    assert_eq!(wire.path("/orders/a%2Fb").unwrap(), "/v1/orders/a%2Fb");
    for path in [
        "/orders/../admin",
        "/orders/%2e%2E/admin",
        "/./x",
        "orders",
        "/a?b",
        "/a#b",
        "/a\\b",
        "/a\nb",
        "@other.example/",
    ] {
        // A path is put behind the base's own: only what then starts a new segment may follow it.
        let found = wire.path(path);
        let refused = matches!(found, Err(Failure::NotSent { by: Hindrance::Ours, .. }));
        assert!(refused, "{path}: {found:?}");
    }
    assert_eq!(wire.url("//other.example/x", &[]).unwrap().host_str(), Some("api.example.com"));
    assert_eq!(wire.url("/x", &[("a".into(), "b&c d".into())]).unwrap().query(), Some("a=b%26c+d"));
}

#[test]
fn only_this_machine_is_spoken_to_without_tls() {
    for url in ["http://127.0.0.1:1", "http://127.1.2.3", "http://[::1]:9", "http://localhost", "https://x.example"] {
        assert!(Wire::new(url, LIMIT).is_ok(), "{url}");
    }
    for url in ["http://192.0.2.1", "http://localhost.example.com", "http://10.0.0.1", "http://[::2]"] {
        assert_eq!(Wire::new(url, LIMIT).err(), Some(UrlError::Clear), "{url}");
    }
}
