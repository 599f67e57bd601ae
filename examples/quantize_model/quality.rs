//! Quantizing a tensor, and finding out what became of it.

use crate::common::Tensor;
use crate::groups::{Granularity, Groups};
use crate::noise::Noise;
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};
use zeropoint::{Code, QuantParams, Range, Scheme, Tier};

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
    fn examine(self, tier: Tier, x: &[f32], groups: &Groups) -> Found<(Quality, Quantized)> {
        match self {
            Self::U8(scheme) => examine(tier, x, groups, scheme, Quantized::U8),
            Self::I8(scheme) => examine(tier, x, groups, scheme, Quantized::I8),
        }
    }
}

/// What was found, or why it can't be.
type Found<T> = Result<T, Box<dyn Error>>;

/// Codes, and the parameters of each group that give them their meaning.
pub(crate) enum Quantized {
    U8(Vec<QuantParams<u8>>, Vec<u8>),
    I8(Vec<QuantParams<i8>>, Vec<i8>),
}

/// What a scheme makes of a tensor.
pub(crate) struct Quality {
    /// The smallest and the largest of all groups.
    pub(crate) scale: (f32, f32),
    pub(crate) zero_point: (i32, i32),
    /// How many codes are in use.
    pub(crate) codes: f64,
    /// How many of them no value in a group's range is quantized to: the mean of the groups.
    pub(crate) wasted: f64,
    pub(crate) noise: Noise,
    /// What the groups win over parameters per tensor, in dB; `None` for those.
    pub(crate) gain: Option<f64>,
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
    pub(crate) schemes: Vec<(&'static str, Found<Quality>)>,
}

/// A tensor, and what came of it.
pub(crate) struct Examined<'a> {
    pub(crate) tensor: &'a Tensor<'a>,
    pub(crate) groups: Groups,
    /// `None` if its elements are of a type that is not quantized here.
    pub(crate) report: Option<Report>,
    /// The codes by each scheme that can be used.
    pub(crate) codes: Vec<Quantized>,
}

impl<'a> Examined<'a> {
    pub(crate) fn new(
        tensor: &'a Tensor<'a>,
        schemes: &[NamedScheme],
        granularity: Granularity,
        tier: Tier,
    ) -> Self {
        let groups = Groups::new(granularity, tensor.shape());
        let mut codes = Vec::new();
        let report = tensor.to_f32().map(|x| {
            let mut report = Report {
                range: tier.min_max(&x),
                nan: x.iter().filter(|x| x.is_nan()).count(),
                schemes: Vec::new(),
            };
            for &(name, scheme) in schemes {
                let found = scheme.examine(tier, &x, &groups);
                let quality = found.map(|(quality, quantized)| {
                    codes.push(quantized);
                    quality
                });
                report.schemes.push((name, quality));
            }
            report
        });
        Self { tensor, groups, report, codes }
    }
}

/// Parameters for the range of each group, codes by them, and what they lose.
pub(crate) struct Outcome<Q> {
    ranges: Vec<Range>,
    params: Vec<QuantParams<Q>>,
    codes: Vec<Q>,
    pub(crate) noise: Noise,
}

impl<Q: Code> Outcome<Q> {
    /// The main job.
    pub(crate) fn new(tier: Tier, x: &[f32], groups: &Groups, scheme: Scheme<Q>) -> Found<Self> {
        let ranges = groups.ranges(tier, x)?;
        let params = groups.params(scheme, &ranges)?;
        let mut codes = vec![Q::MIN; x.len()];
        groups.quantize(tier, x, &params, &mut codes)?;
        let mut y = vec![0.0; x.len()];
        groups.dequantize(tier, &codes, &params, &mut y)?;
        Ok(Self { noise: Noise::between(x, &y), ranges, params, codes })
    }

    /// The codes in use, and how many of them are wasted: the means of the groups.
    fn codes_in_use(&self) -> Result<(f64, f64), zeropoint::Error> {
        let (mut all, mut wasted) = (0.0, 0.0);
        for (params, &range) in self.params.iter().zip(&self.ranges) {
            let (lo, hi) = params.codes().into_inner();
            all += f64::from(hi.into().abs_diff(lo.into()) + 1);
            wasted += f64::from(params.wasted_codes(range)?);
        }
        let groups = self.params.len() as f64;
        Ok((all / groups, wasted / groups))
    }
}

/// The outcome, and what there is to say about it.
fn examine<Q: Code>(
    tier: Tier,
    x: &[f32],
    groups: &Groups,
    scheme: Scheme<Q>,
    quantized: fn(Vec<QuantParams<Q>>, Vec<Q>) -> Quantized,
) -> Found<(Quality, Quantized)> {
    let mut outcome = Outcome::new(tier, x, groups, scheme)?;
    let gain = match groups.granularity {
        Granularity::Tensor => None,
        _ => {
            let whole = Groups::new(Granularity::Tensor, &[x.len()]);
            let coarse = Outcome::new(tier, x, &whole, scheme)?;
            Some(outcome.noise.gain_over(&coarse.noise))
        }
    };
    let (codes, wasted) = outcome.codes_in_use()?;
    let params = &outcome.params;
    let quality = Quality {
        scale: extremes(params.iter().map(QuantParams::scale)),
        zero_point: extremes(params.iter().map(|params| params.zero_point().into())),
        codes,
        wasted,
        gain,
        speed: speed(tier, x, groups, params, &mut outcome.codes)?,
        noise: outcome.noise,
    };
    Ok((quality, quantized(outcome.params, outcome.codes)))
}

/// The smallest and the largest.
fn extremes<T: Copy + Default + PartialOrd>(values: impl Iterator<Item = T>) -> (T, T) {
    values
        .map(|value| (value, value))
        .reduce(|(lo, hi), (value, _)| {
            (if value < lo { value } else { lo }, if value > hi { value } else { hi })
        })
        .unwrap_or_default()
}

/// Elements quantized in a second: the best of what a few milliseconds allow to try.
fn speed<Q: Code>(
    tier: Tier,
    x: &[f32],
    groups: &Groups,
    params: &[QuantParams<Q>],
    codes: &mut [Q],
) -> Result<f64, zeropoint::Error> {
    const PATIENCE: Duration = Duration::from_millis(3);
    const ELEMENTS: usize = 1 << 16;
    // Small tensors are quantized several times between two looks at the clock.
    let calls = ELEMENTS / x.len().max(1) + 1;
    let mut best = Duration::MAX;
    let first = Instant::now();
    while best == Duration::MAX || first.elapsed() < PATIENCE {
        let start = Instant::now();
        for _ in 0..calls {
            groups.quantize(tier, black_box(x), params, codes)?;
        }
        best = best.min(start.elapsed());
    }
    Ok((calls * x.len()) as f64 / best.as_secs_f64())
}

impl Noise {
    /// How much higher the SQNR is, in dB.
    pub(crate) fn gain_over(&self, other: &Self) -> f64 {
        if self.sqnr == other.sqnr {
            return 0.0; // both infinite, perhaps
        }
        self.sqnr - other.sqnr
    }
}
