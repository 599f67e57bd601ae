//! Calls every public operation, so that the binary has the code of each on every tier.

use std::hint::black_box;
use zeropoint::{
    Blocks, Code, Error, Multiplier, QuantParams, Range, Scheme, Tier, clamp, dequantize,
    dequantize_blocks, dequantize_channels, fake_quantize, fake_quantize_blocks,
    fake_quantize_channels, min_max, min_max_blocks, min_max_channels, quantize, quantize_blocks,
    quantize_channels, quantize_dynamic, quantize_dynamic_rows, relu, requantize,
    requantize_channels, rescale,
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
    black_box(quantize_dynamic(&x, Scheme::<Q>::affine(), &mut codes)?);

    black_box((codes, values, rescaled));
    Ok(())
}

fn main() -> Result<(), Error> {
    operations::<u8>(0)?;
    operations::<i8>(0)?;
    println!("all operations ran on {}", Tier::best());
    Ok(())
}
