//! The way to the server: one connection that calls share, replaced when it fails.
//!
//! What holds here:
//! - A call takes no longer than the limit, connecting included.
//! - After a call that got no answer, later calls use another connection. What the old one still delivers
//!   reaches only the calls that were made on it.
//! - While the server does not answer, the [`Breaker`] lets calls fail at once.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use fulfil_contract::ports::stock::StockError;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, IntoConnectionInfo, Pipeline, ProtocolVersion, RedisError, Value,
    aio::MultiplexedConnection, io::tcp::TcpSettings,
};
use tokio::time::timeout;

use crate::{
    breaker::{Breaker, Change, Limits},
    failures,
};

const FAILURES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

pub(crate) struct Link {
    client: Client,
    /// Host and port; never the URL, which may hold a password.
    address: String,
    /// As the server knows us: `default` where the URL names nobody.
    user: String,
    limit: Duration,
    live: Mutex<Option<Live>>,
    /// Held by the one call that connects.
    connecting: tokio::sync::Mutex<()>,
    breaker: Mutex<Breaker>,
}

#[derive(Clone)]
struct Live {
    number: u64,
    connection: MultiplexedConnection,
}

impl Link {
    /// Connects with the first call.
    pub(crate) fn new(url: &str, limit: Duration) -> Result<Self, StockError> {
        if url.starts_with("rediss:") || url.starts_with("valkeys:") {
            let advice = "TLS to the stock server is not supported yet: use redis:// within a private network";
            return Err(StockError::Refused(advice.into()));
        }
        let wrong = |error: RedisError| StockError::Refused(format!("stock.url can't be used: {error}"));
        let info = url.into_connection_info().map_err(wrong)?;
        let address = info.addr().to_string();
        let user = info.redis_settings().username().unwrap_or("default").to_owned();
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
        let info = info.set_redis_settings(settings).set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let limits =
            Limits { failures: FAILURES, first_pause: FIRST_PAUSE, longest_pause: LONGEST_PAUSE, longest_try: limit };
        Ok(Self {
            client: Client::open(info).map_err(wrong)?,
            address,
            user,
            limit,
            live: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            breaker: Mutex::new(Breaker::new(limits)),
        })
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The name that the server's rules are under.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Sends the commands in one round trip and gives an answer for each, in their order.
    ///
    /// # Errors
    /// The first error among the answers, if there is one: what the other commands did stands, and is not
    /// told. Every call of this crate can be made again.
    pub(crate) async fn call(&self, commands: &Pipeline) -> Result<Vec<Value>, StockError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let permit = locked(&self.breaker).admit(Instant::now()).map_err(|pause| {
            StockError::Unavailable(format!("{} did not answer; not tried for {} ms", self.address, pause.as_millis()))
        })?;
        let mut used = None;
        let outcome = match timeout(self.limit, self.exchange(commands, &mut used)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(StockError::Unavailable(format!("no answer within {} ms", self.limit.as_millis()))),
        };
        let outcome = match outcome {
            Err(StockError::Unavailable(why)) => {
                if let Some(number) = used {
                    self.discard(number);
                }
                let change = locked(&self.breaker).failed(permit, Instant::now());
                if let Change::Opened(pause) = change {
                    tracing::warn!(server = %self.address, %why, ?pause, "stock does not answer; calls to it fail at once");
                }
                return Err(StockError::Unavailable(format!("{}: {why}", self.address)));
            }
            outcome => outcome,
        };
        if locked(&self.breaker).answered(permit) == Change::Closed {
            tracing::info!(server = %self.address, "stock answers again");
        }
        outcome
    }

    async fn exchange(&self, commands: &Pipeline, used: &mut Option<u64>) -> Result<Vec<Value>, StockError> {
        let found = self.live();
        let (first, was_there) = match found {
            Some(live) => (live, true),
            None => (self.connect().await?, false),
        };
        *used = Some(first.number);
        let answers = match send(first.connection, commands).await {
            // A connection may have ended while nobody used it, so that is no news of the server: once more.
            Err(error) if was_there && error.is_connection_dropped() => {
                self.discard(first.number);
                let second = self.connect().await?;
                *used = Some(second.number);
                send(second.connection, commands).await
            }
            answers => answers,
        };
        let answers = answers.map_err(|error| failures::of_client(&error))?;
        for answer in &answers {
            if let Value::ServerError(error) = answer {
                return Err(failures::of_server(error));
            }
        }
        Ok(answers)
    }

    fn live(&self) -> Option<Live> {
        locked(&self.live).clone()
    }

    /// The connection that is there by now, or a new one.
    async fn connect(&self) -> Result<Live, StockError> {
        let _connecting = self.connecting.lock().await;
        if let Some(live) = self.live() {
            return Ok(live);
        }
        // The limit is on the whole call; the client's own ones would only be a second opinion.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connected = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let connection = connected.map_err(|error| failures::of_client(&error))?;
        let mut live = locked(&self.live);
        let number = NUMBERS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(live.insert(Live { number, connection }).clone())
    }

    /// No later call uses this connection.
    fn discard(&self, number: u64) {
        let mut live = locked(&self.live);
        if live.as_ref().is_some_and(|live| live.number == number) {
            *live = None;
        }
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("address", &self.address).field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// Each connection of the process has its own number.
static NUMBERS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);

async fn send(mut connection: MultiplexedConnection, commands: &Pipeline) -> Result<Vec<Value>, RedisError> {
    let answers = connection.send_packed_commands(commands, 0, commands.len()).await?;
    if answers.len() == commands.len() {
        return Ok(answers);
    }
    Err((ErrorKind::Parse, "another number of answers than commands").into())
}

/// What the locks guard is whole at every moment, so a panic elsewhere does not spoil it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
