//! `y = (x − mean) · (1 / √(variance + ε)) · w + b`

use super::moments::{MomentSums, moment_sums, squares};
use crate::drive::{Floats, Load, Map, Traffic, map};
use crate::error::{Error, one_for_each};
use crate::norm::Norm;
use crate::reference;
use crate::simd::Simd;
use crate::tier::{Operation, Tier};

/// Normalizes each row of a matrix by itself: layer norm or RMS norm, as [`Norm`] says.
///
/// A row with a NaN or an infinity in it, or whose variance and epsilon add up to 0 or to infinity,
/// becomes NaN, all of it. With weights and biases that are finite, no other NaN appears.
///
/// # Errors
/// [`Error::Length`] if `x` and `out` differ in length; [`Error::Rows`] if that is not a whole number
/// of rows.
///
/// ```
/// # use zeropoint::{Norm, normalize_rows};
/// let x = [
///     1.0, 1.0, 1.0, 5.0, //
///     -3.0, 3.0, 3.0, -3.0,
/// ];
/// let mut y = [0.0; 8];
/// normalize_rows(&x, Norm::rms(&[7.0; 4], None, 0.0)?, &mut y)?;
/// assert_eq!(y[4..], [-7.0, 7.0, 7.0, -7.0]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn normalize_rows(x: &[f32], norm: Norm<'_>, out: &mut [f32]) -> Result<(), Error> {
    Tier::best().normalize_rows(x, norm, out)
}

impl Tier {
    /// [`normalize_rows`](crate::normalize_rows()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn normalize_rows(self, x: &[f32], norm: Norm<'_>, out: &mut [f32]) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `x`", x.len()))?;
        let rows = norm.rows(x.len())?;
        self.run(NormalizeRows { x, norm, rows, out })
    }
}

struct NormalizeRows<'a> {
    x: &'a [f32],
    norm: Norm<'a>,
    rows: usize,
    out: &'a mut [f32],
}

impl Operation for NormalizeRows<'_> {
    type Output = Result<(), Error>;

    fn scalar(&mut self) -> Result<(), Error> {
        reference::normalize_rows(self.x, self.norm, self.out)
    }

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) -> Result<(), Error> {
        let row = self.norm.row();
        let traffic = Traffic::of(s, size_of_val(self.x) + size_of_val(self.out));
        for r in 0..self.rows {
            let (x, out) = (&self.x[r * row..][..row], &mut self.out[r * row..][..row]);
            let line = Line::of(s, &self.norm, x);
            line.normalize(s, &self.norm, 0, x, out, &traffic);
        }
        Ok(())
    }
}

/// What a row is normalized by.
#[derive(Clone, Copy)]
pub(super) struct Line {
    mean: f32,
    /// NaN if the row can't be normalized.
    factor: f32,
}

impl Line {
    #[inline(always)]
    pub(super) fn of<S: Simd>(s: S, norm: &Norm<'_>, x: &[f32]) -> Self {
        let (mean, squares) = if norm.centred {
            let MomentSums { mean, squares, .. } = moment_sums(s, x);
            (mean, squares)
        } else {
            (0.0, squares(s, x))
        };
        let factor = norm.factor(squares);
        Self { mean, factor }
    }

    /// Normalizes a part of the row, from its element `from` on.
    #[inline(always)]
    pub(super) fn normalize<S: Simd>(
        self,
        s: S,
        norm: &Norm<'_>,
        from: usize,
        x: &[f32],
        out: &mut [f32],
        traffic: &Traffic<S>,
    ) {
        if self.factor.is_nan() {
            return out.fill(f32::NAN);
        }
        let weight = &norm.weight[from..][..x.len()];
        let (mean, factor) = (s.splat_f32(self.mean), s.splat_f32(self.factor));
        let mut kernel = Kernel::<S, false, false> {
            mean,
            factor,
            weight,
            bias: &[],
        };
        if let Some(bias) = norm.bias {
            kernel.bias = &bias[from..][..x.len()];
        }
        match (norm.centred, norm.bias.is_some()) {
            (true, true) => map(s, &mut kernel.with::<true, true>(), x, out, traffic),
            (true, false) => map(s, &mut kernel.with::<true, false>(), x, out, traffic),
            (false, true) => map(s, &mut kernel.with::<false, true>(), x, out, traffic),
            (false, false) => map(s, &mut kernel, x, out, traffic),
        }
    }
}

struct Kernel<'a, S: Simd, const CENTRED: bool, const BIASED: bool> {
    mean: S::F32,
    factor: S::F32,
    weight: &'a [f32],
    bias: &'a [f32],
}

impl<'a, S: Simd> Kernel<'a, S, false, false> {
    #[inline(always)]
    fn with<const CENTRED: bool, const BIASED: bool>(self) -> Kernel<'a, S, CENTRED, BIASED> {
        let Self {
            mean,
            factor,
            weight,
            bias,
        } = self;
        Kernel {
            mean,
            factor,
            weight,
            bias,
        }
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
                x[i] = s.sub(x[i], self.mean);
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
