//! Dot products, distances and cosines of two vectors.

use super::bare::{Bare, READ_1, READ_1_READ_1};
use super::buffers::random;
use super::{Call, Operation};
use bytemuck::Pod;
use std::hint::black_box;
use zeropoint::{Code8, Tier};

pub(crate) const OPERATIONS: &[Operation] = &[
    operation("dot u8·i8", READ_1_READ_1, |len| {
        pairs::<u8, i8>(len, |tier, a, b| {
            black_box(tier.dot(a, 0, b, 0).expect(LENGTHS));
        })
    }),
    operation("dot u8·i8, one zero point", READ_1_READ_1, |len| {
        pairs::<u8, i8>(len, |tier, a, b| {
            black_box(tier.dot(a, 3, b, 0).expect(LENGTHS));
        })
    }),
    operation("dot u8·i8, two zero points", READ_1_READ_1, |len| {
        pairs::<u8, i8>(len, |tier, a, b| {
            black_box(tier.dot(a, 3, b, 5).expect(LENGTHS));
        })
    }),
    operation("dot i8·i8", READ_1_READ_1, |len| {
        pairs::<i8, i8>(len, |tier, a, b| {
            black_box(tier.dot(a, 0, b, 0).expect(LENGTHS));
        })
    }),
    operation("dot i8·i8, two zero points", READ_1_READ_1, |len| {
        pairs::<i8, i8>(len, |tier, a, b| {
            black_box(tier.dot(a, 3, b, 5).expect(LENGTHS));
        })
    }),
    operation("dot u8·u8", READ_1_READ_1, |len| {
        pairs::<u8, u8>(len, |tier, a, b| {
            black_box(tier.dot(a, 0, b, 0).expect(LENGTHS));
        })
    }),
    operation("l2_squared i8 i8", READ_1_READ_1, |len| {
        pairs::<i8, i8>(len, |tier, a, b| {
            black_box(tier.l2_squared(a, 3, b, 3).expect(LENGTHS));
        })
    }),
    operation("cosine i8 i8", READ_1_READ_1, |len| {
        pairs::<i8, i8>(len, |tier, a, b| {
            black_box(tier.cosine(a, 3, b, 3).expect(LENGTHS));
        })
    }),
    operation("sum i8", READ_1, |len| {
        let codes = random::<i8>(len);
        Box::new(move |tier| {
            black_box(tier.sum(black_box(&codes)));
        })
    }),
];

const LENGTHS: &str = "vectors of the same length";

const fn operation(name: &'static str, bare: Bare, setup: fn(usize) -> Call) -> Operation {
    Operation { name, bare, setup }
}

/// A call on two vectors.
fn pairs<A: Code8 + Pod + Default, B: Code8 + Pod + Default>(
    len: usize,
    call: fn(Tier, &[A], &[B]),
) -> Call {
    let (a, b) = (random::<A>(len), random::<B>(len));
    Box::new(move |tier| call(tier, black_box(&a), black_box(&b)))
}
