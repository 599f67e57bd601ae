//! `out[y · out_w + x][(c · kh + i) · kw + j] = image[c][y · sh + i · dh − top][x · sw + j · dw − left]`,
//! and the zero point outside the image: copies and fills, the same on every tier

use super::pad::Border;
use crate::check::elements_of;
use crate::error::Error;
use crate::values::code::Code;
use core::ops::Range;

/// The windows of an image that a convolution multiplies by its filters.
///
/// Pairs are of rows and columns: `[height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The image, and the border around it. Here the image is `[channels, height, width]`,
    /// channels first.
    pub border: Border,
    /// Codes of a window.
    pub kernel: [usize; 2],
    /// From one window to the next.
    pub stride: [usize; 2],
    /// From one code of a window to the next.
    pub dilation: [usize; 2],
}

impl Windows {
    /// Windows everywhere, without gaps: stride and dilation are 1.
    #[must_use]
    pub const fn new(border: Border, kernel: [usize; 2]) -> Self {
        Self { border, kernel, stride: [1, 1], dilation: [1, 1] }
    }

    /// What [`im2col`] makes of an image: `[out_h, out_w, channels · kh · kw]`, where
    /// `out_h = ⌊(top + height + bottom − dh · (kh − 1) − 1) / sh⌋ + 1`, and so `out_w`.
    ///
    /// # Errors
    /// [`Error::Window`] if a kernel, a stride or a dilation is 0, or not one window fits, or the
    /// image with its border has more than `usize::MAX` rows or columns; [`Error::Number`] if a window
    /// has more codes than that. Of an image and an output that have these sizes, [`im2col`] can fail
    /// for no other reason.
    ///
    /// ```
    /// # use zeropoint::image::{Border, Windows};
    /// let border = Border { height: 224, width: 224, channels: 3, ..Border::default() };
    /// let windows = Windows { stride: [16, 16], ..Windows::new(border, [16, 16]) };
    /// assert_eq!(windows.shape()?, [14, 14, 768]);
    ///
    /// let narrow = Windows::new(Border { width: 2, left: 1, ..border }, [5, 5]);
    /// assert_eq!(
    ///     narrow.shape().unwrap_err().to_string(),
    ///     "a kernel of 5 with a dilation of 1 and a stride of 1 does not fit 3 rows or columns"
    /// );
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub fn shape(&self) -> Result<[usize; 3], Error> {
        let Border { height, width, channels, top, bottom, left, right } = self.border;
        let [kernel_height, kernel_width] = self.kernel;
        let [out_height, out_width] =
            [self.count(0, [top, height, bottom])?, self.count(1, [left, width, right])?];
        let window = [channels, kernel_height, kernel_width];
        match elements_of(&window) {
            Some(depth) => Ok([out_height, out_width, depth]),
            None => Err(Error::Number {
                argument: "channels",
                index: None,
                value: channels as f64,
                expected: "at most usize::MAX / (kernel height * kernel width)",
            }),
        }
    }

    /// How many windows fit side by side, along rows (0) or columns (1).
    fn count(&self, axis: usize, lengths: [usize; 3]) -> Result<usize, Error> {
        let (kernel, stride, dilation) =
            (self.kernel[axis], self.stride[axis], self.dilation[axis]);
        let sum = lengths.into_iter().try_fold(0, usize::checked_add);
        let reach = kernel.saturating_sub(1).saturating_mul(dilation);
        match sum {
            Some(length) if kernel > 0 && stride > 0 && dilation > 0 && reach < length => {
                Ok((length - reach - 1) / stride + 1)
            }
            _ => Err(Error::Window { kernel, stride, dilation, length: sum.unwrap_or(usize::MAX) }),
        }
    }
}

/// Lays out the windows of an image as the rows of a matrix, so that a convolution is a product of
/// matrices: `out` is `[out_h · out_w, channels · kh · kw]`, as [`Windows::shape`] says.
///
/// A row has the codes of one window, channel by channel; outside the image they are
/// `zero_point`, the value 0.0 exactly. Filters `[filters, channels, kh, kw]` are
/// [`Weights::transposed`](crate::gemm::Weights::transposed), and a product
/// ([`PackedMatrix::multiply`](crate::gemm::PackedMatrix::multiply)) gives
/// `[out_h · out_w, filters]`: ONNX `ConvInteger`, channels last. A batch is a loop; a group of
/// channels is an image of its own.
///
/// # Errors
/// Those of [`Windows::shape`]; [`Error::Shape`] if `image` or `out` is not of that size.
///
/// ```
/// # use zeropoint::{Tier, gemm::Weights, image::{Border, Windows, im2col}};
/// let image = [
///     2_u8, 3, 4, //
///     5, 6, 7, //
///     8, 9, 10,
/// ];
/// let border = Border { height: 3, width: 3, channels: 1, top: 1, left: 1, ..Border::default() };
/// let windows = Windows::new(border, [2, 2]);
/// let [height, width, depth] = windows.shape()?;
/// let mut rows = vec![0; height * width * depth];
/// im2col(&image, windows, 1, &mut rows)?;
/// assert_eq!(rows[..3 * depth], [1, 1, 1, 2, 1, 1, 2, 3, 1, 1, 3, 4]);
///
/// let filters = [
///     1_i8, 1, 1, 1, // the sum
///     -1, 1, -1, 1, // the slope from left to right
/// ];
/// let filters = Weights::transposed(&filters, depth, 2).pack(Tier::best())?;
/// let mut out = [0; 9 * 2];
/// filters.multiply(&rows, 1, 0, &mut out)?;
/// assert_eq!(out[..3 * 2], [1, 1, 3, 1, 5, 1]);
/// assert_eq!(out[3 * 2..], [5, 5, 12, 2, 16, 2, 11, 11, 24, 2, 28, 2]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn im2col<Q: Code>(
    image: &[Q],
    windows: Windows,
    zero_point: Q,
    out: &mut [Q],
) -> Result<(), Error> {
    compiled(
        bytemuck::must_cast_slice(image),
        windows,
        bytemuck::must_cast(zero_point),
        bytemuck::must_cast_slice_mut(out),
    )
}

fn compiled(image: &[u8], windows: Windows, zero_point: u8, out: &mut [u8]) -> Result<(), Error> {
    let shape = windows.shape()?;
    let [_, out_width, depth] = shape;
    let Windows { border, kernel: [kernel_height, kernel_width], stride, dilation: [_, dilation] } =
        windows;
    for (argument, elements, shape) in [
        ("image", image.len(), [border.channels, border.height, border.width]),
        ("out", out.len(), shape),
    ] {
        if elements_of(&shape) != Some(elements) {
            return Err(Error::Shape { argument, elements, shape: shape.map(Some) });
        }
    }
    out.fill(zero_point);
    if image.is_empty() {
        return Ok(());
    }
    for (window, out) in out.chunks_exact_mut(depth).enumerate() {
        let y = window / out_width * stride[0];
        let x = window % out_width * stride[1];
        let rows = windows.inside(0, y, border.top, border.height);
        let columns = windows.inside(1, x, border.left, border.width);
        if columns.is_empty() {
            continue;
        }
        let from = x + columns.start * dilation - border.left;
        for channel in 0..border.channels {
            for i in rows.clone() {
                let row = channel * border.height + y + i * windows.dilation[0] - border.top;
                let codes = &image[row * border.width..][from..border.width];
                let out = &mut out[(channel * kernel_height + i) * kernel_width..];
                let out = &mut out[columns.clone()];
                if dilation == 1 {
                    out.copy_from_slice(&codes[..out.len()]);
                } else {
                    for (out, &code) in out.iter_mut().zip(codes.iter().step_by(dilation)) {
                        *out = code;
                    }
                }
            }
        }
    }
    Ok(())
}

impl Windows {
    /// Which rows (0) or columns (1) of the window that begins at `at`, counted with the border, lie
    /// in an image of `length` after a border of `before`.
    fn inside(&self, axis: usize, at: usize, before: usize, length: usize) -> Range<usize> {
        let first_beyond = |edge: usize| {
            let distance = edge.saturating_sub(at);
            distance.div_ceil(self.dilation[axis]).min(self.kernel[axis])
        };
        first_beyond(before)..first_beyond(before + length)
    }
}
