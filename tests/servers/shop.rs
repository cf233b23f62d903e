//! A shop on servers of its own: virtual host, database, Redis, folder, configuration.

use std::{
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
    time::{Duration, Instant},
};

use fulfil_load_tests::{
    generate::{self, Expectation, KEYS_FILE, Mix, ORDERS_FILE},
    judge::{judge, stock::Stock, verdict::Verdict},
    program::{Program, Urls, free_address},
    publisher::Publisher,
    results::{Message, Results, follow::Follower},
    scrape::metrics,
    sent::{Sent, lines},
};
use private_servers::{Postgres, Redis, Server, Servers};
use tempfile::TempDir;
use tokio::process::Child;

/// For anything that is waited for.
const LIMIT: Duration = Duration::from_secs(300);

pub(crate) struct Shop {
    pub(crate) program: Program,
    pub(crate) redis: Redis,
    /// Where the test takes its ledger away.
    pub(crate) own_postgres: Option<Postgres>,
    pub(crate) source: String,
    /// Reads from the first judgement on: until then results wait in their queue.
    follower: OnceLock<Follower>,
    folder: TempDir,
}

/// Good orders with a tenth of everything else.
pub(crate) fn mix(orders: u64) -> Mix {
    Mix {
        orders,
        skus: 5,
        most_lines: 3,
        most_quantity: 3,
        repeats: orders / 10,
        conflicts: orders / 50,
        broken: orders / 20,
        spare_percent: 5,
        seed: 7,
    }
}

impl Shop {
    pub(crate) async fn open(lanes: u16) -> Self {
        Self::with(lanes, false).await
    }

    /// With a Postgres of its own.
    pub(crate) async fn with_own_postgres(lanes: u16) -> Self {
        Self::with(lanes, true).await
    }

    async fn with(lanes: u16, own_postgres: bool) -> Self {
        let fulfil = PathBuf::from(env!("CARGO_BIN_EXE_fulfil"));
        let (urls, redis, own_postgres) = tokio::task::spawn_blocking(move || {
            let shared = Servers::shared().unwrap();
            let redis = Redis::start().unwrap();
            let own_postgres = own_postgres.then(|| Postgres::start().unwrap());
            let ledger = match &own_postgres {
                Some(postgres) => postgres.url(),
                None => shared.postgres.new_database().unwrap(),
            };
            let source = shared.rabbitmq.new_vhost().unwrap();
            (Urls { source, stock: redis.url(), ledger }, redis, own_postgres)
        })
        .await
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let program = Program::prepare(fulfil, folder.path(), &urls, lanes).await.unwrap();
        program.run(&["migrate"]).await.unwrap();
        // It can be repeated.
        program.run(&["migrate"]).await.unwrap();
        Self { program, redis, own_postgres, source: urls.source, follower: OnceLock::new(), folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes the orders and imports their keys.
    pub(crate) async fn make(&self, mix: &Mix) -> Expectation {
        let expected = generate::write(self.folder(), mix).unwrap();
        self.program.run(&["keys", "import", KEYS_FILE]).await.unwrap();
        expected
    }

    /// Puts the orders into the broker.
    pub(crate) async fn publish(&self) {
        self.publish_these(lines(&self.folder().join(ORDERS_FILE)).unwrap().map(Result::unwrap)).await;
    }

    pub(crate) async fn publish_these(&self, orders: impl Iterator<Item = String>) {
        let bodies: Vec<Vec<u8>> = orders.map(String::into_bytes).collect();
        Publisher::new(&self.source, LIMIT).publish(&bodies).await.unwrap();
    }

    pub(crate) async fn start_worker(&self, arguments: &[&str]) -> (Child, SocketAddr) {
        let admin = free_address().unwrap();
        let log = self.folder().join(format!("worker-{}.log", admin.port()));
        (self.program.start_worker(arguments, admin, &log, Stdio::piped()).unwrap(), admin)
    }

    /// Runs so many workers until the queues are empty; gives the sums of their counts.
    pub(crate) async fn work_until_empty(&self, workers: usize) -> Counts {
        let mut children = Vec::new();
        for _ in 0..workers {
            children.push(self.start_worker(&["--until-empty", "--format", "json"]).await.0);
        }
        let mut summaries = Vec::new();
        for child in children {
            let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await.expect("it ends").unwrap();
            assert!(output.status.success(), "{:?}: {}", output.status, self.logs());
            let text = String::from_utf8(output.stdout).unwrap();
            summaries.push(serde_json::from_str::<serde_json::Value>(text.lines().last().unwrap()).unwrap());
        }
        Counts(summaries)
    }

    /// What came back, against everything that was sent.
    pub(crate) async fn judge(&self) -> Verdict {
        let sent = Sent::read(&self.folder().join(ORDERS_FILE), None).unwrap();
        let waiting = sent.expected();
        let follower = self.follower.get_or_init(|| Follower::start(&self.source, None));
        let all_there = |results: &fulfil_load_tests::results::Results| waiting.iter().all(|id| results.has_answer(id));
        if let Err(error) = follower.wait_until(LIMIT, all_there).await {
            eprintln!("{error:#}\n{}", self.logs());
        }
        follower.wait_until_quiet(Duration::from_secs(3), LIMIT).await.unwrap();
        let stock = Stock::read(&self.folder().join(KEYS_FILE)).unwrap();
        let verdict = follower.with(|results| judge(&sent, results, Some(&stock)));
        verdict.with_audit(self.whole_stock().await)
    }

    /// The bodies of the final results of so many orders, as soon as they have come.
    pub(crate) async fn final_results(&self, orders: usize) -> Vec<String> {
        let file = self.folder().join("results.jsonl");
        let follower =
            self.follower.get_or_init(|| Follower::start(&self.source, Some(std::fs::File::create(&file).unwrap())));
        let ended = |results: &Results| results.orders.keys().filter(|id| results.has_answer(id)).count() >= orders;
        follower.wait_until(LIMIT, ended).await.unwrap_or_else(|error| panic!("{error:#}\n{}", self.logs()));
        let messages = std::fs::read_to_string(&file).unwrap();
        // At least once: the same message id is the same result again.
        let mut seen = std::collections::HashSet::new();
        let messages = messages.lines().map(|line| serde_json::from_str::<Message>(line).unwrap());
        let bodies = messages.filter(|message| seen.insert(message.message_id.clone())).map(|message| message.body);
        let is_final = |body: &String| {
            let status = &serde_json::from_str::<serde_json::Value>(body).unwrap()["status"];
            status != "processing" && status != "review"
        };
        bodies.filter(is_final).collect()
    }

    /// The audit, as soon as nothing is missing from stock any more, or after the limit.
    async fn whole_stock(&self) -> fulfil_load_tests::judge::verdict::Audit {
        let begin = Instant::now();
        loop {
            let audit = self.program.audit().await.unwrap();
            if audit.stock_missing == Some(0) || begin.elapsed() > Duration::from_secs(30) {
                return audit;
            }
            // A worker takes over what the dead left.
            self.work_until_empty(1).await;
        }
    }

    pub(crate) fn logs(&self) -> String {
        let mut text = String::new();
        for entry in std::fs::read_dir(self.folder()).unwrap().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                text.push_str(&std::fs::read_to_string(entry.path()).unwrap_or_default());
            }
        }
        text
    }
}

/// The summaries of workers.
pub(crate) struct Counts(Vec<serde_json::Value>);

impl Counts {
    /// The sum of a column.
    pub(crate) fn of(&self, name: &str) -> u64 {
        self.0.iter().map(|summary| summary[name].as_u64().unwrap()).sum()
    }
}

/// Waits for a thing, with the usual limit.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let begin = Instant::now();
    while !holds().await {
        assert!(begin.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Deliveries that a worker has brought to their end.
pub(crate) async fn outcomes(admin: SocketAddr) -> f64 {
    metrics(admin).await.map_or(0.0, |samples| samples.get("fulfil_outcomes_total"))
}
