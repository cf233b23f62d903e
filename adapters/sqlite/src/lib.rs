//! Embedded mode's backend: every port of the pool on one SQLite file, with nothing to install.
//!
//! What holds here: what a call says was done has been committed and synced (WAL, `synchronous = full`); a
//! future that is dropped leaves no half of its work; one process works in a data folder at a time, and any
//! number read beside it; a killed process leaves nothing to mend.
//!
//! - opening a data folder, its lock: [`Sqlite::open`], [`Sqlite::open_to_read`] (`open`, `lock`, `schema`)
//! - how a folder is found to be: [`examine()`]
//! - the thread that writes and the connection that reads: `writer`, `reader`
//! - messages in: [`Inbox`], and the source over it (`inbox`, `source`)
//! - the ledger, its side of stock, what audits read: `ledger`, `import`, `stock_ledger`, `books`
//! - what stock can't fill: `procurement`, and what people decide about it: `review`
//! - stock: `stock`; leases and heartbeats: `leases`
//! - results and dead letters: `results`, read by [`Sqlite::results`] and [`Sqlite::dead_letters`]
//! - what an error of SQLite means: [`StoreError`]

mod books;
mod errors;
mod examine;
mod import;
mod inbox;
mod leases;
mod ledger;
mod lock;
mod open;
mod procurement;
mod reader;
mod results;
mod review;
mod schema;
mod source;
mod stock;
mod stock_ledger;
mod writer;

pub use errors::StoreError;
pub use examine::examine;
pub use inbox::Inbox;
pub use open::{OpenError, Sqlite};
pub use results::Announced;
