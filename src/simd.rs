//! The vector primitives in which every kernel is written, once.
//!
//! An instruction set is a token type that implements [`Simd`], in a file of its own. The token
//! exists only where the CPU has the instructions, so its methods are safe to call.
//!
//! A *vector* has `LANES` numbers of 32 bits, or as many bytes: `2 · LANES` of 16 bits, `4 · LANES`
//! of 8. A *quad* is four vectors of 32-bit numbers; narrowed, it is one vector of codes. Every
//! elementwise kernel goes quad by quad, [`Simd::STEP`] elements at a time.
//!
//! Each method has its equation for one lane. Everything here and above, up to the frame
//! ([`Simd::vectorize`]), is `#[inline(always)]`, and never a closure: a function that is not
//! inlined into the frame loses the instruction set.

#![cfg_attr(test, allow(dead_code, reason = "unit tests are of the tier `scalar`"))]

use bytemuck::Pod;
use pulp::NullaryFnOnce;

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512vbmi;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512vnni;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avxvnni;
pub(crate) mod dot;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
pub(crate) mod dotprod;
pub(crate) mod environment;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
pub(crate) mod i8mm;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
pub(crate) mod neon;
pub(crate) mod scalar;
#[cfg(feature = "gemm")]
pub(crate) mod transpose;

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// Numbers of 32 bits in the longest vector.
pub(crate) const MAX_LANES: usize = 16;

/// One instruction set.
pub(crate) trait Simd: Copy {
    /// Vectors that fit in the registers.
    const REGISTERS: usize = 32;
    /// Numbers of 32 bits in a vector.
    const LANES: usize;
    /// Elements of a quad.
    const STEP: usize = 4 * Self::LANES;
    /// Whether kernels for simpler cases than the general one are worth their code.
    const HAS_VARIANTS: bool = true;
    /// Whether `fma` is an instruction.
    const FUSED: bool = true;

    /// `LANES` f32.
    type F32: Pod;
    /// `LANES` i32.
    type I32: Pod;
    /// `2 · LANES` i16, in whatever order `narrow_i32` leaves them.
    type I16: Copy;
    /// `4 · LANES` codes of either type.
    type U8: Pod;
    /// A `U8` in memory.
    type Bytes: Pod;
    /// What [`Simd::track_specials`] remembers.
    type Specials: Copy;
    /// What [`Simd::lookup`] gives.
    type Lookup: Lookup<Self>;
    /// What [`Simd::quick_lookup`] gives.
    type QuickLookup: Lookup<Self>;

    /// Runs `f` compiled for this instruction set: the frame.
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output;

    /// Look-ups in a table, by what every CPU of this tier has.
    fn lookup(self, table: &[u8; 256]) -> Self::Lookup;

    /// Look-ups that are quicker than arithmetic, if there are such: by what not every CPU of this tier has,
    /// or for tables whose entries are about those of `line`.
    fn quick_lookup(self, table: &[u8; 256], line: Option<Line>) -> Option<Self::QuickLookup>;

    /// Whether `quick_lookup` may give something.
    #[inline(always)]
    fn has_quick_lookup(self) -> bool {
        true
    }

    // Memory.

    /// `from`, which has `LANES` elements.
    fn load_f32(self, from: &[f32]) -> Self::F32;

    /// `from`, which has `4 · LANES` elements.
    fn load_u8(self, from: &[u8]) -> Self::U8;

    /// `from`, which has at most `LANES` elements, then `fill`.
    fn load_f32_partial(self, from: &[f32], fill: f32) -> Self::F32;

    /// `from`, which has at most `4 · LANES` elements, then zeros.
    fn load_u8_partial(self, from: &[u8]) -> Self::U8;

    /// `from`, which has `LANES` elements.
    fn load_i32(self, from: &[i32]) -> Self::I32;

    /// `from`, which has at most `LANES` elements, then zeros.
    fn load_i32_partial(self, from: &[i32]) -> Self::I32;

    /// All of `a` to `to`, which has `LANES` elements.
    fn store_f32(self, a: Self::F32, to: &mut [f32]);

    /// All of `a` to `to`, which has `LANES` elements.
    fn store_i32(self, a: Self::I32, to: &mut [i32]);

    /// All of `a` to `to`, which has `4 · LANES` elements.
    fn store_u8(self, a: Self::U8, to: &mut [u8]);

    /// The first elements of `a` to `to`, which has at most `LANES`.
    fn store_f32_partial(self, a: Self::F32, to: &mut [f32]);

    /// The first elements of `a` to `to`, which has at most `4 · LANES`.
    fn store_u8_partial(self, a: Self::U8, to: &mut [u8]);

    /// As `store_u8`, past the caches where the instruction set can and `to` is aligned. `to` is not
    /// touched again until `streaming` is dropped.
    #[inline(always)]
    fn stream_u8(self, _streaming: &Streaming, a: Self::U8, to: &mut [u8]) {
        self.store_u8(a, to);
    }

    /// Asks for the cache line at `address`, which may lie anywhere.
    #[inline(always)]
    fn prefetch(self, _address: *const u8) {}

    // f32.

    /// `a`.
    fn splat_f32(self, a: f32) -> Self::F32;
    /// `a − b`.
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a · b`.
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a + b`.
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a / b`.
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `|a|`.
    fn abs(self, a: Self::F32) -> Self::F32;
    /// `a · b + c`, rounded once.
    fn fma(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// `a · b + c`, rounded once or twice.
    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        self.fma(a, b, c)
    }
    /// `a · b`; or `a · b + TINY`, rounded once, where subnormal results are slow.
    fn mul_tiny(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `min(max(a, lo), hi)`; for a NaN: it, `lo` or `hi`.
    fn clamp(self, a: Self::F32, lo: Self::F32, hi: Self::F32) -> Self::F32;
    /// `a`, but +0 where `like` is NaN.
    fn zero_where_nan(self, a: Self::F32, like: Self::F32) -> Self::F32;
    /// Whether a lane is NaN.
    fn any_nan(self, a: Self::F32) -> bool;

    /// `min(x, so_far)`, and `so_far` where `x` is NaN.
    fn min(self, x: Self::F32, so_far: Self::F32) -> Self::F32;
    /// `max(x, so_far)`, and `so_far` where `x` is NaN.
    fn max(self, x: Self::F32, so_far: Self::F32) -> Self::F32;
    /// The smallest lane; there are no NaN.
    fn reduce_min(self, a: Self::F32) -> f32;
    /// The largest lane; there are no NaN.
    fn reduce_max(self, a: Self::F32) -> f32;
    /// The sum of all lanes, by halves: `a[i] + a[i + LANES / 2]`, until one is left.
    fn reduce_sum(self, a: Self::F32) -> f32;

    // Minimum and maximum in a form that is faster on this instruction set, and right if
    // `quick_holds` says so afterwards.

    /// As `min`, under `quick_holds`.
    #[inline(always)]
    fn quick_min(self, x: Self::F32, so_far: Self::F32) -> Self::F32 {
        self.min(x, so_far)
    }
    /// As `max`, under `quick_holds`.
    fn quick_max(self, x: Self::F32, so_far: Self::F32) -> Self::F32;
    /// As `reduce_min`, under `quick_holds`.
    #[inline(always)]
    fn quick_reduce_min(self, a: Self::F32) -> f32 {
        self.reduce_min(a)
    }
    /// As `reduce_max`, under `quick_holds`.
    fn quick_reduce_max(self, a: Self::F32) -> f32;
    /// Whether these results of the quick forms are what the others would have given.
    fn quick_holds(self, min: f32, max: f32) -> bool;

    // Rounding and narrowing.

    /// `rne(a)`, where that fits. `track_specials` remembers where it did not.
    fn round(self, a: Self::F32) -> Self::I32;
    /// `a` as f32, rounded half to even.
    fn to_f32(self, a: Self::I32) -> Self::F32;
    /// `a` and `b` saturated to 16 bits, in the order that `narrow_to_u8` and `narrow_to_i8`
    /// undo.
    fn narrow_i32(self, a: Self::I32, b: Self::I32) -> Self::I16;
    /// `a` and `b` saturated to `[0, 255]`, in the order of the quad.
    fn narrow_to_u8(self, a: Self::I16, b: Self::I16) -> Self::U8;
    /// `a` and `b` saturated to `[−128, 127]`, in the order of the quad.
    fn narrow_to_i8(self, a: Self::I16, b: Self::I16) -> Self::U8;
    /// `a` and `b` saturated to `[−32768, 32767]`: 16-bit elements, in the order of a vector in memory.
    fn pack_i16(self, a: Self::I32, b: Self::I32) -> Self::U8;
    /// `from`, which has `LANES` elements.
    fn widen_u16(self, from: &[u16]) -> Self::I32;
    /// None seen yet.
    fn no_specials(self) -> Self::Specials;
    /// Looks at quotients and what became of them in `round` and `narrow_i32`, and remembers if
    /// one was NaN, infinite, or too large for `round`.
    fn track_specials(
        self,
        so_far: Self::Specials,
        a: [Self::F32; 4],
        narrowed: [Self::I16; 2],
    ) -> Self::Specials;
    /// Whether there was such a quotient. (It may err on this side.)
    fn has_specials(self, specials: Self::Specials) -> bool;

    // The same for quotients that are NaN or infinite only: sums of products stay finite if there
    // are none (and if these are not too large). They begin with 1 lest they be subnormal.

    /// None seen yet.
    #[inline(always)]
    fn finite(self) -> [Self::F32; 2] {
        [self.splat_f32(1.0); 2]
    }

    /// Remembers if a lane was NaN or infinite.
    #[inline(always)]
    fn watch_finite(self, so_far: [Self::F32; 2], a: [Self::F32; 4]) -> [Self::F32; 2] {
        let [a, b, c, d] = a;
        [self.mul_add(a, b, so_far[0]), self.mul_add(c, d, so_far[1])]
    }

    /// Whether there was no such lane. (It may err on the other side.)
    #[inline(always)]
    fn all_finite(self, [a, b]: [Self::F32; 2]) -> bool {
        let zero = self.splat_f32(0.0);
        !self.any_nan(self.mul_add(a, zero, self.mul(b, zero)))
    }

    // Integers.

    /// `a`.
    fn splat_i32(self, a: i32) -> Self::I32;
    /// `a`.
    fn splat_i16(self, a: i16) -> Self::I16;
    /// `a`.
    fn splat_u8(self, a: u8) -> Self::U8;
    /// `min(max(a, lo), hi)`.
    fn clamp_i32(self, a: Self::I32, lo: Self::I32, hi: Self::I32) -> Self::I32;
    /// `max(a, b)`.
    fn max_i32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// `max(a, b)` of the bits as unsigned numbers.
    fn max_u32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// The largest lane.
    fn reduce_max_i32(self, a: Self::I32) -> i32;
    /// The larger of each two neighbours, `max(a[2i], a[2i + 1])`: those of `a`, then those of `b`.
    fn max_pairs_i32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// `a + b`, saturated to 32 bits.
    fn add_saturated_i32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// `(a · multiplier + 2^(shift − 1)) >> shift` in 64 bits, with `1 <= shift <= 62`; the result
    /// fits 32. `uniform`: all lanes of the multiplier are the same, and so are those of the shift.
    fn mul_shift(
        self,
        a: Self::I32,
        multiplier: Self::I32,
        shift: Self::I32,
        uniform: bool,
    ) -> Self::I32;
    /// `a / 2^shift`, rounded half away from zero, with `0 <= shift <= 31`: `RoundingDivideByPOT` of
    /// gemmlowp.
    fn divide_by_power(self, a: Self::I32, shift: Self::I32) -> Self::I32;
    /// `a + b`, saturated to 16 bits.
    fn add_i16(self, a: Self::I16, b: Self::I16) -> Self::I16;
    /// `max(a, b)` of unsigned bytes.
    fn max_u8(self, a: Self::U8, b: Self::U8) -> Self::U8;
    /// `min(a, b)` of unsigned bytes.
    fn min_u8(self, a: Self::U8, b: Self::U8) -> Self::U8;
    /// `max(a, b)` of signed bytes.
    fn max_i8(self, a: Self::U8, b: Self::U8) -> Self::U8;
    /// `min(a, b)` of signed bytes.
    fn min_i8(self, a: Self::U8, b: Self::U8) -> Self::U8;
    /// `from − zero_point` as f32, of the quad's vector `i`; `from` has `4 · LANES` unsigned elements.
    /// `AFFINE`: the zero point is not 0.
    fn offsets_u8<const AFFINE: bool>(self, from: &[u8], i: usize, zero_point: u8) -> Self::F32;
    /// `from − zero_point` as f32, of the quad's vector `i`; `from` has `4 · LANES` signed elements.
    /// `AFFINE`: the zero point is not 0.
    fn offsets_i8<const AFFINE: bool>(self, from: &[u8], i: usize, zero_point: i8) -> Self::F32;

    // For sums over codes.

    /// The vectors of `from`, and what is left.
    fn vectors(from: &[u8]) -> (&[Self::Bytes], &[u8]);
    /// The last `len` elements of `from`, which are at most `4 · LANES`, somewhere among zeros: for
    /// slices of the same length, in the same lanes.
    fn load_u8_last(self, from: &[u8], len: usize) -> Self::U8;
    /// `a ^ b`.
    fn xor_u8(self, a: Self::U8, b: Self::U8) -> Self::U8;
    /// `a ^ 0x80`: from unsigned to signed codes, all 128 less, or back.
    #[inline(always)]
    fn flip(self, a: Self::U8) -> Self::U8 {
        self.xor_u8(a, self.splat_u8(0x80))
    }
    /// `|a − b|` of unsigned bytes.
    fn abs_diff_u8(self, a: Self::U8, b: Self::U8) -> Self::U8;
    /// `|a − b|` of signed bytes, as an unsigned one.
    fn abs_diff_i8(self, a: Self::U8, b: Self::U8) -> Self::U8;
    /// `a + b`, with wrap-around.
    fn add_i32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// `a − b`, with wrap-around.
    fn sub_i32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// `a · b`, with wrap-around.
    fn mul_i32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// The sum of all lanes, with wrap-around.
    fn reduce_add(self, a: Self::I32) -> i32;
}

/// The right to store past the caches.
///
/// Streamed stores are not ordered with others: until a fence, another thread may see them late,
/// whatever it has synchronized with, and this one must not touch the same bytes. So there is no
/// streamed store without a value of this type, and when it is dropped, it fences.
pub(crate) struct Streaming(());

impl Streaming {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self(())
    }
}

impl Drop for Streaming {
    /// The only architecture that streams has one fence for all of its vectors.
    #[inline(always)]
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        avx2::fence();
        scalar::record::fence();
    }
}

/// Every byte: the indices of a table.
pub(crate) const BYTES: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut i = 0;
    while i < 256 {
        bytes[i] = i as u8;
        i += 1;
    }
    bytes
};

/// A table of 256 bytes, as an instruction set looks them up.
pub(crate) trait Lookup<S: Simd>: Copy {
    /// Runs `f` compiled for what looks them up too.
    fn vectorize<F: NullaryFnOnce>(&self, f: F) -> F::Output;
    /// `table[i]`, of each byte.
    fn look_up(&self, s: S, i: S::U8) -> S::U8;
}

/// A table for shuffles of 16 bytes, which give 0 for indices that are negative: the first part, then each
/// part xor the one before it, of either half.
///
/// `table[i]`, of an `i` below 128, is the xor of the entries `i % 16` of the parts up to `i / 16`: those
/// of the part `p` are looked up by `i − 16 · p`, saturated, which is negative for the parts after
/// that.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn shuffles(table: &[u8; 256]) -> [[u8; 16]; 16] {
    let mut parts: [[u8; 16]; 16] = bytemuck::must_cast(*table);
    let mut p = 15;
    while p > 0 {
        if p % 8 > 0 {
            for i in 0..16 {
                parts[p][i] ^= parts[p - 1][i];
            }
        }
        p -= 1;
    }
    parts
}

/// `i ↦ rne((i − from) · ratio) + to`, saturated: what the entries of a table should be, but for
/// rounding and narrower bounds.
#[derive(Clone, Copy)]
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "only AVX2 has no quick look-up of any bytes")
)]
pub(crate) struct Line {
    pub(crate) ratio: f32,
    pub(crate) from: i16,
    pub(crate) to: i16,
    /// What makes the index an unsigned number, if it is not one: 0x80 or 0.
    pub(crate) flip_from: u8,
    /// What makes the entry an unsigned number.
    pub(crate) flip_to: u8,
}

/// The elements of `from`, of which there are `N`.
#[inline(always)]
fn array<T: Copy, const N: usize>(from: &[T]) -> [T; N] {
    *from.first_chunk().expect("a slice of a whole vector")
}

/// Writes to `to`, which has `N` elements.
#[inline(always)]
fn put<T, const N: usize>(a: [T; N], to: &mut [T]) {
    *to.first_chunk_mut().expect("a slice of a whole vector") = a;
}

/// `from`, which has at most `8 · N` elements, then zeros, by way of registers: no load from memory
/// waits for shorter stores to it.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
#[inline(always)]
fn words<const N: usize>(from: &[u8]) -> [u64; N] {
    let len = from.len();
    // The last elements, that make no whole word.
    let mut part = 0;
    if len >= 8 {
        let last = u64::from_le_bytes(array(&from[len - 8..]));
        part = last.checked_shr(64 - len as u32 % 8 * 8).unwrap_or(0);
    } else {
        let mut at = 0;
        if len & 4 > 0 {
            part = u32::from_le_bytes(array(from)).into();
            at = 4;
        }
        if len & 2 > 0 {
            part |= u64::from(u16::from_le_bytes(array(&from[at..]))) << (8 * at);
            at += 2;
        }
        if len & 1 > 0 {
            part |= u64::from(from[at]) << (8 * at);
        }
    }
    let mut words = [0; N];
    for i in 0..N {
        if len >= 8 * i + 8 {
            words[i] = u64::from_le_bytes(array(&from[8 * i..]));
        } else if len > 8 * i {
            words[i] = part;
        }
    }
    words
}

/// The first elements of `words` to `to`, which has at most `8 · N`.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
#[inline(always)]
fn put_words<const N: usize>(words: [u64; N], to: &mut [u8]) {
    let len = to.len();
    for i in 0..N {
        if len >= 8 * i + 8 {
            put(words[i].to_le_bytes(), &mut to[8 * i..]);
        } else if len > 8 * i {
            // The last elements, that make no whole word.
            let mut rest = words[i];
            let mut at = 8 * i;
            if len & 4 > 0 {
                put((rest as u32).to_le_bytes(), &mut to[at..]);
                (rest, at) = (rest >> 32, at + 4);
            }
            if len & 2 > 0 {
                put((rest as u16).to_le_bytes(), &mut to[at..]);
                (rest, at) = (rest >> 16, at + 2);
            }
            if len & 1 > 0 {
                to[at] = rest as u8;
            }
        }
    }
}

/// A type of codes as the kernels see it: which of the primitives are its own.
pub(crate) trait Byte: crate::Code8 {
    /// The other type, of what [`Simd::flip`] makes of these codes.
    type Flipped: Byte;

    fn splat<S: Simd>(self, s: S) -> S::U8;
    fn narrow<S: Simd>(s: S, a: S::I16, b: S::I16) -> S::U8;
    fn offsets<S: Simd, const AFFINE: bool>(
        s: S,
        from: &[u8],
        i: usize,
        zero_point: Self,
    ) -> S::F32;
    fn larger<S: Simd>(s: S, a: S::U8, b: S::U8) -> S::U8;
    fn smaller<S: Simd>(s: S, a: S::U8, b: S::U8) -> S::U8;
    fn abs_diff<S: Simd>(s: S, a: S::U8, b: S::U8) -> S::U8;
}

impl Byte for u8 {
    type Flipped = i8;

    #[inline(always)]
    fn splat<S: Simd>(self, s: S) -> S::U8 {
        s.splat_u8(self)
    }

    #[inline(always)]
    fn narrow<S: Simd>(s: S, a: S::I16, b: S::I16) -> S::U8 {
        s.narrow_to_u8(a, b)
    }

    #[inline(always)]
    fn offsets<S: Simd, const AFFINE: bool>(
        s: S,
        from: &[u8],
        i: usize,
        zero_point: Self,
    ) -> S::F32 {
        s.offsets_u8::<AFFINE>(from, i, zero_point)
    }

    #[inline(always)]
    fn larger<S: Simd>(s: S, a: S::U8, b: S::U8) -> S::U8 {
        s.max_u8(a, b)
    }

    #[inline(always)]
    fn smaller<S: Simd>(s: S, a: S::U8, b: S::U8) -> S::U8 {
        s.min_u8(a, b)
    }

    #[inline(always)]
    fn abs_diff<S: Simd>(s: S, a: S::U8, b: S::U8) -> S::U8 {
        s.abs_diff_u8(a, b)
    }
}

impl Byte for i8 {
    type Flipped = u8;

    #[inline(always)]
    fn splat<S: Simd>(self, s: S) -> S::U8 {
        s.splat_u8(self as u8)
    }

    #[inline(always)]
    fn narrow<S: Simd>(s: S, a: S::I16, b: S::I16) -> S::U8 {
        s.narrow_to_i8(a, b)
    }

    #[inline(always)]
    fn offsets<S: Simd, const AFFINE: bool>(
        s: S,
        from: &[u8],
        i: usize,
        zero_point: Self,
    ) -> S::F32 {
        s.offsets_i8::<AFFINE>(from, i, zero_point)
    }

    #[inline(always)]
    fn larger<S: Simd>(s: S, a: S::U8, b: S::U8) -> S::U8 {
        s.max_i8(a, b)
    }

    #[inline(always)]
    fn smaller<S: Simd>(s: S, a: S::U8, b: S::U8) -> S::U8 {
        s.min_i8(a, b)
    }

    #[inline(always)]
    fn abs_diff<S: Simd>(s: S, a: S::U8, b: S::U8) -> S::U8 {
        s.abs_diff_i8(a, b)
    }
}
