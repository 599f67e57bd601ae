//! What a method keeps of the numbers that it is shown, and the range that it makes of that.

use super::aciq;
use super::bars::Bars;
use super::entropy::least_divergence;
use super::error::Error as CalibrateError;
use super::histogram::{Bins, or_abort, reserve};
use super::least_squares::least_squares;
use super::method::Method;
use super::moments::Moments;
use super::tally::{Summary, Tally};
use crate::error::Error;
use crate::simd::environment::in_default;
use crate::tier::Tier;
use crate::values::code::Code;
use crate::values::params::{Choice, QuantParams, Range, Scheme};
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
/// # Ok::<(), zeropoint::calibrate::Error>(())
/// ```
#[derive(Clone)]
pub struct Observer {
    method: Method,
    bounds: Option<Range>,
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
    /// A histogram of them.
    Bins(Bins),
}

/// How many numbers are kept themselves.
const FEW: usize = 1 << 16;

impl Kept {
    fn new(method: Method) -> Self {
        match method {
            Method::MinMax => Self::Nothing,
            Method::MovingAverage { .. } => Self::Average { ends: [0.0; 2], batches: 0.0 },
            Method::Deviations { .. } | Method::Gauss => Self::Moments(Moments::default()),
            Method::Percentile { .. }
            | Method::AbsolutePercentile { .. }
            | Method::MeanSquaredError
            | Method::Entropy
            | Method::Laplace => Self::Numbers(Vec::new()),
        }
    }
}

impl Observer {
    /// An observer that has seen nothing.
    ///
    /// # Errors
    /// [`calibrate::Error::Method`](CalibrateError::Method) if a number of the method is out of bounds.
    pub fn new(method: Method) -> Result<Self, CalibrateError> {
        let method = method.checked()?;
        Ok(Self { method, bounds: None, summary: Summary::default(), kept: Kept::new(method) })
    }

    /// The same observer, which has seen nothing, with bounds: numbers below the minimum or above the
    /// maximum are left out, and counted apart in the [`Tally`]. An end may be infinite.
    ///
    /// Masks are such numbers, that stand for −∞ in what a softmax is taken of:
    ///
    /// ```
    /// # use zeropoint::{Range, Scheme, calibrate::{Method, Observer}};
    /// let bounds = Range::new(-1000.0, f32::INFINITY);
    /// let mut observer = Observer::new(Method::MinMax)?.within(bounds)?;
    /// observer.observe(&[0.5, -1e4, -2.0, f32::MIN]);
    /// assert_eq!(observer.range(Scheme::<u8>::affine()), Some(Range::new(-2.0, 0.5)));
    /// assert_eq!((observer.tally().finite, observer.tally().below), (2, 2));
    /// # Ok::<(), zeropoint::calibrate::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Range`] if an end is NaN, or the minimum is above the maximum.
    pub fn within(mut self, bounds: Range) -> Result<Self, Error> {
        self.bound(checked(bounds)?);
        Ok(self)
    }

    /// Gives it bounds.
    pub(super) fn bound(&mut self, bounds: Range) {
        self.reset();
        self.bounds = Some(bounds);
    }

    /// The method, with its numbers.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The bounds, if it was given any.
    #[must_use]
    pub const fn bounds(&self) -> Option<Range> {
        self.bounds
    }

    /// Takes in a batch of numbers. Without memory for what the method keeps, up to 4 MiB, the process is
    /// aborted, as by a `Vec`.
    pub fn observe(&mut self, x: &[f32]) {
        self.observe_on(Tier::best(), x);
    }

    /// [`Observer::observe`] on this tier.
    pub fn observe_on(&mut self, tier: Tier, x: &[f32]) {
        or_abort(self.try_observe_on(tier, x));
    }

    /// [`Observer::observe_on`]; without memory, an error: then a part of the batch was taken in.
    pub(super) fn try_observe_on(&mut self, tier: Tier, x: &[f32]) -> Result<(), Error> {
        in_default(|| self.take_in(tier, x))
    }

    fn take_in(&mut self, tier: Tier, x: &[f32]) -> Result<(), Error> {
        let bounds = self.bounds;
        let counts = |x: &f32| {
            let within = |bounds: Range| bounds.min <= *x && *x <= bounds.max;
            x.is_finite() && bounds.is_none_or(within)
        };
        if let Kept::Numbers(numbers) = &self.kept
            && numbers.len() + x.len() > FEW
            && numbers.len() + x.iter().filter(|x| counts(x)).count() > FEW
        {
            self.kept = Kept::Bins(binned(numbers)?);
        }
        let (summary, method) = (&mut self.summary, self.method);
        match &mut self.kept {
            Kept::Nothing => summary.add(tier, x, bounds, |_| Ok(())),
            Kept::Average { ends, batches } => {
                let mut batch = Summary::default();
                batch.add(tier, x, bounds, |_| Ok(()))?;
                summary.merge(&batch);
                if let Some(Range { min, max }) = batch.range {
                    let share = match method {
                        Method::MovingAverage { momentum } if *batches > 0.0 => momentum,
                        _ => 1.0,
                    };
                    average(ends, [min.into(), max.into()], share);
                    *batches += 1.0;
                }
                Ok(())
            }
            Kept::Moments(moments) => summary.add(tier, x, bounds, |x| {
                moments.merge(&Moments::of(tier, x));
                Ok(())
            }),
            Kept::Numbers(numbers) => summary.add(tier, x, bounds, |x| {
                reserve(numbers, x.len())?;
                numbers.extend_from_slice(x);
                Ok(())
            }),
            Kept::Bins(bins) => summary.add(tier, x, bounds, |x| bins.add(x)),
        }
    }

    /// Takes in what the other one has observed.
    ///
    /// # Errors
    /// [`calibrate::Error::OtherMethod`](CalibrateError::OtherMethod) unless both have the same method, with the same numbers;
    /// [`calibrate::Error::OtherBounds`](CalibrateError::OtherBounds) unless they have the same bounds; [`Error::Buffer`] if there is no memory
    /// for a histogram. Then nothing is taken in.
    ///
    /// ```
    /// # use zeropoint::{Range, Scheme, calibrate::{Method, Observer}};
    /// let mut parts = [Observer::new(Method::MinMax)?, Observer::new(Method::MinMax)?];
    /// parts[0].observe(&[1.0, 2.0]);
    /// parts[1].observe(&[-1.0]);
    /// let [mut a, b] = parts;
    /// a.merge(&b)?;
    /// assert_eq!(a.range(Scheme::<u8>::affine()), Some(Range::new(-1.0, 2.0)));
    /// # Ok::<(), zeropoint::calibrate::Error>(())
    /// ```
    pub fn merge(&mut self, other: &Self) -> Result<(), CalibrateError> {
        in_default(|| self.merged(other))
    }

    fn merged(&mut self, other: &Self) -> Result<(), CalibrateError> {
        if self.method != other.method {
            let (method, other) = (self.method, other.method);
            return Err(CalibrateError::OtherMethod { method, other });
        }
        if self.bounds != other.bounds {
            let (bounds, other) = (self.bounds, other.bounds);
            return Err(CalibrateError::OtherBounds { bounds, other });
        }
        match (&mut self.kept, &other.kept) {
            (Kept::Average { ends, batches }, Kept::Average { ends: of, batches: n }) => {
                *batches += n;
                average(ends, *of, n / batches.max(1.0));
            }
            (Kept::Moments(moments), Kept::Moments(others)) => moments.merge(others),
            (Kept::Numbers(numbers), Kept::Numbers(others))
                if numbers.len() + others.len() <= FEW =>
            {
                reserve(numbers, others.len())?;
                numbers.extend_from_slice(others);
            }
            (Kept::Bins(bins), Kept::Bins(others)) => bins.merge(others)?,
            (Kept::Bins(bins), Kept::Numbers(others)) => bins.merge(&binned(others)?)?,
            (Kept::Numbers(numbers), others) => {
                let mut bins = binned(numbers)?;
                match others {
                    Kept::Bins(others) => bins.merge(others)?,
                    Kept::Numbers(others) => bins.add(others)?,
                    _ => {}
                }
                self.kept = Kept::Bins(bins);
            }
            _ => {}
        }
        self.summary.merge(&other.summary);
        Ok(())
    }

    /// Forgets everything but the method and the bounds.
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
        in_default(|| self.choose(scheme.choice()))
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
            (_, Kept::Average { ends: [min, max], .. }) => Range::new(*min as f32, *max as f32),
            (Method::Deviations { n }, Kept::Moments(moments)) => {
                let reach = moments.deviation().map(|deviation| n * deviation);
                around(moments.mean(), reach, whole)
            }
            (_, Kept::Moments(moments)) => {
                let reach = moments.deviation();
                let reach = reach.map(|deviation| aciq::gauss(codes) * deviation);
                around(moments.mean(), reach, whole)
            }
            (Method::Entropy, Kept::Bins(bins)) => least_divergence(bins, whole, choice),
            (Method::Entropy, Kept::Numbers(numbers)) => {
                least_divergence(&or_abort(binned(numbers)), whole, choice)
            }
            (method, Kept::Bins(bins)) => by_bars(method, &Bars::of_bins(bins, whole), choice),
            (method, Kept::Numbers(numbers)) => {
                by_bars(method, &Bars::of_numbers(numbers, whole), choice)
            }
            (_, Kept::Nothing) => whole,
        };
        Some(range)
    }
}

/// Bounds, if some number can be within.
pub(super) fn checked(bounds: Range) -> Result<Range, Error> {
    let Range { min, max } = bounds;
    if in_default(|| min <= max) { Ok(bounds) } else { Err(Error::Range { min, max }) }
}

/// Bins of the numbers that were kept.
fn binned(numbers: &[f32]) -> Result<Bins, Error> {
    let mut bins = Bins::default();
    bins.add(numbers).map(|()| bins)
}

/// By the methods that look at the numbers or at bins of them alike.
fn by_bars(method: Method, bars: &Bars, choice: Choice) -> Range {
    match method {
        Method::Percentile { below, above } => {
            let n = bars.numbers();
            bars.without((below * n).floor(), (above * n).floor())
        }
        Method::AbsolutePercentile { beyond } => {
            let n = bars.numbers();
            bars.without_farthest((beyond * n).floor())
        }
        Method::Laplace => {
            let (mean, distance) = bars.run_per_axis();
            let reach = aciq::laplace(choice.codes().into()) * distance;
            bars.outward(around(mean, Some(reach), bars.range))
        }
        _ => least_squares(bars, choice),
    }
}

/// `(1 − share) · average + share · batch`: with a share of 0 or 1 exactly one of the two, and never an
/// inverted range of two that are not.
fn average(ends: &mut [f64; 2], batch: [f64; 2], share: f64) {
    for (end, batch) in ends.iter_mut().zip(batch) {
        *end = (1.0 - share) * *end + share * batch;
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
