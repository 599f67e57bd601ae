//! The elementwise operations.

use super::bare::{
    Bare, READ_1_WRITE_1, READ_1_WRITE_4, READ_4, READ_4_READ_4_WRITE_1, READ_4_WRITE_1,
    READ_4_WRITE_4, UPDATE_1,
};
use super::buffers::{accumulators, floats, random, zeros};
use super::{Call, Operation};
use aligned_vec::AVec;
use std::hint::black_box;
use zeropoint::{Code, Multiplier, QuantParams, Range, Scheme};

pub(crate) const OPERATIONS: &[Operation] = &[
    operation("min_max", READ_4, |len| {
        let x = floats(len);
        Box::new(move |tier| {
            black_box(tier.min_max(&x));
        })
    }),
    operation("quantize affine u8", READ_4_WRITE_1, |len| quantize(len, affine())),
    operation("quantize symmetric i8", READ_4_WRITE_1, |len| quantize(len, symmetric())),
    operation("dequantize affine u8", READ_1_WRITE_4, |len| {
        dequantize(random::<u8>(len), affine())
    }),
    operation("dequantize symmetric i8", READ_1_WRITE_4, |len| {
        dequantize(random::<i8>(len), symmetric())
    }),
    operation("fake_quantize affine u8", READ_4_WRITE_4, |len| {
        let (x, mut out) = (floats(len), zeros(len));
        let params = affine();
        Box::new(move |tier| tier.fake_quantize(&x, params, &mut out).expect(LENGTHS))
    }),
    operation("quantize_dynamic u8", READ_4_READ_4_WRITE_1, |len| {
        let (x, mut codes) = (floats(len), zeros(len));
        Box::new(move |tier| {
            let params = tier.quantize_dynamic(&x, Scheme::<u8>::affine(), &mut codes);
            black_box(params.expect(LENGTHS));
        })
    }),
    operation("quantize_dynamic_rows u8", READ_4_WRITE_1, |len| {
        let (x, mut codes) = (floats(len), zeros(len));
        // Rows of 1024, or one that is shorter: the second pass over a row is in the first cache.
        let row = len.min(1024);
        let mut params = vec![QuantParams::<u8>::default(); len / row];
        Box::new(move |tier| {
            let (x, codes) = (&x[..], &mut codes[..]);
            tier.quantize_dynamic_rows(x, row, Scheme::affine(), &mut params, codes)
                .expect(LENGTHS);
        })
    }),
    operation("requantize real u8", READ_4_WRITE_1, |len| {
        requantize(len, Multiplier::real(1e-3).expect("a positive number"))
    }),
    operation("requantize fixed u8", READ_4_WRITE_1, |len| {
        requantize(len, Multiplier::fixed(1e-3).expect("a positive number"))
    }),
    operation("rescale u8 to i8", READ_1_WRITE_1, |len| {
        let (codes, mut out) = (random::<u8>(len), zeros(len));
        let (from, to) = (affine(), symmetric());
        Box::new(move |tier| tier.rescale(&codes, from, to, &mut out).expect(LENGTHS))
    }),
    operation("lut u8 to i8", READ_1_WRITE_1, |len| {
        let (codes, mut out) = (random::<u8>(len), zeros(len));
        let table = core::array::from_fn(|i| (i * i / 7) as i8);
        Box::new(move |tier| tier.lut(&codes, &table, &mut out).expect(LENGTHS))
    }),
    operation("relu u8", UPDATE_1, |len| {
        let mut codes = random::<u8>(len);
        Box::new(move |tier| tier.relu(&mut codes, 100))
    }),
];

const LENGTHS: &str = "buffers whose lengths fit";

const fn operation(name: &'static str, bare: Bare, setup: fn(usize) -> Call) -> Operation {
    Operation { name, bare, setup }
}

fn quantize<Q: Code + Default>(len: usize, params: QuantParams<Q>) -> Call {
    let (x, mut codes) = (floats(len), zeros(len));
    Box::new(move |tier| tier.quantize(&x, params, &mut codes).expect(LENGTHS))
}

fn dequantize<Q: Code>(codes: AVec<Q>, params: QuantParams<Q>) -> Call {
    let mut out = zeros(codes.len());
    Box::new(move |tier| tier.dequantize(&codes, params, &mut out).expect(LENGTHS))
}

fn requantize(len: usize, multiplier: Multiplier) -> Call {
    let (x, mut codes) = (accumulators(len), zeros(len));
    let params = affine();
    Box::new(move |tier| {
        tier.requantize(&x, multiplier, params, &mut codes).expect(LENGTHS);
    })
}

/// That of [`floats`].
const RANGE: Range = Range::new(-1.0, 3.0);

fn affine() -> QuantParams<u8> {
    QuantParams::affine(RANGE).expect("a finite range")
}

fn symmetric() -> QuantParams<i8> {
    QuantParams::symmetric(RANGE).expect("a finite range")
}
