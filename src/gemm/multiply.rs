//! `out[m][n] = Σ (a[m][k] − za[m])(b[k][n] − zb[n])`

use super::product::{Epilogue, Product, Right, TileSums};
use crate::error::Error;
use crate::gemm::packed::{PackedMatrix, Weights};
use crate::tier::Tier;
use crate::values::code::Code8;
use crate::values::rows::{Part, Rows, RowsMut};
use crate::values::zero_points::ZeroPoints;

impl<B: Code8> PackedMatrix<'_, B> {
    /// The product of a matrix of codes and this one, less their zero points:
    /// `out[m][n] = Σ (a[m][k] − za)(b[k][n] − zb)`, exact.
    ///
    /// `a` is `[M, K]` and `out` is `[M, N]`, [`Rows`] that may be apart; `b` is this matrix, `[K, N]`.
    /// There is one zero point for all rows of `a`, or one for each; and one for all columns of
    /// `b`, or one for each: see [`ZeroPoints`]. The product runs on the tier that `b` is packed for.
    /// This is ONNX `MatMulInteger`; a batch of matrices is one product if `b` is the same for all, or
    /// else a loop.
    ///
    /// With the feature `rayon`, large products are split over the threads of the current pool. The
    /// result is the same for any number of them.
    ///
    /// # Errors
    /// [`Error::Rows`] if `a` is not whole rows of K, or `out` not as many rows of N; [`Error::Length`] if
    /// there are zero points for each row or column, but not as many; [`Error::Depth`] if K is so large that
    /// a sum might not fit 32 bits. `out` is then untouched.
    ///
    /// ```
    /// # use zeropoint::{Rows, RowsMut, Tier, gemm::Weights};
    /// let b = Weights::new(&[1_i8, 2, 3, 4, 5, 6], 2, 3).pack(Tier::best())?;
    /// let a = [
    ///     128_u8, 129, //
    ///     130, 127,
    /// ];
    /// let mut out = [0; 6];
    /// b.multiply(&a, 128, 0, &mut out)?;
    /// assert_eq!(out, [4, 5, 6, -2, -1, 0]);
    ///
    /// // Only the first column of `a`, into rows of a larger matrix.
    /// let first = Weights::new(&[1_i8, 2, 3], 1, 3).pack(Tier::best())?;
    /// let mut out = [7; 8];
    /// first.multiply(Rows::strided(&a, 2, 2), 128, 0, RowsMut::strided(&mut out, 2, 4))?;
    /// assert_eq!(out, [0, 0, 0, 7, 2, 4, 6, 7]);
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub fn multiply<'a, 'o, A: Code8>(
        &self,
        a: impl Into<Rows<'a, A>>,
        za: impl Into<ZeroPoints<'a, A>>,
        zb: impl Into<ZeroPoints<'a, B>>,
        out: impl Into<RowsMut<'o, i32>>,
    ) -> Result<(), Error> {
        multiply(a.into(), za.into(), self.right(), zb.into(), out.into())
    }
}

impl<B: Code8> Weights<'_, B> {
    /// [`PackedMatrix::multiply`] on this tier with a matrix that was never packed: of activations, as
    /// attention has it, or of vectors that queries are compared with.
    ///
    /// Its columns are packed on the way, some at a time, in a frame of the stack; each serves as many rows
    /// of `a` as there is room for. (For up to six rows and a transposed matrix, not even this.) So this is the
    /// quicker way where the matrix is another one each time, and packing the quicker one for weights.
    ///
    /// # Errors
    /// As there; [`Error::Rows`] if `codes` is not of the size of the matrix.
    ///
    /// ```
    /// # use zeropoint::{Rows, Tier, gemm::Weights};
    /// // Two queries and three keys, each a row of two codes: the dot product of each with each.
    /// let queries = [1_i8, 2, 3, 4];
    /// let keys = [1_i8, 0, 0, 1, 1, 1];
    /// let mut scores = [0; 6];
    /// let transposed = Weights::transposed(&keys, 2, 3);
    /// transposed.multiply(Tier::best(), &queries, 0, 0, &mut scores)?;
    /// assert_eq!(scores, [1, 2, 3, 3, 4, 7]);
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub fn multiply<'a, 'o, A: Code8>(
        &self,
        tier: Tier,
        a: impl Into<Rows<'a, A>>,
        za: impl Into<ZeroPoints<'a, A>>,
        zb: impl Into<ZeroPoints<'a, B>>,
        out: impl Into<RowsMut<'o, i32>>,
    ) -> Result<(), Error> {
        multiply(a.into(), za.into(), self.right(tier)?, zb.into(), out.into())
    }
}

fn multiply<A: Code8, B: Code8>(
    a: Rows<'_, A>,
    za: ZeroPoints<'_, A>,
    b: Right<'_>,
    zb: ZeroPoints<'_, B>,
    out: RowsMut<'_, i32>,
) -> Result<(), Error> {
    let (product, out) = Product::with_zero_points(a, za.into(), b, zb.into(), out)?;
    compiled(product, out);
    Ok(())
}

fn compiled(product: Product<'_>, out: Part<'_, i32>) {
    product.run(&Raw, out);
}

/// The sums as they are.
struct Raw;

impl Epilogue for Raw {
    type Out = i32;

    const FLOATS: bool = false;

    fn in_place<'a>(out: &'a mut Part<'_, i32>) -> Option<(&'a mut [i32], usize)> {
        out.strided()
    }

    fn finish(&self, _: Tier, sums: TileSums<'_>, out: &mut Part<'_, i32>) {
        for row in sums.rows.clone() {
            out.row(row, sums.columns.clone()).copy_from_slice(sums.row(row));
        }
    }
}
