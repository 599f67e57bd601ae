//! `q = clamp(rne(x / s) + z, lo, hi)`

use super::encode::{Encode, Encoder, encode};
use super::quotient::{Divided, Product, Quotient, by_reciprocal, words, zero_points};
use super::stream::in_pieces;
use super::wide::QuantizeWide;
use crate::check::one_for_each;
use crate::error::Error;
use crate::kernels::map::{Codes, Floats, Map, map};
use crate::kernels::per_axis::{Source, Uniform};
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Pieces, Tier, entries};
use crate::values::code::{Code, of_each_code, of_type};
use crate::values::granularity::{Given, Layout, Params};
use crate::values::params::{QuantParams, RawParams};
use core::marker::PhantomData;

/// Quantizes: `out[i] = clamp(rne(x[i] / s) + z, lo, hi)`.
///
/// `x / s` is the quotient rounded to f32, as in ONNX `QuantizeLinear`, not the product with a
/// reciprocal; `rne` rounds half to even. NaN gives `z`, so it dequantizes to 0.0; ±∞ and what is
/// too large saturate.
///
/// `params` are one [`QuantParams`] for all elements, or [`Params`] for each channel or block.
///
/// # Errors
/// [`Error::Length`] if `x` and `out` differ in length; those of the [`Params`] if they don't fit `x`.
///
/// ```
/// # use zeropoint::{QuantParams, quantize};
/// let params = QuantParams::<u8>::new(2.0, 128)?;
/// let mut codes = [0; 5];
/// quantize(&[0.0, 3.0, 1000.0, -254.0, f32::NAN], params, &mut codes)?;
/// assert_eq!(codes, [128, 130, 255, 1, 128]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[inline]
pub fn quantize<'p, Q: Code>(
    x: &[f32],
    params: impl Into<Params<'p, Q>>,
    out: &mut [Q],
) -> Result<(), Error> {
    Tier::best().quantize(x, params, out)
}

impl Tier {
    /// [`quantize`](crate::quantize()) on this tier.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn quantize<'p, Q: Code>(
        self,
        x: &[f32],
        params: impl Into<Params<'p, Q>>,
        out: &mut [Q],
    ) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `x`", x.len()))?;
        match params.into().0 {
            Given::One(params) => {
                let bytes = size_of_val(x) + size_of_val(out);
                self.quantize_part(x, params, out, bytes);
                Ok(())
            }
            Given::Each(sets) => self.quantize_each(x, sets, out),
        }
    }

    /// `bytes`: that the whole operation reads and writes, where this is a part.
    pub(crate) fn quantize_part<Q: Code>(
        self,
        x: &[f32],
        params: QuantParams<Q>,
        out: &mut [Q],
        bytes: usize,
    ) {
        let raw = params.raw();
        of_type!(Q as T => {
            let out: &mut [T] = bytemuck::cast_slice_mut(out);
            Quantize { x, raw, out, bytes }.on(self);
        }, wide => {
            let params = Q::erase_params(core::slice::from_ref(&params));
            let (layout, out) = (&Layout::tensor(x.len()), bytemuck::cast_slice_mut(out));
            QuantizeWide { x, params, layout, out, bytes }.on(self);
        });
    }
}

of_each_code!(entries: Quantize);

struct Quantize<'a, Q> {
    x: &'a [f32],
    raw: &'a RawParams,
    out: &'a mut [Q],
    bytes: usize,
}

impl<Q: Byte> Operation for Quantize<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        uniform(s, self.raw, self.x, self.out);
    }

    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<()> {
        let bytes = self.bytes;
        let Self { x, raw, .. } = *self;
        in_pieces(tier, by, bytes, &Layout::tensor(x.len()), x, self.out, |_, _, x, out| {
            tier.run(&mut Quantize { x, raw, out, bytes: 0 });
        })
    }
}

/// Quantizes `x`, all of it with the same parameters.
#[inline(always)]
pub(crate) fn uniform<S: Simd, Q: Byte>(s: S, raw: &RawParams, x: &[f32], out: &mut [Q]) {
    with_source(s, raw, Uniform::new(s, words(raw)), x, out);
}

/// The same, with the words of `source`, which are those of `raw`.
#[inline(always)]
pub(super) fn with_source<S: Simd, Q: Byte>(
    s: S,
    raw: &RawParams,
    source: Uniform<S, 4>,
    x: &[f32],
    out: &mut [Q],
) {
    let by = By { x, out, source };
    if by_reciprocal::<S>(raw) {
        encode(s, raw, by);
    } else {
        let encoder = Encoder::<S, Q, true, true, true>::new(s, raw);
        by.quotient(s, PhantomData::<Divided>, encoder);
    }
}

/// What to quantize, and the source of its parameters.
struct By<'a, Q, P> {
    x: &'a [f32],
    out: &'a mut [Q],
    source: P,
}

impl<Q: Byte, P> By<'_, Q, P> {
    #[inline(always)]
    fn quotient<S: Simd, D: Quotient, const SHIFT: bool, const FLOOR: bool, const CEIL: bool>(
        self,
        s: S,
        quotient: PhantomData<D>,
        encoder: Encoder<S, Q, SHIFT, FLOOR, CEIL>,
    ) where
        P: Source<S>,
    {
        let kernel = Kernel::new(s, self.source, quotient, encoder);
        map(s, kernel, self.x, self.out);
    }
}

impl<S: Simd, Q: Byte, P: Source<S>> Encode<S, Q> for By<'_, Q, P> {
    #[inline(always)]
    fn with<const SHIFT: bool, const FLOOR: bool, const CEIL: bool>(
        self,
        s: S,
        encoder: Encoder<S, Q, SHIFT, FLOOR, CEIL>,
    ) {
        self.quotient(s, PhantomData::<Product>, encoder);
    }
}

/// Also the last part of a rescale.
pub(crate) struct Kernel<S: Simd, Q, P, D, const SHIFT: bool, const FLOOR: bool, const CEIL: bool> {
    source: P,
    encoder: Encoder<S, Q, SHIFT, FLOOR, CEIL>,
    specials: S::Specials,
    quotient: PhantomData<D>,
}

impl<S: Simd, Q: Byte, P: Source<S>, D, const SHIFT: bool, const FLOOR: bool, const CEIL: bool>
    Kernel<S, Q, P, D, SHIFT, FLOOR, CEIL>
{
    #[inline(always)]
    pub(crate) fn new(
        s: S,
        source: P,
        quotient: PhantomData<D>,
        encoder: Encoder<S, Q, SHIFT, FLOOR, CEIL>,
    ) -> Self {
        Self { source, encoder, specials: s.no_specials(), quotient }
    }

    #[inline(always)]
    fn codes(&mut self, s: S, quotients: [S::F32; 4], at: usize) -> S::U8 {
        let [a, b, c, d] = quotients;
        let integers = [s.narrow_i32(s.round(a), s.round(b)), s.narrow_i32(s.round(c), s.round(d))];
        self.specials = s.track_specials(self.specials, quotients, integers);
        let zero_points = zero_points(s, &self.source, at);
        self.encoder.codes(s, integers, zero_points)
    }
}

impl<S: Simd, Q: Byte, P, D, const SHIFT: bool, const FLOOR: bool, const CEIL: bool> Map<S>
    for Kernel<S, Q, P, D, SHIFT, FLOOR, CEIL>
where
    P: Source<S>,
    D: Quotient,
{
    type In = Floats;
    type Out = Codes<Q>;

    const TRACKS_SPECIALS: bool = true;
    const ANYWHERE: bool = P::UNIFORM;

    #[inline(always)]
    fn input(&self) -> Floats {
        Floats
    }

    #[inline(always)]
    fn step(&mut self, s: S, mut x: [S::F32; 4], at: usize) -> S::U8 {
        for i in 0..4 {
            x[i] = D::of(s, &self.source, x[i], at, i);
        }
        self.codes(s, x, at)
    }

    #[inline(always)]
    fn has_specials(&mut self, s: S) -> bool {
        let has_specials = s.has_specials(self.specials);
        self.specials = s.no_specials();
        has_specials
    }

    #[inline(always)]
    fn exact_step(&mut self, s: S, mut x: [S::F32; 4], at: usize) -> S::U8 {
        for i in 0..4 {
            x[i] = D::exact(s, &self.source, x[i], at, i);
        }
        self.codes(s, x, at)
    }
}
