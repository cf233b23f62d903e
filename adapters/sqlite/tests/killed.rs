//! A run that is killed at any moment leaves a sound file, nothing half, and nothing that was answered is
//! gone. What `kill -9` does not show: written pages survive in the page cache, so this is no power cut.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fulfil_contract::{
    answer::{Answer, RESULT_TYPE},
    ids::{BodyHash, Fingerprint, LineNo, OrderId, Quantity, SealedKey, Sku},
    ports::{
        announcer::{Announcer, Destination, Publication, Verdict},
        books::Books,
        ledger::Ledger,
        source::Sources,
        stock_ledger::{NewKey, StockLedger},
    },
    proposal::{Entry, Fill, Proposal, ProposedLine, ProposedOrder},
    recorded::Judgement,
};
use fulfil_sqlite::Sqlite;
use tempfile::TempDir;

const ORDERS: u64 = 1_500;
const BATCH: usize = 20;
const KEYS_EACH: usize = 2;
const KILLS: u64 = 20;
/// No run lasts longer.
const LIMIT: Duration = Duration::from_secs(600);
const FOLDER: &str = "FULFIL_TEST_KILLED_FOLDER";
/// After how many batches a run does no more, so that a kill that comes late leaves something to do.
const BATCHES: &str = "FULFIL_TEST_KILLED_BATCHES";

#[tokio::test]
async fn a_killed_run_leaves_nothing_half() {
    let folder = TempDir::new().unwrap();
    let mut most_answered = 0;
    for kill in 0..KILLS {
        let mut child = run(folder.path(), 3);
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        // Later each time, and somewhere within a batch.
        let mut answered = 0;
        for line in output.by_ref().map_while(Result::ok) {
            answered = line.strip_prefix("orders ").map_or(answered, |count| count.parse().unwrap());
            if answered >= most_answered + BATCH as u64 {
                break;
            }
        }
        std::thread::sleep(Duration::from_micros(kill * 733 % 5_000));
        child.kill().unwrap();
        child.wait().unwrap();
        most_answered = answered.max(most_answered);
        assert_sound(folder.path(), most_answered).await;
    }
    assert!(most_answered < ORDERS, "the last run had nothing left to do: it was not killed at work");
    let mut last = run(folder.path(), ORDERS);
    for line in BufReader::new(last.stdout.take().unwrap()).lines() {
        line.unwrap();
    }
    assert!(last.wait().unwrap().success());
    assert_sound(folder.path(), ORDERS).await;

    let store = Sqlite::open(folder.path()).unwrap();
    assert_eq!(store.inbox().waiting().await.unwrap(), 0);
    let results = store.results(0, u32::MAX).await.unwrap();
    assert_eq!(results.len() as u64, ORDERS, "each order's result, once");
}

async fn assert_sound(folder: &Path, answered: u64) {
    let reader = Sqlite::open_to_read(folder).unwrap();
    let balance = reader.balance().await.unwrap();
    assert!(balance.orders >= answered, "{} orders of {answered} that were answered", balance.orders);
    assert_eq!(balance.orders % BATCH as u64, 0, "a batch is recorded whole or not at all");
    assert_eq!(balance.sold, balance.orders * KEYS_EACH as u64);
    assert_eq!((balance.lines_short, balance.keys_sold_twice, balance.unbalanced.len()), (0, 0, 0));
    drop(reader);
    let connection = rusqlite::Connection::open(folder.join("fulfil.db")).unwrap();
    let integrity: String = connection.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
    assert!(!connection.prepare("pragma foreign_key_check").unwrap().exists([]).unwrap());
}

fn run(folder: &Path, batches: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "the_run", "--nocapture"])
        .env(FOLDER, folder)
        .env(BATCHES, batches.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// What is killed: ingests the same file each time, and works it off.
#[tokio::test]
#[ignore = "the other test runs it in a process of its own"]
async fn the_run() {
    let folder = std::env::var_os(FOLDER).expect("run by a_killed_run_leaves_nothing_half alone");
    let batches = std::env::var(BATCHES).unwrap().parse().unwrap();
    tokio::time::timeout(LIMIT, work_off(Path::new(&folder), batches)).await.unwrap();
}

async fn work_off(folder: &Path, mut batches: u64) {
    let store = Sqlite::open(folder).unwrap();
    let keys: Vec<_> = (0..ORDERS as usize * KEYS_EACH).map(key).collect();
    for keys in keys.chunks(200) {
        drop(store.import(keys, 1).await.unwrap());
    }
    let lines = (0..ORDERS).map(|order| (order, format!("order-{order}").into_bytes())).collect();
    store.inbox().ingest("orders", lines).await.unwrap();
    let mut source = Sources::open(&store, 0).await.unwrap();
    while store.inbox().waiting().await.unwrap() > 0 {
        if batches == 0 {
            std::future::pending::<()>().await; // until it is killed
        }
        batches -= 1;
        // Batches must not depend on where an earlier run stopped: recorded whole, they are always the same.
        let mut deliveries = Vec::new();
        while deliveries.len() < BATCH {
            deliveries.extend(source.next(BATCH - deliveries.len()).await.unwrap());
        }
        let entries: Vec<_> = deliveries.iter().map(|delivery| proposed(&delivery.body)).collect();
        let judgements = store.record(&entries).await.unwrap();
        let orders: Vec<_> = judgements
            .into_iter()
            .map(|judgement| match judgement {
                Judgement::New(order) | Judgement::Repeat(order) => order,
                other => panic!("{other:?}"),
            })
            .collect();
        println!("orders {}", store.balance().await.unwrap().orders);
        let publications: Vec<_> = orders
            .iter()
            .map(Answer::Order)
            .map(|answer| Publication {
                destination: Destination::Results,
                routing_key: answer.routing_key(),
                kind: RESULT_TYPE,
                message_id: answer.message_id(),
                body: answer.body(),
                reason: None,
            })
            .collect();
        let verdicts = store.publish(publications).await.unwrap();
        assert_eq!(verdicts, vec![Verdict::Confirmed; BATCH], "the same bytes from every run");
        source.acknowledge_up_to(deliveries.pop().unwrap().receipt).await.unwrap();
    }
}

fn key(number: usize) -> NewKey {
    let mut fingerprint = [0; 16];
    fingerprint[..8].copy_from_slice(&number.to_be_bytes());
    NewKey { sku: Sku::parse("sku-a").unwrap(), fingerprint: Fingerprint(fingerprint), sealed: SealedKey(vec![7; 60]) }
}

fn proposed(body: &[u8]) -> Entry {
    let line = ProposedLine {
        line_no: LineNo(1),
        sku: Sku::parse("sku-a").unwrap(),
        quantity: Quantity::new(u32::try_from(KEYS_EACH).unwrap()).unwrap(),
        fill: Fill::FromLedger,
        need: None,
    };
    Entry::Order(ProposedOrder {
        order_id: OrderId::parse(std::str::from_utf8(body).unwrap()).unwrap(),
        merchant_id: None,
        body_hash: BodyHash::of(body),
        expires_at: None,
        proposal: Proposal::Fulfil(vec![line]),
    })
}
