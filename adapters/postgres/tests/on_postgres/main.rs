//! The adapter on a real Postgres, which all tests of this program share; a database each.

mod audit;
mod conformance;
mod connections;
mod contention;
mod errors;
mod migration;
mod private;
mod storage;
