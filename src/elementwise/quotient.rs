//! `x / s`, where it matters: rounded to an integer it is `rne(x / s)`.

use crate::kernels::per_axis::{LaneParams, Source};
use crate::simd::Simd;
use crate::values::code::Code;
use crate::values::params::{QuantParams, RawParams};
use crate::values::rounding::Reciprocal;

/// The words of the scale, of the two parts of its reciprocal, and of the zero point.
pub(super) const SCALE: usize = 0;
const HI: usize = 1;
const LO: usize = 2;
pub(super) const ZERO_POINT: usize = 3;

/// What quotients need, and the zero point.
#[inline(always)]
pub(super) fn words(raw: &RawParams) -> [u32; 4] {
    let Reciprocal { hi, lo } = raw.reciprocal;
    let [scale, hi, lo] = [raw.scale.to_bits(), hi.to_bits(), lo.to_bits()];
    [scale, hi, lo, raw.zero_point as u32]
}

#[derive(Clone, Copy)]
pub(super) struct ByScale<'a, Q>(pub(super) &'a [QuantParams<Q>]);

impl<Q: Code> LaneParams<4> for ByScale<'_, Q> {
    #[inline(always)]
    fn words(&self, p: usize) -> [u32; 4] {
        words(self.0[p].raw())
    }
}

/// The zero points of the quad at `at`, as the integers that they are added to.
#[inline(always)]
pub(super) fn zero_points<S: Simd>(s: S, from: &impl Source<S>, at: usize) -> [S::I16; 2] {
    let mut words = [s.splat_i32(0); 4];
    for i in 0..4 {
        words[i] = from.i32(s, ZERO_POINT, at, i);
    }
    let [a, b, c, d] = words;
    [s.narrow_i32(a, b), s.narrow_i32(c, d)]
}

/// The words of the lowest and the highest code in use, less the zero point.
pub(super) const FLOOR: usize = 4;
pub(super) const CEIL: usize = 5;

/// The same, and the bounds.
#[inline(always)]
pub(super) fn words_and_bounds(raw: &RawParams) -> [u32; 6] {
    let [scale, hi, lo, zero_point] = words(raw);
    let [floor, ceil] = raw.offsets();
    [scale, hi, lo, zero_point, floor.to_bits(), ceil.to_bits()]
}

#[derive(Clone, Copy)]
pub(super) struct ByScaleAndBounds<'a, Q>(pub(super) &'a [QuantParams<Q>]);

impl<Q: Code> LaneParams<6> for ByScaleAndBounds<'_, Q> {
    #[inline(always)]
    fn words(&self, p: usize) -> [u32; 6] {
        words_and_bounds(self.0[p].raw())
    }
}

/// Whether quotients are found by the reciprocal, and not by division: where it is exact, and a product and
/// a sum are rounded once.
#[inline(always)]
pub(super) fn by_reciprocal<S: Simd>(raw: &RawParams) -> bool {
    S::FUSED && raw.has_exact_reciprocal()
}

/// A way to find quotients. `from` has the words above; `at` and `i` say where `x` is.
pub(super) trait Quotient: Copy {
    /// Where an exact quotient saturates: beyond all codes.
    const LIMIT: f32 = 1024.0;

    /// `x / s`. For an `x` that is NaN or infinite, or a quotient that is infinite, something that
    /// is tracked as a special value.
    fn of<S: Simd>(s: S, from: &impl Source<S>, x: S::F32, at: usize, i: usize) -> S::F32;

    /// `x / s` saturated somewhere beyond all codes, and 0 for NaN.
    #[inline(always)]
    fn exact<S: Simd>(s: S, from: &impl Source<S>, x: S::F32, at: usize, i: usize) -> S::F32 {
        let largest = s.splat_f32(f32::MAX);
        let limit = s.mul(from.f32(s, SCALE, at, i), s.splat_f32(Self::LIMIT));
        let limit = s.min(limit, largest);
        let clamped = s.clamp(x, s.mul(limit, s.splat_f32(-1.0)), limit);
        s.zero_where_nan(Self::of(s, from, clamped, at, i), x)
    }
}

/// By the reciprocal of the scale.
#[derive(Clone, Copy)]
pub(super) struct Product;

impl Quotient for Product {
    #[inline(always)]
    fn of<S: Simd>(s: S, from: &impl Source<S>, x: S::F32, at: usize, i: usize) -> S::F32 {
        let rest = s.mul_tiny(x, from.f32(s, LO, at, i));
        s.fma(x, from.f32(s, HI, at, i), rest)
    }
}

/// By division.
#[derive(Clone, Copy)]
pub(super) struct Divided;

impl Quotient for Divided {
    #[inline(always)]
    fn of<S: Simd>(s: S, from: &impl Source<S>, x: S::F32, at: usize, i: usize) -> S::F32 {
        s.div(x, from.f32(s, SCALE, at, i))
    }
}

/// By division, for codes of up to 16 bits.
#[derive(Clone, Copy)]
pub(super) struct DividedWide;

impl Quotient for DividedWide {
    const LIMIT: f32 = (1 << 18) as f32;

    #[inline(always)]
    fn of<S: Simd>(s: S, from: &impl Source<S>, x: S::F32, at: usize, i: usize) -> S::F32 {
        Divided::of(s, from, x, at, i)
    }
}
