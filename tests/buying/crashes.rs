//! A run that dies at each point of a purchase, and the next one that goes on: bought once, delivered once.

use supplier_doubles::{Mood, Protocol};

use crate::{
    shop::order,
    stand::{Route, Stand, keys_of},
};

async fn dies(point: &str) {
    let routes = [Route::to("game", Protocol::Kasushou, 0)];
    let mut stand = Stand::open(&[Protocol::Kasushou], &Mood::default(), &routes).await;
    stand.set("FULFIL_CRASH", format!("{point}:order_id: o-1,"));
    let mut running = stand.begin(&[order("o-1", "game", 2)]);
    stand.until("it dies", || running.has_ended()).await;
    assert!(stand.log().contains(&format!("crash point {point}: dying")), "{}", stand.log());
    let before = stand.purchases().len();
    let sold = !matches!(point, "intended" | "sent");
    assert_eq!(before, usize::from(sold), "died elsewhere than at {point}");

    stand.set("FULFIL_CRASH", "none:none");
    stand.work_off(&[]).await;
    let shown = stand.order("o-1").await;
    assert_eq!(shown["status"], "fulfilled", "{shown}");
    assert_eq!(shown["owed"], false, "{shown}");
    let purchases = stand.purchases();
    assert_eq!(purchases.len(), 1, "{purchases:?}");
    assert_eq!(stand.opened("o-1").await, keys_of(&purchases));
    assert_eq!(stand.announced("o-1").await.last().map(String::as_str), Some("fulfilled"));
    stand.end().await;
}

#[tokio::test]
async fn before_anything_is_sent() {
    dies("intended").await;
}

#[tokio::test]
async fn when_it_is_committed_as_sent() {
    dies("sent").await;
}

#[tokio::test]
async fn when_the_supplier_has_sold() {
    dies("bought").await;
}

#[tokio::test]
async fn when_a_query_was_answered() {
    dies("queried").await;
}

#[tokio::test]
async fn when_the_keys_are_placed() {
    dies("placed").await;
}

#[tokio::test]
async fn when_the_procurement_was_given_back() {
    dies("released").await;
}
