//! What real use found wrong: a test for each report, named after what it guards.

#[path = "common/mod.rs"]
mod common;

mod usage {
    use zeropoint::{
        Border, Error, Multiplier, QuantParams, Rows, RowsMut, Scheme, Tier, Weights, Windows,
        im2col, linear, matmul, matmul_dequantize, matmul_requantize,
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

    fn products(
        [m, k, n]: [usize; 3],
        a: &[u8],
        b: &zeropoint::PackedMatrix<'_, i8>,
    ) -> Result<(), Error> {
        let depth = k as i32;
        let mut sums = vec![7; m * n];
        matmul(a, 1, b, 0, &mut sums)?;
        assert_eq!(sums, vec![2 * depth; m * n]);
        sums.fill(7);
        matmul(a, &vec![1; m], b, &vec![0; n], &mut sums)?;
        assert_eq!(sums, vec![2 * depth; m * n]);
        sums.fill(7);
        let strided = RowsMut::strided(&mut sums, m, n);
        matmul(Rows::strided(a, m, k), 1, b, 0, strided)?;
        assert_eq!(sums, vec![2 * depth; m * n]);

        let output = QuantParams::<u8>::default();
        let one = Multiplier::real(1.0)?;
        for multipliers in [vec![one], vec![one; n]] {
            let mut codes = vec![7_u8; m * n];
            let bias = vec![5; n];
            matmul_requantize(a, 1, b, 0, &multipliers, Some(&bias), output, &mut codes)?;
            assert_eq!(codes, vec![2 * k as u8 + 5; m * n]);
        }

        let of = |count| vec![QuantParams::<u8>::new(1.0, 1).unwrap(); count];
        for (of_a, of_b) in [(1, 1), (m, n), (1, n), (m, 1)] {
            let params_b = vec![QuantParams::<i8>::default(); of_b];
            let mut values = vec![7.0; m * n];
            matmul_dequantize(a, &of(of_a), b, &params_b, None, &mut values)?;
            assert_eq!(values, vec![2.0 * k as f32; m * n]);
            let (mut codes, mut params) = (vec![0; m * k], of(m));
            let (x, scheme) = (vec![255.0; m * k], Scheme::affine());
            values.fill(7.0);
            linear(
                &x,
                scheme,
                &mut params,
                &mut codes,
                b,
                &params_b,
                None,
                &mut values,
            )?;
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
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
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
        assert!(
            laid_out > 200 && with_overflow > 50,
            "{laid_out}, {with_overflow}"
        );
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
                matmul(&dense, 9, &dense_keys, 7, &mut expected).unwrap();
                let mut out = vec![-1; m * wide];
                let to = RowsMut::strided(&mut out, m, wide);
                matmul(Rows::strided(view, m, wide), 9, &keys, 7, to).unwrap();
                for (r, row) in out.chunks(wide).enumerate() {
                    assert_eq!(row[..m], expected[r * m..][..m], "{tier}, head {head}");
                    assert!(row[m..].iter().all(|&sum| sum == -1), "{tier}, head {head}");
                }
                // Fewer rows than there are.
                let mut out = vec![-1; 2 * m + 1];
                let to = RowsMut::strided(&mut out, 2, m);
                matmul(Rows::strided(view, 2, wide), 9, &keys, 7, to).unwrap();
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
            let error = matmul(Rows::strided(&a, rows, stride), 0, &b, 0, to).unwrap_err();
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
        let error = matmul(&a, 0, &b, 0, &mut [0; 15]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`out`, of 15 elements, is not 6 rows of 3"
        );
        let error = Weights::new(&[1_u8; 10], 2, 3)
            .with_stride(8)
            .pack(Tier::SCALAR);
        let text = "`codes`, of 10 elements, is not 2 rows of 3, 8 from one to the next";
        assert_eq!(error.unwrap_err().to_string(), text);
    }
}
