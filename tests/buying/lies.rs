//! Suppliers that say what is not so.

use std::collections::BTreeSet;

use supplier_doubles::{Mood, Protocol};

use crate::{
    shop::order,
    stand::{Route, Stand, keys_of},
};

/// A key that it sold before is kept apart, and the rest is bought, in the end from another; nobody gets it twice.
#[tokio::test]
async fn a_key_that_was_sold_before_is_refused() {
    let routes = [Route::to("game", Protocol::AcgFaka, 0), Route::to("game", Protocol::Dujiao, 0)];
    let stand = Stand::open(&[Protocol::AcgFaka, Protocol::Dujiao], &Mood::default(), &routes).await;
    stand.work_off(&[order("o-1", "game", 2)]).await;
    stand.double(Protocol::AcgFaka).set_mood(Mood { known_keys: 1.0, ..Mood::default() }).unwrap();
    stand.work_off(&[order("o-2", "game", 2)]).await;
    for id in ["o-1", "o-2"] {
        let shown = stand.order(id).await;
        assert_eq!(shown["status"], "fulfilled", "{shown}");
    }
    let (first, second) = (stand.opened("o-1").await, stand.opened("o-2").await);
    let all: BTreeSet<&String> = first.iter().chain(&second).collect();
    assert_eq!((first.len(), second.len(), all.len()), (2, 2, 4), "{first:?} {second:?}");
    let reviews = stand.ask(&["review", "list"]).await;
    let reviews = reviews.as_array().unwrap();
    assert!(reviews.iter().any(|review| review["kind"] == "known_key"), "{reviews:?}");
    for review in reviews {
        assert_eq!((&review["supplier"], &review["holds_its_line"]), (&"acg_faka".into(), &false.into()), "{review}");
    }
    stand.end().await;
}

/// Too few: the rest is bought once the first is final, and the line is whole.
#[tokio::test]
async fn too_few_and_the_rest_is_bought() {
    let lies = Mood { too_few: 1.0, ..Mood::default() };
    let stand = Stand::open(&[Protocol::Kasushou], &lies, &[Route::to("game", Protocol::Kasushou, 0)]).await;
    stand.work_off(&[order("o-1", "game", 3)]).await;
    let shown = stand.order("o-1").await;
    assert_eq!(shown["status"], "fulfilled", "{shown}");
    let purchases = stand.purchases();
    // A single key is never one too few.
    assert_eq!(purchases.iter().map(|purchase| purchase.quantity).collect::<Vec<_>>(), [3, 1], "{purchases:?}");
    assert_eq!(stand.opened("o-1").await, keys_of(&purchases));
    assert_eq!(stand.review().await["kind"], "too_few");
    stand.end().await;
}
