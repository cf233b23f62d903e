//! Stock in Redis (7.0 or newer): ids that are offered, claims that hold ids. No key is here, sealed or not,
//! and nothing here decides that one is sold (I1).
//!
//! - the ports: `claiming`, `loading`, `workers`
//! - on the server: `keys`, and the function `library`, whose text is `fulfil.lua`
//! - how a server is found to be: [`examine()`], `permitted`
//! - the way there: `link` with its `breaker`; `answers` and `failures` that come back

mod answers;
mod breaker;
mod claiming;
mod examine;
mod failures;
mod keys;
mod library;
mod link;
mod loading;
mod permitted;
mod workers;

use std::time::Duration;

use fulfil_contract::{ports::stock::StockError, stock::Bucket};

pub use examine::examine;

use keys::BucketKeys;
use link::Link;

/// Stock on one Redis server. Calls may be made at the same time; they share one connection.
///
/// The server must not evict keys (`maxmemory-policy noeviction`).
#[derive(Debug)]
pub struct Redis {
    link: Link,
    prefix: String,
}

impl Redis {
    /// Connects with the first call. `url`: `redis://[user:password@]host[:port][/database]`. `limit` bounds
    /// every call, connecting included; calls to a server that does not answer fail sooner.
    ///
    /// # Errors
    /// [`StockError::Refused`]: the URL can't be used.
    pub fn new(url: &str, limit: Duration) -> Result<Self, StockError> {
        Self::with_prefix(url, limit, keys::PREFIX)
    }

    /// The same with key names of their own, so that several stocks share a server (tests do). Functions
    /// are the server's, and shared.
    ///
    /// # Errors
    /// [`StockError::Refused`]: the URL can't be used.
    pub fn with_prefix(url: &str, limit: Duration, prefix: &str) -> Result<Self, StockError> {
        Ok(Self { link: Link::new(url, limit)?, prefix: prefix.to_owned() })
    }

    fn keys(&self, bucket: &Bucket) -> BucketKeys {
        BucketKeys::of(&self.prefix, bucket)
    }
}
