//! `q = clamp(rne(f32(acc + bias) · m) + z, lo, hi)`, with a multiplier and a bias for each channel

use super::encode::AnyEncoder;
use super::requantize::{Biased, Kernel, Product, Real, RoundedTwice, Shifted, words};
use super::stream::{bytes_of, in_pieces};
use crate::error::Error;
use crate::kernels::map::map;
use crate::kernels::per_axis::{LaneParams, PerAxis, Source, run_per_axis};
use crate::simd::Simd;
use crate::tier::{Entry, Operation, Pieces, Tier, entries};
use crate::values::code::Code;
use crate::values::granularity::Layout;
use crate::values::multiplier::{Factors, MultiplierKind, Multipliers};
use crate::values::params::{QuantParams, RawParams};
use bytemuck::Pod;
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
            let out: &mut [u8] = bytemuck::cast_slice_mut(out);
            RequantizePerAxis { accumulators, multipliers, layout, raw, are_signed, out }.on(self);
        } else {
            let out: &mut [u16] = bytemuck::cast_slice_mut(out);
            RequantizePerAxis { accumulators, multipliers, layout, raw, are_signed, out }.on(self);
        }
        Ok(())
    }
}

entries!(RequantizePerAxis<'_, u8>, RequantizePerAxis<'_, u16>);

impl LaneParams<5> for Factors<'_> {
    #[inline(always)]
    fn words(&self, p: usize) -> [u32; 5] {
        let (multiplier, bias) = self.of(p);
        words(multiplier, bias)
    }
}

/// To codes of 8 or 16 bits, as unsigned ones, whatever they are.
pub(super) struct RequantizePerAxis<'a, T> {
    pub(super) accumulators: &'a [i32],
    pub(super) multipliers: &'a Multipliers<'a>,
    pub(super) layout: &'a Layout,
    pub(super) raw: &'a RawParams,
    pub(super) are_signed: bool,
    pub(super) out: &'a mut [T],
}

impl<T: Pod + Send> RequantizePerAxis<'_, T>
where
    for<'a> RequantizePerAxis<'a, T>: Operation<Output = ()>,
{
    #[inline(always)]
    pub(super) fn piece_by_piece(&mut self, tier: Tier, by: Pieces) -> Option<()> {
        let Self { accumulators, multipliers, layout, raw, are_signed, .. } = *self;
        in_pieces(
            tier,
            by,
            bytes_of(accumulators, self.out),
            layout,
            accumulators,
            self.out,
            |layout, channels, accumulators, out| {
                let multipliers = &multipliers.part(channels);
                let mut piece =
                    RequantizePerAxis { accumulators, multipliers, layout, raw, are_signed, out };
                tier.run(&mut piece);
            },
        )
    }
}

impl Operation for RequantizePerAxis<'_, u8> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        use MultiplierKind::{Fixed, FixedDoubleRounding, Real as InReals};
        let multipliers = self.multipliers;
        // The last three are right for all multipliers, and slower.
        let is_plain =
            const { S::HAS_VARIANTS } && multipliers.bias().is_none() && !multipliers.are_large();
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
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<()> {
        self.piece_by_piece(tier, by)
    }
}

impl RequantizePerAxis<'_, u8> {
    #[inline(always)]
    fn by<S: Simd, F: Product>(&mut self, s: S) {
        let encoder = AnyEncoder::new(s, self.raw, self.are_signed);
        let mut kernel = Kernel { source: (), encoder, product: PhantomData::<F> };
        let (words, x) = (self.multipliers.factors(), self.accumulators);
        run_per_axis(s, &mut kernel, words, self.layout, x, self.out);
    }
}

impl<S: Simd, F: Product> PerAxis<S> for Kernel<(), F, AnyEncoder<S>> {
    type In = i32;
    type Out = u8;

    const BY_VECTOR: bool = false;

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, x: &[i32], out: &mut [u8]) {
        let Self { encoder, product, .. } = *self;
        map(s, Kernel { source, encoder, product }, x, out);
    }
}
