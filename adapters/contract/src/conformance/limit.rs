//! No wait of a suite lasts longer than this.

use std::{future::Future, time::Duration};

pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// # Panics
/// When the work takes longer than [`LIMIT`].
#[allow(clippy::panic, reason = "a suite fails by panicking")]
pub(super) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, work).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {LIMIT:?}"),
    }
}
