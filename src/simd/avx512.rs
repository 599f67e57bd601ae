//! AVX-512 F, BW, CD, DQ and VL: vectors of 512 bits.
#![allow(unsafe_code, reason = "loads and stores through pointers")]

use super::avx512vbmi::{Avx512Vbmi, Permutations};
use super::dot::Dot;
use super::{Byte, Line, Lookup, Simd, Streaming, array, put, shuffles};
use crate::values::rounding::Reciprocal;
use core::arch::x86_64::*;
use pulp::NullaryFnOnce;

pulp::simd_type! {
    /// Proof that the CPU has these instructions, and AVX2 and FMA.
    pub(crate) struct Avx512 {
        sse: "sse",
        avx: "avx",
        avx2: "avx2",
        fma: "fma",
        f: "avx512f",
        bw: "avx512bw",
        cd: "avx512cd",
        dq: "avx512dq",
        vl: "avx512vl",
    }
}

impl Avx512 {
    /// The token, if the CPU has the instructions; without `std`, if the compiler assumes them.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(feature = "std")]
        return Self::try_new();
        #[cfg(not(feature = "std"))]
        cfg!(all(
            target_feature = "avx2",
            target_feature = "fma",
            target_feature = "avx512f",
            target_feature = "avx512bw",
            target_feature = "avx512cd",
            target_feature = "avx512dq",
            target_feature = "avx512vl",
        ))
        .then(|| {
            // SAFETY: the compiler assumes these instructions in the whole program.
            unsafe { Self::new_unchecked() }
        })
    }

    /// `a − zero_point` as f32.
    #[inline(always)]
    fn offset<const AFFINE: bool>(self, a: __m512i, zero_point: i32) -> __m512 {
        if AFFINE {
            self.to_f32(self.f._mm512_sub_epi32(a, self.f._mm512_set1_epi32(zero_point)))
        } else {
            self.to_f32(a)
        }
    }
}

/// The quarters of two vectors of 32-bit numbers after one instruction has narrowed both, in order.
const UNPACKED_HALVES: [u64; 8] = [0, 2, 4, 6, 1, 3, 5, 7];

/// The order of 32-bit lanes that undoes two packs, which work within each 128 bits.
const UNPACKED: [i32; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];

/// The even and the odd lanes of two vectors.
const EVEN_OF_TWO: [i32; 16] = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30];
const ODD_OF_TWO: [i32; 16] = [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31];

/// A mask of the lowest `n` of 16 lanes, or of all.
#[inline(always)]
fn lowest_16(n: usize) -> __mmask16 {
    ((1_u32 << n.min(16)) - 1) as __mmask16
}

/// A mask of the lowest `n` of 64 lanes, or of all.
#[inline(always)]
fn lowest_64(n: usize) -> __mmask64 {
    ((1_u128 << n.min(64)) - 1) as __mmask64
}

impl Simd for Avx512 {
    const LANES: usize = 16;

    type F32 = __m512;
    type I32 = __m512i;
    type I16 = __m512i;
    type U8 = __m512i;
    type Bytes = [u8; 64];
    /// The lowest of the narrowed quotients, lane by lane.
    type Specials = __m512i;
    type Lookup = Shuffles;
    type QuickLookup = Permutations;

    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.vectorize(f)
    }

    #[inline(always)]
    fn lookup(self, table: &[u8; 256]) -> Shuffles {
        Shuffles(shuffles(table).map(|part| bytemuck::must_cast([part; 4])))
    }

    #[inline(always)]
    fn quick_lookup(self, table: &[u8; 256], _: Option<Line>) -> Option<Permutations> {
        Avx512Vbmi::detect().map(|vbmi| Permutations::new(vbmi, table))
    }

    #[inline(always)]
    fn has_quick_lookup(self) -> bool {
        Avx512Vbmi::detect().is_some()
    }

    #[inline(always)]
    fn load_f32(self, from: &[f32]) -> __m512 {
        bytemuck::must_cast(array::<_, 16>(from))
    }

    #[inline(always)]
    fn load_u8(self, from: &[u8]) -> __m512i {
        bytemuck::must_cast(array::<_, 64>(from))
    }

    #[inline(always)]
    fn load_i32(self, from: &[i32]) -> __m512i {
        bytemuck::must_cast(array::<_, 16>(from))
    }

    #[inline(always)]
    fn load_i32_partial(self, from: &[i32]) -> __m512i {
        // SAFETY: the mask has no lane beyond the slice, and other lanes are not read.
        unsafe { self.f._mm512_maskz_loadu_epi32(lowest_16(from.len()), from.as_ptr()) }
    }

    #[inline(always)]
    fn store_f32(self, a: __m512, to: &mut [f32]) {
        put::<_, 16>(bytemuck::must_cast(a), to);
    }

    #[inline(always)]
    fn store_i32(self, a: __m512i, to: &mut [i32]) {
        put::<_, 16>(bytemuck::must_cast(a), to);
    }

    #[inline(always)]
    fn store_u8(self, a: __m512i, to: &mut [u8]) {
        put::<_, 64>(bytemuck::must_cast(a), to);
    }

    #[inline(always)]
    fn load_f32_partial(self, from: &[f32], fill: f32) -> __m512 {
        let fill = self.splat_f32(fill);
        // SAFETY: the mask has no lane beyond the slice, and other lanes are not read.
        unsafe { self.f._mm512_mask_loadu_ps(fill, lowest_16(from.len()), from.as_ptr()) }
    }

    #[inline(always)]
    fn load_u8_partial(self, from: &[u8]) -> __m512i {
        // SAFETY: the mask has no lane beyond the slice, and other lanes are not read.
        unsafe { self.bw._mm512_maskz_loadu_epi8(lowest_64(from.len()), from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_f32_partial(self, a: __m512, to: &mut [f32]) {
        // SAFETY: the mask has no lane beyond the slice, and other lanes are not written.
        unsafe {
            self.f._mm512_mask_storeu_ps(to.as_mut_ptr(), lowest_16(to.len()), a);
        }
    }

    #[inline(always)]
    fn store_u8_partial(self, a: __m512i, to: &mut [u8]) {
        // SAFETY: the mask has no lane beyond the slice, and other lanes are not written.
        unsafe {
            self.bw._mm512_mask_storeu_epi8(to.as_mut_ptr().cast(), lowest_64(to.len()), a);
        }
    }

    #[inline(always)]
    fn stream_u8(self, _: &Streaming, a: __m512i, to: &mut [u8]) {
        match bytemuck::try_cast_slice_mut(to) {
            // SAFETY: a reference to a vector is aligned and may be written; `Streaming` fences
            // before anything else touches it.
            Ok([to]) => unsafe {
                self.f._mm512_stream_si512(to, a);
            },
            _ => self.store_u8(a, to),
        }
    }

    #[inline(always)]
    fn prefetch(self, address: *const u8) {
        self.sse._mm_prefetch::<_MM_HINT_T0>(address.cast());
    }

    #[inline(always)]
    fn splat_f32(self, a: f32) -> __m512 {
        self.f._mm512_set1_ps(a)
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        self.f._mm512_sub_ps(a, b)
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        self.f._mm512_mul_ps(a, b)
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        self.f._mm512_add_ps(a, b)
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        self.f._mm512_div_ps(a, b)
    }

    #[inline(always)]
    fn abs(self, a: __m512) -> __m512 {
        self.f._mm512_abs_ps(a)
    }

    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        self.f._mm512_fmadd_ps(a, b, c)
    }

    #[inline(always)]
    fn mul_tiny(self, a: __m512, b: __m512) -> __m512 {
        self.fma(a, b, self.splat_f32(Reciprocal::TINY))
    }

    #[inline(always)]
    fn clamp(self, a: __m512, lo: __m512, hi: __m512) -> __m512 {
        self.f._mm512_min_ps(self.f._mm512_max_ps(a, lo), hi)
    }

    #[inline(always)]
    fn zero_where_nan(self, a: __m512, like: __m512) -> __m512 {
        let number = self.f._mm512_cmp_ps_mask::<_CMP_ORD_Q>(like, like);
        self.f._mm512_maskz_mov_ps(number, a)
    }

    #[inline(always)]
    fn any_nan(self, a: __m512) -> bool {
        self.f._mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a) != 0
    }

    // Where an operand is NaN, these two instructions give the second.

    #[inline(always)]
    fn min(self, x: __m512, so_far: __m512) -> __m512 {
        self.f._mm512_min_ps(x, so_far)
    }

    #[inline(always)]
    fn max(self, x: __m512, so_far: __m512) -> __m512 {
        self.f._mm512_max_ps(x, so_far)
    }

    #[inline(always)]
    fn reduce_min(self, a: __m512) -> f32 {
        self.f._mm512_reduce_min_ps(a)
    }

    #[inline(always)]
    fn reduce_max(self, a: __m512) -> f32 {
        self.f._mm512_reduce_max_ps(a)
    }

    #[inline(always)]
    fn reduce_sum(self, a: __m512) -> f32 {
        let (low, high) =
            (self.f._mm512_castps512_ps256(a), self.dq._mm512_extractf32x8_ps::<1>(a));
        let a = self.avx._mm256_add_ps(low, high);
        let (low, high) =
            (self.avx._mm256_castps256_ps128(a), self.avx._mm256_extractf128_ps::<1>(a));
        let a = self.sse._mm_add_ps(low, high);
        let a = self.sse._mm_add_ps(a, self.sse._mm_movehl_ps(a, a));
        let a = self.sse._mm_add_ss(a, self.sse._mm_shuffle_ps::<1>(a, a));
        self.sse._mm_cvtss_f32(a)
    }

    // The maximum in integers: minimum and maximum of f32 share two ports with each other on some
    // CPUs. As integers, positive floats keep their order and are above all negative ones, and
    // NaN are above infinity.

    #[inline(always)]
    fn quick_max(self, x: __m512, so_far: __m512) -> __m512 {
        let (x, so_far) = (self.f._mm512_castps_si512(x), self.f._mm512_castps_si512(so_far));
        self.f._mm512_castsi512_ps(self.f._mm512_max_epi32(x, so_far))
    }

    #[inline(always)]
    fn quick_reduce_max(self, a: __m512) -> f32 {
        let max = self.f._mm512_reduce_max_epi32(self.f._mm512_castps_si512(a));
        f32::from_bits(max as u32)
    }

    #[inline(always)]
    fn quick_holds(self, _min: f32, max: f32) -> bool {
        max.is_sign_positive() && !max.is_nan()
    }

    #[inline(always)]
    fn round(self, a: __m512) -> __m512i {
        self.f._mm512_cvtps_epi32(a)
    }

    #[inline(always)]
    fn to_f32(self, a: __m512i) -> __m512 {
        self.f._mm512_cvtepi32_ps(a)
    }

    #[inline(always)]
    fn narrow_i32(self, a: __m512i, b: __m512i) -> __m512i {
        self.bw._mm512_packs_epi32(a, b)
    }

    #[inline(always)]
    fn narrow_to_u8(self, a: __m512i, b: __m512i) -> __m512i {
        let order = bytemuck::must_cast(UNPACKED);
        self.f._mm512_permutexvar_epi32(order, self.bw._mm512_packus_epi16(a, b))
    }

    #[inline(always)]
    fn narrow_to_i8(self, a: __m512i, b: __m512i) -> __m512i {
        let order = bytemuck::must_cast(UNPACKED);
        self.f._mm512_permutexvar_epi32(order, self.bw._mm512_packs_epi16(a, b))
    }

    #[inline(always)]
    fn pack_i16(self, a: __m512i, b: __m512i) -> __m512i {
        let order = bytemuck::must_cast(UNPACKED_HALVES);
        self.f._mm512_permutexvar_epi64(order, self.bw._mm512_packs_epi32(a, b))
    }

    #[inline(always)]
    fn widen_u16(self, from: &[u16]) -> __m512i {
        self.f._mm512_cvtepu16_epi32(bytemuck::must_cast(array::<_, 16>(from)))
    }

    #[inline(always)]
    fn no_specials(self) -> __m512i {
        self.f._mm512_setzero_si512()
    }

    /// `round` makes `i32::MIN` of what does not fit, and `narrow_i32` `i16::MIN` of that.
    #[inline(always)]
    fn track_specials(self, so_far: __m512i, _: [__m512; 4], [a, b]: [__m512i; 2]) -> __m512i {
        self.bw._mm512_min_epi16(self.bw._mm512_min_epi16(so_far, a), b)
    }

    #[inline(always)]
    fn has_specials(self, specials: __m512i) -> bool {
        self.bw._mm512_cmpeq_epi16_mask(specials, self.splat_i16(i16::MIN)) != 0
    }

    #[inline(always)]
    fn splat_i32(self, a: i32) -> __m512i {
        self.f._mm512_set1_epi32(a)
    }

    #[inline(always)]
    fn clamp_i32(self, a: __m512i, lo: __m512i, hi: __m512i) -> __m512i {
        self.f._mm512_min_epi32(self.f._mm512_max_epi32(a, lo), hi)
    }

    #[inline(always)]
    fn max_i32(self, a: __m512i, b: __m512i) -> __m512i {
        self.f._mm512_max_epi32(a, b)
    }

    #[inline(always)]
    fn max_u32(self, a: __m512i, b: __m512i) -> __m512i {
        self.f._mm512_max_epu32(a, b)
    }

    #[inline(always)]
    fn reduce_max_i32(self, a: __m512i) -> i32 {
        self.f._mm512_reduce_max_epi32(a)
    }

    #[inline(always)]
    fn max_pairs_i32(self, a: __m512i, b: __m512i) -> __m512i {
        let even = self.f._mm512_permutex2var_epi32(a, bytemuck::must_cast(EVEN_OF_TWO), b);
        let odd = self.f._mm512_permutex2var_epi32(a, bytemuck::must_cast(ODD_OF_TWO), b);
        self.f._mm512_max_epi32(even, odd)
    }

    /// The remainder of the shift, compared with a half: for negative numbers, with a half and a bit.
    #[inline(always)]
    fn divide_by_power(self, a: __m512i, shift: __m512i) -> __m512i {
        let f = self.f;
        let one = self.splat_i32(1);
        let mask = f._mm512_sub_epi32(f._mm512_sllv_epi32(one, shift), one);
        let remainder = f._mm512_and_si512(a, mask);
        let is_negative = f._mm512_srai_epi32::<31>(a);
        let half = f._mm512_sub_epi32(f._mm512_srli_epi32::<1>(mask), is_negative);
        let up = f._mm512_cmpgt_epi32_mask(remainder, half);
        let quotient = f._mm512_srav_epi32(a, shift);
        f._mm512_mask_add_epi32(quotient, up, quotient, one)
    }

    /// Where the sum would wrap around, the first operand is bounded so that it does not.
    #[inline(always)]
    fn add_saturated_i32(self, a: __m512i, b: __m512i) -> __m512i {
        let f = self.f;
        let zero = self.splat_i32(0);
        let lo = f._mm512_sub_epi32(self.splat_i32(i32::MIN), f._mm512_min_epi32(b, zero));
        let hi = f._mm512_sub_epi32(self.splat_i32(i32::MAX), f._mm512_max_epi32(b, zero));
        f._mm512_add_epi32(self.clamp_i32(a, lo, hi), b)
    }

    /// The products of even and odd lanes, in 64 bits each.
    #[inline(always)]
    fn mul_shift(self, a: __m512i, multiplier: __m512i, shift: __m512i, uniform: bool) -> __m512i {
        let one = self.f._mm512_set1_epi64(1);
        let f = self.f;
        let mut odd_multiplier = multiplier;
        let even_shift = f._mm512_maskz_mov_epi32(0x5555, shift);
        let mut odd_shift = even_shift;
        if !uniform {
            odd_multiplier = f._mm512_srli_epi64::<32>(multiplier);
            odd_shift = f._mm512_srli_epi64::<32>(shift);
        }
        let odd_half = f._mm512_srli_epi64::<1>(f._mm512_sllv_epi64(one, odd_shift));
        let even_half = f._mm512_srli_epi64::<1>(f._mm512_sllv_epi64(one, even_shift));
        let odd = f._mm512_mul_epi32(f._mm512_srli_epi64::<32>(a), odd_multiplier);
        let even = f._mm512_mul_epi32(a, multiplier);
        let odd = f._mm512_srav_epi64(f._mm512_add_epi64(odd, odd_half), odd_shift);
        let even = f._mm512_srav_epi64(f._mm512_add_epi64(even, even_half), even_shift);
        f._mm512_mask_shuffle_epi32::<0b10_10_00_00>(even, 0xaaaa, odd)
    }

    #[inline(always)]
    fn splat_i16(self, a: i16) -> __m512i {
        self.f._mm512_set1_epi16(a)
    }

    #[inline(always)]
    fn splat_u8(self, a: u8) -> __m512i {
        self.f._mm512_set1_epi8(a as i8)
    }

    #[inline(always)]
    fn add_i16(self, a: __m512i, b: __m512i) -> __m512i {
        self.bw._mm512_adds_epi16(a, b)
    }

    #[inline(always)]
    fn max_u8(self, a: __m512i, b: __m512i) -> __m512i {
        self.bw._mm512_max_epu8(a, b)
    }

    #[inline(always)]
    fn min_u8(self, a: __m512i, b: __m512i) -> __m512i {
        self.bw._mm512_min_epu8(a, b)
    }

    #[inline(always)]
    fn max_i8(self, a: __m512i, b: __m512i) -> __m512i {
        self.bw._mm512_max_epi8(a, b)
    }

    #[inline(always)]
    fn min_i8(self, a: __m512i, b: __m512i) -> __m512i {
        self.bw._mm512_min_epi8(a, b)
    }

    #[inline(always)]
    fn offsets_u8<const AFFINE: bool>(self, from: &[u8], i: usize, zero_point: u8) -> __m512 {
        let from = bytemuck::must_cast(array::<_, 16>(&from[16 * i..]));
        self.offset::<AFFINE>(self.f._mm512_cvtepu8_epi32(from), zero_point.into())
    }

    #[inline(always)]
    fn offsets_i8<const AFFINE: bool>(self, from: &[u8], i: usize, zero_point: i8) -> __m512 {
        let from = bytemuck::must_cast(array::<_, 16>(&from[16 * i..]));
        self.offset::<AFFINE>(self.f._mm512_cvtepi8_epi32(from), zero_point.into())
    }

    #[inline(always)]
    fn vectors(from: &[u8]) -> (&[[u8; 64]], &[u8]) {
        from.as_chunks()
    }

    #[inline(always)]
    fn load_u8_last(self, from: &[u8], len: usize) -> __m512i {
        self.load_u8_partial(&from[from.len() - len..])
    }

    #[inline(always)]
    fn xor_u8(self, a: __m512i, b: __m512i) -> __m512i {
        self.f._mm512_xor_si512(a, b)
    }

    #[inline(always)]
    fn abs_diff_u8(self, a: __m512i, b: __m512i) -> __m512i {
        self.bw._mm512_sub_epi8(self.max_u8(a, b), self.min_u8(a, b))
    }

    #[inline(always)]
    fn abs_diff_i8(self, a: __m512i, b: __m512i) -> __m512i {
        self.bw._mm512_sub_epi8(self.max_i8(a, b), self.min_i8(a, b))
    }

    #[inline(always)]
    fn add_i32(self, a: __m512i, b: __m512i) -> __m512i {
        self.f._mm512_add_epi32(a, b)
    }

    #[inline(always)]
    fn sub_i32(self, a: __m512i, b: __m512i) -> __m512i {
        self.f._mm512_sub_epi32(a, b)
    }

    #[inline(always)]
    fn mul_i32(self, a: __m512i, b: __m512i) -> __m512i {
        self.f._mm512_mullo_epi32(a, b)
    }

    #[inline(always)]
    fn reduce_add(self, a: __m512i) -> i32 {
        self.f._mm512_reduce_add_epi32(a)
    }
}

/// As on AVX2, where it says why nothing saturates.
/// A table, as [`shuffles`] has it.
#[derive(Clone, Copy)]
pub(crate) struct Shuffles([__m512i; 16]);

impl Lookup<Avx512> for Shuffles {
    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(&self, f: F) -> F::Output {
        f.call()
    }

    #[inline(always)]
    fn look_up(&self, s: Avx512, i: __m512i) -> __m512i {
        let mut indices = [i, s.flip(i)];
        let mut found = [s.splat_u8(0); 2];
        for part in 0..8 {
            for half in 0..2 {
                let entries = s.bw._mm512_shuffle_epi8(self.0[8 * half + part], indices[half]);
                found[half] = s.f._mm512_xor_si512(found[half], entries);
                indices[half] = s.bw._mm512_subs_epi8(indices[half], s.splat_u8(16));
            }
        }
        s.f._mm512_xor_si512(found[0], found[1])
    }
}

impl Dot for Avx512 {
    type Base = Self;

    const SAME: bool = true;
    const MIXED: bool = true;

    const KR: usize = 2;
    const MR: usize = 12;
    const SUMS: usize = 16;

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
    fn dot<A: Byte, B: Byte>(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        if !B::SIGNED {
            if A::SIGNED {
                return self.dot::<B, A>(sum, b, a);
            }
            let low = self.splat_i16(0xff);
            let even = self.bw._mm512_madd_epi16(
                self.f._mm512_and_si512(a, low),
                self.f._mm512_and_si512(b, low),
            );
            let odd = self.bw._mm512_madd_epi16(
                self.bw._mm512_srli_epi16::<8>(a),
                self.bw._mm512_srli_epi16::<8>(b),
            );
            return self.add_i32(sum, self.add_i32(even, odd));
        }
        let low = self.f._mm512_and_si512(a, self.splat_u8(0x7f));
        let top = self.f._mm512_and_si512(a, self.splat_u8(0x80));
        let low = self.bw._mm512_maddubs_epi16(low, b);
        let top = self.bw._mm512_maddubs_epi16(top, b);
        let sign = self.splat_i16(if A::SIGNED { -1 } else { 1 });
        let low = self.bw._mm512_madd_epi16(low, self.splat_i16(1));
        let top = self.bw._mm512_madd_epi16(top, sign);
        self.add_i32(sum, self.add_i32(low, top))
    }

    #[inline(always)]
    fn weighted<A: Byte, B: Byte>(self, sum: __m512i, a: __m512i, weight: __m512i) -> __m512i {
        let ones = self.splat_u8(1);
        let pairs = if A::SIGNED {
            self.bw._mm512_maddubs_epi16(ones, a)
        } else {
            self.bw._mm512_maddubs_epi16(a, ones)
        };
        let weight = if B::SIGNED {
            self.bw._mm512_srai_epi16::<8>(weight)
        } else {
            self.bw._mm512_srli_epi16::<8>(weight)
        };
        self.add_i32(sum, self.bw._mm512_madd_epi16(pairs, weight))
    }

    #[inline(always)]
    fn left(self, a: __m512i, part: usize) -> __m512i {
        let halves: [__m256i; 2] = bytemuck::must_cast(a);
        self.bw._mm512_cvtepi8_epi16(halves[part])
    }

    #[inline(always)]
    fn right(self, from: &[u8]) -> [__m512i; 2] {
        let from = bytemuck::must_cast(array::<_, 32>(from));
        [self.bw._mm512_cvtepi8_epi16(from); 2]
    }

    #[inline(always)]
    fn multiply(
        self,
        [sum, unused]: [__m512i; 2],
        left: &[u32; 4],
        w: usize,
        [right, _]: [__m512i; 2],
    ) -> [__m512i; 2] {
        let left = bytemuck::must_cast(self.splat_i32(left[w] as i32));
        let product = self.bw._mm512_madd_epi16(left, right);
        [self.add_i32(sum, product), unused]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where there is VBMI, no operation looks tables up so.
    #[test]
    fn shuffles_look_up_every_byte() {
        struct Check(Avx512);

        impl NullaryFnOnce for Check {
            type Output = ();

            fn call(self) {
                let table: [u8; 256] = core::array::from_fn(|i| (i * i / 7 + 5) as u8);
                let lookup = self.0.lookup(&table);
                for first in (0..=255_u8).step_by(64) {
                    let indices: [u8; 64] = core::array::from_fn(|i| first + i as u8);
                    let found = lookup.look_up(self.0, bytemuck::must_cast(indices));
                    let found: [u8; 64] = bytemuck::must_cast(found);
                    assert_eq!(found, indices.map(|i| table[usize::from(i)]));
                }
            }
        }

        if let Some(s) = Avx512::detect() {
            Simd::vectorize(s, Check(s));
        }
    }
}
