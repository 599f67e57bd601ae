//! Where other libraries break: each test guards against what one of them does.

mod common;

use common::tiers;
use zeropoint::{Code8, MIN_SCALE, QuantParams, Range, Scheme, Tier, reference};

fn quantized(tier: Tier, x: &[f32], params: QuantParams<u8>) -> Vec<u8> {
    let mut codes = vec![1; x.len()];
    tier.quantize(x, params, &mut codes).unwrap();
    codes
}

/// Also the body and the tail of a long slice, and a slice shorter than any vector.
fn everywhere(tier: Tier, x: f32, params: QuantParams<u8>, expected: u8) {
    for n in [1, 3, 64, 67, 300] {
        let codes = quantized(tier, &vec![x; n], params);
        assert_eq!(codes, vec![expected; n], "{tier}: {x} with {params:?}");
    }
}

/// rten-vecmath: +∞ gives 0 in the body and 255 in the tail, NaN gives 0 or 128, 1e20 gives 0.
#[test]
fn rten_body_and_tail_disagree() {
    let params = QuantParams::new(1.0, 128).unwrap();
    for tier in tiers() {
        everywhere(tier, f32::INFINITY, params, 255);
        everywhere(tier, f32::NEG_INFINITY, params, 0);
        everywhere(tier, f32::NAN, params, 128);
        everywhere(tier, -f32::NAN, params, 128);
        everywhere(tier, 1e20, params, 255);
        everywhere(tier, -1e20, params, 0);
    }
}

/// rten, FBGEMM, MLAS: a NaN resets the accumulator, and earlier minima are lost.
#[test]
fn nan_resets_min_max() {
    let signalling = f32::from_bits(0x7f80_0001);
    for tier in tiers() {
        for nan in [f32::NAN, -f32::NAN, signalling, -signalling] {
            for at in 0..200 {
                let mut x: Vec<_> = (0..200).map(|i| (i + 1) as f32).collect();
                x[0] = -7.0;
                x[100] = 1000.0;
                x[at] = nan;
                let expected = reference::min_max(&x);
                assert_eq!(tier.min_max(&x), expected, "{tier}: NaN at {at}");
            }
        }
    }
}

/// FBGEMM: adding the zero point wraps, so a huge x with a zero point of 128 or more gives 0.
#[test]
fn fbgemm_zero_point_addition_wraps() {
    for tier in tiers() {
        for zero_point in [128, 200, 255] {
            let params = QuantParams::new(0.5, zero_point).unwrap();
            for x in [1e4, 16_383.5, 16_384.0, 1e6, 1.07e9, 1.08e9, 2e9, 1e30, f32::MAX] {
                everywhere(tier, x, params, 255);
                everywhere(tier, -x, params, 0);
            }
        }
    }
}

/// FBGEMM, XNNPACK, ggml, KleidiAI, torchao: x · (1 / s) fails ONNX's own test.
#[test]
fn reciprocal_fails_dynamic_quantize_linear() {
    let x = [0.0, 2.0, -3.0, -2.5, 1.34, 0.5];
    for tier in tiers() {
        let mut codes = [0_u8; 6];
        let params = tier.quantize_dynamic(&x, Scheme::affine(), &mut codes).unwrap();
        assert_eq!((params.scale(), params.zero_point()), (0.019_607_844, 153));
        assert_eq!(codes, [153, 255, 0, 26, 221, 179], "{tier}");
    }
}

/// TFLite, torchao, FBGEMM rowwise: the result depends on the position in the slice.
#[test]
fn ties_round_the_same_at_every_position() {
    let params = QuantParams::new(0.5, 10).unwrap();
    for tier in tiers() {
        for (x, expected) in [(0.25, 10), (0.75, 12), (1.25, 12), (-0.25, 10), (-0.75, 8)] {
            everywhere(tier, x, params, expected);
        }
    }
}

/// XNNPACK, tract, MLAS: NaN gives the maximum on x86, the zero point on NEON, the minimum in MLAS.
#[test]
fn nan_gives_the_zero_point_and_dequantizes_to_zero() {
    for tier in tiers() {
        for zero_point in 0..=255 {
            let params = QuantParams::<u8>::new(0.1, zero_point).unwrap();
            everywhere(tier, f32::NAN, params, zero_point);
            let mut y = [1.0];
            tier.fake_quantize(&[f32::NAN], params, &mut y).unwrap();
            assert_eq!(y[0].to_bits(), 0);
        }
    }
}

/// ONNX Runtime, rten: dynamic quantization of nothing but zeros has the scale 0.
#[test]
fn dynamic_quantization_of_zeros() {
    for tier in tiers() {
        for x in [vec![], vec![0.0; 70], vec![-0.0; 3], vec![f32::NAN; 65]] {
            let mut codes = vec![9; x.len()];
            let params = tier.quantize_dynamic(&x, Scheme::<u8>::affine(), &mut codes).unwrap();
            assert_eq!((params.scale(), params.zero_point()), (1.0, 0), "{tier}");
            assert!(codes.iter().all(|&code| code == 0), "{tier}");
        }
    }
}

/// XNNPACK: a span below 7.5e−37 gives an infinite reciprocal.
#[test]
fn tiny_spans() {
    for tier in tiers() {
        for max in [1e-45, 1e-40, 1e-38, 2e-38, 7e-37, 1e-36] {
            let x: Vec<_> = (0..=80).map(|i| max * (i as f32 / 80.0)).collect();
            let (mut codes, mut expected) = ([0; 81], [0; 81]);
            let scheme = Scheme::<u8>::affine();
            let params = tier.quantize_dynamic(&x, scheme, &mut codes).unwrap();
            reference::quantize(&x, params, &mut expected).unwrap();
            assert!(params.scale() >= MIN_SCALE);
            assert_eq!(codes, expected, "{tier}, {max:e}");
            if max > 255.0 * MIN_SCALE {
                assert_eq!((codes[0], codes[80]), (0, 255), "{tier}, {max:e}");
            }
        }
    }
}

/// candle: block lengths are checked in debug builds only.
#[test]
fn wrong_lengths_are_errors_in_every_build() {
    let params = QuantParams::<i8>::affine(Range::new(-1.0, 1.0)).unwrap();
    for tier in Tier::available() {
        for (input, output) in [(0, 1), (1, 0), (64, 65), (1000, 32)] {
            let x = vec![0.0; input];
            assert!(tier.quantize(&x, params, &mut vec![0; output]).is_err());
            assert!(tier.fake_quantize(&x, params, &mut vec![0.0; output]).is_err());
            assert!(tier.dequantize(&vec![0; input], params, &mut vec![0.0; output]).is_err());
        }
    }
}

/// `Σ (a − za)(b − zb)` of `n` pairs of the same codes, on every tier.
fn dot_is<A: Code8, B: Code8>(n: usize, (a, za): (A, A), (b, zb): (B, B), expected: i64) {
    let (a, b) = (vec![a; n], vec![b; n]);
    for tier in tiers() {
        assert_eq!(tier.dot(&a, za, &b, zb), Ok(expected), "{tier}, {n} pairs");
        let mut out = [0];
        tier.dot_rows(&a, za, &b, zb, &mut out).unwrap();
        assert_eq!(out, [expected], "{tier}, a row of {n}");
    }
}

/// rten, FBGEMM, MLAS: `vpmaddubsw` saturates, so users are told to do with 7 bits.
#[test]
fn products_of_8_bits_do_not_saturate() {
    for n in [2, 64, 67, 300] {
        let pairs = n as i64;
        dot_is::<u8, i8>(n, (255, 0), (127, 0), pairs * 255 * 127);
        dot_is::<u8, i8>(n, (255, 0), (-128, 0), pairs * 255 * -128);
        dot_is::<u8, u8>(n, (255, 0), (255, 0), pairs * 255 * 255);
        dot_is::<i8, u8>(n, (127, 0), (255, 0), pairs * 127 * 255);
    }
}

/// `NumKong`, rten: sums of 32 bits wrap.
#[test]
fn long_dot_products_do_not_wrap() {
    dot_is::<i8, i8>(140_000, (-128, 0), (-128, 0), 140_000 * 128 * 128);
    dot_is::<u8, u8>(70_000, (255, 0), (255, 0), 70_000 * 255 * 255);
    dot_is::<u8, i8>(140_000, (255, 0), (-128, 127), 140_000 * 255 * -255);
}

/// candle, ggml: the sign trick takes −128 · −128 for −16384; ONNX Runtime on NEON: two of them
/// overflow 16 bits.
#[test]
fn the_lowest_code_by_itself() {
    for n in [1, 2, 16, 32, 33, 64, 300] {
        dot_is::<i8, i8>(n, (-128, 0), (-128, 0), n as i64 * 16_384);
        dot_is::<i8, i8>(n, (-128, 0), (127, 0), n as i64 * -128 * 127);
    }
}

/// qdrant: codes of 7 bits only, and a dot product that is summed in f32.
#[test]
fn dot_products_are_exact_beyond_24_bits() {
    // 2²⁴ + 1 is no f32.
    let (mut a, mut b) = (vec![128_u8; 1025], vec![128_u8; 1025]);
    (a[1024], b[1024]) = (1, 1);
    for tier in tiers() {
        assert_eq!(tier.dot(&a, 0, &b, 0), Ok((1 << 24) + 1), "{tier}");
    }
}
