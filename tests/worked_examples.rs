//! The worked examples of the documents that the project grew out of, each under its number. Most
//! are doc-tests too, where the function that they explain is.

use zeropoint::gemm::Weights;
use zeropoint::image::{Border, Windows, im2col};
use zeropoint::measure::{Fidelity, fidelity, quantization_fidelity};
use zeropoint::norm::{Norm, normalize_quantize_rows, normalize_rows};
use zeropoint::{
    Multiplier, QuantParams, Range, Scheme, Tier, dequantize, min_max, quantize, relu,
};

fn codes<Q: zeropoint::Code, const N: usize>(x: [f32; N], params: QuantParams<Q>) -> [Q; N] {
    let mut codes = [Q::MIN; N];
    quantize(&x, params, &mut codes).unwrap();
    codes
}

#[test]
fn example_1_symmetric_u8() {
    let params = QuantParams::<u8>::symmetric(Range::new(0.0, 1000.0)).unwrap();
    assert_eq!(params.scale(), 1000.0 / 255.0);
    assert!((params.scale() - 3.9215).abs() < 1e-4);
    assert_eq!(params.zero_point(), 0);
    assert_eq!(500.0 / params.scale(), 127.5);
    assert_eq!(codes([500.0], params), [128]);
}

#[test]
fn example_2_affine_u8() {
    let params = QuantParams::<u8>::affine(Range::new(-20.0, 1000.0)).unwrap();
    assert_eq!((params.scale(), params.zero_point()), (4.0, 5));
    assert_eq!(codes([-20.0, 0.0, 1000.0], params), [0, 5, 255]);
}

#[test]
fn example_3_affine_i8() {
    let params = QuantParams::<i8>::affine(Range::new(-20.0, 1000.0)).unwrap();
    assert_eq!((params.scale(), params.zero_point()), (4.0, -123));
    assert_eq!(codes([-20.0, 1000.0], params), [-128, 127]);
}

#[test]
fn example_4_a_range_without_zero() {
    let range = Range::new(40.0, 1000.0);
    let params = QuantParams::<u8>::affine(range).unwrap();
    assert_eq!(params.representable(), Range::new(0.0, 1000.0));
    assert_eq!(codes([40.0], params), [10]);
    assert_eq!(params.used_codes(range).unwrap(), 10..=255);
    let wasted = params.wasted_codes(range).unwrap();
    assert_eq!(wasted, 10);
    assert!((f64::from(wasted) / 255.0 - 0.0392).abs() < 1e-4);
}

#[test]
fn example_5_normalization() {
    let activations = Range::new(2000.0, 4000.0);
    let params = QuantParams::<i8>::symmetric(activations).unwrap();
    // −127..=−1 are wasted, and so are 0..=63.
    assert_eq!(params.used_codes(activations).unwrap(), 64..=127);
    assert_eq!(params.wasted_codes(activations).unwrap(), 127 + 64);

    // The same activations, normalized to zero mean.
    let x: Vec<_> = (0..=1000).map(|i| 2000.0 + 2.0 * i as f32).collect();
    let normalized: Vec<_> = x.iter().map(|x| (x - 3000.0) / 500.0).collect();
    let range = min_max(&normalized).unwrap();
    assert_eq!(range, Range::new(-2.0, 2.0));
    let params = QuantParams::<i8>::symmetric(range).unwrap();
    assert_eq!(params.used_codes(range).unwrap(), -127..=127);
    assert_eq!(params.wasted_codes(range).unwrap(), 0);
}

/// The same on activations of a transformer, with the weights of its layer norm.
#[test]
fn example_5_of_a_transformer() {
    let file = std::fs::read("examples/data/minilm-sample.safetensors").unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
    let tensor = |name: &str| -> Vec<f32> {
        let (elements, _) = tensors.tensor(name).unwrap().data().as_chunks();
        elements.iter().map(|&x| f32::from_le_bytes(x)).collect()
    };
    let before = tensor("activations.before_layer_norm");
    let after = tensor("activations.after_layer_norm");
    let weight = tensor("encoder.layer.5.output.LayerNorm.weight");
    let bias = tensor("encoder.layer.5.output.LayerNorm.bias");

    // The norm is the one that the model has computed, in another order of sums.
    let norm = Norm::layer(&weight, Some(&bias), 1e-12).unwrap();
    let mut y = vec![0.0; before.len()];
    normalize_rows(&before, norm, &mut y).unwrap();
    for (y, after) in y.iter().zip(&after) {
        assert!((y - after).abs() < 1e-5, "{y} {after}");
    }
    // Codes that are wasted, and the ratio of signal to noise.
    let quality = |x: &[f32]| {
        let range = min_max(x).unwrap();
        let params = QuantParams::<i8>::symmetric(range).unwrap();
        let sqnr = quantization_fidelity(x, params).sqnr_db();
        (params.wasted_codes(range).unwrap(), sqnr)
    };
    let (before_wastes, before_db) = quality(&before);
    let (after_wastes, after_db) = quality(&y);
    // These values straddle zero before too. It is not codes that the norm wins here (one column that
    // stands out takes some), but a spread that is even: 5 dB.
    assert_eq!((before_wastes, after_wastes), (19, 75));
    assert_eq!((before_db.round(), after_db.round()), (23.0, 28.0));
    // Each row by itself, in one pass: 11 dB more.
    let row = weight.len();
    let (mut codes, mut params) = (vec![0; y.len()], vec![QuantParams::<i8>::default(); 30]);
    normalize_quantize_rows(&before, norm, Scheme::symmetric(), &mut params, &mut codes).unwrap();
    let mut rows = Fidelity::default();
    let mut values = vec![0.0; row];
    for (r, &params) in params.iter().enumerate() {
        dequantize(&codes[r * row..][..row], params, &mut values).unwrap();
        rows = rows.merge(fidelity(&y[r * row..][..row], &values).unwrap());
    }
    assert_eq!(rows.sqnr_db().round(), 39.0);
}

#[test]
fn example_6_padding_and_relu() {
    let params = QuantParams::<u8>::affine(Range::new(-20.0, 1000.0)).unwrap();
    let padded = codes([0.0, -20.0, -4.0, 8.0, 0.0], params);
    assert_eq!(padded, [params.zero_point(), 0, 4, 7, params.zero_point()]);
    let mut rectified = padded;
    relu(&mut rectified, params.zero_point());
    assert_eq!(rectified, codes([0.0, 0.0, 0.0, 8.0, 0.0], params));
    // Compared as the type of the codes: as bytes, −123 would be above 5.
    let params = QuantParams::<i8>::affine(Range::new(-20.0, 1000.0)).unwrap();
    let mut signed = codes([-20.0, 0.0, 600.0], params);
    relu(&mut signed, params.zero_point());
    assert_eq!(signed, [-123, -123, 27]);
}

/// Example 6 where it matters: a convolution of codes, padded with the zero point, is that of the
/// values, padded with 0.0; and a ReLU of its outputs is a maximum with the zero point.
///
/// All values are whole numbers of steps, so nothing is rounded before the outputs are.
#[test]
fn example_6_convolution() {
    let border = Border { height: 6, width: 7, channels: 3, top: 1, bottom: 1, left: 1, right: 1 };
    let windows = Windows { stride: [2, 2], ..Windows::new(border, [3, 3]) };
    let [out_height, out_width, depth] = windows.shape().unwrap();
    assert_eq!([out_height, out_width, depth], [3, 4, 27]);
    let params = QuantParams::<u8>::affine(Range::new(-20.0, 1000.0)).unwrap();
    let image: Vec<_> = (0..3 * 6 * 7).map(|i| (i * 53 % 256 - 5) as f32 * 4.0).collect();
    let weight_params = QuantParams::<i8>::new(0.25, 0).unwrap();
    let filters: Vec<_> = (0..2 * 27).map(|i| (i * 37 % 255 - 127) as f32 * 0.25).collect();

    // In f32: each channel with a border of 0.0, then the sum of the products of each window.
    let mut padded = vec![0.0; 3 * 8 * 9];
    for (i, row) in image.chunks_exact(7).enumerate() {
        let (channel, y) = (i / 6, i % 6);
        padded[(channel * 8 + y + 1) * 9 + 1..][..7].copy_from_slice(row);
    }
    let mut expected = Vec::new();
    for (y, x) in (0..3).flat_map(|y| (0..4).map(move |x| (y, x))) {
        for filter in filters.chunks_exact(27) {
            let products = (0..27).map(|k| {
                let (channel, i, j) = (k / 9, k / 3 % 3, k % 3);
                padded[(channel * 8 + 2 * y + i) * 9 + 2 * x + j] * filter[k]
            });
            expected.push(products.sum::<f32>());
        }
    }

    let mut codes = vec![0; image.len()];
    quantize(&image, params, &mut codes).unwrap();
    let mut weights = vec![0; filters.len()];
    quantize(&filters, weight_params, &mut weights).unwrap();
    let weights = Weights::transposed(&weights, depth, 2).pack(Tier::best()).unwrap();
    let z = params.zero_point();
    let mut rows = vec![0; 12 * depth];
    im2col(&codes, windows, z, &mut rows).unwrap();
    let mut sums = [0; 24];
    weights.multiply(&rows, z, 0, &mut sums).unwrap();
    // A step of a sum is 4 · 0.25 = 1.
    assert_eq!(sums.map(|sum| sum as f32)[..], expected);

    let output = QuantParams::<i8>::affine(Range::new(-20_480.0, 44_800.0)).unwrap();
    assert_eq!(output.scale(), 256.0);
    let multiplier = Multiplier::real(1.0 / output.scale()).unwrap();
    let relu_params = output.with_codes(output.zero_point()..=127).unwrap();
    let mut rectified = [0; 24];
    weights.requantize(&rows, z, 0, multiplier, relu_params, &mut rectified).unwrap();
    let mut plain = [0; 24];
    weights.requantize(&rows, z, 0, multiplier, output, &mut plain).unwrap();
    assert!(plain.iter().any(|&code| code < output.zero_point()));
    relu(&mut plain, output.zero_point());
    assert_eq!(rectified, plain);
    let positive: Vec<_> = expected.iter().map(|value| value.max(0.0)).collect();
    let mut quantized = [0; 24];
    quantize(&positive, output, &mut quantized).unwrap();
    assert_eq!(rectified, quantized);
}
