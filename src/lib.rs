//! `fulfil`: a pool of stateless workers that fulfils orders for virtual goods. At-least-once in, one effect
//! in the ledger, results with a stable message id.
//!
//! The map, from the order's point of view:
//!
//! - [`pipeline`]: the order's way; [`pipeline::Way::fulfil`] is all of it
//! - [`stock`]: keys in (import, loading), claims out, what happens when the stock server forgets
//! - [`procurement`]: what stock can't fill is bought from suppliers, once
//! - [`pool`]: a worker: its lanes and the tasks beside them, from start to drained
//! - [`ops`]: metrics, admin port, draining
//! - [`sealing`]: nothing that we run opens a key
//! - [`config`]: file, environment and flags into one checked value
//! - [`compose`]: the one place that names the adapters (`adapters/*`), which meet the pool in the ports of
//!   `fulfil_contract`
//! - [`cli`]: one file per command
//! - [`patience`], [`chance`], [`crash`]: trying again; what is rolled for; dying, failing and stalling on purpose, in
//!   tests

pub mod chance;
pub mod cli;
pub mod compose;
pub mod config;
pub mod crash;
pub mod ops;
pub mod patience;
pub mod pipeline;
pub mod pool;
pub mod procurement;
pub mod sealing;
pub mod stock;
