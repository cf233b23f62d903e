//! Servers that go away, come back older or empty, or refuse; workers that are killed. Small runs of what
//! load-tests/ does at full size, each on servers of its own where the fault needs them.

use std::{path::PathBuf, time::Duration};

use fulfil_load_tests::{
    cuts,
    generate::{self, KEYS_FILE, ORDERS_FILE},
    kills::{Fault, Plan, run},
    own_servers::Place,
    sent::lines,
};
use private_servers::{Server, Servers};

use crate::shop::{Shop, mix, outcomes, until};

async fn killed_with(fault: Fault, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut orders = mix(1500);
    orders.seed = seed;
    generate::write(folder.path(), &orders).unwrap();
    let plan = Plan {
        fulfil: PathBuf::from(env!("CARGO_BIN_EXE_fulfil")),
        place: Place::Private,
        orders: folder.path().join(ORDERS_FILE),
        keys: folder.path().join(KEYS_FILE),
        kills: 8,
        workers: 2,
        lanes: 2,
        within: Duration::from_millis(60),
        fault,
        seed,
        folder: folder.path().to_owned(),
    };
    let report = run(&plan).await.unwrap();
    assert!(report.verdict.clean, "{report:#?}");
    assert_eq!(report.kills, 8, "{report:#?}");
}

#[tokio::test]
async fn workers_are_killed() {
    killed_with(Fault::None, 11).await;
}

#[tokio::test]
async fn workers_are_killed_and_redis_forgets_everything() {
    killed_with(Fault::Flushall, 12).await;
}

#[tokio::test]
async fn workers_are_killed_and_redis_comes_back_older() {
    killed_with(Fault::OldAof, 13).await;
}

#[tokio::test]
async fn workers_are_killed_and_rabbitmq_and_postgres_restart() {
    killed_with(Fault::RestartServers, 14).await;
}

/// After COMMIT was sent, and anywhere in the bytes of any connection.
#[tokio::test]
async fn connections_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let plan = cuts::Plan {
        fulfil: PathBuf::from(env!("CARGO_BIN_EXE_fulfil")),
        kinds: vec![cuts::Kind::Commit, cuts::Kind::Random],
        cuts: Some(15),
        workers: 2,
        lanes: 2,
        batch: 8,
        silence: Duration::from_secs(1),
        limit: Duration::from_secs(300),
        seed: 15,
        folder: folder.path().to_owned(),
    };
    let report = cuts::run(&plan).await.unwrap();
    assert!(report.clean, "{report:#?}");
}

/// Redis stands still from the first order to the last: the ledger takes.
#[tokio::test]
async fn without_redis_the_ledger_takes() {
    let shop = Shop::open(1).await;
    let expected = shop.make(&mix(300)).await;
    shop.publish().await;
    shop.redis.pause().unwrap();
    let counts = shop.work_until_empty(1).await;
    assert_eq!(counts.of("fulfilled"), expected.orders, "{}", shop.logs());
    shop.redis.resume().unwrap();
    let verdict = shop.judge().await;
    assert!(verdict.clean, "{verdict:#?}");
}

/// Results that the broker refuses are owed by a row; the deliveries are acknowledged, and the sweep pays.
#[tokio::test]
async fn refused_results_are_owed_and_paid() {
    let shop = Shop::open(1).await;
    let mut orders = mix(200);
    (orders.conflicts, orders.broken) = (0, 0);
    shop.make(&orders).await;
    let host = shop.source.rsplit('/').next().unwrap().to_owned();
    let ctl = |arguments: Vec<String>| async move {
        tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            Servers::shared().unwrap().rabbitmq.ctl(&arguments).unwrap();
        })
        .await
        .unwrap();
    };
    let policy = r#"{"max-length":1,"overflow":"reject-publish"}"#;
    let set = ["set_policy", "-p", &host, "full", "^results$", policy, "--apply-to", "queues"];
    ctl(set.map(str::to_owned).to_vec()).await;
    let file = shop.folder().join(ORDERS_FILE);
    let mut orders = lines(&file).unwrap().map(Result::unwrap);
    let (mut worker, admin) = shop.start_worker(&[]).await;
    // A queue takes what is published at once, and says that it is full after that.
    shop.publish_these(orders.by_ref().take(20)).await;
    until("the queue is full", || async { outcomes(admin).await >= 20.0 }).await;
    shop.publish_these(orders).await;
    until("results are owed", || async {
        fulfil_load_tests::scrape::metrics(admin)
            .await
            .is_ok_and(|samples| samples.get("fulfil_results_owed_total") > 0.0)
    })
    .await;
    ctl(["clear_policy", "-p", &host, "full"].map(str::to_owned).to_vec()).await;
    until("every order is handled", || async { outcomes(admin).await >= 220.0 }).await;
    let verdict = shop.judge().await;
    assert!(verdict.clean, "{verdict:#?}\n{}", shop.logs());
    fulfil_load_tests::program::stop(&mut worker, Duration::from_secs(40)).await.unwrap();
}
