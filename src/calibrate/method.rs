//! The ways to choose a range.

use super::error::Error;
use crate::simd::environment::in_default;
use core::fmt;
use core::str::FromStr;

/// How to choose a range for the numbers that were observed.
///
/// Only finite numbers count. The range is always within that of the numbers. What a method needs
/// to know of the codes comes from the [`Scheme`](crate::Scheme).
///
/// | name | the range | keeps |
/// |---|---|---|
/// | `min-max` | from the smallest to the largest | 2 numbers |
/// | `moving-average` | averages of the smallest and largest of each batch | 2 numbers |
/// | `percentile` | without a fraction of the numbers at each end | up to 2¹⁶ numbers, then a histogram |
/// | `absolute-percentile` | without a fraction of the numbers, those farthest from 0 | the same |
/// | `deviations` | mean ± n standard deviations | 4 numbers |
/// | `mse` | with the least `Σ (x − x̂)²`, `x̂` being what the codes stand for | up to 2¹⁶ numbers, then a histogram |
/// | `entropy` | with the least divergence of the distribution of codes from that of the numbers | the same |
/// | `gauss` | mean ± what has the least expected squared error for a normal distribution | 4 numbers |
/// | `laplace` | the same for a Laplace distribution | up to 2¹⁶ numbers, then a histogram |
///
/// ```
/// # use zeropoint::calibrate::{Error, Method};
/// let method: Method = "percentile=99.9".parse()?;
/// assert_eq!(method, Method::Percentile { below: 0.001, above: 0.001 });
/// assert_eq!("deviations=2".parse(), Ok(Method::Deviations { n: 2.0 }));
/// assert_eq!(Method::MeanSquaredError.to_string(), "mse");
/// # Ok::<(), Error>(())
/// ```
///
/// # What is kept
///
/// The methods for which the table says so keep the numbers themselves while there are at most 2¹⁶, and
/// choose by them; after that, by a [`Histogram`](super::Histogram), whose bins are at most 2⁻⁹ of their
/// numbers wide. Each bin counts as numbers at its middle; the first and the last as numbers at the ends of
/// the range, where those of masks are, and of what was clipped before. An outlier costs the others no
/// precision, and the order of the numbers does not matter.
///
/// # How much a range leaves out
///
/// With the numbers of [`Method::ALL`], 16 codes or more, and data in one batch, no method chooses a range
/// that loses most of the data: at least half of the numbers are at most half a step beyond what the codes
/// stand for. `min-max` and `moving-average` leave out nothing; the percentiles two thousandths at most;
/// `entropy` at most half of the numbers that are not 0; `deviations` at most a ninth and `gauss` a sixth
/// (Chebyshev's inequality), `laplace` a fifth (Markov's). That `mse` keeps half is tested.
///
/// The error may yet be far above that of `min-max` where a method assumes what is not so. That of `mse` never is:
/// see there. The others lose when outliers matter, since leaving these out is their purpose: where the data are
/// normal or uniform, wherever their mean is, they stay within 20 dB of `min-max`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// From the smallest number to the largest. Exact, in any order.
    MinMax,
    /// Averages of the smallest and of the largest number of each batch (PyTorch): the first batch's,
    /// then `(1 − momentum) · average + momentum · batch`, in f64. A batch without finite numbers changes
    /// nothing. Merging averages by the number of batches on each side.
    ///
    /// `moving-average=0.01`
    MovingAverage {
        /// What a new batch counts, above 0 and at most 1.
        momentum: f64,
    },
    /// Without `⌊below · n⌋` of the `n` numbers at the lower end, and `⌊above · n⌋` at the upper
    /// one (nearest rank).
    ///
    /// Exact for up to 2¹⁶ numbers. For more, the ends are those of the bins of a
    /// [`Histogram`](super::Histogram) in which the exact ones lie, outward: off by at most 2⁻⁹ of
    /// themselves. In any order, either way.
    ///
    /// Each end loses its fraction, whatever the scheme: for a symmetric one, see
    /// [`AbsolutePercentile`](Self::AbsolutePercentile).
    ///
    /// `percentile=99.9`, or `percentile=0.5..99.9` from the percentile 0.5 to 99.9; they are read and
    /// written with ten decimals.
    Percentile {
        /// The fraction at the lower end.
        below: f64,
        /// The fraction at the upper end; both together are less than 1.
        above: f64,
    },
    /// Without `⌊beyond · n⌋` of the `n` numbers, those with the largest `|x|`: `[−b, b]`, as far as there are
    /// numbers, by the percentile `b` of `|x|` (nearest rank). It suits symmetric schemes.
    ///
    /// Precision as that of `percentile`. `absolute-percentile=99.9`, with ten decimals
    AbsolutePercentile {
        /// The fraction, less than 1.
        beyond: f64,
    },
    /// Mean ± `n` standard deviations (Distiller), as far as there are numbers.
    ///
    /// The order of the batches matters by rounding only. The mean and the deviation are each off by at most
    /// 2⁻¹⁶ of the deviation, however far the numbers are from 0, and however large or small they are.
    ///
    /// `deviations=3`
    Deviations {
        /// How many, above 0.
        n: f64,
    },
    /// The range whose parameters have the least squared error: of up to 2¹⁶ numbers that of the numbers
    /// themselves, of more that of the bins of a histogram.
    ///
    /// An affine scheme is tried with 33 · 33 pairs of ends between 0 and the smallest and the largest number
    /// (257 if all are on one side of 0), a symmetric one with 257 bounds of `|x|`; then, eight times, the
    /// neighbours of the best at half the distance. The range from the smallest number to the largest is
    /// taken unless another is better by more than 2⁻¹⁶ of its error: so the measured error, as by
    /// [`quantization_fidelity`](crate::measure::quantization_fidelity()), is never above that of `min-max` while the
    /// numbers are kept, in whatever order they are measured; beyond that, it is so on the histogram.
    ///
    /// `mse`
    MeanSquaredError,
    /// The bound of `|x|` for which the distribution of what the codes stand for diverges least from
    /// that of the numbers (TensorRT's entropy calibration).
    ///
    /// TensorRT tries the bounds of a histogram of `|x|` that have at least as many bins between 0 and them as
    /// there are codes. Here the bins are those of a [`Histogram`](super::Histogram); those nearer to
    /// 0 than the octave of the median of `|x|` (of numbers that are not 0) are joined to the width of the
    /// bins there, each a 512th of what begins the octave. Bounds are outer edges of bins that are not empty, about
    /// 512 of those from the median's on, and the whole range. So a bound has at least 512 bins
    /// between 0 and itself, twice as many as there are codes of 8 bits, and half of the numbers that are
    /// not 0 within: for data far from 0 the first alone would not do, as its bins may all be empty but the last.
    ///
    /// `P` has the counts of the bins within; the first and the last have those of the bins beyond, too. `Q`
    /// has for each code the count of its bins (those whose centre gets it; without what is beyond), spread
    /// over those of them that are not empty, in proportion to their widths. The divergence is
    /// `Σ P ln(P / Q)` of both as fractions. A bound that would leave `Q = 0` where `P > 0` is left out.
    /// Zeros are exact on every grid, so many of them (after a ReLU) say nothing about the range: the
    /// bin that begins at 0 counts at most as much as the larger of its neighbours.
    ///
    /// `entropy`
    Entropy,
    /// Mean ± `α`, with the least expected squared error for normal numbers of the observed mean and
    /// standard deviation (ACIQ: Banner et al., 2019): 3.92 standard deviations for 256 codes.
    ///
    /// Order, and limits: as `deviations`. `gauss`
    Gauss,
    /// Mean ± `α`, with the least expected squared error for numbers with a Laplace distribution of
    /// the observed mean and mean `|x − mean|` (ACIQ): 9.89 times the latter for 256 codes.
    ///
    /// Of more than 2¹⁶ numbers both are those of the bins of a histogram, and the ends go outward to
    /// those of the bins that they lie in. `laplace`
    Laplace,
}

impl Method {
    /// Every method, with its usual numbers.
    pub const ALL: [Self; 9] = [
        Self::MinMax,
        Self::MovingAverage { momentum: 0.01 },
        Self::Percentile { below: 0.001, above: 0.001 },
        Self::AbsolutePercentile { beyond: 0.001 },
        Self::Deviations { n: 3.0 },
        Self::MeanSquaredError,
        Self::Entropy,
        Self::Gauss,
        Self::Laplace,
    ];

    /// The method's name, without its numbers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MinMax => "min-max",
            Self::MovingAverage { .. } => "moving-average",
            Self::Percentile { .. } => "percentile",
            Self::AbsolutePercentile { .. } => "absolute-percentile",
            Self::Deviations { .. } => "deviations",
            Self::MeanSquaredError => "mse",
            Self::Entropy => "entropy",
            Self::Gauss => "gauss",
            Self::Laplace => "laplace",
        }
    }

    /// The method, if its numbers are what they may be.
    pub(super) fn checked(self) -> Result<Self, Error> {
        let valid = in_default(|| match self {
            Self::MovingAverage { momentum } => momentum > 0.0 && momentum <= 1.0,
            Self::Percentile { below, above } => {
                below >= 0.0 && above >= 0.0 && below + above < 1.0
            }
            Self::AbsolutePercentile { beyond } => (0.0..1.0).contains(&beyond),
            Self::Deviations { n } => n > 0.0 && n.is_finite(),
            _ => true,
        });
        if valid { Ok(self) } else { Err(Error::Method { method: self }) }
    }
}

/// The name, and the numbers if there are any: what [`str::parse`] takes.
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match *self {
            Self::MovingAverage { momentum } => write!(f, "{name}={momentum}"),
            Self::Percentile { below, above } => {
                // A fraction as a percentage: of 0.001, exactly 0.1.
                let (from, to) = (percent(below), percent_left(above));
                if percent_left(below) == to {
                    write!(f, "{name}={to}")
                } else {
                    write!(f, "{name}={from}..{to}")
                }
            }
            Self::AbsolutePercentile { beyond } => write!(f, "{name}={}", percent_left(beyond)),
            Self::Deviations { n } => write!(f, "{name}={n}"),
            _ => f.pad(name),
        }
    }
}

/// A fraction as a percentage, with ten decimals.
fn percent(fraction: f64) -> f64 {
    in_default(|| (fraction * 1e12).round() / 1e10)
}

/// What is left without a fraction, as a percentage.
fn percent_left(fraction: f64) -> f64 {
    in_default(|| percent(1.0 - fraction))
}

/// A percentage, with ten decimals, as a fraction.
fn fraction(percent: f64) -> f64 {
    (percent * 1e10).round() / 1e12
}

/// Parses a name with or without `=` and a number; the usual numbers stand for those that are not
/// given.
impl FromStr for Method {
    type Err = Error;

    /// # Errors
    /// [`Error::UnknownMethod`], or [`Error::Method`] if a number is out of bounds.
    fn from_str(text: &str) -> Result<Self, Error> {
        in_default(|| Self::parsed(text))
    }
}

impl Method {
    fn parsed(text: &str) -> Result<Self, Error> {
        let (name, number) = match text.split_once('=') {
            Some((name, number)) => (name, Some(number)),
            None => (text, None),
        };
        let method = Self::ALL.into_iter().find(|method| method.name() == name);
        let method = method.ok_or(Error::UnknownMethod)?;
        let Some(number) = number else {
            return Ok(method);
        };
        let parse = |number: &str| number.parse::<f64>().map_err(|_| Error::UnknownMethod);
        match method {
            Self::MovingAverage { .. } => Self::MovingAverage { momentum: parse(number)? },
            Self::Deviations { .. } => Self::Deviations { n: parse(number)? },
            Self::AbsolutePercentile { .. } => {
                Self::AbsolutePercentile { beyond: fraction(100.0 - parse(number)?) }
            }
            Self::Percentile { .. } => {
                let (from, to) = match number.split_once("..") {
                    Some((from, to)) => (parse(from)?, parse(to)?),
                    None => (100.0 - parse(number)?, parse(number)?),
                };
                Self::Percentile { below: fraction(from), above: fraction(100.0 - to) }
            }
            _ => return Err(Error::UnknownMethod),
        }
        .checked()
    }
}
