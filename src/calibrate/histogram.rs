//! How often numbers lie in each of many small intervals.

use super::tally::{Summary, Tally};
use crate::drive::{Floats, Load};
use crate::params::Range;
use crate::simd::Simd;
use crate::tier::{Operation, Tier};
use core::fmt;
use std::boxed::Box;
use std::vec::Vec;

/// How often the numbers of a tensor, or of a stream of them, lie in each of many bins.
///
/// The bins are `[i · w, (i + 1) · w)` for whole `i`. Their width `w` is a power of two: the
/// smallest for which all finite numbers lie in at most [`Histogram::BINS`] of them, that is at least
/// 2⁻¹²⁶, and for which no `|i|` is beyond 2²². NaN and ±∞ are counted apart.
///
/// When the range grows, bins are joined in pairs, which loses nothing. So the histogram depends
/// on the numbers alone: in whatever batches they come, in whatever order, and however histograms of
/// parts are merged, the result is the same.
///
/// ```
/// # use zeropoint::{Range, calibrate::Histogram};
/// let mut histogram = Histogram::new();
/// histogram.add(&[0.5, -1.0, f32::NAN]);
/// histogram.add(&[0.5, 3.0]);
/// assert_eq!(histogram.range(), Some(Range::new(-1.0, 3.0)));
/// assert_eq!((histogram.tally().finite, histogram.tally().nan), (4, 1));
///
/// let counts = histogram.counts(); // from the bin of −1.0 to that of 3.0
/// let (start, width) = (histogram.start(), histogram.width());
/// assert_eq!((start, width), (-1.0, 1.0 / 512.0));
/// assert_eq!(counts[768], 2); // [0.5, 0.5 + 1/512)
/// assert_eq!(counts.iter().sum::<u64>(), 4);
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Histogram {
    summary: Summary,
    bins: Bins,
}

impl Histogram {
    /// The largest number of bins.
    pub const BINS: usize = BINS;

    /// A histogram of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the elements of `x` too.
    pub fn add(&mut self, x: &[f32]) {
        self.add_on(Tier::best(), x);
    }

    /// [`Histogram::add`] on this tier.
    pub fn add_on(&mut self, tier: Tier, x: &[f32]) {
        self.bins.add(tier, x, &mut self.summary);
    }

    /// Counts what the other one has counted too.
    ///
    /// ```
    /// # use zeropoint::calibrate::Histogram;
    /// let mut parts = [Histogram::new(), Histogram::new()];
    /// parts[0].add(&[1.0, 2.0]);
    /// parts[1].add(&[1e6, -3.0]);
    /// let [mut a, b] = parts;
    /// a.merge(&b);
    ///
    /// let mut whole = Histogram::new();
    /// whole.add(&[1.0, 2.0, 1e6, -3.0]);
    /// assert_eq!(a, whole);
    /// ```
    pub fn merge(&mut self, other: &Self) {
        self.bins.merge(self.range(), &other.bins, other.range());
        self.summary.merge(&other.summary);
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// How many numbers of each kind there were.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.summary.tally
    }

    /// The exact range of the finite numbers.
    #[must_use]
    pub const fn range(&self) -> Option<Range> {
        self.summary.range
    }

    /// The width of a bin.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.bins.width()
    }

    /// Where the first of the [`counts`](Histogram::counts) begins: the element `i` of these is that
    /// of the bin `[start + i · width, start + (i + 1) · width)`.
    #[must_use]
    pub fn start(&self) -> f64 {
        let range = self.range().unwrap_or(Range::new(0.0, 0.0));
        f64::from(self.bins.bin(range.min)) * self.width()
    }

    /// How many numbers lie in each bin, from that of the smallest one to that of the largest.
    #[must_use]
    pub fn counts(&self) -> Vec<u64> {
        self.range()
            .map_or_else(Vec::new, |range| self.bins.counts(range))
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("tally", &self.tally())
            .field("range", &self.range())
            .field("width", &self.width())
            .finish_non_exhaustive()
    }
}

/// [`Histogram::BINS`]: a power of two.
const BINS: usize = 4096;

/// The smallest width of a bin is 2 to this: both it and its reciprocal are normal.
const MIN_EXPONENT: i32 = -126;

/// Where the count of a bin is. No two bins in use are at the same place.
#[inline(always)]
const fn place(bin: i32) -> usize {
    bin as usize % BINS
}

/// The bins of a histogram, without what else is known of the numbers.
#[derive(Clone, PartialEq)]
pub(super) struct Bins {
    /// The width of a bin is 2 to this.
    exponent: i32,
    counts: Box<[u64; BINS]>,
}

impl Default for Bins {
    fn default() -> Self {
        Self {
            exponent: MIN_EXPONENT,
            counts: Box::new([0; BINS]),
        }
    }
}

/// The width of bins, as 2 to this, of numbers in a range.
fn exponent_of(range: Range) -> i32 {
    let largest = range.max.abs().max(range.min.abs());
    // No number beyond 2²² bins.
    let largest_exponent = (largest.to_bits() >> 23) as i32 - 127;
    let mut exponent = MIN_EXPONENT.max(largest_exponent - 21);
    while bin(range.max, exponent) - bin(range.min, exponent) >= BINS as i32 {
        exponent += 1;
    }
    exponent
}

/// THE SPECIFICATION of bins: `⌊x / 2^exponent⌋`, exact.
fn bin(x: f32, exponent: i32) -> i32 {
    (f64::from(x) * power(-exponent)).floor() as i32
}

/// 2 to the `exponent`.
fn power(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

impl Bins {
    /// Counts the finite elements of `x`. The summary is that of all that were counted before, and
    /// takes in `x`.
    pub(super) fn add(&mut self, tier: Tier, x: &[f32], summary: &mut Summary) {
        if x.len() < LONG {
            return summary.add(tier, x, |x, before, now| {
                if before != Some(now) {
                    self.widen(before, now);
                }
                let counts = &mut *self.counts;
                each_bins(tier, self.exponent, x, |bins| {
                    for &bin in bins {
                        let count = &mut counts[place(bin)];
                        *count = count.saturating_add(1);
                    }
                });
            });
        }
        for x in x.chunks(LONGEST) {
            let mut tables = [[0; TABLES]; BINS];
            summary.add(tier, x, |x, before, now| {
                if before != Some(now) && exponent_of(now) != self.exponent {
                    self.fold(&mut tables);
                    self.widen(before, now);
                }
                each_bins(tier, self.exponent, x, |bins| count(bins, &mut tables));
            });
            self.fold(&mut tables);
        }
    }

    /// Counts what the other one has counted. The ranges are those of what each has.
    pub(super) fn merge(&mut self, own: Option<Range>, other: &Self, range: Option<Range>) {
        let Some(range) = range else { return };
        self.widen(own, own.map_or(range, |own| own.union(range)));
        for (bin, count) in other.joined(range, self.exponent) {
            let to = &mut self.counts[place(bin)];
            *to = to.saturating_add(count);
        }
    }

    /// From the bin of the smallest number to that of the largest: how many lie in it.
    pub(super) fn counts(&self, range: Range) -> Vec<u64> {
        let counts = self.joined(range, self.exponent);
        counts.map(|(_, count)| count).collect()
    }

    pub(super) fn width(&self) -> f64 {
        power(self.exponent)
    }

    /// The bin of a number that is in the range.
    pub(super) fn bin(&self, x: f32) -> i32 {
        bin(x, self.exponent)
    }

    /// Joins bins until they are as wide as those of a range that holds the one `before`, of all
    /// that were counted.
    fn widen(&mut self, before: Option<Range>, now: Range) {
        let exponent = exponent_of(now);
        if exponent == self.exponent {
            return;
        }
        let mut counts = Box::new([0_u64; BINS]);
        if let Some(range) = before {
            for (bin, count) in self.joined(range, exponent) {
                let to = &mut counts[place(bin)];
                *to = to.saturating_add(count);
            }
        }
        (self.exponent, self.counts) = (exponent, counts);
    }

    /// The bins of a range and their counts, by the wider bins that they are parts of.
    fn joined(&self, range: Range, exponent: i32) -> impl Iterator<Item = (i32, u64)> {
        let shift = (exponent - self.exponent).min(31);
        let bins = self.bin(range.min)..=self.bin(range.max);
        bins.map(move |bin| (bin >> shift, self.counts[place(bin)]))
    }

    /// Adds what the tables have counted, and empties them.
    fn fold(&mut self, tables: &mut [[u32; TABLES]; BINS]) {
        for (to, counts) in self.counts.iter_mut().zip(tables) {
            let sum = counts.iter().copied().map(u64::from).sum();
            *to = to.saturating_add(sum);
            *counts = [0; TABLES];
        }
    }
}

/// Tables that are counted in by turns: a number in the bin of the one before it need not wait for
/// that.
const TABLES: usize = 4;

/// Elements for which the tables pay.
const LONG: usize = 16 << 10;

/// Elements after which the tables are emptied, long before a count can overflow.
const LONGEST: usize = 1 << 28;

fn count(bins: &[i32], tables: &mut [[u32; TABLES]; BINS]) {
    let mut turns = bins.chunks_exact(TABLES);
    for turn in &mut turns {
        for i in 0..TABLES {
            tables[place(turn[i])][i] += 1;
        }
    }
    for &bin in turns.remainder() {
        tables[place(bin)][0] += 1;
    }
}

/// Elements whose bins are found at a time: a multiple of any quad.
const BATCH: usize = 1024;

/// Gives the bins of the elements of `x`, batch by batch, to `then`.
fn each_bins(tier: Tier, exponent: i32, x: &[f32], mut then: impl FnMut(&[i32])) {
    let mut bins = [0; BATCH];
    for x in x.chunks(BATCH) {
        let to = &mut bins;
        tier.run(FindBins { x, exponent, to });
        then(&bins[..x.len()]);
    }
}

/// `to[i] = ⌊x[i] / 2^exponent⌋`
struct FindBins<'a> {
    x: &'a [f32],
    exponent: i32,
    to: &'a mut [i32; BATCH],
}

impl Operation for FindBins<'_> {
    type Output = ();

    fn scalar(&mut self) {
        for (&x, to) in self.x.iter().zip(&mut *self.to) {
            *to = bin(x, self.exponent);
        }
    }

    /// Where numbers become smaller they are rounded down first: they might become too small to be
    /// below 0 otherwise.
    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let up = s.splat_f32(power(-self.exponent.min(0)) as f32);
        let down = s.splat_f32(power(-self.exponent.max(0)) as f32);
        let mut at = 0;
        while at < self.x.len() {
            let rest = &self.x[at..];
            let x = if rest.len() < S::STEP {
                Floats.load_partial(s, rest)
            } else {
                Floats.load(s, &rest[..S::STEP])
            };
            for i in 0..4 {
                let whole = s.floor(s.mul(x[i], up));
                let bin = s.round(s.floor(s.mul(whole, down)));
                s.store_i32(bin, &mut self.to[at + i * S::LANES..][..S::LANES]);
            }
            at += S::STEP;
        }
    }
}
