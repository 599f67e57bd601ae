//! Codes of 16 bits: every operation that takes them equals the reference on every tier.

#[path = "common/mod.rs"]
mod common;

use common::{Guarded, base_tiers as tiers, bits, values};
use proptest::prelude::*;
use serde_json::Value;
use zeropoint::{
    Blocks, Code, Error, Granularity, Multiplier, Multipliers, Params, QuantParams, Range, Scheme,
    Tier, quantize_dynamic, reference,
};

/// How parameters are spread over a tensor, with the number of elements and of parameters.
#[derive(Clone, Copy, Debug)]
struct Shape {
    elements: usize,
    params: usize,
    granularity: Granularity,
}

fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for elements in (0..=130).chain([255, 256, 257, 1000, 5000]) {
        shapes.push(Shape { elements, params: 1, granularity: Granularity::Tensor });
    }
    for (outer, channels, inner) in
        [(3, 5, 1), (1, 70, 1), (4, 3, 7), (2, 3, 16), (2, 2, 64), (1, 3, 300), (2, 600, 1)]
    {
        shapes.push(Shape {
            elements: outer * channels * inner,
            params: channels,
            granularity: Granularity::Axis { inner },
        });
    }
    for (outer, axis, block, inner) in [(2, 33, 16, 1), (1, 7, 3, 5), (3, 64, 32, 1), (2, 5, 5, 40)]
    {
        shapes.push(Shape {
            elements: outer * axis * inner,
            params: outer * axis.div_ceil(block) * inner,
            granularity: Granularity::Blocks(Blocks { axis, block, inner }),
        });
    }
    shapes
}

/// Scales and zero points of all kinds: small and large ones, and the zero points at both ends.
fn parts<Q: Code>(n: usize, seed: usize) -> (Vec<f32>, Vec<Q>) {
    const SCALES: [f32; 7] = [0.01, 1.0, 0.37, 3e-38, 1e30, f32::MIN_POSITIVE, 123.456];
    let scales = (0..n).map(|p| SCALES[(p + seed) % SCALES.len()]).collect();
    let zero_points = (0..n)
        .map(|p| match (p + seed) % 5 {
            0 => Q::from_i32(0),
            1 => Q::MIN,
            2 => Q::MAX,
            k => Q::from_i32((p * 7919 * k) as i32 % 40_000 - 9000),
        })
        .collect();
    (scales, zero_points)
}

/// Numbers around the points where the code changes, among others.
fn numbers(n: usize, scales: &[f32]) -> Vec<f32> {
    let mut x = values(n);
    for (i, x) in x.iter_mut().enumerate() {
        if i % 3 == 0 && x.is_finite() {
            let steps = (i as i64 * 104_729 % 140_000 - 70_000) as f32 + 0.5;
            let nearby = (steps * scales[i % scales.len()]).to_bits();
            *x = f32::from_bits(nearby.wrapping_add(i as u32 % 3).wrapping_sub(1));
        }
    }
    x
}

fn check_shape<Q: Code>(tier: Tier, shape: Shape, seed: usize) {
    let n = shape.elements;
    let (scales, zero_points) = parts::<Q>(shape.params, seed);
    let sets = scales.iter().zip(&zero_points);
    let sets: Vec<_> = sets.map(|(&scale, &zero)| QuantParams::new(scale, zero).unwrap()).collect();
    let params = Params::parts(&scales, &zero_points, shape.granularity);
    let same = match shape.granularity {
        Granularity::Tensor => sets[0].into(),
        Granularity::Axis { inner } => Params::per_axis(&sets, inner),
        Granularity::Blocks(blocks) => Params::per_block(&sets, blocks),
    };
    let x = Guarded::of(&numbers(n, &scales), seed % 5, f32::NAN);
    let x = x.slice();
    let (mut codes, mut y, mut fake) = (vec![Q::MIN; n], vec![0.0; n], vec![0.0; n]);
    reference::quantize(x, params, &mut codes).unwrap();
    reference::dequantize(&codes, params, &mut y).unwrap();
    reference::fake_quantize(x, params, &mut fake).unwrap();
    assert_eq!(bits(&fake), bits(&y), "the reference, {shape:?}");
    for params in [params, same] {
        let mut out = Guarded::new(n, seed % 3, Q::from_i32(77));
        tier.quantize(x, params, out.slice_mut()).unwrap();
        assert_eq!(out.checked(), codes, "{tier}, {shape:?}, {params:?}");
        let mut out = Guarded::new(n, seed % 3, 1.0);
        tier.dequantize(&codes, params, out.slice_mut()).unwrap();
        assert_eq!(bits(out.checked()), bits(&y), "{tier}, {shape:?}");
        let mut out = Guarded::new(n, seed % 3, 1.0);
        tier.fake_quantize(x, params, out.slice_mut()).unwrap();
        assert_eq!(bits(out.checked()), bits(&y), "{tier}, {shape:?}");
    }
}

#[test]
fn every_tier_equals_the_reference() {
    for tier in tiers() {
        for (seed, shape) in shapes().into_iter().enumerate() {
            check_shape::<u16>(tier, shape, seed);
            check_shape::<i16>(tier, shape, seed);
        }
    }
}

/// The reference by arithmetic in f64: an independent witness where quotients are exact there.
#[test]
fn the_reference_is_right() {
    let params = QuantParams::<u16>::new(0.5, 32768).unwrap();
    let x = [0.0, 0.25, 0.75, -0.25, 16383.4, 16383.5, 1e9, -16384.0, -1e9, f32::NAN];
    let mut codes = [0; 10];
    reference::quantize(&x, params, &mut codes).unwrap();
    assert_eq!(codes, [32768, 32768, 32770, 32768, 65535, 65535, 65535, 0, 0, 32768]);
    for &code in &[0_u16, 1, 32767, 32768, 65535] {
        let mut y = [0.0];
        reference::dequantize(&[code], params, &mut y).unwrap();
        assert_eq!(f64::from(y[0]), (f64::from(code) - 32768.0) * 0.5);
    }
}

/// Bounds that leave out codes, as a ReLU does, of both quantization and requantization.
#[test]
fn codes_in_use_bound_the_result() {
    let params = QuantParams::<i16>::new(0.25, -5).unwrap().with_codes(-5..=3000).unwrap();
    let x: Vec<f32> = (0..500).map(|i| (i as f32 - 250.0) * 7.3).collect();
    let accumulators: Vec<i32> = (0..500).map(|i| (i - 250) * 8_000_000).collect();
    for tier in tiers() {
        let (mut codes, mut expected) = (vec![0; 500], vec![0; 500]);
        tier.quantize(&x, params, &mut codes).unwrap();
        reference::quantize(&x, params, &mut expected).unwrap();
        assert_eq!(codes, expected, "{tier}");
        assert!(codes.contains(&-5) && codes.contains(&3000));
        let multiplier = Multiplier::real(1e-5).unwrap();
        tier.requantize(&accumulators, multiplier, params, &mut codes).unwrap();
        reference::requantize(&accumulators, multiplier, params, &mut expected).unwrap();
        assert_eq!(codes, expected, "{tier}");
        assert!(codes.contains(&-5) && codes.contains(&3000));
    }
}

/// Accumulators at the ends of i32, and around where a product reaches the ends of the codes.
fn accumulators(n: usize) -> Vec<i32> {
    let ends = [i32::MIN, i32::MAX, i32::MIN + 1, 0, -1, 1, 65535, -65536, 131_071, 1 << 24];
    (0..n)
        .map(|i| match i % 4 {
            0 => ends[i / 4 % ends.len()],
            _ => (i as i32).wrapping_mul(0x9e37_79b1_u32 as i32) >> (i % 24),
        })
        .collect()
}

fn check_requantize<Q: Code>(tier: Tier, n: usize, channels: usize, inner: usize, of: usize) {
    let acc = accumulators(n);
    let factor = |c: usize| [0.3, 1e-4, 1.0, 700.5, 0.999_999_9, 3e-9][(c + of) % 6];
    let multipliers: Vec<_> = (0..channels)
        .map(|c| match of % 3 {
            0 => Multiplier::real(factor(c) as f32).unwrap(),
            1 => Multiplier::fixed(factor(c)).unwrap(),
            _ => Multiplier::fixed_double_rounding(factor(c)).unwrap(),
        })
        .collect();
    let bias: Vec<i32> = accumulators(channels);
    let zero_point = [Q::from_i32(0), Q::MIN, Q::MAX, Q::from_i32(1234)][of % 4];
    let params = QuantParams::<Q>::new(0.1, zero_point).unwrap();
    let per_axis = Multipliers::per_axis(&multipliers, inner);
    for multipliers in [multipliers[0].into(), per_axis, per_axis.with_bias(&bias)] {
        let mut expected = vec![Q::MIN; n];
        reference::requantize(&acc, multipliers, params, &mut expected).unwrap();
        let mut out = Guarded::new(n, of % 7, Q::from_i32(5));
        tier.requantize(&acc, multipliers, params, out.slice_mut()).unwrap();
        assert_eq!(out.checked(), expected, "{tier}, {n}, {multipliers:?}, {params:?}");
    }
}

#[test]
fn requantization_equals_the_reference() {
    for tier in tiers() {
        for of in 0..12 {
            for (outer, channels, inner) in [(1, 1, 1), (7, 5, 3), (2, 70, 1), (1, 3, 257)] {
                let n = outer * channels * inner;
                check_requantize::<u16>(tier, n, channels, inner, of);
                check_requantize::<i16>(tier, n, channels, inner, of);
            }
        }
    }
}

#[test]
fn schemes_choose_parameters_of_16_bits() {
    let range = Range::new(-2.0, 6.0);
    let affine = QuantParams::<u16>::affine(range).unwrap();
    assert_eq!((affine.scale(), affine.zero_point()), (8.0 / 65535.0, 16384));
    let symmetric = QuantParams::<i16>::symmetric(range).unwrap();
    assert_eq!((symmetric.scale(), symmetric.zero_point()), (6.0 / 32767.0, 0));
    assert_eq!(symmetric.codes(), -32767..=32767);
    let x = [-2.0, 0.0, 6.0, f32::NAN];
    let mut codes = [1; 4];
    let params = quantize_dynamic(&x, Scheme::<u16>::affine(), &mut codes).unwrap();
    assert_eq!((params, codes), (affine, [0, 16384, 65535, 16384]));
}

/// The farthest code is 256 times as far as with 8 bits.
#[test]
fn scales_that_overflow_are_errors() {
    assert!(QuantParams::<u8>::new(1e36, 0).is_ok());
    assert_eq!(
        QuantParams::<u16>::new(1e36, 0),
        Err(Error::Overflow { argument: "scale", index: None, scale: 1e36, distance: 65535 })
    );
    let found =
        reference::quantize(&[1.0], Params::parts(&[1e36], 0_u16, Granularity::Tensor), &mut [0]);
    let index = Some(0);
    let expected = Error::Overflow { argument: "scales", index, scale: 1e36, distance: 65535 };
    assert_eq!(found, Err(expected));
}

proptest! {
    #[test]
    fn any_parameters_and_numbers(
        x in prop::collection::vec(any::<u32>().prop_map(f32::from_bits), 0..200),
        scale in (1_u32..0x7780_0000).prop_map(f32::from_bits),
        zero_point: i16,
        signed: bool,
    ) {
        fn check<Q: Code>(x: &[f32], scale: f32, zero_point: Q) {
            let Ok(params) = QuantParams::new(scale, zero_point) else { return };
            let mut expected = vec![Q::MIN; x.len()];
            reference::quantize(x, params, &mut expected).unwrap();
            for tier in tiers() {
                let mut codes = vec![Q::MAX; x.len()];
                tier.quantize(x, params, &mut codes).unwrap();
                assert_eq!(codes, expected, "{tier}, {params:?}");
            }
        }
        if signed {
            check(&x, scale, zero_point);
        } else {
            check(&x, scale, zero_point as u16);
        }
    }
}

fn tensor<T>(test: &Value, part: &str, name: &str, of: impl Fn(&Value) -> T) -> Vec<T> {
    test[part][name]["data"].as_array().unwrap().iter().map(of).collect()
}

fn float(x: &Value) -> f32 {
    x.as_f64().unwrap() as f32
}

fn code<Q: Code>(x: &Value) -> Q {
    Q::from_i32(x.as_i64().unwrap().try_into().unwrap())
}

/// ONNX's node tests of its 16-bit `QuantizeLinear` and `DequantizeLinear`.
#[test]
fn onnx_node_tests() {
    fn check<Q: Code>(tests: &Value, dtype: &str) {
        let test = &tests[format!("test_quantizelinear_{dtype}")];
        assert_eq!(test["outputs"]["0:y"]["dtype"], dtype);
        let x = tensor(test, "inputs", "0:x", float);
        let scale = tensor(test, "inputs", "1:y_scale", float)[0];
        let zero_point = tensor(test, "inputs", "2:y_zero_point", code::<Q>)[0];
        let expected = tensor(test, "outputs", "0:y", code::<Q>);
        for tier in tiers() {
            let mut codes = vec![Q::MIN; x.len()];
            let params = QuantParams::new(scale, zero_point).unwrap();
            tier.quantize(&x, params, &mut codes).unwrap();
            assert_eq!(codes, expected, "{tier}");
        }
        let test = &tests[format!("test_dequantizelinear_{dtype}")];
        let x = tensor(test, "inputs", "0:x", code::<Q>);
        let scale = tensor(test, "inputs", "1:x_scale", float)[0];
        let zero_point = tensor(test, "inputs", "2:x_zero_point", code::<Q>)[0];
        let expected = tensor(test, "outputs", "0:y", float);
        for tier in tiers() {
            let mut y = vec![0.0; x.len()];
            let params = QuantParams::new(scale, zero_point).unwrap();
            tier.dequantize(&x, params, &mut y).unwrap();
            assert_eq!(y, expected, "{tier}");
        }
    }
    let tests: Value = serde_json::from_str(include_str!("data/onnx-node-tests.json")).unwrap();
    check::<u16>(&tests, "uint16");
    check::<i16>(&tests, "int16");
}
