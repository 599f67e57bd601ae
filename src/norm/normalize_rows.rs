//! `y = ((x − c) − d) · (1 / √(variance + ε)) · w + b`, with the mean `c + d`

use crate::elementwise::min_max::Reach;
use crate::elementwise::stream::{Buffer, Room, is_large, piece};
use crate::error::Error;
use crate::kernels::map::{Floats, Load, Map, map};
use crate::measure::moments::{MomentSums, moment_sums, squares};
use crate::norm::Norm;
use crate::simd::Simd;
use crate::tier::{Entry, Operation, Pieces, Tier, entries};
use crate::values::rows::{Rows, RowsMut};
use core::ops::Range;

/// Normalizes each row of a matrix by itself: layer norm or RMS norm, as [`Norm`] says. The rows of `x` and
/// `out` may be apart: see [`Rows`].
///
/// A row with a NaN or an infinity in it, or whose variance and epsilon add up to 0 or to infinity,
/// becomes NaN, all of it. With weights and biases that are finite, no other NaN appears.
///
/// # Errors
/// [`Error::Rows`] if `x` is not a whole number of rows, or `out` not as many. `out` is then untouched.
///
/// ```
/// # use zeropoint::norm::{Norm, normalize_rows};
/// let x = [
///     1.0, 1.0, 1.0, 5.0, //
///     -3.0, 3.0, 3.0, -3.0,
/// ];
/// let mut y = [0.0; 8];
/// normalize_rows(&x, Norm::rms(&[7.0; 4], None, 0.0)?, &mut y)?;
/// assert_eq!(y[4..], [-7.0, 7.0, 7.0, -7.0]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn normalize_rows<'x, 'o>(
    x: impl Into<Rows<'x, f32>>,
    norm: Norm<'_>,
    out: impl Into<RowsMut<'o, f32>>,
) -> Result<(), Error> {
    Tier::best().normalize_rows(x, norm, out)
}

impl Tier {
    /// [`normalize_rows`](crate::norm::normalize_rows()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn normalize_rows<'x, 'o>(
        self,
        x: impl Into<Rows<'x, f32>>,
        norm: Norm<'_>,
        out: impl Into<RowsMut<'o, f32>>,
    ) -> Result<(), Error> {
        let (x, out, row) = (x.into(), out.into(), norm.row());
        let rows = match x.count("x", row)? {
            Some(rows) => rows,
            None => out.count("out", row)?.unwrap_or(0),
        };
        let x = x.checked("x", rows, row)?;
        let out = out.strided_checked("out", rows, row)?;
        let part = 0..row;
        NormalizeRows { x, norm, part, rows, line: None, out, is_last: true }.on(self);
        Ok(())
    }
}

entries!(NormalizeRows<'_>);

/// Normalizes a part of each row.
pub(super) struct NormalizeRows<'a> {
    /// With the stride of its rows.
    pub(super) x: (&'a [f32], usize),
    pub(super) norm: Norm<'a>,
    /// Which elements of a row.
    pub(super) part: Range<usize>,
    pub(super) rows: usize,
    /// What a row by itself is normalized by, where that is known.
    pub(super) line: Option<Line>,
    pub(super) out: (&'a mut [f32], usize),
    /// Whether nothing else is done with the results: then nobody asks for their reach.
    pub(super) is_last: bool,
}

impl Operation for NormalizeRows<'_> {
    type Output = Reach;

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) -> Reach {
        let (row, Range { start, end }) = (self.norm.row(), self.part.clone());
        let ((x, stride), (out, out_stride)) = (self.x, (&mut *self.out.0, self.out.1));
        let mut reach = Reach::NOTHING;
        for r in 0..self.rows {
            let (x, out) = (&x[r * stride..][..row], &mut out[r * out_stride..][..end - start]);
            let line = match self.line {
                Some(line) => line,
                None => Line::of(s, &self.norm, x),
            };
            line.normalize(s, &self.norm, start, &x[start..end], out);
            if !self.is_last {
                self.line = Some(line);
                reach = Reach::of(s, out);
            }
        }
        reach
    }

    /// Some rows at a time, or parts of one, if they lie side by side.
    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<Reach> {
        let Pieces::Streamed = by else { return None };
        let row = self.norm.row();
        if !is_large(2 * self.rows * row * size_of::<f32>()) || self.out.1 != row {
            return None;
        }
        self.piece_by_piece(tier);
        Some(Reach::NOTHING)
    }
}

impl NormalizeRows<'_> {
    #[cold]
    fn piece_by_piece(&mut self, tier: Tier) {
        let Self { x: (x, stride), norm, .. } = *self;
        let (rows, row) = (self.rows, norm.row());
        let longest = piece(size_of::<f32>(), size_of::<f32>());
        let together = (longest / row).max(1);
        let mut room = Room::new();
        let mut buffer = Buffer::new(&mut room);
        for first in (0..rows).step_by(together) {
            let rows = together.min(rows - first);
            let x = (&x[first * stride..], stride);
            let mut line = None;
            for start in (0..row).step_by(longest) {
                let part = start..row.min(start + longest);
                let out = &mut self.out.0[first * row + start..][..rows * part.len()];
                let later = &x.0[x.0.len().min((rows - 1) * stride + part.end)..];
                let later = &later[..later.len().min(out.len())];
                let is_last = row <= longest;
                let made = (buffer.of(out), part.len());
                let mut parts = NormalizeRows { x, norm, part, rows, line, out: made, is_last };
                tier.run(&mut parts);
                line = parts.line;
                buffer.flush(tier, out, later);
            }
        }
    }
}

/// What a row is normalized by.
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// The mean in two parts.
    mean: [f32; 2],
    /// NaN if the row can't be normalized.
    factor: f32,
}

impl Line {
    #[inline(always)]
    fn of<S: Simd>(s: S, norm: &Norm<'_>, x: &[f32]) -> Self {
        let (mean, squares) = if norm.centred {
            let MomentSums { near, off, squares } = moment_sums(s, x);
            ([near, off as f32], squares)
        } else {
            ([0.0; 2], squares(s, x))
        };
        let factor = norm.factor(squares);
        Self { mean, factor }
    }

    /// Normalizes a part of the row, from its element `from` on.
    #[inline(always)]
    fn normalize<S: Simd>(self, s: S, norm: &Norm<'_>, from: usize, x: &[f32], out: &mut [f32]) {
        if self.factor.is_nan() {
            return out.fill(f32::NAN);
        }
        let weight = &norm.weight[from..][..x.len()];
        let [near, off] = self.mean;
        let mut kernel = Kernel::<S, false, false> {
            near: s.splat_f32(near),
            off: s.splat_f32(off),
            factor: s.splat_f32(self.factor),
            weight,
            bias: &[],
        };
        if let Some(bias) = norm.bias {
            kernel.bias = &bias[from..][..x.len()];
        }
        // To subtract 0 changes nothing.
        let is_centred = norm.centred || const { !S::HAS_VARIANTS };
        match (is_centred, norm.bias.is_some()) {
            (false, false) => map(s, kernel, x, out),
            (false, true) => map(s, kernel.with::<false, true>(), x, out),
            (true, false) => map(s, kernel.with::<true, false>(), x, out),
            (true, true) => map(s, kernel.with::<true, true>(), x, out),
        }
    }
}

/// `CENTRED`: there is a mean.
struct Kernel<'a, S: Simd, const CENTRED: bool, const BIASED: bool> {
    near: S::F32,
    off: S::F32,
    factor: S::F32,
    weight: &'a [f32],
    bias: &'a [f32],
}

impl<'a, S: Simd> Kernel<'a, S, false, false> {
    #[inline(always)]
    fn with<const CENTRED: bool, const BIASED: bool>(self) -> Kernel<'a, S, CENTRED, BIASED> {
        let Self { near, off, factor, weight, bias } = self;
        Kernel { near, off, factor, weight, bias }
    }
}

/// The elements from `at` on, a quad or what there is of it.
#[inline(always)]
fn quad<S: Simd>(s: S, from: &[f32], at: usize) -> [S::F32; 4] {
    let from = &from[at..];
    if from.len() >= S::STEP {
        Floats.load(s, &from[..S::STEP])
    } else {
        Floats.load_partial(s, from)
    }
}

impl<S: Simd, const CENTRED: bool, const BIASED: bool> Map<S> for Kernel<'_, S, CENTRED, BIASED> {
    type In = Floats;
    type Out = Floats;

    #[inline(always)]
    fn input(&self) -> Floats {
        Floats
    }

    #[inline(always)]
    fn step(&mut self, s: S, mut x: [S::F32; 4], at: usize) -> [S::F32; 4] {
        let weight = quad(s, self.weight, at);
        for i in 0..4 {
            if CENTRED {
                x[i] = s.sub(s.sub(x[i], self.near), self.off);
            }
            x[i] = s.mul(s.mul(x[i], self.factor), weight[i]);
        }
        if BIASED {
            let bias = quad(s, self.bias, at);
            for i in 0..4 {
                x[i] = s.add(x[i], bias[i]);
            }
        }
        x
    }
}
