//! `q = clamp(rne(f32(acc + bias) · m) + z, lo, hi)`, with a multiplier and a bias for each channel

use super::encode::Encoder;
use super::requantize::{Biased, Kernel, Product, Real, RoundedTwice, Shifted, words};
use super::stream::{are_large, in_pieces};
use super::wide::RequantizeWide;
use crate::error::Error;
use crate::kernels::map::map;
use crate::kernels::per_axis::{Source, Spread, Uniform, Words, spread};
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::code::{Code, of_each_code, of_type};
use crate::values::granularity::Layout;
use crate::values::multiplier::{Factors, MultiplierKind, Multipliers};
use crate::values::params::{Grid, QuantParams};
use core::marker::PhantomData;

impl Tier {
    /// [`requantize`](crate::requantize()) by several multipliers, or with a bias.
    pub(super) fn requantize_each<Q: Code>(
        self,
        accumulators: &[i32],
        multipliers: &Multipliers<'_>,
        params: QuantParams<Q>,
        out: &mut [Q],
    ) -> Result<(), Error> {
        let layout = &multipliers.layout(("accumulators", accumulators.len()))?;
        let grid = params.grid();
        of_type!(Q as T => {
            let out: &mut [T] = bytemuck::cast_slice_mut(out);
            RequantizePerAxis { accumulators, multipliers, layout, grid, out }.on(self);
        }, wide T => {
            let out: &mut [T] = bytemuck::cast_slice_mut(out);
            RequantizeWide { accumulators, multipliers, layout, grid, out }.on(self);
        });
        Ok(())
    }
}

of_each_code!(entries: RequantizePerAxis);

impl Words<5> for Factors<'_> {
    #[inline(always)]
    fn words(&self, p: usize) -> [u32; 5] {
        let (multiplier, bias) = self.of(p);
        words(multiplier, bias)
    }
}

struct RequantizePerAxis<'a, Q> {
    accumulators: &'a [i32],
    multipliers: &'a Multipliers<'a>,
    layout: &'a Layout,
    grid: &'a Grid,
    out: &'a mut [Q],
}

impl<Q: Byte> Operation for RequantizePerAxis<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        use MultiplierKind::{Fixed, FixedDoubleRounding, Real as InReals};
        let multipliers = self.multipliers;
        match (multipliers.kind(), multipliers.are_large(), multipliers.has_bias()) {
            (InReals, false, false) => self.by::<S, Real<false>>(s),
            (Fixed, _, false) => self.by::<S, Shifted<true>>(s),
            (FixedDoubleRounding, _, false) => self.by::<S, RoundedTwice<true>>(s),
            (InReals, ..) => self.by::<S, Biased<Real<true>>>(s),
            (Fixed, _, true) => self.by::<S, Biased<Shifted<true>>>(s),
            (FixedDoubleRounding, _, true) => self.by::<S, Biased<RoundedTwice<true>>>(s),
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
            tier.run(&mut RequantizePerAxis { accumulators, multipliers, layout, grid, out });
        });
        Some(())
    }
}

impl<Q: Byte> RequantizePerAxis<'_, Q> {
    #[inline(always)]
    fn by<S: Simd, F: Product>(&mut self, s: S) {
        let (x, out) = (self.accumulators, &mut *self.out);
        let mut kernel = Each {
            factors: self.multipliers.factors(),
            grid: self.grid,
            code: PhantomData::<Q>,
            product: PhantomData::<F>,
        };
        spread(s, &mut kernel, self.multipliers.factors(), self.layout, x, out);
    }
}

struct Each<'a, Q, F> {
    factors: Factors<'a>,
    grid: &'a Grid,
    code: PhantomData<Q>,
    product: PhantomData<F>,
}

impl<S: Simd, Q: Byte, F: Product> Spread<S> for Each<'_, Q, F> {
    type In = i32;
    type Out = Q;

    const BY_VECTOR: bool = false;

    #[inline(always)]
    fn uniform(&mut self, s: S, p: usize, accumulators: &[i32], out: &mut [Q]) {
        let source = Uniform::new(s, self.factors.words(p));
        map(s, self.kernel(s, source), accumulators, out);
    }

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, accumulators: &[i32], out: &mut [Q]) {
        map(s, self.kernel(s, source), accumulators, out);
    }
}

impl<Q: Byte, F: Product> Each<'_, Q, F> {
    #[inline(always)]
    fn kernel<S: Simd, P: Source<S>>(
        &self,
        s: S,
        source: P,
    ) -> Kernel<S, Q, P, F, true, true, true> {
        Kernel::new(s, source, self.product, Encoder::new(s, self.grid), self.grid)
    }
}
