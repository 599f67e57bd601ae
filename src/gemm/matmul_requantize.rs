//! `q = clamp(rne(f32(acc + bias[n]) · m[n]) + z, lo, hi)`, with `acc` of a product of matrices

use super::product::{COLUMNS, Product, Stage, TileSums};
use crate::elementwise::encode::Encoder;
use crate::elementwise::requantize::{self, Biased, Kernel, Real, RoundedTwice, Shifted};
use crate::error::{Error, one_or_each};
use crate::gemm::packed::PackedMatrix;
use crate::kernels::map::{Traffic, map};
use crate::kernels::per_axis::{Columns, Words};
use crate::simd::{Byte, Simd};
use crate::tier::{Operation, Tier};
use crate::values::code::Code;
use crate::values::multiplier::{Multiplier, MultiplierKind, alike};
use crate::values::params::{Grid, QuantParams};
use crate::values::rows::{Part, Rows, RowsMut};
use crate::values::zero_points::ZeroPoints;
use core::marker::PhantomData;
use core::ops::Range;

/// [`matmul()`](crate::matmul()) and [`requantize_channels()`](crate::requantize_channels()) in one:
/// the sums become codes while they are in the cache.
///
/// There is one multiplier for all columns, or one for each, `sa · sb[n] / s`; and no bias, or one
/// for each column, which is added to the sums first (what does not fit `i32` saturates):
/// [`layer_multipliers()`](crate::layer_multipliers()) makes both from the parameters of a layer. Of
/// `params`, the zero point and the codes in use count; a ReLU is `lo = z`. With real multipliers
/// this is ONNX `QLinearMatMul`.
///
/// # Errors
/// As [`matmul()`](crate::matmul()); [`Error::OneOrEach`] if there are other multipliers;
/// [`Error::Length`] if there are not as many biases as columns; [`Error::MixedMultipliers`].
///
/// ```
/// # use zeropoint::{Multiplier, QuantParams, Tier, Weights, matmul_requantize};
/// let b = Weights::new(&[1_i8, 2, 3, 4, 5, 6], 2, 3).pack(Tier::best())?;
/// let a = [
///     128_u8, 129, //
///     130, 127,
/// ];
/// let half = [Multiplier::real(0.5)?];
/// let params = QuantParams::<u8>::new(0.1, 100)?;
/// let mut codes = [0; 6];
/// matmul_requantize(&a, 128, &b, 0, &half, Some(&[0, 1, 200]), params, &mut codes)?;
/// assert_eq!(codes, [102, 103, 203, 99, 100, 200]); // 4.5 → 4, of (4, 6, 206, −2, 0, 200) / 2
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[expect(clippy::too_many_arguments, reason = "two matrices, and what their sums become")]
pub fn matmul_requantize<'a, 'b, 'o, A: Code, B: Code, Q: Code>(
    a: impl Into<Rows<'a, A>>,
    za: impl Into<ZeroPoints<'a, A>>,
    b: &'b PackedMatrix<'_, B>,
    zb: impl Into<ZeroPoints<'b, B>>,
    multipliers: &[Multiplier],
    bias: Option<&[i32]>,
    params: QuantParams<Q>,
    out: impl Into<RowsMut<'o, Q>>,
) -> Result<(), Error> {
    b.tier().matmul_requantize(a, za, b, zb, multipliers, bias, params, out)
}

impl Tier {
    /// [`matmul_requantize`](crate::matmul_requantize()) on this tier.
    ///
    /// # Errors
    /// As there; and [`Error::PackedFor`] if `b` is packed for another tier.
    #[expect(clippy::too_many_arguments, reason = "two matrices, and what their sums become")]
    pub fn matmul_requantize<'a, 'b, 'o, A: Code, B: Code, Q: Code>(
        self,
        a: impl Into<Rows<'a, A>>,
        za: impl Into<ZeroPoints<'a, A>>,
        b: &'b PackedMatrix<'_, B>,
        zb: impl Into<ZeroPoints<'b, B>>,
        multipliers: &[Multiplier],
        bias: Option<&[i32]>,
        params: QuantParams<Q>,
        out: impl Into<RowsMut<'o, Q>>,
    ) -> Result<(), Error> {
        let (za, zb) = (za.into().into(), zb.into().into());
        let columns = ("columns of `b`", b.n());
        one_or_each(("multipliers", multipliers.len()), columns)?;
        alike(multipliers, bias, columns)?;
        let (product, out) = Product::new(self, a.into(), za, b, zb, out.into())?;
        let stage = Requantized { multipliers, bias, grid: params.grid(), is_signed: Q::SIGNED };
        compiled(product, &stage, out.bytes());
        Ok(())
    }
}

fn compiled(product: Product<'_>, stage: &Requantized<'_>, out: Part<'_, u8>) {
    product.run(stage, out);
}

/// Sums as codes.
#[derive(Clone, Copy)]
struct Requantized<'a> {
    multipliers: &'a [Multiplier],
    bias: Option<&'a [i32]>,
    grid: &'a Grid,
    /// Whether the codes are `i8`.
    is_signed: bool,
}

impl Requantized<'_> {
    /// The multiplier and the bias of a column.
    #[inline(always)]
    fn factors(&self, n: usize) -> (Multiplier, i32) {
        let multiplier = self.multipliers[n.min(self.multipliers.len() - 1)];
        let bias = match self.bias {
            Some(bias) => bias[n],
            None => 0,
        };
        (multiplier, bias)
    }
}

impl Words<5> for Requantized<'_> {
    #[inline(always)]
    fn words(&self, n: usize) -> [u32; 5] {
        let (multiplier, bias) = self.factors(n);
        requantize::words(multiplier, bias)
    }
}

impl Stage for Requantized<'_> {
    type Out = u8;
    type Columns = Columns<5, COLUMNS>;

    fn no_columns(&self) -> Columns<5, COLUMNS> {
        Columns::new()
    }

    fn prepare(&self, columns: Range<usize>, ready: &mut Columns<5, COLUMNS>) {
        ready.fill(*self, columns.start, columns.len());
    }

    fn finish(
        &self,
        tier: Tier,
        ready: &Columns<5, COLUMNS>,
        sums: TileSums<'_>,
        out: &mut Part<'_, u8>,
    ) {
        if self.is_signed {
            tier.run(&mut Finish::<i8>(self, ready, sums, out, PhantomData));
        } else {
            tier.run(&mut Finish::<u8>(self, ready, sums, out, PhantomData));
        }
    }
}

struct Finish<'a, 'o, Q>(
    &'a Requantized<'a>,
    &'a Columns<5, COLUMNS>,
    TileSums<'a>,
    &'a mut Part<'o, u8>,
    PhantomData<Q>,
);

impl<Q: Byte> Operation for Finish<'_, '_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        match self.0.multipliers[0].kind() {
            MultiplierKind::Real => self.by::<S, Biased<Real<true>>>(s),
            MultiplierKind::Fixed => self.by::<S, Biased<Shifted<true>>>(s),
            MultiplierKind::FixedDoubleRounding => self.by::<S, Biased<RoundedTwice<true>>>(s),
        }
    }
}

impl<Q: Byte> Finish<'_, '_, Q> {
    #[inline(always)]
    fn by<S: Simd, F: requantize::Product>(&mut self, s: S) {
        let Self(stage, ready, sums, out, _) = self;
        let encoder = Encoder::<S, Q, true, true, true>::new(s, stage.grid);
        let product = PhantomData::<F>;
        let kernel = Kernel::new(s, ready.source::<S>(), product, encoder, stage.grid);
        for row in sums.rows.start..sums.rows.end {
            let out = out.row(row, sums.columns.start..sums.columns.end);
            let out = bytemuck::must_cast_slice_mut(out);
            map(s, kernel, sums.row(row), out, &Traffic::CACHED);
        }
    }
}
