//! `y = (clamp(rne(x / s) + z, lo, hi) − z) · s`, with parameters for each channel or block

use super::fake_quantize::{self, Kernel};
use super::quotient::{ByScaleAndBounds, Divided, Product, by_reciprocal};
use crate::error::{Error, one_for_each};
use crate::kernels::map::{Traffic, map};
use crate::kernels::per_axis::{Source, Spread, spread};
use crate::simd::Simd;
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::code::{Code, of_each_code, of_type, params_as};
use crate::values::granularity::{Blocks, Layout};
use crate::values::params::QuantParams;

/// [`fake_quantize`](crate::fake_quantize()) with parameters for each channel.
///
/// `x` is seen as `[outer, channels, inner]`; the channel `c` has `params[c]`: see
/// [`quantize_channels`](crate::quantize_channels()).
///
/// # Errors
/// [`Error::Length`] if `x` and `out` differ in length; [`Error::Shape`] if that is not a
/// multiple of `params.len() · inner`.
///
/// ```
/// # use zeropoint::{QuantParams, fake_quantize_channels};
/// let params = [QuantParams::<i8>::new(0.5, 0)?, QuantParams::new(2.0, -10)?];
/// let mut y = [0.0; 4];
/// fake_quantize_channels(&[1.1, 1.1, 4.2, 500.0], &params, 1, &mut y)?; // x[outer][channel]
/// assert_eq!(y, [1.0, 2.0, 4.0, 274.0]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn fake_quantize_channels<Q: Code>(
    x: &[f32],
    params: &[QuantParams<Q>],
    inner: usize,
    out: &mut [f32],
) -> Result<(), Error> {
    Tier::best().fake_quantize_channels(x, params, inner, out)
}

/// [`fake_quantize`](crate::fake_quantize()) with parameters for each of the [`Blocks`] of a
/// tensor.
///
/// # Errors
/// [`Error::Length`] if `x` and `out` differ in length, or `params` has not one set for each block;
/// [`Error::Shape`] if that is not a whole number of axes; [`Error::Number`] if blocks have no elements.
pub fn fake_quantize_blocks<Q: Code>(
    x: &[f32],
    params: &[QuantParams<Q>],
    blocks: Blocks,
    out: &mut [f32],
) -> Result<(), Error> {
    Tier::best().fake_quantize_blocks(x, params, blocks, out)
}

impl Tier {
    /// [`fake_quantize_channels`](crate::fake_quantize_channels()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn fake_quantize_channels<Q: Code>(
        self,
        x: &[f32],
        params: &[QuantParams<Q>],
        inner: usize,
        out: &mut [f32],
    ) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `x`", x.len()))?;
        let layout = Layout::channels(("x", x.len()), params.len(), inner)?;
        self.fake_quantize_spread(x, params, layout, out);
        Ok(())
    }

    /// [`fake_quantize_blocks`](crate::fake_quantize_blocks()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn fake_quantize_blocks<Q: Code>(
        self,
        x: &[f32],
        params: &[QuantParams<Q>],
        blocks: Blocks,
        out: &mut [f32],
    ) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `x`", x.len()))?;
        let layout = Layout::blocks(("x", x.len()), ("params", params.len()), blocks)?;
        self.fake_quantize_spread(x, params, layout, out);
        Ok(())
    }

    fn fake_quantize_spread<Q: Code>(
        self,
        x: &[f32],
        params: &[QuantParams<Q>],
        layout: Layout,
        out: &mut [f32],
    ) {
        of_type!(Q as T => {
            let params: &[QuantParams<T>] = params_as(params);
            FakeQuantizeSpread { x, params, layout, out }.on(self);
        });
    }
}

of_each_code!(entries: FakeQuantizeSpread);

struct FakeQuantizeSpread<'a, Q> {
    x: &'a [f32],
    params: &'a [QuantParams<Q>],
    layout: Layout,
    out: &'a mut [f32],
}

impl<Q: Code> Operation for FakeQuantizeSpread<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let Self { x, params, layout, .. } = *self;
        let traffic = Traffic::of(s, size_of_val(x) + size_of_val(self.out));
        let mut exact = true;
        for p in 0..params.len() {
            exact &= by_reciprocal::<S>(params[p].grid());
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
            let kernel = Kernel::<_, _, Divided>::new(s, source);
            map(s, kernel, x, out, traffic);
        }
    }
}
