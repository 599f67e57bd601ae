//! `y = (q − z) · s`, with parameters for each channel or block

use super::dequantize;
use super::stream::{bytes_of, in_pieces};
use super::wide::DequantizeWide;
use crate::error::Error;
use crate::kernels::map::{Floats, Load, Map, Offsets, map};
use crate::kernels::per_axis::{LaneParams, PerAxis, Source, run_per_axis};
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Pieces, Tier, entries};
use crate::values::code::{Code, of_each_code, of_type};
use crate::values::granularity::{Layout, Sets};
use crate::values::params::{QuantParams, RawParams};

impl Tier {
    /// [`dequantize`](crate::dequantize()) by several sets of parameters.
    pub(super) fn dequantize_each<Q: Code>(
        self,
        codes: &[Q],
        sets: Sets<'_, Q>,
        out: &mut [f32],
    ) -> Result<(), Error> {
        let layout = sets.layout(("codes", codes.len()))?;
        sets.check_finite()?;
        of_type!(Q as T => {
            let codes: &[T] = bytemuck::cast_slice(codes);
            sets.retyped().each_part(&layout, codes.len(), Sets::raw_of_values, |params, layout, part| {
                let (codes, out) = (&codes[part.clone()], &mut out[part]);
                DequantizePerAxis { codes, params, layout, out }.on(self);
            });
        }, wide => {
            sets.each_part(&layout, codes.len(), Sets::raw_of_values, |params, layout, part| {
                let (codes, out) = (bytemuck::cast_slice(&codes[part.clone()]), &mut out[part]);
                let params = Q::erase_params(params);
                DequantizeWide { codes, params, layout, out }.on(self);
            });
        });
        Ok(())
    }
}

of_each_code!(entries: DequantizePerAxis);

struct DequantizePerAxis<'a, Q> {
    codes: &'a [Q],
    params: &'a [QuantParams<Q>],
    layout: &'a Layout,
    out: &'a mut [f32],
}

impl<Q: Byte> Operation for DequantizePerAxis<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let Self { codes, params, layout, .. } = *self;
        run_per_axis(s, &mut EachScale { params }, Scales(params), layout, codes, self.out);
    }

    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<()> {
        let Self { codes, params, layout, .. } = *self;
        in_pieces(
            tier,
            by,
            bytes_of(codes, self.out),
            layout,
            codes,
            self.out,
            |layout, sets, codes, out| {
                let params = &params[sets];
                tier.run(&mut DequantizePerAxis { codes, params, layout, out });
            },
        )
    }
}

/// The words of the scale and of the zero point.
const SCALE: usize = 0;
const ZERO_POINT: usize = 1;

#[derive(Clone, Copy)]
struct Scales<'a, Q>(&'a [QuantParams<Q>]);

impl<Q: Code> LaneParams<2> for Scales<'_, Q> {
    #[inline(always)]
    fn words(&self, p: usize) -> [u32; 2] {
        let RawParams { scale, zero_point, .. } = *self.0[p].raw();
        [scale.to_bits(), zero_point as u32]
    }
}

struct EachScale<'a, Q> {
    params: &'a [QuantParams<Q>],
}

impl<S: Simd, Q: Byte> PerAxis<S> for EachScale<'_, Q> {
    type In = Q;
    type Out = f32;

    #[inline(always)]
    fn uniform<W: LaneParams<N>, const N: usize>(
        &mut self,
        s: S,
        _: W,
        p: usize,
        codes: &[Q],
        out: &mut [f32],
    ) {
        let RawParams { scale, zero_point, .. } = *self.params[p].raw();
        dequantize::uniform(s, scale, zero_point, codes, out);
    }

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, codes: &[Q], out: &mut [f32]) {
        let kernel = Kernel { source, codes: Offsets::<Q, false> { zero_point: Q::zeroed() } };
        map(s, kernel, codes, out);
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
    fn pass(&mut self, s: S, codes: &[Q], out: &mut [f32], at: usize) {
        let codes = self.input().load(s, codes);
        for i in 0..4 {
            let value = self.value(s, codes[i], at, i);
            Floats::store_vector(s, value, out, i);
        }
    }
}
