//! Dot products, distances and cosines on every tier, from short vectors to main memory, each beside
//! a loop that reads the same bytes.
//!
//! ```text
//! cargo bench --bench dot                            # all
//! cargo bench --bench dot -- '^dot u8.*avx512/4096'  # some
//! ```

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::hint::black_box;
use std::time::Duration;
use zeropoint::Tier;

/// Short vectors, embeddings, L1, L2, and beyond.
const SIZES: [usize; 8] = [16, 64, 256, 768, 4 << 10, 64 << 10, 256 << 10, 1 << 20];

/// Rows of 768: in L2, in L3, and in main memory.
const ROWS: [usize; 3] = [768, 8 << 10, 128 << 10];
const ROW: usize = 768;

struct Buffers {
    a: Vec<u8>,
    b: Vec<i8>,
    c: Vec<i8>,
    out: Vec<i64>,
}

impl Buffers {
    fn new(len: usize, matrix: usize, rows: usize) -> Self {
        let mut rng = SmallRng::seed_from_u64(1);
        Self {
            a: (0..len).map(|_| rng.random()).collect(),
            b: (0..len).map(|_| rng.random()).collect(),
            c: (0..matrix).map(|_| rng.random()).collect(),
            out: vec![0; rows],
        }
    }
}

/// One operation by one way, at every size.
fn each_size(
    group: &mut BenchmarkGroup<'_, WallTime>,
    way: &str,
    mut call: impl FnMut(&mut Buffers),
) {
    for len in SIZES {
        let mut buffers = Buffers::new(len, len, 0);
        group.throughput(Throughput::Elements(len as u64));
        group.bench_function(BenchmarkId::new(way, len), |bencher| {
            bencher.iter(|| call(black_box(&mut buffers)));
        });
    }
}

/// One operation on rows by one way, at every number of rows.
fn each_matrix(
    group: &mut BenchmarkGroup<'_, WallTime>,
    way: &str,
    mut call: impl FnMut(&mut Buffers),
) {
    for rows in ROWS {
        let mut buffers = Buffers::new(ROW, rows * ROW, rows);
        group.throughput(Throughput::Bytes((rows * ROW) as u64));
        group.bench_function(BenchmarkId::new(way, rows), |bencher| {
            bencher.iter(|| call(black_box(&mut buffers)));
        });
    }
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(30);
    group
}

/// One operation on two vectors on every tier.
fn pairs(criterion: &mut Criterion, name: &str, mut call: impl FnMut(Tier, &mut Buffers)) {
    let mut group = group(criterion, name);
    each_size(&mut group, "bare loop", |buffers| {
        black_box(read(&buffers.a) | read(bytemuck::cast_slice(&buffers.b)));
    });
    for tier in Tier::available() {
        each_size(&mut group, tier.name(), |buffers| call(tier, buffers));
    }
    group.finish();
}

/// One operation on a vector and rows on every tier.
fn rows(criterion: &mut Criterion, name: &str, mut call: impl FnMut(Tier, &mut Buffers)) {
    let mut group = group(criterion, name);
    each_matrix(&mut group, "bare loop", |buffers| {
        black_box(read(bytemuck::cast_slice(&buffers.c)));
    });
    for tier in Tier::available() {
        each_matrix(&mut group, tier.name(), |buffers| call(tier, buffers));
    }
    group.finish();
}

/// Reads all bytes, compiled for this CPU.
fn read(bytes: &[u8]) -> u8 {
    pulp::Arch::new().dispatch(|| bytes.iter().fold(0, |all, byte| all | byte))
}

fn all(criterion: &mut Criterion) {
    let lengths = "vectors of the same length";
    let shapes = "as many rows as results";

    pairs(criterion, "dot u8 i8", |tier, b| {
        black_box(tier.dot(&b.a, 0, &b.b, 0).expect(lengths));
    });
    pairs(criterion, "dot u8 i8, one zero point", |tier, b| {
        black_box(tier.dot(&b.a, 3, &b.b, 0).expect(lengths));
    });
    pairs(criterion, "dot u8 i8, two zero points", |tier, b| {
        black_box(tier.dot(&b.a, 3, &b.b, 5).expect(lengths));
    });
    pairs(criterion, "dot i8 i8", |tier, b| {
        black_box(tier.dot(&b.b, 0, &b.c, 0).expect(lengths));
    });
    pairs(criterion, "dot u8 u8", |tier, b| {
        let c: &[u8] = bytemuck::cast_slice(&b.c);
        black_box(tier.dot(&b.a, 0, c, 0).expect(lengths));
    });
    pairs(criterion, "l2_squared i8 i8", |tier, b| {
        black_box(tier.l2_squared(&b.b, 3, &b.c, 3).expect(lengths));
    });
    pairs(criterion, "l2_squared i8 i8, two zero points", |tier, b| {
        black_box(tier.l2_squared(&b.b, 3, &b.c, 5).expect(lengths));
    });
    pairs(criterion, "cosine i8 i8", |tier, b| {
        black_box(tier.cosine(&b.b, 3, &b.c, 3).expect(lengths));
    });
    pairs(criterion, "sum i8", |tier, b| {
        black_box(tier.sum(&b.b));
    });

    rows(criterion, "dot_rows i8 i8", |tier, b| {
        tier.dot_rows(&b.b, 0, &b.c, 0, &mut b.out).expect(shapes);
    });
    rows(criterion, "dot_rows u8 i8, two zero points", |tier, b| {
        tier.dot_rows(&b.a, 3, &b.c, 5, &mut b.out).expect(shapes);
    });
    rows(criterion, "l2_rows i8 i8", |tier, b| {
        tier.l2_rows(&b.b, 3, &b.c, 3, &mut b.out).expect(shapes);
    });
}

criterion_group!(benches, all);
criterion_main!(benches);
