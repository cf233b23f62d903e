//! An order that kills the worker is dead-lettered; its neighbours get their keys.
#![cfg(feature = "crash-points")]

use fulfil_load_tests::generate::ORDERS_FILE;

use crate::shop::{Shop, mix};

#[tokio::test]
async fn an_order_that_kills_workers_is_isolated() {
    let mut shop = Shop::open(1).await;
    let mut good = mix(40);
    (good.repeats, good.conflicts, good.broken) = (0, 0, 0);
    shop.make(&good).await;
    let orders = std::fs::read_to_string(shop.folder().join(ORDERS_FILE)).unwrap();
    let victim = orders.lines().nth(20).unwrap();
    let id = serde_json::from_str::<serde_json::Value>(victim).unwrap()["order_id"].as_str().unwrap().to_owned();
    shop.publish().await;
    // Only an order that was decoded looks like this; one that is refused as poison does not.
    shop.program.set("CRASH", &format!("received:Order(Order {{ order_id: {id},"));

    let mut died = 0;
    loop {
        let (worker, _) = shop.start_worker(&["--until-empty", "--format", "json"]).await;
        let output = worker.wait_with_output().await.unwrap();
        if output.status.success() {
            break;
        }
        died += 1;
        assert!(died <= 15, "it dies on and on: {}", shop.logs());
    }
    assert!(died >= 4, "it died {died} times: {}", shop.logs());
    let shown = shop.program.json(&["order", "show", &id, "--format", "json"]).await.unwrap();
    assert_eq!(shown["reason"]["code"], "poison", "{shown}");
    let audit = shop.program.audit().await.unwrap();
    assert!(audit.ok, "{audit:?}");
    assert_eq!(audit.orders, 40, "{audit:?}");
}
