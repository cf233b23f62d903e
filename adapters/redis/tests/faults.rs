//! What the server can do to us: lose its data or its functions, run out of memory, die, freeze, hang up.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests: a call that fails is a test that fails")]

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use fulfil_contract::{
    ids::{KeyId, Sku, WorkerId},
    ports::stock::{Stock, StockClaims, StockError, StockLoading},
    stock::{Bucket, ClaimAnswer, ClaimId, ClaimRequest, Epoch, GoBack, Load, Loaded, Settle},
};
use fulfil_redis::Redis;
use private_servers::Server;

/// Nothing here should take as long, however busy the machine is.
const LONG: Duration = Duration::from_secs(20);
const EPOCH: Epoch = Epoch(1);

fn bucket(index: u16) -> Bucket {
    Bucket { sku: Sku::parse("music-12").unwrap(), index }
}

fn keys(ids: std::ops::RangeInclusive<i64>) -> Vec<KeyId> {
    ids.map(KeyId).collect()
}

fn claim_id(number: u64) -> ClaimId {
    ClaimId { worker: WorkerId::parse("w-1").unwrap(), number }
}

fn request(index: u16, number: u64, most: u32) -> ClaimRequest {
    ClaimRequest { bucket: bucket(index), epoch: EPOCH, claim: claim_id(number), most }
}

async fn take(stock: &Redis, number: u64, most: u32) -> Result<Vec<KeyId>, StockError> {
    match stock.claim(&[], &[request(0, number, most)]).await?.remove(0) {
        ClaimAnswer::Claimed(ids) => Ok(ids),
        ClaimAnswer::WrongEpoch(epoch) => panic!("the bucket is of epoch {epoch:?}"),
    }
}

/// A server of its own, whose bucket 0 offers 1–1000.
async fn filled(limit: Duration) -> (Arc<Redis>, private_servers::Redis) {
    let server = private_servers::Redis::start().unwrap();
    let patient = Redis::new(&server.url(), LONG).unwrap();
    patient.install().await.unwrap();
    fill(&patient, 0).await;
    (Arc::new(Redis::new(&server.url(), limit).unwrap()), server)
}

async fn fill(stock: &Redis, index: u16) {
    assert_eq!(stock.reset(&bucket(index), EPOCH).await.unwrap(), Loaded::Done);
    let (from, to) = (KeyId(0), KeyId(1_000));
    let load = Load { bucket: bucket(index), epoch: EPOCH, from, to, ids: keys(1..=1_000), complete: true };
    assert_eq!(stock.load(&load).await.unwrap(), Loaded::Done);
}

fn raw(server: &private_servers::Redis) -> redis::Connection {
    redis::Client::open(server.url()).unwrap().get_connection().unwrap()
}

fn say(server: &private_servers::Redis, words: &str) {
    let mut words = words.split(' ');
    let mut command = redis::cmd(words.next().unwrap());
    words.for_each(|word| {
        command.arg(word);
    });
    command.exec(&mut raw(server)).unwrap();
}

/// The connections on which functions were called.
fn connections(server: &private_servers::Redis) -> Vec<String> {
    let clients: String = redis::cmd("CLIENT").arg("LIST").query(&mut raw(server)).unwrap();
    let calling = clients.lines().filter(|client| client.contains(" cmd=fcall "));
    calling.map(|client| client.split(' ').next().unwrap().to_owned()).collect()
}

/// Again and again until it is done.
async fn at_last<T, F: Future<Output = Result<T, StockError>>>(call: impl Fn() -> F) -> T {
    let begin = Instant::now();
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(StockError::Unavailable(_)) if begin.elapsed() < LONG => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => panic!("after {:?}: {error}", begin.elapsed()),
        }
    }
}

fn unavailable<T: std::fmt::Debug>(outcome: Result<T, StockError>) -> String {
    match outcome {
        Err(StockError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn after_flushall_there_is_no_bucket() {
    let (stock, server) = filled(LONG).await;
    assert_eq!(take(&stock, 1, 3).await.unwrap(), keys(1..=3));
    say(&server, "FLUSHALL");
    let answers = stock.claim(&[], &[request(0, 1, 3), request(1, 1, 3)]).await.unwrap();
    assert_eq!(answers, [ClaimAnswer::WrongEpoch(None), ClaimAnswer::WrongEpoch(None)]);
    assert_eq!(stock.states(&[bucket(0)]).await.unwrap()[0].epoch, None);
    stock.settle(&[Settle { bucket: bucket(0), epoch: EPOCH, claim: claim_id(1), back: GoBack::All }]).await.unwrap();
    assert_eq!(stock.offered(&bucket(0)).await.unwrap(), []);
}

#[tokio::test]
async fn without_functions_nothing_is_done_until_they_are_installed() {
    let (stock, server) = filled(LONG).await;
    assert_eq!(take(&stock, 1, 3).await.unwrap(), keys(1..=3));
    say(&server, "FUNCTION FLUSH SYNC");
    let missing = |error: StockError| matches!(error, StockError::FunctionsMissing);
    let settle = Settle { bucket: bucket(0), epoch: EPOCH, claim: claim_id(1), back: GoBack::All };
    assert!(missing(take(&stock, 1, 3).await.unwrap_err()));
    assert!(missing(stock.settle(&[settle]).await.unwrap_err()));
    assert!(missing(stock.states(&[bucket(0)]).await.unwrap_err()));
    assert!(missing(stock.reset(&bucket(0), Epoch(2)).await.unwrap_err()));
    assert!(missing(stock.beat(&WorkerId::parse("w-1").unwrap(), LONG).await.unwrap_err()));
    stock.install().await.unwrap();
    assert_eq!(take(&stock, 1, 3).await.unwrap(), keys(1..=3));
    assert_eq!(stock.offered(&bucket(0)).await.unwrap(), keys(4..=1_000));
}

#[tokio::test]
async fn install_replaces_an_older_library_and_leaves_a_newer_one() {
    let (stock, server) = filled(LONG).await;
    let library = |version: i64| {
        format!(
            "#!lua name=fulfil\nredis.register_function{{function_name='fulfil_version', \
             callback=function() return {version} end, flags={{'no-writes'}}}}"
        )
    };
    let load = |text: String| {
        redis::cmd("FUNCTION").arg("LOAD").arg("REPLACE").arg(text).exec(&mut raw(&server)).unwrap();
    };
    load(library(0));
    assert!(matches!(take(&stock, 1, 3).await, Err(StockError::FunctionsMissing)));
    stock.install().await.unwrap();
    assert_eq!(take(&stock, 1, 3).await.unwrap(), keys(1..=3));
    load(library(99));
    stock.install().await.unwrap();
    assert!(matches!(take(&stock, 1, 3).await, Err(StockError::FunctionsMissing)));
}

#[tokio::test]
async fn many_install_at_once() {
    let server = private_servers::Redis::start().unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let stock = Redis::new(&server.url(), LONG).unwrap();
        tasks.spawn(async move { stock.install().await.unwrap() });
    }
    tasks.join_all().await;
}

#[tokio::test]
async fn out_of_memory_claims_nothing_but_settles() {
    let (stock, server) = filled(LONG).await;
    let worker = WorkerId::parse("w-1").unwrap();
    take(&stock, 1, 3).await.unwrap();
    say(&server, "CONFIG SET maxmemory 1");
    let settle = Settle { bucket: bucket(0), epoch: EPOCH, claim: claim_id(1), back: GoBack::All };
    let riding = stock.claim(std::slice::from_ref(&settle), &[request(0, 2, 3)]).await;
    assert!(matches!(riding, Err(StockError::OutOfMemory)), "{riding:?}");
    let (from, to) = (KeyId(1_000), KeyId(1_001));
    let load = Load { bucket: bucket(0), epoch: EPOCH, from, to, ids: keys(1_001..=1_001), complete: true };
    assert!(matches!(stock.load(&load).await, Err(StockError::OutOfMemory)));
    // Nothing was done, and the settle alone still is.
    assert_eq!(stock.offered(&bucket(0)).await.unwrap(), keys(4..=1_000));
    stock.settle(&[settle]).await.unwrap();
    assert_eq!(stock.offered(&bucket(0)).await.unwrap(), keys(1..=1_000));
    assert_eq!(stock.open_claims(&bucket(0)).await.unwrap(), []);
    // A worker lives although the server is full, and a bucket can be emptied.
    stock.beat(&worker, LONG).await.unwrap();
    assert_eq!(stock.living(&[worker]).await.unwrap(), [true]);
    assert_eq!(stock.states(&[bucket(0)]).await.unwrap()[0].loaded_to, KeyId(1_000));
    say(&server, "CONFIG SET maxmemory 0");
    assert_eq!(take(&stock, 3, 3).await.unwrap(), keys(1..=3));
    say(&server, "CONFIG SET maxmemory 1");
    assert_eq!(stock.reset(&bucket(0), Epoch(2)).await.unwrap(), Loaded::Done);
}

#[tokio::test]
async fn one_failing_bucket_fails_the_call_and_loses_nothing() {
    let (stock, server) = filled(LONG).await;
    fill(&stock, 1).await;
    say(&server, "SET fulfil:{music-12.1}:stock no-list");
    let requests = [request(0, 1, 3), request(1, 1, 3)];
    for _ in 0..2 {
        let outcome = stock.claim(&[], &requests).await;
        assert!(matches!(&outcome, Err(StockError::Refused(why)) if why.contains("WRONGTYPE")), "{outcome:?}");
    }
    assert_eq!(take(&stock, 1, 3).await.unwrap(), keys(1..=3));
    say(&server, "DEL fulfil:{music-12.1}:stock");
    let answers = stock.claim(&[], &requests).await.unwrap();
    assert_eq!(answers, [ClaimAnswer::Claimed(keys(1..=3)), ClaimAnswer::Claimed(Vec::new())]);
}

#[tokio::test]
async fn killed_and_restarted() {
    let (stock, server) = filled(Duration::from_secs(5)).await;
    assert_eq!(take(&stock, 1, 3).await.unwrap(), keys(1..=3));
    let before = stock.identity().await.unwrap();
    server.await_written().unwrap();
    server.kill().unwrap();
    for number in 2..12 {
        let begin = Instant::now();
        let why = unavailable(take(&stock, number, 3).await);
        assert!(begin.elapsed() < LONG && why.starts_with("127.0.0.1:"), "{why}");
    }
    server.restart().unwrap();
    assert_eq!(at_last(|| take(&stock, 1, 3)).await, keys(1..=3));
    assert_ne!(stock.identity().await.unwrap(), before);
    assert_eq!(take(&stock, 2, 3).await.unwrap(), keys(4..=6));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_left_alone_for_a_while() {
    let (stock, server) = filled(Duration::from_millis(300)).await;
    server.pause().unwrap();
    for number in 1..=3 {
        let why = unavailable(take(&stock, number, 3).await);
        assert!(why.contains("no answer within 300 ms"), "{why}");
    }
    let why = unavailable(take(&stock, 4, 3).await);
    assert!(why.contains("not tried"), "{why}");
    server.resume().unwrap();
    assert_eq!(at_last(|| take(&stock, 4, 3)).await.len(), 3);
    // It has closed: whatever becomes of the next call, it is made.
    if let Err(error) = take(&stock, 5, 3).await {
        assert!(!error.to_string().contains("not tried"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_freeze_every_answer_is_that_of_its_call() {
    let limit = Duration::from_millis(300);
    let (stock, server) = filled(limit).await;
    server.pause().unwrap();
    let begin = Instant::now();
    let mut frozen = tokio::task::JoinSet::new();
    for number in 1..=8 {
        let stock = Arc::clone(&stock);
        frozen.spawn(async move { take(&stock, number, 20 + u32::try_from(number).unwrap()).await });
    }
    for outcome in frozen.join_all().await {
        unavailable(outcome);
    }
    assert!(begin.elapsed() >= limit && begin.elapsed() < LONG);
    server.resume().unwrap();
    at_last(|| take(&stock, 100, 1)).await;
    // Each call asks for another number of ids, so an answer that is another call's shows.
    let mut tasks = tokio::task::JoinSet::new();
    for number in 1..=19_u64 {
        let stock = Arc::clone(&stock);
        tasks.spawn(async move {
            let most = u32::try_from(number).unwrap();
            (200 + number, at_last(|| take(&stock, 200 + number, most)).await)
        });
    }
    let mut answers = tasks.join_all().await;
    for (number, ids) in &answers {
        assert_eq!(ids.len() as u64, number - 200);
    }
    for number in 1..=8 {
        let ids = at_last(|| take(&stock, number, 20 + u32::try_from(number).unwrap())).await;
        assert_eq!(ids.len() as u64, 20 + number);
        answers.push((number, ids));
    }
    answers.push((100, at_last(|| take(&stock, 100, 1)).await));
    answers.sort();
    let bucket = bucket(0);
    let mut open = at_last(|| stock.open_claims(&bucket)).await;
    open.sort_by_key(|open| open.claim.number);
    assert_eq!(answers, open.into_iter().map(|open| (open.claim.number, open.ids)).collect::<Vec<_>>());
    let mut given: Vec<_> = answers.into_iter().flat_map(|(_, ids)| ids).collect();
    given.extend(at_last(|| stock.offered(&bucket)).await);
    given.sort_unstable();
    assert_eq!(given, keys(1..=1_000));
}

#[tokio::test]
async fn after_a_time_out_another_connection_is_used() {
    let (stock, server) = filled(Duration::from_millis(300)).await;
    at_last(|| take(&stock, 1, 3)).await;
    let before = connections(&server);
    server.pause().unwrap();
    unavailable(take(&stock, 2, 3).await);
    server.resume().unwrap();
    let begin = Instant::now();
    while connections(&server).iter().any(|connection| before.contains(connection)) {
        assert!(begin.elapsed() < LONG, "the old connection is still there");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    at_last(|| take(&stock, 2, 3)).await;
}

#[tokio::test]
async fn a_connection_that_ended_while_idle_costs_nothing() {
    let (stock, server) = filled(LONG).await;
    for number in 1..=5 {
        say(&server, "CLIENT KILL TYPE normal SKIPME yes");
        assert_eq!(take(&stock, number, 2).await.unwrap().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_at_once_share_one_connection() {
    let (_, server) = filled(LONG).await;
    let stock = Arc::new(Redis::new(&server.url(), LONG).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for number in 1..=64 {
        let stock = Arc::clone(&stock);
        tasks.spawn(async move { take(&stock, number, 1).await.unwrap() });
    }
    assert_eq!(tasks.join_all().await.len(), 64);
    // Those of earlier clients go soon.
    let begin = Instant::now();
    while connections(&server).len() != 1 {
        assert!(begin.elapsed() < LONG, "{:?}", connections(&server));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_replica_is_unavailable_and_its_promotion_another_life() {
    let (stock, server) = filled(LONG).await;
    let before = stock.identity().await.unwrap();
    say(&server, "REPLICAOF 127.0.0.1 1");
    let why = unavailable(take(&stock, 1, 3).await);
    assert!(why.contains("READONLY"), "{why}");
    say(&server, "REPLICAOF NO ONE");
    assert_eq!(at_last(|| take(&stock, 1, 3)).await, keys(1..=3));
    assert_ne!(stock.identity().await.unwrap(), before);
}

#[tokio::test]
async fn a_large_bucket_is_told_in_order() {
    let (stock, _server) = filled(LONG).await;
    assert_eq!(stock.reset(&bucket(0), Epoch(2)).await.unwrap(), Loaded::Done);
    for from in (0..30_000).step_by(5_000) {
        let (to, ids) = (KeyId(from + 5_000), keys(from + 1..=from + 5_000));
        let load = Load { bucket: bucket(0), epoch: Epoch(2), from: KeyId(from), to, ids, complete: true };
        assert_eq!(stock.load(&load).await.unwrap(), Loaded::Done);
    }
    assert_eq!(stock.offered(&bucket(0)).await.unwrap(), keys(1..=30_000));
}

#[tokio::test]
async fn passwords_are_used_and_not_told() {
    let (stock, server) = filled(LONG).await;
    say(&server, "ACL SETUSER fulfil on >s3cret ~fulfil:* +@all");
    let port = server.url().rsplit_once(':').unwrap().1.to_owned();
    let right = Redis::new(&format!("redis://fulfil:s3cret@127.0.0.1:{port}/?protocol=resp3"), LONG).unwrap();
    assert_eq!(take(&right, 1, 3).await.unwrap(), keys(1..=3));
    assert_eq!(right.open_claims(&bucket(0)).await.unwrap(), stock.open_claims(&bucket(0)).await.unwrap());
    let wrong = Redis::new(&format!("redis://fulfil:wr0ng@127.0.0.1:{port}"), LONG).unwrap();
    let outcome = take(&wrong, 2, 3).await;
    let told = format!("{outcome:?} {wrong:?} {right:?}");
    assert!(matches!(&outcome, Err(StockError::Refused(why)) if why.contains("stock.url")), "{told}");
    assert!(!told.contains("s3cret") && !told.contains("wr0ng"), "{told}");
}

#[tokio::test]
async fn urls_that_can_t_be_used_are_refused_at_once() {
    for url in ["rediss://127.0.0.1", "valkeys://127.0.0.1", "http://127.0.0.1", "", "redis://:pw@/x"] {
        let outcome = Redis::new(url, LONG);
        assert!(matches!(&outcome, Err(StockError::Refused(why)) if !why.contains("pw")), "{url}: {outcome:?}");
    }
    let tls = Redis::new("rediss://127.0.0.1", LONG).unwrap_err().to_string();
    assert!(tls.contains("TLS"), "{tls}");
}
