//! `outᵣ = Σ ((qᵢ − zq) − (rowᵣᵢ − zrᵣ))²`

use super::l2_squared::Differences;
use super::operand::{Matrix, Operand, value};
use crate::error::Error;
use crate::kernels::pairs::{Pairs, RowPairs, rows};
use crate::simd::Byte;
use crate::simd::dot::{Bytes, Dot, Int};
use crate::tier::{DotOperation, Entry, Tier, dot_entries};
use crate::values::code::{Code8, of_type};
use crate::values::rows::Rows;
use crate::values::zero_points::ZeroPoints;
use core::marker::PhantomData;

/// The squared Euclidean distance of one vector from each row of a matrix:
/// `out[r] = Σ ((query[i] − zq) − (rows[r][i] − zr[r]))²`, exact.
///
/// `rows` is `out.len()` rows of `query.len()` codes, which may be apart: see [`Rows`]. They have one zero point,
/// or each its own: see [`ZeroPoints`].
///
/// # Errors
/// [`Error::Rows`] if `rows` is not of that size; [`Error::Length`] if there is a zero point
/// for each row, but not as many as rows. `out` is then untouched.
///
/// ```
/// # use zeropoint::search::l2_rows;
/// let rows = [
///     1_u8, 2, 3, //
///     4, 5, 6,
/// ];
/// let mut out = [0; 2];
/// l2_rows(&[1_u8, 2, 4], 7, &rows, 7, &mut out)?;
/// assert_eq!(out, [1, 9 + 9 + 4]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn l2_rows<'a, A: Code8, B: Code8>(
    query: &[A],
    zq: A,
    rows: impl Into<Rows<'a, B>>,
    zr: impl Into<ZeroPoints<'a, B>>,
    out: &mut [i64],
) -> Result<(), Error> {
    Tier::best().l2_rows(query, zq, rows, zr, out)
}

impl Tier {
    /// [`l2_rows`](crate::search::l2_rows()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn l2_rows<'a, A: Code8, B: Code8>(
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
            L2Rows { query, rows, out, of }.on(self);
        }));
        Ok(())
    }
}

dot_entries!(L2Rows<'_, u8, u8>, L2Rows<'_, u8, i8>, L2Rows<'_, i8, u8>, L2Rows<'_, i8, i8>);

struct L2Rows<'a, A, B> {
    query: Operand<'a, A>,
    rows: &'a Matrix<'a>,
    out: &'a mut [i64],
    of: PhantomData<B>,
}

impl<A: Byte, B: Byte> DotOperation for L2Rows<'_, A, B> {
    type Output = ();

    #[inline(always)]
    fn simd<D: Dot>(&mut self, d: D) {
        if const { A::SIGNED == B::SIGNED } {
            by_sums::<D, B, false>(d, self.query.retyped(), *self.rows, self.out);
        } else {
            by_sums::<D, B, true>(d, self.query.flipped().retyped(), *self.rows, self.out);
        }
    }
}

/// Both of type `Q`, the query after it is flipped, if it is.
#[inline(always)]
fn by_sums<D: Dot, Q: Byte, const FLIP: bool>(
    d: D,
    query: Operand<'_, Q>,
    matrix: Matrix<'_>,
    out: &mut [i64],
) {
    if matrix.zero_points.all_are(query.zero_point) {
        let kernel = Kernel::<Q, FLIP, false>::new(query, matrix);
        rows::<D, _, 4, 2>(d, kernel, query.codes, (matrix.codes, matrix.stride), out);
    } else {
        let kernel = Kernel::<Q, FLIP, true>::new(query, matrix);
        rows::<D, _, 4, 2>(d, kernel, query.codes, (matrix.codes, matrix.stride), out);
    }
}

#[derive(Clone, Copy)]
struct Kernel<'a, Q, const FLIP: bool, const SUMS: bool> {
    differences: Differences<Q, FLIP, false, SUMS>,
    zero_points: ZeroPoints<'a, u8>,
    zero_point: i64,
    len: usize,
}

impl<'a, Q: Byte, const FLIP: bool, const SUMS: bool> Kernel<'a, Q, FLIP, SUMS> {
    #[inline(always)]
    fn new(query: Operand<'_, Q>, rows: Matrix<'a>) -> Self {
        Self {
            differences: Differences::NEW,
            zero_points: rows.zero_points,
            zero_point: query.zero_point(),
            len: query.codes.len(),
        }
    }
}

impl<D: Dot, Q: Byte, const FLIP: bool, const SUMS: bool> Pairs<D, 4, 2>
    for Kernel<'_, Q, FLIP, SUMS>
{
    const USED: usize = <Differences<Q, FLIP, false, SUMS> as Pairs<D, 4, 2>>::USED;

    #[inline(always)]
    fn step(self, d: D, sums: [Int<D>; 4], a: Bytes<D>, b: Bytes<D>) -> [Int<D>; 4] {
        self.differences.step(d, sums, a, b)
    }

    #[inline(always)]
    fn results(self, d: D, sums: [Int<D>; 4]) -> [Int<D>; 2] {
        self.differences.results(d, sums)
    }
}

impl<D: Dot, Q: Byte, const FLIP: bool, const SUMS: bool> RowPairs<D, 4, 2>
    for Kernel<'_, Q, FLIP, SUMS>
{
    #[inline(always)]
    fn value(self, r: usize, totals: [i64; 2]) -> i64 {
        let offset = self.zero_point - value::<Q>(self.zero_points.of(r));
        Differences::<Q, FLIP, false, SUMS>::distance::<D>(totals, offset, self.len)
    }
}
