//! A shop with one machine, and its suppliers.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output},
    sync::Mutex,
    time::{Duration, Instant},
};

use fulfil_load_tests::market::{Market, Stall, Terms};
use serde_json::Value;
use supplier_doubles::{Double, Mood, Protocol, Purchase};
use tempfile::TempDir;

use crate::shop::{fulfil, told};

/// For anything that is waited for.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);
/// What every key of a double begins with, its number's part and its password's.
const KEYS_BEGIN: [&str; 2] = ["KS-", "KN-"];
/// Its data, inside its folder.
const DATA: &str = "data";

/// One route of a SKU.
pub(crate) struct Route {
    pub(crate) sku: &'static str,
    pub(crate) supplier: &'static str,
    pub(crate) product: String,
    /// In minor units.
    pub(crate) price: u64,
}

impl Route {
    /// From this supplier, its product of that place, for what the doubles take.
    pub(crate) fn to(sku: &'static str, protocol: Protocol, product: usize) -> Self {
        Self { sku, supplier: protocol.as_str(), product: protocol.products()[product].id.clone(), price: 1000 }
    }
}

pub(crate) struct Stand {
    folder: TempDir,
    pub(crate) market: Market,
    variables: Vec<(&'static str, String)>,
    /// Everything that was printed, by all commands but `fulfil open`.
    printed: Mutex<String>,
}

impl Stand {
    /// Doubles of these protocols, all in one mood, and a configuration with these routes.
    pub(crate) async fn open(protocols: &[Protocol], mood: &Mood, routes: &[Route]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::open(protocols, 7, mood).await.unwrap();
        let terms = Terms {
            lease: Duration::from_secs(5),
            line: Duration::from_secs(50),
            timeout: Duration::from_secs(2),
            ..Terms::default()
        };
        let file = folder.path().join("fulfil.toml");
        market.write_configuration(&file, &[], &[], &terms).unwrap();
        let mut text = fs::read_to_string(&file).unwrap();
        if let Some(stall) = market.stalls.iter().find(|stall| stall.protocol == Protocol::Reloadly) {
            text.push_str(&top_ups(&stall.double));
        }
        let mut skus: Vec<&str> = routes.iter().map(|route| route.sku).collect();
        skus.dedup();
        for sku in skus {
            let from =
                routes.iter().filter(|route| route.sku == sku).map(|Route { supplier, product, price, .. }| {
                    format!("{{ supplier = \"{supplier}\", product = \"{product}\", price = {price} }}")
                });
            writeln!(text, "[routes.\"{sku}\"]\nfrom = [{}]", from.collect::<Vec<_>>().join(", ")).unwrap();
        }
        fs::write(&file, text).unwrap();
        Self { folder, market, variables: Vec::new(), printed: Mutex::default() }
    }

    /// Sets a variable for every command from now on.
    pub(crate) fn set(&mut self, name: &'static str, value: impl ToString) {
        self.variables.retain(|(set, _)| *set != name);
        self.variables.push((name, value.to_string()));
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        crate::shop::write(self.folder(), name, text)
    }

    pub(crate) fn double(&self, protocol: Protocol) -> &Double {
        let found = self.market.stalls.iter().find(|Stall { protocol: is, .. }| *is == protocol);
        &found.expect("it was opened with this double").double
    }

    /// What all doubles sold, the oldest first.
    pub(crate) fn purchases(&self) -> Vec<Purchase> {
        let mut all: Vec<Purchase> = self.market.stalls.iter().flat_map(|stall| stall.double.log().purchases).collect();
        all.sort_by_key(|purchase| purchase.at_us);
        all
    }

    /// The command in the stand's folder, on its data.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = fulfil();
        command.current_dir(self.folder()).args(args).args(["--data", DATA, "--config", "fulfil.toml"]);
        command.env("FULFIL_LOG__LEVEL", "debug").env("FULFIL_ADMIN__LISTEN", "off");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it to its end.
    pub(crate) async fn output(&self, args: &[&str]) -> Output {
        let mut command = self.command(args);
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = tokio::time::timeout(LIMIT, output).await;
        let output = output.unwrap_or_else(|_| panic!("{args:?} does not end")).unwrap().unwrap();
        if args[0] != "open" {
            self.printed.lock().unwrap().push_str(&told(&output));
        }
        output
    }

    /// Runs it, and it ends with this code; gives what it printed to both.
    #[track_caller]
    pub(crate) fn run(&self, code: i32, args: &[&str]) -> impl Future<Output = Output> {
        let caller = std::panic::Location::caller();
        async move {
            let output = self.output(args).await;
            assert_eq!(output.status.code(), Some(code), "{caller}: {args:?}: {}", told(&output));
            output
        }
    }

    /// Runs it and reads its JSON.
    pub(crate) async fn ask(&self, args: &[&str]) -> Value {
        let output = self.run(0, &[args, &["--format", "json"]].concat()).await;
        crate::shop::last_json(&output)
    }

    /// Works off these orders; gives the summary.
    pub(crate) async fn work_off(&self, orders: &[String]) -> Value {
        self.write("orders.jsonl", &orders.join("\n"));
        self.ask(&["run", "--orders", "orders.jsonl"]).await
    }

    /// The same, and does not wait for its end. It is killed when dropped.
    pub(crate) fn begin(&self, orders: &[String]) -> Running {
        self.write("orders.jsonl", &orders.join("\n"));
        let log = fs::File::create(self.folder().join("run.log")).unwrap();
        let mut command = self.command(&["run", "--orders", "orders.jsonl", "--format", "json"]);
        Running(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    pub(crate) async fn order(&self, id: &str) -> Value {
        self.ask(&["order", "show", id]).await
    }

    /// The statuses of an order's results as they were announced, by rising revision.
    pub(crate) async fn announced(&self, id: &str) -> Vec<String> {
        let output = self.run(0, &["results", "tail", "--format", "json"]).await;
        let lines = String::from_utf8(output.stdout).unwrap();
        let results = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut found: Vec<(u64, String)> = results
            .map(|result| result["body"].clone())
            .filter(|body| body["order_id"] == id)
            .map(|body| (body["revision"].as_u64().unwrap(), body["status"].as_str().unwrap().to_owned()))
            .collect();
        found.sort();
        found.dedup();
        found.into_iter().map(|(_, status)| status).collect()
    }

    /// The keys that were delivered to an order, opened, sorted.
    pub(crate) async fn opened(&self, id: &str) -> Vec<String> {
        let output = self.run(0, &["open", "--format", "json"]).await;
        let lines = String::from_utf8(output.stdout).unwrap();
        let keys = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut keys: Vec<String> =
            keys.filter(|key| key["order_id"] == id).map(|key| key["key"].as_str().unwrap().to_owned()).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// The only open review.
    pub(crate) async fn review(&self) -> Value {
        let reviews = self.ask(&["review", "list"]).await;
        assert_eq!(reviews.as_array().unwrap().len(), 1, "{reviews}");
        reviews[0].clone()
    }

    /// Waits for a thing, with the usual limit.
    pub(crate) async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !holds() {
            assert!(begin.elapsed() < LIMIT, "{what}: not within {LIMIT:?}; {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a line of an order that is recorded waits for what `text` names.
    pub(crate) async fn until_it_waits(&self, id: &str, text: &str) {
        let begin = Instant::now();
        loop {
            let shown = self.order(id).await;
            if shown["procurements"][0]["waits_for"].as_str().is_some_and(|why| why.contains(text)) {
                return;
            }
            assert!(begin.elapsed() < LIMIT, "it does not wait for {text} within {LIMIT:?}: {shown}; {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What a run in the background has said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder().join("run.log")).unwrap_or_default()
    }

    /// For tests that needed no data folder until now.
    pub(crate) async fn run_nothing_and_end(self) {
        self.work_off(&[]).await;
        self.end().await;
    }

    /// What holds in every test.
    pub(crate) async fn end(self) {
        let audit = self.ask(&["audit"]).await;
        assert_eq!(audit["ok"], true, "{audit}");
        assert_eq!((&audit["lines_short"], &audit["keys_sold_twice"]), (&0.into(), &0.into()), "{audit}");
        let printed = format!("{}{}", self.printed.lock().unwrap(), self.log());
        for begin in KEYS_BEGIN {
            assert!(!printed.contains(begin), "a key was printed or logged: {printed}");
            for file in fs::read_dir(self.folder().join(DATA)).unwrap() {
                let path = file.unwrap().path();
                let bytes = fs::read(&path).unwrap();
                let found = bytes.windows(begin.len()).any(|window| window == begin.as_bytes());
                assert!(!found, "{} holds a key", path.display());
            }
        }
    }
}

/// A second supplier on the same double: Reloadly's top-ups.
fn top_ups(double: &Double) -> String {
    let (origin, credentials) = (double.origin(), double.credentials());
    format!(
        "[suppliers.top_ups]\nkind = \"reloadly\"\nproduct_line = \"topups\"\nurl = \"{origin}/topups\"\n\
         auth_url = \"{origin}/auth\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\ncurrency = \"USD\"\n\
         timeout_ms = 2000\npoll_seconds = 1\nsettle_seconds = 1\nrates = {{ CNY = \"1\" }}\n",
        credentials.account, credentials.key
    )
}

/// Keys of these purchases, as they are delivered, sorted.
pub(crate) fn keys_of(purchases: &[Purchase]) -> Vec<String> {
    let text = |key: &supplier_doubles::Key| match &key.number {
        Some(number) => format!("{number} {}", key.secret),
        None => key.secret.clone(),
    };
    let mut keys: Vec<String> = purchases.iter().flat_map(|purchase| &purchase.keys).map(text).collect();
    keys.sort();
    keys
}

/// A `fulfil run` in the background.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// SIGTERM; gives its exit code.
    pub(crate) async fn stop(mut self) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        let begin = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(begin.elapsed() < LIMIT, "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }
}
