//! Plain arrays in the shape of a vector register: the kernels for any CPU, which compilers make vectors
//! of where the target has them.
//!
//! In unit tests it keeps record of what is streamed, and checks that nothing touches that before a
//! fence.

use super::dot::Dot;
use super::{Byte, Line, Lookup, Simd, Streaming, array, put};
use pulp::NullaryFnOnce;
use record::{streamed, touched};

/// An expression for each lane. (`array::from_fn` takes the compiler several times as long, since it has to
/// unroll loops.)
macro_rules! each {
    (4, $i:ident => $lane:expr) => {
        each!([0 1 2 3], $i => $lane)
    };
    (8, $i:ident => $lane:expr) => {
        each!([0 1 2 3 4 5 6 7], $i => $lane)
    };
    (16, $i:ident => $lane:expr) => {
        each!([0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15], $i => $lane)
    };
    ([$($lane:literal)*], $i:ident => $value:expr) => {
        [$({
            let $i: usize = $lane;
            $value
        }),*]
    };
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalar;

impl Scalar {
    /// Every CPU has it.
    #[inline(always)]
    pub(crate) const fn detect() -> Option<Self> {
        Some(Self)
    }
}

/// A code as a number.
#[inline(always)]
fn value<Q: Byte>(code: u8) -> i32 {
    if Q::SIGNED { i32::from(code as i8) } else { i32::from(code) }
}

impl Simd for Scalar {
    const REGISTERS: usize = 16;
    const LANES: usize = 4;
    const FUSED: bool = false;
    const HAS_VARIANTS: bool = false;

    type F32 = [f32; 4];
    type I32 = [i32; 4];
    type I16 = [i16; 8];
    type U8 = [u8; 16];
    type Bytes = [u8; 16];
    type Specials = [[f32; 4]; 2];
    type Lookup = [u8; 256];
    type QuickLookup = [u8; 256];

    /// Not inlined: what comes before it may set the floating-point environment.
    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        #[inline(never)]
        fn frame<F: NullaryFnOnce>(f: F) -> F::Output {
            f.call()
        }

        frame(f)
    }

    #[inline(always)]
    fn lookup(self, table: &[u8; 256]) -> [u8; 256] {
        *table
    }

    #[inline(always)]
    fn quick_lookup(self, table: &[u8; 256], _: Option<Line>) -> Option<[u8; 256]> {
        Some(*table)
    }

    #[inline(always)]
    fn load_f32(self, from: &[f32]) -> [f32; 4] {
        touched(from);
        array(from)
    }

    #[inline(always)]
    fn load_u8(self, from: &[u8]) -> [u8; 16] {
        touched(from);
        array(from)
    }

    #[inline(always)]
    fn load_i32(self, from: &[i32]) -> [i32; 4] {
        touched(from);
        array(from)
    }

    #[inline(always)]
    fn load_i32_partial(self, from: &[i32]) -> [i32; 4] {
        touched(from);
        each!(4, i => from.get(i).copied().unwrap_or(0))
    }

    #[inline(always)]
    fn store_f32(self, a: [f32; 4], to: &mut [f32]) {
        touched(to);
        put(a, to);
    }

    #[inline(always)]
    fn store_i32(self, a: [i32; 4], to: &mut [i32]) {
        touched(to);
        put(a, to);
    }

    #[inline(always)]
    fn store_u8(self, a: [u8; 16], to: &mut [u8]) {
        touched(to);
        put(a, to);
    }

    #[inline(always)]
    fn load_f32_partial(self, from: &[f32], fill: f32) -> [f32; 4] {
        touched(from);
        each!(4, i => from.get(i).copied().unwrap_or(fill))
    }

    #[inline(always)]
    fn load_u8_partial(self, from: &[u8]) -> [u8; 16] {
        touched(from);
        each!(16, i => from.get(i).copied().unwrap_or(0))
    }

    #[inline(always)]
    fn store_f32_partial(self, a: [f32; 4], to: &mut [f32]) {
        touched(to);
        to.copy_from_slice(&a[..to.len()]);
    }

    #[inline(always)]
    fn store_u8_partial(self, a: [u8; 16], to: &mut [u8]) {
        touched(to);
        to.copy_from_slice(&a[..to.len()]);
    }

    #[inline(always)]
    fn stream_u8(self, _: &Streaming, a: [u8; 16], to: &mut [u8]) {
        streamed(to);
        put(a, to);
    }

    #[inline(always)]
    fn splat_f32(self, a: f32) -> [f32; 4] {
        [a; 4]
    }

    #[inline(always)]
    fn sub(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        each!(4, i => a[i] - b[i])
    }

    #[inline(always)]
    fn mul(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        each!(4, i => a[i] * b[i])
    }

    #[inline(always)]
    fn add(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        each!(4, i => a[i] + b[i])
    }

    #[inline(always)]
    fn div(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        each!(4, i => a[i] / b[i])
    }

    #[inline(always)]
    fn abs(self, a: [f32; 4]) -> [f32; 4] {
        each!(4, i => a[i].abs())
    }

    #[inline(always)]
    fn fma(self, a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        each!(4, i => libm::fmaf(a[i], b[i], c[i]))
    }

    #[inline(always)]
    fn mul_add(self, a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        each!(4, i => a[i] * b[i] + c[i])
    }

    #[inline(always)]
    fn mul_tiny(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        self.mul(a, b)
    }

    #[inline(always)]
    fn clamp(self, a: [f32; 4], lo: [f32; 4], hi: [f32; 4]) -> [f32; 4] {
        each!(4, i => a[i].clamp(lo[i], hi[i]))
    }

    #[inline(always)]
    fn zero_where_nan(self, a: [f32; 4], like: [f32; 4]) -> [f32; 4] {
        each!(4, i => if like[i].is_nan() { 0.0 } else { a[i] })
    }

    #[inline(always)]
    fn any_nan(self, a: [f32; 4]) -> bool {
        a[0].is_nan() | a[1].is_nan() | a[2].is_nan() | a[3].is_nan()
    }

    /// The sum makes a signalling NaN a quiet one. Without it, where compilers make a minimum of the
    /// comparison (`fminnm` of aarch64), a signalling NaN would become the result. A −0.0 counts as 0.0.
    #[inline(always)]
    fn min(self, x: [f32; 4], so_far: [f32; 4]) -> [f32; 4] {
        each!(4, i => {
            let x = x[i] + 0.0;
            if x < so_far[i] { x } else { so_far[i] }
        })
    }

    /// As `min`.
    #[inline(always)]
    fn max(self, x: [f32; 4], so_far: [f32; 4]) -> [f32; 4] {
        each!(4, i => {
            let x = x[i] + 0.0;
            if x > so_far[i] { x } else { so_far[i] }
        })
    }

    #[inline(always)]
    fn reduce_min(self, a: [f32; 4]) -> f32 {
        a[0].min(a[1]).min(a[2].min(a[3]))
    }

    #[inline(always)]
    fn reduce_max(self, a: [f32; 4]) -> f32 {
        a[0].max(a[1]).max(a[2].max(a[3]))
    }

    #[inline(always)]
    fn reduce_sum(self, [a, b, c, d]: [f32; 4]) -> f32 {
        (a + c) + (b + d)
    }

    #[inline(always)]
    fn quick_max(self, x: [f32; 4], so_far: [f32; 4]) -> [f32; 4] {
        self.max(x, so_far)
    }

    #[inline(always)]
    fn quick_reduce_max(self, a: [f32; 4]) -> f32 {
        self.reduce_max(a)
    }

    #[inline(always)]
    fn quick_holds(self, _: f32, _: f32) -> bool {
        true
    }

    /// By an addition that leaves no room for a fraction, and rounds. The bits of larger sums are larger, so
    /// quotients that are too large become integers that are too large for any code, as those
    /// that are too low do by a bound. A NaN becomes any integer.
    #[inline(always)]
    fn round(self, a: [f32; 4]) -> [i32; 4] {
        const LIMIT: f32 = (1 << 22) as f32;
        const MAGIC: f32 = 1.5 * (1 << 23) as f32;
        each!(4, i => {
            let a = if a[i] > -LIMIT { a[i] } else { -LIMIT };
            (a + MAGIC).to_bits().wrapping_sub(MAGIC.to_bits()) as i32
        })
    }

    #[inline(always)]
    fn to_f32(self, a: [i32; 4]) -> [f32; 4] {
        each!(4, i => a[i] as f32)
    }

    #[inline(always)]
    fn narrow_i32(self, a: [i32; 4], b: [i32; 4]) -> [i16; 8] {
        let both: [i32; 8] = bytemuck::must_cast([a, b]);
        each!(8, i => both[i].clamp(-32768, 32767) as i16)
    }

    #[inline(always)]
    fn narrow_to_u8(self, a: [i16; 8], b: [i16; 8]) -> [u8; 16] {
        let both: [i16; 16] = bytemuck::must_cast([a, b]);
        each!(16, i => both[i].clamp(0, 255) as u8)
    }

    #[inline(always)]
    fn narrow_to_i8(self, a: [i16; 8], b: [i16; 8]) -> [u8; 16] {
        let both: [i16; 16] = bytemuck::must_cast([a, b]);
        each!(16, i => both[i].clamp(-128, 127) as u8)
    }

    #[inline(always)]
    fn pack_i16(self, a: [i32; 4], b: [i32; 4]) -> [u8; 16] {
        bytemuck::must_cast(self.narrow_i32(a, b))
    }

    #[inline(always)]
    fn widen_u16(self, from: &[u16]) -> [i32; 4] {
        touched(from);
        let from: [_; 4] = array(from);
        each!(4, i => from[i].into())
    }

    #[inline(always)]
    fn no_specials(self) -> [[f32; 4]; 2] {
        self.finite()
    }

    #[inline(always)]
    fn track_specials(
        self,
        so_far: [[f32; 4]; 2],
        a: [[f32; 4]; 4],
        _: [[i16; 8]; 2],
    ) -> [[f32; 4]; 2] {
        self.watch_finite(so_far, a)
    }

    #[inline(always)]
    fn has_specials(self, specials: [[f32; 4]; 2]) -> bool {
        !self.all_finite(specials)
    }

    #[inline(always)]
    fn splat_i32(self, a: i32) -> [i32; 4] {
        [a; 4]
    }

    #[inline(always)]
    fn clamp_i32(self, a: [i32; 4], lo: [i32; 4], hi: [i32; 4]) -> [i32; 4] {
        each!(4, i => a[i].clamp(lo[i], hi[i]))
    }

    #[inline(always)]
    fn max_i32(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        each!(4, i => a[i].max(b[i]))
    }

    #[inline(always)]
    fn max_u32(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        each!(4, i => (a[i] as u32).max(b[i] as u32) as i32)
    }

    #[inline(always)]
    fn reduce_max_i32(self, a: [i32; 4]) -> i32 {
        a[0].max(a[1]).max(a[2].max(a[3]))
    }

    #[inline(always)]
    fn max_pairs_i32(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        [a[0].max(a[1]), a[2].max(a[3]), b[0].max(b[1]), b[2].max(b[3])]
    }

    // Lanes without an element may have any shift.
    #[inline(always)]
    fn divide_by_power(self, a: [i32; 4], shift: [i32; 4]) -> [i32; 4] {
        each!(4, i => {
            let unit = 1_i64 << (shift[i] & 31);
            let away = if a[i] < 0 { -unit / 2 } else { unit / 2 };
            ((i64::from(a[i]) + away) / unit) as i32
        })
    }

    #[inline(always)]
    fn add_saturated_i32(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        each!(4, i => a[i].saturating_add(b[i]))
    }

    // Lanes without an element may have any shift.
    #[inline(always)]
    fn mul_shift(self, a: [i32; 4], multiplier: [i32; 4], shift: [i32; 4], _: bool) -> [i32; 4] {
        each!(4, i => {
            let shift = shift[i] & 63;
            let product = i64::from(a[i]) * i64::from(multiplier[i]);
            (product.wrapping_add(1_i64 << shift >> 1) >> shift) as i32
        })
    }

    #[inline(always)]
    fn splat_i16(self, a: i16) -> [i16; 8] {
        [a; 8]
    }

    #[inline(always)]
    fn splat_u8(self, a: u8) -> [u8; 16] {
        [a; 16]
    }

    #[inline(always)]
    fn add_i16(self, a: [i16; 8], b: [i16; 8]) -> [i16; 8] {
        each!(8, i => a[i].saturating_add(b[i]))
    }

    #[inline(always)]
    fn max_u8(self, a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        each!(16, i => a[i].max(b[i]))
    }

    #[inline(always)]
    fn min_u8(self, a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        each!(16, i => a[i].min(b[i]))
    }

    #[inline(always)]
    fn max_i8(self, a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        each!(16, i => (a[i] as i8).max(b[i] as i8) as u8)
    }

    #[inline(always)]
    fn min_i8(self, a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        each!(16, i => (a[i] as i8).min(b[i] as i8) as u8)
    }

    #[inline(always)]
    fn offsets_u8<const AFFINE: bool>(self, from: &[u8], i: usize, zero_point: u8) -> [f32; 4] {
        each!(4, j => f32::from(from[4 * i + j]) - f32::from(zero_point))
    }

    #[inline(always)]
    fn offsets_i8<const AFFINE: bool>(self, from: &[u8], i: usize, zero_point: i8) -> [f32; 4] {
        each!(4, j => f32::from(from[4 * i + j] as i8) - f32::from(zero_point))
    }

    #[inline(always)]
    fn vectors(from: &[u8]) -> (&[[u8; 16]], &[u8]) {
        from.as_chunks()
    }

    // In the last lanes where it can, as on NEON.
    #[inline(always)]
    fn load_u8_last(self, from: &[u8], len: usize) -> [u8; 16] {
        if from.len() < 16 {
            return self.load_u8_partial(&from[from.len() - len..]);
        }
        let last = &from[from.len() - 16..];
        each!(16, i => if i < 16 - len { 0 } else { last[i] })
    }

    #[inline(always)]
    fn xor_u8(self, a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        each!(16, i => a[i] ^ b[i])
    }

    #[inline(always)]
    fn abs_diff_u8(self, a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        each!(16, i => a[i].abs_diff(b[i]))
    }

    #[inline(always)]
    fn abs_diff_i8(self, a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        each!(16, i => (a[i] as i8).abs_diff(b[i] as i8))
    }

    #[inline(always)]
    fn add_i32(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        each!(4, i => a[i].wrapping_add(b[i]))
    }

    #[inline(always)]
    fn sub_i32(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        each!(4, i => a[i].wrapping_sub(b[i]))
    }

    #[inline(always)]
    fn mul_i32(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        each!(4, i => a[i].wrapping_mul(b[i]))
    }

    #[inline(always)]
    fn reduce_add(self, a: [i32; 4]) -> i32 {
        a[0].wrapping_add(a[1]).wrapping_add(a[2].wrapping_add(a[3]))
    }
}

impl Dot for Scalar {
    type Base = Self;

    const SAME: bool = true;
    const MIXED: bool = true;
    const MR: usize = 4;
    const SUMS: usize = 8;

    type Left = i8;

    #[inline(always)]
    fn base(self) -> Self {
        self
    }

    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        Simd::vectorize(self, f)
    }

    #[inline(always)]
    fn dot<A: Byte, B: Byte>(self, sum: [i32; 4], a: [u8; 16], b: [u8; 16]) -> [i32; 4] {
        each!(4, lane => {
            let products = each!(4, j => {
                let i = 4 * lane + j;
                value::<A>(a[i]) * value::<B>(b[i])
            });
            let [a, b, c, d] = products;
            sum[lane].wrapping_add(a + b + (c + d))
        })
    }
}

impl Lookup<Scalar> for [u8; 256] {
    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(&self, f: F) -> F::Output {
        f.call()
    }

    #[inline(always)]
    fn look_up(&self, _: Scalar, i: [u8; 16]) -> [u8; 16] {
        each!(16, lane => self[usize::from(i[lane])])
    }
}

#[cfg(not(test))]
pub(crate) mod record {
    #[inline(always)]
    pub(super) fn streamed<T>(_: &[T]) {}

    #[inline(always)]
    pub(super) fn touched<T>(_: &[T]) {}

    #[inline(always)]
    pub(crate) fn fence() {}
}

/// What is streamed past the caches, in unit tests. The tier does not do so otherwise.
#[cfg(test)]
pub(crate) mod record {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;

    std::thread_local! {
        /// Where this thread has streamed to since the last fence: from these addresses to these.
        static STREAMED: RefCell<BTreeMap<usize, usize>> = const { RefCell::new(BTreeMap::new()) };
        /// How many bytes this thread has streamed in all.
        static BYTES: Cell<usize> = const { Cell::new(0) };
    }

    /// Notes that a slice was streamed to.
    pub(super) fn streamed<T>(to: &[T]) {
        touched(to);
        BYTES.set(BYTES.get() + size_of_val(to));
        let [start, end] = ends_of(to);
        STREAMED.with_borrow_mut(|all| match all.range_mut(..start).next_back() {
            Some((_, last)) if *last == start => *last = end,
            _ => drop(all.insert(start, end)),
        });
    }

    /// Checks that a slice, which is to be read or written, was not streamed to since the last fence.
    pub(super) fn touched<T>(slice: &[T]) {
        let [start, end] = ends_of(slice);
        STREAMED.with_borrow(|all| {
            let last = all.range(..end).next_back();
            let is_free = last.is_none_or(|(_, &last)| last <= start);
            assert!(is_free, "streamed to, and touched before a fence");
        });
    }

    pub(crate) fn fence() {
        STREAMED.with_borrow_mut(BTreeMap::clear);
    }

    pub(crate) fn streamed_bytes() -> usize {
        BYTES.get()
    }

    /// Whether this thread has fenced all that it streamed.
    pub(crate) fn all_fenced() -> bool {
        STREAMED.with_borrow(BTreeMap::is_empty)
    }

    #[inline(always)]
    fn ends_of<T>(slice: &[T]) -> [usize; 2] {
        let range = slice.as_ptr_range();
        [range.start.addr(), range.end.addr()]
    }
}
