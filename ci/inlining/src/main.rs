//! Calls every public operation, so that the binary has the code of each on every tier.

use std::hint::black_box;
use zeropoint::calibrate::{self, Method, Observer};
use zeropoint::gemm::{Activations, Linear, Scratch, Weights};
use zeropoint::measure::{fidelity, moments, quantization_fidelity};
use zeropoint::norm::{Norm, normalize_quantize_rows, normalize_rows};
use zeropoint::search::{cosine, dot_rows, dot_with_sums, l2_rows, l2_squared, sum};
use zeropoint::{
    Blocks, Code8, Error, Granularity, Multiplier, Multipliers, Params, QuantParams, Range, Scheme,
    Tier, clamp, dequantize, dot, fake_quantize, lut, min_max, min_max_each, quantize,
    quantize_dynamic, quantize_dynamic_rows, relu, requantize, rescale,
};

fn operations<Q: Code8>(zero: Q) -> Result<(), calibrate::Error> {
    let x = black_box(vec![0.25; 1000]);
    let mut codes = vec![zero; x.len()];
    let mut values = vec![0.0; x.len()];

    let params = QuantParams::<Q>::affine(min_max(&x).unwrap_or(Range::new(0.0, 1.0)))?;
    quantize(&x, params, &mut codes)?;
    relu(&mut codes, params.zero_point());
    clamp(&mut codes, params.codes())?;
    let mut rescaled = vec![0_i8; x.len() + 100];
    rescale(
        &[&codes[..], &codes[..100]].concat(),
        params,
        QuantParams::new(0.3, 7)?,
        &mut rescaled,
    )?;
    lut(&codes, &black_box([7_i8; 256]), &mut rescaled[..x.len()])?;
    dequantize(&codes, params, &mut values)?;
    fake_quantize(&x, params, &mut values)?;
    let mut row_params = vec![params; 10];
    quantize_dynamic_rows(&x, 100, Scheme::affine(), &mut row_params, &mut codes)?;
    let accumulators = black_box(vec![1000; x.len()]);
    for multiplier in [Multiplier::real(0.1)?, Multiplier::fixed(0.1)?] {
        requantize(&accumulators, multiplier, params, &mut codes)?;
    }
    for multiplier in [Multiplier::real(0.1)?, Multiplier::fixed(0.1)?] {
        let multipliers = [multiplier; 10];
        let multipliers = Multipliers::per_axis(&multipliers, 1);
        for multipliers in [multipliers, multipliers.with_bias(&[5; 10])] {
            requantize(&accumulators, multipliers, params, &mut codes)?;
        }
    }
    let mut ranges = vec![None; 10];
    let (axis, blocks) = (Granularity::Axis { inner: 1 }, Blocks::of_rows(x.len(), 100));
    for granularity in [axis, Granularity::Blocks(blocks)] {
        min_max_each(&x, granularity, &mut ranges)?;
    }
    for params in [
        Params::per_axis(&row_params, 1),
        Params::per_block(&row_params, blocks),
        Params::parts(&[0.5; 10], zero, axis),
    ] {
        quantize(&x, params, &mut codes)?;
        dequantize(&codes, params, &mut values)?;
        fake_quantize(&x, params, &mut values)?;
    }
    let ones = [1.0; 100];
    for norm in [Norm::layer(&ones, Some(&ones), 0.1)?, Norm::rms(&ones, None, 0.1)?] {
        normalize_rows(&x, norm, &mut values)?;
        normalize_quantize_rows(&x, norm, Scheme::affine(), &mut row_params, &mut codes)?;
    }
    black_box((moments(&x), fidelity(&x, &values)?, quantization_fidelity(&x, params)));
    black_box(quantize_dynamic(&x, Scheme::<Q>::affine(), &mut codes)?);

    let mut observer = Observer::new(Method::MeanSquaredError)?;
    observer.observe(&x);
    black_box(observer.params(Scheme::<Q>::affine())?);

    black_box((codes, values, rescaled));
    Ok(())
}

fn dot_products<A: Code8, B: Code8>(a: A, b: B) -> Result<(), Error> {
    for n in [10, 1000] {
        let (x, y) = (black_box(vec![a; n]), black_box(vec![b; n]));
        for (za, zb) in [(a, b), (a, B::MIN), (A::MIN, b)] {
            black_box(dot(&x, za, &y, zb)?);
            black_box(dot_with_sums(&x, za, sum(&x), &y, zb, sum(&y))?);
            black_box(l2_squared(&x, za, &y, zb)?);
            black_box(cosine(&x, za, &y, zb)?);
            let mut out = [0; 5];
            let (query, rows) = (&x[..n / 5], &y[..]);
            dot_rows(query, za, rows, zb, &mut out)?;
            l2_rows(query, za, rows, zb, &mut out)?;
            black_box(out);
        }
    }
    Ok(())
}

/// Of 100 × 50 by 50 × 40.
fn matrix_products<A: Code8, B: Code8>(a: A, b: B) -> Result<(), Error> {
    let (x, y) = (black_box(vec![a; 5000]), black_box(vec![b; 2000]));
    let y = Weights::new(&y, 50, 40).pack(Tier::best())?;
    let mut sums = vec![0; 4000];
    y.multiply(&x, a, b, &mut sums)?;
    for multiplier in [Multiplier::real(0.1)?, Multiplier::fixed(0.1)?] {
        let multipliers = [multiplier; 40];
        let multipliers = Multipliers::per_axis(&multipliers, 1);
        let (mut unsigned, mut signed) = ([0_u8; 4000], [0_i8; 4000]);
        let params = QuantParams::new(0.1, 3)?;
        y.requantize(&x, a, b, multiplier, params, &mut unsigned)?;
        y.requantize(&x, a, b, multipliers.with_bias(&[5; 40]), params, &mut unsigned)?;
        let params = QuantParams::new(0.1, 3)?;
        y.requantize(&x, a, b, multiplier, params, &mut signed)?;
        y.requantize(&x, a, b, multipliers, params, &mut signed)?;
        black_box((unsigned, signed));
    }
    let (params_a, params_b) = ([QuantParams::new(0.1, a)?; 100], [QuantParams::new(0.1, b)?; 40]);
    let mut values = vec![0.0; 4000];
    y.dequantize(&x, params_a[0], params_b[0], None, &mut values)?;
    let (rows, columns) = (Params::per_axis(&params_a, 50), Params::per_axis(&params_b, 1));
    y.dequantize(&x, rows, columns, None, &mut values)?;
    let x = black_box(vec![0.25; 5000]);
    let (layer, mut scratch) = (Linear::new(y, columns)?, Scratch::new());
    for by in [Activations::AffineU8, Activations::SymmetricI8] {
        layer.forward(&x, by, &mut scratch, &mut values)?;
    }
    black_box((sums, values));
    Ok(())
}

fn main() -> Result<(), calibrate::Error> {
    operations::<u8>(0)?;
    operations::<i8>(0)?;
    dot_products(1_u8, 2_u8)?;
    dot_products(1_u8, 2_i8)?;
    dot_products(1_i8, 2_u8)?;
    dot_products(1_i8, 2_i8)?;
    matrix_products(1_u8, 2_u8)?;
    matrix_products(1_u8, 2_i8)?;
    matrix_products(1_i8, 2_u8)?;
    matrix_products(1_i8, 2_i8)?;
    println!("all operations ran on {}", Tier::best());
    Ok(())
}
