//! One connection during one call.
//!
//! What holds here: a connection goes back to the pool only by [`Session::give_back`], outside of any
//! transaction; whatever ends otherwise (an error, a time-out, a dropped future) closes it. Whether a commit
//! may have taken place is known even when the future that sent it is gone.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use deadpool_postgres::Object;
use fulfil_contract::ports::ledger::LedgerError;
use tokio_postgres::{Row, types::ToSql};

use crate::errors::Failure;

/// One call of a port: what is known of it when it is cut off.
#[derive(Debug, Default)]
pub(crate) struct Call {
    commit_sent: AtomicBool,
}

impl Call {
    /// The work's outcome, or after `limit` whether it can have been committed.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        match tokio::time::timeout(limit, work).await {
            Ok(outcome) => outcome,
            Err(_) if self.commit_sent() => Err(LedgerError::OutcomeUnknown(format!("no answer within {limit:?}"))),
            Err(_) => Err(LedgerError::Unavailable(format!("no answer within {limit:?}"))),
        }
    }

    fn commit_sent(&self) -> bool {
        self.commit_sent.load(Ordering::Relaxed)
    }

    fn mark(&self, sent: bool) {
        self.commit_sent.store(sent, Ordering::Relaxed);
    }
}

/// How a transaction begins. The isolation level is named, whatever the server's default is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Begin {
    Judge,
    /// One snapshot of everything; plans that read whole tables are allowed.
    Snapshot,
}

/// What an open transaction is given as parameters.
pub(crate) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

#[derive(Debug)]
pub(crate) struct Session<'c> {
    object: Option<Object>,
    call: &'c Call,
}

impl<'c> Session<'c> {
    pub(crate) fn new(object: Object, call: &'c Call) -> Self {
        // Whatever an earlier session of this call sent has been answered.
        call.mark(false);
        Self { object: Some(object), call }
    }

    /// Runs a statement and gives its rows. Outside of a transaction: for statements that only read.
    pub(crate) async fn rows(&self, sql: &'static str, parameters: Parameters<'_>) -> Result<Vec<Row>, Failure> {
        let client = self.client()?;
        let statement = client.prepare_cached(sql).await.map_err(|error| self.failure(&error))?;
        client.query(&statement, parameters).await.map_err(|error| self.failure(&error))
    }

    /// Runs a statement that commits by itself.
    pub(crate) async fn write_at_once(
        &self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Failure> {
        let client = self.client()?;
        let statement = client.prepare_cached(sql).await.map_err(|error| self.failure(&error))?;
        self.call.mark(true);
        let rows = client.query(&statement, parameters).await.map_err(|error| self.failure(&error))?;
        self.call.mark(false);
        Ok(rows)
    }

    /// Awaited alone: if it failed, what is sent with it would commit by itself.
    pub(crate) async fn begin(&self, begin: Begin) -> Result<(), Failure> {
        self.simple(match begin {
            Begin::Judge => "begin isolation level read committed",
            Begin::Snapshot => {
                "begin isolation level repeatable read read only; set local enable_seqscan = on; \
                 set local enable_hashjoin = on; set local enable_mergejoin = on; set local enable_bitmapscan = on; \
                 set local enable_material = on; set local statement_timeout = 0; set local work_mem = '64MB'"
            }
        })
        .await
    }

    /// Only after every statement's answer has been read: a commit of a failed transaction rolls back silently.
    pub(crate) async fn commit(&self) -> Result<(), Failure> {
        self.call.mark(true);
        self.simple("commit").await?;
        self.call.mark(false);
        Ok(())
    }

    pub(crate) async fn rollback(&self) -> Result<(), Failure> {
        self.simple("rollback").await
    }

    /// Back to the pool. The caller has no transaction open.
    pub(crate) fn give_back(mut self) {
        drop(self.object.take());
    }

    /// Ends an attempt: its connection goes back to the pool after success, and after a failure that a
    /// rollback mends.
    pub(crate) async fn end<T>(self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        match outcome {
            Ok(value) => {
                self.give_back();
                Ok(value)
            }
            Err(Failure::Again(why)) => {
                self.call.mark(false);
                self.rollback().await?;
                self.give_back();
                Err(Failure::Again(why))
            }
            Err(Failure::Ledger(error)) => Err(Failure::Ledger(error)),
        }
    }

    pub(crate) async fn simple(&self, sql: &str) -> Result<(), Failure> {
        self.client()?.batch_execute(sql).await.map_err(|error| self.failure(&error))
    }

    fn client(&self) -> Result<&Object, Failure> {
        self.object
            .as_ref()
            .ok_or_else(|| Failure::Ledger(LedgerError::Unavailable("the connection was given back".into())))
    }

    fn failure(&self, error: &tokio_postgres::Error) -> Failure {
        Failure::of(error, self.call.commit_sent())
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}
