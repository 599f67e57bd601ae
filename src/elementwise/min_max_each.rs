//! `min = minᵢ xᵢ`, `max = maxᵢ xᵢ`, of each channel or block

use super::min_max::{range, union};
use crate::error::Error;
use crate::kernels::map::{Floats, Load, Store};
use crate::simd::Simd;
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::granularity::{Granularity, Layout, Panel};
use crate::values::params::Range;

/// [`min_max`](crate::min_max()) of each channel or block: `out[p]` becomes the range of those elements that
/// share the parameters `p`, or `None` if there are none of them, or all are NaN.
///
/// # Errors
/// [`Error::Shape`] if `x` is not of the shape that `granularity` and the length of `out` say;
/// [`Error::Length`] if `out` has not one range for each block, or for the tensor; [`Error::Number`] if
/// blocks have no elements.
///
/// ```
/// # use zeropoint::{Granularity, Range, min_max_each};
/// let mut ranges = [None; 2];
/// let x = [1.0, 5.0, -2.0, f32::NAN]; // x[outer][channel]
/// min_max_each(&x, Granularity::Axis { inner: 1 }, &mut ranges)?;
/// assert_eq!(ranges, [Some(Range::new(-2.0, 1.0)), Some(Range::new(5.0, 5.0))]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn min_max_each(
    x: &[f32],
    granularity: Granularity,
    out: &mut [Option<Range>],
) -> Result<(), Error> {
    Tier::best().min_max_each(x, granularity, out)
}

impl Tier {
    /// [`min_max_each`](crate::min_max_each()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn min_max_each(
        self,
        x: &[f32],
        granularity: Granularity,
        out: &mut [Option<Range>],
    ) -> Result<(), Error> {
        let layout = &Layout::new(("x", x.len()), ("out", out.len()), granularity)?;
        MinMaxEach { x, layout, out }.on(self);
        Ok(())
    }
}

entries!(MinMaxEach<'_>);

struct MinMaxEach<'a> {
    x: &'a [f32],
    layout: &'a Layout,
    out: &'a mut [Option<Range>],
}

impl Operation for MinMaxEach<'_> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        self.out.fill(None);
        if self.x.is_empty() {
            return;
        }
        let (mut x, mut out) = (self.x, &mut *self.out);
        for p in 0..self.layout.panels {
            let panel = self.layout.panel(p);
            let (x_now, x_later) = x.split_at(panel.rows * panel.width);
            let (out_now, out_later) = out.split_at_mut(panel.params);
            if panel.run >= SHORT {
                by_run(s, panel, x_now, out_now);
            } else {
                by_lane(s, panel, x_now, out_now);
            }
            (x, out) = (x_later, out_later);
        }
    }
}

/// The shortest run whose range is found by itself.
const SHORT: usize = 16;

/// Run after run.
#[inline(always)]
fn by_run<S: Simd>(s: S, panel: Panel, x: &[f32], out: &mut [Option<Range>]) {
    for row in 0..panel.rows {
        for p in 0..panel.params {
            let from = row * panel.width + p * panel.run;
            let len = panel.run.min(panel.width - p * panel.run);
            let found = range(s, &x[from..][..len]);
            out[p] = match (out[p], found) {
                (Some(so_far), Some(found)) => Some(union(so_far, found)),
                (so_far, found) => so_far.or(found),
            };
        }
    }
}

/// Elements of a row whose ranges over all rows are found at a time: a multiple of any quad.
const TILE: usize = 512;

/// Rows for which the ranges so far stay in registers.
const ROWS: usize = 8;

/// The range of each element over all rows, and of these that of each run.
#[inline(always)]
fn by_lane<S: Simd>(s: S, panel: Panel, x: &[f32], out: &mut [Option<Range>]) {
    let Panel { rows, width, .. } = panel;
    // Rows follow each other without a gap, so several of them are as good as a long one.
    let together = (TILE / width).clamp(1, rows);
    let (whole, rest) = x.split_at(rows / together * together * width);
    elements(s, panel, together * width, whole, out);
    elements(s, panel, rest.len(), rest, out);
}

/// As `by_lane`, of `x` in rows of `width`, which are one or more of the panel.
#[inline(always)]
fn elements<S: Simd>(s: S, panel: Panel, width: usize, x: &[f32], out: &mut [Option<Range>]) {
    let mut start = 0;
    while start < width {
        let len = TILE.min(width - start);
        let next = start + len;
        let mut found = [[f32::INFINITY; TILE], [f32::NEG_INFINITY; TILE]];
        for rows in x.chunks(ROWS * width) {
            let mut at = 0;
            while at < len {
                // The last quad overlaps the one before it, if there is one.
                at = at.min(len.saturating_sub(S::STEP));
                let of_quad = start + at..start + len.min(at + S::STEP);
                column(s, width, rows, of_quad, at, &mut found);
                at += S::STEP;
            }
        }
        let len = fold(&mut found, panel.width, len);
        let mut i = 0;
        let mut p = start / panel.run;
        let mut end = (p + 1) * panel.run - start;
        while i < len {
            end = end.min(len);
            let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
            while i < end {
                (min, max) = (min.min(found[0][i]), max.max(found[1][i]));
                i += 1;
            }
            // What nothing was found of is an inverted range.
            if min <= max {
                if let Some(so_far) = out[p] {
                    (min, max) = (min.min(so_far.min), max.max(so_far.max));
                }
                out[p] = Some(Range::new(min + 0.0, max + 0.0));
            }
            (p, end) = (p + 1, end + panel.run);
        }
        start = next;
    }
}

/// Makes one row of several of `width`, if `len` elements are so many; how many are left.
#[inline(always)]
fn fold(found: &mut [[f32; TILE]; 2], width: usize, len: usize) -> usize {
    let mut row = width;
    while row < len {
        for i in 0..width {
            found[0][i] = found[0][i].min(found[0][row + i]);
            found[1][i] = found[1][i].max(found[1][row + i]);
        }
        row += width;
    }
    len.min(width)
}

/// Adds the elements `of_quad` of some rows to what was found.
#[inline(always)]
fn column<S: Simd>(
    s: S,
    width: usize,
    rows: &[f32],
    of_quad: core::ops::Range<usize>,
    at: usize,
    found: &mut [[f32; TILE]; 2],
) {
    let mut min = Floats.load(s, &found[0][at..][..S::STEP]);
    let mut max = Floats.load(s, &found[1][at..][..S::STEP]);
    let mut row = 0;
    while row < rows.len() {
        let x = &rows[row..][of_quad.clone()];
        let x = if x.len() == S::STEP { Floats.load(s, x) } else { Floats.load_partial(s, x) };
        for i in 0..4 {
            min[i] = s.min(x[i], min[i]);
            max[i] = s.max(x[i], max[i]);
        }
        row += width;
    }
    Floats::store(s, min, &mut found[0][at..][..S::STEP]);
    Floats::store(s, max, &mut found[1][at..][..S::STEP]);
}
