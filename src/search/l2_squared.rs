//! `Σ ((aᵢ − za) − (bᵢ − zb))²`

use super::operand::{Operand, of_pair, value};
use crate::check::one_for_each;
use crate::error::Error;
use crate::kernels::pairs::{Pairs, add_codes, padding, pairs};
use crate::simd::dot::{Bytes, Dot, Int};
use crate::simd::{Byte, Simd};
use crate::tier::{DotOperation, Entry, Tier, dot_entries};
use crate::values::code::Code8;
use core::marker::PhantomData;

/// The squared Euclidean distance of two vectors of codes, less their zero points:
/// `Σ ((a[i] − za) − (b[i] − zb))²`, exact for every length.
///
/// It is that of the values in units of the scale, if both have the same. Zero points that are
/// equal cost nothing.
///
/// # Errors
/// [`Error::Length`] if `a` and `b` differ in length.
///
/// ```
/// # use zeropoint::search::l2_squared;
/// assert_eq!(l2_squared(&[0_u8, 255], 9, &[1_u8, 0], 9)?, 1 + 255 * 255);
/// assert_eq!(l2_squared(&[128_u8, 131], 128, &[0_i8, 0], 0)?, 9);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn l2_squared<A: Code8, B: Code8>(a: &[A], za: A, b: &[B], zb: B) -> Result<i64, Error> {
    match Tier::best_known() {
        Some(tier) => tier.l2_squared(a, za, b, zb),
        None => first(a, za, b, zb),
    }
}

/// The first call, if no other found the tier.
#[cold]
#[inline(never)]
fn first<A: Code8, B: Code8>(a: &[A], za: A, b: &[B], zb: B) -> Result<i64, Error> {
    Tier::best().l2_squared(a, za, b, zb)
}

impl Tier {
    /// [`l2_squared`](crate::search::l2_squared()) on this tier.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn l2_squared<A: Code8, B: Code8>(
        self,
        a: &[A],
        za: A,
        b: &[B],
        zb: B,
    ) -> Result<i64, Error> {
        one_for_each(("b", b.len()), ("elements of `a`", a.len()))?;
        if const { A::SIGNED && !B::SIGNED } {
            return self.l2_squared(b, zb, a, za);
        }
        Ok(of_pair!(A as S, B as T => {
            let (a, b) = (Operand::<S>::of(a, za), Operand::<T>::of(b, zb));
            L2 { a, b }.on(self)
        }))
    }
}

dot_entries!(L2<'_, u8, u8>, L2<'_, u8, i8>, L2<'_, i8, i8>);

struct L2<'a, A, B> {
    a: Operand<'a, A>,
    b: Operand<'a, B>,
}

impl<A: Byte, B: Byte> DotOperation for L2<'_, A, B> {
    type Output = i64;

    #[inline(always)]
    fn simd<D: Dot>(&mut self, d: D) -> i64 {
        let (a, b) = (self.a, self.b);
        if const { A::SIGNED == B::SIGNED } {
            by_sums::<D, A, false>(d, a, b.retyped())
        } else {
            by_sums::<D, A, true>(d, a, b.flipped().retyped())
        }
    }
}

/// Both of type `Q`, `b` after it is flipped, if it is.
#[inline(always)]
fn by_sums<D: Dot, Q: Byte, const FLIP: bool>(d: D, a: Operand<'_, Q>, b: Operand<'_, Q>) -> i64 {
    let offset = a.zero_point() - b.zero_point();
    let len = a.codes.len();
    let totals = if offset == 0 {
        let kernel = Differences::<Q, false, FLIP, false>::NEW;
        pairs::<D, _, 4, 2>(d, kernel, a.codes, b.codes)
    } else {
        let kernel = Differences::<Q, false, FLIP, true>::NEW;
        pairs::<D, _, 4, 2>(d, kernel, a.codes, b.codes)
    };
    Differences::<Q, false, FLIP, false>::distance::<D>(totals, offset, len)
}

/// `Σ (a − b)²`, and with `SUMS` also `Σ (a − b)`.
///
/// `Q`: the type that is subtracted. Codes of the other type are flipped to that.
#[derive(Clone, Copy)]
pub(super) struct Differences<Q, const FLIP_A: bool, const FLIP_B: bool, const SUMS: bool>(
    PhantomData<Q>,
);

impl<Q: Byte, const FLIP_A: bool, const FLIP_B: bool, const SUMS: bool>
    Differences<Q, FLIP_A, FLIP_B, SUMS>
{
    pub(super) const NEW: Self = Self(PhantomData);

    /// `Σ (a − b − offset)²` of `len` pairs, from the totals.
    #[inline(always)]
    pub(super) fn distance<D: Dot>([squares, sum]: [i64; 2], offset: i64, len: usize) -> i64 {
        // What the zeros after the last element differ by, if one side of them is flipped.
        let mut difference = 0;
        if FLIP_A {
            difference = value::<Q>(0x80);
        }
        if FLIP_B {
            difference = -value::<Q>(0x80);
        }
        squares + offset * (len as i64 * offset - 2 * sum)
            - padding::<D>(len) * difference * (difference - 2 * offset)
    }
}

/// The squares, what they have in excess, and the sums of `a` and `b`.
impl<D: Dot, Q: Byte, const FLIP_A: bool, const FLIP_B: bool, const SUMS: bool> Pairs<D, 4, 2>
    for Differences<Q, FLIP_A, FLIP_B, SUMS>
{
    const USED: usize = 1 + !D::SAME as usize + 2 * SUMS as usize;

    #[inline(always)]
    fn step(
        self,
        d: D,
        [mut squares, mut excess, mut a_sum, mut b_sum]: [Int<D>; 4],
        mut a: Bytes<D>,
        mut b: Bytes<D>,
    ) -> [Int<D>; 4] {
        let s = d.base();
        if FLIP_A {
            a = s.flip(a);
        }
        if FLIP_B {
            b = s.flip(b);
        }
        let difference = Q::abs_diff(s, a, b);
        if D::SAME {
            squares = d.dot::<u8, u8>(squares, difference, difference);
        } else {
            // The product with 128 less: as a signed number, that is the flipped one.
            squares = d.dot::<u8, i8>(squares, difference, s.flip(difference));
            excess = d.weighted::<u8, i8>(excess, difference, s.splat_u8(-128_i8 as u8));
        }
        if SUMS {
            a_sum = add_codes::<D, Q>(d, a_sum, a);
            b_sum = add_codes::<D, Q>(d, b_sum, b);
        }
        [squares, excess, a_sum, b_sum]
    }

    #[inline(always)]
    fn results(self, d: D, [squares, excess, a_sum, b_sum]: [Int<D>; 4]) -> [Int<D>; 2] {
        let s = d.base();
        [s.sub_i32(squares, excess), s.sub_i32(a_sum, b_sum)]
    }
}
