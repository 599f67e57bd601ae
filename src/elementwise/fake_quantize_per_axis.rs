//! `y = (clamp(rne(x / s) + z, lo, hi) − z) · s`, with parameters for each channel or block

use super::fake_quantize::{self, Kernel};
use super::quotient::{DividedWide, Product, by_reciprocal, words_and_bounds};
use super::stream::{bytes_of, in_pieces};
use crate::error::Error;
use crate::kernels::map::map;
use crate::kernels::per_axis::{LaneParams, PerAxis, Source, run_per_axis};
use crate::simd::Simd;
use crate::tier::{Entry, Operation, Pieces, Tier, entries};
use crate::values::code::Code;
use crate::values::code::sealed::Params as ErasedParams;
use crate::values::granularity::{Layout, Sets};

impl Tier {
    /// [`fake_quantize`](crate::fake_quantize()) by several sets of parameters.
    pub(super) fn fake_quantize_each<Q: Code>(
        self,
        x: &[f32],
        sets: Sets<'_, Q>,
        out: &mut [f32],
    ) -> Result<(), Error> {
        let layout = sets.layout(("x", x.len()))?;
        sets.check()?;
        sets.each_part(&layout, x.len(), Sets::raw, |params, layout, part| {
            let (x, out) = (&x[part.clone()], &mut out[part]);
            let params = Q::erase_params(params);
            FakeQuantizePerAxis { x, params, layout, out }.on(self);
        });
        Ok(())
    }
}

entries!(FakeQuantizePerAxis<'_>);

struct FakeQuantizePerAxis<'a> {
    x: &'a [f32],
    params: ErasedParams<'a>,
    layout: &'a Layout,
    out: &'a mut [f32],
}

impl Operation for FakeQuantizePerAxis<'_> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let Self { x, params, layout, .. } = *self;
        let mut exact = true;
        for p in 0..params.len() {
            // To leave here keeps the compiler from vectors, which it would gather word by word.
            if !by_reciprocal::<S>(params.raw(p)) {
                exact = false;
                break;
            }
        }
        let mut kernel = Each { params, exact };
        run_per_axis(s, &mut kernel, params, layout, x, self.out);
    }

    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<()> {
        let Self { x, params, layout, .. } = *self;
        in_pieces(tier, by, bytes_of(x, self.out), layout, x, self.out, |layout, sets, x, out| {
            let params = params.part(sets);
            tier.run(&mut FakeQuantizePerAxis { x, params, layout, out });
        })
    }
}

impl LaneParams<6> for ErasedParams<'_> {
    #[inline(always)]
    fn words(&self, p: usize) -> [u32; 6] {
        words_and_bounds(self.raw(p))
    }
}

/// `exact`: all scales have an exact reciprocal.
struct Each<'a> {
    params: ErasedParams<'a>,
    exact: bool,
}

impl<S: Simd> PerAxis<S> for Each<'_> {
    type In = f32;
    type Out = f32;

    #[inline(always)]
    fn uniform<W: LaneParams<N>, const N: usize>(
        &mut self,
        s: S,
        _: W,
        p: usize,
        x: &[f32],
        out: &mut [f32],
    ) {
        fake_quantize::uniform(s, self.params.raw(p), x, out);
    }

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, x: &[f32], out: &mut [f32]) {
        if self.exact {
            let kernel = Kernel::<_, _, Product>::new(s, source);
            map(s, kernel, x, out);
        } else {
            let kernel = Kernel::<_, _, DividedWide>::new(s, source);
            map(s, kernel, x, out);
        }
    }
}
