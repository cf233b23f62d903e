//! What becomes of lines: from stock and bought in one order, too dear, bought elsewhere, in doubt.

use serde_json::Value;
use supplier_doubles::{Millis, Mood, Product, Protocol};

use crate::{
    shop::{key_file, order},
    stand::{Route, Stand, keys_of},
};

/// A product of Kinguin's that costs more than any line pays.
const DEAR: &str = "5c9b68662539a4e8f17ae2ff";

/// An order with a line of each SKU.
fn order_of(id: &str, skus: &[(&str, u32)]) -> String {
    let line = |(at, (sku, quantity)): (usize, &(&str, u32))| {
        let number = at + 1;
        format!(r#"{{"line_no":{number},"sku":"{sku}","quantity":{quantity},"unit_price":9850}}"#)
    };
    let lines: Vec<String> = skus.iter().enumerate().map(line).collect();
    let one = order(id, "one", 1);
    let (before, rest) = one.split_once("[").unwrap();
    let (_, after) = rest.split_once("]").unwrap();
    format!("{before}[{}]{after}", lines.join(","))
}

fn statuses(order: &Value) -> Vec<&str> {
    order["lines"].as_array().unwrap().iter().map(|line| line["status"].as_str().unwrap()).collect()
}

/// One order, one final result: a line of stock, a bought one, and one that is too dear.
#[tokio::test]
async fn a_mixed_order_is_partly_fulfilled() {
    let dear = Route { price: 20_000, product: DEAR.into(), ..Route::to("dear", Protocol::Kinguin, 0) };
    let routes = [Route::to("game", Protocol::Kinguin, 0), dear];
    let stand = Stand::open(&[Protocol::Kinguin], &Mood::default(), &routes).await;
    stand.double(Protocol::Kinguin).put(Product {
        id: DEAR.into(),
        unit_price: 20_000,
        ..Protocol::Kinguin.products()[0].clone()
    });
    stand.write("keys.csv", &key_file(&[("red", 2)]));
    stand.run(0, &["keys", "import", "keys.csv"]).await;
    stand.work_off(&[order_of("o-1", &[("red", 2), ("game", 3), ("dear", 1)])]).await;

    let shown = stand.order("o-1").await;
    assert_eq!(shown["status"], "partly_fulfilled", "{shown}");
    assert_eq!(statuses(&shown), ["delivered", "delivered", "rejected"], "{shown}");
    assert_eq!(shown["lines"][2]["reason"]["code"], "price_guard", "{shown}");
    assert_eq!(stand.announced("o-1").await, ["processing", "partly_fulfilled"]);
    let mut expected = keys_of(&stand.purchases());
    expected.extend(["red-00000-ABCDE".to_owned(), "red-00001-ABCDE".to_owned()]);
    expected.sort();
    assert_eq!(stand.opened("o-1").await, expected);
    stand.end().await;
}

/// A line that has no supplier and too little stock is refused at once; beside it the other is bought.
#[tokio::test]
async fn out_of_stock_beside_bought() {
    let stand = Stand::open(&[Protocol::Dujiao], &Mood::default(), &[Route::to("game", Protocol::Dujiao, 0)]).await;
    stand.write("keys.csv", &key_file(&[("red", 1)]));
    stand.run(0, &["keys", "import", "keys.csv"]).await;
    stand.work_off(&[order_of("o-1", &[("red", 2), ("game", 1)])]).await;
    let shown = stand.order("o-1").await;
    assert_eq!(statuses(&shown), ["rejected", "delivered"], "{shown}");
    assert_eq!(shown["lines"][0]["reason"]["code"], "out_of_stock", "{shown}");
    assert_eq!(stand.announced("o-1").await, ["processing", "partly_fulfilled"]);
    stand.end().await;
}

/// The only offer is above what the merchant pays: rejected, and the supplier was never asked to sell.
#[tokio::test]
async fn nothing_is_bought_above_the_price_guard() {
    let dear = Route { price: 9851, ..Route::to("game", Protocol::Kasushou, 0) };
    let stand = Stand::open(&[Protocol::Kasushou], &Mood::default(), &[dear]).await;
    let product = Protocol::Kasushou.products()[0].clone();
    stand.double(Protocol::Kasushou).put(Product { unit_price: 9851, ..product });
    stand.work_off(&[order("o-1", "game", 1)]).await;
    let shown = stand.order("o-1").await;
    let reason = &shown["lines"][0]["reason"];
    assert_eq!((&shown["status"], &reason["code"]), (&"rejected".into(), &"price_guard".into()), "{shown}");
    assert_eq!(reason["retryable"], true, "{shown}");
    let detail = reason["detail"].as_str().unwrap();
    assert!(["kasushou", "9851", "9850"].iter().all(|part| detail.contains(part)), "{detail}");
    assert_eq!(stand.announced("o-1").await, ["processing", "rejected"]);
    let buys = stand.double(Protocol::Kasushou).calls().into_iter().filter(|call| call.kind == "buy");
    assert_eq!(buys.count(), 0, "a purchase was sent");
    assert!(stand.purchases().is_empty());
    stand.end().await;
}

/// Exactly what the merchant pays is no loss.
#[tokio::test]
async fn at_the_price_guard_it_is_bought() {
    let limit = Route { price: 9850, ..Route::to("game", Protocol::Dujiao, 0) };
    let stand = Stand::open(&[Protocol::Dujiao], &Mood::default(), &[limit]).await;
    let product = Protocol::Dujiao.products()[0].clone();
    stand.double(Protocol::Dujiao).put(Product { unit_price: 9850, ..product });
    stand.work_off(&[order("o-1", "game", 1)]).await;
    assert_eq!(stand.order("o-1").await["status"], "fulfilled");
    stand.end().await;
}

/// A route may allow more than the merchant pays. It is not taken then, however cheap the supplier says that it is
/// just now: the price may move on the way.
#[tokio::test]
async fn a_purchase_never_allows_more_than_the_line_pays() {
    let generous = Route { price: 9851, ..Route::to("game", Protocol::Kinguin, 0) };
    let stand = Stand::open(&[Protocol::Kinguin], &Mood::default(), &[generous]).await;
    stand.write("keys.csv", &key_file(&[("game", 20)]));
    stand.run(0, &["keys", "import", "keys.csv"]).await;
    // The lines of stock leave the time to measure what it costs.
    let mut orders: Vec<String> = (0..20).map(|number| order(&format!("stock-{number}"), "game", 1)).collect();
    orders.push(order("o-1", "game", 1));
    stand.work_off(&orders).await;
    assert_eq!(stand.order("stock-19").await["status"], "fulfilled");
    let shown = stand.order("o-1").await;
    assert_eq!(shown["reason"]["code"], "price_guard", "{shown}");
    assert!(stand.purchases().is_empty());
    stand.end().await;
}

/// After a final no the next supplier of the route is asked; when all have said no, the line says what each said.
#[tokio::test]
async fn after_a_final_no_another_is_asked() {
    let both = |sku| [Route::to(sku, Protocol::AcgFaka, 0), Route::to(sku, Protocol::Dujiao, 0)];
    let routes: Vec<Route> = both("game").into_iter().collect();
    let stand = Stand::open(&[Protocol::AcgFaka, Protocol::Dujiao], &Mood::default(), &routes).await;
    let nothing_left = Mood { out_of_stock: 1.0, ..Mood::default() };
    stand.double(Protocol::AcgFaka).set_mood(nothing_left.clone()).unwrap();
    stand.work_off(&[order("o-1", "game", 2)]).await;
    let shown = stand.order("o-1").await;
    assert_eq!(shown["status"], "fulfilled", "{shown}");
    assert_eq!(stand.double(Protocol::AcgFaka).log().purchases, []);
    assert_eq!(stand.opened("o-1").await, keys_of(&stand.double(Protocol::Dujiao).log().purchases));

    stand.double(Protocol::Dujiao).set_mood(nothing_left).unwrap();
    stand.work_off(&[order("o-2", "game", 2)]).await;
    let shown = stand.order("o-2").await;
    let reason = &shown["lines"][0]["reason"];
    assert_eq!((&shown["status"], &reason["code"]), (&"rejected".into(), &"suppliers_refused".into()), "{shown}");
    let detail = reason["detail"].as_str().unwrap();
    assert!(detail.contains("acg_faka") && detail.contains("dujiao"), "{detail}");
    stand.end().await;
}

/// The answer to a purchase is lost where a query by our reference finds it: asked about, and not bought again.
#[tokio::test]
async fn a_lost_answer_is_settled_by_a_query() {
    for protocol in [Protocol::Kasushou, Protocol::Kinguin, Protocol::Reloadly] {
        let lost = Mood { lost_after: 1.0, ..Mood::default() };
        let stand = Stand::open(&[protocol], &lost, &[Route::to("game", protocol, 0)]).await;
        stand.work_off(&[order("o-1", "game", 2)]).await;
        let purchases = stand.purchases();
        assert_eq!(purchases.len(), 1, "{protocol:?}: {purchases:?}");
        assert_eq!(stand.order("o-1").await["status"], "fulfilled");
        assert_eq!(stand.opened("o-1").await, keys_of(&purchases), "{protocol:?}");
        stand.end().await;
    }
}

/// Where there is no query, the same reference is sent again to a supplier that answers its first order then.
#[tokio::test]
async fn a_lost_answer_is_settled_by_the_same_reference_again() {
    let lost = Mood { lost_after: 1.0, ..Mood::default() };
    let stand = Stand::open(&[Protocol::Dujiao], &lost, &[Route::to("game", Protocol::Dujiao, 0)]).await;
    let double = stand.double(Protocol::Dujiao);
    let mut running = stand.begin(&[order("o-1", "game", 2)]);
    stand.until("an answer is lost", || !double.log().purchases.is_empty()).await;
    double.set_mood(Mood::default()).unwrap();
    stand.until("the run ends", || running.has_ended()).await;
    let shown = stand.order("o-1").await;
    assert_eq!(shown["status"], "fulfilled", "{shown}");
    let purchases = stand.purchases();
    assert_eq!(purchases.len(), 1, "{purchases:?}");
    assert_eq!(stand.opened("o-1").await, keys_of(&purchases));
    let sent = double.calls().into_iter().filter(|call| call.kind == "buy").count();
    assert!(sent > 1, "it was sent once, and yet its answer was lost");
    stand.end().await;
}

/// A supplier that sells at its own price, whose offers can be read.
async fn at_its_own_price(mood: &Mood) -> Stand {
    let stand = Stand::open(&[Protocol::Dujiao], mood, &[Route::to("game", Protocol::Dujiao, 0)]).await;
    let file = stand.folder().join("fulfil.toml");
    let headers = "headers = { Dujiao-Next-Api-Key = \"{api_key}\", Dujiao-Next-Timestamp = \"{timestamp}\" }";
    let offer = format!(
        "[suppliers.dujiao.offer]\nsuccess = {{ pointer = \"/ok\", is = true }}\nlist = \"/product/skus\"\n\
         entry = {{ pointer = \"/id\", is = \"{{product}}\" }}\nprice = \"/price_amount\"\nstock = \"/stock_quantity\"\n\
         [suppliers.dujiao.offer.request]\nmethod = \"GET\"\npath = \"/products/{{product}}\"\n{headers}\n"
    );
    let text = std::fs::read_to_string(&file).unwrap();
    stand.write("fulfil.toml", &format!("{text}{offer}"));
    stand
}

fn buys(stand: &Stand) -> usize {
    stand.double(Protocol::Dujiao).calls().into_iter().filter(|call| call.kind == "buy").count()
}

/// Its price has risen above what the route allows, and nobody has measured that yet: it is asked first.
#[tokio::test]
async fn who_sells_at_its_own_price_is_asked_for_it_before_a_purchase() {
    // So slow that the purchase does not find the price measured.
    let stand = at_its_own_price(&Mood { latency: Millis::fixed(300), ..Mood::default() }).await;
    let product = Protocol::Dujiao.products()[0].clone();
    stand.double(Protocol::Dujiao).put(Product { unit_price: 1001, ..product.clone() });
    stand.work_off(&[order("o-1", "game", 1)]).await;
    let shown = stand.order("o-1").await;
    assert_eq!(shown["reason"]["code"], "price_guard", "{shown}");
    assert!(shown["reason"]["detail"].as_str().unwrap().contains("costs 1001"), "{shown}");
    assert_eq!(buys(&stand), 0, "a purchase was sent");

    stand.double(Protocol::Dujiao).put(product);
    stand.work_off(&[order("o-2", "game", 1)]).await;
    assert_eq!(stand.order("o-2").await["status"], "fulfilled");
    assert_eq!(buys(&stand), 1);
    stand.end().await;
}

/// Nobody knows what it costs: the line waits, says for what, and is rejected when its time is over.
#[tokio::test]
async fn nothing_is_bought_at_a_price_that_nobody_knows() {
    let mut stand = at_its_own_price(&Mood { query_error: 1.0, ..Mood::default() }).await;
    stand.set("FULFIL_PROCUREMENT__DEADLINE_SECONDS", 10);
    let mut running = stand.begin(&[order("o-1", "game", 1)]);
    stand.until("the run ends", || running.has_ended()).await;
    let shown = stand.order("o-1").await;
    assert_eq!(shown["reason"]["code"], "suppliers_unavailable", "{shown}");
    assert!(stand.log().contains("its price could not be asked"), "{}", stand.log());
    assert_eq!(buys(&stand), 0, "a purchase was sent");
    stand.end().await;
}
