//! The loops over pairs of codes: one vector with another, or with each row of a matrix. Written
//! once, for every kernel and every instruction set.

use crate::simd::dot::{Bytes, Dot, Int};
use crate::simd::{Byte, LINE, Simd};

/// Elements after which the 32-bit sums are added to 64-bit ones.
///
/// A pair is worth at most 2 · 255² = 130 050 in any sum or difference of sums that a kernel makes
/// (`ab − za·b − zb·a` is `(a − za)(b − zb) − za·zb`), and 2¹⁴ of them, in all lanes together, less
/// than 2³¹. What wraps on the way there does no harm.
const BLOCK: usize = 1 << 14;

/// A kernel that makes `N` sums over pairs of codes, and `M` results of these.
pub(crate) trait Pairs<D: Dot, const N: usize, const M: usize>: Copy {
    /// How many of the sums it makes; the others stay 0.
    const USED: usize;

    /// Adds a vector of pairs. Pairs of zeros must add nothing, or what the kernel accounts for.
    fn step(self, d: D, sums: [Int<D>; N], a: Bytes<D>, b: Bytes<D>) -> [Int<D>; N];

    /// What is to be added up over all lanes.
    fn results(self, d: D, sums: [Int<D>; N]) -> [Int<D>; M];
}

/// The results of all pairs of `a` and `b`, which have the same length.
#[inline(always)]
pub(crate) fn pairs<D, K, const N: usize, const M: usize>(
    d: D,
    kernel: K,
    a: &[u8],
    b: &[u8],
) -> [i64; M]
where
    D: Dot,
    K: Pairs<D, N, M>,
{
    let (mut a, mut b) = (a, &b[..a.len()]);
    let mut totals = [0; M];
    loop {
        let len = BLOCK.min(a.len());
        let (a_block, a_rest) = a.split_at(len);
        let (b_block, b_rest) = b.split_at(len);
        let sums = in_chains::<D, K, N, M, false>(d, kernel, a_block, b_block);
        add_to(d, &mut totals, kernel.results(d, sums));
        if a_rest.is_empty() {
            return totals;
        }
        (a, b) = (a_rest, b_rest);
    }
}

/// The sums of a block. `PREFETCH`: what lies [`AHEAD`] of `b` is asked for.
///
/// Several chains of sums take turns, so that none waits for the one before it: as many as the
/// registers hold, besides constants and operands.
#[inline(always)]
fn in_chains<D, K, const N: usize, const M: usize, const PREFETCH: bool>(
    d: D,
    kernel: K,
    a: &[u8],
    b: &[u8],
) -> [Int<D>; N]
where
    D: Dot,
    K: Pairs<D, N, M>,
{
    if const { D::Base::REGISTERS / (K::USED + 1) < 4 || !D::Base::HAS_VARIANTS } {
        block::<D, K, N, M, 2, PREFETCH>(d, kernel, a, b)
    } else if const { D::Base::REGISTERS / (K::USED + 1) == 4 } {
        block::<D, K, N, M, 3, PREFETCH>(d, kernel, a, b)
    } else if const { D::Base::REGISTERS / (K::USED + 1) >= 10 && D::Base::LANES == 4 } {
        // Of short vectors, twice as many.
        block::<D, K, N, M, 8, PREFETCH>(d, kernel, a, b)
    } else {
        block::<D, K, N, M, 4, PREFETCH>(d, kernel, a, b)
    }
}

/// As [`pairs`], with less around the loop: for slices that are not longer than [`Dot::SHORT`].
#[inline(always)]
pub(crate) fn short_pairs<D, K, const N: usize, const M: usize>(
    d: D,
    kernel: K,
    a: &[u8],
    b: &[u8],
) -> [i64; M]
where
    D: Dot,
    K: Pairs<D, N, M>,
{
    let (b, mut totals) = (&b[..a.len()], [0; M]);
    let sums = block::<D, K, N, M, 1, false>(d, kernel, a, b);
    add_to(d, &mut totals, kernel.results(d, sums));
    totals
}

/// The same by so many chains.
#[inline(always)]
fn block<D, K, const N: usize, const M: usize, const CHAINS: usize, const PREFETCH: bool>(
    d: D,
    kernel: K,
    a: &[u8],
    b: &[u8],
) -> [Int<D>; N]
where
    D: Dot,
    K: Pairs<D, N, M>,
{
    let s = d.base();
    let (a_vectors, rest) = D::Base::vectors(a);
    let (b_vectors, _) = D::Base::vectors(b);
    let b_vectors = &b_vectors[..a_vectors.len()];
    let (a_groups, a_vectors) = a_vectors.as_chunks::<CHAINS>();
    let (b_groups, b_vectors) = b_vectors.as_chunks::<CHAINS>();
    let (b_groups, b_vectors) = (&b_groups[..a_groups.len()], &b_vectors[..a_vectors.len()]);

    let ahead = b.as_ptr().wrapping_add(AHEAD);
    let mut chains = [[s.splat_i32(0); N]; CHAINS];
    for g in 0..a_groups.len() {
        for i in 0..CHAINS {
            if PREFETCH && begins_line::<D>(i) {
                s.prefetch(ahead.wrapping_add((g * CHAINS + i) * D::Base::STEP));
            }
            let (a, b) = (vector::<D>(&a_groups[g][i]), vector::<D>(&b_groups[g][i]));
            chains[i] = kernel.step(d, chains[i], a, b);
        }
    }
    for i in 0..CHAINS - 1 {
        if i < a_vectors.len() {
            if PREFETCH && begins_line::<D>(i) {
                s.prefetch(ahead.wrapping_add((a_groups.len() * CHAINS + i) * D::Base::STEP));
            }
            let (a, b) = (vector::<D>(&a_vectors[i]), vector::<D>(&b_vectors[i]));
            chains[i] = kernel.step(d, chains[i], a, b);
        }
    }
    if !rest.is_empty() {
        if PREFETCH {
            s.prefetch(ahead.wrapping_add(a.len() - rest.len()));
        }
        let (a, b) = (s.load_u8_last(a, rest.len()), s.load_u8_last(b, rest.len()));
        chains[CHAINS - 1] = kernel.step(d, chains[CHAINS - 1], a, b);
    }

    let mut sums = chains[0];
    for i in 1..CHAINS {
        for n in 0..N {
            sums[n] = s.add_i32(sums[n], chains[i][n]);
        }
    }
    sums
}

/// How many pairs of zeros a slice of `len` elements ends with, in the last vector.
#[inline(always)]
pub(crate) fn padding<D: Dot>(len: usize) -> i64 {
    (len.next_multiple_of(D::Base::STEP) - len) as i64
}

#[inline(always)]
fn vector<D: Dot>(from: &<D::Base as Simd>::Bytes) -> Bytes<D> {
    bytemuck::must_cast(*from)
}

#[inline(always)]
fn add_to<D: Dot, const M: usize>(d: D, totals: &mut [i64; M], results: [Int<D>; M]) {
    for m in 0..M {
        totals[m] += i64::from(d.base().reduce_add(results[m]));
    }
}

/// How far ahead of what is read rows are asked for: also beyond their end, since chunks of a larger matrix are
/// often read one after the other.
const AHEAD: usize = 8192;

/// Whether the vector `i` of some that follow each other is the one for which their cache line is asked for.
#[inline(always)]
const fn begins_line<D: Dot>(i: usize) -> bool {
    (i * D::Base::STEP).is_multiple_of(LINE)
}

/// Bytes of rows from which on they come from beyond the first two levels of the caches.
const MANY: usize = 1 << 20;

/// A kernel with a result for each row.
pub(crate) trait RowPairs<D: Dot, const N: usize, const M: usize>: Pairs<D, N, M> {
    /// The result of row `r`, of which these are the totals.
    fn value(self, r: usize, totals: [i64; M]) -> i64;
}

/// The results of the pairs of `query` and each row: `out.len()` rows of `query.len()` elements, so far apart.
///
/// From the caches it is faster to do several rows at the same time, so that the query is loaded once for all of
/// them, and none of their sums waits for the one before it. From memory it is faster to read it in the order in
/// which it lies: what CPUs fetch by themselves is confused by several rows of some hundred bytes, unless they are
/// asked for in order. Few rows may be in either.
#[inline(always)]
pub(crate) fn rows<D, K, const N: usize, const M: usize>(
    d: D,
    kernel: K,
    query: &[u8],
    (rows, stride): (&[u8], usize),
    out: &mut [i64],
) where
    D: Dot,
    K: RowPairs<D, N, M>,
{
    let mut done = 0;
    // Rows with wide gaps can't be asked for in order without what lies between them.
    let is_dense = stride < 2 * query.len();
    if const { D::Base::HAS_VARIANTS } && is_dense && out.len() * query.len() < MANY {
        done = if const { D::Base::REGISTERS / (K::USED + 1) < 4 } {
            in_tiles::<D, K, N, M, 2>(d, kernel, query, (rows, stride), out)
        } else {
            in_tiles::<D, K, N, M, 4>(d, kernel, query, (rows, stride), out)
        };
    }
    while done < out.len() {
        let row = &rows[done * stride..][..query.len()];
        let mut totals = [0; M];
        let mut start = 0;
        while start < query.len() {
            let len = BLOCK.min(query.len() - start);
            let (query, row) = (&query[start..][..len], &row[start..][..len]);
            let sums = in_chains::<D, K, N, M, true>(d, kernel, query, row);
            add_to(d, &mut totals, kernel.results(d, sums));
            start += len;
        }
        out[done] = kernel.value(done, totals);
        done += 1;
    }
}

/// The results of all rows that make tiles of `R`; how many these are.
#[inline(always)]
fn in_tiles<D, K, const N: usize, const M: usize, const R: usize>(
    d: D,
    kernel: K,
    query: &[u8],
    (rows, stride): (&[u8], usize),
    out: &mut [i64],
) -> usize
where
    D: Dot,
    K: RowPairs<D, N, M>,
{
    let mut done = 0;
    while done + R <= out.len() {
        let tile = (&rows[done * stride..], stride);
        let totals = tile_totals::<D, K, N, M, R>(d, kernel, query, tile);
        for i in 0..R {
            out[done + i] = kernel.value(done + i, totals[i]);
        }
        done += R;
    }
    done
}

/// The totals of `R` rows.
#[inline(always)]
fn tile_totals<D, K, const N: usize, const M: usize, const R: usize>(
    d: D,
    kernel: K,
    query: &[u8],
    (tile, stride): (&[u8], usize),
) -> [[i64; M]; R]
where
    D: Dot,
    K: RowPairs<D, N, M>,
{
    let s = d.base();
    let mut totals = [[0; M]; R];
    let mut start = 0;
    while start < query.len() {
        let len = BLOCK.min(query.len() - start);
        let (vectors, rest) = D::Base::vectors(&query[start..][..len]);
        let mut row_vectors = [vectors; R];
        for r in 0..R {
            let row = &tile[r * stride + start..][..len];
            (row_vectors[r], _) = D::Base::vectors(row);
            row_vectors[r] = &row_vectors[r][..vectors.len()];
        }
        // The next tiles in the order in which they lie, whatever rows these are of.
        let ahead = tile.as_ptr().wrapping_add(AHEAD + R * start);

        let mut sums = [[s.splat_i32(0); N]; R];
        for i in 0..vectors.len() {
            let q = vector::<D>(&vectors[i]);
            for r in 0..R {
                if begins_line::<D>(r) {
                    s.prefetch(ahead.wrapping_add((R * i + r) * D::Base::STEP));
                }
                sums[r] = kernel.step(d, sums[r], q, vector::<D>(&row_vectors[r][i]));
            }
        }
        if !rest.is_empty() {
            let q = s.load_u8_last(&query[start..][..len], rest.len());
            for r in 0..R {
                if begins_line::<D>(r) {
                    s.prefetch(ahead.wrapping_add((R * vectors.len() + r) * D::Base::STEP));
                }
                let row = &tile[r * stride + start..][..len];
                sums[r] = kernel.step(d, sums[r], q, s.load_u8_last(row, rest.len()));
            }
        }
        for r in 0..R {
            add_to(d, &mut totals[r], kernel.results(d, sums[r]));
        }
        start += len;
    }
    totals
}

/// `sum + Σ a` over each lane.
#[inline(always)]
pub(crate) fn add_codes<D: Dot, A: Byte>(d: D, sum: Int<D>, a: Bytes<D>) -> Int<D> {
    let ones = d.base().splat_u8(1);
    if D::SAME {
        d.weighted::<A, A>(sum, a, ones)
    } else {
        d.weighted::<A, A::Flipped>(sum, a, ones)
    }
}
