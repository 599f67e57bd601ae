//! What is streamed past the caches. The tier `scalar` does so in unit tests, from few bytes on, and asserts that
//! nothing that was streamed is touched before a fence.

use crate::norm::Norm;
use crate::simd::scalar::record;
use crate::{
    Blocks, Code, Error, Granularity, Multiplier, Multipliers, Params, QuantParams, Rows, Scheme,
    Tier, reference,
};
use bytemuck::Pod;
use core::fmt::Debug;
use std::vec;
use std::vec::Vec;

fn numbers(len: usize) -> Vec<f32> {
    let mut x: Vec<_> = (0..len).map(|i| (i % 1000) as f32 / 10.0 - 30.0).collect();
    // Groups that are done again: the first, one in the middle, the last.
    for at in [0, 5000, len - 1] {
        x[at] = f32::INFINITY;
    }
    x
}

fn codes<Q: Code>(len: usize) -> Vec<Q> {
    (0..len).map(|i| Q::from_i32(i as i32 * 7 % 253 - 100)).collect()
}

fn params<Q: Code>(len: usize) -> Vec<QuantParams<Q>> {
    let zero_point = |i| Q::from_i32(i as i32 % 50);
    let params = |i| QuantParams::new(0.25 + i as f32 / 64.0, zero_point(i)).unwrap();
    (0..len).map(params).collect()
}

/// That `run` streams as many elements as `expected`, and they are these.
fn check<T: Pod + PartialEq + Debug>(expected: &[T], run: impl Fn(&mut [T])) {
    for offset in [0, 1, 5, 32] {
        let mut out = vec![T::zeroed(); expected.len() + offset];
        let before = record::streamed_bytes();
        run(&mut out[offset..]);
        assert!(record::all_fenced());
        let bytes = record::streamed_bytes() - before;
        assert!(bytes > size_of_val(expected) / 2, "only {bytes} bytes were streamed");
        assert_eq!(bytemuck::cast_slice::<_, u8>(&out[offset..]), bytemuck::cast_slice(expected));
    }
}

/// Lengths around those of lines and pieces.
const LENGTHS: [usize; 4] = [16 << 10, (16 << 10) + 1, 20_479, 20_481];

fn to_codes<Q: Code>(x: &[f32], accumulators: &[i32], params: QuantParams<Q>) {
    let mut expected = vec![Q::default(); x.len()];
    reference::quantize(x, params, &mut expected).unwrap();
    check(&expected, |out| Tier::SCALAR.quantize(x, params, out).unwrap());
    for multiplier in [Multiplier::fixed(0.01), Multiplier::fixed_double_rounding(0.01)] {
        let multiplier = multiplier.unwrap();
        reference::requantize(accumulators, multiplier, params, &mut expected).unwrap();
        check(&expected, |out| {
            Tier::SCALAR.requantize(accumulators, multiplier, params, out).unwrap();
        });
    }
}

#[test]
fn one_set_of_parameters() {
    for len in LENGTHS {
        let (x, accumulators): (_, Vec<_>) =
            (numbers(len), (0..len as i32).map(|i| i * 31 - 90_000).collect());
        let of_8 = QuantParams::<u8>::new(0.5, 10).unwrap();
        let of_16 = QuantParams::<i16>::new(0.01, 10).unwrap();
        to_codes(&x, &accumulators, of_8);
        to_codes(&x, &accumulators, of_16);
        let mut expected = vec![0.0; len];
        reference::fake_quantize(&x, of_8, &mut expected).unwrap();
        check(&expected, |out| Tier::SCALAR.fake_quantize(&x, of_8, out).unwrap());
        let (codes_8, codes_16) = (codes::<u8>(len), codes::<i16>(len));
        reference::dequantize(&codes_8, of_8, &mut expected).unwrap();
        check(&expected, |out| Tier::SCALAR.dequantize(&codes_8, of_8, out).unwrap());
        reference::dequantize(&codes_16, of_16, &mut expected).unwrap();
        check(&expected, |out| Tier::SCALAR.dequantize(&codes_16, of_16, out).unwrap());

        let (codes, to) = (codes::<u8>(2 * len), QuantParams::<i8>::new(0.75, -3).unwrap());
        let mut expected = vec![0; 2 * len];
        reference::rescale(&codes, of_8, to, &mut expected).unwrap();
        check(&expected, |out| Tier::SCALAR.rescale(&codes, of_8, to, out).unwrap());
        let table: [i8; 256] = core::array::from_fn(|i| (i * i / 7) as i8);
        reference::lut(&codes, &table, &mut expected).unwrap();
        check(&expected, |out| Tier::SCALAR.lut(&codes, &table, out).unwrap());
    }
}

/// Runs of one element, of some, of nearly a piece, and longer than that; rows of either.
fn layouts() -> impl Iterator<Item = (usize, usize, Granularity)> {
    let channels = [
        (4, 5, 1024),
        (3, 4, 1500),
        (1, 5, 4001),
        (2, 3, 7000),
        (70, 256, 1),
        (3, 7001, 1),
        (30, 12, 50),
        (1, 600, 33),
    ];
    let blocks = [(20, 1000, 32, 1), (1, 20_000, 32, 1), (3, 7003, 1100, 1), (2, 96, 32, 100)];
    channels
        .into_iter()
        .map(|(outer, channels, inner)| {
            (outer * channels * inner, channels, Granularity::Axis { inner })
        })
        .chain(blocks.into_iter().map(|(outer, axis, block, inner)| {
            let granularity = Granularity::Blocks(Blocks { axis, block, inner });
            (outer * axis * inner, outer * axis.div_ceil(block) * inner, granularity)
        }))
}

fn by<Q: Code>(sets: &[QuantParams<Q>], granularity: Granularity) -> Params<'_, Q> {
    match granularity {
        Granularity::Axis { inner } => Params::per_axis(sets, inner),
        Granularity::Blocks(blocks) => Params::per_block(sets, blocks),
        Granularity::Tensor => sets[0].into(),
    }
}

#[test]
fn many_sets_of_parameters() {
    for (len, sets, granularity) in layouts() {
        let x = numbers(len);
        let (of_8, of_16) = (params::<u8>(sets), params::<i16>(sets));
        let (of_8, of_16) = (by(&of_8, granularity), by(&of_16, granularity));
        let mut expected = vec![0.0; len];
        reference::fake_quantize(&x, of_8, &mut expected).unwrap();
        check(&expected, |out| Tier::SCALAR.fake_quantize(&x, of_8, out).unwrap());
        let (codes_8, codes_16) = (codes::<u8>(len), codes::<i16>(len));
        reference::dequantize(&codes_8, of_8, &mut expected).unwrap();
        check(&expected, |out| Tier::SCALAR.dequantize(&codes_8, of_8, out).unwrap());
        reference::dequantize(&codes_16, of_16, &mut expected).unwrap();
        check(&expected, |out| Tier::SCALAR.dequantize(&codes_16, of_16, out).unwrap());

        if let Granularity::Axis { inner } = granularity {
            let accumulators: Vec<_> = (0..len as i32).map(|i| i * 31 - 90_000).collect();
            let real = |i| Multiplier::real(0.01 + i as f32 / 1e4).unwrap();
            let each: Vec<_> = (0..sets).map(real).collect();
            let bias: Vec<_> = (0..sets as i32).map(|i| i * 5 - 100).collect();
            let multipliers = Multipliers::per_axis(&each, inner).with_bias(&bias);
            let to = QuantParams::<u8>::new(1.0, 10).unwrap();
            let mut expected = vec![0; len];
            reference::requantize(&accumulators, multipliers, to, &mut expected).unwrap();
            check(&expected, |out| {
                Tier::SCALAR.requantize(&accumulators, multipliers, to, out).unwrap();
            });
        }
        if !matches!(granularity, Granularity::Axis { inner: 1024.. }) {
            continue;
        }
        let mut expected = vec![0; len];
        reference::quantize(&x, of_8, &mut expected).unwrap();
        check(&expected, |out| Tier::SCALAR.quantize(&x, of_8, out).unwrap());
        let mut expected = vec![0; len];
        reference::quantize(&x, of_16, &mut expected).unwrap();
        check(&expected, |out| Tier::SCALAR.quantize(&x, of_16, out).unwrap());
    }
}

#[test]
fn rows() {
    for (rows, row) in [(2000, 17), (40, 1000), (17, 1025), (5, 7000), (1, 15_000)] {
        let stride = row + 3;
        let mut x = numbers((rows - 1) * stride + row);
        x[0] = 1.0;
        let apart = Rows::strided(&x, rows, stride);
        let whole: Vec<_> = (0..rows).flat_map(|r| &x[r * stride..][..row]).copied().collect();

        let (weight, bias) = (numbers(row + 5001), numbers(row + 5001));
        let norm = Norm::layer(&weight[1..=row], Some(&bias[1..=row]), 1e-5).unwrap();
        let mut expected = vec![0.0; rows * row];
        reference::normalize_rows(&whole, norm, &mut expected).unwrap();
        check(&expected, |out| Tier::SCALAR.normalize_rows(apart, norm, out).unwrap());

        let scheme = Scheme::<u8>::affine();
        let mut expected = (vec![QuantParams::default(); rows], vec![0; rows * row]);
        let (params, codes) = (&mut expected.0, &mut expected.1);
        reference::quantize_dynamic_rows(&whole, row, scheme.of_finite(), params, codes).unwrap();
        check(&expected.1, |out| {
            let mut params = vec![QuantParams::default(); rows];
            let scheme = scheme.of_finite();
            Tier::SCALAR.quantize_dynamic_rows(apart, row, scheme, &mut params, out).unwrap();
            assert_eq!(params, expected.0);
        });

        // Rows after the one with an infinity stay as they were.
        let mut expected = (vec![QuantParams::default(); rows], vec![7; rows * row]);
        let (params, codes) = (&mut expected.0, &mut expected.1);
        let error = reference::quantize_dynamic_rows(&whole, row, scheme, params, codes);
        assert!(matches!(error, Err(Error::NonFinite { .. })));
        let mut found = (vec![QuantParams::default(); rows], vec![7; rows * row]);
        let (params, codes) = (&mut found.0, &mut found.1);
        let result = Tier::SCALAR.quantize_dynamic_rows(apart, row, scheme, params, codes);
        assert_eq!(result, error);
        assert_eq!(found, expected);
        assert!(record::all_fenced());
    }
}
