//! Activations, quantized row by row, in memory that is used again and again.

use super::packed::first_line;
use crate::error::Error;
use crate::simd::LINE;
use crate::tier::Tier;
use crate::values::code::Code8;
use crate::values::params::{QuantParams, Scheme};
use crate::values::rows::Rows;

/// How `f32` activations become codes: dynamically, each row (each token) by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activations {
    /// Codes of `u8` by [`Scheme::affine`].
    #[default]
    AffineU8,
    /// Codes of `i8` by [`Scheme::symmetric`].
    SymmetricI8,
}

/// Memory for quantized activations, for one call after the other: that of layers that run after each other
/// is the same.
///
/// It grows when it is too small ([`Scratch::new`]), or is a buffer of the caller's ([`Scratch::over`]).
#[derive(Debug)]
pub struct Scratch<'s>(Memory<'s>);

#[derive(Debug)]
enum Memory<'s> {
    #[cfg(feature = "alloc")]
    Owned(alloc::vec::Vec<u8>),
    Borrowed(&'s mut [u8]),
}

impl Memory<'_> {
    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            #[cfg(feature = "alloc")]
            Self::Owned(bytes) => bytes,
            Self::Borrowed(bytes) => bytes,
        }
    }
}

#[cfg(feature = "alloc")]
impl Scratch<'static> {
    /// Memory that grows as it is needed, and has none at first.
    #[must_use]
    pub const fn new() -> Self {
        Self(Memory::Owned(alloc::vec::Vec::new()))
    }
}

#[cfg(feature = "alloc")]
impl Default for Scratch<'static> {
    fn default() -> Self {
        Self::new()
    }
}

/// Rows whose parameters are found at a time.
const TOGETHER: usize = 32;

impl<'s> Scratch<'s> {
    /// This buffer, which does not grow: [`Scratch::bytes`] says how long it must be.
    #[must_use]
    pub const fn over(buffer: &'s mut [u8]) -> Self {
        Self(Memory::Borrowed(buffer))
    }

    /// The bytes that `m` rows of `k` elements need.
    #[must_use]
    pub const fn bytes(m: usize, k: usize) -> usize {
        let codes = m.saturating_mul(k).div_ceil(LINE).saturating_mul(LINE);
        let params = m.saturating_mul(size_of::<f32>() + 1);
        codes.saturating_add(params).saturating_add(LINE - 1)
    }

    /// Quantizes the rows of `x`, which have `k` elements each, for one or more layers: those for Q, K and V,
    /// for instance.
    ///
    /// A row with a NaN or an infinity makes rows of `f32::NAN`, and the others are what they are without
    /// it.
    ///
    /// # Errors
    /// [`Error::Rows`] if `x` is not whole rows of `k`; [`Error::Buffer`] if the buffer is too small, or there
    /// is no memory.
    pub fn quantize<'t, 'x>(
        &'t mut self,
        x: impl Into<Rows<'x, f32>>,
        k: usize,
        by: Activations,
    ) -> Result<Input<'t>, Error> {
        let x = x.into();
        let m = x.count("x", k)?.unwrap_or(0);
        let x = x.checked("x", m, k)?;
        self.quantize_on(Tier::best(), x, by, [m, k])
    }

    /// The same on this tier, of `m` rows of `k` elements, with their stride.
    pub(super) fn quantize_on<'t>(
        &'t mut self,
        tier: Tier,
        x: (&[f32], usize),
        by: Activations,
        [m, k]: [usize; 2],
    ) -> Result<Input<'t>, Error> {
        let (codes, params) = self.reserve(m, k)?.split_at_mut(m * k);
        let (scales, zero_points) =
            params[(m * k).next_multiple_of(LINE) - m * k..].split_at_mut(4 * m);
        let scales: &mut [f32] = bytemuck::cast_slice_mut(scales);
        let zero_points = &mut zero_points[..m];
        let is_signed = match by {
            Activations::AffineU8 => {
                let scheme = Scheme::<u8>::affine();
                rows(tier, scheme, x, k, codes, scales, zero_points)?;
                false
            }
            Activations::SymmetricI8 => {
                let scheme = Scheme::<i8>::symmetric();
                rows(tier, scheme, x, k, codes, scales, zero_points)?;
                true
            }
        };
        Ok(Input { codes, scales, zero_points, is_signed, k })
    }

    /// What [`Scratch::bytes`] says, from the start of a cache line on.
    fn reserve(&mut self, m: usize, k: usize) -> Result<&mut [u8], Error> {
        let needed = Self::bytes(m, k);
        #[cfg(feature = "alloc")]
        if let Memory::Owned(bytes) = &mut self.0
            && bytes.len() < needed
        {
            let there = bytes.len();
            bytes
                .try_reserve_exact(needed - there)
                .map_err(|_| Error::Buffer { bytes: there, needed })?;
            bytes.resize(needed, 0);
        }
        let bytes = self.0.bytes_mut();
        if bytes.len() < needed {
            return Err(Error::Buffer { bytes: bytes.len(), needed });
        }
        let start = first_line(bytes);
        Ok(&mut bytes[start..])
    }
}

/// Quantizes rows of `k` elements, and keeps the scale of one that is not finite as NaN.
fn rows<A: Code8>(
    tier: Tier,
    scheme: Scheme<A>,
    (x, stride): (&[f32], usize),
    k: usize,
    codes: &mut [u8],
    scales: &mut [f32],
    zero_points: &mut [u8],
) -> Result<(), Error> {
    let codes: &mut [A] = bytemuck::must_cast_slice_mut(codes);
    let zero_points: &mut [A] = bytemuck::must_cast_slice_mut(zero_points);
    let mut params = [QuantParams::default(); TOGETHER];
    let mut top = 0;
    while top < scales.len() {
        let m = TOGETHER.min(scales.len() - top);
        let (x, params) = (&x[top * stride..], &mut params[..m]);
        let codes = &mut codes[top * k..][..m * k];
        let not_finite =
            tier.quantize_each_long_row((x, stride), k, scheme.of_finite(), params, (codes, k))?;
        for r in 0..m {
            scales[top + r] = params[r].scale();
            zero_points[top + r] = params[r].zero_point();
        }
        for r in not_finite.unwrap_or(m)..m {
            if !x[r * stride..][..k].iter().all(|x| x.is_finite()) {
                scales[top + r] = f32::NAN;
            }
        }
        top += m;
    }
    Ok(())
}

/// Activations that [`Scratch::quantize`] has quantized.
#[derive(Clone, Copy, Debug)]
pub struct Input<'t> {
    codes: &'t [u8],
    scales: &'t [f32],
    zero_points: &'t [u8],
    is_signed: bool,
    k: usize,
}

impl<'t> Input<'t> {
    /// The rows, M.
    #[must_use]
    pub fn m(&self) -> usize {
        self.scales.len()
    }

    /// The elements of a row, K.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
    }

    /// The codes, the scale of each row and its zero point, if the codes are of this type. The scale of a row
    /// that is not finite is NaN.
    #[must_use]
    pub fn parts<A: Code8>(&self) -> Option<(&'t [A], &'t [f32], &'t [A])> {
        (self.is_signed == A::SIGNED).then(|| {
            let zero_points = bytemuck::must_cast_slice(self.zero_points);
            (bytemuck::must_cast_slice(self.codes), self.scales, zero_points)
        })
    }
}
