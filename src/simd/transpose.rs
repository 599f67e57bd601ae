//! Transpositions in vectors of 128 bits, which x86-64 and aarch64 always have: the same for all of
//! their tiers.
#![allow(unsafe_code, reason = "instructions that every CPU of an architecture has")]

/// Four words of four codes, of four columns.
pub(crate) type Words = [[u32; 4]; 4];

/// `out[j][i] = words[i][j]`.
#[inline(always)]
pub(crate) fn transpose(words: Words) -> Words {
    imp::transpose(words)
}

/// The words of 16 columns from four rows: `out[c / 4][c % 4]` has the codes `rows[0..4][c]`.
#[inline(always)]
pub(crate) fn zip(rows: [[u8; 16]; 4]) -> Words {
    imp::zip(rows)
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod imp {
    use super::Words;
    use core::arch::x86_64::__m128i;

    pulp::simd_type! {
        struct Baseline {
            sse2: "sse2",
        }
    }

    #[inline(always)]
    fn baseline() -> Baseline {
        // SAFETY: every x86-64 CPU has SSE2.
        unsafe { Baseline::new_unchecked() }
    }

    #[inline(always)]
    pub(super) fn transpose(words: Words) -> Words {
        let s = baseline().sse2;
        let [a, b, c, d]: [__m128i; 4] = bytemuck::must_cast(words);
        let low = [s._mm_unpacklo_epi32(a, b), s._mm_unpacklo_epi32(c, d)];
        let high = [s._mm_unpackhi_epi32(a, b), s._mm_unpackhi_epi32(c, d)];
        bytemuck::must_cast([
            s._mm_unpacklo_epi64(low[0], low[1]),
            s._mm_unpackhi_epi64(low[0], low[1]),
            s._mm_unpacklo_epi64(high[0], high[1]),
            s._mm_unpackhi_epi64(high[0], high[1]),
        ])
    }

    #[inline(always)]
    pub(super) fn zip(rows: [[u8; 16]; 4]) -> Words {
        let s = baseline().sse2;
        let [a, b, c, d]: [__m128i; 4] = bytemuck::must_cast(rows);
        let low = [s._mm_unpacklo_epi8(a, b), s._mm_unpacklo_epi8(c, d)];
        let high = [s._mm_unpackhi_epi8(a, b), s._mm_unpackhi_epi8(c, d)];
        bytemuck::must_cast([
            s._mm_unpacklo_epi16(low[0], low[1]),
            s._mm_unpackhi_epi16(low[0], low[1]),
            s._mm_unpacklo_epi16(high[0], high[1]),
            s._mm_unpackhi_epi16(high[0], high[1]),
        ])
    }
}

#[cfg(all(target_arch = "aarch64", target_endian = "little", target_feature = "neon"))]
mod imp {
    use super::Words;
    use core::arch::aarch64::{uint8x16_t, uint16x8_t, uint32x4_t, uint64x2_t};

    pulp::simd_type! {
        struct Baseline {
            neon: "neon",
        }
    }

    #[inline(always)]
    fn baseline() -> Baseline {
        // SAFETY: every aarch64 CPU has NEON.
        unsafe { Baseline::new_unchecked() }
    }

    #[inline(always)]
    pub(super) fn transpose(words: Words) -> Words {
        let s = baseline().neon;
        let [a, b, c, d]: [uint32x4_t; 4] = bytemuck::must_cast(words);
        let pairs: [uint64x2_t; 4] = bytemuck::must_cast([
            s.vzip1q_u32(a, b),
            s.vzip2q_u32(a, b),
            s.vzip1q_u32(c, d),
            s.vzip2q_u32(c, d),
        ]);
        bytemuck::must_cast([
            s.vzip1q_u64(pairs[0], pairs[2]),
            s.vzip2q_u64(pairs[0], pairs[2]),
            s.vzip1q_u64(pairs[1], pairs[3]),
            s.vzip2q_u64(pairs[1], pairs[3]),
        ])
    }

    #[inline(always)]
    pub(super) fn zip(rows: [[u8; 16]; 4]) -> Words {
        let s = baseline().neon;
        let [a, b, c, d]: [uint8x16_t; 4] = bytemuck::must_cast(rows);
        let pairs: [uint16x8_t; 4] = bytemuck::must_cast([
            s.vzip1q_u8(a, b),
            s.vzip2q_u8(a, b),
            s.vzip1q_u8(c, d),
            s.vzip2q_u8(c, d),
        ]);
        bytemuck::must_cast([
            s.vzip1q_u16(pairs[0], pairs[2]),
            s.vzip2q_u16(pairs[0], pairs[2]),
            s.vzip1q_u16(pairs[1], pairs[3]),
            s.vzip2q_u16(pairs[1], pairs[3]),
        ])
    }
}

#[cfg(not(any(
    all(target_arch = "x86_64", target_feature = "sse2"),
    all(target_arch = "aarch64", target_endian = "little", target_feature = "neon")
)))]
mod imp {
    use super::Words;

    #[inline(always)]
    pub(super) fn transpose(words: Words) -> Words {
        let mut out = words;
        for i in 0..4 {
            for j in 0..4 {
                out[j][i] = words[i][j];
            }
        }
        out
    }

    #[inline(always)]
    pub(super) fn zip(rows: [[u8; 16]; 4]) -> Words {
        let mut out = [[0; 4]; 4];
        for c in 0..16 {
            out[c / 4][c % 4] =
                u32::from_ne_bytes([rows[0][c], rows[1][c], rows[2][c], rows[3][c]]);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_definitions() {
        let words: Words = core::array::from_fn(|i| core::array::from_fn(|j| (10 * i + j) as u32));
        let transposed = transpose(words);
        let rows: [[u8; 16]; 4] =
            core::array::from_fn(|i| core::array::from_fn(|c| (16 * i + c) as u8));
        let zipped = zip(rows);
        for i in 0..4 {
            for j in 0..4 {
                assert_eq!(transposed[j][i], words[i][j]);
                let c = 4 * i + j;
                assert_eq!(zipped[i][j].to_ne_bytes(), [0, 1, 2, 3].map(|r| rows[r][c]));
            }
        }
    }
}
