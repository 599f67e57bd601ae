//! The ways to choose a range.

use crate::error::Error;
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
/// | `deviations` | mean ± n standard deviations | 4 numbers |
/// | `mse` | with the least `Σ (x − x̂)²`, `x̂` being what the codes stand for | a histogram |
/// | `entropy` | with the least divergence of the distribution of codes from that of the numbers | a histogram |
/// | `gauss` | mean ± what has the least expected squared error for a normal distribution | 4 numbers |
/// | `laplace` | the same for a Laplace distribution | a histogram |
///
/// ```
/// # use zeropoint::{Error, calibrate::Method};
/// let method: Method = "percentile=99.9".parse()?;
/// assert_eq!(method, Method::Percentile { below: 0.001, above: 0.001 });
/// assert_eq!("deviations=2".parse(), Ok(Method::Deviations { n: 2.0 }));
/// assert_eq!(Method::MeanSquaredError.to_string(), "mse");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// From the smallest number to the largest. Exact, in any order.
    MinMax,
    /// Averages of the smallest and of the largest number of each batch (PyTorch): the first batch's,
    /// then `average + momentum · (batch − average)`. A batch without finite numbers changes
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
    /// [`Histogram`](super::Histogram) in which the exact ones lie, outward. In any order, either way.
    ///
    /// `percentile=99.9`, or `percentile=0.5..99.9` from the percentile 0.5 to 99.9; they are read and
    /// written with ten decimals.
    Percentile {
        /// The fraction at the lower end.
        below: f64,
        /// The fraction at the upper end; both together are less than 1.
        above: f64,
    },
    /// Mean ± `n` standard deviations (Distiller), as far as there are numbers.
    ///
    /// The order of the batches matters by rounding only: of sums in f32 within chunks of 4096 numbers
    /// (64 sums side by side), and in f64 from chunk to chunk. The mean is off by at most
    /// `70 · 2⁻²⁴` of the mean of `|x|`, the deviation by so much of itself. Where deviations are
    /// below 1e−15 or sums beyond f32, the range is that from the smallest to the largest.
    ///
    /// `deviations=3`
    Deviations {
        /// How many, above 0.
        n: f64,
    },
    /// The range whose parameters have the least mean squared error, found on a histogram.
    ///
    /// Each bin counts as numbers at its centre. An affine scheme is tried with 33 · 33 pairs of ends
    /// between 0 and the smallest and the largest number (257 if all are on one side of 0), a symmetric one
    /// with 257 bounds of `|x|`; then, eight times, the neighbours of the best at half the distance. On the
    /// histogram, it is never worse than `min-max`.
    ///
    /// `mse`
    MeanSquaredError,
    /// The bound of `|x|` for which the distribution of what the codes stand for diverges least from
    /// that of the numbers (TensorRT's entropy calibration).
    ///
    /// Bounds are edges of a histogram's bins: about 512 of those for which there are at least as many
    /// bins within as codes in use. `P` has the counts of the bins within; the first and the last
    /// have those of the bins beyond, too. `Q` has for each code the count of its bins (those whose
    /// centre gets it; without what is beyond), spread evenly over those of them that are not empty.
    /// The divergence is `Σ P ln(P / Q)` of both as fractions. A bound that would leave `Q = 0` where
    /// `P > 0` is left out. Zeros are exact on every grid, so many of them (after a ReLU) say nothing
    /// about the range: the bin that begins at 0 counts at most as much as the larger of its
    /// neighbours.
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
    /// Both are taken from a histogram, within half a bin. `laplace`
    Laplace,
}

impl Method {
    /// Every method, with its usual numbers.
    pub const ALL: [Self; 8] = [
        Self::MinMax,
        Self::MovingAverage { momentum: 0.01 },
        Self::Percentile {
            below: 0.001,
            above: 0.001,
        },
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
            Self::Deviations { .. } => "deviations",
            Self::MeanSquaredError => "mse",
            Self::Entropy => "entropy",
            Self::Gauss => "gauss",
            Self::Laplace => "laplace",
        }
    }

    /// The method, if its numbers are what they may be.
    pub(super) fn checked(self) -> Result<Self, Error> {
        let valid = match self {
            Self::MovingAverage { momentum } => momentum > 0.0 && momentum <= 1.0,
            Self::Percentile { below, above } => {
                below >= 0.0 && above >= 0.0 && below + above < 1.0
            }
            Self::Deviations { n } => n > 0.0 && n.is_finite(),
            _ => true,
        };
        if valid {
            Ok(self)
        } else {
            Err(Error::Method { method: self })
        }
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
                let (from, to) = (percent(below), percent(1.0 - above));
                if below == above {
                    write!(f, "{name}={to}")
                } else {
                    write!(f, "{name}={from}..{to}")
                }
            }
            Self::Deviations { n } => write!(f, "{name}={n}"),
            _ => f.pad(name),
        }
    }
}

/// A fraction as a percentage, with ten decimals.
fn percent(fraction: f64) -> f64 {
    (fraction * 1e12).round() / 1e10
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
            Self::MovingAverage { .. } => Self::MovingAverage {
                momentum: parse(number)?,
            },
            Self::Deviations { .. } => Self::Deviations { n: parse(number)? },
            Self::Percentile { .. } => {
                let (from, to) = match number.split_once("..") {
                    Some((from, to)) => (parse(from)?, parse(to)?),
                    None => (100.0 - parse(number)?, parse(number)?),
                };
                Self::Percentile {
                    below: fraction(from),
                    above: fraction(100.0 - to),
                }
            }
            _ => return Err(Error::UnknownMethod),
        }
        .checked()
    }
}
