//! Rounding to integers, and the quotient `x / s` without a division.

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

    /// Above [`Reciprocal::MAX_SCALE`] it is not exact, and quotients must be divided.
    ///
    /// In f64 the product of two f32 is exact, and so is its difference from 1.
    #[inline(always)]
    pub(crate) fn of(scale: f32) -> Self {
        let inverse = 1.0 / f64::from(scale);
        let hi = inverse as f32;
        let lo = ((1.0 - f64::from(hi) * f64::from(scale)) * inverse) as f32;
        Self { hi, lo }
    }
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
                let with_tiny = x
                    .mul_add(hi, x.mul_add(lo, Reciprocal::TINY))
                    .round_ties_even();
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
    }
}
