//! What there is to observe: how many numbers of each kind, and the range of those that count.

use crate::error::Error;
use crate::kernels::map::{Reduce, reduce};
use crate::simd::Simd;
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::params::Range;

/// How many numbers of each kind there were.
///
/// ```
/// # use zeropoint::calibrate::{Method, Observer};
/// let mut observer = Observer::new(Method::MinMax)?;
/// observer.observe(&[1.0, f32::NAN, f32::NEG_INFINITY]);
/// let tally = observer.tally();
/// assert_eq!((tally.finite, tally.left_out()), (1, 2));
/// # Ok::<(), zeropoint::calibrate::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Finite numbers, within the bounds if there are any: those that ranges are chosen for.
    pub finite: u64,
    /// NaN.
    pub nan: u64,
    /// −∞.
    pub negative_infinity: u64,
    /// +∞.
    pub positive_infinity: u64,
    /// Finite numbers below the bounds of the observer ([`Observer::within`](super::Observer::within)).
    pub below: u64,
    /// Finite numbers above them.
    pub above: u64,
}

impl Tally {
    /// Numbers that are not finite or not within the bounds.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.nan
            .saturating_add(self.negative_infinity)
            .saturating_add(self.positive_infinity)
            .saturating_add(self.below)
            .saturating_add(self.above)
    }

    const fn merge(&mut self, other: &Self) {
        self.finite = self.finite.saturating_add(other.finite);
        self.nan = self.nan.saturating_add(other.nan);
        self.negative_infinity = self.negative_infinity.saturating_add(other.negative_infinity);
        self.positive_infinity = self.positive_infinity.saturating_add(other.positive_infinity);
        self.below = self.below.saturating_add(other.below);
        self.above = self.above.saturating_add(other.above);
    }

    /// Moves the finite elements of `x` that are within the bounds to the front of `to`, and counts the
    /// others.
    fn sift<'a>(&mut self, x: &[f32], bounds: Range, to: &'a mut [f32; CHUNK]) -> &'a [f32] {
        let (mut len, mut found) = (0, Self::default());
        for &x in x {
            let [below, above] = [x < bounds.min, x > bounds.max].map(|is| is & x.is_finite());
            // Kept if nothing follows that takes its place.
            to[len] = x;
            len += usize::from(x.is_finite() & !below & !above);
            found.below += u64::from(below);
            found.above += u64::from(above);
            found.nan += u64::from(x.is_nan());
            found.negative_infinity += u64::from(x == f32::NEG_INFINITY);
            found.positive_infinity += u64::from(x == f32::INFINITY);
        }
        self.merge(&found);
        &to[..len]
    }
}

/// Elements that are looked at before they are used: a multiple of any quad.
pub(super) const CHUNK: usize = 4096;

/// Bounds that leave out no finite number.
const EVERYTHING: Range = Range::new(f32::NEG_INFINITY, f32::INFINITY);

/// What is known of the numbers, whatever the method.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Summary {
    pub(super) tally: Tally,
    /// Of those that are counted as finite.
    pub(super) range: Option<Range>,
}

impl Summary {
    /// Gives the finite elements of `x` that are within the bounds to `then`, chunk by chunk, and takes in
    /// those for which that works.
    pub(super) fn add(
        &mut self,
        tier: Tier,
        x: &[f32],
        bounds: Option<Range>,
        mut then: impl FnMut(&[f32]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let bounds = bounds.unwrap_or(EVERYTHING);
        let mut finite;
        for mut x in x.chunks(CHUNK) {
            let mut left_out = Tally::default();
            let mut found = FiniteRange { x }.on(tier);
            if found.is_none_or(|found| found.union(bounds) != bounds) {
                finite = [0.0; CHUNK];
                x = left_out.sift(x, bounds, &mut finite);
                found = FiniteRange { x }.on(tier);
            }
            if let Some(found) = found {
                then(x)?;
                self.range = of_both(self.range, Some(found));
                self.tally.finite = self.tally.finite.saturating_add(x.len() as u64);
            }
            self.tally.merge(&left_out);
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        self.range = of_both(self.range, other.range);
    }
}

/// The smallest range that holds what there is.
#[inline(always)]
fn of_both(a: Option<Range>, b: Option<Range>) -> Option<Range> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.union(b)),
        _ => a.or(b),
    }
}

entries!(FiniteRange<'_>);

/// The range of `x`, if there is something in it, and nothing that is not finite.
struct FiniteRange<'a> {
    x: &'a [f32],
}

impl Operation for FiniteRange<'_> {
    type Output = Option<Range>;

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) -> Option<Range> {
        if self.x.is_empty() {
            return None;
        }
        let mut found = Found {
            min: [s.splat_f32(f32::INFINITY); 4],
            max: [s.splat_f32(f32::NEG_INFINITY); 4],
            zeros: [s.splat_f32(0.0); 4],
        };
        reduce(s, &mut found, self.x);
        let [a, b, c, d] = found.min;
        let min = s.reduce_min(s.min(s.min(a, b), s.min(c, d)));
        let [a, b, c, d] = found.max;
        let max = s.reduce_max(s.max(s.max(a, b), s.max(c, d)));
        let [a, b, c, d] = found.zeros;
        let is_finite = !s.any_nan(s.add(s.add(a, b), s.add(c, d)));
        is_finite.then_some(Range::new(min + 0.0, max + 0.0))
    }
}

struct Found<S: Simd> {
    min: [S::F32; 4],
    max: [S::F32; 4],
    /// Sums of `x · 0`: NaN if an element was not finite.
    zeros: [S::F32; 4],
}

impl<S: Simd> Reduce<S> for Found<S> {
    #[inline(always)]
    fn step(&mut self, s: S, x: [S::F32; 4]) {
        let zero = s.splat_f32(0.0);
        for i in 0..4 {
            self.min[i] = s.min(x[i], self.min[i]);
            self.max[i] = s.max(x[i], self.max[i]);
            self.zeros[i] = s.mul_add(x[i], zero, self.zeros[i]);
        }
    }
}
