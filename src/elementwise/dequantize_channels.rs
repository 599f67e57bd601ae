//! `y = (q − z) · s`, with parameters for each channel or block

use super::dequantize;
use super::quotient::{ByScale, SCALE, ZERO_POINT};
use crate::error::{Error, one_for_each};
use crate::kernels::map::{Floats, Load, Map, Offsets, Traffic, Way, map};
use crate::kernels::per_axis::{Source, Spread, spread};
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::code::{Code, of_each_code, of_type, params_as};
use crate::values::granularity::{Blocks, Layout};
use crate::values::params::QuantParams;

/// [`dequantize`](crate::dequantize()) with parameters for each channel.
///
/// `codes` is seen as `[outer, channels, inner]`; the channel `c` has `params[c]`: see
/// [`quantize_channels`](crate::quantize_channels()). This is ONNX `DequantizeLinear` with its
/// `axis`.
///
/// # Errors
/// [`Error::Length`] if `codes` and `out` differ in length; [`Error::Shape`] if that is not a
/// multiple of `params.len() · inner`.
///
/// ```
/// # use zeropoint::{QuantParams, dequantize_channels};
/// let params = [QuantParams::<u8>::new(0.5, 0)?, QuantParams::new(2.0, 10)?];
/// let mut values = [0.0; 4];
/// dequantize_channels(&[2, 10, 8, 12], &params, 1, &mut values)?; // codes[outer][channel]
/// assert_eq!(values, [1.0, 0.0, 4.0, 4.0]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn dequantize_channels<Q: Code>(
    codes: &[Q],
    params: &[QuantParams<Q>],
    inner: usize,
    out: &mut [f32],
) -> Result<(), Error> {
    Tier::best().dequantize_channels(codes, params, inner, out)
}

/// [`dequantize`](crate::dequantize()) with parameters for each of the [`Blocks`] of a tensor.
///
/// # Errors
/// [`Error::Length`] if `codes` and `out` differ in length, or `params` has not one set for each block;
/// [`Error::Shape`] if that is not a whole number of axes; [`Error::Number`] if blocks have no elements.
pub fn dequantize_blocks<Q: Code>(
    codes: &[Q],
    params: &[QuantParams<Q>],
    blocks: Blocks,
    out: &mut [f32],
) -> Result<(), Error> {
    Tier::best().dequantize_blocks(codes, params, blocks, out)
}

impl Tier {
    /// [`dequantize_channels`](crate::dequantize_channels()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn dequantize_channels<Q: Code>(
        self,
        codes: &[Q],
        params: &[QuantParams<Q>],
        inner: usize,
        out: &mut [f32],
    ) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `codes`", codes.len()))?;
        let layout = Layout::channels(("codes", codes.len()), params.len(), inner)?;
        self.dequantize_spread(codes, params, layout, out);
        Ok(())
    }

    /// [`dequantize_blocks`](crate::dequantize_blocks()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn dequantize_blocks<Q: Code>(
        self,
        codes: &[Q],
        params: &[QuantParams<Q>],
        blocks: Blocks,
        out: &mut [f32],
    ) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `codes`", codes.len()))?;
        let layout = Layout::blocks(("codes", codes.len()), ("params", params.len()), blocks)?;
        self.dequantize_spread(codes, params, layout, out);
        Ok(())
    }

    fn dequantize_spread<Q: Code>(
        self,
        codes: &[Q],
        params: &[QuantParams<Q>],
        layout: Layout,
        out: &mut [f32],
    ) {
        of_type!(Q as T => {
            let params: &[QuantParams<T>] = params_as(params);
            DequantizeSpread { codes: bytemuck::must_cast_slice(codes), params, layout, out }.on(self);
        });
    }
}

of_each_code!(entries: DequantizeSpread);

struct DequantizeSpread<'a, Q> {
    codes: &'a [Q],
    params: &'a [QuantParams<Q>],
    layout: Layout,
    out: &'a mut [f32],
}

impl<Q: Byte> Operation for DequantizeSpread<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let Self { codes, params, layout, .. } = *self;
        let traffic = Traffic::of(s, size_of_val(codes) + size_of_val(self.out));
        let words = ByScale(params);
        spread(s, &mut EachScale { params }, words, layout, codes, self.out, &traffic);
    }
}

struct EachScale<'a, Q> {
    params: &'a [QuantParams<Q>],
}

impl<S: Simd, Q: Byte> Spread<S> for EachScale<'_, Q> {
    type In = Q;
    type Out = f32;

    #[inline(always)]
    fn uniform(&mut self, s: S, p: usize, codes: &[Q], out: &mut [f32], traffic: &Traffic<S>) {
        dequantize::uniform(s, self.params[p].grid(), codes, out, traffic);
    }

    #[inline(always)]
    fn varied(
        &mut self,
        s: S,
        source: impl Source<S>,
        codes: &[Q],
        out: &mut [f32],
        traffic: &Traffic<S>,
    ) {
        let kernel = Kernel { source, codes: Offsets::<Q, false> { zero_point: Q::zeroed() } };
        map(s, kernel, codes, out, traffic);
    }
}

struct Kernel<P, Q> {
    source: P,
    codes: Offsets<Q, false>,
}

impl<P, Q: Byte> Kernel<P, Q> {
    /// The difference of two codes is exact in f32 too.
    #[inline(always)]
    fn value<S: Simd>(&self, s: S, code: S::F32, at: usize, i: usize) -> S::F32
    where
        P: Source<S>,
    {
        let zero_point = s.to_f32(self.source.i32(s, ZERO_POINT, at, i));
        s.mul(s.sub(code, zero_point), self.source.f32(s, SCALE, at, i))
    }
}

impl<S: Simd, P: Source<S>, Q: Byte> Map<S> for Kernel<P, Q> {
    type In = Offsets<Q, false>;
    type Out = Floats;

    const ANYWHERE: bool = P::UNIFORM;

    #[inline(always)]
    fn input(&self) -> Offsets<Q, false> {
        self.codes
    }

    #[inline(always)]
    fn step(&mut self, s: S, mut codes: [S::F32; 4], at: usize) -> [S::F32; 4] {
        for i in 0..4 {
            codes[i] = self.value(s, codes[i], at, i);
        }
        codes
    }

    /// Stores each vector when it is done: all of them at the end would come in bursts.
    #[inline(always)]
    fn pass(&mut self, s: S, way: impl Way<S>, codes: &[Q], out: &mut [f32], at: usize) {
        let codes = self.input().load(s, codes);
        for i in 0..4 {
            let value = self.value(s, codes[i], at, i);
            Floats::store_vector(s, way, value, out, i);
        }
    }
}
