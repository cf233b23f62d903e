//! Leases of several workers, and what a look for due procurements costs.

use std::collections::BTreeMap;

use fulfil_contract::{conformance::procurements::samples::*, ports::procurements::Procurements};
use fulfil_postgres::Postgres;

use crate::private::{LIMIT, fresh_ledger};

/// The statement itself, as the adapter has it.
fn lease_statement() -> &'static str {
    let source = include_str!("../../src/procurement/lease.rs");
    let (_, from) = source.split_once("LEASE: &str = \"").unwrap();
    from.split_once("\";").unwrap().0
}

/// So many procurements that wait for an hour, and some that ended.
fn many(waiting: usize) -> String {
    format!(
        "insert into fulfil.procurement (order_id, line_no, sku, quantity, unit_price, currency, waits_for, wake_at, state, outcome)
         select 'many-' || n, 1, 'sku-' || n % 50, 1, 100, 'USD', 'stock', now() + interval '1 hour' + n * interval '1 ms',
             case when n % 2 = 0 then 0 else 2 end, case when n % 2 = 0 then null else '{{\"status\":\"processing\"}}' end
         from generate_series(1, {}) n",
        2 * waiting
    )
}

#[tokio::test]
async fn a_look_for_what_is_due_reads_the_index_of_what_is_due() {
    let ledger = fresh_ledger().await;
    let admin = ledger.connect().await;
    admin.batch_execute(&many(20_000)).await.unwrap();
    for at in 0..10 {
        processing(&ledger, wanted(&format!("o-{at}"), "sku-a", 1)).await;
    }
    admin.batch_execute("vacuum analyze fulfil.procurement").await.unwrap();
    admin.batch_execute("set plan_cache_mode = force_generic_plan").await.unwrap();
    admin.batch_execute(&format!("prepare lease (text, bigint, bigint) as {}", lease_statement())).await.unwrap();
    let sql = "explain (analyze, costs off, timing off) execute lease ('w-1', 4, 1000000)";
    let rows = admin.query(sql, &[]).await.unwrap();
    let plan = rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n");
    let index = plan.lines().find(|line| line.contains("using procurement_due on procurement")).unwrap_or_else(|| {
        panic!("the plan goes another way:\n{plan}");
    });
    assert!(!plan.contains("Seq Scan") && !plan.contains("Sort"), "{plan}");
    let condition = plan.lines().find(|line| line.trim_start().starts_with("Index Cond: (wake_at <= now())"));
    assert!(condition.is_some(), "{plan}");
    assert!(index.contains("rows=4 "), "it stops at the limit:\n{plan}");
    assert_eq!(lease(&ledger, "w-2", 100).await.len(), 6);
}

#[tokio::test]
async fn what_new_stock_wakes_is_found_by_its_sku() {
    let ledger = fresh_ledger().await;
    let admin = ledger.connect().await;
    admin.batch_execute(&many(20_000)).await.unwrap();
    // Woken by one key are as many as may look whether it is enough.
    stock(&ledger, "sku-10", 1).await;
    let due: i64 = admin
        .query_one("select count(*) from fulfil.procurement where state = 0 and wake_at <= now()", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(due, 100);
    let of = lease(&ledger, "w-1", 1_000).await;
    assert!(of.iter().all(|procurement| procurement.sku == sku("sku-10")));
    let oldest: i64 = admin
        .query_one("select max(procurement_id) from fulfil.procurement where worker is not null", &[])
        .await
        .unwrap()
        .get(0);
    assert!(oldest <= 100 * 50, "the oldest wait the longest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_never_lease_the_same_row() {
    let ledger = fresh_ledger().await;
    for part in 0..10 {
        let orders = (0..50).map(|at| wanted(&format!("o-{part}-{at}"), "sku-a", 1)).collect();
        judge(&ledger, orders).await.into_iter().for_each(|judgement| drop(new(judgement)));
    }
    let visit = |name: &'static str| {
        let url = ledger.url.clone();
        tokio::spawn(async move {
            let postgres = Postgres::new(&url, 3, LIMIT).unwrap();
            let mut mine = Vec::new();
            loop {
                let holder = worker(name);
                let one = || postgres.lease(&holder, 7, HOUR);
                let (a, b, c) = tokio::join!(one(), one(), one());
                let leased = [a.unwrap(), b.unwrap(), c.unwrap()].concat();
                if leased.is_empty() {
                    return mine;
                }
                mine.extend(leased.into_iter().map(|procurement| (procurement.lease.procurement, name)));
            }
        })
    };
    let workers = [visit("w-1"), visit("w-2"), visit("w-3")];
    let mut holders: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for worker in workers {
        worker.await.unwrap().into_iter().for_each(|(id, name)| holders.entry(id).or_default().push(name));
    }
    assert_eq!(holders.len(), 500, "each is leased");
    assert!(holders.values().all(|names| names.len() == 1), "and by one: {holders:?}");
    let fences: i64 = ledger
        .connect()
        .await
        .query_one("select count(*) from fulfil.procurement where fence = 1", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(fences, 500);
}
