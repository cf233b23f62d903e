//! Whether a Redis server is as stock needs it to be.
//!
//! What holds: nothing is written; a command that the user may not give is a finding like any other; each
//! answer is waited for a bounded time, and a server that does not answer is one finding.

use std::{collections::HashMap, time::Duration};

use fulfil_contract::{
    examination::{Check, Examination, Finding, Promise},
    ports::stock::StockError,
};
use redis::{Cmd, Value, pipe};
use tokio::time::Instant;

use crate::{keys::PREFIX, library, link::Link, permitted};

const REACHABLE: Check = Check { id: "redis.reachable", subject: "reachable", promise: Promise::WorkGoesOn };
const VERSION: Check = Check { id: "redis.version", subject: "version", promise: Promise::WorkGoesOn };
const ROLE: Check = Check { id: "redis.role", subject: "role", promise: Promise::WorkGoesOn };
const APPENDONLY: Check =
    Check { id: "redis.appendonly", subject: "appendonly", promise: Promise::StockOutlivesRestarts };
const APPENDFSYNC: Check =
    Check { id: "redis.appendfsync", subject: "appendfsync", promise: Promise::StockOutlivesRestarts };
const PERSISTENCE: Check = Check { id: "redis.persistence", subject: "disk", promise: Promise::StockOutlivesRestarts };
const POLICY: Check =
    Check { id: "redis.maxmemory_policy", subject: "maxmemory-policy", promise: Promise::NothingIsStranded };
const MEMORY: Check = Check { id: "redis.memory", subject: "memory", promise: Promise::FaultsAreShort };
const FUNCTIONS: Check = Check { id: "redis.functions", subject: "functions", promise: Promise::WorkGoesOn };
const LATENCY: Check = Check { id: "redis.latency", subject: "latency", promise: Promise::FaultsAreShort };
const PERMISSIONS: Check = Check { id: "redis.permissions", subject: "permissions", promise: Promise::WorkGoesOn };

/// What `INFO` tells.
const OF_INFO: [Check; 6] = [VERSION, ROLE, APPENDONLY, PERSISTENCE, POLICY, MEMORY];
/// How long one answer is waited for here; `stock.timeout_ms` is shorter, and is judged.
const PATIENCE: Duration = Duration::from_secs(3);
const CONF: &str = "redis.conf";
const CLI: &str = "redis-cli";
/// Everything that workers do, and what is looked at here.
const RULES: &str = "+@all -@admin -@dangerous +info +function +config|get";
/// Calls whose slowest is held against the time-out.
const CALLS: u32 = 5;
/// Of `maxmemory`, in percent, from which on it is told.
const FULL: u64 = 80;

/// Looks at the server at `url`; `limit` is what workers wait for a call. Ends within half a minute.
pub async fn examine(url: &str, limit: Duration) -> Examination {
    let (place, findings) = match Link::new(url, PATIENCE) {
        Ok(link) => (link.address().to_owned(), of_server(&link, limit).await),
        Err(error) => (String::new(), vec![REACHABLE.not_asked(error.to_string())]),
    };
    Examination { server: "Redis", place, findings }
}

async fn of_server(link: &Link, limit: Duration) -> Vec<Finding> {
    let begun = Instant::now();
    match ask(link, "PING", &[]).await {
        Ok(_) => {}
        // It answers, and says no to this one.
        Err(StockError::Refused(why)) if why.starts_with("NOPERM") => {}
        Err(error) => return vec![unreachable(&error)],
    }
    let reached = REACHABLE.ok(format!("answers, the first time after {} ms", begun.elapsed().as_millis()));
    let mut findings = vec![reached];
    let appendfsync = appendfsync(link).await;
    match ask(link, "INFO", &[]).await {
        Ok(Value::BulkString(text)) => {
            findings.extend(of_info(&Info::read(&String::from_utf8_lossy(&text)), appendfsync));
        }
        Ok(other) => {
            let told = |check: &Check| check.not_asked(format!("can't be seen: INFO answered {}", kind_of(&other)));
            findings.extend(OF_INFO.iter().map(told).chain([appendfsync]));
        }
        Err(error) => {
            let told = |check: &Check| unseen(link, *check, &error, "+info");
            findings.extend(OF_INFO.iter().map(told).chain([appendfsync]));
        }
    }
    findings.push(functions(link).await);
    findings.push(latency(link, limit).await);
    findings.push(permissions(link).await);
    findings
}

fn unreachable(error: &StockError) -> Finding {
    let finding = REACHABLE.not_asked(error.to_string());
    match error {
        StockError::Unavailable(_) => finding.mended("shell", "fulfil config check   # shows where it is looked for"),
        StockError::OutOfMemory | StockError::FunctionsMissing | StockError::Refused(_) => {
            finding.mended("fulfil.toml", "[stock] url = \"redis://USER:PASSWORD@HOST:PORT/0\"")
        }
    }
}

/// What the user may not look at is no proof of anything.
fn unseen(link: &Link, check: Check, error: &StockError, rule: &str) -> Finding {
    let finding = check.not_asked(format!("can't be seen: {error}"));
    match error {
        StockError::Refused(_) => finding.mended(CLI, format!("ACL SETUSER {} {rule}", link.user())),
        StockError::Unavailable(_) | StockError::OutOfMemory | StockError::FunctionsMissing => finding,
    }
}

struct Info(HashMap<String, String>);

impl Info {
    fn read(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.parse().ok()
    }
}

fn of_info(info: &Info, appendfsync: Finding) -> Vec<Finding> {
    vec![version(info), role(info), appendonly(info), appendfsync, persistence(info), policy(info), memory(info)]
}

fn version(info: &Info) -> Finding {
    let version = info.text("redis_version");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major < 7) {
        let text = format!("{version} has no functions, which stock is made of: use 7.0 or newer");
        return VERSION.broken(text).mended("shell", "apt-get install redis-server   # 7.0 or newer");
    }
    if info.text("cluster_enabled") == "1" {
        let text = format!("{version}, a cluster: workers speak to one node, and other nodes' SKUs go by the ledger");
        return VERSION.warning(text).mended("fulfil.toml", "[stock] url = …   # a Redis that is no cluster");
    }
    VERSION.ok(version)
}

fn role(info: &Info) -> Finding {
    match info.text("role") {
        "master" => ROLE.ok("master"),
        other => {
            let master = match info.text("master_host") {
                "" => String::new(),
                host => format!(" of {host}:{}", info.text("master_port")),
            };
            let text = format!("{other}{master}: it refuses every claim, and the ledger alone gives keys");
            ROLE.broken(text).mended("fulfil.toml", "[stock] url = …   # the master's")
        }
    }
}

fn appendonly(info: &Info) -> Finding {
    if info.text("aof_enabled") == "1" {
        return APPENDONLY.ok("yes");
    }
    let text = "no: every restart empties stock, and every SKU is loaded anew (no key is sold twice even then)";
    APPENDONLY.broken(text).mended(CONF, "appendonly yes").mended(CLI, "CONFIG SET appendonly yes")
}

async fn appendfsync(link: &Link) -> Finding {
    let answer = match ask(link, "CONFIG", &["GET", "appendfsync"]).await {
        Ok(answer) => answer,
        Err(error) => return unseen(link, APPENDFSYNC, &error, "+config|get"),
    };
    let value = match &answer {
        Value::Array(pair) => match pair.as_slice() {
            [_, Value::BulkString(value)] => String::from_utf8_lossy(value).into_owned(),
            _ => String::new(),
        },
        _ => String::new(),
    };
    match value.as_str() {
        "everysec" | "always" => APPENDFSYNC.ok(value),
        "no" => APPENDFSYNC
            .broken("no: the system writes when it likes, and a crash of the machine loses half a minute")
            .mended(CONF, "appendfsync everysec")
            .mended(CLI, "CONFIG SET appendfsync everysec"),
        _ => APPENDFSYNC.not_asked("can't be seen: this server does not tell it"),
    }
}

fn persistence(info: &Info) -> Finding {
    let log = "redis-cli INFO persistence; df -h   # then make room, or see the server's log";
    if info.text("aof_last_write_status") == "err" {
        return PERSISTENCE.broken("the append-only file can't be written, so writes are refused").mended("shell", log);
    }
    if info.text("aof_last_bgrewrite_status") == "err" {
        return PERSISTENCE.warning("the append-only file can't be rewritten, and grows").mended("shell", log);
    }
    if info.text("rdb_last_bgsave_status") == "err" {
        let text = "the last snapshot failed; with stop-writes-on-bgsave-error every claim is refused";
        return PERSISTENCE.warning(text).mended(CONF, "save \"\"   # the append-only file is enough");
    }
    PERSISTENCE.ok("the last writes went well")
}

fn policy(info: &Info) -> Finding {
    match info.text("maxmemory_policy") {
        "noeviction" => POLICY.ok("noeviction"),
        "" => {
            POLICY.not_asked("can't be seen: this server does not tell it").mended(CONF, "maxmemory-policy noeviction")
        }
        other => POLICY
            .broken(format!("{other}: when memory is short it drops ids that are offered or claimed, and nobody knows"))
            .mended(CONF, "maxmemory-policy noeviction")
            .mended(CLI, "CONFIG SET maxmemory-policy noeviction"),
    }
}

fn memory(info: &Info) -> Finding {
    let used = info.number("used_memory").unwrap_or(0);
    let (most, what) = match info.number("maxmemory") {
        Some(most) if most > 0 => (most, "maxmemory"),
        Some(_) | None => {
            (info.number("total_system_memory").unwrap_or(0), "the machine's memory (maxmemory is not set)")
        }
    };
    if most == 0 {
        return MEMORY.ok(format!("{} MiB used", mebibytes(used)));
    }
    let text = format!("{} of {} MiB used, {what}", mebibytes(used), mebibytes(most));
    if used.saturating_mul(100) / most < FULL {
        return MEMORY.ok(text);
    }
    let text = format!("{text}: once it is full, loads and claims are refused, and the ledger gives keys more slowly");
    MEMORY.warning(text).mended(CONF, format!("maxmemory {}mb", mebibytes(used.max(most) * 2)))
}

async fn functions(link: &Link) -> Finding {
    match library::installed(link).await {
        Ok(Some(version)) if version == library::VERSION => FUNCTIONS.ok(format!("library fulfil, version {version}")),
        Ok(Some(version)) if version > library::VERSION => FUNCTIONS.warning(format!(
            "library fulfil, version {version}; this program brings {}: a newer one has been here",
            library::VERSION
        )),
        Ok(Some(version)) => FUNCTIONS
            .broken(format!("library fulfil, version {version}; this program needs {}", library::VERSION))
            .mended("shell", "fulfil migrate"),
        Ok(None) => FUNCTIONS
            .broken(
                "library fulfil is missing: claims are refused until somebody loads it (a worker does when it starts)",
            )
            .mended("shell", "fulfil migrate"),
        Err(error) => unseen(link, FUNCTIONS, &error, "+fcall_ro"),
    }
}

async fn latency(link: &Link, limit: Duration) -> Finding {
    let mut slowest = Duration::ZERO;
    for _ in 0..CALLS {
        let begun = Instant::now();
        if let Err(error) = ask(link, "PING", &[]).await {
            return unseen(link, LATENCY, &error, "+ping");
        }
        slowest = slowest.max(begun.elapsed());
    }
    let text = format!(
        "{:.1} ms, the slowest of {CALLS} calls; workers wait {} ms (stock.timeout_ms)",
        slowest.as_secs_f64() * 1000.0,
        limit.as_millis()
    );
    if slowest * 2 < limit {
        return LATENCY.ok(text);
    }
    let line = format!("[stock] timeout_ms = {}", (slowest * 10).as_millis().clamp(100, 60_000));
    LATENCY
        .warning(format!("{text}: many claims would come too late, and the ledger gives the keys"))
        .mended("fulfil.toml", line)
}

async fn permissions(link: &Link) -> Finding {
    match permitted::refused(link).await {
        Ok(refused) if refused.is_empty() => PERMISSIONS.ok("every command that workers use"),
        Ok(refused) => PERMISSIONS
            .broken(format!("the user may not: {}", refused.join(", ")))
            .mended(CLI, format!("ACL SETUSER {} ~{PREFIX}:* {RULES}", link.user())),
        Err(error) => unseen(link, PERMISSIONS, &error, "+@transaction"),
    }
}

async fn ask(link: &Link, command: &str, arguments: &[&str]) -> Result<Value, StockError> {
    let mut command: Cmd = redis::cmd(command);
    command.arg(arguments);
    let answers = link.call(pipe().add_command(command)).await?;
    Ok(answers.into_iter().next().unwrap_or(Value::Nil))
}

fn kind_of(answer: &Value) -> &'static str {
    match answer {
        Value::Nil => "nothing",
        _ => "something unexpected",
    }
}

fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1024 * 1024)
}
