//! Sums of f32 in an order that does not depend on the instruction set. Written once, for every
//! kernel and every instruction set.
//!
//! The order is part of the contract. A slice is taken in blocks of [`BLOCK`] elements. In a block,
//! the term of element `i` is added to lane `i mod 64`, in f32; then the lanes are added by halves,
//! lane `i` and lane `i + 32`, `i + 16`, until one is left. The sums of the blocks are added in f64.
//! So no more than 64 numbers, and the sums of 6 halves, are added in f32.
//!
//! f32 may lack the range for a block: a square of 1e20 is infinite, one of 1e-25 is 0. The sums
//! show it: one is not finite, or a sum of squares is below [`SMALLEST`]. Then all sums of this block
//! are made again with terms, lanes and their addition in f64, in the same order. The decision
//! depends on nothing but sums that are the same on every tier, and costs nothing in the loop.

use crate::simd::Simd;

/// Elements of a block.
pub(crate) const BLOCK: usize = 4096;

/// Lanes, whatever the instruction set has.
pub(crate) const LANES: usize = 64;

/// The smallest sum of squares over a block that f32 is trusted with, 2⁻¹⁰⁰: the squares that f32
/// rounds to subnormal numbers are off by 2⁻¹⁵⁰ each, together by less than 2⁻³⁸ of it.
const SMALLEST: f32 = f32::from_bits((127 - 100) << 23);

/// Elements after which other lanes have their turn, where the registers don't hold all: few, so that
/// memory is read nearly in its order.
const STRETCH: usize = 512;

/// A kernel that makes `N` sums over the elements of `M` slices.
pub(crate) trait Terms<S: Simd, const M: usize, const N: usize> {
    /// Which of the sums are sums of squares.
    const SQUARES: [bool; N];

    /// What stands for elements beyond the end of the slices: it must contribute zeros.
    #[inline(always)]
    fn fill(&self) -> f32 {
        0.0
    }

    /// Adds the terms of a vector of elements.
    fn add(&mut self, s: S, sums: [S::F32; N], x: [S::F32; M]) -> [S::F32; N];

    /// The terms of an element in f64.
    fn wide(&self, x: [f64; M]) -> [f64; N];
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
    let len = x[0].len();
    let mut totals = [0.0; N];
    let mut start = 0;
    while start < len {
        let end = len.min(start + BLOCK);
        let mut parts = x;
        for m in 0..M {
            parts[m] = &x[m][start..end];
        }
        // All lanes of all sums in half of the registers; or a cache line of lanes after the other.
        let sums = if const { S::REGISTERS / 2 / N * S::LANES >= LANES } {
            if const { S::LANES == 16 } {
                block::<S, K, M, N, 1, 64, 4>(s, kernel, parts)
            } else if const { S::LANES == 8 } {
                block::<S, K, M, N, 1, 64, 8>(s, kernel, parts)
            } else {
                block::<S, K, M, N, 1, 64, 16>(s, kernel, parts)
            }
        } else if const { S::LANES == 8 && N <= 2 } {
            block::<S, K, M, N, 2, 32, 4>(s, kernel, parts)
        } else if const { S::LANES == 8 } {
            block::<S, K, M, N, 4, 16, 2>(s, kernel, parts)
        } else {
            block::<S, K, M, N, 4, 16, 4>(s, kernel, parts)
        };
        let mut found = [0.0; N];
        let mut trusted = true;
        for n in 0..N {
            let sum = s.reduce_sum(sums[n]);
            trusted &= sum.is_finite() && (!K::SQUARES[n] || sum >= SMALLEST);
            found[n] = f64::from(sum);
        }
        if !trusted {
            found = wide_block::<S, K, M, N>(kernel, parts);
        }
        for n in 0..N {
            totals[n] += found[n];
        }
        start = end;
    }
    totals
}

/// The sums over a block in f64. Plain loops: the compiler makes vectors of them.
#[inline(always)]
fn wide_block<S, K, const M: usize, const N: usize>(kernel: &K, x: [&[f32]; M]) -> [f64; N]
where
    S: Simd,
    K: Terms<S, M, N>,
{
    let mut sums = [[0.0; LANES]; N];
    let mut lines: [&[[f32; LANES]]; M] = [&[]; M];
    let mut rests: [&[f32]; M] = [&[]; M];
    for m in 0..M {
        (lines[m], rests[m]) = x[m].as_chunks();
    }
    for g in 0..lines[0].len() {
        let mut line = [&lines[0][g]; M];
        for m in 0..M {
            line[m] = &lines[m][g];
        }
        for i in 0..LANES {
            let mut element = [0.0; M];
            for m in 0..M {
                element[m] = f64::from(line[m][i]);
            }
            let terms = kernel.wide(element);
            for n in 0..N {
                sums[n][i] += terms[n];
            }
        }
    }
    for i in 0..rests[0].len() {
        let mut element = [0.0; M];
        for m in 0..M {
            element[m] = f64::from(rests[m][i]);
        }
        let terms = kernel.wide(element);
        for n in 0..N {
            sums[n][i] += terms[n];
        }
    }
    let mut half = LANES / 2;
    while half > 0 {
        for n in 0..N {
            for i in 0..half {
                sums[n][i] += sums[n][i + half];
            }
        }
        half /= 2;
    }
    let mut first = [0.0; N];
    for n in 0..N {
        first[n] = sums[n][0];
    }
    first
}

/// The sums over a block, in a vector each. `P` times `L` are the 64 lanes, `V` vectors are `L` of them.
#[inline(always)]
fn block<S, K, const M: usize, const N: usize, const P: usize, const L: usize, const V: usize>(
    s: S,
    kernel: &mut K,
    x: [&[f32]; M],
) -> [S::F32; N]
where
    S: Simd,
    K: Terms<S, M, N>,
{
    let mut parts = [[[s.splat_f32(0.0); N]; V]; P];
    let stretch = if P > 1 { STRETCH } else { BLOCK };
    let mut start = 0;
    while start < x[0].len() {
        let mut stretches = x;
        for m in 0..M {
            stretches[m] = &x[m][start..x[0].len().min(start + stretch)];
        }
        for p in 0..P {
            parts[p] = lanes::<S, K, M, N, P, L, V>(s, kernel, parts[p], stretches, p);
        }
        start += stretch;
    }
    let mut half = P / 2;
    while half > 0 {
        for p in 0..half {
            for v in 0..V {
                parts[p][v] = added(s, parts[p][v], parts[p + half][v]);
            }
        }
        half /= 2;
    }
    let mut vectors = parts[0];
    let mut half = V / 2;
    while half > 0 {
        for v in 0..half {
            vectors[v] = added(s, vectors[v], vectors[v + half]);
        }
        half /= 2;
    }
    vectors[0]
}

/// Adds to the sums in `L` of the lanes, from lane `p · L` on.
#[inline(always)]
fn lanes<S, K, const M: usize, const N: usize, const P: usize, const L: usize, const V: usize>(
    s: S,
    kernel: &mut K,
    mut sums: [[S::F32; N]; V],
    x: [&[f32]; M],
    p: usize,
) -> [[S::F32; N]; V]
where
    S: Simd,
    K: Terms<S, M, N>,
{
    let groups = x[0].len() / LANES;
    let mut lines: [&[[f32; L]]; M] = [&[]; M];
    let mut rests: [&[f32]; M] = [&[]; M];
    for m in 0..M {
        let (whole, rest) = x[m].split_at(groups * LANES);
        (lines[m], _) = whole.as_chunks();
        rests[m] = &rest[(p * L).min(rest.len())..rest.len().min((p + 1) * L)];
    }
    for g in 0..groups {
        for v in 0..V {
            let mut vectors = [s.splat_f32(0.0); M];
            for m in 0..M {
                let line = &lines[m][g * P + p];
                vectors[m] = s.load_f32(&line[v * S::LANES..][..S::LANES]);
            }
            sums[v] = kernel.add(s, sums[v], vectors);
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
            sums[v] = kernel.add(s, sums[v], vectors);
        }
    }
    sums
}

#[inline(always)]
fn added<S: Simd, const N: usize>(s: S, mut a: [S::F32; N], b: [S::F32; N]) -> [S::F32; N] {
    for n in 0..N {
        a[n] = s.add(a[n], b[n]);
    }
    a
}
