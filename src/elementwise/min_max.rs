//! `min = minᵢ xᵢ`, `max = maxᵢ xᵢ`

use crate::kernels::map::{Reduce, reduce};
use crate::simd::{MAX_LANES, Simd};
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::params::Range;
#[cfg(feature = "rayon")]
use crate::{elementwise::stream::threads, simd::environment::in_default, tier::Pieces};

/// The smallest and the largest element of `x`.
///
/// NaN are ignored, ±∞ are ordinary values, and a zero is reported as +0.0. `None` if nothing is
/// left: `x` is empty, or all NaN.
///
/// ```
/// # use zeropoint::{Range, min_max};
/// assert_eq!(min_max(&[3.0, f32::NAN, -1.0]), Some(Range::new(-1.0, 3.0)));
/// assert_eq!(min_max(&[f32::NAN]), None);
/// ```
#[must_use]
pub fn min_max(x: &[f32]) -> Option<Range> {
    Tier::best().min_max(x)
}

impl Tier {
    /// [`min_max`](crate::min_max()) on this tier.
    #[must_use]
    pub fn min_max(self, x: &[f32]) -> Option<Range> {
        MinMax { x }.on(self)
    }
}

/// The range of two halves, each on as many threads.
#[cfg(feature = "rayon")]
fn of_halves(tier: Tier, x: &[f32], threads: usize) -> Option<Range> {
    if threads < 2 {
        return in_default(|| tier.run(&mut MinMax { x }));
    }
    let (first, second) = x.split_at(x.len() / threads * (threads / 2));
    let ranges = rayon::join(
        || of_halves(tier, first, threads / 2),
        || of_halves(tier, second, threads - threads / 2),
    );
    match ranges {
        (Some(a), Some(b)) => Some(in_default(|| union(a, b))),
        (one, other) => one.or(other),
    }
}

entries!(MinMax<'_>);

struct MinMax<'a> {
    x: &'a [f32],
}

/// Elements after which the quick form's result is checked.
const CHUNK: usize = 16 << 10;

impl Operation for MinMax<'_> {
    type Output = Option<Range>;

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) -> Option<Range> {
        range(s, self.x)
    }

    #[cfg(feature = "rayon")]
    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<Option<Range>> {
        let Pieces::OnThreads = by else { return None };
        threads(size_of_val(self.x)).map(|threads| of_halves(tier, self.x, threads))
    }
}

/// The range of `x`, if there are numbers in it.
#[inline(always)]
pub(crate) fn range<S: Simd>(s: S, x: &[f32]) -> Option<Range> {
    let mut total = Range::new(f32::INFINITY, f32::NEG_INFINITY);
    let mut quick = true;
    for x in x.chunks(CHUNK) {
        // What the quick form can't do is likely to come again: a tensor of negative numbers.
        let mut range = total;
        if quick {
            (range, quick) = quick_range(s, x);
        }
        if !quick {
            range = exact_range(s, x);
        }
        total = union(total, range);
    }
    let found = total.min < f32::INFINITY || total.max > f32::NEG_INFINITY;
    found.then(|| Range::new(total.min + 0.0, total.max + 0.0))
}

/// As [`Range::union`], of ends that are not NaN, where the floating-point environment is the default one.
#[inline(always)]
pub(crate) fn union(a: Range, b: Range) -> Range {
    let min = if b.min < a.min { b.min } else { a.min };
    let max = if b.max > a.max { b.max } else { a.max };
    Range { min, max }
}

/// The range of `x`, and whether it is right.
#[inline(always)]
fn quick_range<S: Simd>(s: S, x: &[f32]) -> (Range, bool) {
    let mut found = Extremes::<S, true>::nothing(s);
    reduce(s, &mut found, x);
    let [a, b, c, d] = found.min;
    let min = s.quick_min(s.quick_min(a, b), s.quick_min(c, d));
    let [a, b, c, d] = found.max;
    let max = s.quick_max(s.quick_max(a, b), s.quick_max(c, d));
    let (min, max) = (s.quick_reduce_min(min), s.quick_reduce_max(max));
    (Range::new(min, max), s.quick_holds(min, max))
}

/// The range of `x`.
#[inline(always)]
fn exact_range<S: Simd>(s: S, x: &[f32]) -> Range {
    let mut found = Extremes::<S, false>::nothing(s);
    reduce(s, &mut found, x);
    let [a, b, c, d] = found.min;
    let min = s.min(s.min(a, b), s.min(c, d));
    let [a, b, c, d] = found.max;
    let max = s.max(s.max(a, b), s.max(c, d));
    Range::new(s.reduce_min(min), s.reduce_max(max))
}

struct Extremes<S: Simd, const QUICK: bool> {
    min: [S::F32; 4],
    max: [S::F32; 4],
}

impl<S: Simd, const QUICK: bool> Extremes<S, QUICK> {
    #[inline(always)]
    fn nothing(s: S) -> Self {
        Self { min: [s.splat_f32(f32::INFINITY); 4], max: [s.splat_f32(f32::NEG_INFINITY); 4] }
    }
}

impl<S: Simd, const QUICK: bool> Reduce<S> for Extremes<S, QUICK> {
    #[inline(always)]
    fn step(&mut self, s: S, x: [S::F32; 4]) {
        for i in 0..4 {
            if QUICK {
                self.min[i] = s.quick_min(x[i], self.min[i]);
                self.max[i] = s.quick_max(x[i], self.max[i]);
            } else {
                self.min[i] = s.min(x[i], self.min[i]);
                self.max[i] = s.max(x[i], self.max[i]);
            }
        }
    }
}

/// How far numbers reach on both sides of 0, as bits; NaN reach farther than infinities.
///
/// As unsigned numbers, the bits of negative floats are above those of all others, and the farther
/// from 0, the higher; as signed numbers, the bits of positive floats are. So two maxima of integers find
/// the range that is extended to include 0, and whatever is not finite.
#[derive(Clone, Copy)]
pub(crate) struct Reach {
    /// The bits of the lowest negative number, or of −0.0.
    pub(crate) below: u32,
    /// The bits of the highest positive number, or of 0.0.
    pub(crate) above: u32,
}

impl Reach {
    pub(crate) const NOTHING: Self = Self { below: 1 << 31, above: 0 };

    /// The farthest that is finite.
    pub(crate) const FINITE: Self = Self { below: f32::MIN.to_bits(), above: f32::MAX.to_bits() };

    /// How far these numbers reach.
    #[inline(always)]
    pub(crate) fn of<S: Simd>(s: S, x: &[f32]) -> Self {
        let Reaches { below, above } = Reaches::of(s, x);
        Self { below: s.reduce_max_i32(below) as u32, above: s.reduce_max_i32(above) as u32 }
    }

    /// How far both reach.
    #[inline(always)]
    pub(crate) fn union(self, other: Self) -> Self {
        Self { below: self.below.max(other.below), above: self.above.max(other.above) }
    }

    #[inline(always)]
    pub(crate) fn is_finite(self) -> bool {
        self.below <= Self::FINITE.below && self.above <= Self::FINITE.above
    }

    /// The range, extended to include 0, if all numbers are finite.
    #[inline(always)]
    pub(crate) fn range(self) -> Range {
        Range::new(f32::from_bits(self.below) + 0.0, f32::from_bits(self.above))
    }
}

/// [`Reach`], in each lane that of some numbers. (The bits of negative floats have the same order as
/// unsigned and as signed numbers, once there are no others.)
#[derive(Clone, Copy)]
pub(crate) struct Reaches<S: Simd> {
    pub(crate) below: S::I32,
    pub(crate) above: S::I32,
}

impl<S: Simd> Reaches<S> {
    #[inline(always)]
    pub(crate) fn nothing(s: S) -> Self {
        let Reach { below, above } = Reach::NOTHING;
        Self { below: s.splat_i32(below as i32), above: s.splat_i32(above as i32) }
    }

    /// Of `x`, in each lane that of another part.
    #[inline(always)]
    fn of(s: S, x: &[f32]) -> Self {
        let mut found = Self::nothing(s);
        if x.len() >= S::STEP {
            let mut quad = QuadReaches([found; 4]);
            reduce(s, &mut quad, x);
            let [a, b, c, d] = quad.0;
            return a.union(s, b).union(s, c.union(s, d));
        }
        // Vector by vector, lest short rows take the time of a quad.
        let mut rest = x;
        while rest.len() >= S::LANES {
            let (now, later) = rest.split_at(S::LANES);
            found.extend(s, s.load_f32(now));
            rest = later;
        }
        if !rest.is_empty() {
            found.extend(s, s.load_f32_partial(rest, rest[0]));
        }
        found
    }

    /// Of rows of `x`, one row in each lane: at most `LANES` of them. Lanes without a row have one of the
    /// others' again.
    #[inline(always)]
    pub(crate) fn of_rows(s: S, (x, stride): (&[f32], usize), row: usize, rows: usize) -> Self {
        let mut last = Self::of(s, &x[..row]);
        if rows == 1 {
            let (below, above) = (s.reduce_max_i32(last.below), s.reduce_max_i32(last.above));
            return Self { below: s.splat_i32(below), above: s.splat_i32(above) };
        }
        // A tree: 2ᵏ rows side by side wait at the level `k` for as many more.
        let mut found = last;
        let mut waiting = [found; MAX_LANES.ilog2() as usize];
        let mut r = 1;
        let mut level = 0;
        while r < rows.next_power_of_two() {
            waiting[level] = found;
            if r < rows {
                last = Self::of(s, &x[r * stride..][..row]);
            }
            found = last;
            level = 0;
            while r >> level & 1 == 1 {
                found = waiting[level].pairs(s, found);
                level += 1;
            }
            r += 1;
        }
        while level < S::LANES.ilog2() as usize {
            found = found.pairs(s, found);
            level += 1;
        }
        found
    }

    /// Of neighbouring lanes together: those of `self`, then those of `other`.
    #[inline(always)]
    fn pairs(self, s: S, other: Self) -> Self {
        Self {
            below: s.max_pairs_i32(self.below, other.below),
            above: s.max_pairs_i32(self.above, other.above),
        }
    }

    #[inline(always)]
    fn union(self, s: S, other: Self) -> Self {
        Self {
            below: s.max_i32(self.below, other.below),
            above: s.max_i32(self.above, other.above),
        }
    }

    #[inline(always)]
    fn extend(&mut self, s: S, x: S::F32) {
        let bits = bytemuck::must_cast(x);
        self.below = s.max_u32(bits, self.below);
        self.above = s.max_i32(bits, self.above);
    }
}

struct QuadReaches<S: Simd>([Reaches<S>; 4]);

impl<S: Simd> Reduce<S> for QuadReaches<S> {
    #[inline(always)]
    fn step(&mut self, s: S, x: [S::F32; 4]) {
        for i in 0..4 {
            self.0[i].extend(s, x[i]);
        }
    }
}

/// The range of the finite elements, extended to include 0.
#[cold]
#[inline(never)]
pub(crate) fn finite_range(x: &[f32]) -> Range {
    let mut range = Range::new(0.0, 0.0);
    for &x in x {
        if x.is_finite() {
            range = range.union(Range::new(x, x));
        }
    }
    range
}

/// The first element that is not finite.
#[cold]
#[inline(never)]
pub(crate) fn first_not_finite(x: &[f32]) -> Option<f32> {
    x.iter().copied().find(|x| !x.is_finite())
}
