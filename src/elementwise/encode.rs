//! From integers to codes: `clamp(n + z, lo, hi)`, the last part of every operation that ends in
//! codes.

use crate::simd::{Byte, Simd};
use crate::values::params::RawParams;
use core::marker::PhantomData;

/// The codes in use, the same for all elements. `SHIFT`: the zero point is not 0. `FLOOR`, `CEIL`: the
/// lowest and the highest code in use may not be those of the type.
#[derive(Clone, Copy)]
pub(crate) struct Encoder<S: Simd, Q, const SHIFT: bool, const FLOOR: bool, const CEIL: bool> {
    lo: S::U8,
    hi: S::U8,
    code: PhantomData<Q>,
}

impl<S: Simd, Q: Byte, const SHIFT: bool, const FLOOR: bool, const CEIL: bool>
    Encoder<S, Q, SHIFT, FLOOR, CEIL>
{
    #[inline(always)]
    pub(crate) fn new(s: S, raw: &RawParams) -> Self {
        Self { lo: s.splat_u8(raw.lo() as u8), hi: s.splat_u8(raw.hi() as u8), code: PhantomData }
    }

    /// The codes of integers that `narrow_i32` has saturated, and so have the zero points.
    #[inline(always)]
    pub(crate) fn codes(
        &self,
        s: S,
        [mut low, mut high]: [S::I16; 2],
        zero_points: [S::I16; 2],
    ) -> S::U8 {
        if SHIFT {
            low = s.add_i16(low, zero_points[0]);
            high = s.add_i16(high, zero_points[1]);
        }
        let mut codes = Q::narrow(s, low, high);
        if FLOOR {
            codes = Q::larger(s, codes, self.lo);
        }
        if CEIL {
            codes = Q::smaller(s, codes, self.hi);
        }
        codes
    }
}

/// What makes codes of integers.
pub(crate) trait Encodes<S: Simd>: Copy {
    /// The codes, as bytes, of integers that `narrow_i32` has saturated.
    fn bytes(&self, s: S, integers: [S::I16; 2]) -> S::U8;
}

/// An encoder, and the zero point.
#[derive(Clone, Copy)]
pub(crate) struct Shifting<S: Simd, E> {
    encoder: E,
    zero_point: S::I16,
}

impl<S: Simd, E> Shifting<S, E> {
    #[inline(always)]
    pub(crate) fn new(s: S, encoder: E, raw: &RawParams) -> Self {
        Self { encoder, zero_point: s.splat_i16(raw.zero_point as i16) }
    }
}

impl<S: Simd, Q: Byte, const SHIFT: bool, const FLOOR: bool, const CEIL: bool> Encodes<S>
    for Shifting<S, Encoder<S, Q, SHIFT, FLOOR, CEIL>>
{
    #[inline(always)]
    fn bytes(&self, s: S, integers: [S::I16; 2]) -> S::U8 {
        self.encoder.codes(s, integers, [self.zero_point; 2])
    }
}

/// An encoder for codes of either type, as unsigned ones: signed codes are 128 less, and so is their zero
/// point.
#[derive(Clone, Copy)]
pub(crate) struct AnyEncoder<S: Simd> {
    unsigned: Shifting<S, Encoder<S, u8, true, true, true>>,
    flip: S::U8,
}

impl<S: Simd> AnyEncoder<S> {
    #[inline(always)]
    pub(crate) fn new(s: S, raw: &RawParams, are_signed: bool) -> Self {
        let (to_unsigned, flip) = if are_signed { (128, 0x80) } else { (0, 0) };
        let raw = &raw.shifted(to_unsigned);
        let encoder = Encoder::new(s, raw);
        Self { unsigned: Shifting::new(s, encoder, raw), flip: s.splat_u8(flip) }
    }
}

impl<S: Simd> Encodes<S> for AnyEncoder<S> {
    #[inline(always)]
    fn bytes(&self, s: S, integers: [S::I16; 2]) -> S::U8 {
        s.xor_u8(self.unsigned.bytes(s, integers), self.flip)
    }
}

/// What is done with an encoder.
pub(crate) trait Encode<S: Simd, Q> {
    fn with<const SHIFT: bool, const FLOOR: bool, const CEIL: bool>(
        self,
        s: S,
        encoder: Encoder<S, Q, SHIFT, FLOOR, CEIL>,
    );
}

/// Runs `then` with the simplest encoder that does for these parameters.
#[inline(always)]
pub(crate) fn encode<S: Simd, Q: Byte>(s: S, raw: &RawParams, then: impl Encode<S, Q>) {
    if const { S::HAS_VARIANTS } {
        let from_lowest = Q::MIN.into() == raw.lo();
        let to_highest = Q::MAX.into() == raw.hi();
        if to_highest && raw.zero_point == 0 {
            return then.with(s, Encoder::<S, Q, false, true, false>::new(s, raw));
        }
        if to_highest && from_lowest {
            return then.with(s, Encoder::<S, Q, true, false, false>::new(s, raw));
        }
    }
    then.with(s, Encoder::<S, Q, true, true, true>::new(s, raw));
}
