//! The 8-bit integer extension of ARMv8.6: `usdot`, a dot product of different signs, and `smmla`, four
//! dot products of two rows and two columns.
#![allow(unsafe_code, reason = "instructions without a stable intrinsic")]

use super::dot::Dot;
use super::dotprod::Dotprod;
use super::neon::Neon;
use super::{Byte, Simd};
use core::arch::aarch64::*;
use core::arch::asm;
use pulp::NullaryFnOnce;

pulp::simd_type! {
    /// Proof that the CPU has the extension, and what `Dotprod` stands for.
    pub(crate) struct I8mm {
        neon: "neon",
        dotprod: "dotprod",
        i8mm: "i8mm",
    }
}

impl I8mm {
    /// The token, if the CPU has the instructions; without `std`, if the compiler assumes them.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(feature = "std")]
        return Self::try_new();
        #[cfg(not(feature = "std"))]
        (cfg!(target_feature = "i8mm") && Dotprod::detect().is_some()).then(|| {
            // SAFETY: the compiler assumes these instructions in the whole program.
            unsafe { Self::new_unchecked() }
        })
    }

    #[inline(always)]
    fn dotprod(self) -> Dotprod {
        // SAFETY: the token proves that the CPU has all that `Dotprod` stands for.
        unsafe { Dotprod::new_unchecked() }
    }
}

impl Dot for I8mm {
    type Base = Neon;

    const SAME: bool = true;
    const MIXED: bool = true;

    const KR: usize = 8;
    const ROWS: usize = 2;
    const WORDS: usize = 4;
    const MR: usize = 12;
    const SUMS: usize = 16;

    type Left = i8;

    #[inline(always)]
    fn base(self) -> Neon {
        self.dotprod().base()
    }

    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.vectorize(f)
    }

    #[inline(always)]
    fn dot<A: Byte, B: Byte>(self, mut sum: int32x4_t, a: uint8x16_t, b: uint8x16_t) -> int32x4_t {
        if A::SIGNED == B::SIGNED {
            return self.dotprod().dot::<A, B>(sum, a, b);
        }
        let (unsigned, signed) = if A::SIGNED { (b, a) } else { (a, b) };
        // SAFETY: the token proves that the CPU has the instruction, and it writes to `sum` alone.
        unsafe {
            asm!(
                ".arch_extension i8mm",
                "usdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
                sum = inout(vreg) sum,
                a = in(vreg) unsigned,
                b = in(vreg) signed,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sum
    }

    #[inline(always)]
    fn right(self, from: &[u8]) -> [uint8x16_t; 2] {
        let base = self.base();
        [base.load_u8(&from[..16]), base.load_u8(&from[16..])]
    }

    #[inline(always)]
    fn multiply(
        self,
        mut sums: [int32x4_t; 2],
        left: &[u32; 4],
        _: usize,
        right: [uint8x16_t; 2],
    ) -> [int32x4_t; 2] {
        let left: uint8x16_t = bytemuck::must_cast(*left);
        for half in 0..2 {
            // SAFETY: the token proves that the CPU has the instruction, and it writes to a sum
            // alone.
            unsafe {
                asm!(
                    ".arch_extension i8mm",
                    "smmla {sum:v}.4s, {left:v}.16b, {right:v}.16b",
                    sum = inout(vreg) sums[half],
                    left = in(vreg) left,
                    right = in(vreg) right[half],
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
        }
        sums
    }

    /// `smmla` gives two sums of the first row, then two of the second.
    #[inline(always)]
    fn rows(self, sums: [int32x4_t; 2]) -> [int32x4_t; 2] {
        let [a, b]: [[[i32; 2]; 2]; 2] = bytemuck::must_cast(sums);
        bytemuck::must_cast([[a[0], b[0]], [a[1], b[1]]])
    }
}
