//! The properties of stock over a private Redis.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use fulfil_contract::conformance::properties;
use fulfil_redis::Redis;
use private_servers::Server;

#[test]
fn stock_does_what_its_model_does() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = private_servers::Redis::shared().unwrap();
    properties::stock(256, async || {
        // Key names of its own on the one server.
        let prefix = format!("sequence-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        (Redis::with_prefix(&server.url(), Duration::from_secs(20), &prefix).unwrap(), ())
    });
}
