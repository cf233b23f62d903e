//! Each protocol from an order to its opened keys.

use supplier_doubles::{Mood, Protocol};

use crate::{
    shop::order,
    stand::{Route, Stand, keys_of},
};

/// A product's three keys are bought for one line, and told as they were sold; the same file again is a repeat.
async fn buys(protocol: Protocol, product: usize) {
    let stand = Stand::open(&[protocol], &Mood::default(), &[Route::to("game", protocol, product)]).await;
    let orders = [order("o-1", "game", 3)];
    let summary = stand.work_off(&orders).await;
    assert_eq!((&summary["orders"], &summary["processing"]), (&1.into(), &1.into()), "{summary}");

    let shown = stand.order("o-1").await;
    assert_eq!((&shown["status"], &shown["revision"]), (&"fulfilled".into(), &2.into()), "{shown}");
    assert_eq!(shown["lines"][0]["keys"].as_array().unwrap().len(), 3, "{shown}");
    assert_eq!(shown["owed"], false, "the result is not announced: {shown}");
    assert_eq!(stand.announced("o-1").await, ["processing", "fulfilled"]);

    let purchases = stand.purchases();
    assert_eq!(purchases.iter().map(|purchase| purchase.quantity).sum::<u32>(), 3, "{purchases:?}");
    assert_eq!(stand.opened("o-1").await, keys_of(&purchases));

    let summary = stand.work_off(&orders).await;
    assert_eq!((&summary["orders"], &summary["repeats"]), (&1.into(), &1.into()), "{summary}");
    assert_eq!(stand.purchases(), purchases, "bought again");
    stand.end().await;
}

#[tokio::test]
async fn kasushou_sells_keys() {
    buys(Protocol::Kasushou, 0).await;
}

#[tokio::test]
async fn kasushou_sells_cards_of_number_and_password() {
    buys(Protocol::Kasushou, 1).await;
}

#[tokio::test]
async fn acg_faka_sells_keys() {
    buys(Protocol::AcgFaka, 0).await;
}

#[tokio::test]
async fn kinguin_sells_keys() {
    buys(Protocol::Kinguin, 0).await;
}

#[tokio::test]
async fn reloadly_sells_gift_cards() {
    buys(Protocol::Reloadly, 0).await;
    buys(Protocol::Reloadly, 1).await;
}

#[tokio::test]
async fn dujiao_sells_keys_without_code_of_its_own() {
    buys(Protocol::Dujiao, 0).await;
}

/// An account is topped up once; the line has no keys.
async fn tops_up(protocol: Protocol, supplier: &'static str, account: &str) {
    let route = Route { supplier, ..Route::to("credit", protocol, 2) };
    let stand = Stand::open(&[protocol], &Mood::default(), &[route]).await;
    let recharge = format!("\"recharge\":{{\"account\":\"{account}\"}},\"unit_price\"");
    stand.work_off(&[order("o-1", "credit", 1).replace("\"unit_price\"", &recharge)]).await;

    let shown = stand.order("o-1").await;
    let line = &shown["lines"][0];
    assert_eq!((&shown["status"], &line["status"]), (&"fulfilled".into(), &"delivered".into()), "{shown}");
    assert!(line["keys"].as_array().is_none_or(Vec::is_empty), "{shown}");
    assert_eq!(stand.announced("o-1").await, ["processing", "fulfilled"]);
    let purchases = stand.purchases();
    assert_eq!(purchases.len(), 1, "{purchases:?}");
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let topped_up = purchases[0].account.as_deref().map(digits).unwrap_or_default();
    assert!(digits(account).ends_with(&topped_up) && topped_up.len() >= 8, "{account}: {purchases:?}");
    let told = stand.run(0, &["order", "show", "o-1"]).await;
    assert!(String::from_utf8_lossy(&told.stdout).contains("topped up"), "{told:?}");
    stand.end().await;
}

#[tokio::test]
async fn kasushou_tops_up() {
    tops_up(Protocol::Kasushou, "kasushou", "13800138000").await;
}

#[tokio::test]
async fn reloadly_tops_up() {
    tops_up(Protocol::Reloadly, "top_ups", "+50936377111").await;
}

/// What is no phone number is topped up by nobody: rejected, and nothing was sent.
#[tokio::test]
async fn an_account_that_is_none_is_rejected() {
    let route = Route { supplier: "top_ups", ..Route::to("credit", Protocol::Reloadly, 2) };
    let stand = Stand::open(&[Protocol::Reloadly], &Mood::default(), &[route]).await;
    let recharge = "\"recharge\":{\"account\":\"someone@example.com\"},\"unit_price\"";
    stand.work_off(&[order("o-1", "credit", 1).replace("\"unit_price\"", recharge)]).await;
    let shown = stand.order("o-1").await;
    assert_eq!(
        (&shown["status"], &shown["reason"]["code"]),
        (&"rejected".into(), &"recharge_account".into()),
        "{shown}"
    );
    assert_eq!(shown["reason"]["retryable"], false, "{shown}");
    assert_eq!(stand.announced("o-1").await, ["processing", "rejected"]);
    let calls = stand.double(Protocol::Reloadly).calls();
    assert!(!calls.iter().any(|call| call.kind == "buy"), "{calls:?}");
    stand.end().await;
}
