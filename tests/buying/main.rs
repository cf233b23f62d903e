//! What stock can't fill is bought: the built binary in embedded mode, with suppliers' doubles over real HTTP, judged
//! by the doubles' own logs.
//!
//! What holds in every test here: when it ends, the audit is ok, and no key of a double stands in anything that was
//! printed, logged or stored.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on ends here")]

mod checks;
#[cfg(feature = "crash-points")]
mod crashes;
mod lies;
mod lines;
mod protocols;
mod resolving;
mod reviews;
#[path = "../shop/mod.rs"]
mod shop;
mod stand;
mod stock;
mod unaided;
