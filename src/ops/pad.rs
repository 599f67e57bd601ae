//! A border of zero points around images of codes: copies and fills, the same on every tier

use crate::element::Code;
use crate::error::Error;

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
    /// The codes of an image, without and with its border; `None` beyond `usize`.
    pub(super) fn sizes(&self) -> Option<[usize; 2]> {
        let height = self
            .height
            .checked_add(self.top)?
            .checked_add(self.bottom)?;
        let width = self.width.checked_add(self.left)?.checked_add(self.right)?;
        let padded = height.checked_mul(width)?.checked_mul(self.channels)?;
        let inner = self
            .height
            .checked_mul(self.width)?
            .checked_mul(self.channels)?;
        Some([inner, padded])
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
/// # use zeropoint::{Border, pad};
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
    let wrong = Error::Shape {
        input: codes.len(),
        output: out.len(),
    };
    let [image, padded] = border.sizes().ok_or(wrong)?;
    let images = match (image, padded) {
        (0, 0) => 0,
        (0, padded) => out.len() / padded,
        (image, _) => codes.len() / image,
    };
    let sizes = [image, padded].map(|size| images.checked_mul(size));
    if sizes != [Some(codes.len()), Some(out.len())] {
        return Err(wrong);
    }
    out.fill(zero_point);
    if codes.is_empty() {
        return Ok(());
    }
    let row = border.width * border.channels;
    let padded_row = padded / (border.height + border.top + border.bottom);
    let first = border.top * padded_row + border.left * border.channels;
    for (codes, out) in codes.chunks_exact(image).zip(out.chunks_exact_mut(padded)) {
        let rows = out[first..].chunks_mut(padded_row);
        for (codes, out) in codes.chunks_exact(row).zip(rows) {
            out[..row].copy_from_slice(codes);
        }
    }
    Ok(())
}
