//! What each per-frame piece costs in time: `cargo bench -p dataplane --bench per_frame`. Throughput is in frames.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a bench that cannot be set up should stop")]

use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

mod pieces;

fn per_frame(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("per frame");
    group.throughput(Throughput::Elements(pieces::BURST as u64));
    for (name, make) in pieces::all() {
        let mut piece = make();
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|bursts| {
                let began = Instant::now();
                piece(bursts);
                began.elapsed()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, per_frame);
criterion_main!(benches);
