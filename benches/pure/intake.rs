//! 1,000 deliveries to a batch: decoded, hashed, twins set apart.

use criterion::{BatchSize, Criterion, Throughput};
use fulfil::pipeline::intake::{Limits, intake};

use crate::samples::deliveries;

pub fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("intake");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("1000_deliveries", |bencher| {
        bencher.iter_batched(
            || deliveries(1000),
            |deliveries| intake(deliveries, Limits::default()),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}
