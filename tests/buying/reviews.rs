//! Lines that a person must decide on, and each of the decisions.

use supplier_doubles::{Millis, Mood, PendingTime, Protocol};

use crate::{
    shop::order,
    stand::{Route, Stand, keys_of},
};

/// A line in review: acg_faka can't be asked whether it sold what it was asked for, and the answer was lost.
pub(crate) async fn with_a_lost_answer(more: &[Protocol]) -> Stand {
    let protocols: Vec<Protocol> = [Protocol::AcgFaka].iter().chain(more).copied().collect();
    let routes: Vec<Route> = protocols.iter().map(|protocol| Route::to("game", *protocol, 0)).collect();
    let stand = Stand::open(&protocols, &Mood::default(), &routes).await;
    stand.double(Protocol::AcgFaka).set_mood(Mood { lost_after: 1.0, ..Mood::default() }).unwrap();
    stand.work_off(&[order("o-1", "game", 2)]).await;
    let shown = stand.order("o-1").await;
    assert_eq!((&shown["status"], &shown["lines"][0]["status"]), (&"review".into(), &"review".into()), "{shown}");
    assert_eq!(stand.announced("o-1").await, ["processing", "review"]);
    stand
}

/// The evidence is there, and nothing else was bought meanwhile.
#[tokio::test]
async fn a_lost_answer_that_nobody_can_settle_goes_to_a_person() {
    let stand = with_a_lost_answer(&[Protocol::Dujiao]).await;
    let review = stand.review().await;
    for (name, value) in [
        ("kind", "unsettled"),
        ("order_id", "o-1"),
        ("sku", "game"),
        ("supplier", "acg_faka"),
        ("attempt", "in_review"),
    ] {
        assert_eq!(review[name], value, "{name} in {review}");
    }
    assert_eq!((&review["holds_its_line"], &review["quantity"]), (&true.into(), &2.into()), "{review}");
    let purchases = stand.purchases();
    assert_eq!((purchases.len(), &purchases[0].reference), (1, &review["reference"].as_str().unwrap().to_owned()));
    assert!(stand.double(Protocol::Dujiao).log().purchases.is_empty(), "bought elsewhere before a final no");
    // Nothing changes by itself.
    stand.work_off(&[]).await;
    assert_eq!(stand.purchases(), purchases);

    let told = String::from_utf8(stand.run(0, &["review", "list"]).await.stdout).unwrap();
    let reference = review["reference"].as_str().unwrap();
    assert!(["o-1", "unsettled", reference, "fulfil review resolve"].iter().all(|part| told.contains(part)), "{told}");
    let told = String::from_utf8(stand.run(0, &["order", "show", "o-1"]).await.stdout).unwrap();
    assert!(told.contains("fulfil review list"), "{told}");
    stand.end().await;
}

/// What was decided stays told, and the order has one more revision.
async fn is_resolved(stand: &Stand, how: &str, reason: &str) {
    assert_eq!(stand.ask(&["review", "list"]).await, serde_json::json!([]));
    let all = stand.ask(&["review", "list", "--all"]).await;
    let resolved = &all[0]["resolved"];
    assert_eq!((&resolved["how"], &resolved["reason"]), (&how.into(), &reason.into()), "{all}");
    let told = String::from_utf8(stand.run(0, &["review", "list", "--all"]).await.stdout).unwrap();
    assert!(told.contains(reason), "{told}");
}

#[tokio::test]
async fn delivered_with_the_keys_that_the_supplier_gave() {
    let stand = with_a_lost_answer(&[]).await;
    let id = stand.review().await["review"].to_string();
    let keys = keys_of(&stand.purchases());
    stand.write("given.txt", &keys.join("\n"));
    let args = ["review", "resolve", &id, "--as", "delivered", "--keys", "given.txt", "--reason", "their support"];
    let resolved = stand.ask(&args).await;
    assert_eq!(resolved, serde_json::json!({ "review": id.parse::<u64>().unwrap(), "resolved": "delivered" }));
    is_resolved(&stand, "delivered", "their support").await;
    assert_eq!(stand.order("o-1").await["owed"], true);
    stand.work_off(&[]).await;
    assert_eq!(stand.announced("o-1").await, ["processing", "review", "fulfilled"]);
    assert_eq!(stand.opened("o-1").await, keys);
    assert_eq!(stand.purchases().len(), 1);
    stand.end().await;
}

/// With fewer keys than the line wants, the rest is bought.
#[tokio::test]
async fn delivered_in_part_and_the_rest_is_bought() {
    let stand = with_a_lost_answer(&[Protocol::Dujiao]).await;
    let id = stand.review().await["review"].to_string();
    let given = keys_of(&stand.purchases())[0].clone();
    stand.write("given.txt", &given);
    stand.double(Protocol::AcgFaka).set_mood(Mood { out_of_stock: 1.0, ..Mood::default() }).unwrap();
    stand.run(0, &["review", "resolve", &id, "--as", "delivered", "--keys", "given.txt", "--reason", "one came"]).await;
    stand.work_off(&[]).await;
    assert_eq!(stand.order("o-1").await["status"], "fulfilled");
    let mut expected = keys_of(&stand.double(Protocol::Dujiao).log().purchases);
    assert_eq!(expected.len(), 1, "{expected:?}");
    expected.push(given);
    expected.sort();
    assert_eq!(stand.opened("o-1").await, expected);
    // That the supplier gave too few is a review of its own, which holds no line.
    let review = stand.review().await;
    assert_eq!((&review["kind"], &review["holds_its_line"]), (&"too_few".into(), &false.into()), "{review}");
    stand.end().await;
}

#[tokio::test]
async fn refused_and_another_supplier_is_asked() {
    let stand = with_a_lost_answer(&[Protocol::Dujiao]).await;
    let id = stand.review().await["review"].to_string();
    stand.run(0, &["review", "resolve", &id, "--as", "refused", "--reason", "no such order there"]).await;
    is_resolved(&stand, "refused", "no such order there").await;
    stand.work_off(&[]).await;
    assert_eq!(stand.announced("o-1").await, ["processing", "review", "processing", "fulfilled"]);
    let bought = stand.double(Protocol::Dujiao).log().purchases;
    assert_eq!((bought.len(), stand.double(Protocol::AcgFaka).log().purchases.len()), (1, 1));
    assert_eq!(stand.opened("o-1").await, keys_of(&bought));
    stand.end().await;
}

#[tokio::test]
async fn rejected_with_the_reason_that_the_merchant_reads() {
    let stand = with_a_lost_answer(&[]).await;
    let id = stand.review().await["review"].to_string();
    stand.run(0, &["review", "resolve", &id, "--as", "rejected", "--reason", "the money came back"]).await;
    is_resolved(&stand, "rejected", "the money came back").await;
    stand.work_off(&[]).await;
    let shown = stand.order("o-1").await;
    let reason = &shown["lines"][0]["reason"];
    assert_eq!((&shown["status"], &reason["code"]), (&"rejected".into(), &"reviewed".into()), "{shown}");
    assert_eq!(reason["detail"], "the money came back", "{shown}");
    assert_eq!(stand.announced("o-1").await, ["processing", "review", "rejected"]);
    stand.end().await;
}

/// Runs until the supplier has taken the purchase, and then until the line's time is over, which begins to count only now:
/// a slow machine would be late before it bought.
async fn bought_and_late(stand: &mut Stand, from: Protocol, order: &str, seconds: u64) {
    let running = stand.begin(&[order.to_owned()]);
    stand.until("a purchase is made", || !stand.double(from).log().purchases.is_empty()).await;
    assert_eq!(running.stop().await, Some(0), "{}", stand.log());
    stand.set("FULFIL_PROCUREMENT__DEADLINE_SECONDS", seconds);
    stand.work_off(&[]).await;
}

/// Accepted and not delivered in time: a person has it asked anew, and it has been delivered since.
#[tokio::test]
async fn asked_again_with_another_span_of_time() {
    let slow = PendingTime { share: 1.0, millis: Millis::fixed(9_000) };
    let mood = Mood { pending_time: slow, ..Mood::default() };
    let mut stand = Stand::open(&[Protocol::Kinguin], &mood, &[Route::to("game", Protocol::Kinguin, 0)]).await;
    bought_and_late(&mut stand, Protocol::Kinguin, &order("o-1", "game", 2), 3).await;
    let review = stand.review().await;
    assert_eq!((&review["kind"], &review["supplier"]), (&"overdue".into(), &"kinguin".into()), "{review}");

    stand.set("FULFIL_PROCUREMENT__DEADLINE_SECONDS", 40);
    let id = review["review"].to_string();
    stand.run(0, &["review", "resolve", &id, "--as", "ask-again", "--reason", "they say it comes"]).await;
    is_resolved(&stand, "ask_again", "they say it comes").await;
    stand.work_off(&[]).await;
    assert_eq!(stand.announced("o-1").await, ["processing", "review", "processing", "fulfilled"]);
    let purchases = stand.purchases();
    assert_eq!(purchases.len(), 1, "{purchases:?}");
    assert_eq!(stand.opened("o-1").await, keys_of(&purchases));
    stand.end().await;
}

/// A top-up has no keys: it was made, and this is its receipt.
#[tokio::test]
async fn a_top_up_is_delivered_with_its_receipt() {
    let for_ever = Mood { pending_for_ever: 1.0, ..Mood::default() };
    let mut stand = Stand::open(&[Protocol::Kasushou], &for_ever, &[Route::to("credit", Protocol::Kasushou, 2)]).await;
    let recharge = "\"recharge\":{\"account\":\"13800138000\"},\"unit_price\"";
    let order = order("o-1", "credit", 1).replace("\"unit_price\"", recharge);
    bought_and_late(&mut stand, Protocol::Kasushou, &order, 2).await;
    let id = stand.review().await["review"].to_string();
    stand.write("given.txt", "AAAA-BBBB\n");
    let resolve = ["review", "resolve", id.as_str(), "--reason", "seen at theirs", "--as", "delivered"];
    let output = stand.run(65, &[&resolve[..], &["--keys", "given.txt"]].concat()).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("top-up"), "{output:?}");
    stand.run(0, &[&resolve[..], &["--receipt", "R-4711"]].concat()).await;
    stand.work_off(&[]).await;
    assert_eq!(stand.announced("o-1").await, ["processing", "review", "fulfilled"]);
    let told = String::from_utf8(stand.run(0, &["order", "show", "o-1"]).await.stdout).unwrap();
    assert!(told.contains("R-4711"), "{told}");
    stand.end().await;
}

/// A lie that holds no line: the surplus is in stock, and the review is noted.
#[tokio::test]
async fn a_surplus_goes_into_stock_and_is_noted() {
    let lies = Mood { too_many: 1.0, ..Mood::default() };
    let stand = Stand::open(&[Protocol::Kasushou], &lies, &[Route::to("game", Protocol::Kasushou, 0)]).await;
    stand.work_off(&[order("o-1", "game", 2)]).await;
    assert_eq!(stand.announced("o-1").await, ["processing", "fulfilled"]);
    let review = stand.review().await;
    assert_eq!((&review["kind"], &review["holds_its_line"]), (&"too_many".into(), &false.into()), "{review}");
    let audit = stand.ask(&["audit"]).await;
    assert_eq!((&audit["imported"], &audit["sold"], &audit["available"]), (&3.into(), &2.into(), &1.into()), "{audit}");

    let id = review["review"].to_string();
    let output = stand.run(65, &["review", "resolve", &id, "--as", "refused", "--reason", "x"]).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("can only be noted"), "{output:?}");
    stand.run(0, &["review", "resolve", &id, "--as", "noted", "--reason", "they were told"]).await;
    is_resolved(&stand, "noted", "they were told").await;
    assert_eq!(stand.announced("o-1").await, ["processing", "fulfilled"]);
    // The surplus fills the next order's line; nothing is bought for it.
    stand.work_off(&[order("o-2", "game", 1)]).await;
    assert_eq!(stand.announced("o-2").await, ["fulfilled"]);
    assert_eq!(stand.purchases().len(), 1);
    stand.end().await;
}
