//! Quantizing a tensor, and finding out what became of it.

use crate::common::Tensor;
use std::hint::black_box;
use std::time::{Duration, Instant};
use zeropoint::{Code, Error, QuantParams, Range, Scheme, Tier};

/// The schemes to choose from.
pub(crate) const SCHEMES: [NamedScheme; 3] = [
    ("affine-u8", AnyScheme::U8(Scheme::affine())),
    ("affine-i8", AnyScheme::I8(Scheme::affine())),
    ("symmetric-i8", AnyScheme::I8(Scheme::symmetric())),
];

pub(crate) type NamedScheme = (&'static str, AnyScheme);

/// A scheme, of whatever codes.
#[derive(Clone, Copy)]
pub(crate) enum AnyScheme {
    U8(Scheme<u8>),
    I8(Scheme<i8>),
}

impl AnyScheme {
    fn examine(self, tier: Tier, x: &[f32], range: Range) -> Result<(Quality, Quantized), Error> {
        match self {
            Self::U8(scheme) => examine(tier, x, range, scheme, Quantized::U8),
            Self::I8(scheme) => examine(tier, x, range, scheme, Quantized::I8),
        }
    }
}

/// Codes, and the parameters that give them their meaning.
pub(crate) enum Quantized {
    U8(QuantParams<u8>, Vec<u8>),
    I8(QuantParams<i8>, Vec<i8>),
}

/// What a scheme makes of a tensor.
pub(crate) struct Quality {
    pub(crate) scale: f32,
    pub(crate) zero_point: i32,
    /// How many codes are in use.
    pub(crate) codes: u32,
    /// How many of them no value in the tensor's range is quantized to.
    pub(crate) wasted: u32,
    pub(crate) noise: Noise,
    /// Elements quantized in a second.
    pub(crate) speed: f64,
}

/// What there is to say about a tensor.
pub(crate) struct Report {
    /// `None` if there is no number in it.
    pub(crate) range: Option<Range>,
    /// How many of the elements are NaN.
    pub(crate) nan: usize,
    /// By scheme: its quality, or why it can't be used.
    pub(crate) schemes: Vec<(&'static str, Result<Quality, Error>)>,
}

/// A tensor, and what came of it.
pub(crate) struct Examined<'a> {
    pub(crate) tensor: &'a Tensor<'a>,
    /// `None` if its elements are of a type that is not quantized here.
    pub(crate) report: Option<Report>,
    /// The codes by each scheme that can be used.
    pub(crate) codes: Vec<Quantized>,
}

impl<'a> Examined<'a> {
    pub(crate) fn new(tensor: &'a Tensor<'a>, schemes: &[NamedScheme], tier: Tier) -> Self {
        let mut codes = Vec::new();
        let report = tensor.to_f32().map(|x| {
            let mut report = Report {
                range: tier.min_max(&x),
                nan: x.iter().filter(|x| x.is_nan()).count(),
                schemes: Vec::new(),
            };
            // Without numbers it is as if there were only zeros.
            let range = report.range.unwrap_or(Range::new(0.0, 0.0));
            for &(name, scheme) in schemes {
                let found = scheme.examine(tier, &x, range);
                let quality = found.map(|(quality, quantized)| {
                    codes.push(quantized);
                    quality
                });
                report.schemes.push((name, quality));
            }
            report
        });
        Self {
            tensor,
            report,
            codes,
        }
    }
}

/// The main job: parameters for the range, codes by them, and what the codes stand for.
fn examine<Q: Code>(
    tier: Tier,
    x: &[f32],
    range: Range,
    scheme: Scheme<Q>,
    quantized: fn(QuantParams<Q>, Vec<Q>) -> Quantized,
) -> Result<(Quality, Quantized), Error> {
    let params = scheme.params(range)?;
    let mut codes = vec![params.zero_point(); x.len()];
    tier.quantize(x, params, &mut codes)?;
    let mut y = vec![0.0; x.len()];
    tier.dequantize(&codes, params, &mut y)?;

    let (lo, hi) = params.codes().into_inner();
    let quality = Quality {
        scale: params.scale(),
        zero_point: params.zero_point().into(),
        codes: hi.into().abs_diff(lo.into()) + 1,
        wasted: params.wasted_codes(range)?,
        noise: Noise::between(x, &y),
        speed: speed(tier, x, params, &mut codes)?,
    };
    Ok((quality, quantized(params, codes)))
}

/// Elements quantized in a second: the best of what a few milliseconds allow to try.
fn speed<Q: Code>(
    tier: Tier,
    x: &[f32],
    params: QuantParams<Q>,
    codes: &mut [Q],
) -> Result<f64, Error> {
    const PATIENCE: Duration = Duration::from_millis(3);
    const ELEMENTS: usize = 1 << 16;
    // Small tensors are quantized several times between two looks at the clock.
    let calls = ELEMENTS / x.len().max(1) + 1;
    let mut best = Duration::MAX;
    let first = Instant::now();
    while best == Duration::MAX || first.elapsed() < PATIENCE {
        let start = Instant::now();
        for _ in 0..calls {
            tier.quantize(black_box(x), params, codes)?;
        }
        best = best.min(start.elapsed());
    }
    Ok((calls * x.len()) as f64 / best.as_secs_f64())
}

/// How far the dequantized values are from the originals; NaN is left out.
pub(crate) struct Noise {
    /// The signal-to-quantization-noise ratio, in dB.
    pub(crate) sqnr: f64,
    pub(crate) largest: f64,
}

impl Noise {
    pub(crate) fn between(x: &[f32], y: &[f32]) -> Self {
        let (mut signal, mut noise, mut largest) = (0.0, 0.0, 0.0_f64);
        for (&x, &y) in x.iter().zip(y).filter(|(x, _)| !x.is_nan()) {
            let (x, error) = (f64::from(x), f64::from(x) - f64::from(y));
            signal += x * x;
            noise += error * error;
            largest = largest.max(error.abs());
        }
        let sqnr = if noise == 0.0 {
            f64::INFINITY
        } else {
            10.0 * (signal / noise).log10()
        };
        Self { sqnr, largest }
    }
}
