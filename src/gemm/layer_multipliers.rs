//! `m[n] = sa · sb[n] / s`, `bias[n] = rne(bias[n] / (sa · sb[n]))`

use crate::check::one_for_each;
use crate::error::Error;
use crate::simd::environment::in_default;
use crate::values::code::Code8;
use crate::values::multiplier::{Multiplier, MultiplierKind};
use crate::values::params::QuantParams;

/// The multipliers and the biases of a layer in integers, from its parameters: what
/// [`PackedMatrix::requantize`](super::PackedMatrix::requantize) and [`requantize()`](crate::requantize())
/// take as [`Multipliers`](crate::Multipliers).
///
/// `params_a` are the parameters of the input, `params_b` those of the weights (one for each column, or a
/// single one for all), and `output` those of the output; only their scales count. `multipliers` has as many
/// elements as `params_b`. `bias` is in f32, with an element for each column, and becomes `biases`;
/// without a bias both are empty.
///
/// ```text
/// multipliers[n] = sa · sb[n] / s              in f64: the product is exact, the quotient rounded once;
///                                              then to f32, or by Multiplier::fixed to 31 bits
/// biases[n]      = rne(bias[n] / (sa · sb[n])) the true quotient, half to even; saturated to i32
/// ```
///
/// The result is the number of biases that did not fit `i32` and were saturated: 0, if all is well.
///
/// # Errors
/// [`Error::Length`] if the lengths are others; [`Error::Number`] if a bias is not finite, or a multiplier
/// is beyond f32, or, in fixed point, beyond 2³⁰. The outputs are then untouched.
///
/// ```
/// # use zeropoint::gemm::{Weights, layer_multipliers};
/// # use zeropoint::{Multiplier, MultiplierKind, Multipliers, QuantParams, Tier};
/// let b = Weights::new(&[1_i8, 2, 3, 4, 5, 6], 2, 3).pack(Tier::best())?;
/// let input = QuantParams::<u8>::new(0.5, 128)?;
/// let weights = [QuantParams::<i8>::new(0.25, 0)?, QuantParams::new(1.0, 0)?, QuantParams::new(2.0, 0)?];
/// let output = QuantParams::<u8>::new(0.5, 100)?;
///
/// let (mut multipliers, mut biases) = ([Multiplier::default(); 3], [0; 3]);
/// let bias = [0.125, -1.25, 1e12];
/// let kind = MultiplierKind::Real;
/// let saturated =
///     layer_multipliers(input, &weights, &bias, output, kind, &mut multipliers, &mut biases)?;
/// assert_eq!(multipliers, [0.25, 1.0, 2.0].map(|m| Multiplier::real(m).unwrap()));
/// assert_eq!(biases, [1, -2, i32::MAX]); // −2.5 → −2
/// assert_eq!(saturated, 1);
///
/// let a = [130_u8, 130]; // 1.0, 1.0
/// let mut codes = [0; 3];
/// let multipliers = Multipliers::per_axis(&multipliers, 1).with_bias(&biases);
/// b.requantize(&a, 128, 0, multipliers, output, &mut codes)?;
/// assert_eq!(codes, [103, 112, 255]); // 1.25 + 0.125 → 1.5; 7 − 1 = 6
/// # Ok::<(), zeropoint::Error>(())
/// ```
pub fn layer_multipliers<A: Code8, B: Code8, Q: Code8>(
    params_a: QuantParams<A>,
    params_b: &[QuantParams<B>],
    bias: &[f32],
    output: QuantParams<Q>,
    kind: MultiplierKind,
    multipliers: &mut [Multiplier],
    biases: &mut [i32],
) -> Result<usize, Error> {
    let scales = [params_a.scale(), output.scale()];
    one_for_each(("multipliers", multipliers.len()), ("elements of `params_b`", params_b.len()))?;
    one_for_each(("biases", biases.len()), ("elements of `bias`", bias.len()))?;
    if !bias.is_empty() && params_b.len() != 1 {
        one_for_each(("params_b", params_b.len()), ("elements of `bias`", bias.len()))?;
    }
    for (n, params) in params_b.iter().enumerate() {
        multiplier(scales, params.scale(), kind, n)?;
    }
    if let Some(n) = bias.iter().position(|bias| !bias.is_finite()) {
        return Err(Error::Number {
            argument: "bias",
            index: Some(n),
            value: bias[n].into(),
            expected: "a finite number",
        });
    }

    for (n, params) in params_b.iter().enumerate() {
        multipliers[n] = multiplier(scales, params.scale(), kind, n)?;
    }
    let mut saturated = 0;
    for (n, &bias) in bias.iter().enumerate() {
        let scale_b = params_b[n.min(params_b.len() - 1)].scale();
        let quotient = rounded_quotient(bias, [params_a.scale(), scale_b]);
        biases[n] = quotient.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        saturated += usize::from(i64::from(biases[n]) != quotient);
    }
    Ok(saturated)
}

fn multiplier(
    [scale_a, scale]: [f32; 2],
    scale_b: f32,
    kind: MultiplierKind,
    n: usize,
) -> Result<Multiplier, Error> {
    let (real, rounded) = in_default(|| {
        let real = f64::from(scale_a) * f64::from(scale_b) / f64::from(scale);
        (real, real as f32)
    });
    let multiplier = match kind {
        MultiplierKind::Real => Multiplier::real(rounded),
        MultiplierKind::Fixed => Multiplier::fixed(real),
        MultiplierKind::FixedDoubleRounding => Multiplier::fixed_double_rounding(real),
    };
    multiplier.map_err(|_| Error::Number {
        argument: "multipliers",
        index: Some(n),
        value: real,
        expected: "a number that f32 holds, or, in fixed point, below 2^30",
    })
}

/// `rne(x / (a · b))`, of the true quotient; beyond all i32 where it does not fit them. In integers: no
/// float rounds on the way.
fn rounded_quotient(x: f32, [a, b]: [f32; 2]) -> i64 {
    let (dividend, x_exponent) = parts(x);
    let ((a, a_exponent), (b, b_exponent)) = (parts(a), parts(b));
    // Scales are normal numbers, so this is between 2⁴⁶ and 2⁴⁸.
    let divisor = a * b;
    let exponent = x_exponent - a_exponent - b_exponent;
    // The dividend is below 2²⁴.
    let (dividend, divisor) = match exponent {
        _ if dividend == 0 => return 0,
        ..-79 => return 0,
        -79..0 => (dividend, divisor << -exponent),
        0..80 => (dividend << exponent, divisor),
        80.. => (u128::MAX, 1),
    };
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    let is_up = 2 * rest > divisor || 2 * rest == divisor && quotient % 2 == 1;
    let magnitude = (quotient + u128::from(is_up)).min(1 << 40) as i64;
    if x < 0.0 { -magnitude } else { magnitude }
}

/// `|x|` as an integer and a power of two.
const fn parts(x: f32) -> (u128, i32) {
    let bits = x.to_bits() & 0x7fff_ffff;
    let (exponent, fraction) = (bits >> 23, bits & 0x7f_ffff);
    if exponent == 0 {
        (fraction as u128, -149)
    } else {
        ((fraction | 0x80_0000) as u128, exponent as i32 - 150)
    }
}
