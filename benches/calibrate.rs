//! Histograms, beside a plain loop that makes one of a range that it is told; and how long methods
//! take to choose a range.
//!
//! ```text
//! cargo bench --bench calibrate
//! cargo bench --bench calibrate -- 'histogram/normal'
//! ```

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::f32::consts::TAU;
use std::hint::black_box;
use zeropoint::calibrate::{Histogram, Method, Observer};
use zeropoint::{Scheme, Tier};

/// A short batch, one in the caches, and one that is not.
const SIZES: [usize; 3] = [256, 64 << 10, 4 << 20];

/// Numbers with a normal distribution.
fn normal(len: usize) -> Vec<f32> {
    let mut random = SmallRng::seed_from_u64(1);
    let number = |_| {
        let (a, b): (f32, f32) = (random.random(), random.random());
        (-2.0 * (1.0 - a).ln()).sqrt() * (TAU * b).cos()
    };
    (0..len).map(number).collect()
}

/// Kinds of data: ordinary, half zeros, and all in one bin.
fn kinds() -> [(&'static str, Vec<f32>); 3] {
    let normal = normal(SIZES[2]);
    let relu = normal.iter().map(|x| x.max(0.0)).collect();
    let constant = vec![1.5; normal.len()];
    [("normal", normal), ("relu", relu), ("constant", constant)]
}

/// As short as a histogram can be.
fn plain(x: &[f32], min: f32, max: f32, counts: &mut [u64]) {
    let scale = (counts.len() - 1) as f32 / (max - min);
    for &x in x {
        if x.is_finite() {
            counts[((x - min) * scale) as usize] += 1;
        }
    }
}

fn histograms(criterion: &mut Criterion) {
    for (kind, x) in kinds() {
        let mut group = criterion.benchmark_group(format!("histogram/{kind}"));
        for len in SIZES {
            let x = &x[..len];
            group.throughput(Throughput::Elements(len as u64));
            let mut counts = vec![0; 4096];
            group.bench_function(BenchmarkId::new("plain loop", len), |bencher| {
                bencher.iter(|| plain(black_box(x), -8.0, 8.0, &mut counts));
            });
            for tier in Tier::available() {
                let mut histogram = Histogram::new();
                group.bench_function(BenchmarkId::new(tier.name(), len), |bencher| {
                    bencher.iter(|| histogram.add_on(tier, black_box(x)));
                });
            }
        }
    }
}

fn choices(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("choice");
    let x = normal(SIZES[2]);
    for method in Method::ALL {
        let mut observer = Observer::new(method).expect("the usual numbers");
        observer.observe(&x);
        group.bench_function(method.to_string(), |bencher| {
            bencher.iter(|| observer.params(black_box(Scheme::<u8>::affine())));
        });
    }
}

criterion_group!(benches, histograms, choices);
criterion_main!(benches);
