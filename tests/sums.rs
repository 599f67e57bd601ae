//! What is made of sums of f32, on every tier: it equals the reference, bit for bit.

#[path = "common/mod.rs"]
mod common;

use common::{
    Apart, Guarded, NOT_THREE_ROWS_OF_FIVE, base_tiers as tiers, bits, code,
    not_three_rows_of_five, strides, values,
};
use proptest::prelude::*;
use zeropoint::measure::{Fidelity, Moments};
use zeropoint::norm::Norm;
use zeropoint::{Code8, Error, QuantParams, Rows, RowsMut, Scheme, Tier, reference};

/// Around multiples of vectors, of the 64 lanes, and of the blocks of 4096.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=200)
        .chain([255, 256, 257, 512, 513, 768, 1023, 1024, 1025, 2049, 4095, 4096, 4097, 8200, 9001])
}

/// Without NaN and infinities; sums depend on their order.
fn ordinary(n: usize) -> Vec<f32> {
    let wave = |i: usize| (i as f32 * 0.37).sin() * (1.0 + (i % 13) as f32);
    (0..n).map(|i| wave(i) + 0.3).collect()
}

/// Far from 0 (from a few deviations on), and of magnitudes whose squares f32 lacks the range for.
fn far_and_extreme(n: usize) -> Vec<Vec<f32>> {
    let of = |scale: f32, shift: f32| {
        let x = ordinary(n).into_iter();
        x.map(|x| x * scale + shift).collect::<Vec<f32>>()
    };
    let mut outlier = of(1.0, 0.0);
    if let Some(x) = outlier.get_mut(n / 2) {
        *x = f32::MIN;
    }
    vec![
        of(1.0, 22.0),
        of(1.0, -60.0),
        of(0.1, 1000.0),
        of(0.04, 1e6),
        of(1.0, 3e6),
        of(1e-25, 0.0),
        of(1e-17, 1e-17),
        of(1e-16, 0.0),
        of(1e22, 1e23),
        of(1e37, 0.0),
        outlier,
    ]
}

fn check_moments(tier: Tier, x: &[f32], offset: usize) {
    let bits = |of: Option<Moments>| of.map(|m| [m.mean, m.variance].map(f32::to_bits));
    let x = Guarded::of(x, offset, f32::NAN);
    let (found, expected) = (tier.moments(x.slice()), reference::moments(x.slice()));
    assert_eq!(bits(found), bits(expected), "{tier}, {:?}", x.slice());
}

fn fidelity_bits(of: Fidelity) -> [u64; 4] {
    [
        of.mean_squared_error().to_bits(),
        of.sqnr_db().to_bits(),
        of.cosine_similarity().to_bits(),
        of.max_abs_error().to_bits().into(),
    ]
}

fn check_fidelity<Q: Code8>(tier: Tier, x: &[f32], params: QuantParams<Q>, offset: usize) {
    let mut y = vec![0.0; x.len()];
    reference::fake_quantize(x, params, &mut y).unwrap();
    let expected = reference::quantization_fidelity(x, params);
    let between = reference::fidelity(x, &y).unwrap();
    assert_eq!(fidelity_bits(expected), fidelity_bits(between));
    let (x, y) = (Guarded::of(x, offset, 1e9), Guarded::of(&y, offset / 2, 1e9));
    let found = tier.quantization_fidelity(x.slice(), params);
    let between = tier.fidelity(x.slice(), y.slice()).unwrap();
    let context = || format!("{tier}, {params:?}, {:?}", x.slice());
    assert_eq!(fidelity_bits(found), fidelity_bits(expected), "{}", context());
    assert_eq!(fidelity_bits(between), fidelity_bits(expected), "{}", context());
}

fn check_norm(tier: Tier, x: &[f32], norm: Norm<'_>, offsets: [usize; 2]) -> Vec<f32> {
    let mut expected = vec![0.0; x.len()];
    reference::normalize_rows(x, norm, &mut expected).unwrap();
    let x = Guarded::of(x, offsets[0], 1e9);
    let mut out = Guarded::new(x.slice().len(), offsets[1], 7.0);
    tier.normalize_rows(x.slice(), norm, out.slice_mut()).unwrap();
    let context = || format!("{tier}, {norm:?}, offsets {offsets:?}, {:?}", x.slice());
    assert_eq!(bits(out.checked()), bits(&expected), "{}", context());
    expected
}

/// `normalized`: of the same rows.
fn check_norm_quantize<Q: Code8>(
    tier: Tier,
    x: &[f32],
    norm: Norm<'_>,
    normalized: &[f32],
    scheme: Scheme<Q>,
    [row, offset]: [usize; 2],
) {
    let rows = x.len() / row;
    let mut params = vec![QuantParams::default(); rows];
    // As it is given: an error names the first row that is not finite.
    let (mut by_reference, mut found) = (params.clone(), params.clone());
    let (mut of_reference, mut out) = (vec![Q::MIN; x.len()], vec![Q::MIN; x.len()]);
    let expected =
        reference::normalize_quantize_rows(x, norm, scheme, &mut by_reference, &mut of_reference);
    let result = tier.normalize_quantize_rows(x, norm, scheme, &mut found, &mut out);
    assert_eq!((result, found, out), (expected, by_reference, of_reference), "{tier}");

    let scheme = scheme.of_finite();
    let mut codes = vec![Q::MIN; x.len()];
    let done = reference::quantize_dynamic_rows(normalized, row, scheme, &mut params, &mut codes);
    let (mut by_reference, mut of_reference) = (params.clone(), vec![Q::MIN; x.len()]);
    by_reference.fill(QuantParams::default());
    let fused =
        reference::normalize_quantize_rows(x, norm, scheme, &mut by_reference, &mut of_reference);
    assert_eq!((&fused, &by_reference, &of_reference), (&done, &params, &codes));
    let mut found = vec![QuantParams::default(); rows];
    let mut out = Guarded::new(x.len(), offset, Q::MIN);
    let fused = tier.normalize_quantize_rows(x, norm, scheme, &mut found, out.slice_mut());
    let context = || format!("{tier}, {norm:?}, {scheme:?}, {x:?}");
    assert_eq!((&fused, &found), (&done, &params), "{}", context());
    assert_eq!(out.checked(), codes, "{}", context());
}

/// All of it, for `rows` rows of the same length.
fn check_rows(tier: Tier, x: &[f32], row: usize, offsets: [usize; 2]) {
    let weight: Vec<_> = (0..row).map(|i| 1.0 + (i % 7) as f32 * 0.1).collect();
    let bias: Vec<_> = (0..row).map(|i| (i % 5) as f32 * 0.03 - 0.1).collect();
    let biased = Norm::layer(&weight, Some(&bias), 1e-5).unwrap();
    let y = check_norm(tier, x, biased, offsets);
    if row > 0 {
        check_norm_quantize(tier, x, biased, &y, Scheme::<u8>::affine(), [row, offsets[1]]);
        check_norm_quantize(tier, x, biased, &y, Scheme::<i8>::symmetric(), [row, offsets[1]]);
    }
    check_norm(tier, x, Norm::layer(&weight, None, 0.0).unwrap(), offsets);
    check_norm(tier, x, Norm::rms(&weight, Some(&bias), 1e-6).unwrap(), offsets);
    let plain = Norm::rms(&weight, None, 1e-6).unwrap();
    let y = check_norm(tier, x, plain, offsets);
    if row > 0 {
        check_norm_quantize(tier, x, plain, &y, Scheme::<i8>::affine(), [row, offsets[1]]);
    }
}

#[test]
fn every_length() {
    let affine = QuantParams::<u8>::new(0.1, 131).unwrap();
    let symmetric = QuantParams::<i8>::new(0.07, 0).unwrap();
    for tier in tiers() {
        for n in lengths() {
            for x in [ordinary(n), values(n)] {
                check_moments(tier, &x, n % 16);
                check_fidelity(tier, &x, affine, n % 16);
                check_fidelity(tier, &x, symmetric, n % 16);
                check_rows(tier, &x, n, [n % 16, n % 13]);
            }
        }
    }
}

/// Many blocks, up to more than 2²⁰ elements.
#[test]
fn long_sums() {
    for tier in tiers() {
        for n in [5 * 4096, 6 * 4096 + 1, 7 * 4096 - 1, 40_000, (1 << 20) + 4097] {
            let x = ordinary(n);
            check_moments(tier, &x, 3);
            check_fidelity(tier, &x, QuantParams::<i8>::new(0.1, 3).unwrap(), 5);
        }
    }
}

#[test]
fn far_from_zero_and_beyond_the_range_of_squares() {
    // By the others, sums of squares are a little below and a little above 2⁻¹⁰⁰.
    let scales = [1e-24, 3e-17, 1e-16];
    for tier in tiers() {
        for n in [1, 2, 15, 65, 200, 1025, 4097, 8200] {
            for x in far_and_extreme(n) {
                check_moments(tier, &x, n % 16);
                for scale in scales {
                    let params = QuantParams::<i8>::new(scale, 5).unwrap();
                    check_fidelity(tier, &x, params, n % 16);
                }
                check_rows(tier, &x, n, [n % 16, n % 13]);
            }
        }
    }
}

#[test]
fn every_tier() {
    for tier in Tier::available() {
        let x = ordinary(5000);
        check_moments(tier, &x, 0);
        check_fidelity(tier, &x, QuantParams::<i8>::new(0.1, 3).unwrap(), 0);
        check_rows(tier, &x, 1000, [0, 0]);
    }
}

#[test]
fn rows_of_every_kind() {
    for tier in tiers() {
        for row in [1, 7, 64, 100, 768] {
            let mut x = ordinary(row * 9);
            x[..row].fill(3.0); // no variance
            x[row..2 * row].fill(0.0);
            x[3 * row] = f32::NAN;
            x[4 * row + row / 2] = f32::NEG_INFINITY;
            x[5 * row..6 * row].fill(3e38); // sums beyond f32
            x[6 * row] = 1e25; // a square beyond f32
            for x in &mut x[7 * row..8 * row] {
                *x *= 1e-30; // squares that vanish
            }
            check_rows(tier, &x, row, [3, 5]);
        }
        check_rows(tier, &[], 0, [0, 0]);
        check_rows(tier, &[], 5, [0, 0]);
    }
}

/// Rows that are apart become what they are without a gap, and what lies between them is not touched.
fn check_norm_apart(tier: Tier, x: &[f32], shape: [usize; 2], norm: Norm<'_>) {
    let [mut expected, mut by_reference] = [(); 2].map(|()| vec![0.0; x.len()]);
    tier.normalize_rows(x, norm, &mut expected).unwrap();
    reference::normalize_rows(x, norm, &mut by_reference).unwrap();
    assert_eq!(bits(&expected), bits(&by_reference), "{tier}, {shape:?}, {norm:?}");
    for stride in strides(shape[1]) {
        let x_apart = Apart::of(x, shape, stride, f32::NAN);
        for out_stride in strides(shape[1]) {
            let mut out = Apart::new(shape, out_stride, shape[1] % 7, 7.25);
            tier.normalize_rows(x_apart.rows(), norm, out.rows_mut()).unwrap();
            let context = || format!("{tier}, {shape:?}, {stride} to {out_stride}, {norm:?}");
            assert_eq!(bits(&out.checked()), bits(&expected), "{}", context());
        }
        // Only what is read, or only what is written.
        let mut out = vec![0.0; x.len()];
        tier.normalize_rows(x_apart.rows(), norm, &mut out).unwrap();
        assert_eq!(bits(&out), bits(&expected), "{tier}, {shape:?}, {stride}");
        let mut out = Apart::new(shape, stride, shape[1] % 5, 7.25);
        tier.normalize_rows(x, norm, out.rows_mut()).unwrap();
        assert_eq!(bits(&out.checked()), bits(&expected), "{tier}, {shape:?}, {stride}");
    }
}

/// The same of rows that become codes; or of those before one that is an error.
fn check_norm_quantize_apart<Q: Code8>(
    tier: Tier,
    x: &[f32],
    shape: [usize; 2],
    norm: Norm<'_>,
    scheme: Scheme<Q>,
) {
    let none = vec![QuantParams::default(); shape[0]];
    let between: Q = code(0x55);
    let whole = |x: Rows<'_, f32>, out: RowsMut<'_, Q>| {
        let mut params = none.clone();
        let done = tier.normalize_quantize_rows(x, norm, scheme, &mut params, out);
        (done, params)
    };
    let mut codes = vec![between; x.len()];
    let expected = whole(x.into(), (&mut codes).into());
    let (mut by_reference, mut of_reference) = (none.clone(), vec![between; x.len()]);
    let done =
        reference::normalize_quantize_rows(x, norm, scheme, &mut by_reference, &mut of_reference);
    assert_eq!((&expected, &codes), (&(done, by_reference), &of_reference), "{tier}, {shape:?}");
    for stride in strides(shape[1]) {
        // What lies between would be an error, or change the range.
        let x_apart = Apart::of(x, shape, stride, f32::NAN);
        for out_stride in strides(shape[1]) {
            let mut out = Apart::new(shape, out_stride, shape[1] % 7, between);
            let found = whole(x_apart.rows(), out.rows_mut());
            let context = || format!("{tier}, {shape:?}, {stride} to {out_stride}, {norm:?}");
            assert_eq!((&found, &out.checked()), (&expected, &codes), "{}", context());
        }
        // Only what is read, or only what is written.
        let mut out = vec![between; x.len()];
        let found = whole(x_apart.rows(), (&mut out).into());
        assert_eq!((&found, &out), (&expected, &codes), "{tier}, {shape:?}, {stride}");
        let mut out = Apart::new(shape, stride, shape[1] % 5, between);
        let found = whole(x.into(), out.rows_mut());
        assert_eq!((&found, &out.checked()), (&expected, &codes), "{tier}, {shape:?}, {stride}");
    }
}

#[test]
fn rows_apart() {
    for tier in Tier::available() {
        for shape in [
            [0, 5],
            [1, 1],
            [6, 1],
            [5, 7],
            [7, 16],
            [5, 63],
            [5, 64],
            [5, 100],
            [3, 768],
            [3, 1024],
            [3, 1025],
            [3, 4100],
        ] {
            let [rows, row] = shape;
            let weight: Vec<_> = (0..row).map(|i| 1.0 + (i % 7) as f32 * 0.1).collect();
            let bias: Vec<_> = (0..row).map(|i| (i % 5) as f32 * 0.03 - 0.1).collect();
            let layer = Norm::layer(&weight, Some(&bias), 1e-5).unwrap();
            let rms = Norm::rms(&weight, None, 1e-6).unwrap();
            let finite = ordinary(rows * row);
            let mut last_is_not = finite.clone();
            if let Some(x) = last_is_not.last_mut() {
                *x = f32::INFINITY;
            }
            let mut far = finite.clone();
            for (i, x) in far.iter_mut().enumerate() {
                *x += (i / row * 50) as f32;
            }
            for x in [&finite, &last_is_not, &far] {
                for norm in [layer, rms] {
                    check_norm_apart(tier, x, shape, norm);
                    let affine = Scheme::<u8>::affine();
                    check_norm_quantize_apart(tier, x, shape, norm, affine);
                    check_norm_quantize_apart(tier, x, shape, norm, affine.of_finite());
                    let symmetric = Scheme::<i8>::symmetric();
                    check_norm_quantize_apart(tier, x, shape, norm, symmetric);
                }
            }
        }
    }
}

/// So many that stores go past the caches: rows that repeat themselves, so that the reference has to do few.
#[test]
fn big_rows_apart() {
    let (few, row) = (22, 768);
    let rows = 500 * few;
    let weight: Vec<_> = (0..row).map(|i| 1.0 + (i % 7) as f32 * 0.1).collect();
    let norm = Norm::layer(&weight, None, 1e-5).unwrap();
    let x = ordinary(few * row);
    let mut expected = vec![0.0; x.len()];
    reference::normalize_rows(&x, norm, &mut expected).unwrap();
    let x = x.repeat(rows / few);
    for tier in tiers() {
        for [stride, out_stride] in [[row, row + 7], [row + 1, row], [2 * row, row + 1]] {
            let x = Apart::of(&x, [rows, row], stride, f32::NAN);
            let mut out = Apart::new([rows, row], out_stride, 3, 7.25);
            tier.normalize_rows(x.rows(), norm, out.rows_mut()).unwrap();
            let repeats = out.checked().chunks(few * row).all(|part| part == expected);
            assert!(repeats, "{tier}, {stride} to {out_stride}");
        }
    }
}

#[test]
fn rows_apart_that_do_not_fit() {
    let norm = Norm::rms(&[1.0; 5], None, 0.0).unwrap();
    let scheme = Scheme::<u8>::affine();
    let (row, default) = (5, [QuantParams::default(); 3]);
    for tier in Tier::available() {
        for wrong in NOT_THREE_ROWS_OF_FIVE {
            let [elements, said, stride] = wrong;
            let x = vec![1.0; elements];
            let x = Rows::strided(&x, said, stride);
            let (mut params, mut codes, mut out) = (default, [7; 100], [7.0; 100]);
            // There are as many rows to normalize as `x` is said to have.
            let expected = if said == 3 {
                not_three_rows_of_five("x", wrong)
            } else {
                Error::Rows { argument: "out", elements: 15, rows: said, row, stride: row }
            };
            assert_eq!(tier.normalize_rows(x, norm, &mut out[..15]), Err(expected));
            let apart = RowsMut::strided(&mut out[..elements], said, stride);
            let error = tier.normalize_rows(&[1.0; 15], norm, apart);
            assert_eq!(error, Err(not_three_rows_of_five("out", wrong)));
            assert_eq!(out, [7.0; 100]);

            // And as many to quantize as there are parameters. What is read is looked at first.
            let error =
                tier.normalize_quantize_rows(x, norm, scheme, &mut params, &mut codes[..15]);
            assert_eq!(error, Err(not_three_rows_of_five("x", wrong)));
            let apart = RowsMut::strided(&mut codes[..elements], said, stride);
            let error = tier.normalize_quantize_rows(x, norm, scheme, &mut params, apart);
            assert_eq!(error, Err(not_three_rows_of_five("x", wrong)));
            let apart = RowsMut::strided(&mut codes[..elements], said, stride);
            let error = tier.normalize_quantize_rows(&[1.0; 15], norm, scheme, &mut params, apart);
            assert_eq!(error, Err(not_three_rows_of_five("out", wrong)));
            assert_eq!((params, codes), (default, [7; 100]));
        }
        // Just enough, and more than that.
        for elements in [17, 18, 100] {
            let (x, stride) = (vec![1.0; elements], 6);
            let x = Rows::strided(&x, 3, stride);
            let (mut params, mut codes, mut out) = (default, [7; 100], [7.0; 100]);
            let apart = RowsMut::strided(&mut out[..elements], 3, stride);
            tier.normalize_rows(x, norm, apart).unwrap();
            let apart = RowsMut::strided(&mut codes[..elements], 3, stride);
            tier.normalize_quantize_rows(x, norm, scheme, &mut params, apart).unwrap();
            for i in 0..100 {
                let in_row = i % stride < row && i / stride < 3;
                let expected = if in_row { (1.0, 255) } else { (7.0, 7) };
                assert_eq!((out[i], codes[i]), expected, "{i}");
            }
        }
        // Rows of nothing are as many as they are said to be.
        let nothing = Norm::rms(&[], None, 0.0).unwrap();
        let none = Rows::strided(&[], 3, 0);
        let to_none = |rows| RowsMut::strided(&mut [], rows, 0);
        assert_eq!(tier.normalize_rows(none, nothing, to_none(3)), Ok(()));
        let (elements, row, stride) = (0, 0, 0);
        let error = |argument, rows| Err(Error::Rows { argument, elements, rows, row, stride });
        assert_eq!(tier.normalize_rows(none, nothing, to_none(2)), error("out", 3));
        assert_eq!(tier.normalize_rows(&[], nothing, to_none(2)), Ok(()));
        let mut params = default;
        let no_codes = RowsMut::strided(&mut [], 3, 0);
        let found = tier.normalize_quantize_rows(none, nothing, scheme, &mut params, no_codes);
        assert_eq!(found, Ok(()));
        let no_codes = RowsMut::strided(&mut [], 3, 0);
        let found = tier.normalize_quantize_rows(none, nothing, scheme, &mut params[..2], no_codes);
        assert_eq!(found, error("x", 2));
    }
}

#[test]
fn big() {
    // From where on stores go past the caches.
    let x = ordinary(768 * 11_000);
    for tier in tiers() {
        let norm = Norm::rms(&[0.5; 768], None, 0.0).unwrap();
        check_norm(tier, &x, norm, [0, 1]);
    }
}

/// The order of the sums keeps them near the true ones.
#[test]
fn sums_are_accurate() {
    let n = 1 << 20;
    let x: Vec<_> = ordinary(n).iter().map(|x| x + 1000.0).collect();
    let exact_mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / n as f64;
    let exact_variance =
        x.iter().map(|&x| (f64::from(x) - exact_mean).powi(2)).sum::<f64>() / n as f64;
    let found = reference::moments(&x).unwrap();
    assert!((f64::from(found.mean) / exact_mean - 1.0).abs() < 1e-7);
    assert!((f64::from(found.variance) / exact_variance - 1.0).abs() < 1e-5);
}

/// Rows are normalized and quantized some at a time: one with an infinity, wherever it is among them, is an
/// error of its number, and the rows before it are done.
#[test]
fn a_row_that_is_not_finite_among_many() {
    let row = 50;
    let weight = vec![1.5; row];
    let norm = Norm::layer(&weight, None, 1e-5).unwrap();
    for bad in [0, 80, 81, 82, 199] {
        let mut x = ordinary(200 * row);
        x[bad * row + 7] = f32::INFINITY;
        for tier in Tier::available() {
            check_rows(tier, &x, row, [1, 3]);
            let (mut params, mut codes) = (vec![QuantParams::default(); 200], vec![0; x.len()]);
            let scheme = Scheme::<u8>::affine();
            let error = tier.normalize_quantize_rows(&x, norm, scheme, &mut params, &mut codes);
            let expected = Error::NonFinite { argument: "x", row: Some(bad), found: "inf" };
            assert_eq!(error, Err(expected), "{tier}");
        }
    }
}

#[test]
fn of_nothing_and_of_zeros() {
    let zeros = reference::fidelity(&[0.0; 3], &[0.0; 3]).unwrap();
    for found in [zeros, Fidelity::default(), reference::fidelity(&[], &[]).unwrap()] {
        assert_eq!(found.mean_squared_error(), 0.0);
        assert_eq!(found.sqnr_db(), f64::INFINITY);
        assert_eq!(found.max_abs_error(), 0.0);
        assert_eq!(found.cosine_similarity(), 0.0);
    }
    let nan = reference::fidelity(&[f32::NAN, 1.0], &[0.0, 5.0]).unwrap();
    assert!(nan.mean_squared_error().is_nan() && nan.sqnr_db().is_nan());
    assert!(nan.max_abs_error().is_nan() && nan.cosine_similarity().is_nan());
    let infinite = reference::fidelity(&[f32::INFINITY], &[1.0]).unwrap();
    assert_eq!(infinite.mean_squared_error(), f64::INFINITY);
    assert_eq!(infinite.max_abs_error(), f32::INFINITY);
}

#[test]
fn parts_make_the_whole() {
    let x = ordinary(3 * 4096 + 100);
    let params = QuantParams::<i8>::new(0.11, -3).unwrap();
    let whole = reference::quantization_fidelity(&x, params);
    let mut merged = Fidelity::default();
    for part in x.chunks(2 * 4096) {
        merged = merged.merge(reference::quantization_fidelity(part, params));
    }
    assert_eq!(fidelity_bits(merged), fidelity_bits(whole));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let weight = [1.0; 4];
    let error = Norm::layer(&weight, Some(&[0.0; 3]), 0.0).unwrap_err();
    let text = "`bias` has 3 elements for the 4 elements of `weight`";
    assert_eq!(error.to_string(), text);
    for epsilon in [-1e-5, f32::INFINITY] {
        let error = Norm::rms(&weight, None, epsilon).unwrap_err();
        let text = format!("`epsilon` is {epsilon:e}, not a finite number of at least 0");
        assert_eq!(error.to_string(), text);
    }
    assert!(Norm::layer(&weight, None, f32::NAN).is_err());

    let norm = Norm::layer(&weight, None, 0.0).unwrap();
    let (scheme, mut params) = (Scheme::<u8>::affine(), [QuantParams::default(); 2]);
    for tier in tiers() {
        let (rows, row, stride) = (2, 4, 4);
        let of_rows =
            |argument, elements| Err(Error::Rows { argument, elements, rows, row, stride });
        for len in [0, 7, 9, 12] {
            let (x, mut out, mut codes) = ([0.0; 8], vec![0.0; len], vec![0; len]);
            assert_eq!(tier.normalize_rows(&x, norm, &mut out), of_rows("out", len));
            let found = tier.normalize_quantize_rows(&x, norm, scheme, &mut params, &mut codes);
            assert_eq!(found, of_rows("out", len));
            assert_eq!(reference::normalize_rows(&x, norm, &mut out), of_rows("out", len));
            let found =
                reference::normalize_quantize_rows(&x, norm, scheme, &mut params, &mut codes);
            assert_eq!(found, of_rows("out", len));
        }
        // As many rows as it takes for all of `x`.
        assert_eq!(tier.normalize_rows(&[0.0; 6], norm, &mut [0.0; 6]), of_rows("x", 6));
        let found = tier.normalize_quantize_rows(&[0.0; 6], norm, scheme, &mut params, &mut [0; 6]);
        assert_eq!(found, of_rows("x", 6));
        let nothing = Norm::layer(&[], None, 0.0).unwrap();
        let (argument, elements, rows, row, stride) = ("x", 6, 0, 0, 0);
        let error = Err(Error::Rows { argument, elements, rows, row, stride });
        assert_eq!(tier.normalize_rows(&[0.0; 6], nothing, &mut [0.0; 6]), error);
        assert_eq!(reference::normalize_rows(&[0.0; 6], nothing, &mut [0.0; 6]), error);
        assert_eq!(
            tier.fidelity(&[0.0; 3], &[0.0; 2]).unwrap_err(),
            Error::Length { argument: "y", len: 2, of: "elements of `x`", there: 3 }
        );
    }
}

proptest! {
    #[test]
    fn anything(
        x in proptest::collection::vec(
            prop_oneof![
                1 => any::<u32>().prop_map(f32::from_bits),
                9 => -300.0_f32..300.0,
            ],
            0..600,
        ),
        few in any::<bool>(),
        offsets in [0_usize..16, 0_usize..64],
    ) {
        let params = QuantParams::<u8>::new(2.5, 128).unwrap();
        for tier in tiers() {
            check_moments(tier, &x, offsets[0]);
            check_fidelity(tier, &x, params, offsets[0]);
            let row = if few { x.len() } else { x.len() / 3 };
            let rows = x.len().checked_div(row).unwrap_or(0);
            check_rows(tier, &x[..rows * row], row, offsets);
        }
    }
}
