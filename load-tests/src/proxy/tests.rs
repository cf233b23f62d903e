//! Readers fed byte by byte, and proxies between small clients and servers.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{
    amqp, postgres, resp,
    wire::{Answer, Moment, Said, Sent},
    *,
};

const LIMIT: Duration = Duration::from_secs(10);

/// Everything that is there is taken, whether it comes in one piece or byte by byte.
fn moments(mut next: impl FnMut(&[u8]) -> Option<(usize, Moment)>, bytes: &[u8]) -> Vec<Moment> {
    let (mut taken, mut moments) = (0, Vec::new());
    for there in 1..=bytes.len() {
        while let Some((length, moment)) = next(&bytes[taken..there]) {
            assert!(length > 0);
            taken += length;
            moments.push(moment);
        }
    }
    assert_eq!(taken, bytes.len(), "every byte is of a message");
    moments.retain(|moment| *moment != Moment::Other);
    moments
}

fn answers(mut next: impl FnMut(&[u8]) -> Option<Said>, bytes: &[u8]) -> Vec<Answer> {
    let (mut taken, mut answers) = (0, Vec::new());
    for there in 1..=bytes.len() {
        while let Some(Said { length, what }) = next(&bytes[taken..there]) {
            taken += length;
            answers.push(what);
        }
    }
    assert_eq!(taken, bytes.len(), "every byte is of a message");
    answers.retain(|answer| *answer != Answer::Other);
    answers
}

fn of(sent: Sent) -> (usize, Moment) {
    (sent.length, sent.moment)
}

/// A message of Postgres.
fn letter(letter: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[letter], &length.to_be_bytes()[..], body].concat()
}

fn startup() -> Vec<u8> {
    let body = b"user\0fulfil\0\0";
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes()[..], &[0, 3, 0, 0], body].concat()
}

fn transaction_with(sql: &str) -> Vec<u8> {
    [
        letter(b'Q', b"begin isolation level read committed\0"),
        letter(b'P', format!("s1\0{sql}\0\0\0").as_bytes()),
        letter(b'S', b""),
        letter(b'B', b"\0s1\0\0\0\0\0\0\0"),
        letter(b'E', b"\0\0\0\0\0"),
        letter(b'S', b""),
        letter(b'Q', b"commit\0"),
    ]
    .concat()
}

#[test]
fn commits_are_found_and_what_they_commit() {
    let asks_for_tls = [&8_u32.to_be_bytes()[..], &80_877_103_u32.to_be_bytes()].concat();
    let bytes = [
        asks_for_tls,
        startup(),
        transaction_with("insert into fulfil.orders (x) select 1"),
        transaction_with("select 'commit'"),
        letter(b'Q', b"COMMIT;\0"),
        letter(b'Q', b"rollback\0"),
        letter(b'X', b""),
    ]
    .concat();
    let mut reader = postgres::Frontend::default();
    let commit = |of_orders| Moment::Commit { of_orders };
    assert_eq!(moments(|bytes| reader.next(bytes).map(of), &bytes), [commit(true), commit(false), commit(false)]);
}

#[test]
fn commits_that_took_place_are_told_from_others() {
    let bytes = [
        b"N".to_vec(),
        letter(b'R', &[0, 0, 0, 0]),
        letter(b'C', b"INSERT 0 1\0"),
        letter(b'C', b"COMMIT\0"),
        letter(b'Z', b"I"),
        letter(b'E', b"SERROR\0\0"),
        letter(b'C', b"ROLLBACK\0"),
    ]
    .concat();
    let mut reader = postgres::Backend::default();
    let complete = |committed| Answer::Complete { committed };
    let expected = [complete(false), complete(true), Answer::Error, complete(false)];
    assert_eq!(answers(|bytes| reader.next(bytes), &bytes), expected);
}

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap();
    [&[kind][..], &channel.to_be_bytes(), &size.to_be_bytes(), payload, &[0xce]].concat()
}

fn method(channel: u16, class: u16, method: u16, arguments: &[u8]) -> Vec<u8> {
    frame(1, channel, &[&class.to_be_bytes()[..], &method.to_be_bytes(), arguments].concat())
}

fn header(channel: u16, size: u64) -> Vec<u8> {
    frame(2, channel, &[&[0, 60, 0, 0][..], &size.to_be_bytes(), &[0, 0]].concat())
}

fn ack(channel: u16, tag: u64, multiple: bool) -> Vec<u8> {
    method(channel, 60, 80, &[&tag.to_be_bytes()[..], &[u8::from(multiple)]].concat())
}

fn publish(channel: u16, body: &[u8]) -> Vec<u8> {
    [method(channel, 60, 40, b"\0\0\x01a\x01b\x01"), header(channel, body.len() as u64), frame(3, channel, body)]
        .concat()
}

#[test]
fn a_publication_ends_with_its_last_frame_and_acknowledgements_are_counted() {
    let bytes = [
        b"AMQP\0\0\x09\x01".to_vec(),
        method(1, 20, 10, b"\0"),
        publish(1, b"whole"),
        method(1, 60, 40, b"\0\0\x01a\x01b\x01"),
        header(1, 6),
        frame(3, 1, b"two"),
        publish(2, b"another channel's in between"),
        frame(3, 1, b"six"),
        frame(8, 0, b""),
        header(3, 0),
        ack(1, 3, true),
        ack(1, 10, true),
        ack(1, 10, true),
        ack(2, 4, false),
        method(1, 20, 10, b"\0"),
        ack(1, 2, true),
    ]
    .concat();
    let mut reader = amqp::Client::default();
    let published = |channel| Moment::Publish { channel };
    let acknowledged = |deliveries| Moment::Acknowledge { deliveries };
    let expected = [
        published(1),
        published(2),
        published(1),
        published(3),
        acknowledged(3),
        acknowledged(7),
        acknowledged(0),
        acknowledged(1),
        acknowledged(2),
    ];
    assert_eq!(moments(|bytes| reader.next(bytes).map(of), &bytes), expected);
}

#[test]
fn what_a_broker_says_is_told_apart() {
    let bytes = [
        method(1, 60, 60, b"\x01t"),
        header(1, 1),
        frame(3, 1, b"x"),
        ack(4, 9, true),
        method(0, 10, 60, b"\0"),
        method(0, 10, 61, b""),
    ]
    .concat();
    let expected = [Answer::Deliver, Answer::Confirm { channel: 4 }, Answer::Blocked, Answer::Unblocked];
    assert_eq!(answers(|bytes| amqp::Broker.next(bytes), &bytes), expected);
}

fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    words.iter().for_each(|word| bytes.extend(format!("${}\r\n{word}\r\n", word.len()).bytes()));
    bytes
}

#[test]
fn claims_and_their_answers_are_paired_by_number() {
    let bytes = [
        command(&["PING"]),
        command(&["FCALL", "fulfil_v1_settle", "3", "a\r\nb", "c", "d"]),
        command(&["fcall", "fulfil_v1_claim", "3", "a", "b", "c"]),
        command(&["GET", "fulfil_v1_claim"]),
    ]
    .concat();
    let mut reader = resp::Commands::default();
    assert_eq!(moments(|bytes| reader.next(bytes).map(of), &bytes), [Moment::Claim { command: 3 }]);

    let replies =
        b"+PONG\r\n>2\r\n+push\r\n:1\r\n*2\r\n*1\r\n$2\r\n\r\n\r\n$-1\r\n:7\r\n-ERR no\r\n%1\r\n+a\r\n*-1\r\n";
    let mut reader = resp::Replies::default();
    let expected: Vec<Answer> = (1..=5).map(|command| Answer::Reply { command }).collect();
    assert_eq!(answers(|bytes| reader.next(bytes), replies), expected);
}

/// A server that takes one connection after the other, and answers each message of `length` bytes with `answer`.
/// Gives what it had read of a connection once that has ended.
async fn server(length: usize, answer: Vec<u8>) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut got, mut answered, mut buffer) = (Vec::new(), 0, vec![0; 4096]);
            while let Ok(count) = stream.read(&mut buffer).await {
                if count == 0 {
                    break;
                }
                got.extend_from_slice(&buffer[..count]);
                while got.len() >= (answered + 1) * length {
                    answered += 1;
                    stream.write_all(&answer).await.ok();
                }
            }
            tell.send(got).ok();
        }
    });
    (address, told)
}

/// What a client of the proxy reads until its connection ends, when it sends this in two pieces.
async fn exchange(proxy: &Proxy, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    stream.write_all(first).await.unwrap();
    stream.flush().await.unwrap();
    tokio::task::yield_now().await;
    stream.write_all(second).await.ok();
    let mut got = Vec::new();
    let read = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            got.extend_from_slice(&buffer[..count]);
        }
    };
    // A connection that nobody cuts stays open.
    timeout(Duration::from_millis(300), read).await.ok();
    got
}

async fn proxy(protocol: Protocol, server: SocketAddr, fault: Fault) -> Proxy {
    let plan = Plan { fault, percent: 100, most: u64::MAX, seed: 7 };
    let proxy = Proxy::start(protocol, server, Some(plan)).await.unwrap();
    proxy.arm();
    proxy
}

#[tokio::test]
async fn without_a_plan_all_bytes_pass() {
    let sent = [startup(), letter(b'Q', b"commit\0")].concat();
    let (address, mut told) = server(sent.len(), letter(b'C', b"COMMIT\0")).await;
    let proxy = Proxy::start(Protocol::Postgres, address, None).await.unwrap();
    assert_eq!(exchange(&proxy, &sent).await, letter(b'C', b"COMMIT\0"));
    assert_eq!(timeout(LIMIT, told.recv()).await.unwrap().unwrap(), sent);
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.cuts, counts.traffic.commits), (1, 0, 1));
}

#[tokio::test]
async fn the_answer_to_a_commit_is_given_and_never_delivered() {
    let sent = [startup(), transaction_with("insert into fulfil.orders (x) select 1")].concat();
    let (address, mut told) = server(sent.len(), letter(b'C', b"COMMIT\0")).await;
    let proxy = proxy(Protocol::Postgres, address, Fault::CommitAnswerLost).await;
    for _ in 0..20 {
        assert_eq!(exchange(&proxy, &sent).await, b"", "a cut connection brings nothing");
        assert_eq!(timeout(LIMIT, told.recv()).await.unwrap().unwrap(), sent, "COMMIT came to the server");
    }
    let counts = proxy.counts();
    assert_eq!((counts.cuts, counts.of_orders, counts.answers_lost), (20, 20, 20));
    assert_eq!((counts.answers_given, counts.committed, counts.bytes_after), (20, 20, 0));
}

#[tokio::test]
async fn a_commit_that_is_not_sent_stays_here() {
    let before = [startup(), letter(b'Q', b"begin\0")].concat();
    let (address, mut told) = server(usize::MAX / 2, Vec::new()).await;
    let proxy = proxy(Protocol::Postgres, address, Fault::CommitNotSent).await;
    assert_eq!(exchange(&proxy, &[before.clone(), letter(b'Q', b"commit\0")].concat()).await, b"");
    assert_eq!(timeout(LIMIT, told.recv()).await.unwrap().unwrap(), before);
    assert_eq!((proxy.counts().cuts, proxy.counts().answers_lost), (1, 0));
}

#[tokio::test]
async fn confirms_and_claims_answers_are_lost_and_acknowledgements_sent() {
    let published = [b"AMQP\0\0\x09\x01".to_vec(), publish(1, b"body")].concat();
    let (address, mut told) = server(published.len(), ack(1, 1, false)).await;
    let amqp = proxy(Protocol::Amqp, address, Fault::ConfirmLost).await;
    assert_eq!(exchange(&amqp, &published).await, b"");
    assert_eq!(timeout(LIMIT, told.recv()).await.unwrap().unwrap(), published);
    assert_eq!((amqp.counts().answers_lost, amqp.counts().answers_given), (1, 1));

    let acknowledged = [b"AMQP\0\0\x09\x01".to_vec(), ack(1, 5, true)].concat();
    let amqp = proxy(Protocol::Amqp, address, Fault::CutAfterAcknowledgement).await;
    assert_eq!(exchange(&amqp, &[acknowledged.clone(), publish(1, b"not this")].concat()).await, b"");
    assert_eq!(timeout(LIMIT, told.recv()).await.unwrap().unwrap(), acknowledged);
    assert_eq!(amqp.counts().traffic.acknowledged, 5);

    let claim = command(&["FCALL", "fulfil_v1_claim", "0"]);
    let (address, mut told) = server(claim.len(), b"*0\r\n".to_vec()).await;
    let redis = proxy(Protocol::Redis, address, Fault::ClaimAnswerLost).await;
    assert_eq!(exchange(&redis, &claim).await, b"");
    assert_eq!(timeout(LIMIT, told.recv()).await.unwrap().unwrap(), claim);
    assert_eq!((redis.counts().answers_lost, redis.counts().answers_given), (1, 1));
}

#[tokio::test]
async fn a_cut_by_bytes_passes_on_those_before_it_alone() {
    let sent = command(&["SET", "a", &"x".repeat(300_000)]);
    let (address, mut told) = server(usize::MAX / 2, Vec::new()).await;
    let proxy = proxy(Protocol::Redis, address, Fault::CutAnywhere).await;
    let mut cut = 0;
    for _ in 0..20 {
        exchange(&proxy, &sent).await;
        let got = timeout(LIMIT, told.recv()).await.unwrap().unwrap();
        assert!(sent.starts_with(&got));
        cut += u64::from(got.len() < sent.len());
    }
    let counts = proxy.counts();
    assert!(cut > 0 && cut == counts.at_bytes_to_server && cut == counts.cuts, "{cut}, {counts:?}");
}

#[tokio::test]
async fn a_silent_connection_goes_on_or_ends_and_loses_no_byte() {
    let sent: Vec<u8> = command(&["PING"]).repeat(20_000);
    let answer = b"+PONG\r\n";
    let (address, mut told) = server(command(&["PING"]).len(), answer.to_vec()).await;
    let proxy = proxy(Protocol::Redis, address, Fault::Silence(Duration::from_millis(20))).await;
    for _ in 0..20 {
        let got = exchange(&proxy, &sent).await;
        let came = timeout(LIMIT, told.recv()).await.unwrap().unwrap();
        assert!(sent.starts_with(&came) && answer.repeat(20_000).starts_with(&got));
    }
    let counts = proxy.counts();
    assert_eq!(counts.silences, counts.cuts + counts.went_on);
    assert!(counts.cuts > 0 && counts.went_on > 0, "{counts:?}");
}

#[test]
fn the_same_seed_strikes_the_same_moments() {
    let strikes = |seed| {
        let rules = Rules::new(Some(Plan { fault: Fault::CommitAnswerLost, percent: 30, most: 40, seed }));
        rules.arm(true);
        (0..200).map(|_| rules.at(Moment::Commit { of_orders: true })).collect::<Vec<_>>()
    };
    assert_eq!(strikes(5), strikes(5));
    assert_ne!(strikes(5), strikes(6));
    assert_eq!(strikes(5).iter().flatten().count(), 40, "no more than asked for");
    let idle = Rules::new(Some(Plan { fault: Fault::CommitAnswerLost, percent: 100, most: 40, seed: 5 }));
    assert_eq!(idle.at(Moment::Commit { of_orders: true }), None);
}

#[tokio::test]
async fn a_url_is_led_through_the_proxy() {
    let address: SocketAddr = "127.0.0.1:12345".parse().unwrap();
    let proxy = Proxy::start(Protocol::Amqp, address, None).await.unwrap();
    let through = proxy.before("amqp://guest:guest@127.0.0.1:12345/%2f").unwrap();
    assert_eq!(through, format!("amqp://guest:guest@{}/%2f", proxy.address()));
    assert_eq!(server_of("redis://127.0.0.1:12345").unwrap(), address);
    assert!(proxy.before("amqp://localhost/").is_err());
}
