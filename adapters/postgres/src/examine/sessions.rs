//! What a session of ours really gets: a pooler between, or an option in the URL, may take it away.

use std::time::Duration;

use fulfil_contract::examination::{Check, Finding, Promise};
use tokio_postgres::{Config, config::Host};

use super::{Asking, Demand, PATIENCE, PSQL, Settings, failed, get};
use crate::connect;

const SESSION: Check = Check { id: "postgres.session", subject: "our sessions", promise: Promise::WorkGoesOn };
const SESSION_COMMIT: Check =
    Check { id: "postgres.session_commit", subject: "our commits", promise: Promise::DecisionsStay };
const SILENCE: Check = Check { id: "postgres.silence", subject: "dead sessions", promise: Promise::FaultsAreShort };
const ISOLATION: Check = Check { id: "postgres.isolation", subject: "isolation", promise: Promise::FaultsAreShort };
const CONNECTIONS: Check = Check { id: "postgres.connections", subject: "connections", promise: Promise::WorkGoesOn };
const VACUUM: Check = Check { id: "postgres.autovacuum", subject: "autovacuum", promise: Promise::FaultsAreShort };

/// A transaction whose worker is gone holds its rows no longer than this.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
const POOLER: &str = "pgbouncer.ini";

pub(super) async fn look(asking: &Asking<'_>, settings: &Settings, config: &Config, demand: &Demand) -> Vec<Finding> {
    let mut findings = match of_ours(config, demand).await {
        Ok(ours) => vec![commit(&ours), silence(&ours, config), isolation(&ours)],
        Err(why) => vec![
            SESSION
                .broken(format!("a session as workers open it is refused: {why}"))
                .mended(POOLER, "ignore_startup_parameters = …   # or let workers speak to Postgres itself"),
        ],
    };
    findings.push(connections(asking, settings, demand).await);
    if settings.value("autovacuum") != "on" {
        let line = settings.line("autovacuum", "on");
        findings.push(VACUUM.warning("off: tables grow without end, and queries slow down").mended(PSQL, line));
    }
    findings
}

/// What holds in a session that is opened as workers open theirs.
async fn of_ours(config: &Config, demand: &Demand) -> Result<Settings, String> {
    let config = connect::with_our_options(config.clone(), demand.limit);
    let connected = tokio::time::timeout(PATIENCE, connect::alone(&config)).await;
    let (client, connection) = match connected {
        Ok(connected) => connected.map_err(|error| failed(&error))?,
        Err(_) => return Err(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    let settings = Asking { client: &client }.settings().await;
    drop(client);
    connection.abort();
    settings
}

fn commit(ours: &Settings) -> Finding {
    match ours.value("synchronous_commit") {
        "on" | "remote_apply" => SESSION_COMMIT.ok("on the disk before they are answered"),
        value => SESSION_COMMIT
            .broken(format!("synchronous_commit is {value} in them: something between drops what they ask for"))
            .mended(POOLER, "ignore_startup_parameters =   # without options; or no pooler between"),
    }
}

/// A session whose worker is gone has to end by itself, or the same batch, judged again, waits for it.
fn silence(ours: &Settings, config: &Config) -> Finding {
    let by_socket = config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)))
        && config.get_hostaddrs().is_empty()
        && !config.get_hosts().is_empty();
    let names: &[&str] = match by_socket {
        true => &["idle_in_transaction_session_timeout"],
        false => &["idle_in_transaction_session_timeout", "tcp_user_timeout"],
    };
    let milliseconds = |name: &str| ours.value(name).parse::<u64>().unwrap_or(0);
    let most = u64::try_from(LONGEST_SILENCE.as_millis()).unwrap_or(u64::MAX);
    let wrong: Vec<String> = names
        .iter()
        .filter(|name| !(1..=most).contains(&milliseconds(name)))
        .map(|name| format!("{name} = {}", milliseconds(name)))
        .collect();
    if wrong.is_empty() {
        return SILENCE.ok(format!("end after {} s", milliseconds(names[0]) / 1000));
    }
    let text = format!(
        "{} in our sessions: a worker that vanishes holds its rows until the network notices",
        wrong.join(", ")
    );
    SILENCE
        .warning(text)
        .mended("fulfil.toml", "[ledger] url = …   # without options that set it; or no pooler between")
}

/// Transactions name theirs; statements that commit by themselves get the default.
fn isolation(ours: &Settings) -> Finding {
    match ours.value("default_transaction_isolation") {
        "read committed" => ISOLATION.ok("read committed"),
        value => ISOLATION
            .warning(format!("{value} by default: workers name their own, and single statements are repeated for it"))
            .mended(PSQL, ours.line("default_transaction_isolation", "'read committed'")),
    }
}

async fn connections(asking: &Asking<'_>, settings: &Settings, demand: &Demand) -> Finding {
    let number = |name: &str| settings.value(name).parse::<i64>().unwrap_or(0);
    let server = number("max_connections") - number("superuser_reserved_connections") - number("reserved_connections");
    let sql = "select least($1::bigint, nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1)) \
               from pg_roles r, pg_database d where r.rolname = current_user and d.datname = current_database()";
    let most = match asking.row(sql, &[&server]).await {
        Ok(row) => get::<i64>(&row, 0).unwrap_or(server),
        Err(why) => return CONNECTIONS.not_asked(format!("can't be seen: {why}")),
    };
    let each = i64::try_from(demand.connections.max(1)).unwrap_or(i64::MAX);
    let room = most / each;
    let wanted = demand.workers.map_or(2, |workers| i64::try_from(workers).unwrap_or(i64::MAX));
    let text = format!("{most} for us: room for {room} workers with ledger.connections = {each}");
    if room >= wanted {
        return CONNECTIONS.ok(text);
    }
    let needed = wanted.saturating_mul(each) + (number("max_connections") - most).max(0) + 10;
    CONNECTIONS
        .warning(format!("{text}; {wanted} want more, and the last ones wait for their turn or are refused"))
        .mended(PSQL, format!("ALTER SYSTEM SET max_connections = {needed};   -- then restart Postgres"))
        .mended("fulfil.toml", format!("[ledger] connections = {}", (most / wanted.max(1)).max(1)))
}

#[cfg(test)]
mod tests {
    use fulfil_contract::examination::Grade;

    use super::*;

    /// As a pooler that ignores start-up parameters gives it.
    #[test]
    fn a_session_that_did_not_get_what_it_asked_for() {
        let tcp: Config = "postgres://u@h/d".parse().unwrap();
        let socket: Config = "postgres:///d?host=/run/postgresql&user=u".parse().unwrap();
        let good = [("synchronous_commit", "on"), ("idle_in_transaction_session_timeout", "10000")];
        let ours = Settings::of(&good);
        assert_eq!(commit(&ours).grade, Grade::Ok);
        assert_eq!(silence(&ours, &socket).grade, Grade::Ok);
        let lacking = silence(&ours, &tcp);
        assert_eq!(lacking.grade, Grade::Warning);
        assert!(lacking.found.starts_with("tcp_user_timeout = 0 in our sessions"), "{lacking:?}");
        for bad in ["off", "local", "remote_write"] {
            assert_eq!(commit(&Settings::of(&[("synchronous_commit", bad)])).grade, Grade::Broken, "{bad}");
        }
    }
}
