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

    /// The instruction set that this one adds to.
    fn base(self) -> Self::Base;

    /// Runs `f` compiled for this instruction set: the frame.
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output;

    /// `sum + Σ a · b` over the four codes of each lane of 32 bits, with wrap-around; the pair is
    /// one that there is.
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

    // For matrix products: `left` has codes of a row, `right` of several columns.

    /// Codes of a row that one lane multiplies at once: 4, or 2 that are widened to 16 bits.
    const DEPTH: usize = 4;

    /// The type of codes on the left. On the right they are `i8`.
    type Left: Byte;

    /// Words of 32 bits, each of `DEPTH` codes of `a`: the first `LANES` of them, or the next, or
    /// so on, by `part`.
    #[inline(always)]
    fn left(self, a: Bytes<Self>, _part: usize) -> Bytes<Self> {
        a
    }

    /// `from`, which has `DEPTH` codes for each lane, as `multiply` takes them.
    #[inline(always)]
    fn right(self, from: &[u8]) -> Bytes<Self> {
        self.base().load_u8(from)
    }

    /// `sum + Σ left · right` over the `DEPTH` codes of each lane, with wrap-around.
    #[inline(always)]
    fn multiply(self, sum: Int<Self>, left: Bytes<Self>, right: Bytes<Self>) -> Int<Self> {
        self.dot::<Self::Left, i8>(sum, left, right)
    }
}

/// Numbers of 32 bits of a [`Dot`].
pub(crate) type Int<D> = <<D as Dot>::Base as Simd>::I32;

/// Codes of a [`Dot`].
pub(crate) type Bytes<D> = <<D as Dot>::Base as Simd>::U8;
