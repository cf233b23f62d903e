//! The adapter on a real Postgres, which all tests of this program share; a database each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is test code")]

mod audit;
mod conformance;
mod connections;
mod contention;
mod errors;
mod migration;
mod private;
mod storage;
