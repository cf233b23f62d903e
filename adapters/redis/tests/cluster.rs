//! The suite over one node of a Redis Cluster that holds every slot: the server refuses a call whose keys
//! lie in two slots, so this shows that ours never do. It does not show that calls find their node among
//! several; the client here knows one server.
#![expect(clippy::unwrap_used, reason = "tests: a call that fails is a test that fails")]

use std::{
    fs::OpenOptions,
    io::Write,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use fulfil_redis::Redis;
use private_servers::Server;

fulfil_contract::stock_suite!(fresh);

async fn fresh() -> (Redis, ()) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let prefix = format!("case-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    (Redis::with_prefix(&node().url(), Duration::from_secs(20), &prefix).unwrap(), ())
}

/// Without this the suite would show nothing.
#[test]
fn the_node_refuses_keys_of_two_slots() {
    let mut connection = redis::Client::open(node().url()).unwrap().get_connection().unwrap();
    let moved = redis::cmd("MSET").arg(&["{a}1", "", "{b}1", ""]).exec(&mut connection);
    assert_eq!(moved.unwrap_err().code(), Some("CROSSSLOT"));
    redis::cmd("MSET").arg(&["{a}1", "", "{a}2", ""]).exec(&mut connection).unwrap();
}

fn node() -> &'static private_servers::Redis {
    static NODE: OnceLock<private_servers::Redis> = OnceLock::new();
    NODE.get_or_init(|| {
        let server = private_servers::Redis::start().unwrap();
        // Its bus gets the port of another server that has just ended: by default the bus is 10,000 higher.
        let other = private_servers::Redis::start().unwrap();
        let bus = other.url().rsplit_once(':').unwrap().1.to_owned();
        drop(other);
        let folder = server.aof_dir().parent().unwrap().to_owned();
        let mut configuration = OpenOptions::new().append(true).open(folder.join("redis.conf")).unwrap();
        configuration.write_all(format!("cluster-enabled yes\ncluster-port {bus}\n").as_bytes()).unwrap();
        server.restart().unwrap();
        let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        redis::cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(0).arg(16_383).exec(&mut connection).unwrap();
        let begin = Instant::now();
        loop {
            let info: String = redis::cmd("CLUSTER").arg("INFO").query(&mut connection).unwrap();
            if info.contains("cluster_state:ok") {
                break server;
            }
            assert!(begin.elapsed() < Duration::from_secs(30), "{info}");
            std::thread::sleep(Duration::from_millis(10));
        }
    })
}
