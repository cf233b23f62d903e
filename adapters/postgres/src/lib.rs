//! The ledger on Postgres: one transaction per batch at READ COMMITTED, right by unique constraints and row state.
//!
//! What holds here: no connection returns to the pool inside a transaction; no statement's cost grows with
//! the tables; an error says whether anything can have been committed.
//!
//! - the schema: [`migrate()`], `migrations/`
//! - connections and sessions: `connect`, `session`; what errors mean: `errors`; rows' values: `columns`
//! - how a server is found to be: [`examine()`]
//! - judging a batch: `record`; deliveries that are known: `known`; tries: `tries`; owed results: `announcement`
//! - what stock can't fill: `procurement`; what people decide: `review`; transactions that refuse: `transaction`
//! - the ledger's side of stock: `stock_ledger`, `import`, `loading`, `take_memory`
//! - audits and support: `books`

mod announcement;
mod books;
mod columns;
mod connect;
mod errors;
mod examine;
mod import;
mod known;
mod ledger;
mod loading;
mod migrate;
mod postgres;
mod procurement;
mod record;
mod review;
mod session;
mod sku_ids;
mod stock_ledger;
mod take_memory;
mod transaction;
mod tries;

pub use examine::{Demand, examine};
pub use migrate::{Migrated, migrate};
pub use postgres::Postgres;
