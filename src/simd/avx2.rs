//! AVX2 and FMA: vectors of 256 bits.
#![allow(unsafe_code, reason = "loads and stores through pointers")]

use super::dot::Dot;
use super::{BYTES, Byte, Line, Lookup, Simd, Streaming, array, put, put_words, shuffles, words};
use crate::values::rounding::Reciprocal;
use core::arch::x86_64::*;
use pulp::NullaryFnOnce;

pulp::simd_type! {
    /// Proof that the CPU has these instructions.
    pub(crate) struct Avx2 {
        sse: "sse",
        avx: "avx",
        avx2: "avx2",
        fma: "fma",
    }
}

/// The order of 32-bit lanes that undoes two packs, which work within each 128 bits.
const UNPACKED: [i32; 8] = [0, 4, 1, 5, 2, 6, 3, 7];

/// A mask of the lowest `n` of 8 lanes, or of all, as `maskload` wants it.
#[inline(always)]
fn lowest_8(n: usize) -> __m256i {
    const ONES_THEN_ZEROS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    let from = 8 - n.min(8);
    bytemuck::must_cast(array::<_, 8>(&ONES_THEN_ZEROS[from..]))
}

/// From its element `n` on, a mask of the highest `n` of 32 lanes.
const ZEROS_THEN_ONES: [u8; 64] = {
    let mut mask = [0; 64];
    let mut i = 32;
    while i < 64 {
        mask[i] = 0xff;
        i += 1;
    }
    mask
};

impl Avx2 {
    /// The token, if the CPU has the instructions; without `std`, if the compiler assumes them.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(feature = "std")]
        return Self::try_new();
        #[cfg(not(feature = "std"))]
        cfg!(all(target_feature = "avx2", target_feature = "fma",)).then(|| {
            // SAFETY: the compiler assumes these instructions in the whole program.
            unsafe { Self::new_unchecked() }
        })
    }

    /// `a − zero_point` as f32.
    #[inline(always)]
    fn offset<const AFFINE: bool>(self, a: __m256i, zero_point: i32) -> __m256 {
        if AFFINE {
            self.to_f32(self.avx2._mm256_sub_epi32(a, self.avx._mm256_set1_epi32(zero_point)))
        } else {
            self.to_f32(a)
        }
    }

    /// The even lanes of `a`, and as odd ones the even ones of `b`.
    #[inline(always)]
    fn interleave(self, a: __m256i, b: __m256i) -> __m256i {
        let b = self.avx2._mm256_shuffle_epi32::<0b10_10_00_00>(b);
        self.avx2._mm256_blend_epi32::<0b1010_1010>(a, b)
    }

    /// The lower half of `a` and its upper half.
    #[inline(always)]
    fn halves(self, a: __m256) -> (__m128, __m128) {
        (self.avx._mm256_castps256_ps128(a), self.avx._mm256_extractf128_ps::<1>(a))
    }
}

/// Orders streamed stores, of vectors of any length, before all that follows.
#[inline(always)]
pub(super) fn fence() {
    #[cfg(target_feature = "sse")]
    // SAFETY: the target has the instruction, which changes nothing.
    unsafe {
        core::arch::x86_64::_mm_sfence();
    }
}

impl Simd for Avx2 {
    const REGISTERS: usize = 16;
    const LANES: usize = 8;

    type F32 = __m256;
    type I32 = __m256i;
    type I16 = __m256i;
    type U8 = __m256i;
    type Bytes = [u8; 32];
    /// The lowest of the narrowed quotients, lane by lane.
    type Specials = __m256i;
    type Lookup = Shuffles;
    type QuickLookup = NearLine;

    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.vectorize(f)
    }

    #[inline(always)]
    fn lookup(self, table: &[u8; 256]) -> Shuffles {
        Shuffles(shuffles(table).map(|part| bytemuck::must_cast([part; 2])))
    }

    #[inline(always)]
    fn quick_lookup(self, table: &[u8; 256], line: Option<Line>) -> Option<NearLine> {
        NearLine::of(self, table, line?)
    }

    #[inline(always)]
    fn load_f32(self, from: &[f32]) -> __m256 {
        bytemuck::must_cast(array::<_, 8>(from))
    }

    #[inline(always)]
    fn load_u8(self, from: &[u8]) -> __m256i {
        bytemuck::must_cast(array::<_, 32>(from))
    }

    #[inline(always)]
    fn load_i32(self, from: &[i32]) -> __m256i {
        bytemuck::must_cast(array::<_, 8>(from))
    }

    #[inline(always)]
    fn load_i32_partial(self, from: &[i32]) -> __m256i {
        // SAFETY: the mask has no lane beyond the slice, and other lanes are not read.
        unsafe { self.avx2._mm256_maskload_epi32(from.as_ptr(), lowest_8(from.len())) }
    }

    #[inline(always)]
    fn store_f32(self, a: __m256, to: &mut [f32]) {
        put::<_, 8>(bytemuck::must_cast(a), to);
    }

    #[inline(always)]
    fn store_i32(self, a: __m256i, to: &mut [i32]) {
        put::<_, 8>(bytemuck::must_cast(a), to);
    }

    #[inline(always)]
    fn store_u8(self, a: __m256i, to: &mut [u8]) {
        put::<_, 32>(bytemuck::must_cast(a), to);
    }

    #[inline(always)]
    fn load_f32_partial(self, from: &[f32], fill: f32) -> __m256 {
        let mask = lowest_8(from.len());
        // SAFETY: the mask has no lane beyond the slice, and other lanes are not read.
        let a = unsafe { self.avx._mm256_maskload_ps(from.as_ptr(), mask) };
        let mask = self.avx._mm256_castsi256_ps(mask);
        self.avx._mm256_blendv_ps(self.splat_f32(fill), a, mask)
    }

    #[inline(always)]
    fn load_u8_partial(self, from: &[u8]) -> __m256i {
        bytemuck::must_cast(words::<4>(from))
    }

    // By halves of what is left: on some CPUs a masked store takes forty cycles.
    #[inline(always)]
    fn store_f32_partial(self, a: __m256, to: &mut [f32]) {
        if to.len() == 8 {
            return self.store_f32(a, to);
        }
        let (mut rest, high) = self.halves(a);
        let mut at = 0;
        if to.len() & 4 > 0 {
            put::<f32, 4>(bytemuck::must_cast(rest), to);
            (rest, at) = (high, 4);
        }
        if to.len() & 2 > 0 {
            let [a, b, ..]: [f32; 4] = bytemuck::must_cast(rest);
            put([a, b], &mut to[at..]);
            (rest, at) = (self.sse._mm_movehl_ps(rest, rest), at + 2);
        }
        if to.len() & 1 > 0 {
            to[at] = self.sse._mm_cvtss_f32(rest);
        }
    }

    #[inline(always)]
    fn store_u8_partial(self, a: __m256i, to: &mut [u8]) {
        put_words::<4>(bytemuck::must_cast(a), to);
    }

    #[inline(always)]
    fn stream_u8(self, _: &Streaming, a: __m256i, to: &mut [u8]) {
        match bytemuck::try_cast_slice_mut(to) {
            // SAFETY: a reference to a vector is aligned and may be written; `Streaming` fences
            // before anything else touches it.
            Ok([to]) => unsafe {
                self.avx._mm256_stream_si256(to, a);
            },
            _ => self.store_u8(a, to),
        }
    }

    #[inline(always)]
    fn prefetch(self, address: *const u8) {
        self.sse._mm_prefetch::<_MM_HINT_T0>(address.cast());
    }

    #[inline(always)]
    fn splat_f32(self, a: f32) -> __m256 {
        self.avx._mm256_set1_ps(a)
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        self.avx._mm256_sub_ps(a, b)
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        self.avx._mm256_mul_ps(a, b)
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        self.avx._mm256_add_ps(a, b)
    }

    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        self.avx._mm256_div_ps(a, b)
    }

    #[inline(always)]
    fn abs(self, a: __m256) -> __m256 {
        self.avx._mm256_andnot_ps(self.splat_f32(-0.0), a)
    }

    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        self.fma._mm256_fmadd_ps(a, b, c)
    }

    #[inline(always)]
    fn mul_tiny(self, a: __m256, b: __m256) -> __m256 {
        self.fma(a, b, self.splat_f32(Reciprocal::TINY))
    }

    #[inline(always)]
    fn clamp(self, a: __m256, lo: __m256, hi: __m256) -> __m256 {
        self.avx._mm256_min_ps(self.avx._mm256_max_ps(a, lo), hi)
    }

    #[inline(always)]
    fn zero_where_nan(self, a: __m256, like: __m256) -> __m256 {
        let number = self.avx._mm256_cmp_ps::<_CMP_ORD_Q>(like, like);
        self.avx._mm256_and_ps(a, number)
    }

    #[inline(always)]
    fn any_nan(self, a: __m256) -> bool {
        let nan = self.avx._mm256_cmp_ps::<_CMP_UNORD_Q>(a, a);
        self.avx._mm256_movemask_ps(nan) != 0
    }

    // Where an operand is NaN, these two instructions give the second.

    #[inline(always)]
    fn min(self, x: __m256, so_far: __m256) -> __m256 {
        self.avx._mm256_min_ps(x, so_far)
    }

    #[inline(always)]
    fn max(self, x: __m256, so_far: __m256) -> __m256 {
        self.avx._mm256_max_ps(x, so_far)
    }

    #[inline(always)]
    fn reduce_min(self, a: __m256) -> f32 {
        let (low, high) = self.halves(a);
        let a = self.sse._mm_min_ps(low, high);
        let a = self.sse._mm_min_ps(a, self.sse._mm_movehl_ps(a, a));
        let a = self.sse._mm_min_ss(a, self.sse._mm_shuffle_ps::<1>(a, a));
        self.sse._mm_cvtss_f32(a)
    }

    #[inline(always)]
    fn reduce_max(self, a: __m256) -> f32 {
        let (low, high) = self.halves(a);
        let a = self.sse._mm_max_ps(low, high);
        let a = self.sse._mm_max_ps(a, self.sse._mm_movehl_ps(a, a));
        let a = self.sse._mm_max_ss(a, self.sse._mm_shuffle_ps::<1>(a, a));
        self.sse._mm_cvtss_f32(a)
    }

    #[inline(always)]
    fn reduce_sum(self, a: __m256) -> f32 {
        let (low, high) = self.halves(a);
        let a = self.sse._mm_add_ps(low, high);
        let a = self.sse._mm_add_ps(a, self.sse._mm_movehl_ps(a, a));
        let a = self.sse._mm_add_ss(a, self.sse._mm_shuffle_ps::<1>(a, a));
        self.sse._mm_cvtss_f32(a)
    }

    // The maximum in integers: minimum and maximum of f32 share two ports with each other on some
    // CPUs. As integers, positive floats keep their order and are above all negative ones, and
    // NaN are above infinity.

    #[inline(always)]
    fn quick_max(self, x: __m256, so_far: __m256) -> __m256 {
        let (x, so_far) = (self.avx._mm256_castps_si256(x), self.avx._mm256_castps_si256(so_far));
        self.avx._mm256_castsi256_ps(self.avx2._mm256_max_epi32(x, so_far))
    }

    #[inline(always)]
    fn quick_reduce_max(self, a: __m256) -> f32 {
        let upper = self.avx._mm256_permute2f128_ps::<1>(a, a);
        let a = self.quick_max(a, upper);
        let a = self.quick_max(a, self.avx._mm256_permute_ps::<0b01_00_11_10>(a));
        let a = self.quick_max(a, self.avx._mm256_permute_ps::<0b10_11_00_01>(a));
        self.avx._mm256_cvtss_f32(a)
    }

    #[inline(always)]
    fn quick_holds(self, _min: f32, max: f32) -> bool {
        max.is_sign_positive() && !max.is_nan()
    }

    #[inline(always)]
    fn round(self, a: __m256) -> __m256i {
        self.avx._mm256_cvtps_epi32(a)
    }

    #[inline(always)]
    fn to_f32(self, a: __m256i) -> __m256 {
        self.avx._mm256_cvtepi32_ps(a)
    }

    #[inline(always)]
    fn narrow_i32(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_packs_epi32(a, b)
    }

    #[inline(always)]
    fn narrow_to_u8(self, a: __m256i, b: __m256i) -> __m256i {
        let order = bytemuck::must_cast(UNPACKED);
        self.avx2._mm256_permutevar8x32_epi32(self.avx2._mm256_packus_epi16(a, b), order)
    }

    #[inline(always)]
    fn narrow_to_i8(self, a: __m256i, b: __m256i) -> __m256i {
        let order = bytemuck::must_cast(UNPACKED);
        self.avx2._mm256_permutevar8x32_epi32(self.avx2._mm256_packs_epi16(a, b), order)
    }

    /// The halves of both stay where they are: the quarters 0, 2, 1, 3.
    #[inline(always)]
    fn pack_i16(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_permute4x64_epi64::<0b11_01_10_00>(self.avx2._mm256_packs_epi32(a, b))
    }

    #[inline(always)]
    fn widen_u16(self, from: &[u16]) -> __m256i {
        self.avx2._mm256_cvtepu16_epi32(bytemuck::must_cast(array::<_, 8>(from)))
    }

    #[inline(always)]
    fn no_specials(self) -> __m256i {
        self.avx._mm256_setzero_si256()
    }

    /// `round` makes `i32::MIN` of what does not fit, and `narrow_i32` `i16::MIN` of that.
    #[inline(always)]
    fn track_specials(self, so_far: __m256i, _: [__m256; 4], [a, b]: [__m256i; 2]) -> __m256i {
        self.avx2._mm256_min_epi16(self.avx2._mm256_min_epi16(so_far, a), b)
    }

    #[inline(always)]
    fn has_specials(self, specials: __m256i) -> bool {
        let lowest = self.avx2._mm256_cmpeq_epi16(specials, self.splat_i16(i16::MIN));
        self.avx2._mm256_movemask_epi8(lowest) != 0
    }

    #[inline(always)]
    fn splat_i32(self, a: i32) -> __m256i {
        self.avx._mm256_set1_epi32(a)
    }

    #[inline(always)]
    fn clamp_i32(self, a: __m256i, lo: __m256i, hi: __m256i) -> __m256i {
        self.avx2._mm256_min_epi32(self.avx2._mm256_max_epi32(a, lo), hi)
    }

    #[inline(always)]
    fn max_i32(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_max_epi32(a, b)
    }

    #[inline(always)]
    fn max_u32(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_max_epu32(a, b)
    }

    #[inline(always)]
    fn reduce_max_i32(self, a: __m256i) -> i32 {
        let a = self.avx._mm256_castsi256_ps(a);
        self.quick_reduce_max(a).to_bits() as i32
    }

    /// The shuffles work within each 128 bits, and leave the quarters in another order.
    #[inline(always)]
    fn max_pairs_i32(self, a: __m256i, b: __m256i) -> __m256i {
        let (a, b) = (self.avx._mm256_castsi256_ps(a), self.avx._mm256_castsi256_ps(b));
        let even = self.avx._mm256_shuffle_ps::<0b10_00_10_00>(a, b);
        let odd = self.avx._mm256_shuffle_ps::<0b11_01_11_01>(a, b);
        let max = self.avx._mm256_castps_si256(self.quick_max(even, odd));
        self.avx2._mm256_permute4x64_epi64::<0b11_01_10_00>(max)
    }

    /// The remainder of the shift, compared with a half: for negative numbers, with a half and a bit.
    #[inline(always)]
    fn divide_by_power(self, a: __m256i, shift: __m256i) -> __m256i {
        let avx2 = self.avx2;
        let one = self.splat_i32(1);
        let mask = avx2._mm256_sub_epi32(avx2._mm256_sllv_epi32(one, shift), one);
        let remainder = avx2._mm256_and_si256(a, mask);
        let is_negative = avx2._mm256_srai_epi32::<31>(a);
        let half = avx2._mm256_sub_epi32(avx2._mm256_srli_epi32::<1>(mask), is_negative);
        let up = avx2._mm256_cmpgt_epi32(remainder, half);
        avx2._mm256_sub_epi32(avx2._mm256_srav_epi32(a, shift), up)
    }

    /// Where the sum would wrap around, the first operand is bounded so that it does not.
    #[inline(always)]
    fn add_saturated_i32(self, a: __m256i, b: __m256i) -> __m256i {
        let zero = self.splat_i32(0);
        let (min, max) = (self.splat_i32(i32::MIN), self.splat_i32(i32::MAX));
        let lo = self.avx2._mm256_sub_epi32(min, self.avx2._mm256_min_epi32(b, zero));
        let hi = self.avx2._mm256_sub_epi32(max, self.avx2._mm256_max_epi32(b, zero));
        self.avx2._mm256_add_epi32(self.clamp_i32(a, lo, hi), b)
    }

    /// The products of even and odd lanes, in 64 bits each. There is no arithmetic shift of those:
    /// 2⁶³ is added before the logical one, and what has become of it subtracted after.
    #[inline(always)]
    fn mul_shift(self, a: __m256i, multiplier: __m256i, shift: __m256i, uniform: bool) -> __m256i {
        let avx2 = self.avx2;
        let one = self.avx._mm256_set1_epi64x(1);
        let sign = self.avx._mm256_set1_epi64x(i64::MIN);
        let mut odd_multiplier = multiplier;
        let even_shift = avx2._mm256_blend_epi32::<0b1010_1010>(shift, self.splat_i32(0));
        let mut odd_shift = even_shift;
        if !uniform {
            odd_multiplier = avx2._mm256_srli_epi64::<32>(multiplier);
            odd_shift = avx2._mm256_srli_epi64::<32>(shift);
        }
        let odd = avx2._mm256_mul_epi32(avx2._mm256_srli_epi64::<32>(a), odd_multiplier);
        let even = avx2._mm256_mul_epi32(a, multiplier);
        let odd_half = avx2._mm256_srli_epi64::<1>(avx2._mm256_sllv_epi64(one, odd_shift));
        let even_half = avx2._mm256_srli_epi64::<1>(avx2._mm256_sllv_epi64(one, even_shift));
        let odd = avx2._mm256_add_epi64(odd, avx2._mm256_or_si256(odd_half, sign));
        let even = avx2._mm256_add_epi64(even, avx2._mm256_or_si256(even_half, sign));
        let odd = avx2._mm256_srlv_epi64(odd, odd_shift);
        let even = avx2._mm256_srlv_epi64(even, even_shift);
        let odd_excess = avx2._mm256_srlv_epi64(sign, odd_shift);
        let even_excess = avx2._mm256_srlv_epi64(sign, even_shift);
        let excess = self.interleave(even_excess, odd_excess);
        avx2._mm256_sub_epi32(self.interleave(even, odd), excess)
    }

    #[inline(always)]
    fn splat_i16(self, a: i16) -> __m256i {
        self.avx._mm256_set1_epi16(a)
    }

    #[inline(always)]
    fn splat_u8(self, a: u8) -> __m256i {
        self.avx._mm256_set1_epi8(a as i8)
    }

    #[inline(always)]
    fn add_i16(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_adds_epi16(a, b)
    }

    #[inline(always)]
    fn max_u8(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_max_epu8(a, b)
    }

    #[inline(always)]
    fn min_u8(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_min_epu8(a, b)
    }

    #[inline(always)]
    fn max_i8(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_max_epi8(a, b)
    }

    #[inline(always)]
    fn min_i8(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_min_epi8(a, b)
    }

    #[inline(always)]
    fn offsets_u8<const AFFINE: bool>(self, from: &[u8], i: usize, zero_point: u8) -> __m256 {
        let from = u64::from_le_bytes(array(&from[8 * i..]));
        let wide = self.avx2._mm256_cvtepu8_epi32(bytemuck::must_cast([from, 0]));
        self.offset::<AFFINE>(wide, zero_point.into())
    }

    #[inline(always)]
    fn offsets_i8<const AFFINE: bool>(self, from: &[u8], i: usize, zero_point: i8) -> __m256 {
        let from = u64::from_le_bytes(array(&from[8 * i..]));
        let wide = self.avx2._mm256_cvtepi8_epi32(bytemuck::must_cast([from, 0]));
        self.offset::<AFFINE>(wide, zero_point.into())
    }

    #[inline(always)]
    fn vectors(from: &[u8]) -> (&[[u8; 32]], &[u8]) {
        from.as_chunks()
    }

    #[inline(always)]
    fn load_u8_last(self, from: &[u8], len: usize) -> __m256i {
        if from.len() < 32 {
            return self.load_u8_partial(&from[from.len() - len..]);
        }
        let last = self.load_u8(&from[from.len() - 32..]);
        let mask = self.load_u8(&ZEROS_THEN_ONES[len..]);
        self.avx2._mm256_and_si256(last, mask)
    }

    #[inline(always)]
    fn xor_u8(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_xor_si256(a, b)
    }

    #[inline(always)]
    fn abs_diff_u8(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_sub_epi8(self.max_u8(a, b), self.min_u8(a, b))
    }

    #[inline(always)]
    fn abs_diff_i8(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_sub_epi8(self.max_i8(a, b), self.min_i8(a, b))
    }

    #[inline(always)]
    fn add_i32(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_add_epi32(a, b)
    }

    #[inline(always)]
    fn sub_i32(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_sub_epi32(a, b)
    }

    #[inline(always)]
    fn mul_i32(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_mullo_epi32(a, b)
    }

    #[inline(always)]
    fn reduce_add(self, a: __m256i) -> i32 {
        let upper = self.avx2._mm256_permute2x128_si256::<1>(a, a);
        let a = self.add_i32(a, upper);
        let a = self.add_i32(a, self.avx2._mm256_shuffle_epi32::<0b01_00_11_10>(a));
        let a = self.add_i32(a, self.avx2._mm256_shuffle_epi32::<0b10_11_00_01>(a));
        self.avx2._mm256_extract_epi32::<0>(a)
    }
}

/// Each 16-bit product below is the sum of two that can't saturate: `vpmaddubsw` is only given
/// numbers of 7 bits, or the top bits alone.
impl Dot for Avx2 {
    type Base = Self;

    const SAME: bool = true;
    const MIXED: bool = true;

    const KR: usize = 2;
    const MR: usize = 5;
    const SUMS: usize = 12;

    type Left = i8;

    #[inline(always)]
    fn base(self) -> Self {
        self
    }

    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.vectorize(f)
    }

    /// Signed `b`: of `a`, the low 7 bits, and the top bit, which is worth 128 or −128.
    #[inline(always)]
    fn dot<A: Byte, B: Byte>(self, sum: __m256i, a: __m256i, b: __m256i) -> __m256i {
        if !B::SIGNED {
            if A::SIGNED {
                return self.dot::<B, A>(sum, b, a);
            }
            let low = self.splat_i16(0xff);
            let even = self.avx2._mm256_madd_epi16(
                self.avx2._mm256_and_si256(a, low),
                self.avx2._mm256_and_si256(b, low),
            );
            let odd = self.avx2._mm256_madd_epi16(
                self.avx2._mm256_srli_epi16::<8>(a),
                self.avx2._mm256_srli_epi16::<8>(b),
            );
            return self.add_i32(sum, self.add_i32(even, odd));
        }
        let low = self.avx2._mm256_and_si256(a, self.splat_u8(0x7f));
        let top = self.avx2._mm256_and_si256(a, self.splat_u8(0x80));
        let low = self.avx2._mm256_maddubs_epi16(low, b);
        let top = self.avx2._mm256_maddubs_epi16(top, b);
        let sign = self.splat_i16(if A::SIGNED { -1 } else { 1 });
        let low = self.avx2._mm256_madd_epi16(low, self.splat_i16(1));
        let top = self.avx2._mm256_madd_epi16(top, sign);
        self.add_i32(sum, self.add_i32(low, top))
    }

    #[inline(always)]
    fn weighted<A: Byte, B: Byte>(self, sum: __m256i, a: __m256i, weight: __m256i) -> __m256i {
        let ones = self.splat_u8(1);
        let pairs = if A::SIGNED {
            self.avx2._mm256_maddubs_epi16(ones, a)
        } else {
            self.avx2._mm256_maddubs_epi16(a, ones)
        };
        let weight = if B::SIGNED {
            self.avx2._mm256_srai_epi16::<8>(weight)
        } else {
            self.avx2._mm256_srli_epi16::<8>(weight)
        };
        self.add_i32(sum, self.avx2._mm256_madd_epi16(pairs, weight))
    }

    #[inline(always)]
    fn left(self, a: __m256i, part: usize) -> __m256i {
        let halves: [__m128i; 2] = bytemuck::must_cast(a);
        self.avx2._mm256_cvtepi8_epi16(halves[part])
    }

    #[inline(always)]
    fn right(self, from: &[u8]) -> [__m256i; 2] {
        let from = bytemuck::must_cast(array::<_, 16>(from));
        [self.avx2._mm256_cvtepi8_epi16(from); 2]
    }

    #[inline(always)]
    fn multiply(
        self,
        [sum, unused]: [__m256i; 2],
        left: &[u32; 4],
        w: usize,
        [right, _]: [__m256i; 2],
    ) -> [__m256i; 2] {
        let left = bytemuck::must_cast(self.splat_i32(left[w] as i32));
        let product = self.avx2._mm256_madd_epi16(left, right);
        [self.add_i32(sum, product), unused]
    }
}

/// A table as what it nearly is, a line in 16-bit fixed point, and the few entries that are off it.
#[derive(Clone, Copy)]
pub(crate) struct NearLine {
    flip_from: __m256i,
    flip_to: __m256i,
    from: __m256i,
    to: __m256i,
    slope: __m256i,
    shift: u64,
    lowest: __m256i,
    highest: __m256i,
    /// Indices, and what is to be added there; so many of them.
    corrections: [[__m256i; 2]; CORRECTIONS],
    found: usize,
}

/// Entries of a table that may be off its line.
const CORRECTIONS: usize = 4;

impl NearLine {
    /// The entries of the line, within the bounds of the table.
    #[inline(always)]
    fn entries(&self, s: Avx2, i: __m256i) -> __m256i {
        let i = s.avx2._mm256_xor_si256(i, self.flip_from);
        let zero = s.avx._mm256_setzero_si256();
        let low = self.entries_16(s, s.avx2._mm256_unpacklo_epi8(i, zero));
        let high = self.entries_16(s, s.avx2._mm256_unpackhi_epi8(i, zero));
        let entries = s.max_u8(s.avx2._mm256_packus_epi16(low, high), self.lowest);
        let entries = s.min_u8(entries, self.highest);
        s.avx2._mm256_xor_si256(entries, self.flip_to)
    }

    /// `((((i − from) << shift) · slope + 2¹⁴) >> 15) + to`.
    #[inline(always)]
    fn entries_16(&self, s: Avx2, i: __m256i) -> __m256i {
        let mut offset = s.avx2._mm256_sub_epi16(i, self.from);
        if self.shift > 0 {
            let shift = bytemuck::must_cast([self.shift, 0]);
            offset = s.avx2._mm256_sll_epi16(offset, shift);
        }
        s.add_i16(s.avx2._mm256_mulhrs_epi16(offset, self.slope), self.to)
    }
}

impl NearLine {
    /// A table, if hardly any of its entries are off the line.
    #[inline(always)]
    fn of(s: Avx2, bytes: &[u8; 256], line: Line) -> Option<Self> {
        // The ratio as slope · 2^shift / 2¹⁵. An offset has nine bits, so there are six to spare.
        let mut shift = 0;
        let mut slope = line.ratio * 32768.0;
        while slope >= 32767.0 {
            if shift == 6 {
                return None;
            }
            slope /= 2.0;
            shift += 1;
        }
        let lowest = bytes[usize::from(line.flip_from)] ^ line.flip_to;
        let highest = bytes[usize::from(!line.flip_from)] ^ line.flip_to;
        let mut near = Self {
            flip_from: s.splat_u8(line.flip_from),
            flip_to: s.splat_u8(line.flip_to),
            from: s.splat_i16(line.from + i16::from(line.flip_from)),
            to: s.splat_i16(line.to + i16::from(line.flip_to)),
            slope: s.splat_i16((slope + 0.5) as i16),
            shift,
            lowest: s.splat_u8(lowest),
            highest: s.splat_u8(highest),
            corrections: [[s.splat_u8(0); 2]; CORRECTIONS],
            found: 0,
        };
        let (indices, expected): ([__m256i; 8], [__m256i; 8]) =
            (bytemuck::must_cast(BYTES), bytemuck::must_cast(*bytes));
        for part in 0..8 {
            let entries = near.entries(s, indices[part]);
            let same = s.avx2._mm256_cmpeq_epi8(entries, expected[part]);
            let mut off = !s.avx2._mm256_movemask_epi8(same) as u32;
            let entries: [u8; 32] = bytemuck::must_cast(entries);
            while off != 0 {
                if near.found == CORRECTIONS {
                    return None;
                }
                let lane = off.trailing_zeros() as usize;
                let i = 32 * part + lane;
                let difference = bytes[i].wrapping_sub(entries[lane]);
                near.corrections[near.found] = [s.splat_u8(i as u8), s.splat_u8(difference)];
                near.found += 1;
                off &= off - 1;
            }
        }
        Some(near)
    }
}

impl Lookup<Avx2> for NearLine {
    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(&self, f: F) -> F::Output {
        f.call()
    }

    #[inline(always)]
    fn look_up(&self, s: Avx2, i: __m256i) -> __m256i {
        let mut entries = self.entries(s, i);
        for c in 0..CORRECTIONS {
            if c < self.found {
                let [index, difference] = self.corrections[c];
                let here = s.avx2._mm256_cmpeq_epi8(i, index);
                let difference = s.avx2._mm256_and_si256(here, difference);
                entries = s.avx2._mm256_add_epi8(entries, difference);
            }
        }
        entries
    }
}

/// A table, as [`shuffles`] has it.
#[derive(Clone, Copy)]
pub(crate) struct Shuffles([__m256i; 16]);

impl Lookup<Avx2> for Shuffles {
    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(&self, f: F) -> F::Output {
        f.call()
    }

    #[inline(always)]
    fn look_up(&self, s: Avx2, i: __m256i) -> __m256i {
        let mut indices = [i, s.flip(i)];
        let mut found = [s.splat_u8(0); 2];
        for part in 0..8 {
            for half in 0..2 {
                let entries = s.avx2._mm256_shuffle_epi8(self.0[8 * half + part], indices[half]);
                found[half] = s.avx2._mm256_xor_si256(found[half], entries);
                indices[half] = s.avx2._mm256_subs_epi8(indices[half], s.splat_u8(16));
            }
        }
        s.avx2._mm256_xor_si256(found[0], found[1])
    }
}
