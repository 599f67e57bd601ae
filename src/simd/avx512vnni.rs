//! AVX-512 VNNI: dot products of 512 bits.
#![allow(unsafe_code, reason = "intrinsics that pulp has no method for")]

use super::Byte;
use super::avx512::Avx512;
use super::dot::Dot;
use core::arch::x86_64::*;
use pulp::NullaryFnOnce;

pulp::simd_type! {
    /// Proof that the CPU has VNNI, and what `Avx512` stands for.
    pub(crate) struct Avx512Vnni {
        sse: "sse",
        avx: "avx",
        avx2: "avx2",
        fma: "fma",
        f: "avx512f",
        bw: "avx512bw",
        cd: "avx512cd",
        dq: "avx512dq",
        vl: "avx512vl",
        vnni: "avx512vnni",
    }
}

impl Avx512Vnni {
    /// The token, if the CPU has the instructions; without `std`, if the compiler assumes them.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(feature = "std")]
        return Self::try_new();
        #[cfg(not(feature = "std"))]
        (cfg!(target_feature = "avx512vnni") && Avx512::detect().is_some()).then(|| {
            // SAFETY: the compiler assumes these instructions in the whole program.
            unsafe { Self::new_unchecked() }
        })
    }
}

impl Dot for Avx512Vnni {
    type Base = Avx512;

    const SAME: bool = false;
    const MIXED: bool = true;
    const SHORT: usize = 384;

    const MR: usize = 12;
    const SUMS: usize = 16;

    type Left = u8;

    #[inline(always)]
    fn base(self) -> Avx512 {
        // SAFETY: the token proves that the CPU has all that `Avx512` stands for.
        unsafe { Avx512::new_unchecked() }
    }

    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.vectorize(f)
    }

    #[inline(always)]
    fn dot<A: Byte, B: Byte>(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        let (unsigned, signed) = if A::SIGNED { (b, a) } else { (a, b) };
        // SAFETY: the token proves that the CPU has VNNI.
        unsafe { _mm512_dpbusd_epi32(sum, unsigned, signed) }
    }
}
