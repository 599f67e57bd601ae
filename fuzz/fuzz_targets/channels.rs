//! Parameters for each channel and for each block: min/max, quantize, dequantize, fake quantize.
#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Float, Length, Params, Pattern, Place, Placed, Slip, code, ends, same, same_output};
use zeropoint::{Blocks, Code, Error, Granularity, QuantParams, Range, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: bool,
    operation: Operation,
    shape: Shape,
    slips: [Slip; 3],
    parts: Option<Parts>,
    params: Pattern<Params>,
    places: [Place; 2],
    x: Pattern<Float>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Operation {
    MinMax,
    Quantize,
    Dequantize,
    FakeQuantize,
}

#[derive(Arbitrary, Debug)]
enum Shape {
    Tensor(Length),
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

/// Scales and zero points as slices of their own, and how they lie in them.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Parts {
    stride: u8,
    /// Elements after the last that counts.
    after: u8,
    /// Of the zero points.
    slip: Slip,
    is_one: bool,
    /// A scale that may be none.
    spot: (u8, u32),
}

impl Parts {
    fn stride(self) -> usize {
        usize::from(self.stride % 5)
    }

    /// These elements, some apart, with others between that don't count.
    fn spread<T: Copy>(self, elements: &[T], other: T) -> Vec<T> {
        let stride = self.stride().max(1);
        let mut spread = Vec::new();
        for &element in elements {
            spread.push(element);
            spread.resize(spread.len() + stride - 1, other);
        }
        // The last ends anywhere before the next would begin.
        spread.truncate(spread.len() - usize::from(self.after) % stride.min(spread.len().max(1)));
        spread
    }
}

impl Shape {
    /// How many elements and parameters there are.
    fn sizes(&self) -> (usize, usize, Granularity) {
        let rows = |outer: u8, size: usize| {
            usize::from(outer % 4).min(4096_usize.checked_div(size).unwrap_or(1))
        };
        match *self {
            Self::Tensor(Length(len)) => (len, 1, Granularity::Tensor),
            Self::Channels { outer, channels, inner } => {
                let (channels, inner) = (usize::from(channels), usize::from(inner));
                let elements = rows(outer, channels * inner) * channels * inner;
                (elements, channels, Granularity::Axis { inner })
            }
            Self::Blocks { outer, axis, block, inner } => {
                let (axis, block) = (usize::from(axis), usize::from(block));
                let inner = usize::from(inner % 70);
                let outer = rows(outer, axis * inner);
                let blocks = Blocks { axis, block, inner };
                let params = outer * axis.div_ceil(block.max(1)) * inner;
                (outer * axis * inner, params, Granularity::Blocks(blocks))
            }
            Self::WildChannels { inner } => (60, 6, Granularity::Axis { inner }),
            Self::WildBlocks { axis, block, inner } => {
                (60, 6, Granularity::Blocks(Blocks { axis, block, inner }))
            }
        }
    }
}

/// The parameters of a tensor, as whole sets.
fn whole<Q: Code>(
    params: &[QuantParams<Q>],
    granularity: Granularity,
) -> Option<zeropoint::Params<'_, Q>> {
    Some(match granularity {
        Granularity::Tensor => (*params.first()?).into(),
        Granularity::Axis { inner } => zeropoint::Params::per_axis(params, inner),
        Granularity::Blocks(blocks) => zeropoint::Params::per_block(params, blocks),
    })
}

fn check<Q: Code>(case: &Case) {
    let (elements, params, granularity) = case.shape.sizes();
    let params = case.params.elements(case.slips[0].of(params), Params::get::<Q>);
    let scale = params.first().map_or(1.0, QuantParams::scale);
    let elements = case.slips[1].of(elements);
    let x = case.x.elements(elements, |x| x.value(scale));
    let x = Placed::new(&x, case.places[0]);
    let x = x.slice();
    if let Operation::MinMax = case.operation {
        check_min_max(x, params.len(), granularity);
        return;
    }
    match case.parts {
        None => {
            if let Some(params) = whole(&params, granularity) {
                check_by(case, x, params, params, |error| error);
            }
        }
        Some(parts) => check_parts(case, parts, x, &params, granularity),
    }
}

/// By the scales and the zero points of these parameters.
fn check_parts<Q: Code>(
    case: &Case,
    parts: Parts,
    x: &[f32],
    params: &[QuantParams<Q>],
    granularity: Granularity,
) {
    let mut scales: Vec<_> = params.iter().map(QuantParams::scale).collect();
    let mut zero_points: Vec<_> = params.iter().map(QuantParams::zero_point).collect();
    let (at, bits) = parts.spot;
    if at < 64
        && let Some(at) = usize::from(at).checked_rem(scales.len())
    {
        scales[at] = f32::from_bits(bits);
    }
    let one = zero_points.first().copied().unwrap_or(code(0));
    if parts.is_one {
        zero_points.fill(one);
    }
    // What they are as whole sets, if they are.
    let sets = scales.iter().zip(&zero_points);
    let sets: Result<Vec<_>, _> = sets.map(|(&scale, &z)| QuantParams::new(scale, z)).collect();
    let count = zero_points.len();
    zero_points.resize(parts.slip.of(count), one);
    let spread = parts.spread(&scales, f32::NAN);
    let spread_zero_points = parts.spread(&zero_points, code(0x5a));
    let given = if parts.is_one {
        zeropoint::Params::parts(&spread, one, granularity)
    } else {
        zeropoint::Params::parts(&spread, &spread_zero_points, granularity)
    };
    let given = given.with_stride(parts.stride());
    check_by(case, x, given, given, |error| error);
    let fits = parts.stride() > 0 && (parts.is_one || zero_points.len() == count);
    let is_one_set = granularity != Granularity::Tensor || count == 1;
    if let (Ok(sets), true, true) = (sets, fits, is_one_set)
        && let Some(whole) = whole(&sets, granularity)
    {
        check_by(case, x, whole, given, of_scales);
    }
}

/// The error for whole sets of parameters as it is for their scales.
fn of_scales(error: Error) -> Error {
    match error {
        Error::Length { argument: "params", len, of, there } => {
            Error::Length { argument: "scales", len, of, there }
        }
        other => other,
    }
}

/// `by`: the parameters for the reference; `given`: the same ones, perhaps in another form, by which
/// arguments are `named` otherwise.
fn check_by<Q: Code>(
    case: &Case,
    x: &[f32],
    by: zeropoint::Params<'_, Q>,
    given: zeropoint::Params<'_, Q>,
    named: fn(Error) -> Error,
) {
    let (len, place) = (case.slips[2].of(x.len()), case.places[1]);
    // A scale that is NaN is not equal to itself, but its text is.
    let text = |error| format!("{:?}", named(error));
    match case.operation {
        Operation::MinMax => {}
        Operation::Quantize => same_output(
            len,
            place,
            |out| reference::quantize(x, by, out).map_err(text),
            |tier, out| tier.quantize(x, given, out).map_err(text),
        ),
        Operation::Dequantize => {
            // The lowest byte of each float: codes of every value.
            let codes: Vec<Q> = x.iter().map(|x| code(x.to_bits() as u8)).collect();
            let codes = Placed::new(&codes, case.places[0]);
            let codes = codes.slice();
            same_output(
                len,
                place,
                |out| reference::dequantize(codes, by, out).map_err(text),
                |tier, out| tier.dequantize(codes, given, out).map_err(text),
            );
        }
        Operation::FakeQuantize => same_output(
            len,
            place,
            |out| reference::fake_quantize(x, by, out).map_err(text),
            |tier, out| tier.fake_quantize(x, given, out).map_err(text),
        ),
    }
}

fn check_min_max(x: &[f32], ranges: usize, granularity: Granularity) {
    let before = vec![Some(Range::new(7.0, 8.0)); ranges];
    same(
        || {
            let mut out = before.clone();
            let result = reference::min_max_each(x, granularity, &mut out);
            (result, out.into_iter().map(ends).collect::<Vec<_>>())
        },
        |tier| {
            let mut out = before.clone();
            let result = tier.min_max_each(x, granularity, &mut out);
            (result, out.into_iter().map(ends).collect::<Vec<_>>())
        },
    );
}

fuzz_target!(|case: Case| by_type!(case.signed, check(&case)));
