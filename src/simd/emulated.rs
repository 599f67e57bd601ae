//! Plain arrays in the shape of NEON: runs the kernels' logic on any machine.

use super::dot::Dot;
use super::{Byte, Line, Lookup, Simd, Streaming, array, put};
use core::array::from_fn;
use pulp::NullaryFnOnce;
use std::cell::RefCell;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Emulated;

std::thread_local! {
    /// Where this thread has streamed to since the last fence: from these addresses to these.
    static STREAMED: RefCell<BTreeMap<usize, usize>> = const { RefCell::new(BTreeMap::new()) };
}

/// Notes that a slice was streamed to.
fn streamed<T>(to: &[T]) {
    touched(to);
    let [start, end] = ends_of(to);
    STREAMED.with_borrow_mut(|all| match all.range_mut(..start).next_back() {
        Some((_, last)) if *last == start => *last = end,
        _ => drop(all.insert(start, end)),
    });
}

/// Checks that a slice, which is to be read or written, was not streamed to since the last fence.
fn touched<T>(slice: &[T]) {
    let [start, end] = ends_of(slice);
    STREAMED.with_borrow(|all| {
        let last = all.range(..end).next_back();
        let is_free = last.is_none_or(|(_, &last)| last <= start);
        assert!(is_free, "streamed to, and touched before a fence");
    });
}

fn ends_of<T>(slice: &[T]) -> [usize; 2] {
    let range = slice.as_ptr_range();
    [range.start.addr(), range.end.addr()]
}

/// Whether this thread has fenced all that it streamed.
pub(crate) fn all_fenced() -> bool {
    STREAMED.with_borrow(BTreeMap::is_empty)
}

impl Simd for Emulated {
    const LANES: usize = 4;

    type F32 = [f32; 4];
    type I32 = [i32; 4];
    type I16 = [i16; 8];
    type U8 = [u8; 16];
    type Bytes = [u8; 16];
    type Watch = [[f32; 4]; 2];
    type Lookup = Self;

    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        f.call()
    }

    fn lookup(self) -> Option<Self> {
        Some(self)
    }

    fn load_f32(self, from: &[f32]) -> [f32; 4] {
        touched(from);
        array(from)
    }

    fn load_u8(self, from: &[u8]) -> [u8; 16] {
        touched(from);
        array(from)
    }

    fn load_i32(self, from: &[i32]) -> [i32; 4] {
        touched(from);
        array(from)
    }

    fn load_i32_partial(self, from: &[i32]) -> [i32; 4] {
        touched(from);
        from_fn(|i| from.get(i).copied().unwrap_or(0))
    }

    fn store_f32(self, a: [f32; 4], to: &mut [f32]) {
        touched(to);
        put(a, to);
    }

    fn store_i32(self, a: [i32; 4], to: &mut [i32]) {
        touched(to);
        put(a, to);
    }

    fn store_u8(self, a: [u8; 16], to: &mut [u8]) {
        touched(to);
        put(a, to);
    }

    fn load_f32_partial(self, from: &[f32], fill: f32) -> [f32; 4] {
        touched(from);
        from_fn(|i| from.get(i).copied().unwrap_or(fill))
    }

    fn load_u8_partial(self, from: &[u8]) -> [u8; 16] {
        touched(from);
        from_fn(|i| from.get(i).copied().unwrap_or(0))
    }

    fn store_f32_partial(self, a: [f32; 4], to: &mut [f32]) {
        touched(to);
        to.copy_from_slice(&a[..to.len()]);
    }

    fn store_u8_partial(self, a: [u8; 16], to: &mut [u8]) {
        touched(to);
        to.copy_from_slice(&a[..to.len()]);
    }

    fn stream_f32(self, _: &Streaming<Self>, a: [f32; 4], to: &mut [f32]) {
        if ends_of(to)[0].is_multiple_of(16) {
            streamed(to);
            put(a, to);
        } else {
            self.store_f32(a, to);
        }
    }

    fn stream_u8(self, _: &Streaming<Self>, a: [u8; 16], to: &mut [u8]) {
        if ends_of(to)[0].is_multiple_of(16) {
            streamed(to);
            put(a, to);
        } else {
            self.store_u8(a, to);
        }
    }

    fn fence(self) {
        STREAMED.with_borrow_mut(BTreeMap::clear);
    }

    fn splat_f32(self, a: f32) -> [f32; 4] {
        [a; 4]
    }

    fn sub(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        from_fn(|i| a[i] - b[i])
    }

    fn mul(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        from_fn(|i| a[i] * b[i])
    }

    fn add(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        from_fn(|i| a[i] + b[i])
    }

    fn div(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        from_fn(|i| a[i] / b[i])
    }

    fn abs(self, a: [f32; 4]) -> [f32; 4] {
        a.map(f32::abs)
    }

    fn fma(self, a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        from_fn(|i| a[i].mul_add(b[i], c[i]))
    }

    fn mul_tiny(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        self.mul(a, b)
    }

    fn clamp(self, a: [f32; 4], lo: [f32; 4], hi: [f32; 4]) -> [f32; 4] {
        from_fn(|i| a[i].clamp(lo[i], hi[i]))
    }

    fn zero_where_nan(self, a: [f32; 4], like: [f32; 4]) -> [f32; 4] {
        from_fn(|i| if like[i].is_nan() { 0.0 } else { a[i] })
    }

    fn any_nan(self, a: [f32; 4]) -> bool {
        a.iter().any(|a| a.is_nan())
    }

    fn min(self, x: [f32; 4], so_far: [f32; 4]) -> [f32; 4] {
        from_fn(|i| if x[i] < so_far[i] { x[i] } else { so_far[i] })
    }

    fn max(self, x: [f32; 4], so_far: [f32; 4]) -> [f32; 4] {
        from_fn(|i| if x[i] > so_far[i] { x[i] } else { so_far[i] })
    }

    fn reduce_min(self, a: [f32; 4]) -> f32 {
        a.into_iter().fold(f32::INFINITY, f32::min)
    }

    fn reduce_max(self, a: [f32; 4]) -> f32 {
        a.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }

    fn reduce_sum(self, [a, b, c, d]: [f32; 4]) -> f32 {
        (a + c) + (b + d)
    }

    fn quick_min(self, x: [f32; 4], so_far: [f32; 4]) -> [f32; 4] {
        from_fn(|i| {
            if x[i].is_nan() {
                x[i]
            } else if x[i] < so_far[i] || so_far[i].is_nan() {
                if so_far[i].is_nan() { so_far[i] } else { x[i] }
            } else {
                so_far[i]
            }
        })
    }

    fn quick_max(self, x: [f32; 4], so_far: [f32; 4]) -> [f32; 4] {
        self.quick_min(x.map(|x| -x), so_far.map(|x| -x)).map(|x| -x)
    }

    fn quick_reduce_min(self, a: [f32; 4]) -> f32 {
        let mut min = [f32::INFINITY; 4];
        for a in a {
            min = self.quick_min([a; 4], min);
        }
        min[0]
    }

    fn quick_reduce_max(self, a: [f32; 4]) -> f32 {
        -self.quick_reduce_min(a.map(|x| -x))
    }

    fn quick_holds(self, min: f32, max: f32) -> bool {
        !min.is_nan() && !max.is_nan()
    }

    fn round(self, a: [f32; 4]) -> [i32; 4] {
        from_fn(|i| a[i].round_ties_even() as i32)
    }

    fn to_f32(self, a: [i32; 4]) -> [f32; 4] {
        from_fn(|i| a[i] as f32)
    }

    fn narrow_i32(self, a: [i32; 4], b: [i32; 4]) -> [i16; 8] {
        from_fn(|i| if i < 4 { a[i] } else { b[i - 4] }.clamp(-32768, 32767) as i16)
    }

    fn narrow_to_u8(self, a: [i16; 8], b: [i16; 8]) -> [u8; 16] {
        from_fn(|i| if i < 8 { a[i] } else { b[i - 8] }.clamp(0, 255) as u8)
    }

    fn narrow_to_i8(self, a: [i16; 8], b: [i16; 8]) -> [u8; 16] {
        from_fn(|i| if i < 8 { a[i] } else { b[i - 8] }.clamp(-128, 127) as u8)
    }

    fn unwatched(self) -> [[f32; 4]; 2] {
        self.finite()
    }

    fn watch(self, so_far: [[f32; 4]; 2], a: [[f32; 4]; 4], _: [[i16; 8]; 2]) -> [[f32; 4]; 2] {
        self.watch_finite(so_far, a)
    }

    fn alarmed(self, watch: [[f32; 4]; 2]) -> bool {
        !self.all_finite(watch)
    }

    fn splat_i32(self, a: i32) -> [i32; 4] {
        [a; 4]
    }

    fn clamp_i32(self, a: [i32; 4], lo: [i32; 4], hi: [i32; 4]) -> [i32; 4] {
        from_fn(|i| a[i].clamp(lo[i], hi[i]))
    }

    fn max_i32(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        from_fn(|i| a[i].max(b[i]))
    }

    fn max_u32(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        from_fn(|i| (a[i] as u32).max(b[i] as u32) as i32)
    }

    fn reduce_max_i32(self, a: [i32; 4]) -> i32 {
        a.into_iter().fold(i32::MIN, i32::max)
    }

    // Lanes without an element may have any shift.
    fn divide_by_power(self, a: [i32; 4], shift: [i32; 4]) -> [i32; 4] {
        from_fn(|i| {
            let unit = 1_i64 << (shift[i] & 31);
            let away = if a[i] < 0 { -unit / 2 } else { unit / 2 };
            ((i64::from(a[i]) + away) / unit) as i32
        })
    }

    fn add_saturated_i32(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        from_fn(|i| a[i].saturating_add(b[i]))
    }

    // Lanes without an element may have any shift.
    fn mul_shift(self, a: [i32; 4], multiplier: [i32; 4], shift: [i32; 4], _: bool) -> [i32; 4] {
        from_fn(|i| {
            let shift = shift[i] & 63;
            let product = i64::from(a[i]) * i64::from(multiplier[i]);
            (product.wrapping_add(1_i64 << shift >> 1) >> shift) as i32
        })
    }

    fn splat_i16(self, a: i16) -> [i16; 8] {
        [a; 8]
    }

    fn splat_u8(self, a: u8) -> [u8; 16] {
        [a; 16]
    }

    fn add_i16(self, a: [i16; 8], b: [i16; 8]) -> [i16; 8] {
        from_fn(|i| a[i].saturating_add(b[i]))
    }

    fn max_u8(self, a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        from_fn(|i| a[i].max(b[i]))
    }

    fn min_u8(self, a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        from_fn(|i| a[i].min(b[i]))
    }

    fn max_i8(self, a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        from_fn(|i| (a[i] as i8).max(b[i] as i8) as u8)
    }

    fn min_i8(self, a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        from_fn(|i| (a[i] as i8).min(b[i] as i8) as u8)
    }

    fn offsets_u8<const AFFINE: bool>(self, from: &[u8], i: usize, zero_point: u8) -> [f32; 4] {
        from_fn(|j| f32::from(from[4 * i + j]) - f32::from(zero_point))
    }

    fn offsets_i8<const AFFINE: bool>(self, from: &[u8], i: usize, zero_point: i8) -> [f32; 4] {
        from_fn(|j| f32::from(from[4 * i + j] as i8) - f32::from(zero_point))
    }

    fn vectors(from: &[u8]) -> (&[[u8; 16]], &[u8]) {
        from.as_chunks()
    }

    // In the last lanes where it can, as on NEON.
    fn load_u8_last(self, from: &[u8], len: usize) -> [u8; 16] {
        if from.len() < 16 {
            return self.load_u8_partial(&from[from.len() - len..]);
        }
        let last = &from[from.len() - 16..];
        from_fn(|i| if i < 16 - len { 0 } else { last[i] })
    }

    fn flip(self, a: [u8; 16]) -> [u8; 16] {
        a.map(|a| a ^ 0x80)
    }

    fn abs_diff_u8(self, a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        from_fn(|i| a[i].abs_diff(b[i]))
    }

    fn abs_diff_i8(self, a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
        from_fn(|i| (a[i] as i8).abs_diff(b[i] as i8))
    }

    fn add_i32(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        from_fn(|i| a[i].wrapping_add(b[i]))
    }

    fn sub_i32(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        from_fn(|i| a[i].wrapping_sub(b[i]))
    }

    fn mul_i32(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        from_fn(|i| a[i].wrapping_mul(b[i]))
    }

    fn reduce_add(self, a: [i32; 4]) -> i32 {
        a.into_iter().fold(0, i32::wrapping_add)
    }
}

/// As on NEON, pairs of the same sign only; and for matrix products, tiles as those of i8mm.
impl Dot for Emulated {
    type Base = Self;

    const SAME: bool = true;
    const MIXED: bool = false;

    const DEPTH: usize = 8;
    const ROWS: usize = 2;
    const WORDS: usize = 4;
    const TALLEST: usize = 6;
    const SUMS: usize = 16;

    type Left = i8;

    fn base(self) -> Self {
        self
    }

    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        f.call()
    }

    fn dot<A: Byte, B: Byte>(self, sum: [i32; 4], a: [u8; 16], b: [u8; 16]) -> [i32; 4] {
        assert_eq!(A::SIGNED, B::SIGNED, "NEON has no such pair");
        let value = |code: u8| {
            if A::SIGNED { i32::from(code as i8) } else { i32::from(code) }
        };
        from_fn(|lane| {
            (4 * lane..4 * lane + 4)
                .fold(sum[lane], |sum, i| sum.wrapping_add(value(a[i]) * value(b[i])))
        })
    }

    fn right(self, from: &[u8]) -> [[u8; 16]; 2] {
        [self.load_u8(&from[..16]), self.load_u8(&from[16..])]
    }

    fn multiply(
        self,
        sums: [[i32; 4]; 2],
        left: &[u32; 4],
        _: usize,
        right: [[u8; 16]; 2],
    ) -> [[i32; 4]; 2] {
        let left: [[i8; 8]; 2] = bytemuck::must_cast(*left);
        from_fn(|half| {
            let columns: [[i8; 8]; 2] = bytemuck::must_cast(right[half]);
            from_fn(|lane| {
                let (row, column) = (left[lane / 2], columns[lane % 2]);
                (0..8).fold(sums[half][lane], |sum, i| {
                    sum.wrapping_add(i32::from(row[i]) * i32::from(column[i]))
                })
            })
        })
    }

    fn rows(self, [a, b]: [[i32; 4]; 2]) -> [[i32; 4]; 2] {
        [[a[0], a[1], b[0], b[1]], [a[2], a[3], b[2], b[3]]]
    }
}

impl Lookup<Self> for Emulated {
    type Table = [u8; 256];

    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        f.call()
    }

    fn table(self, bytes: &[u8; 256], _: Line) -> Option<[u8; 256]> {
        Some(*bytes)
    }

    fn look_up(self, table: [u8; 256], i: [u8; 16]) -> [u8; 16] {
        i.map(|i| table[usize::from(i)])
    }
}
