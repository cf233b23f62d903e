//! A committed row to its message.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use fulfil_contract::answer::Answer;

use crate::samples::recorded;

pub fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("results");
    group.throughput(Throughput::Elements(1));
    for (name, keys) in [("one_key", 1), ("100_keys", 100)] {
        let order = recorded(7, keys);
        group.bench_function(name, |bencher| bencher.iter(|| Answer::Order(black_box(&order)).body()));
    }
    let orders: Vec<_> = (0..300).map(|number| recorded(number, 1)).collect();
    group.throughput(Throughput::Elements(300));
    group.bench_function("array_of_300", |bencher| {
        bencher.iter(|| {
            let mut body = vec![b'['];
            for order in &orders {
                let answer = Answer::Order(order);
                answer.write_element(&answer.message_id(), &mut body);
                body.push(b',');
            }
            body
        });
    });
    group.finish();
}
