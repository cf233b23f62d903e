//! How connections to Postgres are made, and what every session is told.

use std::{pin::Pin, time::Duration};

use deadpool_postgres::{
    ClientWrapper, Connect, Hook, HookError, Manager, ManagerConfig, Metrics, Pool, RecyclingMethod, Runtime,
};
use fulfil_contract::ports::ledger::LedgerError;
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, Config, Error, NoTls,
    config::{Host, SslMode},
};

/// How long a new connection may take, at most.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long a silent peer is waited for, by either side: a transaction whose worker is gone holds its rows no
/// longer than this, or the same batch, judged again, would wait for its own ghost.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);

/// How long a row that another transaction holds is waited for, before the own transaction is rolled back and run
/// again: half of what Postgres takes to look for transactions that wait in a circle.
const LOCK_LIMIT: Duration = Duration::from_millis(500);

/// Plans hardly depend on statistics: every statement of ours reaches its rows by an index, whether the table has
/// a thousand rows or ten million.
const PLANS: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off -c enable_hashjoin=off \
                     -c enable_mergejoin=off -c enable_material=off -c enable_memoize=off -c jit=off";

/// How often a connection is used, and how long it is not, before its plans are made anew: a plan may go through
/// a table that is all but empty, row by row, and has to be gone before the table is large.
const USES_PER_PLAN: usize = 64;
const PLANS_LAST: Duration = Duration::from_secs(1);

/// Reads `url`; nothing is connected yet.
pub(crate) fn configuration(url: &str) -> Result<Config, LedgerError> {
    let mut config: Config = url.parse().map_err(|error| {
        LedgerError::Broken(format!(
            "ledger.url can't be read: {}: write postgres://USER:PASSWORD@HOST:PORT/DATABASE",
            crate::errors::with_causes(&error)
        ))
    })?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(LedgerError::Broken(
            "ledger.url asks for sslmode=require, and this program speaks to Postgres without TLS: set sslmode=disable, \
             and go through a tunnel where the network is not yours".into(),
        ));
    }
    config.connect_timeout(CONNECT_LIMIT).tcp_user_timeout(SILENCE_LIMIT).keepalives(true);
    config.keepalives_idle(SILENCE_LIMIT).keepalives_interval(Duration::from_secs(3)).keepalives_retries(3);
    if config.get_application_name().is_none() {
        config.application_name("fulfil");
    }
    Ok(config)
}

/// A pool of at most `connections`, made when they are needed. `limit` bounds each statement on the server.
pub(crate) fn pool(config: Config, connections: usize, limit: Duration) -> Result<Pool, LedgerError> {
    let config = with_our_options(config, limit);
    let manager = Manager::from_connect(config, Quietly, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    Pool::builder(manager)
        .max_size(connections.max(1))
        .pre_recycle(Hook::async_fn(|client, metrics| Box::pin(make_plans_anew(client, metrics))))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| LedgerError::Broken(format!("the pool of ledger connections can't be made: {error}")))
}

/// Whatever the operator's own options say, a commit is on the disk.
pub(crate) fn on_the_disk(config: &mut Config) {
    let options = format!("{} -c synchronous_commit=on", config.get_options().unwrap_or(""));
    config.options(options);
}

/// What every session of a worker is told as it begins.
pub(crate) fn with_our_options(mut config: Config, limit: Duration) -> Config {
    let silence = SILENCE_LIMIT.as_millis();
    // The operator's own options come after ours and win, except that a commit is always on the disk.
    let options = format!(
        "{PLANS} -c statement_timeout={} -c idle_in_transaction_session_timeout={silence} \
         -c tcp_user_timeout={silence} -c lock_timeout={} {}",
        limit.as_millis().max(1),
        LOCK_LIMIT.as_millis(),
        config.get_options().unwrap_or(""),
    );
    config.options(options);
    on_the_disk(&mut config);
    config
}

async fn make_plans_anew(client: &ClientWrapper, metrics: &Metrics) -> Result<(), HookError> {
    let due = metrics.recycle_count % USES_PER_PLAN == USES_PER_PLAN - 1 || metrics.last_used() > PLANS_LAST;
    if !due || client.is_closed() {
        return Ok(());
    }
    client.batch_execute("discard plans").await.map_err(HookError::Backend)
}

/// One connection outside of any pool.
pub(crate) async fn alone(config: &Config) -> Result<(Client, JoinHandle<()>), Error> {
    let (client, connection) = config.connect(NoTls).await?;
    // Its end is seen, and told, by whoever waits for an answer.
    Ok((
        client,
        tokio::spawn(async move {
            connection.await.unwrap_or_else(|error| tracing::debug!(%error, "a connection to the ledger ended"))
        }),
    ))
}

/// Host, port and database, for messages: never the password.
pub(crate) fn place(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.display().to_string(),
        None => config.get_hostaddrs().first().map_or_else(|| "localhost".into(), ToString::to_string),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("{host}:{port}/{}", config.get_dbname().or(config.get_user()).unwrap_or(""))
}

#[derive(Debug)]
struct Quietly;

type Connected<'a> = Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

impl Connect for Quietly {
    fn connect(&self, config: &Config) -> Connected<'_> {
        let config = config.clone();
        Box::pin(async move { alone(&config).await })
    }
}
