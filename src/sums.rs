//! Sums of f32 in an order that does not depend on the instruction set. Written once, for every
//! kernel and every instruction set.
//!
//! The order is part of the contract. A slice is taken in blocks of [`BLOCK`] elements. In a block,
//! what the element `i` contributes is added to lane `i mod 64`, in f32; then the lanes are added by
//! halves, lane `i` and lane `i + 32`, `i + 16`, until one is left. The sums of the blocks are added
//! in f64. So no more than 64 numbers, and the sums of 6 halves, are added in f32.

use crate::simd::Simd;

/// Elements of a block.
pub(crate) const BLOCK: usize = 4096;

/// Lanes, whatever the instruction set has.
pub(crate) const LANES: usize = 64;

/// A kernel that makes `N` sums over the elements of `M` slices.
pub(crate) trait Terms<S: Simd, const M: usize, const N: usize> {
    /// What stands for elements beyond the end of the slices: it must contribute zeros.
    #[inline(always)]
    fn fill(&self) -> f32 {
        0.0
    }

    /// Adds what a vector of elements contributes.
    fn add(&mut self, s: S, sums: [S::F32; N], x: [S::F32; M]) -> [S::F32; N];
}

/// The sums over the elements of `x`, which have the same length.
#[inline(always)]
pub(crate) fn sums<S, K, const M: usize, const N: usize>(
    s: S,
    kernel: &mut K,
    x: [&[f32]; M],
) -> [f64; N]
where
    S: Simd,
    K: Terms<S, M, N>,
{
    match S::LANES {
        16 => in_vectors::<S, K, M, N, 4>(s, kernel, x),
        8 => in_vectors::<S, K, M, N, 8>(s, kernel, x),
        _ => in_vectors::<S, K, M, N, 16>(s, kernel, x),
    }
}

/// `V` vectors are the 64 lanes.
#[inline(always)]
fn in_vectors<S, K, const M: usize, const N: usize, const V: usize>(
    s: S,
    kernel: &mut K,
    x: [&[f32]; M],
) -> [f64; N]
where
    S: Simd,
    K: Terms<S, M, N>,
{
    let len = x[0].len();
    let mut totals = [0.0; N];
    let mut start = 0;
    while start < len {
        let end = len.min(start + BLOCK);
        let mut parts = x;
        for m in 0..M {
            parts[m] = &x[m][start..end];
        }
        let sums = block::<S, K, M, N, V>(s, kernel, parts);
        for n in 0..N {
            totals[n] += f64::from(s.reduce_sum(sums[n]));
        }
        start = end;
    }
    totals
}

/// The sums over a block, in a vector each.
#[inline(always)]
fn block<S, K, const M: usize, const N: usize, const V: usize>(
    s: S,
    kernel: &mut K,
    x: [&[f32]; M],
) -> [S::F32; N]
where
    S: Simd,
    K: Terms<S, M, N>,
{
    let mut groups: [&[[f32; LANES]]; M] = [&[]; M];
    let mut rests: [&[f32]; M] = [&[]; M];
    for m in 0..M {
        (groups[m], rests[m]) = x[m].as_chunks();
        groups[m] = &groups[m][..x[0].len() / LANES];
    }
    let mut lanes = [[s.splat_f32(0.0); N]; V];
    for g in 0..groups[0].len() {
        for v in 0..V {
            let mut vectors = [s.splat_f32(0.0); M];
            for m in 0..M {
                vectors[m] = s.load_f32(&groups[m][g][v * S::LANES..][..S::LANES]);
            }
            lanes[v] = kernel.add(s, lanes[v], vectors);
        }
    }
    for v in 0..V {
        let from = v * S::LANES;
        if from < rests[0].len() {
            let to = rests[0].len().min(from + S::LANES);
            let mut vectors = [s.splat_f32(0.0); M];
            for m in 0..M {
                vectors[m] = s.load_f32_partial(&rests[m][from..to], kernel.fill());
            }
            lanes[v] = kernel.add(s, lanes[v], vectors);
        }
    }
    let mut half = V / 2;
    while half > 0 {
        for v in 0..half {
            for n in 0..N {
                lanes[v][n] = s.add(lanes[v][n], lanes[v + half][n]);
            }
        }
        half /= 2;
    }
    lanes[0]
}
