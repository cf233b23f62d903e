//! What recording costs the tables: HOT updates, no scan of a table, no scan of sold-out lots.

use std::time::{Duration, Instant};

use fulfil_contract::{
    conformance::samples::*,
    ids::KeyId,
    ports::{ledger::Ledger, stock_ledger::StockLedger},
    proposal::{Entry, ProposedOrder},
};
use fulfil_postgres::Postgres;
use tokio_postgres::Client;

use crate::private::{LIMIT, PrivateLedger, fresh_ledger, waiting};

/// A figure of `pg_stat_user_tables`, once every backend of the pool has ended and reported, so that `updates`
/// of card_key are in.
async fn figure(client: &Client, table: &str, figure: &str, updates: i64) -> i64 {
    let since = Instant::now();
    loop {
        client.batch_execute("select pg_stat_clear_snapshot()").await.unwrap();
        let sql = "select n_tup_upd from pg_stat_user_tables where schemaname = 'fulfil' and relname = 'card_key'";
        let seen: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
        if seen >= updates {
            let sql =
                format!("select {figure} from pg_stat_user_tables where schemaname = 'fulfil' and relname = '{table}'");
            return client.query_one(&sql, &[]).await.unwrap().get(0);
        }
        assert!(since.elapsed() < Duration::from_secs(30), "{seen} of {updates} updates are reported");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn selling_consecutive_keys_is_hot_and_scans_no_table() {
    let ledger = fresh_ledger().await;
    let admin = ledger.connect().await;
    let ids = stock(&ledger, "sku-a", 5_000).await;
    // A pool whose plans are made while the tables hold next to nothing, as their statistics do.
    let worker = Postgres::new(&ledger.url, 2, LIMIT).unwrap();
    for (number, part) in ids[..4_000].chunks(500).enumerate() {
        let batch: Vec<Entry> = part
            .iter()
            .enumerate()
            .map(|(at, id)| Entry::Order(claimed(&format!("o-{number}-{at}"), "sku-a", &[*id])))
            .collect();
        worker.record(&batch).await.unwrap();
    }
    let repeats: Vec<Entry> = (0..500).map(|at| Entry::Order(from_ledger(&format!("o-0-{at}"), "sku-a", 1))).collect();
    worker.record(&repeats).await.unwrap();
    new(judge_one(&ledger, from_ledger("take", "sku-a", 3)).await);
    drop(worker);
    let _database = ledger.end_pool();

    assert_eq!(figure(&admin, "card_key", "n_tup_upd", 4_003).await, 4_003, "one update per sold key");
    let hot = figure(&admin, "card_key", "n_tup_hot_upd", 4_003).await;
    assert!(hot * 100 >= 4_003 * 95, "{hot} of 4,003 updates were HOT");
    for table in ["card_key", "orders", "lot"] {
        assert_eq!(figure(&admin, table, "seq_tup_read", 4_003).await, 0, "{table} was scanned");
    }
}

#[tokio::test]
async fn plans_that_were_made_for_empty_tables_do_not_last() {
    let ledger = fresh_ledger().await;
    let admin = ledger.connect().await;
    admin.batch_execute("vacuum analyze").await.unwrap();
    // One connection, which plans every statement now, knowing that the tables are empty.
    let pool = PrivateLedger::at(&ledger.url, Postgres::new(&ledger.url, 1, LIMIT).unwrap());
    let use_all = async |round: usize, keys: usize| {
        let ids = stock_from(&pool, "sku-a", 1 + round * 10_000, keys).await;
        for _ in 0..100 {
            pool.postgres.skus().await.unwrap();
        }
        let half = keys / 2;
        // Small batches: one that read a whole table would read it often.
        for (number, part) in ids[..half].chunks(10).enumerate() {
            let order = |(at, id): (usize, &KeyId)| claimed(&format!("o-{round}-{number}-{at}"), "sku-a", &[*id]);
            let batch: Vec<_> = part.iter().enumerate().map(order).collect();
            judge(&pool, batch.clone()).await.into_iter().for_each(|judgement| drop(new(judgement)));
            judge(&pool, batch).await.into_iter().for_each(|judgement| drop(repeat(judgement)));
        }
        let other = ProposedOrder {
            body_hash: body("other"),
            ..claimed(&format!("o-{round}-0-0"), "sku-a", &ids[half..=half])
        };
        judge_one(&pool, other).await;
        new(judge_one(&pool, from_ledger(&format!("take-{round}"), "sku-a", half - 1)).await);
        assert_eq!(pool.postgres.still_available(&ids).await.unwrap().len(), 1);
        assert_eq!(available(&pool, "sku-a").await.len(), 1 + round);
    };
    use_all(0, 4).await;
    use_all(1, 2_000).await;
    drop(pool);

    let orders = 2 * 1_003 + 2;
    let read = figure(
        &admin,
        "card_key",
        "(select sum(idx_tup_read)::bigint from pg_stat_user_indexes where schemaname = 'fulfil')",
        2_002,
    )
    .await;
    assert!(read < 20 * orders, "{read} index entries were read for {orders} orders");
}

#[tokio::test]
async fn sold_out_lots_are_marked_and_opened_by_an_import() {
    let ledger = fresh_ledger().await;
    let admin = ledger.connect().await;
    let open = async || -> i64 {
        admin.query_one("select count(*) from fulfil.lot where not sold_out", &[]).await.unwrap().get(0)
    };
    let ids = stock(&ledger, "sku-a", 5_000).await;
    assert_eq!(open().await, 5, "ids 1 to 5,000 lie in five blocks");
    let lines = |from: usize| {
        (0..3).map(|at| claimed_line(at + 1, "sku-a", &ids[from + 1_000 * at as usize..][..1_000])).collect()
    };
    new(judge_one(&ledger, order("low", lines(0))).await);
    new(judge_one(&ledger, from_ledger("high", "sku-a", 1_000)).await);
    let lease = async || ledger.postgres.lease_loading(&worker("w-1"), LIMIT).await.unwrap();
    lease().await;
    assert_eq!(open().await, 2, "the keys 3,001 to 4,000 are left, in two blocks");
    new(judge_one(&ledger, from_ledger("rest", "sku-a", 1_000)).await);
    lease().await;
    assert_eq!(open().await, 0);
    assert_eq!(available(&ledger, "sku-a").await, []);
    let more = stock_from(&ledger, "sku-a", 5_001, 10).await;
    assert_eq!(open().await, 1);
    assert_eq!(available(&ledger, "sku-a").await, more);
}

#[tokio::test]
async fn an_import_that_is_under_way_is_not_overlooked() {
    let ledger = fresh_ledger().await;
    let (admin, observer) = (ledger.connect().await, ledger.connect().await);
    let ids = stock(&ledger, "sku-a", 3).await;
    new(judge_one(&ledger, claimed("o-1", "sku-a", &ids)).await);
    // Another importer holds the SKU's row and has added a key to the lot, uncommitted.
    admin
        .batch_execute(
            "begin; select 1 from fulfil.sku for update;
             insert into fulfil.card_key (id, sku_id, fingerprint, sealed) select nextval('fulfil.key_id'), sku_id, '\\x00', '\\x00' from fulfil.sku;
             update fulfil.lot set keys = keys + 1, last_id = last_id + 1, sold_out = false",
        )
        .await
        .unwrap();
    let loader = worker("w-1");
    let lease = ledger.postgres.lease_loading(&loader, LIMIT);
    let commit = async {
        waiting(&observer, "transactionid").await;
        admin.batch_execute("update fulfil.sku set last_id = last_id + 1; commit").await.unwrap();
    };
    let (leased, ()) = tokio::join!(lease, commit);
    leased.unwrap();
    assert_eq!(available(&ledger, "sku-a").await.len(), 1);
}
