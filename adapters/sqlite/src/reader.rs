//! The connection that reads, beside the writer's. Every read is one snapshot of what was committed.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::errors::StoreError;

/// How long a caller waits: an audit of millions of orders takes minutes.
const LIMIT: Duration = Duration::from_secs(600);

#[derive(Clone)]
pub(crate) struct Reader(Arc<Mutex<Connection>>);

impl Reader {
    pub(crate) fn new(connection: Connection) -> Self {
        Self(Arc::new(Mutex::new(connection)))
    }

    pub(crate) async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let connection = Arc::clone(&self.0);
        let reading = tokio::task::spawn_blocking(move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let snapshot = Transaction::new_unchecked(&connection, TransactionBehavior::Deferred)?;
            work(&snapshot)
        });
        match tokio::time::timeout(LIMIT, reading).await {
            Ok(read) => read.unwrap_or_else(|_| Err(StoreError::Unavailable("the read was cut short".into()))),
            Err(_) => Err(StoreError::Unavailable(format!("no answer from the disk within {} s", LIMIT.as_secs()))),
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}
