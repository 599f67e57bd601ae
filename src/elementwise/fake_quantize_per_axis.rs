//! `y = (clamp(rne(x / s) + z, lo, hi) − z) · s`, with parameters for each channel or block

use super::fake_quantize::{self, Kernel};
use super::quotient::{ByScaleAndBounds, DividedWide, Product, by_reciprocal};
use crate::error::Error;
use crate::kernels::map::{Traffic, map};
use crate::kernels::per_axis::{Source, Spread, spread};
use crate::simd::Simd;
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::code::{Code, of_each_code, of_each_wide_code, of_type};
use crate::values::granularity::{Layout, Sets};
use crate::values::params::QuantParams;

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
        of_type!(Q as T => {
            sets.retyped().each_part(&layout, x.len(), Sets::grid, |params, layout, part| {
                let (x, out) = (&x[part.clone()], &mut out[part]);
                FakeQuantizePerAxis::<T> { x, params, layout, out }.on(self);
            });
        }, wide T => {
            sets.retyped().each_part(&layout, x.len(), Sets::grid, |params, layout, part| {
                let (x, out) = (&x[part.clone()], &mut out[part]);
                FakeQuantizePerAxis::<T> { x, params, layout, out }.on(self);
            });
        });
        Ok(())
    }
}

of_each_code!(entries: FakeQuantizePerAxis);
of_each_wide_code!(entries: FakeQuantizePerAxis);

struct FakeQuantizePerAxis<'a, Q> {
    x: &'a [f32],
    params: &'a [QuantParams<Q>],
    layout: &'a Layout,
    out: &'a mut [f32],
}

impl<Q: Code> Operation for FakeQuantizePerAxis<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let Self { x, params, layout, .. } = *self;
        let traffic = Traffic::of(s, size_of_val(x) + size_of_val(self.out));
        let mut exact = true;
        for p in 0..params.len() {
            // To leave here keeps the compiler from vectors, which it would gather word by word.
            if !by_reciprocal::<S>(params[p].grid()) {
                exact = false;
                break;
            }
        }
        let mut kernel = Each { params, exact };
        let words = ByScaleAndBounds(params);
        spread(s, &mut kernel, words, layout, x, self.out, &traffic);
    }
}

/// `exact`: all scales have an exact reciprocal.
struct Each<'a, Q> {
    params: &'a [QuantParams<Q>],
    exact: bool,
}

impl<S: Simd, Q: Code> Spread<S> for Each<'_, Q> {
    type In = f32;
    type Out = f32;

    #[inline(always)]
    fn uniform(&mut self, s: S, p: usize, x: &[f32], out: &mut [f32], traffic: &Traffic<S>) {
        fake_quantize::uniform(s, self.params[p].grid(), x, out, traffic);
    }

    #[inline(always)]
    fn varied(
        &mut self,
        s: S,
        source: impl Source<S>,
        x: &[f32],
        out: &mut [f32],
        traffic: &Traffic<S>,
    ) {
        if self.exact {
            let kernel = Kernel::<_, _, Product>::new(s, source);
            map(s, kernel, x, out, traffic);
        } else {
            let kernel = Kernel::<_, _, DividedWide>::new(s, source);
            map(s, kernel, x, out, traffic);
        }
    }
}
