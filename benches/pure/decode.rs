//! A body to an order, and to a refusal that says why.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use fulfil_contract::order::{Decoded, decode};

use crate::samples::body;

pub fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    for (name, lines) in [("one_line", 1), ("100_lines", 100)] {
        let body = body(7, lines);
        assert!(matches!(decode(&body), Decoded::Order(_)));
        group.bench_function(name, |bencher| bencher.iter(|| decode(black_box(&body))));
    }
    let refused = String::from_utf8(body(7, 1)).unwrap().replace("\"quantity\":1", "\"quantity\":0").into_bytes();
    assert!(matches!(decode(&refused), Decoded::Refused(_)));
    group.bench_function("refused", |bencher| bencher.iter(|| decode(black_box(&refused))));
    group.finish();
}
