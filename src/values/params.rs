//! The choice of scale and zero point.

use crate::error::Error;
use crate::simd::environment::in_default;
use crate::values::code::Code;
use crate::values::rounding::{Reciprocal, order, rne};
use core::fmt;
use core::marker::PhantomData;
use core::ops::RangeInclusive;

/// The smallest scale: 2⁻¹²⁶, the smallest normal f32.
pub const MIN_SCALE: f32 = f32::MIN_POSITIVE;

/// The smallest and largest value of a tensor, or of what a tensor is expected to hold.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// The smallest value.
    pub min: f32,
    /// The largest value.
    pub max: f32,
}

impl Range {
    /// The range from `min` to `max`.
    #[must_use]
    pub const fn new(min: f32, max: f32) -> Self {
        Self { min, max }
    }

    /// The smallest range that holds both: ranges of parts make the range of the whole.
    ///
    /// ```
    /// # use zeropoint::Range;
    /// assert_eq!(Range::new(-1.0, 2.0).union(Range::new(0.0, 5.0)), Range::new(-1.0, 5.0));
    /// ```
    ///
    /// An end that is NaN counts as none.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        let is_lower = self.min.is_nan() || order(other.min) < order(self.min);
        let is_higher = self.max.is_nan() || order(other.max) > order(self.max);
        Self {
            min: if is_lower && !other.min.is_nan() { other.min } else { self.min },
            max: if is_higher && !other.max.is_nan() { other.max } else { self.max },
        }
    }

    #[inline(always)]
    fn ordered(self) -> Result<Self, Error> {
        let Self { min, max } = self;
        if !min.is_nan() && !max.is_nan() && order(min) <= order(max) {
            Ok(self)
        } else {
            Err(Error::Range { min, max })
        }
    }

    /// `Ok` if it is finite, where the floating-point environment is the default one.
    #[inline(always)]
    fn finite(self) -> Result<Self, Error> {
        let Self { min, max } = self;
        if f32::NEG_INFINITY < min && min <= max && max < f32::INFINITY {
            Ok(self)
        } else {
            Err(Error::Range { min, max })
        }
    }
}

/// Ends are equal as numbers: NaN equals nothing, −0.0 equals +0.0.
impl PartialEq for Range {
    fn eq(&self, other: &Self) -> bool {
        let equal = |a: f32, b: f32| !a.is_nan() && order(a) == order(b);
        equal(self.min, other.min) && equal(self.max, other.max)
    }
}

/// How a range becomes a scale and a zero point: affine or symmetric, and with which codes.
///
/// ```
/// # use zeropoint::{Range, Scheme};
/// // Four bits: the codes −7..=7, kept in bytes.
/// let four_bits = Scheme::<i8>::symmetric().with_codes(-7..=7)?;
/// let params = four_bits.params(Range::new(-1.4, 0.7))?;
/// assert_eq!(params.scale(), 1.4 / 7.0);
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme<Q> {
    kind: Kind,
    lo: Q,
    hi: Q,
    of_finite: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Affine,
    Symmetric,
}

impl<Q: Code> Scheme<Q> {
    /// Affine, with all codes of the type.
    ///
    /// The range is extended to include 0, and spread over the codes `[lo, hi]`:
    ///
    /// ```text
    /// s = (max − min) / (hi − lo)
    /// z = clamp(rne(lo − min / s), lo, hi)
    /// ```
    ///
    /// each operation rounded to f32. For `u8` these are the formulas of ONNX
    /// `DynamicQuantizeLinear`, bit for bit. The range `[0, 0]` gives `s = 1`. Where the span is
    /// beyond f32, the scale below [`MIN_SCALE`], or a code would dequantize to infinity, the
    /// scale is the nearest one for which that is not so.
    #[must_use]
    pub const fn affine() -> Self {
        Self { kind: Kind::Affine, lo: Q::MIN, hi: Q::MAX, of_finite: false }
    }

    /// Symmetric: the zero point is 0. The codes are −127..=127 (`i8`), −32767..=32767 (`i16`), or all of
    /// `u8` and `u16`.
    ///
    /// ```text
    /// s = max(min / lo, max / hi)      that is max(|min|, |max|) / 127 for i8
    /// ```
    ///
    /// A range that reaches to a side without codes (a negative minimum, for unsigned codes) is an error.
    /// The range `[0, 0]` gives `s = 1`; the scale is never below [`MIN_SCALE`].
    #[must_use]
    pub const fn symmetric() -> Self {
        Self { kind: Kind::Symmetric, lo: Q::SYMMETRIC_MIN, hi: Q::MAX, of_finite: false }
    }

    /// The same scheme with other codes: fewer bits, or a range that an instruction set asks for.
    ///
    /// # Errors
    /// [`Error::TooFewCodes`] if an affine scheme is given fewer than two codes; [`Error::Codes`]
    /// if the codes of a symmetric one don't include 0.
    pub fn with_codes(self, codes: RangeInclusive<Q>) -> Result<Self, Error> {
        let (lo, hi) = ends(&codes);
        match self.kind {
            Kind::Affine if lo >= hi => Err(Error::TooFewCodes { lo, hi }),
            Kind::Symmetric if lo > 0 || hi < 0 => Err(Error::Codes { lo, hi, zero_point: 0 }),
            kind => Ok(Self { kind, lo: *codes.start(), hi: *codes.end(), ..self }),
        }
    }

    /// The same scheme for data that may not be finite: where
    /// [`quantize_dynamic()`](crate::quantize_dynamic()) and its relatives find NaN and infinities, they
    /// take the range of the finite elements, [0, 0] if there are none, and it is no error. A NaN then
    /// gets the zero point, and infinities saturate.
    ///
    /// ```
    /// # use zeropoint::{QuantParams, Scheme, quantize_dynamic_rows};
    /// let x = [
    ///     0.0, 1.0, 2.55, //
    ///     f32::NEG_INFINITY, f32::NAN, 255.0,
    /// ];
    /// let (mut codes, mut params) = ([0; 6], [QuantParams::default(); 2]);
    /// let scheme = Scheme::<u8>::affine();
    /// let error = quantize_dynamic_rows(&x, 3, scheme, &mut params, &mut codes).unwrap_err();
    /// assert_eq!(error.to_string(), "row 1 of `x` has the element -inf");
    ///
    /// quantize_dynamic_rows(&x, 3, scheme.of_finite(), &mut params, &mut codes)?;
    /// assert_eq!(codes, [0, 100, 255, 0, 0, 255]);
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    #[must_use]
    pub const fn of_finite(self) -> Self {
        Self { of_finite: true, ..self }
    }

    /// Whether it is [`Scheme::of_finite`].
    pub(crate) const fn is_of_finite(self) -> bool {
        self.of_finite
    }

    /// The scale and zero point that this scheme gives a range.
    ///
    /// # Errors
    /// [`Error::Range`] if the range is not finite or inverted; [`Error::OneSided`] if a symmetric
    /// scheme has no codes for one of its sides.
    pub fn params(self, range: Range) -> Result<QuantParams<Q>, Error> {
        self.choice().compiled(range).map(QuantParams::of)
    }

    /// The scheme, without the type of the codes.
    #[inline(always)]
    pub(crate) fn choice(self) -> Choice {
        Choice { kind: self.kind, lo: self.lo.into(), hi: self.hi.into() }
    }

    /// The same for the type that `Q` is: `T`, within [`of_type!`](crate::values::code::of_type).
    pub(crate) fn retyped<T: Code>(self) -> Scheme<T> {
        let Self { kind, lo, hi, of_finite } = self;
        Scheme { kind, lo: T::from_i32(lo.into()), hi: T::from_i32(hi.into()), of_finite }
    }
}

/// [`Scheme`] without the type of the codes.
#[derive(Clone, Copy)]
pub(crate) struct Choice {
    pub(crate) kind: Kind,
    pub(crate) lo: i32,
    pub(crate) hi: i32,
}

impl Choice {
    /// How many codes there are.
    #[cfg(feature = "std")]
    pub(crate) fn codes(self) -> i32 {
        self.hi - self.lo + 1
    }

    #[cfg(feature = "std")]
    pub(crate) fn is_symmetric(self) -> bool {
        self.kind == Kind::Symmetric
    }

    /// [`Choice::raw`], compiled in this crate, whatever the floating-point environment.
    pub(crate) fn compiled(self, range: Range) -> Result<RawParams, Error> {
        in_default(|| self.raw(range))
    }

    /// [`Scheme::params`]. Inlined, so that a kernel has the result in registers.
    #[inline(always)]
    pub(crate) fn raw(self, range: Range) -> Result<RawParams, Error> {
        let Self { kind, lo, hi } = self;
        let Range { min, max } = range.finite()?;
        let (min, max) = (min.min(0.0), max.max(0.0));
        let mut scale = match kind {
            Kind::Affine => (max - min) / (hi - lo) as f32,
            Kind::Symmetric => {
                // What does not fit the codes on its side.
                for (bound, code) in [(min, lo), (max, hi)] {
                    if bound != 0.0 && code == 0 {
                        let row = None;
                        return Err(Error::OneSided { row, bound, lo, hi });
                    }
                }
                let lower = if min == 0.0 { 0.0 } else { min / lo as f32 };
                let upper = if max == 0.0 { 0.0 } else { max / hi as f32 };
                lower.max(upper)
            }
        };
        if min == max {
            scale = 1.0;
        } else if scale < MIN_SCALE {
            scale = MIN_SCALE;
        } else if scale == f32::INFINITY {
            scale = (max / 2.0 - min / 2.0) / (hi - lo) as f32 * 2.0;
        }
        let zero_point = match kind {
            Kind::Affine => rounded(lo as f32 - min / scale, lo, hi),
            Kind::Symmetric => 0,
        };
        let distance = farthest(lo, hi, zero_point) as f32;
        if !(scale * distance).is_finite() {
            scale = f32::MAX / distance;
            if !(scale * distance).is_finite() {
                scale = scale.next_down();
            }
        }
        let reciprocal = Reciprocal::by_division(scale);
        Ok(RawParams::new(scale, reciprocal, zero_point, lo, hi))
    }
}

/// A code as a number.
const fn number<Q: Code>(code: Q) -> i32 {
    match *bytemuck::must_cast_slice(&[code]) {
        [byte] if Q::SIGNED => byte as i8 as i32,
        [byte] => byte as i32,
        [a, b] if Q::SIGNED => i16::from_ne_bytes([a, b]) as i32,
        [a, b] => u16::from_ne_bytes([a, b]) as i32,
        _ => 0,
    }
}

/// `clamp(rne(x), lo, hi)`, of bounds that are codes: that is `rne(clamp(x, lo, hi))`. The addition
/// leaves no room for a fraction, so it rounds.
#[inline(always)]
fn rounded(x: f32, lo: i32, hi: i32) -> i32 {
    const MAGIC: f32 = 1.5 * (1 << 23) as f32;
    ((x.clamp(lo as f32, hi as f32) + MAGIC) - MAGIC) as i32
}

/// The ends of a range of codes, of whatever type, as numbers.
fn ends<Q: Code>(codes: &RangeInclusive<Q>) -> (i32, i32) {
    ((*codes.start()).into(), (*codes.end()).into())
}

/// How far the farthest code in `[lo, hi]` is from the zero point.
#[inline(always)]
const fn farthest(lo: i32, hi: i32, zero_point: i32) -> u32 {
    let (above, below) = (hi - zero_point, zero_point - lo);
    if above > below { above as u32 } else { below as u32 }
}

/// Whether `scale · distance`, rounded to f32, is infinite: at least halfway from the largest float to
/// 2¹²⁸. The scale is normal.
const fn overflows(scale: f32, distance: u32) -> bool {
    const HALFWAY: u64 = (1 << 25) - 1;
    let product = (scale.to_bits() & 0x7f_ffff | 0x80_0000) as u64 * distance as u64;
    // The product is in units of 2^(exponent − 150), halfway in units of 2¹⁰³.
    match (scale.to_bits() >> 23) as i32 - 253 {
        1.. => 2 * product >= HALFWAY,
        // 56 bits of the product are more than there are.
        -31..=0 => product >= HALFWAY << (253 - (scale.to_bits() >> 23)),
        _ => false,
    }
}

/// A scale, a zero point, and the codes in use: what gives codes of type `Q` their meaning.
///
/// A code `q` stands for the value `(q − zero_point) · scale`. Whatever the way in which a value
/// of this type was made, these hold:
///
/// - the scale is finite and at least [`MIN_SCALE`];
/// - `lo <= zero_point <= hi`, so 0.0 is representable, exactly;
/// - every code in use dequantizes to a finite number.
#[derive(Clone, Copy, PartialEq)]
pub struct QuantParams<Q> {
    raw: RawParams,
    code: PhantomData<Q>,
}

/// [`QuantParams`] without the type of the codes: what the kernels are given, by reference. (A copy
/// would be made in larger pieces than the fields were written in, and wait for those writes.)
#[derive(Clone, Copy)]
pub(crate) struct RawParams {
    pub(crate) scale: f32,
    /// The reciprocal of the scale, in two parts.
    pub(crate) reciprocal: Reciprocal,
    pub(crate) zero_point: i32,
    /// The lowest and the highest code in use.
    pub(crate) codes: [i32; 2],
}

impl RawParams {
    /// The same for codes that are `by` more.
    #[inline(always)]
    pub(crate) const fn shifted(self, by: i32) -> Self {
        let [lo, hi] = self.codes;
        Self { zero_point: self.zero_point + by, codes: [lo + by, hi + by], ..self }
    }

    /// Of a scale that is usable.
    #[inline(always)]
    const fn new(scale: f32, reciprocal: Reciprocal, zero_point: i32, lo: i32, hi: i32) -> Self {
        Self { scale, reciprocal, zero_point, codes: [lo, hi] }
    }

    /// `Ok` if the scale, an argument or its element, is usable with this zero point and all codes.
    pub(crate) fn check<Q: Code>(
        argument: (&'static str, Option<usize>),
        scale: f32,
        zero_point: i32,
    ) -> Result<(), Error> {
        Self::check_codes(argument, scale, zero_point, Q::MIN.into(), Q::MAX.into())
    }

    /// Whether a scale is usable with any codes: it is normal, and 2¹⁶ times it is finite. In integers, as
    /// there.
    #[inline(always)]
    pub(crate) fn is_plain(scale: f32) -> bool {
        const LARGEST: u32 = (f32::MAX.to_bits() >> 23 << 23) - (16 << 23);
        scale.to_bits().wrapping_sub(MIN_SCALE.to_bits()) <= LARGEST - MIN_SCALE.to_bits()
    }

    const fn check_codes(
        (argument, index): (&'static str, Option<usize>),
        scale: f32,
        zero_point: i32,
        lo: i32,
        hi: i32,
    ) -> Result<(), Error> {
        // In integers: at compile time too, and whatever the floating-point environment.
        if order(scale) < order(MIN_SCALE) || order(scale) > order(f32::MAX) {
            return Err(Error::Number {
                argument,
                index,
                value: scale as f64,
                expected: "a finite number of at least 1.1754944e-38",
            });
        }
        if zero_point < lo || zero_point > hi {
            return Err(Error::Codes { lo, hi, zero_point });
        }
        let distance = farthest(lo, hi, zero_point);
        if overflows(scale, distance) {
            return Err(Error::Overflow { argument, index, scale, distance });
        }
        Ok(())
    }

    /// Of a scale that was checked and all codes, where the floating-point environment is the default one.
    #[inline(always)]
    pub(crate) fn by_division<Q: Code>(scale: f32, zero_point: i32) -> Self {
        let reciprocal = Reciprocal::by_division(scale);
        Self::new(scale, reciprocal, zero_point, Q::MIN.into(), Q::MAX.into())
    }

    /// Of any scale and all codes, to dequantize by.
    #[inline(always)]
    pub(crate) fn without_reciprocal<Q: Code>(scale: f32, zero_point: i32) -> Self {
        let reciprocal = Reciprocal { hi: 0.0, lo: 0.0 };
        Self::new(scale, reciprocal, zero_point, Q::MIN.into(), Q::MAX.into())
    }

    /// The lowest code in use.
    #[inline(always)]
    pub(crate) fn lo(&self) -> i32 {
        self.codes[0]
    }

    /// The highest code in use.
    #[inline(always)]
    pub(crate) fn hi(&self) -> i32 {
        self.codes[1]
    }

    /// Whether quotients by the reciprocal are exact: for at most 256 codes.
    #[inline(always)]
    pub(crate) fn has_exact_reciprocal(&self) -> bool {
        self.scale <= Reciprocal::MAX_SCALE && self.hi() - self.lo() < 256
    }

    /// Whether it has an exact reciprocal and the same codes in use as `other`, both of 8 bits. (The bits of
    /// scales, which are positive, are in their order.)
    #[inline(always)]
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.scale.to_bits() <= Reciprocal::MAX_SCALE.to_bits() && self.codes == other.codes
    }

    /// How far the lowest and the highest code in use are from the zero point.
    #[inline(always)]
    pub(crate) fn offsets(&self) -> [f32; 2] {
        [self.lo(), self.hi()].map(|code| (code - self.zero_point) as f32)
    }
}

impl PartialEq for RawParams {
    fn eq(&self, other: &Self) -> bool {
        // The reciprocal is that of the scale, which is normal.
        let fields = |raw: &Self| (raw.scale.to_bits(), raw.zero_point, raw.codes);
        fields(self) == fields(other)
    }
}

impl<Q: Code> QuantParams<Q> {
    /// Parameters by hand, with all codes of the type in use.
    ///
    /// # Errors
    /// [`Error::Number`] unless the scale is finite and at least [`MIN_SCALE`];
    /// [`Error::Overflow`] if a code would dequantize to infinity.
    ///
    /// ```
    /// # use zeropoint::QuantParams;
    /// let params = QuantParams::<i8>::new(0.5, -10)?;
    /// assert_eq!((params.scale(), params.zero_point()), (0.5, -10));
    /// assert_eq!(
    ///     QuantParams::<i8>::new(0.0, 0).unwrap_err().to_string(),
    ///     "`scale` is 0, not a finite number of at least 1.1754944e-38"
    /// );
    ///
    /// const HALF: QuantParams<u8> = match QuantParams::new(0.5, 128) {
    ///     Ok(params) => params,
    ///     Err(_) => panic!("0.5 is a scale"),
    /// };
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub const fn new(scale: f32, zero_point: Q) -> Result<Self, Error> {
        Self::checked(scale, number(zero_point), number(Q::MIN), number(Q::MAX))
    }

    /// [`Scheme::affine`] parameters for a range.
    ///
    /// # Errors
    /// [`Error::Range`] if the range is not finite or inverted.
    ///
    /// Worked example 2, affine u8:
    /// ```
    /// # use zeropoint::{QuantParams, Range, quantize};
    /// let params = QuantParams::<u8>::affine(Range::new(-20.0, 1000.0))?;
    /// assert_eq!((params.scale(), params.zero_point()), (4.0, 5));
    /// let mut codes = [0; 3];
    /// quantize(&[-20.0, 0.0, 1000.0], params, &mut codes)?;
    /// assert_eq!(codes, [0, 5, 255]);
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    ///
    /// Worked example 3, affine i8:
    /// ```
    /// # use zeropoint::{QuantParams, Range, quantize};
    /// let params = QuantParams::<i8>::affine(Range::new(-20.0, 1000.0))?;
    /// assert_eq!((params.scale(), params.zero_point()), (4.0, -123));
    /// let mut codes = [0; 2];
    /// quantize(&[-20.0, 1000.0], params, &mut codes)?;
    /// assert_eq!(codes, [-128, 127]);
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub fn affine(range: Range) -> Result<Self, Error> {
        Scheme::affine().params(range)
    }

    /// [`Scheme::symmetric`] parameters for a range.
    ///
    /// # Errors
    /// [`Error::Range`] if the range is not finite or inverted; [`Error::OneSided`] if its minimum
    /// is negative and the codes are `u8`.
    ///
    /// Worked example 1, symmetric u8:
    /// ```
    /// # use zeropoint::{QuantParams, Range, quantize};
    /// let params = QuantParams::<u8>::symmetric(Range::new(0.0, 1000.0))?;
    /// assert_eq!((params.scale(), params.zero_point()), (1000.0 / 255.0, 0)); // 3.9215…
    /// let mut codes = [0];
    /// quantize(&[500.0], params, &mut codes)?; // 127.5, a tie, goes to the even 128
    /// assert_eq!(codes, [128]);
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub fn symmetric(range: Range) -> Result<Self, Error> {
        Scheme::symmetric().params(range)
    }

    /// The same scale and zero point with other codes in use: values beyond saturate to them.
    ///
    /// # Errors
    /// [`Error::Codes`] if the zero point is not among them; [`Error::Overflow`] if one of them
    /// would dequantize to infinity.
    ///
    /// A ReLU in the same step, by `lo = zero_point`:
    /// ```
    /// # use zeropoint::{QuantParams, Range, quantize};
    /// let params = QuantParams::<u8>::affine(Range::new(-20.0, 1000.0))?;
    /// let relu = params.with_codes(params.zero_point()..=255)?;
    /// let mut codes = [0; 3];
    /// quantize(&[-20.0, 0.0, 1000.0], relu, &mut codes)?;
    /// assert_eq!(codes, [5, 5, 255]);
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub fn with_codes(self, codes: RangeInclusive<Q>) -> Result<Self, Error> {
        let (lo, hi) = ends(&codes);
        Self::checked(self.raw.scale, self.raw.zero_point, lo, hi)
    }

    pub(crate) const fn checked(
        scale: f32,
        zero_point: i32,
        lo: i32,
        hi: i32,
    ) -> Result<Self, Error> {
        if let Err(error) = RawParams::check_codes(("scale", None), scale, zero_point, lo, hi) {
            return Err(error);
        }
        let reciprocal = Reciprocal::of(scale);
        Ok(Self::of(RawParams::new(scale, reciprocal, zero_point, lo, hi)))
    }

    /// The difference between the values of neighbouring codes.
    #[must_use]
    pub const fn scale(&self) -> f32 {
        self.raw.scale
    }

    /// The code of 0.0.
    #[must_use]
    pub fn zero_point(&self) -> Q {
        Q::from_i32(self.raw.zero_point)
    }

    /// The codes in use, `lo..=hi`.
    #[must_use]
    pub fn codes(&self) -> RangeInclusive<Q> {
        Q::from_i32(self.raw.lo())..=Q::from_i32(self.raw.hi())
    }

    /// The range that the codes cover: from `(lo − z) · s` to `(hi − z) · s`. Values outside it
    /// saturate.
    ///
    /// ```
    /// # use zeropoint::{QuantParams, Range};
    /// let params = QuantParams::<u8>::new(4.0, 5)?;
    /// assert_eq!(params.representable(), Range::new(-20.0, 1000.0));
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    #[must_use]
    pub fn representable(&self) -> Range {
        in_default(|| {
            let [lo, hi] = self.raw.offsets();
            Range::new(lo * self.raw.scale, hi * self.raw.scale)
        })
    }

    /// The codes that the values of `range` are quantized to.
    ///
    /// # Errors
    /// [`Error::Range`] if an end of the range is NaN, or the range is inverted.
    pub fn used_codes(&self, range: Range) -> Result<RangeInclusive<Q>, Error> {
        let Range { min, max } = range.ordered()?;
        Ok(in_default(|| self.code(min)..=self.code(max)))
    }

    /// How many of the codes in use no value of `range` is quantized to.
    ///
    /// # Errors
    /// [`Error::Range`] if an end of the range is NaN, or the range is inverted.
    ///
    /// Worked example 4, a range without zero:
    /// ```
    /// # use zeropoint::{QuantParams, Range};
    /// let range = Range::new(40.0, 1000.0);
    /// let params = QuantParams::<u8>::affine(range)?; // extended to [0, 1000]
    /// assert_eq!(params.used_codes(range)?, 10..=255);
    /// assert_eq!(params.wasted_codes(range)?, 10); // 0..=9, 3.92 % of the 255 steps
    /// # Ok::<(), zeropoint::Error>(())
    /// ```
    pub fn wasted_codes(&self, range: Range) -> Result<u32, Error> {
        let (first, last) = ends(&self.used_codes(range)?);
        let used = last - first;
        Ok((self.raw.hi() - self.raw.lo() - used).unsigned_abs())
    }

    /// THE SPECIFICATION of quantization, for one value: `clamp(rne(x / s) + z, lo, hi)`, NaN to
    /// `z`.
    pub(crate) fn code(&self, x: f32) -> Q {
        self.shifted(rne(x / self.raw.scale))
    }

    /// THE SPECIFICATION of dequantization, for one code: `(q − z) · s`.
    pub(crate) fn value(&self, code: Q) -> f32 {
        (code.into() - self.raw.zero_point) as f32 * self.raw.scale
    }

    /// `clamp(offset + z, lo, hi)`; the offset is at most 2²².
    pub(crate) fn shifted(&self, offset: i32) -> Q {
        let code = offset + self.raw.zero_point;
        Q::from_i32(code.clamp(self.raw.lo(), self.raw.hi()))
    }

    /// What the kernels need.
    #[inline(always)]
    pub(crate) const fn raw(&self) -> &RawParams {
        &self.raw
    }

    /// The parameters again, in a function that is given the type of the codes as a value.
    #[inline(always)]
    pub(crate) const fn of(raw: RawParams) -> Self {
        Self { raw, code: PhantomData }
    }
}

/// The scale 1 and the zero point 0, with all codes of the type in use.
impl<Q: Code> Default for QuantParams<Q> {
    fn default() -> Self {
        let reciprocal = Reciprocal { hi: 1.0, lo: 0.0 };
        Self::of(RawParams::new(1.0, reciprocal, 0, Q::MIN.into(), Q::MAX.into()))
    }
}

impl<Q: Code> fmt::Debug for QuantParams<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuantParams")
            .field("scale", &self.raw.scale)
            .field("zero_point", &self.raw.zero_point)
            .field("codes", &self.codes())
            .finish()
    }
}
