//! AVX-VNNI, which client CPUs without AVX-512 have: dot products of 256 bits.
#![allow(unsafe_code, reason = "a feature that pulp does not know")]

use super::Byte;
use super::avx2::Avx2;
use super::dot::Dot;
use core::arch::x86_64::*;
use pulp::NullaryFnOnce;

/// Proof that the CPU has AVX-VNNI, and what `Avx2` stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AvxVnni {
    base: Avx2,
}

impl AvxVnni {
    /// The token, if the CPU has the instructions; without `std`, if the compiler assumes them.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(feature = "std")]
        let found = std::is_x86_feature_detected!("avxvnni");
        #[cfg(not(feature = "std"))]
        let found = cfg!(target_feature = "avxvnni");
        let base = Avx2::detect()?;
        found.then_some(Self { base })
    }

    /// As pulp's tokens have it.
    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        #[target_feature(enable = "avx2,fma,avxvnni")]
        fn imp<F: NullaryFnOnce>(f: F) -> F::Output {
            f.call()
        }
        // SAFETY: the token proves that the CPU has these instructions.
        unsafe { imp(f) }
    }
}

impl Dot for AvxVnni {
    type Base = Avx2;

    const SAME: bool = false;
    const MIXED: bool = true;

    const MR: usize = 5;
    const SUMS: usize = 12;

    type Left = u8;

    #[inline(always)]
    fn base(self) -> Avx2 {
        self.base
    }

    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.vectorize(f)
    }

    #[inline(always)]
    fn dot<A: Byte, B: Byte>(self, sum: __m256i, a: __m256i, b: __m256i) -> __m256i {
        let (unsigned, signed) = if A::SIGNED { (b, a) } else { (a, b) };
        // SAFETY: the token proves that the CPU has AVX-VNNI.
        unsafe { _mm256_dpbusd_avx_epi32(sum, unsigned, signed) }
    }
}
