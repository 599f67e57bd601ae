//! What rows are normalized by.

use crate::error::{Error, one_for_each, row_shape};

/// How each row of a matrix is normalized: layer norm or RMS norm, with a weight and, if there is one,
/// a bias for each element of a row.
///
/// ```
/// # use zeropoint::{Norm, normalize_rows};
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
    epsilon: f32,
}

impl<'a> Norm<'a> {
    /// Layer norm of rows of `weight.len()` elements: ONNX `LayerNormalization`, each operation of
    /// its definition rounded to f32.
    ///
    /// ```text
    /// y = (x − mean) · (1 / √(variance + epsilon)) · weight + bias
    /// ```
    ///
    /// for the [`Moments`](crate::Moments) of the row.
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
    /// y = x · (1 / √(mean of x² + epsilon)) · weight + bias
    /// ```
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
        if !epsilon.is_finite() || epsilon < 0.0 {
            return Err(Error::Number {
                argument: "epsilon",
                index: None,
                value: epsilon.into(),
                expected: "a finite number of at least 0",
            });
        }
        Ok(Self {
            centred,
            weight,
            bias,
            epsilon,
        })
    }

    /// Elements of a row.
    #[inline(always)]
    pub(crate) fn row(&self) -> usize {
        self.weight.len()
    }

    /// How many rows so many elements are.
    pub(crate) fn rows(&self, elements: usize) -> Result<usize, Error> {
        let (row, rows) = (self.row(), elements.checked_div(self.row()).unwrap_or(0));
        row_shape(("x", elements), rows, row)?;
        Ok(rows)
    }

    /// What the elements of a row are multiplied by, for the sum of their squares (or of those of
    /// their distances from the mean). NaN if there is no such number.
    #[inline(always)]
    pub(crate) fn factor(&self, squares: f64) -> f32 {
        let square = (squares / self.row() as f64) as f32 + self.epsilon;
        if square > 0.0 && square < f32::INFINITY {
            1.0 / libm::sqrtf(square)
        } else {
            f32::NAN
        }
    }
}
