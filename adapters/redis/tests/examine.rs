//! Each finding is provoked once, on a server of its own.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests: a call that fails is a test that fails")]

use std::time::{Duration, Instant};

use fulfil_contract::{
    examination::{Examination, Finding, Grade},
    ports::stock::StockLoading,
};
use fulfil_redis::{Redis, examine};
use private_servers::Server;

/// A worker's time-out. Long, so that a busy machine is no finding.
const LIMIT: Duration = Duration::from_secs(20);
/// For anything that is waited for.
const LONG: Duration = Duration::from_secs(20);

struct Site {
    server: private_servers::Redis,
    url: String,
}

impl Site {
    fn new() -> Self {
        let server = private_servers::Redis::start().unwrap();
        let url = server.url();
        Self { server, url }
    }

    /// With the functions.
    async fn ready() -> Self {
        let site = Self::new();
        Redis::new(&site.url, LONG).unwrap().install().await.unwrap();
        site
    }

    async fn tell(&self, command: &[&str]) {
        let client = redis::Client::open(self.url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut told = redis::cmd(command[0]);
        told.arg(&command[1..]);
        told.query_async::<redis::Value>(&mut connection).await.unwrap();
    }

    async fn look(&self) -> Examination {
        examine(&self.url, LIMIT).await
    }
}

#[track_caller]
fn finding<'e>(examination: &'e Examination, id: &str) -> &'e Finding {
    let found = examination.findings.iter().find(|finding| finding.check.id == id);
    found.unwrap_or_else(|| panic!("no finding {id}: {examination:#?}"))
}

/// It has this grade and this line that mends it, and nothing else is wrong.
#[track_caller]
fn alone(examination: &Examination, id: &str, grade: Grade, line: &str) {
    let found = finding(examination, id);
    assert_eq!(found.grade, grade, "{found:?}");
    assert!(found.mend.iter().any(|mend| mend.line.contains(line)), "{found:?}");
    let others: Vec<&Finding> =
        examination.findings.iter().filter(|other| other.check.id != id && other.grade != Grade::Ok).collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[tokio::test]
async fn a_good_server_is_well() {
    let site = Site::ready().await;
    let examination = site.look().await;
    assert_eq!(examination.grade(), Grade::Ok, "{examination:#?}");
    assert_eq!(examination.findings.len(), 11, "{examination:#?}");
    assert!(site.url.ends_with(&examination.place), "{}", examination.place);
    // Looking leaves nothing behind.
    let client = redis::Client::open(site.url.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    assert_eq!(redis::cmd("DBSIZE").query_async::<i64>(&mut connection).await.unwrap(), 0);
}

#[tokio::test]
async fn what_redis_conf_says_otherwise() {
    let site = Site::ready().await;
    for (setting, bad, good, id) in [
        ("appendonly", "no", "yes", "redis.appendonly"),
        ("appendfsync", "no", "everysec", "redis.appendfsync"),
        ("maxmemory-policy", "allkeys-lru", "noeviction", "redis.maxmemory_policy"),
    ] {
        site.tell(&["CONFIG", "SET", setting, bad]).await;
        alone(&site.look().await, id, Grade::Broken, &format!("{setting} {good}"));
        site.tell(&["CONFIG", "SET", setting, good]).await;
    }
    site.tell(&["CONFIG", "SET", "maxmemory", "1000000"]).await;
    alone(&site.look().await, "redis.memory", Grade::Warning, "maxmemory ");
}

#[tokio::test]
async fn missing_functions() {
    let site = Site::new();
    alone(&site.look().await, "redis.functions", Grade::Broken, "fulfil migrate");
    let older = "#!lua name=fulfil\nredis.register_function{function_name='fulfil_version', \
                 callback=function() return 0 end, flags={'no-writes'}}";
    site.tell(&["FUNCTION", "LOAD", older]).await;
    alone(&site.look().await, "redis.functions", Grade::Broken, "fulfil migrate");
}

#[tokio::test]
async fn a_replica() {
    let (master, site) = (Site::ready().await, Site::ready().await);
    let port = master.url.rsplit(':').next().unwrap();
    site.tell(&["REPLICAOF", "127.0.0.1", port]).await;
    let examination = site.look().await;
    let role = finding(&examination, "redis.role");
    assert_eq!(role.grade, Grade::Broken);
    assert!(role.found.contains(&format!("slave of 127.0.0.1:{port}")), "{role:?}");
}

/// `shop` has these rules; the URL is its own from then on.
async fn as_shop(site: &mut Site, rules: &[&str]) {
    site.url = site.server.url();
    site.tell(&[&["ACL", "SETUSER", "shop", "on", ">pw"][..], rules].concat()).await;
    site.url = site.url.replace("redis://", "redis://shop:pw@");
}

/// Gives redis-cli's lines of a finding to the server, as its owner.
async fn mend(site: &mut Site, found: &Finding) {
    let ours = std::mem::replace(&mut site.url, site.server.url());
    for mend in &found.mend {
        assert_eq!(mend.place, "redis-cli");
        site.tell(&mend.line.split(' ').collect::<Vec<_>>()).await;
    }
    site.url = ours;
}

const SHOP: [&str; 5] = ["~fulfil:*", "+@all", "-@admin", "-@dangerous", "+info"];

#[tokio::test]
async fn what_a_user_may_not_see_was_not_asked() {
    let mut site = Site::ready().await;
    as_shop(&mut site, &SHOP).await;
    let examination = site.look().await;
    // May do everything, and not see one setting.
    alone(&examination, "redis.appendfsync", Grade::NotAsked, "ACL SETUSER shop +config|get");
    assert!(!examination.place.contains("pw"), "{}", examination.place);
    mend(&mut site, finding(&examination, "redis.appendfsync")).await;
    assert_eq!(site.look().await.grade(), Grade::Ok);

    // Each thing that INFO tells; workers need it too.
    as_shop(&mut site, &["-info"]).await;
    let examination = site.look().await;
    let unseen = ["version", "role", "appendonly", "persistence", "maxmemory_policy", "memory"];
    for id in unseen {
        let found = finding(&examination, &format!("redis.{id}"));
        assert_eq!(
            (found.grade, found.mend[0].line.as_str()),
            (Grade::NotAsked, "ACL SETUSER shop +info"),
            "{found:?}"
        );
    }
    assert_eq!(finding(&examination, "redis.permissions").grade, Grade::Broken, "{examination:#?}");
    mend(&mut site, finding(&examination, "redis.version")).await;
    assert_eq!(site.look().await.grade(), Grade::Ok);

    for (rule, id) in [("-fcall_ro", "redis.functions"), ("-multi", "redis.permissions")] {
        as_shop(&mut site, &[rule]).await;
        let examination = site.look().await;
        let found = finding(&examination, id);
        assert_eq!(found.grade, Grade::NotAsked, "{found:?}");
        mend(&mut site, found).await;
        assert_eq!(site.look().await.grade(), Grade::Ok);
    }
}

#[tokio::test]
async fn a_user_who_may_not() {
    let mut site = Site::ready().await;
    as_shop(&mut site, &[&SHOP[..], &["-function", "-rpush", "-fcall"]].concat()).await;
    let found = site.look().await;
    let permissions = finding(&found, "redis.permissions");
    assert_eq!(permissions.grade, Grade::Broken);
    assert!(permissions.found.ends_with("may not: RPUSH, FUNCTION LOAD, FCALL"), "{permissions:?}");
    mend(&mut site, permissions).await;
    assert_eq!(site.look().await.grade(), Grade::Ok);

    // The keys are another prefix's.
    as_shop(&mut site, &["resetkeys", "~other:*", "+@all"]).await;
    let found = site.look().await;
    assert!(finding(&found, "redis.permissions").found.contains("HGET, "), "{found:#?}");

    site.url = site.url.replace(":pw@", ":other@");
    let found = site.look().await;
    assert_eq!((found.grade(), found.findings.len()), (Grade::NotAsked, 1), "{found:#?}");
}

#[tokio::test]
async fn a_server_that_is_gone_or_silent_is_not_asked_and_not_waited_for() {
    let site = Site::ready().await;
    site.server.pause().unwrap();
    let begun = Instant::now();
    let found = site.look().await;
    assert_eq!((found.grade(), found.findings.len()), (Grade::NotAsked, 1), "{found:#?}");
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
    site.server.resume().unwrap();
    site.server.kill().unwrap();
    assert_eq!(site.look().await.grade(), Grade::NotAsked);
}

#[tokio::test]
async fn a_server_that_is_slow_for_the_time_out() {
    let site = Site::ready().await;
    let examination = examine(&site.url, Duration::from_nanos(1)).await;
    alone(&examination, "redis.latency", Grade::Warning, "timeout_ms = 100");
}
