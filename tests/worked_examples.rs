//! The worked examples of the documents that the project grew out of, each under its number. Most
//! are doc-tests too, where the function that they explain is.

use zeropoint::{QuantParams, Range, min_max, quantize, relu};

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
