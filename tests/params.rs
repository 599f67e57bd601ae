//! The choice of scale and zero point: every rule of the contract, and the errors.

use zeropoint::{Error, MIN_SCALE, QuantParams, Range, Scheme, dequantize, quantize};

fn affine<Q: zeropoint::Code>(min: f32, max: f32) -> QuantParams<Q> {
    QuantParams::affine(Range::new(min, max)).unwrap()
}

/// The error for a scale that a code overflows with, where it is the scale of one set of parameters.
fn overflow(scale: f32, distance: u32) -> Error {
    Error::Overflow { argument: "scale", index: None, scale, distance }
}

#[test]
fn affine_extends_the_range_to_zero() {
    assert_eq!(affine::<u8>(40.0, 1000.0), affine::<u8>(0.0, 1000.0));
    assert_eq!(affine::<u8>(-1000.0, -40.0), affine::<u8>(-1000.0, 0.0));
    let negative = affine::<u8>(-1000.0, -40.0);
    assert_eq!((negative.zero_point(), negative.scale()), (255, 1000.0 / 255.0));
}

#[test]
fn affine_of_nothing_but_zero() {
    for (min, max) in [(0.0, 0.0), (-0.0, 0.0), (-0.0, -0.0)] {
        let params = affine::<u8>(min, max);
        assert_eq!((params.scale(), params.zero_point()), (1.0, 0));
        let params = affine::<i8>(min, max);
        assert_eq!((params.scale(), params.zero_point()), (1.0, -128));
        let params = QuantParams::<i8>::symmetric(Range::new(min, max)).unwrap();
        assert_eq!((params.scale(), params.zero_point()), (1.0, 0));
    }
}

#[test]
fn affine_rounds_the_zero_point_half_to_even() {
    // −min / s = 0.5, 1.5, 2.5 with s = 1.
    for (min, zero_point) in [(-0.5, 0), (-1.5, 2), (-2.5, 2), (-3.5, 4)] {
        let params = affine::<u8>(min, min + 255.0);
        assert_eq!((params.scale(), params.zero_point()), (1.0, zero_point));
    }
}

#[test]
fn affine_with_fewer_codes() {
    let four_bits = Scheme::<u8>::affine().with_codes(0..=15).unwrap();
    let params = four_bits.params(Range::new(-5.0, 10.0)).unwrap();
    assert_eq!((params.scale(), params.zero_point()), (1.0, 5));
    assert_eq!(params.codes(), 0..=15);
    assert_eq!(params.representable(), Range::new(-5.0, 10.0));
    let mut codes = [0; 3];
    quantize(&[-100.0, 0.0, 100.0], params, &mut codes).unwrap();
    assert_eq!(codes, [0, 5, 15]);
}

/// The widest span, and all between it and the smallest, keep every code's value finite.
#[test]
fn affine_of_any_span() {
    let ends = [0.0, 1e-45, 1e-40, 1e-38, 1e-20, 1.0, 1e20, 1e38, f32::MAX];
    for min in ends.map(|x: f32| -x) {
        for max in ends {
            let params = affine::<u8>(min, max);
            assert!(params.scale() >= MIN_SCALE, "[{min}, {max}]: {params:?}");
            let codes: Vec<_> = (0..=255).collect();
            let mut values = [0.0; 256];
            dequantize(&codes, params, &mut values).unwrap();
            assert!(values.iter().all(|x| x.is_finite()), "[{min}, {max}]: {params:?}");
            let mut ends = [0; 2];
            quantize(&[min, max], params, &mut ends).unwrap();
            let Range { min: low, max: high } = params.representable();
            // No worse than the rounding of the zero point and of the scale.
            let slack = 1.01 * f64::from(params.scale());
            assert!(f64::from(low) - f64::from(min) <= slack, "[{min}, {max}]: {params:?}");
            assert!(f64::from(max) - f64::from(high) <= slack, "[{min}, {max}]: {params:?}");
        }
    }
}

#[test]
fn affine_span_beyond_f32() {
    let params = affine::<u8>(f32::MIN, f32::MAX);
    assert_eq!(params.zero_point(), 128);
    assert_eq!(params.representable().min, f32::MIN);
    let signed = affine::<i8>(f32::MIN, f32::MAX);
    assert_eq!((signed.scale(), signed.zero_point()), (params.scale(), 0));
    let params = affine::<u8>(-3e38, 1e38);
    assert!((f64::from(params.scale()) / (4e38 / 255.0) - 1.0).abs() < 1e-6);
}

/// The highest code of the largest range is finite, even where `MAX / hi · hi` is not.
#[test]
fn the_largest_range_with_any_codes() {
    for hi in 1..=255 {
        let scheme = Scheme::<u8>::affine().with_codes(0..=hi).unwrap();
        let params = scheme.params(Range::new(0.0, f32::MAX)).unwrap();
        let scale = f32::MAX / f32::from(hi);
        let is_finite = (scale * f32::from(hi)).is_finite();
        let expected = if is_finite { scale } else { scale.next_down() };
        assert_eq!((params.scale(), params.zero_point()), (expected, 0), "{hi}");
        assert!(params.representable().max.is_finite(), "{hi}");
    }
}

#[test]
fn scales_below_the_minimum_are_raised_to_it() {
    let params = affine::<u8>(0.0, 1e-40);
    assert_eq!((params.scale(), params.zero_point()), (MIN_SCALE, 0));
    let params = QuantParams::<i8>::symmetric(Range::new(-1e-44, 0.0)).unwrap();
    assert_eq!(params.scale(), MIN_SCALE);
}

#[test]
fn ranges_that_are_none() {
    let bad = [
        (1.0, -1.0),
        (f32::NAN, 1.0),
        (0.0, f32::NAN),
        (f32::NEG_INFINITY, 0.0),
        (0.0, f32::INFINITY),
    ];
    for (min, max) in bad {
        let range = Range::new(min, max);
        let errors = [
            QuantParams::<u8>::affine(range).unwrap_err(),
            QuantParams::<i8>::symmetric(range).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, Error::Range { .. }), "{error:?}");
            let text = format!("[{min:e}, {max:e}] is not a finite range with min <= max");
            assert_eq!(error.to_string(), text);
        }
    }
}

#[test]
fn symmetric_takes_the_larger_side() {
    let params = QuantParams::<i8>::symmetric(Range::new(-254.0, 127.0)).unwrap();
    assert_eq!((params.scale(), params.zero_point()), (2.0, 0));
    assert_eq!(params.codes(), -127..=127);
    let mut codes = [0; 3];
    quantize(&[-1e9, -254.0, 1e9], params, &mut codes).unwrap();
    assert_eq!(codes, [-127, -127, 127]);
}

#[test]
fn symmetric_with_the_lowest_code_too() {
    let scheme = Scheme::<i8>::symmetric().with_codes(-128..=127).unwrap();
    assert_eq!(scheme.params(Range::new(-128.0, 1.0)).unwrap().scale(), 1.0);
    assert_eq!(scheme.params(Range::new(-1.0, 127.0)).unwrap().scale(), 1.0);
}

#[test]
fn symmetric_with_the_codes_of_one_side() {
    let scheme = Scheme::<i8>::symmetric();
    let upper = scheme.with_codes(0..=100).unwrap();
    assert_eq!(upper.params(Range::new(0.0, 50.0)).unwrap().scale(), 0.5);
    let lower = scheme.with_codes(-100..=0).unwrap();
    assert_eq!(lower.params(Range::new(-50.0, 0.0)).unwrap().scale(), 0.5);
    let error = scheme.with_codes(-9..=-1).unwrap_err();
    assert_eq!(error.to_string(), "the codes -9..=-1 don't include the zero point 0");
}

#[test]
fn symmetric_unsigned_needs_a_range_without_negatives() {
    let error = QuantParams::<u8>::symmetric(Range::new(-0.5, 1.0)).unwrap_err();
    let text = "a symmetric scheme with codes 0..=255 has none on the side of -5e-1";
    assert_eq!(error.to_string(), text);
    assert!(QuantParams::<u8>::symmetric(Range::new(-0.0, 1.0)).is_ok());
}

#[test]
fn codes_that_do_not_serve() {
    let error = Scheme::<u8>::affine().with_codes(7..=7).unwrap_err();
    assert_eq!(
        error.to_string(),
        "7..=7 are too few codes: an affine scheme needs two or more, a clamp one"
    );
    let error = Scheme::<i8>::symmetric().with_codes(1..=9).unwrap_err();
    assert_eq!(error.to_string(), "the codes 1..=9 don't include the zero point 0");
    let params = QuantParams::<u8>::new(1.0, 5).unwrap();
    #[expect(clippy::reversed_empty_ranges)]
    for codes in [6..=10, 0..=4, 9..=3] {
        let (lo, hi) = (i32::from(*codes.start()), i32::from(*codes.end()));
        let error = params.with_codes(codes).unwrap_err();
        assert_eq!(error, Error::Codes { lo, hi, zero_point: 5 });
    }
    assert_eq!(params.with_codes(5..=5).unwrap().codes(), 5..=5);
}

#[test]
fn scales_that_are_none() {
    for scale in
        [0.0, -1.0, -0.0, 1e-40, MIN_SCALE.next_down(), f32::NAN, f32::INFINITY, f32::NEG_INFINITY]
    {
        let error = QuantParams::<u8>::new(scale, 0).unwrap_err();
        let expected = Error::Number {
            argument: "scale",
            index: None,
            value: scale.into(),
            expected: "a finite number of at least 1.1754944e-38",
        };
        // As text, since NaN is not equal to itself.
        assert_eq!(format!("{error:?}"), format!("{expected:?}"));
    }
    let error = QuantParams::<u8>::new(0.0, 0).unwrap_err();
    let text = "`scale` is 0, not a finite number of at least 1.1754944e-38";
    assert_eq!(error.to_string(), text);
    assert!(QuantParams::<u8>::new(MIN_SCALE, 0).is_ok());
    // A range whose scale would be a little less.
    let params = QuantParams::<u8>::affine(Range::new(0.0, 255.0 * 0.75 * MIN_SCALE)).unwrap();
    assert_eq!(params.scale(), MIN_SCALE);
    let error = QuantParams::<u8>::new(2e36, 0).unwrap_err();
    assert_eq!(error, overflow(2e36, 255));
    let text = "`scale` is 2e36; times 255, the farthest code's distance from the zero point, it is \
                beyond f32";
    assert_eq!(error.to_string(), text);
    assert!(QuantParams::<u8>::new(2e36, 128).is_ok());
    for (zero_point, distance) in [(i8::MAX, 255), (i8::MIN, 255), (100, 228)] {
        let error = QuantParams::<i8>::new(2e36, zero_point).unwrap_err();
        assert_eq!(error, overflow(2e36, distance));
    }
}

/// A code whose value is halfway between the largest float and 2¹²⁸ is too large, and the next is not.
#[test]
fn values_next_to_infinity() {
    let scale = f32::from_bits(247 << 23 | (8_659_208 - (1 << 23)));
    assert_eq!(f64::from(scale) * 248.0, 2_f64.powi(128) - 2_f64.powi(103));
    let error = QuantParams::<u8>::new(scale, 7).unwrap_err();
    assert_eq!(error, overflow(scale, 248));
    assert!(QuantParams::<u8>::new(scale.next_down(), 7).is_ok());
    assert!(QuantParams::<u8>::new(scale, 8).is_ok());

    let bit = Scheme::<u8>::affine().with_codes(0..=1).unwrap();
    let params = bit.params(Range::new(0.0, f32::MAX)).unwrap();
    assert_eq!(params.scale(), f32::MAX);
    assert_eq!(params.with_codes(0..=1), Ok(params));
    let error = params.with_codes(0..=2).unwrap_err();
    assert_eq!(error, overflow(f32::MAX, 2));
}

#[test]
fn unions_leave_nan_out() {
    for nan in [f32::NAN, -f32::NAN] {
        let (none, some) = (Range::new(nan, nan), Range::new(-1.0, 2.0));
        assert_eq!(none.union(some), some);
        assert_eq!(some.union(none), some);
        assert_eq!(Range::new(nan, 5.0).union(some), Range::new(-1.0, 5.0));
        assert_eq!(Range::new(-5.0, nan).union(some), Range::new(-5.0, 2.0));
    }
}

#[test]
fn lengths_that_differ() {
    let params = QuantParams::<u8>::new(1.0, 0).unwrap();
    let text = |of| format!("`out` has 8 elements for the 7 elements of `{of}`");
    let (x, mut y, mut codes) = ([0.0; 7], [0.0; 8], [1; 8]);
    assert_eq!(quantize(&x, params, &mut codes).unwrap_err().to_string(), text("x"));
    assert_eq!(dequantize(&codes[..7], params, &mut y).unwrap_err().to_string(), text("codes"));
    let error = zeropoint::fake_quantize(&x, params, &mut y).unwrap_err();
    assert_eq!(error.to_string(), text("x"));
    let error = zeropoint::lut(&codes[..7], &[0_u8; 256], &mut [0; 8]).unwrap_err();
    assert_eq!(error.to_string(), text("codes"));
    let error = zeropoint::rescale(&codes[..7], params, params, &mut [0; 8]).unwrap_err();
    assert_eq!(error.to_string(), text("codes"));
    let one = zeropoint::Multiplier::real(1.0).unwrap();
    let error = zeropoint::requantize(&[0; 7], one, params, &mut codes).unwrap_err();
    assert_eq!(error.to_string(), text("accumulators"));
    let error = zeropoint::quantize_dynamic(&x, Scheme::affine(), &mut codes).unwrap_err();
    assert_eq!(error.to_string(), text("x"));
    assert_eq!(codes, [1; 8]);
}

#[test]
fn used_and_wasted_codes() {
    let params = affine::<u8>(-20.0, 1000.0);
    assert_eq!(params.used_codes(Range::new(-20.0, 1000.0)), Ok(0..=255));
    assert_eq!(params.used_codes(Range::new(4.0, 4.0)), Ok(6..=6));
    assert_eq!(params.wasted_codes(Range::new(0.0, 500.0)), Ok(255 - 125));
    // Values beyond saturate.
    let everything = Range::new(f32::NEG_INFINITY, f32::INFINITY);
    assert_eq!(params.wasted_codes(everything), Ok(0));
    // Of the codes in use only.
    let few = params.with_codes(5..=104).unwrap();
    assert_eq!(few.wasted_codes(Range::new(0.0, 4.0)), Ok(98));
    assert!(params.wasted_codes(Range::new(1.0, 0.0)).is_err());
    assert!(params.used_codes(Range::new(f32::NAN, 0.0)).is_err());
}

#[test]
fn debug_names_what_was_chosen() {
    let params = affine::<u8>(-20.0, 1000.0);
    let text = "QuantParams { scale: 4.0, zero_point: 5, codes: 0..=255 }";
    assert_eq!(format!("{params:?}"), text);
}

#[test]
fn clamps_to_nothing() {
    let mut codes = [1_u8, 2];
    #[expect(clippy::reversed_empty_ranges)]
    let error = zeropoint::clamp(&mut codes, 9..=3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "9..=3 are too few codes: an affine scheme needs two or more, a clamp one"
    );
    assert_eq!(codes, [1, 2]);
}
