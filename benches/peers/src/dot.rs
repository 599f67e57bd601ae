//! Dot products of codes.

use crate::buffers::random;
use crate::{Contest, Entrant, OURS, entrant};
use bytemuck::Pod;
use candle_core::quantized::k_quants::{BlockQ8_0, GgmlType};
use diskann_vector::PureDistanceFunction;
use diskann_vector::distance::InnerProduct;
use numkong::Dot;
use std::hint::black_box;
use zeropoint::Code8;

pub(crate) const CONTESTS: &[Contest] = &[
    contest("dot i8·i8", signed),
    contest("dot u8·u8", unsigned),
    contest("dot u8·i8, two zero points", with_zero_points),
];

/// Of embeddings; in the first level of the caches, and in the second.
const SIZES: &[usize] = &[64, 256, 768, 1024, 4096, 64 << 10];

const LENGTHS: &str = "vectors of the same length";

const fn contest(name: &'static str, entrants: fn(usize) -> Vec<Entrant>) -> Contest {
    Contest {
        name,
        unit: "MAC",
        sizes: SIZES,
        entrants,
        work: |len| len,
    }
}

const WRAPS: &str = "no zero points; wraps in 32 bits when long";
const ROUNDED: &str = "no zero points; result rounded to f32";

fn signed(len: usize) -> Vec<Entrant> {
    let (a, b) = (random::<i8>(len), random::<i8>(len));
    let (a2, b2) = (a.clone(), b.clone());
    let mut blocks = vec![BlockQ8_0::zeros(); len / 32];
    BlockQ8_0::from_float(&crate::buffers::floats(len), &mut blocks);
    let naive = [(a.clone(), b.clone()), (a.clone(), b.clone())];
    let [(a3, b3), (a4, b4)] = naive;
    vec![
        ours::<i8, i8>(len, 0, 0),
        bare_loop(len),
        entrant("numkong", WRAPS, move || {
            black_box(i8::dot(black_box(&a), &b));
        }),
        entrant("diskann-vector", ROUNDED, move || {
            let product: f32 = InnerProduct::evaluate(black_box(&*a2), &*b2);
            black_box(product);
        }),
        entrant(
            "candle-core Q8_0",
            "another format: blocks of 32 with scales, sum in f32",
            move || {
                black_box(BlockQ8_0::vec_dot(len, black_box(&blocks), &blocks));
            },
        ),
        entrant("naive loop", "no zero points", move || {
            black_box(sum(black_box(&a3), &b3));
        }),
        entrant("naive loop for this CPU", "no zero points", move || {
            black_box(pulp::Arch::new().dispatch(|| sum(black_box(&a4), &b4)));
        }),
    ]
}

fn unsigned(len: usize) -> Vec<Entrant> {
    let (a, b) = (random::<u8>(len), random::<u8>(len));
    let (a2, b2) = (a.clone(), b.clone());
    let (a3, b3) = (a.clone(), b.clone());
    vec![
        ours::<u8, u8>(len, 0, 0),
        bare_loop(len),
        entrant("numkong", WRAPS, move || {
            black_box(u8::dot(black_box(&a), &b));
        }),
        entrant("diskann-vector", ROUNDED, move || {
            let product: f32 = InnerProduct::evaluate(black_box(&*a2), &*b2);
            black_box(product);
        }),
        entrant("lance-linalg", ROUNDED, move || {
            black_box(lance_linalg::distance::dot(black_box(&*a3), &b3));
        }),
    ]
}

/// What no other library has.
fn with_zero_points(len: usize) -> Vec<Entrant> {
    let (a, b) = (random::<u8>(len), random::<i8>(len));
    vec![
        ours::<u8, i8>(len, 3, 5),
        bare_loop(len),
        entrant(
            "naive loop for this CPU",
            "wraps in 32 bits when long",
            move || {
                let (a, b) = black_box((&a, &b));
                let products = a
                    .iter()
                    .zip(&**b)
                    .map(|(&a, &b)| (i32::from(a) - 3) * (i32::from(b) - 5));
                black_box(pulp::Arch::new().dispatch(|| products.sum::<i32>()));
            },
        ),
    ]
}

/// Ours, with these zero points.
fn ours<A: Code8 + Pod + Default, B: Code8 + Pod + Default>(len: usize, za: A, zb: B) -> Entrant {
    let (a, b) = (random::<A>(len), random::<B>(len));
    entrant(OURS, "exact", move || {
        black_box(zeropoint::dot(black_box(&*a), za, &b, zb).expect(LENGTHS));
    })
}

/// Reads both vectors, and does nothing else.
fn bare_loop(len: usize) -> Entrant {
    let (a, b) = (random::<u8>(len), random::<u8>(len));
    entrant("bare loop", "only reads", move || {
        let (a, b) = black_box((&*a, &*b));
        black_box(
            pulp::Arch::new().dispatch(|| a.iter().zip(b).fold(0, |all, (a, b)| all | a | b)),
        );
    })
}

#[inline(always)]
fn sum(a: &[i8], b: &[i8]) -> i32 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| i32::from(a) * i32::from(b))
        .sum()
}
