//! Parameters for each channel and for each block: min/max, quantize, dequantize, fake quantize.
#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Float, Params, Pattern, Place, Placed, Slip, ends, same, same_output};
use zeropoint::{Blocks, Code, QuantParams, Range, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: bool,
    operation: Operation,
    shape: Shape,
    slips: [Slip; 3],
    params: Pattern<Params>,
    places: [Place; 2],
    x: Pattern<Float>,
}

#[derive(Arbitrary, Debug)]
enum Operation {
    MinMax,
    Quantize,
    Dequantize,
    FakeQuantize,
}

#[derive(Arbitrary, Debug)]
enum Shape {
    Channels {
        outer: u8,
        channels: u8,
        inner: u8,
    },
    Blocks {
        outer: u8,
        axis: u8,
        block: u8,
        inner: u8,
    },
    /// Sizes that products overflow with.
    WildChannels {
        inner: usize,
    },
    WildBlocks {
        axis: usize,
        block: usize,
        inner: usize,
    },
}

/// How parameters are spread.
#[derive(Clone, Copy)]
enum Sharing {
    Channels(usize),
    Blocks(Blocks),
}

impl Shape {
    /// How many elements and parameters there are.
    fn sizes(&self) -> (usize, usize, Sharing) {
        let rows = |outer: u8, size: usize| {
            usize::from(outer % 4).min(4096_usize.checked_div(size).unwrap_or(1))
        };
        match *self {
            Self::Channels { outer, channels, inner } => {
                let (channels, inner) = (usize::from(channels), usize::from(inner));
                let elements = rows(outer, channels * inner) * channels * inner;
                (elements, channels, Sharing::Channels(inner))
            }
            Self::Blocks { outer, axis, block, inner } => {
                let (axis, block) = (usize::from(axis), usize::from(block));
                let inner = usize::from(inner % 70);
                let outer = rows(outer, axis * inner);
                let blocks = Blocks { axis, block, inner };
                let params = outer * axis.div_ceil(block.max(1)) * inner;
                (outer * axis * inner, params, Sharing::Blocks(blocks))
            }
            Self::WildChannels { inner } => (60, 6, Sharing::Channels(inner)),
            Self::WildBlocks { axis, block, inner } => {
                (60, 6, Sharing::Blocks(Blocks { axis, block, inner }))
            }
        }
    }
}

fn check<Q: Code>(case: &Case) {
    let (elements, params, sharing) = case.shape.sizes();
    let params = case.params.elements(case.slips[0].of(params), Params::get::<Q>);
    let scale = params.first().map_or(1.0, QuantParams::scale);
    let elements = case.slips[1].of(elements);
    let x = case.x.elements(elements, |x| x.value(scale));
    let x = Placed::new(&x, case.places[0]);
    let x = x.slice();
    let (len, place) = (case.slips[2].of(elements), case.places[1]);
    match case.operation {
        Operation::MinMax => check_min_max(x, params.len(), sharing),
        Operation::Quantize => same_output(
            len,
            place,
            |out| match sharing {
                Sharing::Channels(inner) => reference::quantize_channels(x, &params, inner, out),
                Sharing::Blocks(blocks) => reference::quantize_blocks(x, &params, blocks, out),
            },
            |tier, out| match sharing {
                Sharing::Channels(inner) => tier.quantize_channels(x, &params, inner, out),
                Sharing::Blocks(blocks) => tier.quantize_blocks(x, &params, blocks, out),
            },
        ),
        Operation::Dequantize => {
            // The lowest byte of each float: codes of every value.
            let codes: Vec<Q> = x.iter().map(|x| shared::code(x.to_bits() as u8)).collect();
            let codes = Placed::new(&codes, case.places[0]);
            let codes = codes.slice();
            same_output(
                len,
                place,
                |out| match sharing {
                    Sharing::Channels(inner) => {
                        reference::dequantize_channels(codes, &params, inner, out)
                    }
                    Sharing::Blocks(blocks) => {
                        reference::dequantize_blocks(codes, &params, blocks, out)
                    }
                },
                |tier, out| match sharing {
                    Sharing::Channels(inner) => {
                        tier.dequantize_channels(codes, &params, inner, out)
                    }
                    Sharing::Blocks(blocks) => tier.dequantize_blocks(codes, &params, blocks, out),
                },
            );
        }
        Operation::FakeQuantize => same_output(
            len,
            place,
            |out| match sharing {
                Sharing::Channels(inner) => {
                    reference::fake_quantize_channels(x, &params, inner, out)
                }
                Sharing::Blocks(blocks) => reference::fake_quantize_blocks(x, &params, blocks, out),
            },
            |tier, out| match sharing {
                Sharing::Channels(inner) => tier.fake_quantize_channels(x, &params, inner, out),
                Sharing::Blocks(blocks) => tier.fake_quantize_blocks(x, &params, blocks, out),
            },
        ),
    }
}

fn check_min_max(x: &[f32], ranges: usize, sharing: Sharing) {
    let before = vec![Some(Range::new(7.0, 8.0)); ranges];
    same(
        || {
            let mut out = before.clone();
            let result = match sharing {
                Sharing::Channels(inner) => reference::min_max_channels(x, inner, &mut out),
                Sharing::Blocks(blocks) => reference::min_max_blocks(x, blocks, &mut out),
            };
            (result, out.into_iter().map(ends).collect::<Vec<_>>())
        },
        |tier| {
            let mut out = before.clone();
            let result = match sharing {
                Sharing::Channels(inner) => tier.min_max_channels(x, inner, &mut out),
                Sharing::Blocks(blocks) => tier.min_max_blocks(x, blocks, &mut out),
            };
            (result, out.into_iter().map(ends).collect::<Vec<_>>())
        },
    );
}

fuzz_target!(|case: Case| by_type!(case.signed, check(&case)));
