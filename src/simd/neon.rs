//! NEON, which every aarch64 CPU has: vectors of 128 bits.
#![allow(unsafe_code, reason = "making the token without std")]

use super::dot::Dot;
use super::{Byte, Line, Lookup, Simd, array, put, put_words, words};
use core::arch::aarch64::*;
use pulp::NullaryFnOnce;

pulp::simd_type! {
    /// Proof that the CPU has these instructions.
    pub(crate) struct Neon {
        neon: "neon",
    }
}

impl Simd for Neon {
    const LANES: usize = 4;

    type F32 = float32x4_t;
    type I32 = int32x4_t;
    type I16 = int16x8_t;
    type U8 = uint8x16_t;
    type Bytes = [u8; 16];
    type Specials = [float32x4_t; 2];
    type Lookup = Table;
    type QuickLookup = Table;

    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.vectorize(f)
    }

    #[inline(always)]
    fn lookup(self, table: &[u8; 256]) -> Table {
        let parts: [[uint8x16_t; 4]; 4] = bytemuck::must_cast(*table);
        let [a, b, c, d] = parts;
        Table([
            uint8x16x4_t(a[0], a[1], a[2], a[3]),
            uint8x16x4_t(b[0], b[1], b[2], b[3]),
            uint8x16x4_t(c[0], c[1], c[2], c[3]),
            uint8x16x4_t(d[0], d[1], d[2], d[3]),
        ])
    }

    #[inline(always)]
    fn quick_lookup(self, table: &[u8; 256], _: Option<Line>) -> Option<Table> {
        Some(self.lookup(table))
    }

    #[inline(always)]
    fn load_f32(self, from: &[f32]) -> float32x4_t {
        bytemuck::must_cast(array::<_, 4>(from))
    }

    #[inline(always)]
    fn load_u8(self, from: &[u8]) -> uint8x16_t {
        bytemuck::must_cast(array::<_, 16>(from))
    }

    #[inline(always)]
    fn load_i32(self, from: &[i32]) -> int32x4_t {
        bytemuck::must_cast(array::<_, 4>(from))
    }

    #[inline(always)]
    fn load_i32_partial(self, from: &[i32]) -> int32x4_t {
        let mut lanes = [0; 4];
        for i in 0..4 {
            if i < from.len() {
                lanes[i] = from[i];
            }
        }
        bytemuck::must_cast(lanes)
    }

    #[inline(always)]
    fn store_f32(self, a: float32x4_t, to: &mut [f32]) {
        put::<_, 4>(bytemuck::must_cast(a), to);
    }

    #[inline(always)]
    fn store_i32(self, a: int32x4_t, to: &mut [i32]) {
        put::<_, 4>(bytemuck::must_cast(a), to);
    }

    #[inline(always)]
    fn store_u8(self, a: uint8x16_t, to: &mut [u8]) {
        put::<_, 16>(bytemuck::must_cast(a), to);
    }

    #[inline(always)]
    fn load_f32_partial(self, from: &[f32], fill: f32) -> float32x4_t {
        let mut lanes = [fill; 4];
        for i in 0..4 {
            if i < from.len() {
                lanes[i] = from[i];
            }
        }
        bytemuck::must_cast(lanes)
    }

    #[inline(always)]
    fn load_u8_partial(self, from: &[u8]) -> uint8x16_t {
        bytemuck::must_cast(words::<2>(from))
    }

    #[inline(always)]
    fn store_f32_partial(self, a: float32x4_t, to: &mut [f32]) {
        let lanes: [f32; 4] = bytemuck::must_cast(a);
        for i in 0..4 {
            if i < to.len() {
                to[i] = lanes[i];
            }
        }
    }

    #[inline(always)]
    fn store_u8_partial(self, a: uint8x16_t, to: &mut [u8]) {
        put_words::<2>(bytemuck::must_cast(a), to);
    }

    #[inline(always)]
    fn splat_f32(self, a: f32) -> float32x4_t {
        self.neon.vdupq_n_f32(a)
    }

    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        self.neon.vsubq_f32(a, b)
    }

    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        self.neon.vmulq_f32(a, b)
    }

    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        self.neon.vaddq_f32(a, b)
    }

    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        self.neon.vdivq_f32(a, b)
    }

    #[inline(always)]
    fn abs(self, a: float32x4_t) -> float32x4_t {
        self.neon.vabsq_f32(a)
    }

    #[inline(always)]
    fn fma(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        self.neon.vfmaq_f32(c, a, b)
    }

    #[inline(always)]
    fn mul_tiny(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        self.mul(a, b)
    }

    #[inline(always)]
    fn clamp(self, a: float32x4_t, lo: float32x4_t, hi: float32x4_t) -> float32x4_t {
        self.neon.vminq_f32(self.neon.vmaxq_f32(a, lo), hi)
    }

    #[inline(always)]
    fn zero_where_nan(self, a: float32x4_t, like: float32x4_t) -> float32x4_t {
        let number = self.neon.vceqq_f32(like, like);
        self.neon.vbslq_f32(number, a, self.splat_f32(0.0))
    }

    #[inline(always)]
    fn any_nan(self, a: float32x4_t) -> bool {
        self.neon.vmaxvq_f32(a).is_nan()
    }

    // `fminnm` would ignore quiet NaN, but a signalling one makes it forget the accumulator.

    #[inline(always)]
    fn min(self, x: float32x4_t, so_far: float32x4_t) -> float32x4_t {
        let min = self.neon.vminq_f32(x, so_far);
        self.unless_nan(min, so_far)
    }

    #[inline(always)]
    fn max(self, x: float32x4_t, so_far: float32x4_t) -> float32x4_t {
        let max = self.neon.vmaxq_f32(x, so_far);
        self.unless_nan(max, so_far)
    }

    #[inline(always)]
    fn reduce_min(self, a: float32x4_t) -> f32 {
        self.neon.vminvq_f32(a)
    }

    #[inline(always)]
    fn reduce_max(self, a: float32x4_t) -> f32 {
        self.neon.vmaxvq_f32(a)
    }

    #[inline(always)]
    fn reduce_sum(self, a: float32x4_t) -> f32 {
        let a = self.neon.vadd_f32(self.neon.vget_low_f32(a), self.neon.vget_high_f32(a));
        self.neon.vget_lane_f32::<0>(a) + self.neon.vget_lane_f32::<1>(a)
    }

    // `fmin` and `fmax` take one instruction, not two, and a NaN stays.

    #[inline(always)]
    fn quick_min(self, x: float32x4_t, so_far: float32x4_t) -> float32x4_t {
        self.neon.vminq_f32(x, so_far)
    }

    #[inline(always)]
    fn quick_max(self, x: float32x4_t, so_far: float32x4_t) -> float32x4_t {
        self.neon.vmaxq_f32(x, so_far)
    }

    #[inline(always)]
    fn quick_reduce_min(self, a: float32x4_t) -> f32 {
        self.neon.vminvq_f32(a)
    }

    #[inline(always)]
    fn quick_reduce_max(self, a: float32x4_t) -> f32 {
        self.neon.vmaxvq_f32(a)
    }

    #[inline(always)]
    fn quick_holds(self, min: f32, max: f32) -> bool {
        !min.is_nan() && !max.is_nan()
    }

    #[inline(always)]
    fn round(self, a: float32x4_t) -> int32x4_t {
        self.neon.vcvtnq_s32_f32(a)
    }

    #[inline(always)]
    fn to_f32(self, a: int32x4_t) -> float32x4_t {
        self.neon.vcvtq_f32_s32(a)
    }

    #[inline(always)]
    fn narrow_i32(self, a: int32x4_t, b: int32x4_t) -> int16x8_t {
        self.neon.vqmovn_high_s32(self.neon.vqmovn_s32(a), b)
    }

    #[inline(always)]
    fn narrow_to_u8(self, a: int16x8_t, b: int16x8_t) -> uint8x16_t {
        self.neon.vqmovun_high_s16(self.neon.vqmovun_s16(a), b)
    }

    #[inline(always)]
    fn narrow_to_i8(self, a: int16x8_t, b: int16x8_t) -> uint8x16_t {
        let a = self.neon.vqmovn_high_s16(self.neon.vqmovn_s16(a), b);
        self.neon.vreinterpretq_u8_s8(a)
    }

    #[inline(always)]
    fn pack_i16(self, a: int32x4_t, b: int32x4_t) -> uint8x16_t {
        self.neon.vreinterpretq_u8_s16(self.narrow_i32(a, b))
    }

    #[inline(always)]
    fn widen_u16(self, from: &[u16]) -> int32x4_t {
        let wide = self.neon.vmovl_u16(bytemuck::must_cast(array::<_, 4>(from)));
        self.neon.vreinterpretq_s32_u32(wide)
    }

    #[inline(always)]
    fn no_specials(self) -> [float32x4_t; 2] {
        self.finite()
    }

    /// `round` saturates, so infinities of the right sign do no harm; but the quotient of an
    /// infinity is NaN, or of the wrong sign, where the low part of the reciprocal is negative.
    #[inline(always)]
    fn track_specials(
        self,
        so_far: [float32x4_t; 2],
        a: [float32x4_t; 4],
        _: [int16x8_t; 2],
    ) -> [float32x4_t; 2] {
        self.watch_finite(so_far, a)
    }

    #[inline(always)]
    fn has_specials(self, specials: [float32x4_t; 2]) -> bool {
        !self.all_finite(specials)
    }

    #[inline(always)]
    fn splat_i32(self, a: i32) -> int32x4_t {
        self.neon.vdupq_n_s32(a)
    }

    #[inline(always)]
    fn clamp_i32(self, a: int32x4_t, lo: int32x4_t, hi: int32x4_t) -> int32x4_t {
        self.neon.vminq_s32(self.neon.vmaxq_s32(a, lo), hi)
    }

    #[inline(always)]
    fn max_i32(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        self.neon.vmaxq_s32(a, b)
    }

    #[inline(always)]
    fn max_u32(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        let [a, b] = [a, b].map(bytemuck::must_cast);
        bytemuck::must_cast(self.neon.vmaxq_u32(a, b))
    }

    #[inline(always)]
    fn reduce_max_i32(self, a: int32x4_t) -> i32 {
        self.neon.vmaxvq_s32(a)
    }

    #[inline(always)]
    fn max_pairs_i32(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        self.neon.vpmaxq_s32(a, b)
    }

    /// A rounding shift, by a negative number to the left, rounds half up: where something is shifted
    /// out of a negative number, it is made one less before, which changes ties only.
    #[inline(always)]
    fn divide_by_power(self, a: int32x4_t, shift: int32x4_t) -> int32x4_t {
        let left = self.neon.vnegq_s32(shift);
        // −1 where both are negative.
        let less = self.neon.vshrq_n_s32::<31>(self.neon.vandq_s32(a, left));
        self.neon.vrshlq_s32(self.neon.vqaddq_s32(a, less), left)
    }

    #[inline(always)]
    fn add_saturated_i32(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        self.neon.vqaddq_s32(a, b)
    }

    #[inline(always)]
    fn mul_shift(
        self,
        a: int32x4_t,
        multiplier: int32x4_t,
        shift: int32x4_t,
        _: bool,
    ) -> int32x4_t {
        // A rounding shift to the left, by a negative number.
        let shift = self.neon.vnegq_s32(shift);
        let low_shift = self.neon.vmovl_s32(self.neon.vget_low_s32(shift));
        let high_shift = self.neon.vmovl_high_s32(shift);
        let low =
            self.neon.vmull_s32(self.neon.vget_low_s32(a), self.neon.vget_low_s32(multiplier));
        let high = self.neon.vmull_high_s32(a, multiplier);
        let low = self.neon.vmovn_s64(self.neon.vrshlq_s64(low, low_shift));
        self.neon.vmovn_high_s64(low, self.neon.vrshlq_s64(high, high_shift))
    }

    #[inline(always)]
    fn splat_i16(self, a: i16) -> int16x8_t {
        self.neon.vdupq_n_s16(a)
    }

    #[inline(always)]
    fn splat_u8(self, a: u8) -> uint8x16_t {
        self.neon.vdupq_n_u8(a)
    }

    #[inline(always)]
    fn add_i16(self, a: int16x8_t, b: int16x8_t) -> int16x8_t {
        self.neon.vqaddq_s16(a, b)
    }

    #[inline(always)]
    fn max_u8(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        self.neon.vmaxq_u8(a, b)
    }

    #[inline(always)]
    fn min_u8(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        self.neon.vminq_u8(a, b)
    }

    #[inline(always)]
    fn max_i8(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        let (a, b) = (self.neon.vreinterpretq_s8_u8(a), self.neon.vreinterpretq_s8_u8(b));
        self.neon.vreinterpretq_u8_s8(self.neon.vmaxq_s8(a, b))
    }

    #[inline(always)]
    fn min_i8(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        let (a, b) = (self.neon.vreinterpretq_s8_u8(a), self.neon.vreinterpretq_s8_u8(b));
        self.neon.vreinterpretq_u8_s8(self.neon.vminq_s8(a, b))
    }

    #[inline(always)]
    fn offsets_u8<const AFFINE: bool>(self, from: &[u8], i: usize, zero_point: u8) -> float32x4_t {
        self.offsets(self.load_u8(from), i, zero_point)
    }

    // With the top bit flipped, signed codes are 128 more, as unsigned ones.

    #[inline(always)]
    fn offsets_i8<const AFFINE: bool>(self, from: &[u8], i: usize, zero_point: i8) -> float32x4_t {
        let codes = self.neon.veorq_u8(self.load_u8(from), self.splat_u8(0x80));
        self.offsets(codes, i, zero_point as u8 ^ 0x80)
    }

    #[inline(always)]
    fn vectors(from: &[u8]) -> (&[[u8; 16]], &[u8]) {
        from.as_chunks()
    }

    #[inline(always)]
    fn load_u8_last(self, from: &[u8], len: usize) -> uint8x16_t {
        if from.len() < 16 {
            return self.load_u8_partial(&from[from.len() - len..]);
        }
        let last = self.load_u8(&from[from.len() - 16..]);
        let mask = self.load_u8(&ZEROS_THEN_ONES[len..]);
        self.neon.vandq_u8(last, mask)
    }

    #[inline(always)]
    fn xor_u8(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        self.neon.veorq_u8(a, b)
    }

    #[inline(always)]
    fn abs_diff_u8(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        self.neon.vabdq_u8(a, b)
    }

    #[inline(always)]
    fn abs_diff_i8(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        let (a, b) = (self.neon.vreinterpretq_s8_u8(a), self.neon.vreinterpretq_s8_u8(b));
        self.neon.vreinterpretq_u8_s8(self.neon.vabdq_s8(a, b))
    }

    #[inline(always)]
    fn add_i32(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        self.neon.vaddq_s32(a, b)
    }

    #[inline(always)]
    fn sub_i32(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        self.neon.vsubq_s32(a, b)
    }

    #[inline(always)]
    fn mul_i32(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        self.neon.vmulq_s32(a, b)
    }

    #[inline(always)]
    fn reduce_add(self, a: int32x4_t) -> i32 {
        self.neon.vaddvq_s32(a)
    }
}

/// Two products of bytes are added as numbers of 32 bits: as 16 bits, two of −128 · −128 overflow.
impl Dot for Neon {
    type Base = Self;

    const SAME: bool = true;
    const MIXED: bool = false;

    const MR: usize = 6;
    const SUMS: usize = 8;

    type Left = i8;

    #[inline(always)]
    fn base(self) -> Self {
        self
    }

    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.vectorize(f)
    }

    #[inline(always)]
    fn dot<A: Byte, B: Byte>(self, sum: int32x4_t, a: uint8x16_t, b: uint8x16_t) -> int32x4_t {
        if A::SIGNED {
            let (a, b) = (self.neon.vreinterpretq_s8_u8(a), self.neon.vreinterpretq_s8_u8(b));
            let low = self.neon.vmull_s8(self.neon.vget_low_s8(a), self.neon.vget_low_s8(b));
            let sum = self.neon.vpadalq_s16(sum, low);
            return self.neon.vpadalq_s16(sum, self.neon.vmull_high_s8(a, b));
        }
        let low = self.neon.vmull_u8(self.neon.vget_low_u8(a), self.neon.vget_low_u8(b));
        let sum = self.neon.vreinterpretq_u32_s32(sum);
        let sum = self.neon.vpadalq_u16(sum, low);
        let sum = self.neon.vpadalq_u16(sum, self.neon.vmull_high_u8(a, b));
        self.neon.vreinterpretq_s32_u32(sum)
    }

    /// The products of the first two columns are added in the first vector, those of the others in
    /// the second: each column in two lanes.
    #[inline(always)]
    fn multiply(
        self,
        [low, high]: [int32x4_t; 2],
        left: &[u32; 4],
        w: usize,
        [right, _]: [uint8x16_t; 2],
    ) -> [int32x4_t; 2] {
        let left = self.neon.vreinterpretq_s8_s32(self.splat_i32(left[w] as i32));
        let right = self.neon.vreinterpretq_s8_u8(right);
        let left_half = self.neon.vget_low_s8(left);
        let right_half = self.neon.vget_low_s8(right);
        [
            self.neon.vpadalq_s16(low, self.neon.vmull_s8(left_half, right_half)),
            self.neon.vpadalq_s16(high, self.neon.vmull_high_s8(left, right)),
        ]
    }

    #[inline(always)]
    fn rows(self, [low, high]: [int32x4_t; 2]) -> [int32x4_t; 2] {
        [self.neon.vpaddq_s32(low, high); 2]
    }
}

/// From its element `n` on, a mask of the highest `n` of 16 lanes.
const ZEROS_THEN_ONES: [u8; 32] = {
    let mut mask = [0; 32];
    let mut i = 16;
    while i < 32 {
        mask[i] = 0xff;
        i += 1;
    }
    mask
};

/// A table, in four parts of 64 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Table([uint8x16x4_t; 4]);

impl Lookup<Neon> for Table {
    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(&self, f: F) -> F::Output {
        f.call()
    }

    /// An index that is not in a part of the table leaves what the others found.
    #[inline(always)]
    fn look_up(&self, s: Neon, i: uint8x16_t) -> uint8x16_t {
        let [a, b, c, d] = self.0;
        let found = s.neon.vqtbl4q_u8(a, i);
        let i = s.neon.veorq_u8(i, s.splat_u8(0x40));
        let found = s.neon.vqtbx4q_u8(found, b, i);
        let i = s.neon.veorq_u8(i, s.splat_u8(0xc0));
        let found = s.neon.vqtbx4q_u8(found, c, i);
        let i = s.neon.veorq_u8(i, s.splat_u8(0x40));
        s.neon.vqtbx4q_u8(found, d, i)
    }
}

impl Neon {
    /// `a`, but `other` where it is NaN.
    ///
    /// What is compared is the result of a minimum or maximum, which passes NaN on. A comparison of its
    /// operands, and a choice, would be clearer; but the compiler makes `fminnm` of that, by which a
    /// signalling NaN becomes a NaN.
    #[inline(always)]
    fn unless_nan(self, a: float32x4_t, other: float32x4_t) -> float32x4_t {
        self.neon.vbslq_f32(self.neon.vceqq_f32(a, a), a, other)
    }

    /// The token, if the CPU has the instructions; without `std`, if the compiler assumes them.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(feature = "std")]
        return Self::try_new();
        #[cfg(not(feature = "std"))]
        cfg!(target_feature = "neon").then(|| {
            // SAFETY: the compiler assumes these instructions in the whole program.
            unsafe { Self::new_unchecked() }
        })
    }

    /// `codes − zero_point` as f32, of the quad's vector `i`, without a conversion: a look-up makes
    /// f32 of 2²³ + `codes`, by inserting each code in the bits of 2²³.
    #[inline(always)]
    fn offsets(self, codes: uint8x16_t, i: usize, zero_point: u8) -> float32x4_t {
        const BASE: f32 = (1 << 23) as f32;
        // The bytes of BASE are 0, 0, 0, 0x4b.
        const BYTES: [u8; 16] = [0x4b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let table = uint8x16x2_t(codes, bytemuck::must_cast(BYTES));
        let mut order = [17; 16];
        for lane in 0..4 {
            order[4 * lane] = (4 * i + lane) as u8;
            order[4 * lane + 3] = 16;
        }
        let based = self.neon.vqtbl2q_u8(table, bytemuck::must_cast(order));
        self.neon.vsubq_f32(
            self.neon.vreinterpretq_f32_u8(based),
            self.splat_f32(BASE + f32::from(zero_point)),
        )
    }
}
