//! The rows of matrices in memory, and parts of them.

use crate::check::{row_shape, strided_shape};
use crate::error::Error;
use crate::values::code::Code;
use core::ops::Range;

/// A matrix to read, row by row: a slice, whose rows follow each other without a gap; or
/// [`Rows::strided`], a slice and the distance from one row to the next.
///
/// What takes one takes `impl Into<Rows>`: for rows without a gap, a slice, an array or a `Vec` by
/// reference. There, the number of rows follows from the length, which must be a whole number of them.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    elements: &'a [T],
    /// How many rows, and how far apart.
    apart: Option<[usize; 2]>,
}

/// A matrix to write, row by row: see [`Rows`].
///
/// What takes one takes `impl Into<RowsMut>`.
#[derive(Debug)]
pub struct RowsMut<'a, T> {
    elements: &'a mut [T],
    apart: Option<[usize; 2]>,
}

impl<'a, T> Rows<'a, T> {
    /// `rows` rows in a larger matrix, with `stride` elements from the start of a row to the start of
    /// the next.
    ///
    /// Of `elements`, the first is the first of row 0. What lies between rows and what follows the last
    /// row is not read, so a view of some columns is the rest of the slice from its first element on.
    /// That `elements` holds the rows, and that they don't overlap, is checked where they are used.
    ///
    /// ```
    /// # use zeropoint::{Rows, Tier, gemm::Weights};
    /// // The last two of four columns.
    /// let wide = [
    ///     0_u8, 0, 1, 2, //
    ///     0, 0, 3, 4,
    /// ];
    /// let b = Weights::new(&[1_i8, 10], 2, 1).pack(Tier::best())?;
    /// let mut out = [0; 2];
    /// b.multiply(Rows::strided(&wide[2..], 2, 4), 0, 0, &mut out)?;
    /// assert_eq!(out, [21, 43]);
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    #[must_use]
    pub const fn strided(elements: &'a [T], rows: usize, stride: usize) -> Self {
        Self { elements, apart: Some([rows, stride]) }
    }

    /// How many rows of this length there are, if that can be told: rows of nothing can't be counted.
    pub(crate) fn count(&self, argument: &'static str, row: usize) -> Result<Option<usize>, Error> {
        count((argument, self.elements.len()), row, self.apart)
    }

    /// The elements and the stride, if they are `rows` rows of `row` elements.
    pub(crate) fn checked(
        self,
        argument: &'static str,
        rows: usize,
        row: usize,
    ) -> Result<(&'a [T], usize), Error> {
        let stride = stride((argument, self.elements.len()), rows, row, self.apart)?;
        Ok((self.elements, stride))
    }
}

impl<'a, T> RowsMut<'a, T> {
    /// As [`Rows::strided`]; what lies between rows and what follows the last row is not written.
    #[must_use]
    pub const fn strided(elements: &'a mut [T], rows: usize, stride: usize) -> Self {
        Self { elements, apart: Some([rows, stride]) }
    }

    /// The same once more.
    #[cfg(feature = "alloc")]
    pub(crate) fn reborrow(&mut self) -> RowsMut<'_, T> {
        RowsMut { elements: self.elements, apart: self.apart }
    }

    /// `Ok` if it is `rows` rows of `row` elements.
    #[cfg(feature = "alloc")]
    pub(crate) fn check(
        &self,
        argument: &'static str,
        rows: usize,
        row: usize,
    ) -> Result<(), Error> {
        stride((argument, self.elements.len()), rows, row, self.apart).map(|_| ())
    }

    /// The row `r` of `row` elements, once [`RowsMut::check`] found it.
    #[cfg(feature = "alloc")]
    pub(crate) fn row(&mut self, r: usize, row: usize) -> &mut [T] {
        if row == 0 {
            // It may lie beyond the end.
            return &mut [];
        }
        let stride = self.apart.map_or(row, |[_, stride]| stride);
        &mut self.elements[r * stride..][..row]
    }

    /// The elements and the stride, if they are `rows` rows of `row` elements.
    pub(crate) fn strided_checked(
        self,
        argument: &'static str,
        rows: usize,
        row: usize,
    ) -> Result<(&'a mut [T], usize), Error> {
        let stride = stride((argument, self.elements.len()), rows, row, self.apart)?;
        Ok((self.elements, stride))
    }

    /// How many rows of this length there are, if that can be told.
    pub(crate) fn count(&self, argument: &'static str, row: usize) -> Result<Option<usize>, Error> {
        count((argument, self.elements.len()), row, self.apart)
    }

    /// All of it, if it is `rows` rows of `row` elements.
    pub(crate) fn checked(
        self,
        argument: &'static str,
        rows: usize,
        row: usize,
    ) -> Result<Part<'a, T>, Error> {
        let stride = stride((argument, self.elements.len()), rows, row, self.apart)?;
        Ok(Part {
            rows: 0..rows,
            columns: 0..row,
            elements: Elements::Strided(self.elements, stride),
        })
    }
}

#[inline]
fn count(
    (argument, elements): (&'static str, usize),
    row: usize,
    apart: Option<[usize; 2]>,
) -> Result<Option<usize>, Error> {
    match apart {
        Some([rows, _]) => Ok(Some(rows)),
        None if row == 0 => Ok(None),
        None => {
            let rows = elements.div_ceil(row);
            row_shape((argument, elements), rows, row).map(|()| Some(rows))
        }
    }
}

/// The stride of `rows` rows of `row` elements, if the elements are such rows.
#[inline]
fn stride(
    (argument, elements): (&'static str, usize),
    rows: usize,
    row: usize,
    apart: Option<[usize; 2]>,
) -> Result<usize, Error> {
    let stride = match apart {
        None => row_shape((argument, elements), rows, row).map(|()| row),
        Some([said, stride]) if said == rows => {
            strided_shape((argument, elements), rows, row, stride).map(|()| stride)
        }
        Some([_, stride]) => Err(Error::Rows { argument, elements, rows, row, stride }),
    }?;
    // Rows of nothing may lie beyond the end.
    Ok(if row > 0 { stride } else { 0 })
}

impl<'a, T> From<&'a [T]> for Rows<'a, T> {
    fn from(elements: &'a [T]) -> Self {
        Self { elements, apart: None }
    }
}

impl<'a, T, const N: usize> From<&'a [T; N]> for Rows<'a, T> {
    fn from(elements: &'a [T; N]) -> Self {
        elements[..].into()
    }
}

#[cfg(feature = "alloc")]
impl<'a, T> From<&'a alloc::vec::Vec<T>> for Rows<'a, T> {
    fn from(elements: &'a alloc::vec::Vec<T>) -> Self {
        elements[..].into()
    }
}

impl<'a, T> From<&'a mut [T]> for RowsMut<'a, T> {
    fn from(elements: &'a mut [T]) -> Self {
        Self { elements, apart: None }
    }
}

impl<'a, T, const N: usize> From<&'a mut [T; N]> for RowsMut<'a, T> {
    fn from(elements: &'a mut [T; N]) -> Self {
        (&mut elements[..]).into()
    }
}

#[cfg(feature = "alloc")]
impl<'a, T> From<&'a mut alloc::vec::Vec<T>> for RowsMut<'a, T> {
    fn from(elements: &'a mut alloc::vec::Vec<T>) -> Self {
        (&mut elements[..]).into()
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
        [(self.rows.start..middle, upper), (middle..self.rows.end, lower)]
            .map(|(rows, elements)| Self { rows, columns: self.columns.clone(), elements })
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
        [(self.columns.start..middle, rows), (middle..self.columns.end, right)].map(
            |(columns, rows)| Self {
                rows: self.rows.clone(),
                columns,
                elements: Elements::Each(rows),
            },
        )
    }
}
