//! `Σ (aᵢ − za)(bᵢ − zb)`

use super::operand::{Operand, Products, has, value};
use crate::element::Code;
use crate::error::{Error, same_lengths};
use crate::pairs::{padding, pairs};
use crate::reference;
use crate::simd::Byte;
use crate::simd::dot::Dot;
use crate::tier::{DotOperation, Tier};
use core::marker::PhantomData;

/// The dot product of two vectors of codes, less their zero points: `Σ (a[i] − za)(b[i] − zb)`.
///
/// It is exact: for all codes and zero points of both types, and for every length. Empty vectors
/// give 0.
///
/// # Errors
/// [`Error::Lengths`] if `a` and `b` differ in length.
///
/// ```
/// # use zeropoint::dot;
/// let activations = [128_u8, 130, 255]; // with the zero point 128
/// let weights = [3_i8, -128, 127];
/// assert_eq!(dot(&activations, 128, &weights, 0)?, 2 * -128 + 127 * 127);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn dot<A: Code, B: Code>(a: &[A], za: A, b: &[B], zb: B) -> Result<i64, Error> {
    Tier::best().dot(a, za, b, zb)
}

/// [`dot()`] of vectors whose sums are known: `sum_a` is `Σ a[i]` and `sum_b` is `Σ b[i]`, without
/// zero points, as [`sum()`](crate::sum()) gives them. Then zero points cost nothing.
///
/// If one of them is not the sum, the result is just some number.
///
/// # Errors
/// [`Error::Lengths`] if `a` and `b` differ in length.
///
/// ```
/// # use zeropoint::{dot, dot_with_sums, sum};
/// let (a, b) = ([1_i8, -2, 3], [4_u8, 5, 6]);
/// let known = dot_with_sums(&a, 7, sum(&a), &b, 8, sum(&b))?;
/// assert_eq!(known, dot(&a, 7, &b, 8)?);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn dot_with_sums<A: Code, B: Code>(
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
    pub fn dot<A: Code, B: Code>(self, a: &[A], za: A, b: &[B], zb: B) -> Result<i64, Error> {
        same_lengths(a.len(), b.len())?;
        let (a, b) = (Operand::new(a, za, None), Operand::new(b, zb, None));
        Ok(compiled(self, a, b))
    }

    /// [`dot_with_sums`](crate::dot_with_sums()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn dot_with_sums<A: Code, B: Code>(
        self,
        a: &[A],
        za: A,
        sum_a: i64,
        b: &[B],
        zb: B,
        sum_b: i64,
    ) -> Result<i64, Error> {
        same_lengths(a.len(), b.len())?;
        let a = Operand::new(a, za, Some(sum_a));
        let b = Operand::new(b, zb, Some(sum_b));
        Ok(compiled(self, a, b))
    }
}

fn compiled(tier: Tier, a: Operand<'_>, b: Operand<'_>) -> i64 {
    match (a.signed, b.signed) {
        (false, false) => tier.run_dot(Dots::<u8, u8>::new(a, b)),
        (false, true) => tier.run_dot(Dots::<u8, i8>::new(a, b)),
        (true, false) => tier.run_dot(Dots::<u8, i8>::new(b, a)),
        (true, true) => tier.run_dot(Dots::<i8, i8>::new(a, b)),
    }
}

struct Dots<'a, A, B> {
    a: Operand<'a>,
    b: Operand<'a>,
    types: PhantomData<(A, B)>,
}

impl<'a, A, B> Dots<'a, A, B> {
    #[inline(always)]
    fn new(a: Operand<'a>, b: Operand<'a>) -> Self {
        let types = PhantomData;
        Self { a, b, types }
    }
}

impl<A: Byte, B: Byte> DotOperation for Dots<'_, A, B> {
    type Output = i64;

    fn scalar(&mut self) -> i64 {
        let ((a, za), (b, zb)) = (self.a.typed::<A>(), self.b.typed::<B>());
        reference::product_sum(a, za, b, zb)
    }

    #[inline(always)]
    fn simd<D: Dot>(&mut self, d: D) -> i64 {
        let (a, b) = (self.a, self.b);
        if has::<D, A, B>() {
            return by_sums::<D, A, B, false>(d, a, b);
        }
        // One side is flipped: the one that leaves fewer sums to be made.
        let (a_flipped, b_flipped) = (a.flipped(), b.flipped());
        let flip_a = sums(a_flipped, b) <= sums(a, b_flipped);
        if A::SIGNED == B::SIGNED {
            let (a, b) = if flip_a {
                (a_flipped, b)
            } else {
                (b_flipped, a)
            };
            by_sums::<D, A::Flipped, B, true>(d, a, b)
        } else if flip_a {
            by_sums::<D, A::Flipped, B, true>(d, a_flipped, b)
        } else {
            by_sums::<D, B::Flipped, A, true>(d, b_flipped, a)
        }
    }
}

/// How many sums the zero points make necessary.
#[inline(always)]
fn sums(a: Operand<'_>, b: Operand<'_>) -> u32 {
    u32::from(a.zero_point != 0) + u32::from(b.zero_point != 0)
}

/// The dot product, by the products and those sums that are needed and not known.
#[inline(always)]
fn by_sums<D: Dot, A: Byte, B: Byte, const FLIP: bool>(
    d: D,
    a: Operand<'_>,
    b: Operand<'_>,
) -> i64 {
    let (za, zb) = (a.zero_point(), b.zero_point());
    let sum_a = zb != 0 && a.sum.is_none();
    let sum_b = za != 0 && b.sum.is_none();
    let mut result = match (sum_a, sum_b) {
        (false, false) => products::<D, A, B, FLIP, false, false>(d, a, b),
        (true, false) => products::<D, A, B, FLIP, true, false>(d, a, b),
        (false, true) => products::<D, A, B, FLIP, false, true>(d, a, b),
        (true, true) => products::<D, A, B, FLIP, true, true>(d, a, b),
    };
    if let (Some(sum_a), Some(sum_b)) = (a.sum, b.sum) {
        result = result
            .wrapping_sub(za.wrapping_mul(sum_b))
            .wrapping_sub(zb.wrapping_mul(sum_a));
    }
    result.wrapping_add(a.codes.len() as i64 * za * zb)
}

/// `Σ ab − za · Σb − zb · Σa`, of products and of the sums that are asked for.
#[inline(always)]
fn products<D: Dot, A: Byte, B: Byte, const FLIP: bool, const SUM_A: bool, const SUM_B: bool>(
    d: D,
    a: Operand<'_>,
    b: Operand<'_>,
) -> i64 {
    let kernel = Products::<D, A, B, FLIP, false, SUM_A, SUM_B>::new(d, a.zero_point, b.zero_point);
    let [mut result] = pairs::<D, _, 3, 1, 4>(d, kernel, a.codes, b.codes);
    if FLIP && SUM_A {
        // Zeros after the last element became ±128 in the sum of `a`.
        result += value(0x80, A::SIGNED) * b.zero_point() * padding::<D>(a.codes.len());
    }
    result
}
