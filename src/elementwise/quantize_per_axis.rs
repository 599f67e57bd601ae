//! `q = clamp(rne(x / s) + z, lo, hi)`, with a set of parameters for each channel or block

use super::encode::Encoder;
use super::quantize::{self, Kernel};
use super::quotient::{
    ByScale, ByScaleAndBounds, CEIL, Divided, FLOOR, Product, Quotient, zero_points,
};
use super::stream::{bytes_of, in_pieces};
use super::wide::QuantizeWide;
use crate::error::Error;
use crate::kernels::map::{Codes, Floats, Map, map};
use crate::kernels::per_axis::{LaneParams, PerAxis, Source, run_per_axis};
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Pieces, Tier, entries};
use crate::values::code::{Code, of_each_code, of_type};
use crate::values::granularity::{Layout, Sets};
use crate::values::params::QuantParams;
use core::marker::PhantomData;

impl Tier {
    /// [`quantize`](crate::quantize()) by several sets of parameters.
    pub(super) fn quantize_each<Q: Code>(
        self,
        x: &[f32],
        sets: Sets<'_, Q>,
        out: &mut [Q],
    ) -> Result<(), Error> {
        let layout = sets.layout(("x", x.len()))?;
        sets.check()?;
        let bytes = size_of_val(x) + size_of_val(out);
        of_type!(Q as T => {
            let out: &mut [T] = bytemuck::cast_slice_mut(out);
            sets.retyped().each_part(&layout, x.len(), Sets::raw, |params, layout, part| {
                let (x, out) = (&x[part.clone()], &mut out[part]);
                QuantizePerAxis::<T> { x, params, layout, out }.on(self);
            });
        }, wide => {
            sets.each_part(&layout, x.len(), Sets::raw, |params, layout, part| {
                let (x, out) = (&x[part.clone()], bytemuck::cast_slice_mut(&mut out[part]));
                let params = Q::erase_params(params);
                QuantizeWide { x, params, layout, out, bytes }.on(self);
            });
        });
        Ok(())
    }
}

of_each_code!(entries: QuantizePerAxis);

pub(super) struct QuantizePerAxis<'a, Q> {
    pub(super) x: &'a [f32],
    pub(super) params: &'a [QuantParams<Q>],
    pub(super) layout: &'a Layout,
    pub(super) out: &'a mut [Q],
}

impl<Q: Byte> Operation for QuantizePerAxis<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let Self { x, params, layout, .. } = *self;
        match Kind::of::<S, Q>(params) {
            Kind::Alike { symmetric } => {
                let mut kernel = Alike { params, symmetric };
                let words = ByScale(params);
                run_per_axis(s, &mut kernel, words, layout, x, self.out);
            }
            Kind::Different => {
                let mut kernel = General { source: (), code: PhantomData };
                let words = ByScaleAndBounds(params);
                run_per_axis(s, &mut kernel, words, layout, x, self.out);
            }
        }
    }

    /// Codes are so few of the bytes that short runs would lose more than they gain.
    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<()> {
        let bytes = if self.layout.has_long_runs() { bytes_of(self.x, self.out) } else { 0 };
        let Self { x, params, layout, .. } = *self;
        in_pieces(tier, by, bytes, layout, x, self.out, |layout, sets, x, out| {
            let params = &params[sets];
            tier.run(&mut QuantizePerAxis { x, params, layout, out });
        })
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
        let [first, ..] = params else {
            return Self::Different;
        };
        let (first, mut zero_points) = (first.raw(), 0);
        if const { !S::FUSED } {
            return Self::Different;
        }
        for p in 0..params.len() {
            let raw = params[p].raw();
            // To leave here keeps the compiler from vectors, which it would gather word by word.
            if !raw.is_like(first) {
                return Self::Different;
            }
            zero_points |= raw.zero_point;
        }
        Self::Alike { symmetric: zero_points == 0 && first.hi() == Q::MAX.into() }
    }
}

struct Alike<'a, Q> {
    params: &'a [QuantParams<Q>],
    symmetric: bool,
}

impl<S: Simd, Q: Byte> PerAxis<S> for Alike<'_, Q> {
    type In = f32;
    type Out = Q;

    #[inline(always)]
    fn uniform<W: LaneParams<N>, const N: usize>(
        &mut self,
        s: S,
        _: W,
        p: usize,
        x: &[f32],
        out: &mut [Q],
    ) {
        quantize::uniform(s, self.params[p].raw(), x, out);
    }

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, x: &[f32], out: &mut [Q]) {
        let raw = self.params[0].raw();
        if self.symmetric {
            let encoder = Encoder::<S, Q, false, true, false>::new(s, raw);
            let kernel = Kernel::new(s, source, PhantomData::<Product>, encoder);
            map(s, kernel, x, out);
        } else {
            let encoder = Encoder::<S, Q, true, true, true>::new(s, raw);
            let kernel = Kernel::new(s, source, PhantomData::<Product>, encoder);
            map(s, kernel, x, out);
        }
    }
}

/// By division and with bounds for each lane: right for all parameters, and slower.
struct General<P, Q> {
    source: P,
    code: PhantomData<Q>,
}

impl<S: Simd, Q: Byte> PerAxis<S> for General<(), Q> {
    type In = f32;
    type Out = Q;

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, x: &[f32], out: &mut [Q]) {
        map(s, General { source, code: self.code }, x, out);
    }
}

impl<S: Simd, P: Source<S>, Q: Byte> Map<S> for General<P, Q> {
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
            let quotient = Divided::exact(s, &self.source, x[i], at, i);
            let floor = self.source.f32(s, FLOOR, at, i);
            x[i] = s.clamp(quotient, floor, self.source.f32(s, CEIL, at, i));
        }
        let [a, b, c, d] = x;
        let offsets = [s.narrow_i32(s.round(a), s.round(b)), s.narrow_i32(s.round(c), s.round(d))];
        let [low, high] = zero_points(s, &self.source, at);
        Q::narrow(s, s.add_i16(offsets[0], low), s.add_i16(offsets[1], high))
    }
}
