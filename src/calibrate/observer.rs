//! What a method keeps of the numbers that it is shown, and the range that it makes of that.

use super::aciq;
use super::bars::Bars;
use super::entropy::least_divergence;
use super::histogram::Bins;
use super::least_squares::least_squares;
use super::method::Method;
use super::moments::Moments;
use super::tally::{Summary, Tally};
use crate::element::Code;
use crate::error::Error;
use crate::params::{Choice, QuantParams, Range, Scheme};
use crate::tier::Tier;
use core::fmt;
use std::vec::Vec;

/// Is shown numbers, batch by batch, and chooses a range for them by a [`Method`].
///
/// It keeps what its method needs, and never looks at a number twice. NaN and ±∞ are counted, and
/// left out otherwise. Parts may be observed apart, in threads for instance, and merged.
///
/// ```
/// # use zeropoint::{Range, Scheme, calibrate::{Method, Observer}};
/// let mut observer = Observer::new(Method::MeanSquaredError)?;
/// for batch in 0..10 {
///     let x: Vec<f32> = (0..1000).map(|i| ((i * 37 + batch) % 101) as f32 / 100.0).collect();
///     observer.observe(&x);
/// }
/// observer.observe(&[30.0, f32::NAN]); // an outlier, and what is no number
///
/// let scheme = Scheme::<u8>::affine();
/// let range = observer.range(scheme).expect("there were numbers");
/// assert!(range.min == 0.0 && range.max > 0.9 && range.max < 30.0);
/// let params = observer.params(scheme)?;
/// assert!(params.scale() < 30.0 / 255.0);
/// assert_eq!((observer.tally().finite, observer.tally().nan), (10_001, 1));
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[derive(Clone)]
pub struct Observer {
    method: Method,
    summary: Summary,
    kept: Kept,
}

/// What there is beside the summary.
#[derive(Clone)]
enum Kept {
    Nothing,
    /// Averages of the ends of so many batches.
    Average {
        ends: [f64; 2],
        batches: f64,
    },
    Moments(Moments),
    /// The numbers themselves, while they are few.
    Numbers(Vec<f32>),
    Bins(Bins),
}

/// How many numbers are kept themselves.
const FEW: usize = 1 << 16;

impl Kept {
    fn new(method: Method) -> Self {
        match method {
            Method::MinMax => Self::Nothing,
            Method::MovingAverage { .. } => Self::Average {
                ends: [0.0; 2],
                batches: 0.0,
            },
            Method::Deviations { .. } | Method::Gauss => Self::Moments(Moments::default()),
            Method::Percentile { .. } => Self::Numbers(Vec::new()),
            Method::MeanSquaredError | Method::Entropy | Method::Laplace => {
                Self::Bins(Bins::default())
            }
        }
    }
}

impl Observer {
    /// An observer that has seen nothing.
    ///
    /// # Errors
    /// [`Error::Method`] if a number of the method is out of bounds.
    pub fn new(method: Method) -> Result<Self, Error> {
        let method = method.checked()?;
        Ok(Self {
            method,
            summary: Summary::default(),
            kept: Kept::new(method),
        })
    }

    /// The method, with its numbers.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// Takes in a batch of numbers.
    pub fn observe(&mut self, x: &[f32]) {
        self.observe_on(Tier::best(), x);
    }

    /// [`Observer::observe`] on this tier.
    pub fn observe_on(&mut self, tier: Tier, x: &[f32]) {
        if let Kept::Numbers(numbers) = &self.kept
            && numbers.len() + x.len() > FEW
            && numbers.len() + x.iter().filter(|x| x.is_finite()).count() > FEW
        {
            self.kept = Kept::Bins(self.kept.binned());
        }
        let (summary, method) = (&mut self.summary, self.method);
        match &mut self.kept {
            Kept::Nothing => summary.add(tier, x, |_, _, _| ()),
            Kept::Average { ends, batches } => {
                let mut batch = Summary::default();
                batch.add(tier, x, |_, _, _| ());
                summary.merge(&batch);
                if let Some(Range { min, max }) = batch.range {
                    let share = match method {
                        Method::MovingAverage { momentum } if *batches > 0.0 => momentum,
                        _ => 1.0,
                    };
                    average(ends, [min.into(), max.into()], share);
                    *batches += 1.0;
                }
            }
            Kept::Moments(moments) => {
                summary.add(tier, x, |x, _, _| moments.merge(&Moments::of(tier, x)));
            }
            Kept::Numbers(numbers) => summary.add(tier, x, |x, _, _| numbers.extend_from_slice(x)),
            Kept::Bins(bins) => bins.add(tier, x, summary),
        }
    }

    /// Takes in what the other one has observed.
    ///
    /// # Errors
    /// [`Error::OtherMethod`] unless both have the same method, with the same numbers.
    ///
    /// ```
    /// # use zeropoint::{Range, Scheme, calibrate::{Method, Observer}};
    /// let mut parts = [Observer::new(Method::MinMax)?, Observer::new(Method::MinMax)?];
    /// parts[0].observe(&[1.0, 2.0]);
    /// parts[1].observe(&[-1.0]);
    /// let [mut a, b] = parts;
    /// a.merge(&b)?;
    /// assert_eq!(a.range(Scheme::<u8>::affine()), Some(Range::new(-1.0, 2.0)));
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.method != other.method {
            let (method, other) = (self.method, other.method);
            return Err(Error::OtherMethod { method, other });
        }
        match (&mut self.kept, &other.kept) {
            (
                Kept::Average { ends, batches },
                Kept::Average {
                    ends: of,
                    batches: n,
                },
            ) => {
                *batches += n;
                average(ends, *of, n / batches.max(1.0));
            }
            (Kept::Moments(moments), Kept::Moments(others)) => moments.merge(others),
            (Kept::Numbers(numbers), Kept::Numbers(others))
                if numbers.len() + others.len() <= FEW =>
            {
                numbers.extend_from_slice(others);
            }
            (Kept::Numbers(_) | Kept::Bins(_), others) => {
                let mut bins = self.kept.binned();
                bins.merge(self.summary.range, &others.binned(), other.summary.range);
                self.kept = Kept::Bins(bins);
            }
            _ => {}
        }
        self.summary.merge(&other.summary);
        Ok(())
    }

    /// Forgets everything but the method.
    pub fn reset(&mut self) {
        self.summary = Summary::default();
        self.kept = Kept::new(self.method);
    }

    /// How many numbers of each kind there were.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.summary.tally
    }

    /// The range for codes of this scheme; `None` if there were no finite numbers.
    #[must_use]
    pub fn range<Q: Code>(&self, scheme: Scheme<Q>) -> Option<Range> {
        self.choose(scheme.choice())
    }

    /// The parameters for that range. As in [`quantize_dynamic`](crate::quantize_dynamic()), no
    /// numbers count as the range `[0, 0]`.
    ///
    /// # Errors
    /// [`Error::OneSided`] if the scheme has no codes for one side of the range.
    pub fn params<Q: Code>(&self, scheme: Scheme<Q>) -> Result<QuantParams<Q>, Error> {
        scheme.params(self.range(scheme).unwrap_or(Range::new(0.0, 0.0)))
    }

    fn choose(&self, choice: Choice) -> Option<Range> {
        let whole = self.summary.range?;
        let codes = f64::from(choice.codes());
        let range = match (self.method, &self.kept) {
            (
                _,
                Kept::Average {
                    ends: [min, max], ..
                },
            ) => Range::new(*min as f32, *max as f32),
            (Method::Percentile { below, above }, kept) => {
                let n = self.summary.tally.finite as f64;
                let below = (below * n).floor().min(n - 1.0);
                let above = (above * n).floor().min(n - 1.0 - below);
                kept.without(whole, below, above)
            }
            (Method::Deviations { n }, Kept::Moments(moments)) => {
                let reach = moments.deviation().map(|deviation| n * deviation);
                around(moments.mean(), reach, whole)
            }
            (_, Kept::Moments(moments)) => {
                let reach = moments.deviation();
                let reach = reach.map(|deviation| aciq::gauss(codes) * deviation);
                around(moments.mean(), reach, whole)
            }
            (method, Kept::Bins(bins)) => {
                let bars = Bars::new(bins, whole);
                match method {
                    Method::Entropy => least_divergence(bars, choice),
                    Method::Laplace => {
                        let (mean, distance) = bars.spread();
                        around(mean, Some(aciq::laplace(codes) * distance), whole)
                    }
                    _ => least_squares(&bars, choice),
                }
            }
            (_, Kept::Nothing | Kept::Numbers(_)) => whole,
        };
        Some(range)
    }
}

impl Kept {
    /// The bins, or those of the numbers that were kept.
    fn binned(&self) -> Bins {
        match self {
            Self::Bins(bins) => bins.clone(),
            Self::Numbers(numbers) => {
                let mut bins = Bins::default();
                bins.add(Tier::best(), numbers, &mut Summary::default());
                bins
            }
            _ => Bins::default(),
        }
    }

    /// The range without so many numbers at each end, of which at least one is left.
    fn without(&self, whole: Range, below: f64, above: f64) -> Range {
        match self {
            Self::Numbers(numbers) => {
                let mut numbers = numbers.clone();
                let last = numbers.len() - 1;
                let mut nth = |n| *numbers.select_nth_unstable_by(n, f32::total_cmp).1 + 0.0;
                Range::new(nth(below as usize), nth(last - above as usize))
            }
            Self::Bins(bins) => Bars::new(bins, whole).without(below, above),
            _ => whole,
        }
    }
}

/// `average + share · (batch − average)`
fn average(ends: &mut [f64; 2], batch: [f64; 2], share: f64) {
    for (end, batch) in ends.iter_mut().zip(batch) {
        *end += share * (batch - *end);
    }
}

/// So far around the mean, but within the whole range; that if it is not known how far.
fn around(mean: f64, reach: Option<f64>, whole: Range) -> Range {
    reach.map_or(whole, |reach| {
        let within = |x: f64| x.clamp(whole.min.into(), whole.max.into()) as f32;
        Range::new(within(mean - reach), within(mean + reach))
    })
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer")
            .field("method", &self.method)
            .field("tally", &self.summary.tally)
            .finish_non_exhaustive()
    }
}
