//! Calls every public operation, so that the binary has the code of each on every tier.

use std::hint::black_box;
use zeropoint::calibrate::{Method, Observer};
use zeropoint::{
    Blocks, Code, Error, Multiplier, Norm, QuantParams, Range, Scheme, Tier, Weights, clamp,
    cosine, dequantize, dequantize_blocks, dequantize_channels, dot, dot_rows, dot_with_sums,
    fake_quantize, fake_quantize_blocks, fake_quantize_channels, fidelity, l2_rows, l2_squared,
    linear, lut, matmul, matmul_dequantize, matmul_requantize, min_max, min_max_blocks,
    min_max_channels, moments, normalize_quantize_rows, normalize_rows, quantization_fidelity,
    quantize, quantize_blocks, quantize_channels, quantize_dynamic, quantize_dynamic_rows, relu,
    requantize, requantize_channels, rescale, sum,
};

fn operations<Q: Code>(zero: Q) -> Result<(), Error> {
    let x = black_box(vec![0.25; 1000]);
    let mut codes = vec![zero; x.len()];
    let mut values = vec![0.0; x.len()];

    let params = QuantParams::<Q>::affine(min_max(&x).unwrap_or(Range::new(0.0, 1.0)))?;
    quantize(&x, params, &mut codes)?;
    relu(&mut codes, params.zero_point());
    clamp(&mut codes, params.codes())?;
    let mut rescaled = vec![0_u8; x.len() + 100];
    rescale(
        &[&codes[..], &codes[..100]].concat(),
        params,
        QuantParams::new(0.3, 7)?,
        &mut rescaled,
    )?;
    lut(&codes, &black_box([7_u8; 256]), &mut rescaled[..x.len()])?;
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
        for bias in [None, Some(&[5; 10][..])] {
            requantize_channels(&accumulators, &multipliers, bias, 1, params, &mut codes)?;
        }
    }
    let mut ranges = vec![None; 10];
    min_max_channels(&x, 1, &mut ranges)?;
    quantize_channels(&x, &row_params, 1, &mut codes)?;
    dequantize_channels(&codes, &row_params, 1, &mut values)?;
    fake_quantize_channels(&x, &row_params, 1, &mut values)?;
    let blocks = Blocks::of_rows(x.len(), 100);
    min_max_blocks(&x, blocks, &mut ranges)?;
    quantize_blocks(&x, &row_params, blocks, &mut codes)?;
    dequantize_blocks(&codes, &row_params, blocks, &mut values)?;
    fake_quantize_blocks(&x, &row_params, blocks, &mut values)?;
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

fn dot_products<A: Code, B: Code>(a: A, b: B) -> Result<(), Error> {
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
fn matrix_products<A: Code, B: Code>(a: A, b: B) -> Result<(), Error> {
    let (x, y) = (black_box(vec![a; 5000]), black_box(vec![b; 2000]));
    let y = Weights::new(&y, 50, 40).pack(Tier::best())?;
    let mut sums = vec![0; 4000];
    matmul(&x, a, &y, b, &mut sums)?;
    for multiplier in [Multiplier::real(0.1)?, Multiplier::fixed(0.1)?] {
        let multipliers = [multiplier; 40];
        let (mut unsigned, mut signed) = ([0_u8; 4000], [0_i8; 4000]);
        let bias = Some(&[5; 40][..]);
        let params = QuantParams::new(0.1, 3)?;
        matmul_requantize(&x, a, &y, b, &multipliers, bias, params, &mut unsigned)?;
        let params = QuantParams::new(0.1, 3)?;
        matmul_requantize(&x, a, &y, b, &multipliers, None, params, &mut signed)?;
        black_box((unsigned, signed));
    }
    let (params_a, params_b) = ([QuantParams::new(0.1, a)?], [QuantParams::new(0.1, b)?]);
    let mut values = vec![0.0; 4000];
    matmul_dequantize(&x, &params_a, &y, &params_b, None, &mut values)?;
    let x = black_box(vec![0.25; 5000]);
    let (mut params, mut codes) = ([params_a[0]; 100], vec![a; 5000]);
    let scheme = Scheme::<A>::affine();
    let out = &mut values[..];
    linear(&x, scheme, &mut params, &mut codes, &y, &params_b, None, out)?;
    black_box((sums, values));
    Ok(())
}

fn main() -> Result<(), Error> {
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
