//! The rows of matrices in memory, and parts of them.

use crate::element::Code;
use crate::error::{Error, strided_shape};
use core::ops::Range;

/// A matrix to read, row by row: a slice, or a slice and the number of elements from the start of a
/// row to that of the next. What lies between rows is not read.
///
/// What takes one takes `impl Into<Rows>`.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    elements: &'a [T],
    stride: Option<usize>,
}

/// A matrix to write, row by row: see [`Rows`]. What lies between rows is not written.
///
/// What takes one takes `impl Into<RowsMut>`.
#[derive(Debug)]
pub struct RowsMut<'a, T> {
    elements: &'a mut [T],
    stride: Option<usize>,
}

impl<'a, T> From<&'a [T]> for Rows<'a, T> {
    fn from(elements: &'a [T]) -> Self {
        Self {
            elements,
            stride: None,
        }
    }
}

impl<'a, T, const N: usize> From<&'a [T; N]> for Rows<'a, T> {
    fn from(elements: &'a [T; N]) -> Self {
        elements[..].into()
    }
}

#[cfg(feature = "std")]
impl<'a, T> From<&'a std::vec::Vec<T>> for Rows<'a, T> {
    fn from(elements: &'a std::vec::Vec<T>) -> Self {
        elements[..].into()
    }
}

impl<'a, T> From<(&'a [T], usize)> for Rows<'a, T> {
    fn from((elements, stride): (&'a [T], usize)) -> Self {
        Self {
            elements,
            stride: Some(stride),
        }
    }
}

impl<'a, T> From<&'a mut [T]> for RowsMut<'a, T> {
    fn from(elements: &'a mut [T]) -> Self {
        Self {
            elements,
            stride: None,
        }
    }
}

impl<'a, T, const N: usize> From<&'a mut [T; N]> for RowsMut<'a, T> {
    fn from(elements: &'a mut [T; N]) -> Self {
        (&mut elements[..]).into()
    }
}

#[cfg(feature = "std")]
impl<'a, T> From<&'a mut std::vec::Vec<T>> for RowsMut<'a, T> {
    fn from(elements: &'a mut std::vec::Vec<T>) -> Self {
        (&mut elements[..]).into()
    }
}

impl<'a, T> From<(&'a mut [T], usize)> for RowsMut<'a, T> {
    fn from((elements, stride): (&'a mut [T], usize)) -> Self {
        Self {
            elements,
            stride: Some(stride),
        }
    }
}

/// How many rows of that length so many elements are, that far apart.
fn count(elements: usize, row: usize, stride: Option<usize>) -> usize {
    elements.div_ceil(stride.unwrap_or(row).max(1))
}

impl<'a, T> Rows<'a, T> {
    /// How many rows there are, if they are that long.
    pub(crate) fn count(&self, row: usize) -> usize {
        count(self.elements.len(), row, self.stride)
    }

    /// The elements, and the stride, if they are that many rows of that length.
    pub(crate) fn checked(self, rows: usize, row: usize) -> Result<(&'a [T], usize), Error> {
        let stride = self.stride.unwrap_or(row);
        strided_shape(self.elements.len(), rows, row, stride)?;
        Ok((self.elements, stride))
    }
}

impl<'a, T> RowsMut<'a, T> {
    /// How many rows there are, if they are that long.
    pub(crate) fn count(&self, row: usize) -> usize {
        count(self.elements.len(), row, self.stride)
    }

    /// All of it, if it is that many rows of that length.
    pub(crate) fn checked(self, rows: usize, row: usize) -> Result<Part<'a, T>, Error> {
        let stride = self.stride.unwrap_or(row);
        strided_shape(self.elements.len(), rows, row, stride)?;
        Ok(Part {
            rows: 0..rows,
            columns: 0..row,
            elements: Elements::Strided(self.elements, stride),
        })
    }
}

/// The most rows of which the columns can be split.
#[cfg(feature = "rayon")]
pub(crate) const FEW: usize = 32;

/// Some rows and columns of a matrix to write.
pub(crate) struct Part<'a, T> {
    pub(crate) rows: Range<usize>,
    pub(crate) columns: Range<usize>,
    elements: Elements<'a, T>,
}

#[cfg_attr(
    feature = "rayon",
    expect(
        clippy::large_enum_variant,
        reason = "a part is made for each thread, and nothing is allocated for it"
    )
)]
enum Elements<'a, T> {
    /// From the first row and column on.
    Strided(&'a mut [T], usize),
    /// Of each row.
    #[cfg(feature = "rayon")]
    Each([&'a mut [T]; FEW]),
}

impl<T> Part<'_, T> {
    /// These columns of a row.
    #[inline(always)]
    pub(crate) fn row(&mut self, row: usize, columns: Range<usize>) -> &mut [T] {
        let (row, column) = (row - self.rows.start, columns.start - self.columns.start);
        match &mut self.elements {
            Elements::Strided(elements, stride) => {
                &mut elements[row * *stride + column..][..columns.len()]
            }
            #[cfg(feature = "rayon")]
            Elements::Each(rows) => &mut rows[row][column..][..columns.len()],
        }
    }

    /// All rows and their stride, if they have one.
    pub(crate) fn strided(&mut self) -> Option<(&mut [T], usize)> {
        match &mut self.elements {
            Elements::Strided(elements, stride) => Some((elements, *stride)),
            #[cfg(feature = "rayon")]
            Elements::Each(_) => None,
        }
    }
}

impl<'a, Q: Code> Part<'a, Q> {
    /// The codes as bytes, of all rows.
    pub(crate) fn bytes(self) -> Part<'a, u8> {
        Part {
            rows: self.rows,
            columns: self.columns,
            elements: match self.elements {
                Elements::Strided(codes, stride) => {
                    Elements::Strided(bytemuck::must_cast_slice_mut(codes), stride)
                }
                #[cfg(feature = "rayon")]
                Elements::Each(rows) => Elements::Each(rows.map(bytemuck::must_cast_slice_mut)),
            },
        }
    }
}

#[cfg(feature = "rayon")]
impl<'a, T> Part<'a, T> {
    /// The first `rows` rows, and the others.
    pub(crate) fn split_rows(self, rows: usize) -> [Self; 2] {
        let middle = self.rows.start + rows;
        let [upper, lower] = match self.elements {
            Elements::Strided(elements, stride) => {
                let (upper, lower) = elements.split_at_mut(rows * stride);
                [upper, lower].map(|elements| Elements::Strided(elements, stride))
            }
            Elements::Each(mut upper) => {
                let mut lower = [(); FEW].map(|()| Default::default());
                for r in middle..self.rows.end {
                    lower[r - middle] = core::mem::take(&mut upper[r - self.rows.start]);
                }
                [upper, lower].map(Elements::Each)
            }
        };
        [
            (self.rows.start..middle, upper),
            (middle..self.rows.end, lower),
        ]
        .map(|(rows, elements)| Self {
            rows,
            columns: self.columns.clone(),
            elements,
        })
    }

    /// The first `columns` columns, and the others, of at most [`FEW`] rows.
    pub(crate) fn split_columns(self, columns: usize) -> [Self; 2] {
        let middle = self.columns.start + columns;
        let mut rows = match self.elements {
            Elements::Strided(elements, stride) => {
                let mut chunks = elements.chunks_mut(stride.max(1));
                [(); FEW].map(|()| chunks.next().unwrap_or_default())
            }
            Elements::Each(rows) => rows,
        };
        let mut right = [(); FEW].map(|()| Default::default());
        for r in 0..self.rows.len() {
            let (left, rest) = core::mem::take(&mut rows[r]).split_at_mut(columns);
            (rows[r], right[r]) = (left, rest);
        }
        [
            (self.columns.start..middle, rows),
            (middle..self.columns.end, right),
        ]
        .map(|(columns, rows)| Self {
            rows: self.rows.clone(),
            columns,
            elements: Elements::Each(rows),
        })
    }
}
