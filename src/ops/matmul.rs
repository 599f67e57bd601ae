//! `out[m][n] = Σ (a[m][k] − za[m])(b[k][n] − zb[n])`
//!
//! With sums of the codes, that is `Σ ab − za[m] · Σ b − zb[n] · Σ (a − za[m])`. A tier has one pair of
//! types to multiply; codes of others are flipped, and their zero points with them. All arithmetic
//! is that of 32 bits with wrap-around: the result fits, so what wraps on the way does no harm.

use crate::element::Code;
use crate::error::{Error, check_depth, strided_shape};
use crate::packed::{PackedMatrix, WIDTH, rows_len, sums_len};
use crate::reference;
use crate::simd::Simd;
use crate::simd::dot::{Bytes, Dot, Int};
use crate::tier::{DotOperation, Tier};
use crate::zero_points::ZeroPoints;

/// The product of two matrices of codes, less their zero points:
/// `out[m][n] = Σ (a[m][k] − za)(b[k][n] − zb)`, exact.
///
/// `a` is `[M, K]` and `out` is `[M, N]`, row by row; `b` is the packed matrix, `[K, N]`. There is
/// one zero point for all rows of `a`, or one for each; and one for all columns of `b`, or one for
/// each: see [`ZeroPoints`]. The product runs on the tier that `b` is packed for.
///
/// # Errors
/// [`Error::Strided`] if `a` or `out` is not of that size; [`Error::ZeroPoints`] if there are zero
/// points for each row or column, but not as many; [`Error::Depth`] if K is so large that a sum
/// might not fit 32 bits. `out` is then untouched.
///
/// ```
/// # use zeropoint::{Tier, Weights, matmul};
/// let b = Weights::new(&[1_i8, 2, 3, 4, 5, 6], 2, 3).pack(Tier::best())?;
/// let a = [
///     128_u8, 129, //
///     130, 127,
/// ];
/// let mut out = [0; 6];
/// matmul(&a, 128, &b, 0, &mut out)?;
/// assert_eq!(out, [4, 5, 6, -2, -1, 0]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn matmul<'a, 'b, A: Code, B: Code>(
    a: &[A],
    za: impl Into<ZeroPoints<'a, A>>,
    b: &PackedMatrix<'_, B>,
    zb: impl Into<ZeroPoints<'b, B>>,
    out: &mut [i32],
) -> Result<(), Error> {
    b.tier().matmul(a, za, b, zb, out)
}

/// [`matmul()`] of matrices whose rows are apart: `a_stride` elements from the start of one row of
/// `a` to that of the next, and `out_stride` in `out`. What lies between rows is neither read nor
/// written.
///
/// # Errors
/// As there.
pub fn matmul_strided<'a, 'b, A: Code, B: Code>(
    (a, a_stride): (&[A], usize),
    za: impl Into<ZeroPoints<'a, A>>,
    b: &PackedMatrix<'_, B>,
    zb: impl Into<ZeroPoints<'b, B>>,
    (out, out_stride): (&mut [i32], usize),
) -> Result<(), Error> {
    b.tier()
        .matmul_strided((a, a_stride), za, b, zb, (out, out_stride))
}

impl Tier {
    /// [`matmul`](crate::matmul()) on this tier.
    ///
    /// # Errors
    /// As there; and [`Error::PackedFor`] if `b` is packed for another tier.
    pub fn matmul<'a, 'b, A: Code, B: Code>(
        self,
        a: &[A],
        za: impl Into<ZeroPoints<'a, A>>,
        b: &PackedMatrix<'_, B>,
        zb: impl Into<ZeroPoints<'b, B>>,
        out: &mut [i32],
    ) -> Result<(), Error> {
        self.matmul_strided((a, b.k()), za, b, zb, (out, b.n()))
    }

    /// [`matmul_strided`](crate::matmul_strided()) on this tier.
    ///
    /// # Errors
    /// As there; and [`Error::PackedFor`] if `b` is packed for another tier.
    pub fn matmul_strided<'a, 'b, A: Code, B: Code>(
        self,
        (a, a_stride): (&[A], usize),
        za: impl Into<ZeroPoints<'a, A>>,
        b: &PackedMatrix<'_, B>,
        zb: impl Into<ZeroPoints<'b, B>>,
        (out, out_stride): (&mut [i32], usize),
    ) -> Result<(), Error> {
        if self != b.tier() {
            return Err(Error::PackedFor {
                packed: b.tier().name(),
                tier: self.name(),
            });
        }
        let (za, zb) = (za.into(), zb.into());
        let (k, n) = (b.k(), b.n());
        let m = if n > 0 {
            out.len().div_ceil(out_stride.max(1))
        } else {
            a.len().div_ceil(a_stride.max(1))
        };
        strided_shape(a.len(), m, k, a_stride)?;
        strided_shape(out.len(), m, n, out_stride)?;
        za.check(m)?;
        zb.check(n)?;
        check_depth(k, za, zb)?;
        compiled(
            self,
            Matmul {
                a: bytemuck::must_cast_slice(a),
                // Rows of nothing may lie beyond the end.
                a_stride: if k > 0 { a_stride } else { 0 },
                za: za.bytes(),
                b: b.bytes(),
                zb: zb.bytes(),
                out,
                out_stride,
                shape: [m, k, n],
                signed: [A::SIGNED, B::SIGNED],
            },
        );
        Ok(())
    }
}

fn compiled(tier: Tier, product: Matmul<'_>) {
    tier.run_dot(product);
}

struct Matmul<'a> {
    a: &'a [u8],
    a_stride: usize,
    za: ZeroPoints<'a, u8>,
    b: &'a [u8],
    zb: ZeroPoints<'a, u8>,
    out: &'a mut [i32],
    out_stride: usize,
    /// M, K, N.
    shape: [usize; 3],
    signed: [bool; 2],
}

impl Matmul<'_> {
    fn specified<A: Code, B: Code>(&mut self) {
        let [m, k, n] = self.shape;
        reference::product(
            (bytemuck::must_cast_slice::<_, A>(self.a), self.a_stride),
            self.za.typed(),
            bytemuck::must_cast_slice::<_, B>(&self.b[..k * n]),
            self.zb.typed(),
            [m, k, n],
            (self.out, self.out_stride),
        );
    }
}

impl DotOperation for Matmul<'_> {
    type Output = ();

    fn scalar(&mut self) {
        match self.signed {
            [false, false] => self.specified::<u8, u8>(),
            [false, true] => self.specified::<u8, i8>(),
            [true, false] => self.specified::<i8, u8>(),
            [true, true] => self.specified::<i8, i8>(),
        }
    }

    #[inline(always)]
    fn simd<D: Dot>(&mut self, d: D) {
        let [m, k, n] = self.shape;
        if m == 0 || n == 0 {
            return;
        }
        // Tiles of about the same height.
        let tallest = if D::Base::REGISTERS < 32 { 6 } else { 14 };
        let tiles = m.div_ceil(tallest);
        let height = m.div_ceil(tiles);
        // Whole chunks, and whole vectors of codes.
        let unit = D::Base::STEP.max(CHUNK * D::DEPTH);
        let mut deepest = CHUNKS / height * CHUNK * D::DEPTH / unit * unit;
        if tiles > 1 {
            deepest = deepest.min(DEEPEST);
        }
        let blocks = k.div_ceil(deepest).max(1);
        let depth = k.div_ceil(blocks).next_multiple_of(unit);
        let panel = WIDTH * D::Base::LANES;
        let columns = if tiles > 1 {
            (BLOCK / depth.max(1)).next_multiple_of(panel)
        } else {
            n
        };

        let (mut small, mut large);
        let left: &mut [[u32; CHUNK]] = if height * depth / (CHUNK * D::DEPTH) <= SMALL {
            small = [[0; CHUNK]; SMALL];
            &mut small
        } else {
            large = [[0; CHUNK]; CHUNKS];
            &mut large
        };

        let mut first_column = 0;
        while first_column < n {
            let columns = columns.min(n - first_column);
            let mut first = 0;
            loop {
                let block = Block {
                    first,
                    depth: depth.min(k - first),
                    first_column,
                    columns,
                };
                for t in 0..tiles {
                    let (top, end) = (t * m / tiles, (t + 1) * m / tiles);
                    rows_of(d, self, block, top, end - top, left);
                }
                first += depth;
                if first >= k {
                    break;
                }
            }
            first_column += columns;
        }
    }
}

/// Words of a row of `a` that lie together.
const CHUNK: usize = 16;

/// Chunks for a tile of `a`, so many that a good part of the first cache is left.
const CHUNKS: usize = 14 * 16;

/// Chunks for a small one.
const SMALL: usize = 16;

/// Rows of `b` for which a tile is multiplied at once.
const DEEPEST: usize = 1024;

/// Bytes of `b` that are multiplied by all of `a` before the next: they stay in the second cache.
const BLOCK: usize = 1 << 19;

/// A part of `b`.
#[derive(Clone, Copy)]
struct Block {
    first: usize,
    depth: usize,
    first_column: usize,
    columns: usize,
}

/// The products of `height` rows of `a`, from row `top` on, and a block of `b`.
#[inline(always)]
fn rows_of<D: Dot>(
    d: D,
    of: &mut Matmul<'_>,
    block: Block,
    top: usize,
    height: usize,
    left: &mut [[u32; CHUNK]],
) {
    match height {
        1 => tiles::<D, 1, 8>(d, of, block, top, left),
        2 => tiles::<D, 2, 4>(d, of, block, top, left),
        3 => tiles::<D, 3, 2>(d, of, block, top, left),
        4 => tiles::<D, 4, 1>(d, of, block, top, left),
        5 => tiles::<D, 5, 1>(d, of, block, top, left),
        6 => tiles::<D, 6, 1>(d, of, block, top, left),
        _ if D::Base::REGISTERS < 32 => {}
        7 => tiles::<D, 7, 1>(d, of, block, top, left),
        8 => tiles::<D, 8, 1>(d, of, block, top, left),
        9 => tiles::<D, 9, 1>(d, of, block, top, left),
        10 => tiles::<D, 10, 1>(d, of, block, top, left),
        11 => tiles::<D, 11, 1>(d, of, block, top, left),
        12 => tiles::<D, 12, 1>(d, of, block, top, left),
        13 => tiles::<D, 13, 1>(d, of, block, top, left),
        14 => tiles::<D, 14, 1>(d, of, block, top, left),
        _ => {}
    }
}

/// The same of `R` rows.
#[inline(always)]
fn tiles<D: Dot, const R: usize, const CHAINS: usize>(
    d: D,
    of: &mut Matmul<'_>,
    block: Block,
    top: usize,
    left: &mut [[u32; CHUNK]],
) {
    let s = d.base();
    let [_, k, n] = of.shape;
    let [a_signed, b_signed] = of.signed;
    let flip = a_signed != signed::<D>();

    // `za` as it is after a flip, and `Σ (a − za)`.
    let (mut za, mut offsets) = ([0; R], [0; R]);
    for r in 0..R {
        let row = &of.a[(top + r) * of.a_stride + block.first..][..block.depth];
        let sum = pack_row::<D, R>(d, row, flip, r, left);
        let zero_point = number(of.za.of(top + r), a_signed);
        za[r] = zero_point + if flip { flipped_zero(!a_signed) } else { 0 };
        offsets[r] = sum.wrapping_sub((block.depth as i32).wrapping_mul(zero_point));
    }
    let words = block.depth.div_ceil(D::DEPTH);
    let (left, _) = left.as_chunks::<R>();
    let left = &left[..words.div_ceil(CHUNK)];

    let columns = WIDTH * D::Base::LANES;
    let panel_len = sums_len::<D>() + rows_len::<D>(k);
    let mut column = block.first_column;
    while column < block.first_column + block.columns {
        let panel = &of.b[column / columns * panel_len..][..panel_len];
        let (sums, rows) = panel.split_at(sums_len::<D>());
        let right = &rows[rows_len::<D>(block.first)..][..rows_len::<D>(block.depth)];
        let products = multiply::<D, R, CHAINS>(d, left, right, words);

        let width = columns.min(n - column);
        let mut zero_points = [[0; 16]; WIDTH];
        for c in 0..width {
            let lane = &mut zero_points[c / D::Base::LANES][c % D::Base::LANES];
            *lane = number(of.zb.of(column + c), b_signed);
            if !b_signed {
                *lane += flipped_zero(true);
            }
        }
        for v in 0..WIDTH {
            let start = v * D::Base::LANES;
            if start >= width {
                break;
            }
            let lanes = D::Base::LANES.min(width - start);
            let sum: Int<D> = bytemuck::must_cast(s.load_u8(&sums[v * D::Base::STEP..]));
            let zb = s.load_i32(&zero_points[v]);
            for r in 0..R {
                let out = &mut of.out[(top + r) * of.out_stride + column + start..][..lanes];
                let offset = s.mul_i32(zb, s.splat_i32(offsets[r]));
                let mut result = s.sub_i32(products[r][v], offset);
                if block.first == 0 {
                    result = s.sub_i32(result, s.mul_i32(sum, s.splat_i32(za[r])));
                } else {
                    result = s.add_i32(result, s.load_i32_partial(out));
                }
                if lanes == D::Base::LANES {
                    s.store_i32(result, out);
                } else {
                    let bytes = bytemuck::must_cast_slice_mut(out);
                    s.store_u8_partial(bytemuck::must_cast(result), bytes);
                }
            }
        }
        column += columns;
    }
}

/// `Σ ab` of `R` rows and a panel, over so many words.
///
/// Where rows are few, several chains of sums take turns, so that none waits for the one before it.
#[inline(always)]
fn multiply<D: Dot, const R: usize, const CHAINS: usize>(
    d: D,
    left: &[[[u32; CHUNK]; R]],
    right: &[u8],
    words: usize,
) -> [[Int<D>; WIDTH]; R] {
    let s = d.base();
    let group = rows_len::<D>(D::DEPTH);
    let mut chains = [[[s.splat_i32(0); WIDTH]; R]; CHAINS];
    for c in 0..left.len() {
        let len = CHUNK.min(words - c * CHUNK);
        let right = &right[c * CHUNK * group..][..len * group];
        if len == CHUNK {
            for g in 0..CHUNK / CHAINS {
                for i in 0..CHAINS {
                    let w = g * CHAINS + i;
                    chains[i] = step::<D, R>(d, chains[i], &left[c], w, &right[w * group..]);
                }
            }
        } else {
            for w in 0..len {
                chains[0] = step::<D, R>(d, chains[0], &left[c], w, &right[w * group..]);
            }
        }
    }
    let mut sums = chains[0];
    for i in 1..CHAINS {
        for r in 0..R {
            for v in 0..WIDTH {
                sums[r][v] = s.add_i32(sums[r][v], chains[i][r][v]);
            }
        }
    }
    sums
}

/// Adds the products of the words `w` of `R` rows.
#[inline(always)]
fn step<D: Dot, const R: usize>(
    d: D,
    mut sums: [[Int<D>; WIDTH]; R],
    left: &[[u32; CHUNK]; R],
    w: usize,
    right: &[u8],
) -> [[Int<D>; WIDTH]; R] {
    let s = d.base();
    let vector = rows_len::<D>(D::DEPTH) / WIDTH;
    let mut columns = [s.splat_u8(0); WIDTH];
    for v in 0..WIDTH {
        let from = &right[v * vector..][..vector];
        s.prefetch(from.as_ptr().wrapping_add(AHEAD));
        columns[v] = d.right(from);
    }
    for r in 0..R {
        let word: Bytes<D> = bytemuck::must_cast(s.splat_i32(left[r][w] as i32));
        for v in 0..WIDTH {
            sums[r][v] = d.multiply(sums[r][v], word, columns[v]);
        }
    }
    sums
}

/// How far ahead the codes of a panel are asked for.
const AHEAD: usize = 2048;

/// Puts a row of a tile into words, every chunk after those of the rows above. Returns the sum of
/// its codes.
#[inline(always)]
fn pack_row<D: Dot, const R: usize>(
    d: D,
    row: &[u8],
    flip: bool,
    r: usize,
    left: &mut [[u32; CHUNK]],
) -> i32 {
    let s = d.base();
    let mut sum = s.splat_i32(0);
    let parts = 4 / D::DEPTH;
    let vectors = row.len().div_ceil(D::Base::STEP);
    for i in 0..vectors {
        let from = &row[i * D::Base::STEP..];
        let mut codes = if from.len() >= D::Base::STEP {
            s.load_u8(&from[..D::Base::STEP])
        } else {
            s.load_u8_partial(from)
        };
        if flip {
            codes = s.flip(codes);
        }
        sum = super::operand::add_codes::<D, D::Left>(d, sum, codes);
        for part in 0..parts {
            let w = (i * parts + part) * D::Base::LANES;
            let chunk = &mut left[w / CHUNK * R + r];
            let to: &mut [u8] = bytemuck::must_cast_slice_mut(&mut chunk[w % CHUNK..]);
            s.store_u8(d.left(codes, part), &mut to[..D::Base::STEP]);
        }
    }
    let mut sum = s.reduce_add(sum);
    if flip {
        // So much was added to each code, and to zeros after the last.
        let padded = (vectors * D::Base::STEP) as i32;
        sum = sum.wrapping_sub(padded.wrapping_mul(flipped_zero(signed::<D>())));
    }
    sum
}

/// Whether the codes on the left have a sign.
#[inline(always)]
const fn signed<D: Dot>() -> bool {
    <D::Left as crate::element::sealed::Sealed>::SIGNED
}

/// What a flip adds to a code that it makes signed, or unsigned.
#[inline(always)]
const fn flipped_zero(to_signed: bool) -> i32 {
    if to_signed { -128 } else { 128 }
}

/// The code of these bits.
#[inline(always)]
fn number(bits: u8, signed: bool) -> i32 {
    if signed {
        i32::from(bits as i8)
    } else {
        bits.into()
    }
}
