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
}

/// Numbers of 32 bits of a [`Dot`].
pub(crate) type Int<D> = <<D as Dot>::Base as Simd>::I32;

/// Codes of a [`Dot`].
pub(crate) type Bytes<D> = <<D as Dot>::Base as Simd>::U8;
