//! What real use found wrong: a test for each report, named after what it guards.

#[path = "common/mod.rs"]
mod common;

/// What happens before the first call, in a process of its own: not on emulated CPUs of other kinds, which
/// start none.
#[cfg(all(target_os = "linux", any(target_arch = "x86", target_arch = "x86_64")))]
mod start {
    use std::fs::File;
    use std::process::{Command, Output};
    use zeropoint::Tier;

    /// Runs `the_best_tier_of_this_process` with this value of the variable, and the warning where it goes.
    fn start(tier: Option<&str>, warnings: Option<File>) -> Output {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "start::the_best_tier_of_this_process", "--nocapture"]);
        command.env_remove("ZEROPOINT_TIER");
        if let Some(tier) = tier {
            command.env("ZEROPOINT_TIER", tier);
        }
        if let Some(warnings) = warnings {
            command.stderr(warnings);
        }
        command.output().unwrap()
    }

    #[test]
    fn the_best_tier_of_this_process() {
        println!("best: {}", Tier::best());
    }

    /// Issue: `Tier::best` panicked if its warning could not be written.
    #[test]
    fn a_warning_that_can_not_be_written_is_no_panic() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        assert!(start(Some("bogus"), Some(full)).status.success());
        let warning = start(Some("bogus"), None).stderr;
        let warning = String::from_utf8_lossy(&warning);
        assert!(warning.contains("ZEROPOINT_TIER=\"bogus\" is ignored"), "{warning}");
    }

    /// Issue: `ZEROPOINT_TIER=""` warned, and `AVX2` was not taken for `avx2`.
    #[test]
    fn names_of_tiers_in_either_case_or_none() {
        let best = |tier| {
            let output = start(tier, None);
            let warning = String::from_utf8_lossy(&output.stderr);
            assert!(!warning.contains("ignored"), "{tier:?}: {warning}");
            let text = String::from_utf8_lossy(&output.stdout);
            let best = text.lines().find_map(|line| line.strip_prefix("best: "));
            best.unwrap().to_owned()
        };
        assert_eq!(best(Some("SCALAR")), "scalar");
        assert_eq!(best(Some("")), best(None));
    }
}

mod usage {
    use zeropoint::gemm::{Activations, Linear, PackedMatrix, Scratch, Weights, layer_multipliers};
    use zeropoint::image::{Border, Windows, im2col, pad};
    use zeropoint::norm::Norm;
    use zeropoint::{
        Blocks, Code8, Error, Granularity, Multiplier, MultiplierKind, Multipliers, Params,
        QuantParams, Range, Rows, RowsMut, Scheme, Tier, min_max, reference,
    };

    /// Issue: `linear` with M = 2, K = 0, N = 0 was an error. Every product takes every extent of
    /// nothing.
    #[test]
    fn products_of_nothing() {
        for tier in Tier::available() {
            for m in 0..3 {
                for k in 0..3 {
                    for n in 0..3 {
                        let context = format!("{tier}, {m} x {k} x {n}");
                        let b = vec![1_i8; k * n];
                        let packed = Weights::new(&b, k, n).pack(tier).expect(&context);
                        let transposed = Weights::transposed(&b, k, n).pack(tier);
                        let a = vec![3_u8; m * k];
                        for b in [&packed, &transposed.expect(&context)] {
                            products([m, k, n], &a, b).expect(&context);
                        }
                    }
                }
            }
        }
    }

    fn products([m, k, n]: [usize; 3], a: &[u8], b: &PackedMatrix<'_, i8>) -> Result<(), Error> {
        let depth = k as i32;
        let mut sums = vec![7; m * n];
        b.multiply(a, 1, 0, &mut sums)?;
        assert_eq!(sums, vec![2 * depth; m * n]);
        sums.fill(7);
        b.multiply(a, &vec![1; m], &vec![0; n], &mut sums)?;
        assert_eq!(sums, vec![2 * depth; m * n]);
        sums.fill(7);
        let strided = RowsMut::strided(&mut sums, m, n);
        b.multiply(Rows::strided(a, m, k), 1, 0, strided)?;
        assert_eq!(sums, vec![2 * depth; m * n]);

        let output = QuantParams::<u8>::default();
        let one = Multiplier::real(1.0)?;
        let (each, bias) = (vec![one; n], vec![5; n]);
        for multipliers in [Multipliers::from(one), Multipliers::per_axis(&each, 1)] {
            let mut codes = vec![7_u8; m * n];
            b.requantize(a, 1, 0, multipliers.with_bias(&bias), output, &mut codes)?;
            assert_eq!(codes, vec![2 * k as u8 + 5; m * n]);
        }

        let (of_a, of_b) = (QuantParams::<u8>::new(1.0, 1)?, QuantParams::<i8>::default());
        let (each_a, each_b) = (vec![of_a; m], vec![of_b; n]);
        let (each_a, each_b) = (Params::per_axis(&each_a, k), Params::per_axis(&each_b, 1));
        let (of_a, of_b) = (Params::from(of_a), Params::from(of_b));
        for (of_a, of_b) in [(of_a, of_b), (each_a, each_b), (of_a, each_b), (each_a, of_b)] {
            let mut values = vec![7.0; m * n];
            b.dequantize(a, of_a, of_b, None, &mut values)?;
            assert_eq!(values, vec![2.0 * k as f32; m * n]);
            let layer = Linear::new(b.clone(), of_b)?;
            let (x, by) = (vec![255.0; m * k], Activations::AffineU8);
            values.fill(7.0);
            layer.forward(&x, by, &mut Scratch::new(), &mut values)?;
            assert_eq!(values, vec![255.0 * k as f32; m * n]);
        }
        Ok(())
    }

    /// Issue: `shape()` had sizes for which `im2col` failed. Whatever has a shape can be laid out.
    #[test]
    fn a_shape_of_windows_can_be_laid_out() {
        let interesting = [0, 1, 2, 3, usize::MAX / 2, usize::MAX - 3, usize::MAX];
        let mut state = 1_u64;
        let mut any = |of: &[usize]| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            of[(state >> 33) as usize % of.len()]
        };
        let (mut laid_out, mut with_overflow) = (0, 0);
        let reported = Windows {
            stride: [usize::MAX, 1],
            ..Windows::new(
                Border {
                    height: 3,
                    width: 3,
                    channels: 3,
                    top: usize::MAX - 3,
                    ..Border::default()
                },
                [1, 1],
            )
        };
        let mut cases = vec![reported];
        for _ in 0..100_000 {
            let border = Border {
                height: any(&interesting),
                width: any(&interesting),
                channels: any(&interesting),
                top: any(&interesting),
                bottom: any(&interesting),
                left: any(&interesting),
                right: any(&interesting),
            };
            cases.push(Windows {
                border,
                kernel: [any(&interesting), any(&interesting)],
                stride: [any(&interesting), any(&interesting)],
                dilation: [any(&interesting), any(&interesting)],
            });
        }
        for windows in cases {
            let border = windows.border;
            let product = |sizes: [usize; 3]| {
                if sizes.contains(&0) {
                    return Some(0);
                }
                sizes.into_iter().try_fold(1_usize, usize::checked_mul)
            };
            let image = product([border.channels, border.height, border.width]);
            let image = image.filter(|&len| len < 1000);
            match windows.shape() {
                Ok(shape) => {
                    let out = product(shape).filter(|&len| len < 1000);
                    let (Some(image), Some(out)) = (image, out) else {
                        continue;
                    };
                    let found = im2col(&vec![1_u8; image], windows, 2, &mut vec![0; out]);
                    assert_eq!(found, Ok(()), "{windows:?}");
                    laid_out += 1;
                    with_overflow += usize::from(border.top > 3 || border.left > 3);
                }
                Err(error) => {
                    let image = vec![1_u8; image.unwrap_or(0)];
                    let found = im2col(&image, windows, 2, &mut [0; 9]);
                    assert_eq!(found, Err(error), "{windows:?}");
                }
            }
        }
        assert!(laid_out > 200 && with_overflow > 50, "{laid_out}, {with_overflow}");
    }

    /// Issue: a view of an attention head, 32 of 768 columns, was refused if the slice went on past
    /// its last row.
    #[test]
    fn views_may_go_on_past_their_last_row() {
        let (m, k, wide) = (5, 32, 768);
        let x: Vec<u8> = (0..m * wide).map(|i| (i * 31 % 251) as u8).collect();
        for tier in Tier::available() {
            for head in [0, 3, 23] {
                let view = &x[head * k..];
                let mut dense = Vec::new();
                for r in 0..m {
                    dense.extend(&view[r * wide..][..k]);
                }
                // Keys as weights: `[N, K]`, the columns far apart, in a slice that goes on.
                let keys = Weights::transposed(view, k, m).with_stride(wide);
                let keys = keys.pack(tier).unwrap();
                let dense_keys = Weights::transposed(&dense, k, m).pack(tier).unwrap();
                let mut expected = vec![0; m * m];
                dense_keys.multiply(&dense, 9, 7, &mut expected).unwrap();
                let mut out = vec![-1; m * wide];
                let to = RowsMut::strided(&mut out, m, wide);
                keys.multiply(Rows::strided(view, m, wide), 9, 7, to).unwrap();
                for (r, row) in out.chunks(wide).enumerate() {
                    assert_eq!(row[..m], expected[r * m..][..m], "{tier}, head {head}");
                    assert!(row[m..].iter().all(|&sum| sum == -1), "{tier}, head {head}");
                }
                // Fewer rows than there are.
                let mut out = vec![-1; 2 * m + 1];
                let to = RowsMut::strided(&mut out, 2, m);
                keys.multiply(Rows::strided(view, 2, wide), 9, 7, to).unwrap();
                assert_eq!(out[..2 * m], expected[..2 * m]);
                assert_eq!(out[2 * m], -1);
            }
        }
    }

    /// What is too short is still refused, and so are two numbers of rows; the error names which.
    #[test]
    fn views_name_what_does_not_fit() {
        let b = Weights::new(&[1_i8; 6], 2, 3).pack(Tier::SCALAR).unwrap();
        let a = [1_u8; 12];
        let mut out = [7; 20];
        let mut check = |rows, stride, [len, out_rows, out_stride]: [usize; 3], text: &str| {
            let to = RowsMut::strided(&mut out[..len], out_rows, out_stride);
            let error = b.multiply(Rows::strided(&a, rows, stride), 0, 0, to).unwrap_err();
            assert_eq!(error.to_string(), text);
        };
        let text = "`a`, of 12 elements, is not 3 rows of 2, 6 from one to the next";
        check(3, 6, [20, 3, 3], text);
        let text = "`out`, of 12 elements, is not 3 rows of 3, 5 from one to the next";
        check(3, 5, [12, 3, 5], text);
        let text = "`out`, of 20 elements, is not 3 rows of 3, 5 from one to the next";
        check(3, 4, [20, 2, 5], text);
        let text =
            "`a`, of 12 elements, is not 18446744073709551615 rows of 2, 3 from one to the next";
        if usize::BITS == 64 {
            check(usize::MAX, 3, [20, 2, 5], text);
        }
        assert_eq!(out, [7; 20]);
        // Without strides the counts must agree.
        let error = b.multiply(&a, 0, 0, &mut [0; 15]).unwrap_err();
        assert_eq!(error.to_string(), "`out`, of 15 elements, is not 6 rows of 3");
        let error = Weights::new(&[1_u8; 10], 2, 3).with_stride(8).pack(Tier::SCALAR);
        let text = "`codes`, of 10 elements, is not 2 rows of 3, 8 from one to the next";
        assert_eq!(error.unwrap_err().to_string(), text);
    }

    /// Numbers of one sign and of both, with zeros, and a step that is no power of two.
    fn ordinary(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i + seed) % 2003 * 7919 % 2003) as f32 * 0.01 - 9.0).collect()
    }

    const NOT_FINITE: [(f32, &str); 5] = [
        (f32::NAN, "NaN"),
        (-f32::NAN, "NaN"),
        (f32::from_bits(0xff80_0001), "NaN"),
        (f32::INFINITY, "inf"),
        (f32::NEG_INFINITY, "-inf"),
    ];

    /// Issue: one infinity failed the whole batch of `linear`, and a row of NaN gave plausible numbers.
    #[test]
    fn a_row_that_is_not_finite_becomes_nan_and_others_stay_right() {
        for tier in Tier::available() {
            for (m, k, n) in [(1, 1, 1), (5, 3, 7), (4, 70, 33), (3, 257, 5), (2, 2100, 3)] {
                let b: Vec<i8> = (0..k * n).map(|i| (i * 31 % 255) as i8).collect();
                let b = Weights::new(&b, k, n).pack(tier).unwrap();
                let layer = Linear::new(b, QuantParams::<i8>::new(0.02, 3).unwrap()).unwrap();
                let layer = layer.with_bias(&ordinary(n, 5)).unwrap();
                // What the call before left there must not matter.
                let mut scratch = Scratch::new();
                let mut run = |x: &[f32], by| {
                    let stride = n + 2;
                    let mut y = vec![7.0; m * stride];
                    let to = RowsMut::strided(&mut y, m, stride);
                    layer.forward(x, by, &mut scratch, to).unwrap();
                    y.chunks(stride).map(crate::common::bits).collect::<Vec<_>>()
                };
                let x = ordinary(m * k, 1);
                for by in [Activations::AffineU8, Activations::SymmetricI8] {
                    let expected = run(&x, by);
                    for (i, (bad, _)) in NOT_FINITE.into_iter().enumerate() {
                        for at in (0..m * k).step_by((m * k / 40).max(1)).chain([m * k - 1]) {
                            let mut x = x.clone();
                            x[at] = bad;
                            if i == 0 {
                                // All of the row.
                                x[at / k * k..][..k].fill(bad);
                            }
                            let mut expected = expected.clone();
                            expected[at / k][..n].fill(f32::NAN.to_bits());
                            if i % 2 == 1 {
                                // And in the last row.
                                x[m * k - 1] = bad;
                                expected[m - 1][..n].fill(f32::NAN.to_bits());
                            }
                            let context = format!("{tier}, {by:?}, {m} x {k} x {n}: {bad} at {at}");
                            assert_eq!(run(&x, by), expected, "{context}");
                        }
                    }
                }
            }
        }
    }

    /// Issue: an infinity in row 13 of a batch said "[-1.998e0, inf] is not a finite range".
    #[test]
    fn errors_of_a_batch_name_the_row() {
        let row = 40;
        for tier in Tier::available() {
            for (bad, found) in NOT_FINITE {
                for at in [13 * row, 13 * row + 17, 14 * row - 1] {
                    let mut x = ordinary(20 * row, 0);
                    x[at] = bad;
                    x[17 * row] = f32::NAN;
                    let (mut params, mut codes) =
                        ([QuantParams::default(); 20], vec![99; 20 * row]);
                    let scheme = Scheme::<u8>::affine();
                    let error =
                        tier.quantize_dynamic_rows(&x, row, scheme, &mut params, &mut codes);
                    let text = format!("row 13 of `x` has the element {found}");
                    assert_eq!(error.unwrap_err().to_string(), text, "{tier}");
                    // The rows before it are done, the others as they were.
                    assert!(params[..13].iter().all(|&params| params != QuantParams::default()));
                    assert!(params[13..].iter().all(|&params| params == QuantParams::default()));
                    assert!(codes[13 * row..].iter().all(|&code| code == 99), "{tier}");

                    let norm = Norm::rms(&[1.0; 40], None, 1e-5).unwrap();
                    let (p, c) = (&mut params, &mut codes);
                    let error = tier.normalize_quantize_rows(&x, norm, scheme, p, c);
                    assert_eq!(error.unwrap_err().to_string(), text, "{tier}");
                }
            }
            let mut x = vec![1.0; 6];
            x[5] = -1.0;
            let (mut params, mut codes) = ([QuantParams::default(); 3], [0_u8; 6]);
            let scheme = Scheme::symmetric();
            let error = tier.quantize_dynamic_rows(&x, 2, scheme, &mut params, &mut codes);
            let text = "row 2: a symmetric scheme with codes 0..=255 has none on the side of -1e0";
            assert_eq!(error.unwrap_err().to_string(), text);
            x[3] = f32::INFINITY;
            let error = tier.quantize_dynamic(&x, Scheme::<i8>::affine(), &mut [0; 6]);
            assert_eq!(error.unwrap_err().to_string(), "`x` has the element inf");
        }
    }

    /// Issue: a short `y` blamed the left matrix.
    #[test]
    fn errors_of_a_layer_name_the_argument() {
        for tier in Tier::available() {
            for k in [0, 3] {
                let b = Weights::new(&vec![1_i8; 2 * k], k, 2).pack(tier).unwrap();
                let params_b = [QuantParams::default(); 2];
                // `rows`: if `x` says how many it has.
                let run = |x, rows: Option<usize>, [of_b, bias, y]: [usize; 3]| {
                    let (x, bias, mut y) = (vec![1.0; x], vec![0.0; bias], vec![7.0; y]);
                    let mut layer_of = || {
                        let params_b = Params::per_axis(&params_b[..of_b], 1);
                        let layer = Linear::new(b.clone(), params_b)?.with_bias(&bias)?;
                        let x = rows.map_or(Rows::from(&x), |rows| Rows::strided(&x, rows, k));
                        layer.forward(x, Activations::AffineU8, &mut Scratch::new(), &mut y)
                    };
                    let error: Error = layer_of().unwrap_err();
                    assert!(y.iter().all(|&y| y == 7.0));
                    error.to_string()
                };
                // Rows of nothing can't be counted, so `y` says how many there are.
                let many = if k == 0 { "1 element" } else { "10 elements" };
                let rows = if k == 0 { 3 } else { 4 };
                let text = format!("`x`, of {many}, is not {rows} rows of {k}");
                assert_eq!(run(3 * k + 1, None, [2, 2, 6]), text);
                let text = "`y`, of 5 elements, is not 3 rows of 2";
                assert_eq!(run(3 * k, None, [2, 2, 5]), text);
                let text = "`y`, of 4 elements, is not 1 row of 2";
                assert_eq!(run(k, Some(1), [2, 2, 4]), text);
                if k > 0 {
                    assert_eq!(run(k, None, [2, 2, 4]), text);
                    let text = format!("`x`, of {k} elements, is not 2 rows of {k}");
                    assert_eq!(run(k, Some(2), [2, 2, 4]), text);
                }
                let text = "`bias` has 3 elements for the 2 columns of `b`";
                assert_eq!(run(3 * k, None, [2, 3, 6]), text);
                let text = "`params_b` has 0 elements for the 2 columns of `b`";
                assert_eq!(run(3 * k, None, [0, 2, 6]), text);
                // A buffer that is too small for the codes and their parameters.
                let needed = Scratch::bytes(3, k);
                let (mut small, mut y) = (vec![0; needed - 1], [7.0; 6]);
                let layer = Linear::new(b.clone(), params_b[0]).unwrap();
                let (x, scratch) = (vec![1.0; 3 * k], &mut Scratch::over(&mut small));
                let error = layer.forward(&x, Activations::AffineU8, scratch, &mut y).unwrap_err();
                let text = format!("{needed} bytes are needed, and there are {}", needed - 1);
                assert_eq!(error.to_string(), text);
                assert_eq!(y, [7.0; 6]);
            }
        }
    }

    /// By argument, the finite part of a row has the range that it has alone.
    #[test]
    fn the_finite_part_of_a_row_can_be_taken() {
        fn check<Q: Code8>(tier: Tier, row: usize, scheme: Scheme<Q>) {
            let rows = 12;
            let mut x = ordinary(rows * row, 3);
            for (i, x) in x.iter_mut().enumerate() {
                match i / row {
                    // Rows that are finite stand between the others.
                    r if r.is_multiple_of(3) => {}
                    5 => *x = f32::NAN,
                    8 => *x = x.abs().max(1e-3),
                    _ => {}
                }
                if !(i / row).is_multiple_of(3) && i % 3 == 1 {
                    *x = NOT_FINITE[i % 5].0;
                }
            }
            let (mut params, mut codes) =
                (vec![QuantParams::default(); rows], vec![Q::MIN; x.len()]);
            let of_finite = scheme.of_finite();
            tier.quantize_dynamic_rows(&x, row, of_finite, &mut params, &mut codes).unwrap();
            for (r, x) in x.chunks(row).enumerate() {
                let finite: Vec<_> = x.iter().copied().filter(|x| x.is_finite()).collect();
                let of_row = scheme.params(min_max(&finite).unwrap_or(Range::new(0.0, 0.0)));
                assert_eq!(params[r], of_row.unwrap(), "{tier}, row {r} of {row}");
                let mut expected = vec![Q::MAX; row];
                reference::quantize(x, params[r], &mut expected).unwrap();
                assert_eq!(codes[r * row..][..row], expected, "{tier}, row {r} of {row}");
                // A tensor: as one row.
                let mut alone = vec![Q::MIN; row];
                let found = tier.quantize_dynamic(x, of_finite, &mut alone);
                let context = format!("{tier}, row {r} of {row}, {x:?}");
                assert_eq!((found, alone), (Ok(params[r]), expected), "{context}");
            }
        }
        for tier in Tier::available() {
            for row in [1, 2, 3, 15, 16, 17, 63, 64, 65, 200, 2049] {
                check(tier, row, Scheme::<u8>::affine());
                check(tier, row, Scheme::<i8>::affine());
                check(tier, row, Scheme::<i8>::symmetric());
            }
        }
    }

    /// A signalling NaN is one of those that are ignored: where minimum and maximum are a comparison and a
    /// choice, compilers make an instruction of them that gives NaN.
    #[test]
    fn signalling_nan_are_ignored() {
        for tier in Tier::available() {
            for len in 1..80 {
                for at in 0..len {
                    for bits in [0x7f80_0001, 0xff80_0001, 0x7fbf_ffff] {
                        let mut x = vec![6.88; len];
                        x[at] = f32::from_bits(bits);
                        let expected = (len > 1).then_some(Range::new(6.88, 6.88));
                        assert_eq!(tier.min_max(&x), expected, "{tier}, {at} of {len}");
                        assert_eq!(reference::min_max(&x), expected, "{at} of {len}");
                        let mut ranges = [None];
                        let granularity = Granularity::Axis { inner: len };
                        tier.min_max_each(&x, granularity, &mut ranges).unwrap();
                        assert_eq!(ranges, [expected], "{tier}, {at} of {len}");
                    }
                }
            }
        }
    }

    /// Of long rows, each has parameters of its own, however many came before.
    #[test]
    fn late_rows_have_their_own_parameters() {
        for tier in Tier::available() {
            for (rows, row) in [(450, 33), (260, 2100)] {
                let mut x = ordinary(rows * row, 0);
                for (r, x) in x.chunks_mut(row).enumerate() {
                    x[r % row] = 20.0 + r as f32;
                }
                let (mut params, mut codes) =
                    (vec![QuantParams::default(); rows], vec![0; x.len()]);
                let scheme = Scheme::<u8>::affine();
                tier.quantize_dynamic_rows(&x, row, scheme, &mut params, &mut codes).unwrap();
                for (r, x) in x.chunks(row).enumerate() {
                    let mut alone = vec![0; row];
                    let expected = reference::quantize_dynamic(x, scheme, &mut alone).unwrap();
                    assert_eq!(params[r], expected, "{tier}, row {r} of {row}");
                    assert_eq!(codes[r * row..][..row], alone, "{tier}, row {r} of {row}");
                }
            }
        }
    }

    /// gemmlowp's definitions, word for word.
    mod gemmlowp {
        fn saturating_rounding_doubling_high_mul(a: i32, b: i32) -> i32 {
            if a == b && a == i32::MIN {
                return i32::MAX;
            }
            let ab = i64::from(a) * i64::from(b);
            let nudge = if ab >= 0 { 1 << 30 } else { 1 - (1 << 30) };
            ((ab + nudge) / (1_i64 << 31)) as i32
        }

        fn rounding_divide_by_pot(x: i32, exponent: i32) -> i32 {
            let mask = ((1_i64 << exponent) - 1) as i32;
            let remainder = x & mask;
            let threshold = (mask >> 1) + i32::from(x < 0);
            (x >> exponent) + i32::from(remainder > threshold)
        }

        /// `MultiplyByQuantizedMultiplier`, with a left shift that saturates.
        pub(super) fn multiply(x: i32, multiplier: i32, exponent: i32) -> i32 {
            let (left, right) = (exponent.max(0), (-exponent).max(0));
            let shifted = (i64::from(x) << left).clamp(i32::MIN.into(), i32::MAX.into());
            let high = saturating_rounding_doubling_high_mul(shifted as i32, multiplier);
            rounding_divide_by_pot(high, right)
        }

        #[test]
        fn as_published() {
            // The corner for which it saturates: no `Multiplier` is negative.
            assert_eq!(saturating_rounding_doubling_high_mul(i32::MIN, i32::MIN), i32::MAX);
            let halves = [-3, -1, 1, 3].map(|x| rounding_divide_by_pot(x, 1));
            assert_eq!(halves, [-2, -1, 1, 2]);
            let halves = [-3, -1, 1, 3].map(|x| saturating_rounding_doubling_high_mul(x, 1 << 30));
            assert_eq!(halves, [-1, 0, 1, 2]);
        }
    }

    /// Accumulators at the ends, around zero, and on both sides of every tie of a shift.
    fn accumulators(multiplier: i32, exponent: i32) -> Vec<i32> {
        let mut all = vec![i32::MIN, i32::MIN + 1, i32::MAX - 1, i32::MAX];
        all.extend(-70..=70);
        for bit in 0..31 {
            let power = 1_i64 << bit;
            all.extend((-2..=2).flat_map(|d| [(power + d) as i32, (d - power) as i32]));
        }
        // Where the result is about ±0.5, ±1.5, ... ±128.5.
        let factor = f64::from(multiplier) * 2_f64.powi(exponent - 31);
        for half in -260..=260 {
            let near = (f64::from(half) * 0.5 / factor).clamp(-2e9, 2e9) as i32;
            all.extend((-2..=2).map(|d| near + d));
        }
        all
    }

    /// Issue: TFLite's double rounding, in all bits.
    #[test]
    fn double_rounding_is_that_of_gemmlowp() {
        let output = QuantParams::<i8>::new(1.0, -3).unwrap();
        for tier in Tier::available() {
            for exponent in -31..=30 {
                for multiplier in [
                    0,
                    1,
                    2,
                    3,
                    (1 << 30) - 1,
                    1 << 30,
                    (1 << 30) + 1,
                    3 << 29,
                    1_717_986_918,
                    i32::MAX - 1,
                    i32::MAX,
                ] {
                    let of = Multiplier::from_fixed_double_rounding(multiplier, exponent).unwrap();
                    assert_eq!(of.kind(), MultiplierKind::FixedDoubleRounding);
                    let x = accumulators(multiplier, exponent);
                    let code = |x| {
                        let product = gemmlowp::multiply(x, multiplier, exponent);
                        (i64::from(product) - 3).clamp(-128, 127) as i8
                    };
                    let expected: Vec<_> = x.iter().map(|&x| code(x)).collect();
                    let mut found = vec![0; x.len()];
                    tier.requantize(&x, of, output, &mut found).unwrap();
                    let context = format!("{tier}: {multiplier} · 2^{exponent}");
                    assert_eq!(found, expected, "{context}");
                    found.fill(0);
                    reference::requantize(&x, of, output, &mut found).unwrap();
                    assert_eq!(found, expected, "reference, {context}");

                    // With a bias, along the last axis and as one channel.
                    let channels =
                        [of, Multiplier::from_fixed_double_rounding(3 << 29, 1).unwrap()];
                    let x = &x[..x.len() / 2 * 2];
                    let bias = [7, -5];
                    let expected: Vec<_> = x
                        .iter()
                        .enumerate()
                        .map(|(i, &x)| match i % 2 {
                            0 => code(x.saturating_add(7)),
                            _ => {
                                let product = gemmlowp::multiply(x.saturating_sub(5), 3 << 29, 1);
                                (i64::from(product) - 3).clamp(-128, 127) as i8
                            }
                        })
                        .collect();
                    let found = &mut found[..x.len()];
                    let each = Multipliers::per_axis(&channels, 1).with_bias(&bias);
                    tier.requantize(x, each, output, found).unwrap();
                    assert_eq!(found, expected, "channels, {context}");
                    let expected: Vec<_> = x.iter().map(|&x| code(x)).collect();
                    let one = Multipliers::per_axis(&channels[..1], x.len());
                    tier.requantize(x, one, output, found).unwrap();
                    assert_eq!(found, expected, "one channel, {context}");
                }
            }
            // Of a product of matrices.
            let (k, n) = (7, 37);
            let a: Vec<u8> = (0..3 * k).map(|i| (i * 37) as u8).collect();
            let b: Vec<i8> = (0..k * n).map(|i| (i * 91) as i8).collect();
            let b = Weights::new(&b, k, n).pack(tier).unwrap();
            let mut sums = vec![0; 3 * n];
            b.multiply(&a, 3, 1, &mut sums).unwrap();
            for exponent in [-20, -9, 0, 2] {
                let of = Multiplier::from_fixed_double_rounding(1_500_000_001, exponent).unwrap();
                let bias: Vec<i32> = (0..37).map(|i| i * 100 - 1000).collect();
                let mut found = vec![0; 3 * n];
                let multipliers = Multipliers::from(of).with_bias(&bias);
                b.requantize(&a, 3, 1, multipliers, output, &mut found).unwrap();
                for (i, &found) in found.iter().enumerate() {
                    let product =
                        gemmlowp::multiply(sums[i] + bias[i % n], 1_500_000_001, exponent);
                    assert_eq!(
                        i64::from(found),
                        (i64::from(product) - 3).clamp(-128, 127),
                        "{tier}"
                    );
                }
            }
        }
    }

    /// Accumulators near the ends by multipliers just over 1, of every kind: they saturate.
    #[test]
    fn products_beyond_an_integer_saturate() {
        let output = QuantParams::<i8>::new(1.0, 0).unwrap();
        let ends = [i32::MAX, i32::MAX - 1, i32::MAX - 64, i32::MIN, i32::MIN + 1, i32::MIN + 64];
        let x: Vec<_> = ends.into_iter().cycle().take(6 * 40).collect();
        let expected: Vec<i8> = x.iter().map(|&x| if x > 0 { 127 } else { -128 }).collect();
        for tier in Tier::available() {
            let just_over = [1.0 + 2_f64.powi(-23), 1.0 + 2_f64.powi(-30), 1.0, 1.5, 2.0, 3.0];
            for factor in just_over {
                for of in [
                    Multiplier::real(factor as f32),
                    Multiplier::fixed(factor),
                    Multiplier::fixed_double_rounding(factor),
                ] {
                    let of = of.unwrap();
                    let mut found = vec![0; x.len()];
                    tier.requantize(&x, of, output, &mut found).unwrap();
                    assert_eq!(found, expected, "{tier}: {of:?}");
                    found.fill(0);
                    let each = [of; 6];
                    let bias = [100, 100, 100, -100, -100, -100];
                    let each = Multipliers::per_axis(&each, 1);
                    for each in [each, each.with_bias(&bias)] {
                        tier.requantize(&x, each, output, &mut found).unwrap();
                        assert_eq!(found, expected, "{tier}: {of:?}");
                    }
                }
            }
        }
    }

    /// Issue: the multipliers and biases of a layer, from its parameters.
    #[test]
    fn layer_multipliers_are_those_of_the_parameters() {
        let mut state = 7_u64;
        let mut any = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u32
        };
        let mut fit = 0;
        for round in 0..3000 {
            let mut scale = || {
                let mantissa = 1.0 + any() as f32 / 2_f32.powi(31);
                mantissa * 2_f32.powi((any() % 30) as i32 - 20)
            };
            let a = QuantParams::<u8>::new(scale(), 3).unwrap();
            let output = QuantParams::<i8>::new(scale(), 0).unwrap();
            let b: Vec<_> = (0..5).map(|_| QuantParams::<i8>::new(scale(), 0).unwrap()).collect();
            let count = [1, 5][round % 2];
            let mut bias: Vec<f32> = (0..5)
                .map(|_| {
                    (any() as f32 / 2_f32.powi(30) - 1.0) * 2_f32.powi((any() % 40) as i32 - 20)
                })
                .collect();
            // A tie, where a float can be one; what does not fit; nothing.
            let unit = f64::from(a.scale()) * f64::from(b[0].scale());
            bias[0] = (unit * (f64::from(any() % 100) + 0.5)) as f32;
            bias[1] = [1e38, -1e38, 0.0, -0.0, 1e-45][round % 5];
            for kind in
                [MultiplierKind::Real, MultiplierKind::Fixed, MultiplierKind::FixedDoubleRounding]
            {
                let mut multipliers = vec![Multiplier::default(); count];
                let mut biases = [7; 5];
                let (m, c) = (&mut multipliers, &mut biases);
                let found = layer_multipliers(a, &b[..count], &bias, output, kind, m, c);
                let mut of_reference = vec![Multiplier::default(); count];
                let mut expected = [8; 5];
                let (m, c) = (&mut of_reference, &mut expected);
                let by = reference::layer_multipliers(a, &b[..count], &bias, output, kind, m, c);
                if found.is_err() {
                    // Which multiplier is too large, only one of them says.
                    assert!(by.is_err(), "{bias:?}");
                    continue;
                }
                assert_eq!((found, multipliers, biases), (by, of_reference, expected), "{bias:?}");
                fit += 1;
            }
        }
        assert!(fit > 5000, "{fit} of 9000");
    }

    #[test]
    fn layer_multipliers_round_ties_to_even_and_count_what_saturates() {
        let a = QuantParams::<u8>::new(0.5, 0).unwrap();
        let b = [QuantParams::<i8>::new(0.25, 0).unwrap()];
        let output = QuantParams::<i8>::new(3.0, 0).unwrap();
        let unit = 0.125;
        let bias =
            [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2_147_483_648.0, -2_147_483_648.0, 3e9, -3e9, 1e38];
        let bias = bias.map(|bias: f32| bias * unit);
        let (mut multipliers, mut biases) = ([Multiplier::default()], [1; 11]);
        let (m, c) = (&mut multipliers, &mut biases);
        let saturated = layer_multipliers(a, &b, &bias, output, MultiplierKind::Fixed, m, c);
        let (min, max) = (i32::MIN, i32::MAX);
        assert_eq!(biases, [0, 2, 2, 0, -2, -2, max, min, max, min, max]);
        assert_eq!(saturated, Ok(4));
        assert_eq!(multipliers, [Multiplier::fixed(0.125 / 3.0).unwrap()]);

        // 2⁻⁴⁷ beside a tie, so near that a quotient in f64 is the tie, which goes to the even number.
        let scale = |mantissa: u32| mantissa as f32 * 2_f32.powi(-23);
        let a = QuantParams::<u8>::new(scale(11_556_599), 0).unwrap();
        let b = [QuantParams::<i8>::new(scale(8_703_449), 0).unwrap()];
        let bias = [1_734_868.0 * 512.0, -1_734_868.0 * 512.0];
        let quotient = f64::from(bias[0]) / (f64::from(a.scale()) * f64::from(b[0].scale()));
        assert_eq!(quotient, 621_433_648.5);
        let mut biases = [0; 2];
        let (m, c) = (&mut multipliers, &mut biases);
        let saturated = layer_multipliers(a, &b, &bias, output, MultiplierKind::Real, m, c);
        assert_eq!((saturated, biases), (Ok(0), [621_433_649, -621_433_649]));
    }

    #[test]
    fn layer_multipliers_that_do_not_fit() {
        let of = |scale| QuantParams::<i8>::new(scale, 0).unwrap();
        let run = |a, b: &[QuantParams<i8>], bias: &[f32], output, kind, lens: [usize; 2]| {
            let mut multipliers = vec![Multiplier::default(); lens[0]];
            let mut biases = vec![7; lens[1]];
            let (m, c) = (&mut multipliers, &mut biases);
            let error = layer_multipliers(of(a), b, bias, of(output), kind, m, c);
            assert!(multipliers.iter().all(|&m| m == Multiplier::default()));
            assert!(biases.iter().all(|&b| b == 7));
            error.unwrap_err().to_string()
        };
        let (real, fixed) = (MultiplierKind::Real, MultiplierKind::Fixed);
        let b = [of(1.0), of(1e30)];
        let text = "`multipliers`, element 1, is 1.00000003";
        assert!(run(1e30, &b, &[], 1.0, real, [2, 0]).starts_with(text));
        let found = run(1e20, &b, &[], 1.0, fixed, [2, 0]);
        assert!(found.starts_with("`multipliers`, element 0, is"), "{found}");
        let found = run(1.0, &b, &[0.0, f32::NAN], 1.0, real, [2, 2]);
        assert_eq!(found, "`bias`, element 1, is NaN, not a finite number");
        let found = run(1.0, &b, &[0.0; 3], 1.0, real, [2, 3]);
        assert_eq!(found, "`params_b` has 2 elements for the 3 elements of `bias`");
        let found = run(1.0, &b, &[0.0; 2], 1.0, real, [1, 2]);
        assert_eq!(found, "`multipliers` has 1 element for the 2 elements of `params_b`");
        let found = run(1.0, &b, &[0.0; 2], 1.0, real, [2, 1]);
        assert_eq!(found, "`biases` has 1 element for the 2 elements of `bias`");
    }

    /// From f32 weights to a product, as the documentation says: each column has its own parameters.
    #[test]
    fn from_f32_weights_to_a_product() {
        let (m, k, n) = (3, 50, 20);
        let mut w = ordinary(n * k, 9);
        for (r, w) in w.chunks_mut(k).enumerate() {
            w.iter_mut().for_each(|w| *w *= 1.5_f32.powi(r as i32 % 7));
        }
        let (mut params_b, mut codes) = (vec![QuantParams::default(); n], vec![0; n * k]);
        let scheme = Scheme::<i8>::symmetric();
        zeropoint::quantize_dynamic_rows(&w, k, scheme, &mut params_b, &mut codes).unwrap();
        let b = Weights::transposed(&codes, k, n).pack(Tier::best()).unwrap();
        let a: Vec<u8> = (0..m * k).map(|i| (i * 83) as u8).collect();
        let params_a = QuantParams::<u8>::new(0.05, 120).unwrap();
        for b in [b.clone(), b] {
            let mut y = vec![0.0; m * n];
            b.dequantize(&a, params_a, Params::per_axis(&params_b, 1), None, &mut y).unwrap();
            for (i, &y) in y.iter().enumerate() {
                let (row, column) = (&a[i / n * k..][..k], &w[i % n * k..][..k]);
                let products = row.iter().zip(column);
                let exact: f64 =
                    products.map(|(&a, &w)| (f64::from(a) - 120.0) * 0.05 * f64::from(w)).sum();
                // Half a step of the column's codes for each of K activations of up to 6.75.
                let bound = f64::from(params_b[i % n].scale()) * 0.5 * 6.75 * k as f64;
                assert!((f64::from(y) - exact).abs() <= bound, "{y}, not {exact}");
            }
        }
    }

    /// Zero points decide whether K is too deep: those at both ends, and that of the last row or column.
    #[test]
    fn one_zero_point_may_make_a_product_too_deep() {
        // With 127 or 128 the codes reach 128, with 0 or 255 they reach 255; so products fit up to
        // these depths.
        let deepest = |a: usize, b: usize| i32::MAX as usize / (a * b);
        for tier in [Tier::SCALAR, Tier::best()] {
            for (k, [a, b]) in [
                (deepest(128, 128), [128, 128]),
                (deepest(128, 128) + 1, [128, 128]),
                (deepest(255, 128), [255, 128]),
                (deepest(255, 128) + 1, [255, 128]),
                (deepest(255, 255), [255, 255]),
                (deepest(255, 255) + 1, [255, 255]),
            ] {
                let packed = Weights::new(&vec![1_u8; 2 * k], k, 2).pack(tier).unwrap();
                let codes = vec![1_u8; 2 * k];
                let fits = k * a * b <= i32::MAX as usize;
                for [end_a, end_b] in [[0, 0], [0, 255], [255, 0], [255, 255]] {
                    let of = |reach, end| if reach == 255 { end } else { 127 };
                    // The last decides, then the first, then all.
                    let (za, zb) = (of(a, end_a), of(b, end_b));
                    let mut out = [7; 4];
                    for [za, zb] in
                        [[[127, za], [127, zb]], [[za, 127], [zb, 127]], [[za, za], [zb, zb]]]
                    {
                        let found = packed.multiply(&codes, &za, &zb, &mut out);
                        if fits {
                            assert_eq!(found, Ok(()), "{tier}: {k}, {za:?}, {zb:?}");
                        } else {
                            let (depth, product) = (k, (a * b) as u32);
                            let error = Err(Error::Depth { depth, product });
                            assert_eq!(found, error, "{tier}: {za:?}, {zb:?}");
                        }
                    }
                }
            }
        }
    }

    /// Shapes whose number of elements wraps around to the number that there are.
    #[test]
    fn counts_of_elements_do_not_wrap() {
        let half = 1_usize << (usize::BITS / 2);
        let (none, params) = ([0_u8; 0], [QuantParams::<u8>::default(); 4]);
        for tier in Tier::available() {
            let wrong = |argument, rows, row, stride| {
                let elements = if argument == "codes" && row == half { 0 } else { 8 };
                Some(Error::Rows { argument, elements, rows, row, stride })
            };
            // half · half is 0 in a word.
            let weights = Weights::new(&none, half, half);
            let error = weights.pack_into(tier, &mut [0; 64]).err();
            assert_eq!(error, wrong("codes", half, half, half));
            let error = Weights::transposed(&none, half, half).pack(tier).err();
            assert_eq!(error, wrong("codes", half, half, half));
            let strided = Weights::new(&[1_u8; 8], half + 1, 4).with_stride(half);
            let error = strided.pack_into(tier, &mut [0; 64]).err();
            assert_eq!(error, wrong("codes", half + 1, 4, half));
            let b = Weights::new(&[1_i8; 4], 4, 1).pack(tier).unwrap();
            let rows = Rows::strided(&[1_u8; 8], half + 1, half);
            let to = &mut [0; 8];
            let error = b.multiply(rows, 0, 0, RowsMut::strided(to, half + 1, 1)).err();
            assert_eq!(error, wrong("a", half + 1, 4, half));

            // (half · half / 4 + 1) · 4 is 4.
            let inner = half * (half / 4) + 1;
            let channels = Params::per_axis(&params, inner);
            assert!(tier.quantize(&[0.0; 4], channels, &mut [0; 4]).is_err());
            let one = [QuantParams::<u8>::default()];
            let blocks = Params::per_block(&one, Blocks { axis: 4, block: 4, inner });
            assert!(tier.quantize(&[0.0; 4], blocks, &mut [0; 4]).is_err());
        }
        let border =
            Border { height: half * (half / 4) + 1, width: 4, channels: 1, ..Border::default() };
        assert!(pad(&[0_u8; 4], border, 0, &mut [0; 4]).is_err());
        let windows = Windows::new(border, [1, 1]);
        assert!(im2col(&[0_u8; 4], windows, 0, &mut [0; 4]).is_err());
        let windows = Windows::new(Border { channels: half, ..border }, [half, 1]);
        assert!(windows.shape().is_err());
    }
}

mod calibrate {
    use zeropoint::calibrate::{self, ChannelObservers, Method, Observer};
    use zeropoint::measure::quantization_fidelity;
    use zeropoint::{Error, Range, Scheme, Tier};

    fn observed(method: &str, x: &[f32]) -> Observer {
        let mut observer = Observer::new(method.parse().unwrap()).unwrap();
        observer.observe(x);
        observer
    }

    fn range(method: &str, x: &[f32]) -> Range {
        observed(method, x).range(Scheme::<u8>::affine()).unwrap()
    }

    /// Numbers with about a normal distribution.
    fn normal(n: usize) -> impl Iterator<Item = f32> {
        let mut state = 7_u64;
        let mut uniform = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32
        };
        (0..n).map(move |_| (0..12).map(|_| uniform()).sum::<f32>() - 6.0)
    }

    fn sqnr(method: &str, x: &[f32]) -> f64 {
        let params = observed(method, x).params(Scheme::<u8>::affine());
        quantization_fidelity(x, params.unwrap()).sqnr_db()
    }

    #[test]
    fn entropy_of_data_away_from_0_does_not_collapse() {
        let x = [1.0, 4.5, 8.0];
        assert_eq!(range("entropy", &x), Range::new(1.0, 8.0));
        for n in [100, 300, 1000, 10_000] {
            for (mean, deviation) in [(10.0, 1.0), (1.0, 0.05), (-10.0, 1.0), (5.5e-6, 1.5e-6)] {
                let all: Vec<f32> = normal(20 * n).map(|x| mean + deviation * x).collect();
                for x in all.chunks(n) {
                    let [found, of_all] = ["entropy", "min-max"].map(|method| sqnr(method, x));
                    assert!(found > of_all - 20.0, "{n}, {mean}: {found} dB, not {of_all}");
                }
            }
        }
    }

    #[test]
    fn percentiles_of_many_numbers_are_robust() {
        for n in [65_526, 65_527, 200_000] {
            let mut x: Vec<f32> = normal(n).collect();
            let inner = range("percentile=99.9", &x);
            for outlier in [f32::MIN, -1e9, -1e4] {
                x.truncate(n);
                x.extend([outlier; 10]);
                for method in ["percentile=99.9", "absolute-percentile=99.9"] {
                    let found = range(method, &x);
                    let near = |a: f32, b: f32| (a - b).abs() < 0.35;
                    assert!(
                        near(found.min, inner.min) && near(found.max, inner.max),
                        "{method}, {n}, {outlier}: {found:?}, not {inner:?}"
                    );
                }
            }
        }
    }

    /// What does not weigh squares looks where the numbers are; the bins must be there.
    #[test]
    fn an_outlier_costs_no_resolution() {
        let mut x: Vec<f32> = normal(100_000).collect();
        let scheme = Scheme::<i8>::symmetric();
        let of = |method: &str, x: &[f32]| observed(method, x).range(scheme).unwrap();
        let without = of("entropy", &x);
        x.push(-1e9);
        let with = of("entropy", &x);
        assert!(with.max < 2.0 * without.max, "{with:?}, {without:?}");
        assert!(with.min > 2.0 * without.min, "{with:?}, {without:?}");
        // Masks are exact where they are at an end, and nothing else weighs as much.
        for mask in [-1e9, 1e9] {
            let masked: Vec<f32> = normal(100_000).flat_map(|x| [x, mask]).collect();
            let [found, of_all] = ["mse", "min-max"].map(|method| sqnr(method, &masked));
            assert!(found > of_all - 0.1, "{found} dB, not {of_all}");
        }
    }

    #[test]
    fn masks_can_be_left_out() {
        let bounds = Range::new(-1e3, f32::INFINITY);
        let empty = || Observer::new(Method::MinMax).unwrap();
        let mut observer = empty().within(bounds).unwrap();
        for tier in Tier::available() {
            observer.reset();
            observer.observe_on(tier, &[1.0, f32::MIN, -1e4, f32::NAN, -3.0, 1e30]);
            observer.observe_on(tier, &[f32::NEG_INFINITY, -1e3, -1000.1]);
            let range = observer.range(Scheme::<u8>::affine());
            assert_eq!(range, Some(Range::new(-1e3, 1e30)), "{tier}");
            let tally = observer.tally();
            assert_eq!((tally.finite, tally.below, tally.above), (4, 3, 0));
            assert_eq!((tally.nan, tally.negative_infinity, tally.left_out()), (1, 1, 5));
        }
        assert_eq!(observer.bounds(), Some(bounds));
        // The bounds themselves are within.
        let mut both = empty().within(Range::new(-2.0, 2.0)).unwrap();
        both.observe(&[-2.5, -2.0, 2.0, 2.5, 0.0]);
        let range = both.range(Scheme::<u8>::affine());
        assert_eq!(range, Some(Range::new(-2.0, 2.0)));
        let tally = both.tally();
        assert_eq!((tally.finite, tally.below, tally.above), (3, 1, 1));
        // Only with what has the same bounds.
        let error = observer.merge(&empty()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "an observer with the bounds [-1e3, inf] can't take in one with no bounds"
        );
        let mut other = empty().within(bounds).unwrap();
        other.observe(&[2e30, -2e3]);
        observer.merge(&other).unwrap();
        assert_eq!((observer.tally().finite, observer.tally().below), (5, 4));
        for (min, max) in [(1.0, 0.0), (f32::NAN, 1.0), (0.0, f32::NAN)] {
            let error = empty().within(Range::new(min, max)).unwrap_err();
            assert!(matches!(error, Error::Range { .. }));
        }

        // By every method, few numbers and many, and for each channel.
        let bounds = Range::new(-8.0, 7.5);
        for method in Method::ALL {
            for n in [1000, 30_000, 70_000] {
                let x: Vec<f32> = normal(n).collect();
                let scheme = Scheme::<i8>::symmetric();
                let mut plain = Observer::new(method).unwrap();
                plain.observe(&x);
                let masked: Vec<f32> = x.iter().flat_map(|&x| [x, 8.0, -1e9]).collect();
                let mut bounded = Observer::new(method).unwrap().within(bounds).unwrap();
                bounded.observe(&masked);
                let tally = bounded.tally();
                assert_eq!((tally.below, tally.above), (n as u64, n as u64), "{method}");
                let observers = ChannelObservers::new(method, 2).unwrap();
                let mut observers = observers.within(bounds).unwrap();
                let both: Vec<f32> = masked.iter().flat_map(|&x| [x, -0.5 * x]).collect();
                observers.observe(&both, 1).unwrap();
                let [first, second] = observers.channels() else { panic!("two channels") };
                assert_eq!(first.range(scheme), bounded.range(scheme), "{method}, {n}");
                assert_eq!((second.tally().below, second.tally().above), (0, n as u64));
                // Sums depend on where chunks begin.
                if !matches!(method, Method::Deviations { .. } | Method::Gauss) {
                    assert_eq!(bounded.range(scheme), plain.range(scheme), "{method}, {n}");
                }
            }
        }
    }

    #[test]
    fn least_squared_error_is_never_above_that_of_all() {
        let bytes = include_bytes!("../examples/data/minilm-sample.safetensors");
        let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
        let mut names = Vec::new();
        for (name, tensor) in file.tensors() {
            let bytes = tensor.data().chunks_exact(4);
            let x: Vec<f32> =
                bytes.map(|x| f32::from_le_bytes(x.try_into().unwrap())).take(65_536).collect();
            let mut observer = Observer::new(Method::MeanSquaredError).unwrap();
            observer.observe(&x);
            let mut whole = Observer::new(Method::MinMax).unwrap();
            whole.observe(&x);
            macro_rules! check {
                ($($scheme:expr),*) => {$(
                    let scheme = $scheme;
                    if let (Ok(found), Ok(all)) = (observer.params(scheme), whole.params(scheme)) {
                        let of = |params| quantization_fidelity(&x, params).sqnr_db();
                        assert!(of(found) >= of(all), "{name}, {scheme:?}");
                    }
                )*};
            }
            check!(
                Scheme::<i8>::symmetric(),
                Scheme::<u8>::affine(),
                Scheme::<u8>::symmetric(),
                Scheme::<i8>::symmetric().with_codes(-7..=7).unwrap()
            );
            names.push(name);
        }
        assert!(names.iter().any(|name| name.ends_with("LayerNorm.bias")));
    }

    #[test]
    fn moving_averages_are_not_inverted() {
        let method = "moving-average=1";
        let mut observer = observed(method, &[1.0, 1e30]);
        observer.observe(&[7.0, 7.0]);
        let scheme = Scheme::<u8>::affine();
        assert_eq!(observer.range(scheme), Some(Range::new(7.0, 7.0)));
        // Merged with nothing: exactly what there is.
        let mut empty = observed(method, &[]);
        empty.merge(&observer).unwrap();
        assert_eq!(empty.range(scheme), observer.range(scheme));
        empty.merge(&observed(method, &[])).unwrap();
        assert_eq!(empty.range(scheme), observer.range(scheme));
        for momentum in ["1", "0.999999999", "0.5", "0.1", "1e-9"] {
            let mut observer = observed(&format!("moving-average={momentum}"), &[]);
            for [min, max] in [[-1e30, 1e30], [3.0, 3.0], [0.1, 0.1], [-1e-30, 1e38], [-5.0, -5.0]]
            {
                observer.observe(&[max, min]);
                let Range { min, max } = observer.range(scheme).unwrap();
                assert!(min <= max, "{momentum}");
                assert!(observer.params(scheme).is_ok());
            }
        }
    }

    #[test]
    fn too_many_channels_are_an_error() {
        for method in Method::ALL {
            for channels in [usize::MAX, usize::MAX / 64, isize::MAX as usize / 100] {
                let error = ChannelObservers::new(method, channels).unwrap_err();
                let is_buffer = matches!(error, calibrate::Error::Other(Error::Buffer { .. }));
                assert!(is_buffer, "{method}");
            }
        }
    }

    /// A process that may use 256 MiB: observers of many channels, and what these keep.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn without_memory_observers_are_an_error() {
        use std::process::Command;
        const CHILD: &str = "ZEROPOINT_TEST_WITH_LITTLE_MEMORY";
        if std::env::var_os(CHILD).is_some() {
            return with_little_memory();
        }
        let name = "calibrate::without_memory_observers_are_an_error";
        let output = Command::new("sh")
            .args(["-c", "ulimit -v 262144 && exec \"$@\"", "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads", "1"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}{errors}");
        assert!(text.contains("1 passed"), "{text}{errors}");
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn with_little_memory() {
        let is_buffer = |error: calibrate::Error| {
            matches!(error, calibrate::Error::Other(Error::Buffer { .. }))
        };
        for method in Method::ALL {
            assert!(is_buffer(ChannelObservers::new(method, 4_000_000).unwrap_err()));
        }
        // There is room for these, but not for all that they are shown.
        let mut observers = ChannelObservers::new(Method::Entropy, 100_000).unwrap();
        let x: Vec<f32> = (0..1_000_000).map(|i| i as f32).collect();
        let error = (0..100).find_map(|_| observers.observe(&x, 1).err());
        assert!(is_buffer(error.unwrap().into()));
        observers.reset();
        // Nor for histograms: of numbers in all octaves.
        let mut histograms = ChannelObservers::new(Method::Laplace, 400).unwrap();
        let every = |i: u32| f32::from_bits(i.wrapping_mul(0x9e37_79b9) & 0xbfff_ffff);
        let x: Vec<f32> = (0..4_000_000).map(every).collect();
        let error = (0..10).find_map(|_| histograms.observe(&x, 10_000).err());
        assert!(is_buffer(error.unwrap().into()));
    }

    /// Tables of counts are on the heap.
    #[test]
    fn a_small_stack_is_enough() {
        let body = || {
            let x: Vec<f32> = normal(70_000).chain([f32::NAN]).collect();
            for method in Method::ALL {
                let mut observer = Observer::new(method).unwrap();
                observer.observe(&x);
                let other = observer.clone();
                observer.merge(&other).unwrap();
                let _ = observer.params(Scheme::<u8>::affine()).unwrap();
                let mut observers = ChannelObservers::new(method, 2).unwrap();
                observers.observe(&x[..70_000], 1).unwrap();
            }
        };
        let thread = std::thread::Builder::new().stack_size(48 << 10);
        thread.spawn(body).unwrap().join().unwrap();
    }
}

mod numerics {
    use super::common::bits;
    use zeropoint::calibrate::{Method, Observer};
    use zeropoint::gemm::Weights;
    use zeropoint::measure::Fidelity;
    use zeropoint::norm::Norm;
    use zeropoint::{Code8, QuantParams, Scheme, Tier, reference};

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
        (0..n).map(|i| (i as f32 * 0.37).sin() * (1.0 + (i % 13) as f32)).collect()
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
            for distance in [0.0, 0.3, 1.0, 3.0, 10.0, -1e2, 1e3, 1e4, -1e5, 1e6, 3e7, 1e9] {
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
            let mut x: Vec<f32> = wave(40_960).iter().map(|x| 1_000_001.0 + x * spread).collect();
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
                for (found, expected) in
                    [(found.min, mean - n * deviation), (found.max, mean + n * deviation)]
                {
                    let off = (f64::from(found) - expected).abs();
                    let bound = (1.0 + n) * deviation / 65_536.0 + expected.abs() * ULP;
                    assert!(off <= bound, "{found} of {expected}, off by {off:e} of {bound:e}");
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
        let tiny = QuantParams::<i8>::new(1e-30, 0).unwrap();
        for tier in Tier::available() {
            for (bias, expected) in
                [(None, &products), (Some([-0.0; 100]), &products), (Some([0.0; 100]), &biases)]
            {
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
                packed.dequantize(&[1_i8][..], tiny, tiny, of, &mut y[..]).unwrap();
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
                let x: Vec<f32> =
                    (0..3).map(|i| 1.0 + ((seed * 7 + i * 5) % 29) as f32 / 64.0).collect();
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
        fn check<Q: Code8>(x: &[f32], scheme: Scheme<Q>) {
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
                // The error names the row.
                let found = found.map(|()| of_rows[0]).ok();
                assert_eq!(found, params.ok(), "{tier}, {x:?}");
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
