//! The elementwise operations.

use crate::buffers::{floats, random, zeros};
use crate::{Contest, Entrant, OURS, entrant};
use aligned_vec::AVec;
use candle_core::quantized::k_quants::{BlockQ8_0, GgmlType};
use numkong::{EachScale, ReduceMinMax, cast};
use rten_simd::SimdOp;
use rten_vecmath::{MinMax, Quantize};
use std::hint::black_box;
use std::mem::MaybeUninit;
use tract_linalg::routines::{Func, lut_u8};
use zeropoint::{Multiplier, QuantParams, Range, Scheme, Tier};

pub(crate) const CONTESTS: &[Contest] = &[
    contest("min_max", min_max),
    contest("quantize affine u8", quantize),
    contest("dequantize affine u8", dequantize),
    contest("fake_quantize affine u8", fake_quantize),
    contest("quantize_dynamic u8", |len| dynamic(len, len)),
    contest("quantize_dynamic_rows u8, rows of 1024", |len| {
        dynamic(len, 1024)
    }),
    contest("requantize real u8", requantize),
    contest("rescale i8", rescale),
];

/// In the first level of the caches, in the second, and in none.
const SIZES: &[usize] = &[4 << 10, 64 << 10, 16 << 20];

pub(crate) const fn contest(name: &'static str, entrants: fn(usize) -> Vec<Entrant>) -> Contest {
    Contest {
        name,
        unit: "el",
        sizes: SIZES,
        entrants,
        work: |len| len,
    }
}

pub(crate) const LENGTHS: &str = "buffers whose lengths fit";
pub(crate) const INEXACT: &str = "inexact: multiplies by the reciprocal";
pub(crate) const ANOTHER: &str = "another format: blocks of 32, symmetric";

fn params() -> QuantParams<u8> {
    QuantParams::affine(Range::new(-1.0, 3.0)).expect("a finite range")
}

/// The same loop twice: as the compiler makes it by default, and with all that this CPU has.
macro_rules! naive {
    ($($capture:ident = $value:expr),*; $body:expr) => {{
        let note = "compiled with all that this CPU has";
        let entrants: [Entrant; 2] = [
            {
                $(let mut $capture = $value;)*
                entrant("naive loop", "", move || {
                    $(let $capture = black_box(&mut $capture);)*
                    $body
                })
            },
            {
                $(let mut $capture = $value;)*
                entrant("naive loop for this CPU", note, move || {
                    $(let $capture = black_box(&mut $capture);)*
                    pulp::Arch::new().dispatch(|| $body)
                })
            },
        ];
        entrants
    }};
}
pub(crate) use naive;

fn min_max(len: usize) -> Vec<Entrant> {
    let x: &'static [f32] = leak(floats(len));
    let max = Func::ReduceMax.reduce_f32().expect("tract has a maximum");
    let min = Func::ReduceMin.reduce_f32().expect("tract has a minimum");
    let mut entrants = vec![
        entrant(OURS, "", || {
            black_box(Tier::best().min_max(x));
        }),
        entrant("rten-vecmath", "a NaN makes it forget", || {
            black_box(MinMax::new(x).dispatch());
        }),
        entrant("numkong", "gives the positions too", || {
            black_box(f32::reduce_minmax(x, size_of::<f32>()));
        }),
        entrant("tract-linalg", "two passes", move || {
            black_box((min.run(x).ok(), max.run(x).ok()));
        }),
    ];
    entrants.extend(naive!(x = x; {
        black_box(x.iter().fold((f32::MAX, f32::MIN), |(lo, hi), &x| (lo.min(x), hi.max(x))));
    }));
    entrants
}

fn quantize(len: usize) -> Vec<Entrant> {
    let x: &'static [f32] = leak(floats(len));
    let params = params();
    let (mut ours, mut rten) = (zeros(len), maybe(len));
    let mut blocks = vec![BlockQ8_0::zeros(); len / 32];
    let (inverse, zero_point) = (1.0 / params.scale(), params.zero_point());
    let mut entrants = vec![
        entrant(OURS, "", move || params_quantize(x, params, &mut ours)),
        entrant(
            "rten-vecmath",
            "inexact; no check for NaN and overflow",
            move || {
                black_box(Quantize::new(x, &mut rten, inverse, zero_point).dispatch());
            },
        ),
        entrant(
            "candle-core Q8_0",
            "another format: blocks of 32, symmetric, f16 scales found",
            move || {
                BlockQ8_0::from_float(x, &mut blocks);
            },
        ),
    ];
    entrants.extend(naive!(x = x, out = zeros::<u8>(len); {
        for (x, out) in x.iter().zip(out.iter_mut()) {
            *out = quantized(*x, params);
        }
    }));
    entrants
}

fn params_quantize(x: &[f32], params: QuantParams<u8>, out: &mut [u8]) {
    Tier::best().quantize(x, params, out).expect(LENGTHS);
}

/// As in ONNX.
#[inline(always)]
pub(crate) fn quantized(x: f32, params: QuantParams<u8>) -> u8 {
    let rounded = (x / params.scale()).round_ties_even() as i32;
    rounded
        .saturating_add(params.zero_point().into())
        .clamp(0, 255) as u8
}

#[inline(always)]
pub(crate) fn dequantized(code: u8, params: QuantParams<u8>) -> f32 {
    (i32::from(code) - i32::from(params.zero_point())) as f32 * params.scale()
}

fn dequantize(len: usize) -> Vec<Entrant> {
    let codes: &'static [u8] = leak(random(len));
    let params = params();
    let (mut ours, mut candle, mut numkong) = (zeros(len), zeros(len), zeros::<f32>(len));
    let mut blocks = vec![BlockQ8_0::zeros(); len / 32];
    BlockQ8_0::from_float(&floats(len), &mut blocks);
    let mut entrants = vec![
        entrant(OURS, "", move || {
            Tier::best()
                .dequantize(codes, params, &mut ours)
                .expect(LENGTHS);
        }),
        entrant("candle-core Q8_0", ANOTHER, move || {
            BlockQ8_0::to_float(&blocks, &mut candle);
        }),
        entrant(
            "numkong cast",
            "conversion only: no scale, no zero point",
            move || {
                cast(codes, &mut numkong).expect(LENGTHS);
            },
        ),
    ];
    entrants.extend(naive!(codes = codes, out = zeros::<f32>(len); {
        for (code, out) in codes.iter().zip(out.iter_mut()) {
            *out = dequantized(*code, params);
        }
    }));
    entrants
}

fn fake_quantize(len: usize) -> Vec<Entrant> {
    let x: &'static [f32] = leak(floats(len));
    let params = params();
    let mut ours = zeros(len);
    let mut entrants = vec![entrant(OURS, "", move || {
        Tier::best()
            .fake_quantize(x, params, &mut ours)
            .expect(LENGTHS);
    })];
    entrants.extend(naive!(x = x, out = zeros::<f32>(len); {
        for (x, out) in x.iter().zip(out.iter_mut()) {
            *out = dequantized(quantized(*x, params), params);
        }
    }));
    entrants
}

/// Each row with parameters of its own.
fn dynamic(len: usize, row: usize) -> Vec<Entrant> {
    let x: &'static [f32] = leak(floats(len));
    let (mut ours, mut rten) = (zeros(len), maybe(len));
    let mut params = vec![QuantParams::<u8>::default(); len / row];
    let mut entrants = vec![
        entrant(OURS, "", move || {
            Tier::best()
                .quantize_dynamic_rows(x, row, Scheme::affine(), &mut params, &mut ours[..])
                .expect(LENGTHS);
        }),
        entrant("rten-vecmath", INEXACT, move || {
            for (x, out) in x.chunks_exact(row).zip(rten.chunks_exact_mut(row)) {
                let (min, max) = MinMax::new(x).dispatch();
                let (scale, zero_point) = dynamic_params(min, max);
                black_box(Quantize::new(x, out, 1.0 / scale, zero_point).dispatch());
            }
        }),
    ];
    entrants.extend(naive!(x = x, out = zeros::<u8>(len); {
        for (x, out) in x.chunks_exact(row).zip(out.chunks_exact_mut(row)) {
            let (min, max) = x.iter().fold((0_f32, 0_f32), |(lo, hi), &x| (lo.min(x), hi.max(x)));
            let (scale, zero_point) = dynamic_params(min, max);
            for (x, out) in x.iter().zip(out) {
                let rounded = (x / scale).round_ties_even() as i32;
                *out = rounded.saturating_add(zero_point.into()).clamp(0, 255) as u8;
            }
        }
    }));
    entrants
}

/// As in ONNX.
#[inline(always)]
fn dynamic_params(min: f32, max: f32) -> (f32, u8) {
    let (min, max) = (min.min(0.0), max.max(0.0));
    let scale = (max - min) / 255.0;
    (
        scale,
        (-min / scale).round_ties_even().clamp(0.0, 255.0) as u8,
    )
}

fn requantize(len: usize) -> Vec<Entrant> {
    let accumulators: AVec<i32> = random(len);
    let accumulators: &'static [i32] = leak(accumulators);
    let (params, factor) = (params(), 1e-8_f32);
    let multiplier = Multiplier::real(factor).expect("a positive number");
    let mut ours = zeros(len);
    let mut entrants = vec![entrant(OURS, "", move || {
        Tier::best()
            .requantize(accumulators, multiplier, params, &mut ours)
            .expect(LENGTHS);
    })];
    entrants.extend(
        naive!(accumulators = accumulators, out = zeros::<u8>(len); {
            for (accumulator, out) in accumulators.iter().zip(out.iter_mut()) {
                let rounded = (*accumulator as f32 * factor).round_ties_even() as i32;
                *out = (rounded + i32::from(params.zero_point())).clamp(0, 255) as u8;
            }
        }),
    );
    entrants
}

fn rescale(len: usize) -> Vec<Entrant> {
    let codes: &'static [i8] = leak(random(len));
    let from = QuantParams::<i8>::new(0.011, 3).expect("a small scale");
    let to = QuantParams::<i8>::new(0.017, -5).expect("a small scale");
    let (mut ours, mut numkong) = (zeros(len), zeros(len));
    let mut in_place: AVec<u8> = random(len);
    let table: Vec<u8> = (0..=255).rev().collect();
    let table = lut_u8(&table).expect("tract has a look-up");
    vec![
        entrant(OURS, "", move || {
            Tier::best()
                .rescale(codes, from, to, &mut ours)
                .expect(LENGTHS);
        }),
        entrant(
            "numkong each_scale",
            "inexact: one product and sum",
            move || {
                i8::each_scale(codes, 0.647, -6.94, &mut numkong).expect(LENGTHS);
            },
        ),
        entrant(
            "tract-linalg look-up",
            "in place, by a table that was made before",
            move || {
                table.run(&mut in_place);
            },
        ),
    ]
}

/// For all entrants of a contest, until the program ends.
pub(crate) fn leak<T>(data: AVec<T>) -> &'static [T] {
    Box::leak(Box::new(data))
}

pub(crate) fn maybe(len: usize) -> Vec<MaybeUninit<u8>> {
    vec![MaybeUninit::new(0); len]
}
