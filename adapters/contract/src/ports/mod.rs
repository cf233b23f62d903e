//! The ports: what the pool asks of a broker, of stock and of a ledger. Batch-first, so `dyn` costs nothing.
//!
//! - [`source`]: deliveries in, acknowledgements back
//! - [`announcer`]: results and dead letters out, confirmed
//! - [`stock`]: claim and settle on the order's way; loading; whose claims are whose
//! - [`ledger`]: judges batches
//! - [`stock_ledger`]: the ledger's side of stock: imports, epochs, loader leases
//! - [`procurements`]: the slow lane's side of the ledger, and what people decide
//! - [`supplier`]: one attempt per call
//! - [`books`]: what audits and support read

pub mod announcer;
pub mod books;
pub mod ledger;
pub mod procurements;
pub mod source;
pub mod stock;
pub mod stock_ledger;
pub mod supplier;
