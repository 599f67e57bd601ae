//! A vector of codes of either type, on its way to a kernel; and sums over pairs of them.

use crate::element::Code;
use crate::error::{Error, row_shape};
use crate::pairs::Pairs;
use crate::simd::dot::{Bytes, Dot, Int};
use crate::simd::{Byte, Simd};
use crate::zero_points::ZeroPoints;
use core::marker::PhantomData;

/// Codes as bytes, and what is known of them.
#[derive(Clone, Copy)]
pub(super) struct Operand<'a> {
    pub(super) codes: &'a [u8],
    pub(super) signed: bool,
    /// The bits of the zero point.
    pub(super) zero_point: u8,
    /// The sum of the codes, if that is known.
    pub(super) sum: Option<i64>,
}

impl<'a> Operand<'a> {
    #[inline(always)]
    pub(super) fn new<Q: Code>(codes: &'a [Q], zero_point: Q, sum: Option<i64>) -> Self {
        Self {
            codes: bytemuck::must_cast_slice(codes),
            signed: Q::SIGNED,
            zero_point: bytemuck::must_cast(zero_point),
            sum,
        }
    }

    /// As codes of the other type, for a kernel that flips them.
    #[inline(always)]
    pub(super) fn flipped(self) -> Self {
        let mut flipped = Self {
            signed: !self.signed,
            zero_point: self.zero_point ^ 0x80,
            ..self
        };
        if let Some(sum) = &mut flipped.sum {
            let shift = value(flipped.zero_point, flipped.signed) - self.zero_point();
            *sum = sum.wrapping_add(shift * self.codes.len() as i64);
        }
        flipped
    }

    /// The codes and the zero point as what they are.
    #[inline(always)]
    pub(super) fn typed<Q: Code>(self) -> (&'a [Q], Q) {
        (
            bytemuck::must_cast_slice(self.codes),
            bytemuck::must_cast(self.zero_point),
        )
    }

    /// The zero point as a number.
    #[inline(always)]
    pub(super) fn zero_point(self) -> i64 {
        value(self.zero_point, self.signed)
    }
}

/// Rows of codes.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) codes: &'a [u8],
    pub(super) signed: bool,
    /// The bits of the zero points, but for those of [`Matrix::flip`].
    zero_points: ZeroPoints<'a, u8>,
    flip: u8,
}

impl<'a> Matrix<'a> {
    #[inline(always)]
    pub(super) fn new<Q: Code>(codes: &'a [Q], zero_points: ZeroPoints<'a, Q>) -> Self {
        let zero_points = match zero_points {
            ZeroPoints::Same(zero_point) => ZeroPoints::Same(bytemuck::must_cast(zero_point)),
            ZeroPoints::Each(each) => ZeroPoints::Each(bytemuck::must_cast_slice(each)),
        };
        Self {
            codes: bytemuck::must_cast_slice(codes),
            signed: Q::SIGNED,
            zero_points,
            flip: 0,
        }
    }

    /// `Ok` if these are so many rows of that length.
    pub(super) fn check(&self, row: usize, rows: usize) -> Result<(), Error> {
        row_shape(self.codes.len(), rows, row)?;
        self.zero_points.check(rows)
    }

    /// As codes of the other type, for a kernel that flips them.
    #[inline(always)]
    pub(super) fn flipped(self) -> Self {
        Self {
            signed: !self.signed,
            flip: self.flip ^ 0x80,
            ..self
        }
    }

    /// The zero point of row `r` as a number.
    #[inline(always)]
    pub(super) fn zero_point(self, r: usize) -> i64 {
        value(self.zero_points.of(r) ^ self.flip, self.signed)
    }

    /// Whether all zero points are this number.
    #[inline(always)]
    pub(super) fn all_are(self, zero_point: i64) -> bool {
        match self.zero_points {
            ZeroPoints::Same(_) => self.zero_point(0) == zero_point,
            ZeroPoints::Each(each) => {
                let mut all = true;
                for r in 0..each.len() {
                    all &= self.zero_point(r) == zero_point;
                }
                all
            }
        }
    }

    /// `out[r] = value(row r, its zero point)`.
    pub(super) fn each<Q: Code>(self, row: usize, out: &mut [i64], value: impl Fn(&[Q], Q) -> i64) {
        let codes: &[Q] = bytemuck::must_cast_slice(self.codes);
        for r in 0..out.len() {
            let zero_point = bytemuck::must_cast(self.zero_points.of(r));
            out[r] = value(&codes[r * row..][..row], zero_point);
        }
    }
}

/// The code of these bits.
#[inline(always)]
pub(super) fn value(bits: u8, signed: bool) -> i64 {
    if signed {
        i64::from(bits as i8)
    } else {
        i64::from(bits)
    }
}

/// Whether the instruction set multiplies codes of `A` and `B` with each other.
#[inline(always)]
pub(super) fn has<D: Dot, A: Byte, B: Byte>() -> bool {
    if A::SIGNED == B::SIGNED {
        D::SAME
    } else {
        D::MIXED
    }
}

/// `sum + Σ a` over each lane.
#[inline(always)]
pub(super) fn add_codes<D: Dot, A: Byte>(d: D, sum: Int<D>, a: Bytes<D>) -> Int<D> {
    let ones = d.base().splat_u8(1);
    if D::SAME {
        d.weighted::<A, A>(sum, a, ones)
    } else {
        d.weighted::<A, A::Flipped>(sum, a, ones)
    }
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
        Self {
            za: d.base().splat_u8(za),
            zb: d.base().splat_u8(zb),
            types: PhantomData,
        }
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
