//! What crosses between the pool and its adapters: types, ports, the platform's message shapes.
//!
//! What holds here: no driver and no other crate of the workspace is named; whatever has one of these
//! types has been checked; a receipt can be used once. Invariants are quoted by their number in
//! `docs/invariants.md`.
//!
//! - the words: [`ids`], [`money`], [`time`], [`reason`]
//! - an order as it arrives: [`order`]
//! - what the ledger decided, and the message that says so: [`recorded`], [`answer`]
//! - what a batch proposes to the ledger: [`proposal`]
//! - stock, buckets and claims: [`stock`]
//! - what stock can't fill: [`procurement`], its [`attempt`]s, and what a [`supplier`] says
//! - how a server is found to be, for `fulfil doctor`: [`examination`]
//! - the ports: [`ports`], each with a suite in `conformance` that every backend passes

pub mod answer;
pub mod attempt;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod examination;
pub mod ids;
pub mod money;
pub mod order;
pub mod ports;
pub mod procurement;
pub mod proposal;
pub mod reason;
pub mod recorded;
pub mod stock;
pub mod supplier;
pub mod time;
