//! `q = clamp(rne(f32(acc) · m) + z, lo, hi)`, or with `(acc · M + half) >> shift` for the product

use super::encode::{Encode, Encoder, Encodes, Shifting, encode};
use super::stream::tensor_in_pieces;
use crate::check::one_for_each;
use crate::error::Error;
use crate::kernels::map::{Codes, Ints, Map, map};
use crate::kernels::per_axis::{Source, Uniform};
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Pieces, Tier, entries};
use crate::values::code::{Code, of_each_code, of_type};
use crate::values::multiplier::{
    DoubleRounding, Factor, Fixed, Multiplier, MultiplierKind, Multipliers,
};
use crate::values::params::{QuantParams, RawParams};
use core::marker::PhantomData;

/// Requantizes: turns the i32 accumulators of an integer product into codes.
///
/// By a real multiplier `m`, `out[i] = clamp(rne(f32(accumulators[i]) · m) + z, lo, hi)`: the
/// accumulator is rounded to f32, the product too, and that to an integer, each half to even. By a
/// fixed-point multiplier `M · 2^−shift`, `out[i] = clamp(((accumulators[i] · M + 2^(shift − 1)) >>
/// shift) + z, lo, hi)`, exact but for one rounding, half up: the single rounding of TensorFlow
/// Lite. Its double rounding is [`Multiplier::fixed_double_rounding`]. All saturate. With [`Multipliers`]
/// each channel has a multiplier of its own, and perhaps a bias that is added to the accumulator first. Of
/// `params`, the zero point and the codes in use count; a ReLU is `lo = z`. See [`Multiplier`] for examples.
///
/// # Errors
/// [`Error::Length`] if `accumulators` and `out` differ in length, or biases and multipliers;
/// [`Error::Shape`] if there is not a whole number of times all channels; [`Error::MixedMultipliers`].
#[inline]
pub fn requantize<'m, Q: Code>(
    accumulators: &[i32],
    multipliers: impl Into<Multipliers<'m>>,
    params: QuantParams<Q>,
    out: &mut [Q],
) -> Result<(), Error> {
    Tier::best().requantize(accumulators, multipliers, params, out)
}

impl Tier {
    /// [`requantize`](crate::requantize()) on this tier.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn requantize<'m, Q: Code>(
        self,
        accumulators: &[i32],
        multipliers: impl Into<Multipliers<'m>>,
        params: QuantParams<Q>,
        out: &mut [Q],
    ) -> Result<(), Error> {
        one_for_each(("out", out.len()), ("elements of `accumulators`", accumulators.len()))?;
        let multipliers = multipliers.into();
        let multiplier = match multipliers.one() {
            Some(multiplier) if size_of::<Q>() == 1 && multiplier.is_quick() => multiplier,
            _ => return self.requantize_each(accumulators, &multipliers, params, out),
        };
        let raw = params.raw();
        of_type!(Q as T => {
            let out: &mut [T] = bytemuck::cast_slice_mut(out);
            Requantize { accumulators, multiplier, raw, out }.on(self);
        });
        Ok(())
    }
}

of_each_code!(entries: Requantize);

/// By one multiplier that [is quick](Multiplier::is_quick).
struct Requantize<'a, Q> {
    accumulators: &'a [i32],
    multiplier: Multiplier,
    raw: &'a RawParams,
    out: &'a mut [Q],
}

impl<Q: Byte> Operation for Requantize<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        match self.multiplier.kind() {
            MultiplierKind::Real => encode(s, self.raw, self),
            _ => {
                let encoder = Encoder::<S, Q, true, true, true>::new(s, self.raw);
                self.by::<S, Shifted<false>, _>(s, Shifting::new(s, encoder, self.raw));
            }
        }
    }

    #[inline(always)]
    fn in_pieces(&mut self, tier: Tier, by: Pieces) -> Option<()> {
        let Self { accumulators, multiplier, raw, .. } = *self;
        tensor_in_pieces(tier, by, accumulators, self.out, |accumulators, out| {
            tier.run(&mut Requantize { accumulators, multiplier, raw, out });
        })
    }
}

impl<Q: Byte> Requantize<'_, Q> {
    #[inline(always)]
    fn by<S: Simd, F: Product, E: Encodes<S>>(&mut self, s: S, encoder: E) {
        let source = Uniform::new(s, words(self.multiplier, 0));
        let kernel = Kernel { source, encoder, product: PhantomData::<F> };
        map(s, kernel, self.accumulators, bytemuck::must_cast_slice_mut(self.out));
    }
}

impl<S: Simd, Q: Byte> Encode<S, Q> for &mut Requantize<'_, Q> {
    #[inline(always)]
    fn with<const SHIFT: bool, const FLOOR: bool, const CEIL: bool>(
        self,
        s: S,
        encoder: Encoder<S, Q, SHIFT, FLOOR, CEIL>,
    ) {
        self.by::<S, Real<false>, _>(s, Shifting::new(s, encoder, self.raw));
    }
}

/// The words of the multiplier, of the fixed-point shift (with double rounding, to the right), of the
/// accumulators between which products stay within an integer (with double rounding, of the power of two
/// of the shift to the left, and of the highest number that it does not overflow), and of the bias.
const FACTOR: usize = 0;
const SHIFT: usize = 1;
const LOWEST: usize = 2;
const POWER: usize = 2;
const HIGHEST: usize = 3;
pub(crate) const BIAS: usize = 4;

/// As many words as that.
pub(crate) const WORDS: usize = 5;

/// What products need of a multiplier and a bias.
#[inline(always)]
pub(crate) fn words(multiplier: Multiplier, bias: i32) -> [u32; WORDS] {
    let [factor, shift, two, three] = match multiplier.kind() {
        MultiplierKind::Real => Real::<true>::words(multiplier),
        MultiplierKind::Fixed => Shifted::<true>::words(multiplier),
        MultiplierKind::FixedDoubleRounding => RoundedTwice::<true>::words(multiplier),
    };
    [factor, shift, two, three, bias as u32]
}

/// An integer beyond all codes, whatever the zero point.
const BEYOND: u64 = 1 << 16;

/// How an accumulator becomes an integer.
pub(crate) trait Product: Copy {
    /// How many words of a multiplier it asks for.
    const WORDS: usize = BIAS;

    /// The words of a multiplier of its kind; those of another don't matter.
    fn words(multiplier: Multiplier) -> [u32; BIAS];

    /// The product.
    fn of<S: Simd, P: Source<S>>(s: S, from: &P, acc: S::I32, at: usize, i: usize) -> S::I32;
}

/// By a real multiplier. `LARGE`: one is 1 or more, so products may be too large for an integer.
#[derive(Clone, Copy)]
pub(crate) struct Real<const LARGE: bool>;

impl<const LARGE: bool> Product for Real<LARGE> {
    const WORDS: usize = 1;

    #[inline(always)]
    fn words(multiplier: Multiplier) -> [u32; BIAS] {
        let Factor::Real(factor) = multiplier.0 else { return [0; BIAS] };
        [factor.to_bits(), 0, 0, 0]
    }

    #[inline(always)]
    fn of<S: Simd, P: Source<S>>(s: S, from: &P, acc: S::I32, at: usize, i: usize) -> S::I32 {
        let mut product = s.mul(s.to_f32(acc), from.f32(s, FACTOR, at, i));
        if LARGE {
            let beyond = BEYOND as f32;
            product = s.clamp(product, s.splat_f32(-beyond), s.splat_f32(beyond));
        }
        s.round(product)
    }
}

/// By a fixed-point multiplier. `LARGE`: one is 1 or more, so products may be too large for an
/// integer; but beyond the bounds of the accumulator they are beyond all codes.
#[derive(Clone, Copy)]
pub(crate) struct Shifted<const LARGE: bool>;

impl<const LARGE: bool> Product for Shifted<LARGE> {
    #[inline(always)]
    fn words(multiplier: Multiplier) -> [u32; BIAS] {
        let Factor::Fixed(Fixed { multiplier: factor, shift }) = multiplier.0 else {
            return [0; BIAS];
        };
        // An accumulator whose product is beyond all codes, if there is one.
        let mut limit = i32::MAX;
        if multiplier.is_large() {
            limit = (BEYOND << shift).div_ceil(factor.unsigned_abs().into()) as i32;
        }
        [factor as u32, shift, !limit as u32, limit as u32]
    }

    #[inline(always)]
    fn of<S: Simd, P: Source<S>>(s: S, from: &P, mut acc: S::I32, at: usize, i: usize) -> S::I32 {
        if LARGE {
            let lowest = from.i32(s, LOWEST, at, i);
            let highest = from.i32(s, HIGHEST, at, i);
            acc = s.clamp_i32(acc, lowest, highest);
        }
        let (factor, shift) = (from.i32(s, FACTOR, at, i), from.i32(s, SHIFT, at, i));
        s.mul_shift(acc, factor, shift, P::UNIFORM)
    }
}

/// By a fixed-point multiplier with double rounding. `LARGE`: one has a shift to the left.
#[derive(Clone, Copy)]
pub(crate) struct RoundedTwice<const LARGE: bool>;

impl<const LARGE: bool> Product for RoundedTwice<LARGE> {
    #[inline(always)]
    fn words(multiplier: Multiplier) -> [u32; BIAS] {
        let Factor::DoubleRounding(DoubleRounding { multiplier: factor, left, right }) =
            multiplier.0
        else {
            return [0; BIAS];
        };
        [factor as u32, right, 1 << left, i32::MAX as u32 >> left]
    }

    #[inline(always)]
    fn of<S: Simd, P: Source<S>>(s: S, from: &P, mut acc: S::I32, at: usize, i: usize) -> S::I32 {
        if LARGE {
            // What is beyond the bounds is made ±(2³¹ − 1), and added to what is shifted within them.
            let highest = from.i32(s, HIGHEST, at, i);
            let lowest = s.sub_i32(s.splat_i32(-1), highest);
            let within = s.clamp_i32(acc, lowest, highest);
            let beyond = s.sub_i32(acc, within);
            let beyond = s.clamp_i32(beyond, s.splat_i32(-1), s.splat_i32(1));
            let beyond = s.mul_i32(beyond, s.splat_i32(i32::MAX));
            let shifted = s.mul_i32(within, from.i32(s, POWER, at, i));
            acc = s.add_saturated_i32(shifted, beyond);
        }
        // The nudge of the definition, and a division that cuts off, round half up.
        let factor = from.i32(s, FACTOR, at, i);
        let high = s.mul_shift(acc, factor, s.splat_i32(31), P::UNIFORM);
        s.divide_by_power(high, from.i32(s, SHIFT, at, i))
    }
}

/// As `F`, of the sum of the accumulator and the bias.
#[derive(Clone, Copy)]
pub(crate) struct Biased<F>(PhantomData<F>);

impl<F: Product> Product for Biased<F> {
    const WORDS: usize = F::WORDS;

    #[inline(always)]
    fn words(multiplier: Multiplier) -> [u32; BIAS] {
        F::words(multiplier)
    }

    #[inline(always)]
    fn of<S: Simd, P: Source<S>>(s: S, from: &P, acc: S::I32, at: usize, i: usize) -> S::I32 {
        let sum = s.add_saturated_i32(acc, from.i32(s, BIAS, at, i));
        F::of(s, from, sum, at, i)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Kernel<P, F, E> {
    pub(crate) source: P,
    pub(crate) encoder: E,
    pub(crate) product: PhantomData<F>,
}

impl<S: Simd, P: Source<S>, F: Product, E: Encodes<S>> Map<S> for Kernel<P, F, E> {
    type In = Ints;
    type Out = Codes<u8>;

    const ANYWHERE: bool = P::UNIFORM;

    #[inline(always)]
    fn input(&self) -> Ints {
        Ints
    }

    #[inline(always)]
    fn step(&mut self, s: S, mut acc: [S::I32; 4], at: usize) -> S::U8 {
        for i in 0..4 {
            acc[i] = F::of(s, &self.source, acc[i], at, i);
        }
        let [a, b, c, d] = acc;
        self.encoder.bytes(s, [s.narrow_i32(a, b), s.narrow_i32(c, d)])
    }
}
