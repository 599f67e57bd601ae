//! Weights as matrix products read them: packed once, in panels of columns.
//!
//! A panel has `NR_VECTORS` vectors of columns. It begins with the sums of its columns, and then has the
//! codes, [`Dot::KR`] of the first column, as many of the next, and so on; then the next rows.
//! All codes are `i8`: those that are `u8` are flipped. Columns and rows that the matrix does not
//! have are zeros.

use super::pack::{Source, pack};
use super::product::{Codes, Right};
use crate::check::{row_shape, strided_shape};
use crate::error::Error;
use crate::simd::dot::Dot;
use crate::simd::{LINE, Simd};
use crate::tier::{DotOperation, Tier};
use crate::values::code::Code8;
use core::fmt;
use core::marker::PhantomData;

/// A matrix of weights, `[K, N]`, that is to be packed; or one that is another each time, such as the keys of
/// attention, to be multiplied as it is.
///
/// ```
/// # use zeropoint::{Tier, gemm::Weights};
/// let weights = Weights::new(&[1_i8, 2, 3, 4, 5, 6], 2, 3); // [[1, 2, 3], [4, 5, 6]]
/// let transposed = Weights::transposed(&[1_i8, 4, 2, 5, 3, 6], 2, 3); // the same
/// let packed = weights.pack(Tier::best())?;
/// # Ok::<(), zeropoint::Error>(())
/// ```
///
/// From the f32 weights of a layer, `[N, K]` with a row for each output (as most frameworks store them),
/// to the packed matrix: [`quantize_dynamic_rows()`](crate::quantize_dynamic_rows()) chooses the
/// parameters of each output and quantizes its row, and the codes are the matrix, transposed.
/// [`Linear`](super::Linear) has the example.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a, B> {
    codes: &'a [B],
    k: usize,
    n: usize,
    stride: Option<usize>,
    transposed: bool,
    one_thread: bool,
}

impl<'a, B: Code8> Weights<'a, B> {
    /// `k` rows of `n` codes, row by row.
    #[must_use]
    pub fn new(codes: &'a [B], k: usize, n: usize) -> Self {
        Self { codes, k, n, stride: None, transposed: false, one_thread: false }
    }

    /// `k` rows of `n` codes, column by column: `codes` is `[N, K]`.
    #[must_use]
    pub fn transposed(codes: &'a [B], k: usize, n: usize) -> Self {
        Self { codes, k, n, stride: None, transposed: true, one_thread: false }
    }

    /// The same as a part of a larger matrix: with `stride` elements from the start of a row (of a column,
    /// if it is transposed) to the start of the next. More elements may follow the last one.
    #[must_use]
    pub fn with_stride(self, stride: usize) -> Self {
        Self { stride: Some(stride), ..self }
    }

    /// The same, of which no product is split over threads; packed or not. Without the feature `rayon` none is.
    #[must_use]
    pub fn on_one_thread(self) -> Self {
        Self { one_thread: true, ..self }
    }

    /// Bytes that a buffer for [`Weights::pack_into`] must have. It does not depend on the codes.
    #[must_use]
    pub fn packed_len(&self, tier: Tier) -> usize {
        buffer_len(tier, self.k, self.n)
    }

    /// Packs them for products on this tier, into memory of its own.
    ///
    /// # Errors
    /// [`Error::Rows`] if `codes` is not of that size; [`Error::Buffer`] if there is no memory.
    #[cfg(feature = "alloc")]
    pub fn pack(&self, tier: Tier) -> Result<PackedMatrix<'static, B>, Error> {
        self.check()?;
        let mut buffer = zeroed(self.packed_len(tier))?;
        let start = self.pack_bytes(tier, &mut buffer);
        Ok(self.packed(tier, Buffer::Owned(buffer), start))
    }

    /// Packs them for products on this tier, into this buffer, of which the first
    /// [`packed_len`](Weights::packed_len) bytes are used. Where each matrix of a batch has weights
    /// of its own, one buffer serves all of them in turn.
    ///
    /// # Errors
    /// [`Error::Rows`] if `codes` is not of that size; [`Error::Buffer`] if the buffer is smaller
    /// than `packed_len`.
    pub fn pack_into<'b>(
        &self,
        tier: Tier,
        buffer: &'b mut [u8],
    ) -> Result<PackedMatrix<'b, B>, Error> {
        self.check()?;
        let (bytes, needed) = (buffer.len(), self.packed_len(tier));
        if bytes < needed {
            return Err(Error::Buffer { bytes, needed });
        }
        let buffer = &mut buffer[..needed];
        let start = self.pack_bytes(tier, buffer);
        Ok(self.packed(tier, Buffer::Borrowed(buffer), start))
    }

    fn check(&self) -> Result<(), Error> {
        let (rows, row) = if self.transposed { (self.n, self.k) } else { (self.k, self.n) };
        let codes = ("codes", self.codes.len());
        match self.stride {
            None => row_shape(codes, rows, row),
            Some(stride) => strided_shape(codes, rows, row, stride),
        }
    }

    /// Packs them into a buffer of [`packed_len`](Weights::packed_len) bytes; where in it they begin.
    fn pack_bytes(&self, tier: Tier, bytes: &mut [u8]) -> usize {
        let start = first_line(bytes);
        pack(tier, &self.source(), [0, self.n], [0, self.k], &mut bytes[start..]);
        start
    }

    /// As products take it without packing, if `codes` is of that size.
    pub(super) fn right(&self, tier: Tier) -> Result<Right<'a>, Error> {
        self.check()?;
        Ok(Right {
            tier,
            shape: tier.run_dot(&mut ShapeOf),
            size: [self.k, self.n],
            is_signed: B::SIGNED,
            one_thread: self.one_thread,
            codes: Codes::Unpacked(self.source()),
        })
    }

    fn source(&self) -> Source<'a> {
        let row = if self.transposed { self.k } else { self.n };
        Source {
            codes: bytemuck::must_cast_slice(self.codes),
            size: [self.k, self.n],
            stride: self.stride.unwrap_or(row),
            transposed: self.transposed,
            flip: if B::SIGNED { 0 } else { 0x80 },
        }
    }

    fn packed<'b>(&self, tier: Tier, buffer: Buffer<'b>, start: usize) -> PackedMatrix<'b, B> {
        PackedMatrix {
            packed: Packed {
                tier,
                shape: tier.run_dot(&mut ShapeOf),
                k: self.k,
                n: self.n,
                is_signed: B::SIGNED,
                one_thread: self.one_thread,
                buffer,
                start,
            },
            of: PhantomData,
        }
    }
}

/// A matrix of weights, `[K, N]`, packed for the products of one tier: see [`Weights`].
#[cfg_attr(feature = "alloc", derive(Clone))]
pub struct PackedMatrix<'b, B> {
    packed: Packed<'b>,
    of: PhantomData<B>,
}

impl<'b, B> PackedMatrix<'b, B> {
    /// The tier that it was packed for, on which its products run.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.packed.tier
    }

    /// The rows, K.
    #[must_use]
    pub fn k(&self) -> usize {
        self.packed.k
    }

    /// The columns, N.
    #[must_use]
    pub fn n(&self) -> usize {
        self.packed.n
    }

    /// The same matrix, in the same memory, of which no product is split over threads: for a call that is part
    /// of work that has been split already. Without the feature `rayon` none is.
    #[must_use]
    pub fn on_one_thread(&self) -> PackedMatrix<'_, B> {
        let packed = Packed { one_thread: true, ..self.packed.shared() };
        PackedMatrix { packed, of: PhantomData }
    }

    /// As products take it.
    pub(super) fn right(&self) -> Right<'_> {
        self.packed.right()
    }

    /// The matrix without the type of its codes, so that those of either type can be kept together.
    ///
    /// ```
    /// # use zeropoint::{Tier, gemm::{AnyMatrix, Weights}};
    /// let cache: [AnyMatrix; 2] = [
    ///     Weights::new(&[1_i8, 2], 1, 2).pack(Tier::best())?.erase(),
    ///     Weights::new(&[1_u8, 2], 2, 1).pack(Tier::best())?.erase(),
    /// ];
    /// assert!(cache[1].typed::<i8>().is_none());
    /// let b = cache[1].typed::<u8>().expect("its codes are u8");
    /// let mut out = [0];
    /// b.multiply(&[10_i8, 100], 0, 0, &mut out)?;
    /// assert_eq!(out, [210]);
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    #[must_use]
    pub fn erase(self) -> AnyMatrix<'b> {
        AnyMatrix(self.packed)
    }
}

impl<B> fmt::Debug for PackedMatrix<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.packed.fmt(f, "PackedMatrix")
    }
}

/// A [`PackedMatrix`] of codes of any type.
#[cfg_attr(feature = "alloc", derive(Clone))]
pub struct AnyMatrix<'b>(pub(super) Packed<'b>);

impl AnyMatrix<'_> {
    /// The matrix, if its codes are of this type.
    #[must_use]
    pub fn typed<B: Code8>(&self) -> Option<PackedMatrix<'_, B>> {
        (self.0.is_signed == B::SIGNED)
            .then(|| PackedMatrix { packed: self.0.shared(), of: PhantomData })
    }
}

impl fmt::Debug for AnyMatrix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f, "AnyMatrix")
    }
}

/// A packed matrix, with the type of its codes as a value.
pub(crate) struct Packed<'b> {
    pub(crate) tier: Tier,
    /// The shape of the tier's products.
    pub(crate) shape: Shape,
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(crate) is_signed: bool,
    one_thread: bool,
    buffer: Buffer<'b>,
    start: usize,
}

impl Packed<'_> {
    /// What [`pack`] wrote.
    fn bytes(&self) -> &[u8] {
        &self.buffer.bytes()[self.start..]
    }

    /// The same, of which no product is split over threads.
    #[cfg(feature = "alloc")]
    pub(super) fn on_one_thread(self) -> Self {
        Self { one_thread: true, ..self }
    }

    /// As products take it.
    pub(super) fn right(&self) -> Right<'_> {
        Right {
            tier: self.tier,
            shape: self.shape,
            size: [self.k, self.n],
            is_signed: self.is_signed,
            one_thread: self.one_thread,
            codes: Codes::Packed(self.bytes()),
        }
    }

    /// The same matrix in the same memory.
    fn shared(&self) -> Packed<'_> {
        Packed { buffer: Buffer::Shared(self.buffer.bytes()), ..*self }
    }

    fn fmt(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        f.debug_struct(name)
            .field("tier", &self.tier)
            .field("k", &self.k)
            .field("n", &self.n)
            .finish_non_exhaustive()
    }
}

/// The clone has memory of its own, in which panels begin where cache lines do, as they do here.
#[cfg(feature = "alloc")]
impl Clone for Packed<'_> {
    fn clone(&self) -> Self {
        let len = self.buffer.bytes().len();
        let panels = len - (LINE - 1);
        let mut bytes = alloc::vec![0; len];
        let start = first_line(&bytes);
        bytes[start..][..panels].copy_from_slice(&self.bytes()[..panels]);
        Self { buffer: Buffer::Owned(bytes), start, ..*self }
    }
}

enum Buffer<'b> {
    #[cfg(feature = "alloc")]
    Owned(alloc::vec::Vec<u8>),
    Borrowed(&'b mut [u8]),
    Shared(&'b [u8]),
}

impl Buffer<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            #[cfg(feature = "alloc")]
            Self::Owned(bytes) => bytes,
            Self::Borrowed(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// So many zeros.
///
/// # Errors
/// [`Error::Buffer`] if there is no memory.
#[cfg(feature = "alloc")]
pub(super) fn zeroed<T: bytemuck::Zeroable + Clone>(
    len: usize,
) -> Result<alloc::vec::Vec<T>, Error> {
    let mut elements = alloc::vec::Vec::new();
    let needed = len.saturating_mul(size_of::<T>());
    elements.try_reserve_exact(len).map_err(|_| Error::Buffer { bytes: 0, needed })?;
    elements.resize(len, T::zeroed());
    Ok(elements)
}

/// Where the first cache line begins in a buffer that is long enough: no vector of a panel that begins
/// there lies across two.
pub(super) fn first_line(bytes: &[u8]) -> usize {
    bytes.as_ptr().align_offset(LINE).min(LINE - 1)
}

/// Vectors of columns in a panel.
pub(crate) const NR_VECTORS: usize = 2;

/// Columns of the widest panel.
pub(crate) const WIDEST_PANEL: usize = 32;

/// Bytes of the column sums of a panel.
pub(crate) const fn sums_len<D: Dot>() -> usize {
    NR_VECTORS * D::Base::LANES * size_of::<i32>()
}

/// Bytes of `depth` rows of a panel, and of as many more as fill the last four words of each row on
/// the left.
pub(crate) const fn rows_len<D: Dot>(depth: usize) -> usize {
    NR_VECTORS * D::Base::LANES * depth.next_multiple_of(quad::<D>())
}

/// Rows for four words of a row on the left.
const fn quad<D: Dot>() -> usize {
    4 / D::WORDS * D::KR
}

/// Bytes that a matrix takes, packed for a tier, wherever they start.
fn buffer_len(tier: Tier, k: usize, n: usize) -> usize {
    let shape = tier.run_dot(&mut ShapeOf);
    n.div_ceil(shape.columns).saturating_mul(shape.panel_len(k)).saturating_add(LINE - 1)
}

/// The shape of a tier's products.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// Columns of a panel.
    pub(crate) columns: usize,
    /// Codes of a column for four words on the left.
    quad: usize,
    /// Rows in a step.
    pub(crate) rows: usize,
    /// Rows of the highest tile.
    pub(crate) tallest: usize,
    /// Codes of a row in [`CHUNK`] words.
    pub(crate) chunk: usize,
    /// Codes of a row in whole chunks, and in whole vectors.
    pub(crate) unit: usize,
}

impl Shape {
    /// Bytes of a panel of so many rows.
    pub(crate) fn panel_len(self, depth: usize) -> usize {
        self.columns.saturating_mul(
            depth.div_ceil(self.quad).saturating_mul(self.quad).saturating_add(size_of::<i32>()),
        )
    }
}

/// Words of 32 bits that lie together, of a row on the left, or of as many rows as a step has.
pub(crate) const CHUNK: usize = 16;

/// Codes of a row in a chunk.
pub(crate) const fn chunk_depth<D: Dot>() -> usize {
    CHUNK / D::WORDS * D::KR
}

struct ShapeOf;

impl DotOperation for ShapeOf {
    type Output = Shape;

    #[inline(always)]
    fn simd<D: Dot>(&mut self, _: D) -> Shape {
        Shape {
            columns: NR_VECTORS * D::Base::LANES,
            quad: quad::<D>(),
            rows: D::ROWS,
            tallest: D::MR,
            chunk: chunk_depth::<D>(),
            unit: D::Base::STEP.max(chunk_depth::<D>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A derived clone would keep `start`, which is right for the memory of the original only.
    #[test]
    fn clones_begin_where_cache_lines_do() {
        for tier in Tier::available() {
            let codes = [3_i8, -1, 4, 1, -5, 9];
            let packed = Weights::new(&codes, 2, 3).pack(tier).unwrap();
            let mut memory = [0; 1 << 14];
            let weights = Weights::new(&codes, 2, 3);
            let panels = weights.packed_len(tier) - (LINE - 1);
            for offset in 0..LINE {
                let borrowed = weights.pack_into(tier, &mut memory[offset..]).unwrap();
                // Blocks of memory that lie differently.
                let clones: [_; 8] = core::array::from_fn(|i| {
                    let between = alloc::vec![0_u8; 16 * i + 8];
                    let clone = borrowed.clone().clone();
                    core::hint::black_box(between);
                    clone
                });
                for clone in &clones {
                    assert_eq!(clone.packed.bytes().as_ptr().align_offset(LINE), 0);
                    assert_eq!(clone.packed.bytes()[..panels], packed.packed.bytes()[..panels]);
                }
            }
        }
    }
}
