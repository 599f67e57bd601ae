//! The primitives of dot products: what a dot tier adds to its base.

use super::{Byte, Simd};
use pulp::NullaryFnOnce;

/// An instruction set as dot products see it: a base, and how it multiplies and adds codes.
///
/// A pair of operands is of types `A` and `B`. Not every instruction set has every pair; of those
/// that are missing, [`Simd::flip`] of one operand makes another.
pub(crate) trait Dot: Copy {
    type Base: Simd;

    /// Whether there are pairs of the same type.
    const SAME: bool;
    /// Whether there are pairs of different types.
    const MIXED: bool;

    /// Codes of vectors up to which all sums in one chain each are faster than only those that are needed, in
    /// several.
    const SHORT: usize = 128;

    /// The instruction set that this one adds to.
    fn base(self) -> Self::Base;

    /// Runs `f` compiled for this instruction set: the frame.
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output;

    /// Adds `a · b` to the sums, four products to each lane of 32 bits (of its own four codes, but
    /// on NEON, where which they are does not matter to the total), with wrap-around; the pair is one
    /// that there is.
    fn dot<A: Byte, B: Byte>(self, sum: Int<Self>, a: Bytes<Self>, b: Bytes<Self>) -> Int<Self>;

    /// The same with a `b` that is the same everywhere.
    #[inline(always)]
    fn weighted<A: Byte, B: Byte>(
        self,
        sum: Int<Self>,
        a: Bytes<Self>,
        weight: Bytes<Self>,
    ) -> Int<Self> {
        self.dot::<A, B>(sum, a, weight)
    }

    // For matrix products: `left` has codes of rows, `right` of columns. They are multiplied in
    // steps: `KR` codes of each of `ROWS` rows by as many of each of `LANES` columns.

    /// Codes of a row, and of a column, in a step.
    const KR: usize = 4;

    /// Rows in a step: 1, or 2.
    const ROWS: usize = 1;

    /// Words of 32 bits that the codes of a step's rows are in: 1 (of 4 codes, or of 2 that are
    /// widened to 16 bits), or 4 (of 8 codes of one row and 8 of the next).
    const WORDS: usize = 1;

    /// Rows of the highest tile whose sums, for two vectors of columns,
    /// stay in registers.
    const MR: usize;

    /// Vectors of sums that are enough for the multiplications not to wait for each other.
    const SUMS: usize;

    /// The type of codes on the left. On the right they are `i8`.
    type Left: Byte;

    /// Words of `KR` codes of `a` each, where a step has one row: the first `LANES` of them, or
    /// the next, or so on, by `part`.
    #[inline(always)]
    fn left(self, a: Bytes<Self>, _part: usize) -> Bytes<Self> {
        a
    }

    /// `from`, which has `KR` codes for each lane, as `multiply` takes them.
    #[inline(always)]
    fn right(self, from: &[u8]) -> [Bytes<Self>; 2] {
        [self.base().load_u8(from); 2]
    }

    /// `sums + Σ left · right` over the codes of a step, with wrap-around; on the left are those
    /// from the word `w` on, which is a constant.
    #[inline(always)]
    fn multiply(
        self,
        [sum, unused]: Sums<Self>,
        left: &[u32; 4],
        w: usize,
        [right, _]: [Bytes<Self>; 2],
    ) -> Sums<Self> {
        let left = bytemuck::must_cast(self.base().splat_i32(left[w] as i32));
        [self.dot::<Self::Left, i8>(sum, left, right), unused]
    }

    /// The sums of each row, of as many as a step has.
    #[inline(always)]
    fn rows(self, sums: Sums<Self>) -> [Int<Self>; 2] {
        sums
    }
}

/// The sums of a step, in an order of its own; if it has one row, one vector may be enough.
pub(crate) type Sums<D> = [Int<D>; 2];

/// Numbers of 32 bits of a [`Dot`].
pub(crate) type Int<D> = <<D as Dot>::Base as Simd>::I32;

/// Codes of a [`Dot`].
pub(crate) type Bytes<D> = <<D as Dot>::Base as Simd>::U8;
