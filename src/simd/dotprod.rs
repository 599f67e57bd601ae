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

    const MR: usize = 8;
    const SUMS: usize = 16;

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

    /// By `sdot` with a lane of a vector: to broadcast a word would take the unit that multiplies.
    #[inline(always)]
    fn multiply(
        self,
        [mut sum, unused]: [int32x4_t; 2],
        left: &[u32; 4],
        w: usize,
        [right, _]: [uint8x16_t; 2],
    ) -> [int32x4_t; 2] {
        let left: uint8x16_t = bytemuck::must_cast(*left);
        macro_rules! sdot {
            ($lane:literal) => {
                // SAFETY: the token proves that the CPU has the instruction, and it writes to `sum`
                // alone.
                unsafe {
                    asm!(
                        ".arch_extension dotprod",
                        concat!("sdot {sum:v}.4s, {right:v}.16b, {left:v}.4b[", $lane, "]"),
                        sum = inout(vreg) sum,
                        right = in(vreg) right,
                        left = in(vreg) left,
                        options(pure, nomem, nostack, preserves_flags),
                    );
                }
            };
        }
        match w {
            0 => sdot!(0),
            1 => sdot!(1),
            2 => sdot!(2),
            _ => sdot!(3),
        }
        [sum, unused]
    }
}
