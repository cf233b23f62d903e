//! The counts of one snapshot (I5).

use crate::{
    conformance::samples::*,
    ports::books::{Balance, SkuCounts},
    proposal::ProposedOrder,
    reason::ReasonCode,
};

pub async fn an_empty_ledger_balances(backend: &dyn LedgerBackend) {
    assert_eq!(backend.books().balance().await.unwrap(), Balance::default());
    assert_eq!(backend.books().counts().await.unwrap(), []);
}

pub async fn imported_is_available_sold_and_quarantined(backend: &dyn LedgerBackend) {
    let a = stock(backend, "sku-a", 3_000).await;
    let b = stock(backend, "sku-b", 5).await;
    new(judge_one(backend, claimed("o-1", "sku-a", &a[..700])).await);
    new(judge_one(backend, order("o-2", vec![ledger_line(1, "sku-a", 300), claimed_line(2, "sku-b", &b[..2])])).await);
    new(judge_one(backend, refused("o-3", ReasonCode::InvalidOrder)).await);
    new(judge_one(backend, from_ledger("o-4", "sku-b", 900)).await);
    judge_one(backend, ProposedOrder { body_hash: body("other"), ..refused("o-3", ReasonCode::InvalidOrder) }).await;
    backend.quarantine(b[4]).await;
    // Repeats in a file change nothing.
    let _imported = backend.stock_ledger().import(&[new_key("sku-b", 1)], BUCKETS).await.unwrap();

    let balance = backend.books().balance().await.unwrap();
    assert_eq!(
        balance,
        Balance {
            imported: 3_005,
            available: 2_002,
            sold: 1_002,
            quarantined: 1,
            orders: 4,
            lines_short: 0,
            keys_sold_twice: 0,
            unbalanced: vec![],
            available_ids: rising([&a[700..2_700], &b[2..4]].concat()),
        }
    );
    let mut counts = backend.books().counts().await.unwrap();
    counts.sort_by(|x, y| x.sku.cmp(&y.sku));
    assert_eq!(
        counts,
        [
            SkuCounts { sku: sku("sku-a"), imported: 3_000, available: 2_000, sold: 1_000, quarantined: 0 },
            SkuCounts { sku: sku("sku-b"), imported: 5, available: 2, sold: 2, quarantined: 1 },
        ]
    );
}

pub async fn a_balance_is_one_snapshot(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 600).await;
    let sell = async {
        for (at, part) in ids.chunks(20).enumerate() {
            new(judge_one(backend, claimed(&format!("o-{at}"), "sku-a", part)).await);
        }
    };
    let import = async {
        for at in 0..10 {
            stock_from(backend, "sku-a", 1_000 + 30 * at, 30).await;
        }
    };
    let look = async {
        for _ in 0..15 {
            let balance = backend.books().balance().await.unwrap();
            assert_eq!(balance.imported, balance.available + balance.sold + balance.quarantined);
            assert_eq!(balance.available_ids.len() as u64, balance.available);
            assert_eq!((balance.lines_short, balance.keys_sold_twice, balance.unbalanced), (0, 0, vec![]));
            assert_eq!(balance.sold, balance.orders * 20);
        }
    };
    tokio::join!(sell, import, look);
}
