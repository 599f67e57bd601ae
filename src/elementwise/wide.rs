//! Quantization, dequantization and requantization of 16-bit codes
//!
//! The reciprocals of scales are exact for 256 codes only, so quotients are by division; and zero points are
//! added in 32 bits. The same parameters for all elements are a case of parameters that change along the
//! data: what this costs, the divisions hide.

use super::requantize::{Biased, Product, Real, RoundedTwice, Shifted, words};
use super::stream::{are_large, in_pieces, is_large};
use crate::kernels::map::{Floats, Ints, Map, WideCodes, map};
use crate::kernels::per_axis::{Source, Spread, Uniform, Words, spread};
use crate::simd::{Simd, Wide};
use crate::tier::{Operation, Tier, entries};
use crate::values::code::{Code, of_each_wide_code};
use crate::values::granularity::Layout;
use crate::values::multiplier::{Factors, MultiplierKind, Multipliers};
use crate::values::params::{Grid, QuantParams};
use core::marker::PhantomData;

of_each_wide_code!(entries: QuantizeWide, DequantizeWide, RequantizeWide);

/// The words of the scale, of the zero point, and of the lowest and the highest code in use, less the zero
/// point.
const SCALE: usize = 0;
const ZERO_POINT: usize = 1;
const FLOOR: usize = 2;
const CEIL: usize = 3;

#[derive(Clone, Copy)]
struct Bounded<'a, Q>(&'a [QuantParams<Q>]);

impl<Q: Code> Words<4> for Bounded<'_, Q> {
    #[inline(always)]
    fn words(&self, p: usize) -> [u32; 4] {
        let grid = self.0[p].grid();
        let [floor, ceil] = grid.offsets();
        [grid.scale.to_bits(), grid.zero_point as u32, floor.to_bits(), ceil.to_bits()]
    }
}

pub(super) struct QuantizeWide<'a, Q> {
    pub(super) x: &'a [f32],
    pub(super) params: &'a [QuantParams<Q>],
    pub(super) layout: &'a Layout,
    pub(super) out: &'a mut [Q],
    /// That the whole operation reads and writes, where this is a part.
    pub(super) bytes: usize,
}

impl<Q: Wide> Operation for QuantizeWide<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let mut kernel = Quantized { params: self.params };
        spread(s, &mut kernel, Bounded(self.params), self.layout, self.x, self.out);
    }

    #[inline(always)]
    fn streamed(&mut self, tier: Tier) -> Option<()> {
        if !is_large(self.bytes) || !self.layout.has_long_runs() {
            return None;
        }
        let Self { x, params, layout, .. } = *self;
        in_pieces(tier, layout, x, self.out, |layout, sets, x, out| {
            let params = &params[sets];
            tier.run(&mut QuantizeWide { x, params, layout, out, bytes: 0 });
        });
        Some(())
    }
}

struct Quantized<'a, Q> {
    params: &'a [QuantParams<Q>],
}

impl<S: Simd, Q: Wide> Spread<S> for Quantized<'_, Q> {
    type In = f32;
    type Out = Q;

    #[inline(always)]
    fn uniform(&mut self, s: S, p: usize, x: &[f32], out: &mut [Q]) {
        let words = Bounded(self.params).words(p);
        self.varied(s, Uniform::new(s, words), x, out);
    }

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, x: &[f32], out: &mut [Q]) {
        map(s, Quantize { source, code: PhantomData::<Q> }, x, out);
    }
}

struct Quantize<P, Q> {
    source: P,
    code: PhantomData<Q>,
}

impl<S: Simd, P: Source<S>, Q: Wide> Map<S> for Quantize<P, Q> {
    type In = Floats;
    type Out = WideCodes<Q>;

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
        let [a, b, c, d] = codes;
        [Q::pack(s, a, b), Q::pack(s, c, d)]
    }
}

pub(super) struct DequantizeWide<'a, Q> {
    pub(super) codes: &'a [Q],
    pub(super) params: &'a [QuantParams<Q>],
    pub(super) layout: &'a Layout,
    pub(super) out: &'a mut [f32],
}

impl<Q: Wide> Operation for DequantizeWide<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let mut kernel = Dequantized { params: self.params };
        spread(s, &mut kernel, Bounded(self.params), self.layout, self.codes, self.out);
    }

    #[inline(always)]
    fn streamed(&mut self, tier: Tier) -> Option<()> {
        if !are_large(self.codes, self.out) {
            return None;
        }
        let Self { codes, params, layout, .. } = *self;
        in_pieces(tier, layout, codes, self.out, |layout, sets, codes, out| {
            let params = &params[sets];
            tier.run(&mut DequantizeWide { codes, params, layout, out });
        });
        Some(())
    }
}

struct Dequantized<'a, Q> {
    params: &'a [QuantParams<Q>],
}

impl<S: Simd, Q: Wide> Spread<S> for Dequantized<'_, Q> {
    type In = Q;
    type Out = f32;

    #[inline(always)]
    fn uniform(&mut self, s: S, p: usize, codes: &[Q], out: &mut [f32]) {
        let words = Bounded(self.params).words(p);
        self.varied(s, Uniform::new(s, words), codes, out);
    }

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, codes: &[Q], out: &mut [f32]) {
        map(s, Dequantize { source, code: PhantomData::<Q> }, codes, out);
    }
}

struct Dequantize<P, Q> {
    source: P,
    code: PhantomData<Q>,
}

impl<S: Simd, P: Source<S>, Q: Wide> Map<S> for Dequantize<P, Q> {
    type In = WideCodes<Q>;
    type Out = Floats;

    const ANYWHERE: bool = P::UNIFORM;

    #[inline(always)]
    fn input(&self) -> WideCodes<Q> {
        WideCodes::NEW
    }

    #[inline(always)]
    fn step(&mut self, s: S, codes: [S::I32; 4], at: usize) -> [S::F32; 4] {
        let mut values = [s.splat_f32(0.0); 4];
        for i in 0..4 {
            let offset = s.sub_i32(codes[i], self.source.i32(s, ZERO_POINT, at, i));
            values[i] = s.mul(s.to_f32(offset), self.source.f32(s, SCALE, at, i));
        }
        values
    }
}

pub(super) struct RequantizeWide<'a, Q> {
    pub(super) accumulators: &'a [i32],
    pub(super) multipliers: &'a Multipliers<'a>,
    pub(super) layout: &'a Layout,
    pub(super) grid: &'a Grid,
    pub(super) out: &'a mut [Q],
}

impl<Q: Wide> Operation for RequantizeWide<'_, Q> {
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
    fn streamed(&mut self, tier: Tier) -> Option<()> {
        if !are_large(self.accumulators, self.out) {
            return None;
        }
        let Self { accumulators, multipliers, layout, grid, .. } = *self;
        in_pieces(tier, layout, accumulators, self.out, |layout, channels, accumulators, out| {
            let multipliers = &multipliers.part(channels);
            tier.run(&mut RequantizeWide { accumulators, multipliers, layout, grid, out });
        });
        Some(())
    }
}

impl<Q: Wide> RequantizeWide<'_, Q> {
    #[inline(always)]
    fn by<S: Simd, F: Product>(&mut self, s: S) {
        let (x, out) = (self.accumulators, &mut *self.out);
        let mut kernel = Requantized {
            factors: self.multipliers.factors(),
            grid: self.grid,
            types: PhantomData::<(Q, F)>,
        };
        spread(s, &mut kernel, self.multipliers.factors(), self.layout, x, out);
    }
}

struct Requantized<'a, Q, F> {
    factors: Factors<'a>,
    grid: &'a Grid,
    types: PhantomData<(Q, F)>,
}

impl<S: Simd, Q: Wide, F: Product> Spread<S> for Requantized<'_, Q, F> {
    type In = i32;
    type Out = Q;

    const BY_VECTOR: bool = false;

    #[inline(always)]
    fn uniform(&mut self, s: S, p: usize, x: &[i32], out: &mut [Q]) {
        let (multiplier, bias) = self.factors.of(p);
        self.varied(s, Uniform::new(s, words(multiplier, bias)), x, out);
    }

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, x: &[i32], out: &mut [Q]) {
        let (lo, hi) = (s.splat_i32(self.grid.lo()), s.splat_i32(self.grid.hi()));
        let zero_point = s.splat_i32(self.grid.zero_point);
        let kernel = Requantize::<S, _, Q, F> { source, zero_point, lo, hi, types: PhantomData };
        map(s, kernel, x, out);
    }
}

struct Requantize<S: Simd, P, Q, F> {
    source: P,
    zero_point: S::I32,
    lo: S::I32,
    hi: S::I32,
    types: PhantomData<(Q, F)>,
}

impl<S: Simd, P: Source<S>, Q: Wide, F: Product> Map<S> for Requantize<S, P, Q, F> {
    type In = Ints;
    type Out = WideCodes<Q>;

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
        let [a, b, c, d] = acc;
        [Q::pack(s, a, b), Q::pack(s, c, d)]
    }
}
