//! `x / s`, where it matters: rounded to an integer it is `rne(x / s)`.

use crate::rounding::Reciprocal;
use crate::simd::Simd;

/// Beyond all codes: where a careful quotient saturates.
const LIMIT: f32 = 1024.0;

/// A way to find quotients by one scale.
pub(super) trait Quotient<S: Simd>: Copy {
    /// `x / s`. For an `x` that is NaN or infinite, or a quotient that is infinite, something that
    /// alarms a watch.
    fn of(self, s: S, x: S::F32) -> S::F32;

    /// `x / s` saturated somewhere beyond all codes, and 0 for NaN; `scale` is that of `self`.
    #[inline(always)]
    fn careful(self, s: S, x: S::F32, scale: f32) -> S::F32 {
        let limit = (scale * LIMIT).min(f32::MAX);
        let clamped = s.clamp(x, s.splat_f32(-limit), s.splat_f32(limit));
        s.zero_where_nan(self.of(s, clamped), x)
    }
}

/// By the reciprocal of the scale.
#[derive(Clone, Copy)]
pub(super) struct Product<S: Simd> {
    hi: S::F32,
    lo: S::F32,
}

impl<S: Simd> Product<S> {
    #[inline(always)]
    pub(super) fn new(s: S, reciprocal: Reciprocal) -> Self {
        Self {
            hi: s.splat_f32(reciprocal.hi),
            lo: s.splat_f32(reciprocal.lo),
        }
    }
}

impl<S: Simd> Quotient<S> for Product<S> {
    #[inline(always)]
    fn of(self, s: S, x: S::F32) -> S::F32 {
        s.fma(x, self.hi, s.mul_tiny(x, self.lo))
    }
}

/// By division, for scales so large that they have no exact reciprocal.
#[derive(Clone, Copy)]
pub(super) struct Divided<S: Simd>(S::F32);

impl<S: Simd> Divided<S> {
    #[inline(always)]
    pub(super) fn new(s: S, scale: f32) -> Self {
        Self(s.splat_f32(scale))
    }
}

impl<S: Simd> Quotient<S> for Divided<S> {
    #[inline(always)]
    fn of(self, s: S, x: S::F32) -> S::F32 {
        s.div(x, self.0)
    }
}
