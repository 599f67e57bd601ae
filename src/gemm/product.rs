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
use crate::gemm::dots::dots;
use crate::gemm::pack::{Source, pack};
use crate::gemm::packed::{
    CHUNK, NR_VECTORS, Shape, WIDEST_PANEL, chunk_depth, rows_len, sums_len,
};
use crate::kernels::map::{Load, MAX_STEP, Map, Out, map_quad};
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
    b: Codes<'a>,
    zb: Zeros<'a>,
    /// K.
    depth: usize,
    signed: [bool; 2],
    #[cfg(feature = "rayon")]
    one_thread: bool,
}

/// The right side of a product, with the type of its codes as a value.
#[derive(Clone, Copy)]
pub(super) struct Right<'a> {
    pub(super) tier: Tier,
    /// The shape of the tier's products.
    pub(super) shape: Shape,
    /// K and N.
    pub(super) size: [usize; 2],
    pub(super) is_signed: bool,
    /// Whether products stay on the thread that asks for them.
    #[cfg_attr(not(feature = "rayon"), expect(dead_code, reason = "then all of them do"))]
    pub(super) one_thread: bool,
    pub(super) codes: Codes<'a>,
}

/// The codes of the right side.
#[derive(Clone, Copy)]
pub(super) enum Codes<'a> {
    /// In panels.
    Packed(&'a [u8]),
    /// To be packed on the way, a quad of vectors at a time.
    Unpacked(Source<'a>),
}

impl<'a> Product<'a> {
    /// The product, and the output, if all sizes fit. `rows`: how many rows there are by what there is for
    /// each, if by something; `check` asks whether this fits M rows and N columns.
    pub(super) fn new<'o, A: Code8, T>(
        a: Rows<'a, A>,
        za: Zeros<'a>,
        b: Right<'a>,
        zb: Zeros<'a>,
        out: RowsMut<'o, T>,
        rows: Option<usize>,
        check: impl FnOnce([usize; 2]) -> Result<(), Error>,
    ) -> Result<(Self, Part<'o, T>), Error> {
        let [depth, n] = b.size;
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
            b: b.codes,
            zb,
            depth,
            signed,
            #[cfg(feature = "rayon")]
            one_thread: b.one_thread,
        };
        Ok((product, out))
    }

    /// The same with zero points that are arguments of their own.
    pub(super) fn with_zero_points<'o, A: Code8, T>(
        a: Rows<'a, A>,
        za: Zeros<'a>,
        b: Right<'a>,
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
        if !self.one_thread {
            return self.split(epilogue, out, rayon::current_num_threads());
        }
        self.run_part(epilogue, out);
    }

    /// The same on so many threads.
    #[cfg(feature = "rayon")]
    fn split<F: Epilogue>(self, epilogue: &F, out: Part<'_, F::Out>, threads: usize) {
        /// Multiplications that are worth a thread: some 20 µs, twice what it takes to wake one up.
        const WORTH: usize = 1 << 22;
        /// Fewer rows take no less time: that of reading the weights.
        const FEWEST: usize = 3;
        let (rows, columns) = (out.rows.len(), out.columns.len());
        let work = rows.max(FEWEST).saturating_mul(columns).saturating_mul(self.depth);
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

/// How a product is done: its tiles, and the blocks of its rows, its columns and of K.
#[derive(Clone, Copy)]
struct Plan {
    /// Rows of a tile.
    height: usize,
    /// Rows of a block, whose codes lie ready: those of a tile, or, where columns are packed on the way, of
    /// several.
    rows: usize,
    /// Codes of a row that are multiplied before the next ones.
    depth: usize,
    /// Columns of a block.
    width: usize,
    /// Sums from one row to the next, if they are not left in the output: those of a quad, or, if there are
    /// several parts of K, those of a block.
    stride: usize,
    /// The chunks of a frame.
    chunks: Chunks,
}

/// Chunks of words that a product needs.
#[derive(Clone, Copy)]
struct Chunks {
    /// For the codes of the rows of a block.
    codes: usize,
    /// For their zero points and sums.
    rows: usize,
    /// For a quad of columns that is packed on the way.
    panels: usize,
    /// For sums, if these are not left in the output.
    sums: usize,
}

/// 46 KiB: the codes of the largest tile, and the sums of the narrowest block. With what else a call needs it
/// is less than 64 KiB of stack.
const LARGEST: usize = MOST_CODES + 96;

/// Chunks for the codes of the largest tile: of ten rows of 4096.
const MOST_CODES: usize = 640;

/// Chunks for the codes of a quad of columns that is packed on the way, for those of rows, and for sums.
const PACKED: usize = 256;
const UNPACKED_CODES: usize = 320;
const UNPACKED_SUMS: usize = 128;

impl Plan {
    /// Of so many rows and columns, at least one.
    fn new(product: &Product<'_>, size: [usize; 2], is_in_place: bool) -> Self {
        let quad = QUAD_PANELS * product.shape.columns;
        let mut plan = match product.b {
            Codes::Packed(_) => Self::of_packed(product, size, is_in_place),
            Codes::Unpacked(source) if are_few(&source, size[0]) => Self::of_few(product, size),
            Codes::Unpacked(_) => Self::of_unpacked(product, size),
        };
        let has_parts = product.depth > plan.depth;
        plan.stride = if has_parts { plan.width } else { quad };
        // The sums of parts stay until the last.
        let rows = if has_parts { plan.rows } else { plan.height };
        if !is_in_place {
            plan.chunks.sums = (rows * plan.stride).div_ceil(CHUNK);
        }
        plan.chunks.rows = (2 * plan.rows).div_ceil(CHUNK);
        plan
    }

    /// What it is by its tiles, without the sums.
    fn with_codes(shape: Shape, height: usize, tiles: usize, [depth, width]: [usize; 2]) -> Self {
        let codes = height / shape.rows * (depth / shape.chunk) * tiles;
        let chunks = Chunks { codes, rows: 0, panels: 0, sums: 0 };
        Self { height, rows: tiles * height, depth, width, stride: 0, chunks }
    }

    fn of_packed(product: &Product<'_>, [m, n]: [usize; 2], is_in_place: bool) -> Self {
        let (shape, k) = (product.shape, product.depth);
        let quad = QUAD_PANELS * shape.columns;
        // What a small product has: one tile, all of K, one block. A division takes as long as a vector's
        // products, so there is none before this.
        let height = multiple_of(m, shape.rows);
        let depth = multiple_of(k, shape.unit);
        let plan = Self::with_codes(shape, height, 1, [depth, multiple_of(n, quad)]);
        if m <= shape.tallest && plan.chunks.codes <= MOST_CODES {
            return plan;
        }
        // Somewhat lower tiles are better than parts of K.
        let fitting = MOST_CODES * shape.chunk / depth.max(1) * shape.rows;
        let mut tallest = shape.tallest;
        if 3 * fitting >= 2 * tallest {
            tallest = tallest.min(fitting);
        }
        // Tiles of about the same height.
        let tiles = m.div_ceil(tallest);
        let height = multiple_of(m.div_ceil(tiles), shape.rows);
        let group = height / shape.rows;
        let deepest = MOST_CODES / group * shape.chunk / shape.unit * shape.unit;
        let depth = multiple_of(k.div_ceil(k.div_ceil(deepest).max(1)), shape.unit);
        // Blocks of about the same width.
        let mut width = n;
        if tiles > 1 {
            width = (BLOCK / k.max(1)).max(FEWEST * quad);
        }
        if k > depth && !is_in_place {
            let codes = group * (depth / shape.chunk);
            width = width.min((LARGEST - codes - 2) * CHUNK / height / quad * quad);
        }
        let width = multiple_of(n.div_ceil(n.div_ceil(width)), quad);
        Self::with_codes(shape, height, 1, [depth, width])
    }

    /// Rows that are so few that nothing is packed for them.
    fn of_few(product: &Product<'_>, [m, n]: [usize; 2]) -> Self {
        let shape = product.shape;
        let deepest = UNPACKED_CODES / m * CHUNK * size_of::<u32>();
        let depth = product.depth.min(deepest);
        let quad = QUAD_PANELS * shape.columns;
        let width = if product.depth > depth { quad } else { multiple_of(n, quad) };
        let codes = m * row_chunks(depth);
        let chunks = Chunks { codes, rows: 0, panels: 0, sums: 0 };
        Self { height: m, rows: m, depth, width, stride: 0, chunks }
    }

    /// Columns that are packed on the way serve as many rows as there is room for. Where K has several parts,
    /// a block is a quad, whose sums stay until the last part.
    fn of_unpacked(product: &Product<'_>, [m, n]: [usize; 2]) -> Self {
        let (shape, k) = (product.shape, product.depth);
        let quad = QUAD_PANELS * shape.columns;
        let deepest = PACKED * CHUNK * size_of::<u32>() / quad / shape.unit * shape.unit;
        let depth = multiple_of(k.div_ceil(k.div_ceil(deepest).max(1)), shape.unit);
        let has_parts = k > depth;
        let tallest = shape.tallest;
        let height = multiple_of(m.div_ceil(m.div_ceil(tallest)), shape.rows);
        let mut room = UNPACKED_CODES / (height / shape.rows * (depth / shape.chunk)).max(1);
        if has_parts {
            room = room.min(UNPACKED_SUMS * CHUNK / quad / height);
        }
        let tiles = m.div_ceil(height).min(room.clamp(1, MOST_TILES));
        let width = if has_parts { quad } else { multiple_of(n, quad) };
        let mut plan = Self::with_codes(shape, height, tiles, [depth, width]);
        let bytes = QUAD_PANELS * shape.panel_len(depth);
        plan.chunks.panels = bytes.div_ceil(CHUNK * size_of::<u32>());
        plan
    }
}

/// Whether rows are too few for packing columns that lie together.
#[inline(always)]
fn are_few(source: &Source<'_>, rows: usize) -> bool {
    const FEW: usize = 6;
    source.transposed && rows <= FEW
}

/// Tiles of a block of rows.
const MOST_TILES: usize = 16;

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
    let Chunks { codes, rows, panels, sums } = piece.plan.chunks;
    frame!(codes + rows + panels + sums; 8 24 48 96 192 384);
}

/// Chunks that are cache lines.
#[repr(align(64))]
struct Aligned<T>(T);

/// Not inlined: its frame would be part of any other.
#[inline(never)]
fn run_in<const CHUNKS: usize>(piece: Piece<'_>) {
    let mut chunks = Aligned([[0_u32; CHUNK]; CHUNKS]);
    let Chunks { codes, rows, panels, .. } = piece.plan.chunks;
    let (codes, rest) = chunks.0.split_at_mut(codes);
    let (rows, rest) = rest.split_at_mut(rows);
    let (panels, sums) = rest.split_at_mut(panels);
    run_kernel(Kernel {
        piece,
        codes,
        rows: bytemuck::must_cast_slice_mut(rows),
        panels: bytemuck::must_cast_slice_mut(panels),
        sums: bytemuck::must_cast_slice_mut(sums),
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

/// A piece of a product, and the room that its plan asks for.
struct Kernel<'a, 'r> {
    piece: Piece<'a>,
    codes: &'r mut [[u32; CHUNK]],
    rows: &'r mut [i32],
    panels: &'r mut [u8],
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
        let Self { piece, codes, rows: of_rows, panels, sums } = self;
        let Piece { product, plan, rows, columns, output } = piece;
        let (product, k) = (&*product, product.depth);
        let (za, offsets) = of_rows.split_at_mut(plan.rows);
        let quad = QUAD_PANELS * NR_VECTORS * D::Base::LANES;
        let has_parts = k > plan.depth;
        // Cleared once, and not for each panel.
        let mut products = [[d.base().splat_i32(0); NR_VECTORS]; MAX_MR];
        let (mut unpacked, mut few) = (None, None);
        if let Codes::Unpacked(source) = &product.b {
            if are_few(source, rows.len()) {
                few = Some(source);
            } else {
                unpacked = Some(source);
            }
        }
        let mut first_column = columns.start;
        while first_column < columns.end {
            let end_column = columns.end.min(first_column + plan.width);
            let mut first_row = rows.start;
            while first_row < rows.end {
                let end_row = rows.end.min(first_row + plan.rows);
                let mut first = 0;
                loop {
                    let part = [first, plan.depth.min(k - first)];
                    let is_last = first + plan.depth >= k;
                    // Chunks of a tile that has all its rows.
                    let tile_chunks =
                        part[1].div_ceil(chunk_depth::<D>()) * (plan.height / D::ROWS);
                    let mut top = first_row;
                    while top < end_row {
                        let end = end_row.min(top + plan.height);
                        let r = top - first_row;
                        let of_rows = [&mut za[r..], &mut offsets[r..]];
                        let left = &mut codes[r / plan.height * tile_chunks..];
                        prepare(d, product, few.is_some(), [top, end], part, left, of_rows);
                        top = end;
                    }
                    let mut column = first_column;
                    while column < end_column {
                        let there = quad.min(end_column - column);
                        if let Some(source) = unpacked {
                            pack(product.tier, source, [column, there], part, panels);
                        }
                        let mut top = first_row;
                        while top < end_row {
                            let end = end_row.min(top + plan.height);
                            let r = top - first_row;
                            let tile = Tile {
                                of: product,
                                rows: end - top,
                                part,
                                left: &codes[r / plan.height * tile_chunks..],
                                za: &za[r..],
                                offsets: &offsets[r..],
                            };
                            let mut from = 0;
                            if has_parts {
                                from = r * plan.stride + column - first_column;
                            }
                            let (to, stride) = match output {
                                Output::InPlace { sums, stride } => {
                                    let (row, column) = (top - rows.start, column - columns.start);
                                    (&mut sums[row * *stride + column..], *stride)
                                }
                                Output::Through(_) => (&mut sums[from..], plan.stride),
                            };
                            if let Some(source) = few {
                                tile.few(d, source, [column, there], to, stride);
                            } else {
                                tile.quad(d, [column, there], panels, &mut products, to, stride);
                            }
                            if is_last && let Output::Through(sink) = output {
                                sink.finish(TileSums {
                                    rows: top..end,
                                    columns: column..column + there,
                                    sums: &sums[from..],
                                    stride: plan.stride,
                                });
                            }
                            top = end;
                        }
                        column += there;
                    }
                    if is_last {
                        break;
                    }
                    first += plan.depth;
                }
                first_row = end_row;
            }
            first_column = end_column;
        }
    }
}

/// Rows of the highest tile of all instruction sets.
const MAX_MR: usize = 12;

/// The products of a tile and a panel.
type TileProducts<D> = [[Int<D>; NR_VECTORS]; MAX_MR];

/// Makes some rows ready, or a part of them: their codes (of few rows, in their own order), `za` as it is after a flip, and `Σ (a − za)`.
#[inline(always)]
fn prepare<D: Dot>(
    d: D,
    of: &Product<'_>,
    are_few: bool,
    [top, end]: [usize; 2],
    [first, depth]: [usize; 2],
    left: &mut [[u32; CHUNK]],
    [za, offsets]: [&mut [i32]; 2],
) {
    let a_signed = of.signed[0];
    let flip = a_signed != <D::Left as Sealed>::SIGNED;
    let groups = (end - top).div_ceil(D::ROWS);
    for row in top..end {
        let r = row - top;
        let codes = &of.a[row * of.a_stride + first..][..depth];
        let sum = if are_few {
            copy_row::<D>(codes, flip, r, left)
        } else {
            pack_row(d, codes, flip, groups, r, left)
        };
        let zero_point = of.za.of(row);
        za[r] = zero_point + if flip { flipped_zero(!a_signed) } else { 0 };
        offsets[r] = sum.wrapping_sub((depth as i32).wrapping_mul(zero_point));
    }
}

/// Puts the row `r` of few after the ones before it, from the start of a chunk on: its codes as they are on the
/// left, in their own order. Returns the sum of what they were.
#[inline(always)]
fn copy_row<D: Dot>(row: &[u8], flip: bool, r: usize, left: &mut [[u32; CHUNK]]) -> i32 {
    let mask = if flip { 0x80 } else { 0 };
    let is_signed = flip != <D::Left as Sealed>::SIGNED;
    let chunks = row_chunks(row.len());
    let to: &mut [u8] = bytemuck::must_cast_slice_mut(&mut left[r * chunks..][..chunks]);
    let mut sum = 0_i32;
    for i in 0..row.len() {
        to[i] = row[i] ^ mask;
        let code = if is_signed { i32::from(row[i] as i8) } else { row[i].into() };
        sum = sum.wrapping_add(code);
    }
    sum
}

/// The chunks that so many codes of a row take in their own order.
const fn row_chunks(depth: usize) -> usize {
    depth.div_ceil(CHUNK * size_of::<u32>())
}

/// Some rows of `a`, or a part of them, as they are multiplied.
struct Tile<'a> {
    of: &'a Product<'a>,
    rows: usize,
    /// The codes that are multiplied, of all rows: the first of them, and how many.
    part: [usize; 2],
    left: &'a [[u32; CHUNK]],
    za: &'a [i32],
    offsets: &'a [i32],
}

impl Tile<'_> {
    /// The products with the columns of a quad, or the first of it, added to `sums` unless they are the
    /// first. `packed`: the panels of this part and these columns, if they were packed on the way.
    #[inline(always)]
    fn quad<D: Dot>(
        &self,
        d: D,
        [column, there]: [usize; 2],
        packed: &[u8],
        products: &mut TileProducts<D>,
        sums: &mut [i32],
        stride: usize,
    ) {
        let panel = NR_VECTORS * D::Base::LANES;
        let [first, depth] = self.part;
        let mut done = 0;
        while done < there {
            let columns = [column + done, panel.min(there - done)];
            let (b_sums, right) = match self.of.b {
                Codes::Packed(panels) => {
                    let len = sums_len::<D>() + rows_len::<D>(self.of.depth);
                    let panel = &panels[(column + done) / panel * len..][..len];
                    let (b_sums, codes) = panel.split_at(sums_len::<D>());
                    // They are the sums of all parts.
                    ((first == 0).then_some(b_sums), &codes[rows_len::<D>(first)..])
                }
                Codes::Unpacked(_) => {
                    let len = sums_len::<D>() + rows_len::<D>(depth);
                    let (b_sums, codes) =
                        packed[done / panel * len..][..len].split_at(sums_len::<D>());
                    (Some(b_sums), codes)
                }
            };
            let right = &right[..rows_len::<D>(depth)];
            self.panel(d, columns, b_sums, right, products, &mut sums[done..], stride);
            done += panel;
        }
    }

    /// The same of few rows, and of columns that lie together.
    #[inline(always)]
    fn few<D: Dot>(
        &self,
        d: D,
        source: &Source<'_>,
        [column, there]: [usize; 2],
        sums: &mut [i32],
        stride: usize,
    ) {
        let &Self { of, rows, part: [first, depth], left, za, offsets } = self;
        let flipped = if of.signed[1] { 0 } else { flipped_zero(true) };
        let mut zero_points = [0; MAX_STEP];
        of.zb.fill(column, flipped, &mut zero_points[..there]);
        let chunks = row_chunks(depth);
        for r in 0..rows {
            let left: &[u8] = bytemuck::must_cast_slice(&left[r * chunks..][..chunks]);
            let (mut products, mut b_sums) = ([0; MAX_STEP], [0; MAX_STEP]);
            let (products, b_sums) = (&mut products[..there], &mut b_sums[..there]);
            dots(d, source, &left[..depth], first, column, products, b_sums);
            let to = &mut sums[r * stride..][..there];
            for c in 0..there {
                let offset = zero_points[c].wrapping_mul(offsets[r]);
                let of_row = b_sums[c].wrapping_mul(za[r]);
                let so_far = if first > 0 { to[c] } else { 0 };
                let sum = products[c].wrapping_sub(offset).wrapping_sub(of_row);
                to[c] = so_far.wrapping_add(sum);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a kernel's pieces, all of them inlined")]
    #[inline(always)]
    fn panel<D: Dot>(
        &self,
        d: D,
        [column, there]: [usize; 2],
        b_sums: Option<&[u8]>,
        right: &[u8],
        products: &mut TileProducts<D>,
        sums: &mut [i32],
        stride: usize,
    ) {
        let s = d.base();
        let &Self { of, rows, part: [first, depth], left, za, offsets } = self;
        let panel = NR_VECTORS * D::Base::LANES;
        let groups = rows.div_ceil(D::ROWS);
        let left = &left[..depth.div_ceil(chunk_depth::<D>()) * groups];
        multiply_tile(d, left, right, groups, products);

        let (za, offsets) = (&za[..rows], &offsets[..rows]);
        let flipped = if of.signed[1] { 0 } else { flipped_zero(true) };
        let is_symmetric = matches!(of.zb, Zeros::Same(zero_point) if zero_point + flipped == 0);
        if is_symmetric && first == 0 && there == panel {
            // What is most frequent, in a loop of its own: it takes as long as 16 codes of each row.
            for v in 0..NR_VECTORS {
                let mut b_sum = s.splat_i32(0);
                if let Some(b_sums) = b_sums {
                    b_sum = bytemuck::must_cast(s.load_u8(&b_sums[v * D::Base::STEP..]));
                }
                for r in 0..rows.min(MAX_MR) {
                    let sum = s.sub_i32(products[r][v], s.mul_i32(b_sum, s.splat_i32(za[r])));
                    let to = &mut sums[r * stride + v * D::Base::LANES..][..D::Base::LANES];
                    s.store_i32(sum, to);
                }
            }
            return;
        }
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
            let mut b_sum = s.splat_i32(0);
            if let Some(b_sums) = b_sums {
                b_sum = bytemuck::must_cast(s.load_u8(&b_sums[v * D::Base::STEP..]));
            }
            let zb = s.load_i32(&zero_points[start..][..D::Base::LANES]);
            for r in 0..rows.min(MAX_MR) {
                let offset = s.mul_i32(zb, s.splat_i32(offsets[r]));
                let of_row = s.mul_i32(b_sum, s.splat_i32(za[r]));
                let mut sum = s.sub_i32(products[r][v], s.add_i32(offset, of_row));
                let to = &mut sums[r * stride + start..][..lanes];
                if first > 0 {
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
