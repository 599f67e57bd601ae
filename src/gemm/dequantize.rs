//! `y = f32(acc) · sa[m] · sb[n] + bias[n]`, with `acc` of a product of matrices

use super::product::{Epilogue, Product, Right, TileSums};
use crate::check::one_for_each;
use crate::error::Error;
use crate::gemm::packed::{PackedMatrix, Weights};
use crate::kernels::map::{Floats, Ints, MAX_STEP, Map};
use crate::kernels::per_axis::{OfQuad, Source};
use crate::simd::Simd;
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::code::Code8;
use crate::values::granularity::{OfRows, Params};
use crate::values::rows::{Part, Rows, RowsMut};
use crate::values::zero_points::{Scales, Side};

impl<B: Code8> PackedMatrix<'_, B> {
    /// [`multiply`](PackedMatrix::multiply) and dequantization in one:
    /// `out[m][n] = f32(Σ (a[m][k] − za)(b[k][n] − zb)) · sa · sb + bias[n]`.
    ///
    /// The sum is exact; it is rounded to f32, multiplied by the scale of the row, then by that of the
    /// column, and the bias is added, each operation rounded once. There are [`Params`] for all rows of
    /// `a`, or per axis for each (`inner` is K), as [`quantize_dynamic_rows()`](crate::quantize_dynamic_rows())
    /// finds them; and for all columns of `b`, or for each (`inner` is 1); and no bias, or one for each
    /// column. Of the parameters, scales and zero points count. Where `sa · sb` is one number, it is the
    /// scale of `b`, and `a` has the scale 1.
    ///
    /// # Errors
    /// As [`multiply`](PackedMatrix::multiply); those of the [`Params`] if they don't fit;
    /// [`Error::Length`] if there are not as many biases as columns.
    ///
    /// ```
    /// # use zeropoint::{Granularity, Params, QuantParams, Tier, gemm::Weights};
    /// let b = Weights::new(&[1_i8, 2, 3, 4, 5, 6], 2, 3).pack(Tier::best())?;
    /// let params_b = QuantParams::<i8>::new(0.5, 0)?;
    /// let a = [
    ///     128_u8, 129, //
    ///     130, 127,
    /// ];
    /// let params_a = [QuantParams::<u8>::new(0.25, 128)?, QuantParams::new(2.0, 128)?];
    /// let params_a = Params::per_axis(&params_a, 2);
    /// let bias = [0.0, 10.0, 0.0];
    /// let mut values = [0.0; 6];
    /// b.dequantize(&a, params_a, params_b, Some(&bias), &mut values)?;
    /// assert_eq!(values, [0.5, 10.625, 0.75, -2.0, 9.0, 0.0]);
    ///
    /// // The same from scales and zero points.
    /// let params_a = Params::parts(&[0.25, 2.0], 128, Granularity::Axis { inner: 2 });
    /// let params_b = Params::parts(&[0.5; 3], 0, Granularity::Axis { inner: 1 });
    /// b.dequantize(&a, params_a, params_b, Some(&bias), &mut values)?;
    /// assert_eq!(values, [0.5, 10.625, 0.75, -2.0, 9.0, 0.0]);
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub fn dequantize<'a, 'o, A: Code8>(
        &self,
        a: impl Into<Rows<'a, A>>,
        params_a: impl Into<Params<'a, A>>,
        params_b: impl Into<Params<'a, B>>,
        bias: Option<&[f32]>,
        out: impl Into<RowsMut<'o, f32>>,
    ) -> Result<(), Error> {
        let rows = params_a.into().of_rows(Side::Left, self.k())?;
        let columns = params_b.into().of_rows(Side::Right, 1)?;
        dequantize(a.into(), rows, self.right(), columns, bias, out.into())
    }
}

impl<B: Code8> Weights<'_, B> {
    /// [`PackedMatrix::dequantize`] on this tier with a matrix that was never packed: see
    /// [`Weights::multiply`].
    ///
    /// # Errors
    /// As there; [`Error::Rows`] if `codes` is not of the size of the matrix.
    ///
    /// ```
    /// # use zeropoint::{QuantParams, Tier, gemm::Weights};
    /// let queries = [1_i8, 2, 3, 4];
    /// let keys = [1_i8, 0, 0, 1, 1, 1];
    /// let (q, k) = (QuantParams::<i8>::new(0.5, 0)?, QuantParams::<i8>::new(0.25, 0)?);
    /// let mut scores = [0.0; 6];
    /// let transposed = Weights::transposed(&keys, 2, 3);
    /// transposed.dequantize(Tier::best(), &queries, q, k, None, &mut scores)?;
    /// assert_eq!(scores, [0.125, 0.25, 0.375, 0.375, 0.5, 0.875]);
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub fn dequantize<'a, 'o, A: Code8>(
        &self,
        tier: Tier,
        a: impl Into<Rows<'a, A>>,
        params_a: impl Into<Params<'a, A>>,
        params_b: impl Into<Params<'a, B>>,
        bias: Option<&[f32]>,
        out: impl Into<RowsMut<'o, f32>>,
    ) -> Result<(), Error> {
        let b = self.right(tier)?;
        let rows = params_a.into().of_rows(Side::Left, b.size[0])?;
        let columns = params_b.into().of_rows(Side::Right, 1)?;
        dequantize(a.into(), rows, b, columns, bias, out.into())
    }
}

/// The same with a right side of either kind, whose codes may be of either type.
pub(super) fn dequantize<A: Code8>(
    a: Rows<'_, A>,
    rows: OfRows<'_>,
    b: Right<'_>,
    columns: OfRows<'_>,
    bias: Option<&[f32]>,
    out: RowsMut<'_, f32>,
) -> Result<(), Error> {
    if let Some(bias) = bias {
        one_for_each(("bias", bias.len()), ("columns of `b`", b.size[1]))?;
    }
    let (za, zb) = (rows.zero_points, columns.zero_points);
    let each = za.rows().or(rows.scales.rows());
    let (product, out) = Product::new(a, za, b, zb, out, each, |[m, n]| {
        rows.check(Side::Left, m)?;
        columns.check(Side::Right, n)
    })?;
    compiled(product, &Dequantized { rows: rows.scales, columns: columns.scales, bias }, out);
    Ok(())
}

fn compiled(product: Product<'_>, epilogue: &Dequantized<'_>, out: Part<'_, f32>) {
    product.run(epilogue, out);
}

/// Sums as values.
#[derive(Clone, Copy)]
struct Dequantized<'a> {
    rows: Scales<'a>,
    columns: Scales<'a>,
    bias: Option<&'a [f32]>,
}

/// The words of the scale and the bias of a column.
const SCALE: usize = 0;
const BIAS: usize = 1;

impl Epilogue for Dequantized<'_> {
    type Out = f32;

    const FLOATS: bool = true;

    fn finish(&self, tier: Tier, sums: TileSums<'_>, out: &mut Part<'_, f32>) {
        Finish(self, sums, out).enter(tier, true);
    }
}

entries!(Finish<'_, '_>);

struct Finish<'a, 'o>(&'a Dequantized<'a>, TileSums<'a>, &'a mut Part<'o, f32>);

impl Operation for Finish<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let Self(epilogue, sums, out) = self;
        let [first, len] = [sums.columns.start, sums.columns.len()];
        let mut columns = OfQuad([[s.splat_i32(0); 4]; 2]);
        match epilogue.columns {
            Scales::Same(scale) => columns.splat(s, SCALE, scale.to_bits()),
            Scales::Each { scales, stride: 1 } => columns.load(s, SCALE, &scales[first..][..len]),
            scales => {
                let mut each = [0.0; MAX_STEP];
                for c in 0..len {
                    each[c] = scales.of(first + c);
                }
                columns.load(s, SCALE, &each[..S::STEP]);
            }
        }
        match epilogue.bias {
            Some(bias) => columns.load(s, BIAS, &bias[first..][..len]),
            // To add −0.0 changes nothing.
            None => columns.splat(s, BIAS, (-0.0_f32).to_bits()),
        }
        let rows = epilogue.rows;
        sums.map(s, |row| Kernel { scale: s.splat_f32(rows.of(row)), columns }, out);
    }
}

struct Kernel<S: Simd, P> {
    scale: S::F32,
    columns: P,
}

impl<S: Simd, P: Source<S>> Map<S> for Kernel<S, P> {
    type In = Ints;
    type Out = Floats;

    const ANYWHERE: bool = P::UNIFORM;

    #[inline(always)]
    fn input(&self) -> Ints {
        Ints
    }

    #[inline(always)]
    fn step(&mut self, s: S, sums: [S::I32; 4], at: usize) -> [S::F32; 4] {
        let mut values = [s.splat_f32(0.0); 4];
        for i in 0..4 {
            let scaled = s.mul(s.to_f32(sums[i]), self.scale);
            let scaled = s.mul(scaled, self.columns.f32(s, SCALE, at, i));
            values[i] = s.add(scaled, self.columns.f32(s, BIAS, at, i));
        }
        values
    }
}
