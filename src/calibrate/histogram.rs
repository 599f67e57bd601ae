//! How often numbers lie in each of many small intervals.

use super::tally::{Summary, Tally};
use crate::error::Error;
use crate::simd::environment::in_default;
use crate::tier::Tier;
use crate::values::params::Range;
use core::fmt;
use std::alloc::{Layout, handle_alloc_error};
use std::boxed::Box;
use std::vec::Vec;

/// How often the numbers of a tensor, or of a stream of them, lie in each of many bins.
///
/// The bins are logarithmic: 512 for each octave of `|x|`, as wide as each other within it (a number's
/// bin is its sign, its exponent, and the first 9 bits of its mantissa). So each is at most 2⁻⁹ of its
/// numbers wide, whatever other numbers there are: an outlier costs no resolution elsewhere. Below
/// 2⁻¹²⁶ all are 2⁻¹³⁵ wide, and one bin holds what is nearer to 0 than that, of both signs. NaN and ±∞
/// are counted apart.
///
/// The histogram depends on the numbers alone: in whatever batches they come, in whatever order, and
/// however histograms of parts are merged, the result is the same.
///
/// It takes 8 KiB, and 1 KiB for each quarter of an octave that has numbers of one sign: 50 to 250 KiB for
/// most tensors, and never more than 4 MiB.
///
/// ```
/// # use zeropoint::{Range, calibrate::{Bin, Histogram}};
/// let mut histogram = Histogram::new();
/// histogram.add(&[0.5, -1.0, f32::NAN]);
/// histogram.add(&[0.5, 3.0]);
/// assert_eq!(histogram.range(), Some(Range::new(-1.0, 3.0)));
/// assert_eq!((histogram.tally().finite, histogram.tally().nan), (4, 1));
///
/// let bins = histogram.bins(); // of −1.0, 0.5, 3.0
/// assert_eq!(bins.len(), 3);
/// assert_eq!(bins[1], Bin { from: 0.5, to: 0.5 + 0.5 / 512.0, count: 2 });
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Histogram {
    summary: Summary,
    bins: Bins,
}

/// A bin of a [`Histogram`] and how many numbers lie in it.
///
/// Those of numbers above 0 hold their lower end `from`, those of numbers below 0 their upper end `to`; that
/// of 0 holds neither.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// The lower end.
    pub from: f64,
    /// The upper end.
    pub to: f64,
    /// How many numbers lie between.
    pub count: u64,
}

impl Histogram {
    /// A histogram of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the elements of `x` too. Without memory for bins the process is aborted, as by a `Vec`.
    pub fn add(&mut self, x: &[f32]) {
        self.add_on(Tier::best(), x);
    }

    /// [`Histogram::add`] on this tier.
    pub fn add_on(&mut self, tier: Tier, x: &[f32]) {
        let bins = &mut self.bins;
        let summary = &mut self.summary;
        or_abort(in_default(|| summary.add(tier, x, None, |x| bins.add(x))));
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
        or_abort(self.bins.merge(&other.bins));
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

    /// The bins that are not empty, from the lowest to the highest.
    #[must_use]
    pub fn bins(&self) -> Vec<Bin> {
        let bin = |(bin, count)| {
            let [from, to] = in_default(|| ends(bin));
            Bin { from, to, count }
        };
        self.bins.counted().into_iter().map(bin).collect()
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("tally", &self.tally())
            .field("range", &self.range())
            .finish_non_exhaustive()
    }
}

/// What there is if there was memory for it; otherwise aborts, as a `Vec` does.
pub(super) fn or_abort<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|_| handle_alloc_error(Layout::new::<Page>()))
}

/// Bits of a float that do not tell bins apart.
const SHIFT: u32 = 14;

/// Bins of an octave.
pub(super) const OCTAVE: i32 = 1 << (23 - SHIFT);

/// Bins that are kept together, once there is a number for one of them.
const PAGE: usize = 128;

/// Pages that there may be: half of them for negative numbers.
const PAGES: usize = (1 << (32 - SHIFT)) / PAGE;

/// Counts of bins that follow each other, outward from 0.
type Page = [u64; PAGE];

/// The largest count that merging makes. What is counted one by one then can't overflow.
const MOST: u64 = 1 << 63;

/// The bins of a histogram, without what else is known of the numbers.
#[derive(Clone, Default)]
pub(super) struct Bins {
    /// What is added to the first bits of a number, to find its count, for each page; nothing before the
    /// first number.
    offsets: Option<Box<[u32; PAGES]>>,
    /// Page by page, in the order in which they were needed.
    counts: Vec<u64>,
}

/// For pages that there are not: beyond all counts, whatever is added.
const NOWHERE: u32 = 1 << 30;

/// The same numbers in the same bins.
impl PartialEq for Bins {
    fn eq(&self, other: &Self) -> bool {
        self.counted() == other.counted()
    }
}

/// Where a bin begins and ends: bin `i > 0` is the `i`-th from that of 0 upward, `−i` its mirror image.
pub(super) fn ends(bin: i32) -> [f64; 2] {
    if bin < 0 {
        [-edge(1 - bin), -edge(-bin)]
    } else if bin == 0 {
        [-edge(1), edge(1)]
    } else {
        [edge(bin), edge(bin + 1)]
    }
}

/// The lower end of a bin above that of 0: the float whose first bits these are, or 2¹²⁸.
pub(super) fn edge(bin: i32) -> f64 {
    const END: u32 = f32::INFINITY.to_bits() >> SHIFT;
    if bin as u32 == END { 2_f64.powi(128) } else { f32::from_bits((bin as u32) << SHIFT).into() }
}

impl Bins {
    /// Counts the elements of `x`, which are finite: all or, if there is no memory, none.
    pub(super) fn add(&mut self, x: &[f32]) -> Result<(), Error> {
        let offsets = allocated(&mut self.offsets)?;
        let mut done = 0;
        loop {
            done += count(offsets, &mut self.counts, &x[done..]);
            if done == x.len() {
                return Ok(());
            }
            if let Err(error) = reserve(&mut self.counts, PAGE) {
                for &x in &x[..done] {
                    self.counts[place(offsets, x)] -= 1;
                }
                return Err(error);
            }
            append(offsets, &mut self.counts, page(x[done]));
        }
    }

    /// Counts what the other one has counted: all or, if there is no memory, nothing.
    pub(super) fn merge(&mut self, other: &Self) -> Result<(), Error> {
        let Some(others) = &other.offsets else {
            return Ok(());
        };
        let own = allocated(&mut self.offsets)?;
        let both = own.iter().zip(&**others);
        let lacking = both.filter(|&(&own, &other)| own == NOWHERE && other != NOWHERE);
        reserve(&mut self.counts, lacking.count() * PAGE)?;
        for page in 0..PAGES {
            let Some(counts) = page_of(others, &other.counts, page) else {
                continue;
            };
            if own[page] == NOWHERE {
                append(own, &mut self.counts, page);
            }
            let at = start(own, page);
            for (to, &count) in self.counts[at..][..PAGE].iter_mut().zip(counts) {
                *to = to.saturating_add(count).min(MOST);
            }
        }
        Ok(())
    }

    /// The bins that are not empty and their counts, from the lowest to the highest.
    pub(super) fn counted(&self) -> Vec<(i32, u64)> {
        let Some(offsets) = &self.offsets else {
            return Vec::new();
        };
        // Outward from 0.
        let half = |pages: core::ops::Range<usize>| {
            let first = pages.start;
            let pages = pages.filter_map(|page| {
                let counts = page_of(offsets, &self.counts, page)?;
                Some((((page - first) * PAGE) as i32..).zip(counts))
            });
            let bins = pages.flatten().filter(|(_, count)| **count > 0);
            bins.map(|(bin, &count)| (bin, count)).collect::<Vec<_>>()
        };
        let (above, below) = (half(0..PAGES / 2), half(PAGES / 2..PAGES));
        let mirrored = below.into_iter().rev().map(|(bin, count)| (-bin, count));
        let mut counted: Vec<(i32, u64)> = mirrored.collect();
        let mut above = &above[..];
        // The bin of 0, if it has numbers of both signs.
        if let (Some((0, zeros)), [(0, more), rest @ ..]) = (counted.last_mut(), above) {
            *zeros = zeros.saturating_add(*more);
            above = rest;
        }
        counted.extend_from_slice(above);
        counted
    }
}

/// Elements that are looked up together, before one of them is counted.
const TOGETHER: usize = 4;

/// Counts elements up to the first whose page there is not. How many they were.
fn count(offsets: &[u32; PAGES], counts: &mut [u64], x: &[f32]) -> usize {
    let mut done = 0;
    for x in x.chunks_exact(TOGETHER) {
        let mut at = [0; TOGETHER];
        for i in 0..TOGETHER {
            at[i] = place(offsets, x[i]);
        }
        if at.iter().any(|&at| at >= counts.len()) {
            break;
        }
        for at in at {
            counts[at] += 1;
        }
        done += TOGETHER;
    }
    for &x in &x[done..] {
        let at = place(offsets, x);
        if at >= counts.len() {
            break;
        }
        counts[at] += 1;
        done += 1;
    }
    done
}

/// The page of a number.
#[inline(always)]
const fn page(x: f32) -> usize {
    (x.to_bits() >> SHIFT) as usize / PAGE
}

/// Where the count of a number is; beyond all, if its page is not there.
#[inline(always)]
const fn place(offsets: &[u32; PAGES], x: f32) -> usize {
    offsets[page(x)].wrapping_add(x.to_bits() >> SHIFT) as usize
}

/// Where a page begins; beyond all, if it is not there.
const fn start(offsets: &[u32; PAGES], page: usize) -> usize {
    offsets[page].wrapping_add((page * PAGE) as u32) as usize
}

fn page_of<'a>(offsets: &[u32; PAGES], counts: &'a [u64], page: usize) -> Option<&'a [u64]> {
    let at = start(offsets, page);
    counts.get(at..at + PAGE)
}

/// Makes an empty page, for which there is room.
fn append(offsets: &mut [u32; PAGES], counts: &mut Vec<u64>, page: usize) {
    offsets[page] = (counts.len() as u32).wrapping_sub((page * PAGE) as u32);
    counts.resize(counts.len() + PAGE, 0);
}

/// The offsets; of no page, if there were none yet.
fn allocated(offsets: &mut Option<Box<[u32; PAGES]>>) -> Result<&mut [u32; PAGES], Error> {
    if offsets.is_none() {
        let mut none = Vec::new();
        reserve(&mut none, PAGES)?;
        none.resize(PAGES, NOWHERE);
        *offsets = none.into_boxed_slice().try_into().ok();
    }
    let needed = size_of::<[u32; PAGES]>();
    let offsets = offsets.as_deref_mut();
    offsets.ok_or(Error::Buffer { bytes: 0, needed })
}

/// Makes room for so many more.
pub(super) fn reserve<T>(to: &mut Vec<T>, more: usize) -> Result<(), Error> {
    to.try_reserve(more).map_err(|_| Error::Buffer {
        bytes: to.capacity().saturating_mul(size_of::<T>()),
        needed: to.len().saturating_add(more).saturating_mul(size_of::<T>()),
    })
}
