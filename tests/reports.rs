//! What real use found wrong: a test for each report, named after what it guards.

#[path = "common/mod.rs"]
mod common;

mod numerics {
    use super::common::bits;
    use zeropoint::calibrate::{Method, Observer};
    use zeropoint::{
        Code, Fidelity, Norm, QuantParams, Scheme, Tier, Weights, matmul_dequantize, reference,
    };

    /// Plain sums in f64: `Σ (x − y)²`, `Σ x²`, `Σ y²`, `Σ xy`.
    fn sums(x: &[f32], y: &[f32]) -> [f64; 4] {
        let mut sums = [0.0; 4];
        for (&x, &y) in x.iter().zip(y) {
            let (x, y) = (f64::from(x), f64::from(y));
            sums[0] += (x - y) * (x - y);
            sums[1] += x * x;
            sums[2] += y * y;
            sums[3] += x * y;
        }
        sums
    }

    /// The mean and the standard deviation, in f64 from the first element on.
    fn moments(x: &[f32]) -> (f64, f64) {
        let (first, n) = (f64::from(x[0]), x.len() as f64);
        let mean = x.iter().map(|&x| f64::from(x) - first).sum::<f64>() / n + first;
        let square = |&x: &f32| (f64::from(x) - mean).powi(2);
        (mean, (x.iter().map(square).sum::<f64>() / n).sqrt())
    }

    fn wave(n: usize) -> Vec<f32> {
        (0..n)
            .map(|i| (i as f32 * 0.37).sin() * (1.0 + (i % 13) as f32))
            .collect()
    }

    /// Parts in 2²⁴.
    const ULP: f64 = 1.0 / (1 << 24) as f64;

    fn check_fidelity(found: Fidelity, x: &[f32], y: &[f32], context: &str) {
        let [noise, signal, of_y, product] = sums(x, y);
        let near = |found: f64, expected: f64| (found - expected).abs() <= 80.0 * ULP * expected;
        let n = x.len() as f64;
        assert!(near(found.mean_squared_error(), noise / n), "{context}");
        let decibels = 10.0 * (signal / noise).log10();
        let is_near = (found.sqnr_db() - decibels).abs() < 1e-3 || noise == 0.0;
        assert!(is_near, "{context}: {} of {decibels} dB", found.sqnr_db());
        assert_eq!(found.sqnr_db() == f64::INFINITY, noise == 0.0, "{context}");
        let cosine = product / (signal * of_y).sqrt();
        let off = (found.cosine_similarity() - cosine).abs();
        assert!(off <= 160.0 * ULP, "{context}: off by {off:e}");
        assert!(found.cosine_similarity().abs() <= 1.0, "{context}");
    }

    /// All is lost, and the ratio was said to be infinite, the cosine 0 or NaN: f32 has no room for
    /// the squares of the largest and the smallest numbers.
    #[test]
    fn fidelity_of_every_magnitude() {
        let scales = [
            f32::MAX,
            1e38,
            1e30,
            1e20,
            1e19,
            1e15,
            1.0,
            1e-12,
            1e-15,
            1e-18,
            1e-20,
            1e-23,
            1e-30,
            1e-38,
            1e-44,
        ];
        for n in [1, 5, 64, 100, 4096, 5000] {
            let y: Vec<f32> = wave(n).iter().map(|x| x * 0.07).collect();
            let outlier = |value: f32| {
                let mut x = y.clone();
                x[n / 2] = value;
                x
            };
            for tier in Tier::available() {
                for value in [-1e20, f32::MIN, f32::MAX, 1e-30] {
                    let (x, y) = (outlier(value), outlier(0.25));
                    let context = format!("{tier}, {value:e} among {n}");
                    check_fidelity(tier.fidelity(&x, &y).unwrap(), &x, &y, &context);
                    check_fidelity(tier.fidelity(&y, &x).unwrap(), &y, &x, &context);
                }
                for scale in scales {
                    let x: Vec<f32> = y.iter().map(|y| y * scale).collect();
                    let z: Vec<f32> = x.iter().rev().map(|x| x * 0.5).collect();
                    let zeros = vec![0.0; n];
                    let negative: Vec<f32> = x.iter().map(|x| -x).collect();
                    let context = format!("{tier}, {n} of {scale:e}");
                    let of = |y: &[f32]| tier.fidelity(&x, y).unwrap();
                    let is_zero = x.iter().all(|&x| x == 0.0);
                    if !is_zero {
                        check_fidelity(of(&z), &x, &z, &context);
                        assert_eq!(of(&x).cosine_similarity(), 1.0, "{context}");
                        assert_eq!(of(&negative).cosine_similarity(), -1.0, "{context}");
                        assert_eq!(of(&zeros).sqnr_db(), 0.0, "{context}");
                    }
                    assert_eq!(of(&x).sqnr_db(), f64::INFINITY, "{context}");
                    for factor in [3.0, 0.7, 1.1, -0.3] {
                        let times = |x: &f32| (x * factor).clamp(f32::MIN, f32::MAX);
                        let multiple: Vec<f32> = x.iter().map(times).collect();
                        let cosine = of(&multiple).cosine_similarity();
                        assert!(cosine.abs() <= 1.0, "{context}, times {factor}: {cosine}");
                    }
                    assert_eq!(of(&zeros).cosine_similarity(), 0.0, "{context}");
                }
            }
        }
    }

    /// Quantized by the smallest scale and by the largest.
    #[test]
    fn quantization_fidelity_of_every_magnitude() {
        for (scale, magnitude) in [(1e-30, 1e-29), (2e-38, 1e-36), (1e36, 2e37), (1.0, 1e-25)] {
            let x: Vec<f32> = wave(5000).iter().map(|x| x * magnitude).collect();
            let params = QuantParams::<i8>::new(scale, 0).unwrap();
            let mut y = vec![0.0; x.len()];
            reference::fake_quantize(&x, params, &mut y).unwrap();
            for tier in Tier::available() {
                let found = tier.quantization_fidelity(&x, params);
                let context = format!("{tier}, {scale:e}");
                if y.iter().any(|&y| y != 0.0) {
                    check_fidelity(found, &x, &y, &context);
                } else {
                    assert_eq!(found.sqnr_db(), 0.0, "{context}");
                    assert!(found.mean_squared_error() > 0.0, "{context}");
                }
            }
        }
    }

    /// Of vectors with themselves and with their multiples, the cosine was above 1 for a quarter.
    #[test]
    fn cosine_of_parallel_vectors() {
        for tier in Tier::available() {
            assert_eq!(tier.cosine(&[1_u8, 5], 0, &[1_u8, 5], 0), Ok(1.0));
            for seed in 0_u8..200 {
                let n = 2 + usize::from(seed) % 70;
                let of = |i: u8| i.wrapping_mul(seed).wrapping_add(seed) % 43;
                let a: Vec<u8> = (0..n as u8).map(of).collect();
                let thrice: Vec<u8> = a.iter().map(|a| 3 * a).collect();
                let negative: Vec<i8> = a.iter().map(|&a| -(a as i8)).collect();
                let expected = if a.iter().all(|&a| a == 0) { 0.0 } else { 1.0 };
                assert_eq!(tier.cosine(&a, 0, &a, 0), Ok(expected), "{tier}, {a:?}");
                assert_eq!(tier.cosine(&a, 0, &thrice, 0), Ok(expected));
                assert_eq!(tier.cosine(&negative, 0, &thrice, 0), Ok(-expected + 0.0));
                assert_eq!(tier.cosine(&a, 100, &a, 100), Ok(1.0));
            }
            // Nearly parallel: the nearest there is to 1, but not 1.
            let (mut a, mut b) = (vec![255_u8; 5000], vec![255_u8; 5000]);
            (a[0], b[1]) = (254, 254);
            let found = tier.cosine(&a, 0, &b, 0).unwrap();
            assert!(found < 1.0 && found > 1.0 - 1e-8, "{tier}: {found}");
            // So nearly parallel that the formula gives more than 1.
            for n in [4_000_017, 4_000_039, 4_000_064] {
                let (mut a, mut b) = (vec![255_u8; n], vec![254_u8; n]);
                (a[7], b[7]) = (254, 253);
                assert_eq!(tier.cosine(&a, 0, &b, 0), Ok(1.0), "{tier}, {n}");
            }
        }
    }

    /// The mean was rounded to f32 before it was subtracted.
    #[test]
    fn constant_rows_give_the_bias() {
        let constants = [
            123.456,
            0.1,
            -1e-3,
            1e6 + 1.0,
            16_777_213.0,
            -3e38,
            f32::MAX,
            1e-30,
            1e-45,
            0.0,
            -0.0,
        ];
        for row in [1, 3, 7, 768, 4096, 5000] {
            let weight: Vec<f32> = wave(row).iter().map(|w| w + 0.01).collect();
            let bias = wave(row);
            for tier in Tier::available() {
                for constant in constants {
                    let x = vec![constant; row];
                    let context = format!("{tier}, {row} of {constant:e}");
                    let mut y = vec![7.0; row];
                    let norm = Norm::layer(&weight, Some(&bias), 1e-12).unwrap();
                    tier.normalize_rows(&x, norm, &mut y).unwrap();
                    assert_eq!(y, bias, "{context}");
                    let norm = Norm::layer(&weight, None, 1e-12).unwrap();
                    tier.normalize_rows(&x, norm, &mut y).unwrap();
                    assert_eq!(y, vec![0.0; row], "{context}");
                    let (mut codes, mut params) = (vec![7_u8; row], [QuantParams::default()]);
                    let scheme = Scheme::affine();
                    tier.normalize_quantize_rows(&x, norm, scheme, &mut params, &mut codes)
                        .unwrap();
                    assert_eq!(codes, vec![0; row], "{context}");
                    let found = tier.moments(&x).unwrap();
                    assert_eq!((found.mean, found.variance), (constant, 0.0), "{context}");
                }
            }
        }
    }

    /// Rows of all shapes at all distances from 0.
    fn far_rows() -> Vec<Vec<f32>> {
        let mut rows = vec![(0..16).map(|i| 1e4 + i as f32 * 1e-3).collect::<Vec<_>>()];
        for n in [2, 5, 16, 100, 768, 4096, 5000] {
            for distance in [
                0.0, 0.3, 1.0, 3.0, 10.0, -1e2, 1e3, 1e4, -1e5, 1e6, 3e7, 1e9,
            ] {
                let shifted = |spread: f32| wave(n).iter().map(|x| x * spread + distance).collect();
                rows.push(shifted(1.0));
                rows.push(shifted(0.01));
                let mut outliers: Vec<f32> = shifted(0.1);
                outliers[n / 2] += 1e3;
                rows.push(outliers.clone());
                outliers[n / 2] -= 1e6;
                outliers[0] += 1e6;
                rows.push(outliers);
                // All but one equal.
                let mut but_one = vec![distance; n];
                but_one[n / 3] = distance.next_up();
                rows.push(but_one);
            }
        }
        rows
    }

    #[test]
    fn rows_far_from_zero_keep_their_differences() {
        for tier in Tier::available() {
            for x in far_rows() {
                let (mean, deviation) = moments(&x);
                if deviation < 1e-15 {
                    continue;
                }
                let weight = vec![1.0; x.len()];
                let mut y = vec![7.0; x.len()];
                for epsilon in [0.0, 1e-5] {
                    let norm = Norm::layer(&weight, None, epsilon).unwrap();
                    tier.normalize_rows(&x, norm, &mut y).unwrap();
                    let factor = 1.0 / (deviation * deviation + f64::from(epsilon)).sqrt();
                    for (&x, &y) in x.iter().zip(&y) {
                        let expected = (f64::from(x) - mean) * factor;
                        let off = (f64::from(y) - expected).abs();
                        assert!(
                            off <= (1.0 + expected.abs()) / 65_536.0,
                            "{tier}: {y} of {expected}, mean {mean}, deviation {deviation}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn moments_far_from_zero() {
        for tier in Tier::available() {
            for x in far_rows() {
                let (mean, deviation) = moments(&x);
                let found = tier.moments(&x).unwrap();
                let off = (f64::from(found.mean) - mean).abs();
                let context = || format!("{tier}: {found:?}, not {mean} and {deviation}²");
                let bound = deviation / 65_536.0 + mean.abs() * ULP + 1e-45;
                assert!(off <= bound, "{}", context());
                let variance = deviation * deviation;
                let off = (f64::from(found.variance) - variance).abs();
                assert!(off <= variance / 32_768.0 + 1e-45, "{}", context());
            }
        }
        // Beyond what f32 has room for, in the sums only.
        for tier in Tier::available() {
            let found = tier.moments(&[-3e38, 3e38, -3e38, 3e38]).unwrap();
            assert_eq!((found.mean, found.variance), (0.0, f32::INFINITY));
            let found = tier.moments(&[3e38; 3]).unwrap();
            assert_eq!((found.mean, found.variance), (3e38, 0.0));
            let found = tier.moments(&[2e18, -2e18].repeat(100)).unwrap();
            assert_eq!((found.mean, found.variance), (0.0, 2e18 * 2e18));
        }
    }

    /// The deviation of numbers far from 0 was off by a third, and is documented to be exact to
    /// 2⁻¹⁶, like the mean.
    #[test]
    fn deviations_far_from_zero() {
        let far = |spread: f32| {
            let mut x: Vec<f32> = wave(40_960)
                .iter()
                .map(|x| 1_000_001.0 + x * spread)
                .collect();
            x[7000] += 100.0;
            x[30_000] -= 90.0;
            x
        };
        let mut all = vec![far(0.01), far(0.03), far(0.1), far(10.0)];
        all.extend([1e-20, 1e-30, 1e19, 1e30].map(|scale| {
            let x = wave(10_000);
            x.iter().map(|x| x * scale).collect::<Vec<f32>>()
        }));
        for x in all {
            let (mean, deviation) = moments(&x);
            let ends = |method| {
                let mut observer = Observer::new(method).unwrap();
                for x in x.chunks(9000) {
                    observer.observe(x);
                }
                observer.range(Scheme::<u8>::affine()).unwrap()
            };
            let gauss = ends(Method::Gauss);
            let mut widths = vec![(ends(Method::Deviations { n: 1.5 }), 1.5)];
            let is_within = x.iter().all(|&x| gauss.min <= x && x <= gauss.max);
            if !is_within {
                let width = (f64::from(gauss.max) - f64::from(gauss.min)) / 2.0 / deviation;
                assert!((3.9..3.94).contains(&width), "{width}");
            }
            widths.push((ends(Method::Deviations { n: 1.0 }), 1.0));
            for (found, n) in widths {
                for (found, expected) in [
                    (found.min, mean - n * deviation),
                    (found.max, mean + n * deviation),
                ] {
                    let off = (f64::from(found) - expected).abs();
                    let bound = (1.0 + n) * deviation / 65_536.0 + expected.abs() * ULP;
                    assert!(
                        off <= bound,
                        "{found} of {expected}, off by {off:e} of {bound:e}"
                    );
                }
            }
        }
    }

    /// A negative zero stays one without a bias and with a bias of −0.0.
    #[test]
    fn negative_zeros_and_biases() {
        let (x, weight) = ([0.0, 1.0, -1.0, 0.0, -0.0].repeat(20), [-0.0; 100]);
        let expected_bits =
            |of: fn(f32) -> f32| bits(&x.iter().map(|&x| of(x)).collect::<Vec<_>>());
        let products = expected_bits(|x| x * -0.0);
        let biases = expected_bits(|x| x * -0.0 + 0.0);
        assert_ne!(products, biases);
        let b: Vec<i8> = (0..100).map(|i| i % 3 - 1).collect();
        let tiny = [QuantParams::<i8>::new(1e-30, 0).unwrap()];
        for tier in Tier::available() {
            for (bias, expected) in [
                (None, &products),
                (Some([-0.0; 100]), &products),
                (Some([0.0; 100]), &biases),
            ] {
                let bias = bias.as_ref().map(|bias| &bias[..]);
                let layer = Norm::layer(&weight, bias, 1e-5).unwrap();
                let rms = Norm::rms(&weight, bias, 1e-5).unwrap();
                let mut y = [7.0; 100];
                for norm in [layer, rms] {
                    tier.normalize_rows(&x, norm, &mut y).unwrap();
                    assert_eq!(&bits(&y), expected, "{tier}, {norm:?}");
                }
            }
            // −1 · 1e-30 · 1e-30 is −0.0.
            let packed = Weights::new(&b, 1, 100).pack(tier).unwrap();
            for bias in [None, Some([-0.0; 100]), Some([0.0; 100])] {
                let mut y = [7.0; 100];
                let of = bias.as_ref().map(|bias| &bias[..]);
                matmul_dequantize(&[1_i8][..], &tiny, &packed, &tiny, of, &mut y[..]).unwrap();
                let expected: Vec<f32> = b
                    .iter()
                    .map(|&b| match bias {
                        Some([bias, ..]) if bias.is_sign_positive() => 0.0,
                        _ => f32::copysign(0.0, b.into()),
                    })
                    .collect();
                assert_eq!(bits(&y), bits(&expected), "{tier}, {bias:?}");
            }
        }
    }

    /// ε is added to the variance as f32, and where nothing is left but 0, the row is NaN.
    #[test]
    fn epsilons() {
        let mut differ = 0;
        for tier in Tier::available() {
            for seed in 0..200 {
                // Multiples of 1/64: squares and sums are exact.
                let x: Vec<f32> = (0..3)
                    .map(|i| 1.0 + ((seed * 7 + i * 5) % 29) as f32 / 64.0)
                    .collect();
                let sum = x.iter().map(|x| x * x).sum::<f32>();
                let square = f64::from(sum) / 3.0;
                for epsilon in [1e-7, 1.2e-7, 0.06, 0.3] {
                    let norm = Norm::rms(&[1.0; 3], None, epsilon).unwrap();
                    let mut y = [7.0; 3];
                    tier.normalize_rows(&x, norm, &mut y).unwrap();
                    let factor = 1.0 / (square as f32 + epsilon).sqrt();
                    let wide = 1.0 / ((square + f64::from(epsilon)) as f32).sqrt();
                    differ += usize::from(factor != wide);
                    let expected: Vec<f32> = x.iter().map(|x| x * factor).collect();
                    assert_eq!(bits(&y), bits(&expected), "{tier}, {x:?}, {epsilon}");
                }
            }
            for (x, epsilon) in [(0.0, 0.0), (1e-30, 0.0), (f32::NAN, 1.0), (3e38, 1.0)] {
                let mut y = [7.0; 3];
                let rms = Norm::rms(&[1.0; 3], Some(&[2.0; 3]), epsilon).unwrap();
                tier.normalize_rows(&[x; 3], rms, &mut y).unwrap();
                assert_eq!(bits(&y), bits(&[f32::NAN; 3]), "{tier}, {x:e}");
            }
            let mut y = [7.0; 3];
            let layer = Norm::layer(&[1.0; 3], None, 0.0).unwrap();
            tier.normalize_rows(&[5.0; 3], layer, &mut y).unwrap();
            assert_eq!(bits(&y), bits(&[f32::NAN; 3]), "{tier}");
        }
        assert!(differ > 20, "{differ}");
    }

    /// The specification has its own choice of scale and zero point; so have the kernels. At their
    /// limits: spans beyond f32, scales below the smallest, ties.
    #[test]
    fn dynamic_parameters_at_their_limits() {
        fn check<Q: Code>(x: &[f32], scheme: Scheme<Q>) {
            let mut expected = vec![Q::MIN; x.len()];
            let params = reference::quantize_dynamic(x, scheme, &mut expected);
            for tier in Tier::available() {
                let mut codes = vec![Q::MIN; x.len()];
                let found = tier.quantize_dynamic(x, scheme, &mut codes);
                assert_eq!((&found, &codes), (&params, &expected), "{tier}, {x:?}");
                let mut of_rows = [QuantParams::default()];
                codes.fill(Q::MIN);
                let found =
                    tier.quantize_dynamic_rows(x, x.len(), scheme, &mut of_rows, &mut codes);
                assert_eq!(found.map(|()| of_rows[0]), params, "{tier}, {x:?}");
                assert_eq!(codes, expected, "{tier}, {x:?}");
            }
        }
        let ends = [
            0.0,
            1e-45,
            1e-40,
            3e-38,
            1e-37,
            0.5,
            1.0,
            1.5,
            2.5,
            127.5,
            252.5,
            253.5,
            254.5,
            1e30,
            1.7e38,
            1.71e38,
            3e38,
            f32::MAX.next_down(),
            f32::MAX,
            f32::INFINITY,
        ];
        for a in ends {
            for b in ends {
                for x in [[-a, b], [a, b]] {
                    check(&x, Scheme::<u8>::affine());
                    check(&x, Scheme::<i8>::affine());
                    check(&x, Scheme::<u8>::affine().with_codes(3..=10).unwrap());
                    check(&x, Scheme::<u8>::symmetric());
                    check(&x, Scheme::<i8>::symmetric());
                    check(&x, Scheme::<i8>::symmetric().with_codes(-128..=1).unwrap());
                }
            }
        }
    }

    /// The number of elements times a zero point does not fit 32 bits.
    #[test]
    fn zero_points_of_long_vectors() {
        let n = 17_000_000;
        let count = n as i64;
        let (u, i) = (vec![3_u8; n], vec![5_i8; n]);
        for tier in Tier::available() {
            for (zu, zi) in [(255, -128), (254, 127)] {
                let (du, di) = (3 - i64::from(zu), 5 - i64::from(zi));
                assert_eq!(tier.dot(&u, zu, &i, zi), Ok(count * du * di), "{tier}");
                assert_eq!(tier.dot(&i, zi, &u, zu), Ok(count * du * di), "{tier}");
                assert_eq!(tier.dot(&u, zu, &u, zu), Ok(count * du * du), "{tier}");
                assert_eq!(tier.dot(&i, zi, &i, zi), Ok(count * di * di), "{tier}");
                let sums = (count * 3, count * 5);
                let found = tier.dot_with_sums(&u, zu, sums.0, &i, zi, sums.1);
                assert_eq!(found, Ok(count * du * di), "{tier}");
                let distance = (du - di) * (du - di);
                assert_eq!(tier.l2_squared(&u, zu, &i, zi), Ok(count * distance));
                let sign = ((du * di) as f64).signum();
                assert_eq!(tier.cosine(&u, zu, &i, zi), Ok(sign), "{tier}");
                let mut found = [0];
                tier.dot_rows(&u, zu, &i, zi, &mut found).unwrap();
                assert_eq!(found, [count * du * di], "{tier}");
                tier.l2_rows(&u, zu, &i, zi, &mut found).unwrap();
                assert_eq!(found, [count * distance], "{tier}");
            }
        }
    }
}
