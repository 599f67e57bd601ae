//! The products of a row with columns that lie together: a matrix that was never packed, and too few rows for
//! packing it on the way

use super::pack::Source;
use crate::kernels::pairs::add_codes;
use crate::simd::Simd;
use crate::simd::dot::Dot;

/// `Σ ab` of a row and each of some columns, and `Σ b`.
///
/// `row`: a part of it, from its element `first` on, with codes as the left side of products has them.
#[inline(always)]
pub(super) fn dots<D: Dot>(
    d: D,
    source: &Source<'_>,
    row: &[u8],
    first: usize,
    column: usize,
    products: &mut [i32],
    sums: &mut [i32],
) {
    /// Columns that are done at the same time, so that the row is loaded once for all of them.
    const TOGETHER: usize = 4;

    let mut c = 0;
    while c + TOGETHER <= products.len() {
        let (products, sums) = (&mut products[c..], &mut sums[c..]);
        of_columns::<D, TOGETHER>(d, source, row, first, column + c, products, sums);
        c += TOGETHER;
    }
    while c < products.len() {
        let (products, sums) = (&mut products[c..], &mut sums[c..]);
        of_columns::<D, 1>(d, source, row, first, column + c, products, sums);
        c += 1;
    }
}

/// The same of the first `C` columns.
#[inline(always)]
fn of_columns<D: Dot, const C: usize>(
    d: D,
    source: &Source<'_>,
    row: &[u8],
    first: usize,
    column: usize,
    products: &mut [i32],
    sums: &mut [i32],
) {
    let s = d.base();
    let flip = s.splat_u8(source.flip);
    let mut columns = [row; C];
    for i in 0..C {
        let from = (column + i) * source.stride + first;
        columns[i] = &source.codes[from..][..row.len()];
    }
    let mut of_products = [s.splat_i32(0); C];
    let mut of_sums = [s.splat_i32(0); C];
    let mut at = 0;
    while at + D::Base::STEP <= row.len() {
        let a = s.load_u8(&row[at..][..D::Base::STEP]);
        for i in 0..C {
            let from = &columns[i][at..][..D::Base::STEP];
            s.prefetch(from.as_ptr().wrapping_add(AHEAD));
            let b = s.xor_u8(s.load_u8(from), flip);
            of_products[i] = d.dot::<D::Left, i8>(of_products[i], a, b);
            of_sums[i] = add_codes::<D, i8>(d, of_sums[i], b);
        }
        at += D::Base::STEP;
    }
    let mut padding = 0;
    if at < row.len() {
        let a = s.load_u8_partial(&row[at..]);
        for i in 0..C {
            let b = s.xor_u8(s.load_u8_partial(&columns[i][at..]), flip);
            of_products[i] = d.dot::<D::Left, i8>(of_products[i], a, b);
            of_sums[i] = add_codes::<D, i8>(d, of_sums[i], b);
        }
        // Zeros that the flip has made lowest codes.
        padding = (at + D::Base::STEP - row.len()) as i32 * i32::from(source.flip as i8);
    }
    for i in 0..C {
        products[i] = s.reduce_add(of_products[i]);
        sums[i] = s.reduce_add(of_sums[i]).wrapping_sub(padding);
    }
}

/// How far ahead columns are asked for.
const AHEAD: usize = 4096;
