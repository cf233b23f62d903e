//! Properties of the ledger and of stock: random sequences of calls, each answer held against a plain model of maps
//! and lists, and the books at the end. What fails is made as small as it can be, printed, and kept in
//! `proptest-regressions` beside the backend, from where it is tried first the next time.
//!
//! A backend runs them with
//!
//! ```text
//! #[test]
//! fn ledger() { fulfil_contract::conformance::properties::ledger(CASES, fresh_backend); }
//! ```
//!
//! The same cases run every time. `PROPTEST_CASES=1000` makes more of them, `PROPTEST_RNG_SEED=7` others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a suite is test code")]

mod bought;
mod ledger_model;
mod ledger_steps;
mod stock_model;
mod stock_steps;
mod visits;

use std::{cell::Cell, env, fmt::Debug};

use proptest::{
    strategy::Strategy,
    test_runner::{Config, FileFailurePersistence, RngSeed, TestCaseError, TestRunner},
};
use tokio::runtime::{Builder, Runtime};

use super::{procurements::samples::SlowLaneBackend, stock::StockBackend};

/// The most tries to make a failing sequence smaller; each needs a backend of its own.
const MOST_SHRINKS: u32 = 400;
const SEED: u64 = 20_261_111;

/// What a backend did is not what the model does; in words.
type Mismatch = String;

/// Holds a ledger against the model, with `cases` sequences.
///
/// # Panics
/// They differ: with the smallest sequence that shows it.
pub fn ledger<B: SlowLaneBackend>(cases: u32, fresh: impl AsyncFn() -> B) {
    let runtime = runtime();
    hold(cases, "proptest-regressions/ledger.txt", ledger_steps::sequences(), |steps| {
        runtime.block_on(async {
            let backend = fresh().await;
            ledger_steps::run(&backend, steps).await
        })
    });
}

/// Holds a stock server against the model, with `cases` sequences. `fresh` gives a backend and what has to live as
/// long.
///
/// # Panics
/// They differ: with the smallest sequence that shows it.
pub fn stock<B: StockBackend, G>(cases: u32, fresh: impl AsyncFn() -> (B, G)) {
    let runtime = runtime();
    hold(cases, "proptest-regressions/stock.txt", stock_steps::sequences(), |steps| {
        runtime.block_on(async {
            let (backend, _guard) = fresh().await;
            stock_steps::run(&backend, steps).await
        })
    });
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn hold<S: Strategy<Value: Debug>>(
    cases: u32,
    regressions: &'static str,
    sequences: S,
    check: impl Fn(&S::Value) -> Result<(), Mismatch>,
) {
    let mut config = Config {
        max_shrink_iters: MOST_SHRINKS,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(regressions))),
        ..Config::default()
    };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    let told = format!("seed {:?}, {} cases", config.rng_seed, config.cases);
    let (tried, failed_at) = (Cell::new(0_u32), Cell::new(None));
    let outcome = TestRunner::new(config).run(&sequences, |steps| {
        tried.set(tried.get() + 1);
        check(&steps).map_err(|mismatch| {
            failed_at.set(failed_at.get().or(Some(tried.get())));
            TestCaseError::fail(mismatch)
        })
    });
    if let Err(error) = outcome {
        panic!("{told}; case {} differs first, tried were {}\n{error}", failed_at.get().unwrap_or(0), tried.get());
    }
}

/// Fails unless the backend's answer is the model's.
fn same<T: PartialEq + Debug>(what: &str, answer: &T, model: &T) -> Result<(), Mismatch> {
    if answer == model { Ok(()) } else { Err(format!("{what}: the backend says {answer:?}, the model {model:?}")) }
}

fn must(what: &str, holds: bool, seen: &impl Debug) -> Result<(), Mismatch> {
    if holds { Ok(()) } else { Err(format!("{what}: {seen:?}")) }
}

fn failed<E: Debug>(what: &str) -> impl FnOnce(E) -> Mismatch {
    move |error| format!("{what} failed: {error:?}")
}
