//! Quantization, dequantization and requantization of 16-bit codes
//!
//! The reciprocals of scales are exact for 256 codes only, so quotients are by division; and zero points are
//! added in 32 bits. The same parameters for all elements are a case of parameters that change along the
//! data: what this costs, the divisions hide.

use super::requantize::{Biased, Product, Real, RoundedTwice, Shifted};
use super::requantize_per_axis::RequantizePerAxis;
use super::stream::{bytes_of, in_pieces};
use crate::kernels::map::{Floats, Ints, Map, WideCodes, map};
use crate::kernels::per_axis::{LaneParams, PerAxis, Source, run_per_axis};
use crate::simd::Simd;
use crate::tier::{Operation, Pieces, Tier, entries};
use crate::values::code::sealed::Params as ErasedParams;
use crate::values::granularity::Layout;
use crate::values::multiplier::MultiplierKind;
use core::marker::PhantomData;

entries!(QuantizeWide<'_>, DequantizeWide<'_>);

/// By so much unsigned codes are more than signed ones of the same bits but the first.
const FLIP: i32 = 1 << 15;

/// The words of the scale, of the zero point, and of the lowest and the highest code in use, less the zero
/// point.
const SCALE: usize = 0;
const ZERO_POINT: usize = 1;
const FLOOR: usize = 2;
const CEIL: usize = 3;

#[derive(Clone, Copy)]
struct Bounded<'a> {
    params: ErasedParams<'a>,
    /// What is added to the zero points.
    shift: i32,
}

impl LaneParams<4> for Bounded<'_> {
    #[inline(always)]
    fn words(&self, p: usize) -> [u32; 4] {
        let raw = self.params.raw(p);
        let [floor, ceil] = raw.offsets();
        let zero_point = raw.zero_point + self.shift;
        [raw.scale.to_bits(), zero_point as u32, floor.to_bits(), ceil.to_bits()]
    }
}

/// What makes unsigned codes of signed ones, in each of the two halves of 32 bits.
#[inline(always)]
fn flip<S: Simd>(s: S, are_flipped: bool) -> S::U8 {
    bytemuck::must_cast(s.splat_i32(if are_flipped { FLIP << 16 | FLIP } else { 0 }))
}

pub(super) struct QuantizeWide<'a> {
    pub(super) x: &'a [f32],
    pub(super) params: ErasedParams<'a>,
    pub(super) layout: &'a Layout,
    /// As unsigned ones, whatever they are.
    pub(super) out: &'a mut [u16],
    /// That the whole operation reads and writes, where this is a part.
    pub(super) bytes: usize,
}

impl Operation for QuantizeWide<'_> {
    type Output = ();

    /// Unsigned codes are made as signed ones, and flipped.
    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let are_flipped = !self.params.are_signed();
        let shift = if are_flipped { -FLIP } else { 0 };
        let words = Bounded { params: self.params, shift };
        let mut kernel = Quantize { source: (), flip: flip(s, are_flipped) };
        run_per_axis(s, &mut kernel, words, self.layout, self.x, self.out);
    }

    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<()> {
        let bytes = if self.layout.has_long_runs() { self.bytes } else { 0 };
        let Self { x, params, layout, .. } = *self;
        in_pieces(tier, by, bytes, layout, x, self.out, |layout, sets, x, out| {
            let params = params.part(sets);
            tier.run(&mut QuantizeWide { x, params, layout, out, bytes: 0 });
        })
    }
}

struct Quantize<S: Simd, P> {
    source: P,
    flip: S::U8,
}

impl<S: Simd> PerAxis<S> for Quantize<S, ()> {
    type In = f32;
    type Out = u16;

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, x: &[f32], out: &mut [u16]) {
        map(s, Quantize::<S, _> { source, flip: self.flip }, x, out);
    }
}

impl<S: Simd, P: Source<S>> Map<S> for Quantize<S, P> {
    type In = Floats;
    type Out = WideCodes;

    const ANYWHERE: bool = P::UNIFORM;

    #[inline(always)]
    fn input(&self) -> Floats {
        Floats
    }

    /// The bounds are integers, so clamping may come before rounding.
    #[inline(always)]
    fn step(&mut self, s: S, x: [S::F32; 4], at: usize) -> [S::U8; 2] {
        let mut codes = [s.splat_i32(0); 4];
        for i in 0..4 {
            let quotient = s.div(x[i], self.source.f32(s, SCALE, at, i));
            let floor = self.source.f32(s, FLOOR, at, i);
            let ceil = self.source.f32(s, CEIL, at, i);
            let offset = s.round(s.zero_where_nan(s.clamp(quotient, floor, ceil), x[i]));
            codes[i] = s.add_i32(offset, self.source.i32(s, ZERO_POINT, at, i));
        }
        packed(s, codes, self.flip)
    }
}

/// Signed codes, flipped.
#[inline(always)]
fn packed<S: Simd>(s: S, [a, b, c, d]: [S::I32; 4], flip: S::U8) -> [S::U8; 2] {
    [s.xor_u8(s.pack_i16(a, b), flip), s.xor_u8(s.pack_i16(c, d), flip)]
}

pub(super) struct DequantizeWide<'a> {
    /// As unsigned ones, whatever they are.
    pub(super) codes: &'a [u16],
    pub(super) params: ErasedParams<'a>,
    pub(super) layout: &'a Layout,
    pub(super) out: &'a mut [f32],
}

impl Operation for DequantizeWide<'_> {
    type Output = ();

    /// Signed codes are flipped, and then used as unsigned ones.
    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let shift = if self.params.are_signed() { FLIP } else { 0 };
        let words = Bounded { params: self.params, shift };
        let mut kernel = Dequantize::<S, _> { source: (), flip: s.splat_i32(shift) };
        run_per_axis(s, &mut kernel, words, self.layout, self.codes, self.out);
    }

    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<()> {
        let Self { codes, params, layout, .. } = *self;
        in_pieces(
            tier,
            by,
            bytes_of(codes, self.out),
            layout,
            codes,
            self.out,
            |layout, sets, codes, out| {
                let params = params.part(sets);
                tier.run(&mut DequantizeWide { codes, params, layout, out });
            },
        )
    }
}

struct Dequantize<S: Simd, P> {
    source: P,
    flip: S::I32,
}

impl<S: Simd> PerAxis<S> for Dequantize<S, ()> {
    type In = u16;
    type Out = f32;

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, codes: &[u16], out: &mut [f32]) {
        map(s, Dequantize::<S, _> { source, flip: self.flip }, codes, out);
    }
}

impl<S: Simd, P: Source<S>> Map<S> for Dequantize<S, P> {
    type In = WideCodes;
    type Out = Floats;

    const ANYWHERE: bool = P::UNIFORM;

    #[inline(always)]
    fn input(&self) -> WideCodes {
        WideCodes
    }

    #[inline(always)]
    fn step(&mut self, s: S, codes: [S::I32; 4], at: usize) -> [S::F32; 4] {
        let mut values = [s.splat_f32(0.0); 4];
        let flip = bytemuck::must_cast(self.flip);
        for i in 0..4 {
            let code = bytemuck::must_cast(s.xor_u8(bytemuck::must_cast(codes[i]), flip));
            let offset = s.sub_i32(code, self.source.i32(s, ZERO_POINT, at, i));
            values[i] = s.mul(s.to_f32(offset), self.source.f32(s, SCALE, at, i));
        }
        values
    }
}

impl Operation for RequantizePerAxis<'_, u16> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        match self.multipliers.kind() {
            MultiplierKind::Real => self.by::<S, Biased<Real<true>>>(s),
            MultiplierKind::Fixed => self.by::<S, Biased<Shifted<true>>>(s),
            MultiplierKind::FixedDoubleRounding => self.by::<S, Biased<RoundedTwice<true>>>(s),
        }
    }

    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<()> {
        self.piece_by_piece(tier, by)
    }
}

impl RequantizePerAxis<'_, u16> {
    #[inline(always)]
    fn by<S: Simd, F: Product>(&mut self, s: S) {
        let raw = self.raw.shifted(if self.are_signed { 0 } else { -FLIP });
        let mut kernel = Requantize::<S, _, F> {
            source: (),
            zero_point: s.splat_i32(raw.zero_point),
            lo: s.splat_i32(raw.lo()),
            hi: s.splat_i32(raw.hi()),
            flip: flip(s, !self.are_signed),
            product: PhantomData,
        };
        let (words, x) = (self.multipliers.factors(), self.accumulators);
        run_per_axis(s, &mut kernel, words, self.layout, x, self.out);
    }
}

struct Requantize<S: Simd, P, F> {
    source: P,
    zero_point: S::I32,
    lo: S::I32,
    hi: S::I32,
    flip: S::U8,
    product: PhantomData<F>,
}

impl<S: Simd, F: Product> PerAxis<S> for Requantize<S, (), F> {
    type In = i32;
    type Out = u16;

    const BY_VECTOR: bool = false;

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, x: &[i32], out: &mut [u16]) {
        let Self { zero_point, lo, hi, flip, product, .. } = *self;
        map(s, Requantize::<S, _, F> { source, zero_point, lo, hi, flip, product }, x, out);
    }
}

impl<S: Simd, P: Source<S>, F: Product> Map<S> for Requantize<S, P, F> {
    type In = Ints;
    type Out = WideCodes;

    const ANYWHERE: bool = P::UNIFORM;

    #[inline(always)]
    fn input(&self) -> Ints {
        Ints
    }

    #[inline(always)]
    fn step(&mut self, s: S, mut acc: [S::I32; 4], at: usize) -> [S::U8; 2] {
        for i in 0..4 {
            let product = F::of(s, &self.source, acc[i], at, i);
            let code = s.add_saturated_i32(product, self.zero_point);
            acc[i] = s.clamp_i32(code, self.lo, self.hi);
        }
        packed(s, acc, self.flip)
    }
}
