//! The adapter itself: its pool, its limits, and what it remembers between calls.

use std::{
    sync::Mutex,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use deadpool_postgres::{Pool, PoolError};
use fulfil_contract::ports::ledger::LedgerError;

use crate::{
    columns::column,
    connect,
    errors::Failure,
    migrate,
    session::{Call, Session},
    sku_ids::SkuIds,
    take_memory::TakeMemory,
};

/// How often a transaction that lost against others is run again before the caller is told.
const MOST_ATTEMPTS: u32 = 20;

/// How much longer than the others a call may take that reads whole tables.
const SNAPSHOT_LIMIT: Duration = Duration::from_secs(15 * 60);

/// A ledger on a Postgres server: the ports `Ledger`, `Procurements`, `Reviews`, `StockLedger` and `Books`.
#[derive(Debug)]
pub struct Postgres {
    pool: Pool,
    place: String,
    limit: Duration,
    schema_checked: AtomicBool,
    pub(crate) sku_ids: SkuIds,
    pub(crate) take_memory: TakeMemory,
    /// The SKU whose lots were looked at last, to mark those that are sold out.
    pub(crate) marked_to: Mutex<i32>,
}

impl Postgres {
    /// Connects when it is first used: a server that is down is an error of the calls. Every call ends within
    /// `limit`, except those that read whole tables, which end within 15 minutes.
    ///
    /// # Errors
    /// [`LedgerError::Broken`] when `url` can't be used.
    pub fn new(url: &str, connections: usize, limit: Duration) -> Result<Self, LedgerError> {
        let config = connect::configuration(url)?;
        let place = connect::place(&config);
        let pool = connect::pool(config, connections, limit)?;
        let (schema_checked, sku_ids, take_memory) = (AtomicBool::new(false), SkuIds::default(), TakeMemory::default());
        Ok(Self { pool, place, limit, schema_checked, sku_ids, take_memory, marked_to: Mutex::new(0) })
    }

    /// A connection, to a schema that this program knows.
    pub(crate) async fn open<'c>(&self, call: &'c Call) -> Result<Session<'c>, Failure> {
        let object = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => self.at_place(Failure::of(&error, false)),
            error @ (PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_)) => {
                Failure::Ledger(LedgerError::Unavailable(format!("{}: {error}", self.place)))
            }
        })?;
        let session = Session::new(object, call);
        if !self.schema_checked.load(Ordering::Relaxed) {
            let rows = session.rows("select coalesce(max(version), 0) from fulfil.migration", &[]).await?;
            migrate::check(rows.first().map_or(Ok(0), |row| column(row, 0))?)?;
            self.schema_checked.store(true, Ordering::Relaxed);
        }
        Ok(session)
    }

    /// Runs one call within the limit of all calls.
    pub(crate) async fn limited<T>(
        &self,
        call: &Call,
        work: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        call.within(self.limit, work).await
    }

    /// Runs one call that reads whole tables.
    pub(crate) async fn at_length<T>(
        &self,
        call: &Call,
        work: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        call.within(SNAPSHOT_LIMIT.max(self.limit), work).await
    }

    /// Makes attempts until one is not lost against others' transactions.
    pub(crate) async fn attempts<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, LedgerError> {
        let mut retry = Retry::default();
        loop {
            match attempt().await {
                Ok(value) => return Ok(value),
                Err(Failure::Ledger(error)) => return Err(error),
                Err(Failure::Again(why)) => retry.pause(&why).await?,
            }
        }
    }

    fn at_place(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Ledger(LedgerError::Unavailable(text)) => {
                Failure::Ledger(LedgerError::Unavailable(format!("{}: {text}", self.place)))
            }
            other @ (Failure::Ledger(_) | Failure::Again(_)) => other,
        }
    }
}

/// Attempts at one transaction: how many there were, and how many there may be.
#[derive(Debug)]
pub(crate) struct Retry {
    made: u32,
    most: Option<u32>,
    most_doublings: u32,
}

impl Default for Retry {
    /// After pauses of up to a quarter of a second.
    fn default() -> Self {
        Self { made: 0, most: Some(MOST_ATTEMPTS), most_doublings: 6 }
    }
}

impl Retry {
    /// As often as the call's limit allows, after pauses of up to 32 ms.
    pub(crate) fn until_the_limit() -> Self {
        Self { made: 0, most: None, most_doublings: 3 }
    }

    pub(crate) fn made(&self) -> u32 {
        self.made
    }

    /// Waits before the next attempt: at random, so that those who collided do not collide again, and longer
    /// each time.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] when the budget is used up; nothing was committed.
    pub(crate) async fn pause(&mut self, why: &str) -> Result<(), LedgerError> {
        self.made = self.made.saturating_add(1);
        if self.most.is_some_and(|most| self.made >= most) {
            let text = format!("{} attempts were lost against other transactions, at last by: {why}", self.made);
            return Err(LedgerError::Unavailable(text));
        }
        let longest = 4_000 << self.made.min(self.most_doublings);
        tokio::time::sleep(Duration::from_micros(rand::random_range(longest / 4..=longest))).await;
        Ok(())
    }
}
