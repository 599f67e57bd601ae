//! What is made of sums of f32, on every tier: it equals the reference, bit for bit.

#[path = "common/mod.rs"]
mod common;

use common::{Guarded, base_tiers as tiers, bits, values};
use proptest::prelude::*;
use zeropoint::{Code, Error, Fidelity, Moments, Norm, QuantParams, Scheme, Tier, reference};

/// Around multiples of vectors, of the 64 lanes, and of the blocks of 4096.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=200).chain([255, 256, 257, 768, 1023, 1024, 1025, 2049, 4095, 4096, 4097, 8200, 9001])
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

fn check_fidelity<Q: Code>(tier: Tier, x: &[f32], params: QuantParams<Q>, offset: usize) {
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
fn check_norm_quantize<Q: Code>(
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
        let length =
            Err(Error::Length { argument: "out", len: 7, of: "elements of `x`", there: 8 });
        assert_eq!(tier.normalize_rows(&[0.0; 8], norm, &mut [0.0; 7]), length);
        let found = tier.normalize_quantize_rows(&[0.0; 8], norm, scheme, &mut params, &mut [0; 7]);
        assert_eq!(found, length);
        let (elements, row) = (6, 4);
        let rows = |rows| Err(Error::Rows { argument: "x", elements, rows, row, stride: row });
        assert_eq!(tier.normalize_rows(&[0.0; 6], norm, &mut [0.0; 6]), rows(1));
        let found = tier.normalize_quantize_rows(&[0.0; 6], norm, scheme, &mut params, &mut [0; 6]);
        assert_eq!(found, rows(2));
        let nothing = Norm::layer(&[], None, 0.0).unwrap();
        assert!(tier.normalize_rows(&[0.0; 6], nothing, &mut [0.0; 6]).is_err());
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
