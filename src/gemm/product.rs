//! `Σ (a[m][k] − za[m])(b[k][n] − zb[n])`: the product of matrices, for what is to become of it
//!
//! With sums of the codes, that is `Σ ab − za[m] · Σ b − zb[n] · Σ (a − za[m])`. A tier has one pair of
//! types to multiply; codes of others are flipped, and their zero points with them. All arithmetic
//! is that of 32 bits with wrap-around: the result fits, so what wraps on the way does no harm.
//!
//! The columns are done a block at a time, so many that their codes stay in the second cache; for
//! each block, the rows a tile at a time, so many that their sums stay in registers; and rows that
//! are very long, part by part. The sums of a tile and of two panels, a quad of vectors in each row, go
//! through an [`Epilogue`] to the output while they are in the first cache.

use crate::check::check_depth;
use crate::error::Error;
use crate::gemm::packed::{
    CHUNK, NR_VECTORS, Packed, Shape, WIDEST_PANEL, chunk_depth, rows_len, sums_len,
};
use crate::kernels::map::{Load, Map, Out, map_quad};
use crate::kernels::pairs::add_codes;
use crate::simd::dot::{Dot, Int, Sums};
use crate::simd::{Simd, environment};
use crate::tier::{DotOperation, Tier};
use crate::values::code::{Code8, sealed::Sealed};
#[cfg(feature = "rayon")]
use crate::values::rows::FEW;
use crate::values::rows::{Part, Rows, RowsMut};
use crate::values::zero_points::{Side, Zeros};
use bytemuck::Pod;
use core::ops::Range;

/// A product: all but what becomes of it.
#[derive(Clone, Copy)]
pub(super) struct Product<'a> {
    tier: Tier,
    shape: Shape,
    a: &'a [u8],
    a_stride: usize,
    za: Zeros<'a>,
    b: &'a [u8],
    zb: Zeros<'a>,
    /// K.
    depth: usize,
    signed: [bool; 2],
}

impl<'a> Product<'a> {
    /// The product, and the output, if all sizes fit. `rows`: how many rows there are by what there is for
    /// each, if by something; `check` asks whether this fits M rows and N columns.
    pub(super) fn new<'o, A: Code8, T>(
        a: Rows<'a, A>,
        za: Zeros<'a>,
        b: &'a Packed<'_>,
        zb: Zeros<'a>,
        out: RowsMut<'o, T>,
        rows: Option<usize>,
        check: impl FnOnce([usize; 2]) -> Result<(), Error>,
    ) -> Result<(Self, Part<'o, T>), Error> {
        let (depth, n) = (b.k, b.n);
        // Rows of nothing can't be counted: then the output says how many there are, or what each row
        // has one of.
        let m = match a.count("a", depth)? {
            Some(m) => m,
            None => out.count("out", n)?.or(rows).unwrap_or(0),
        };
        let (a, a_stride) = a.checked("a", m, depth)?;
        let out = out.checked("out", m, n)?;
        check([m, n])?;
        let signed = [A::SIGNED, b.is_signed];
        let [codes_a, codes_b] =
            signed.map(|is_signed| if is_signed { [-128, 127] } else { [0, 255] });
        check_depth(depth, || [za.reach(codes_a, m), zb.reach(codes_b, n)])?;
        let product = Self {
            tier: b.tier,
            shape: b.shape,
            a: bytemuck::must_cast_slice(a),
            a_stride,
            za,
            b: b.bytes(),
            zb,
            depth,
            signed,
        };
        Ok((product, out))
    }

    /// The same with zero points that are arguments of their own.
    pub(super) fn with_zero_points<'o, A: Code8, T>(
        a: Rows<'a, A>,
        za: Zeros<'a>,
        b: &'a Packed<'_>,
        zb: Zeros<'a>,
        out: RowsMut<'o, T>,
    ) -> Result<(Self, Part<'o, T>), Error> {
        Self::new(a, za, b, zb, out, za.rows(), |[m, n]| {
            za.check("za", Side::Left, m)?;
            zb.check("zb", Side::Right, n)
        })
    }

    /// Puts it through an epilogue to `out`.
    pub(super) fn run<F: Epilogue>(self, epilogue: &F, out: Part<'_, F::Out>) {
        #[cfg(feature = "rayon")]
        return self.split(epilogue, out, rayon::current_num_threads());
        #[cfg(not(feature = "rayon"))]
        self.run_part(epilogue, out);
    }

    /// The same on so many threads.
    #[cfg(feature = "rayon")]
    fn split<F: Epilogue>(self, epilogue: &F, out: Part<'_, F::Out>, threads: usize) {
        /// Multiplications that are worth a thread.
        const WORTH: usize = 1 << 20;
        let (rows, columns) = (out.rows.len(), out.columns.len());
        let work = rows.saturating_mul(columns).saturating_mul(self.depth);
        let threads = threads.min(work / WORTH);
        if threads < 2 {
            return self.run_part(epilogue, out);
        }
        let first = threads / 2;
        let [one, other] = if rows > FEW {
            out.split_rows(rows * first / threads)
        } else if columns >= 2 * WIDEST_PANEL {
            let middle = (columns * first / threads).next_multiple_of(WIDEST_PANEL);
            out.split_columns(middle)
        } else {
            return self.run_part(epilogue, out);
        };
        rayon::join(
            || self.split(epilogue, one, first),
            || self.split(epilogue, other, threads - first),
        );
    }

    fn run_part<F: Epilogue>(self, epilogue: &F, mut out: Part<'_, F::Out>) {
        let (rows, columns) = (out.rows.clone(), out.columns.clone());
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        let size = [rows.len(), columns.len()];
        if let Some((sums, stride)) = F::in_place(&mut out) {
            let plan = Plan::new(&self, size, true);
            let output = Output::InPlace { sums, stride };
            return run(Piece { product: self, plan, rows, columns, output });
        }
        let plan = Plan::new(&self, size, false);
        let mut sink = Through { tier: self.tier, epilogue, out };
        let piece =
            Piece { product: self, plan, rows, columns, output: Output::Through(&mut sink) };
        // Asked once, and not by each call of the epilogue.
        if F::FLOATS && !environment::is_default() {
            environment::with_default(|| run(piece));
        } else {
            run(piece);
        }
    }
}

/// How a product is done: its tiles, and the blocks of its columns and of K.
#[derive(Clone, Copy)]
struct Plan {
    /// Rows of a tile.
    height: usize,
    /// Codes of a row that are multiplied before the next ones.
    depth: usize,
    /// Columns of a block.
    width: usize,
    /// Sums from one row of a tile to the next, if they are not left in the output: those of a quad, or, if
    /// there are several parts of K, those of a block.
    stride: usize,
    /// Chunks of words for the codes of a tile, and for its sums, if these are not left in the output.
    chunks: [usize; 2],
}

/// 46 KiB: the codes of the largest tile, and the sums of the narrowest block. With what else a call needs it
/// is less than 64 KiB of stack.
const LARGEST: usize = MOST_CODES + 96;

/// Chunks for the codes of the largest tile: of ten rows of 4096.
const MOST_CODES: usize = 640;

impl Plan {
    /// Of so many rows and columns, at least one.
    fn new(product: &Product<'_>, [m, n]: [usize; 2], is_in_place: bool) -> Self {
        let (shape, k) = (product.shape, product.depth);
        let quad = QUAD_PANELS * shape.columns;
        // What a small product has: one tile, all of K, one block. A division takes as long as a vector's
        // products, so there is none before this.
        let mut height = multiple_of(m, shape.rows);
        let mut depth = multiple_of(k, shape.unit);
        let mut width = multiple_of(n, quad);
        let mut codes = height / shape.rows * (depth / shape.chunk);
        if m > shape.tallest || codes > MOST_CODES {
            // Somewhat lower tiles are better than parts of K.
            let fitting = MOST_CODES * shape.chunk / depth.max(1) * shape.rows;
            let mut tallest = shape.tallest;
            if 3 * fitting >= 2 * tallest {
                tallest = tallest.min(fitting);
            }
            // Tiles of about the same height.
            let tiles = m.div_ceil(tallest);
            height = multiple_of(m.div_ceil(tiles), shape.rows);
            let group = height / shape.rows;
            let deepest = MOST_CODES / group * shape.chunk / shape.unit * shape.unit;
            depth = multiple_of(k.div_ceil(k.div_ceil(deepest).max(1)), shape.unit);
            codes = group * (depth / shape.chunk);
            // Blocks of about the same width.
            if tiles > 1 {
                width = (BLOCK / k.max(1)).max(FEWEST * quad);
            }
            if k > depth && !is_in_place {
                width = width.min((LARGEST - codes) * CHUNK / height / quad * quad);
            }
            width = multiple_of(n.div_ceil(n.div_ceil(width)), quad);
        }
        let stride = if k > depth { width } else { quad };
        let sums = if is_in_place { 0 } else { (height * stride).div_ceil(CHUNK) };
        Self { height, depth, width, stride, chunks: [codes, sums] }
    }
}

/// The least multiple of a power of two that is not less.
const fn multiple_of(number: usize, power: usize) -> usize {
    (number + power - 1) & !(power - 1)
}

/// The product of some rows and columns.
struct Piece<'a> {
    product: Product<'a>,
    plan: Plan,
    rows: Range<usize>,
    columns: Range<usize>,
    output: Output<'a>,
}

/// Where the sums of a piece go.
enum Output<'a> {
    /// From the first row and column of the piece on.
    InPlace {
        sums: &'a mut [i32],
        stride: usize,
    },
    Through(&'a mut dyn Sink),
}

/// Runs it in a frame that is as large as its plan needs.
fn run(piece: Piece<'_>) {
    /// A frame for the smallest of these numbers of chunks that is enough: to clear it takes its time.
    macro_rules! frame {
        ($needed:expr; $($chunks:literal)*) => {
            match $needed {
                $(..=$chunks => run_in::<$chunks>(piece),)*
                _ => run_in::<LARGEST>(piece),
            }
        };
    }
    let needed = piece.plan.chunks[0] + piece.plan.chunks[1];
    frame!(needed; 8 24 48 96 192 384);
}

/// Chunks that are cache lines.
#[repr(align(64))]
struct Aligned<T>(T);

/// Not inlined: its frame would be part of any other.
#[inline(never)]
fn run_in<const CHUNKS: usize>(piece: Piece<'_>) {
    let mut chunks = Aligned([[0; CHUNK]; CHUNKS]);
    let (codes, sums) = chunks.0.split_at_mut(piece.plan.chunks[0]);
    run_kernel(Kernel {
        piece,
        codes,
        sums: bytemuck::must_cast_slice_mut(sums.as_flattened_mut()),
    });
}

/// Compiled once for each tier.
#[inline(never)]
fn run_kernel(mut kernel: Kernel<'_, '_>) {
    let tier = kernel.piece.product.tier;
    tier.run_dot(&mut kernel);
}

/// What becomes of sums.
pub(super) trait Epilogue: Sync {
    type Out: Pod + Send;

    /// Whether it calculates with floats.
    const FLOATS: bool;

    /// Where sums can be left as they are, and with what stride, if this epilogue changes nothing.
    fn in_place<'a>(_out: &'a mut Part<'_, Self::Out>) -> Option<(&'a mut [i32], usize)> {
        None
    }

    /// From the sums of a tile to the output; in the default floating-point environment, if it calculates
    /// with floats.
    fn finish(&self, tier: Tier, sums: TileSums<'_>, out: &mut Part<'_, Self::Out>);
}

/// The sums of some rows, and of a quad of columns or, at the end of a row, fewer.
#[derive(Clone)]
pub(super) struct TileSums<'a> {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
    sums: &'a [i32],
    stride: usize,
}

impl<'a> TileSums<'a> {
    #[inline(always)]
    pub(super) fn row(&self, row: usize) -> &'a [i32] {
        &self.sums[(row - self.rows.start) * self.stride..][..self.columns.len()]
    }

    /// Puts them through a kernel for each row, by its number.
    #[inline(always)]
    pub(super) fn map<S: Simd, M>(
        &self,
        s: S,
        mut kernel: impl FnMut(usize) -> M,
        out: &mut Part<'_, Out<M, S>>,
    ) where
        M: Map<S>,
        M::In: Load<Item = i32>,
    {
        for row in self.rows.start..self.rows.end {
            let out = out.row(row, self.columns.start..self.columns.end);
            map_quad(s, kernel(row), self.row(row), out);
        }
    }
}

/// An epilogue and its output, as the kernel sees them: so there is one kernel for all epilogues.
trait Sink {
    fn finish(&mut self, sums: TileSums<'_>);
}

struct Through<'a, 'o, F: Epilogue> {
    tier: Tier,
    epilogue: &'a F,
    out: Part<'o, F::Out>,
}

impl<F: Epilogue> Sink for Through<'_, '_, F> {
    fn finish(&mut self, sums: TileSums<'_>) {
        self.epilogue.finish(self.tier, sums, &mut self.out);
    }
}

/// A piece of a product, and room for the codes of a tile and their sums.
struct Kernel<'a, 'r> {
    piece: Piece<'a>,
    codes: &'r mut [[u32; CHUNK]],
    sums: &'r mut [i32],
}

/// Bytes of `b` that are multiplied by all of `a` before the next: half of the second cache.
const BLOCK: usize = 1 << 19;

/// Quads of columns in a block, if the rows of `b` are many.
const FEWEST: usize = 2;

/// Panels whose sums are a quad of vectors.
const QUAD_PANELS: usize = 4 / NR_VECTORS;

impl DotOperation for Kernel<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn simd<D: Dot>(&mut self, d: D) {
        let Self { piece, codes, sums } = self;
        let Plan { height, depth, width, stride, .. } = piece.plan;
        let k = piece.product.depth;
        let quad = QUAD_PANELS * NR_VECTORS * D::Base::LANES;
        // Cleared once, and not for each panel.
        let mut products = [[d.base().splat_i32(0); NR_VECTORS]; MAX_MR];
        let mut first_column = piece.columns.start;
        while first_column < piece.columns.end {
            let end_column = piece.columns.end.min(first_column + width);
            let mut top = piece.rows.start;
            while top < piece.rows.end {
                let end = piece.rows.end.min(top + height);
                let mut first = 0;
                loop {
                    let part = [first, depth.min(k - first)];
                    let tile = Tile::new(d, &piece.product, [top, end], part, codes);
                    let is_last = first + depth >= k;
                    let mut column = first_column;
                    while column < end_column {
                        let there = quad.min(end_column - column);
                        let from = if stride > quad { column - first_column } else { 0 };
                        let (to, to_stride) = match &mut piece.output {
                            Output::InPlace { sums, stride } => {
                                let from = (top - piece.rows.start) * *stride + column
                                    - piece.columns.start;
                                (&mut sums[from..], *stride)
                            }
                            Output::Through(_) => (&mut sums[from..], stride),
                        };
                        tile.quad(d, [column, there], &mut products, to, to_stride);
                        if is_last && let Output::Through(sink) = &mut piece.output {
                            sink.finish(TileSums {
                                rows: top..end,
                                columns: column..column + there,
                                sums: &sums[from..],
                                stride,
                            });
                        }
                        column += there;
                    }
                    if is_last {
                        break;
                    }
                    first += depth;
                }
                top = end;
            }
            first_column = end_column;
        }
    }
}

/// Rows of the highest tile of all instruction sets.
const MAX_MR: usize = 12;

/// The products of a tile and a panel.
type TileProducts<D> = [[Int<D>; NR_VECTORS]; MAX_MR];

/// Some rows of `a`, or a part of them, as they are multiplied.
struct Tile<'a> {
    of: &'a Product<'a>,
    rows: usize,
    /// The codes that are multiplied, of all rows: the first of them, and how many.
    part: [usize; 2],
    left: &'a [[u32; CHUNK]],
    /// `za` as it is after a flip.
    za: [i32; MAX_MR],
    /// `Σ (a − za)`.
    offsets: [i32; MAX_MR],
}

impl<'a> Tile<'a> {
    #[inline(always)]
    fn new<D: Dot>(
        d: D,
        of: &'a Product<'a>,
        [top, end]: [usize; 2],
        part: [usize; 2],
        left: &'a mut [[u32; CHUNK]],
    ) -> Self {
        let [first, depth] = part;
        let a_signed = of.signed[0];
        let flip = a_signed != <D::Left as Sealed>::SIGNED;
        let groups = (end - top).div_ceil(D::ROWS);
        let (mut za, mut offsets) = ([0; MAX_MR], [0; MAX_MR]);
        for row in top..end {
            let r = row - top;
            let codes = &of.a[row * of.a_stride + first..][..depth];
            let sum = pack_row(d, codes, flip, groups, r, left);
            let zero_point = of.za.of(row);
            za[r] = zero_point + if flip { flipped_zero(!a_signed) } else { 0 };
            offsets[r] = sum.wrapping_sub((depth as i32).wrapping_mul(zero_point));
        }
        let left = &left[..depth.div_ceil(chunk_depth::<D>()) * groups];
        Self { of, rows: end - top, part, left, za, offsets }
    }

    /// The products with the columns of a quad, or the first of it, added to `sums` unless they are the
    /// first.
    #[inline(always)]
    fn quad<D: Dot>(
        &self,
        d: D,
        [column, there]: [usize; 2],
        products: &mut TileProducts<D>,
        sums: &mut [i32],
        stride: usize,
    ) {
        let panel = NR_VECTORS * D::Base::LANES;
        let mut done = 0;
        while done < there {
            let columns = [column + done, panel.min(there - done)];
            self.panel(d, columns, products, &mut sums[done..], stride);
            done += panel;
        }
    }

    #[inline(always)]
    fn panel<D: Dot>(
        &self,
        d: D,
        [column, there]: [usize; 2],
        products: &mut TileProducts<D>,
        sums: &mut [i32],
        stride: usize,
    ) {
        let s = d.base();
        let &Self { of, rows, part: [first, depth], left, ref za, ref offsets } = self;
        let panel = NR_VECTORS * D::Base::LANES;
        let panel_len = sums_len::<D>() + rows_len::<D>(of.depth);
        let (b_sums, codes) =
            of.b[column / panel * panel_len..][..panel_len].split_at(sums_len::<D>());
        let right = &codes[rows_len::<D>(first)..][..rows_len::<D>(depth)];
        multiply_tile(d, left, right, rows.div_ceil(D::ROWS), products);

        let flipped = if of.signed[1] { 0 } else { flipped_zero(true) };
        // Of symmetric weights there are none.
        let has_zeros = !matches!(of.zb, Zeros::Same(zero_point) if zero_point + flipped == 0);
        let mut zero_points = [0; WIDEST_PANEL];
        if has_zeros && there == panel {
            // A length that the compiler knows.
            of.zb.fill(column, flipped, &mut zero_points[..panel]);
        } else if has_zeros {
            of.zb.fill(column, flipped, &mut zero_points[..there]);
        }
        for v in 0..NR_VECTORS {
            let start = v * D::Base::LANES;
            if start >= there {
                break;
            }
            let lanes = D::Base::LANES.min(there - start);
            let b_sum: Int<D> = bytemuck::must_cast(s.load_u8(&b_sums[v * D::Base::STEP..]));
            let zb = s.load_i32(&zero_points[start..][..D::Base::LANES]);
            for r in 0..rows {
                let to = &mut sums[r * stride + start..][..lanes];
                let mut sum = products[r][v];
                if has_zeros {
                    sum = s.sub_i32(sum, s.mul_i32(zb, s.splat_i32(offsets[r])));
                }
                if first == 0 {
                    sum = s.sub_i32(sum, s.mul_i32(b_sum, s.splat_i32(za[r])));
                } else {
                    sum = s.add_i32(sum, s.load_i32_partial(to));
                }
                if lanes == D::Base::LANES {
                    s.store_i32(sum, to);
                } else {
                    let bytes = bytemuck::must_cast_slice_mut(to);
                    s.store_u8_partial(bytemuck::must_cast(sum), bytes);
                }
            }
        }
    }
}

/// `Σ ab` of a tile of so many groups and a panel.
#[inline(always)]
fn multiply_tile<D: Dot>(
    d: D,
    left: &[[u32; CHUNK]],
    right: &[u8],
    groups: usize,
    products: &mut TileProducts<D>,
) {
    macro_rules! of_height {
        ($($groups:literal)*) => {
            match groups {
                $($groups if const { $groups <= D::MR / D::ROWS } => {
                    let (left, _) = left.as_chunks();
                    let sums = multiply::<D, $groups>(d, left, right);
                    for g in 0..$groups {
                        for v in 0..NR_VECTORS {
                            let of_rows = d.rows(sums[g][v]);
                            for i in 0..D::ROWS {
                                products[g * D::ROWS + i][v] = of_rows[i];
                            }
                        }
                    }
                })*
                _ => {}
            }
        };
    }
    const { assert!(D::MR <= MAX_MR) };
    of_height!(1 2 3 4 5 6 7 8 9 10 11 12);
}

/// Quads of words in a chunk.
const QUADS: usize = CHUNK / 4;

/// The sums of a tile and a panel, as `multiply` has them.
pub(super) type PanelSums<D, const R: usize> = [[Sums<D>; NR_VECTORS]; R];

/// `Σ ab` of a tile and a panel.
///
/// Where rows are few, several chains of sums take turns, so that none waits for the one before it.
#[inline(always)]
pub(super) fn multiply<D: Dot, const R: usize>(
    d: D,
    left: &[[[u32; CHUNK]; R]],
    right: &[u8],
) -> PanelSums<D, R> {
    let s = d.base();
    let quad_len = rows_len::<D>(1);
    // A power of two, at most 4.
    let chains = match D::SUMS / (R * NR_VECTORS * D::ROWS) {
        0 | 1 => 1,
        2 | 3 => 2,
        _ => 4,
    };
    let mut sums = [[[[s.splat_i32(0); 2]; NR_VECTORS]; R]; 4];
    // One loop over the quads, not one of four within each chunk: that one would be unrolled, and more cache
    // lines asked for at a time than there are buffers for.
    for q in 0..right.len() / quad_len {
        let right = &right[q * quad_len..][..quad_len];
        let (left, q) = (&left[q / QUADS], q % QUADS);
        sums[0] = step(d, sums[0], left, [q, 0], right);
        if D::WORDS == 1 {
            let [one, two, three] = [1 % chains, 2 % chains, 3 % chains];
            sums[one] = step(d, sums[one], left, [q, 1], &right[quad_len / 4..]);
            sums[two] = step(d, sums[two], left, [q, 2], &right[quad_len / 2..]);
            sums[three] = step(d, sums[three], left, [q, 3], &right[quad_len / 4 * 3..]);
        }
    }
    for i in 1..chains {
        for g in 0..R {
            for v in 0..NR_VECTORS {
                for half in 0..2 {
                    sums[0][g][v][half] = s.add_i32(sums[0][g][v][half], sums[i][g][v][half]);
                }
            }
        }
    }
    sums[0]
}

/// Adds the products of a step: of the word `w` of the quad `q` of a chunk.
#[inline(always)]
fn step<D: Dot, const R: usize>(
    d: D,
    mut sums: PanelSums<D, R>,
    left: &[[u32; CHUNK]; R],
    [q, w]: [usize; 2],
    right: &[u8],
) -> PanelSums<D, R> {
    let s = d.base();
    let vector = D::Base::LANES * D::KR;
    let mut columns = [[s.splat_u8(0); 2]; NR_VECTORS];
    for v in 0..NR_VECTORS {
        let from = &right[v * vector..][..vector];
        if R > 2 {
            s.prefetch(from.as_ptr().wrapping_add(AHEAD));
        }
        columns[v] = d.right(from);
    }
    for g in 0..R {
        let (quads, _) = left[g].as_chunks();
        for v in 0..NR_VECTORS {
            sums[g][v] = d.multiply(sums[g][v], &quads[q], w, columns[v]);
        }
    }
    sums
}

/// How far ahead the codes of a panel are asked for.
const AHEAD: usize = 6144;

/// Puts the row `r` of a tile into words, a row of a group: every chunk after those of the groups above. Returns the sum of its codes.
#[inline(always)]
pub(super) fn pack_row<D: Dot>(
    d: D,
    row: &[u8],
    flip: bool,
    groups: usize,
    r: usize,
    left: &mut [[u32; CHUNK]],
) -> i32 {
    let s = d.base();
    let (g, i) = (r / D::ROWS, r % D::ROWS);
    let mut sum = s.splat_i32(0);
    let vectors = row.len().div_ceil(D::Base::STEP);
    for v in 0..vectors {
        let from = &row[v * D::Base::STEP..];
        let mut codes = if from.len() >= D::Base::STEP {
            s.load_u8(&from[..D::Base::STEP])
        } else {
            s.load_u8_partial(from)
        };
        if flip {
            codes = s.flip(codes);
        }
        sum = add_codes::<D, D::Left>(d, sum, codes);
        if D::ROWS == 1 {
            for part in 0..4 / D::KR {
                let w = (v * (4 / D::KR) + part) * D::Base::LANES;
                let chunk = &mut left[w / CHUNK * groups + g];
                let to: &mut [u8] = bytemuck::must_cast_slice_mut(&mut chunk[w % CHUNK..]);
                s.store_u8(d.left(codes, part), &mut to[..D::Base::STEP]);
            }
        } else {
            let mut words = [0_u32; CHUNK];
            let to: &mut [u8] = bytemuck::must_cast_slice_mut(&mut words);
            s.store_u8(codes, &mut to[..D::Base::STEP]);
            // Two words of each row lie together.
            for pair in 0..D::Base::LANES / 2 {
                let w = (v * D::Base::LANES / 2 + pair) * 4;
                let chunk = &mut left[w / CHUNK * groups + g];
                chunk[w % CHUNK + 2 * i..][..2].copy_from_slice(&words[2 * pair..][..2]);
            }
        }
    }
    let mut sum = s.reduce_add(sum);
    if flip {
        // So much was added to each code, and to zeros after the last.
        let padded = (vectors * D::Base::STEP) as i32;
        sum = sum.wrapping_sub(padded.wrapping_mul(flipped_zero(<D::Left as Sealed>::SIGNED)));
    }
    sum
}

/// What a flip adds to a code that it makes signed, or unsigned.
const fn flipped_zero(to_signed: bool) -> i32 {
    if to_signed { -128 } else { 128 }
}
