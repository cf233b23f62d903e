//! Stock: keys come in sealed and go out by claim; the ledger decides, the stock server offers ids (I1).
//!
//! - [`desk`]: claims and settles for the order's way
//! - [`open_claims`]: which claims may still be in use
//! - [`catalogue`]: what every SKU's epoch and buckets are, as last read from the ledger
//! - [`keeper`]: loads what the ledger has, notices loss, raises epochs and rebuilds
//! - [`takeover`]: heartbeat, and the claims of workers that are gone
//! - [`import`]: a key file, sealed line by line
//! - [`audit`]: does everything add up?

pub mod audit;
pub mod catalogue;
pub mod desk;
pub mod import;
pub mod keeper;
pub mod key_file;
pub mod open_claims;
pub mod takeover;
