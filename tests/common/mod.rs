//! What the tests share: buffers with guards, and the tiers to run on.
#![allow(dead_code, reason = "not every test uses all of it")]

use zeropoint::{Code, Error, Rows, RowsMut, Tier};

/// A slice somewhere in a larger buffer: at a chosen misalignment, with elements before and after
/// it that must not change.
pub(crate) struct Guarded<T> {
    buffer: Vec<T>,
    start: usize,
    len: usize,
    guard: T,
}

const MARGIN: usize = 64;

impl<T: Copy + PartialEq + core::fmt::Debug> Guarded<T> {
    /// `offset` elements after an address that is a multiple of 64.
    pub(crate) fn new(len: usize, offset: usize, guard: T) -> Self {
        let buffer = vec![guard; len + offset + 3 * MARGIN];
        let start = buffer[MARGIN..].as_ptr().align_offset(64) + MARGIN + offset;
        Self { buffer, start, len, guard }
    }

    /// The same with these elements.
    pub(crate) fn of(elements: &[T], offset: usize, guard: T) -> Self {
        let mut guarded = Self::new(elements.len(), offset, guard);
        guarded.slice_mut().copy_from_slice(elements);
        guarded
    }

    pub(crate) fn slice(&self) -> &[T] {
        &self.buffer[self.start..][..self.len]
    }

    pub(crate) fn slice_mut(&mut self) -> &mut [T] {
        &mut self.buffer[self.start..][..self.len]
    }

    /// The elements, if no guard has changed.
    #[track_caller]
    pub(crate) fn checked(&self) -> &[T] {
        let (before, after) = (&self.buffer[..self.start], &self.buffer[self.start + self.len..]);
        let changed = before.iter().chain(after).find(|&&e| e != self.guard);
        assert_eq!(changed, None, "an element outside the slice was written");
        self.slice()
    }
}

/// The distances from one row to the next at which rows of so many elements are tried.
pub(crate) fn strides(row: usize) -> [usize; 4] {
    [row, row + 1, row + 7, 2 * row]
}

/// Rows somewhere in a larger buffer, which may be apart, with elements between them that must not change.
/// The slice ends with the last row.
pub(crate) struct Apart<T> {
    buffer: Guarded<T>,
    rows: usize,
    row: usize,
    stride: usize,
}

impl<T: Copy + PartialEq + core::fmt::Debug> Apart<T> {
    /// Rows of the guard, like all around them.
    pub(crate) fn new([rows, row]: [usize; 2], stride: usize, offset: usize, guard: T) -> Self {
        let len = if rows == 0 || row == 0 { 0 } else { (rows - 1) * stride + row };
        Self { buffer: Guarded::new(len, offset, guard), rows, row, stride }
    }

    /// Rows of these elements.
    pub(crate) fn of(elements: &[T], shape: [usize; 2], stride: usize, guard: T) -> Self {
        let mut apart = Self::new(shape, stride, elements.len() % 13, guard);
        for r in 0..apart.rows {
            let (row, from) = (apart.row, apart.start(r));
            apart.buffer.slice_mut()[from..][..row].copy_from_slice(&elements[r * row..][..row]);
        }
        apart
    }

    /// Where a row starts. Those of nothing all start at 0: there are no elements, whatever the stride.
    fn start(&self, r: usize) -> usize {
        if self.row == 0 { 0 } else { r * self.stride }
    }

    pub(crate) fn rows(&self) -> Rows<'_, T> {
        Rows::strided(self.buffer.slice(), self.rows, self.stride)
    }

    pub(crate) fn rows_mut(&mut self) -> RowsMut<'_, T> {
        RowsMut::strided(self.buffer.slice_mut(), self.rows, self.stride)
    }

    /// The elements of all rows, if no other element has changed.
    #[track_caller]
    pub(crate) fn checked(&self) -> Vec<T> {
        let elements = self.buffer.checked();
        let mut rows = Vec::new();
        for r in 0..self.rows {
            let (row, after) = elements[self.start(r)..].split_at(self.row);
            rows.extend_from_slice(row);
            if r + 1 < self.rows && self.row > 0 {
                let between = &after[..self.stride - self.row];
                let changed = between.iter().find(|&&e| e != self.buffer.guard);
                assert_eq!(changed, None, "an element between the rows was written");
            }
        }
        rows
    }
}

/// Slices that are not three rows of five: their elements, how many rows they are said to have, and the
/// stride.
pub(crate) const NOT_THREE_ROWS_OF_FIVE: [[usize; 3]; 9] = [
    // Rows that overlap.
    [20, 3, 4],
    [100, 3, 0],
    // An element is missing, or all.
    [14, 3, 5],
    [16, 3, 6],
    [0, 3, 5],
    // Another number of rows.
    [100, 2, 6],
    [100, 4, 6],
    // So far apart that where the last row starts wraps around.
    [100, 3, usize::MAX],
    [100, 3, 1 << (usize::BITS - 1)],
];

/// The error for one of them.
pub(crate) fn not_three_rows_of_five(
    argument: &'static str,
    [elements, _, stride]: [usize; 3],
) -> Error {
    Error::Rows { argument, elements, rows: 3, row: 5, stride }
}

/// The bits of floats: to compare NaN and zeros too.
pub(crate) fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Every tier.
pub(crate) fn tiers() -> Vec<Tier> {
    Tier::available().collect()
}

/// Those that add no dot products to another: what does not multiply codes runs on the others as on
/// these.
pub(crate) fn base_tiers() -> Vec<Tier> {
    Tier::available().filter(|&tier| tier == tier.base()).collect()
}

/// A code of type `Q` from the bits of a byte.
pub(crate) fn code<Q: Code>(bits: u8) -> Q {
    bytemuck::cast(bits)
}

/// Ordinary values, with a special one here and there, and without any for long stretches.
pub(crate) fn values(n: usize) -> Vec<f32> {
    const SPECIAL: [f32; 10] = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        f32::MIN,
        1e20,
        -0.0,
        1e-40,
        f32::from_bits(0xff80_0001), // a signalling NaN
        3.5e9,
    ];
    (0..n)
        .map(|i| match i % 97 {
            3 if i % 600 < 400 => SPECIAL[i / 97 % SPECIAL.len()],
            _ => (i % 2003 * 7919 % 2003) as f32 * 0.25 - 230.0,
        })
        .collect()
}
