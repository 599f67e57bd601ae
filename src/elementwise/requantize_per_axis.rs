//! `q = clamp(rne(f32(acc + bias) · m) + z, lo, hi)`, with a multiplier and a bias for each channel

use super::encode::AnyEncoder;
use super::requantize::{Biased, Kernel, Product, Real, RoundedTwice, Shifted, words};
use super::stream::{are_large, in_pieces};
use super::wide::RequantizeWide;
use crate::error::Error;
use crate::kernels::map::map;
use crate::kernels::per_axis::{LaneParams, PerAxis, Source, Uniform, run_per_axis};
use crate::simd::Simd;
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::code::Code;
use crate::values::granularity::Layout;
use crate::values::multiplier::{Factors, MultiplierKind, Multipliers};
use crate::values::params::{QuantParams, RawParams};
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
        let (raw, are_signed) = (params.raw(), Q::SIGNED);
        if const { size_of::<Q>() == 1 } {
            let out = bytemuck::cast_slice_mut(out);
            RequantizePerAxis { accumulators, multipliers, layout, raw, are_signed, out }.on(self);
        } else {
            let out = bytemuck::cast_slice_mut(out);
            RequantizeWide { accumulators, multipliers, layout, raw, are_signed, out }.on(self);
        }
        Ok(())
    }
}

entries!(RequantizePerAxis<'_>);

impl LaneParams<5> for Factors<'_> {
    #[inline(always)]
    fn words(&self, p: usize) -> [u32; 5] {
        let (multiplier, bias) = self.of(p);
        words(multiplier, bias)
    }
}

struct RequantizePerAxis<'a> {
    accumulators: &'a [i32],
    multipliers: &'a Multipliers<'a>,
    layout: &'a Layout,
    raw: &'a RawParams,
    /// Whether the codes are `i8`.
    are_signed: bool,
    out: &'a mut [u8],
}

impl Operation for RequantizePerAxis<'_> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        use MultiplierKind::{Fixed, FixedDoubleRounding, Real as InReals};
        let multipliers = self.multipliers;
        // What the last ones do with other multipliers changes nothing.
        let is_plain =
            const { S::HAS_VARIANTS } && !multipliers.has_bias() && !multipliers.are_large();
        match (multipliers.kind(), is_plain) {
            (InReals, true) => self.by::<S, Real<false>>(s),
            (Fixed, true) => self.by::<S, Shifted<false>>(s),
            (FixedDoubleRounding, true) => self.by::<S, RoundedTwice<false>>(s),
            (InReals, false) => self.by::<S, Biased<Real<true>>>(s),
            (Fixed, false) => self.by::<S, Biased<Shifted<true>>>(s),
            (FixedDoubleRounding, false) => self.by::<S, Biased<RoundedTwice<true>>>(s),
        }
    }

    #[inline(always)]
    fn streamed(&mut self, tier: Tier) -> Option<()> {
        if !are_large(self.accumulators, self.out) {
            return None;
        }
        let Self { accumulators, multipliers, layout, raw, are_signed, .. } = *self;
        in_pieces(tier, layout, accumulators, self.out, |layout, channels, accumulators, out| {
            let multipliers = &multipliers.part(channels);
            tier.run(&mut RequantizePerAxis {
                accumulators,
                multipliers,
                layout,
                raw,
                are_signed,
                out,
            });
        });
        Some(())
    }
}

impl RequantizePerAxis<'_> {
    #[inline(always)]
    fn by<S: Simd, F: Product>(&mut self, s: S) {
        let mut kernel = Each {
            factors: self.multipliers.factors(),
            encoder: AnyEncoder::new(s, self.raw, self.are_signed),
            product: PhantomData::<F>,
        };
        let (words, x) = (self.multipliers.factors(), self.accumulators);
        run_per_axis(s, &mut kernel, words, self.layout, x, self.out);
    }
}

struct Each<'a, S: Simd, F> {
    factors: Factors<'a>,
    encoder: AnyEncoder<S>,
    product: PhantomData<F>,
}

impl<S: Simd, F: Product> PerAxis<S> for Each<'_, S, F> {
    type In = i32;
    type Out = u8;

    const BY_VECTOR: bool = false;

    #[inline(always)]
    fn uniform(&mut self, s: S, p: usize, x: &[i32], out: &mut [u8]) {
        self.varied(s, Uniform::new(s, self.factors.words(p)), x, out);
    }

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, x: &[i32], out: &mut [u8]) {
        let Self { encoder, product, .. } = *self;
        map(s, Kernel { source, encoder, product }, x, out);
    }
}
