//! What stock can't fill, bought by workers on servers: each order once, whatever dies on the way. The judges are
//! the doubles' own logs.

use std::{fs, net::SocketAddr, time::Duration};

use fulfil_load_tests::{
    market::{Market, Terms},
    program::{free_address, stop},
};
use private_servers::Server;
use serde_json::Value;
use supplier_doubles::{Callbacks, Credentials, Double, Millis, Mood, PendingTime, Protocol, Purchase};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::shop::{Shop, until};

const SKU: &str = "game";
/// What every key of a double begins with.
const KEYS_BEGIN: &str = "KS-";

/// A shop and the supplier that it buys from.
struct Trade {
    shop: Shop,
    market: Market,
}

impl Trade {
    async fn open(mut shop: Shop, protocol: Protocol, mood: &Mood, terms: Terms) -> Self {
        let market = Market::open(&[protocol], 5, mood).await.unwrap();
        let file = shop.folder().join("suppliers.toml");
        market.write_configuration(&file, &[SKU.to_owned()], &[], &terms).unwrap();
        shop.program.set("CONFIG", &file.to_string_lossy());
        shop.program.set("LOG__LEVEL", "debug");
        Self { shop, market }
    }

    fn double(&self) -> &Double {
        &self.market.stalls[0].double
    }

    fn purchases(&self) -> Vec<Purchase> {
        self.double().log().purchases
    }

    fn calls(&self, kind: &str) -> usize {
        self.double().calls().iter().filter(|call| call.kind == kind).count()
    }

    /// Orders of one key each.
    async fn publish(&self, orders: usize) {
        self.shop.publish_these((0..orders).map(|number| order(&id(number)))).await;
    }

    async fn status(&self, number: usize) -> String {
        let arguments = ["order", "show", &id(number), "--format", "json"];
        match self.shop.program.json(&arguments).await {
            Ok(shown) => shown["status"].as_str().unwrap().to_owned(),
            // Not recorded yet, or the ledger is away.
            Err(_) => String::new(),
        }
    }

    async fn until_fulfilled(&self, orders: usize) {
        for number in 0..orders {
            until(&format!("{} is fulfilled", id(number)), || async { self.status(number).await == "fulfilled" }).await;
        }
    }

    /// Every order has one purchase and one key, of those that the double sold; every result was announced; no key
    /// is in a log.
    async fn end(self, orders: usize) {
        let mut sold: Vec<String> =
            self.purchases().into_iter().flat_map(|purchase| purchase.keys).map(|key| key.secret).collect();
        assert_eq!((self.purchases().len(), sold.len()), (orders, orders), "{}", self.shop.logs());
        let results = self.shop.final_results(orders).await;
        let file = self.shop.folder().join("results.json");
        fs::write(&file, results.join("\n")).unwrap();
        let key = self.shop.folder().join("private.key");
        let opened = ["open", &file.to_string_lossy(), "--key", &key.to_string_lossy(), "--format", "json"];
        let opened = self.shop.program.run(&opened).await.unwrap();
        let keys = opened.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut keys: Vec<String> = keys.map(|key| key["key"].as_str().unwrap().to_owned()).collect();
        keys.sort();
        sold.sort();
        assert_eq!(keys, sold);
        let audit = self.shop.program.audit().await.unwrap();
        assert!(audit.ok, "{audit:?}");
        assert!(!self.shop.logs().contains(KEYS_BEGIN), "a key was logged");
    }
}

fn id(number: usize) -> String {
    format!("buy-{number:03}")
}

fn order(id: &str) -> String {
    format!(
        r#"{{"order_id":"{id}","merchant_id":"m-01","placed_at":"2026-11-11T00:00:00Z","currency":"CNY","lines":[{{"line_no":1,"sku":"{SKU}","quantity":1,"unit_price":1500}}],"buyer":{{"account":"u-1","ip":"198.51.100.1"}}}}"#
    )
}

fn quick() -> Terms {
    Terms {
        lease: Duration::from_secs(5),
        line: Duration::from_secs(100),
        timeout: Duration::from_secs(3),
        ..Terms::default()
    }
}

/// Waits until the supplier has taken a purchase whose answer is still under way.
async fn until_bought(trade: &Trade, purchases: usize) {
    until("a purchase is under way", || async { trade.purchases().len() >= purchases }).await;
}

#[tokio::test]
async fn a_worker_buys() {
    let trade = Trade::open(Shop::open(2).await, Protocol::Kasushou, &Mood::default(), quick()).await;
    trade.publish(20).await;
    let (mut worker, admin) = trade.shop.start_worker(&[]).await;
    trade.until_fulfilled(20).await;
    let listed = ["supplier", "list", "--worker", &admin.to_string(), "--format", "json"];
    let listed = trade.shop.program.json(&listed).await.unwrap();
    let supplier = &listed[0];
    assert_eq!((&supplier["supplier"], &supplier["breaker"]), (&"kasushou".into(), &"closed".into()), "{listed}");
    assert!(supplier["calls"].as_u64().unwrap() >= 20 && supplier["success"].as_f64().unwrap() > 0.9, "{listed}");
    until("the balance is known", || async {
        let listed = ["supplier", "list", "--worker", &admin.to_string(), "--format", "json"];
        trade.shop.program.json(&listed).await.unwrap()[0]["balance"].is_u64()
    })
    .await;
    assert_eq!(stop(&mut worker, Duration::from_secs(40)).await.unwrap(), Some(0));
    trade.end(20).await;
}

/// A line that nobody can settle waits for a person, who decides while workers run; what they announce next says so.
#[tokio::test]
async fn a_person_decides_while_a_worker_runs() {
    let lost = Mood { lost_after: 1.0, ..Mood::default() };
    let trade = Trade::open(Shop::open(1).await, Protocol::AcgFaka, &lost, quick()).await;
    trade.publish(1).await;
    let (mut worker, _) = trade.shop.start_worker(&[]).await;
    until("a person is asked", || async { trade.status(0).await == "review" }).await;
    let reviews = trade.shop.program.json(&["review", "list", "--format", "json"]).await.unwrap();
    assert_eq!((&reviews[0]["order_id"], &reviews[0]["kind"]), (&id(0).into(), &"unsettled".into()), "{reviews}");
    let review = reviews[0]["review"].to_string();
    fs::write(trade.shop.folder().join("given.txt"), &trade.purchases()[0].keys[0].secret).unwrap();
    let decided =
        ["review", "resolve", &review, "--as", "delivered", "--keys", "given.txt", "--reason", "they sent it"];
    trade.shop.program.run(&decided).await.unwrap();
    assert!(trade.shop.program.run(&decided).await.unwrap_err().to_string().contains("resolved already"));
    assert_eq!(trade.status(0).await, "fulfilled");
    trade.shop.final_results(1).await;
    assert_eq!(stop(&mut worker, Duration::from_secs(40)).await.unwrap(), Some(0));
    trade.end(1).await;
}

/// SIGTERM while a purchase is under way: its answer is waited for and committed, nothing else is begun.
#[tokio::test]
async fn a_worker_drains_with_a_purchase_under_way() {
    let slow = Mood { buy_latency: Millis::fixed(2_000), ..Mood::default() };
    // What takes longer than the time-out would be a review too.
    let terms = Terms { timeout: Duration::from_secs(20), lease: Duration::from_secs(25), ..quick() };
    let trade = Trade::open(Shop::open(1).await, Protocol::AcgFaka, &slow, terms).await;
    trade.publish(1).await;
    let (mut worker, _) = trade.shop.start_worker(&[]).await;
    until_bought(&trade, 1).await;
    assert_eq!(stop(&mut worker, Duration::from_secs(40)).await.unwrap(), Some(0), "{}", trade.shop.logs());
    // acg_faka can't be asked later: an answer that was not waited for would be a review.
    assert_eq!(trade.status(0).await, "fulfilled", "{}", trade.shop.logs());
    let (mut worker, admin) = trade.shop.start_worker(&[]).await;
    until("the worker is ready", || fulfil_load_tests::scrape::is_ready(admin)).await;
    trade.shop.final_results(1).await;
    assert_eq!(stop(&mut worker, Duration::from_secs(40)).await.unwrap(), Some(0));
    trade.end(1).await;
}

/// A worker dies when the supplier has sold and nothing of it is committed; another goes on.
#[cfg(feature = "crash-points")]
#[tokio::test]
async fn what_a_dead_worker_bought_is_not_bought_again() {
    for protocol in [Protocol::Kinguin, Protocol::Dujiao] {
        let trade = Trade::open(Shop::open(1).await, protocol, &Mood::default(), quick()).await;
        let mut crashing = trade.shop.program.clone();
        crashing.set("CRASH", &format!("bought:order_id: {},", id(0)));
        let log = trade.shop.folder().join("dying.log");
        let address = free_address().unwrap();
        let dying = crashing.start_worker(&[], address, &log, std::process::Stdio::piped()).unwrap();
        // Alone: what else is on its way when it dies may never have arrived, which Kinguin leaves to a person.
        trade.publish(1).await;
        let died = tokio::time::timeout(Duration::from_secs(60), dying.wait_with_output()).await.unwrap().unwrap();
        assert!(!died.status.success(), "{died:?}");
        assert!(fs::read_to_string(&log).unwrap().contains("crash point bought: dying"));
        assert_eq!(trade.purchases().len(), 1, "the supplier had not sold when it died");
        let (mut worker, _) = trade.shop.start_worker(&[]).await;
        trade.until_fulfilled(1).await;
        trade.shop.final_results(1).await;
        assert_eq!(stop(&mut worker, Duration::from_secs(40)).await.unwrap(), Some(0));
        trade.end(1).await;
    }
}

/// A callback wakes a line that would be asked about much later; one that is forged does nothing.
async fn woken_by_a_callback(protocol: Protocol) {
    let mut shop = Shop::open(1).await;
    // Only now: servers that start take ports too.
    let callbacks = free_address().unwrap();
    let name = protocol.as_str();
    let url = format!("http://{callbacks}/callbacks/{name}");
    let mood = Mood {
        pending_time: PendingTime { share: 1.0, millis: Millis::fixed(4_000) },
        callbacks: Some(Callbacks { url: Some(url), ..Callbacks::default() }),
        ..Mood::default()
    };
    // Without a callback it is asked after 45 s at the earliest.
    let terms = Terms { poll: Duration::from_secs(60), ..quick() };
    shop.program.set("CALLBACKS__LISTEN", &callbacks.to_string());
    let trade = Trade::open(shop, protocol, &mood, terms).await;
    trade.publish(1).await;
    let (mut worker, _) = trade.shop.start_worker(&[]).await;
    until_bought(&trade, 1).await;
    let reference = trade.purchases()[0].reference.clone();
    let asked = trade.calls("query");
    let mut stranger = trade.double().credentials();
    stranger.key.push('x');
    stranger.callback_secret.push('x');
    assert_eq!(post(&trade, &reference, &stranger, callbacks).await, 401);
    assert_eq!(trade.calls("query"), asked, "a forged callback had the supplier asked");

    let begun = std::time::Instant::now();
    trade.until_fulfilled(1).await;
    assert!(begun.elapsed() < Duration::from_secs(40), "it was found by itself, after {:?}", begun.elapsed());
    let taken = trade.double().calls().iter().any(|call| call.kind == "callback" && (200..300).contains(&call.status));
    assert!(taken, "{:?}", trade.double().calls());
    trade.shop.final_results(1).await;
    assert_eq!(stop(&mut worker, Duration::from_secs(40)).await.unwrap(), Some(0));
    trade.end(1).await;
}

/// Posts the callback of this reference, signed with these credentials; gives the status.
async fn post(trade: &Trade, reference: &str, credentials: &Credentials, to: SocketAddr) -> u16 {
    let callback = trade.double().callback(reference, credentials).expect("the protocol has callbacks");
    let name = trade.market.stalls[0].name;
    let mut request = format!(
        "POST /callbacks/{name} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\ncontent-length: {}\r\n",
        callback.body.len()
    );
    for (header, value) in &callback.headers {
        request.push_str(&format!("{header}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(&[request.as_bytes(), &callback.body].concat()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test]
async fn kinguins_callback_wakes_its_line() {
    woken_by_a_callback(Protocol::Kinguin).await;
}

#[tokio::test]
async fn kasushous_callback_wakes_its_line() {
    woken_by_a_callback(Protocol::Kasushou).await;
}

/// Postgres is gone for longer than the lease while purchases are under way: what was answered meanwhile is not
/// committed in time, and is found out, not bought again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_goes_away_while_a_purchase_is_under_way() {
    let slow = Mood { buy_latency: Millis::fixed(1_000), ..Mood::default() };
    let shop = Shop::with_own_postgres(1).await;
    let trade = Trade::open(shop, Protocol::Kasushou, &slow, quick()).await;
    trade.publish(3).await;
    let (mut worker, _) = trade.shop.start_worker(&[]).await;
    until_bought(&trade, 1).await;
    trade.shop.own_postgres.as_ref().unwrap().kill().unwrap();
    // The length of the outage, beyond every lease.
    tokio::time::sleep(Duration::from_secs(6)).await;
    tokio::task::block_in_place(|| trade.shop.own_postgres.as_ref().unwrap().restart()).unwrap();
    trade.until_fulfilled(3).await;
    trade.shop.final_results(3).await;
    assert_eq!(stop(&mut worker, Duration::from_secs(40)).await.unwrap(), Some(0), "{}", trade.shop.logs());
    trade.end(3).await;
}
