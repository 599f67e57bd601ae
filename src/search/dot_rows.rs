//! `outᵣ = Σ (qᵢ − zq)(rowᵣᵢ − zrᵣ)`

use super::operand::{Matrix, Operand, Products, has, value};
use super::sum::sum_of;
use crate::error::Error;
use crate::kernels::pairs::{Pairs, RowPairs, rows};
use crate::simd::Byte;
use crate::simd::dot::{Bytes, Dot, Int};
use crate::tier::{DotOperation, Entry, Tier, dot_entries};
use crate::values::code::{Code8, of_type};
use crate::values::rows::Rows;
use crate::values::zero_points::ZeroPoints;
use core::marker::PhantomData;

/// The dot product of one vector with each row of a matrix:
/// `out[r] = Σ (query[i] − zq)(rows[r][i] − zr[r])`, exact.
///
/// `rows` is `out.len()` rows of `query.len()` codes, which may be apart: see [`Rows`]. They have one zero point,
/// or each its own: see [`ZeroPoints`].
///
/// # Errors
/// [`Error::Rows`] if `rows` is not of that size; [`Error::Length`] if there is a zero point
/// for each row, but not as many as rows. `out` is then untouched.
///
/// ```
/// # use zeropoint::search::dot_rows;
/// let rows = [
///     1_u8, 2, 3, //
///     4, 5, 6,
/// ];
/// let mut out = [0; 2];
/// dot_rows(&[1_i8, 0, -1], 0, &rows, 0, &mut out)?;
/// assert_eq!(out, [-2, -2]);
/// dot_rows(&[1_i8, 0, 0], 0, &rows, &[1, 2], &mut out)?;
/// assert_eq!(out, [0, 2]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn dot_rows<'a, A: Code8, B: Code8>(
    query: &[A],
    zq: A,
    rows: impl Into<Rows<'a, B>>,
    zr: impl Into<ZeroPoints<'a, B>>,
    out: &mut [i64],
) -> Result<(), Error> {
    Tier::best().dot_rows(query, zq, rows, zr, out)
}

impl Tier {
    /// [`dot_rows`](crate::search::dot_rows()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn dot_rows<'a, A: Code8, B: Code8>(
        self,
        query: &[A],
        zq: A,
        rows: impl Into<Rows<'a, B>>,
        zr: impl Into<ZeroPoints<'a, B>>,
        out: &mut [i64],
    ) -> Result<(), Error> {
        let rows = &Matrix::new(rows.into(), zr.into(), [out.len(), query.len()])?;
        of_type!(A as S => of_type!(B as T => {
            let (query, of) = (Operand::<S>::of(query, zq), PhantomData::<T>);
            DotRows { query, rows, out, of }.on(self);
        }));
        Ok(())
    }
}

dot_entries!(DotRows<'_, u8, u8>, DotRows<'_, u8, i8>, DotRows<'_, i8, u8>, DotRows<'_, i8, i8>);

struct DotRows<'a, A, B> {
    query: Operand<'a, A>,
    rows: &'a Matrix<'a>,
    out: &'a mut [i64],
    of: PhantomData<B>,
}

impl<A: Byte, B: Byte> DotOperation for DotRows<'_, A, B> {
    type Output = ();

    /// Where a flip makes a pair that the instruction set has, it is the query's if sums of the
    /// rows are needed anyway; else that of the rows, which makes do with the query's sum.
    #[inline(always)]
    fn simd<D: Dot>(&mut self, d: D) {
        let (query, rows) = (self.query, *self.rows);
        let sum = sum_of::<D, A>(d, query.codes);
        let offset = query.codes.len() as i64 * query.zero_point() - sum;
        // A flip changes the sum by as much as the zero points: the offset stays.
        let flipped = query.flipped();
        if const { has::<D, A, B>() } {
            if query.zero_point == 0 {
                run::<D, A, B, false, false, false>(d, query, rows, offset, self.out);
            } else {
                run::<D, A, B, false, false, true>(d, query, rows, offset, self.out);
            }
        } else if query.zero_point == 0 {
            run::<D, A, B::Flipped, false, true, false>(d, query, rows, offset, self.out);
        } else if flipped.zero_point == 0 {
            run::<D, A::Flipped, B, true, false, false>(d, flipped, rows, offset, self.out);
        } else {
            run::<D, A::Flipped, B, true, false, true>(d, flipped, rows, offset, self.out);
        }
    }
}

/// `A`, `B`: after they are flipped. `offset`: `n · zq − Σ query`.
#[inline(always)]
fn run<D: Dot, A: Byte, B: Byte, const FLIP_QUERY: bool, const FLIP_ROWS: bool, const SUM: bool>(
    d: D,
    query: Operand<'_, A>,
    matrix: Matrix<'_>,
    offset: i64,
    out: &mut [i64],
) {
    let kernel = Kernel::<D, A, B, FLIP_QUERY, FLIP_ROWS, SUM> {
        products: Products::new(d, query.zero_point, 0),
        zero_points: matrix.zero_points,
        offset,
    };
    rows(d, kernel, query.codes, (matrix.codes, matrix.stride), out);
}

#[derive(Clone, Copy)]
struct Kernel<'a, D: Dot, A, B, const FLIP_QUERY: bool, const FLIP_ROWS: bool, const SUM: bool> {
    products: Products<D, A, B, FLIP_QUERY, FLIP_ROWS, false, SUM>,
    zero_points: ZeroPoints<'a, u8>,
    offset: i64,
}

impl<D: Dot, A: Byte, B: Byte, const FLIP_QUERY: bool, const FLIP_ROWS: bool, const SUM: bool>
    Pairs<D, 3, 1> for Kernel<'_, D, A, B, FLIP_QUERY, FLIP_ROWS, SUM>
{
    const USED: usize =
        <Products<D, A, B, FLIP_QUERY, FLIP_ROWS, false, SUM> as Pairs<D, 3, 1>>::USED;

    #[inline(always)]
    fn step(self, d: D, sums: [Int<D>; 3], a: Bytes<D>, b: Bytes<D>) -> [Int<D>; 3] {
        self.products.step(d, sums, a, b)
    }

    #[inline(always)]
    fn results(self, d: D, sums: [Int<D>; 3]) -> [Int<D>; 1] {
        self.products.results(d, sums)
    }
}

impl<D: Dot, A: Byte, B: Byte, const FLIP_QUERY: bool, const FLIP_ROWS: bool, const SUM: bool>
    RowPairs<D, 3, 1> for Kernel<'_, D, A, B, FLIP_QUERY, FLIP_ROWS, SUM>
{
    #[inline(always)]
    fn value(self, r: usize, [products]: [i64; 1]) -> i64 {
        let flip = if FLIP_ROWS { 0x80 } else { 0 };
        products + value::<B>(self.zero_points.of(r) ^ flip) * self.offset
    }
}
