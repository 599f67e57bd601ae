//! `out = x · b + bias`, with `x` quantized row by row

use super::dequantize::dequantize;
use super::packed::{AnyMatrix, Packed, PackedMatrix, zeroed};
use super::scratch::{Activations, Input, Scratch};
use crate::check::one_for_each;
use crate::error::Error;
use crate::values::code::{Code8, sealed::Codes};
use crate::values::granularity::{OfRows, Params};
use crate::values::rows::{Rows, RowsMut};
use crate::values::zero_points::{Scales, Side, Zeros};
use alloc::vec::Vec;
use core::fmt;

/// A linear layer with dynamic quantization, f32 to f32:
/// [`quantize_dynamic_rows()`](crate::quantize_dynamic_rows()) of the activations, then
/// [`PackedMatrix::dequantize`].
///
/// It owns the packed weights, their parameters and the bias, and is given memory for the activations' codes
/// with each call: so many threads can share one, each with a [`Scratch`] of its own. It has no type
/// parameter, so a model is a `Vec<Linear<'static>>`.
///
/// ```
/// # use zeropoint::gemm::{Activations, Linear, Scratch, Weights};
/// # use zeropoint::{Params, QuantParams, Scheme, Tier, quantize_dynamic_rows};
/// // The weights of a layer as frameworks store them: a row for each output.
/// let (k, n) = (3, 2);
/// let w = [
///     0.5, -1.27, 1.0, //
///     2.54, 0.0, -1.0,
/// ];
/// let mut params = vec![QuantParams::default(); n];
/// let mut codes = vec![0; n * k];
/// quantize_dynamic_rows(&w, k, Scheme::<i8>::symmetric(), &mut params, &mut codes)?;
/// assert_eq!(codes, [50, -127, 100, 127, 0, -50]);
/// let b = Weights::transposed(&codes, k, n).pack(Tier::best())?;
/// let layer = Linear::new(b, Params::per_axis(&params, 1))?.with_bias(&[0.0, 0.5])?;
///
/// // y = x · wᵀ + bias
/// let mut scratch = Scratch::new();
/// let mut y = [0.0; 2];
/// layer.forward(&[2.55, 0.0, 1.0], Activations::AffineU8, &mut scratch, &mut y)?;
/// assert!((y[0] - 2.275).abs() < 1e-5 && (y[1] - 5.977).abs() < 1e-5);
///
/// // An input for several layers is quantized once.
/// let input = scratch.quantize(&[2.55, 0.0, 1.0], k, Activations::AffineU8)?;
/// let mut again = [0.0; 2];
/// layer.apply(input, &mut again)?;
/// assert_eq!(again, y);
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[derive(Clone)]
pub struct Linear<'b> {
    weights: Packed<'b>,
    /// One for all columns, or one for each.
    scales: Vec<f32>,
    /// The same; codes of the type of the weights.
    zero_points: Vec<u8>,
    bias: Option<Vec<f32>>,
}

impl<'b> Linear<'b> {
    /// A layer of these weights, `[K, N]`, with parameters for all of them, or per axis for each column
    /// (`inner` is 1).
    ///
    /// # Errors
    /// Those of the [`Params`] if they don't fit; [`Error::Buffer`] if there is no memory.
    pub fn new<'p, B: Code8>(
        weights: PackedMatrix<'b, B>,
        params: impl Into<Params<'p, B>>,
    ) -> Result<Self, Error> {
        let columns = params.into().of_rows(Side::Right, 1)?;
        let n = weights.n();
        columns.check(Side::Right, n)?;
        let OfRows { scales: from, zero_points } = columns;
        let mut scales = zeroed(if let Scales::Same(_) = from { 1 } else { n })?;
        for (c, scale) in scales.iter_mut().enumerate() {
            *scale = from.of(c);
        }
        let mut codes = zeroed(if let Zeros::Same(_) = zero_points { 1 } else { n })?;
        for (c, code) in codes.iter_mut().enumerate() {
            // A code of either type.
            *code = zero_points.of(c) as u8;
        }
        let AnyMatrix(weights) = weights.erase();
        Ok(Self { weights, scales, zero_points: codes, bias: None })
    }

    /// The same with a bias for each column.
    ///
    /// # Errors
    /// [`Error::Length`] if there are not as many as columns; [`Error::Buffer`] if there is no memory.
    pub fn with_bias(self, bias: &[f32]) -> Result<Self, Error> {
        one_for_each(("bias", bias.len()), ("columns of `b`", self.weights.n))?;
        let mut own = zeroed(bias.len())?;
        own.copy_from_slice(bias);
        Ok(Self { bias: Some(own), ..self })
    }

    /// The same layer, which stays on the thread that calls it. Without the feature `rayon` all do.
    #[must_use]
    pub fn on_one_thread(self) -> Self {
        Self { weights: self.weights.on_one_thread(), ..self }
    }

    /// The inputs, K.
    #[must_use]
    pub fn k(&self) -> usize {
        self.weights.k
    }

    /// The outputs, N.
    #[must_use]
    pub fn n(&self) -> usize {
        self.weights.n
    }

    /// The tier that it runs on: the one that the weights were packed for.
    #[must_use]
    pub fn tier(&self) -> crate::Tier {
        self.weights.tier
    }

    /// The layer of `x`, `[M, K]`: `y`, `[M, N]`.
    ///
    /// A row of `x` with a NaN or an infinity becomes a row of `f32::NAN`, and the others are what they are
    /// without it.
    ///
    /// # Errors
    /// [`Error::Rows`] if `x` is not whole rows of K, or `y` not as many rows of N; [`Error::Depth`] if K is
    /// so large that a sum might not fit 32 bits; [`Error::Buffer`] if the scratch is too small, or there is
    /// no memory. `y` is then untouched.
    pub fn forward<'x, 'y>(
        &self,
        x: impl Into<Rows<'x, f32>>,
        by: Activations,
        scratch: &mut Scratch<'_>,
        y: impl Into<RowsMut<'y, f32>>,
    ) -> Result<(), Error> {
        let y = y.into();
        let (x, k) = (x.into(), self.k());
        let m = match x.count("x", k)? {
            Some(m) => m,
            None => y.count("y", self.n())?.unwrap_or(0),
        };
        let x = x.checked("x", m, k)?;
        // Before the work.
        y.check("y", m, self.n())?;
        let input = scratch.quantize_on(self.tier(), x, by, [m, k])?;
        self.apply(input, y)
    }

    /// The layer of activations that are quantized already: `y`, `[M, N]`.
    ///
    /// # Errors
    /// [`Error::Length`] if the rows of `input` have not K elements; [`Error::Rows`] if `y` is not as many
    /// rows of N; [`Error::Depth`] if K is so large that a sum might not fit 32 bits. `y` is then untouched.
    pub fn apply<'y>(&self, input: Input<'_>, y: impl Into<RowsMut<'y, f32>>) -> Result<(), Error> {
        one_for_each(("input", input.k()), ("rows of `b`", self.k()))?;
        if let Some((codes, scales, zero_points)) = input.parts::<u8>() {
            self.product(codes, scales, Codes::U8(zero_points), y.into())
        } else if let Some((codes, scales, zero_points)) = input.parts::<i8>() {
            self.product(codes, scales, Codes::I8(zero_points), y.into())
        } else {
            Ok(())
        }
    }

    fn product<A: Code8>(
        &self,
        codes: &[A],
        scales: &[f32],
        zero_points: Codes<'_>,
        mut y: RowsMut<'_, f32>,
    ) -> Result<(), Error> {
        let (m, k, n) = (scales.len(), self.k(), self.n());
        y.check("y", m, n)?;
        let rows = OfRows {
            scales: Scales::Each { scales, stride: 1 },
            zero_points: Zeros::Each { codes: zero_points, stride: 1 },
        };
        let zero_points = if self.weights.is_signed {
            Codes::I8(bytemuck::must_cast_slice(&self.zero_points))
        } else {
            Codes::U8(&self.zero_points)
        };
        let columns = OfRows {
            scales: match self.scales[..] {
                [scale] => Scales::Same(scale),
                ref scales => Scales::Each { scales, stride: 1 },
            },
            zero_points: match zero_points {
                Codes::U8(&[zero_point]) => Zeros::Same(zero_point.into()),
                Codes::I8(&[zero_point]) => Zeros::Same(zero_point.into()),
                codes => Zeros::Each { codes, stride: 1 },
            },
        };
        let (a, bias) = (Rows::strided(codes, m, k), self.bias.as_deref());
        dequantize(a, rows, self.weights.right(), columns, bias, y.reborrow())?;
        for (r, scale) in scales.iter().enumerate() {
            if scale.is_nan() {
                y.row(r, n).fill(f32::NAN);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Linear<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linear")
            .field("tier", &self.tier())
            .field("k", &self.k())
            .field("n", &self.n())
            .finish_non_exhaustive()
    }
}
