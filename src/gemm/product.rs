//! `Σ (a[m][k] − za[m])(b[k][n] − zb[n])`: the product of matrices, for what is to become of it
//!
//! With sums of the codes, that is `Σ ab − za[m] · Σ b − zb[n] · Σ (a − za[m])`. A tier has one pair of
//! types to multiply; codes of others are flipped, and their zero points with them. All arithmetic
//! is that of 32 bits with wrap-around: the result fits, so what wraps on the way does no harm.
//!
//! The columns are done a block at a time, so many that their codes stay in the second cache; for
//! each block, the rows a tile at a time, so many that their sums stay in registers; and rows that
//! are very long, part by part. Then the sums of a tile and a block go through a [`Epilogue`] to the
//! output.

use crate::check::check_depth;
use crate::error::Error;
use crate::gemm::packed::{
    CHUNK, NR_VECTORS, Packed, Shape, WIDEST_PANEL, chunk_depth, rows_len, sums_len,
};
use crate::kernels::pairs::add_codes;
use crate::kernels::per_axis::SLACK;
use crate::simd::Simd;
use crate::simd::dot::{Dot, Int, Sums};
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

    fn run_part<F: Epilogue>(self, epilogue: &F, out: Part<'_, F::Out>) {
        let (rows, columns) = (out.rows.clone(), out.columns.clone());
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        let mut sink = Through { tier: self.tier, ready: epilogue.no_columns(), epilogue, out };
        let is_in_place = sink.in_place(rows.start, columns.start).is_some();
        let plan = Plan::new(&self, [rows.len(), columns.len()], is_in_place);
        run(Piece { product: self, plan, rows, columns, sink: &mut sink });
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
    /// Chunks of words for the codes of a tile, and for its sums, if these are not left in the output.
    chunks: [usize; 2],
}

/// Chunks that a part of a product has room for: few for a small one, so that its frame is small.
const SMALL: usize = 48;
const MEDIUM: usize = 192;
const LARGE: usize = 512;
/// 46 KiB: the codes of the largest tile, and the sums of the narrowest block. With what else a call needs it
/// is less than 64 KiB of stack.
const LARGEST: usize = MOST_CODES + 96;

/// Chunks for the codes of the largest tile: of ten rows of 4096.
const MOST_CODES: usize = 640;

impl Plan {
    /// Of so many rows and columns, at least one.
    fn new(product: &Product<'_>, [m, n]: [usize; 2], is_in_place: bool) -> Self {
        let (shape, k) = (product.shape, product.depth);
        // Somewhat lower tiles are better than parts of K.
        let fitting = MOST_CODES * shape.chunk / k.next_multiple_of(shape.unit).max(1) * shape.rows;
        let mut tallest = shape.tallest;
        if 3 * fitting >= 2 * tallest {
            tallest = tallest.min(fitting);
        }
        // Tiles of about the same height.
        let tiles = m.div_ceil(tallest);
        let height = m.div_ceil(tiles).next_multiple_of(shape.rows);
        let group = height / shape.rows;
        let deepest = MOST_CODES / group * shape.chunk / shape.unit * shape.unit;
        let depth = k.div_ceil(k.div_ceil(deepest).max(1)).next_multiple_of(shape.unit);
        let codes = group * depth / shape.chunk;

        // Blocks of about the same width.
        let panel = shape.columns;
        let mut width = n;
        if tiles > 1 {
            width = (BLOCK / k.max(1)).max(FEWEST * panel);
        }
        if !is_in_place {
            let room = (LARGEST - codes) * CHUNK / height / panel * panel;
            width = width.min(WIDEST).min(room);
        }
        let width = n.div_ceil(n.div_ceil(width)).next_multiple_of(panel);
        let sums = if is_in_place { 0 } else { (height * width).div_ceil(CHUNK) };
        Self { height, depth, width, chunks: [codes, sums] }
    }

    /// Whether sums are left in the output.
    #[inline(always)]
    fn is_in_place(&self) -> bool {
        self.chunks[1] == 0
    }
}

/// The product of some rows and columns.
struct Piece<'a> {
    product: Product<'a>,
    plan: Plan,
    rows: Range<usize>,
    columns: Range<usize>,
    sink: &'a mut dyn Sink,
}

/// Runs it in a frame that is as large as its plan needs.
fn run(piece: Piece<'_>) {
    let needed: usize = piece.plan.chunks.iter().sum();
    if needed <= SMALL {
        run_in::<SMALL>(piece);
    } else if needed <= MEDIUM {
        run_in::<MEDIUM>(piece);
    } else if needed <= LARGE {
        run_in::<LARGE>(piece);
    } else {
        run_in::<LARGEST>(piece);
    }
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
    /// What is made ready for a block of columns, and serves all rows.
    type Columns;

    fn no_columns(&self) -> Self::Columns;

    /// Makes ready for these columns, at most [`WIDEST`].
    fn prepare(&self, columns: Range<usize>, ready: &mut Self::Columns);

    /// Where sums can be left as they are, and with what stride, if this epilogue changes nothing.
    fn in_place<'a>(_out: &'a mut Part<'_, Self::Out>) -> Option<(&'a mut [i32], usize)> {
        None
    }

    /// From the sums of a tile to the output.
    fn finish(
        &self,
        tier: Tier,
        ready: &Self::Columns,
        sums: TileSums<'_>,
        out: &mut Part<'_, Self::Out>,
    );
}

/// The sums of some rows and columns.
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
}

/// An epilogue and its output, as the kernel sees them: so there is one kernel for all epilogues.
trait Sink {
    /// Where the sums from this row and column on can be left as they are, and with what stride.
    fn in_place(&mut self, row: usize, column: usize) -> Option<(&mut [i32], usize)>;
    /// Says which columns come next.
    fn prepare(&mut self, columns: Range<usize>);
    fn finish(&mut self, sums: TileSums<'_>);
}

struct Through<'a, 'o, F: Epilogue> {
    tier: Tier,
    epilogue: &'a F,
    ready: F::Columns,
    out: Part<'o, F::Out>,
}

impl<F: Epilogue> Sink for Through<'_, '_, F> {
    fn in_place(&mut self, row: usize, column: usize) -> Option<(&mut [i32], usize)> {
        let (row, column) = (row - self.out.rows.start, column - self.out.columns.start);
        let (out, stride) = F::in_place(&mut self.out)?;
        Some((&mut out[row * stride + column..], stride))
    }

    fn prepare(&mut self, columns: Range<usize>) {
        self.epilogue.prepare(columns, &mut self.ready);
    }

    fn finish(&mut self, sums: TileSums<'_>) {
        self.epilogue.finish(self.tier, &self.ready, sums, &mut self.out);
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

/// Panels of a block, if the rows of `b` are many.
const FEWEST: usize = 4;

/// Columns of the widest block that goes through an epilogue.
pub(super) const WIDEST: usize = 256;

/// The length of what an epilogue lays out for each of these columns.
pub(super) const COLUMNS: usize = WIDEST + SLACK;

impl DotOperation for Kernel<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn simd<D: Dot>(&mut self, d: D) {
        let Self { piece, codes, sums } = self;
        let Plan { height, depth, width, .. } = piece.plan;
        let k = piece.product.depth;
        let mut first_column = piece.columns.start;
        while first_column < piece.columns.end {
            let columns = first_column..piece.columns.end.min(first_column + width);
            first_column = columns.end;
            piece.sink.prepare(columns.clone());
            let mut top = piece.rows.start;
            while top < piece.rows.end {
                let rows = top..piece.rows.end.min(top + height);
                top = rows.end;
                let (to, stride) = match piece.sink.in_place(rows.start, columns.start) {
                    Some(in_place) => in_place,
                    None => (&mut **sums, width),
                };
                let mut first = 0;
                loop {
                    let block = Block {
                        rows: [rows.start, rows.end],
                        columns: [columns.start, columns.end],
                        first,
                        depth: depth.min(k - first),
                    };
                    tile(d, &piece.product, block, codes, to, stride);
                    first += depth;
                    if first >= k {
                        break;
                    }
                }
                if !piece.plan.is_in_place() {
                    piece.sink.finish(TileSums {
                        rows,
                        columns: columns.clone(),
                        sums,
                        stride: width,
                    });
                }
            }
        }
    }
}

/// A part of a row of `a`, and of `b`, that is multiplied.
#[derive(Clone, Copy)]
struct Block {
    rows: [usize; 2],
    columns: [usize; 2],
    first: usize,
    depth: usize,
}

/// Rows of the highest tile of all instruction sets.
const MAX_MR: usize = 12;

/// The products of a tile of `a` and a block of `b`, added to `sums` unless they are the first.
#[inline(always)]
fn tile<D: Dot>(
    d: D,
    of: &Product<'_>,
    block: Block,
    left: &mut [[u32; CHUNK]],
    sums: &mut [i32],
    stride: usize,
) {
    let s = d.base();
    let Block { rows: [top, end], columns: [first_column, end_column], first, depth } = block;
    let [a_signed, b_signed] = of.signed;
    let flip = a_signed != <D::Left as Sealed>::SIGNED;
    let groups = (end - top).div_ceil(D::ROWS);

    // `za` as it is after a flip, and `Σ (a − za)`.
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
    let flipped = if b_signed { 0 } else { flipped_zero(true) };

    let panel = NR_VECTORS * D::Base::LANES;
    let panel_len = sums_len::<D>() + rows_len::<D>(of.depth);
    let mut products = [[s.splat_i32(0); NR_VECTORS]; MAX_MR];
    let mut column = first_column;
    while column < end_column {
        let (b_sums, codes) =
            of.b[column / panel * panel_len..][..panel_len].split_at(sums_len::<D>());
        let right = &codes[rows_len::<D>(first)..][..rows_len::<D>(depth)];
        multiply_tile(d, left, right, groups, &mut products);

        let there = panel.min(end_column - column);
        let mut zero_points = [0; WIDEST_PANEL];
        if there == panel {
            // A length that the compiler knows.
            of.zb.fill(column, flipped, &mut zero_points[..panel]);
        } else {
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
            for r in 0..end - top {
                let to = &mut sums[r * stride + column - first_column + start..][..lanes];
                let offset = s.mul_i32(zb, s.splat_i32(offsets[r]));
                let mut sum = s.sub_i32(products[r][v], offset);
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
        column += panel;
    }
}

/// `Σ ab` of a tile of so many groups and a panel.
#[inline(always)]
fn multiply_tile<D: Dot>(
    d: D,
    left: &[[u32; CHUNK]],
    right: &[u8],
    groups: usize,
    products: &mut [[Int<D>; NR_VECTORS]; MAX_MR],
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

/// The sums of a tile and a panel, as `multiply` has them.
type PanelSums<D, const R: usize> = [[Sums<D>; NR_VECTORS]; R];

/// `Σ ab` of a tile and a panel.
///
/// Where rows are few, several chains of sums take turns, so that none waits for the one before it.
#[inline(always)]
fn multiply<D: Dot, const R: usize>(
    d: D,
    left: &[[[u32; CHUNK]; R]],
    mut right: &[u8],
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
    for c in 0..left.len() {
        let quads = (right.len() / quad_len).min(CHUNK / 4);
        let (now, later) = right.split_at(quads * quad_len);
        for q in 0..quads {
            let right = &now[q * quad_len..][..quad_len];
            sums[0] = step(d, sums[0], &left[c], [q, 0], right);
            if D::WORDS == 1 {
                let [one, two, three] = [1 % chains, 2 % chains, 3 % chains];
                sums[one] = step(d, sums[one], &left[c], [q, 1], &right[quad_len / 4..]);
                sums[two] = step(d, sums[two], &left[c], [q, 2], &right[quad_len / 2..]);
                sums[three] = step(d, sums[three], &left[c], [q, 3], &right[quad_len / 4 * 3..]);
            }
        }
        right = later;
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
        s.prefetch(from.as_ptr().wrapping_add(AHEAD));
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
const AHEAD: usize = 2048;

/// Puts the row `r` of a tile into words, a row of a group: every chunk after those of the groups above. Returns the sum of its codes.
#[inline(always)]
fn pack_row<D: Dot>(
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
