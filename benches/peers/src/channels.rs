//! Parameters for each channel or block. The nearest that others have is candle's Q8_0, blocks of 32;
//! for rows, one may call a library that takes one set of parameters for each of them.

use crate::buffers::{floats, random, zeros};
use crate::elementwise::{
    ANOTHER, INEXACT, LENGTHS, contest, dequantized, leak, maybe, naive, quantized,
};
use crate::{Contest, Entrant, OURS, entrant};
use candle_core::quantized::k_quants::{BlockQ8_0, GgmlType};
use rten_simd::SimdOp;
use rten_vecmath::Quantize;
use std::hint::black_box;
use zeropoint::{Blocks, Params, QuantParams, Scheme, Tier};

pub(crate) const CONTESTS: &[Contest] = &[
    contest("quantize rows of 1024 u8", quantize_rows),
    contest("quantize last axis u8", quantize_last_axis),
    contest("quantize blocks of 32 i8", quantize_blocks),
    contest("quantize_dynamic_rows i8, rows of 32", dynamic_blocks),
    contest("dequantize rows of 1024 u8", dequantize_rows),
    contest("dequantize last axis u8", dequantize_last_axis),
    contest("dequantize blocks of 32 i8", dequantize_blocks),
];

const ROW: usize = 1024;
const CHANNELS: usize = 256;
const BLOCK: usize = 32;

fn affine(n: usize) -> &'static [QuantParams<u8>] {
    let params = |p| QuantParams::new(0.016 + p as f32 * 1e-6, (p % 200) as u8);
    let params: Result<Vec<_>, _> = (0..n).map(params).collect();
    params.expect("scales").leak()
}

fn symmetric(n: usize) -> &'static [QuantParams<i8>] {
    let params = |p| QuantParams::new(0.02 + p as f32 * 1e-6, 0)?.with_codes(-127..=127);
    let params: Result<Vec<_>, _> = (0..n).map(params).collect();
    params.expect("scales").leak()
}

/// Ours, with the parameters' channels `inner` elements apart.
fn quantize_by(x: &'static [f32], params: &'static [QuantParams<u8>], inner: usize) -> Entrant {
    let mut out = zeros(x.len());
    entrant(OURS, "", move || {
        Tier::best()
            .quantize(x, Params::per_axis(params, inner), &mut out)
            .expect(LENGTHS);
    })
}

fn quantize_rows(len: usize) -> Vec<Entrant> {
    let x = leak(floats(len));
    let params = affine(len / ROW);
    let mut rten = maybe(len);
    let mut entrants = vec![
        quantize_by(x, params, ROW),
        entrant("rten-vecmath, a call for each row", INEXACT, move || {
            let rows = x.chunks_exact(ROW).zip(rten.chunks_exact_mut(ROW));
            for ((x, out), params) in rows.zip(params) {
                let quantize = Quantize::new(x, out, 1.0 / params.scale(), params.zero_point());
                black_box(quantize.dispatch());
            }
        }),
    ];
    entrants.extend(naive!(x = x, out = zeros::<u8>(len); {
        for ((x, out), params) in x.chunks_exact(ROW).zip(out.chunks_exact_mut(ROW)).zip(params) {
            for (x, out) in x.iter().zip(out) {
                *out = quantized(*x, *params);
            }
        }
    }));
    entrants
}

fn quantize_last_axis(len: usize) -> Vec<Entrant> {
    let x = leak(floats(len));
    let params = affine(CHANNELS);
    let mut entrants = vec![quantize_by(x, params, 1)];
    entrants.extend(naive!(x = x, out = zeros::<u8>(len); {
        for (x, out) in x.chunks_exact(CHANNELS).zip(out.chunks_exact_mut(CHANNELS)) {
            for ((x, out), params) in x.iter().zip(out).zip(params) {
                *out = quantized(*x, *params);
            }
        }
    }));
    entrants
}

fn quantize_blocks(len: usize) -> Vec<Entrant> {
    let x = leak(floats(len));
    let params = symmetric(len / BLOCK);
    let mut ours = zeros(len);
    let mut entrants = vec![
        entrant(OURS, "", move || {
            let params = Params::per_block(params, Blocks::of_rows(len, BLOCK));
            Tier::best().quantize(x, params, &mut ours).expect(LENGTHS);
        }),
        candle_quantize(x),
    ];
    entrants.extend(naive!(x = x, out = zeros::<i8>(len); {
        for ((x, out), params) in x.chunks_exact(BLOCK).zip(out.chunks_exact_mut(BLOCK)).zip(params) {
            for (x, out) in x.iter().zip(out) {
                *out = (x / params.scale()).round_ties_even().clamp(-127.0, 127.0) as i8;
            }
        }
    }));
    entrants
}

/// What Q8_0 does: the scale of each block from its values, then the codes.
fn dynamic_blocks(len: usize) -> Vec<Entrant> {
    let x = leak(floats(len));
    let mut codes = zeros(len);
    let mut params = vec![QuantParams::<i8>::default(); len / BLOCK];
    let mut entrants = vec![
        entrant(OURS, "scales in f32", move || {
            Tier::best()
                .quantize_dynamic_rows(x, BLOCK, Scheme::symmetric(), &mut params, &mut codes[..])
                .expect(LENGTHS);
        }),
        candle_quantize(x),
    ];
    entrants.extend(
        naive!(x = x, out = zeros::<i8>(len), scales = zeros::<f32>(len / BLOCK); {
            let blocks = x.chunks_exact(BLOCK).zip(out.chunks_exact_mut(BLOCK));
            for ((x, out), scale) in blocks.zip(scales.iter_mut()) {
                *scale = x.iter().fold(0_f32, |most, x| most.max(x.abs())) / 127.0;
                for (x, out) in x.iter().zip(out) {
                    *out = (x / *scale).round_ties_even() as i8;
                }
            }
        }),
    );
    entrants
}

fn candle_quantize(x: &'static [f32]) -> Entrant {
    let mut blocks = vec![BlockQ8_0::zeros(); x.len() / BLOCK];
    let note = "codes and scales interleaved; finds the scales, in f16; inexact";
    entrant("candle-core Q8_0", note, move || {
        BlockQ8_0::from_float(x, &mut blocks);
    })
}

fn dequantize_by(
    codes: &'static [u8],
    params: &'static [QuantParams<u8>],
    inner: usize,
) -> Entrant {
    let mut out = zeros(codes.len());
    entrant(OURS, "", move || {
        Tier::best()
            .dequantize(codes, Params::per_axis(params, inner), &mut out)
            .expect(LENGTHS);
    })
}

fn dequantize_rows(len: usize) -> Vec<Entrant> {
    let codes = leak(random(len));
    let params = affine(len / ROW);
    let mut entrants = vec![dequantize_by(codes, params, ROW)];
    entrants.extend(naive!(codes = codes, out = zeros::<f32>(len); {
        let rows = codes.chunks_exact(ROW).zip(out.chunks_exact_mut(ROW));
        for ((codes, out), params) in rows.zip(params) {
            for (code, out) in codes.iter().zip(out) {
                *out = dequantized(*code, *params);
            }
        }
    }));
    entrants
}

fn dequantize_last_axis(len: usize) -> Vec<Entrant> {
    let codes = leak(random(len));
    let params = affine(CHANNELS);
    let mut entrants = vec![dequantize_by(codes, params, 1)];
    entrants.extend(naive!(codes = codes, out = zeros::<f32>(len); {
        for (codes, out) in codes.chunks_exact(CHANNELS).zip(out.chunks_exact_mut(CHANNELS)) {
            for ((code, out), params) in codes.iter().zip(out).zip(params) {
                *out = dequantized(*code, *params);
            }
        }
    }));
    entrants
}

fn dequantize_blocks(len: usize) -> Vec<Entrant> {
    let codes: &'static [i8] = leak(random(len));
    let params = symmetric(len / BLOCK);
    let (mut ours, mut candle) = (zeros(len), zeros(len));
    let mut blocks = vec![BlockQ8_0::zeros(); len / BLOCK];
    BlockQ8_0::from_float(&floats(len), &mut blocks);
    let mut entrants = vec![
        entrant(OURS, "", move || {
            let params = Params::per_block(params, Blocks::of_rows(len, BLOCK));
            Tier::best()
                .dequantize(codes, params, &mut ours)
                .expect(LENGTHS);
        }),
        entrant("candle-core Q8_0", ANOTHER, move || {
            BlockQ8_0::to_float(&blocks, &mut candle);
        }),
    ];
    entrants.extend(naive!(codes = codes, out = zeros::<f32>(len); {
        let blocks = codes.chunks_exact(BLOCK).zip(out.chunks_exact_mut(BLOCK));
        for ((codes, out), params) in blocks.zip(params) {
            for (code, out) in codes.iter().zip(out) {
                *out = f32::from(*code) * params.scale();
            }
        }
    }));
    entrants
}
