//! `q = clamp(rne(x / s) + z, lo, hi)`, with a set of parameters for each channel or block

use super::encode::Encoder;
use super::quantize::{self, Kernel};
use super::quotient::{
    ByScale, ByScaleAndBounds, CEIL, Divided, FLOOR, Product, Quotient, by_reciprocal, zero_points,
};
use super::wide::QuantizeWide;
use crate::error::Error;
use crate::kernels::map::{Codes, Floats, Map, Traffic, map};
use crate::kernels::per_axis::{Source, Spread, Uniform, Words, spread};
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::code::{Code, of_each_code, of_type};
use crate::values::granularity::{Layout, Sets};
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
        of_type!(Q as T => {
            let sets: &Sets<'_, T> = &sets.retyped();
            QuantizePerAxis { x, sets, layout, out: bytemuck::cast_slice_mut(out) }.on(self);
        }, wide T => {
            let (sets, bytes) = (&sets.retyped(), size_of_val(x) + size_of_val(out));
            let out = bytemuck::cast_slice_mut(out);
            QuantizeWide::<T> { x, sets, layout, out, bytes }.on(self);
        });
        Ok(())
    }
}

of_each_code!(entries: QuantizePerAxis);

struct QuantizePerAxis<'a, Q: Code> {
    x: &'a [f32],
    sets: &'a Sets<'a, Q>,
    layout: Layout,
    out: &'a mut [Q],
}

impl<Q: Byte> Operation for QuantizePerAxis<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let Self { x, sets, layout, .. } = *self;
        let traffic = Traffic::of(s, size_of_val(x) + size_of_val(self.out));
        match Kind::of::<S, Q>(sets) {
            Kind::Alike { symmetric } => {
                let mut kernel = Alike { sets, symmetric };
                let words = ByScale(sets);
                spread(s, &mut kernel, words, layout, x, self.out, &traffic);
            }
            Kind::Different => {
                let mut kernel = Different { sets };
                let words = ByScaleAndBounds(sets);
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
    fn of<S: Simd, Q: Code>(sets: &Sets<'_, Q>) -> Self {
        if sets.len() == 0 {
            return Self::Different;
        }
        let first = sets.grid(0);
        let (mut exact, mut codes, mut zero_points) = (true, 0, 0);
        for p in 0..sets.len() {
            let grid = &sets.grid(p);
            exact &= by_reciprocal::<S>(grid);
            codes |= grid.lo() ^ first.lo() | grid.hi() ^ first.hi();
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

struct Alike<'a, Q: Code> {
    sets: &'a Sets<'a, Q>,
    symmetric: bool,
}

impl<S: Simd, Q: Byte> Spread<S> for Alike<'_, Q> {
    type In = f32;
    type Out = Q;

    #[inline(always)]
    fn uniform(&mut self, s: S, p: usize, x: &[f32], out: &mut [Q], traffic: &Traffic<S>) {
        quantize::uniform(s, &self.sets.grid(p), x, out, traffic);
    }

    #[inline(always)]
    fn varied(&mut self, s: S, source: impl Source<S>, x: &[f32], out: &mut [Q], _: &Traffic<S>) {
        let grid = &self.sets.grid(0);
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

struct Different<'a, Q: Code> {
    sets: &'a Sets<'a, Q>,
}

impl<S: Simd, Q: Byte> Spread<S> for Different<'_, Q> {
    type In = f32;
    type Out = Q;

    #[inline(always)]
    fn uniform(&mut self, s: S, p: usize, x: &[f32], out: &mut [Q], traffic: &Traffic<S>) {
        let words = ByScaleAndBounds(self.sets).words(p);
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
