//! Matrix products on every tier equal the reference.

#[path = "common/mod.rs"]
mod common;

use common::{Guarded, bits, code, tiers};
use proptest::prelude::*;
use zeropoint::{
    Code, Error, Multiplier, QuantParams, Rows, RowsMut, Scheme, Tier, Weights, ZeroPoints, linear,
    matmul, matmul_dequantize, matmul_requantize, reference,
};

/// Codes of all values, ends included, and different ones for each seed.
fn codes<Q: Code>(n: usize, seed: usize) -> Vec<Q> {
    (0..n)
        .map(|i| match i % 11 {
            3 => Q::MIN,
            7 => Q::MAX,
            _ => code(((i + seed) % 256 * 7919 + (i % 509).pow(2) % 509 * (seed + 1)) as u8),
        })
        .collect()
}

/// Zero points of so many rows or columns: 0, that which a flip makes 0, the ends, some others.
fn zero_points<Q: Code>(n: usize) -> Vec<Q> {
    (0..n).map(|i| code([37, 0, 0x80, 0xff, 0x7f, 200][i % 6])).collect()
}

/// Rows that are so far apart, with `filler` between them.
fn spread<T: Copy>(elements: &[T], row: usize, stride: usize, filler: T) -> Vec<T> {
    let mut spread = Vec::new();
    for (r, row) in elements.chunks_exact(row.max(1)).enumerate() {
        spread.resize(r * stride, filler);
        spread.extend(row);
    }
    spread
}

fn transposed<T: Copy>(b: &[T], [k, n]: [usize; 2]) -> Vec<T> {
    (0..n * k).map(|i| b[i % k * n + i / k]).collect()
}

/// The product of these codes with these zero points, from every form that the matrices can have.
fn check<A: Code, B: Code>(
    tier: Tier,
    (a, za): (&[A], ZeroPoints<'_, A>),
    (b, zb): (&[B], ZeroPoints<'_, B>),
    [m, k, n]: [usize; 3],
) {
    let types = std::any::type_name::<(A, B)>();
    let context = || format!("{tier}, {m} x {k} x {n} of {types}, zero points {za:?}, {zb:?}");
    let mut expected = vec![0; m * n];
    reference::matmul(a, za, b, zb, [m, k, n], &mut expected).unwrap();

    let guarded_a = Guarded::of(a, m % 3, A::MAX);
    let guarded_b = Guarded::of(b, n % 3, B::MIN);
    let weights = Weights::new(guarded_b.slice(), k, n);
    let packed = weights.pack(tier).unwrap();
    let mut out = Guarded::new(m * n, k % 3, -1);
    matmul(guarded_a.slice(), za, &packed, zb, out.slice_mut()).unwrap();
    assert_eq!(out.checked(), expected, "{}", context());

    // Strides, and a buffer of the caller.
    let (a_stride, b_stride, out_stride) = (k + 3, n + 1, n + 5);
    let strided_a = spread(a, k, a_stride, A::MAX);
    let strided_b = spread(b, n, b_stride, B::MIN);
    let weights = Weights::new(&strided_b, k, n).with_stride(b_stride);
    let mut buffer = Guarded::new(weights.packed_len(tier), n % 5, 0x55);
    let packed = weights.pack_into(tier, buffer.slice_mut()).unwrap();
    let mut out = Guarded::of(&spread(&vec![0; m * n], n, out_stride, -1), 1, -1);
    let strided_a = Rows::strided(&strided_a, m, a_stride);
    let strided_out = RowsMut::strided(out.slice_mut(), m, out_stride);
    tier.matmul(strided_a, za, &packed, zb, strided_out).unwrap();
    let found = out.checked();
    assert_eq!(found, spread(&expected, n, out_stride, -1), "{}", context());
    buffer.checked();

    // Transposed.
    let columns = transposed(b, [k, n]);
    let packed = Weights::transposed(&columns, k, n).pack(tier).unwrap();
    let mut out = vec![7; m * n];
    matmul(a, za, &packed, zb, &mut out).unwrap();
    assert_eq!(out, expected, "transposed: {}", context());
}

/// Codes and zero points of all kinds.
fn check_shape<A: Code, B: Code>(tier: Tier, shape: [usize; 3]) {
    let [m, k, n] = shape;
    let (a, b) = (codes::<A>(m * k, m), codes::<B>(k * n, n));
    let (za, zb) = (zero_points::<A>(m), zero_points::<B>(n));
    let (each_a, each_b) = (ZeroPoints::Each(&za[..]), ZeroPoints::Each(&zb[..]));
    let (none_a, none_b) = (ZeroPoints::Same(code(0)), ZeroPoints::Same(code(0)));
    let (one_a, one_b) = (ZeroPoints::Same(code(133)), ZeroPoints::Same(code(7)));
    match (m + n + k) % 4 {
        0 => check(tier, (&a, each_a), (&b, one_b), shape),
        1 => check(tier, (&a, one_a), (&b, each_b), shape),
        2 => check(tier, (&a, one_a), (&b, none_b), shape),
        _ => check(tier, (&a, none_a), (&b, one_b), shape),
    }
    check(tier, (&a, each_a), (&b, each_b), shape);
}

/// Calls a generic function for each pair of types.
macro_rules! each_pair {
    ($check:ident $arguments:tt) => {
        $check::<u8, u8> $arguments;
        $check::<u8, i8> $arguments;
        $check::<i8, u8> $arguments;
        $check::<i8, i8> $arguments;
    };
}

/// Heights of more than two tiles, on every tier.
#[test]
fn every_height() {
    for tier in tiers() {
        for m in (0..=30).chain([41, 43, 57]) {
            each_pair!(check_shape(tier, [m, 70, 37]));
        }
    }
}

/// Depths of more than a chunk, on every tier.
#[test]
fn every_depth() {
    for tier in tiers() {
        for k in (0..=70).chain([127, 128, 129, 191, 192, 193, 255, 256, 257]) {
            for m in [1, 2, 3, 5, 15] {
                each_pair!(check_shape(tier, [m, k, 19]));
            }
        }
    }
}

/// Widths of more than two panels, on every tier.
#[test]
fn every_width() {
    for tier in tiers() {
        for n in (0..=67).chain([95, 96, 97, 128, 129]) {
            for m in [1, 4, 7] {
                each_pair!(check_shape(tier, [m, 9, n]));
            }
        }
    }
}

/// More than two blocks of rows and of columns of the right matrix.
#[test]
fn blocks() {
    for tier in tiers() {
        for shape in [
            [15, 1023, 33],
            [15, 1025, 70],
            [29, 2049, 37],
            [17, 2500, 65],
            [16, 1000, 1100],
            [1, 15000, 40],
            [2, 14336, 33],
            [14, 3000, 33],
        ] {
            check_shape::<u8, i8>(tier, shape);
            check_shape::<i8, u8>(tier, shape);
        }
    }
}

/// The last part of K is as small as it can be: one row, less than a vector, a vector.
#[test]
fn last_parts_of_depth() {
    fn check_depth<A: Code, B: Code>(tier: Tier, [m, k, n]: [usize; 3]) {
        let (a, b) = (codes::<A>(m * k, m), codes::<B>(k * n, n));
        // In the middle of the codes, so that the sums fit.
        let za = ZeroPoints::Same(if A::MIN < code(0) { code(0) } else { code(128) });
        let zb = ZeroPoints::Same(if B::MIN < code(0) { code(1) } else { code(127) });
        check(tier, (&a, za), (&b, zb), [m, k, n]);
    }
    for tier in tiers() {
        for m in [12, 13, 24] {
            for k in [63_489, 63_519, 63_520, 63_551, 63_552, 63_553] {
                check_depth::<u8, i8>(tier, [m, k, 3]);
                check_depth::<i8, u8>(tier, [m, k, 3]);
            }
        }
    }
}

/// The largest products and sums, at depths where 32 bits just hold them.
#[test]
fn extreme_codes() {
    fn check_extremes<A: Code, B: Code>(tier: Tier) {
        for (a_code, za) in [(A::MIN, A::MAX), (A::MAX, A::MIN), (A::MIN, code(0))] {
            for (b_code, zb) in [(B::MIN, B::MAX), (B::MAX, B::MIN), (B::MAX, code(0))] {
                let (za, zb) = (ZeroPoints::Same(za), ZeroPoints::Same(zb));
                for shape in [[3, 33_025, 2], [15, 300, 3]] {
                    let [m, k, n] = shape;
                    let (a, b) = (vec![a_code; m * k], vec![b_code; k * n]);
                    check(tier, (&a, za), (&b, zb), shape);
                }
            }
        }
    }
    for tier in tiers() {
        each_pair!(check_extremes(tier));
    }
}

/// Multipliers of both kinds, below and above 1, one for all columns or one for each.
fn multipliers(kind: usize, n: usize) -> Vec<Multiplier> {
    let len = if kind.is_multiple_of(2) { 1 } else { n };
    let of = |i: usize| match kind / 2 {
        0 => Multiplier::real(1e-4 * (i % 7 + 1) as f32),
        1 => Multiplier::real([3e-3, 0.0, 1.5, 4e5][i % 4]),
        2 => Multiplier::fixed(1e-4 * (i % 7 + 1) as f64),
        _ => Multiplier::fixed([0.0, 3e-3, 1.5, 4e5][i % 4]),
    };
    (0..len).map(|i| of(i).unwrap()).collect()
}

/// Parameters of many scales and all zero points, some with few codes in use.
fn params<Q: Code>(n: usize) -> Vec<QuantParams<Q>> {
    let of = |i: usize| {
        let params = QuantParams::new(1e-3 * (i % 11 + 1) as f32, code((i * 37) as u8)).unwrap();
        match i % 3 {
            0 => params.with_codes(params.zero_point()..=Q::MAX).unwrap(),
            _ => params,
        }
    };
    (0..n).map(of).collect()
}

/// The sums as codes of `Q`: as the reference does it, and as the two operations do it.
fn check_requantized<A: Code, B: Code, Q: Code>(tier: Tier, [m, k, n]: [usize; 3], kind: usize) {
    let (a, b) = (codes::<A>(m * k, m), codes::<B>(k * n, n));
    let (za, zb) = (zero_points::<A>(m), zero_points::<B>(n));
    let packed = Weights::new(&b, k, n).pack(tier).unwrap();
    let multipliers = multipliers(kind, n);
    let biases: Vec<i32> = (0..n).map(|i| [0, 77, -5000, i32::MAX, i32::MIN][i % 5]).collect();
    let bias = (!kind.is_multiple_of(3)).then_some(&biases[..]);
    let params = params::<Q>(kind + n + 1).pop().unwrap();

    let mut sums = vec![0; m * n];
    reference::matmul(&a, &za, &b, &zb, [m, k, n], &mut sums).unwrap();
    let each: Vec<_> = (0..n).map(|i| multipliers[i % multipliers.len()]).collect();
    let mut expected = vec![code(0); m * n];
    reference::requantize_channels(&sums, &each, bias, 1, params, &mut expected).unwrap();

    let stride = n + kind % 4;
    let mut out = Guarded::of(&spread(&vec![code(1); m * n], n, stride, code(99)), k % 3, code(99));
    let strided = RowsMut::strided(out.slice_mut(), m, stride);
    matmul_requantize(&a, &za, &packed, &zb, &multipliers, bias, params, strided).unwrap();
    let context = || format!("{tier}, {m} x {k} x {n}, kind {kind}");
    assert_eq!(out.checked(), spread(&expected, n, stride, code(99)), "{}", context());

    let mut found = vec![code::<Q>(1); m * n];
    let shape = [m, k, n];
    let (multipliers, out) = (&multipliers, &mut found);
    reference::matmul_requantize(&a, &za, &b, &zb, shape, multipliers, bias, params, out).unwrap();
    assert_eq!(found, expected, "reference, {}", context());
}

/// The sums as values: as the reference does it, and by the formula.
fn check_dequantized<A: Code, B: Code>(tier: Tier, [m, k, n]: [usize; 3], kind: usize) {
    let (a, b) = (codes::<A>(m * k, m), codes::<B>(k * n, n));
    let packed = Weights::new(&b, k, n).pack(tier).unwrap();
    let of_a = params::<A>(if kind.is_multiple_of(2) { 1 } else { m });
    let of_b = params::<B>(if (kind / 2).is_multiple_of(2) { 1 } else { n });
    let biases: Vec<f32> = (0..n).map(|i| [0.5, -0.0, -1e4, f32::NAN][i % 4]).collect();
    let bias = (kind / 4 == 0).then_some(&biases[..]);

    let za: Vec<_> = (0..m).map(|r| of_a[r % of_a.len()].zero_point()).collect();
    let zb: Vec<_> = (0..n).map(|c| of_b[c % of_b.len()].zero_point()).collect();
    let mut sums = vec![0; m * n];
    reference::matmul(&a, &za, &b, &zb, [m, k, n], &mut sums).unwrap();
    let value = |(i, &sum): (usize, &i32)| {
        let (row, column) = (i / n, i % n);
        let scaled =
            sum as f32 * of_a[row % of_a.len()].scale() * of_b[column % of_b.len()].scale();
        bias.map_or(scaled, |bias| scaled + bias[column])
    };
    let expected: Vec<f32> = sums.iter().enumerate().map(value).collect();

    let stride = n + kind % 4;
    let mut out = Guarded::of(&spread(&vec![1.0; m * n], n, stride, 9.0), k % 3, 9.0);
    let strided = RowsMut::strided(out.slice_mut(), m, stride);
    matmul_dequantize(&a, &of_a, &packed, &of_b, bias, strided).unwrap();
    let context = || format!("{tier}, {m} x {k} x {n}, kind {kind}");
    let spread = spread(&expected, n, stride, 9.0);
    assert_eq!(bits(out.slice()), bits(&spread), "{}", context());

    let mut found = vec![0.0; m * n];
    reference::matmul_dequantize(&a, &of_a, &b, &of_b, [m, k, n], bias, &mut found).unwrap();
    assert_eq!(bits(&found), bits(&expected), "reference, {}", context());
}

/// Shapes of one block of columns and of more, one tile and more, one part of K and more.
fn stage_shapes() -> impl Iterator<Item = [usize; 3]> {
    let widths = (1..=67).chain([511, 512, 513, 700, 1100]);
    let shapes = widths.map(|n| [n % 15 + 1, n % 23, n]);
    shapes.chain([[14, 5000, 33], [1, 60_000, 2], [3, 17_000, 40]])
}

#[test]
fn requantized() {
    for tier in tiers() {
        for (i, shape) in stage_shapes().enumerate() {
            // Sums of these depths fit if the products are small.
            let shape = [shape[0], shape[1].min(30_000), shape[2]];
            check_requantized::<u8, i8, u8>(tier, shape, i % 8);
            check_requantized::<i8, u8, i8>(tier, shape, (i + 3) % 8);
        }
    }
}

/// The codes of a tile take so much room that blocks are narrower for it.
#[test]
fn requantized_in_narrow_blocks() {
    for tier in tiers() {
        for height in 4..=12 {
            for k in [3450, 3960] {
                check_requantized::<u8, i8, u8>(tier, [height, k, 256], 1);
            }
        }
    }
}

#[test]
fn dequantized() {
    for tier in tiers() {
        for (i, shape) in stage_shapes().enumerate() {
            let shape = [shape[0], shape[1].min(30_000), shape[2]];
            check_dequantized::<u8, i8>(tier, shape, i % 8);
            check_dequantized::<i8, i8>(tier, shape, (i + 5) % 8);
        }
    }
}

/// A linear layer is the reference's, and leaves codes and parameters as the operations would.
#[test]
fn linear_layers() {
    for tier in tiers() {
        for [m, k, n] in [[1, 1, 1], [3, 70, 65], [14, 300, 33], [30, 64, 600]] {
            let x: Vec<f32> = (0..m * k).map(|i| (i * 7919 % 2003) as f32 * 0.01 - 9.0).collect();
            let b = codes::<i8>(k * n, 1);
            let packed = Weights::new(&b, k, n).pack(tier).unwrap();
            let of_b = params::<i8>(n);
            let bias: Vec<f32> = (0..n).map(|i| i as f32 * 0.1).collect();
            let scheme = Scheme::<u8>::affine();
            let (mut codes, mut params) = (vec![7; m * k], vec![QuantParams::default(); m]);
            let mut out = vec![0.0; m * n];
            let bias = Some(&bias[..]);
            linear(&x, scheme, &mut params, &mut codes, &packed, &of_b, bias, &mut out).unwrap();

            let (mut codes_1, mut params_1) = (vec![8; m * k], vec![QuantParams::default(); m]);
            let mut out_1 = vec![1.0; m * n];
            let (c, p, o) = (&mut codes_1, &mut params_1, &mut out_1);
            reference::linear(&x, scheme, p, c, &b, &of_b, [m, k, n], bias, o).unwrap();
            assert_eq!((codes, params), (codes_1, params_1));
            assert_eq!(bits(&out), bits(&out_1), "{tier}, {m} x {k} x {n}");

            // A side that the scheme has no codes for: an error, and the output as it was.
            let (mut codes, mut params) = (vec![7; m * k], vec![QuantParams::default(); m]);
            let (c, p) = (&mut codes, &mut params);
            let negative = vec![-1.0; m * k];
            let scheme = Scheme::<u8>::symmetric();
            let error = linear(&negative, scheme, p, c, &packed, &of_b, bias, &mut out);
            let one_sided = matches!(error, Err(Error::OneSided { row: Some(0), .. }));
            assert!(one_sided, "{error:?}");
            assert_eq!(bits(&out), bits(&out_1));
        }
    }
}

/// Any number of threads gives the same result.
#[cfg(feature = "rayon")]
#[test]
fn threads() {
    let shapes = [
        [1, 1500, 2500],
        [2, 700, 3001],
        [31, 300, 1000],
        [32, 1100, 333],
        [33, 300, 700],
        [257, 400, 60],
        [500, 5000, 3],
    ];
    for (tier, [m, k, n]) in tiers().into_iter().flat_map(|tier| shapes.map(|shape| (tier, shape)))
    {
        let (a, b) = (codes::<u8>(m * k, m), codes::<i8>(k * n, n));
        let (za, zb) = (zero_points::<u8>(m), zero_points::<i8>(n));
        let packed = Weights::new(&b, k, n).pack(tier).unwrap();
        let (of_a, of_b) = (params::<u8>(m), params::<i8>(n));
        let multipliers = multipliers(3, n);
        let stride = n + 3;
        let run = || {
            let mut sums = vec![-1; m * stride];
            matmul(&a, &za, &packed, &zb, RowsMut::strided(&mut sums, m, stride)).unwrap();
            let mut codes = vec![77_i8; m * stride];
            let out = RowsMut::strided(&mut codes, m, stride);
            let params = of_b[0];
            matmul_requantize(&a, &za, &packed, &zb, &multipliers, None, params, out).unwrap();
            let mut values = vec![7.0; m * stride];
            let out = RowsMut::strided(&mut values, m, stride);
            matmul_dequantize(&a, &of_a, &packed, &of_b, None, out).unwrap();
            (sums, codes, bits(&values))
        };
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let expected = pool(1).install(run);
        for threads in [2, 3, 4, 7, 16] {
            assert_eq!(
                pool(threads).install(run),
                expected,
                "{tier}, {threads} threads, {m} x {k} x {n}"
            );
        }
    }
}

#[test]
fn all_zero_points() {
    fn check_all<A: Code, B: Code>(tier: Tier) {
        let shape = [2, 13, 3];
        let (a, b) = (codes::<A>(2 * 13, 1), codes::<B>(13 * 3, 2));
        for za in 0..=255 {
            for zb in (0..=255).step_by(5) {
                let (za, zb) = (ZeroPoints::Same(code(za)), ZeroPoints::Same(code(zb)));
                check(tier, (&a, za), (&b, zb), shape);
            }
        }
    }
    for tier in tiers() {
        each_pair!(check_all(tier));
    }
}

proptest! {
    #[test]
    fn any_product(
        m in 1_usize..32,
        k in 0_usize..150,
        n in 1_usize..80,
        bytes in proptest::collection::vec(any::<u8>(), 32 * 150 + 150 * 80),
        each in any::<[bool; 2]>(),
    ) {
        fn typed<Q: Code>(bytes: &[u8]) -> Vec<Q> {
            bytes.iter().map(|&bits| code(bits)).collect()
        }
        fn check_any<A: Code, B: Code>(
            tier: Tier,
            bytes: &[u8],
            shape: [usize; 3],
            each: [bool; 2],
        ) {
            let [m, k, n] = shape;
            let (a, b) = (typed::<A>(&bytes[..m * k]), typed::<B>(&bytes[m * k..][..k * n]));
            let (za, zb) = (typed::<A>(&bytes[9..][..m]), typed::<B>(&bytes[3..][..n]));
            let za = if each[0] { ZeroPoints::Each(&za[..]) } else { ZeroPoints::Same(za[0]) };
            let zb = if each[1] { ZeroPoints::Each(&zb[..]) } else { ZeroPoints::Same(zb[0]) };
            check(tier, (&a, za), (&b, zb), shape);
        }
        for tier in tiers() {
            each_pair!(check_any(tier, &bytes, [m, k, n], each));
        }
    }
}

#[test]
fn wrong_arguments_are_errors_that_name_the_numbers() {
    for tier in Tier::available() {
        let packed = Weights::new(&[0_i8; 6], 2, 3).pack(tier).unwrap();
        let mut out = [7; 9];
        let mut check = |a: &[u8], za: ZeroPoints<'_, u8>, zb, len: usize, expected: &str| {
            let error = tier.matmul(a, za, &packed, zb, &mut out[..len]);
            assert_eq!(error.unwrap_err().to_string(), expected);
            assert_eq!(out, [7; 9]);
        };
        let (none, zb) = (0.into(), ZeroPoints::Same(0_i8));
        let text = "`a`, of 3 elements, is not 2 rows of 2";
        check(&[0; 3], none, zb, 6, text);
        let text = "`out`, of 5 elements, is not 2 rows of 3";
        check(&[0; 4], none, zb, 5, text);
        let text = "`out`, of 6 elements, is not 3 rows of 3";
        check(&[0; 6], none, zb, 6, text);
        let text = "`za` has 3 elements for the 2 rows of `a`";
        check(&[0; 4], (&[0; 3]).into(), zb, 6, text);
        let text = "`zb` has 2 elements for the 3 columns of `b`";
        check(&[0; 4], none, (&[0_i8; 2]).into(), 6, text);

        let overlapping = Rows::strided(&[0_u8; 4], 3, 1);
        let error = tier.matmul(overlapping, 0, &packed, 0, &mut out);
        let expected = Error::Rows { argument: "a", elements: 4, rows: 3, row: 2, stride: 1 };
        assert_eq!(error, Err(expected));
        let text = "`a`, of 4 elements, is not 3 rows of 2, 1 from one to the next";
        assert_eq!(expected.to_string(), text);

        for other in Tier::available().filter(|&other| other != tier) {
            let error = other.matmul(&[0_u8; 2], 0, &packed, 0, &mut out[..3]);
            let text = error.unwrap_err().to_string();
            let expected =
                format!("the matrix is packed for the tier {tier} and can't be used on {other}");
            assert_eq!(text, expected);
        }

        let weights = Weights::new(&[0_u8; 6], 2, 3);
        let needed = weights.packed_len(tier);
        let mut buffer = vec![0; needed - 1];
        let error = weights.pack_into(tier, &mut buffer);
        let text = error.unwrap_err().to_string();
        let bytes = needed - 1;
        assert_eq!(text, format!("{needed} bytes are needed, and there are {bytes}"));
        let error = Weights::new(&[0_u8; 5], 2, 3).pack(tier).unwrap_err();
        let text = "`codes`, of 5 elements, is not 2 rows of 3";
        assert_eq!(error.to_string(), text);
    }
}

/// The depths at which a sum may overflow, by types and zero points.
#[test]
fn a_depth_that_may_overflow_is_an_error() {
    for tier in tiers() {
        let k = 33_026;
        let packed = Weights::new(&vec![255_u8; k], k, 1).pack(tier).unwrap();
        let a = vec![255_u8; k];
        let mut out = [0];
        let error = matmul(&a, 0, &packed, 0, &mut out).unwrap_err();
        let text = "a sum of 33026 products, of up to 65025 each, may not fit 32 bits";
        assert_eq!(error.to_string(), text);
        // In the middle of the codes, zero points make the products smaller.
        matmul(&a, 128, &packed, 127, &mut out).unwrap();
        assert_eq!(out, [33_026 * 127 * 128]);
        // At either end of the codes they don't; and the farthest of any row or column counts.
        matmul(&a, 255, &packed, 0, &mut out).unwrap_err();
        matmul(&a, 127, &packed, 0, &mut out).unwrap();
        let a = a.repeat(3);
        let mut out = [0; 3];
        for (at, end) in [(0, 0), (1, 0), (2, 0), (0, 255), (1, 255), (2, 255)] {
            let mut za = [128; 3];
            matmul(&a, &za, &packed, 0, &mut out).unwrap();
            za[at] = end;
            let error = matmul(&a, &za, &packed, 0, &mut out).unwrap_err();
            assert_eq!(error.to_string(), text, "{tier}, {za:?}");
            let b = vec![1_u8; 3 * k];
            let packed = Weights::new(&b, k, 3).pack(tier).unwrap();
            matmul(&a[..k], 0, &packed, &[128; 3], &mut out).unwrap();
            let error = matmul(&a[..k], 0, &packed, &za, &mut out).unwrap_err();
            assert_eq!(error.to_string(), text, "{tier}, {za:?}");
        }
    }
}

/// The deepest product whose sums fit, and the next.
#[test]
fn the_deepest_product() {
    let deepest = i32::MAX as usize / (128 * 255);
    for tier in tiers() {
        for (k, fits) in [(deepest, true), (deepest + 1, false)] {
            let packed = Weights::new(&vec![255_u8; k], k, 1).pack(tier).unwrap();
            let mut out = [0];
            let found = matmul(&vec![0_u8; k], 128, &packed, 0, &mut out);
            assert_eq!(found.is_ok(), fits, "{tier}");
            if fits {
                assert_eq!(out, [-128 * 255 * k as i32], "{tier}");
            }
        }
    }
}

/// Shapes of no elements, however large.
#[test]
fn other_numbers_of_parameters_are_errors() {
    let one_or_each = |argument, len, of, there| Err(Error::OneOrEach { argument, len, of, there });
    for tier in tiers() {
        let b = Weights::new(&[1_i8; 12], 4, 3).pack(tier).unwrap();
        let a = [1_u8; 8];
        let (params_a, params_b) = ([QuantParams::default(); 2], [QuantParams::default(); 3]);
        for given in [0, 2, 4] {
            let multipliers = vec![Multiplier::real(1.0).unwrap(); given];
            let output = QuantParams::<u8>::default();
            let found =
                tier.matmul_requantize(&a, 0, &b, 0, &multipliers, None, output, &mut [0; 6]);
            let expected = one_or_each("multipliers", given, "columns of `b`", 3);
            assert_eq!(found, expected, "{tier}");
            let params = vec![QuantParams::default(); given];
            let found = tier.matmul_dequantize(&a, &params_a, &b, &params, None, &mut [0.0; 6]);
            let expected = one_or_each("params_b", given, "columns of `b`", 3);
            assert_eq!(found, expected, "{tier}");
        }
        for given in [0, 3] {
            let params = vec![QuantParams::default(); given];
            let found = tier.matmul_dequantize(&a, &params, &b, &params_b, None, &mut [0.0; 6]);
            let expected = one_or_each("params_a", given, "rows of `a`", 2);
            assert_eq!(found, expected, "{tier}");
        }
    }
}

#[test]
fn nothing() {
    for tier in Tier::available() {
        let none: [u8; 0] = [];
        for (k, n) in [(0, 0), (5, 0)] {
            let packed = Weights::new(&none, k, n).pack(tier).unwrap();
            matmul(&none, 3, &packed, 3, &mut [0; 0]).unwrap();
        }
        let packed = Weights::new(&none, 0, 4).pack(tier).unwrap();
        let mut out = [7; 8];
        matmul(&none, 3, &packed, 5, &mut out).unwrap();
        assert_eq!(out, [0; 8]);
        assert!(Weights::new(&none, 0, usize::MAX).pack(tier).is_err());
    }
}
