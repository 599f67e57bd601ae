//! From a matrix of codes to the panels that products read
//!
//! A block of rows becomes words, of four codes of one column each, in the order of rows and columns; these
//! become the steps of a tier. The sums of the columns are products with a row of ones.

use super::packed::{CHUNK, NR_VECTORS, WIDEST_PANEL, rows_len, sums_len};
use super::product::{multiply, pack_row};
use crate::simd::Simd;
use crate::simd::dot::{Dot, Int};
use crate::simd::transpose::{transpose, zip};
use crate::tier::{DotOperation, Tier};

/// A matrix of codes, `[K, N]`, to pack.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) codes: &'a [u8],
    /// K and N.
    pub(super) size: [usize; 2],
    /// From the start of a row (of a column, if it is transposed) to the start of the next.
    pub(super) stride: usize,
    pub(super) transposed: bool,
    /// What makes the codes signed.
    pub(super) flip: u8,
}

/// Packs some columns, from `column` on, of some rows: panels of these rows alone. Not inlined, so that there
/// is one copy of the loops.
#[inline(never)]
pub(super) fn pack(
    tier: Tier,
    source: &Source<'_>,
    [column, columns]: [usize; 2],
    rows: [usize; 2],
    to: &mut [u8],
) {
    tier.run_dot(&mut Pack { source, columns: [column, columns], rows, to });
}

struct Pack<'a> {
    source: &'a Source<'a>,
    /// The first, and how many; of the rows too.
    columns: [usize; 2],
    rows: [usize; 2],
    to: &'a mut [u8],
}

/// Panels that are packed side by side, so that rows are read in long pieces.
const SIDE_BY_SIDE: usize = 8;

impl DotOperation for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn simd<D: Dot>(&mut self, d: D) {
        let s = d.base();
        let Self { source, columns: [column, columns], rows: [row, rows], to } = self;
        let (column, row, rows) = (*column, *row, *rows);
        let packer = Packer::new(d);
        let width = NR_VECTORS * D::Base::LANES;
        let len = sums_len::<D>() + rows_len::<D>(rows);
        // The columns of a transposed matrix are read in pieces that are long anyway.
        let together = if source.transposed { 1 } else { SIDE_BY_SIDE };
        let panels = columns.div_ceil(width);
        let mut first = 0;
        while first < panels {
            let last = panels.min(first + together);
            let mut totals = [[s.splat_i32(0); NR_VECTORS]; SIDE_BY_SIDE];
            let mut done = 0;
            while done < rows {
                let block = [row + done, BLOCK.min(rows - done)];
                for p in first..last {
                    let to = &mut to[p * len + sums_len::<D>() + rows_len::<D>(done)..];
                    packer.block(d, source, column + p * width, block, to, &mut totals[p - first]);
                }
                done += BLOCK;
            }
            for p in first..last {
                for v in 0..NR_VECTORS {
                    let to = &mut to[p * len + v * D::Base::STEP..][..D::Base::STEP];
                    s.store_u8(bytemuck::must_cast(totals[p - first][v]), to);
                }
            }
            first = last;
        }
    }
}

/// The sums of the columns of a panel.
type Totals<D> = [Int<D>; NR_VECTORS];

/// Rows of a block: the columns of a transposed matrix are read by cache lines.
const BLOCK: usize = 64;

/// Codes of a column that are moved together.
const WORD: usize = 4;

/// How far ahead the columns of a transposed matrix are asked for: in lines of their own, they are no stream
/// that a CPU would see.
const AHEAD: usize = 256;

/// Packs blocks, with the row of ones that sums are products of.
struct Packer([[[u32; CHUNK]; 1]; 2]);

impl Packer {
    #[inline(always)]
    fn new<D: Dot>(d: D) -> Self {
        let mut left = [[0; CHUNK]; 2];
        pack_row(d, &[1; BLOCK], false, 1, 0, &mut left);
        Self([[left[0]], [left[1]]])
    }

    /// Packs some rows of a panel, at most a block of them, and adds to the sums of its columns. Rows and
    /// columns that the matrix does not have are zeros.
    #[inline(always)]
    fn block<D: Dot>(
        &self,
        d: D,
        source: &Source<'_>,
        column: usize,
        [row, rows]: [usize; 2],
        to: &mut [u8],
        totals: &mut Totals<D>,
    ) {
        let panel = const { NR_VECTORS * D::Base::LANES };
        let to = &mut to[..rows_len::<D>(rows)];
        let columns = [column, panel.min(source.size[1] - column)];
        if const { D::KR == WORD } {
            let (words, _) = to.as_chunks_mut();
            source.words(d, panel, columns, [row, rows], words);
        } else {
            let mut words = [[0; WORD]; BLOCK / WORD * WIDEST_PANEL];
            // Whole quads of words.
            let len = rows.div_ceil(4 * WORD) * 4 * panel;
            source.words(d, panel, columns, [row, rows], &mut words[..len]);
            steps::<D>(panel, &words, to);
        }
        let [of_block] = multiply::<D, 1>(d, &self.0, to);
        for v in 0..NR_VECTORS {
            totals[v] = d.base().add_i32(totals[v], d.rows(of_block[v])[0]);
        }
    }
}

impl Source<'_> {
    /// The words of some rows, and of the columns of a panel.
    #[inline(always)]
    fn words<D: Dot>(
        &self,
        d: D,
        panel: usize,
        columns: [usize; 2],
        rows: [usize; 2],
        words: &mut [[u8; WORD]],
    ) {
        if self.transposed {
            self.transpose(d, panel, columns, rows, words);
        } else {
            self.interleave(panel, columns, rows, words);
        }
    }

    /// Of a matrix whose columns lie together: four words of four columns at a time.
    #[inline(always)]
    fn transpose<D: Dot>(
        &self,
        d: D,
        panel: usize,
        [column, there]: [usize; 2],
        [row, rows]: [usize; 2],
        words: &mut [[u8; WORD]],
    ) {
        for c in 0..panel / 4 {
            let mut lines = [[[0_u8; 16]; BLOCK / 16]; 4];
            for i in 0..4 {
                if 4 * c + i < there {
                    let from = (column + 4 * c + i) * self.stride + row;
                    d.base().prefetch(self.codes.as_ptr().wrapping_add(from + AHEAD));
                    if rows == BLOCK {
                        let line: [u8; BLOCK] = self.codes(from, rows);
                        lines[i] = bytemuck::must_cast(line);
                    } else {
                        for q in 0..rows.div_ceil(16) {
                            lines[i][q] = self.codes(from + 16 * q, rows - 16 * q);
                        }
                    }
                }
            }
            for q in 0..BLOCK / 16 {
                if 4 * q * panel < words.len() {
                    let quad = [lines[0][q], lines[1][q], lines[2][q], lines[3][q]];
                    let quad = transpose(bytemuck::must_cast(quad));
                    for j in 0..4 {
                        let row = &mut words[(4 * q + j) * panel..][..panel];
                        put_words(quad[j], &mut row[4 * c..]);
                    }
                }
            }
        }
    }

    /// Of a matrix whose rows lie together: of four rows at a time.
    #[inline(always)]
    fn interleave(
        &self,
        panel: usize,
        [column, there]: [usize; 2],
        [row, rows]: [usize; 2],
        words: &mut [[u8; WORD]],
    ) {
        let mut w = 0;
        while w * panel < words.len() {
            let mut lines = [[[0_u8; 16]; WIDEST_PANEL / 16]; WORD];
            for i in 0..WORD {
                if w * WORD + i < rows {
                    let from = (row + w * WORD + i) * self.stride + column;
                    // The first columns of a panel, of one of the three widths.
                    if panel == 32 {
                        let line: [u8; 32] = self.codes(from, there);
                        lines[i] = bytemuck::must_cast(line);
                    } else if panel == 16 {
                        lines[i][0] = self.codes(from, there);
                    } else {
                        lines[i][0][..8].copy_from_slice(&self.codes::<8>(from, there));
                    }
                }
            }
            let row = &mut words[w * panel..][..panel];
            for q in 0..WIDEST_PANEL / 16 {
                if 16 * q < panel {
                    let quad = zip([lines[0][q], lines[1][q], lines[2][q], lines[3][q]]);
                    for j in 0..4 {
                        if 16 * q + 4 * j < panel {
                            put_words(quad[j], &mut row[16 * q + 4 * j..]);
                        }
                    }
                }
            }
            w += 1;
        }
    }

    /// Codes from here on, or so many and zeros.
    #[inline(always)]
    fn codes<const LEN: usize>(&self, from: usize, len: usize) -> [u8; LEN] {
        let mut codes = [0; LEN];
        if len >= LEN {
            let from = &self.codes[from..][..LEN];
            for i in 0..LEN {
                codes[i] = from[i] ^ self.flip;
            }
        } else {
            let from = &self.codes[from..][..len];
            let mut at = 0;
            while at + 8 <= len {
                for i in 0..8 {
                    codes[at + i] = from[at + i] ^ self.flip;
                }
                at += 8;
            }
            while at < len {
                codes[at] = from[at] ^ self.flip;
                at += 1;
            }
        }
        codes
    }
}

/// Four words to the first of these.
#[inline(always)]
fn put_words(words: [u32; 4], to: &mut [[u8; WORD]]) {
    let words: [[u8; WORD]; 4] = bytemuck::must_cast(words);
    to[..4].copy_from_slice(&words);
}

/// Words as the steps of a tier, of `KR` codes of each column.
#[inline(always)]
fn steps<D: Dot>(panel: usize, words: &[[u8; WORD]], to: &mut [u8]) {
    const { assert!(D::KR == 2 || D::KR == 4 || D::KR == 8) };
    let mut w = 0;
    while w < to.len() / WORD {
        if const { D::KR < WORD } {
            // The first two codes of all columns, then the others.
            let words = &words[w..][..panel];
            let (first, second) = to[w * WORD..][..WORD * panel].split_at_mut(2 * panel);
            let (first, _) = first.as_chunks_mut::<2>();
            let (second, _) = second.as_chunks_mut::<2>();
            for c in 0..panel {
                [first[c], second[c]] = bytemuck::must_cast(words[c]);
            }
            w += panel;
        } else {
            let (words, below) = words[w..][..2 * panel].split_at(panel);
            let (to, _) = to[w * WORD..][..2 * WORD * panel].as_chunks_mut::<8>();
            for c in 0..panel {
                to[c] = bytemuck::must_cast([words[c], below[c]]);
            }
            w += 2 * panel;
        }
    }
}
