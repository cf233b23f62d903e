//! A run that is killed while it buys: nothing half, no key lost or in two places, and what was bought is
//! delivered. What `kill -9` does not show: written pages survive in the page cache, so this is no power cut.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod folder;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use fulfil_contract::{
    attempt::{Attempt, AttemptState},
    conformance::procurements::samples::*,
    ports::procurements::Procurements,
    procurement::{Procurement, Release, SealedGoods},
    proposal::Entry,
    reason::{Reason, ReasonCode},
    recorded::OrderStatus,
};
use tempfile::TempDir;

use crate::folder::Folder;

const ORDERS: usize = 150;
/// Of two lines each, with two keys each.
const LINES: u32 = 2;
const WORKERS: usize = 4;
const KILLS: u64 = 25;
/// No run lasts longer.
const LIMIT: Duration = Duration::from_secs(600);
const FOLDER: &str = "FULFIL_TEST_KILLED_FOLDER";
/// How many deliveries a run makes before it only waits to be killed; none: as many as there are to make.
const DELIVERIES: &str = "FULFIL_TEST_KILLED_DELIVERIES";
/// So few that every run finds something to do, however late the one before was killed: 420 are to be made.
const MOST_DELIVERIES: usize = 12;
const SKU: &str = "sku-a";
/// In stock before anything is bought, and told by a supplier all the same.
const STOCKED: usize = 1;

/// What the supplier of a line is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Honest,
    /// One key first, then the other.
    TooFew,
    /// One key too many.
    TooMany,
    /// One key that is in stock, then one that is not.
    Known,
    /// One key, and never another: the line is rejected.
    Dry,
}

impl Kind {
    fn of(order: usize, line_no: u32) -> Self {
        match (2 * order + line_no as usize) % 5 {
            0 => Self::Honest,
            1 => Self::TooFew,
            2 => Self::TooMany,
            3 => Self::Known,
            _ => Self::Dry,
        }
    }

    /// The keys of the line's first, second and so on attempt, by their numbers of this line.
    fn tells(self, attempt: usize) -> &'static [usize] {
        match (self, attempt) {
            (Self::Honest, 0) => &[0, 1],
            (Self::TooMany, 0) => &[0, 1, 2],
            (Self::TooFew | Self::Known | Self::Dry, 0) => &[0],
            (Self::TooFew | Self::Known, 1) => &[1],
            other => panic!("nothing is bought: {other:?}"),
        }
    }

    /// How many keys were bought for the line in the end, and how many of them it has.
    fn comes_to(self) -> (u64, u64) {
        match self {
            Self::Honest | Self::TooFew | Self::Known => (2, 2),
            Self::TooMany => (3, 2),
            Self::Dry => (1, 0),
        }
    }
}

#[tokio::test]
async fn a_run_that_is_killed_while_it_buys_loses_and_doubles_nothing() {
    let folder = TempDir::new().unwrap();
    let mut amid = 0;
    for kill in 0..KILLS {
        let mut child = run(folder.path(), MOST_DELIVERIES);
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut under_way = 0;
        let mut seen = |line: &str| match line {
            "delivering" => under_way += 1,
            "delivered" => under_way -= 1,
            _ => {}
        };
        let delivering = output.by_ref().map_while(Result::ok).inspect(|line| seen(line));
        let at = delivering.filter(|line| line == "delivering").nth(2 + kill as usize % 5);
        assert!(at.is_some(), "the run had nothing left to do: it was not killed at work");
        std::thread::sleep(Duration::from_micros(kill * 97 % 1_500));
        child.kill().unwrap();
        child.wait().unwrap();
        output.map_while(Result::ok).for_each(|line| seen(&line));
        amid += usize::from(under_way > 0);
        assert_sound(folder.path());
    }
    assert!(amid > 0, "no run was killed amid a delivery: this showed nothing");
    let mut last = run(folder.path(), usize::MAX);
    BufReader::new(last.stdout.take().unwrap()).lines().for_each(|line| drop(line.unwrap()));
    assert!(last.wait().unwrap().success());
    assert_sound(folder.path());
    assert_complete(folder).await;
}

/// Every key that was told has one place; every order is decided once its lines are, and not before.
fn assert_sound(folder: &Path) {
    let file = rusqlite::Connection::open(folder.join("fulfil.db")).unwrap();
    let integrity: String = file.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
    assert!(!file.prepare("pragma foreign_key_check").unwrap().exists([]).unwrap());
    let places = "select (fingerprint in (select fingerprint from card_key))
            + (fingerprint in (select fingerprint from held_key)) as places from told_key";
    for (what, sql) in [
        ("told keys without their one place", format!("select 1 from ({places}) where places <> 1")),
        (
            "attempts that are delivered without their keys, or told keys without being delivered",
            "select 1 from attempt left join told_key using (attempt_no)
             where (state = 4) <> (told_no is not null) or (state = 4) <> (known is not null)"
                .into(),
        ),
        (
            "keys that are held for a line that has ended",
            "select 1 from held_key join procurement using (procurement_no) where state <> 0".into(),
        ),
        (
            "orders that are decided too early, or not when they should be",
            "select 1 from orders where (status = 0) <> exists (select 1 from procurement p
                where p.order_no = orders.order_no and state = 0)"
                .into(),
        ),
        (
            "orders that were decided and are not owed, or the other way round",
            "select 1 from orders left join announcement using (order_id, revision)
             where (orders.status <> 0) <> (announcement_no is not null) or revision > 2"
                .into(),
        ),
        (
            "delivered lines without two keys",
            "select 1 from procurement where state = 1
             and 2 <> (select count(*) from json_each(outcome, '$.keys') k join card_key on card_key.id = k.value
                       where card_key.order_no = procurement.order_no)"
                .into(),
        ),
    ] {
        assert!(!file.prepare(&sql).unwrap().exists([]).unwrap(), "{what}");
    }
    let sold = "select (select count(*) from card_key where state = 1)
        - 2 * (select count(*) from procurement where state = 1)";
    assert_eq!(file.query_row(sold, [], |row| row.get::<_, i64>(0)), Ok(0), "sold beyond the delivered lines");
}

async fn assert_complete(folder: TempDir) {
    let backend = Folder::at(folder);
    let (mut bought, mut sold) = (0, 0);
    for number in 0..ORDERS {
        let order = stands(&backend, &name(number)).await;
        let mut dry = 0;
        for line_no in 1..=LINES {
            let kind = Kind::of(number, line_no);
            let (of_line, has) = kind.comes_to();
            (bought, sold, dry) = (bought + of_line, sold + has, dry + u32::from(kind == Kind::Dry));
        }
        let status = match dry {
            0 => OrderStatus::Fulfilled,
            LINES => OrderStatus::Rejected,
            _ => OrderStatus::PartlyFulfilled,
        };
        assert_eq!((order.status, order.revision.0), (status, 2), "{}", order.order_id);
    }
    assert_balance(&backend, STOCKED as u64 + bought, STOCKED as u64 + bought - sold, sold).await;
    assert_eq!(backend.store.counts().await.unwrap().open, 0);
}

fn run(folder: &Path, deliveries: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "the_run", "--nocapture"])
        .env(FOLDER, folder)
        .env(DELIVERIES, deliveries.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// What is killed: records the same orders each time, and buys what is still to be bought.
#[tokio::test]
#[ignore = "the other test runs it in a process of its own"]
async fn the_run() {
    let folder = std::env::var_os(FOLDER).expect("run by the other test alone");
    let deliveries = AtomicUsize::new(std::env::var(DELIVERIES).unwrap().parse().unwrap());
    let backend = Folder::lent(Path::new(&folder));
    tokio::time::timeout(LIMIT, async {
        drop(backend.stock_ledger().import(&[new_key(SKU, 0)], 1).await.unwrap());
        let lines = |_| (1..=LINES).map(|line_no| bought_line(line_no, SKU, 2)).collect();
        let orders: Vec<_> = (0..ORDERS).map(|number| Entry::Order(order(&name(number), lines(number)))).collect();
        for batch in orders.chunks(20) {
            backend.ledger().record(batch).await.unwrap();
        }
        let workers: [_; WORKERS] = std::array::from_fn(|number| work(&backend, &deliveries, format!("w-{number}")));
        let [a, b, c, d] = workers;
        tokio::join!(a, b, c, d);
    })
    .await
    .unwrap();
}

async fn work(backend: &Folder, deliveries: &AtomicUsize, worker: String) {
    loop {
        let leased = lease(backend, &worker, 3).await;
        if leased.is_empty() {
            return;
        }
        for procurement in leased {
            visit(backend, deliveries, procurement).await;
        }
    }
}

/// Buys until the line is whole or its supplier is dry.
async fn visit(backend: &Folder, deliveries: &AtomicUsize, mut of: Procurement) {
    let number: usize = of.order_id.as_str().trim_start_matches("order-").parse().unwrap();
    let kind = Kind::of(number, of.line_no.0);
    loop {
        let past = of.attempts.iter().filter(|attempt| !attempt.state.is_open()).count();
        if kind == Kind::Dry && past == 1 {
            let no = Reason::new(ReasonCode::SuppliersRefused, "nobody has another one");
            let _rejected = release(backend, &of, Release::Reject(no)).await.unwrap();
            return;
        }
        let text = format!("{number:05}x{}x{past}", of.line_no.0);
        let wanted = of.quantity.as_usize() - of.held as usize;
        let intended = intend(backend, &of, &text, wanted).await;
        let sent = match intended.state {
            // Of a run that was killed: its supplier has it.
            AttemptState::Sent => intended,
            _ => change(backend, &of, &intended, AttemptState::Sent).await.unwrap(),
        };
        if deliveries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            std::future::pending::<()>().await;
        }
        println!("delivering");
        let placed = deliver(backend, &of, &sent, &goods(number, of.line_no.0, kind, past)).await.unwrap();
        println!("delivered");
        if placed.complete {
            return;
        }
        of.held += u32::try_from(kind.tells(past).len()).unwrap();
        of.attempts.retain(|attempt| attempt.id != sent.id);
        of.attempts.push(Attempt { state: AttemptState::Delivered, ..sent });
    }
}

fn goods(order: usize, line_no: u32, kind: Kind, attempt: usize) -> SealedGoods {
    let number = |of_line: &usize| STOCKED + 10 * (LINES as usize * order + line_no as usize) + of_line;
    let mut told: Vec<_> = kind.tells(attempt).iter().map(|key| bought_key(SKU, number(key))).collect();
    if kind == Kind::Known && attempt == 0 {
        told.push(bought_key(SKU, 0));
    }
    SealedGoods::Keys(told)
}

fn name(number: usize) -> String {
    format!("order-{number}")
}
