//! `q = clamp(rne(f32(acc + bias[n]) · m[n]) + z, lo, hi)`, with `acc` of a product of matrices

use super::product::{Epilogue, Product, Right, TileSums};
use crate::elementwise::encode::AnyEncoder;
use crate::elementwise::requantize::{
    BIAS, Biased, Kernel, Product as MultiplierProduct, Real, RoundedTwice, Shifted, WORDS,
};
use crate::error::Error;
use crate::gemm::packed::{PackedMatrix, Weights};
use crate::kernels::map::MAX_STEP;
use crate::kernels::per_axis::OfQuad;
use crate::simd::Simd;
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::code::Code8;
use crate::values::multiplier::{EachChannel, MultiplierKind, Multipliers};
use crate::values::params::{QuantParams, RawParams};
use crate::values::rows::{Part, Rows, RowsMut};
use crate::values::zero_points::ZeroPoints;
use core::marker::PhantomData;

impl<B: Code8> PackedMatrix<'_, B> {
    /// [`multiply`](PackedMatrix::multiply) and [`requantize()`](crate::requantize()) in one: the sums become
    /// codes while they are in the cache.
    ///
    /// There is one multiplier for all columns, or one for each, `sa · sb[n] / s`; and no bias, or one
    /// for each column, which is added to the sums first (what does not fit `i32` saturates):
    /// [`layer_multipliers()`](super::layer_multipliers()) makes both from the parameters of a layer. Of
    /// `params`, the zero point and the codes in use count; a ReLU is `lo = z`. With real multipliers
    /// this is ONNX `QLinearMatMul`.
    ///
    /// # Errors
    /// As [`multiply`](PackedMatrix::multiply); [`Error::Length`] if there are not as many multipliers, or
    /// biases, as columns; [`Error::Number`] if the multipliers are not those of the last axis;
    /// [`Error::MixedMultipliers`].
    ///
    /// ```
    /// # use zeropoint::{Multiplier, Multipliers, QuantParams, Tier, gemm::Weights};
    /// let b = Weights::new(&[1_i8, 2, 3, 4, 5, 6], 2, 3).pack(Tier::best())?;
    /// let a = [
    ///     128_u8, 129, //
    ///     130, 127,
    /// ];
    /// let halves = Multipliers::from(Multiplier::real(0.5)?).with_bias(&[0, 1, 200]);
    /// let params = QuantParams::<u8>::new(0.1, 100)?;
    /// let mut codes = [0; 6];
    /// b.requantize(&a, 128, 0, halves, params, &mut codes)?;
    /// assert_eq!(codes, [102, 103, 203, 99, 100, 200]); // 4.5 → 4, of (4, 6, 206, −2, 0, 200) / 2
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub fn requantize<'a, 'o, A: Code8, Q: Code8>(
        &self,
        a: impl Into<Rows<'a, A>>,
        za: impl Into<ZeroPoints<'a, A>>,
        zb: impl Into<ZeroPoints<'a, B>>,
        multipliers: impl Into<Multipliers<'a>>,
        params: QuantParams<Q>,
        out: impl Into<RowsMut<'o, Q>>,
    ) -> Result<(), Error> {
        let multipliers = &multipliers.into();
        requantize(a.into(), za.into(), self.right(), zb.into(), multipliers, params, out.into())
    }
}

impl<B: Code8> Weights<'_, B> {
    /// [`PackedMatrix::requantize`] on this tier with a matrix that was never packed: see
    /// [`Weights::multiply`].
    ///
    /// # Errors
    /// As there; [`Error::Rows`] if `codes` is not of the size of the matrix.
    ///
    /// ```
    /// # use zeropoint::{Multiplier, QuantParams, Tier, gemm::Weights};
    /// let queries = [1_i8, 2, 3, 4];
    /// let keys = [1_i8, 0, 0, 1, 1, 1];
    /// let params = QuantParams::<u8>::new(0.25, 10)?;
    /// let mut codes = [0; 6];
    /// let transposed = Weights::transposed(&keys, 2, 3);
    /// let halves = Multiplier::real(0.5)?;
    /// transposed.requantize(Tier::best(), &queries, 0, 0, halves, params, &mut codes)?;
    /// assert_eq!(codes, [10, 11, 12, 12, 12, 14]); // 0.5 → 0, 1.5 → 2, 3.5 → 4
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    #[expect(clippy::too_many_arguments, reason = "as those of a packed matrix, and the tier")]
    pub fn requantize<'a, 'o, A: Code8, Q: Code8>(
        &self,
        tier: Tier,
        a: impl Into<Rows<'a, A>>,
        za: impl Into<ZeroPoints<'a, A>>,
        zb: impl Into<ZeroPoints<'a, B>>,
        multipliers: impl Into<Multipliers<'a>>,
        params: QuantParams<Q>,
        out: impl Into<RowsMut<'o, Q>>,
    ) -> Result<(), Error> {
        let (b, multipliers) = (self.right(tier)?, &multipliers.into());
        requantize(a.into(), za.into(), b, zb.into(), multipliers, params, out.into())
    }
}

fn requantize<A: Code8, B: Code8, Q: Code8>(
    a: Rows<'_, A>,
    za: ZeroPoints<'_, A>,
    b: Right<'_>,
    zb: ZeroPoints<'_, B>,
    multipliers: &Multipliers<'_>,
    params: QuantParams<Q>,
    out: RowsMut<'_, Q>,
) -> Result<(), Error> {
    multipliers.check_columns(b.size[1])?;
    let (product, out) = Product::with_zero_points(a, za.into(), b, zb.into(), out)?;
    let epilogue = Requantized { multipliers, raw: params.raw(), are_signed: Q::SIGNED };
    compiled(product, &epilogue, out.bytes());
    Ok(())
}

fn compiled(product: Product<'_>, epilogue: &Requantized<'_>, out: Part<'_, u8>) {
    product.run(epilogue, out);
}

/// Sums as codes.
#[derive(Clone, Copy)]
struct Requantized<'a> {
    multipliers: &'a Multipliers<'a>,
    raw: &'a RawParams,
    /// Whether the codes are `i8`.
    are_signed: bool,
}

impl Epilogue for Requantized<'_> {
    type Out = u8;

    const FLOATS: bool = true;

    fn finish(&self, tier: Tier, sums: TileSums<'_>, out: &mut Part<'_, u8>) {
        Finish(self, sums, out).enter(tier, true);
    }
}

entries!(Finish<'_, '_>);

struct Finish<'a, 'o>(&'a Requantized<'a>, TileSums<'a>, &'a mut Part<'o, u8>);

impl Operation for Finish<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        match self.0.multipliers.kind() {
            MultiplierKind::Real => self.by::<S, Real<true>>(s),
            MultiplierKind::Fixed => self.by::<S, Shifted<true>>(s),
            MultiplierKind::FixedDoubleRounding => self.by::<S, RoundedTwice<true>>(s),
        }
    }
}

impl Finish<'_, '_> {
    #[inline(always)]
    fn by<S: Simd, F: MultiplierProduct>(&mut self, s: S) {
        let Self(epilogue, sums, out) = self;
        let source =
            columns::<S, F>(s, epilogue.multipliers, sums.columns.start, sums.columns.len());
        let encoder = AnyEncoder::new(s, epilogue.raw, epilogue.are_signed);
        let kernel = Kernel { source, encoder, product: PhantomData::<Biased<F>> };
        sums.map(s, |_| kernel, out);
    }
}

/// The words of the columns of a quad.
#[inline(always)]
fn columns<S: Simd, F: MultiplierProduct>(
    s: S,
    multipliers: &Multipliers<'_>,
    first: usize,
    len: usize,
) -> OfQuad<S, WORDS> {
    let mut columns = OfQuad([[s.splat_i32(0); 4]; WORDS]);
    match multipliers.each() {
        EachChannel::Same(multiplier) => {
            let words = F::words(multiplier);
            for k in 0..F::WORDS {
                columns.splat(s, k, words[k]);
            }
        }
        EachChannel::Own(each) => {
            let each = &each[first..][..len];
            let mut words = [[0; MAX_STEP]; BIAS];
            macro_rules! spread {
                ($len:expr) => {
                    for c in 0..$len {
                        let of_column = F::words(each[c]);
                        for k in 0..F::WORDS {
                            words[k][c] = of_column[k];
                        }
                    }
                };
            }
            if len == S::STEP {
                // A length that the compiler knows.
                spread!(S::STEP);
            } else {
                spread!(len);
            }
            for k in 0..F::WORDS {
                columns.load(s, k, &words[k][..S::STEP]);
            }
        }
    }
    if let Some(bias) = multipliers.bias() {
        columns.load(s, BIAS, &bias[first..][..len]);
    }
    columns
}
