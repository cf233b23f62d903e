//! The suite of the stock ports over a private Redis.
#![expect(clippy::unwrap_used, reason = "tests: a call that fails is a test that fails")]

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use fulfil_redis::Redis;
use private_servers::Server;

fulfil_contract::stock_suite!(fresh);

/// Key names of its own on the one server of this process.
async fn fresh() -> (Redis, ()) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = private_servers::Redis::shared().unwrap();
    let prefix = format!("case-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    (Redis::with_prefix(&server.url(), Duration::from_secs(20), &prefix).unwrap(), ())
}
