//! A border of zero points around images of codes: copies and fills, the same on every tier

use crate::check::elements_of;
use crate::error::Error;
use crate::values::code::Code;

/// The shape of a stack of images, and the border to put around each.
///
/// An image has `height` rows of `width` pixels, and a pixel `channels` codes: `[height, width,
/// channels]`, channels last. For `[channels, height, width]`, channels first, each channel is an
/// image of its own, with `channels: 1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Border {
    /// Rows of an image.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Codes of a pixel.
    pub channels: usize,
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Pixels to the left.
    pub left: usize,
    /// Pixels to the right.
    pub right: usize,
}

impl Border {
    /// The rows and the pixels of a row, with the border; beyond `usize`, the highest.
    const fn padded(&self) -> [usize; 2] {
        [
            self.height.saturating_add(self.top).saturating_add(self.bottom),
            self.width.saturating_add(self.left).saturating_add(self.right),
        ]
    }
}

/// Copies images of codes and puts a border of the zero point around each: padding by the value
/// 0.0, exactly, as convolutions need it.
///
/// `codes` holds one image after the other, without border; `out` holds as many, with border.
///
/// # Errors
/// [`Error::Shape`] if `codes` is not a whole number of images, or `out` not as many with border.
///
/// ```
/// # use zeropoint::image::{Border, pad};
/// let border = Border { height: 2, width: 2, channels: 1, top: 1, right: 1, ..Border::default() };
/// let mut padded = [0; 9];
/// pad(&[1, 2, 3, 4], border, 7_u8, &mut padded)?;
/// assert_eq!(padded, [
///     7, 7, 7,
///     1, 2, 7,
///     3, 4, 7,
/// ]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn pad<Q: Code>(
    codes: &[Q],
    border: Border,
    zero_point: Q,
    out: &mut [Q],
) -> Result<(), Error> {
    let Border { height, width, channels, .. } = border;
    let [padded_height, padded_width] = border.padded();
    // No slice is as long as the highest number.
    let image = elements_of(&[height, width, channels]).unwrap_or(usize::MAX);
    let padded = elements_of(&[padded_height, padded_width, channels]).unwrap_or(usize::MAX);
    let images = match (image, padded) {
        (0, 0) => 0,
        (0, padded) => out.len() / padded,
        (image, _) => codes.len() / image,
    };
    let shape = |argument, elements, images, sizes: [usize; 2]| {
        let [height, width] = sizes;
        Err(Error::Shape {
            argument,
            elements,
            shape: [images, Some(height), Some(width.saturating_mul(channels))],
        })
    };
    if images.checked_mul(image) != Some(codes.len()) {
        return shape("codes", codes.len(), None, [height, width]);
    }
    if images.checked_mul(padded) != Some(out.len()) {
        let images = (image > 0).then_some(images);
        return shape("out", out.len(), images, [padded_height, padded_width]);
    }
    out.fill(zero_point);
    if codes.is_empty() {
        return Ok(());
    }
    let row = width * channels;
    let padded_row = padded_width * channels;
    let first = border.top * padded_row + border.left * channels;
    for (codes, out) in codes.chunks_exact(image).zip(out.chunks_exact_mut(padded)) {
        let rows = out[first..].chunks_mut(padded_row);
        for (codes, out) in codes.chunks_exact(row).zip(rows) {
            out[..row].copy_from_slice(codes);
        }
    }
    Ok(())
}
