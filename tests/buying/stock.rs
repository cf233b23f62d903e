//! Stock that comes while a line waits for its supplier.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fulfil_contract::time::Timestamp;
use supplier_doubles::{Mood, Protocol};

use crate::{
    shop::{key_file, order},
    stand::{Route, Stand},
};

/// The supplier is dark, the run is stopped and started again: new stock fills the line, and nothing was bought.
#[tokio::test]
async fn new_stock_fills_a_waiting_line() {
    let routes = [Route::to("red", Protocol::Kinguin, 0)];
    let mut stand = Stand::open(&[Protocol::Kinguin], &Mood::default(), &routes).await;
    stand.set("FULFIL_SUPPLIERS__KINGUIN__BREAKER_OPEN_SECONDS", 1);
    stand.double(Protocol::Kinguin).go_dark().await;
    let running = stand.begin(&[order("o-1", "red", 3)]);
    let waits = || stand.log().contains("buying");
    stand.until("the supplier was tried", waits).await;
    // What waits, and why, is told.
    stand.until_it_waits("o-1", "kinguin").await;
    assert_eq!(running.stop().await, Some(0), "{}", stand.log());
    let shown = stand.order("o-1").await;
    assert_eq!((&shown["status"], &shown["revision"]), (&"processing".into(), &1.into()), "{shown}");

    stand.write("keys.csv", &key_file(&[("red", 4)]));
    stand.run(0, &["keys", "import", "keys.csv"]).await;
    stand.work_off(&[]).await;
    let shown = stand.order("o-1").await;
    assert_eq!(shown["status"], "fulfilled", "{shown}");
    assert_eq!(stand.announced("o-1").await, ["processing", "fulfilled"]);
    let opened = stand.opened("o-1").await;
    assert!(opened.len() == 3 && opened.iter().all(|key| key.starts_with("red-")), "{opened:?}");
    assert!(stand.purchases().is_empty());
    let audit = stand.ask(&["audit"]).await;
    assert_eq!((&audit["imported"], &audit["available"], &audit["sold"]), (&4.into(), &1.into(), &3.into()), "{audit}");
    stand.end().await;
}

/// A supplier that comes back is bought from.
#[tokio::test]
async fn a_supplier_that_comes_back_is_bought_from() {
    let routes = [Route::to("red", Protocol::Dujiao, 0)];
    let mut stand = Stand::open(&[Protocol::Dujiao], &Mood::default(), &routes).await;
    stand.set("FULFIL_SUPPLIERS__DUJIAO__BREAKER_OPEN_SECONDS", 1);
    stand.double(Protocol::Dujiao).go_dark().await;
    let mut running = stand.begin(&[order("o-1", "red", 1)]);
    stand.until("the supplier was tried", || stand.log().contains("buying")).await;
    stand.double(Protocol::Dujiao).come_back().await;
    stand.until("the run ends", || running.has_ended()).await;
    assert_eq!(stand.order("o-1").await["status"], "fulfilled", "{}", stand.log());
    assert_eq!(stand.purchases().len(), 1);
    stand.end().await;
}

/// Nobody could be bought from until the order's end: rejected, for that reason, while the supplier is still dark.
#[tokio::test]
async fn a_line_that_waits_ends_with_its_order() {
    let routes = [Route::to("red", Protocol::Kinguin, 0)];
    let mut stand = Stand::open(&[Protocol::Kinguin], &Mood::default(), &routes).await;
    stand.set("FULFIL_SUPPLIERS__KINGUIN__BREAKER_OPEN_SECONDS", 1);
    stand.double(Protocol::Kinguin).go_dark().await;
    // The folder is there and migrated before the order's time runs.
    stand.work_off(&[]).await;
    let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(8);
    let end = Timestamp(end.as_micros().try_into().unwrap());
    let with_end = format!("\"expires_at\":\"{end}\",\"lines\"");
    stand.work_off(&[order("o-1", "red", 1).replace("\"lines\"", &with_end)]).await;
    let shown = stand.order("o-1").await;
    assert_eq!((&shown["status"], &shown["reason"]["code"]), (&"rejected".into(), &"expired".into()), "{shown}");
    assert_eq!(stand.announced("o-1").await, ["processing", "rejected"]);
    assert!(stand.purchases().is_empty());
    stand.end().await;
}
