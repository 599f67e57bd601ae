//! `y = (clamp(rne(x / s) + z, lo, hi) − z) · s`

use super::quotient::{
    CEIL, DividedWide, FLOOR, Product, Quotient, SCALE, by_reciprocal, words_and_bounds,
};
use super::stream::tensor_in_pieces;
use crate::check::one_for_each;
use crate::error::Error;
use crate::kernels::map::{Floats, Map, map};
use crate::kernels::per_axis::{Source, Uniform};
use crate::simd::Simd;
use crate::tier::{Entry, Operation, Pieces, Tier, entries};
use crate::values::code::Code;
use crate::values::granularity::{Given, Params};
use crate::values::params::RawParams;
use core::marker::PhantomData;

/// Quantizes and dequantizes in one pass, without codes: what `x` becomes by quantization.
///
/// The result is [`dequantize`](crate::dequantize()) of [`quantize`](crate::quantize()), bit for
/// bit.
///
/// # Errors
/// [`Error::Length`] if `x` and `out` differ in length; those of the [`Params`] if they don't fit `x`.
///
/// ```
/// # use zeropoint::{QuantParams, fake_quantize};
/// let params = QuantParams::<i8>::new(0.5, 0)?;
/// let mut y = [0.0; 4];
/// fake_quantize(&[0.7, -0.3, 100.0, f32::NAN], params, &mut y)?;
/// assert_eq!(y, [0.5, -0.5, 63.5, 0.0]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[inline]
pub fn fake_quantize<'p, Q: Code>(
    x: &[f32],
    params: impl Into<Params<'p, Q>>,
    out: &mut [f32],
) -> Result<(), Error> {
    Tier::best().fake_quantize(x, params, out)
}

impl Tier {
    /// [`fake_quantize`](crate::fake_quantize()) on this tier.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn fake_quantize<'p, Q: Code>(
        self,
        x: &[f32],
        params: impl Into<Params<'p, Q>>,
        out: &mut [f32],
    ) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `x`", x.len()))?;
        match params.into().0 {
            Given::One(params) => {
                FakeQuantize { x, raw: params.raw(), out }.on(self);
                Ok(())
            }
            Given::Each(sets) => self.fake_quantize_each(x, sets, out),
        }
    }
}

entries!(FakeQuantize<'_>);

pub(crate) struct FakeQuantize<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) raw: &'a RawParams,
    pub(crate) out: &'a mut [f32],
}

impl Operation for FakeQuantize<'_> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        uniform(s, self.raw, self.x, self.out);
    }

    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<()> {
        let Self { x, raw, .. } = *self;
        tensor_in_pieces(tier, by, x, self.out, |x, out| {
            tier.run(&mut FakeQuantize { x, raw, out });
        })
    }
}

/// Fake-quantizes `x`, all of it with the same parameters.
#[inline(always)]
pub(super) fn uniform<S: Simd>(s: S, raw: &RawParams, x: &[f32], out: &mut [f32]) {
    let source = Uniform::new(s, words_and_bounds(raw));
    if by_reciprocal::<S>(raw) {
        let kernel = Kernel::<_, _, Product>::new(s, source);
        map(s, kernel, x, out);
    } else {
        let kernel = Kernel::<_, _, DividedWide>::new(s, source);
        map(s, kernel, x, out);
    }
}

pub(crate) struct Kernel<S: Simd, P, D> {
    source: P,
    finite: [S::F32; 2],
    quotient: PhantomData<D>,
}

impl<S: Simd, P: Source<S>, D> Kernel<S, P, D> {
    #[inline(always)]
    pub(crate) fn new(s: S, source: P) -> Self {
        Self { source, finite: s.finite(), quotient: PhantomData }
    }

    /// `clamp(rne(quotients), lo − z, hi − z) · s`. The bounds are integers, so clamping may come
    /// first; and by way of an integer a −0.0 becomes +0.0.
    #[inline(always)]
    fn values(&self, s: S, mut quotients: [S::F32; 4], at: usize) -> [S::F32; 4] {
        for i in 0..4 {
            let floor = self.source.f32(s, FLOOR, at, i);
            let ceil = self.source.f32(s, CEIL, at, i);
            let offset = s.round(s.clamp(quotients[i], floor, ceil));
            quotients[i] = s.mul(s.to_f32(offset), self.source.f32(s, SCALE, at, i));
        }
        quotients
    }
}

impl<S: Simd, P: Source<S>, D: Quotient> Map<S> for Kernel<S, P, D> {
    type In = Floats;
    type Out = Floats;

    const TRACKS_SPECIALS: bool = true;
    const ANYWHERE: bool = P::UNIFORM;

    #[inline(always)]
    fn input(&self) -> Floats {
        Floats
    }

    #[inline(always)]
    fn step(&mut self, s: S, mut x: [S::F32; 4], at: usize) -> [S::F32; 4] {
        for i in 0..4 {
            x[i] = D::of(s, &self.source, x[i], at, i);
        }
        self.finite = s.watch_finite(self.finite, x);
        self.values(s, x, at)
    }

    #[inline(always)]
    fn has_specials(&mut self, s: S) -> bool {
        let has_specials = !s.all_finite(self.finite);
        self.finite = s.finite();
        has_specials
    }

    #[inline(always)]
    fn exact_step(&mut self, s: S, mut x: [S::F32; 4], at: usize) -> [S::F32; 4] {
        for i in 0..4 {
            x[i] = D::exact(s, &self.source, x[i], at, i);
        }
        self.values(s, x, at)
    }
}
