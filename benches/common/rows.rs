//! Dot products and distances of one vector with each row of a matrix.

use super::bare::{Bare, READ_1};
use super::buffers::{random, zeros};
use super::{Call, Operation};
use bytemuck::Pod;
use std::hint::black_box;
use zeropoint::{Code8, Tier};

/// The length of a row, as embeddings have it. Sizes are multiples of it.
pub(crate) const ROW: usize = 768;

pub(crate) const OPERATIONS: &[Operation] = &[
    operation("dot_rows i8·i8", READ_1, |len| {
        rows::<i8, i8>(len, |tier, query, rows, out| {
            tier.dot_rows(query, 0, rows, 0, out).expect(SHAPES);
        })
    }),
    operation("dot_rows u8·i8, two zero points", READ_1, |len| {
        rows::<u8, i8>(len, |tier, query, rows, out| {
            tier.dot_rows(query, 3, rows, 5, out).expect(SHAPES);
        })
    }),
    operation("l2_rows i8 i8", READ_1, |len| {
        rows::<i8, i8>(len, |tier, query, rows, out| {
            tier.l2_rows(query, 3, rows, 3, out).expect(SHAPES);
        })
    }),
];

const SHAPES: &str = "as many rows as results";

const fn operation(name: &'static str, bare: Bare, setup: fn(usize) -> Call) -> Operation {
    Operation { name, bare, setup }
}

/// A call on a vector and the rows of `len` codes.
fn rows<A: Code8 + Pod + Default, B: Code8 + Pod + Default>(
    len: usize,
    call: fn(Tier, &[A], &[B], &mut [i64]),
) -> Call {
    assert!(len.is_multiple_of(ROW), "whole rows");
    let (query, rows) = (random::<A>(ROW), random::<B>(len));
    let mut out = zeros(len / ROW);
    Box::new(move |tier| call(tier, black_box(&query), black_box(&rows), &mut out))
}
