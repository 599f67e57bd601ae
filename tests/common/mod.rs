//! What the tests share: buffers with guards, and the tiers to run on.
#![allow(dead_code, reason = "not every test uses all of it")]

use zeropoint::{Code, Tier};

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
