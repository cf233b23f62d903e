//! Ids dealt out to the lines of a batch, over a stock that answers at once.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::Relaxed},
};

use async_trait::async_trait;
use criterion::{BatchSize, Criterion, Throughput};
use fulfil::{
    pipeline::{batch::Place, claim::claim},
    stock::{catalogue::Catalogue, desk::ClaimDesk},
};
use fulfil_contract::{
    ids::{BodyHash, KeyId, LineNo, OrderId, Quantity, WorkerId},
    ports::{
        stock::{Stock, StockError},
        stock_ledger::SkuState,
    },
    proposal::{Entry, Fill, Proposal, ProposedLine, ProposedOrder},
    stock::{ClaimAnswer, ClaimRequest, Epoch, Settle},
};
use tokio::sync::mpsc;

use crate::samples::{SKUS, sku};

/// Offers whatever is asked for.
struct Endless(AtomicI64);

#[async_trait]
impl Stock for Endless {
    async fn claim(&self, _settles: &[Settle], claims: &[ClaimRequest]) -> Result<Vec<ClaimAnswer>, StockError> {
        let ids = |request: &ClaimRequest| {
            let first = self.0.fetch_add(i64::from(request.most), Relaxed);
            ClaimAnswer::Claimed((first..first + i64::from(request.most)).map(KeyId).collect())
        };
        Ok(claims.iter().map(ids).collect())
    }

    async fn settle(&self, _settles: &[Settle]) -> Result<(), StockError> {
        Ok(())
    }
}

fn entries(count: usize) -> Vec<(Place, Entry)> {
    let entry = |number: usize| {
        let line = ProposedLine {
            line_no: LineNo(1),
            sku: sku(number % SKUS),
            quantity: Quantity::new(1).unwrap(),
            fill: Fill::FromLedger,
            need: None,
        };
        let order = ProposedOrder {
            order_id: OrderId::parse(&format!("o-{number}")).unwrap(),
            merchant_id: None,
            body_hash: BodyHash::of(b""),
            expires_at: None,
            proposal: Proposal::Fulfil(vec![line]),
        };
        (Place(number), Entry::Order(order))
    };
    (0..count).map(entry).collect()
}

pub fn benches(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let catalogue = Arc::new(Catalogue::default());
    let state = |number| SkuState { sku: sku(number), epoch: Epoch(1), buckets: 1, last_id: KeyId(i64::MAX) };
    catalogue.replace((0..SKUS).map(state).collect());
    let (alarms, _called) = mpsc::channel(1);
    let desk = ClaimDesk::new(Arc::new(Endless(AtomicI64::new(1))), catalogue, WorkerId::parse("w").unwrap(), alarms);

    let mut group = criterion.benchmark_group("claim");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("1000_orders_of_8_skus", |bencher| {
        bencher.iter_batched(
            || entries(1000),
            |entries| runtime.block_on(claim(entries, &desk, 0)),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}
