//! What accumulators are multiplied by to become codes.

use crate::check::one_for_each;
use crate::error::Error;
use crate::values::granularity::{Granularity, Layout};
use crate::values::rounding::{order, rne};
use core::hint::black_box;
use core::ops::Range;

/// The factor by which requantization multiplies: as a real number, or in fixed point.
///
/// For a product of codes with scales `sa` and `sb`, and an output of scale `s`, it is
/// `sa · sb / s`: [`layer_multipliers()`](crate::gemm::layer_multipliers()) gives those of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Multiplier(pub(crate) Factor);

/// How a [`Multiplier`] multiplies and rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MultiplierKind {
    /// [`Multiplier::real`]: in f32, rounded half to even.
    Real,
    /// [`Multiplier::fixed`]: exact, then rounded once, half up.
    Fixed,
    /// [`Multiplier::fixed_double_rounding`]: rounded twice, as in gemmlowp.
    FixedDoubleRounding,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Factor {
    Real(f32),
    Fixed(Fixed),
    DoubleRounding(DoubleRounding),
}

/// `multiplier · 2^−shift`, with `0 <= multiplier` and `1 <= shift <= 62`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fixed {
    pub(crate) multiplier: i32,
    pub(crate) shift: u32,
}

/// `multiplier / 2³¹ · 2^left · 2^−right`, with `0 <= multiplier`; one of `left <= 30` and
/// `right <= 31` is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DoubleRounding {
    pub(crate) multiplier: i32,
    pub(crate) left: u32,
    pub(crate) right: u32,
}

/// By 1, as a real number.
impl Default for Multiplier {
    fn default() -> Self {
        Self(Factor::Real(1.0))
    }
}

impl Multiplier {
    /// A real multiplier: an accumulator is multiplied in f32, and rounded half to even.
    ///
    /// # Errors
    /// [`Error::Number`] unless it is finite and not negative.
    ///
    /// ```
    /// # use zeropoint::{Multiplier, QuantParams, requantize};
    /// let output = QuantParams::<i8>::new(0.1, -5)?;
    /// let mut codes = [0; 4];
    /// requantize(&[250, 150, -1000, 100_000], Multiplier::real(0.01)?, output, &mut codes)?;
    /// assert_eq!(codes, [-3, -3, -15, 127]); // 2.5 → 2, 1.5 → 2
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub const fn real(multiplier: f32) -> Result<Self, Error> {
        // In integers: whatever the floating-point environment.
        if order(multiplier) >= 0 && order(multiplier) <= order(f32::MAX) {
            Ok(Self(Factor::Real(multiplier)))
        } else {
            Err(wrong("multiplier", multiplier as f64, "a finite number of at least 0"))
        }
    }

    /// The fixed-point multiplier nearest to a real one: a fraction in `[½, 1)`, rounded half away
    /// from zero to 31 bits, and a power of two. This is `QuantizeMultiplier` of TensorFlow Lite.
    ///
    /// Below 2⁻³², where a 32-bit accumulator can't become another integer than 0, it is 0.
    ///
    /// # Errors
    /// [`Error::Number`] unless it is not negative, and (rounded) below 2³⁰.
    ///
    /// ```
    /// # use zeropoint::{Multiplier, QuantParams, requantize};
    /// let output = QuantParams::<i8>::new(0.1, -5)?;
    /// let mut codes = [0; 4];
    /// requantize(&[10, 6, -10, 1_000_000], Multiplier::fixed(0.25)?, output, &mut codes)?;
    /// assert_eq!(codes, [-2, -3, -7, 127]); // halves go up: 2.5 → 3, 1.5 → 2, −2.5 → −2
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub fn fixed(multiplier: f64) -> Result<Self, Error> {
        let (multiplier, exponent) = in_fixed_point(multiplier)?;
        Self::from_fixed(multiplier, exponent)
    }

    /// The same fixed-point multiplier with the double rounding of gemmlowp, which TensorFlow Lite has
    /// unless it is built for single rounding: `MultiplyByQuantizedMultiplier`.
    ///
    /// For `multiplier / 2³¹ · 2^exponent`, an accumulator is shifted to the left by the exponent if that
    /// is above 0, and saturated (gemmlowp leaves open what becomes of an overflow). Then comes
    /// `SaturatingRoundingDoublingHighMul`, the product divided by 2³¹ and rounded half up, and, if the
    /// exponent is below 0, `RoundingDivideByPOT`, a division by `2^−exponent` that is rounded half away
    /// from zero.
    ///
    /// # Errors
    /// As those of [`Multiplier::fixed`].
    ///
    /// ```
    /// # use zeropoint::{Multiplier, QuantParams, requantize};
    /// let output = QuantParams::<i8>::new(0.1, 0)?;
    /// let accumulators = [-10, -6, 6, 10, 1_000_000];
    /// let mut codes = [0; 5];
    /// requantize(&accumulators, Multiplier::fixed(0.25)?, output, &mut codes)?;
    /// assert_eq!(codes, [-2, -1, 2, 3, 127]); // −2.5 → −2, −1.5 → −1
    /// // 0.25 is ½ · 2⁻¹: a product of −10 is rounded from −5, and its half, −2.5, away from zero.
    /// requantize(&accumulators, Multiplier::fixed_double_rounding(0.25)?, output, &mut codes)?;
    /// assert_eq!(codes, [-3, -2, 2, 3, 127]);
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub fn fixed_double_rounding(multiplier: f64) -> Result<Self, Error> {
        let (multiplier, exponent) = in_fixed_point(multiplier)?;
        Self::from_fixed_double_rounding(multiplier, exponent)
    }

    /// A multiplier that is in fixed point already: `multiplier / 2³¹ · 2^exponent`, as TensorFlow
    /// Lite has it (where the exponent is called shift, and positive to the left).
    ///
    /// # Errors
    /// [`Error::Number`] unless `multiplier >= 0` and `−31 <= exponent <= 30`.
    pub const fn from_fixed(multiplier: i32, exponent: i32) -> Result<Self, Error> {
        if let Err(error) = checked(multiplier, exponent) {
            return Err(error);
        }
        let shift = (31 - exponent) as u32;
        Ok(Self(Factor::Fixed(Fixed { multiplier, shift })))
    }

    /// The same with the rounding of [`Multiplier::fixed_double_rounding`].
    ///
    /// # Errors
    /// As those of [`Multiplier::from_fixed`].
    pub const fn from_fixed_double_rounding(multiplier: i32, exponent: i32) -> Result<Self, Error> {
        if let Err(error) = checked(multiplier, exponent) {
            return Err(error);
        }
        let (left, right) =
            if exponent > 0 { (exponent.unsigned_abs(), 0) } else { (0, exponent.unsigned_abs()) };
        Ok(Self(Factor::DoubleRounding(DoubleRounding { multiplier, left, right })))
    }

    /// How it multiplies and rounds.
    #[must_use]
    pub const fn kind(self) -> MultiplierKind {
        match self.0 {
            Factor::Real(_) => MultiplierKind::Real,
            Factor::Fixed(_) => MultiplierKind::Fixed,
            Factor::DoubleRounding(_) => MultiplierKind::FixedDoubleRounding,
        }
    }

    /// Whether it is 1 or more, so that products may be too large for an integer (or, with double
    /// rounding, what is multiplied).
    pub(crate) fn is_large(self) -> bool {
        match self.0 {
            Factor::Real(multiplier) => multiplier >= 1.0,
            Factor::Fixed(Fixed { multiplier, shift }) => i64::from(multiplier) >= 1 << shift,
            Factor::DoubleRounding(DoubleRounding { left, .. }) => left > 0,
        }
    }

    /// Whether it is one of those that are used most, and has a kernel of its own.
    pub(crate) fn is_quick(self) -> bool {
        !matches!(self.0, Factor::DoubleRounding(_)) && !self.is_large()
    }

    /// THE SPECIFICATION of requantization, for one accumulator, before the zero point: the product
    /// as an integer, saturated beyond all codes.
    pub(crate) fn product(self, accumulator: i32) -> i32 {
        match self.0 {
            Factor::Real(multiplier) => rne(accumulator as f32 * multiplier),
            Factor::Fixed(Fixed { multiplier, shift }) => {
                let product = i64::from(accumulator) * i64::from(multiplier);
                let rounded = (product + (1 << (shift - 1))) >> shift;
                rounded.clamp(-65_536, 65_536) as i32
            }
            Factor::DoubleRounding(DoubleRounding { multiplier, left, right }) => {
                let shifted = i64::from(accumulator) << left;
                let shifted = shifted.clamp(i32::MIN.into(), i32::MAX.into());
                // SaturatingRoundingDoublingHighMul, which saturates only if both are i32::MIN.
                let product = shifted * i64::from(multiplier);
                let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
                let high = (product + nudge) / (1 << 31);
                // RoundingDivideByPOT.
                let mask = (1 << right) - 1;
                let remainder = high & mask;
                let threshold = (mask >> 1) + i64::from(high < 0);
                let rounded = (high >> right) + i64::from(remainder > threshold);
                rounded.clamp(-65_536, 65_536) as i32
            }
        }
    }
}

/// The nearest fraction of 31 bits and a power of two: see [`Multiplier::fixed`].
fn in_fixed_point(multiplier: f64) -> Result<(i32, i32), Error> {
    const BITS: u32 = 52;
    // In integers, as in `order`: whatever the floating-point environment. Of a −0.0 the sign is dropped; all bits of
    // other negative numbers, of infinities and of NaN are beyond those of numbers.
    const NEGATIVE_ZERO: u64 = 1 << 63;
    let bits = match black_box(multiplier.to_bits()) {
        NEGATIVE_ZERO => 0,
        bits => bits,
    };
    if bits >= f64::INFINITY.to_bits() {
        return Err(wrong("multiplier", multiplier, FIXED));
    }
    // multiplier = fraction · 2^exponent, with the fraction in [½, 1).
    let exponent = (bits >> BITS) as i32 - 1022;
    let mantissa = bits & ((1 << BITS) - 1) | 1 << BITS;
    // Of its 53 bits the multiplier has 31: half of the last one added, 22 cut off.
    let rounded = (mantissa + (1 << 21)) >> 22;
    // Rounding up to 2³¹ makes it a half of the next power of two.
    let (rounded, exponent) = match rounded >> 31 {
        0 => (rounded as i32, exponent),
        _ => (1 << 30, exponent + 1),
    };
    match exponent {
        ..-31 => Ok((0, 0)),
        -31..=30 => Ok((rounded, exponent)),
        31.. => Err(wrong("multiplier", multiplier, FIXED)),
    }
}

/// What fixed point can hold.
const FIXED: &str = "a number of at least 0 that, rounded to 31 bits, is below 2^30";

const fn checked(multiplier: i32, exponent: i32) -> Result<(), Error> {
    if multiplier < 0 {
        Err(wrong("multiplier", multiplier as f64, "at least 0"))
    } else if exponent < -31 || exponent > 30 {
        Err(wrong("exponent", exponent as f64, "in -31..=30"))
    } else {
        Ok(())
    }
}

const fn wrong(argument: &'static str, value: f64, expected: &'static str) -> Error {
    Error::Number { argument, index: None, value, expected }
}

/// The multipliers of a tensor of accumulators: the same for all of it, or one for each channel; and perhaps
/// a bias for each channel.
///
/// What takes them takes `impl Into<Multipliers>`: a [`Multiplier`], for all accumulators, or one of the
/// constructors here.
///
/// ```
/// # use zeropoint::{Multiplier, Multipliers, QuantParams, requantize};
/// let multipliers = [Multiplier::real(0.5)?, Multiplier::real(0.01)?];
/// let multipliers = Multipliers::per_axis(&multipliers, 1).with_bias(&[6, -300]);
/// let output = QuantParams::<u8>::new(0.1, 10)?.with_codes(10..=255)?; // a ReLU
/// let mut codes = [0; 4];
/// requantize(&[4, 500, -20, 900], multipliers, output, &mut codes)?;
/// assert_eq!(codes, [15, 12, 10, 16]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Multipliers<'a> {
    each: EachChannel<'a>,
    bias: Option<&'a [i32]>,
    inner: usize,
}

/// The multipliers without the biases.
#[derive(Clone, Copy, Debug)]
pub(crate) enum EachChannel<'a> {
    Same(Multiplier),
    Own(&'a [Multiplier]),
}

impl From<Multiplier> for Multipliers<'_> {
    #[inline(always)]
    fn from(multiplier: Multiplier) -> Self {
        Self { each: EachChannel::Same(multiplier), bias: None, inner: 1 }
    }
}

impl<'a> Multipliers<'a> {
    /// A multiplier for each channel of `[outer, channels, inner]`, all of one [kind](MultiplierKind).
    ///
    /// For the output of a linear layer, `[tokens, channels]`, `inner` is 1; for that of a convolution with
    /// channels first, it is the size of an image. [`layer_multipliers()`](crate::gemm::layer_multipliers())
    /// gives them, and the biases, for the parameters of a layer.
    #[must_use]
    pub const fn per_axis(multipliers: &'a [Multiplier], inner: usize) -> Self {
        Self { each: EachChannel::Own(multipliers), bias: None, inner }
    }

    /// The same with a bias for each channel, which is added to the channel's accumulators first (a sum that
    /// does not fit `i32` saturates). If the multiplier is one for all, channels are those of the last axis.
    #[must_use]
    pub const fn with_bias(self, bias: &'a [i32]) -> Self {
        Self { bias: Some(bias), ..self }
    }

    /// The multiplier of all accumulators, if there is nothing else.
    #[inline(always)]
    pub(crate) fn one(&self) -> Option<Multiplier> {
        match (self.each, self.bias) {
            (EachChannel::Same(multiplier), None) => Some(multiplier),
            _ => None,
        }
    }

    pub(crate) fn each(&self) -> EachChannel<'_> {
        self.each
    }

    pub(crate) fn bias(&self) -> Option<&[i32]> {
        self.bias
    }

    /// How many there are, and how the elements share them.
    #[inline(always)]
    fn granularity(&self) -> (usize, Granularity) {
        match (self.each, self.bias) {
            (EachChannel::Own(multipliers), _) => {
                (multipliers.len(), Granularity::Axis { inner: self.inner })
            }
            (EachChannel::Same(_), Some(bias)) => {
                (bias.len(), Granularity::Axis { inner: self.inner })
            }
            (EachChannel::Same(_), None) => (1, Granularity::Tensor),
        }
    }

    /// How the channels lie in these elements, if all numbers fit.
    #[inline(always)]
    pub(crate) fn layout(&self, elements: (&'static str, usize)) -> Result<Layout, Error> {
        let (channels, granularity) = self.granularity();
        let layout = Layout::new(elements, ("multipliers", channels), granularity)?;
        self.check(("elements of `multipliers`", channels))?;
        Ok(layout)
    }

    /// Which of the channels the element `i` has.
    pub(crate) fn channel_of(&self, i: usize) -> usize {
        let (channels, granularity) = self.granularity();
        granularity.parameters_of(i, channels)
    }

    /// `Ok` if they are those of the columns of a matrix.
    pub(crate) fn check_columns(&self, columns: usize) -> Result<(), Error> {
        let of = ("columns of `b`", columns);
        if let EachChannel::Own(multipliers) = self.each {
            if self.inner != 1 {
                return Err(wrong("inner", self.inner as f64, "1, as columns are the last axis"));
            }
            one_for_each(("multipliers", multipliers.len()), of)?;
        }
        self.check(of)
    }

    /// `Ok` if biases are those of these channels, and all multipliers of one kind.
    fn check(&self, channels: (&'static str, usize)) -> Result<(), Error> {
        if let Some(bias) = self.bias {
            one_for_each(("bias", bias.len()), channels)?;
        }
        let EachChannel::Own(multipliers) = self.each else {
            return Ok(());
        };
        let kind = self.kind();
        // Without a way out of the loop, so that it is one of vectors.
        let mut are_mixed = false;
        for multiplier in multipliers {
            are_mixed |= multiplier.kind() != kind;
        }
        let find = || multipliers.iter().position(|m| m.kind() != kind);
        match are_mixed.then(find).flatten() {
            Some(channel) => Err(Error::MixedMultipliers { channel }),
            None => Ok(()),
        }
    }

    /// Those of some of the channels, which begin with the first of these.
    pub(crate) fn part(&self, channels: Range<usize>) -> Self {
        let mut part = *self;
        if let EachChannel::Own(multipliers) = &mut part.each {
            *multipliers = &multipliers[channels.clone()];
        }
        part.bias = self.bias.map(|bias| &bias[channels]);
        part
    }

    /// The kind of all of them.
    #[inline(always)]
    pub(crate) fn kind(&self) -> MultiplierKind {
        match self.each {
            EachChannel::Same(multiplier) => multiplier.kind(),
            EachChannel::Own([first, ..]) => first.kind(),
            EachChannel::Own([]) => MultiplierKind::Real,
        }
    }

    /// Whether one of them [is large](Multiplier::is_large).
    #[inline(always)]
    pub(crate) fn are_large(&self) -> bool {
        match self.each {
            EachChannel::Same(multiplier) => multiplier.is_large(),
            EachChannel::Own(multipliers) => {
                let mut are_large = false;
                for p in 0..multipliers.len() {
                    are_large |= multipliers[p].is_large();
                }
                are_large
            }
        }
    }

    /// The multiplier and the bias of each channel.
    #[inline(always)]
    pub(crate) fn factors(&self) -> Factors<'_> {
        let (multipliers, mask) = match &self.each {
            EachChannel::Same(multiplier) => (core::slice::from_ref(multiplier), 0),
            EachChannel::Own(multipliers) => (*multipliers, usize::MAX),
        };
        Factors { multipliers, mask, bias: self.bias }
    }
}

/// [`Multipliers`] as kernels read them.
#[derive(Clone, Copy)]
pub(crate) struct Factors<'a> {
    multipliers: &'a [Multiplier],
    /// 0 where there is one for all channels.
    mask: usize,
    bias: Option<&'a [i32]>,
}

impl Factors<'_> {
    /// The multiplier and the bias of channel `c`.
    #[inline(always)]
    pub(crate) fn of(&self, c: usize) -> (Multiplier, i32) {
        let bias = match self.bias {
            Some(bias) => bias[c],
            None => 0,
        };
        (self.multipliers[c & self.mask], bias)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn parts(multiplier: f64) -> (i32, i32) {
        match Multiplier::fixed(multiplier).unwrap().0 {
            Factor::Fixed(Fixed { multiplier, shift }) => (multiplier, 31 - shift as i32),
            _ => unreachable!("fixed"),
        }
    }

    #[test]
    fn fixed_is_a_fraction_and_a_power_of_two() {
        assert_eq!(parts(0.5), (1 << 30, 0));
        assert_eq!(parts(1.0), (1 << 30, 1));
        assert_eq!(parts(0.75), (3 << 29, 0));
        assert_eq!(parts(0.1), (1_717_986_918, -3));
        assert_eq!(parts(3.0 * f64::from(1 << 28)), (3 << 29, 30));
        // Rounded half away from zero: the last bit and a half, and less.
        assert_eq!(parts((1.0 + 2_f64.powi(-31)) / 2.0), ((1 << 30) + 1, 0));
        assert_eq!(parts((1.0 + 2_f64.powi(-32)) / 2.0), (1 << 30, 0));
        // Rounded up to the next power of two.
        assert_eq!(parts(1.0 - 2_f64.powi(-33)), (1 << 30, 1));
        // Too small for any accumulator.
        assert_eq!(parts(0.0), (0, 0));
        assert_eq!(parts(-0.0), (0, 0));
        assert_eq!(parts(2_f64.powi(-32)), (1 << 30, -31));
        assert_eq!(parts(2_f64.powi(-33)), (0, 0));
        assert_eq!(parts(1e-310), (0, 0));
    }

    #[test]
    fn multipliers_that_are_none() {
        for multiplier in [-1.0, f64::NAN, f64::INFINITY, f64::from(1 << 30)] {
            let expected = wrong("multiplier", multiplier, FIXED);
            let error = Multiplier::fixed(multiplier).unwrap_err();
            assert_eq!(error.to_string(), expected.to_string());
        }
        for multiplier in [-1.0, f32::NAN, f32::INFINITY] {
            let error = Multiplier::real(multiplier).unwrap_err();
            assert!(matches!(error, Error::Number { .. }), "{error:?}");
        }
        for (multiplier, exponent, text) in [
            (-1, 0, "`multiplier` is -1, not at least 0"),
            (1, 31, "`exponent` is 31, not in -31..=30"),
            (1, -32, "`exponent` is -32, not in -31..=30"),
            (i32::MIN, i32::MIN, "`multiplier` is -2147483648, not at least 0"),
        ] {
            let error = Multiplier::from_fixed(multiplier, exponent).unwrap_err();
            assert_eq!(error.to_string(), text);
        }
    }
}
