//! Calls that are dropped: all of their work or nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use fulfil_contract::{
    ids::{BodyHash, Fingerprint, LineNo, OrderId, Quantity, SealedKey, Sku},
    ports::{
        books::Books,
        ledger::Ledger,
        stock_ledger::{NewKey, StockLedger},
    },
    proposal::{Entry, Fill, Proposal, ProposedLine, ProposedOrder},
    recorded::Judgement,
};
use fulfil_sqlite::Sqlite;
use tempfile::TempDir;

const BATCH: usize = 50;

fn batch(number: usize) -> Vec<Entry> {
    let order = |at: usize| {
        let id = format!("order-{number}-{at}");
        let line = ProposedLine {
            line_no: LineNo(1),
            sku: Sku::parse("sku-a").unwrap(),
            quantity: Quantity::new(1).unwrap(),
            fill: Fill::FromLedger,
            need: None,
        };
        Entry::Order(ProposedOrder {
            order_id: OrderId::parse(&id).unwrap(),
            merchant_id: None,
            body_hash: BodyHash::of(id.as_bytes()),
            expires_at: None,
            proposal: Proposal::Fulfil(vec![line]),
        })
    };
    (0..BATCH).map(order).collect()
}

async fn stocked(folder: &Path, keys: u64) -> Sqlite {
    let store = Sqlite::open(folder).unwrap();
    let key = |number: u64| {
        let fingerprint = Fingerprint(u128::from(number).to_be_bytes());
        NewKey { sku: Sku::parse("sku-a").unwrap(), fingerprint, sealed: SealedKey(vec![7; 60]) }
    };
    drop(store.import(&(0..keys).map(key).collect::<Vec<_>>(), 1).await.unwrap());
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_call_records_all_of_its_batch_or_nothing() {
    let folder = TempDir::new().unwrap();
    let store = stocked(folder.path(), 2_000).await;
    let mut dropped = 0;
    for number in 0..20 {
        let batch = batch(number);
        tokio::select! {
            biased;
            judgements = store.record(&batch) => assert_eq!(judgements.unwrap().len(), BATCH),
            () = async { for _ in 0..number { tokio::task::yield_now().await } } => dropped += 1,
        }
        assert_eq!(store.balance().await.unwrap().orders % BATCH as u64, 0);
    }
    assert!(dropped > 0, "no call was dropped: this showed nothing");
    for number in 0..20 {
        let judgements = store.record(&batch(number)).await.unwrap();
        let new = judgements.iter().filter(|judgement| matches!(judgement, Judgement::New(_))).count();
        assert!(new == 0 || new == BATCH, "{new} of {BATCH} are new");
    }
    let balance = store.balance().await.unwrap();
    assert_eq!((balance.orders, balance.sold, balance.lines_short), (1_000, 1_000, 0));
}
