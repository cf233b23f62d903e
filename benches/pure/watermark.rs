//! The watermark of a lane: sixteen batches in flight that end in the worst order.

use criterion::{Criterion, Throughput};
use fulfil::pipeline::watermark::Watermark;
use fulfil_contract::ports::source::Receipt;

const IN_FLIGHT: u32 = 16;

pub fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("watermark");
    group.throughput(Throughput::Elements(u64::from(IN_FLIGHT)));
    group.bench_function("16_batches_last_first", |bencher| {
        bencher.iter(|| {
            let mut watermark = Watermark::default();
            let batches: Vec<_> = (0..IN_FLIGHT).map(|tag| (tag, watermark.start())).collect();
            let mut due = None;
            for (tag, batch) in batches.into_iter().rev() {
                watermark.finish(batch, Receipt::new(1, u64::from(tag)));
                due = watermark.due().or(due);
            }
            due
        });
    });
    group.finish();
}
