//! `out = x · b + bias`, with `x` quantized row by row

use crate::error::{Error, one_for_each, row_shape};
use crate::gemm::packed::PackedMatrix;
use crate::tier::Tier;
use crate::values::code::Code;
use crate::values::params::{QuantParams, Scheme};
use crate::values::rows::RowsMut;

/// A linear layer with dynamic quantization: [`quantize_dynamic_rows()`](crate::quantize_dynamic_rows())
/// of the activations, then [`matmul_dequantize()`](crate::matmul_dequantize()).
///
/// `x` is `[M, K]`, with M the length of `params`; each row (each token) has parameters of its own,
/// by `scheme`. `b` is the packed weights, `[K, N]`, with parameters for all of them or for each
/// column, and `out` is `[M, N]`. Nothing is allocated: what `x` was quantized to is left in
/// `params` and `codes`, for other layers with the same input
/// ([`matmul_dequantize()`](crate::matmul_dequantize()) takes it from there).
///
/// A row of `x` with a NaN or an infinity becomes a row of `f32::NAN`, and the others are what they are
/// without it. In `params` and `codes` it has what [`Scheme::of_finite`] gives it, which
/// [`matmul_dequantize()`](crate::matmul_dequantize()) can't tell from other rows.
///
/// # Errors
/// Those of the two, but for [`Error::NonFinite`]. `out` is then untouched, and `params` and `codes` may
/// be written.
///
/// ```
/// # use zeropoint::{QuantParams, Scheme, Tier, Weights, linear};
/// let b = Weights::new(&[10_i8, -20, 30, 40], 2, 2).pack(Tier::best())?;
/// let params_b = [QuantParams::<i8>::new(0.1, 0)?];
/// let x = [
///     0.0, 2.55, //
///     -1.27, 1.28,
/// ];
/// let (mut codes, mut params) = ([0; 4], [QuantParams::default(); 2]);
/// let scheme = Scheme::<u8>::affine();
/// let mut y = [0.0; 4];
/// linear(&x, scheme, &mut params, &mut codes, &b, &params_b, Some(&[0.0, 0.5]), &mut y)?;
/// for (y, exact) in y.iter().zip([7.65, 10.7, 2.57, 8.16]) {
///     assert!((y - exact).abs() < 1e-5);
/// }
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[expect(clippy::too_many_arguments, reason = "what two operations have")]
pub fn linear<'o, A: Code, B: Code>(
    x: &[f32],
    scheme: Scheme<A>,
    params: &mut [QuantParams<A>],
    codes: &mut [A],
    b: &PackedMatrix<'_, B>,
    params_b: &[QuantParams<B>],
    bias: Option<&[f32]>,
    out: impl Into<RowsMut<'o, f32>>,
) -> Result<(), Error> {
    b.tier().linear(x, scheme, params, codes, b, params_b, bias, out)
}

impl Tier {
    /// [`linear`](crate::linear()) on this tier.
    ///
    /// # Errors
    /// As there; and [`Error::PackedFor`] if `b` is packed for another tier.
    #[expect(clippy::too_many_arguments, reason = "what two operations have")]
    pub fn linear<'o, A: Code, B: Code>(
        self,
        x: &[f32],
        scheme: Scheme<A>,
        params: &mut [QuantParams<A>],
        codes: &mut [A],
        b: &PackedMatrix<'_, B>,
        params_b: &[QuantParams<B>],
        bias: Option<&[f32]>,
        out: impl Into<RowsMut<'o, f32>>,
    ) -> Result<(), Error> {
        let mut out = out.into();
        one_for_each(("codes", codes.len()), ("elements of `x`", x.len()))?;
        row_shape(("x", x.len()), params.len(), b.k())?;
        out.check("out", params.len(), b.n())?;
        let scheme = scheme.of_finite();
        let first = self.quantize_each_row(x, b.k(), scheme, params, codes)?;
        self.matmul_dequantize(&*codes, params, b, params_b, bias, out.reborrow())?;
        if let Some(first) = first {
            for (r, x) in x.chunks(b.k().max(1)).enumerate().skip(first) {
                if !x.iter().all(|x| x.is_finite()) {
                    out.row(r, b.n()).fill(f32::NAN);
                }
            }
        }
        Ok(())
    }
}
