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
    operation("dot_rows i8·i8, 100 rows a call", READ_1, |len| {
        rows::<i8, i8>(len, |tier, query, rows, out| {
            for (rows, out) in rows.chunks(100 * ROW).zip(out.chunks_mut(100)) {
                tier.dot_rows(query, 0, rows, 0, out).expect(SHAPES);
            }
        })
    }),
    operation("dot_rows i8·i8, rows of 128", READ_1, |len| {
        rows_of::<i8, i8>(128, len, |tier, query, rows, out| {
            tier.dot_rows(query, 0, rows, 0, out).expect(SHAPES);
        })
    }),
    operation("dot_rows u8·i8, two zero points", READ_1, |len| {
        rows::<u8, i8>(len, |tier, query, rows, out| {
            tier.dot_rows(query, 3, rows, 5, out).expect(SHAPES);
        })
    }),
    operation("dot i8·i8, row by row", READ_1, |len| {
        rows::<i8, i8>(len, |tier, query, rows, out| {
            for (row, out) in rows.chunks_exact(ROW).zip(out) {
                *out = tier.dot(query, 0, row, 0).expect(SHAPES);
            }
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
    rows_of(ROW, len, call)
}

/// The same with rows of another length.
fn rows_of<A: Code8 + Pod + Default, B: Code8 + Pod + Default>(
    row: usize,
    len: usize,
    call: fn(Tier, &[A], &[B], &mut [i64]),
) -> Call {
    assert!(len.is_multiple_of(row), "whole rows");
    let (query, rows) = (random::<A>(row), random::<B>(len));
    let mut out = zeros(len / row);
    Box::new(move |tier| call(tier, black_box(&query), black_box(&rows), &mut out))
}
