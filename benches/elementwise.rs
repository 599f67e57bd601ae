//! The elementwise operations on every tier, in four levels of the memory hierarchy, each beside a
//! plain loop that moves the same bytes.
//!
//! ```text
//! cargo bench --bench elementwise                          # all
//! cargo bench --bench elementwise -- 'quantize.*avx2/4096'  # some
//! ```

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::hint::black_box;
use std::time::Duration;
use zeropoint::{Multiplier, QuantParams, Scheme, Tier, min_max};

/// Short calls, L1, L2, L3, and beyond.
const SIZES: [usize; 5] = [31, 4 << 10, 64 << 10, 1 << 20, 16 << 20];

/// Elements, and room for results.
struct Buffers {
    x: Vec<f32>,
    accumulators: Vec<i32>,
    codes: Vec<u8>,
    signed: Vec<i8>,
    out: Vec<f32>,
    params: Vec<QuantParams<u8>>,
}

impl Buffers {
    fn new(len: usize) -> Self {
        let mut rng = SmallRng::seed_from_u64(1);
        Self {
            x: (0..len).map(|_| rng.random_range(-1.0..3.0)).collect(),
            accumulators: (0..len)
                .map(|_| rng.random_range(-200_000..200_000))
                .collect(),
            codes: (0..len).map(|_| rng.random()).collect(),
            signed: (0..len).map(|_| rng.random()).collect(),
            out: vec![0.0; len],
            params: vec![QuantParams::default(); len.div_ceil(1024)],
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
        let mut buffers = Buffers::new(len);
        group.throughput(Throughput::Elements(len as u64));
        group.bench_function(BenchmarkId::new(way, len), |bencher| {
            bencher.iter(|| call(black_box(&mut buffers)));
        });
    }
}

/// One operation on every tier, and by the plain loop `bare`, compiled for this CPU.
fn operation(
    criterion: &mut Criterion,
    name: &str,
    bare: fn(&mut Buffers),
    mut call: impl FnMut(Tier, &mut Buffers),
) {
    let mut group = criterion.benchmark_group(name);
    group
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(30);
    each_size(&mut group, "bare loop", bare);
    for tier in Tier::available() {
        each_size(&mut group, tier.name(), |buffers| call(tier, buffers));
    }
    group.finish();
}

/// Reads 4 bytes an element.
fn read(buffers: &mut Buffers) {
    pulp::Arch::new().dispatch(|| {
        let all = buffers.x.iter().fold(0, |all, x| all | x.to_bits());
        black_box(all);
    });
}

/// Reads 4 bytes an element and writes 1.
fn read_4_write_1(buffers: &mut Buffers) {
    pulp::Arch::new().dispatch(|| {
        for (&x, code) in buffers.x.iter().zip(&mut buffers.codes) {
            *code = x.to_bits() as u8;
        }
    });
}

/// Reads 1 byte an element and writes 4.
fn read_1_write_4(buffers: &mut Buffers) {
    pulp::Arch::new().dispatch(|| {
        for (&code, out) in buffers.codes.iter().zip(&mut buffers.out) {
            *out = f32::from_bits(code.into());
        }
    });
}

/// Reads 4 bytes an element and writes 4.
fn copy(buffers: &mut Buffers) {
    buffers.out.copy_from_slice(&buffers.x);
}

/// Reads 1 byte an element and writes it.
fn touch(buffers: &mut Buffers) {
    pulp::Arch::new().dispatch(|| {
        for code in &mut buffers.codes {
            *code ^= 1;
        }
    });
}

fn elementwise(criterion: &mut Criterion) {
    let range = min_max(&Buffers::new(1000).x).expect("there are elements");
    let affine = QuantParams::<u8>::affine(range).expect("a finite range");
    let symmetric = QuantParams::<i8>::symmetric(range).expect("a finite range");
    let lengths = "buffers of the same length";

    operation(criterion, "min_max", read, |tier, b| {
        black_box(tier.min_max(&b.x));
    });
    operation(
        criterion,
        "quantize affine u8",
        read_4_write_1,
        |tier, b| {
            tier.quantize(&b.x, affine, &mut b.codes).expect(lengths);
        },
    );
    operation(
        criterion,
        "quantize symmetric i8",
        read_4_write_1,
        |tier, b| {
            tier.quantize(&b.x, symmetric, &mut b.signed)
                .expect(lengths);
        },
    );
    operation(
        criterion,
        "dequantize affine u8",
        read_1_write_4,
        |tier, b| {
            tier.dequantize(&b.codes, affine, &mut b.out)
                .expect(lengths);
        },
    );
    operation(
        criterion,
        "dequantize symmetric i8",
        read_1_write_4,
        |tier, b| {
            tier.dequantize(&b.signed, symmetric, &mut b.out)
                .expect(lengths);
        },
    );
    operation(criterion, "fake_quantize", copy, |tier, b| {
        tier.fake_quantize(&b.x, affine, &mut b.out).expect(lengths);
    });
    operation(criterion, "quantize_dynamic", read_4_write_1, |tier, b| {
        tier.quantize_dynamic(&b.x, Scheme::affine(), &mut b.codes)
            .expect(lengths);
    });
    operation(
        criterion,
        "quantize_dynamic_rows of up to 1024",
        read_4_write_1,
        |tier, b| {
            let row = b.x.len().min(1024);
            let rows = b.x.len() / row;
            let (x, codes) = (&b.x[..rows * row], &mut b.codes[..rows * row]);
            tier.quantize_dynamic_rows(x, row, Scheme::affine(), &mut b.params[..rows], codes)
                .expect("as many rows");
        },
    );
    let real = Multiplier::real(1e-3).expect("a positive number");
    let fixed = Multiplier::fixed(1e-3).expect("a positive number");
    operation(criterion, "requantize real", read_4_write_1, |tier, b| {
        tier.requantize(&b.accumulators, real, affine, &mut b.codes)
            .expect(lengths);
    });
    operation(criterion, "requantize fixed", read_4_write_1, |tier, b| {
        tier.requantize(&b.accumulators, fixed, affine, &mut b.codes)
            .expect(lengths);
    });
    operation(criterion, "rescale u8 to i8", touch, |tier, b| {
        tier.rescale(&b.codes, affine, symmetric, &mut b.signed)
            .expect(lengths);
    });
    operation(criterion, "relu", touch, |tier, b| {
        tier.relu(&mut b.codes, 100);
    });
}

criterion_group!(benches, elementwise);
criterion_main!(benches);
