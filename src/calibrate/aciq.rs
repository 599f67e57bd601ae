//! Where to clip numbers of a known distribution (Banner, Nahshan, Hoffer, Soudry: ACIQ, 2019).
//!
//! The expected squared error of numbers around 0 that are clipped at ±α and rounded to `n` codes is
//! `2 ∫_α^∞ (x − α)² f(x) dx + α² / (3 n²)`; here are the α at which its derivative is 0.

use core::f64::consts::{FRAC_1_SQRT_2, PI};

/// α of a normal distribution of deviation 1: `φ(α) − α · Φ(−α) = α / (6 n²)`.
pub(super) fn gauss(codes: f64) -> f64 {
    zero_of(|a| {
        let density = libm::exp(-a * a / 2.0) / (2.0 * PI).sqrt();
        let tail = libm::erfc(a * FRAC_1_SQRT_2) / 2.0;
        density - a * tail - a / (6.0 * codes * codes)
    })
}

/// α of a Laplace distribution of mean distance 1: `α · e^α = 3 n²`.
pub(super) fn laplace(codes: f64) -> f64 {
    zero_of(|a| 3.0 * codes * codes - a * libm::exp(a))
}

/// Where a function that falls with `α` is 0, by bisection.
fn zero_of(f: impl Fn(f64) -> f64) -> f64 {
    let (mut from, mut to) = (0.0, 16.0);
    for _ in 0..60 {
        let middle = (from + to) / 2.0;
        if f(middle) > 0.0 {
            from = middle;
        } else {
            to = middle;
        }
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As near as f64 has it: by Newton's method, from the published values.
    #[test]
    fn to_the_last_bits() {
        for codes in [2.0, 4.0, 16.0, 256.0_f64] {
            let (mut normal, mut double) = (gauss(codes), laplace(codes));
            for _ in 0..3 {
                let tail = libm::erfc(normal * FRAC_1_SQRT_2) / 2.0;
                let density = libm::exp(-normal * normal / 2.0) / (2.0 * PI).sqrt();
                let share = 1.0 / (6.0 * codes * codes);
                normal += (density - normal * tail - normal * share) / (tail + share);
                double -= (double + libm::log(double) - libm::log(3.0 * codes * codes))
                    / (1.0 + 1.0 / double);
            }
            assert!((normal - gauss(codes)).abs() < 1e-12, "{codes} codes");
            assert!((double - laplace(codes)).abs() < 1e-12, "{codes} codes");
        }
    }

    #[test]
    fn as_published() {
        let published = [
            (1.71, 2.83),
            (2.15, 3.89),
            (2.55, 5.03),
            (2.93, 6.2),
            (3.28, 7.41),
            (3.61, 8.64),
            (3.92, 9.89),
        ];
        for (bits, expected) in (2..).zip(published) {
            let codes = f64::from(1 << bits);
            assert!((gauss(codes) - expected.0).abs() < 0.01, "{bits} bits");
            assert!((laplace(codes) - expected.1).abs() < 0.01, "{bits} bits");
        }
    }
}
