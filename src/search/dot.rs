//! `Σ (aᵢ − za)(bᵢ − zb)`

use super::operand::{Operand, Products, has, of_pair, value};
use crate::check::one_for_each;
use crate::error::Error;
use crate::kernels::pairs::{padding, pairs, short_pairs};
use crate::simd::Byte;
use crate::simd::dot::Dot;
use crate::tier::{DotOperation, Entry, Tier, dot_entries};
use crate::values::code::Code8;

/// The dot product of two vectors of codes, less their zero points: `Σ (a[i] − za)(b[i] − zb)`.
///
/// It is exact: for all codes and zero points of both types, and for every length. Empty vectors
/// give 0.
///
/// All pairs of types give the same for the same values, but not in the same time:
///
/// | tier | fastest | others |
/// |---|---|---|
/// | `avx512vnni`, `avxvnni` | `u8` · `i8` | one side is flipped to the other type, and the codes of the other side are summed up: a second multiplication |
/// | `avx512`, `avx2` | `u8` · `u8` | `u8` · `i8` and `i8` · `i8` take four multiplications instead of two |
/// | `i8mm` | all | – |
/// | `dotprod`, `neon` | `i8` · `i8` and `u8` · `u8` | as on `avx512vnni` |
/// | `scalar` | all | – |
///
/// A zero point of 0 costs nothing. One of another number costs a sum of the other side's codes; where a side is
/// flipped, what counts is its zero point then: a `u8` side with the zero point 128 costs the flip only. Vectors of up
/// to 128 codes, on `avx512vnni` of up to 384, take the same time whatever their zero points.
///
/// # Errors
/// [`Error::Length`] if `a` and `b` differ in length.
///
/// ```
/// # use zeropoint::dot;
/// let activations = [128_u8, 130, 255]; // with the zero point 128
/// let weights = [3_i8, -128, 127];
/// assert_eq!(dot(&activations, 128, &weights, 0)?, 2 * -128 + 127 * 127);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn dot<A: Code8, B: Code8>(a: &[A], za: A, b: &[B], zb: B) -> Result<i64, Error> {
    match Tier::best_known() {
        Some(tier) => tier.dot(a, za, b, zb),
        None => first(a, za, b, zb),
    }
}

/// The first call, if no other found the tier.
#[cold]
#[inline(never)]
fn first<A: Code8, B: Code8>(a: &[A], za: A, b: &[B], zb: B) -> Result<i64, Error> {
    Tier::best().dot(a, za, b, zb)
}

/// [`dot()`] of vectors whose sums are known: `sum_a` is `Σ a[i]` and `sum_b` is `Σ b[i]`, without
/// zero points, as [`sum()`](crate::search::sum()) gives them. Then zero points cost nothing.
///
/// It is `Σ a[i] b[i] − za · sum_b − zb · sum_a + n · za · zb`, in `i64` with wrap-around: also where
/// a sum is given that is not the sum of the codes.
///
/// # Errors
/// [`Error::Length`] if `a` and `b` differ in length.
///
/// ```
/// # use zeropoint::{dot, search::{dot_with_sums, sum}};
/// let (a, b) = ([1_i8, -2, 3], [4_u8, 5, 6]);
/// let known = dot_with_sums(&a, 7, sum(&a), &b, 8, sum(&b))?;
/// assert_eq!(known, dot(&a, 7, &b, 8)?);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn dot_with_sums<A: Code8, B: Code8>(
    a: &[A],
    za: A,
    sum_a: i64,
    b: &[B],
    zb: B,
    sum_b: i64,
) -> Result<i64, Error> {
    Tier::best().dot_with_sums(a, za, sum_a, b, zb, sum_b)
}

impl Tier {
    /// [`dot`](crate::dot()) on this tier.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn dot<A: Code8, B: Code8>(self, a: &[A], za: A, b: &[B], zb: B) -> Result<i64, Error> {
        one_for_each(("b", b.len()), ("elements of `a`", a.len()))?;
        if const { A::SIGNED && !B::SIGNED } {
            return self.dot(b, zb, a, za);
        }
        Ok(of_pair!(A as S, B as T => {
            let (a, b) = (Operand::<S>::of(a, za), Operand::<T>::of(b, zb));
            Dots { a, b }.on(self)
        }))
    }

    /// [`dot_with_sums`](crate::search::dot_with_sums()) on this tier.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn dot_with_sums<A: Code8, B: Code8>(
        self,
        a: &[A],
        za: A,
        sum_a: i64,
        b: &[B],
        zb: B,
        sum_b: i64,
    ) -> Result<i64, Error> {
        let products = self.dot(a, A::zeroed(), b, B::zeroed())?;
        let (za, zb) = (i64::from(za.into()), i64::from(zb.into()));
        Ok(products
            .wrapping_sub(za.wrapping_mul(sum_b))
            .wrapping_sub(zb.wrapping_mul(sum_a))
            .wrapping_add((a.len() as i64).wrapping_mul(za * zb)))
    }
}

dot_entries!(Dots<'_, u8, u8>, Dots<'_, u8, i8>, Dots<'_, i8, i8>);

struct Dots<'a, A, B> {
    a: Operand<'a, A>,
    b: Operand<'a, B>,
}

impl<A: Byte, B: Byte> DotOperation for Dots<'_, A, B> {
    type Output = i64;

    const HAS_SHORT: bool = true;

    #[inline(always)]
    fn is_short<D: Dot>(&self) -> bool {
        self.a.codes.len() <= D::SHORT
    }

    #[inline(always)]
    fn short<D: Dot>(&mut self, d: D) -> i64 {
        let (a, b) = (self.a, self.b);
        if const { has::<D, A, B>() } {
            short::<D, A, B, false>(d, a, b)
        } else {
            short::<D, A::Flipped, B, true>(d, a.flipped(), b)
        }
    }

    #[inline(always)]
    fn simd<D: Dot>(&mut self, d: D) -> i64 {
        let (a, b) = (self.a, self.b);
        if const { has::<D, A, B>() } {
            return by_sums::<D, A, B, false>(d, a, b);
        }
        // One side is flipped: the one that leaves fewer sums to be made.
        let flip_a = sums_for(a.zero_point ^ 0x80, b.zero_point)
            <= sums_for(a.zero_point, b.zero_point ^ 0x80);
        if const { A::SIGNED == B::SIGNED } {
            let (a, b) = if flip_a { (a, b) } else { (b.retyped(), a.retyped()) };
            by_sums::<D, A::Flipped, B, true>(d, a.flipped(), b)
        } else if flip_a {
            by_sums::<D, A::Flipped, B, true>(d, a.flipped(), b)
        } else {
            by_sums::<D, B::Flipped, A, true>(d, b.flipped(), a)
        }
    }
}

/// How many sums these zero points make necessary.
#[inline(always)]
fn sums_for(za: u8, zb: u8) -> u8 {
    u8::from(za != 0) + u8::from(zb != 0)
}

/// The dot product, by the products and the sums that are needed.
#[inline(always)]
fn by_sums<D: Dot, A: Byte, B: Byte, const FLIP: bool>(
    d: D,
    a: Operand<'_, A>,
    b: Operand<'_, B>,
) -> i64 {
    match (b.zero_point != 0, a.zero_point != 0) {
        (false, false) => products::<D, A, B, FLIP, false, false>(d, a, b),
        (true, false) => products::<D, A, B, FLIP, true, false>(d, a, b),
        (false, true) => products::<D, A, B, FLIP, false, true>(d, a, b),
        (true, true) => products::<D, A, B, FLIP, true, true>(d, a, b),
    }
}

/// The dot product, by the products and those sums that are asked for.
#[inline(always)]
fn products<D: Dot, A: Byte, B: Byte, const FLIP: bool, const SUM_A: bool, const SUM_B: bool>(
    d: D,
    a: Operand<'_, A>,
    b: Operand<'_, B>,
) -> i64 {
    let kernel = Products::<D, A, B, FLIP, false, SUM_A, SUM_B>::new(d, a.zero_point, b.zero_point);
    let [result] = pairs::<D, _, 3, 1>(d, kernel, a.codes, b.codes);
    if SUM_A { result + constant::<D, A, B, FLIP>(a, b) } else { result }
}

/// What is missing from `Σ ab − za · Σb − zb · Σa`: it is 0 where `zb` is.
#[inline(always)]
fn constant<D: Dot, A: Byte, B: Byte, const FLIP: bool>(
    a: Operand<'_, A>,
    b: Operand<'_, B>,
) -> i64 {
    let len = a.codes.len();
    let mut factor = len as i64 * a.zero_point();
    if FLIP {
        // Zeros after the last element became ±128 in the sum of `a`.
        factor += padding::<D>(len) * value::<A>(0x80);
    }
    factor * b.zero_point()
}

/// Of short vectors: all sums are made, since to choose would take longer.
#[inline(always)]
fn short<D: Dot, A: Byte, B: Byte, const FLIP: bool>(
    d: D,
    a: Operand<'_, A>,
    b: Operand<'_, B>,
) -> i64 {
    let kernel = Products::<D, A, B, FLIP, false, true, true>::new(d, a.zero_point, b.zero_point);
    let [result] = short_pairs::<D, _, 3, 1>(d, kernel, a.codes, b.codes);
    result + constant::<D, A, B, FLIP>(a, b)
}
