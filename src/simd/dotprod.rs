//! The dot products of ARMv8.2: `sdot` and `udot`.
#![allow(unsafe_code, reason = "instructions without a stable intrinsic")]

use super::Byte;
use super::dot::Dot;
use super::neon::Neon;
use core::arch::aarch64::*;
use core::arch::asm;
use pulp::NullaryFnOnce;

pulp::simd_type! {
    /// Proof that the CPU has `sdot` and `udot`, and what `Neon` stands for.
    pub(crate) struct Dotprod {
        neon: "neon",
        dotprod: "dotprod",
    }
}

impl Dotprod {
    /// The token, if the CPU has the instructions; without `std`, if the compiler assumes them.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(feature = "std")]
        return Self::try_new();
        #[cfg(not(feature = "std"))]
        (cfg!(target_feature = "dotprod") && Neon::detect().is_some()).then(|| {
            // SAFETY: the compiler assumes these instructions in the whole program.
            unsafe { Self::new_unchecked() }
        })
    }
}

impl Dot for Dotprod {
    type Base = Neon;

    const SAME: bool = true;
    const MIXED: bool = false;

    type Left = i8;

    #[inline(always)]
    fn base(self) -> Neon {
        // SAFETY: the token proves that the CPU has NEON.
        unsafe { Neon::new_unchecked() }
    }

    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.vectorize(f)
    }

    #[inline(always)]
    fn dot<A: Byte, B: Byte>(self, mut sum: int32x4_t, a: uint8x16_t, b: uint8x16_t) -> int32x4_t {
        if A::SIGNED {
            // SAFETY: the token proves that the CPU has the instruction, and it writes to `sum`
            // alone.
            unsafe {
                asm!(
                    ".arch_extension dotprod",
                    "sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
                    sum = inout(vreg) sum,
                    a = in(vreg) a,
                    b = in(vreg) b,
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
        } else {
            // SAFETY: as above.
            unsafe {
                asm!(
                    ".arch_extension dotprod",
                    "udot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
                    sum = inout(vreg) sum,
                    a = in(vreg) a,
                    b = in(vreg) b,
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
        }
        sum
    }
}
