//! Products of matrices with square weights, packed before.

use super::bare::{READ_1_WRITE_1, weights};
use super::buffers::{floats, random, zeros};
use super::{Call, Operation};
use aligned_vec::AVec;
use bytemuck::Pod;
use std::hint::black_box;
use zeropoint::gemm::{Activations, Linear, PackedMatrix, Scratch, Weights};
use zeropoint::{Code8, Multiplier, Multipliers, Params, QuantParams, Tier};

/// The rows and columns of the weights: of embeddings, of what only the last cache holds, and of small layers.
pub(crate) const SIDE: usize = 768;
pub(crate) const LARGE_SIDE: usize = 4096;
pub(crate) const SMALL_SIDE: usize = 64;

/// Multiply-accumulates for a row.
pub(crate) const ROW: usize = SIDE * SIDE;
pub(crate) const LARGE_ROW: usize = LARGE_SIDE * LARGE_SIDE;
pub(crate) const SMALL_ROW: usize = SMALL_SIDE * SMALL_SIDE;

pub(crate) const OPERATIONS: &[Operation] = &[
    operation::<SIDE>("matmul u8·i8", products::<u8, i8, SIDE>),
    operation::<SIDE>("matmul i8·i8", products::<i8, i8, SIDE>),
    operation::<SIDE>("matmul i8·u8, by row and column", |len| {
        let (mut of, mut out) = (Matrices::<i8, u8, SIDE>::new(len), zeros(of_rows::<SIDE>(len)));
        let (za, zb) = (random::<i8>(len / ROW), random::<u8>(SIDE));
        Box::new(move |tier| {
            let (a, b) = of.packed(tier);
            b.multiply(a, &za[..], &zb[..], &mut out[..]).expect(SHAPES);
        })
    }),
    operation::<SIDE>("matmul u8·u8", products::<u8, u8, SIDE>),
    operation::<SIDE>("matmul i8·i8, not packed", |len| {
        let (of, mut out) = (Matrices::<i8, i8, SIDE>::new(len), zeros(of_rows::<SIDE>(len)));
        Box::new(move |tier| {
            let b = Weights::transposed(black_box(&of.b), SIDE, SIDE);
            b.multiply(tier, black_box(&of.a[..]), 3, 5, &mut out[..]).expect(SHAPES);
        })
    }),
    operation::<SIDE>("matmul_requantize u8·i8", requantized::<SIDE>),
    operation::<SIDE>("matmul_dequantize u8·i8", |len| {
        let (mut of, mut out) = (Matrices::<u8, i8, SIDE>::new(len), zeros(of_rows::<SIDE>(len)));
        let (params_a, params_b) = (params(len / ROW, 3), params(SIDE, 5));
        Box::new(move |tier| {
            let (a, b) = of.packed(tier);
            let params_a = Params::per_axis(&params_a, SIDE);
            let params_b = Params::per_axis(&params_b, 1);
            b.dequantize(a, params_a, params_b, None, &mut out[..]).expect(SHAPES);
        })
    }),
    operation::<SIDE>("linear u8·i8", |len| layers::<SIDE>(len, 1)),
    // 36 MiB of them.
    operation::<SIDE>("linear u8·i8, 64 layers in turn", |len| layers::<SIDE>(len, 64)),
];

pub(crate) const SMALL: &[Operation] = &[
    operation::<SMALL_SIDE>("matmul u8·i8", products::<u8, i8, SMALL_SIDE>),
    operation::<SMALL_SIDE>("matmul_requantize u8·i8", requantized::<SMALL_SIDE>),
    operation::<SMALL_SIDE>("linear u8·i8", |len| layers::<SMALL_SIDE>(len, 1)),
];

/// Of square matrices.
pub(crate) const PACKING: &[Operation] = &[
    Operation {
        name: "pack i8",
        bare: READ_1_WRITE_1,
        setup: |len| packing(len, |b, k, n| Weights::new(b, k, n)),
    },
    Operation {
        name: "pack i8, transposed",
        bare: READ_1_WRITE_1,
        setup: |len| packing(len, |b, k, n| Weights::transposed(b, k, n)),
    },
];

pub(crate) const LARGE: &[Operation] =
    &[operation::<LARGE_SIDE>("matmul u8·i8", products::<u8, i8, LARGE_SIDE>)];

const SHAPES: &str = "matrices that fit";

const fn operation<const N: usize>(name: &'static str, setup: fn(usize) -> Call) -> Operation {
    Operation { name, bare: weights::<N>(), setup }
}

/// Rows, and those of the weights, and their columns.
pub(crate) fn shape<const N: usize>(len: usize) -> String {
    format!("{}×{N}×{N}", len / (N * N))
}

/// Elements of as many rows as `len` multiply-accumulates are of.
fn of_rows<const N: usize>(len: usize) -> usize {
    assert!(len.is_multiple_of(N * N), "whole rows");
    len / N
}

/// Codes of both sides.
struct Matrices<A, B: 'static, const N: usize> {
    a: AVec<A>,
    b: AVec<B>,
    packed: Option<PackedMatrix<'static, B>>,
}

impl<A: Code8 + Pod + Default, B: Code8 + Pod + Default, const N: usize> Matrices<A, B, N> {
    fn new(len: usize) -> Self {
        Self { a: random(of_rows::<N>(len)), b: random(N * N), packed: None }
    }

    /// The left side, and the right one as it is packed for a tier.
    fn packed(&mut self, tier: Tier) -> (&[A], &PackedMatrix<'static, B>) {
        self.packed = self.packed.take().filter(|packed| packed.tier() == tier);
        let pack = || Weights::new(&self.b, N, N).pack(tier).expect(SHAPES);
        let packed = self.packed.get_or_insert_with(pack);
        (black_box(&self.a), black_box(packed))
    }
}

/// A call with zero points, for all of each side.
fn products<A, B, const N: usize>(len: usize) -> Call
where
    A: Code8 + Pod + Default,
    B: Code8 + Pod + Default,
{
    let (mut of, mut out) = (Matrices::<A, B, N>::new(len), zeros(of_rows::<N>(len)));
    let (za, zb) = (random::<A>(1)[0], random::<B>(1)[0]);
    Box::new(move |tier| {
        let (a, b) = of.packed(tier);
        b.multiply(a, za, zb, &mut out[..]).expect(SHAPES);
    })
}

fn requantized<const N: usize>(len: usize) -> Call {
    let (mut of, mut out) = (Matrices::<u8, i8, N>::new(len), zeros(of_rows::<N>(len)));
    let multiplier = |n| Multiplier::real(1e-3 + n as f32 * 1e-7).expect("a positive number");
    let multipliers: Vec<_> = (0..N).map(multiplier).collect();
    let params = QuantParams::<u8>::new(0.5, 128).expect("a scale");
    Box::new(move |tier| {
        let (a, b) = of.packed(tier);
        let multipliers = Multipliers::per_axis(&multipliers, 1);
        b.requantize(a, 3, 5, multipliers, params, &mut out[..]).expect(SHAPES);
    })
}

/// Calls of so many layers, one after the other.
fn layers<const N: usize>(len: usize, count: usize) -> Call {
    let (x, mut out) = (floats(of_rows::<N>(len)), zeros(of_rows::<N>(len)));
    let (b, params_b) = (random::<i8>(N * N), params(N, 0));
    let (mut layers, mut scratch, mut next) = (Vec::<Linear<'_>>::new(), Scratch::new(), 0);
    Box::new(move |tier| {
        layers.retain(|layer| layer.tier() == tier);
        while layers.len() < count {
            let b = Weights::new(&b, N, N).pack(tier).expect(SHAPES);
            layers.push(Linear::new(b, Params::per_axis(&params_b, 1)).expect(SHAPES));
        }
        next = (next + 1) % count;
        let (by, out) = (Activations::AffineU8, &mut out[..]);
        black_box(&layers[next]).forward(&x[..], by, &mut scratch, out).expect(SHAPES);
    })
}

fn packing(len: usize, matrix: for<'a> fn(&'a [i8], usize, usize) -> Weights<'a, i8>) -> Call {
    let (side, b) = (len.isqrt(), random::<i8>(len));
    let mut buffer = Vec::new();
    Box::new(move |tier| {
        let weights = matrix(black_box(&b), side, side);
        buffer.resize(weights.packed_len(tier), 0);
        black_box(weights.pack_into(tier, &mut buffer).expect(SHAPES));
    })
}

fn params<Q: Code8>(n: usize, zero_point: Q) -> Vec<QuantParams<Q>> {
    let of = |i| QuantParams::new(0.016 + i as f32 * 1e-6, zero_point).expect("a scale");
    (0..n).map(of).collect()
}
