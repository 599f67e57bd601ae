//! The operations with parameters for each channel or block.

use super::bare::{Bare, READ_1_WRITE_4, READ_4, READ_4_WRITE_1, READ_4_WRITE_4};
use super::buffers::{accumulators, floats, random, zeros};
use super::{Call, Operation};
use zeropoint::{Blocks, Code, Granularity, Multiplier, Multipliers, Params, QuantParams, Tier};

pub(crate) const OPERATIONS: &[Operation] = &[
    operation("min_max rows of 1024", READ_4, |len| min_max(len, 1024)),
    operation("min_max last axis", READ_4, |len| min_max(len, 1)),
    operation("quantize rows of 1024 u8", READ_4_WRITE_1, |len| quantize(len, 1024, affine)),
    operation("quantize rows of 49 u8", READ_4_WRITE_1, |len| quantize(len, 49, affine)),
    operation("quantize last axis u8", READ_4_WRITE_1, |len| quantize(len, 1, affine)),
    operation("quantize last axis i8", READ_4_WRITE_1, |len| quantize(len, 1, symmetric)),
    operation("quantize blocks of 32 u8", READ_4_WRITE_1, |len| quantize_blocks(len, affine)),
    operation("quantize blocks of 32 i8", READ_4_WRITE_1, |len| quantize_blocks(len, symmetric)),
    operation("dequantize rows of 1024 i8", READ_1_WRITE_4, |len| dequantize(len, 1024)),
    operation("dequantize last axis i8", READ_1_WRITE_4, |len| dequantize(len, 1)),
    operation("dequantize blocks of 32 i8", READ_1_WRITE_4, |len| {
        let (codes, mut out) = (random::<i8>(len), zeros(len));
        let params = params(len.div_ceil(32), symmetric);
        let blocks = Blocks::of_rows(len, 32);
        Box::new(move |tier| {
            tier.dequantize(&codes, Params::per_block(&params, blocks), &mut out).expect(SHAPES);
        })
    }),
    operation("fake_quantize last axis u8", READ_4_WRITE_4, |len| {
        let (channels, len) = shape(len, 1);
        let (x, mut out) = (floats(len), zeros(len));
        let params = params(channels, affine);
        Box::new(move |tier| {
            tier.fake_quantize(&x, Params::per_axis(&params, 1), &mut out).expect(SHAPES);
        })
    }),
    operation("requantize real rows of 1024 u8", READ_4_WRITE_1, |len| {
        requantize(len, 1024, |c| Multiplier::real(1e-3 + c as f32 * 1e-7))
    }),
    operation("requantize real last axis u8", READ_4_WRITE_1, |len| {
        requantize(len, 1, |c| Multiplier::real(1e-3 + c as f32 * 1e-7))
    }),
    operation("requantize fixed last axis u8", READ_4_WRITE_1, |len| {
        requantize(len, 1, |c| Multiplier::fixed(1e-3 + c as f64 * 1e-7))
    }),
];

const SHAPES: &str = "shapes that fit";

const fn operation(name: &'static str, bare: Bare, setup: fn(usize) -> Call) -> Operation {
    Operation { name, bare, setup }
}

/// About `len` elements as `[outer, channels, inner]`: with one element from channel to channel,
/// 256 channels; else as many as there are. Less than one channel is one that is shorter.
fn shape(len: usize, inner: usize) -> (usize, usize) {
    let channels = match inner {
        1 => 256.min(len),
        _ => len.div_ceil(inner),
    };
    (channels, len / channels * channels)
}

/// The elements of a channel in a row, where it is shorter because there are too few elements.
fn inner_of(len: usize, channels: usize, inner: usize) -> usize {
    if inner == 1 { 1 } else { len / channels }
}

fn affine(p: usize) -> QuantParams<u8> {
    QuantParams::new(0.016 + p as f32 * 1e-6, (p % 200) as u8).expect("a scale")
}

fn symmetric(p: usize) -> QuantParams<i8> {
    let params = QuantParams::new(0.02 + p as f32 * 1e-6, 0).expect("a scale");
    params.with_codes(-127..=127).expect("codes around 0")
}

fn params<Q: Code>(n: usize, of: fn(usize) -> QuantParams<Q>) -> Vec<QuantParams<Q>> {
    (0..n).map(of).collect()
}

fn min_max(len: usize, inner: usize) -> Call {
    let (channels, len) = shape(len, inner);
    let (x, mut ranges) = (floats(len), vec![None; channels]);
    let each = Granularity::Axis { inner: inner_of(len, channels, inner) };
    Box::new(move |tier| tier.min_max_each(&x, each, &mut ranges).expect(SHAPES))
}

fn quantize<Q: Code + Default>(len: usize, inner: usize, of: fn(usize) -> QuantParams<Q>) -> Call {
    let (channels, len) = shape(len, inner);
    let (x, mut codes) = (floats(len), zeros(len));
    let params = params(channels, of);
    let inner = inner_of(len, channels, inner);
    Box::new(move |tier| {
        tier.quantize(&x, Params::per_axis(&params, inner), &mut codes).expect(SHAPES);
    })
}

fn quantize_blocks<Q: Code + Default>(len: usize, of: fn(usize) -> QuantParams<Q>) -> Call {
    let (x, mut codes) = (floats(len), zeros(len));
    let params = params(len.div_ceil(32), of);
    let blocks = Blocks::of_rows(len, 32);
    Box::new(move |tier| {
        tier.quantize(&x, Params::per_block(&params, blocks), &mut codes).expect(SHAPES);
    })
}

fn dequantize(len: usize, inner: usize) -> Call {
    let (channels, len) = shape(len, inner);
    let (codes, mut out) = (random::<i8>(len), zeros(len));
    let params = params(channels, symmetric);
    let inner = inner_of(len, channels, inner);
    Box::new(move |tier| {
        tier.dequantize(&codes, Params::per_axis(&params, inner), &mut out).expect(SHAPES);
    })
}

fn requantize(
    len: usize,
    inner: usize,
    of: fn(usize) -> Result<Multiplier, zeropoint::Error>,
) -> Call {
    let (channels, len) = shape(len, inner);
    let (accumulators, mut codes) = (accumulators(len), zeros(len));
    let multipliers: Vec<_> = (0..channels).map(|c| of(c).expect("a positive number")).collect();
    let inner = inner_of(len, channels, inner);
    let output = affine(7);
    Box::new(move |tier: Tier| {
        let multipliers = Multipliers::per_axis(&multipliers, inner);
        tier.requantize(&accumulators, multipliers, output, &mut codes).expect(SHAPES);
    })
}
