//! The slow lane over ports in memory: one thread, a paused clock, suppliers that lose answers and lie, faults at
//! every call of a port, workers killed anywhere, all chosen by a seed. At the end a worker without faults
//! finishes the work, and the suppliers' own logs of purchases are held against the results.
//!
//! A failure names its seed: `FULFIL_SEED=7 cargo test --test purchases` runs that one alone.
//! `FULFIL_SEEDS=20000` runs more of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on ends here")]

mod checks;
mod supplier;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use world::{World, number};

#[test]
fn every_line_is_bought_once_whatever_happens() {
    let seeds: Vec<u64> = match number("FULFIL_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("FULFIL_SEEDS").unwrap_or(200)).collect(),
    };
    let mut seen = checks::Seen::default();
    for seed in seeds {
        match catch_unwind(AssertUnwindSafe(|| World::run(seed))) {
            Ok(one) => seen.add(&one),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                panic!("seed {seed}: {text}\nrun it alone with FULFIL_SEED={seed} cargo test --test purchases");
            }
        }
    }
    eprintln!("{seen:?}");
    if number("FULFIL_SEED").is_none() {
        seen.assert_that_everything_happened();
    }
}
