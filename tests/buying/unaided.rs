//! Lines that were to be bought, and no supplier is configured any more: they end all the same.

use std::time::Instant;

use supplier_doubles::{Mood, Protocol};

use crate::{
    shop::{key_file, order},
    stand::{LIMIT, Route, Stand},
};

/// An order whose line is open at a supplier in this mood, that is configured no more.
async fn left_alone(mood: &Mood) -> Stand {
    let stand = Stand::open(&[Protocol::Kinguin], mood, &[Route::to("game", Protocol::Kinguin, 0)]).await;
    let running = stand.begin(&[order("o-1", "game", 2)]);
    let double = stand.double(Protocol::Kinguin);
    stand.until("a purchase is tried", || double.calls().iter().any(|call| call.kind == "buy")).await;
    assert_eq!(running.stop().await, Some(0), "{}", stand.log());
    stand.write("fulfil.toml", "");
    stand
}

/// Runs until the line's time is over and it has ended.
async fn its_time_passes(stand: &mut Stand) {
    stand.set("FULFIL_PROCUREMENT__DEADLINE_SECONDS", 1);
    let begin = Instant::now();
    while stand.order("o-1").await["status"] == "processing" {
        assert!(begin.elapsed() < LIMIT, "the line does not end");
        stand.work_off(&[]).await;
    }
}

/// Nothing is bought, and nobody can be asked whether it was.
fn answers_are_lost() -> Mood {
    Mood { lost_before: 1.0, query_lost: 1.0, ..Mood::default() }
}

/// Throttled: refused for now, and no attempt is open.
fn not_now() -> Mood {
    Mood { throttled: 1.0, retry_after: 3_600, ..Mood::default() }
}

#[tokio::test]
async fn its_time_ends_a_line() {
    let mut stand = left_alone(&not_now()).await;
    stand.work_off(&[]).await;
    assert_eq!(stand.order("o-1").await["status"], "processing", "it has time");
    its_time_passes(&mut stand).await;
    let shown = stand.order("o-1").await;
    assert_eq!((&shown["status"], &shown["reason"]["code"]), (&"rejected".into(), &"suppliers_unavailable".into()));
    assert_eq!(stand.announced("o-1").await, ["processing", "rejected"]);
    stand.end().await;
}

#[tokio::test]
async fn a_line_whose_purchase_is_in_doubt_goes_to_a_person() {
    let mut stand = left_alone(&answers_are_lost()).await;
    stand.work_off(&[]).await;
    assert_eq!(stand.order("o-1").await["status"], "processing", "it has time");
    its_time_passes(&mut stand).await;
    assert_eq!(stand.order("o-1").await["status"], "review");
    assert_eq!(stand.review().await["kind"], "overdue");
    assert_eq!(stand.announced("o-1").await, ["processing", "review"]);
    stand.end().await;
}

#[tokio::test]
async fn new_stock_fills_a_line() {
    let stand = left_alone(&not_now()).await;
    stand.write("keys.csv", &key_file(&[("game", 2)]));
    stand.run(0, &["keys", "import", "keys.csv"]).await;
    stand.work_off(&[]).await;
    assert_eq!(stand.order("o-1").await["status"], "fulfilled");
    assert_eq!(stand.announced("o-1").await, ["processing", "fulfilled"]);
    assert_eq!(stand.opened("o-1").await, ["game-00000-ABCDE", "game-00001-ABCDE"]);
    stand.end().await;
}
