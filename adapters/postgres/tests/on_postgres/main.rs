//! The adapter on a real Postgres, which all tests of this program share; a database each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is test code")]

mod at_once;
mod audit;
mod conformance;
mod connections;
mod contention;
mod errors;
mod examine;
mod leasing;
mod lost_answers;
mod migration;
mod private;
mod properties;
mod storage;
