//! Matrix products on every tier equal the reference.

#[path = "common/mod.rs"]
mod common;

use common::{Guarded, bits, code, tiers};
use proptest::prelude::*;
use std::thread;
use zeropoint::gemm::{Activations, AnyMatrix, Input, Linear, Scratch, Weights};
use zeropoint::{
    Blocks, Code, Code8, Error, Granularity, MIN_SCALE, Multiplier, Multipliers, Params,
    QuantParams, Rows, RowsMut, Scheme, Tier, ZeroPoints, reference,
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
fn check<A: Code8, B: Code8>(
    tier: Tier,
    (a, za): (&[A], ZeroPoints<'_, A>),
    (b, zb): (&[B], ZeroPoints<'_, B>),
    [m, k, n]: [usize; 3],
) {
    let types = std::any::type_name::<(A, B)>();
    let context = || format!("{tier}, {m} x {k} x {n} of {types}, zero points {za:?}, {zb:?}");
    let mut expected = vec![0; m * n];
    reference::multiply(a, za, b, zb, [m, k, n], &mut expected).unwrap();

    let guarded_a = Guarded::of(a, m % 3, A::MAX);
    let guarded_b = Guarded::of(b, n % 3, B::MIN);
    let weights = Weights::new(guarded_b.slice(), k, n);
    let packed = weights.pack(tier).unwrap();
    let mut out = Guarded::new(m * n, k % 3, -1);
    packed.multiply(guarded_a.slice(), za, zb, out.slice_mut()).unwrap();
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
    packed.multiply(strided_a, za, zb, strided_out).unwrap();
    let spread_out = spread(&expected, n, out_stride, -1);
    assert_eq!(out.checked(), spread_out, "{}", context());
    buffer.checked();
    // The same without packing.
    let mut out = Guarded::of(&spread(&vec![0; m * n], n, out_stride, -1), 1, -1);
    let strided_out = RowsMut::strided(out.slice_mut(), m, out_stride);
    weights.multiply(tier, strided_a, za, zb, strided_out).unwrap();
    assert_eq!(out.checked(), spread_out, "not packed: {}", context());

    // Transposed.
    let columns = Guarded::of(&transposed(b, [k, n]), k % 3, B::MIN);
    let weights = Weights::transposed(columns.slice(), k, n);
    let packed = weights.pack(tier).unwrap();
    let mut out = vec![7; m * n];
    packed.multiply(a, za, zb, &mut out).unwrap();
    assert_eq!(out, expected, "transposed: {}", context());
    let mut out = Guarded::new(m * n, n % 3, 7);
    weights.multiply(tier, guarded_a.slice(), za, zb, out.slice_mut()).unwrap();
    assert_eq!(out.checked(), expected, "transposed, not packed: {}", context());
}

/// Codes and zero points of all kinds.
fn check_shape<A: Code8, B: Code8>(tier: Tier, shape: [usize; 3]) {
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
            // Of rows, where columns are packed on the way: of several tiles, and with K in parts.
            [300, 65, 37],
            [90, 1100, 67],
            // Of few rows, with a last part of K that is a code.
            [6, 3393, 5],
        ] {
            check_shape::<u8, i8>(tier, shape);
            check_shape::<i8, u8>(tier, shape);
        }
    }
}

/// The last part of K is as small as it can be: one row, less than a vector, a vector.
#[test]
fn last_parts_of_depth() {
    fn check_depth<A: Code8, B: Code8>(tier: Tier, [m, k, n]: [usize; 3]) {
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
    fn check_extremes<A: Code8, B: Code8>(tier: Tier) {
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

/// Multipliers of two kinds, below and above 1, one for all columns or one for each.
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

/// The same with a bias, if there is one.
fn with_bias<'m>(multipliers: Multipliers<'m>, bias: Option<&'m [i32]>) -> Multipliers<'m> {
    bias.map_or(multipliers, |bias| multipliers.with_bias(bias))
}

/// The sums as codes of `Q`: as the reference does it, and as the two operations do it.
fn check_requantized<A: Code8, B: Code8, Q: Code8>(tier: Tier, [m, k, n]: [usize; 3], kind: usize) {
    let (a, b) = (codes::<A>(m * k, m), codes::<B>(k * n, n));
    let (za, zb) = (zero_points::<A>(m), zero_points::<B>(n));
    let weights = Weights::new(&b, k, n);
    let packed = weights.pack(tier).unwrap();
    let multipliers = multipliers(kind, n);
    let biases: Vec<i32> = (0..n).map(|i| [0, 77, -5000, i32::MAX, i32::MIN][i % 5]).collect();
    let bias = (!kind.is_multiple_of(3)).then_some(&biases[..]);
    let params = params::<Q>(kind + n + 1).pop().unwrap();

    let mut sums = vec![0; m * n];
    reference::multiply(&a, &za, &b, &zb, [m, k, n], &mut sums).unwrap();
    let each: Vec<_> = (0..n).map(|i| multipliers[i % multipliers.len()]).collect();
    let of_each = with_bias(Multipliers::per_axis(&each, 1), bias);
    let mut expected = vec![code(0); m * n];
    reference::requantize(&sums, of_each, params, &mut expected).unwrap();

    let stride = n + kind % 4;
    let mut out = Guarded::of(&spread(&vec![code(1); m * n], n, stride, code(99)), k % 3, code(99));
    let strided = RowsMut::strided(out.slice_mut(), m, stride);
    let multipliers = match multipliers[..] {
        [one] if kind.is_multiple_of(2) => with_bias(one.into(), bias),
        _ => of_each,
    };
    packed.requantize(&a, &za, &zb, multipliers, params, strided).unwrap();
    let context = || format!("{tier}, {m} x {k} x {n}, kind {kind}");
    assert_eq!(out.checked(), spread(&expected, n, stride, code(99)), "{}", context());
    let mut found = vec![code::<Q>(1); m * n];
    weights.requantize(tier, &a, &za, &zb, multipliers, params, &mut found).unwrap();
    assert_eq!(found, expected, "not packed: {}", context());

    let mut found = vec![code::<Q>(1); m * n];
    let (shape, out) = ([m, k, n], &mut found);
    reference::multiply_requantize(&a, &za, &b, &zb, shape, multipliers, params, out).unwrap();
    assert_eq!(found, expected, "reference, {}", context());
}

/// The first set for all rows or columns, or each for its own.
fn one_or_each<Q: Code>(params: &[QuantParams<Q>], one: bool, inner: usize) -> Params<'_, Q> {
    if one { params[0].into() } else { Params::per_axis(params, inner) }
}

/// The sums as values: as the reference does it, and by the formula.
fn check_dequantized<A: Code8, B: Code8>(tier: Tier, [m, k, n]: [usize; 3], kind: usize) {
    let (a, b) = (codes::<A>(m * k, m), codes::<B>(k * n, n));
    let weights = Weights::new(&b, k, n);
    let packed = weights.pack(tier).unwrap();
    let of_a = params::<A>(if kind.is_multiple_of(2) { 1 } else { m });
    let of_b = params::<B>(if (kind / 2).is_multiple_of(2) { 1 } else { n });
    let biases: Vec<f32> = (0..n).map(|i| [0.5, -0.0, -1e4, f32::NAN][i % 4]).collect();
    let bias = (kind / 4 == 0).then_some(&biases[..]);

    let za: Vec<_> = (0..m).map(|r| of_a[r % of_a.len()].zero_point()).collect();
    let zb: Vec<_> = (0..n).map(|c| of_b[c % of_b.len()].zero_point()).collect();
    let mut sums = vec![0; m * n];
    reference::multiply(&a, &za, &b, &zb, [m, k, n], &mut sums).unwrap();
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
    let of_a = one_or_each(&of_a, kind.is_multiple_of(2), k);
    let of_b = one_or_each(&of_b, (kind / 2).is_multiple_of(2), 1);
    packed.dequantize(&a, of_a, of_b, bias, strided).unwrap();
    let context = || format!("{tier}, {m} x {k} x {n}, kind {kind}");
    let spread = spread(&expected, n, stride, 9.0);
    assert_eq!(bits(out.slice()), bits(&spread), "{}", context());
    let mut found = vec![0.0; m * n];
    weights.dequantize(tier, &a, of_a, of_b, bias, &mut found).unwrap();
    assert_eq!(bits(&found), bits(&expected), "not packed: {}", context());

    reference::multiply_dequantize(&a, of_a, &b, of_b, [m, k, n], bias, &mut found).unwrap();
    assert_eq!(bits(&found), bits(&expected), "reference, {}", context());
}

/// Shapes of one block of columns and of more, one tile and more, one part of K and more.
fn stage_shapes() -> impl Iterator<Item = [usize; 3]> {
    let widths = (1..=67).chain([511, 512, 513, 700, 1100]);
    let shapes = widths.map(|n| [n % 15 + 1, n % 23, n]);
    shapes.chain([[14, 5000, 33], [1, 60_000, 2], [3, 17_000, 40], [90, 1100, 67]])
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

/// What parameters are made of: sets, or scales with one zero point for all of them or one for each.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    Sets,
    ScalesAndOne,
    ScalesAndEach,
}

/// Every form that the parameters of rows or columns can have: one for all of them or each its own, of
/// what, and so far apart.
const FORMS: [(bool, Of, usize); 9] = [
    (true, Of::Sets, 1),
    (true, Of::ScalesAndOne, 1),
    (true, Of::ScalesAndEach, 3),
    (false, Of::Sets, 1),
    (false, Of::Sets, 3),
    (false, Of::ScalesAndOne, 1),
    (false, Of::ScalesAndOne, 2),
    (false, Of::ScalesAndEach, 1),
    (false, Of::ScalesAndEach, 3),
];

/// Parameters in one of the forms.
struct Formed<Q: Code> {
    form: (bool, Of, usize),
    sets: Vec<QuantParams<Q>>,
    scales: Vec<f32>,
    zero_points: Vec<Q>,
    /// The same in the plainest form: a set for each row or column.
    plain: Vec<QuantParams<Q>>,
}

impl<Q: Code> Formed<Q> {
    fn new(form: (bool, Of, usize), n: usize) -> Self {
        let (one, of, stride) = form;
        // The zero point of the first is 0.
        let params = &params::<Q>(n + 2)[1..];
        let set = |i: usize| {
            let of_scale = params[if one { 0 } else { i }];
            let of_zero_point = params[if one || of == Of::ScalesAndOne { 0 } else { i }];
            QuantParams::new(of_scale.scale(), of_zero_point.zero_point()).unwrap()
        };
        let given: Vec<_> = (0..if one { 1 } else { n }).map(set).collect();
        // What lies between those that count, and after the last, is no scale at all.
        let scales: Vec<_> = given.iter().map(QuantParams::scale).collect();
        let zero_points: Vec<_> = given.iter().map(QuantParams::zero_point).collect();
        let other = QuantParams::new(7.0, code(99)).unwrap();
        let mut formed = Self {
            form,
            sets: spread(&given, 1, stride, other),
            scales: spread(&scales, 1, stride, f32::NAN),
            zero_points: spread(&zero_points, 1, stride, code(99)),
            plain: (0..n).map(set).collect(),
        };
        if stride == 3 && !given.is_empty() {
            formed.sets.extend([other; 2]);
            formed.scales.extend([f32::NAN; 2]);
            formed.zero_points.extend([code::<Q>(99); 2]);
        }
        formed
    }

    fn params(&self, inner: usize) -> Params<'_, Q> {
        let (one, of, stride) = self.form;
        let granularity = if one { Granularity::Tensor } else { Granularity::Axis { inner } };
        let params = match of {
            Of::Sets if one => self.sets[0].into(),
            Of::Sets => Params::per_axis(&self.sets, inner),
            Of::ScalesAndOne => {
                let zero_point = self.zero_points.first().copied().unwrap_or(code(99));
                Params::parts(&self.scales, zero_point, granularity)
            }
            Of::ScalesAndEach => Params::parts(&self.scales, &self.zero_points, granularity),
        };
        params.with_stride(stride)
    }
}

/// Scales and zero points by themselves, apart or not: as the same sets of both.
fn check_forms<A: Code8, B: Code8>(tier: Tier, [m, k, n]: [usize; 3]) {
    let (a, b) = (codes::<A>(m * k, m), codes::<B>(k * n, n));
    let packed = Weights::new(&b, k, n).pack(tier).unwrap();
    let bias: Vec<f32> = (0..n).map(|i| i as f32 * 0.7 - 3.0).collect();
    for (i, form_a) in FORMS.into_iter().enumerate() {
        for (j, form_b) in FORMS.into_iter().enumerate() {
            let context = format!("{tier}, {m} x {k} x {n}, {form_a:?}, {form_b:?}");
            let bias = (i + j).is_multiple_of(2).then_some(&bias[..]);
            let (of_a, of_b) = (Formed::<A>::new(form_a, m), Formed::<B>::new(form_b, n));
            let plain_a = Params::per_axis(&of_a.plain, k);
            let plain_b = Params::per_axis(&of_b.plain, 1);
            let shape = [m, k, n];
            let mut expected = vec![0.0; m * n];
            let to = &mut expected;
            reference::multiply_dequantize(&a, plain_a, &b, plain_b, shape, bias, to).unwrap();

            let (of_a, of_b) = (of_a.params(k), of_b.params(1));
            let mut found = Guarded::new(m * n, i % 3, 7.0);
            packed.dequantize(&a, of_a, of_b, bias, found.slice_mut()).unwrap();
            assert_eq!(bits(found.checked()), bits(&expected), "{context}");
            let to = found.slice_mut();
            to.fill(7.0);
            reference::multiply_dequantize(&a, of_a, &b, of_b, shape, bias, to).unwrap();
            assert_eq!(bits(to), bits(&expected), "reference, {context}");

            // Those of a layer, which keeps them.
            if i == 0 {
                let x = activations(m * k, 3);
                let by = Activations::SymmetricI8;
                let expected = &mut expected;
                reference::linear(&x, by, &b, plain_b, shape, None, expected).unwrap();
                let layer = Linear::new(packed.clone(), of_b).unwrap();
                layer.forward(&x, by, &mut Scratch::new(), found.slice_mut()).unwrap();
                assert_eq!(bits(found.checked()), bits(expected), "a layer, {context}");
            }
        }
    }
}

#[test]
fn dequantized_by_every_form_of_parameters() {
    for tier in tiers() {
        for shape in [[1, 1, 1], [5, 17, 40], [16, 70, 3], [2, 5, 1100], [4, 5000, 33]] {
            check_forms::<u8, i8>(tier, shape);
            check_forms::<i8, u8>(tier, shape);
        }
        check_forms::<u8, u8>(tier, [3, 70, 65]);
        check_forms::<i8, i8>(tier, [3, 70, 65]);
    }
}

/// The number of rows of nothing into rows of nothing is that of what there is for each of them.
#[test]
fn dequantized_from_nothing_by_every_form_of_parameters() {
    for tier in tiers() {
        for m in [0, 1, 2] {
            for [k, n] in [[0, 0], [0, 3], [3, 0]] {
                check_forms::<u8, i8>(tier, [m, k, n]);
                check_forms::<i8, u8>(tier, [m, k, n]);
            }
        }
        check_forms::<u8, i8>(tier, [0, 3, 4]);
    }
}

/// One multiplier for all columns, of each kind, with a bias for each.
#[test]
fn requantized_by_one_multiplier_with_biases() {
    fn check_biases<A: Code8, B: Code8, Q: Code8>(tier: Tier, [m, k, n]: [usize; 3]) {
        let (a, b) = (codes::<A>(m * k, m), codes::<B>(k * n, n));
        let packed = Weights::new(&b, k, n).pack(tier).unwrap();
        let biases: Vec<i32> = (0..n).map(|i| [40, -5000, i32::MAX, i32::MIN][i % 4]).collect();
        let (za, zb) = (code::<A>(133), code::<B>(7));
        let params = params::<Q>(5)[4];
        for one in [
            Multiplier::real(3e-3),
            Multiplier::fixed(3e-3),
            Multiplier::fixed_double_rounding(3e-3),
            Multiplier::real(1.5),
            Multiplier::fixed(1.5),
            Multiplier::fixed_double_rounding(1.5),
        ] {
            let one = one.unwrap();
            let (context, each) = (format!("{tier}, {m} x {k} x {n}, {one:?}"), vec![one; n]);
            let mut sums = vec![0; m * n];
            reference::multiply(&a, za, &b, zb, [m, k, n], &mut sums).unwrap();
            let mut expected = vec![code(0); m * n];
            let of_each = Multipliers::per_axis(&each, 1).with_bias(&biases);
            reference::requantize(&sums, of_each, params, &mut expected).unwrap();
            for multipliers in [Multipliers::from(one).with_bias(&biases), of_each] {
                let mut found = Guarded::new(m * n, 1, code(99));
                packed.requantize(&a, za, zb, multipliers, params, found.slice_mut()).unwrap();
                assert_eq!(found.checked(), expected, "{context}");
                let (shape, to) = ([m, k, n], found.slice_mut());
                to.fill(code(99));
                reference::multiply_requantize(&a, za, &b, zb, shape, multipliers, params, to)
                    .unwrap();
                assert_eq!(to, expected, "reference, {context}");
            }
        }
    }
    for tier in tiers() {
        for shape in [[1, 1, 1], [5, 17, 40], [3, 300, 1100], [14, 5000, 33]] {
            check_biases::<u8, i8, u8>(tier, shape);
            check_biases::<i8, u8, i8>(tier, shape);
        }
    }
}

/// Matrices of either type, kept together: what is taken out is what was put in.
#[test]
fn matrices_without_the_type_of_their_codes() {
    fn check_typed<B: Code8, Other: Code8>(any: &AnyMatrix<'_>, b: &[B], [k, n]: [usize; 2]) {
        let tier = any.typed::<B>().unwrap().tier();
        assert!(any.typed::<Other>().is_none(), "{tier}");
        fn check_product<A: Code8, B: Code8>(any: &AnyMatrix<'_>, b: &[B], [k, n]: [usize; 2]) {
            let (m, tier) = (3, any.typed::<B>().unwrap().tier());
            let (a, za, zb) = (codes::<A>(m * k, 5), zero_points::<A>(m), zero_points::<B>(n));
            let mut expected = vec![0; m * n];
            reference::multiply(&a, &za, b, &zb, [m, k, n], &mut expected).unwrap();
            // Two at once, a clone of one, and one that went without its type once more.
            let (one, other) = (any.typed::<B>().unwrap(), any.typed::<B>().unwrap());
            let again = any.typed::<B>().unwrap().erase();
            for typed in [&one, &other, &one.clone(), &again.typed().unwrap()] {
                assert_eq!((typed.tier(), typed.k(), typed.n()), (tier, k, n));
                let mut out = vec![7; m * n];
                typed.multiply(&a, &za, &zb, &mut out).unwrap();
                assert_eq!(out, expected, "{tier}");
            }
        }
        check_product::<u8, B>(any, b, [k, n]);
        check_product::<i8, B>(any, b, [k, n]);
        // A layer of weights that are not its own.
        let of_b = params::<B>(n);
        let layer = Linear::new(any.typed::<B>().unwrap(), Params::per_axis(&of_b, 1)).unwrap();
        let (x, by) = (activations(2 * k, 1), Activations::AffineU8);
        let (mut y, mut expected) = (vec![7.0; 2 * n], vec![1.0; 2 * n]);
        layer.forward(&x, by, &mut Scratch::new(), &mut y).unwrap();
        let (of_b, to) = (Params::per_axis(&of_b, 1), &mut expected);
        reference::linear(&x, by, b, of_b, [2, k, n], None, to).unwrap();
        assert_eq!(bits(&y), bits(&expected), "{tier}");
    }
    for tier in tiers() {
        let ([k, n], [wide_k, wide_n]) = ([70, 37], [9, 140]);
        let (signed, unsigned) = (codes::<i8>(k * n, 1), codes::<u8>(wide_k * wide_n, 2));
        // One has memory of its own, the other a buffer, which lies anywhere.
        let weights = Weights::new(&unsigned, wide_k, wide_n);
        let mut buffer = Guarded::new(weights.packed_len(tier), 13, 0x55);
        let cache = [
            Weights::new(&signed, k, n).pack(tier).unwrap().erase(),
            weights.pack_into(tier, buffer.slice_mut()).unwrap().erase(),
        ];
        for cache in [cache.clone(), cache] {
            check_typed::<i8, u8>(&cache[0], &signed, [k, n]);
            check_typed::<u8, i8>(&cache[1], &unsigned, [wide_k, wide_n]);
        }
        buffer.checked();
    }
}

/// Both ways in which a layer quantizes its activations.
const ACTIVATIONS: [Activations; 2] = [Activations::AffineU8, Activations::SymmetricI8];

/// Activations of both signs, and different ones for each seed.
fn activations(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i + seed) % 2003 * 7919 % 2003) as f32 * 0.01 - 9.0).collect()
}

/// Rows of activations that are all finite; with an element in every third row that is not; and with
/// rows of nothing else.
fn inputs([m, k]: [usize; 2]) -> [Vec<f32>; 3] {
    const NOT_FINITE: [f32; 5] =
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN, f32::from_bits(0xff80_0001)];
    let finite = activations(m * k, m);
    let (mut some, mut all) = (finite.clone(), finite.clone());
    if k > 0 {
        for r in 0..m {
            if r % 3 == 1 {
                some[r * k + (r * 5 + k / 2) % k] = NOT_FINITE[r % 5];
            }
            if r % 3 != 1 {
                all[r * k..][..k].fill(NOT_FINITE[r % 5]);
            }
        }
    }
    [finite, some, all]
}

/// What the reference makes of so many rows.
type ByReference = Box<dyn Fn(&[f32], usize, Activations) -> Vec<f32>>;

/// A layer, and the reference in its place.
struct Layer {
    layer: Linear<'static>,
    by_reference: ByReference,
}

/// With parameters for all columns or for each, by the first bit of `kind`, and by the second with a
/// bias or without one.
fn layer<B: Code8>(tier: Tier, [k, n]: [usize; 2], kind: usize) -> Layer {
    let (b, of_b) = (codes::<B>(k * n, n + kind), params::<B>(n.max(1)));
    let one = kind.is_multiple_of(2);
    let columns = if one { 1 } else { n };
    let bias: Vec<f32> = (0..n).map(|i| [0.5, -0.0, -1e4, f32::NAN, 0.1][i % 5]).collect();
    let bias = (!(kind / 2).is_multiple_of(2)).then_some(bias);

    let packed = Weights::new(&b, k, n).pack(tier).unwrap();
    let mut layer = Linear::new(packed, one_or_each(&of_b[..columns], one, 1)).unwrap();
    if let Some(bias) = &bias {
        layer = layer.with_bias(bias).unwrap();
    }
    assert_eq!((layer.tier(), layer.k(), layer.n()), (tier, k, n));
    let by_reference = move |x: &[f32], m: usize, by: Activations| {
        let of_b = one_or_each(&of_b[..columns], one, 1);
        let mut y = vec![1.0; m * n];
        reference::linear(x, by, &b, of_b, [m, k, n], bias.as_deref(), &mut y).unwrap();
        y
    };
    Layer { layer, by_reference: Box::new(by_reference) }
}

/// A layer is the reference's: from rows without gaps and from others, into such rows, by memory that
/// grows and by a buffer.
fn check_layer<B: Code8>(tier: Tier, [m, k, n]: [usize; 3], kind: usize) {
    let Layer { layer, by_reference } = layer::<B>(tier, [k, n], kind);
    for by in ACTIVATIONS {
        for (i, x) in inputs([m, k]).iter().enumerate() {
            let context = format!("{tier}, {m} x {k} x {n}, kind {kind}, {by:?}, input {i}");
            let expected = by_reference(x, m, by);
            let mut y = Guarded::new(m * n, kind % 3, 7.0);
            layer.forward(x, by, &mut Scratch::new(), y.slice_mut()).unwrap();
            assert_eq!(bits(y.checked()), bits(&expected), "{context}");

            // What lies between the rows of `x` would make NaN of them, and what lies between
            // those of `y` stays. Both go on past their last row.
            let (x_stride, y_stride) = (k + 3, n + 5);
            let mut wide = spread(x, k, x_stride, f32::NAN);
            wide.extend([f32::INFINITY; 2]);
            let mut rows = spread(&vec![1.0; m * n], n, y_stride, 9.0);
            rows.extend([9.0; 3]);
            let mut y = Guarded::of(&rows, 1, 9.0);
            let mut memory = Guarded::new(Scratch::bytes(m, k), kind + i, 0x55);
            let mut scratch = Scratch::over(memory.slice_mut());
            let wide = Rows::strided(&wide, m, x_stride);
            let to = RowsMut::strided(y.slice_mut(), m, y_stride);
            layer.forward(wide, by, &mut scratch, to).unwrap();
            memory.checked();
            let mut apart = spread(&expected, n, y_stride, 9.0);
            apart.extend([9.0; 3]);
            assert_eq!(bits(y.checked()), bits(&apart), "{context}");
        }
    }
}

/// By both types of weights, with and without what a layer may have.
fn check_layers(tier: Tier, shape: [usize; 3]) {
    for kind in 0..4 {
        check_layer::<i8>(tier, shape, kind);
        check_layer::<u8>(tier, shape, kind);
    }
}

#[test]
fn linear_layers() {
    for tier in tiers() {
        // More rows than are quantized together, a block of columns and more.
        for shape in
            [[1, 1, 1], [3, 70, 65], [14, 300, 33], [30, 64, 600], [70, 40, 3], [33, 17, 130]]
        {
            check_layers(tier, shape);
        }
    }
    assert_eq!(Activations::default(), Activations::AffineU8);
}

/// Without rows, without inputs, without outputs: a row of no outputs may lie beyond the end of `y`,
/// whether or not it is finite.
#[test]
fn linear_layers_of_nothing() {
    for tier in tiers() {
        for m in [0, 1, 2, 40] {
            for [k, n] in [[0, 0], [0, 3], [3, 0]] {
                check_layers(tier, [m, k, n]);
            }
        }
        check_layers(tier, [0, 3, 4]);
    }
}

/// By a scheme that no layer has, the two operations that a layer is; and where it has no codes for a
/// side, an error, with the outputs as they were.
#[test]
fn layers_by_other_schemes() {
    fn check_scheme<A: Code8>(tier: Tier, scheme: Scheme<A>, x: &[f32], [m, k, n]: [usize; 3]) {
        let b = codes::<i8>(k * n, 1);
        let packed = Weights::new(&b, k, n).pack(tier).unwrap();
        let of_b = params::<i8>(n);
        let of_b = Params::per_axis(&of_b, 1);
        let bias: Vec<f32> = (0..n).map(|i| i as f32 * 0.1).collect();
        let bias = Some(&bias[..]);
        let (mut codes, mut params) = (vec![code(7); m * k], vec![QuantParams::default(); m]);
        tier.quantize_dynamic_rows(x, k, scheme, &mut params, &mut codes).unwrap();
        let mut y = vec![0.0; m * n];
        packed.dequantize(&codes, Params::per_axis(&params, k), of_b, bias, &mut y).unwrap();

        let (mut codes_1, mut params_1) = (vec![code(8); m * k], vec![QuantParams::default(); m]);
        reference::quantize_dynamic_rows(x, k, scheme, &mut params_1, &mut codes_1).unwrap();
        assert_eq!((&codes, &params), (&codes_1, &params_1));
        let mut y_1 = vec![1.0; m * n];
        let (of_a, to) = (Params::per_axis(&params_1, k), &mut y_1);
        reference::multiply_dequantize(&codes_1, of_a, &b, of_b, [m, k, n], bias, to).unwrap();
        assert_eq!(bits(&y), bits(&y_1), "{tier}, {m} x {k} x {n}, {scheme:?}");
    }
    for tier in tiers() {
        for [m, k, n] in [[1, 1, 1], [3, 70, 65], [14, 300, 33], [30, 64, 600]] {
            let x = activations(m * k, 0);
            let positive: Vec<f32> = x.iter().map(|x| x.abs()).collect();
            check_scheme(tier, Scheme::<u8>::affine(), &x, [m, k, n]);
            check_scheme(tier, Scheme::<i8>::affine(), &x, [m, k, n]);
            check_scheme(tier, Scheme::<u8>::symmetric(), &positive, [m, k, n]);
            let few = Scheme::<i8>::symmetric().with_codes(-7..=7).unwrap();
            check_scheme(tier, few, &x, [m, k, n]);

            let (mut codes, mut params) = (vec![7; m * k], vec![QuantParams::default(); m]);
            let (negative, scheme) = (vec![-1.0; m * k], Scheme::<u8>::symmetric());
            let error = tier.quantize_dynamic_rows(&negative, k, scheme, &mut params, &mut codes);
            let one_sided = matches!(error, Err(Error::OneSided { row: Some(0), .. }));
            assert!(one_sided, "{error:?}");
            assert_eq!(codes, vec![7; m * k]);
            assert_eq!(params, vec![QuantParams::default(); m]);
        }
    }
}

/// A buffer of as many bytes as are needed, wherever it begins; with one byte less it is an error, and
/// nothing is written.
#[test]
fn scratch_over_buffers_at_every_misalignment() {
    for tier in tiers() {
        for [m, k, n] in [[1, 1, 2], [3, 70, 5], [2, 64, 3], [40, 7, 3], [4, 0, 2], [0, 3, 2]] {
            let Layer { layer, by_reference } = layer::<i8>(tier, [k, n], 3);
            let needed = Scratch::bytes(m, k);
            for (by, x) in ACTIVATIONS.into_iter().flat_map(|by| inputs([m, k]).map(|x| (by, x))) {
                let expected = by_reference(&x, m, by);
                let rows = Rows::strided(&x, m, k);
                for offset in 0..64 {
                    let context = format!("{tier}, {m} x {k} x {n}, {by:?}, {offset} bytes off");
                    let mut memory = Guarded::new(needed, offset, 0x55);
                    let mut y = vec![7.0; m * n];
                    let scratch = &mut Scratch::over(memory.slice_mut());
                    layer.forward(&x, by, scratch, &mut y).unwrap();
                    assert_eq!(bits(&y), bits(&expected), "{context}");
                    y.fill(7.0);
                    let input = scratch.quantize(rows, k, by).unwrap();
                    layer.apply(input, &mut y).unwrap();
                    assert_eq!(bits(&y), bits(&expected), "{context}");
                    memory.checked();

                    let mut memory = Guarded::new(needed - 1, offset, 0x55);
                    let scratch = &mut Scratch::over(memory.slice_mut());
                    y.fill(7.0);
                    let expected = Err(Error::Buffer { bytes: needed - 1, needed });
                    assert_eq!(layer.forward(&x, by, scratch, &mut y), expected, "{context}");
                    assert_eq!(scratch.quantize(rows, k, by).map(|_| ()), expected, "{context}");
                    assert_eq!(y, vec![7.0; m * n]);
                    assert_eq!(memory.checked(), vec![0x55; needed - 1]);
                }
            }
        }
    }
    // More than there can be.
    assert_eq!(Scratch::bytes(usize::MAX, 2), usize::MAX);
    let (many, by) = (Rows::strided(&[], usize::MAX, 0), Activations::AffineU8);
    let error = Scratch::new().quantize(many, 0, by).map(|_| ());
    assert_eq!(error, Err(Error::Buffer { bytes: 0, needed: usize::MAX }));
}

/// One memory for layers of all sizes, by both ways and weights of both types, as they come: it grows,
/// and what larger ones left there does not matter to smaller ones.
#[test]
fn one_scratch_for_layers_of_all_sizes() {
    let shapes = [
        [2, 30, 10],
        [5, 300, 20],
        [1, 3, 4],
        [40, 100, 33],
        [0, 7, 3],
        [3, 64, 64],
        [3, 0, 2],
        [40, 100, 33],
        [6, 1, 1],
        [1, 5000, 3],
        [2, 30, 10],
    ];
    for tier in tiers() {
        let layers: Vec<_> = (0..)
            .zip(shapes)
            .map(|(i, [m, k, n])| match i % 2 {
                0 => ([m, k, n], layer::<i8>(tier, [k, n], i)),
                _ => ([m, k, n], layer::<u8>(tier, [k, n], i)),
            })
            .collect();
        let largest = shapes.map(|[m, k, _]| Scratch::bytes(m, k)).into_iter().max().unwrap();
        let mut buffer = vec![0xff; largest];
        for mut scratch in [Scratch::new(), Scratch::default(), Scratch::over(&mut buffer)] {
            for round in 0..3 {
                for (i, ([m, k, n], Layer { layer, by_reference })) in layers.iter().enumerate() {
                    let (by, x) = (ACTIVATIONS[(i + round) % 2], &inputs([*m, *k])[round]);
                    let mut y = vec![7.0; m * n];
                    layer.forward(x, by, &mut scratch, &mut y).unwrap();
                    let expected = by_reference(x, *m, by);
                    assert_eq!(bits(&y), bits(&expected), "{tier}, {m} x {k} x {n}, {by:?}");
                }
            }
        }
    }
}

/// Activations that are quantized once are the same to each layer as those that it quantizes itself: the
/// rows, each by itself.
#[test]
fn quantized_once_for_several_layers() {
    fn check_input<A: Code8>(input: Input<'_>, scheme: Scheme<A>, x: &[f32], [m, k]: [usize; 2]) {
        assert_eq!((input.m(), input.k()), (m, k));
        let (mut params, mut expected) = (vec![QuantParams::default(); m], vec![A::MIN; m * k]);
        let scheme = scheme.of_finite();
        reference::quantize_dynamic_rows(x, k, scheme, &mut params, &mut expected).unwrap();
        let (codes, scales, zero_points) = input.parts::<A>().unwrap();
        assert_eq!(codes, expected);
        assert_eq!((scales.len(), zero_points.len()), (m, m));
        for (r, params) in params.iter().enumerate() {
            let is_finite = x[r * k..][..k].iter().all(|x| x.is_finite());
            let found = is_finite.then_some(scales[r]);
            assert_eq!(found, is_finite.then_some(params.scale()), "row {r}");
            assert_eq!(scales[r].is_nan(), !is_finite, "row {r}");
            assert_eq!(zero_points[r], params.zero_point(), "row {r}");
        }
    }
    for tier in tiers() {
        for [m, k] in [[1, 1], [3, 70], [33, 300], [65, 7], [4, 0], [0, 4], [0, 0]] {
            let layers = [
                layer::<i8>(tier, [k, 33], 3),
                layer::<u8>(tier, [k, 5], 0),
                layer::<i8>(tier, [k, 64], 2),
                layer::<u8>(tier, [k, 600], 1),
            ];
            let other = layer::<i8>(tier, [k + 1, 2], 3).layer;
            let mut scratch = Scratch::new();
            for (by, x) in ACTIVATIONS.into_iter().flat_map(|by| inputs([m, k]).map(|x| (by, x))) {
                let context = format!("{tier}, {m} x {k}, {by:?}");
                // As a view, since rows of nothing can't be counted.
                let wide = spread(&x, k, k + 2, f32::NAN);
                let wide = Rows::strided(&wide, m, k + 2);
                let input = scratch.quantize(wide, k, by).unwrap();
                if by == Activations::AffineU8 {
                    check_input(input, Scheme::<u8>::affine(), &x, [m, k]);
                    assert!(input.parts::<i8>().is_none());
                } else {
                    check_input(input, Scheme::<i8>::symmetric(), &x, [m, k]);
                    assert!(input.parts::<u8>().is_none());
                }
                for Layer { layer, by_reference } in &layers {
                    let n = layer.n();
                    let expected = by_reference(&x, m, by);
                    let mut y = vec![7.0; m * n];
                    layer.forward(&x, by, &mut Scratch::new(), &mut y).unwrap();
                    assert_eq!(bits(&y), bits(&expected), "{context}");
                    let stride = n + 3;
                    let rows = spread(&vec![1.0; m * n], n, stride, 9.0);
                    let mut y = Guarded::of(&rows, m % 3, 9.0);
                    layer.apply(input, RowsMut::strided(y.slice_mut(), m, stride)).unwrap();
                    let apart = spread(&expected, n, stride, 9.0);
                    assert_eq!(bits(y.checked()), bits(&apart), "{context}");
                    let clone = layer.clone();
                    let mut y = vec![7.0; m * n];
                    clone.apply(input, &mut y).unwrap();
                    assert_eq!(bits(&y), bits(&expected), "a clone, {context}");
                }
                let mut y = vec![7.0; 2 * m];
                let (of, there) = ("rows of `b`", k + 1);
                let expected = Error::Length { argument: "input", len: k, of, there };
                assert_eq!(other.apply(input, &mut y), Err(expected), "{context}");
                assert_eq!(y, vec![7.0; 2 * m]);
            }
        }
    }
}

/// Many threads share a layer: each has a scratch of its own, or shares an input too.
#[test]
fn a_layer_that_threads_share() {
    for tier in tiers() {
        let Layer { layer, by_reference } = layer::<i8>(tier, [300, 65], 3);
        let layer = &layer;
        let calls: Vec<_> = (1..=8)
            .map(|m| {
                let (by, x) = (ACTIVATIONS[m % 2], inputs([m, 300])[m % 3].clone());
                let expected = bits(&by_reference(&x, m, by));
                (by, x, expected)
            })
            .collect();
        let mut scratch = Scratch::new();
        let (by, x, expected) = &calls[7];
        let input = scratch.quantize(x, 300, *by).unwrap();
        thread::scope(|scope| {
            for (by, x, expected) in &calls {
                scope.spawn(move || {
                    let (mut scratch, mut y) = (Scratch::new(), vec![7.0; expected.len()]);
                    for _ in 0..20 {
                        y.fill(7.0);
                        layer.forward(x, *by, &mut scratch, &mut y).unwrap();
                        assert_eq!(bits(&y), *expected, "{tier}");
                    }
                });
            }
            scope.spawn(move || {
                let mut y = vec![7.0; expected.len()];
                for _ in 0..20 {
                    y.fill(7.0);
                    layer.apply(input, &mut y).unwrap();
                    assert_eq!(bits(&y), *expected, "{tier}");
                }
            });
        });
    }
}

#[test]
fn wrong_arguments_of_layers() {
    let rows = |argument, elements, rows, row, stride| Error::Rows {
        argument,
        elements,
        rows,
        row,
        stride,
    };
    for tier in tiers() {
        let b = Weights::new(&[1_i8; 6], 3, 2).pack(tier).unwrap();
        let layer = Linear::new(b.clone(), QuantParams::default()).unwrap();
        let layer = layer.with_bias(&[1.0, 2.0]).unwrap();
        for by in ACTIVATIONS {
            let (x, mut y, mut scratch) = ([1.0; 12], [7.0; 12], Scratch::new());
            let mut check = |x: Rows<'_, f32>, y: RowsMut<'_, f32>, expected| {
                assert_eq!(layer.forward(x, by, &mut scratch, y), Err(expected), "{tier}");
            };
            check((&x[..10]).into(), (&mut y[..8]).into(), rows("x", 10, 4, 3, 3));
            check((&x[..9]).into(), (&mut y[..5]).into(), rows("y", 5, 3, 2, 2));
            check((&x[..9]).into(), (&mut y[..4]).into(), rows("y", 4, 3, 2, 2));
            // Too few for their stride; overlapping; of another number of rows.
            let view = Rows::strided(&x, 3, 5);
            check(view, (&mut y[..6]).into(), rows("x", 12, 3, 3, 5));
            let view = Rows::strided(&x, 2, 2);
            check(view, (&mut y[..4]).into(), rows("x", 12, 2, 3, 2));
            let view = Rows::strided(&x, 2, 4);
            check(view, (&mut y[..6]).into(), rows("y", 6, 2, 2, 2));
            let to = RowsMut::strided(&mut y[..8], 3, 4);
            check((&x[..9]).into(), to, rows("y", 8, 3, 2, 4));
            let to = RowsMut::strided(&mut y, 3, 1);
            check((&x[..9]).into(), to, rows("y", 12, 3, 2, 1));
            let to = RowsMut::strided(&mut y, 2, 4);
            check((&x[..9]).into(), to, rows("y", 12, 3, 2, 4));

            let error = scratch.quantize(&x[..10], 3, by).map(|_| ());
            assert_eq!(error, Err(rows("x", 10, 4, 3, 3)));
            let error = scratch.quantize(&x[..1], 0, by).map(|_| ());
            assert_eq!(error, Err(rows("x", 1, 0, 0, 0)));
            let error = scratch.quantize(Rows::strided(&x, 3, 5), 3, by).map(|_| ());
            assert_eq!(error, Err(rows("x", 12, 3, 3, 5)));
            let input = scratch.quantize(&x[..9], 3, by).unwrap();
            assert_eq!(layer.apply(input, &mut y[..5]), Err(rows("y", 5, 3, 2, 2)));
            assert_eq!(layer.apply(input, &mut y[..4]), Err(rows("y", 4, 3, 2, 2)));
            let to = RowsMut::strided(&mut y, 2, 4);
            assert_eq!(layer.apply(input, to), Err(rows("y", 12, 3, 2, 4)));

            // Rows of nothing, if no one says how many: those that there are of `y`, or none.
            let of_nothing = Weights::new(&[0_i8; 0], 0, 2).pack(tier).unwrap();
            let of_nothing = Linear::new(of_nothing, QuantParams::default()).unwrap();
            let input = scratch.quantize(&[], 0, by).unwrap();
            assert_eq!(of_nothing.apply(input, &mut y[..4]), Err(rows("y", 4, 0, 2, 2)));
            assert_eq!(of_nothing.apply(input, &mut []), Ok(()));
            assert_eq!(y, [7.0; 12]);
            of_nothing.forward(&[], by, &mut scratch, &mut y[..4]).unwrap();
            assert_eq!(y[..5], [0.0, 0.0, 0.0, 0.0, 7.0]);
        }
        for given in [0, 1, 3] {
            let error = Linear::new(b.clone(), QuantParams::default()).unwrap();
            let error = error.with_bias(&vec![0.0; given]).err();
            let (of, there) = ("columns of `b`", 2);
            assert_eq!(error, Some(Error::Length { argument: "bias", len: given, of, there }));
        }
    }
}

/// Too deep for the codes and zero points of one row: nothing is written.
#[test]
fn layers_whose_sums_may_not_fit() {
    let k = 33_026;
    // All above 0, so the zero point of `u8` is 0, from which codes are up to 255 away; those of `i8`
    // are up to 128 away.
    let mut x = vec![1.0; 2 * k];
    for tier in tiers() {
        let b = vec![255_u8; k];
        let of_b = QuantParams::new(0.5, 0).unwrap();
        let layer = Linear::new(Weights::new(&b, k, 1).pack(tier).unwrap(), of_b).unwrap();
        let mut scratch = Scratch::new();
        let mut run = |x: &[f32], by| {
            let mut y = [7.0; 2];
            (layer.forward(x, by, &mut scratch, &mut y), y)
        };
        let expected = Err(Error::Depth { depth: k, product: 65_025 });
        assert_eq!(run(&x, Activations::AffineU8), (expected, [7.0; 2]), "{tier}");
        let mut y = [1.0; 2];
        let by = Activations::SymmetricI8;
        reference::linear(&x, by, &b, of_b, [2, k, 1], None, &mut y).unwrap();
        assert_eq!(run(&x, by), (Ok(()), y), "{tier}");
        // With numbers of both signs it is in the middle; one row without them is enough.
        for row in x.chunks_mut(k) {
            row[7] = -1.0;
        }
        let by = Activations::AffineU8;
        reference::linear(&x, by, &b, of_b, [2, k, 1], None, &mut y).unwrap();
        assert_eq!(run(&x, by), (Ok(()), y), "{tier}");
        x[k + 7] = 1.0;
        assert_eq!(run(&x, by), (expected, [7.0; 2]), "{tier}");
        x.fill(1.0);
    }
}

/// Any number of threads gives the same result.
#[cfg(feature = "rayon")]
#[test]
fn threads() {
    let shapes = [
        [1, 1500, 6000],
        [2, 1400, 6001],
        [31, 600, 1500],
        [32, 1100, 999],
        [33, 600, 1400],
        [257, 1200, 100],
        [500, 20_000, 3],
    ];
    for (tier, [m, k, n]) in tiers().into_iter().flat_map(|tier| shapes.map(|shape| (tier, shape)))
    {
        let (a, b) = (codes::<u8>(m * k, m), codes::<i8>(k * n, n));
        let (za, zb) = (zero_points::<u8>(m), zero_points::<i8>(n));
        let packed = Weights::new(&b, k, n).pack(tier).unwrap();
        let (of_a, of_b) = (params::<u8>(m), params::<i8>(n));
        let multipliers = multipliers(3, n);
        let layer = Linear::new(packed.clone(), Params::per_axis(&of_b, 1)).unwrap();
        let x = activations(m * k, 1);
        let stride = n + 3;
        let run = || {
            let mut sums = vec![-1; m * stride];
            packed.multiply(&a, &za, &zb, RowsMut::strided(&mut sums, m, stride)).unwrap();
            let mut codes = vec![77_i8; m * stride];
            let out = RowsMut::strided(&mut codes, m, stride);
            let multipliers = Multipliers::per_axis(&multipliers, 1);
            packed.requantize(&a, &za, &zb, multipliers, of_b[0], out).unwrap();
            let mut values = vec![7.0; m * stride];
            let out = RowsMut::strided(&mut values, m, stride);
            let (of_a, of_b) = (Params::per_axis(&of_a, k), Params::per_axis(&of_b, 1));
            packed.dequantize(&a, of_a, of_b, None, out).unwrap();
            let mut y = vec![7.0; m * stride];
            let out = RowsMut::strided(&mut y, m, stride);
            layer.forward(&x, Activations::AffineU8, &mut Scratch::new(), out).unwrap();
            (sums, codes, bits(&values), bits(&y))
        };
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let expected = pool(1).install(run);
        let alone = pool(2).install(|| {
            let mut sums = vec![-1; m * stride];
            let out = RowsMut::strided(&mut sums, m, stride);
            packed.on_one_thread().multiply(&a, &za, &zb, out).unwrap();
            let mut y = vec![7.0; m * stride];
            let out = RowsMut::strided(&mut y, m, stride);
            let layer = layer.clone().on_one_thread();
            layer.forward(&x, Activations::AffineU8, &mut Scratch::new(), out).unwrap();
            (sums, bits(&y))
        });
        assert_eq!((&alone.0, &alone.1), (&expected.0, &expected.3));
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
    fn check_all<A: Code8, B: Code8>(tier: Tier) {
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
        fn check_any<A: Code8, B: Code8>(
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
            let error = packed.multiply(a, za, zb, &mut out[..len]);
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
        let error = packed.multiply(overlapping, 0, 0, &mut out);
        let expected = Error::Rows { argument: "a", elements: 4, rows: 3, row: 2, stride: 1 };
        assert_eq!(error, Err(expected));
        let text = "`a`, of 4 elements, is not 3 rows of 2, 1 from one to the next";
        assert_eq!(expected.to_string(), text);

        // No call can ask for another tier.
        assert_eq!((packed.tier(), packed.k(), packed.n()), (tier, 2, 3));

        let weights = Weights::new(&[0_u8; 6], 2, 3);
        let needed = weights.packed_len(tier);
        let mut buffer = vec![0; needed - 1];
        let error = weights.pack_into(tier, &mut buffer);
        let text = error.unwrap_err().to_string();
        let bytes = needed - 1;
        assert_eq!(text, format!("{needed} bytes are needed, and there are {bytes}"));
        let weights = Weights::new(&[0_u8; 5], 2, 3);
        let error = weights.pack(tier).unwrap_err();
        let text = "`codes`, of 5 elements, is not 2 rows of 3";
        assert_eq!(error.to_string(), text);
        let (a, one) = ([0_u8; 4], QuantParams::<u8>::default());
        let found = [
            weights.multiply(tier, &a, 0, 0, &mut [0; 6]),
            weights.dequantize(tier, &a, one, one, None, &mut [0.0; 6]),
            weights.requantize(tier, &a, 0, 0, Multiplier::default(), one, &mut [0_u8; 6]),
        ];
        assert_eq!(found, [Err(error); 3]);
        let weights = Weights::transposed(&[0_u8; 6], 2, 3);
        let error = weights.multiply(tier, &a[..3], 0, 0, &mut [0; 6]).unwrap_err();
        let text = "`a`, of 3 elements, is not 2 rows of 2";
        assert_eq!(error.to_string(), text);
        let error = weights.multiply(tier, &a, 0, 0, &mut [0; 5]).unwrap_err();
        let text = "`out`, of 5 elements, is not 2 rows of 3";
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
        let error = packed.multiply(&a, 0, 0, &mut out).unwrap_err();
        let text = "a sum of 33026 products, of up to 65025 each, may not fit 32 bits";
        assert_eq!(error.to_string(), text);
        // In the middle of the codes, zero points make the products smaller.
        packed.multiply(&a, 128, 127, &mut out).unwrap();
        assert_eq!(out, [33_026 * 127 * 128]);
        // At either end of the codes they don't; and the farthest of any row or column counts.
        packed.multiply(&a, 255, 0, &mut out).unwrap_err();
        packed.multiply(&a, 127, 0, &mut out).unwrap();
        let a = a.repeat(3);
        let mut out = [0; 3];
        for (at, end) in [(0, 0), (1, 0), (2, 0), (0, 255), (1, 255), (2, 255)] {
            let mut za = [128; 3];
            packed.multiply(&a, &za, 0, &mut out).unwrap();
            za[at] = end;
            let error = packed.multiply(&a, &za, 0, &mut out).unwrap_err();
            assert_eq!(error.to_string(), text, "{tier}, {za:?}");
            let b = vec![1_u8; 3 * k];
            let packed = Weights::new(&b, k, 3).pack(tier).unwrap();
            packed.multiply(&a[..k], 0, &[128; 3], &mut out).unwrap();
            let error = packed.multiply(&a[..k], 0, &za, &mut out).unwrap_err();
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
            let found = packed.multiply(&vec![0_u8; k], 128, 0, &mut out);
            assert_eq!(found.is_ok(), fits, "{tier}");
            if fits {
                assert_eq!(out, [-128 * 255 * k as i32], "{tier}");
            }
        }
    }
}

#[test]
fn other_numbers_of_parameters_are_errors() {
    let length = |argument, len, of, there| Err(Error::Length { argument, len, of, there });
    let (codes_b, a, shape) = ([1_i8; 12], [1_u8; 8], [2, 4, 3]);
    for tier in tiers() {
        let b = Weights::new(&codes_b, 4, 3).pack(tier).unwrap();
        let (params_a, params_b) = ([QuantParams::default(); 2], [QuantParams::default(); 3]);
        let (params_a, params_b) = (Params::per_axis(&params_a, 4), Params::per_axis(&params_b, 1));
        let output = QuantParams::<u8>::default();
        let one = Multiplier::real(1.0).unwrap();
        let check = |multipliers: Multipliers<'_>, expected| {
            let mut out = [7; 6];
            let found = b.requantize(&a, 0, 0, multipliers, output, &mut out);
            assert_eq!(found, expected, "{tier}");
            let to = &mut out;
            let found =
                reference::multiply_requantize(&a, 0, &codes_b, 0, shape, multipliers, output, to);
            assert_eq!(found, expected, "reference");
            assert_eq!(out, [7; 6], "{tier}");
        };
        let ones = [one; 3];
        // One multiplier in a slice is not one for all.
        for given in [0, 1, 2, 4] {
            let multipliers = vec![one; given];
            let expected = length("multipliers", given, "columns of `b`", 3);
            check(Multipliers::per_axis(&multipliers, 1), expected);
            let bias = vec![0; given];
            let expected = length("bias", given, "columns of `b`", 3);
            check(Multipliers::per_axis(&ones, 1).with_bias(&bias), expected);
            check(Multipliers::from(one).with_bias(&bias), expected);
        }
        for inner in [0, 2, 3, 12, usize::MAX] {
            let expected = "1, as columns are the last axis";
            let value = inner as f64;
            let expected = Error::Number { argument: "inner", index: None, value, expected };
            check(Multipliers::per_axis(&ones, inner), Err(expected));
            check(Multipliers::per_axis(&ones, inner).with_bias(&[0; 3]), Err(expected));
        }
        let mixed = [one, one, Multiplier::fixed(1.0).unwrap()];
        let expected = Err(Error::MixedMultipliers { channel: 2 });
        check(Multipliers::per_axis(&mixed, 1), expected);

        let mut out = [7.0; 6];
        for given in [0, 1, 2, 4] {
            let params = vec![QuantParams::default(); given];
            let params = Params::per_axis(&params, 1);
            let found = b.dequantize(&a, params_a, params, None, &mut out);
            let expected = length("params_b", given, "columns of `b`", 3);
            assert_eq!(found, expected, "{tier}");
            assert_eq!(Linear::new(b.clone(), params).map(|_| ()), expected, "{tier}");
            let bias = vec![0.0; given];
            let found = b.dequantize(&a, params_a, params_b, Some(&bias), &mut out);
            assert_eq!(found, length("bias", given, "columns of `b`", 3), "{tier}");
        }
        for given in [0, 1, 3] {
            let params = vec![QuantParams::default(); given];
            let params = Params::per_axis(&params, 4);
            let found = b.dequantize(&a, params, params_b, None, &mut out);
            let expected = length("params_a", given, "rows of `a`", 2);
            assert_eq!(found, expected, "{tier}");
        }
        assert_eq!(out, [7.0; 6]);
    }
}

/// Parameters that are not those of rows or columns, by every form that they can have.
#[test]
fn wrong_forms_of_parameters_are_errors() {
    let (codes_a, codes_b) = ([1_u8; 8], [1_i8; 12]);
    let of_a = [QuantParams::<u8>::default(); 6];
    let of_b = [QuantParams::<i8>::default(); 6];
    let scales = [1.0; 6];
    let (rows, columns) = (Granularity::Axis { inner: 4 }, Granularity::Axis { inner: 1 });
    let number =
        |argument, value, expected| Error::Number { argument, index: None, value, expected };
    let length = |argument, len, of, there| Error::Length { argument, len, of, there };
    for tier in tiers() {
        let b = Weights::new(&codes_b, 4, 3).pack(tier).unwrap();
        let check = |params_a: Params<'_, u8>, params_b: Params<'_, i8>| {
            let mut out = [7.0; 6];
            let found = b.dequantize(&codes_a, params_a, params_b, None, &mut out);
            let to = &mut out;
            let shape = [2, 4, 3];
            let by_reference = reference::multiply_dequantize(
                &codes_a, params_a, &codes_b, params_b, shape, None, to,
            );
            assert_eq!(out, [7.0; 6], "{tier}");
            (found.unwrap_err(), by_reference.unwrap_err())
        };
        let left = |params: Params<'_, u8>, expected: Error| {
            assert_eq!(check(params, of_b[0].into()), (expected, expected), "{tier}");
        };
        let right = |params: Params<'_, i8>, expected: Error| {
            assert_eq!(check(of_a[0].into(), params), (expected, expected), "{tier}");
            assert_eq!(Linear::new(b.clone(), params).err(), Some(expected), "{tier}");
        };

        // Another axis, whether or not the number of sets would fit.
        for inner in [0, 1, 2, 3, 5, 8, usize::MAX] {
            let expected = number("inner", inner as f64, "the length of a row of `a`");
            left(Params::per_axis(&of_a[..2], inner), expected);
            left(Params::parts(&scales[..2], 0, Granularity::Axis { inner }), expected);
        }
        for inner in [0, 2, 3, 4, 12, usize::MAX] {
            let expected = "1: the columns of `b` are its last axis";
            let expected = number("inner", inner as f64, expected);
            right(Params::per_axis(&of_b[..3], inner), expected);
            right(Params::parts(&scales[..3], 0, Granularity::Axis { inner }), expected);
        }
        // Blocks, whether or not they are whole rows.
        for block in [1, 2, 4] {
            let expected = "a row or a column of the matrix, which are not divided";
            let expected = number("block", block as f64, expected);
            let blocks = Blocks::of_rows(4, block);
            left(Params::per_block(&of_a[..2], blocks), expected);
            left(Params::parts(&scales[..2], 0, Granularity::Blocks(blocks)), expected);
            right(Params::per_block(&of_b[..3], blocks), expected);
            right(Params::parts(&scales[..3], 0, Granularity::Blocks(blocks)), expected);
        }

        // Other numbers: of scales, by one zero point; of those that a stride leaves.
        for given in [0, 1, 3, 6] {
            let expected = length("params_a", given, "rows of `a`", 2);
            left(Params::parts(&scales[..given], 0, rows), expected);
        }
        for given in [0, 1, 2, 4, 6] {
            let expected = length("params_b", given, "columns of `b`", 3);
            right(Params::parts(&scales[..given], 0, columns), expected);
        }
        let expected = length("params_a", 1, "rows of `a`", 2);
        left(Params::per_axis(&of_a[..2], 4).with_stride(2), expected);
        left(Params::parts(&scales[..2], 0, rows).with_stride(2), expected);
        let expected = length("params_b", 2, "columns of `b`", 3);
        right(Params::per_axis(&of_b[..3], 1).with_stride(2), expected);
        right(Params::parts(&scales[..3], 0, columns).with_stride(2), expected);
        // Of scales and as many zero points: which of the two is named, is left open.
        let zero_points = [0; 6];
        for given in [0, 1, 3, 6] {
            let params = Params::parts(&scales[..given], &zero_points[..given], rows);
            let (found, by_reference) = check(params, of_b[0].into());
            for error in [found, by_reference] {
                let is_length = matches!(
                    error,
                    Error::Length { len, of: "rows of `a`", there: 2, .. } if len == given
                );
                assert!(is_length, "{tier}: {error:?}");
            }
        }
        let zero_points = [0; 6];
        for given in [0, 1, 2, 4, 6] {
            let params = Params::parts(&scales[..given], &zero_points[..given], columns);
            let (found, by_reference) = check(of_a[0].into(), params);
            for error in [found, by_reference, Linear::new(b.clone(), params).unwrap_err()] {
                let is_length = matches!(
                    error,
                    Error::Length { len, of: "columns of `b`", there: 3, .. } if len == given
                );
                assert!(is_length, "{tier}: {error:?}");
            }
        }
        // Of zero points, and of sets for a whole matrix.
        let (u8s, i8s) = ([0_u8; 6], [0_i8; 6]);
        for given in [0, 1, 3, 6] {
            let expected = length("zero_points", given, "scales", 2);
            left(Params::parts(&scales[..2], &u8s[..given], rows), expected);
        }
        for given in [0, 1, 2, 4, 6] {
            let expected = length("zero_points", given, "scales", 3);
            right(Params::parts(&scales[..3], &i8s[..given], columns), expected);
        }
        for given in [0, 2, 3, 6] {
            let expected = length("scales", given, "matrix", 1);
            left(Params::parts(&scales[..given], 0, Granularity::Tensor), expected);
            right(Params::parts(&scales[..given], 0, Granularity::Tensor), expected);
        }
        let expected = number("stride", 0.0, "at least 1");
        left(Params::per_axis(&of_a[..2], 4).with_stride(0), expected);
        left(Params::parts(&scales[..2], &u8s[..2], rows).with_stride(0), expected);
        right(Params::per_axis(&of_b[..3], 1).with_stride(0), expected);
        right(Params::parts(&scales[..3], &i8s[..3], columns).with_stride(0), expected);

        // What is no scale: NaN is equal to nothing, so by its text.
        for scale in [0.0, -0.0, MIN_SCALE.next_down(), -1.0, f32::INFINITY, f32::NAN] {
            let scales = [1.0, scale, 1.0];
            let text = Error::Number {
                argument: "scales",
                index: Some(1),
                value: scale.into(),
                expected: "a finite number of at least 1.1754944e-38",
            };
            let text = text.to_string();
            let both = |(found, by_reference): (Error, Error)| {
                assert_eq!(found.to_string(), text, "{tier}");
                assert_eq!(by_reference.to_string(), text, "{tier}");
            };
            both(check(Params::parts(&scales[..2], 0, rows), of_b[0].into()));
            both(check(of_a[0].into(), Params::parts(&scales, &[0, 1, 2], columns)));
            let error = Linear::new(b.clone(), Params::parts(&scales, 0, columns)).unwrap_err();
            assert_eq!(error.to_string(), text, "{tier}");
            // That of a whole matrix.
            let text = text.replace("element 1", "element 0");
            let one = Params::parts(&scales[1..2], 0, Granularity::Tensor);
            let (found, by_reference) = check(one, of_b[0].into());
            assert_eq!((found.to_string(), by_reference.to_string()), (text.clone(), text));
        }
        // So large that a code would be infinite, by its zero point.
        let scale = f32::MAX / 200.0;
        let overflow =
            |distance| Error::Overflow { argument: "scales", index: Some(1), scale, distance };
        left(Params::parts(&[1.0, scale], &[0, 0], rows), overflow(255));
        left(Params::parts(&[1.0, scale], &[0, 205], rows), overflow(205));
        right(Params::parts(&[1.0, scale, 1.0], &[0, 127, 0], columns), overflow(255));
        let (scales, zero_points) = ([1.0, scale], [0, 128]);
        let fits = Params::parts(&scales, &zero_points, rows);
        let mut out = [7.0; 6];
        b.dequantize(&codes_a, fits, of_b[0], None, &mut out).unwrap();
    }
}
/// Shapes of no elements, however large.
#[test]
fn nothing() {
    for tier in Tier::available() {
        let none: [u8; 0] = [];
        for (k, n) in [(0, 0), (5, 0)] {
            let weights = Weights::new(&none, k, n);
            let packed = weights.pack(tier).unwrap();
            packed.multiply(&none, 3, 3, &mut [0; 0]).unwrap();
            weights.multiply(tier, &none, 3, 3, &mut [0; 0]).unwrap();
        }
        for weights in [Weights::new(&none, 0, 4), Weights::transposed(&none, 0, 4)] {
            let packed = weights.pack(tier).unwrap();
            let mut out = [7; 8];
            packed.multiply(&none, 3, 5, &mut out).unwrap();
            assert_eq!(out, [0; 8]);
            out = [7; 8];
            weights.multiply(tier, &none, 3, 5, &mut out).unwrap();
            assert_eq!(out, [0; 8]);
        }
        assert!(Weights::new(&none, 0, usize::MAX).pack(tier).is_err());
    }
}
