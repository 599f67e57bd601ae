//! `q = clamp(rne(x / s) + z, lo, hi)`, with parameters for each channel or block

use super::encode::Encoder;
use super::quantize::{self, Kernel};
use super::quotient::{
    ByScale, ByScaleAndBounds, CEIL, Divided, FLOOR, Product, Quotient, by_reciprocal, zero_points,
};
use crate::error::{Error, one_for_each};
use crate::kernels::map::{Codes, Floats, Map, Traffic, map};
use crate::kernels::per_axis::{Source, Spread, Uniform, Words, spread};
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::code::{Code, of_each_code, of_type, params_as};
use crate::values::granularity::{Blocks, Layout};
use crate::values::params::QuantParams;
use core::marker::PhantomData;

/// [`quantize`](crate::quantize()) with parameters for each channel.
///
/// `x` is seen as `[outer, channels, inner]`, row by row; the channel `c` has `params[c]`. With
/// channels along the last axis, `inner` is 1; with channels along the first, it is all of the
/// other dimensions. This is ONNX `QuantizeLinear` with its `axis`.
///
/// # Errors
/// [`Error::Length`] if `x` and `out` differ in length; [`Error::Shape`] if that is not a
/// multiple of `params.len() · inner`.
///
/// ```
/// # use zeropoint::{QuantParams, quantize_channels};
/// let params = [QuantParams::<i8>::new(0.5, 0)?, QuantParams::new(2.0, -10)?];
/// let mut codes = [0; 4];
/// quantize_channels(&[1.0, 1.0, 4.0, 4.0], &params, 1, &mut codes)?; // x[outer][channel]
/// assert_eq!(codes, [2, -10, 8, -8]);
/// quantize_channels(&[1.0, 1.0, 4.0, 4.0], &params, 2, &mut codes)?; // x[channel][inner]
/// assert_eq!(codes, [2, 2, -8, -8]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn quantize_channels<Q: Code>(
    x: &[f32],
    params: &[QuantParams<Q>],
    inner: usize,
    out: &mut [Q],
) -> Result<(), Error> {
    Tier::best().quantize_channels(x, params, inner, out)
}

/// [`quantize`](crate::quantize()) with parameters for each of the [`Blocks`] of a tensor.
///
/// # Errors
/// [`Error::Length`] if `x` and `out` differ in length, or `params` has not one set for each block;
/// [`Error::Shape`] if that is not a whole number of axes; [`Error::Number`] if blocks have no elements.
pub fn quantize_blocks<Q: Code>(
    x: &[f32],
    params: &[QuantParams<Q>],
    blocks: Blocks,
    out: &mut [Q],
) -> Result<(), Error> {
    Tier::best().quantize_blocks(x, params, blocks, out)
}

impl Tier {
    /// [`quantize_channels`](crate::quantize_channels()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn quantize_channels<Q: Code>(
        self,
        x: &[f32],
        params: &[QuantParams<Q>],
        inner: usize,
        out: &mut [Q],
    ) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `x`", x.len()))?;
        let layout = Layout::channels(("x", x.len()), params.len(), inner)?;
        self.quantize_spread(x, params, layout, out);
        Ok(())
    }

    /// [`quantize_blocks`](crate::quantize_blocks()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn quantize_blocks<Q: Code>(
        self,
        x: &[f32],
        params: &[QuantParams<Q>],
        blocks: Blocks,
        out: &mut [Q],
    ) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `x`", x.len()))?;
        let layout = Layout::blocks(("x", x.len()), ("params", params.len()), blocks)?;
        self.quantize_spread(x, params, layout, out);
        Ok(())
    }

    fn quantize_spread<Q: Code>(
        self,
        x: &[f32],
        params: &[QuantParams<Q>],
        layout: Layout,
        out: &mut [Q],
    ) {
        of_type!(Q as T => {
            let params: &[QuantParams<T>] = params_as(params);
            QuantizeSpread { x, params, layout, out: bytemuck::must_cast_slice_mut(out) }.on(self);
        });
    }
}

of_each_code!(entries: QuantizeSpread);

struct QuantizeSpread<'a, Q> {
    x: &'a [f32],
    params: &'a [QuantParams<Q>],
    layout: Layout,
    out: &'a mut [Q],
}

impl<Q: Byte> Operation for QuantizeSpread<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let Self { x, params, layout, .. } = *self;
        let traffic = Traffic::of(s, size_of_val(x) + size_of_val(self.out));
        match Kind::of::<S, Q>(params) {
            Kind::Alike { symmetric } => {
                let mut kernel = Alike { params, symmetric };
                let words = ByScale(params);
                spread(s, &mut kernel, words, layout, x, self.out, &traffic);
            }
            Kind::Different => {
                let mut kernel = Different { params };
                let words = ByScaleAndBounds(params);
                spread(s, &mut kernel, words, layout, x, self.out, &traffic);
            }
        }
    }
}

/// What all parameters have in common.
enum Kind {
    /// An exact reciprocal and the same codes in use. `symmetric`: up to the highest of the type,
    /// and the zero points are 0.
    Alike { symmetric: bool },
    /// Nothing.
    Different,
}

impl Kind {
    #[inline(always)]
    fn of<S: Simd, Q: Code>(params: &[QuantParams<Q>]) -> Self {
        if params.is_empty() {
            return Self::Different;
        }
        let first = params[0].grid();
        let (mut exact, mut codes, mut zero_points) = (true, 0, 0);
        for p in 0..params.len() {
            let grid = params[p].grid();
            exact &= by_reciprocal::<S>(grid);
            codes |= grid.codes ^ first.codes;
            zero_points |= grid.zero_point;
        }
        if exact && codes == 0 {
            let symmetric = zero_points == 0 && first.hi() == Q::MAX.into();
            Self::Alike { symmetric }
        } else {
            Self::Different
        }
    }
}

struct Alike<'a, Q> {
    params: &'a [QuantParams<Q>],
    symmetric: bool,
}

impl<S: Simd, Q: Byte> Spread<S> for Alike<'_, Q> {
    type In = f32;
    type Out = Q;

    #[inline(always)]
    fn uniform(&mut self, s: S, p: usize, x: &[f32], out: &mut [Q], traffic: &Traffic<S>) {
        quantize::uniform(s, self.params[p].grid(), x, out, traffic);
    }

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, x: &[f32], out: &mut [Q], _: &Traffic<S>) {
        let grid = self.params[0].grid();
        if self.symmetric {
            let encoder = Encoder::<S, Q, false, true, false>::new(s, grid);
            let kernel = Kernel::new(s, source, PhantomData::<Product>, encoder);
            map(s, kernel, x, out, &Traffic::CACHED);
        } else {
            let encoder = Encoder::<S, Q, true, true, true>::new(s, grid);
            let kernel = Kernel::new(s, source, PhantomData::<Product>, encoder);
            map(s, kernel, x, out, &Traffic::CACHED);
        }
    }
}

struct Different<'a, Q> {
    params: &'a [QuantParams<Q>],
}

impl<S: Simd, Q: Byte> Spread<S> for Different<'_, Q> {
    type In = f32;
    type Out = Q;

    #[inline(always)]
    fn uniform(&mut self, s: S, p: usize, x: &[f32], out: &mut [Q], traffic: &Traffic<S>) {
        let words = ByScaleAndBounds(self.params).words(p);
        self.varied(s, Uniform::new(s, words), x, out, traffic);
    }

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, x: &[f32], out: &mut [Q], _: &Traffic<S>) {
        let code = PhantomData::<Q>;
        map(s, Careful { source, code }, x, out, &Traffic::CACHED);
    }
}

/// By division and with bounds for each lane: right for all parameters, and slower.
struct Careful<P, Q> {
    source: P,
    code: PhantomData<Q>,
}

impl<S: Simd, P: Source<S>, Q: Byte> Map<S> for Careful<P, Q> {
    type In = Floats;
    type Out = Codes<Q>;

    const ANYWHERE: bool = P::UNIFORM;

    #[inline(always)]
    fn input(&self) -> Floats {
        Floats
    }

    /// The bounds are integers, so clamping may come before rounding.
    #[inline(always)]
    fn step(&mut self, s: S, mut x: [S::F32; 4], at: usize) -> S::U8 {
        for i in 0..4 {
            let quotient = Divided::careful(s, &self.source, x[i], at, i);
            let floor = self.source.f32(s, FLOOR, at, i);
            x[i] = s.clamp(quotient, floor, self.source.f32(s, CEIL, at, i));
        }
        let [a, b, c, d] = x;
        let offsets = [s.narrow_i32(s.round(a), s.round(b)), s.narrow_i32(s.round(c), s.round(d))];
        let [low, high] = zero_points(s, &self.source, at);
        Q::narrow(s, s.add_i16(offsets[0], low), s.add_i16(offsets[1], high))
    }
}
