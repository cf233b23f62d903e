//! One key sealed, fingerprinted, opened.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use fulfil::sealing::{CardKey, FingerprintSecret, Fingerprinter, PrivateKey, Sealer};

use crate::samples::sku;

pub fn benches(criterion: &mut Criterion) {
    let private = PrivateKey::generate();
    let sealer = Sealer::new(private.recipient());
    let fingerprinter = Fingerprinter::new(&FingerprintSecret::parse("a secret for benches alone").unwrap());
    let (sku, key) = (sku(1), CardKey::parse("ABCDE-FGHJK-23456-789AB").unwrap());
    let sealed = sealer.seal(&sku, key);

    let mut group = criterion.benchmark_group("sealing");
    group.throughput(Throughput::Elements(1));
    group.bench_function("seal", |bencher| bencher.iter(|| sealer.seal(black_box(&sku), key)));
    group.bench_function("fingerprint", |bencher| bencher.iter(|| fingerprinter.fingerprint(black_box(&sku), key)));
    group.bench_function("open", |bencher| bencher.iter(|| private.open(black_box(&sku), &sealed).unwrap()));
    group.finish();
}
