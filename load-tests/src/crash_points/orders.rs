//! The orders of one case: most of stock, some bought, a few that come twice, one next to the other or later.

use super::spots::Scene;

/// It is loaded in more than one part.
const BIG: &str = "card-big";
/// Keys of it that are left when every case is over: more than one part.
const BIG_LEFT: u64 = 5_200;
/// Keys of this SKU are offered again once they are sold.
pub(super) const SOLD: &str = "card-sold";
/// So many of each file that is imported while workers run.
pub(super) const IMPORTED: u64 = 60;

/// How many keys of which SKU so many cases of so many orders may take.
pub(super) fn stocked(cases: u64, orders: u64) -> [(&'static str, u64); 4] {
    let each = 200 + cases * orders * 3 / 2;
    [("card-a", each), ("card-b", each), (BIG, BIG_LEFT + cases * orders / 2), (SOLD, each / 2 + orders)]
}

/// What one case publishes.
#[derive(Debug)]
pub(super) struct Orders {
    /// Before the workers start, and while they work.
    pub(super) before: Vec<Vec<u8>>,
    pub(super) then: Vec<Vec<u8>>,
    /// Distinct order ids.
    pub(super) ids: Vec<String>,
}

/// `prefix` stands before every order id; `new_sku` is one that is imported meanwhile.
pub(super) fn orders(prefix: &str, count: u64, scene: Scene, new_sku: Option<&str>) -> Orders {
    let bodies: Vec<(String, Vec<u8>)> = (0..count)
        .map(|number| {
            let id = format!("{prefix}{number:03}");
            let body = body(&id, &lines(number, scene, new_sku));
            (id, body.into_bytes())
        })
        .collect();
    let (mut before, mut then) = (Vec::new(), Vec::new());
    for (number, (_, body)) in bodies.iter().enumerate() {
        let part = if number.is_multiple_of(2) { &mut before } else { &mut then };
        part.push(body.clone());
        if number % 20 == 4 {
            part.push(body.clone()); // its twin, most likely in the same batch
        }
        if number % 20 == 8 {
            then.push(body.clone());
        }
    }
    Orders { before, then, ids: bodies.into_iter().map(|(id, _)| id).collect() }
}

/// How many keys of [`SOLD`] they want.
pub(super) fn wanted_of_sold(count: u64, scene: Scene) -> u64 {
    (0..count).flat_map(|number| lines(number, scene, None)).filter(|(sku, _)| sku == SOLD).map(|(_, keys)| keys).sum()
}

fn lines(number: u64, scene: Scene, new_sku: Option<&str>) -> Vec<(String, u64)> {
    let line = |sku: &str, quantity| (sku.to_owned(), quantity);
    if let Some(sku) = bought(number, scene) {
        return vec![line(sku, 1 + number % 3)];
    }
    if let Some(sku) = of_the_scene(number, scene, new_sku) {
        return vec![line("card-a", 1), line(sku, 1)];
    }
    match number % 9 {
        0 => vec![line("card-b", 1), line("from-kasushou", 1)],
        7 => vec![line("card-a", 1), line("card-b", 2)],
        rest => vec![line(if rest < 4 { "card-a" } else { "card-b" }, 1 + number % 3)],
    }
}

/// Where it is about suppliers, more is bought there.
fn bought(number: u64, scene: Scene) -> Option<&'static str> {
    match scene {
        Scene::RepliesLost | Scene::CalledBack | Scene::CalledBackLate => {
            number.is_multiple_of(2).then_some("from-kasushou")
        }
        Scene::RepliesLostBlindly => number.is_multiple_of(2).then_some("from-dujiao"),
        Scene::Plain
        | Scene::Redelivered(_)
        | Scene::SoldOffered
        | Scene::ResultsRefused
        | Scene::Flushed
        | Scene::FunctionsGone
        | Scene::AnotherLife
        | Scene::DeadWorkers
        | Scene::LeaseLost
        | Scene::Import => match number % 10 {
            2 => Some("from-kasushou"),
            6 => Some("from-dujiao"),
            _ => None,
        },
    }
}

fn of_the_scene(number: u64, scene: Scene, new_sku: Option<&str>) -> Option<&str> {
    match scene {
        Scene::SoldOffered => number.is_multiple_of(4).then_some(SOLD),
        Scene::Flushed => number.is_multiple_of(4).then_some(BIG),
        Scene::Import => new_sku.filter(|_| number.is_multiple_of(4)),
        Scene::Plain
        | Scene::Redelivered(_)
        | Scene::ResultsRefused
        | Scene::RepliesLost
        | Scene::RepliesLostBlindly
        | Scene::CalledBack
        | Scene::CalledBackLate
        | Scene::FunctionsGone
        | Scene::AnotherLife
        | Scene::DeadWorkers
        | Scene::LeaseLost => None,
    }
}

fn body(id: &str, lines: &[(String, u64)]) -> String {
    let lines: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(at, (sku, quantity))| {
            format!(r#"{{"line_no":{},"sku":"{sku}","quantity":{quantity},"unit_price":1500}}"#, at + 1)
        })
        .collect();
    format!(
        r#"{{"order_id":"{id}","merchant_id":"m-01","placed_at":"2026-01-01T00:00:00Z","currency":"USD","lines":[{}]}}"#,
        lines.join(",")
    )
}

/// A key file; `seed` stands in every key.
pub(super) fn key_file(skus: &[(&str, u64)], seed: &str) -> String {
    let mut text = "sku,key\n".to_owned();
    for (sku, keys) in skus {
        for number in 0..*keys {
            text.push_str(&format!("{sku},{}-{seed}-{number:06}-KEY\n", sku.to_uppercase()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_published_and_some_twice() {
        for scene in [Scene::Plain, Scene::SoldOffered, Scene::RepliesLost, Scene::RepliesLostBlindly] {
            let orders = orders("x-", 100, scene, None);
            let published: Vec<&Vec<u8>> = orders.before.iter().chain(&orders.then).collect();
            let distinct: std::collections::HashSet<_> = published.iter().collect();
            assert_eq!((orders.ids.len(), distinct.len(), published.len()), (100, 100, 110));
            assert!(published.iter().any(|body| String::from_utf8_lossy(body).contains("from-")));
        }
        assert_eq!(wanted_of_sold(100, Scene::Plain), 0);
        assert!((10..=30).contains(&wanted_of_sold(100, Scene::SoldOffered)));
    }
}
