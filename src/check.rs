//! Whether arguments fit: what operations ask before they begin.

use crate::error::Error;

/// `Ok` if an argument has an element for each of what it belongs to.
#[inline]
pub(crate) fn one_for_each(
    (argument, len): (&'static str, usize),
    (of, there): (&'static str, usize),
) -> Result<(), Error> {
    if len == there { Ok(()) } else { Err(Error::Length { argument, len, of, there }) }
}

/// `Ok` if a matrix has exactly the elements of `rows` rows of `row` elements.
#[inline]
pub(crate) fn row_shape(
    (argument, elements): (&'static str, usize),
    rows: usize,
    row: usize,
) -> Result<(), Error> {
    if rows.checked_mul(row) == Some(elements) {
        Ok(())
    } else {
        Err(Error::Rows { argument, elements, rows, row, stride: row })
    }
}

/// `Ok` if `rows` rows of `row` elements, `stride` elements from one to the next, don't overlap and lie
/// within the elements of a matrix.
pub(crate) fn strided_shape(
    (argument, elements): (&'static str, usize),
    rows: usize,
    row: usize,
    stride: usize,
) -> Result<(), Error> {
    let least = if rows > 0 && row > 0 {
        (rows - 1).checked_mul(stride).and_then(|last| last.checked_add(row))
    } else {
        Some(0)
    };
    match least {
        Some(least) if (rows < 2 || stride >= row) && least <= elements => Ok(()),
        _ => Err(Error::Rows { argument, elements, rows, row, stride }),
    }
}

/// The elements of a shape; `None` beyond `usize`. A shape with a zero has none, however large its
/// other numbers.
pub(crate) fn elements_of(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))
}

/// `Ok` if no sum of so many products can overflow 32 bits, of numbers that reach so far from 0.
pub(crate) fn check_depth(depth: usize, reach: impl FnOnce() -> [u32; 2]) -> Result<(), Error> {
    /// Of products of any codes, less any zero points.
    const ANY: usize = i32::MAX as usize / (255 * 255);
    if depth <= ANY {
        return Ok(());
    }
    let [a, b] = reach();
    let product = a * b;
    if depth.saturating_mul(product as usize) <= i32::MAX as usize {
        Ok(())
    } else {
        Err(Error::Depth { depth, product })
    }
}

/// `Ok` if a number is at least 1.
#[inline]
pub(crate) fn at_least_1(argument: &'static str, number: usize) -> Result<(), Error> {
    if number > 0 {
        return Ok(());
    }
    Err(Error::Number { argument, index: None, value: 0.0, expected: "at least 1" })
}
