//! `q = min(max(q, lo), hi)`

use crate::error::Error;
use crate::kernels::map::{Codes, Map, map_in_place};
use crate::simd::{Byte, Simd};
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::code::{Code8, of_each_code, of_type};
use core::ops::RangeInclusive;

/// Clamps codes, in place: `codes[i] = min(max(codes[i], lo), hi)`, compared as `Q`.
///
/// A bound on values becomes one on codes by quantizing it: ReLU6 is a clamp to the codes of 0.0
/// and 6.0.
///
/// # Errors
/// [`Error::TooFewCodes`] if `lo > hi`; the codes are then untouched.
///
/// ```
/// # use zeropoint::{QuantParams, Range, clamp, quantize};
/// let params = QuantParams::<u8>::affine(Range::new(-4.0, 11.0))?;
/// let mut codes = [0; 4];
/// quantize(&[-4.0, 0.0, 5.0, 11.0], params, &mut codes)?;
/// assert_eq!(codes, [0, 68, 153, 255]);
/// clamp(&mut codes, params.used_codes(Range::new(0.0, 6.0))?)?;
/// assert_eq!(codes, [68, 68, 153, 170]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn clamp<Q: Code8>(codes: &mut [Q], bounds: RangeInclusive<Q>) -> Result<(), Error> {
    Tier::best().clamp(codes, bounds)
}

/// ReLU on codes, in place: `codes[i] = max(codes[i], zero_point)`, compared as `Q`.
///
/// Worked example 6, padding and ReLU. What stands for a padded 0.0 is the zero point itself, and
/// the codes of negative values are those below it:
/// ```
/// # use zeropoint::{QuantParams, Range, quantize, relu};
/// let params = QuantParams::<i8>::affine(Range::new(-20.0, 1000.0))?;
/// let mut codes = [0; 4];
/// quantize(&[0.0, -20.0, 8.0, 0.0], params, &mut codes)?; // one 0.0 of padding at each end
/// assert_eq!(codes, [-123, -128, -121, -123]);
/// relu(&mut codes, params.zero_point());
/// assert_eq!(codes, [-123, -123, -121, -123]);
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn relu<Q: Code8>(codes: &mut [Q], zero_point: Q) {
    Tier::best().relu(codes, zero_point);
}

impl Tier {
    /// [`clamp`](crate::clamp()) on this tier.
    ///
    /// # Errors
    /// As there.
    pub fn clamp<Q: Code8>(self, codes: &mut [Q], bounds: RangeInclusive<Q>) -> Result<(), Error> {
        let (lo, hi) = bounds.into_inner();
        if lo > hi {
            let (lo, hi) = (lo.into(), hi.into());
            return Err(Error::TooFewCodes { lo, hi });
        }
        self.within(codes, lo, hi);
        Ok(())
    }

    /// [`relu`](crate::relu()) on this tier.
    pub fn relu<Q: Code8>(self, codes: &mut [Q], zero_point: Q) {
        self.within(codes, zero_point, Q::MAX);
    }

    fn within<Q: Code8>(self, codes: &mut [Q], lo: Q, hi: Q) {
        of_type!(Q as T => {
            let codes: &mut [T] = bytemuck::must_cast_slice_mut(codes);
            let [lo, hi]: [T; 2] = [lo, hi].map(bytemuck::must_cast);
            Clamp { codes, lo, hi }.on(self);
        });
    }
}

of_each_code!(entries: Clamp);

struct Clamp<'a, Q> {
    codes: &'a mut [Q],
    lo: Q,
    hi: Q,
}

impl<Q: Byte> Operation for Clamp<'_, Q> {
    type Output = ();

    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let kernel =
            Kernel::<Q, S> { lo: self.lo.splat(s), hi: self.hi.splat(s), codes: Codes::NEW };
        map_in_place(s, kernel, self.codes);
    }
}

struct Kernel<Q, S: Simd> {
    lo: S::U8,
    hi: S::U8,
    codes: Codes<Q>,
}

impl<S: Simd, Q: Byte> Map<S> for Kernel<Q, S> {
    type In = Codes<Q>;
    type Out = Codes<Q>;

    #[inline(always)]
    fn input(&self) -> Codes<Q> {
        self.codes
    }

    #[inline(always)]
    fn step(&mut self, s: S, codes: S::U8, _: usize) -> S::U8 {
        Q::smaller(s, Q::larger(s, codes, self.lo), self.hi)
    }
}
