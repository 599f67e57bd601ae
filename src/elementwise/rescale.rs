//! `p = quantize(dequantize(q))`, from one scale and zero point to another

use super::encode::Encoder;
use super::lut::look_up;
use super::quantize;
use super::quotient::{Divided, Product, Quotient, by_reciprocal, words};
use super::stream::tensor_in_pieces;
use crate::check::one_for_each;
use crate::error::Error;
use crate::kernels::map::{Codes, Map, Offsets, map};
use crate::kernels::per_axis::Uniform;
use crate::simd::{BYTES, Byte, Line, Simd};
use crate::tier::{Entry, Operation, Pieces, Tier, entries};
use crate::values::code::{Code8, of_type};
use crate::values::params::{QuantParams, RawParams};
use core::marker::PhantomData;

/// Rescales: turns codes with the parameters `from` into codes with the parameters `to`, which
/// may be of the other type.
///
/// The result is [`quantize`](crate::quantize()) of [`dequantize`](crate::dequantize()), bit for
/// bit, without the values between.
///
/// # Errors
/// [`Error::Length`] if `codes` and `out` differ in length.
///
/// ```
/// # use zeropoint::{QuantParams, rescale};
/// let from = QuantParams::<u8>::new(0.5, 10)?;
/// let to = QuantParams::<i8>::new(1.0, -3)?;
/// let mut out = [0; 4];
/// rescale(&[10, 12, 13, 255], from, to, &mut out)?;
/// assert_eq!(out, [-3, -2, -1, 119]); // 0.0, 1.0, 1.5 → 2.0, 122.5 → 122.0
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn rescale<A: Code8, B: Code8>(
    codes: &[A],
    from: QuantParams<A>,
    to: QuantParams<B>,
    out: &mut [B],
) -> Result<(), Error> {
    Tier::best().rescale(codes, from, to, out)
}

impl Tier {
    /// [`rescale`](crate::rescale()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn rescale<A: Code8, B: Code8>(
        self,
        codes: &[A],
        from: QuantParams<A>,
        to: QuantParams<B>,
        out: &mut [B],
    ) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `codes`", codes.len()))?;
        let (from, to) = (from.raw(), to.raw());
        of_type!(A as S => of_type!(B as T => {
            let codes: &[S] = bytemuck::must_cast_slice(codes);
            let out: &mut [T] = bytemuck::must_cast_slice_mut(out);
            Rescale { codes, from, to, out }.on(self);
        }));
        Ok(())
    }
}

entries!(Rescale<'_, u8, u8>, Rescale<'_, u8, i8>, Rescale<'_, i8, u8>, Rescale<'_, i8, i8>);

struct Rescale<'a, A, B> {
    codes: &'a [A],
    from: &'a RawParams,
    to: &'a RawParams,
    out: &'a mut [B],
}

/// Codes from which on a table of all 256 is made, to be looked up.
const MANY: usize = 1024;

impl<A: Byte, B: Byte> Operation for Rescale<'_, A, B> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let Self { codes, from, to, .. } = *self;
        let line = Line {
            ratio: from.scale / to.scale,
            from: from.zero_point as i16,
            to: to.zero_point as i16,
            // The lowest code as a byte: 0x80 of a signed type, 0 of an unsigned one.
            flip_from: bytemuck::must_cast(A::MIN),
            flip_to: bytemuck::must_cast(B::MIN),
        };
        if s.has_quick_lookup() && codes.len() >= MANY {
            let mut table = [0; 256];
            let entries: &mut [B] = bytemuck::must_cast_slice_mut(&mut table);
            compute::<S, A, B>(s, bytemuck::must_cast_slice(&BYTES), from, to, entries);
            if let Some(lookup) = s.quick_lookup(&table, Some(line)) {
                let out = bytemuck::must_cast_slice_mut(self.out);
                return look_up(s, &lookup, bytemuck::must_cast_slice(codes), out);
            }
        }
        compute(s, codes, from, to, self.out);
    }

    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<()> {
        let Self { codes, from, to, .. } = *self;
        tensor_in_pieces(tier, by, codes, self.out, |codes, out| {
            tier.run(&mut Rescale { codes, from, to, out });
        })
    }
}

/// By way of the values.
#[inline(always)]
fn compute<S: Simd, A: Byte, B: Byte>(
    s: S,
    codes: &[A],
    from: &RawParams,
    to: &RawParams,
    out: &mut [B],
) {
    if by_reciprocal::<S>(to) {
        compute_by::<S, A, B, Product>(s, codes, from, to, out);
    } else {
        compute_by::<S, A, B, Divided>(s, codes, from, to, out);
    }
}

#[inline(always)]
fn compute_by<S: Simd, A: Byte, B: Byte, D: Quotient>(
    s: S,
    codes: &[A],
    from: &RawParams,
    to: &RawParams,
    out: &mut [B],
) {
    let source = Uniform::new(s, words(to));
    let kernel = Compute {
        offsets: Offsets::<A, true> { zero_point: A::from_i32(from.zero_point) },
        scale: s.splat_f32(from.scale),
        quantize: quantize::Kernel::new(s, source, PhantomData::<D>, Encoder::new(s, to)),
    };
    map(s, kernel, codes, out);
}

struct Compute<S: Simd, A, B, D> {
    offsets: Offsets<A, true>,
    scale: S::F32,
    quantize: quantize::Kernel<S, B, Uniform<S, 4>, D, true, true, true>,
}

impl<S: Simd, A: Byte, B: Byte, D> Compute<S, A, B, D> {
    #[inline(always)]
    fn values(&self, s: S, mut offsets: [S::F32; 4]) -> [S::F32; 4] {
        for i in 0..4 {
            offsets[i] = s.mul(offsets[i], self.scale);
        }
        offsets
    }
}

impl<S: Simd, A: Byte, B: Byte, D: Quotient> Map<S> for Compute<S, A, B, D> {
    type In = Offsets<A, true>;
    type Out = Codes<B>;

    const TRACKS_SPECIALS: bool = true;

    #[inline(always)]
    fn input(&self) -> Offsets<A, true> {
        self.offsets
    }

    #[inline(always)]
    fn step(&mut self, s: S, offsets: [S::F32; 4], at: usize) -> S::U8 {
        let values = self.values(s, offsets);
        self.quantize.step(s, values, at)
    }

    #[inline(always)]
    fn has_specials(&mut self, s: S) -> bool {
        self.quantize.has_specials(s)
    }

    #[inline(always)]
    fn exact_step(&mut self, s: S, offsets: [S::F32; 4], at: usize) -> S::U8 {
        let values = self.values(s, offsets);
        self.quantize.exact_step(s, values, at)
    }
}
