//! The specification: each operation as a plain loop, too simple to be wrong.
//!
//! In the default [floating-point environment](crate#the-floating-point-environment), every tier gives
//! exactly these results. Kernels call none of these functions, and these call nothing that kernels call: a
//! mistake can't be in both. Rows of matrices follow each other here without a gap, and matrices on the
//! right are not packed.

use crate::check::{check_depth, one_for_each, row_shape};
use crate::error::Error;
#[cfg(all(feature = "alloc", feature = "gemm"))]
use crate::gemm::Activations;
#[cfg(feature = "measure")]
use crate::measure::fidelity::Fidelity;
#[cfg(feature = "measure")]
use crate::measure::moments::{MomentSums, Moments};
#[cfg(feature = "norm")]
use crate::norm::Norm;
use crate::values::code::{Code, Code8};
use crate::values::granularity::{Given, Granularity, Layout, Params};
use crate::values::multiplier::{Multiplier, MultiplierKind, Multipliers};
use crate::values::params::{Choice, Kind, MIN_SCALE, QuantParams, Range, Scheme};
use crate::values::zero_points::{Side, ZeroPoints, Zeros};
use core::ops::RangeInclusive;

/// The specification of [`min_max`](crate::min_max).
#[must_use]
pub fn min_max(x: &[f32]) -> Option<Range> {
    let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
    for &x in x {
        // A comparison with NaN is false.
        if x < min {
            min = x;
        }
        if x > max {
            max = x;
        }
    }
    // Adding +0.0 makes −0.0 positive, and changes nothing else. Values that are all +∞ or all −∞
    // compare with neither start, so they leave min or max as it was: at the same infinity.
    let found = min < f32::INFINITY || max > f32::NEG_INFINITY;
    found.then(|| Range::new(min + 0.0, max + 0.0))
}

/// The specification of [`quantize`](crate::quantize).
///
/// # Errors
/// As there.
pub fn quantize<'p, Q: Code>(
    x: &[f32],
    params: impl Into<Params<'p, Q>>,
    out: &mut [Q],
) -> Result<(), Error> {
    one_for_each(("out", out.len()), ("elements of `x`", x.len()))?;
    let params_of = usable(params.into(), ("x", x.len()))?;
    for (i, (&x, out)) in x.iter().zip(out).enumerate() {
        *out = params_of(i).code(x);
    }
    Ok(())
}

/// The parameters of each element, if they can be quantized by.
fn usable<'p, Q: Code>(
    params: Params<'p, Q>,
    elements: (&'static str, usize),
) -> Result<impl Fn(usize) -> QuantParams<Q> + 'p, Error> {
    if let Given::Each(sets) = params.0 {
        sets.layout(elements)?;
        sets.check()?;
    }
    Ok(move |i| match params.0 {
        Given::One(params) => params,
        Given::Each(sets) => QuantParams::of(sets.raw(sets.parameters_of(i))),
    })
}

/// The specification of [`dequantize`](crate::dequantize).
///
/// # Errors
/// As there.
pub fn dequantize<'p, Q: Code>(
    codes: &[Q],
    params: impl Into<Params<'p, Q>>,
    out: &mut [f32],
) -> Result<(), Error> {
    one_for_each(("out", out.len()), ("elements of `codes`", codes.len()))?;
    match params.into().0 {
        Given::One(params) => {
            for (&code, out) in codes.iter().zip(out) {
                *out = params.value(code);
            }
        }
        Given::Each(sets) => {
            sets.layout(("codes", codes.len()))?;
            sets.check_finite()?;
            for (i, (&code, out)) in codes.iter().zip(out).enumerate() {
                let p = sets.parameters_of(i);
                let code: i32 = code.into();
                *out = (code - sets.zero_point(p)) as f32 * sets.scale(p);
            }
        }
    }
    Ok(())
}

/// The specification of [`fake_quantize`](crate::fake_quantize).
///
/// # Errors
/// As there.
pub fn fake_quantize<'p, Q: Code>(
    x: &[f32],
    params: impl Into<Params<'p, Q>>,
    out: &mut [f32],
) -> Result<(), Error> {
    one_for_each(("out", out.len()), ("elements of `x`", x.len()))?;
    let params_of = usable(params.into(), ("x", x.len()))?;
    for (i, (&x, out)) in x.iter().zip(out).enumerate() {
        *out = params_of(i).value(params_of(i).code(x));
    }
    Ok(())
}

/// The specification of [`min_max_each`](crate::min_max_each).
///
/// # Errors
/// As there.
pub fn min_max_each(
    x: &[f32],
    granularity: Granularity,
    out: &mut [Option<Range>],
) -> Result<(), Error> {
    Layout::new(("x", x.len()), ("out", out.len()), granularity)?;
    out.fill(None);
    for (i, &x) in x.iter().enumerate() {
        let range = &mut out[granularity.parameters_of(i, out.len())];
        *range = with(*range, x);
    }
    Ok(())
}

/// The range of some numbers and `x`.
fn with(range: Option<Range>, x: f32) -> Option<Range> {
    match range {
        Some(Range { min, max }) => min_max(&[min, max, x]),
        None => min_max(&[x]),
    }
}

/// The specification of [`quantize_dynamic`](crate::quantize_dynamic).
///
/// # Errors
/// As there.
pub fn quantize_dynamic<Q: Code>(
    x: &[f32],
    scheme: Scheme<Q>,
    out: &mut [Q],
) -> Result<QuantParams<Q>, Error> {
    one_for_each(("out", out.len()), ("elements of `x`", x.len()))?;
    let infinity = x.iter().copied().find(|x| x.is_infinite());
    let range = match infinity {
        None => min_max(x).unwrap_or(Range::new(0.0, 0.0)),
        Some(_) if scheme.is_of_finite() => range_of_finite(x),
        Some(value) => {
            return Err(Error::non_finite("x", None, value));
        }
    };
    let params = chosen(scheme.choice(), range)?;
    quantize(x, params, out)?;
    Ok(params)
}

/// The specification of [`Scheme::params`].
fn chosen<Q: Code>(choice: Choice, range: Range) -> Result<QuantParams<Q>, Error> {
    let Choice { kind, lo, hi } = choice;
    let Range { min, max } = range;
    if !(min.is_finite() && max.is_finite() && min <= max) {
        return Err(Error::Range { min, max });
    }
    let (min, max) = (min.min(0.0), max.max(0.0));
    // The scale that a side of the range needs, with its code.
    let side = |bound: f32, code: i32| match (bound == 0.0, code) {
        (true, _) => Ok(0.0),
        (false, 0) => Err(Error::OneSided { bound, lo, hi, row: None }),
        (false, _) => Ok(bound / code as f32),
    };
    let steps = (hi - lo) as f32;
    let mut scale = match kind {
        // The span of an eighth is never beyond f32.
        Kind::Affine if max - min == f32::INFINITY => (max / 8.0 - min / 8.0) / steps * 8.0,
        Kind::Affine => (max - min) / steps,
        Kind::Symmetric => f32::max(side(min, lo)?, side(max, hi)?),
    };
    if min == max {
        scale = 1.0;
    }
    scale = scale.max(MIN_SCALE);
    let zero_point = match kind {
        Kind::Affine => rne(lo as f32 - min / scale).clamp(lo, hi),
        Kind::Symmetric => 0,
    };
    let distance = i32::max(hi - zero_point, zero_point - lo) as f32;
    if scale * distance == f32::INFINITY {
        // The next above the largest there could be: from here down, the first that fits.
        scale = (f32::MAX / distance).next_up();
        while scale * distance == f32::INFINITY {
            scale = scale.next_down();
        }
    }
    QuantParams::checked(scale, zero_point, lo, hi)
}

/// The specification of [`quantize_dynamic_rows`](crate::quantize_dynamic_rows).
///
/// # Errors
/// As there.
pub fn quantize_dynamic_rows<Q: Code>(
    x: &[f32],
    row: usize,
    scheme: Scheme<Q>,
    params: &mut [QuantParams<Q>],
    out: &mut [Q],
) -> Result<(), Error> {
    row_shape(("x", x.len()), params.len(), row)?;
    row_shape(("out", out.len()), params.len(), row)?;
    let of_finite = scheme.is_of_finite();
    quantize_each_row(x, row, scheme.choice(), of_finite, params, out).map(|_| ())
}

/// The first row that is not finite, if `of_finite` makes that no error.
pub(crate) fn quantize_each_row<Q: Code>(
    x: &[f32],
    row: usize,
    choice: Choice,
    of_finite: bool,
    params: &mut [QuantParams<Q>],
    out: &mut [Q],
) -> Result<Option<usize>, Error> {
    let mut first = None;
    for r in 0..params.len() {
        let (x, out) = (&x[r * row..][..row], &mut out[r * row..][..row]);
        if let Some(&value) = x.iter().find(|x| !x.is_finite()) {
            if !of_finite {
                return Err(Error::non_finite("x", Some(r), value));
            }
            first = first.or(Some(r));
        }
        let found = chosen(choice, range_of_finite(x));
        params[r] = found.map_err(|error| error.in_row(r))?;
        quantize(x, params[r], out)?;
    }
    Ok(first)
}

/// The smallest range that holds 0 and the finite elements.
fn range_of_finite(x: &[f32]) -> Range {
    let (mut min, mut max) = (0.0, 0.0);
    for &x in x {
        if x.is_finite() && x < min {
            min = x;
        }
        if x.is_finite() && x > max {
            max = x;
        }
    }
    Range::new(min, max)
}

/// The specification of [`requantize`](crate::requantize).
///
/// # Errors
/// As there.
pub fn requantize<'m, Q: Code>(
    accumulators: &[i32],
    multipliers: impl Into<Multipliers<'m>>,
    params: QuantParams<Q>,
    out: &mut [Q],
) -> Result<(), Error> {
    one_for_each(("out", out.len()), ("elements of `accumulators`", accumulators.len()))?;
    let multipliers = multipliers.into();
    multipliers.layout(("accumulators", accumulators.len()))?;
    for (i, (&accumulator, out)) in accumulators.iter().zip(out).enumerate() {
        let (multiplier, bias) = multipliers.factors().of(multipliers.channel_of(i));
        *out = requantized(accumulator, multiplier, bias, params);
    }
    Ok(())
}

/// The specification of [`layer_multipliers`](crate::gemm::layer_multipliers).
///
/// # Errors
/// As there.
pub fn layer_multipliers<A: Code8, B: Code8, Q: Code8>(
    params_a: QuantParams<A>,
    params_b: &[QuantParams<B>],
    bias: &[f32],
    output: QuantParams<Q>,
    kind: MultiplierKind,
    multipliers: &mut [Multiplier],
    biases: &mut [i32],
) -> Result<usize, Error> {
    let of_b = ("elements of `params_b`", params_b.len());
    let of_bias = ("elements of `bias`", bias.len());
    one_for_each(("multipliers", multipliers.len()), of_b)?;
    one_for_each(("biases", biases.len()), of_bias)?;
    if !bias.is_empty() && params_b.len() != 1 {
        one_for_each(("params_b", params_b.len()), of_bias)?;
    }
    for (n, params) in params_b.iter().enumerate() {
        let scale_a = f64::from(params_a.scale());
        let real = scale_a * f64::from(params.scale()) / f64::from(output.scale());
        multipliers[n] = match kind {
            MultiplierKind::Real => Multiplier::real(real as f32)?,
            MultiplierKind::Fixed => Multiplier::fixed(real)?,
            MultiplierKind::FixedDoubleRounding => Multiplier::fixed_double_rounding(real)?,
        };
    }
    let mut saturated = 0;
    for (n, &bias) in bias.iter().enumerate() {
        let scale_b = params_b[n.min(params_b.len() - 1)].scale();
        // Exact, and so is the sign of the distance from the middle between two integers.
        let (bias, scale) = (f64::from(bias), f64::from(params_a.scale()) * f64::from(scale_b));
        let below = libm::floor(bias / scale);
        let distance = libm::fma(-(below + 0.5), scale, bias);
        let code = if distance > 0.0 || distance == 0.0 && below % 2.0 != 0.0 {
            below + 1.0
        } else {
            below
        };
        biases[n] = code as i32;
        saturated += usize::from(f64::from(biases[n]) != code);
    }
    Ok(saturated)
}

/// The specification of [`rescale`](crate::rescale).
///
/// # Errors
/// As there.
pub fn rescale<A: Code, B: Code>(
    codes: &[A],
    from: QuantParams<A>,
    to: QuantParams<B>,
    out: &mut [B],
) -> Result<(), Error> {
    one_for_each(("out", out.len()), ("elements of `codes`", codes.len()))?;
    for (&code, out) in codes.iter().zip(out) {
        *out = to.code(from.value(code));
    }
    Ok(())
}

/// The specification of [`lut`](crate::lut).
///
/// # Errors
/// As there.
pub fn lut<A: Code, B: Code>(codes: &[A], table: &[B; 256], out: &mut [B]) -> Result<(), Error> {
    one_for_each(("out", out.len()), ("elements of `codes`", codes.len()))?;
    for (&code, out) in codes.iter().zip(out) {
        *out = table[code.into().rem_euclid(256) as usize];
    }
    Ok(())
}

/// The specification of [`clamp`](crate::clamp).
///
/// # Errors
/// As there.
pub fn clamp<Q: Code>(codes: &mut [Q], bounds: RangeInclusive<Q>) -> Result<(), Error> {
    let (lo, hi) = bounds.into_inner();
    if lo > hi {
        let (lo, hi) = (lo.into(), hi.into());
        return Err(Error::TooFewCodes { lo, hi });
    }
    bounded(codes, lo, hi);
    Ok(())
}

/// The specification of [`relu`](crate::relu).
pub fn relu<Q: Code>(codes: &mut [Q], zero_point: Q) {
    bounded(codes, zero_point, Q::MAX);
}

/// `min(max(codes, lo), hi)`.
pub(crate) fn bounded<Q: Code>(codes: &mut [Q], lo: Q, hi: Q) {
    for code in codes {
        *code = (*code).max(lo).min(hi);
    }
}

/// The specification of [`dot`](crate::dot).
///
/// # Errors
/// As there.
pub fn dot<A: Code, B: Code>(a: &[A], za: A, b: &[B], zb: B) -> Result<i64, Error> {
    one_for_each(("b", b.len()), ("elements of `a`", a.len()))?;
    Ok(product_sum(a, za, b, zb))
}

/// `Σ (a − za)(b − zb)`.
pub(crate) fn product_sum<A: Code, B: Code>(a: &[A], za: A, b: &[B], zb: B) -> i64 {
    let mut sum = 0;
    for (&a, &b) in a.iter().zip(b) {
        sum += i64::from(offset(a, za) * offset(b, zb));
    }
    sum
}

/// The specification of [`sum`](crate::search::sum).
#[must_use]
pub fn sum<Q: Code>(codes: &[Q]) -> i64 {
    let mut sum = 0;
    for &code in codes {
        sum += i64::from(code.into());
    }
    sum
}

/// The specification of [`dot_with_sums`](crate::search::dot_with_sums).
///
/// # Errors
/// As there.
pub fn dot_with_sums<A: Code, B: Code>(
    a: &[A],
    za: A,
    sum_a: i64,
    b: &[B],
    zb: B,
    sum_b: i64,
) -> Result<i64, Error> {
    let products = i128::from(dot(a, A::zeroed(), b, B::zeroed())?);
    let [za, zb] = [za.into(), zb.into()].map(i128::from);
    let [sum_a, sum_b] = [sum_a, sum_b].map(i128::from);
    let exact = products - za * sum_b - zb * sum_a + a.len() as i128 * za * zb;
    // With wrap-around.
    Ok(exact as i64)
}

/// The specification of [`dot_rows`](crate::search::dot_rows).
///
/// # Errors
/// As there.
pub fn dot_rows<'a, A: Code, B: Code>(
    query: &[A],
    zq: A,
    rows: &[B],
    zr: impl Into<ZeroPoints<'a, B>>,
    out: &mut [i64],
) -> Result<(), Error> {
    let zr = zr.into();
    row_shape(("rows", rows.len()), out.len(), query.len())?;
    zr.check("zr", ("rows", out.len()))?;
    for (r, out) in out.iter_mut().enumerate() {
        let row = &rows[r * query.len()..][..query.len()];
        *out = dot(query, zq, row, zr.of(r))?;
    }
    Ok(())
}

/// The specification of [`multiply`](crate::gemm::PackedMatrix::multiply); `shape`: M, K, N.
///
/// # Errors
/// As there, and [`Error::Rows`] if `b` is not of that size.
pub fn multiply<'a, A: Code8, B: Code8>(
    a: &[A],
    za: impl Into<ZeroPoints<'a, A>>,
    b: &[B],
    zb: impl Into<ZeroPoints<'a, B>>,
    shape: [usize; 3],
    out: &mut [i32],
) -> Result<(), Error> {
    let (za, zb) = zero_points(za, zb, shape, [a.len(), out.len()])?;
    sums(a, za, b, zb, shape, out, |_, _, sum| sum)
}

/// The specification of [`requantize`](crate::gemm::PackedMatrix::requantize); `shape`: M, K, N.
///
/// # Errors
/// As there, and [`Error::Rows`] if `b` is not of that size.
#[expect(clippy::too_many_arguments, reason = "two matrices, and what their sums become")]
pub fn multiply_requantize<'a, A: Code8, B: Code8, Q: Code8>(
    a: &[A],
    za: impl Into<ZeroPoints<'a, A>>,
    b: &[B],
    zb: impl Into<ZeroPoints<'a, B>>,
    shape: [usize; 3],
    multipliers: impl Into<Multipliers<'a>>,
    params: QuantParams<Q>,
    out: &mut [Q],
) -> Result<(), Error> {
    let multipliers = multipliers.into();
    multipliers.check_columns(shape[2])?;
    let (za, zb) = zero_points(za, zb, shape, [a.len(), out.len()])?;
    sums(a, za, b, zb, shape, out, |_, n, sum| {
        let (multiplier, bias) = multipliers.factors().of(n);
        requantized(sum, multiplier, bias, params)
    })
}

/// The specification of [`dequantize`](crate::gemm::PackedMatrix::dequantize); `shape`: M, K, N.
///
/// # Errors
/// As there, and [`Error::Rows`] if `b` is not of that size.
pub fn multiply_dequantize<'a, A: Code8, B: Code8>(
    a: &[A],
    params_a: impl Into<Params<'a, A>>,
    b: &[B],
    params_b: impl Into<Params<'a, B>>,
    shape: [usize; 3],
    bias: Option<&[f32]>,
    out: &mut [f32],
) -> Result<(), Error> {
    let [m, k, n] = shape;
    let rows = params_a.into().of_rows(Side::Left, k)?;
    let columns = params_b.into().of_rows(Side::Right, 1)?;
    if let Some(bias) = bias {
        one_for_each(("bias", bias.len()), ("columns of `b`", n))?;
    }
    row_shape(("a", a.len()), m, k)?;
    row_shape(("out", out.len()), m, n)?;
    rows.check(Side::Left, m)?;
    columns.check(Side::Right, n)?;
    sums(a, rows.zero_points, b, columns.zero_points, shape, out, |m, n, sum| {
        let scales = [rows.scales.of(m), columns.scales.of(n)];
        value_of_sum(sum, scales, bias.map(|bias| bias[n]))
    })
}

/// The specification of a [`Linear`](crate::gemm::Linear) layer.
///
/// # Errors
/// As there, and [`Error::Rows`] if `b` is not of that size.
#[cfg(all(feature = "alloc", feature = "gemm"))]
pub fn linear<'a, B: Code8>(
    x: &[f32],
    by: Activations,
    b: &[B],
    params_b: impl Into<Params<'a, B>>,
    shape: [usize; 3],
    bias: Option<&[f32]>,
    out: &mut [f32],
) -> Result<(), Error> {
    match by {
        Activations::AffineU8 => {
            linear_by(x, Scheme::<u8>::affine(), b, params_b, shape, bias, out)
        }
        Activations::SymmetricI8 => {
            linear_by(x, Scheme::<i8>::symmetric(), b, params_b, shape, bias, out)
        }
    }
}

#[cfg(all(feature = "alloc", feature = "gemm"))]
fn linear_by<'a, A: Code8, B: Code8>(
    x: &[f32],
    scheme: Scheme<A>,
    b: &[B],
    params_b: impl Into<Params<'a, B>>,
    shape: [usize; 3],
    bias: Option<&[f32]>,
    out: &mut [f32],
) -> Result<(), Error> {
    let [m, k, n] = shape;
    row_shape(("x", x.len()), m, k)?;
    row_shape(("y", out.len()), m, n)?;
    let mut params = alloc::vec![QuantParams::default(); m];
    let mut codes = alloc::vec![A::MIN; m * k];
    quantize_dynamic_rows(x, k, scheme.of_finite(), &mut params, &mut codes)?;
    let params = Params::per_axis(&params, k);
    multiply_dequantize(&codes, params, b, params_b.into(), shape, bias, out)?;
    for r in 0..m {
        for i in 0..k {
            if !x[r * k + i].is_finite() {
                out[r * n..(r + 1) * n].fill(f32::NAN);
            }
        }
    }
    Ok(())
}

/// The zero points of a product of this shape, if all lengths fit.
fn zero_points<'a, A: Code8, B: Code8>(
    za: impl Into<ZeroPoints<'a, A>>,
    zb: impl Into<ZeroPoints<'a, B>>,
    [m, k, n]: [usize; 3],
    [a, out]: [usize; 2],
) -> Result<(Zeros<'a>, Zeros<'a>), Error> {
    let (za, zb): (Zeros<'_>, Zeros<'_>) = (za.into().into(), zb.into().into());
    row_shape(("a", a), m, k)?;
    row_shape(("out", out), m, n)?;
    za.check("za", Side::Left, m)?;
    zb.check("zb", Side::Right, n)?;
    Ok((za, zb))
}

/// `out[m][n] = value(m, n, Σ (a − za)(b − zb))`
fn sums<A: Code, B: Code, T>(
    a: &[A],
    za: Zeros<'_>,
    b: &[B],
    zb: Zeros<'_>,
    [m, k, n]: [usize; 3],
    out: &mut [T],
    value: impl Fn(usize, usize, i32) -> T,
) -> Result<(), Error> {
    row_shape(("a", a.len()), m, k)?;
    row_shape(("b", b.len()), k, n)?;
    row_shape(("out", out.len()), m, n)?;
    check_depth(k, || {
        [
            za.reach([A::MIN, A::MAX].map(Into::into), m),
            zb.reach([B::MIN, B::MAX].map(Into::into), n),
        ]
    })?;
    for (i, out) in out.iter_mut().enumerate() {
        let (row, column) = (i / n, i % n);
        let column_codes = b.get(column..).unwrap_or_default().iter().step_by(n);
        let row_codes = &a[row * k..][..k];
        let sum = sum_of_products(row_codes, za.of(row), column_codes, zb.of(column));
        *out = value(row, column, sum);
    }
    Ok(())
}

/// `Σ (a − za)(b − zb)`, which must fit.
pub(crate) fn sum_of_products<'b, A: Code, B: Code>(
    a: &[A],
    za: i32,
    b: impl Iterator<Item = &'b B>,
    zb: i32,
) -> i32 {
    let mut sum = 0;
    for (&a, &b) in a.iter().zip(b) {
        let (a, b): (i32, i32) = (a.into(), b.into());
        sum += (a - za) * (b - zb);
    }
    sum
}

/// THE SPECIFICATION of an accumulator's code, with a bias.
pub(crate) fn requantized<Q: Code>(
    accumulator: i32,
    multiplier: Multiplier,
    bias: i32,
    params: QuantParams<Q>,
) -> Q {
    params.shifted(multiplier.product(accumulator.saturating_add(bias)))
}

/// THE SPECIFICATION of the value of a sum of products of codes.
pub(crate) fn value_of_sum(sum: i32, scales: [f32; 2], bias: Option<f32>) -> f32 {
    let value = sum as f32 * scales[0] * scales[1];
    match bias {
        Some(bias) => value + bias,
        None => value,
    }
}

/// The specification of [`l2_squared`](crate::search::l2_squared).
///
/// # Errors
/// As there.
pub fn l2_squared<A: Code, B: Code>(a: &[A], za: A, b: &[B], zb: B) -> Result<i64, Error> {
    one_for_each(("b", b.len()), ("elements of `a`", a.len()))?;
    Ok(square_sum(a, za, b, zb))
}

/// `Σ ((a − za) − (b − zb))²`.
pub(crate) fn square_sum<A: Code, B: Code>(a: &[A], za: A, b: &[B], zb: B) -> i64 {
    let mut sum = 0;
    for (&a, &b) in a.iter().zip(b) {
        let difference = offset(a, za) - offset(b, zb);
        sum += i64::from(difference * difference);
    }
    sum
}

/// The specification of [`l2_rows`](crate::search::l2_rows).
///
/// # Errors
/// As there.
pub fn l2_rows<'a, A: Code, B: Code>(
    query: &[A],
    zq: A,
    rows: &[B],
    zr: impl Into<ZeroPoints<'a, B>>,
    out: &mut [i64],
) -> Result<(), Error> {
    let zr = zr.into();
    row_shape(("rows", rows.len()), out.len(), query.len())?;
    zr.check("zr", ("rows", out.len()))?;
    for (r, out) in out.iter_mut().enumerate() {
        let row = &rows[r * query.len()..][..query.len()];
        *out = l2_squared(query, zq, row, zr.of(r))?;
    }
    Ok(())
}

/// The specification of [`cosine`](crate::search::cosine).
///
/// # Errors
/// As there.
pub fn cosine<A: Code, B: Code>(a: &[A], za: A, b: &[B], zb: B) -> Result<f64, Error> {
    one_for_each(("b", b.len()), ("elements of `a`", a.len()))?;
    Ok(cosine_of(a, za, b, zb))
}

pub(crate) fn cosine_of<A: Code, B: Code>(a: &[A], za: A, b: &[B], zb: B) -> f64 {
    let ab = product_sum(a, za, b, zb);
    let (aa, bb) = (product_sum(a, za, a, za), product_sum(b, zb, b, zb));
    let [exact_ab, exact_aa, exact_bb] = [ab, aa, bb].map(i128::from);
    if aa == 0 || bb == 0 {
        0.0
    } else if exact_ab * exact_ab == exact_aa * exact_bb {
        if ab > 0 { 1.0 } else { -1.0 }
    } else {
        let cosine = ab as f64 / (libm::sqrt(aa as f64) * libm::sqrt(bb as f64));
        cosine.clamp(-1.0, 1.0)
    }
}

/// The terms of an element in f32, and in f64.
type Terms<const N: usize> = ([f32; N], [f64; N]);

/// `N` sums over `n` elements, of the terms that `of` gives: in blocks of 4096, in 64 lanes by turns,
/// lanes added by halves; blocks added in f64. `squares`: which of them are sums of squares. A block
/// for which f32 does not do is summed in f64.
fn sums_of<const N: usize>(
    n: usize,
    squares: [bool; N],
    of: impl Fn(usize) -> Terms<N>,
) -> [f64; N] {
    let mut totals = [0.0; N];
    for start in (0..n).step_by(4096) {
        let mut lanes = [[0.0_f32; N]; 64];
        let mut wide_lanes = [[0.0_f64; N]; 64];
        for i in start..n.min(start + 4096) {
            let (terms, wide_terms) = of(i);
            for k in 0..N {
                lanes[i % 64][k] += terms[k];
                wide_lanes[i % 64][k] += wide_terms[k];
            }
        }
        for half in [32, 16, 8, 4, 2, 1] {
            for i in 0..half {
                for k in 0..N {
                    lanes[i][k] += lanes[i + half][k];
                    wide_lanes[i][k] += wide_lanes[i + half][k];
                }
            }
        }
        let does = |k: usize| {
            let sum = f64::from(lanes[0][k]);
            sum.is_finite() && (sum >= 1.0 / (1_u128 << 100) as f64 || !squares[k])
        };
        let all_do = (0..N).all(does);
        for k in 0..N {
            totals[k] += if all_do { f64::from(lanes[0][k]) } else { wide_lanes[0][k] };
        }
    }
    totals
}

/// The specification of [`moments`](crate::measure::moments()).
#[must_use]
#[cfg(feature = "measure")]
pub fn moments(x: &[f32]) -> Option<Moments> {
    let MomentSums { near, off, squares } = moment_sums(x);
    let canonical = |of: f32| if of.is_nan() { f32::NAN } else { of };
    (!x.is_empty()).then(|| Moments {
        mean: canonical((f64::from(near) + off) as f32),
        variance: canonical((squares / x.len() as f64) as f32),
    })
}

#[cfg(feature = "measure")]
pub(crate) fn moment_sums(x: &[f32]) -> MomentSums {
    let n = x.len() as f64;
    let [sum] = sums_of(x.len(), [false], |i| ([x[i]], [x[i].into()]));
    let mut near = (sum / n) as f32;
    if !near.is_finite() {
        let (off, squares) = (0.0, f64::NAN);
        return MomentSums { near, off, squares };
    }
    let about = |near: f32| {
        let terms = |i: usize| {
            let (d, wide) = (x[i] - near, f64::from(x[i]) - f64::from(near));
            ([d, d * d], [wide, wide * wide])
        };
        sums_of(x.len(), [false, true], terms)
    };
    let [mut a, mut b] = about(near);
    if n * f64::from(near) * f64::from(near) <= 8.0 * b {
        let (off, squares) = (0.0, b);
        return MomentSums { near, off, squares };
    }
    if 17.0 * (a * a) > n * b {
        near = (f64::from(near) + a / n) as f32;
        [a, b] = about(near);
    }
    let off = a / n;
    let squares = b - a * off;
    let squares = if squares > 0.0 { squares } else { 0.0 };
    MomentSums { near, off, squares }
}

/// The specification of [`normalize_rows`](crate::norm::normalize_rows).
///
/// # Errors
/// As there.
#[cfg(feature = "norm")]
pub fn normalize_rows(x: &[f32], norm: Norm<'_>, out: &mut [f32]) -> Result<(), Error> {
    let row = norm.weight.len();
    let rows = if row > 0 { x.len().div_ceil(row) } else { 0 };
    row_shape(("x", x.len()), rows, row)?;
    row_shape(("out", out.len()), rows, row)?;
    for r in 0..rows {
        let y = normalized(&x[r * row..][..row], norm);
        for i in 0..row {
            out[r * row + i] = y(i);
        }
    }
    Ok(())
}

/// The elements of a row that is normalized.
#[cfg(feature = "norm")]
fn normalized<'a>(x: &'a [f32], norm: Norm<'a>) -> impl Fn(usize) -> f32 + 'a {
    let (near, off, squares) = if norm.centred {
        let MomentSums { near, off, squares } = moment_sums(x);
        (near, off as f32, squares)
    } else {
        let squares = |i: usize| ([x[i] * x[i]], [f64::from(x[i]) * f64::from(x[i])]);
        let [squares] = sums_of(x.len(), [true], squares);
        (0.0, 0.0, squares)
    };
    let variance = (squares / x.len() as f64) as f32;
    let sum = variance + norm.epsilon;
    // Not of NaN either.
    let exists = sum > 0.0 && sum < f32::INFINITY;
    let factor = 1.0 / libm::sqrtf(sum);
    move |i| {
        let y = ((x[i] - near) - off) * factor * norm.weight[i];
        match norm.bias {
            _ if !exists => f32::NAN,
            Some(bias) => y + bias[i],
            None => y,
        }
    }
}

/// The specification of [`normalize_quantize_rows`](crate::norm::normalize_quantize_rows).
///
/// # Errors
/// As there.
#[cfg(feature = "norm")]
pub fn normalize_quantize_rows<Q: Code>(
    x: &[f32],
    norm: Norm<'_>,
    scheme: Scheme<Q>,
    params: &mut [QuantParams<Q>],
    out: &mut [Q],
) -> Result<(), Error> {
    row_shape(("x", x.len()), params.len(), norm.row())?;
    row_shape(("out", out.len()), params.len(), norm.row())?;
    let of_finite = scheme.is_of_finite();
    normalize_quantize_each_row(x, norm, scheme.choice(), of_finite, params, out)
}

#[cfg(feature = "norm")]
pub(crate) fn normalize_quantize_each_row<Q: Code>(
    x: &[f32],
    norm: Norm<'_>,
    choice: Choice,
    of_finite: bool,
    params: &mut [QuantParams<Q>],
    out: &mut [Q],
) -> Result<(), Error> {
    let row = norm.weight.len();
    for (r, params) in params.iter_mut().enumerate() {
        let x = &x[r * row..][..row];
        let y = normalized(x, norm);
        let mut range = Range::new(0.0, 0.0);
        for i in 0..row {
            if y(i).is_finite() {
                range = Range::new(range.min.min(y(i)), range.max.max(y(i)));
            } else if !of_finite {
                let value = x.iter().copied().find(|x| !x.is_finite());
                return Err(Error::non_finite("x", Some(r), value.unwrap_or(y(i))));
            }
        }
        *params = chosen(choice, range).map_err(|error| error.in_row(r))?;
        for i in 0..row {
            out[r * row + i] = params.code(y(i));
        }
    }
    Ok(())
}

/// The specification of [`fidelity`](crate::measure::fidelity()).
///
/// # Errors
/// As there.
#[cfg(feature = "measure")]
pub fn fidelity(x: &[f32], y: &[f32]) -> Result<Fidelity, Error> {
    one_for_each(("y", y.len()), ("elements of `x`", x.len()))?;
    Ok(fidelity_of(x, |i| y[i]))
}

/// The specification of [`quantization_fidelity`](crate::measure::quantization_fidelity).
#[must_use]
#[cfg(feature = "measure")]
pub fn quantization_fidelity<Q: Code>(x: &[f32], params: QuantParams<Q>) -> Fidelity {
    fidelity_of(x, |i| params.value(params.code(x[i])))
}

#[cfg(feature = "measure")]
pub(crate) fn fidelity_of(x: &[f32], y: impl Fn(usize) -> f32) -> Fidelity {
    let n = x.len();
    let mut farthest = 0.0;
    for i in 0..n {
        let error = (x[i] - y(i)).abs();
        if error > farthest {
            farthest = error;
        }
    }
    let terms = |i: usize| {
        let (x, y) = (x[i], y(i));
        let (wide_x, wide_y) = (f64::from(x), f64::from(y));
        (
            [(x - y) * (x - y), x * x, y * y, x * y],
            [
                (wide_x - wide_y) * (wide_x - wide_y),
                wide_x * wide_x,
                wide_y * wide_y,
                wide_x * wide_y,
            ],
        )
    };
    Fidelity { count: n as u64, sums: sums_of(n, [true, true, true, false], terms), farthest }
}

/// Half to even, of a number between ±2²³; NaN to 0.
fn rne(x: f32) -> i32 {
    let below = libm::floorf(x);
    let up = match x - below {
        0.5 => below % 2.0 != 0.0,
        rest => rest > 0.5,
    };
    below as i32 + i32::from(up)
}

/// `code − zero_point`.
fn offset<Q: Code>(code: Q, zero_point: Q) -> i32 {
    let (code, zero_point): (i32, i32) = (code.into(), zero_point.into());
    code - zero_point
}
