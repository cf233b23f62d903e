//! `fulfil supplier check` and `fulfil supplier list`.

use serde_json::Value;
use supplier_doubles::{Mood, Protocol};

use crate::stand::{Route, Stand};

#[tokio::test]
async fn suppliers_are_checked_without_buying() {
    let routes: Vec<Route> = Protocol::ALL
        .iter()
        .zip(["a", "b", "c", "d", "e"])
        .map(|(protocol, sku)| Route::to(sku, *protocol, 0))
        .collect();
    let stand = Stand::open(&Protocol::ALL, &Mood::default(), &routes).await;
    let checked = stand.ask(&["supplier", "check"]).await;
    let checked = checked.as_array().unwrap();
    assert_eq!(checked.len(), 6, "{checked:?}");
    for supplier in checked {
        assert_eq!(supplier["ok"], true, "{supplier}");
        let name = supplier["supplier"].as_str().unwrap();
        // Described by its configuration, which says nothing of a balance.
        let balance = if name == "dujiao" { Value::Null } else { 10_000_000_000_u64.into() };
        assert_eq!(supplier["balance"], balance, "{supplier}");
        // Nothing is bought from top_ups, so it is asked about nothing.
        assert_eq!(supplier["products"].as_array().unwrap().len(), usize::from(name != "top_ups"), "{supplier}");
    }
    let kasushou = checked.iter().find(|supplier| supplier["supplier"] == "kasushou").unwrap();
    assert_eq!(
        (&kasushou["products"][0]["unit_price"], &kasushou["products"][0]["stock"]),
        (&1000.into(), &1_000_000.into()),
        "{kasushou}"
    );
    let one = stand.ask(&["supplier", "check", "kinguin"]).await;
    assert_eq!((one.as_array().unwrap().len(), &one[0]["supplier"]), (1, &"kinguin".into()), "{one}");

    let told = stand.run(0, &["supplier", "check"]).await;
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(text.contains("kasushou") && text.contains("1000 CNY minor units"), "{text}");
    let unknown = stand.run(64, &["supplier", "check", "nobody"]).await;
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no supplier nobody is configured"), "{unknown:?}");
    assert!(stand.purchases().is_empty());
    let buys: Vec<_> =
        stand.market.stalls.iter().flat_map(|stall| stall.double.calls()).filter(|call| call.kind == "buy").collect();
    assert_eq!(buys, [], "a check bought");
    stand.run_nothing_and_end().await;
}

/// One that is not there fails the check, and the others are told all the same; a wrong key too.
#[tokio::test]
async fn a_supplier_that_does_not_answer_fails_the_check() {
    let routes = [Route::to("a", Protocol::Kinguin, 0), Route::to("b", Protocol::AcgFaka, 0)];
    let mut stand = Stand::open(&[Protocol::Kinguin, Protocol::AcgFaka], &Mood::default(), &routes).await;
    stand.double(Protocol::Kinguin).go_dark().await;
    let output = stand.run(69, &["supplier", "check", "--format", "json"]).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 of 2 suppliers"), "{output:?}");
    let checked = crate::shop::last_json(&output);
    let of = |name: &str| checked.as_array().unwrap().iter().find(|one| one["supplier"] == name).unwrap().clone();
    assert_eq!((&of("kinguin")["ok"], &of("acg_faka")["ok"]), (&false.into(), &true.into()), "{checked}");
    assert!(of("kinguin")["problem"].as_str().unwrap().contains("can't be reached"), "{checked}");
    stand.run(69, &["supplier", "check", "kinguin"]).await;
    stand.run(0, &["supplier", "check", "acg_faka"]).await;

    stand.double(Protocol::Kinguin).come_back().await;
    stand.run(0, &["supplier", "check"]).await;
    stand.set("FULFIL_SUPPLIERS__ACG_FAKA__APP_KEY", "another key of the shop");
    let output = stand.run(69, &["supplier", "check"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("credentials") && !text.contains("another key of the shop"), "{text}");
    stand.run_nothing_and_end().await;
}

/// What is configured is listed without a worker too; that nobody told its health is said.
#[tokio::test]
async fn suppliers_are_listed_without_a_worker() {
    let routes = [Route::to("a", Protocol::Kinguin, 0), Route::to("b", Protocol::Kinguin, 0)];
    let mut stand = Stand::open(&[Protocol::Kinguin], &Mood::default(), &routes).await;
    let output = stand.run(69, &["supplier", "list", "--format", "json"]).await;
    let listed = crate::shop::last_json(&output);
    assert_eq!((&listed[0]["supplier"], &listed[0]["skus"]), (&"kinguin".into(), &2.into()), "{listed}");
    assert!(listed[0]["breaker"].is_null(), "{listed}");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("--worker HOST:PORT") && text.contains("fulfil supplier check"), "{text}");

    stand.set("FULFIL_ADMIN__LISTEN", "127.0.0.1:1");
    let output = stand.run(69, &["supplier", "list"]).await;
    assert!(String::from_utf8_lossy(&output.stdout).contains("kinguin"), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no worker answers at 127.0.0.1:1"), "{output:?}");
    stand.run_nothing_and_end().await;
}

#[tokio::test]
async fn that_no_supplier_is_configured_is_said() {
    let stand = Stand::open(&[], &Mood::default(), &[]).await;
    for command in ["check", "list"] {
        let told = stand.run(0, &["supplier", command]).await;
        let text = String::from_utf8(told.stdout).unwrap();
        assert_eq!(text, "No supplier is configured: a [suppliers.NAME] section makes one.\n");
        assert_eq!(stand.ask(&["supplier", command]).await, serde_json::json!([]));
    }
    stand.run_nothing_and_end().await;
}
