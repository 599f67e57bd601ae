//! Look-ups by AVX-512 VBMI, which not every CPU of the tier `avx512` has.
#![allow(unsafe_code, reason = "an intrinsic that pulp has no method for")]

use super::Lookup;
use super::avx512::Avx512;
use core::arch::x86_64::*;
use pulp::NullaryFnOnce;

pulp::simd_type! {
    /// Proof that the CPU has VBMI, and what `Avx512` stands for.
    pub(crate) struct Avx512Vbmi {
        avx: "avx",
        avx2: "avx2",
        fma: "fma",
        f: "avx512f",
        bw: "avx512bw",
        cd: "avx512cd",
        dq: "avx512dq",
        vl: "avx512vl",
        vbmi: "avx512vbmi",
    }
}

impl Avx512Vbmi {
    /// The token, if the CPU has the instructions; without `std`, if the compiler assumes them.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(feature = "std")]
        return Self::try_new();
        #[cfg(not(feature = "std"))]
        (cfg!(target_feature = "avx512vbmi") && Avx512::detect().is_some()).then(|| {
            // SAFETY: the compiler assumes these instructions in the whole program.
            unsafe { Self::new_unchecked() }
        })
    }

    /// `[low, high][i % 128]`, of each byte.
    #[inline(always)]
    fn look_up_128(self, [low, high]: [__m512i; 2], i: __m512i) -> __m512i {
        // SAFETY: the token proves that the CPU has VBMI.
        unsafe { _mm512_permutex2var_epi8(low, i, high) }
    }
}

/// A table, in two parts of two vectors.
#[derive(Clone, Copy)]
pub(crate) struct Permutations {
    vbmi: Avx512Vbmi,
    parts: [[__m512i; 2]; 2],
}

impl Permutations {
    #[inline(always)]
    pub(super) fn new(vbmi: Avx512Vbmi, table: &[u8; 256]) -> Self {
        Self { vbmi, parts: bytemuck::must_cast(*table) }
    }
}

impl Lookup<Avx512> for Permutations {
    #[inline(always)]
    fn vectorize<F: NullaryFnOnce>(&self, f: F) -> F::Output {
        self.vbmi.vectorize(f)
    }

    #[inline(always)]
    fn look_up(&self, _: Avx512, i: __m512i) -> __m512i {
        let [low, high] = self.parts;
        self.vbmi.bw._mm512_mask_blend_epi8(
            self.vbmi.bw._mm512_movepi8_mask(i),
            self.vbmi.look_up_128(low, i),
            self.vbmi.look_up_128(high, i),
        )
    }
}
