//! The parts of an order's way that wait for nothing: what they cost without servers. Each group says how many
//! orders (or keys) one iteration is, so that criterion prints orders per second.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench fails by panicking")]
#![allow(missing_debug_implementations, unreachable_pub, reason = "criterion_group makes them")]

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

mod claim;
mod decode;
mod intake;
mod results;
mod samples;
mod sealing;
mod watermark;

/// All of them together take about a minute.
fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
}

criterion_group! {
    name = pure;
    config = settings();
    targets = decode::benches, intake::benches, claim::benches, watermark::benches, results::benches, sealing::benches
}
criterion_main!(pure);
