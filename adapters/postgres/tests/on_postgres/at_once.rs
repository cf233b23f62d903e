//! Orders recorded, keys imported, goods delivered and lines decided at once, all of one SKU: nobody waits in a circle.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use fulfil_contract::{
    conformance::procurements::samples::*,
    ids::KeyId,
    ports::{books::Books, ledger::Ledger, procurements::Reviews, stock_ledger::StockLedger},
    procurement::{Procurement, Release, Released, Resolution, ReviewCase, ReviewId, ReviewKind, SealedGoods},
    proposal::{Entry, ProposedLine},
    reason::{Reason, ReasonCode},
    recorded::OrderStatus,
};
use fulfil_postgres::Postgres;
use tokio_postgres::Client;

use crate::{
    contention::Numbers,
    private::{LIMIT, PrivateLedger, fresh_ledger},
};

const ROUNDS: usize = 25;
const RECORDERS: u64 = 2;
/// What imports and suppliers bring next; below it everything is in stock from the beginning.
static NEXT_KEY: AtomicUsize = AtomicUsize::new(1_000);
static NEXT_REFERENCE: AtomicUsize = AtomicUsize::new(0);

/// A worker's own pool, which waits for locks for ever: only a circle ends such a wait, and the server counts it.
fn patient(ledger: &PrivateLedger) -> PrivateLedger {
    let options = "options=-c%20lock_timeout%3D0%20-c%20deadlock_timeout%3D20ms";
    let url = format!("{}?{options}", ledger.url);
    PrivateLedger::at(&ledger.url, Postgres::new(&url, 3, LIMIT).unwrap())
}

/// How many circles the server broke, once all its backends have ended and reported.
async fn circles(admin: &Client) -> i64 {
    let since = Instant::now();
    let others =
        "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'fulfil'";
    while admin.query_one(others, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(since.elapsed() < Duration::from_secs(30), "a backend does not end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let sql = "select deadlocks from pg_stat_database where datname = current_database()";
    let circles = admin.query_one(sql, &[]).await.unwrap().get(0);
    if circles > 0 {
        // Who waited for whom, as the server told it.
        let log = "select pg_read_file(current_setting('data_directory') || '/../postgres.out')";
        let log: String = admin.query_one(log, &[]).await.unwrap().get(0);
        let lines: Vec<&str> = log.lines().skip_while(|line| !line.contains("deadlock detected")).take(60).collect();
        eprintln!("{}", lines.join("\n"));
    }
    circles
}

fn next_keys(count: usize) -> std::ops::Range<usize> {
    let first = NEXT_KEY.fetch_add(count, Ordering::Relaxed);
    first..first + count
}

/// Claims and takes, and lines that are bought: some orders have several of them.
async fn record(ledger: PrivateLedger, ids: Vec<KeyId>, seed: u64) {
    let mut numbers = Numbers(seed);
    for round in 0..ROUNDS {
        let mut free = ids.clone();
        let batch: Vec<Entry> = (0..6)
            .map(|at| {
                let line = |line_no: u32, numbers: &mut Numbers, free: &mut Vec<KeyId>| -> ProposedLine {
                    match numbers.below(4) {
                        0 => claimed_line(line_no, "sku-a", &[free.swap_remove(numbers.below(free.len()))]),
                        1 => bought_line(line_no, "sku-a", 1 + numbers.below(3)),
                        _ => wanted_line(line_no, "sku-a", 1 + numbers.below(4)),
                    }
                };
                let lines = (1..=3).map(|line_no| line(line_no, &mut numbers, &mut free)).collect();
                Entry::Order(order(&format!("o-{seed}-{round}-{at}"), lines))
            })
            .collect();
        ledger.postgres.record(&batch).await.unwrap();
    }
}

async fn import(ledger: PrivateLedger) {
    for _ in 0..ROUNDS {
        let file: Vec<_> = next_keys(5).map(|number| new_key("sku-a", number)).collect();
        ledger.postgres.import(&file, BUCKETS).await.unwrap();
    }
}

/// Leases and visits until every order is recorded and no line is open.
async fn buy_all(ledger: PrivateLedger, name: &'static str, seed: u64, recording: &AtomicUsize) {
    let mut numbers = Numbers(seed);
    loop {
        let over = recording.load(Ordering::SeqCst) == 0;
        let leased = lease(&ledger, name, 5).await;
        if leased.is_empty() && over && open(&ledger).await == 0 {
            return;
        }
        let visits = leased.into_iter().map(|of| visit(&ledger, of, numbers.below(8)));
        futures_util::future::join_all(visits).await;
        tokio::task::yield_now().await;
    }
}

async fn visit(ledger: &PrivateLedger, of: Procurement, what: usize) {
    let no = Reason::new(ReasonCode::SuppliersRefused, "nobody sells it");
    let wanted = of.quantity.as_usize() - of.held as usize;
    let text = NEXT_REFERENCE.fetch_add(1, Ordering::Relaxed).to_string();
    let ended = match what {
        0 | 1 => release(ledger, &of, from_stock(Duration::ZERO)).await.unwrap(),
        2 => release(ledger, &of, Release::Reject(no)).await.unwrap(),
        3 => {
            send(ledger, &of, &text, wanted).await;
            let case = ReviewCase { kind: ReviewKind::Unsettled, evidence: "no answer".into() };
            release(ledger, &of, Release::Review(case)).await.unwrap()
        }
        _ => {
            let attempt = send(ledger, &of, &text, wanted).await;
            // As bought, one too many, one too few, or one that is known.
            let goods = match what {
                4 => keys("sku-a", next_keys(wanted)),
                5 => keys("sku-a", next_keys(wanted + 1)),
                6 => keys("sku-a", next_keys(wanted - 1)),
                _ => {
                    let numbers = next_keys(wanted - 1).chain([1]);
                    SealedGoods::Keys(numbers.map(|number| bought_key("sku-a", number)).collect())
                }
            };
            if deliver(ledger, &of, &attempt, &goods).await.unwrap().complete {
                return;
            }
            release(ledger, &of, wait(Duration::ZERO)).await.unwrap()
        }
    };
    assert!(matches!(ended, Released::Waiting | Released::Filled | Released::Rejected | Released::InReview));
}

/// Decides what comes into review until nothing more can come.
async fn decide(ledger: PrivateLedger, buying: &AtomicUsize) {
    let mut turn = 0;
    loop {
        let over = buying.load(Ordering::SeqCst) == 0;
        let open = ledger.postgres.reviews(false, ReviewId(0), 20).await.unwrap();
        if over && open.is_empty() {
            return;
        }
        for review in open {
            turn += 1;
            let resolution = if !review.case.kind.holds_its_line() {
                Resolution::Noted
            } else if turn % 2 == 0 {
                Resolution::Reject(Reason::new(ReasonCode::Reviewed, "asked by mail"))
            } else {
                Resolution::Delivered(keys("sku-a", next_keys(review.attempt.unwrap().quantity.as_usize())))
            };
            ledger.postgres.resolve(review.id, &resolution, "asked by mail").await.unwrap();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_sku_recorded_imported_delivered_and_decided_at_once() {
    let ledger = fresh_ledger().await;
    let admin = ledger.connect().await;
    let ids = stock(&ledger, "sku-a", 200).await;
    static RECORDING: AtomicUsize = AtomicUsize::new(1);
    static BUYING: AtomicUsize = AtomicUsize::new(1);
    let recorders: Vec<_> =
        (1..=RECORDERS).map(|seed| tokio::spawn(record(patient(&ledger), ids.clone(), seed))).collect();
    let importers = [tokio::spawn(import(patient(&ledger))), tokio::spawn(import(patient(&ledger)))];
    let buyers = [("w-1", 11), ("w-2", 12), ("w-3", 13)]
        .map(|(name, seed)| tokio::spawn(buy_all(patient(&ledger), name, seed, &RECORDING)));
    let person = tokio::spawn(decide(patient(&ledger), &BUYING));
    for task in recorders.into_iter().chain(importers) {
        task.await.unwrap();
    }
    RECORDING.store(0, Ordering::SeqCst);
    for task in buyers {
        task.await.unwrap();
    }
    BUYING.store(0, Ordering::SeqCst);
    person.await.unwrap();

    let balance = ledger.postgres.balance().await.unwrap();
    assert_eq!((balance.lines_short, balance.keys_sold_twice, &balance.unbalanced[..]), (0, 0, &[][..]));
    assert_eq!(balance.imported, balance.available + balance.sold);
    let counts: Vec<i64> = {
        let sql = "select (select count(*) from fulfil.orders where status in (0, 5)), (select count(*) from fulfil.held_key),
            (select count(*) from fulfil.procurement where state in (0, 3)), (select count(*) from fulfil.attempt where state = 4 and whole),
            (select count(*) from fulfil.attempt where state = 4 and surplus > 0), (select count(*) from fulfil.refused_key)";
        let row = admin.query_one(sql, &[]).await.unwrap();
        (0..6).map(|at| row.get(at)).collect()
    };
    assert_eq!(counts[..3], [0, 0, 0], "every order is decided, and nothing is left over");
    assert!(counts[3..].iter().all(|count| *count > 0), "all of it took place: {counts:?}");
    let owed = ledger.postgres.owed(10_000, &[]).await.unwrap();
    assert!(owed.iter().all(|result| result.status != OrderStatus::Processing));
    let _database = ledger.end_pool();
    assert_eq!(circles(&admin).await, 0, "nobody waited in a circle");
}
