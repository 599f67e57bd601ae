//! `q = clamp(rne(f32(acc + bias) · m) + z, lo, hi)`, with a multiplier and a bias for each channel

use super::encode::Encoder;
use super::requantize::{Biased, Kernel, Product, Real, RoundedTwice, Shifted, words};
use crate::error::{Error, one_for_each};
use crate::kernels::map::{Traffic, map};
use crate::kernels::per_axis::{Source, Spread, Uniform, Words, spread};
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::code::{Code, of_each_code, of_type};
use crate::values::granularity::Layout;
use crate::values::multiplier::{Multiplier, MultiplierKind, alike};
use crate::values::params::{Grid, QuantParams};
use core::marker::PhantomData;

/// [`requantize`](crate::requantize()) with a multiplier for each channel, and perhaps a bias.
///
/// `accumulators` is seen as `[outer, channels, inner]`; the channel `c` has `multipliers[c]`,
/// and `bias[c]` is added to its accumulators first (a sum that does not fit `i32` saturates). For
/// the output of a linear layer, `[tokens, channels]`, `inner` is 1; for that of a convolution
/// with channels first, it is the size of an image. The multipliers are all of one
/// [kind](crate::MultiplierKind); [`layer_multipliers()`](crate::layer_multipliers()) gives them, and the
/// biases, for the parameters of a layer.
///
/// # Errors
/// [`Error::Length`] if `accumulators` and `out` differ in length; [`Error::Shape`] if that is
/// not a multiple of `multipliers.len() · inner`; [`Error::Length`] if there are not as many biases;
/// [`Error::MixedMultipliers`].
///
/// ```
/// # use zeropoint::{Multiplier, QuantParams, requantize_channels};
/// let multipliers = [Multiplier::real(0.5)?, Multiplier::real(0.01)?];
/// let bias = [6, -300];
/// let output = QuantParams::<u8>::new(0.1, 10)?.with_codes(10..=255)?; // a ReLU
/// let mut codes = [0; 4];
/// requantize_channels(&[4, 500, -20, 900], &multipliers, Some(&bias), 1, output, &mut codes)?;
/// assert_eq!(codes, [15, 12, 10, 16]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn requantize_channels<Q: Code>(
    accumulators: &[i32],
    multipliers: &[Multiplier],
    bias: Option<&[i32]>,
    inner: usize,
    params: QuantParams<Q>,
    out: &mut [Q],
) -> Result<(), Error> {
    Tier::best().requantize_channels(accumulators, multipliers, bias, inner, params, out)
}

impl Tier {
    /// [`requantize_channels`](crate::requantize_channels()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn requantize_channels<Q: Code>(
        self,
        accumulators: &[i32],
        multipliers: &[Multiplier],
        bias: Option<&[i32]>,
        inner: usize,
        params: QuantParams<Q>,
        out: &mut [Q],
    ) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `accumulators`", accumulators.len()))?;
        let layout =
            Layout::channels(("accumulators", accumulators.len()), multipliers.len(), inner)?;
        alike(multipliers, bias, ("elements of `multipliers`", multipliers.len()))?;
        let factors = Factors { multipliers, bias };
        let grid = params.grid();
        of_type!(Q as T => {
            let out: &mut [T] = bytemuck::must_cast_slice_mut(out);
            RequantizeSpread { accumulators, factors, layout, grid, out }.on(self);
        });
        Ok(())
    }
}

of_each_code!(entries: RequantizeSpread);

/// The multipliers of all channels, and their biases.
#[derive(Clone, Copy)]
struct Factors<'a> {
    multipliers: &'a [Multiplier],
    bias: Option<&'a [i32]>,
}

impl Words<5> for Factors<'_> {
    #[inline(always)]
    fn words(&self, p: usize) -> [u32; 5] {
        let bias = match self.bias {
            Some(bias) => bias[p],
            None => 0,
        };
        words(self.multipliers[p], bias)
    }
}

struct RequantizeSpread<'a, Q> {
    accumulators: &'a [i32],
    factors: Factors<'a>,
    layout: Layout,
    grid: &'a Grid,
    out: &'a mut [Q],
}

impl<Q: Byte> Operation for RequantizeSpread<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let multipliers = self.factors.multipliers;
        use MultiplierKind::{Fixed, FixedDoubleRounding, Real as InReals};
        let (mut kind, mut is_large) = (InReals, false);
        for p in 0..multipliers.len() {
            kind = multipliers[p].kind();
            is_large |= multipliers[p].is_large();
        }
        match (kind, is_large, self.factors.bias) {
            (InReals, false, None) => self.by::<S, Real<false>>(s),
            (InReals, true, None) => self.by::<S, Real<true>>(s),
            (Fixed, _, None) => self.by::<S, Shifted<true>>(s),
            (FixedDoubleRounding, _, None) => self.by::<S, RoundedTwice<true>>(s),
            (InReals, _, Some(_)) => self.by::<S, Biased<Real<true>>>(s),
            (Fixed, _, Some(_)) => self.by::<S, Biased<Shifted<true>>>(s),
            (FixedDoubleRounding, _, Some(_)) => self.by::<S, Biased<RoundedTwice<true>>>(s),
        }
    }
}

impl<Q: Byte> RequantizeSpread<'_, Q> {
    #[inline(always)]
    fn by<S: Simd, F: Product>(&mut self, s: S) {
        let (x, out) = (self.accumulators, &mut *self.out);
        let mut kernel = Each {
            factors: self.factors,
            grid: self.grid,
            code: PhantomData::<Q>,
            product: PhantomData::<F>,
        };
        let traffic = Traffic::of(s, size_of_val(x) + size_of_val(out));
        spread(s, &mut kernel, self.factors, self.layout, x, out, &traffic);
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

    #[inline(always)]
    fn uniform(
        &mut self,
        s: S,
        p: usize,
        accumulators: &[i32],
        out: &mut [Q],
        traffic: &Traffic<S>,
    ) {
        let source = Uniform::new(s, self.factors.words(p));
        map(s, self.kernel(s, source), accumulators, out, traffic);
    }

    #[inline(always)]
    fn varied(
        &mut self,
        s: S,
        source: impl Source<S>,
        accumulators: &[i32],
        out: &mut [Q],
        _: &Traffic<S>,
    ) {
        map(s, self.kernel(s, source), accumulators, out, &Traffic::CACHED);
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
