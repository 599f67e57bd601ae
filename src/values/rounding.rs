//! Rounding to integers, and the quotient `x / s` without a division.

use core::hint::black_box;

/// Round half to even: the integer nearest to `x`; `x` saturated to ±2²² first, NaN to 0.
///
/// Adding 1.5 · 2²³ leaves no room for a fraction in an f32, so the addition itself rounds.
#[inline(always)]
#[must_use]
pub(crate) fn rne(x: f32) -> i32 {
    const LIMIT: f32 = (1 << 22) as f32;
    const MAGIC: f32 = 1.5 * (1 << 23) as f32;
    ((x.clamp(-LIMIT, LIMIT) + MAGIC) - MAGIC) as i32
}

/// The reciprocal of a scale as the sum of two f32, by which a quotient is found with two fused
/// multiply-adds:
///
/// ```text
/// hi = RN(1 / s),  lo = RN((1 − hi · s) / s)
/// x / s ≈ fma(x, hi, fma(x, lo, TINY))    or    fma(x, hi, x · lo)
/// ```
///
/// This quotient differs from `RN(x / s)` for a few `x` in 10⁹, but never where it matters: both
/// round to the same integer. That depends on the mantissas of `s` and `x` only, not on their
/// exponents, and a test below proves it for all 2²³ mantissas of `s`, by way of the floats around
/// each of the points (n + ½) · s at which the integer changes.
///
/// `TINY` keeps the inner term a normal number. Without it a tiny `x` (the tail of a softmax)
/// makes it subnormal, which costs over a hundred cycles on many CPUs. It is far below half an
/// ulp of any quotient that can round to another integer than 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reciprocal {
    pub(crate) hi: f32,
    pub(crate) lo: f32,
}

impl Reciprocal {
    /// 2⁻¹⁰⁰.
    #[cfg(any(target_arch = "x86_64", test))]
    pub(crate) const TINY: f32 = f32::from_bits((127 - 100) << 23);

    /// The largest scale with an exact reciprocal, 2⁷⁸. `|1 − hi · s|` is 0 or at least 2⁻⁴⁸, so
    /// up to here `lo` is 0 or a normal number, with all its bits. There is no lower limit, but
    /// that the scale be normal.
    pub(crate) const MAX_SCALE: f32 = f32::from_bits((127 + 78) << 23);

    /// Of a normal scale; above [`Reciprocal::MAX_SCALE`] it is 0, and quotients must be divided.
    ///
    /// In integers: so it is exact, and can be had at compile time. With `s = m · 2^(e − 150)`, `m` of
    /// 24 bits, `1 / s` is `2⁴⁷ / m` in units of `2^(103 − e)`.
    #[inline(always)]
    pub(crate) const fn of(scale: f32) -> Self {
        const ONE: u64 = 1 << 47;
        let exponent = scale.to_bits() >> 23;
        let divisor = (scale.to_bits() & 0x7f_ffff | 0x80_0000) as u64;
        if scale.to_bits() > Self::MAX_SCALE.to_bits() {
            return Self { hi: 0.0, lo: 0.0 };
        }
        // 2⁴⁷ / m is in (2²³, 2²⁴], so it has the bits of an f32.
        let hi = rounded_quotient(ONE, divisor);
        let rest = ONE as i64 - (hi * divisor) as i64;
        let hi = f32::from_bits(float_bits(hi, 253 - exponent));
        if rest == 0 {
            return Self { hi, lo: 0.0 };
        }
        // |rest| / m is at most a half: shifted, it too is in [2²³, 2²⁴].
        let magnitude = rest.unsigned_abs();
        let mut shift = 23 + divisor.ilog2() - magnitude.ilog2();
        if (magnitude << shift) < divisor << 23 {
            shift += 1;
        }
        let lo = rounded_quotient(magnitude << shift, divisor);
        let sign = if rest < 0 { 1 << 31 } else { 0 };
        let lo = f32::from_bits(float_bits(lo, 253 - exponent - shift) | sign);
        Self { hi, lo }
    }

    /// The same, faster, where the floating-point environment is the default one.
    ///
    /// In f64 the product of two f32 is exact, and so is its difference from 1. A quotient of numbers of 24
    /// bits, rounded to f64 and then to f32, is the same as rounded once.
    #[inline(always)]
    pub(crate) fn by_division(scale: f32) -> Self {
        if scale > Self::MAX_SCALE {
            return Self { hi: 0.0, lo: 0.0 };
        }
        let scale = f64::from(scale);
        let hi = (1.0 / scale) as f32;
        let lo = ((1.0 - f64::from(hi) * scale) / scale) as f32;
        Self { hi, lo }
    }
}

/// `a / b`, rounded half to even.
#[inline(always)]
const fn rounded_quotient(a: u64, b: u64) -> u64 {
    let (quotient, rest) = (a / b, a % b);
    let round_up = 2 * rest > b || 2 * rest == b && quotient % 2 == 1;
    quotient + round_up as u64
}

/// The bits of `mantissa · 2^(exponent − 150)`, a normal number; the mantissa is in `[2²³, 2²⁴]`.
#[inline(always)]
const fn float_bits(mantissa: u64, exponent: u32) -> u32 {
    // The mantissa's highest bit adds 1 to the exponent; at 2²⁴, 2.
    ((exponent - 1) << 23) + mantissa as u32
}

/// The order of floats, as integers: −0.0 and +0.0 are equal. NaN are beyond the infinities.
#[inline(always)]
pub(crate) const fn order(x: f32) -> i32 {
    // Hidden from the compiler, which makes comparisons of floats of those of their bits; for these a
    // subnormal number may be zero.
    let bits = black_box(x.to_bits());
    let magnitude = (bits & 0x7fff_ffff) as i32;
    if bits >> 31 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// How many of the five floats around each of the points `thresholds · scale` have another
    /// integer than by division, on either side of zero, by either form of the quotient.
    #[inline(always)]
    fn mistakes(scale: f32, thresholds: &[f32; 512]) -> u32 {
        let Reciprocal { hi, lo } = Reciprocal::of(scale);
        let mut mistakes = 0;
        for ulps in -2..=2 {
            for threshold in thresholds {
                let near = (threshold * scale).to_bits().wrapping_add_signed(ulps);
                let x = f32::from_bits(near);
                let expected = (x / scale).round_ties_even();
                let by_product = x.mul_add(hi, x * lo).round_ties_even();
                let with_tiny = x.mul_add(hi, x.mul_add(lo, Reciprocal::TINY)).round_ties_even();
                mistakes += u32::from(by_product != expected) + u32::from(with_tiny != expected);
            }
        }
        mistakes
    }

    #[test]
    #[ignore = "takes seconds where the CPU has FMA, hours where it has not"]
    fn the_quotient_is_exact_for_every_mantissa() {
        // Beyond ±255 every quotient saturates.
        let mut thresholds = [0.0; 512];
        for n in 0..256 {
            thresholds[2 * n] = n as f32 + 0.5;
            thresholds[2 * n + 1] = -thresholds[2 * n];
        }
        let next = AtomicU32::new(0);
        let prove = || {
            pulp::Arch::new().dispatch(|| {
                while let mantissa @ 0..0x80_0000 = next.fetch_add(1, Ordering::Relaxed) {
                    let scale = f32::from_bits(0x3f80_0000 | mantissa);
                    assert_eq!(mistakes(scale, &thresholds), 0, "{scale:e}");
                }
            });
        };
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(prove);
            }
        });
    }

    #[test]
    fn rne_takes_ties_to_even_and_saturates() {
        let cases = [
            (0.5, 0),
            (1.5, 2),
            (2.5, 2),
            (-0.5, 0),
            (-1.5, -2),
            (0.499_999_97, 0),
            (0.500_000_06, 1),
            (255.5, 256),
            (4_194_303.5, 4_194_304),
            (1e10, 4_194_304),
            (f32::NEG_INFINITY, -4_194_304),
            (f32::NAN, 0),
            (-0.0, 0),
        ];
        for (x, expected) in cases {
            assert_eq!(rne(x), expected, "{x}");
        }
    }

    #[test]
    fn reciprocal_ends_where_its_low_part_would_be_subnormal() {
        let max = Reciprocal::MAX_SCALE;
        let mut scale = max;
        for _ in 0..1 << 16 {
            let lo = Reciprocal::of(scale).lo;
            assert!(lo == 0.0 || lo.is_normal(), "{scale:e}: {lo:e}");
            scale = scale.next_down();
        }
        let smallest = Reciprocal::of(f32::MIN_POSITIVE);
        assert!(smallest.hi.is_finite());
        assert_eq!(Reciprocal::of(max.next_up()), Reciprocal { hi: 0.0, lo: 0.0 });
    }

    #[test]
    fn reciprocals_are_rounded_once() {
        for exponent in [1, 2, 60, 127, 128, 204, 205, 206, 254] {
            for mantissa in (0..0x80_0000).step_by(if exponent == 127 { 1 } else { 0x1001 }) {
                let scale = f32::from_bits(exponent << 23 | mantissa);
                let bits = |found: Reciprocal| [found.hi.to_bits(), found.lo.to_bits()];
                let expected = bits(Reciprocal::of(scale));
                assert_eq!(bits(Reciprocal::by_division(scale)), expected, "{scale:e}");
            }
        }
    }

    #[test]
    fn floats_are_in_order() {
        let order_of = [
            f32::NEG_INFINITY,
            f32::MIN,
            -1.0,
            -f32::MIN_POSITIVE,
            -1e-45,
            0.0,
            1e-45,
            1.0,
            f32::INFINITY,
        ];
        for pair in order_of.windows(2) {
            assert!(order(pair[0]) < order(pair[1]), "{pair:?}");
        }
        assert_eq!(order(-0.0), order(0.0));
        assert!(
            order(f32::NAN) > order(f32::INFINITY) && order(-f32::NAN) < order(f32::NEG_INFINITY)
        );
    }
}
