//! Layer norm and RMS norm of rows.

mod normalize_quantize_rows;
mod normalize_rows;

pub use normalize_quantize_rows::normalize_quantize_rows;
pub use normalize_rows::normalize_rows;

use crate::check::one_for_each;
use crate::error::Error;
use crate::values::rounding::order;

/// How each row of a matrix is normalized: layer norm or RMS norm, with a weight and, if there is one,
/// a bias for each element of a row.
///
/// ```
/// # use zeropoint::norm::{Norm, normalize_rows};
/// let norm = Norm::layer(&[1.0; 4], Some(&[10.0; 4]), 0.0)?;
/// let mut y = [0.0; 4];
/// normalize_rows(&[2000.0, 2000.0, 4000.0, 4000.0], norm, &mut y)?;
/// assert_eq!(y, [9.0, 9.0, 11.0, 11.0]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// Whether the mean is subtracted.
    pub(crate) centred: bool,
    pub(crate) weight: &'a [f32],
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) epsilon: f32,
}

impl<'a> Norm<'a> {
    /// Layer norm of rows of `weight.len()` elements: ONNX `LayerNormalization`, each operation of
    /// its definition rounded to f32.
    ///
    /// ```text
    /// y = ((x − c) − d) · (1 / √(variance + epsilon)) · weight + bias
    /// ```
    ///
    /// from left to right. The variance is that of [`moments()`](crate::measure::moments()), and `c + d` is the
    /// mean there, before it is rounded: `d = f32(A / n)`, or 0 where the mean is `c`.
    ///
    /// So rows far from 0 keep the precision that their differences have: `(x − mean) / √(variance +
    /// epsilon)` is off by at most 2⁻¹⁶ of 1 plus its magnitude, unless what stands under the root is
    /// subnormal. A row of equal elements becomes the bias, exactly, if epsilon is not 0. (Rows whose
    /// mean is farther from 0 than three standard deviations take about half as long again.)
    ///
    /// # Errors
    /// [`Error::Length`] if there are not as many biases as weights; [`Error::Number`] unless it is
    /// finite and at least 0.
    pub fn layer(weight: &'a [f32], bias: Option<&'a [f32]>, epsilon: f32) -> Result<Self, Error> {
        Self::checked(true, weight, bias, epsilon)
    }

    /// RMS norm of rows of `weight.len()` elements: ONNX `RMSNormalization`, each operation of its
    /// definition rounded to f32, with a bias if there is one.
    ///
    /// ```text
    /// y = x · (1 / √(Σ x² / n + epsilon)) · weight + bias
    /// ```
    ///
    /// The sum is [one of f32](crate#sums).
    ///
    /// # Errors
    /// As those of [`Norm::layer`].
    pub fn rms(weight: &'a [f32], bias: Option<&'a [f32]>, epsilon: f32) -> Result<Self, Error> {
        Self::checked(false, weight, bias, epsilon)
    }

    fn checked(
        centred: bool,
        weight: &'a [f32],
        bias: Option<&'a [f32]>,
        epsilon: f32,
    ) -> Result<Self, Error> {
        if let Some(bias) = bias {
            one_for_each(("bias", bias.len()), ("elements of `weight`", weight.len()))?;
        }
        // In integers: whatever the floating-point environment.
        if order(epsilon) < 0 || order(epsilon) > order(f32::MAX) {
            return Err(Error::Number {
                argument: "epsilon",
                index: None,
                value: epsilon.into(),
                expected: "a finite number of at least 0",
            });
        }
        Ok(Self { centred, weight, bias, epsilon })
    }

    /// Elements of a row.
    #[inline(always)]
    pub(crate) fn row(&self) -> usize {
        self.weight.len()
    }

    /// The factor of a row, `1 / √(variance + ε)`, for the sum of the squares of its elements (or of
    /// their distances from the mean). NaN if there is no such number.
    #[inline(always)]
    pub(crate) fn factor(&self, squares: f64) -> f32 {
        let square = (squares / self.row() as f64) as f32 + self.epsilon;
        if square > 0.0 && square < f32::INFINITY { 1.0 / libm::sqrtf(square) } else { f32::NAN }
    }
}
