//! The suites that every backend of a port passes. Tests alone use this; production code never does.

pub mod announcer;
pub mod books;
pub mod ledger;
mod limit;
pub mod procurements;
pub mod properties;
pub mod samples;
pub mod source;
pub mod stock;
pub mod stock_ledger;
pub mod supplier;
