//! A vector of codes of either type, on its way to a kernel; and sums over pairs of them.

use crate::error::Error;
use crate::kernels::pairs::Pairs;
use crate::simd::dot::{Bytes, Dot, Int};
use crate::simd::{Byte, Simd};
use crate::values::code::Code8;
use crate::values::rows::Rows;
use crate::values::zero_points::ZeroPoints;
use core::marker::PhantomData;

/// As [`of_type!`](crate::values::code::of_type), of two types, of which the first is the unsigned one if
/// they differ.
macro_rules! of_pair {
    ($a:ty as $s:ident, $b:ty as $t:ident => $body:expr) => {
        if const { <$a as $crate::values::code::sealed::Sealed>::SIGNED } {
            type $s = i8;
            type $t = i8;
            $body
        } else if const { <$b as $crate::values::code::sealed::Sealed>::SIGNED } {
            type $s = u8;
            type $t = i8;
            $body
        } else {
            type $s = u8;
            type $t = u8;
            $body
        }
    };
}
pub(super) use of_pair;

/// A vector of codes of `Q`, as bytes, and the bits of its zero point.
pub(super) struct Operand<'a, Q> {
    pub(super) codes: &'a [u8],
    pub(super) zero_point: u8,
    of: PhantomData<Q>,
}

impl<Q> Clone for Operand<'_, Q> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q> Copy for Operand<'_, Q> {}

impl<'a, Q: Byte> Operand<'a, Q> {
    #[inline(always)]
    fn new(codes: &'a [u8], zero_point: u8) -> Self {
        Self { codes, zero_point, of: PhantomData }
    }

    /// Codes of the type that `C` is: `Q`.
    #[inline(always)]
    pub(super) fn of<C: Code8>(codes: &'a [C], zero_point: C) -> Self {
        Self::new(bytemuck::must_cast_slice(codes), bytemuck::must_cast(zero_point))
    }

    /// For a kernel that flips the codes.
    #[inline(always)]
    pub(super) fn flipped(self) -> Operand<'a, Q::Flipped> {
        Operand::new(self.codes, self.zero_point ^ 0x80)
    }

    /// As one of a type that has the same sign.
    #[inline(always)]
    pub(super) fn retyped<T: Byte>(self) -> Operand<'a, T> {
        Operand::new(self.codes, self.zero_point)
    }

    /// The zero point as a number.
    #[inline(always)]
    pub(super) fn zero_point(self) -> i64 {
        value::<Q>(self.zero_point)
    }
}

/// The rows of a matrix of codes, as bytes, and their zero points.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) codes: &'a [u8],
    pub(super) stride: usize,
    pub(super) zero_points: ZeroPoints<'a, u8>,
}

impl<'a> Matrix<'a> {
    /// Of so many rows of that length.
    #[inline(always)]
    pub(super) fn new<Q: Code8>(
        rows: Rows<'a, Q>,
        zero_points: ZeroPoints<'a, Q>,
        [count, row]: [usize; 2],
    ) -> Result<Self, Error> {
        let (codes, stride) = rows.checked("rows", count, row)?;
        zero_points.check("zr", ("rows", count))?;
        let codes = bytemuck::must_cast_slice(codes);
        Ok(Self { codes, stride, zero_points: zero_points.retyped() })
    }
}

/// The code of these bits.
#[inline(always)]
pub(super) fn value<Q: Byte>(bits: u8) -> i64 {
    if Q::SIGNED { i64::from(bits as i8) } else { i64::from(bits) }
}

/// Whether the instruction set multiplies codes of `A` and `B` with each other.
#[inline(always)]
pub(super) const fn has<D: Dot, A: Byte, B: Byte>() -> bool {
    if A::SIGNED == B::SIGNED { D::SAME } else { D::MIXED }
}

/// `Σ ab − za · Σb − zb · Σa`, of products and of the sums that are asked for.
///
/// `A`, `B`: the types that are multiplied. Codes of the other type are flipped to that.
#[derive(Clone, Copy)]
pub(super) struct Products<
    D: Dot,
    A,
    B,
    const FLIP_A: bool,
    const FLIP_B: bool,
    const SUM_A: bool,
    const SUM_B: bool,
> {
    za: Bytes<D>,
    zb: Bytes<D>,
    types: PhantomData<(A, B)>,
}

impl<D: Dot, A, B, const FLIP_A: bool, const FLIP_B: bool, const SUM_A: bool, const SUM_B: bool>
    Products<D, A, B, FLIP_A, FLIP_B, SUM_A, SUM_B>
{
    /// Zero points of `A` and `B`.
    #[inline(always)]
    pub(super) fn new(d: D, za: u8, zb: u8) -> Self {
        Self { za: d.base().splat_u8(za), zb: d.base().splat_u8(zb), types: PhantomData }
    }
}

impl<
    D: Dot,
    A: Byte,
    B: Byte,
    const FLIP_A: bool,
    const FLIP_B: bool,
    const SUM_A: bool,
    const SUM_B: bool,
> Pairs<D, 3, 1> for Products<D, A, B, FLIP_A, FLIP_B, SUM_A, SUM_B>
{
    const USED: usize = 1 + SUM_A as usize + SUM_B as usize;

    #[inline(always)]
    fn step(
        self,
        d: D,
        [mut products, mut a_sum, mut b_sum]: [Int<D>; 3],
        mut a: Bytes<D>,
        mut b: Bytes<D>,
    ) -> [Int<D>; 3] {
        if FLIP_A {
            a = d.base().flip(a);
        }
        if FLIP_B {
            b = d.base().flip(b);
        }
        products = d.dot::<A, B>(products, a, b);
        if SUM_A {
            a_sum = d.weighted::<A, B>(a_sum, a, self.zb);
        }
        if SUM_B {
            b_sum = d.weighted::<B, A>(b_sum, b, self.za);
        }
        [products, a_sum, b_sum]
    }

    #[inline(always)]
    fn results(self, d: D, [products, a_sum, b_sum]: [Int<D>; 3]) -> [Int<D>; 1] {
        let s = d.base();
        let mut result = products;
        if SUM_A {
            result = s.sub_i32(result, a_sum);
        }
        if SUM_B {
            result = s.sub_i32(result, b_sum);
        }
        [result]
    }
}
