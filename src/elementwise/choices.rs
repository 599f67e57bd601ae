//! Scale and zero point of several ranges at once: [`Choice::raw`], in vectors.
//!
//! The divisions of one choice wait for each other, a hundred cycles in all. Those of a vector of choices take
//! hardly longer, so rows whose parameters are found together share the time.

use super::min_max::{Reach, Reaches};
use super::quotient::words;
use crate::kernels::per_axis::Uniform;
use crate::simd::{MAX_LANES, Simd};
use crate::values::params::{Choice, Kind, MIN_SCALE, RawParams};
use crate::values::rounding::Reciprocal;

/// The parameters of a vector of ranges, of codes of 8 bits.
pub(super) struct Choices<S: Simd> {
    /// As [`words`] has them.
    vectors: [S::I32; 4],
    pub(super) chosen: Chosen,
}

/// The same in memory, lane by lane.
pub(super) struct Chosen {
    words: Lanes<4>,
    codes: [i32; 2],
    /// Whether there are exceptions: ranges for which the formulas alone are not enough.
    pub(super) has_exceptions: bool,
    /// Of each lane, what is more than 0 for an exception, and [`Reach`].
    exceptions: Lanes<3>,
}

/// Words of each lane.
#[repr(align(64))]
struct Lanes<const N: usize>([[i32; MAX_LANES]; N]);

impl<const N: usize> Lanes<N> {
    #[inline(always)]
    fn of<S: Simd>(s: S, vectors: [S::I32; N]) -> Self {
        let mut lanes = [[0; MAX_LANES]; N];
        for k in 0..N {
            s.store_i32(vectors[k], &mut lanes[k][..S::LANES]);
        }
        Self(lanes)
    }
}

impl<S: Simd> Choices<S> {
    /// For these ranges, extended to include 0.
    #[inline(always)]
    pub(super) fn of(s: S, choice: Choice, reaches: Reaches<S>) -> Self {
        let Choice { kind, lo, hi } = choice;
        let Reaches { below, above } = reaches;
        let (min, max): (S::F32, S::F32) = (bytemuck::must_cast(below), bytemuck::must_cast(above));
        let (low, high) = (s.splat_f32(lo as f32), s.splat_f32(hi as f32));
        let mut limit = Reach::FINITE;
        let (scale, zero_point) = match kind {
            Kind::Affine => {
                let scale = s.div(s.sub(max, min), s.splat_f32((hi - lo) as f32));
                let zero_point = s.sub(low, s.div(min, scale));
                (scale, s.round(s.clamp(zero_point, low, high)))
            }
            Kind::Symmetric => {
                // A side without codes has no numbers, or the range is an exception.
                let (mut lower, mut upper) = (low, high);
                if lo == 0 {
                    (lower, limit.below) = (s.splat_f32(-1.0), Reach::NOTHING.below);
                }
                if hi == 0 {
                    (upper, limit.above) = (s.splat_f32(1.0), Reach::NOTHING.above);
                }
                (s.max(s.div(min, lower), s.div(max, upper)), s.splat_i32(0))
            }
        };
        let mut reciprocal = [s.splat_f32(0.0); 2];
        if const { S::FUSED } {
            // As `Reciprocal::by_division`: the difference of a product from 1 is exact.
            let one = s.splat_f32(1.0);
            let hi = s.div(one, scale);
            let rest = s.fma(s.mul(hi, s.splat_f32(-1.0)), scale, one);
            reciprocal = [hi, s.div(rest, scale)];
        }
        let bits: S::I32 = bytemuck::must_cast(scale);
        let [hi_bits, lo_bits] = reciprocal;
        let vectors =
            [bits, bytemuck::must_cast(hi_bits), bytemuck::must_cast(lo_bits), zero_point];
        // Scales with exact reciprocals: with 256 codes at most, all of them dequantize to finite numbers. What
        // is compared has the same sign, so the bits are in order, and their differences do not overflow.
        let least = s.splat_i32(MIN_SCALE.to_bits() as i32);
        let largest = s.splat_i32(Reciprocal::MAX_SCALE.to_bits() as i32);
        let of_scale = s.max_i32(s.sub_i32(least, bits), s.sub_i32(bits, largest));
        let below_limit = s.sub_i32(below, s.splat_i32(limit.below as i32));
        let above_limit = s.sub_i32(above, s.splat_i32(limit.above as i32));
        let excess = s.max_i32(of_scale, s.max_i32(below_limit, above_limit));
        let chosen = Chosen {
            words: Lanes::of(s, vectors),
            codes: [lo, hi],
            has_exceptions: s.reduce_max_i32(excess) > 0,
            exceptions: Lanes::of(s, [excess, below, above]),
        };
        Self { vectors, chosen }
    }

    /// The parameters of a lane.
    #[inline(always)]
    pub(super) fn raw(&self, lane: usize) -> RawParams {
        let Chosen { words: Lanes([scale, hi, lo, zero_point]), codes, .. } = &self.chosen;
        let scale = f32::from_bits(scale[lane] as u32);
        let reciprocal = if const { S::FUSED } {
            let (hi, lo) = (hi[lane] as u32, lo[lane] as u32);
            Reciprocal { hi: f32::from_bits(hi), lo: f32::from_bits(lo) }
        } else {
            Reciprocal::by_division(scale)
        };
        RawParams { scale, reciprocal, zero_point: zero_point[lane], codes: *codes }
    }

    /// The source of a lane's parameters. Where they are `alike` in all lanes, they need not go through
    /// memory.
    #[inline(always)]
    pub(super) fn source(&self, s: S, lane: usize, alike: bool) -> Uniform<S, 4> {
        let mut vectors = self.vectors;
        if !alike {
            for k in 0..4 {
                vectors[k] = s.splat_i32(self.chosen.words.0[k][lane]);
            }
        }
        Uniform::of(vectors)
    }
}

impl Chosen {
    /// How far the numbers of this lane reach, if it is an exception.
    pub(super) fn exception(&self, lane: usize) -> Option<Reach> {
        let [excess, below, above] = &self.exceptions.0;
        let reach = Reach { below: below[lane] as u32, above: above[lane] as u32 };
        (excess[lane] > 0).then_some(reach)
    }

    /// Sets the parameters of a lane.
    pub(super) fn set(&mut self, lane: usize, raw: &RawParams) {
        let words = words(raw);
        for k in 0..4 {
            self.words.0[k][lane] = words[k] as i32;
        }
    }
}
